//! Who gets a campaign: an expression over an account's friends, and perhaps a limit.
//!
//! The expression is stored as canonical JSON, compiled to SQL by the store and evaluated here, one
//! friend at a time, by [`Expression::matches`], which says what each condition means and is what
//! the SQL is tested against. Consent is no condition: who may be reached is a rule, not a choice.

mod read;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::audience_group::AudienceGroupId;
use crate::campaign::Purpose;
use crate::friend::{Gender, Profile};
use crate::id::{CampaignId, UserListId};
use crate::message::ValidationError;
use crate::price::Tariff;
use crate::time::Timestamp;
use crate::user::UserNumber;

/// Levels of `and`, `or` and `not`, conditions included.
pub const DEPTH_MAX: usize = 16;
/// Conditions, `and`, `or` and `not` in one expression.
pub const NODES_MAX: usize = 100;
/// Values in one list of an expression.
pub const VALUES_MAX: usize = 100;
pub const AUDIENCE_BYTES_MAX: usize = 65_536;
/// The largest whole number that every JSON library keeps exactly.
pub const SEED_MAX: u64 = (1 << 53) - 1;

/// Who gets a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    pub expression: Expression,
    pub limit: Option<AudienceLimit>,
}

/// A condition on a friend. A friend who lacks an attribute satisfies no condition on it, hence
/// satisfies its `not`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    All,
    Attribute(Attribute),
    Tag(String),
    /// `from` included, `before` not; at least one is given.
    FriendSince {
        from: Option<Timestamp>,
        before: Option<Timestamp>,
    },
    /// Sorted, each once.
    Source(Vec<String>),
    /// An uploaded list of the account.
    List(UserListId),
    /// An audience group of the account.
    Group(AudienceGroupId),
    /// Whoever was sent an earlier campaign of the account, of which that is kept.
    Sent(CampaignId),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// Exactly one of the values, which are sorted, each once.
    OneOf {
        attribute: TextAttribute,
        values: Vec<String>,
    },
    /// Both ends included; at least one is given.
    BirthYear { from: Option<u16>, to: Option<u16> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextAttribute {
    Language,
    Country,
    Region,
    Gender,
    TimeZone,
}

/// At most so many of those who may be reached, and which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudienceLimit {
    pub count: u32,
    pub method: LimitMethod,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitMethod {
    /// The lowest user numbers.
    UserNumber,
    /// A sample that the recorded seed draws again.
    Random { seed: u64 },
}

/// What an expression looks at.
#[derive(Debug, Clone, Copy)]
pub struct FriendFacts<'a> {
    pub profile: &'a Profile,
    pub since: Timestamp,
    pub lists: &'a [UserListId],
    pub groups: &'a [AudienceGroupId],
    /// Campaigns that were sent to them.
    pub sent: &'a [CampaignId],
}

impl Audience {
    /// The whole reach.
    pub const ALL: Audience = Audience {
        expression: Expression::All,
        limit: None,
    };

    /// Reads `{"expression": …, "limit": …}`, or a bare expression, which has no limit. All faults,
    /// each with its path.
    pub fn parse(json: &str) -> Result<Audience, Vec<ValidationError>> {
        read::audience(json)
    }

    /// Canonical JSON: fixed order, no white space, lists sorted. Equal audiences, equal text.
    pub fn to_json(&self) -> String {
        // Maps with text keys and no floats always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The whole reach, at most limited: no condition and no list.
    pub fn is_untargeted(&self) -> bool {
        self.expression.is_unconditional()
    }

    /// The price class of a campaign to this audience.
    pub fn tariff(&self, purpose: Purpose) -> Tariff {
        match purpose {
            Purpose::Information => Tariff::Information,
            Purpose::Promotion if self.is_untargeted() => Tariff::Untargeted,
            Purpose::Promotion => Tariff::Targeted,
        }
    }
}

impl Expression {
    /// What the expression means.
    pub fn matches(&self, friend: &FriendFacts<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Attribute(attribute) => attribute.matches(friend.profile),
            Self::Tag(tag) => friend.profile.tags.contains(tag),
            Self::FriendSince { from, before } => {
                from.is_none_or(|from| friend.since >= from)
                    && before.is_none_or(|before| friend.since < before)
            }
            Self::Source(sources) => {
                let source = friend.profile.source.as_ref();
                source.is_some_and(|source| sources.contains(source))
            }
            Self::List(list) => friend.lists.contains(list),
            Self::Group(group) => friend.groups.contains(group),
            Self::Sent(campaign) => friend.sent.contains(campaign),
            Self::And(parts) => parts.iter().all(|part| part.matches(friend)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(friend)),
            Self::Not(part) => !part.matches(friend),
        }
    }

