//! What a tap does. A button names the place of its action; the action itself is read from the
//! message that was sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use bubble::tap;
use domain::push::PushKey;
use domain::time::Timestamp;
use gateway::event::EVENT_TEXT_CHARS_MAX;
use gateway::{ConsentKind, CouponStanding, FriendEvent, Link};
use serde::Deserialize;
use serde_json::{Value, json};
use store::sandbox::{Act, DeedKind, Received};

use super::beside;
use super::deeds::{InChat, consent, done, wrote};
use super::error::Error;
use super::page::percent_encoded;
use super::people;
use crate::state::Sandbox;

/// Bytes of a tap's place, and of what was picked.
const PLACE_BYTES_MAX: usize = 300;

#[derive(Deserialize)]
pub(crate) struct TapForm {
    push: String,
    tap: String,
    /// What was picked: of a date and time picker only.
    picked: Option<String>,
}

/// `POST /messenger/{user}/{handle}/tap`.
pub(crate) async fn submit(
    State(sandbox): State<Arc<Sandbox>>,
    Path((user, handle)): Path<(String, String)>,
    headers: HeaderMap,
    Form(fields): Form<TapForm>,
) -> Result<Response, Error> {
    people::allow(&sandbox)?;
    let here = InChat::find(&sandbox, &user, &handle).await?;
    let found = Tapped::find(&sandbox, &here, &fields.push, &fields.tap).await?;
    let back = format!("{}#end", here.path());
    if fields.tap == tap::OPT_OUT {
        let act = consent(&sandbox, &here, ConsentKind::Promotion, None, "chat");
        sandbox.act(act).await?;
        return Ok(done(&headers, &back, json!({})));
    }
    let action = found.action(&fields.tap).ok_or(Error::NotFound)?;
    let opened = || {
        let tap = percent_encoded(&fields.tap);
        format!(
            "{}/open?push={}&tap={tap}",
            here.path(),
            found.received.push_key
        )
    };
    let at = sandbox.clock.now();
    match action.kind {
        "uri" => {
            if let Some(act) = found.clicked(&sandbox, &here, &action, at) {
                sandbox.act(act).await?;
            }
            return Ok(Redirect::to(&opened()).into_response());
        }
        "message" => {
            if let Some(text) = action.said("text", &found.received) {
                sandbox.act(wrote(&sandbox, &here, &text)).await?;
            }
        }
        "postback" => {
            sandbox
                .act(posted(&sandbox, &here, &action, &found, at)?)
                .await?
        }
        "datetimepicker" => match fields.picked.as_deref().filter(|text| is_moment(text)) {
            Some(picked) => {
                let mut act = posted(&sandbox, &here, &action, &found, at)?;
                picked_with(&mut act, &action, picked);
                sandbox.act(act).await?;
            }
            None => return Ok(Redirect::to(&opened()).into_response()),
        },
        tap::COUPON => coupon(&sandbox, &here, &found, &action).await?,
        "clipboard" => {
            let text = action.text("clipboardText").unwrap_or("");
            let mut act = here.act(at);
            act.deed = Some((DeedKind::Copied, text.to_owned()));
            sandbox.act(act).await?;
            return Ok(done(&headers, &opened(), json!({ "copy": text })));
        }
        // A camera, a place: this phone has neither.
        _ => return Ok(done(&headers, &opened(), json!({ "open": opened() }))),
    }
    Ok(done(&headers, &back, json!({})))
}

/// A coupon is asked for first and used afterwards. One that the platform does not know, or knows
/// nothing of now, is used at once.
async fn coupon(
    sandbox: &Arc<Sandbox>,
    here: &InChat,
    found: &Tapped,
    action: &Action<'_>,
) -> Result<(), Error> {
    let at = sandbox.clock.now();
    let id = action.text("couponId").unwrap_or_default();
    let Some(known) = beside::coupon(sandbox, here, id).await else {
        return sandbox.act(found.took(sandbox, here, action, at)).await;
    };
    let title = known.coupon.get("title").and_then(Value::as_str);
    let title = title.unwrap_or(id).to_owned();
    match known.standing {
        CouponStanding::Held => {
            let mut act = found.took(sandbox, here, action, at);
            act.deed = Some((DeedKind::UsedCoupon, title));
            sandbox.act(act).await?;
            // The next page says how often it can still be used.
            sandbox.tell_now().await;
        }
        CouponStanding::Offered => {
            let coupon = id.to_owned();
            let event = FriendEvent::CouponAcquired { coupon };
            let mut act = here.act(at);
            act.events.push(here.event(sandbox, at, event).to_string());
            sandbox.act(act).await?;
            sandbox.tell_now().await;
            let came = beside::coupon(sandbox, here, id).await;
            let kind = match came.map(|coupon| coupon.standing) {
                Some(CouponStanding::Held) => DeedKind::TookCoupon,
                // It is told later, and the chat shows then what came of it.
                Some(CouponStanding::Offered) | None => return Ok(()),
                Some(_) => DeedKind::MissedCoupon,
            };
            let mut act = here.act(at);
            act.deed = Some((kind, title));
            sandbox.act(act).await?;
        }
        _ => {}
    }
    Ok(())
}

