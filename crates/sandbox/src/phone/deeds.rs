//! What a person does, each with what the platform is told of it, in one commit.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use domain::handle::Handle;
use domain::time::Timestamp;
use domain::user::UserKey;
use gateway::{AccountRef, ConsentKind, Event, EventBody, EventId, FriendEvent};
use serde::Deserialize;
use serde_json::{Value, json};
use store::sandbox::{Act, Consent, Contact, ContactState, DeedKind};

use super::error::Error;
use super::page::{percent_encoded, wants_json};
use super::people::{self, Somebody};
use crate::state::{Sandbox, lock};

/// UTF-16 units of what is written at once, as the platform's own texts are counted.
pub(crate) const TEXT_UNITS_MAX: usize = 5_000;
/// The source of a friendship that was blocked in between.
const SOURCE_UNBLOCK: &str = "unblock";

/// A person in the chat with an account.
#[derive(Debug, Clone)]
pub(crate) struct InChat {
    pub somebody: Somebody,
    pub handle: Handle,
}

impl InChat {
    /// Whoever a path names; an account nobody ever heard of is not there.
    pub async fn find(sandbox: &Sandbox, user: &str, handle: &str) -> Result<Self, Error> {
        let handle = Handle::parse(handle).map_err(|_| Error::NotFound)?;
        let somebody = people::known(sandbox, user).await?;
        if sandbox.account(handle.as_str()).await?.is_none() {
            let contacts = sandbox.store.contacts(&somebody.key).await?;
            let is_known = |contact: &Contact| contact.handle == handle.as_str();
            // Whoever is somebody's friend was an account once.
            contacts
                .iter()
                .any(is_known)
                .then_some(())
                .ok_or(Error::NotFound)?;
        }
        Ok(Self { somebody, handle })
    }

    pub fn path(&self) -> String {
        let handle = percent_encoded(self.handle.as_str());
        format!("{}/{handle}", self.somebody.path())
    }

    pub fn act(&self, at: Timestamp) -> Act {
        Act::of(self.somebody.key.clone(), self.handle.to_string(), at)
    }

    /// An event of this person and this account, with an id of its own.
    pub fn event(&self, sandbox: &Sandbox, at: Timestamp, event: FriendEvent) -> Value {
        let id = format!("phone-{}", hex::encode(sandbox.ids.next_bytes()));
        self.event_as(&id, at, event)
    }

