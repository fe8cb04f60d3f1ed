//! Telling the platform what friends did: signed, in lists, tried again until it is taken.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::outcome::RejectionCode;
use domain::time::Clock;
use gateway::event::events_body;
use gateway::{
    ChatQuestion, ChatState, ChatsAnswer, ChatsBody, EVENTS_MAX, Event, EventBody, EventId,
    SIGNATURE_HEADER, Secret, sign,
};
use rand::RngExt;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Url};
use store::sandbox::{Resolution, UndecidedPush};

use crate::state::{Error, Sandbox};

/// Tries before the caller is told; what is stored is sent again when it asks again.
pub const TRIES_MAX: u32 = 8;
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long somebody waits for a page because of a question to the platform.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// The last part of the platform's address for events, and of the one for questions beside it.
const EVENTS: &str = "events";
const CHATS: &str = "chats";
/// Pushes whose recipients are decided about in one go.
const UNDECIDED_PAGE: u32 = 200;

/// Posts lists of events to the platform.
pub struct EventSender {
    client: Client,
    url: String,
    secret: Secret,
    clock: Arc<dyn Clock>,
}

/// What the platform answered: taken, or refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventAnswer {
    pub status: u16,
    pub body: Bytes,
}

/// How many recipients were decided about and told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Resolved {
    pub confirmed: u64,
    pub failed: u64,
    pub told: u64,
}

impl EventSender {
    pub fn open(url: String, secret: Secret, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let usable = Url::parse(&url).is_ok_and(|url| url.scheme() == "http" && url.has_host());
        if !usable {
            return Err(Error::EventsAddress(url));
        }
        let client = Client::builder()
            .no_proxy()
            // The address is plain: a machine without authorities does, too.
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .build()?;
        Ok(Self {
            client,
            url,
            secret,
            clock,
        })
    }

    /// Sends one list, again and again while the platform is away or behind. The events' ids make a
    /// repetition harmless.
    pub async fn send(&self, body: Bytes) -> Result<EventAnswer, Error> {
        let mut last = String::new();
        for tries in 0..TRIES_MAX {
            let asked = match self.try_once(body.clone()).await {
                Ok((answer, _)) if answer.status < 500 && answer.status != 429 => {
                    return Ok(answer);
                }
                Ok((answer, retry_after)) => {
                    last = format!("it answered {}", answer.status);
                    retry_after
                }
                Err(error) => {
                    last = error.to_string();
                    None
                }
            };
            let own = PAUSE_MIN.saturating_mul(1 << tries);
            tokio::time::sleep(asked.unwrap_or(own).min(PAUSE_MAX)).await;
        }
        Err(Error::Platform(last))
    }

    /// Asks what a person sees in a chat beside its messages: once, because a page waits for it.
    pub async fn ask(&self, question: ChatQuestion) -> Result<ChatState, Error> {
        let Some(base) = self.url.strip_suffix(EVENTS) else {
            return Err(Error::Platform(
                "its address is not one of events".to_owned(),
            ));
        };
        let body = ChatsBody {
            chats: vec![question],
        };
        let unread = |why: serde_json::Error| Error::Platform(why.to_string());
        let body = serde_json::to_vec(&body).map_err(unread)?;
        let signature = sign(&self.secret, self.clock.now(), &body);
        let response = self
            .client
            .post(format!("{base}{CHATS}"))
            .timeout(ASK_TIMEOUT)
            .header(CONTENT_TYPE, "application/json")
            .header(SIGNATURE_HEADER, signature)
            .body(body)
            .send()
            .await?
            .error_for_status()?;
        let answer: ChatsAnswer =
            serde_json::from_slice(&response.bytes().await?).map_err(unread)?;
        Ok(answer.chats.into_iter().next().unwrap_or_default())
    }

    async fn try_once(
        &self,
        body: Bytes,
    ) -> Result<(EventAnswer, Option<Duration>), reqwest::Error> {
        // Signed anew each time: a signature ages.
        let signature = sign(&self.secret, self.clock.now(), &body);
        let response = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header(SIGNATURE_HEADER, signature)
            .body(body)
            .send()
            .await?;
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| gateway::retry_after::parse(text, self.clock.now()));
        let answer = EventAnswer {
            status: response.status().as_u16(),
            body: response.bytes().await?,
        };
        Ok((answer, retry_after))
    }
}

