//! From the form to the expression it means, and back where it can be shown as a form.

use domain::audience::{
    Attribute, Audience, AudienceLimit, Expression, LimitMethod, TextAttribute,
};
use domain::audience_group::AudienceGroupId;
use domain::time::{Timestamp, local_to_instant};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::form::{AudienceForm, Condition, Group, Kind, Limit, Who};

/// Why a part of the form means nothing yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unready {
    /// Nothing was chosen.
    Empty,
    /// What was typed cannot be.
    Wrong,
}

/// A part that means nothing yet: the id of its field, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub field: String,
    pub kind: Option<Kind>,
    pub why: Unready,
}

/// What a form means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// The whole, where nothing is missing.
    pub audience: Option<Audience>,
    /// Each condition by the id of its row.
    pub conditions: Vec<(String, Option<Expression>)>,
    pub gaps: Vec<Gap>,
}

/// What the form means; dates begin at midnight in `zone`.
pub fn meaning(form: &AudienceForm, zone: &TimeZone) -> Meaning {
    let mut reader = Reader {
        zone,
        conditions: Vec::new(),
        gaps: Vec::new(),
    };
    let expression = match form.who {
        Who::All => Some(Expression::All),
        Who::Some => reader.groups(&form.groups),
        Who::Kept => match Audience::parse(&form.kept) {
            Ok(kept) => Some(kept.expression),
            Err(_) => reader.gap("who-kept", None, Unready::Wrong),
        },
    };
    let limit = reader.limit(&form.limit);
    let audience = expression
        .zip(limit)
        .map(|(expression, limit)| Audience { expression, limit });
    // Bounds of the whole: depth, conditions, bytes.
    let audience = audience.and_then(|audience| match Audience::parse(&audience.to_json()) {
        Ok(audience) => Some(audience),
        Err(_) => reader.gap("who-some", None, Unready::Wrong),
    });
    Meaning {
        audience: audience.filter(|_| reader.gaps.is_empty()),
        conditions: reader.conditions,
        gaps: reader.gaps,
    }
}

/// The form that shows an audience written elsewhere.
pub fn form_of(audience: &Audience, zone: &TimeZone) -> AudienceForm {
    let limit = limit_of(audience.limit);
    if audience.expression == Expression::All {
        return AudienceForm {
            limit,
            ..AudienceForm::default()
        };
    }
    match groups_of(&audience.expression, zone) {
        Some(groups) => AudienceForm {
            who: Who::Some,
            groups,
            limit,
            ..AudienceForm::default()
        },
        None => {
            let whole = Audience {
                expression: audience.expression.clone(),
                limit: None,
            };
            AudienceForm {
                who: Who::Kept,
                kept: whole.to_json(),
                limit,
                ..AudienceForm::default()
            }
        }
    }
}

struct Reader<'a> {
    zone: &'a TimeZone,
    conditions: Vec<(String, Option<Expression>)>,
    gaps: Vec<Gap>,
}

