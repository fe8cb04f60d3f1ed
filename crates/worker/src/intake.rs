//! Which chunks to claim: what the broker delivers, or what is dispatched in the table while it is
//! away.

use broker::{Availability, Broker, Delivery};
use tokio::sync::watch;

use crate::settings::{POLL_AFTER, POLL_SPREAD, POLL_STEP};
use crate::{Worker, WorkerError};

/// Where a worker's next chunks come from.
#[derive(Debug)]
pub struct Intake {
    availability: watch::Receiver<Availability>,
    /// The broker has been away long enough.
    is_polling: bool,
}

impl Intake {
    pub fn of(broker: &dyn Broker) -> Self {
        Self {
            availability: broker.availability(),
            is_polling: false,
        }
    }

    pub const fn is_polling(&self) -> bool {
        self.is_polling
    }

    /// Waits until there is something to claim. A wait that is given up loses nothing: messages
    /// that were received and not acknowledged come again, and the chunks stay dispatched.
    pub async fn next(
        &mut self,
        worker: &Worker,
        limit: usize,
    ) -> Result<Vec<Delivery>, WorkerError> {
        loop {
            // A port whose state cannot change any more leaves the other branch to wait for.
            let is_away = *self.availability.borrow_and_update() == Availability::Away;
            match (is_away, self.is_polling) {
                (false, _) => {
                    if std::mem::take(&mut self.is_polling) {
                        tracing::info!("the broker is back");
                    }
                    tokio::select! {
                        received = worker.broker.receive(limit) => return Ok(received?),
                        Ok(()) = self.availability.changed() => {}
                    }
                }
                (true, false) => tokio::select! {
                    () = tokio::time::sleep(POLL_AFTER) => {
                        tracing::warn!("the broker is away: the table is polled until it is back");
                        self.is_polling = true;
                    }
                    Ok(()) = self.availability.changed() => {}
                },
                (true, true) => {
                    let polled = worker.poll(limit).await?;
                    if !polled.is_empty() {
                        return Ok(polled);
                    }
                    tokio::select! {
                        () = tokio::time::sleep(POLL_STEP) => {}
                        Ok(()) = self.availability.changed() => {}
                    }
                }
            }
        }
    }
}

impl Worker {
    /// Up to `limit` chunks that are dispatched and unclaimed, this worker's part of them.
    async fn poll(&self, limit: usize) -> Result<Vec<Delivery>, WorkerError> {
        let now = self.clock.now();
        let retry_since = self.connector.capability().retry_since(now);
        let mut chunks = self
            .store
            .dispatched_unclaimed(now, retry_since, limit * POLL_SPREAD)
            .await?;
        if chunks.len() > limit {
            let [.., place] = *self.id.as_bytes();
            let count = chunks.len();
            chunks.rotate_left(usize::from(place) * count / (usize::from(u8::MAX) + 1));
            chunks.truncate(limit);
        }
        Ok(chunks.into_iter().map(Delivery::polled).collect())
    }
}
