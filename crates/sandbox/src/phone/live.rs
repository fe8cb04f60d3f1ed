//! Who looks at which phone, and when there is something new on it.
//!
//! A broadcast reaches thousands of people a second and a handful of phones are looked at: whoever
//! took a push looks each recipient up among those few, and only their pages are woken. A stream
//! carries no content, only that there is some: the page asks for itself again.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use domain::user::UserKey;
use futures_util::stream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::people;
use crate::state::{Sandbox, lock};

/// Phones that are looked at together.
pub(crate) const STREAMS_MAX: usize = 64;
/// A line that is dead is found out by this.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Between two pieces of news to one page: a campaign of many pushes is one.
const NEWS_EVERY: Duration = Duration::from_millis(200);

/// The phones that somebody looks at.
#[derive(Debug, Default)]
pub(crate) struct Screens {
    looking: Arc<Mutex<Looking>>,
    closed: CancellationToken,
}

#[derive(Debug, Default)]
struct Looking {
    streams: usize,
    /// How much came since somebody looks, by user key.
    phones: HashMap<String, watch::Sender<u64>>,
}

/// One open stream; dropped, its place is free again.
struct Look {
    user: String,
    news: watch::Receiver<u64>,
    looking: Arc<Mutex<Looking>>,
}

impl Screens {
    /// Something reached these people.
    pub fn reached(&self, users: &[impl AsRef<str>]) {
        let looking = lock(&self.looking);
        if looking.phones.is_empty() {
            return;
        }
        for user in users {
            if let Some(phone) = looking.phones.get(user.as_ref()) {
                phone.send_modify(|count| *count += 1);
            }
        }
    }

    /// Ends every stream, and those that begin later.
    pub fn close(&self) {
        self.closed.cancel();
    }

    fn look(&self, user: &UserKey) -> Option<Look> {
        let mut looking = lock(&self.looking);
        if looking.streams >= STREAMS_MAX {
            return None;
        }
        looking.streams += 1;
        let user = user.as_str().to_owned();
        let phone = looking.phones.entry(user.clone());
        let news = phone.or_insert_with(|| watch::channel(0).0).subscribe();
        Some(Look {
            user,
            news,
            looking: self.looking.clone(),
        })
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        let mut looking = lock(&self.looking);
        looking.streams -= 1;
        let last = looking.phones.get(&self.user);
        // This one's own receiver is dropped after this.
        if last.is_some_and(|phone| phone.receiver_count() <= 1) {
            looking.phones.remove(&self.user);
        }
    }
}

/// `GET /messenger/{user}/live`: an event whenever something is new on this phone.
pub(crate) async fn stream(
    State(sandbox): State<Arc<Sandbox>>,
    Path(user): Path<String>,
) -> Result<Response, Error> {
    let person = people::known(&sandbox, &user).await?;
    let look = sandbox.screens.look(&person.key).ok_or(Error::TooMany)?;
    let closed = sandbox.screens.closed.clone();
    // The first says that the line stands, and that whatever came before it is to be asked for.
    let news = stream::unfold((look, true), move |(mut look, is_first)| {
        let closed = closed.clone();
        async move {
            if !is_first {
                tokio::select! {
                    () = closed.cancelled() => return None,
                    news = look.news.changed() => news.ok()?,
                }
                tokio::select! {
                    () = closed.cancelled() => return None,
                    () = tokio::time::sleep(NEWS_EVERY) => {}
                }
            } else if closed.is_cancelled() {
                return None;
            }
            let count = *look.news.borrow_and_update();
            let event = Event::default().event("news").data(count.to_string());
            Some((Ok::<Event, Infallible>(event), (look, false)))
        }
    });
    let alive = KeepAlive::new().interval(HEARTBEAT);
    Ok(Sse::new(news).keep_alive(alive).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserKey {
        UserKey::parse(name).unwrap()
    }

    #[test]
    fn only_phones_that_are_looked_at_are_woken() {
        let screens = Screens::default();
        let (kim, lee) = (user("kim"), user("lee"));
        let of_kim = screens.look(&kim).unwrap();
        let again = screens.look(&kim).unwrap();
        let of_lee = screens.look(&lee).unwrap();
        screens.reached(&["park", "kim"]);
        let has_news = |look: &Look| look.news.has_changed().unwrap();
        assert!(has_news(&of_kim) && has_news(&again) && !has_news(&of_lee));
        drop(of_kim);
        screens.reached(&["kim"]);
        assert!(has_news(&again));
        drop((again, of_lee));
        assert!(lock(&screens.looking).phones.is_empty());
    }

    #[test]
    fn there_are_so_many_streams_and_no_more() {
        let screens = Screens::default();
        let kim = user("kim");
        let mut all: Vec<_> = (0..STREAMS_MAX).map(|_| screens.look(&kim)).collect();
        assert!(all.iter().all(Option::is_some));
        assert!(screens.look(&kim).is_none());
        all.pop();
        assert!(screens.look(&kim).is_some());
    }
}
