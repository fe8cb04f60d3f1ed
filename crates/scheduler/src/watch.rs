//! What operators see of the stages: gauges, read by the leader every few seconds.

use std::time::Duration;

use domain::chunk::ChunkState;
use domain::money::Currency;
use domain::time::Timestamp;
use metrics::gauge;
use store::StoreError;

use crate::Scheduler;

/// Open states. A state without chunks is shown as zero, as a currency without holds is: a gauge
/// that is not set again would show for ever what it showed last.
const OPEN: [ChunkState; 4] = [
    ChunkState::Ready,
    ChunkState::Sending,
    ChunkState::Unknown,
    ChunkState::Quarantined,
];

impl Scheduler {
    /// Sets the gauges of everything under way. Whoever does not lead shows only that.
    pub async fn watch_step(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let stages = self.store.stages(now).await?;
        for state in OPEN {
            let open = stages.open.iter().find(|open| open.state == state);
            let (chunks, recipients) = open.map_or((0, 0), |open| (open.chunks, open.recipients));
            let name = state.name();
            gauge!("chingu_chunks_open", "state" => name).set(chunks as f64);
            gauge!("chingu_recipients_open", "state" => name).set(recipients as f64);
        }
        gauge!("chingu_chunks_outstanding").set(self.store.chunks_outstanding().await? as f64);
        gauge!("chingu_oldest_due_seconds").set(age(now, stages.oldest_due));
        gauge!("chingu_ledger_lag_seconds").set(age(now, stages.oldest_uncaptured));
        gauge!("chingu_campaigns_alive").set(stages.campaigns_alive as f64);
        let wanted = self.store.pace_wanted().await?;
        gauge!("chingu_pace_wanted_recipients_per_second").set(wanted as f64);
        for currency in Currency::ALL {
            let held = stages.held.iter().find(|(of, _)| *of == currency);
            let held = held.map_or(0.0, |(_, micro)| *micro as f64 / 1_000_000.0);
            gauge!("chingu_held", "currency" => currency.code()).set(held);
        }
        Ok(())
    }
}

/// Seconds since then; none for what does not wait.
fn age(now: Timestamp, since: Option<Timestamp>) -> f64 {
    since
        .map_or(Duration::ZERO, |since| now.since(since))
        .as_secs_f64()
}
