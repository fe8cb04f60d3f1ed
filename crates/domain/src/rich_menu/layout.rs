//! Layouts that the console offers: a size, and where its areas are.

use super::Size;
use crate::message::common::Area;

/// One way of cutting a menu into places to tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// In addresses and forms: stable for years.
    pub name: &'static str,
    /// Pixels.
    pub height: u32,
    /// Left, top, width and height of each area, in sixths of the menu.
    cells: &'static [[u32; 4]],
}

/// Pixels; the widest there is.
const WIDTH: u32 = 2_500;
const LARGE: u32 = 1_686;
const COMPACT: u32 = 843;
const SIXTHS: u32 = 6;

/// In the order in which they are offered.
pub const LAYOUTS: [Layout; 10] = [
    Layout {
        name: "large-six",
        height: LARGE,
        cells: &[
            [0, 0, 2, 3],
            [2, 0, 2, 3],
            [4, 0, 2, 3],
            [0, 3, 2, 3],
            [2, 3, 2, 3],
            [4, 3, 2, 3],
        ],
    },
    Layout {
        name: "large-four",
        height: LARGE,
        cells: &[[0, 0, 3, 3], [3, 0, 3, 3], [0, 3, 3, 3], [3, 3, 3, 3]],
    },
    Layout {
        name: "large-top-three",
        height: LARGE,
        cells: &[[0, 0, 6, 3], [0, 3, 2, 3], [2, 3, 2, 3], [4, 3, 2, 3]],
    },
    Layout {
        name: "large-left-two",
        height: LARGE,
        cells: &[[0, 0, 4, 6], [4, 0, 2, 3], [4, 3, 2, 3]],
    },
    Layout {
        name: "large-rows",
        height: LARGE,
        cells: &[[0, 0, 6, 3], [0, 3, 6, 3]],
    },
    Layout {
        name: "large-columns",
        height: LARGE,
        cells: &[[0, 0, 3, 6], [3, 0, 3, 6]],
    },
    Layout {
        name: "large-one",
        height: LARGE,
        cells: &[[0, 0, 6, 6]],
    },
    Layout {
        name: "compact-three",
        height: COMPACT,
        cells: &[[0, 0, 2, 6], [2, 0, 2, 6], [4, 0, 2, 6]],
    },
    Layout {
        name: "compact-two",
        height: COMPACT,
        cells: &[[0, 0, 3, 6], [3, 0, 3, 6]],
    },
    Layout {
        name: "compact-one",
        height: COMPACT,
        cells: &[[0, 0, 6, 6]],
    },
];

impl Layout {
    pub fn from_name(name: &str) -> Option<Self> {
        LAYOUTS.into_iter().find(|layout| layout.name == name)
    }

    pub const fn size(&self) -> Size {
        Size {
            width: WIDTH,
            height: self.height,
        }
    }

    /// The areas in reading order: they touch, and none lies over another.
    pub fn areas(&self) -> Vec<Area> {
        let (width, height) = (WIDTH, self.height);
        let at = |sixths: u32, whole: u32| sixths * whole / SIXTHS;
        let area = |[left, top, across, down]: &[u32; 4]| {
            let (x, y) = (at(*left, width), at(*top, height));
            Area {
                x,
                y,
                width: at(left + across, width) - x,
                height: at(top + down, height) - y,
            }
        };
        self.cells.iter().map(area).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rich_menu::picture_fits;

    #[test]
    fn every_layout_covers_its_menu_once() {
        for layout in LAYOUTS {
            assert_eq!(Layout::from_name(layout.name), Some(layout));
            let size = layout.size();
            assert!(picture_fits(size.width, size.height), "{}", layout.name);
            let areas = layout.areas();
            let covered: u64 = areas
                .iter()
                .map(|area| u64::from(area.width) * u64::from(area.height))
                .sum();
            let whole = u64::from(size.width) * u64::from(size.height);
            assert_eq!(covered, whole, "{}", layout.name);
            for (index, one) in areas.iter().enumerate() {
                assert!(one.x + one.width <= size.width && one.y + one.height <= size.height);
                for other in &areas[..index] {
                    let apart = one.x >= other.x + other.width
                        || other.x >= one.x + one.width
                        || one.y >= other.y + other.height
                        || other.y >= one.y + one.height;
                    assert!(apart, "{}: {one:?} {other:?}", layout.name);
                }
            }
        }
    }
}
