//! A narrowcast as an audience of ours: what its conditions mean for an account's friends.
//!
//! Whoever lacks an attribute satisfies no condition on it, hence satisfies its `not`. What phones
//! run is known of nobody. LINE asks for at least so many friends behind each condition; here there
//! is no such floor.
//!
//! Operators may be nested as deep as one likes, an [`Expression`] may not: so negations are moved
//! down to the conditions and equal operators drawn together. Then ten conditions of each kind are
//! never deeper than an audience may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::area::Area;
use super::{Age, Bounds, Days, Demographic, KnownGender, Limit, Logic, Narrowcast, Recipient};
use crate::audience::{
    Attribute, Audience, AudienceLimit, Expression, LimitMethod, SEED_MAX, TextAttribute,
    VALUES_MAX,
};
use crate::audience_group::AudienceGroupId;
use crate::friend::Gender;
use crate::id::{CampaignId, RequestId};
use crate::shortage::IfShort;
use crate::time::{LocalDay, Timestamp, Zone};

const DAY: Duration = Duration::from_secs(24 * 3_600);
const MILLISECOND: Duration = Duration::from_millis(1);

/// What the conditions are read with.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The narrowcast's own id: what a random choice is drawn by.
    pub request: RequestId,
    pub now: Timestamp,
    /// The account's: in it somebody is a year older.
    pub zone: &'a Zone,
    /// The audience groups that may be aimed at.
    pub groups: &'a BTreeSet<AudienceGroupId>,
    /// The earlier narrowcasts that may be, with their campaigns.
    pub sent: &'a BTreeMap<RequestId, CampaignId>,
}

/// What cannot be aimed at, in LINE's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    Group(AudienceGroupId),
    Request(RequestId),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(group) => write!(f, "Invalid audience group id: {group}"),
            Self::Request(request) => write!(f, "Invalid request id: {}", request.uuid()),
        }
    }
}

impl Narrowcast {
    /// Whom it goes to. Where it may go to some only, those are drawn by the request's id.
    pub fn audience(&self, facts: &Facts<'_>) -> Result<Audience, Unusable> {
        if let Some(group) = self.groups().iter().find(|g| !facts.groups.contains(g)) {
            return Err(Unusable::Group(*group));
        }
        let recipients = |recipient: &Recipient| match recipient {
            Recipient::Audience(group) => Some(Expression::Group(*group)),
            Recipient::Redelivery(request) => {
                let campaign = facts.sent.get(request)?;
                Some(Expression::Sent(*campaign))
            }
        };
        let redeliveries = self.redeliveries();
        let unknown = redeliveries.iter().find(|r| !facts.sent.contains_key(r));
        if let Some(request) = unknown {
            return Err(Unusable::Request(*request));
        }
        let who = self.recipient.as_ref().map(|logic| {
            // Every leaf was found a moment ago.
            let condition = |leaf: &Recipient| recipients(leaf).unwrap_or_else(nobody);
            normal(logic, false, &condition)
        });
        let what = self.demographic.as_ref();
        let condition = |leaf: &Demographic| leaf.condition(facts);
        let what = what.map(|logic| normal(logic, false, &condition));
        let parts: Vec<Expression> = who.into_iter().chain(what).collect();
        Ok(Audience {
            expression: match parts.is_empty() {
                true => Expression::All,
                false => joined(parts, true),
            },
            limit: self.limit.of_audience(facts.request),
        })
    }
}

impl Limit {
    /// How many of the audience at most. Where it may not go to some of them, all are counted, and
    /// too many are a reason not to send.
    fn of_audience(&self, request: RequestId) -> Option<AudienceLimit> {
        if self.forbid_partial_delivery {
            return None;
        }
        let [.., a, b, c, d, e, f, g, h] = *request.as_bytes();
        let seed = u64::from_be_bytes([a, b, c, d, e, f, g, h]) & SEED_MAX;
        let method = LimitMethod::Random { seed };
        self.max.map(|count| AudienceLimit { count, method })
    }

    /// What happens where there is not enough quota for all.
    pub fn if_short(&self) -> IfShort {
        match self.up_to_remaining_quota && !self.forbid_partial_delivery {
            true => IfShort::FewerAtRandom,
            false => IfShort::DoNotStart,
        }
    }
}

impl Demographic {
    fn condition(&self, facts: &Facts<'_>) -> Expression {
        match self {
            Self::Gender(genders) => one_of(
                TextAttribute::Gender,
                genders.iter().map(|gender| match gender {
                    KnownGender::Male => Gender::Male.name(),
                    KnownGender::Female => Gender::Female.name(),
                }),
            ),
            Self::Age(ages) => age(ages, facts),
            Self::AppType(_) => nobody(),
            Self::Area(areas) => one_of(
                TextAttribute::Region,
                areas.iter().copied().flat_map(Area::regions),
            ),
            Self::SubscriptionPeriod(days) => friend_for(days, facts.now),
        }
    }
}

/// A friend's birth year is known and not their birthday: they are taken to be as old as they
/// become this year.
fn age(ages: &Bounds<Age>, facts: &Facts<'_>) -> Expression {
    let this_year = LocalDay::of(facts.now, facts.zone).year();
    let born = |age: Age| this_year.saturating_sub(age.0);
    Expression::Attribute(Attribute::BirthYear {
        from: ages.below.map(|age| born(age) + 1),
        to: ages.from.map(born),
    })
}

fn friend_for(days: &Bounds<Days>, now: Timestamp) -> Expression {
    // Whoever became a friend before this moment has been one for so long.
    let reached = |days: Days| now - DAY * u32::from(days.0) + MILLISECOND;
    Expression::FriendSince {
        from: days.below.map(reached),
        before: days.from.map(reached),
    }
}

/// In as many lists as the values need; each value once, in order.
fn one_of(attribute: TextAttribute, values: impl Iterator<Item = &'static str>) -> Expression {
    let values: BTreeSet<&str> = values.collect();
    let values: Vec<String> = values.into_iter().map(ToOwned::to_owned).collect();
    let lists = values.chunks(VALUES_MAX).map(|values| {
        let values = values.to_vec();
        Expression::Attribute(Attribute::OneOf { attribute, values })
    });
    joined(lists.collect(), false)
}

fn nobody() -> Expression {
    Expression::Not(Box::new(Expression::All))
}

/// The same with negations at the leaves only.
fn normal<L>(logic: &Logic<L>, is_negated: bool, leaf: &impl Fn(&L) -> Expression) -> Expression {
    match logic {
        Logic::Leaf(found) => match (leaf(found), is_negated) {
            (expression, false) => expression,
            (Expression::Not(inner), true) => *inner,
            (expression, true) => Expression::Not(Box::new(expression)),
        },
        Logic::Not(part) => normal(part, !is_negated, leaf),
        Logic::And(parts) | Logic::Or(parts) => {
            let parts = parts.iter().map(|part| normal(part, is_negated, leaf));
            let is_and = matches!(logic, Logic::And(_)) != is_negated;
            joined(parts.collect(), is_and)
        }
    }
}

/// One operator for all of them, without one of the same kind in it.
fn joined(parts: Vec<Expression>, is_and: bool) -> Expression {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match (part, is_and) {
            (Expression::And(inner), true) | (Expression::Or(inner), false) => flat.extend(inner),
            (part, _) => flat.push(part),
        }
    }
    match flat.len() {
        1 => flat.remove(0),
        _ if is_and => Expression::And(flat),
        _ => Expression::Or(flat),
    }
}
