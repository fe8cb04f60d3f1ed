//! The id of a rich menu, in LINE's form.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::message::node::Node;
use crate::message::reader::Reader;
use crate::message::value::string;

/// `richmenu-` and 32 hex digits in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RichMenuId([u8; 16]);

const PREFIX: &str = "richmenu-";

impl RichMenuId {
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The id, or `None` where the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?;
        if digits.bytes().any(|digit| digit.is_ascii_uppercase()) {
            return None;
        }
        let mut bytes = [0; 16];
        hex::decode_to_slice(digits, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    pub(super) fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        let id = Self::parse(string(reader, node)?);
        if id.is_none() {
            reader.report("invalid richMenuId");
        }
        id
    }
}

impl fmt::Display for RichMenuId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", hex::encode(self.0))
    }
}

impl Serialize for RichMenuId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