impl Reader<'_> {
    fn gap<T>(&mut self, field: &str, kind: Option<Kind>, why: Unready) -> Option<T> {
        self.gaps.push(Gap {
            field: field.to_owned(),
            kind,
            why,
        });
        None
    }

    fn groups(&mut self, groups: &[Group]) -> Option<Expression> {
        let (mut includes, mut leaves_out) = (Vec::new(), Vec::new());
        let mut is_whole = true;
        for (index, group) in groups.iter().enumerate() {
            let Some(expression) = self.group(index, group) else {
                is_whole = false;
                continue;
            };
            match group.leaves_out {
                true => leaves_out.push(Expression::Not(Box::new(expression))),
                false => includes.push(expression),
            }
        }
        if !is_whole {
            return None;
        }
        if includes.is_empty() && leaves_out.is_empty() {
            return self.gap("who-some", None, Unready::Empty);
        }
        let mut parts = Vec::new();
        if !includes.is_empty() {
            parts.push(joined(includes, true));
        }
        parts.extend(leaves_out);
        Some(joined(parts, false))
    }

    fn group(&mut self, index: usize, group: &Group) -> Option<Expression> {
        let mut parts = Vec::new();
        for (place, condition) in group.conditions.iter().enumerate() {
            let id = format!("g{index}c{place}");
            let read = self.condition(condition);
            self.conditions
                .push((id.clone(), read.as_ref().ok().cloned()));
            match read {
                Ok(expression) => parts.push(Some(expression)),
                Err(why) => parts.push(self.gap(&id, Some(condition.kind), why)),
            }
        }
        let parts: Vec<Expression> = parts.into_iter().collect::<Option<_>>()?;
        (!parts.is_empty()).then(|| joined(parts, group.any))
    }

    fn condition(&self, condition: &Condition) -> Result<Expression, Unready> {
        let json = match condition.kind {
            Kind::BirthYear => json!({"attribute": self.years(condition)?}),
            Kind::Since => json!({"friend_since": self.days(condition)?}),
            _ if condition.values.is_empty() => return Err(Unready::Empty),
            Kind::Tag => any_of("tag", &condition.values),
            Kind::List => any_of("list", &condition.values),
            Kind::AudienceGroup => any_group(&condition.values)?,
            Kind::Source => json!({"source": condition.values}),
            kind => json!({"attribute": {"name": kind.name(), "in": condition.values}}),
        };
        let json = match condition.is_not {
            true => json!({"not": json}),
            false => json,
        };
        let read = Audience::parse(&json.to_string()).map_err(|_| Unready::Wrong)?;
        Ok(read.expression)
    }

    fn years(&self, condition: &Condition) -> Result<Value, Unready> {
        let year = |text: &str| match text {
            "" => Ok(None),
            text => text.parse::<u16>().map(Some).map_err(|_| Unready::Wrong),
        };
        let (from, to) = (year(&condition.from)?, year(&condition.to)?);
        let mut attribute = json!({"name": "birth_year"});
        for (name, end) in [("from", from), ("to", to)] {
            if let Some(end) = end {
                attribute[name] = json!(end);
            }
        }
        match from.is_none() && to.is_none() {
            true => Err(Unready::Empty),
            false => Ok(attribute),
        }
    }

    /// Both days belong to it: the last ends where the next begins.
    fn days(&self, condition: &Condition) -> Result<Value, Unready> {
        let day = |text: &str| match text {
            "" => Ok(None),
            text => text.parse::<Date>().map(Some).map_err(|_| Unready::Wrong),
        };
        let (from, to) = (day(&condition.from)?, day(&condition.to)?);
        let next = to.map(|to| to.tomorrow().map_err(|_| Unready::Wrong));
        let mut range = json!({});
        for (name, day) in [("from", from), ("before", next.transpose()?)] {
            if let Some(day) = day {
                let wall = format!("{day} 00:00");
                let at = local_to_instant(&wall, self.zone).map_err(|_| Unready::Wrong)?;
                range[name] = json!(at.to_string());
            }
        }
        match from.is_none() && to.is_none() {
            true => Err(Unready::Empty),
            false => Ok(range),
        }
    }

    fn limit(&mut self, limit: &Limit) -> Option<Option<AudienceLimit>> {
        if !limit.is_on {
            return Some(None);
        }
        let text = limit.count.replace([',', ' '], "");
        let count = match text.parse::<u32>() {
            Ok(count) if count > 0 => count,
            _ if text.is_empty() => return self.gap("limit-count", None, Unready::Empty),
            _ => return self.gap("limit-count", None, Unready::Wrong),
        };
        let method = match limit.is_random {
            false => LimitMethod::UserNumber,
            true => match limit.seed.parse::<u64>() {
                Ok(seed) if seed <= domain::audience::SEED_MAX => LimitMethod::Random { seed },
                _ => return self.gap("limit-count", None, Unready::Wrong),
            },
        };
        Some(Some(AudienceLimit { count, method }))
    }
}

/// One of several tags or lists, which an expression names one by one.
fn any_of(key: &str, values: &[String]) -> Value {
    match values {
        [one] => json!({key: one}),
        several => {
            let parts: Vec<Value> = several.iter().map(|value| json!({key: value})).collect();
            json!({"or": parts})
        }
    }
}

/// The same of audience groups, which are numbers.
fn any_group(values: &[String]) -> Result<Value, Unready> {
    let group = |value: &String| match AudienceGroupId::parse(value) {
        Some(group) => Ok(json!({"audience_group": group.number()})),
        None => Err(Unready::Wrong),
    };
    let parts: Vec<Value> = values.iter().map(group).collect::<Result<_, _>>()?;
    Ok(match parts.as_slice() {
        [one] => one.clone(),
        _ => json!({"or": parts}),
    })
}

fn joined(mut parts: Vec<Expression>, any: bool) -> Expression {
    match parts.len() {
        1 => parts.remove(0),
        _ if any => Expression::Or(parts),
        _ => Expression::And(parts),
    }
}

fn limit_of(limit: Option<AudienceLimit>) -> Limit {
    let Some(limit) = limit else {
        return Limit::default();
    };
    let seed = match limit.method {
        LimitMethod::UserNumber => None,
        LimitMethod::Random { seed } => Some(seed.to_string()),
    };
    Limit {
        is_on: true,
        count: limit.count.to_string(),
        is_random: seed.is_some(),
        seed: seed.unwrap_or_default(),
    }
}

/// The groups an expression stands for; `None` where it has another shape.
fn groups_of(expression: &Expression, zone: &TimeZone) -> Option<Vec<Group>> {
    // Whoever is left out by an audience group stands apart from who is in.
    if leaves_out_audience_groups(expression)
        && let Some(groups) = with_left_out(expression, zone)
    {
        return Some(groups);
    }
    included_groups(expression, zone).or_else(|| with_left_out(expression, zone))
}

