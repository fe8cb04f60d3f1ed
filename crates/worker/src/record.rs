//! Recording: outcomes under the claim's epoch in one commit, then the acknowledgements.

use std::sync::atomic::Ordering;

use broker::Delivery;
use domain::campaign::{CampaignEvent, CampaignState, PauseReason};
use domain::chunk::ChunkState;
use domain::contract::Billable;
use domain::id::CampaignId;
use domain::outcome::Outcome;
use domain::trace::Step;
use store::hot::{Change, Record};
use store::pause;

use crate::{Worker, WorkerError, trace};

/// Chunks in a row refused as malformed after which the campaign is paused.
const REFUSALS_MAX: u32 = 3;

/// What a push ended with: a record, where there is something to write, and its message.
#[derive(Debug)]
pub struct Pushed {
    pub record: Option<Record>,
    pub delivery: Delivery,
}

impl Worker {
    /// Commits records and acknowledges their messages. Safe to repeat after an error: a record
    /// that was applied already finds another state and changes nothing.
    pub async fn record(&self, pushed: &[Pushed]) -> Result<(), WorkerError> {
        let records: Vec<Record> = pushed
            .iter()
            .filter_map(|pushed| pushed.record.clone())
            .collect();
        if !records.is_empty() {
            self.commit_records(&records).await?;
        }
        Ok(())
    }

    /// Drops the messages of what is recorded.
    pub async fn acknowledge(&self, pushed: Vec<Pushed>) -> Result<(), WorkerError> {
        for pushed in pushed {
            self.broker.acknowledge(pushed.delivery).await?;
        }
        pause::point("acknowledge:after").await;
        self.recorded.notify_waiters();
        Ok(())
    }

    async fn commit_records(&self, records: &[Record]) -> Result<(), WorkerError> {
        let (now, began) = (self.clock.now(), self.clock.monotonic());
        let mut write = self.store.write_beside().await?;
        let applied = self.store.hot().record(&mut write, records, now).await?;
        pause::point("settle:before_commit").await;
        write.commit().await?;
        pause::point("settle:after_commit").await;
        let took = self.clock.monotonic().saturating_sub(began);
        for (record, applied) in records.iter().zip(applied) {
            trace::tell(Step::Record, &record.id, record.epoch, took);
            tell(record, applied, self.undecided(record).await);
            if applied && let Err(error) = self.watch_refusals(record).await {
                // It is recorded; the next refusal counts on.
                tracing::warn!(%error, "a campaign that is refused could not be looked at");
            }
        }
        Ok(())
    }

    /// As what its undecided recipients are counted: where deliveries are billed, waiting for the
    /// messenger's word is no matter for concern.
    async fn undecided(&self, record: &Record) -> &'static str {
        let facts = self.facts.of(&self.store, record.id.campaign).await;
        match facts.map(|facts| facts.billable) {
            Ok(Billable::Delivered) => Outcome::Unconfirmed.name(),
            _ => Outcome::Uncertain.name(),
        }
    }

    /// Three chunks in a row refused as malformed pause their campaign. In a standing campaign each
    /// request has a message of its own: one that is refused says nothing about the next.
    async fn watch_refusals(&self, record: &Record) -> Result<(), WorkerError> {
        let Change::End { state, .. } = &record.change else {
            return Ok(());
        };
        let facts = self.facts.of(&self.store, record.id.campaign).await?;
        if facts.kind.is_standing() {
            return Ok(());
        }
        match state {
            ChunkState::Rejected => {
                let refusals = facts.refusals.fetch_add(1, Ordering::Relaxed) + 1;
                if refusals >= REFUSALS_MAX {
                    self.pause_campaign(record.id.campaign).await?;
                }
            }
            ChunkState::Settled => facts.refusals.store(0, Ordering::Relaxed),
            _ => {}
        }
        Ok(())
    }

    /// In a write of its own, in turn with whoever pauses, resumes or cancels: records run beside
    /// each other.
    async fn pause_campaign(&self, id: CampaignId) -> Result<(), WorkerError> {
        let mut write = self.store.write().await?;
        let campaign = write.campaign_to_move(id).await?;
        if campaign.state == CampaignState::Running {
            let reason = PauseReason::MessengerRefuses;
            write
                .move_campaign(&campaign, CampaignEvent::Pause(reason))
                .await?;
            write.clear_dispatched(Some(id)).await?;
            let why = "the messenger refuses its pushes as malformed";
            tracing::error!(campaign = %id, "paused: {why}");
        }
        Ok(write.commit().await?)
    }
}

fn tell(record: &Record, applied: bool, undecided: &'static str) {
    if !applied {
        tracing::info!(chunk = %record.id, epoch = record.epoch, "a late record changed nothing");
        metrics::counter!("chingu_records_late_total").increment(1);
        return;
    }
    match &record.change {
        Change::End { counts, .. } => {
            let count = |outcome: &'static str, number: u32| {
                if number > 0 {
                    metrics::counter!("chingu_recipients_total", "outcome" => outcome)
                        .increment(u64::from(number));
                }
            };
            count("accepted", counts.accepted);
            count("failed", counts.failed);
            count("excluded", counts.excluded);
            count(undecided, counts.uncertain);
            count("cancelled", counts.cancelled);
            count("moved", counts.moved);
        }
        Change::Return { detour, .. }
        | Change::Unknown { detour, .. }
        | Change::Quarantine { detour } => {
            tracing::info!(chunk = %record.id, epoch = record.epoch, detour, "a detour");
            metrics::counter!("chingu_detours_total", "reason" => *detour).increment(1);
        }
    }
}
