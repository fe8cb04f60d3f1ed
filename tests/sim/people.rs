//! Brands and their friends as they really are, step by step: what the books are compared with.

use std::ops::Range;

use anyhow::Result;
use directory::fold::{Fact, FriendFact, ProfileChange};
use directory::friends::{FriendsOf, apply};
use domain::campaign::Purpose;
use domain::friend::{ConsentPurpose, ConsentSource};
use domain::id::BusinessId;
use domain::time::Timestamp;
use domain::user::UserKey;
use store::directory::Account;

use crate::world::World;

pub struct Brand {
    pub business: BusinessId,
    pub friends: FriendsOf,
    pub members: Vec<Member>,
}

/// A person, whether a friend of the brand by now or not.
pub struct Member {
    pub key: UserKey,
    is_friend: bool,
    agrees: bool,
    /// From which step on they are a friend, and agree to promotion; the last entry is how it is
    /// now.
    changes: Vec<(u64, bool, bool)>,
}

/// What a friend does.
#[derive(Debug, Clone, Copy)]
pub enum Deed {
    Join,
    Block,
    Leave,
    Agree,
    Refuse,
}

const TIME_ZONES: [Option<&str>; 3] = [None, Some("Asia/Tokyo"), Some("America/New_York")];

impl Brand {
    pub fn of(business: BusinessId, account: &Account, now: Timestamp) -> Result<Self> {
        Ok(Self {
            business,
            friends: FriendsOf::account(account, now)?,
            members: Vec::new(),
        })
    }

    pub fn member(&self, key: &UserKey) -> Option<&Member> {
        self.members.iter().find(|member| member.key == *key)
    }
}

impl Member {
    fn of(key: UserKey) -> Self {
        Self {
            key,
            is_friend: false,
            agrees: false,
            changes: Vec::new(),
        }
    }

    fn does(&mut self, deed: Deed, step: u64) {
        match deed {
            Deed::Join => self.is_friend = true,
            Deed::Block | Deed::Leave => self.is_friend = false,
            Deed::Agree => self.agrees = true,
            Deed::Refuse => self.agrees = false,
        }
        self.changes.push((step, self.is_friend, self.agrees));
    }

    /// Whether somebody could be sent to after everything up to and with `step`.
    pub fn is_reachable_at(&self, step: u64, purpose: Purpose) -> bool {
        let known = self.changes.iter().rev().find(|(at, ..)| *at <= step);
        known.is_some_and(|(_, is_friend, agrees)| {
            *is_friend && (*agrees || purpose == Purpose::Information)
        })
    }

    /// Whether nothing changed for them after `from` and up to `to`.
    pub fn is_unchanged(&self, from: u64, to: u64) -> bool {
        !self
            .changes
            .iter()
            .any(|(at, ..)| (from + 1..=to).contains(at))
    }
}

impl World {
    /// Members with these numbers become known to a brand: most are friends and agree.
    pub async fn befriend(&mut self, brand: usize, numbers: Range<u64>) -> Result<()> {
        let mut facts = Vec::new();
        let (now, step) = (self.now(), self.step);
        for number in numbers {
            let mut member = Member::of(UserKey::parse(&format!("U{number:032x}"))?);
            let zone = match self.dice.per_mille(300) {
                true => self.dice.pick(&TIME_ZONES),
                false => None,
            };
            if self.dice.per_mille(900) {
                facts.push(fact(&member.key, Deed::Join, zone, now));
                member.does(Deed::Join, step);
            }
            if self.dice.per_mille(850) {
                facts.push(fact(&member.key, Deed::Agree, zone, now));
                member.does(Deed::Agree, step);
            }
            self.brands[brand].members.push(member);
        }
        self.tell(brand, facts).await
    }

    /// Somebody changes their mind.
    pub async fn friend_event(&mut self) -> Result<()> {
        // Two deeds at one instant would be decided by their kind, not by their order.
        self.clock.advance(std::time::Duration::from_millis(1));
        let brand = self.dice.index(self.brands.len());
        let index = self.dice.index(self.brands[brand].members.len());
        let deeds = [
            Deed::Block,
            Deed::Leave,
            Deed::Refuse,
            Deed::Refuse,
            Deed::Join,
            Deed::Agree,
        ];
        let deed = self.dice.pick(&deeds);
        let (now, step) = (self.now(), self.step);
        let member = &mut self.brands[brand].members[index];
        member.does(deed, step);
        let key = member.key.clone();
        self.note(|| format!("{} of brand {brand}: {deed:?}", key.as_str()));
        self.tell(brand, vec![fact(&key, deed, None, now)]).await
    }

    async fn tell(&self, brand: usize, facts: Vec<FriendFact>) -> Result<()> {
        let (friends, now) = (self.brands[brand].friends, self.now());
        let mut write = self.store.write().await?;
        apply(&mut write, self.ids.as_ref(), friends, facts, now).await?;
        Ok(write.commit().await?)
    }
}

fn fact(key: &UserKey, deed: Deed, zone: Option<&str>, at: Timestamp) -> FriendFact {
    let consent = |granted| Fact::Consent {
        purpose: ConsentPurpose::Promotion,
        granted,
        wording: None,
        source: ConsentSource::Event,
    };
    let profile = zone.map(|zone| ProfileChange {
        time_zone: Some(zone.to_owned()),
        ..ProfileChange::default()
    });
    let fact = match deed {
        Deed::Join => Fact::Added {
            source: None,
            profile,
        },
        Deed::Block => Fact::Blocked,
        Deed::Leave => Fact::Left,
        Deed::Agree => consent(true),
        Deed::Refuse => consent(false),
    };
    FriendFact {
        user: key.clone(),
        at,
        fact,
    }
}
