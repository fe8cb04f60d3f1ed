//! The numbers of a running campaign, sent to whoever watches: once a second while something
//! changes, a sign of life otherwise, and where to go once it is over.
//!
//! A stream ends by itself after a while and the browser comes back: then it is asked again who
//! may look. It ends at once when the process stops, so that nobody keeps it from stopping.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use directory::Permission;
use domain::campaign::CampaignState;
use domain::id::CampaignId;
use futures_util::stream;
use store::session::TokenHash;
use tokio_util::sync::CancellationToken;

use super::view::LivePart;
use super::{Watching, look};
use crate::desk::Desk;
use crate::error::Error;
use crate::own_campaign::{CampaignPath, own_campaign};
use crate::page;
use crate::state::ConsoleState;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long one stream lives.
const STREAM_LIFE: Duration = Duration::from_secs(120);
/// Proxies close what is silent for longer.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(15);
/// Streams of one session at once: more windows than anybody watches.
const STREAMS_PER_SESSION_MAX: u32 = 8;
/// Streams of the whole process at once.
const STREAMS_MAX: usize = 4_096;

/// Who watches: so many streams per session, until the process stops.
#[derive(Default)]
pub struct Streams {
    open: Mutex<Open>,
    pub(super) closing: CancellationToken,
}

/// The streams that are open.
#[derive(Default)]
struct Open {
    by_session: HashMap<TokenHash, u32>,
    all: usize,
}

/// One stream's place among those of its session.
struct Seat {
    watching: Arc<Watching>,
    session: TokenHash,
}

impl Streams {
    /// Ends every stream, and lets none begin.
    pub fn close(&self) {
        self.closing.cancel();
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    fn take(watching: &Arc<Watching>, session: TokenHash) -> Option<Self> {
        let mut open = watching.streams.open();
        let own = open.by_session.get(&session).copied().unwrap_or(0);
        if open.all >= STREAMS_MAX || own >= STREAMS_PER_SESSION_MAX {
            return None;
        }
        open.by_session.insert(session, own + 1);
        open.all += 1;
        Some(Self {
            watching: watching.clone(),
            session,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.watching.streams.open();
        open.all -= 1;
        if let Some(count) = open.by_session.get_mut(&self.session) {
            *count -= 1;
            if *count == 0 {
                open.by_session.remove(&self.session);
            }
        }
    }
}

/// What one viewer saw last.
struct Feed {
    state: Arc<ConsoleState>,
    desk: Desk,
    campaign: CampaignId,
    shown: String,
    until: Duration,
    is_first: bool,
    is_over: bool,
    _seat: Seat,
}

pub async fn events(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let campaign = own_campaign(&desk, &path).await?;
    if campaign.launch.is_none() {
        return Err(Error::NotFound);
    }
    let Some(seat) = Seat::take(&state.watching, desk.session.token_hash) else {
        return Ok(StatusCode::TOO_MANY_REQUESTS.into_response());
    };
    let feed = Feed {
        until: state.clock.monotonic() + STREAM_LIFE,
        state,
        desk,
        campaign: campaign.id,
        shown: String::new(),
        is_first: true,
        is_over: false,
        _seat: seat,
    };
    let events = stream::unfold(feed, Feed::next);
    let keep_alive = KeepAlive::new().interval(SIGN_OF_LIFE_EVERY);
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A proxy that waits for more shows nothing.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

impl Feed {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        let closing = self.state.watching.streams.closing.clone();
        loop {
            if self.is_over || self.state.clock.monotonic() >= self.until {
                return None;
            }
            if !std::mem::take(&mut self.is_first) {
                tokio::select! {
                    () = closing.cancelled() => return None,
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
            if closing.is_cancelled() {
                return None;
            }
            match self.look().await {
                Ok(Some(event)) => return Some((Ok(event), self)),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(campaign = %self.campaign, %error, "a viewer sees no more");
                    return None;
                }
            }
        }
    }

    /// The next event; `None` where nothing changed.
    async fn look(&mut self) -> Result<Option<Event>, Error> {
        let tally = look(&self.state, &self.desk, self.campaign).await?;
        if tally.campaign.state == CampaignState::Closed {
            self.is_over = true;
            let report = format!("/campaigns/{}/report", self.campaign);
            return Ok(Some(
                Event::default().event("end").data(self.desk.at(&report)),
            ));
        }
        let html = page::text(&LivePart::of(&self.state, &self.desk, &tally).await?)?;
        if html == self.shown {
            return Ok(None);
        }
        self.shown = html;
        Ok(Some(Event::default().data(&self.shown)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_counts_and_leaves_its_place() {
        let watching = Arc::new(Watching::default());
        let session = |number: usize| {
            let mut hash = TokenHash::default();
            hash[..8].copy_from_slice(&number.to_be_bytes());
            hash
        };
        let own = STREAMS_PER_SESSION_MAX as usize;
        let take = |session| Seat::take(&watching, session);
        let mut seats: Vec<Seat> = (0..STREAMS_MAX)
            .map_while(|number| take(session(number / own)))
            .collect();
        assert_eq!(seats.len(), STREAMS_MAX);
        assert!(take(session(usize::MAX)).is_none(), "more than all");
        seats.pop();
        assert!(take(session(0)).is_none(), "more than a session's");
        assert!(take(session(usize::MAX)).is_some());
        drop(seats);
        let open = watching.streams.open();
        assert_eq!((open.all, open.by_session.len()), (0, 0));
    }
}
