//! Events to facts and deliveries, in one transaction.
//!
//! What an event says is checked before anything is written, so that a bad one costs only itself.
//! Then ids are remembered, facts applied, receipts logged and deliveries decided in one commit: an
//! event is taken once, whole, or not at all.

use std::collections::{HashMap, HashSet};

use directory::friends::FriendsOf;
use directory::{Fact, FriendFact, ProfileChange};
use domain::friend::{
    self, ConsentPurpose, ConsentSource, FieldError, Gender, Profile, ProfileFields,
};
use domain::outcome::Outcome;
use domain::time::{Timestamp, Zone};
use domain::user::UserKey;
use gateway::event::{AccountRef, EventProfile};
use gateway::{BadEvent, ConsentKind, Event, EventBody, FriendEvent};
use serde::Serialize;
use store::StoreError;
use store::directory::Account;
use store::event::Delivery;

use crate::commit::{Message, What, Work, Wrote, commit};
use crate::coupon_deeds::{self, Wanted};
use crate::menu_deeds::{self, MenuTold};
use crate::receipts::{self, Gone, Told};
use crate::{ApiError, ApiState};

/// What became of a list of events.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Taken {
    /// New, understood and committed.
    pub accepted: u64,
    /// Told before, in this list or an earlier one.
    pub duplicates: u64,
    /// Understood, and nothing is done with them.
    pub ignored: Vec<NotTaken>,
    /// Wrong, or to be told again later: the reason says which.
    pub refused: Vec<NotTaken>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotTaken {
    /// Its place in the list.
    pub index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub reason: String,
}

pub async fn take(
    state: &ApiState,
    events: Vec<Result<Event, BadEvent>>,
    now: Timestamp,
) -> Result<Taken, ApiError> {
    let mut reading = Reading {
        state,
        now,
        accounts: HashMap::new(),
        work: Vec::new(),
        told: Vec::new(),
        menus: Vec::new(),
        wanted: Vec::new(),
        gone: Vec::new(),
        taken: Taken::default(),
    };
    for (index, event) in events.into_iter().enumerate() {
        match event {
            Ok(event) => reading.event(index, event).await?,
            Err(bad) => reading.taken.refused.push(NotTaken {
                index: bad.index,
                id: bad.id,
                reason: bad.reason,
            }),
        }
    }
    reading.check_receipts().await?;
    reading.check_menus_and_coupons().await?;
    // In the order they came: of two with one id the first counts.
    reading.work.sort_by_key(|work| work.index);
    let Reading { work, taken, .. } = reading;
    commit(state, work, taken, now).await
}

impl Taken {
    pub(crate) fn counts(&self) -> [(&'static str, u64); 4] {
        [
            ("accepted", self.accepted),
            ("duplicate", self.duplicates),
            ("ignored", self.ignored.len() as u64),
            ("refused", self.refused.len() as u64),
        ]
    }
}

/// An account that events name, and the wordings it has shown.
#[derive(Clone)]
struct Named {
    friends: FriendsOf,
    /// What its days are counted in.
    zone: Zone,
    wordings: HashSet<String>,
}

struct Reading<'a> {
    state: &'a ApiState,
    now: Timestamp,
    accounts: HashMap<String, Option<Named>>,
    work: Vec<Work>,
    /// Receipts that are not checked yet, with place and id of their events.
    told: Vec<(usize, String, Told)>,
    /// What was done with menus, and which coupons are wanted.
    menus: Vec<(usize, String, MenuTold)>,
    wanted: Vec<(usize, String, Wanted)>,
    /// Who went, with the place of their work.
    gone: Vec<(usize, Gone)>,
    taken: Taken,
}

