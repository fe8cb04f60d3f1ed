//! Reads an audience from JSON, with every fault at its path.

use super::{
    AUDIENCE_BYTES_MAX, Attribute, Audience, AudienceLimit, DEPTH_MAX, Expression, LimitMethod,
    NODES_MAX, SEED_MAX, TextAttribute, VALUES_MAX,
};
use crate::audience_group::AudienceGroupId;
use crate::document::{self, Faults, Node, Object, integer, only_true, text};
use crate::friend::{self, BIRTH_YEAR_MIN, Gender, RejectReason};
use crate::message::ValidationError;
use crate::time::Timestamp;

const ROOT: &str = "audience";
/// A birth year after this is a slip whatever the year is.
const BIRTH_YEAR_MAX: u16 = 2_200;
const KINDS: [&str; 11] = [
    "all",
    "attribute",
    "tag",
    "friend_since",
    "source",
    "list",
    "audience_group",
    "sent",
    "and",
    "or",
    "not",
];

pub(super) fn audience(json: &str) -> Result<Audience, Vec<ValidationError>> {
    let node = document::parse(json, ROOT, AUDIENCE_BYTES_MAX)?;
    let mut reader = Reader::default();
    let audience = reader.audience(&node);
    reader.faults.finish(audience)
}

#[derive(Default)]
struct Reader {
    faults: Faults,
    nodes: usize,
}

impl Reader {
    fn audience(&mut self, node: &Node) -> Option<Audience> {
        let is_wrapped = matches!(node, Node::Object(entries)
            if entries.iter().any(|(key, _)| key == "expression" || key == "limit"));
        if !is_wrapped {
            return Some(Audience {
                expression: self.expression(node, ROOT, 1)?,
                limit: None,
            });
        }
        let object = Object::read(node, ROOT, &["expression", "limit"], &mut self.faults)?;
        let expression = object
            .required("expression", &mut self.faults)
            .and_then(|node| self.expression(node, &object.path_of("expression"), 1));
        let limit = match object.get("limit") {
            None => None,
            Some(node) => Some(self.limit(node, &object.path_of("limit"))?),
        };
        Some(Audience {
            expression: expression?,
            limit,
        })
    }

