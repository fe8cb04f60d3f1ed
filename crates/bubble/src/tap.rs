//! Actions as buttons, and back from a button to its action.
//!
//! A button says where its action stands (`0:/template/actions/1`), never what it does: whoever is
//! told of a tap finds the action in the message that was sent, not in what a browser claims.

use askama::Template;
use serde_json::Value;

use crate::address;
use crate::context::Context;
use crate::html::Html;
use crate::part::Part;
use crate::text::filled;

/// What the opt-out of a promotion is named by.
pub const OPT_OUT: &str = "opt-out";
const KINDS: [&str; 8] = [
    "uri",
    "message",
    "postback",
    "datetimepicker",
    "clipboard",
    "camera",
    "cameraRoll",
    "location",
];
/// The message that is its own action.
pub const COUPON: &str = "coupon";

/// An action that a tap named.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tapped<'a> {
    /// The message's position.
    pub message: usize,
    /// JSON pointer to the action, from the message.
    pub path: &'a str,
    pub action: &'a Value,
}

/// Finds the action that a button names; `None` where there is none.
pub fn find<'a>(messages: &'a [Value], place: &'a str) -> Option<Tapped<'a>> {
    let (message, path) = place.split_once(':')?;
    let message: usize = message.parse().ok()?;
    let action = messages.get(message)?.pointer(path)?;
    let kind = action.get("type")?.as_str()?;
    // A map's area names its type otherwise; only the place of actions tells them apart.
    let is_action = KINDS.contains(&kind) && is_place_of_actions(path);
    let is_coupon = kind == COUPON && path.is_empty();
    (is_action || is_coupon).then_some(Tapped {
        message,
        path,
        action,
    })
}

/// `message` and `location` are also kinds of messages and components.
fn is_place_of_actions(path: &str) -> bool {
    let mut steps = path.rsplit('/');
    let last = steps.next().unwrap_or("");
    match last {
        "action" | "defaultAction" => true,
        index => {
            index.parse::<usize>().is_ok() && steps.next().is_some_and(|list| list == "actions")
        }
    }
}

#[derive(Template)]
#[template(path = "bubble/tap.html")]
struct Button<'a> {
    class: &'a str,
    place: String,
    kind: &'a str,
    /// A page of its own for what is opened.
    opens: bool,
    label: String,
    /// Lies over what it belongs to, so its words are only read out.
    over: bool,
}

/// A button with its label.
pub(crate) fn button(action: &Part<'_>, class: &str, context: &Context) -> Html {
    draw(action, class, label(action, context), false)
}

/// A button that lies over what can be tapped as a whole.
pub(crate) fn over(action: &Part<'_>, context: &Context) -> Html {
    draw(action, "tap-over", label(action, context), true)
}

/// The coupon's own.
pub(crate) fn of_coupon(message: &Part<'_>, key: &str, context: &Context) -> Html {
    let label = context.words().t(key).to_string();
    draw(message, "button button-main button-s", label, false)
}

fn draw(action: &Part<'_>, class: &str, label: String, over: bool) -> Html {
    Html::of(&Button {
        class,
        place: action.place(),
        kind: action.kind(),
        opens: opens(action),
        label,
        over,
    })
}

/// Whether a tap opens a page.
pub(crate) fn opens(action: &Part<'_>) -> bool {
    let uri = action.text("uri").or_else(|| action.text("linkUri"));
    action.kind() == "uri" && uri.and_then(address::page).is_some()
}

pub(crate) fn label(action: &Part<'_>, context: &Context) -> String {
    match action.text("label").filter(|label| !label.is_empty()) {
        Some(label) => filled(label, &context.variables),
        None => context.words().t("bubble-open").to_string(),
    }
}
