//! Who sees a message, from whom, and where.

use std::collections::BTreeMap;

use domain::campaign::Purpose;
use words::{Language, Words};

/// What a drawing needs to know beside the messages.
#[derive(Debug, Clone)]
pub struct Context {
    /// The reader's.
    pub language: Language,
    /// The account's name as friends see it.
    pub account: String,
    pub icon_url: Option<String>,
    /// Where the sender can be reached, shown beside the sender's name in promotions.
    pub contact: Option<String>,
    pub purpose: Purpose,
    /// The time of day under the messages.
    pub time: String,
    /// What stands for `{{name|fallback}}`.
    pub variables: BTreeMap<String, String>,
    pub mode: Mode,
}

/// Where the messages are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Taps look the same and do nothing, as long as no form stands around them.
    Preview,
    Chat(Taps),
}

/// Where a tap is posted: `push` and `tap`, which names the action as [`crate::tap`] reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taps {
    pub target: String,
    pub push_key: String,
}

impl Context {
    pub(crate) fn words(&self) -> Words {
        Words::of(self.language)
    }
}
