//! Rich menus in LINE's shapes: a picture below the chat with places to tap.
//!
//! It owns what a valid rich menu is and what the requests about rich menus may say. It does not
//! own pictures, who has which menu, or how many menus there may be. Objects enter only through
//! their `parse`, which returns all errors.

mod alias; // requests that name a menu
mod batch; // requests that link many friends at once
mod id; // ids in LINE's form
mod layout; // where the areas are that the console offers
pub mod limits; // every number, with its unit
mod standing; // who made a menu, whose menu goes first

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use crate::message::action::RichMenuAliasId;
pub use alias::{CreateAliasRequest, UpdateAliasRequest};
pub use batch::{BatchRequest, LinkOperation, Operation, UnlinkAllOperation, UnlinkOperation};
pub use id::RichMenuId;
pub use layout::{LAYOUTS, Layout};
pub use standing::{MenuOrigin, batch_effect, picture_fits, shown_menu};

use crate::message::action::{Action, Place, action};
use crate::message::common::Area;
use crate::message::limits::PIXELS_MAX;
use crate::message::node::Node;
use crate::message::reader::{Reader, Wording, read_json};
use crate::message::value::{Unit, boolean, integer_between, integer_from, list, text};
use crate::message::{Rules, ValidationError};
use limits::{
    AREAS_MAX, CHAT_BAR_TEXT_GRAPHEMES_MAX, HEIGHT_PIXELS_MIN, NAME_GRAPHEMES_MAX,
    WIDTH_PER_HEIGHT_HUNDREDTHS_MIN, WIDTH_PIXELS_MAX, WIDTH_PIXELS_MIN,
};

shape! {
    /// A rich menu, without its picture.
    RichMenu {
        required {
            size "size": Size = Size::read;
            selected "selected": bool = boolean;
            name "name": String = text(Unit::Graphemes, 1, NAME_GRAPHEMES_MAX);
            chat_bar_text "chatBarText": String =
                text(Unit::Graphemes, 1, CHAT_BAR_TEXT_GRAPHEMES_MAX);
            areas "areas": Vec<MenuArea> = list(0, AREAS_MAX, MenuArea::on(size.as_ref()));
        }
    }
}

shape! {
    /// Pixels of the picture.
    Size {
        required {
            width "width": u32 = width;
            height "height": u32 = height;
        }
    }
}

shape! {
    /// A place to tap, and what happens there.
    MenuArea with menu: Option<&Size> {
        required {
            bounds "bounds": Area = bounds(menu);
            action "action": Action = action(Place::RichMenu);
        }
    }
}

impl RichMenu {
    /// Reads a rich menu object. Returns all errors, not the first one.
    pub fn parse(json: &str, rules: &Rules) -> Result<Self, Vec<ValidationError>> {
        read_json(json, None, Wording::Messages, rules, |reader, node| {
            reader.plain(node, Self::fields)
        })
    }

    /// Canonical JSON, as that of messages.
    pub fn to_json(&self) -> String {
        canonical(self)
    }
}

impl Size {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        let size = reader.plain(node, Self::fields)?;
        let (width, height) = (u64::from(size.width), u64::from(size.height));
        if width * 100 < height * WIDTH_PER_HEIGHT_HUNDREDTHS_MIN {
            reader.report("The width must be at least 1.45 times the height");
        }
        Some(size)
    }
}

impl MenuArea {
    fn on<'a>(menu: Option<&Size>) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<Self> {
        move |reader, node| reader.plain(node, |reader, object| Self::fields(reader, object, menu))
    }
}

fn width<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<u32> {
    let width = integer_between(WIDTH_PIXELS_MIN, WIDTH_PIXELS_MAX)(reader, node)?;
    u32::try_from(width).ok()
}

fn height<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<u32> {
    let height = integer_from(HEIGHT_PIXELS_MIN, PIXELS_MAX)(reader, node)?;
    u32::try_from(height).ok()
}

/// An area must begin on the menu. It may end beyond it: the example in LINE's own guide reaches
/// one pixel over the right and the lower edge. Where the size was refused, any area passes.
fn bounds<'a>(menu: Option<&Size>) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<Area> {
    move |reader, node| {
        let bounds = Area::read(reader, node)?;
        if menu.is_some_and(|menu| bounds.x >= menu.width || bounds.y >= menu.height) {
            reader.report("Must begin within the size of the rich menu");
        }
        Some(bounds)
    }
}

fn canonical(value: &impl Serialize) -> String {
    // Keys are strings and no value can refuse: there is no error to hand on.
    serde_json::to_string(value).expect("rich menus are plain text, numbers and lists")
}