/// Of whom it is decided, and how many of them were delivered: shares from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fates {
    /// Of the undecided that are looked at.
    pub confirmed_share: f64,
    /// So many of those that were accepted, and of whom nothing was told: a messenger that confirms
    /// deliveries. Of the uncertain all are looked at, whatever this says.
    pub accepted_share: f64,
}

/// Decides about recipients and tells the platform everything it has not taken yet. Safe to repeat:
/// what was decided stays, and events keep their ids.
pub async fn resolve(sandbox: &Sandbox, fates: Fates) -> Result<Resolved, Error> {
    let mut resolved = Resolved::default();
    loop {
        let pushes = sandbox.store.uncertain(UNDECIDED_PAGE).await?;
        if pushes.is_empty() {
            break;
        }
        decide(sandbox, &pushes, fates.confirmed_share, 1.0, &mut resolved).await?;
    }
    if fates.accepted_share > 0.0 {
        decide_accepted(sandbox, fates, &mut resolved).await?;
    }
    tell(sandbox, &mut resolved).await?;
    Ok(resolved)
}

/// A share of all who were accepted.
async fn decide_accepted(
    sandbox: &Sandbox,
    fates: Fates,
    resolved: &mut Resolved,
) -> Result<(), Error> {
    let Fates {
        confirmed_share,
        accepted_share,
    } = fates;
    let mut after = 0;
    loop {
        let pushes = sandbox.store.accepted_after(after, UNDECIDED_PAGE).await?;
        let Some(last) = pushes.last() else {
            return Ok(());
        };
        after = last.sequence;
        decide(sandbox, &pushes, confirmed_share, accepted_share, resolved).await?;
    }
}

/// Draws for `share` of these recipients.
async fn decide(
    sandbox: &Sandbox,
    pushes: &[UndecidedPush],
    confirmed_share: f64,
    share: f64,
    resolved: &mut Resolved,
) -> Result<(), Error> {
    let at = sandbox.clock.now();
    let mut resolutions = Vec::new();
    let mut draws = sandbox.draws();
    for push in pushes {
        for position in &push.positions {
            if draws.random::<f64>() >= share {
                continue;
            }
            let confirmed = draws.random::<f64>() < confirmed_share;
            match confirmed {
                true => resolved.confirmed += 1,
                false => resolved.failed += 1,
            }
            resolutions.push(Resolution {
                sequence: push.sequence,
                position: *position,
                confirmed,
                at,
            });
        }
    }
    Ok(sandbox.store.resolve(resolutions).await?)
}

async fn tell(sandbox: &Sandbox, resolved: &mut Resolved) -> Result<(), Error> {
    loop {
        let untold = sandbox.store.untold(EVENTS_MAX as u32).await?;
        if untold.is_empty() {
            return Ok(());
        }
        let Some(sender) = &sandbox.sender else {
            return Err(Error::Platform("no address is set".to_owned()));
        };
        let events: Vec<Event> = untold
            .iter()
            .filter_map(|(key, resolution)| {
                let Resolution {
                    sequence, position, ..
                } = resolution;
                Some(Event {
                    id: EventId::parse(&format!("delivery-{key}-{sequence}-{position}"))?,
                    at: resolution.at,
                    body: EventBody::Delivery {
                        push_key: *key,
                        index: *position,
                        failed: (!resolution.confirmed).then_some(RejectionCode::Unreachable),
                    },
                })
            })
            .collect();
        let answer = sender.send(events_body(&events).into()).await?;
        if answer.status != 202 {
            return Err(Error::Platform(format!("it answered {}", answer.status)));
        }
        resolved.told += untold.len() as u64;
        let told = untold
            .iter()
            .map(|(_, resolution)| (resolution.sequence, resolution.position))
            .collect();
        sandbox.store.mark_told(told).await?;
    }
}