fn leaves_out_audience_groups(expression: &Expression) -> bool {
    let leaves_out = |part: &Expression| match part {
        Expression::Not(inner) => !inner.groups().is_empty(),
        _ => false,
    };
    match expression {
        Expression::And(parts) => parts.iter().any(leaves_out),
        part => leaves_out(part),
    }
}

/// Groups that say who, where there are some, and behind them groups that leave out.
fn with_left_out(expression: &Expression, zone: &TimeZone) -> Option<Vec<Group>> {
    let parts = match expression {
        Expression::And(parts) => parts.as_slice(),
        Expression::Not(_) => std::slice::from_ref(expression),
        _ => return None,
    };
    let outer = parts
        .iter()
        .position(|part| matches!(part, Expression::Not(_)));
    let (included, left_out) = parts.split_at(outer?);
    let mut groups = match included {
        [] => Vec::new(),
        [one] => included_groups(one, zone)?,
        _ => return None,
    };
    for part in left_out {
        let Expression::Not(inner) = part else {
            return None;
        };
        groups.push(Group {
            leaves_out: true,
            ..group_of(inner, zone)?
        });
    }
    Some(groups)
}

/// One group, or several of which each is enough.
fn included_groups(expression: &Expression, zone: &TimeZone) -> Option<Vec<Group>> {
    if let Some(group) = group_of(expression, zone) {
        return Some(vec![group]);
    }
    let Expression::Or(parts) = expression else {
        return None;
    };
    parts.iter().map(|part| group_of(part, zone)).collect()
}

fn group_of(expression: &Expression, zone: &TimeZone) -> Option<Group> {
    if let Some(condition) = condition_of(expression, zone) {
        return Some(Group {
            conditions: vec![condition],
            ..Group::default()
        });
    }
    let (parts, any) = match expression {
        Expression::And(parts) => (parts, false),
        Expression::Or(parts) => (parts, true),
        _ => return None,
    };
    let conditions = parts.iter().map(|part| condition_of(part, zone));
    Some(Group {
        leaves_out: false,
        any,
        conditions: conditions.collect::<Option<_>>()?,
    })
}

fn condition_of(expression: &Expression, zone: &TimeZone) -> Option<Condition> {
    let values = |kind, values: Vec<String>| Condition {
        kind,
        values,
        ..Condition::default()
    };
    let found = match expression {
        Expression::Not(inner) => {
            let inner = condition_of(inner, zone).filter(|inner| !inner.is_not)?;
            Condition {
                is_not: true,
                ..inner
            }
        }
        Expression::Tag(tag) => values(Kind::Tag, vec![tag.clone()]),
        Expression::List(list) => values(Kind::List, vec![list.to_string()]),
        Expression::Group(group) => values(Kind::AudienceGroup, vec![group.to_string()]),
        Expression::Source(sources) => values(Kind::Source, sources.clone()),
        Expression::Attribute(Attribute::OneOf {
            attribute,
            values: of,
        }) => values(kind_of(*attribute), of.clone()),
        Expression::Attribute(Attribute::BirthYear { from, to }) => {
            let text = |year: &Option<u16>| year.map(|year| year.to_string()).unwrap_or_default();
            Condition {
                from: text(from),
                to: text(to),
                ..values(Kind::BirthYear, Vec::new())
            }
        }
        Expression::FriendSince { from, before } => Condition {
            from: from.map_or(Some(String::new()), |at| day_of(at, zone, false))?,
            to: before.map_or(Some(String::new()), |at| day_of(at, zone, true))?,
            ..values(Kind::Since, Vec::new())
        },
        Expression::Or(parts) => {
            let parts = parts.iter().map(|part| condition_of(part, zone));
            let parts: Vec<Condition> = parts.collect::<Option<_>>()?;
            let kind = parts.first()?.kind;
            let is_one = |part: &Condition| part.kind == kind && !part.is_not;
            let several = [Kind::Tag, Kind::List, Kind::AudienceGroup];
            if !several.contains(&kind) || !parts.iter().all(is_one) {
                return None;
            }
            values(
                kind,
                parts.into_iter().flat_map(|part| part.values).collect(),
            )
        }
        Expression::All | Expression::Sent(_) | Expression::And(_) => return None,
    };
    Some(found)
}

fn kind_of(attribute: TextAttribute) -> Kind {
    match attribute {
        TextAttribute::Language => Kind::Language,
        TextAttribute::Country => Kind::Country,
        TextAttribute::Region => Kind::Region,
        TextAttribute::Gender => Kind::Gender,
        TextAttribute::TimeZone => Kind::TimeZone,
    }
}

/// The day that begins at `at`, or the one that ends there; `None` at any other time of the day.
fn day_of(at: Timestamp, zone: &TimeZone, ends: bool) -> Option<String> {
    let instant = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    let date = instant.to_zoned(zone.clone()).date();
    let midnight = local_to_instant(&format!("{date} 00:00"), zone).ok()?;
    if midnight != at {
        return None;
    }
    let day = if ends { date.yesterday().ok()? } else { date };
    Some(day.to_string())
}

#[cfg(test)]
mod tests;