    /// The uploaded lists it names: they must be the account's own.
    pub fn lists(&self) -> Vec<UserListId> {
        match self {
            Self::List(list) => vec![*list],
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::lists).collect(),
            Self::Not(part) => part.lists(),
            _ => Vec::new(),
        }
    }

    /// The audience groups it names: they must be the account's own, and ready.
    pub fn groups(&self) -> Vec<AudienceGroupId> {
        match self {
            Self::Group(group) => vec![*group],
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::groups).collect(),
            Self::Not(part) => part.groups(),
            _ => Vec::new(),
        }
    }

    /// The campaigns it names: whom those were sent to has to be kept.
    pub fn sent(&self) -> Vec<CampaignId> {
        match self {
            Self::Sent(campaign) => vec![*campaign],
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::sent).collect(),
            Self::Not(part) => part.sent(),
            _ => Vec::new(),
        }
    }

    fn is_unconditional(&self) -> bool {
        match self {
            Self::All => true,
            Self::And(parts) | Self::Or(parts) => parts.iter().all(Self::is_unconditional),
            _ => false,
        }
    }
}

impl Attribute {
    fn matches(&self, profile: &Profile) -> bool {
        match self {
            Self::OneOf { attribute, values } => attribute
                .of(profile)
                .is_some_and(|value| values.iter().any(|wanted| wanted == value)),
            Self::BirthYear { from, to } => profile.birth_year.is_some_and(|year| {
                from.is_none_or(|from| year >= from) && to.is_none_or(|to| year <= to)
            }),
        }
    }
}

impl TextAttribute {
    pub const ALL: [TextAttribute; 5] = [
        Self::Language,
        Self::Country,
        Self::Region,
        Self::Gender,
        Self::TimeZone,
    ];

    /// Its name in JSON and its column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Language => "language",
            Self::Country => "country",
            Self::Region => "region",
            Self::Gender => "gender",
            Self::TimeZone => "time_zone",
        }
    }

    pub fn of(self, profile: &Profile) -> Option<&str> {
        match self {
            Self::Language => profile.language.as_deref(),
            Self::Country => profile.country.as_deref(),
            Self::Region => profile.region.as_deref(),
            Self::Gender => Some(Gender::name(profile.gender)),
            Self::TimeZone => profile.time_zone.as_deref(),
        }
    }
}

impl AudienceLimit {
    /// The limit takes the friends of the lowest ranks. No two friends share a rank.
    pub const fn rank(&self, user: UserNumber) -> u64 {
        match self.method {
            LimitMethod::UserNumber => user.0 as u64,
            LimitMethod::Random { seed } => mix(mix(seed) ^ user.0 as u64),
        }
    }
}

/// SplitMix64's finalizer: a bijection of 64 bits that looks random.
const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Serialize for Audience {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("expression", &self.expression)?;
        if let Some(limit) = &self.limit {
            map.serialize_entry("limit", limit)?;
        }
        map.end()
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::All => map.serialize_entry("all", &true)?,
            Self::Attribute(attribute) => map.serialize_entry("attribute", attribute)?,
            Self::Tag(tag) => map.serialize_entry("tag", tag)?,
            Self::FriendSince { from, before } => {
                let text = |at: &Option<Timestamp>| at.map(|at| at.to_string());
                let ends = Ends("from", text(from), "before", text(before));
                map.serialize_entry("friend_since", &ends)?;
            }
            Self::Source(sources) => map.serialize_entry("source", sources)?,
            Self::List(list) => map.serialize_entry("list", list)?,
            Self::Group(group) => map.serialize_entry("audience_group", &group.number())?,
            Self::Sent(campaign) => map.serialize_entry("sent", campaign)?,
            Self::And(parts) => map.serialize_entry("and", parts)?,
            Self::Or(parts) => map.serialize_entry("or", parts)?,
            Self::Not(part) => map.serialize_entry("not", part)?,
        }
        map.end()
    }
}

impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::OneOf { attribute, values } => {
                map.serialize_entry("name", attribute.name())?;
                map.serialize_entry("in", values)?;
            }
            Self::BirthYear { from, to } => {
                map.serialize_entry("name", "birth_year")?;
                Ends("from", *from, "to", *to).entries(&mut map)?;
            }
        }
        map.end()
    }
}

impl Serialize for AudienceLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("count", &self.count)?;
        match self.method {
            LimitMethod::UserNumber => map.serialize_entry("method", "user_number")?,
            LimitMethod::Random { seed } => {
                map.serialize_entry("method", "random")?;
                map.serialize_entry("seed", &seed)?;
            }
        }
        map.end()
    }
}

/// The two ends of a range, each only where it is given.
struct Ends<T>(&'static str, Option<T>, &'static str, Option<T>);

impl<T: Serialize> Ends<T> {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Ends(first_key, first, last_key, last) = self;
        if let Some(first) = first {
            map.serialize_entry(first_key, first)?;
        }
        if let Some(last) = last {
            map.serialize_entry(last_key, last)?;
        }
        Ok(())
    }
}

impl<T: Serialize> Serialize for Ends<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.entries(&mut map)?;
        map.end()
    }
}

#[cfg(test)]
mod tests;
