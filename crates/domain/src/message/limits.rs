//! Every limit of a message object, with its unit, in one place.
//!
//! Source: LINE's Messaging API reference. LINE counts text in UTF-16 code units, except the
//! properties listed on its page "Character counting in a text", which it counts in grapheme
//! clusters. Where LINE documents no number, the constant says that it is ours.

/// Message objects in one request.
pub const MESSAGES_MAX: usize = 5;
/// Bytes of JSON text that are looked at: LINE's limit for a whole request.
pub const MESSAGES_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Objects and arrays inside each other, the array of messages included. Ours: enough for 30 boxes
/// in boxes, and far from exhausting a stack.
pub const NESTING_DEPTH_MAX: usize = 64;
/// Errors listed in one answer. Ours: a hostile body must not buy an answer larger than itself.
pub const ERRORS_MAX: usize = 1_000;
/// Characters of a foreign property name that are repeated in a property path. Ours.
pub const PROPERTY_NAME_CHARS_MAX: usize = 64;

/// UTF-16 code units of a text message.
pub const TEXT_LENGTH_MAX: usize = 5_000;
/// LINE emojis in a text message.
pub const EMOJIS_MAX: usize = 20;
/// UTF-16 code units of an emoji's product id and emoji id. Ours.
pub const EMOJI_ID_LENGTH_MAX: usize = 64;
/// UTF-16 code units of a sticker's package id and sticker id. Ours.
pub const STICKER_ID_LENGTH_MAX: usize = 64;
/// UTF-16 code units of the URL of an image, a video or an icon.
pub const MEDIA_URL_LENGTH_MAX: usize = 2_000;
/// ASCII characters of a video's tracking id.
pub const TRACKING_ID_LENGTH_MAX: usize = 100;

/// UTF-16 code units of a sender's name.
pub const SENDER_NAME_LENGTH_MAX: usize = 20;
/// Buttons of a quick reply.
pub const QUICK_REPLY_ITEMS_MAX: usize = 13;

/// UTF-16 code units of the alternative text of a template or Flex message.
pub const ALT_TEXT_LENGTH_MAX: usize = 1_500;
/// Grapheme clusters of the title of a buttons template or a carousel column.
pub const TEMPLATE_TITLE_GRAPHEMES_MAX: usize = 40;
/// Grapheme clusters of a buttons template's text without image and title.
pub const BUTTONS_TEXT_GRAPHEMES_MAX: usize = 160;
/// Grapheme clusters of a carousel column's text without image and title.
pub const COLUMN_TEXT_GRAPHEMES_MAX: usize = 120;
/// Grapheme clusters of either text beside an image or a title.
pub const TITLED_TEXT_GRAPHEMES_MAX: usize = 60;
/// Grapheme clusters of a confirm template's text.
pub const CONFIRM_TEXT_GRAPHEMES_MAX: usize = 240;
/// Actions of a buttons template.
pub const BUTTONS_ACTIONS_MAX: usize = 4;
/// Actions of a confirm template, neither more nor fewer.
pub const CONFIRM_ACTIONS: usize = 2;
/// Columns of a carousel template.
pub const COLUMNS_MAX: usize = 10;
/// Actions of one carousel column.
pub const COLUMN_ACTIONS_MAX: usize = 3;

/// Grapheme clusters of an action's label in templates and quick replies.
pub const LABEL_GRAPHEMES_MAX: usize = 20;
/// Grapheme clusters of an action's label in Flex messages.
pub const FLEX_LABEL_GRAPHEMES_MAX: usize = 40;
/// UTF-16 code units of the data of a postback or date picker.
pub const POSTBACK_DATA_LENGTH_MAX: usize = 300;
/// Grapheme clusters of a text an action shows, sends or fills in.
pub const ACTION_TEXT_GRAPHEMES_MAX: usize = 300;
/// UTF-16 code units of the URI of an action.
pub const ACTION_URI_LENGTH_MAX: usize = 1_000;
/// UTF-16 code units of a text for the clipboard.
pub const CLIPBOARD_LENGTH_MAX: usize = 1_000;
/// The years a date picker can show, both included.
pub const PICKER_YEARS: std::ops::RangeInclusive<i16> = 1900..=2100;

/// Bytes of the canonical JSON of one bubble.
pub const BUBBLE_BYTES_MAX: usize = 30 * 1024;
/// Bytes of the canonical JSON of one carousel of bubbles.
pub const CAROUSEL_BYTES_MAX: usize = 50 * 1024;
/// Bubbles of a carousel.
pub const BUBBLES_MAX: usize = 12;
/// Animated images in one Flex message.
pub const ANIMATED_IMAGES_MAX: usize = 10;
/// Largest flex ratio or number of lines: LINE's integers have 32 bits.
pub const FLEX_INTEGER_MAX: i64 = i32::MAX as i64;
/// Characters of a size such as `23.5px`. Ours.
pub const MEASURE_CHARS_MAX: usize = 16;
/// Width and height of an aspect ratio are between 1 and this.
pub const ASPECT_RATIO_SIDE_MAX: f64 = 100_000.0;
/// An image's height is at most this many times its width.
pub const ASPECT_RATIO_HEIGHT_PER_WIDTH_MAX: f64 = 3.0;

// A message that keeps every other limit also fits into the bytes that are looked at.
const _: () = assert!(MESSAGES_MAX * CAROUSEL_BYTES_MAX < MESSAGES_BYTES_MAX);
const _: () = assert!(MESSAGES_MAX * TEXT_LENGTH_MAX * 6 < MESSAGES_BYTES_MAX);
const _: () = assert!(BUBBLE_BYTES_MAX < CAROUSEL_BYTES_MAX);
// serde_json gives up at 128 levels on its own, without a property path.
const _: () = assert!(NESTING_DEPTH_MAX < 127);
