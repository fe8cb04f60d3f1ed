//! Telling the platform what was done on the screen: in the order it was done, again and again
//! until it is taken. Events keep their ids, so that what was taken and not forgotten in time
//! counts once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gateway::EVENTS_MAX;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::state::{Error, Sandbox};

/// Bytes of one list: well below what the platform takes.
const LIST_BYTES_MAX: usize = 1024 * 1024;
/// How long somebody waits because of what the platform makes of a tap.
const AT_ONCE: Duration = Duration::from_secs(2);
/// After a list that was not taken although it was tried again and again.
const PAUSE: Duration = Duration::from_secs(2);

/// Tells whatever is there, and whatever comes, until `stop`. What was not told by then is told
/// after the next start.
pub async fn run(sandbox: Arc<Sandbox>, stop: CancellationToken) {
    if sandbox.sender.is_none() {
        tracing::debug!("no address of a platform is set: what people do here is kept");
        stop.cancelled().await;
        return;
    }
    loop {
        let told = tokio::select! {
            told = sandbox.tell() => told,
            () = stop.cancelled() => return,
        };
        let pause = match told {
            // There may be more.
            Ok(told) if told > 0 => continue,
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(%error, "the platform was not told; it is tried again");
                Some(PAUSE)
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = sandbox.untold.notified(), if pause.is_none() => {}
            () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {}
        }
    }
}

impl Sandbox {
    /// Tells what there is and waits for it, where the next page depends on what the platform makes
    /// of it. What is not taken in time is told later, as anything is.
    pub(crate) async fn tell_now(&self) {
        let telling = async {
            while self.tell().await? > 0 {}
            Ok::<(), Error>(())
        };
        match tokio::time::timeout(AT_ONCE, telling).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the platform was not told at once"),
            Err(_) => tracing::debug!("the platform does not take what was done at once"),
        }
    }

    /// Tells the oldest events there are, and forgets them once they are taken; how many. Safe to
    /// repeat and to interrupt.
    pub async fn tell(&self) -> Result<usize, Error> {
        let untold = self.store.untold_events(EVENTS_MAX as u32).await?;
        let Some(sender) = self.sender.as_ref().filter(|_| !untold.is_empty()) else {
            return Ok(0);
        };
        let mut list = String::from(r#"{"events":["#);
        let mut sequences = Vec::with_capacity(untold.len());
        for (sequence, event) in &untold {
            if !sequences.is_empty() {
                if list.len() + event.len() > LIST_BYTES_MAX {
                    break;
                }
                list.push(',');
            }
            list.push_str(event);
            sequences.push(*sequence);
        }
        list.push_str("]}");
        let answer = sender.send(list.into()).await?;
        if answer.status != 202 {
            return Err(Error::Platform(format!("it answered {}", answer.status)));
        }
        for why in refusals(&answer.body) {
            // It would be refused for ever: the platform says what is wrong with it.
            tracing::warn!(why, "the platform refused an event of the screen");
        }
        let told = sequences.len();
        self.store.forget_told(sequences).await?;
        Ok(told)
    }
}

fn refusals(body: &Bytes) -> Vec<String> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let refused = answer.get("refused").and_then(Value::as_array);
    let refused = refused.into_iter().flatten();
    refused.map(Value::to_string).collect()
}
