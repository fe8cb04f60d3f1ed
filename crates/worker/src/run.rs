//! The loops around the steps: claim while there is room, push side by side, record in batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use broker::Delivery;
use domain::trace::Step;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::claim::Claim;
use crate::intake::Intake;
use crate::push::Ground;
use crate::record::Pushed;
use crate::settings::{
    CLAIM_BATCH_MAX, PAUSE_AFTER_ERROR, POLL_STEP, RECORD_BATCH_MAX, RECORD_WAIT_MAX,
};
use crate::{Worker, WorkerError, trace};

/// A pushed chunk that still holds its place among those in flight.
type InFlight = (Pushed, OwnedSemaphorePermit);

impl Worker {
    /// Works until `shutdown`; then finishes what is in flight and returns.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let (pushed, to_record) = mpsc::channel(self.settings.in_flight_max);
        let recording_fails = Arc::new(AtomicBool::new(false));
        let recorder = tokio::spawn(record_all(self.clone(), to_record, recording_fails.clone()));
        let places = Arc::new(Semaphore::new(self.settings.in_flight_max));
        let pushes = TaskTracker::new();
        let mut intake = Intake::of(self.broker.as_ref());
        while !shutdown.is_cancelled() {
            // A database that cannot record must not be given more to record.
            if recording_fails.load(Ordering::Relaxed) {
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                continue;
            }
            // Only the wait may be cancelled. A claim that has begun may have committed: dropped
            // there, its chunks would stand leased until the lease runs out, pushed by nobody.
            let received = tokio::select! {
                () = shutdown.cancelled() => break,
                received = self.next_deliveries(&mut intake, &places) => received,
            };
            match self.claim_into(received).await {
                Ok(claims) if claims.is_empty() => {
                    // Others were faster: the same chunks must not be asked for again at once.
                    if intake.is_polling() {
                        tokio::time::sleep(POLL_STEP).await;
                    }
                }
                Ok(claims) => {
                    let all = push_all(self.clone(), claims, pushes.clone(), pushed.clone());
                    pushes.spawn(all);
                }
                Err(error) => {
                    tracing::warn!(%error, "nothing claimed");
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                }
            }
        }
        self.broker.stop_receiving().await;
        pushes.close();
        pushes.wait().await;
        drop(pushed);
        if let Err(error) = recorder.await {
            tracing::error!(%error, "the recorder ended early");
        }
    }

    /// Waits for room and for something to claim.
    async fn next_deliveries(
        &self,
        intake: &mut Intake,
        places: &Arc<Semaphore>,
    ) -> Result<(Vec<Delivery>, Vec<OwnedSemaphorePermit>), WorkerError> {
        let Ok(first) = places.clone().acquire_owned().await else {
            return Ok((Vec::new(), Vec::new()));
        };
        let mut free = vec![first];
        while free.len() < CLAIM_BATCH_MAX
            && let Ok(place) = places.clone().try_acquire_owned()
        {
            free.push(place);
        }
        let deliveries = intake.next(self, free.len()).await?;
        Ok((deliveries, free))
    }

    async fn claim_into(
        &self,
        received: Result<(Vec<Delivery>, Vec<OwnedSemaphorePermit>), WorkerError>,
    ) -> Result<Vec<(Claim, OwnedSemaphorePermit)>, WorkerError> {
        let (deliveries, free) = received?;
        let claims = self.claim(deliveries).await?;
        Ok(claims.into_iter().zip(free).collect())
    }
}

/// Pushes what was claimed together side by side.
async fn push_all(
    worker: Arc<Worker>,
    claims: Vec<(Claim, OwnedSemaphorePermit)>,
    pushes: TaskTracker,
    pushed: mpsc::Sender<InFlight>,
) {
    let (claims, places): (Vec<Claim>, Vec<OwnedSemaphorePermit>) = claims.into_iter().unzip();
    let ground: Vec<Option<Ground>> = match worker.ground(&claims).await {
        Ok(ground) => ground.into_iter().map(Some).collect(),
        Err(error) => {
            tracing::warn!(%error, "what was claimed together is read one by one");
            claims.iter().map(|_| None).collect()
        }
    };
    for ((claim, place), ground) in claims.into_iter().zip(places).zip(ground) {
        pushes.spawn(push_one(
            worker.clone(),
            claim,
            ground,
            place,
            pushed.clone(),
        ));
    }
}

/// Without its ground it is read alone: one that cannot be read is not in the way of the others.
async fn push_one(
    worker: Arc<Worker>,
    claim: Claim,
    ground: Option<Ground>,
    place: OwnedSemaphorePermit,
    pushed: mpsc::Sender<InFlight>,
) {
    let in_flight = metrics::gauge!("chingu_chunks_in_flight");
    in_flight.increment(1.0);
    let began = worker.clock.monotonic();
    let pushed_to = match &ground {
        Some(ground) => worker.push_on(&claim, ground).await,
        None => worker.push(&claim).await,
    };
    let took = worker.clock.monotonic().saturating_sub(began);
    metrics::histogram!("chingu_push_seconds").record(took.as_secs_f64());
    trace::tell(Step::Push, &claim.claimed.id, claim.claimed.epoch, took);
    in_flight.decrement(1.0);
    let record = match pushed_to {
        Ok(record) => record,
        Err(error) => {
            // Not recorded, not acknowledged as done: the lease runs out and rescue looks at it.
            tracing::error!(chunk = %claim.claimed.id, %error, "a push could not be made");
            None
        }
    };
    let done = Pushed {
        record,
        delivery: claim.delivery,
    };
    // The recorder outlives every push; a send can only fail while the process ends.
    let _ = pushed.send((done, place)).await;
}

async fn record_all(
    worker: Arc<Worker>,
    mut to_record: mpsc::Receiver<InFlight>,
    recording_fails: Arc<AtomicBool>,
) {
    while let Some(first) = to_record.recv().await {
        let mut batch = vec![first];
        let wait = tokio::time::sleep(RECORD_WAIT_MAX);
        tokio::pin!(wait);
        while batch.len() < RECORD_BATCH_MAX {
            tokio::select! {
                biased;
                next = to_record.recv() => match next {
                    Some(next) => batch.push(next),
                    None => break,
                },
                () = &mut wait => break,
            }
        }
        let (pushed, places): (Vec<Pushed>, Vec<OwnedSemaphorePermit>) = batch.into_iter().unzip();
        while let Err(error) = worker.record(&pushed).await {
            recording_fails.store(true, Ordering::Relaxed);
            tracing::error!(%error, "outcomes could not be recorded; trying again");
            tokio::time::sleep(PAUSE_AFTER_ERROR).await;
        }
        recording_fails.store(false, Ordering::Relaxed);
        if let Err(error) = worker.acknowledge(pushed).await {
            tracing::warn!(%error, "recorded, but not acknowledged: the messages come again");
        }
        drop(places);
    }
}
