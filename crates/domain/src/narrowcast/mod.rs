//! Narrowcasts: whom a brand's program wants to reach, in LINE's words.
//!
//! It owns LINE's grammar of recipients, filters and limits with every documented bound, what each
//! of them means for the friends of an account ([`aim`]), and how far a narrowcast is said to have
//! come ([`progress`]). It does not own who the friends are, nor what a send costs.

pub mod area; // LINE's areas, and the regions that lie in them
mod read; // from JSON, with every fault at its path
pub mod aim; // as an audience of ours
pub mod progress; // how far it is, in LINE's words

#[cfg(test)]
mod tests;

use crate::audience_group::AudienceGroupId;
use crate::id::RequestId;
use area::Area;

/// Audiences and redeliveries in one request.
pub const RECIPIENTS_MAX: usize = 10;
/// Conditions on attributes in one request.
pub const DEMOGRAPHICS_MAX: usize = 10;

/// Whom a narrowcast goes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Narrowcast {
    /// `None` for every friend.
    pub recipient: Option<Logic<Recipient>>,
    /// `None` for whoever, attributes known or not.
    pub demographic: Option<Logic<Demographic>>,
    pub limit: Limit,
}

/// Conditions of one kind, joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logic<L> {
    Leaf(L),
    And(Vec<Logic<L>>),
    Or(Vec<Logic<L>>),
    Not(Box<Logic<L>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    Audience(AudienceGroupId),
    /// Whoever was sent an earlier narrowcast.
    Redelivery(RequestId),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demographic {
    Gender(Vec<KnownGender>),
    Age(Bounds<Age>),
    /// What a phone runs, which nobody tells this platform.
    AppType(Vec<AppType>),
    Area(Vec<Area>),
    SubscriptionPeriod(Bounds<Days>),
}

/// The lower bound is included, the upper one is not; at least one is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds<T> {
    pub from: Option<T>,
    pub below: Option<T>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownGender {
    Male,
    Female,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppType {
    Ios,
    Android,
}

/// In years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age(pub u16);

/// How long somebody has been a friend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Days(pub u16);

/// How many it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limit {
    /// At most so many, drawn at random.
    pub max: Option<u32>,
    /// No more than there is quota for, drawn at random.
    pub up_to_remaining_quota: bool,
    /// Rather to nobody than to some of them.
    pub forbid_partial_delivery: bool,
}

/// What a request has, each as JSON.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parts<'a> {
    pub recipient: Option<&'a str>,
    pub filter: Option<&'a str>,
    pub limit: Option<&'a str>,
}

impl<L> Logic<L> {
    /// The conditions themselves, in their order.
    pub fn leaves(&self) -> Vec<&L> {
        match self {
            Self::Leaf(leaf) => vec![leaf],
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::leaves).collect(),
            Self::Not(part) => part.leaves(),
        }
    }
}

impl Narrowcast {
    /// The audience groups it names.
    pub fn groups(&self) -> Vec<AudienceGroupId> {
        let recipients = self.recipients().into_iter();
        let groups = recipients.filter_map(|recipient| match recipient {
            Recipient::Audience(group) => Some(*group),
            Recipient::Redelivery(_) => None,
        });
        groups.collect()
    }

    /// The earlier narrowcasts it names.
    pub fn redeliveries(&self) -> Vec<RequestId> {
        let recipients = self.recipients().into_iter();
        let requests = recipients.filter_map(|recipient| match recipient {
            Recipient::Redelivery(request) => Some(*request),
            Recipient::Audience(_) => None,
        });
        requests.collect()
    }

    fn recipients(&self) -> Vec<&Recipient> {
        self.recipient
            .as_ref()
            .map(Logic::leaves)
            .unwrap_or_default()
    }
}
