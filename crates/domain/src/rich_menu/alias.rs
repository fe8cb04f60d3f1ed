//! Requests that give a rich menu the name by which actions switch to it.

use super::{RichMenuAliasId, RichMenuId};
use crate::message::reader::{Wording, read_json};
use crate::message::{Rules, ValidationError};

shape! {
    /// Makes an alias.
    CreateAliasRequest {
        required {
            alias_id "richMenuAliasId": RichMenuAliasId = RichMenuAliasId::read;
            rich_menu_id "richMenuId": RichMenuId = RichMenuId::read;
        }
    }
}

shape! {
    /// Has an alias name another rich menu.
    UpdateAliasRequest {
        required {
            rich_menu_id "richMenuId": RichMenuId = RichMenuId::read;
        }
    }
}

impl CreateAliasRequest {
    /// Reads a request body. Returns all errors, not the first one.
    pub fn parse(json: &str) -> Result<Self, Vec<ValidationError>> {
        read_json(
            json,
            None,
            Wording::Messages,
            &Rules::default(),
            |reader, node| reader.plain(node, Self::fields),
        )
    }
}

impl UpdateAliasRequest {
    /// Reads a request body. Returns all errors, not the first one.
    pub fn parse(json: &str) -> Result<Self, Vec<ValidationError>> {
        read_json(
            json,
            None,
            Wording::Messages,
            &Rules::default(),
            |reader, node| reader.plain(node, Self::fields),
        )
    }
}
