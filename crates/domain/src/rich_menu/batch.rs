//! Requests that replace or unlink the rich menus of many friends at once.

use std::collections::BTreeMap;

use serde::Serialize;

use super::limits::{OPERATIONS_MAX, RESUME_REQUEST_KEY_LENGTH_MAX};
use super::{RichMenuId, canonical};
use crate::message::node::Node;
use crate::message::reader::{Object, Reader, Wording, read_json};
use crate::message::value::{list, word};
use crate::message::{Rules, ValidationError};

shape! {
    /// Operations that do not see each other's effects.
    BatchRequest {
        required {
            operations "operations": Vec<Operation> = list(1, OPERATIONS_MAX, Operation::read);
        }
        optional {
            resume_request_key "resumeRequestKey": String =
                word(RESUME_REQUEST_KEY_LENGTH_MAX, "-_");
        }
    }
}

/// What is done with the menus of friends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Operation {
    Link(LinkOperation),
    Unlink(UnlinkOperation),
    UnlinkAll(UnlinkAllOperation),
}

shape! {
    /// Whoever has the menu `from` gets the menu `to`.
    LinkOperation ["link"] {
        required {
            from "from": RichMenuId = RichMenuId::read;
            to "to": RichMenuId = RichMenuId::read;
        }
    }
}

shape! {
    /// Whoever has the menu `from` has none of their own any more.
    UnlinkOperation ["unlink"] {
        required {
            from "from": RichMenuId = RichMenuId::read;
        }
    }
}

shape! {
    /// Nobody has a menu of their own any more.
    UnlinkAllOperation ["unlinkAll"] {}
}

impl BatchRequest {
    /// Reads a request body. Returns all errors, not the first one.
    pub fn parse(json: &str) -> Result<Self, Vec<ValidationError>> {
        read_json(
            json,
            None,
            Wording::Messages,
            &Rules::default(),
            |reader, node| {
                reader.plain(node, |reader, object| {
                    let request = Self::fields(reader, object);
                    check_together(reader, &object.inners("operations"));
                    request
                })
            },
        )
    }

    /// Canonical JSON, as that of messages.
    pub fn to_json(&self) -> String {
        canonical(self)
    }
}

impl Operation {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        let tags = ["link", "unlink", "unlinkAll"];
        reader.typed(node, &tags, |reader, object, tag| {
            Some(match tag {
                "link" => Self::Link(LinkOperation::fields(reader, object)?),
                "unlink" => Self::Unlink(UnlinkOperation::fields(reader, object)?),
                _ => Self::UnlinkAll(UnlinkAllOperation::fields(reader, object)?),
            })
        })
    }
}

/// What no operation shows by itself. LINE's paths name no index here.
fn check_together(reader: &mut Reader<'_>, operations: &[(usize, Object<'_>)]) {
    let operations = operations.iter().map(|(_, operation)| operation);
    let types = operations
        .clone()
        .filter_map(|operation| operation.word("type"));
    if types.clone().any(|word| word == "unlinkAll")
        && types.clone().any(|word| word != "unlinkAll")
    {
        reader.report_at(
            "operations[].type",
            "'unlinkAll' type can't be combined with other type",
        );
    }
    let mut times = BTreeMap::new();
    let from = operations.filter_map(|operation| operation.word("from"));
    for id in from.filter_map(RichMenuId::parse) {
        *times.entry(id).or_insert(0) += 1;
    }
    for (id, _) in times.into_iter().filter(|(_, times)| *times > 1) {
        let words = format!("from richmenu ({id}) is duplicated");
        reader.report_at("operations[].from", words);
    }
}