/// A push whose button was tapped.
pub(crate) struct Tapped {
    pub received: Received,
    messages: Vec<Value>,
}

/// An action of a message, and where it stands.
pub(crate) struct Action<'a> {
    pub kind: &'a str,
    pub value: &'a Value,
    message: usize,
    path: &'a str,
}

impl Tapped {
    pub async fn find(
        sandbox: &Sandbox,
        here: &InChat,
        push: &str,
        place: &str,
    ) -> Result<Self, Error> {
        if place.len() > PLACE_BYTES_MAX {
            return Err(Error::Unreadable("a place"));
        }
        let key = PushKey::parse(push).ok_or(Error::Unreadable("a push key"))?;
        let (user, handle) = (&here.somebody.key, here.handle.as_str());
        let received = sandbox.store.received_push(user, handle, key).await?;
        let received = received.ok_or(Error::NotFound)?;
        let messages = serde_json::from_str(&received.messages)
            .map_err(|error| Error::Broken(format!("messages of a push: {error}")))?;
        Ok(Self { received, messages })
    }

    pub fn action<'a>(&'a self, place: &'a str) -> Option<Action<'a>> {
        let found = tap::find(&self.messages, place)?;
        Some(Action {
            kind: found.action.get("type")?.as_str()?,
            value: found.action,
            message: found.message,
            path: found.path,
        })
    }

    /// The click on the link the platform knows this action by; `None` where it knows of none.
    fn clicked(
        &self,
        sandbox: &Sandbox,
        here: &InChat,
        action: &Action<'_>,
        at: Timestamp,
    ) -> Option<Act> {
        let links: Vec<Link> = serde_json::from_str(&self.received.links).ok()?;
        let link = links.into_iter().find(|link| {
            // A link's path leads to the address itself, a tap's to the action.
            let within = link.path.strip_prefix(action.path);
            link.message as usize == action.message
                && within.is_some_and(|within| matches!(within, "/uri" | "/linkUri"))
        })?;
        let event = FriendEvent::LinkClicked {
            push_key: self.received.push_key,
            message: link.message,
            link: link.id,
        };
        let mut act = here.act(at);
        let address = action.address().unwrap_or("");
        act.deed = Some((DeedKind::Opened, address.to_owned()));
        act.events.push(here.event(sandbox, at, event).to_string());
        Some(act)
    }

    fn took(&self, sandbox: &Sandbox, here: &InChat, action: &Action<'_>, at: Timestamp) -> Act {
        let coupon = action.text("couponId").unwrap_or("coupon");
        let event = FriendEvent::CouponUsed {
            push_key: self.received.push_key,
            coupon: coupon.chars().take(EVENT_TEXT_CHARS_MAX).collect(),
        };
        let title = action.said("title", &self.received);
        let mut act = here.act(at);
        act.deed = Some((
            DeedKind::TookCoupon,
            title.unwrap_or_else(|| coupon.to_owned()),
        ));
        act.events.push(here.event(sandbox, at, event).to_string());
        act
    }
}

impl<'a> Action<'a> {
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.value.get(name)?.as_str()
    }

    /// A text with the person's own values in it.
    pub fn said(&self, name: &str, received: &Received) -> Option<String> {
        let text = self.text(name).filter(|text| !text.is_empty())?;
        Some(bubble::filled(text, &received.variables))
    }

    /// Where a URI action leads.
    pub fn address(&self) -> Option<&'a str> {
        self.text("uri").or_else(|| self.text("linkUri"))
    }
}

/// A postback: what it shows is written in the chat, what it carries is told.
fn posted(
    sandbox: &Sandbox,
    here: &InChat,
    action: &Action<'_>,
    found: &Tapped,
    at: Timestamp,
) -> Result<Act, Error> {
    let carried = action.text("data").unwrap_or("").to_owned();
    let event = FriendEvent::Postback {
        data: carried,
        params: BTreeMap::new(),
    };
    let shown = action.said("displayText", &found.received);
    let mut act = here.act(at);
    act.deed = shown
        .or_else(|| action.said("text", &found.received))
        .map(|words| (DeedKind::Wrote, words));
    act.events.push(here.event(sandbox, at, event).to_string());
    Ok(act)
}

/// Adds what was picked: to the chat, and to the event as LINE's webhooks carry it.
fn picked_with(act: &mut Act, action: &Action<'_>, picked: &str) {
    let mode = action.text("mode");
    let mode = mode.filter(|mode| matches!(*mode, "date" | "time"));
    let mode = mode.unwrap_or("datetime");
    for event in &mut act.events {
        if let Ok(Value::Object(mut fields)) = serde_json::from_str(event) {
            fields.insert("params".to_owned(), json!({ mode: picked }));
            *event = Value::Object(fields).to_string();
        }
    }
    act.deed = Some((DeedKind::Wrote, picked.replace('T', " ")));
}

/// A date, a time or both, as the fields of a browser write them.
pub(crate) fn is_moment(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_digit() || b"-:T".contains(&byte);
    (4..=19).contains(&text.len()) && text.bytes().all(is_plain)
}
