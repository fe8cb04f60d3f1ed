//! Every limit of a message object, with its unit, in one place.
//!
//! Source: LINE's Messaging API reference and OpenAPI specification. LINE counts text in UTF-16
//! code units, except the properties listed on its page "Character counting in a text", which it
//! counts in grapheme clusters. Where LINE documents no number, the constant says that it is ours.

/// Message objects in one request.
pub const MESSAGES_MAX: usize = 5;
/// Bytes of JSON text that are looked at: LINE's limit for a whole request.
pub const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Objects and arrays inside each other, the array of messages included. Ours: enough for 30 boxes
/// in boxes, and far from exhausting a stack.
pub const NESTING_DEPTH_MAX: usize = 64;
/// Errors listed in one answer. Ours: a hostile body must not buy an answer larger than itself.
pub const ERRORS_MAX: usize = 1_000;
/// Characters of a foreign property name that are repeated in a property path. Ours.
pub const PROPERTY_NAME_CHARS_MAX: usize = 64;

/// UTF-16 code units of a text message.
pub const TEXT_LENGTH_MAX: usize = 5_000;
/// LINE emojis in a text message, and those that one text message (v2) substitutes.
pub const EMOJIS_MAX: usize = 20;
/// Mentions that one text message (v2) substitutes.
pub const MENTIONS_MAX: usize = 20;
/// Objects in the substitution of a text message (v2).
pub const SUBSTITUTIONS_MAX: usize = 100;
/// ASCII characters of the name of a place in a text message (v2).
pub const SUBSTITUTION_KEY_LENGTH_MAX: usize = 20;
/// UTF-16 code units of the token of a quoted message. Ours: LINE's have about a hundred.
pub const QUOTE_TOKEN_LENGTH_MAX: usize = 512;
/// UTF-16 code units of an emoji's product id and emoji id. Ours.
pub const EMOJI_ID_LENGTH_MAX: usize = 64;
/// UTF-16 code units of a sticker's package id and sticker id. Ours.
pub const STICKER_ID_LENGTH_MAX: usize = 64;
/// UTF-16 code units of the URL of an image, a video, a sound or an icon.
pub const MEDIA_URL_LENGTH_MAX: usize = 2_000;
/// ASCII characters of a video's tracking id.
pub const TRACKING_ID_LENGTH_MAX: usize = 100;
/// Milliseconds of a sound. Ours: the largest integer of 32 bits, 24 days.
pub const AUDIO_MILLIS_MAX: i64 = i32::MAX as i64;
/// UTF-16 code units of the title of a location message, and of its address.
pub const LOCATION_TEXT_LENGTH_MAX: usize = 100;
/// Degrees north or south of the equator. Ours: there are no more.
pub const LATITUDE_DEGREES_MAX: f64 = 90.0;
/// Degrees east or west of Greenwich. Ours: there are no more.
pub const LONGITUDE_DEGREES_MAX: f64 = 180.0;
/// ASCII characters of the id of a coupon. Ours: LINE's have 26.
pub const COUPON_ID_LENGTH_MAX: usize = 64;
/// ASCII characters of the name of the way on which a coupon was shown.
pub const DELIVERY_TAG_LENGTH_MAX: usize = 30;

/// Pixels of the width of an imagemap's base image, neither more nor fewer.
pub const IMAGEMAP_WIDTH_PIXELS: u32 = 1_040;
/// Pixels of any length or position in a picture. LINE's specification: 32 bits with a sign.
pub const PIXELS_MAX: i64 = i32::MAX as i64;
/// Actions of an imagemap.
pub const IMAGEMAP_ACTIONS_MAX: usize = 50;
/// UTF-16 code units of the label of an imagemap's action.
pub const IMAGEMAP_LABEL_LENGTH_MAX: usize = 100;
/// UTF-16 code units of the text that an imagemap's action sends.
pub const IMAGEMAP_TEXT_LENGTH_MAX: usize = 400;
/// UTF-16 code units of the label that is shown after an imagemap's video.
pub const VIDEO_LINK_LABEL_LENGTH_MAX: usize = 30;

/// UTF-16 code units of a sender's name.
pub const SENDER_NAME_LENGTH_MAX: usize = 20;
/// Buttons of a quick reply.
pub const QUICK_REPLY_ITEMS_MAX: usize = 13;

/// UTF-16 code units of the alternative text of a template, imagemap or Flex message.
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
/// Columns of a carousel or image carousel template.
pub const COLUMNS_MAX: usize = 10;
/// Actions of one carousel column.
pub const COLUMN_ACTIONS_MAX: usize = 3;

/// Grapheme clusters of an action's label in templates, quick replies and rich menus.
pub const LABEL_GRAPHEMES_MAX: usize = 20;
/// Grapheme clusters of an action's label in an image carousel.
pub const IMAGE_CAROUSEL_LABEL_GRAPHEMES_MAX: usize = 12;
/// Grapheme clusters of an action's label in Flex messages.
pub const FLEX_LABEL_GRAPHEMES_MAX: usize = 40;
/// ASCII characters of the alias id of a rich menu.
pub const RICH_MENU_ALIAS_ID_LENGTH_MAX: usize = 32;
/// UTF-16 code units of the data of a postback, a date picker or a switch between rich menus.
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
const _: () = assert!(MESSAGES_MAX * CAROUSEL_BYTES_MAX < BODY_BYTES_MAX);
const _: () = assert!(MESSAGES_MAX * TEXT_LENGTH_MAX * 6 < BODY_BYTES_MAX);
const _: () = assert!(BUBBLE_BYTES_MAX < CAROUSEL_BYTES_MAX);
// serde_json gives up at 128 levels on its own, without a property path.
const _: () = assert!(NESTING_DEPTH_MAX < 127);