impl Reading<'_> {
    async fn event(&mut self, index: usize, event: Event) -> Result<(), ApiError> {
        let Event { id, at, body } = event;
        let id = id.as_str().to_owned();
        match body {
            EventBody::Delivery {
                push_key,
                index: position,
                failed,
            } => {
                let delivery = Delivery {
                    event_id: id.clone(),
                    push_key,
                    index: position,
                    outcome: failed.map_or(Outcome::Confirmed, Outcome::Failed),
                    at,
                };
                let what = What::Delivery(delivery);
                self.work.push(Work { index, id, what });
            }
            EventBody::Friend {
                account,
                user,
                event,
            } => {
                let Some(named) = self.account(&account).await? else {
                    let reason = format!("there is no account {}", account_text(&account));
                    self.refuse(index, id, reason);
                    return Ok(());
                };
                let told = FriendTold {
                    index,
                    id,
                    user,
                    at,
                };
                self.friend(named, told, event);
            }
        }
        Ok(())
    }

    fn friend(&mut self, named: Named, told: FriendTold, event: FriendEvent) {
        let FriendTold {
            index,
            id,
            user,
            at,
        } = told;
        let account = named.friends.account;
        let event = match receipts::deed(event) {
            Ok((push_key, deed)) => {
                let told = Told {
                    account,
                    user,
                    at,
                    push_key,
                    deed,
                };
                return self.told.push((index, id, told));
            }
            Err(event) => event,
        };
        let event = match menu_deeds::deed(event) {
            Ok((menu, deed)) => {
                let told = MenuTold {
                    account,
                    zone: named.zone,
                    user,
                    at,
                    menu,
                    deed,
                };
                return self.menus.push((index, id, told));
            }
            Err(event) => event,
        };
        let event = match event {
            FriendEvent::CouponAcquired { coupon } => {
                let wanted = Wanted {
                    account,
                    user,
                    at,
                    coupon,
                };
                return self.wanted.push((index, id, wanted));
            }
            event => event,
        };
        let event = match message(event) {
            Ok(wrote) => {
                let message = Message {
                    account,
                    user,
                    at,
                    wrote,
                };
                let what = What::Message(message);
                return self.work.push(Work { index, id, what });
            }
            Err(event) => event,
        };
        let goes = matches!(event, FriendEvent::Blocked | FriendEvent::Left);
        match fact(event, &named.wordings, self.now) {
            Ok(fact) => {
                if goes {
                    let user = user.clone();
                    self.gone
                        .push((self.work.len(), Gone { account, user, at }));
                }
                let what = What::Friend {
                    friends: named.friends,
                    fact: FriendFact { user, at, fact },
                    loss: None,
                };
                self.work.push(Work { index, id, what });
            }
            Err(reason) => self.refuse(index, id, reason),
        }
    }

    /// Receipts against what was sent; who went, against who was reached.
    async fn check_receipts(&mut self) -> Result<(), ApiError> {
        let gone: Vec<Gone> = self.gone.iter().map(|(_, gone)| gone.clone()).collect();
        if !gone.is_empty() {
            let losses = receipts::losses(self.state, &gone).await?;
            for ((place, _), lost) in self.gone.iter().zip(losses) {
                if let What::Friend { loss, .. } = &mut self.work[*place].what {
                    *loss = lost.map(Box::new);
                }
            }
        }
        let told = std::mem::take(&mut self.told);
        let (places, told): (Vec<_>, Vec<_>) = told
            .into_iter()
            .map(|(index, id, told)| ((index, id), told))
            .unzip();
        let checked = receipts::check(self.state, &told).await?;
        for ((index, id), checked) in places.into_iter().zip(checked) {
            match checked {
                Ok(fitting) => {
                    let what = What::Receipt(fitting);
                    self.work.push(Work { index, id, what });
                }
                Err(reason) => self.refuse(index, id, reason),
            }
        }
        Ok(())
    }

    /// What was done with menus, against the menus there are; coupons that are wanted, too.
    async fn check_menus_and_coupons(&mut self) -> Result<(), ApiError> {
        let told = std::mem::take(&mut self.menus);
        let mut known = menu_deeds::Known::default();
        for (index, id, told) in told {
            match known.check(self.state, told).await? {
                Ok(done) => {
                    let what = What::Menu(done);
                    self.work.push(Work { index, id, what });
                }
                Err(reason) => self.refuse(index, id, reason),
            }
        }
        for (index, id, wanted) in std::mem::take(&mut self.wanted) {
            match coupon_deeds::check(self.state, &wanted).await? {
                Ok(()) => {
                    let what = What::Coupon(wanted);
                    self.work.push(Work { index, id, what });
                }
                Err(reason) => self.refuse(index, id, reason),
            }
        }
        Ok(())
    }

    async fn account(&mut self, account: &AccountRef) -> Result<Option<Named>, ApiError> {
        let text = account_text(account);
        if let Some(known) = self.accounts.get(&text) {
            return Ok(known.clone());
        }
        let store = &self.state.store;
        let found = match account {
            AccountRef::Id(id) => store.account_of_any_business(*id).await?,
            AccountRef::Handle(handle) => store.account_by_handle(handle).await?,
        };
        let named = match found {
            None => None,
            Some(account) => {
                let wordings = store.wordings_of_account(account.id).await?;
                Some(Named {
                    friends: FriendsOf::account(&account, self.now)?,
                    zone: zone_of(&account)?,
                    wordings: wordings
                        .into_iter()
                        .map(|wording| wording.version)
                        .collect(),
                })
            }
        };
        self.accounts.insert(text, named.clone());
        Ok(named)
    }

    fn refuse(&mut self, index: usize, id: String, reason: String) {
        self.taken.refused.push(NotTaken {
            index,
            id: Some(id),
            reason,
        });
    }
}