    /// The same with an id that follows from what happened, where it may happen once only.
    pub fn event_as(&self, id: &str, at: Timestamp, event: FriendEvent) -> Value {
        let event = EventBody::Friend {
            account: AccountRef::Handle(self.handle.clone()),
            user: self.somebody.key.clone(),
            event,
        };
        match EventId::parse(id) {
            Some(id) => Event {
                id,
                at,
                body: event,
            }
            .to_json(),
            // Ids are made here, of printable characters.
            None => Value::Null,
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct DeedForm {
    deed: String,
    /// The version of the words that were shown.
    wording: Option<String>,
    /// `receipt` where it was done there.
    from: Option<String>,
}

/// `POST /messenger/{user}/{handle}/do`: block, unblock, leave, opt out, opt in.
pub(crate) async fn submit(
    State(sandbox): State<Arc<Sandbox>>,
    Path((user, handle)): Path<(String, String)>,
    headers: HeaderMap,
    Form(fields): Form<DeedForm>,
) -> Result<Response, Error> {
    people::allow(&sandbox)?;
    let here = InChat::find(&sandbox, &user, &handle).await?;
    let is_receipt = fields.from.as_deref() == Some("receipt");
    let place = match is_receipt {
        true => "receipt",
        false => "chat",
    };
    let act = match fields.deed.as_str() {
        "block" => state(&sandbox, &here, ContactState::Blocked),
        "leave" => state(&sandbox, &here, ContactState::Left),
        "unblock" => state(&sandbox, &here, ContactState::Active),
        "opt-out" => consent(&sandbox, &here, ConsentKind::Promotion, None, place),
        "night-out" => consent(&sandbox, &here, ConsentKind::Night, None, place),
        "opt-in" | "night-in" => {
            let kind = match fields.deed.as_str() {
                "opt-in" => ConsentKind::Promotion,
                _ => ConsentKind::Night,
            };
            let version = fields.wording.ok_or(Error::Unreadable("a wording"))?;
            let shown = sandbox.store.shown_wording(here.handle.as_str(), &version);
            shown.await?.ok_or(Error::Unreadable("a known wording"))?;
            consent(&sandbox, &here, kind, Some(version), place)
        }
        _ => return Err(Error::Unreadable("a deed")),
    };
    sandbox.act(act).await?;
    let back = match (is_receipt, fields.deed.as_str()) {
        (true, _) => format!("{}/consent", here.somebody.path()),
        (false, "leave") => here.somebody.path(),
        (false, _) => format!("{}#end", here.path()),
    };
    Ok(done(&headers, &back, json!({})))
}

#[derive(Deserialize)]
pub(crate) struct WriteForm {
    text: String,
}

/// `POST /messenger/{user}/{handle}/write`: to the account.
pub(crate) async fn write(
    State(sandbox): State<Arc<Sandbox>>,
    Path((user, handle)): Path<(String, String)>,
    headers: HeaderMap,
    Form(fields): Form<WriteForm>,
) -> Result<Response, Error> {
    people::allow(&sandbox)?;
    let here = InChat::find(&sandbox, &user, &handle).await?;
    // Browsers send line breaks as two characters.
    let text = fields.text.replace("\r\n", "\n");
    let text = text.trim();
    if text.encode_utf16().count() > TEXT_UNITS_MAX {
        return Err(Error::Unreadable("a text that is not too long"));
    }
    if !text.is_empty() {
        sandbox.act(wrote(&sandbox, &here, text)).await?;
    }
    Ok(done(&headers, &format!("{}#end", here.path()), json!({})))
}

/// To the script of a page in JSON, to a browser without it as a way back.
pub(crate) fn done(headers: &HeaderMap, back: &str, told: Value) -> Response {
    match wants_json(headers) {
        true => Json(told).into_response(),
        false => Redirect::to(back).into_response(),
    }
}

/// Writing words, by hand or by a tap.
pub(crate) fn wrote(sandbox: &Sandbox, here: &InChat, text: &str) -> Act {
    let at = sandbox.clock.now();
    let message = json!({"type": "text", "text": text}).to_string();
    let event = here.event(sandbox, at, FriendEvent::MessageReceived { message });
    Act {
        deed: Some((DeedKind::Wrote, text.to_owned())),
        events: vec![event.to_string()],
        ..here.act(at)
    }
}

/// Blocking, leaving, and taking a block back.
fn state(sandbox: &Sandbox, here: &InChat, state: ContactState) -> Act {
    let at = sandbox.clock.now();
    let (kind, event) = match state {
        ContactState::Blocked => (DeedKind::Blocked, FriendEvent::Blocked),
        ContactState::Left => (DeedKind::Left, FriendEvent::Left),
        ContactState::Active => {
            let source = Some(SOURCE_UNBLOCK.to_owned());
            let profile = None;
            (DeedKind::Unblocked, FriendEvent::Added { source, profile })
        }
    };
    Act {
        state: Some(state),
        deed: Some((kind, String::new())),
        events: vec![here.event(sandbox, at, event).to_string()],
        ..here.act(at)
    }
}

/// Agreeing to words, or stopping, which needs none.
pub(crate) fn consent(
    sandbox: &Sandbox,
    here: &InChat,
    kind: ConsentKind,
    wording: Option<String>,
    place: &str,
) -> Act {
    let at = sandbox.clock.now();
    let granted = wording.is_some();
    let event = FriendEvent::ConsentChanged {
        kind,
        granted,
        wording: wording.clone(),
    };
    let event = here.event(sandbox, at, event).to_string();
    let answer = Some(Consent {
        granted,
        at: Some(at),
        wording,
        place: Some(place.to_owned()),
    });
    let mut act = here.act(at);
    act.events.push(event);
    match kind {
        ConsentKind::Promotion => {
            let deed = match granted {
                true => DeedKind::OptedIn,
                false => DeedKind::OptedOut,
            };
            act.promotion = answer;
            act.deed = Some((deed, String::new()));
        }
        ConsentKind::Night => act.night = answer,
    }
    act
}

impl Sandbox {
    /// Tells the platform of what changes nothing on the screen: no page has to look again.
    pub(crate) async fn tell_of(self: &Arc<Self>, act: Act) -> Result<(), Error> {
        let sandbox = self.clone();
        // As a whole, whether or not the browser still waits for the page.
        let telling = tokio::spawn(async move { sandbox.store.act(act).await });
        telling
            .await
            .map_err(|error| Error::Broken(error.to_string()))??;
        self.untold.notify_one();
        Ok(())
    }

    /// Records a deed with its events; the platform is told, and pages that show it look again.
    pub(crate) async fn act(&self, act: Act) -> Result<(), Error> {
        let (user, handle, state): (UserKey, _, _) =
            (act.user.clone(), act.handle.clone(), act.state);
        let tells = !act.events.is_empty();
        {
            // Whoever blocks and takes it back at once ends as the file says.
            let _one_at_a_time = self.acting.lock().await;
            self.store.act(act).await?;
            if let Some(state) = state {
                lock(&self.refusing).note(&handle, &user, state);
            }
        }
        if tells {
            self.untold.notify_one();
        }
        self.screens.reached(&[user.as_str()]);
        Ok(())
    }
}
