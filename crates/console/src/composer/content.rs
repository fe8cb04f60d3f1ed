//! What a draft's message step is made of: the composer's own JSON, finished or not.

use domain::campaign::Purpose;
use serde::{Deserialize, Serialize};

/// Cards that are kept; more cannot come from the page. Five of them can be sent.
pub const CARDS_KEPT_MAX: usize = 20;
/// Columns or buttons that are kept of one list.
pub const ITEMS_KEPT_MAX: usize = 20;

/// The message step of one draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Content {
    /// What the brand calls the campaign.
    pub name: String,
    pub purpose: Purpose,
    pub cards: Vec<Card>,
    /// The quick replies below the last message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quick: Vec<Button>,
    /// How far the window that saved this had typed: what a browser kept is newer or older than it.
    pub sequence: u64,
}

/// One message. A card keeps the fields of every kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Card {
    pub kind: Kind,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// The smaller picture of an image; the image itself where it is empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub preview: String,
    /// What lists of chats say of a template; made from its words where it is empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alt: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub video: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub package: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sticker: String,
    /// The id of a coupon.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub coupon: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub json: String,
    /// The JSON when it could last be read: what the preview shows while it cannot.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Button>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
}

/// One card of a carousel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Column {
    pub title: String,
    pub text: String,
    pub image: String,
    pub buttons: Vec<Button>,
}

/// A button or a quick reply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Button {
    pub label: String,
    pub kind: Action,
    /// The address, the words that are sent, the number, what is copied.
    pub value: String,
}

/// What a card is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    #[default]
    Text,
    Image,
    Buttons,
    Carousel,
    Confirm,
    Video,
    Sticker,
    Coupon,
    /// Flex, and whatever message no other card can hold.
    Json,
}

/// What a button does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    #[default]
    Uri,
    Message,
    Phone,
    Clipboard,
    Postback,
}

impl Default for Content {
    fn default() -> Self {
        Self {
            name: String::new(),
            purpose: Purpose::Promotion,
            cards: Vec::new(),
            quick: Vec::new(),
            sequence: 0,
        }
    }
}

impl Content {
    /// What a draft begins with: one card to write in.
    pub fn begun(name: String) -> Self {
        Self {
            name,
            cards: vec![Card::of(Kind::Text)],
            ..Self::default()
        }
    }

    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    pub fn to_json(&self) -> String {
        // Keys are strings and no value can refuse: there is no error to hand on.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Card {
    /// An empty card of a kind, with as much of it as a card needs.
    pub fn of(kind: Kind) -> Self {
        let buttons = |count: usize| vec![Button::default(); count];
        let column = || Column {
            buttons: buttons(1),
            ..Column::default()
        };
        let card = Self {
            kind,
            ..Self::default()
        };
        match kind {
            Kind::Buttons => Self {
                buttons: buttons(1),
                ..card
            },
            Kind::Confirm => Self {
                buttons: vec![
                    Button {
                        kind: Action::Message,
                        ..Button::default()
                    };
                    2
                ],
                ..card
            },
            Kind::Carousel => Self {
                columns: vec![column(), column()],
                ..card
            },
            Kind::Sticker => Self {
                package: "446".to_owned(),
                sticker: "1988".to_owned(),
                ..card
            },
            Kind::Text | Kind::Image | Kind::Video | Kind::Coupon | Kind::Json => card,
        }
    }
}

impl Kind {
    /// In the order in which they are offered.
    pub const ALL: [Kind; 9] = [
        Self::Text,
        Self::Image,
        Self::Buttons,
        Self::Carousel,
        Self::Confirm,
        Self::Video,
        Self::Sticker,
        Self::Coupon,
        Self::Json,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Buttons => "buttons",
            Self::Carousel => "carousel",
            Self::Confirm => "confirm",
            Self::Video => "video",
            Self::Sticker => "sticker",
            Self::Coupon => "coupon",
            Self::Json => "json",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// In `icons.svg`.
    pub const fn icon(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Buttons => "buttons",
            Self::Carousel => "carousel",
            Self::Confirm => "check-circle",
            Self::Video => "video",
            Self::Sticker => "sticker",
            Self::Coupon => "ticket",
            Self::Json => "code",
        }
    }
}

impl Action {
    pub const ALL: [Action; 5] = [
        Self::Uri,
        Self::Message,
        Self::Phone,
        Self::Clipboard,
        Self::Postback,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Uri => "uri",
            Self::Message => "message",
            Self::Phone => "phone",
            Self::Clipboard => "clipboard",
            Self::Postback => "postback",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}