/// What an event about a friend has in common with every other.
struct FriendTold {
    index: usize,
    id: String,
    user: UserKey,
    at: Timestamp,
}

/// What a friend wrote or tapped; the event back where it is neither.
fn message(event: FriendEvent) -> Result<Wrote, FriendEvent> {
    match event {
        FriendEvent::MessageReceived { message } => Ok(Wrote::Message(message)),
        FriendEvent::Postback { data, params } => Ok(Wrote::Postback { data, params }),
        other => Err(other),
    }
}

/// What an event says of a friend, or why it is wrong.
fn fact(event: FriendEvent, wordings: &HashSet<String>, now: Timestamp) -> Result<Fact, String> {
    let fact = match event {
        FriendEvent::Added { source, profile } => {
            let source = source.map(|text| friend::source(&text)).transpose();
            Fact::Added {
                source: source.map_err(|(_, words)| format!("source: {words}"))?,
                profile: profile.map(|told| profile_change(&told, now)).transpose()?,
            }
        }
        FriendEvent::Blocked => Fact::Blocked,
        FriendEvent::Left => Fact::Left,
        FriendEvent::ConsentChanged {
            kind,
            granted,
            wording,
        } => Fact::Consent {
            purpose: match kind {
                ConsentKind::Promotion => ConsentPurpose::Promotion,
                ConsentKind::Night => ConsentPurpose::Night,
            },
            granted,
            wording: known_wording(wording, granted, wordings)?,
            source: ConsentSource::Event,
        },
        FriendEvent::ProfileUpdated { profile } => Fact::Profile(profile_change(&profile, now)?),
        FriendEvent::MessageOpened { .. }
        | FriendEvent::LinkClicked { .. }
        | FriendEvent::CouponUsed { .. }
        | FriendEvent::CouponAcquired { .. }
        | FriendEvent::RichMenuShown { .. }
        | FriendEvent::RichMenuTapped { .. }
        | FriendEvent::MessageReceived { .. }
        | FriendEvent::Postback { .. } => return Err("it says nothing of the friend".into()),
    };
    Ok(fact)
}

/// A consent proves nothing without words the account has shown; a refusal needs none, and none
/// keeps it from being heard.
fn known_wording(
    wording: Option<String>,
    granted: bool,
    known: &HashSet<String>,
) -> Result<Option<String>, String> {
    match wording.filter(|version| known.contains(version)) {
        None if granted => Err(
            "a consent needs the version of the words that were shown, as the account knows it"
                .into(),
        ),
        other => Ok(other),
    }
}

fn profile_change(told: &EventProfile, now: Timestamp) -> Result<ProfileChange, String> {
    let birth_year = told.birth_year.map(|year| year.to_string());
    fn text(text: &Option<String>) -> &str {
        text.as_deref().unwrap_or_default()
    }
    let fields = ProfileFields {
        display_name: text(&told.display_name),
        language: text(&told.language),
        country: text(&told.country),
        region: text(&told.region),
        gender: text(&told.gender),
        birth_year: text(&birth_year),
        time_zone: text(&told.time_zone),
        ..ProfileFields::default()
    };
    let profile = Profile::parse(&fields, now).map_err(|errors| words(&errors))?;
    Ok(ProfileChange {
        display_name: Some(profile.display_name).filter(|name| !name.is_empty()),
        language: profile.language,
        country: profile.country,
        region: profile.region,
        gender: Some(profile.gender).filter(|gender| *gender != Gender::Unknown),
        birth_year: profile.birth_year,
        time_zone: profile.time_zone,
    })
}

fn words(errors: &[FieldError]) -> String {
    let told: Vec<String> = errors
        .iter()
        .map(|error| format!("profile: {error}"))
        .collect();
    told.join("; ")
}

fn zone_of(account: &Account) -> Result<Zone, StoreError> {
    domain::time::zone(&account.time_zone).map_err(|why| StoreError::Corrupt {
        table: "account",
        column: "time_zone",
        why: why.to_string(),
    })
}

fn account_text(account: &AccountRef) -> String {
    match account {
        AccountRef::Id(id) => id.to_string(),
        AccountRef::Handle(handle) => handle.to_string(),
    }
}
