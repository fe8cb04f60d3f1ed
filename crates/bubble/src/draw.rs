//! Messages in blocks: what one sender says at one time stands together.

use askama::Template;
use domain::campaign::Purpose;
use serde_json::Value;

use crate::address;
use crate::context::{Context, Mode, Taps};
use crate::html::Html;
use crate::message;
use crate::part::Part;
use crate::tap;
use crate::text::filled;

/// The law's own words, at the very front of every promotion.
pub const AD: &str = "(광고)";

#[derive(Template)]
#[template(path = "bubble/from.html")]
struct Block<'a> {
    icon: Option<&'a str>,
    initial: char,
    who: &'a str,
    contents: Html,
    /// At the end of a promotion: the words beside the opt-out, and its own.
    opt_out: Option<(String, String)>,
    time: Option<&'a str>,
}

/// What stands above the body of a promotion.
#[derive(Template)]
#[template(path = "bubble/ad_label.html")]
struct AdLabel<'a> {
    who: &'a str,
    contact: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "bubble/label_alone.html")]
struct LabelAlone {
    label: Html,
}

#[derive(Template)]
#[template(path = "bubble/taps.html")]
struct TapForm<'a> {
    taps: &'a Taps,
    blocks: Html,
}

#[derive(Template)]
#[template(path = "bubble/quick.html")]
struct QuickReplies {
    label: String,
    buttons: Vec<Html>,
}

/// The name and picture over a block: the account's, or the message's own.
#[derive(PartialEq)]
struct Sender<'a> {
    name: &'a str,
    icon: Option<&'a str>,
}

/// The `.from` blocks of the messages of one push. In a preview they must not stand in a form.
pub fn draw(messages: &[Value], context: &Context) -> String {
    let parts: Vec<Part<'_>> = messages
        .iter()
        .enumerate()
        .map(|(index, message)| Part::message(index, message))
        .collect();
    let groups: Vec<&[Part<'_>]> = parts
        .chunk_by(|left, right| sender(left, context) == sender(right, context))
        .collect();
    let last = groups.len().saturating_sub(1);
    let blocks = groups.iter().enumerate().map(|(index, group)| {
        let sender = sender(&group[0], context);
        block(group, &sender, index == 0, index == last, context)
    });
    let blocks = Html::all(blocks);
    match &context.mode {
        Mode::Preview => blocks.into_text(),
        Mode::Chat(taps) => Html::of(&TapForm { taps, blocks }).into_text(),
    }
}

/// One message as if it were sent alone.
pub fn draw_one(message: &Value, context: &Context) -> String {
    draw(std::slice::from_ref(message), context)
}

/// The buttons below the chat that the last message brings; empty where it brings none.
pub fn quick_replies(messages: &[Value], context: &Context) -> String {
    let Some((last, message)) = messages.iter().enumerate().next_back() else {
        return String::new();
    };
    let message = Part::message(last, message);
    let items = message.part("quickReply").map(|reply| reply.list("items"));
    let buttons: Vec<Html> = items
        .unwrap_or_default()
        .iter()
        .filter_map(|item| Some(tap::button(&item.part("action")?, "quick-tap", context)))
        .collect();
    if buttons.is_empty() {
        return String::new();
    }
    let label = context.words().t("bubble-quick").to_string();
    let quick = Html::of(&QuickReplies { label, buttons });
    match &context.mode {
        Mode::Preview => quick.into_text(),
        Mode::Chat(taps) => {
            let blocks = quick;
            Html::of(&TapForm { taps, blocks }).into_text()
        }
    }
}

/// What a list of chats says of the messages, in plain text: the last one that says anything.
pub fn summary(messages: &[Value], context: &Context) -> String {
    let said = messages
        .iter()
        .enumerate()
        .next_back()
        .map(|(index, value)| message::in_words(&Part::message(index, value), context));
    let ad = match context.purpose {
        Purpose::Promotion => format!("{AD} "),
        _ => String::new(),
    };
    format!("{ad}{}", said.unwrap_or_default())
}

fn block(
    group: &[Part<'_>],
    sender: &Sender<'_>,
    is_first: bool,
    is_last: bool,
    context: &Context,
) -> Html {
    let is_promotion = context.purpose == Purpose::Promotion;
    let words = context.words();
    let mut label = (is_promotion && is_first).then(|| {
        Html::of(&AdLabel {
            who: &context.account,
            contact: context.contact.as_deref(),
        })
    });
    let mut contents = Vec::with_capacity(group.len() + 1);
    for part in group {
        // The label stands in the first bubble of text, and alone before anything else.
        if !matches!(part.kind(), "text" | "textV2")
            && let Some(label) = label.take()
        {
            contents.push(Html::of(&LabelAlone { label }));
        }
        contents.push(message::draw(part, label.take(), context));
    }
    Html::of(&Block {
        icon: sender.icon,
        initial: sender.name.chars().next().unwrap_or('@'),
        who: sender.name,
        contents: Html::all(contents),
        opt_out: (is_promotion && is_last).then(|| {
            let say = |key: &str| words.t(key).to_string();
            (say("bubble-opt-out-free"), say("bubble-opt-out"))
        }),
        time: is_last.then_some(context.time.as_str()),
    })
}

fn sender<'a>(message: &Part<'a>, context: &'a Context) -> Sender<'a> {
    let own = message.part("sender");
    let name = own.as_ref().and_then(|own| own.text("name"));
    let icon = own.as_ref().and_then(|own| own.text("iconUrl"));
    Sender {
        name: name.unwrap_or(&context.account),
        icon: icon
            .or(context.icon_url.as_deref())
            .and_then(address::media),
    }
}

/// A property's text with its variables filled in.
pub(crate) fn said(part: &Part<'_>, key: &str, context: &Context) -> Option<String> {
    let text = part.text(key).filter(|text| !text.is_empty())?;
    Some(filled(text, &context.variables))
}
