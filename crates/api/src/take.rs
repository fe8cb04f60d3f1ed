//! Events to facts and deliveries, in one transaction.
//!
//! What an event says is checked before anything is written, so that a bad one costs only itself.
//! Then ids are remembered, facts applied and deliveries decided in one commit: an event is taken
//! once, whole, or not at all.

use std::collections::{BTreeMap, HashMap, HashSet};

use directory::friends::{self, FriendsOf};
use directory::{Fact, FriendFact, ProfileChange};
use domain::friend::{
    self, ConsentPurpose, ConsentSource, FieldError, Gender, Profile, ProfileFields,
};
use domain::id::AccountId;
use domain::outcome::Outcome;
use domain::time::Timestamp;
use domain::user::UserKey;
use gateway::event::{AccountRef, EventProfile};
use gateway::{BadEvent, ConsentKind, Event, EventBody, FriendEvent};
use serde::Serialize;
use store::event::{Delivery, DeliveryVerdict};

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

/// The events that open, click and answer: recorded once receipts are.
const RECEIPTS: &str = "receipts are not recorded yet";

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

/// An event that is to be written.
struct Work {
    index: usize,
    id: String,
    what: What,
}

enum What {
    Friend {
        friends: FriendsOf,
        fact: FriendFact,
    },
    Delivery(Delivery),
}

/// An account that events name, and the wordings it has shown.
#[derive(Clone)]
struct Named {
    friends: FriendsOf,
    wordings: HashSet<String>,
}

struct Reading<'a> {
    state: &'a ApiState,
    now: Timestamp,
    accounts: HashMap<String, Option<Named>>,
    work: Vec<Work>,
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
                match fact(event, &named.wordings, self.now) {
                    Ok(Some(fact)) => {
                        let what = What::Friend {
                            friends: named.friends,
                            fact: friend_fact(user, at, fact),
                        };
                        self.work.push(Work { index, id, what });
                    }
                    Ok(None) => self.ignore(index, id, RECEIPTS),
                    Err(reason) => self.refuse(index, id, reason),
                }
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

    fn ignore(&mut self, index: usize, id: String, reason: &str) {
        self.taken.ignored.push(NotTaken {
            index,
            id: Some(id),
            reason: reason.to_owned(),
        });
    }
}

async fn commit(
    state: &ApiState,
    work: Vec<Work>,
    mut taken: Taken,
    now: Timestamp,
) -> Result<Taken, ApiError> {
    if work.is_empty() {
        return Ok(sorted(taken));
    }
    let mut write = state.store.write().await?;
    write.prune_events(now).await?;
    let ids: Vec<&str> = work.iter().map(|work| work.id.as_str()).collect();
    let mut fresh = write.remember_events(&ids, now).await?;
    let mut facts: BTreeMap<AccountId, (FriendsOf, Vec<FriendFact>)> = BTreeMap::new();
    let mut deliveries = Vec::new();
    let mut places = Vec::new();
    for Work { index, id, what } in work {
        // The first of two with one id is the one that counts.
        if !fresh.remove(&id) {
            taken.duplicates += 1;
            continue;
        }
        match what {
            What::Friend { friends, fact } => {
                let of_account = facts.entry(friends.account);
                of_account
                    .or_insert_with(|| (friends, Vec::new()))
                    .1
                    .push(fact);
                taken.accepted += 1;
            }
            What::Delivery(delivery) => {
                deliveries.push(delivery);
                places.push(index);
            }
        }
    }
    for (friends, facts) in facts.into_values() {
        friends::apply(&mut write, &*state.ids, friends, facts, now).await?;
    }
    let verdicts = write.take_deliveries(&deliveries, now).await?;
    let mut without_room = Vec::new();
    for ((delivery, index), verdict) in deliveries.iter().zip(places).zip(verdicts) {
        let told = |reason: &str| NotTaken {
            index,
            id: Some(delivery.event_id.clone()),
            reason: reason.to_owned(),
        };
        match verdict {
            DeliveryVerdict::Decided | DeliveryVerdict::Waiting => taken.accepted += 1,
            DeliveryVerdict::DecidedBefore => {
                taken
                    .ignored
                    .push(told("the recipient's outcome was decided before"));
            }
            DeliveryVerdict::NotUncertain => {
                taken
                    .ignored
                    .push(told("the recipient's outcome was never uncertain"));
            }
            DeliveryVerdict::NoRoom => {
                taken.refused.push(told(
                    "too many deliveries wait for their pushes: tell it again later",
                ));
                without_room.push(delivery.event_id.as_str());
            }
        }
    }
    write.forget_events(&without_room).await?;
    write.commit().await?;
    Ok(sorted(taken))
}

fn sorted(mut taken: Taken) -> Taken {
    taken.ignored.sort_by_key(|event| event.index);
    taken.refused.sort_by_key(|event| event.index);
    taken
}

fn friend_fact(user: UserKey, at: Timestamp, fact: Fact) -> FriendFact {
    FriendFact { user, at, fact }
}

/// What an event says of a friend; `None` where nothing is done with it yet, or why it is wrong.
fn fact(
    event: FriendEvent,
    wordings: &HashSet<String>,
    now: Timestamp,
) -> Result<Option<Fact>, String> {
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
        | FriendEvent::MessageReceived { .. }
        | FriendEvent::Postback { .. } => return Ok(None),
    };
    Ok(Some(fact))
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

fn account_text(account: &AccountRef) -> String {
    match account {
        AccountRef::Id(id) => id.to_string(),
        AccountRef::Handle(handle) => handle.to_string(),
    }
}
