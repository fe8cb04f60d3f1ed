//! Reads a narrowcast from the properties of a request, with every fault at its path.

use super::area::Area;
use super::{
    Age, AppType, Bounds, DEMOGRAPHICS_MAX, Days, Demographic, KnownGender, Limit, Logic,
    Narrowcast, Parts, RECIPIENTS_MAX, Recipient,
};
use crate::audience_group::AudienceGroupId;
use crate::id::RequestId;
use crate::message::node::Node;
use crate::message::reader::{MAY_NOT_BE_EMPTY, Object, Reader, Wording, read_json};
use crate::message::value::{
    Keyword, any_integer, boolean, elements, integer_from, keyword, string,
};
use crate::message::{Rules, ValidationError};

/// Characters of what is no id that are repeated.
const SHOWN_CHARS_MAX: usize = 40;

impl Narrowcast {
    /// Reads the parts of a request. Returns all errors, not the first one.
    pub fn parse(parts: &Parts<'_>) -> Result<Self, Vec<ValidationError>> {
        let mut errors = Vec::new();
        let mut kept = Kept(&mut errors);
        let read = Self {
            recipient: kept.part(parts.recipient, "recipient", recipient),
            demographic: kept.part(parts.filter, "filter", filter).flatten(),
            limit: kept
                .part(parts.limit, "limit", Limit::read)
                .unwrap_or_default(),
        };
        match errors.is_empty() {
            true => Ok(read),
            false => Err(errors),
        }
    }
}

/// Errors of several texts.
struct Kept<'e>(&'e mut Vec<ValidationError>);

impl Kept<'_> {
    fn part<T>(
        &mut self,
        json: Option<&str>,
        root: &str,
        read: impl for<'a> FnOnce(&mut Reader<'a>, &'a Node) -> Option<T>,
    ) -> Option<T> {
        let json = json?;
        match read_json(json, Some(root), Wording::Messages, &Rules::default(), read) {
            Ok(value) => Some(value),
            Err(errors) => {
                self.0.extend(errors);
                None
            }
        }
    }
}

/// What is joined by operators.
trait Leaf: Sized {
    /// Its types, beside the operator.
    const TYPES: &'static [&'static str];
    /// So many of them in a request, and what is said where there are more.
    const MAX: usize;
    const TOO_MANY: &'static str;

    fn fields<'a>(reader: &mut Reader<'a>, object: &mut Object<'a>, kind: &str) -> Option<Self>;
}

fn root<'a, L: Leaf>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Logic<L>> {
    let read: Logic<L> = logic(reader, node)?;
    if read.leaves().len() > L::MAX {
        reader.report(L::TOO_MANY);
        return None;
    }
    Some(read)
}

fn logic<'a, L: Leaf>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Logic<L>> {
    reader.typed(node, L::TYPES, |reader, object, kind| match kind {
        "operator" => operator(reader, object),
        kind => L::fields(reader, object, kind).map(Logic::Leaf),
    })
}

fn operator<'a, L: Leaf>(reader: &mut Reader<'a>, object: &mut Object<'a>) -> Option<Logic<L>> {
    let and = reader.optional(object, "and", parts);
    let or = reader.optional(object, "or", parts);
    let not = reader.optional(object, "not", logic);
    let given = ["and", "or", "not"].iter().filter(|key| object.has(key));
    if given.count() != 1 {
        reader.report("Exactly one of [and, or, not] must be specified");
        return None;
    }
    let and = and.map(Logic::And);
    let or = or.map(Logic::Or);
    and.or(or).or(not.map(|part| Logic::Not(Box::new(part))))
}

fn parts<'a, L: Leaf>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Vec<Logic<L>>> {
    one_at_least(reader, node, &logic)
}

impl Leaf for Recipient {
    const TYPES: &'static [&'static str] = &["operator", "audience", "redelivery"];
    const MAX: usize = RECIPIENTS_MAX;
    const TOO_MANY: &'static str = "Must have at most 10 audience and redelivery objects";

    fn fields<'a>(reader: &mut Reader<'a>, object: &mut Object<'a>, kind: &str) -> Option<Self> {
        match kind {
            "audience" => reader
                .required(object, "audienceGroupId", group)
                .map(Self::Audience),
            _ => reader
                .required(object, "requestId", request)
                .map(Self::Redelivery),
        }
    }
}

