//! Fields, buttons, columns and cards as the page shows them: the same for what is there and for
//! the blanks that a script fills in.

use askama::Template;
use askama::filters::HtmlSafe;
use domain::message::limits;
use unicode_segmentation::UnicodeSegmentation;
use words::Words;

use super::content::{Action, Button, Card, Column, Content, Kind};
use super::preview::text_max;

/// Buttons and columns that may be added, as the messenger allows them.
const BUTTONS_MAX: usize = limits::BUTTONS_ACTIONS_MAX;
const COLUMN_BUTTONS_MAX: usize = limits::COLUMN_ACTIONS_MAX;

/// What is beside fields: in red what stops a message, in amber what may surprise.
#[derive(Debug, Clone, Default)]
pub struct Lints {
    pub wrong: Vec<(String, String)>,
    pub odd: Vec<(String, String)>,
}

impl Lints {
    fn at(&self, place: &str) -> Option<Lint> {
        let find = |lints: &[(String, String)]| {
            let found = lints.iter().find(|(field, _)| field == place);
            found.map(|(_, words)| words.clone())
        };
        let wrong = find(&self.wrong).map(|words| Lint { tone: "bad", words });
        wrong.or_else(|| {
            find(&self.odd).map(|words| Lint {
                tone: "warn",
                words,
            })
        })
    }
}

/// The words beside one field.
#[derive(Debug, Clone)]
pub struct Lint {
    pub tone: &'static str,
    pub words: String,
}

/// In what a counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Utf16,
    Graphemes,
}

/// How long a text may be.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub unit: Unit,
    pub max: usize,
    /// The limits beside a picture or a title and without, where that makes a difference.
    pub beside_and_alone: Option<(usize, usize)>,
}

/// How a field is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Line,
    /// The body of a text message, with its counter below.
    Prose,
    Area,
    Code,
}

#[derive(Template)]
#[template(path = "composer/field.html")]
pub struct Field {
    pub words: Words,
    pub at: String,
    pub label: String,
    pub value: String,
    pub shape: Shape,
    pub limit: Option<Limit>,
    pub lint: Option<Lint>,
    pub help: Option<String>,
    pub example: &'static str,
    pub is_optional: bool,
}

/// A picture: a file that is uploaded, or an address.
#[derive(Template)]
#[template(path = "composer/picture.html")]
pub struct Picture {
    pub words: Words,
    pub at: String,
    /// The field of its smaller picture; empty where there is none.
    pub preview_at: String,
    pub label: String,
    pub value: String,
    pub preview: String,
    pub lint: Option<Lint>,
    pub is_optional: bool,
}

#[derive(Template)]
#[template(path = "composer/button.html")]
pub struct ButtonRow {
    pub words: Words,
    pub at: String,
    pub number: usize,
    pub button: Button,
    /// The words of both fields are beside the row.
    pub label_lint: Option<Lint>,
    pub value_lint: Option<Lint>,
    pub is_removable: bool,
}

/// A list of buttons with the one that adds another.
#[derive(Template)]
#[template(path = "composer/buttons.html")]
pub struct ButtonList {
    pub words: Words,
    pub at: String,
    pub rows: Vec<ButtonRow>,
    pub max: usize,
    pub lint: Option<Lint>,
    pub is_fixed: bool,
}

#[derive(Template)]
#[template(path = "composer/column.html")]
pub struct ColumnView {
    pub words: Words,
    pub at: String,
    pub number: usize,
    pub picture: Picture,
    pub title: Field,
    pub text: Field,
    pub buttons: ButtonList,
}

#[derive(Template)]
#[template(path = "composer/card.html")]
pub struct CardView {
    pub words: Words,
    pub at: String,
    pub number: usize,
    pub kind: Kind,
    pub last: String,
    pub picture: Option<Picture>,
    pub fields: Vec<Field>,
    pub buttons: Option<ButtonList>,
    pub columns: Option<Vec<ColumnView>>,
    pub columns_lint: Option<Lint>,
    pub alt: Option<Field>,
}

impl HtmlSafe for Field {}
impl HtmlSafe for Picture {}
impl HtmlSafe for ButtonRow {}
impl HtmlSafe for ButtonList {}
impl HtmlSafe for ColumnView {}
impl HtmlSafe for CardView {}

/// Makes views of one page's content.
#[derive(Clone, Copy)]
pub struct Views<'a> {
    pub words: Words,
    pub lints: &'a Lints,
}