    fn expression(&mut self, node: &Node, path: &str, depth: usize) -> Option<Expression> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            // Told once: the rest is not read.
            if self.nodes == NODES_MAX + 1 {
                let message = format!("has more than {NODES_MAX} conditions");
                self.faults.add::<()>(ROOT, message);
            }
            return None;
        }
        if depth > DEPTH_MAX {
            let message = format!("is nested more than {DEPTH_MAX} levels deep");
            return self.faults.add(path, message);
        }
        let (kind, value) = match node {
            Node::Object(entries) => match entries.as_slice() {
                [(kind, value)] => (kind.as_str(), value),
                entries => {
                    let (count, kinds) = (entries.len(), KINDS.join(", "));
                    let message = format!("must have exactly one key of {kinds}, not {count}");
                    return self.faults.add(path, message);
                }
            },
            other => return self.faults.mismatch(path, other, "an object"),
        };
        if !KINDS.contains(&kind) {
            let (shown, kinds): (String, _) = (kind.chars().take(40).collect(), KINDS.join(", "));
            let message = format!("has the unknown condition '{shown}'; known are {kinds}");
            return self.faults.add(path, message);
        }
        let path = format!("{path}.{kind}");
        match kind {
            "all" => only_true(value, &path, &mut self.faults).map(|()| Expression::All),
            "attribute" => self.attribute(value, &path).map(Expression::Attribute),
            "tag" => self.checked(value, &path, friend::tag).map(Expression::Tag),
            "friend_since" => self.friend_since(value, &path),
            "source" => self
                .values(value, &path, friend::source)
                .map(Expression::Source),
            "list" => self.list(value, &path),
            "audience_group" => self.group(value, &path),
            "sent" => self.sent(value, &path),
            "and" => self.parts(value, &path, depth).map(Expression::And),
            "or" => self.parts(value, &path, depth).map(Expression::Or),
            _ => {
                let part = self.expression(value, &path, depth + 1)?;
                Some(Expression::Not(Box::new(part)))
            }
        }
    }

    fn parts(&mut self, node: &Node, path: &str, depth: usize) -> Option<Vec<Expression>> {
        let Node::List(nodes) = node else {
            return self.faults.mismatch(path, node, "a list of conditions");
        };
        if nodes.is_empty() {
            return self.faults.add(path, "must have at least one condition");
        }
        // Collecting options would stop at the first refused part.
        let mut parts = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            parts.push(self.expression(node, &format!("{path}[{index}]"), depth + 1));
        }
        parts.into_iter().collect()
    }

    fn attribute(&mut self, node: &Node, path: &str) -> Option<Attribute> {
        let known = ["name", "in", "from", "to"];
        let object = Object::read(node, path, &known, &mut self.faults)?;
        let name_node = object.required("name", &mut self.faults)?;
        let name = text(name_node, &object.path_of("name"), &mut self.faults)?;
        if name == "birth_year" {
            return self.birth_year(&object, path);
        }
        let Some(attribute) = TextAttribute::ALL.into_iter().find(|a| a.name() == name) else {
            let shown: String = name.chars().take(40).collect();
            let names = TextAttribute::ALL.map(TextAttribute::name).join(", ");
            let message = format!("'{shown}' is not an attribute; known are {names}, birth_year");
            return self.faults.add(&object.path_of("name"), message);
        };
        for key in ["from", "to"] {
            if object.get(key).is_some() {
                let message = format!("{name} has no order; give the values in 'in'");
                self.faults.add::<()>(&object.path_of(key), message);
            }
        }
        let values = object.required("in", &mut self.faults)?;
        let path = object.path_of("in");
        let values = match attribute {
            TextAttribute::Language => self.values(values, &path, friend::language),
            TextAttribute::Country => self.values(values, &path, friend::country),
            TextAttribute::Region => self.values(values, &path, friend::region),
            TextAttribute::Gender => self.values(values, &path, gender),
            TextAttribute::TimeZone => self.values(values, &path, friend::time_zone),
        }?;
        Some(Attribute::OneOf { attribute, values })
    }

    fn birth_year(&mut self, object: &Object<'_>, path: &str) -> Option<Attribute> {
        if object.get("in").is_some() {
            let message = "birth_year is a range; give 'from', 'to' or both";
            return self.faults.add(&object.path_of("in"), message);
        }
        let years = i64::from(BIRTH_YEAR_MIN)..=i64::from(BIRTH_YEAR_MAX);
        let mut year = |key| match object.get(key) {
            None => Some(None),
            Some(node) => {
                let path = object.path_of(key);
                let year = integer(node, years.clone(), &path, &mut self.faults)?;
                Some(u16::try_from(year).ok())
            }
        };
        let (from, to) = (year("from"), year("to"));
        match (from?, to?) {
            (None, None) => self.faults.add(path, "needs 'from', 'to' or both"),
            (Some(from), Some(to)) if from > to => {
                let message = format!("nobody is born from {from} to {to}: 'from' is after 'to'");
                self.faults.add(path, message)
            }
            (from, to) => Some(Attribute::BirthYear { from, to }),
        }
    }

    fn friend_since(&mut self, node: &Node, path: &str) -> Option<Expression> {
        let object = Object::read(node, path, &["from", "before"], &mut self.faults)?;
        let mut instant = |key| match object.get(key) {
            None => Some(None),
            Some(node) => {
                let path = object.path_of(key);
                let text = text(node, &path, &mut self.faults)?;
                match Timestamp::parse_rfc3339(text) {
                    Ok(at) if at.as_millis() >= 0 => Some(Some(at)),
                    Ok(_) => self.faults.add(&path, "is before 1970"),
                    Err(error) => self.faults.add(&path, error.to_string()),
                }
            }
        };
        let (from, before) = (instant("from"), instant("before"));
        match (from?, before?) {
            (None, None) => self.faults.add(path, "needs 'from', 'before' or both"),
            (Some(from), Some(before)) if from >= before => {
                self.faults.add(path, "'from' must lie before 'before'")
            }
            (from, before) => Some(Expression::FriendSince { from, before }),
        }
    }

    fn list(&mut self, node: &Node, path: &str) -> Option<Expression> {
        match text(node, path, &mut self.faults)?.parse() {
            Ok(list) => Some(Expression::List(list)),
            Err(error) => self.faults.add(path, format!("{error}")),
        }
    }

    fn group(&mut self, node: &Node, path: &str) -> Option<Expression> {
        let number = match node {
            Node::Integer(number) => *number,
            other => return self.faults.mismatch(path, other, "a number"),
        };
        match AudienceGroupId::from_number(number) {
            Some(group) => Some(Expression::Group(group)),
            None => self
                .faults
                .add(path, "is not the number of an audience group"),
        }
    }

    fn sent(&mut self, node: &Node, path: &str) -> Option<Expression> {
        match text(node, path, &mut self.faults)?.parse() {
            Ok(campaign) => Some(Expression::Sent(campaign)),
            Err(error) => self.faults.add(path, format!("{error}")),
        }
    }

    fn limit(&mut self, node: &Node, path: &str) -> Option<AudienceLimit> {
        let known = ["count", "method", "seed"];
        let object = Object::read(node, path, &known, &mut self.faults)?;
        let faults = &mut self.faults;
        let count = object.required("count", faults).and_then(|node| {
            let range = 1..=i64::from(u32::MAX);
            integer(node, range, &object.path_of("count"), faults)
        });
        let seed = match object.get("seed") {
            None => None,
            Some(node) => {
                let range = 0..=SEED_MAX as i64;
                Some(integer(node, range, &object.path_of("seed"), faults)?)
            }
        };
        let method_node = object.required("method", faults)?;
        let method = text(method_node, &object.path_of("method"), faults)?;
        let method = match (method, seed) {
            ("user_number", None) => LimitMethod::UserNumber,
            ("random", Some(seed)) => LimitMethod::Random {
                seed: seed.unsigned_abs(),
            },
            ("user_number", Some(_)) => {
                return faults.add(&object.path_of("seed"), "only the method random has a seed");
            }
            ("random", None) => {
                let message = "needs a 'seed', so that the sample can be drawn again";
                return faults.add(path, message);
            }
            _ => {
                let message = "must be user_number or random";
                return faults.add(&object.path_of("method"), message);
            }
        };
        Some(AudienceLimit {
            count: u32::try_from(count?).ok()?,
            method,
        })
    }

    /// 1 to 100 texts that pass `check`, sorted, each once.
    fn values(&mut self, node: &Node, path: &str, check: Check) -> Option<Vec<String>> {
        let Node::List(nodes) = node else {
            return self.faults.mismatch(path, node, "a list of texts");
        };
        if !(1..=VALUES_MAX).contains(&nodes.len()) {
            let message = format!("must have 1 to {VALUES_MAX} values, not {}", nodes.len());
            return self.faults.add(path, message);
        }
        let mut values = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            values.push(self.checked(node, &format!("{path}[{index}]"), check));
        }
        let mut values: Vec<String> = values.into_iter().collect::<Option<_>>()?;
        values.sort_unstable();
        values.dedup();
        Some(values)
    }

    fn checked(&mut self, node: &Node, path: &str, check: Check) -> Option<String> {
        let text = text(node, path, &mut self.faults)?;
        match check(text) {
            Ok(value) => Some(value),
            Err((_, message)) => self.faults.add(path, message),
        }
    }
}

/// The check that an import makes of the same text: what can be asked for can be there.
type Check = fn(&str) -> Result<String, (RejectReason, String)>;

fn gender(text: &str) -> Result<String, (RejectReason, String)> {
    friend::gender(text).map(|gender| Gender::name(gender).to_owned())
}
