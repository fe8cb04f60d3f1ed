//! Friends who block their account after the freeze, told as a messenger tells it: what the gate
//! has to find before the push.

use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, ensure};
use domain::handle::Handle;
use domain::time::Clock;
use domain::user::UserKey;
use gateway::event::{AccountRef, events_body};
use gateway::{EVENTS_MAX, Event, EventBody, EventId, FriendEvent, SIGNATURE_HEADER, Secret, sign};
use reqwest::{Client, StatusCode};

use crate::friends;
use crate::scenario::Scenario;

/// After a list that came while the platform was behind.
const PAUSE: Duration = Duration::from_millis(50);
const TRIES_MAX: u32 = 200;

/// Tells a platform at `url` that every friend of `friends` who changes has blocked `handle`; how
/// many these are.
pub async fn block(
    url: &str,
    secret: &Secret,
    handle: &str,
    friends: Range<u32>,
    scenario: &Scenario,
    clock: &dyn Clock,
) -> anyhow::Result<u64> {
    let client = Client::builder().tls_certs_only([]).build()?;
    let url = format!("{url}/gateway/v1/events");
    let account = AccountRef::Handle(Handle::parse(handle)?);
    let changed: Vec<u32> = friends
        .filter(|index| scenario.has_changed(*index))
        .collect();
    for list in changed.chunks(EVENTS_MAX) {
        let events = list
            .iter()
            .map(|index| blocked(*index, &account, clock))
            .collect::<anyhow::Result<Vec<Event>>>()?;
        let body = events_body(&events);
        let mut tries = 0;
        loop {
            let answer = client
                .post(&url)
                .header("Content-Type", "application/json")
                .header(SIGNATURE_HEADER, sign(secret, clock.now(), &body))
                .body(body.clone())
                .send()
                .await?;
            match answer.status() {
                StatusCode::ACCEPTED => break,
                StatusCode::TOO_MANY_REQUESTS if tries < TRIES_MAX => tries += 1,
                other => {
                    let words = answer.text().await.unwrap_or_default();
                    anyhow::bail!("changes were answered {other}: {words}");
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    ensure!(!changed.is_empty(), "so few friends have none who changes");
    Ok(changed.len() as u64)
}

fn blocked(index: u32, account: &AccountRef, clock: &dyn Clock) -> anyhow::Result<Event> {
    let key = friends::key(index);
    Ok(Event {
        id: EventId::parse(&format!("bench-{index}")).context("an id of ASCII is one")?,
        at: clock.now(),
        body: EventBody::Friend {
            account: account.clone(),
            user: UserKey::parse(&key)?,
            event: FriendEvent::Blocked,
        },
    })
}
