//! Who made a menu, whose menu goes first, and what a batch does to one friend's.

use super::limits::{
    HEIGHT_PIXELS_MIN, WIDTH_PER_HEIGHT_HUNDREDTHS_MIN, WIDTH_PIXELS_MAX, WIDTH_PIXELS_MIN,
};
use super::{Operation, RichMenuId};

/// Who made a menu, or set a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MenuOrigin {
    /// A brand's program, which sees no other.
    Program,
    Console,
}

impl MenuOrigin {
    pub const ALL: [MenuOrigin; 2] = [Self::Program, Self::Console];

    /// What is stored: stable for years.
    pub const fn code(self) -> u8 {
        match self {
            Self::Program => 1,
            Self::Console => 2,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.code() == code)
    }
}

/// The menu that a friend sees: their own, the default that programs set, the console's.
pub fn shown_menu<T>(own: Option<T>, of_programs: Option<T>, of_console: Option<T>) -> Option<T> {
    own.or(of_programs).or(of_console)
}

/// What becomes of a friend's own menu: `None` where the batch leaves it, `Some(None)` where it is
/// taken away. Operations do not see each other's effects.
pub fn batch_effect(operations: &[Operation], menu: RichMenuId) -> Option<Option<RichMenuId>> {
    operations.iter().find_map(|operation| match operation {
        Operation::Link(link) if link.from == menu => Some(Some(link.to)),
        Operation::Unlink(unlink) if unlink.from == menu => Some(None),
        Operation::UnlinkAll(_) => Some(None),
        Operation::Link(_) | Operation::Unlink(_) => None,
    })
}

/// Whether a picture of so many pixels may be a menu's.
pub const fn picture_fits(width: u32, height: u32) -> bool {
    let is_wide = width as i64 >= WIDTH_PIXELS_MIN && width as i64 <= WIDTH_PIXELS_MAX;
    let is_high = height as i64 >= HEIGHT_PIXELS_MIN;
    let ratio = width as u64 * 100 >= height as u64 * WIDTH_PER_HEIGHT_HUNDREDTHS_MIN;
    is_wide && is_high && ratio
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rich_menu::{BatchRequest, RichMenuId};

    const A: RichMenuId = RichMenuId::from_bytes([1; 16]);
    const B: RichMenuId = RichMenuId::from_bytes([2; 16]);
    const C: RichMenuId = RichMenuId::from_bytes([3; 16]);

    #[test]
    fn operations_do_not_see_each_others_effects() {
        let chain = format!(
            r#"{{"operations": [{{"type": "link", "from": "{A}", "to": "{B}"}},
                {{"type": "unlink", "from": "{B}"}}]}}"#
        );
        let chain = BatchRequest::parse(&chain).unwrap().operations;
        assert_eq!(batch_effect(&chain, A), Some(Some(B)));
        assert_eq!(batch_effect(&chain, B), Some(None));
        assert_eq!(batch_effect(&chain, C), None);
        let all = BatchRequest::parse(r#"{"operations": [{"type": "unlinkAll"}]}"#).unwrap();
        assert_eq!(batch_effect(&all.operations, C), Some(None));
    }

    #[test]
    fn whoever_is_nearer_to_the_friend_goes_first() {
        assert_eq!(shown_menu(Some(1), Some(2), Some(3)), Some(1));
        assert_eq!(shown_menu(None, Some(2), Some(3)), Some(2));
        assert_eq!(shown_menu(None, None, Some(3)), Some(3));
        assert_eq!(shown_menu::<u8>(None, None, None), None);
    }

    #[test]
    fn pictures_are_wide() {
        for (width, height) in [(800, 250), (2_500, 1_686), (2_500, 843), (800, 551)] {
            assert!(picture_fits(width, height), "{width} {height}");
        }
        for (width, height) in [
            (799, 250),
            (2_501, 843),
            (800, 249),
            (800, 552),
            (2_500, 1_725),
        ] {
            assert!(!picture_fits(width, height), "{width} {height}");
        }
    }
}