impl Field {
    pub fn count(&self) -> usize {
        match self.limit.map(|limit| limit.unit) {
            Some(Unit::Graphemes) => self.value.graphemes(true).count(),
            _ => self.value.encode_utf16().count(),
        }
    }

    pub fn counter(&self, max: &usize) -> String {
        let (count, max) = (self.words.count(self.count()), self.words.count(*max));
        format!("{count} / {max}")
    }

    /// As the style sheet names it.
    pub fn level(&self, max: &usize) -> &'static str {
        match self.count() {
            count if count > *max => "over",
            count if count * 10 > *max * 9 => "near",
            _ => "",
        }
    }

    pub fn unit(&self, unit: &Unit) -> &'static str {
        match unit {
            Unit::Utf16 => "utf16",
            Unit::Graphemes => "graphemes",
        }
    }
}

impl ButtonRow {
    /// Only whoever has a postback sees that there are such.
    pub fn actions(&self) -> impl Iterator<Item = Action> {
        let own = self.button.kind;
        let all = Action::ALL.into_iter();
        all.filter(move |action| *action != Action::Postback || own == Action::Postback)
    }
}

impl Views<'_> {
    pub fn cards(&self, content: &Content) -> Vec<CardView> {
        let cards = content.cards.iter().enumerate();
        cards.map(|(index, card)| self.card(index, card)).collect()
    }

    pub fn quick(&self, content: &Content) -> ButtonList {
        let mut list = self.buttons(
            "quick",
            &content.quick,
            limits::QUICK_REPLY_ITEMS_MAX,
            false,
        );
        "quick".clone_into(&mut list.at);
        list
    }

    pub fn card(&self, index: usize, card: &Card) -> CardView {
        let at = format!("cards[{index}]");
        let has_alt = matches!(card.kind, Kind::Buttons | Kind::Confirm | Kind::Carousel);
        let columns = (card.kind == Kind::Carousel).then(|| {
            let columns = card.columns.iter().enumerate();
            let view =
                |(index, column)| self.column(&format!("{at}.columns[{index}]"), index, column);
            columns.map(view).collect()
        });
        let buttons = match card.kind {
            Kind::Buttons => Some((BUTTONS_MAX, false)),
            Kind::Confirm => Some((limits::CONFIRM_ACTIONS, true)),
            _ => None,
        };
        CardView {
            words: self.words,
            number: index + 1,
            kind: card.kind,
            last: card.last.clone(),
            picture: self.card_picture(&at, card),
            fields: self.fields(&at, card),
            buttons: buttons.map(|(max, is_fixed)| {
                self.buttons(&format!("{at}.buttons"), &card.buttons, max, is_fixed)
            }),
            columns,
            columns_lint: self.lints.at(&format!("{at}.columns")),
            alt: has_alt.then(|| {
                let utf16 = limited(Unit::Utf16, limits::ALT_TEXT_LENGTH_MAX);
                let field = self.field(&at, "alt", "composer-alt", &card.alt, utf16);
                Field {
                    help: Some(self.words.t("composer-alt-help").to_string()),
                    is_optional: true,
                    ..field
                }
            }),
            at,
        }
    }

    fn card_picture(&self, at: &str, card: &Card) -> Option<Picture> {
        let (key, has_preview, is_optional) = match card.kind {
            Kind::Image => ("composer-image", true, false),
            Kind::Buttons => ("composer-image", false, true),
            Kind::Video => ("composer-poster", false, false),
            _ => return None,
        };
        let picture = self.picture(at, key, &card.image, is_optional);
        Some(match has_preview {
            true => Picture {
                preview_at: format!("{at}.preview"),
                preview: card.preview.clone(),
                ..picture
            },
            false => picture,
        })
    }

    fn fields(&self, at: &str, card: &Card) -> Vec<Field> {
        let sticker = limited(Unit::Utf16, limits::STICKER_ID_LENGTH_MAX);
        let shaped = |field: Field, shape| Field { shape, ..field };
        match card.kind {
            Kind::Text => {
                let limit = limited(Unit::Utf16, limits::TEXT_LENGTH_MAX);
                let field = self.field(at, "text", "composer-text", &card.text, limit);
                vec![shaped(field, Shape::Prose)]
            }
            Kind::Buttons => {
                let title = self.title(at, &card.title);
                vec![
                    title,
                    self.text(at, card.kind, (&card.title, &card.text, &card.image)),
                ]
            }
            Kind::Confirm => vec![self.text(at, card.kind, ("", &card.text, ""))],
            Kind::Video => {
                let field = self.field(at, "video", "composer-video", &card.video, None);
                vec![Field {
                    help: Some(self.words.t("composer-video-help").to_string()),
                    example: "https://…/video.mp4",
                    ..field
                }]
            }
            Kind::Sticker => vec![
                self.field(at, "package", "composer-package", &card.package, sticker),
                self.field(at, "sticker", "composer-sticker", &card.sticker, sticker),
            ],
            Kind::Coupon => {
                let field = self.field(at, "coupon", "composer-coupon", &card.coupon, None);
                vec![Field {
                    help: Some(self.words.t("composer-coupon-help").to_string()),
                    example: "01JYNW8JMQVFBNWF1APF8Z3FS7",
                    ..field
                }]
            }
            Kind::Json => {
                let limit = limited(Unit::Utf16, limits::ALT_TEXT_LENGTH_MAX);
                let alt = self.field(at, "alt", "composer-alt", &card.alt, limit);
                let json = self.field(at, "json", "composer-json", &card.json, None);
                let help = |key: &str| Some(self.words.t(key).to_string());
                vec![
                    Field {
                        help: help("composer-alt-help-json"),
                        ..alt
                    },
                    Field {
                        help: help("composer-json-help"),
                        ..shaped(json, Shape::Code)
                    },
                ]
            }
            Kind::Image | Kind::Carousel => Vec::new(),
        }
    }

    pub fn column(&self, at: &str, index: usize, column: &Column) -> ColumnView {
        let own = (
            column.title.as_str(),
            column.text.as_str(),
            column.image.as_str(),
        );
        ColumnView {
            words: self.words,
            at: at.to_owned(),
            number: index + 1,
            picture: self.picture(at, "composer-image", &column.image, true),
            title: self.title(at, &column.title),
            text: self.text(at, Kind::Carousel, own),
            buttons: self.buttons(
                &format!("{at}.buttons"),
                &column.buttons,
                COLUMN_BUTTONS_MAX,
                false,
            ),
        }
    }

    pub fn button(&self, at: &str, index: usize, button: &Button) -> ButtonRow {
        ButtonRow {
            words: self.words,
            number: index + 1,
            button: button.clone(),
            label_lint: self.lints.at(&format!("{at}.label")),
            value_lint: self.lints.at(&format!("{at}.value")),
            is_removable: true,
            at: at.to_owned(),
        }
    }

    fn buttons(&self, at: &str, buttons: &[Button], max: usize, is_fixed: bool) -> ButtonList {
        let rows = buttons.iter().enumerate().map(|(index, button)| ButtonRow {
            is_removable: !is_fixed,
            ..self.button(&format!("{at}[{index}]"), index, button)
        });
        ButtonList {
            words: self.words,
            at: at.to_owned(),
            rows: rows.collect(),
            max,
            lint: self.lints.at(at),
            is_fixed,
        }
    }

    fn picture(&self, at: &str, key: &str, value: &str, is_optional: bool) -> Picture {
        let at = format!("{at}.image");
        Picture {
            words: self.words,
            preview_at: String::new(),
            label: self.words.t(key).to_string(),
            value: value.to_owned(),
            preview: String::new(),
            lint: self.lints.at(&at),
            is_optional,
            at,
        }
    }

    fn title(&self, at: &str, title: &str) -> Field {
        let limit = limited(Unit::Graphemes, limits::TEMPLATE_TITLE_GRAPHEMES_MAX);
        let field = self.field(at, "title", "composer-title", title, limit);
        Field {
            is_optional: true,
            ..field
        }
    }

    fn text(&self, at: &str, kind: Kind, (title, text, image): (&str, &str, &str)) -> Field {
        let both = (text_max(kind, "title", ""), text_max(kind, "", ""));
        let limit = Limit {
            unit: Unit::Graphemes,
            max: text_max(kind, title, image),
            beside_and_alone: (kind != Kind::Confirm).then_some(both),
        };
        let field = self.field(at, "text", "composer-body", text, Some(limit));
        Field {
            shape: Shape::Area,
            ..field
        }
    }

    fn field(&self, at: &str, name: &str, key: &str, value: &str, limit: Option<Limit>) -> Field {
        let at = format!("{at}.{name}");
        Field {
            words: self.words,
            label: self.words.t(key).to_string(),
            value: value.to_owned(),
            shape: Shape::Line,
            limit,
            lint: self.lints.at(&at),
            help: None,
            example: "",
            is_optional: false,
            at,
        }
    }
}

fn limited(unit: Unit, max: usize) -> Option<Limit> {
    Some(Limit {
        unit,
        max,
        beside_and_alone: None,
    })
}
