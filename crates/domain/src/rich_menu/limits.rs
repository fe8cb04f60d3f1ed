//! Every limit of a rich menu object and of the requests about it, with its unit.
//!
//! Source: LINE's Messaging API reference. Its page "Character counting in a text" has the name and
//! the text of the chat bar counted in grapheme clusters.

use std::time::Duration;

/// Pixels of the width of a rich menu, both included.
pub const WIDTH_PIXELS_MIN: i64 = 800;
pub const WIDTH_PIXELS_MAX: i64 = 2_500;
/// Pixels of the height of a rich menu; the width and the ratio limit it from above.
pub const HEIGHT_PIXELS_MIN: i64 = 250;
/// Hundredths: the width is at least 1.45 times the height.
pub const WIDTH_PER_HEIGHT_HUNDREDTHS_MIN: u64 = 145;
/// Grapheme clusters of the name, which friends do not see.
pub const NAME_GRAPHEMES_MAX: usize = 300;
/// Grapheme clusters of the text in the chat bar.
pub const CHAT_BAR_TEXT_GRAPHEMES_MAX: usize = 14;
/// Areas of a rich menu.
pub const AREAS_MAX: usize = 20;
/// Operations of one batch.
pub const OPERATIONS_MAX: usize = 1_000;
/// Rich menus of one account, and names for them.
pub const MENUS_MAX: u64 = 1_000;
pub const ALIASES_MAX: u64 = 1_000;
/// Bytes of a menu's picture.
pub const PICTURE_BYTES_MAX: usize = 1024 * 1024;
/// Users that are linked or unlinked in one request.
pub const USERS_MAX: usize = 500;
/// How long a batch can be asked about, and gone on with by its key.
pub const BATCH_KEPT: Duration = Duration::from_secs(14 * 24 * 3_600);
/// ASCII characters of the key under which a batch goes on.
pub const RESUME_REQUEST_KEY_LENGTH_MAX: usize = 100;

// The tallest menu that the ratio admits is as tall as a menu must be.
const _: () = assert!(
    WIDTH_PIXELS_MIN as u64 * 100 >= HEIGHT_PIXELS_MIN as u64 * WIDTH_PER_HEIGHT_HUNDREDTHS_MIN
);
