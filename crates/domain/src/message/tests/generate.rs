//! Valid messages from a stream of numbers. The numbers come from proptest, so a failing message
//! shrinks towards the shortest stream and the smallest numbers: few properties, short texts.

use crate::message::action::*;
use crate::message::common::*;
use crate::message::flex::FlexMessage;
use crate::message::media::*;
use crate::message::sticker::*;
use crate::message::template::*;
use crate::message::text::*;
use crate::message::value::Keyword;
use crate::message::{Content, Message, Messages};

/// Choices to be made; all zero once they are used up.
pub(super) struct Choices {
    numbers: std::vec::IntoIter<u16>,
}

impl Choices {
    pub(super) fn from(numbers: Vec<u16>) -> Self {
        Self {
            numbers: numbers.into_iter(),
        }
    }

    pub(super) fn messages(&mut self) -> Messages {
        let count = 1 + self.below(5);
        Messages((0..count).map(|_| self.message()).collect())
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.numbers.next().unwrap_or(0)) % bound
    }

    pub(super) fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 1).then(|| make(self))
    }

    pub(super) fn of<T: Clone>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())].clone()
    }

    pub(super) fn word<K: Keyword>(&mut self) -> K {
        self.of(K::WORDS).1
    }

    pub(super) fn many<T>(
        &mut self,
        min: usize,
        max: usize,
        make: impl Fn(&mut Self) -> T,
    ) -> Vec<T> {
        let count = min + self.below(max - min + 1);
        (0..count).map(|_| make(self)).collect()
    }

    /// A text of 1 to `max` pieces that are hard on counters, renderers and JSON.
    pub(super) fn text(&mut self, max: usize) -> String {
        let pieces = [
            "a", "한", "🍎", "e\u{301}", "\"", "\\", "\u{7}", "\u{2028}", "<", " ",
        ];
        self.many(1, max, |c| c.of(&pieces)).concat()
    }

    pub(super) fn url(&mut self) -> String {
        let urls = [
            "https://example.com/a.png",
            "http://127.0.0.1:8080/media/0f.jpg",
            "https://xn--oi2b61z32a.example:8443/%ED%95%9C?a=1&b=2#c",
        ];
        self.of(&urls).to_owned()
    }

    pub(super) fn uri(&mut self) -> String {
        let uris = [
            "http://example.com/",
            "https://example.com/?q=1",
            "line://nv",
            "tel:112",
        ];
        self.of(&uris).to_owned()
    }

    fn rgb(&mut self) -> String {
        self.of(&["#000000", "#FFaa09"]).to_owned()
    }

    fn message(&mut self) -> Message {
        let content = match self.below(7) {
            0 => Content::Text(self.text_message()),
            1 => Content::Image(ImageMessage {
                original_content_url: self.url(),
                preview_image_url: self.url(),
            }),
            2 => Content::Video(VideoMessage {
                original_content_url: self.url(),
                preview_image_url: self.url(),
                tracking_id: self.maybe(|c| c.of(&["a", "<x>[1]{!}"]).to_owned()),
            }),
            3 => Content::Sticker(StickerMessage {
                package_id: self.of(&["446", "a_b-c"]).to_owned(),
                sticker_id: self.of(&["1988", "1"]).to_owned(),
                quote_token: self.maybe(|c| c.text(20)),
            }),
            4 => Content::Template(TemplateMessage {
                alt_text: self.text(20),
                template: self.template(),
            }),
            5 => Content::Flex(FlexMessage {
                alt_text: self.text(20),
                contents: self.container(),
            }),
            _ => self.later_content(),
        };
        Message {
            content,
            quick_reply: self.maybe(|c| QuickReply {
                items: c.many(1, 13, Self::quick_reply_item),
            }),
            sender: self.maybe(|c| Sender {
                name: c.maybe(|c| c.text(6)),
                icon_url: c.maybe(Self::url),
            }),
        }
    }

    fn text_message(&mut self) -> TextMessage {
        // The dollars come first, so that their positions are known.
        let dollars = self.below(4);
        let text = format!("{}{}", "$".repeat(dollars), self.text(30));
        let emoji = |index: usize| Emoji {
            index: index as u32,
            product_id: "5ac1bfd5040ab15980c9b435".to_owned(),
            emoji_id: "001".to_owned(),
        };
        let emojis = (dollars > 0).then(|| (0..dollars).map(emoji).collect());
        TextMessage {
            text,
            emojis,
            quote_token: self.maybe(|c| c.text(20)),
        }
    }

    fn quick_reply_item(&mut self) -> QuickReplyItem {
        QuickReplyItem {
            action: match self.below(4) {
                0 => Action::Camera(CameraAction {
                    label: Some(self.text(20)),
                }),
                1 => Action::CameraRoll(CameraRollAction {
                    label: Some(self.text(20)),
                }),
                2 => Action::Location(LocationAction {
                    label: Some(self.text(20)),
                }),
                _ => {
                    let label = Some(self.text(20));
                    self.action(label)
                }
            },
            image_url: self.maybe(Self::url),
        }
    }

    /// A label of at most 12 grapheme clusters, or none.
    pub(super) fn briefly_labelled(&mut self) -> Action {
        let label = self.maybe(|c| c.text(12));
        self.action(label)
    }

    pub(super) fn labelled(&mut self) -> Action {
        let label = Some(self.text(20));
        self.action(label)
    }

    pub(super) fn flex_action(&mut self) -> Action {
        let label = self.maybe(|c| c.text(40));
        self.action(label)
    }

    fn action(&mut self, label: Option<String>) -> Action {
        match self.below(5) {
            0 => Action::Message(MessageAction {
                text: self.text(30),
                label,
            }),
            1 => {
                let fill_in_text = self.maybe(|c| c.text(30));
                let input_option = match fill_in_text {
                    Some(_) => Some(InputOption::OpenKeyboard),
                    None => self.maybe(Self::word),
                };
                let shown = self.maybe(|c| c.text(30));
                let (display_text, text) = if self.below(2) == 0 {
                    (shown, None)
                } else {
                    (None, shown)
                };
                let data = self.of(&["", "a=1&b=한"]).to_owned();
                Action::Postback(PostbackAction {
                    data,
                    label,
                    display_text,
                    text,
                    input_option,
                    fill_in_text,
                })
            }
            2 => self.uri_action(label),
            3 => {
                let mode = self.word();
                let (min, max) = match mode {
                    PickerMode::Date => ("1900-01-01", "2100-12-31"),
                    PickerMode::Time => ("00:00", "23:59"),
                    PickerMode::Datetime => ("2024-02-29t00:00", "2024-02-29T00:01"),
                };
                Action::DatetimePicker(DatetimePickerAction {
                    data: String::new(),
                    mode,
                    label,
                    initial: self.maybe(|_| min.to_owned()),
                    max: self.maybe(|_| max.to_owned()),
                    min: self.maybe(|_| min.to_owned()),
                })
            }
            _ => Action::Clipboard(ClipboardAction {
                clipboard_text: self.text(30),
                label,
            }),
        }
    }

    pub(super) fn uri_action(&mut self, label: Option<String>) -> Action {
        Action::Uri(UriAction {
            uri: self.uri(),
            label,
            alt_uri: self.maybe(|c| AltUri {
                desktop: c.maybe(Self::uri),
            }),
        })
    }

    fn template(&mut self) -> Template {
        match self.below(4) {
            0 => Template::Buttons(Box::new(ButtonsTemplate {
                text: self.text(60),
                actions: self.many(1, 4, Self::labelled),
                thumbnail_image_url: self.maybe(Self::url),
                image_aspect_ratio: self.maybe(Self::word),
                image_size: self.maybe(Self::word),
                image_background_color: self.maybe(Self::rgb),
                title: self.maybe(|c| c.text(40)),
                default_action: self.maybe(Self::labelled),
            })),
            1 => Template::Confirm(ConfirmTemplate {
                text: self.text(240),
                actions: self.many(2, 2, Self::labelled),
            }),
            2 => Template::ImageCarousel(ImageCarouselTemplate {
                columns: self.many(1, 10, |c| ImageColumn {
                    image_url: c.url(),
                    action: c.briefly_labelled(),
                }),
            }),
            _ => {
                let (actions, picture, title) = (1 + self.below(3), self.below(2), self.below(2));
                Template::Carousel(CarouselTemplate {
                    columns: self.many(1, 10, |c| Column {
                        text: c.text(60),
                        actions: c.many(actions, actions, Self::labelled),
                        thumbnail_image_url: (picture == 1).then(|| c.url()),
                        image_background_color: c.maybe(Self::rgb),
                        title: (title == 1).then(|| c.text(40)),
                        default_action: c.maybe(Self::labelled),
                    }),
                    image_aspect_ratio: self.maybe(Self::word),
                    image_size: self.maybe(Self::word),
                })
            }
        }
    }
}