impl Leaf for Demographic {
    const TYPES: &'static [&'static str] = &[
        "operator",
        "gender",
        "age",
        "appType",
        "area",
        "subscriptionPeriod",
    ];
    const MAX: usize = DEMOGRAPHICS_MAX;
    const TOO_MANY: &'static str = "Must have at most 10 demographic filter objects";

    fn fields<'a>(reader: &mut Reader<'a>, object: &mut Object<'a>, kind: &str) -> Option<Self> {
        match kind {
            "gender" => one_of(reader, object, keyword).map(Self::Gender),
            "age" => bounds(reader, object).map(Self::Age),
            "appType" => one_of(reader, object, keyword).map(Self::AppType),
            "area" => one_of(reader, object, area).map(Self::Area),
            _ => bounds(reader, object).map(Self::SubscriptionPeriod),
        }
    }
}

impl Limit {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.plain(node, |reader, object| {
            // Of 32 bits on the wire.
            let max = reader.optional(object, "max", integer_from(1, i64::from(i32::MAX)));
            let up_to = reader.optional(object, "upToRemainingQuota", boolean);
            let forbids = reader.optional(object, "forbidPartialDelivery", boolean);
            let limit = Self {
                max: max.and_then(|max| u32::try_from(max).ok()),
                up_to_remaining_quota: up_to.unwrap_or(false),
                forbid_partial_delivery: forbids.unwrap_or(false),
            };
            if limit.forbid_partial_delivery && !limit.up_to_remaining_quota {
                let words = "The option forbidPartialDelivery must be used with \
                             upToRemainingQuota.";
                reader.report_at("forbidPartialDelivery", words);
            }
            Some(limit)
        })
    }
}

fn bounds<'a, T: Keyword + PartialOrd>(
    reader: &mut Reader<'a>,
    object: &mut Object<'a>,
) -> Option<Bounds<T>> {
    let from = reader.optional(object, "gte", keyword::<T>);
    let below = reader.optional(object, "lt", keyword::<T>);
    if !object.has("gte") && !object.has("lt") {
        reader.report("At least one of [gte, lt] must be specified");
        return None;
    }
    if let (Some(from), Some(below)) = (from, below)
        && from >= below
    {
        reader.report("gte must be less than lt");
        return None;
    }
    Some(Bounds { from, below })
}

fn recipient<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Logic<Recipient>> {
    root(reader, node)
}

/// What a filter has; it may be there and say nothing.
fn filter<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Option<Logic<Demographic>>> {
    reader.plain(node, |reader, object| {
        Some(reader.optional(object, "demographic", root))
    })
}

fn group(reader: &mut Reader<'_>, node: &Node) -> Option<AudienceGroupId> {
    let number = any_integer(reader, node)?;
    let group = AudienceGroupId::from_number(number);
    if group.is_none() {
        reader.report(format!("Invalid audience group id: {number}"));
    }
    group
}

fn request<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<RequestId> {
    let text = string(reader, node)?;
    let request = RequestId::parse_uuid(text);
    if request.is_none() {
        let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
        reader.report(format!("Invalid request id: {shown}"));
    }
    request
}

fn area<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Area> {
    let code = string(reader, node)?;
    let area = Area::from_code(code);
    if area.is_none() {
        let codes: Vec<&str> = Area::all().map(Area::code).collect();
        reader.report_words(&codes);
    }
    area
}

fn one_of<'a, T>(
    reader: &mut Reader<'a>,
    object: &mut Object<'a>,
    read: impl Fn(&mut Reader<'a>, &'a Node) -> Option<T>,
) -> Option<Vec<T>> {
    reader.required(object, "oneOf", |reader, node| {
        one_at_least(reader, node, &read)
    })
}

fn one_at_least<'a, T>(
    reader: &mut Reader<'a>,
    node: &'a Node,
    read: &impl Fn(&mut Reader<'a>, &'a Node) -> Option<T>,
) -> Option<Vec<T>> {
    if matches!(node, Node::List(nodes) if nodes.is_empty()) {
        reader.report(MAY_NOT_BE_EMPTY);
        return None;
    }
    elements(reader, node, read)
}

impl Keyword for KnownGender {
    const WORDS: &'static [(&'static str, Self)] =
        &[("male", Self::Male), ("female", Self::Female)];
}

impl Keyword for AppType {
    const WORDS: &'static [(&'static str, Self)] =
        &[("ios", Self::Ios), ("android", Self::Android)];
}

impl Keyword for Age {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("age_15", Age(15)),
        ("age_20", Age(20)),
        ("age_25", Age(25)),
        ("age_30", Age(30)),
        ("age_35", Age(35)),
        ("age_40", Age(40)),
        ("age_45", Age(45)),
        ("age_50", Age(50)),
        ("age_55", Age(55)),
        ("age_60", Age(60)),
        ("age_65", Age(65)),
        ("age_70", Age(70)),
    ];
}

impl Keyword for Days {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("day_7", Days(7)),
        ("day_30", Days(30)),
        ("day_90", Days(90)),
        ("day_180", Days(180)),
        ("day_365", Days(365)),
    ];
}
