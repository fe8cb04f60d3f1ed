//! Rescue: chunks whose worker is gone, outcomes nobody knows, chunks past their time.
//!
//! Everything here is written under the chunk's epoch and state: a worker that claims meanwhile
//! wins.

use billing::{BillingError, ReleaseReason};
use domain::answer::{AskAnswer, CloseAnswer, UnknownReason};
use domain::campaign::CampaignState;
use domain::chunk::{
    self, ChunkFacts, ChunkState, Detour, Next, Resolution, Situation, WORKER_DEATHS_MAX,
};
use domain::money::Money;
use domain::outcome::Outcome;
use domain::push::PushKey;
use domain::time::Timestamp;
use gateway::FrozenBody;
use store::campaign::Campaign;
use store::chunk::Recipients;
use store::hot::{Change, ChangeSource, Record};
use store::leader::LeaderEpoch;
use store::unknown::UnknownChunk;
use store::{StoreError, Write, pause};

use crate::error::by_itself;
use crate::settings::RESCUE_STEP_MAX;
use crate::{Progress, Scheduler, SchedulerError};

impl Scheduler {
    pub async fn rescue_step(&self, epoch: LeaderEpoch) -> Result<Progress, SchedulerError> {
        let mut progress = self.end_leases(epoch).await?;
        for campaign in self.store.campaigns_alive().await? {
            if campaign.launch.is_none() || campaign.restored_at.is_some() {
                continue;
            }
            let ended = self.end_unsendable(epoch, &campaign).await;
            progress = progress.and(by_itself("rescue", campaign.id, ended)?);
            let resolved = self.resolve_unknown(epoch, &campaign).await;
            progress = progress.and(by_itself("rescue", campaign.id, resolved)?);
        }
        Ok(progress)
    }

    /// SENDING with its lease over is UNKNOWN, never READY.
    async fn end_leases(&self, epoch: LeaderEpoch) -> Result<Progress, SchedulerError> {
        let now = self.clock.now();
        let over = self.store.leases_over(now).await?;
        if over.is_empty() {
            return Ok(Progress::Idle);
        }
        let mut write = self.store.write().await?;
        write.must_lead(epoch).await?;
        for (chunk, chunk_epoch, deaths) in &over {
            let (state, detour) = match deaths + 1 >= WORKER_DEATHS_MAX {
                true => (ChunkState::Quarantined, Detour::WorkerDeaths),
                false => (
                    ChunkState::Unknown,
                    Detour::Unknown(UnknownReason::LeaseOver),
                ),
            };
            write
                .lease_over(*chunk, *chunk_epoch, now, state, detour.name())
                .await?;
            tracing::warn!(%chunk, epoch = chunk_epoch, state = state.name(), "a lease is over");
        }
        write.commit().await?;
        self.wake.notify_waiters();
        Ok(Progress::Worked)
    }

    /// READY chunks past their time end unsent; so do those that came back to READY, or moved to a
    /// next round, after their campaign was cancelled: their money goes back at once.
    async fn end_unsendable(
        &self,
        epoch: LeaderEpoch,
        campaign: &Campaign,
    ) -> Result<Progress, SchedulerError> {
        let now = self.clock.now();
        let is_past = campaign
            .launch
            .is_some_and(|launch| launch.not_after <= now);
        let state = match campaign.state {
            CampaignState::Cancelling => ChunkState::Cancelled,
            CampaignState::Running | CampaignState::Paused(_) if is_past => ChunkState::Expired,
            _ => return Ok(Progress::Idle),
        };
        if !self.store.has_ready_chunks(campaign.id).await? {
            return Ok(Progress::Idle);
        }
        let mut write = self.store.write().await?;
        write.must_lead(epoch).await?;
        let current = write.campaign_to_move(campaign.id).await?;
        if current.state != campaign.state {
            return Ok(Progress::Idle);
        }
        let units = write.end_ready(campaign.id, state, now).await?;
        self.release_units(&mut write, &current, units).await?;
        write.commit().await?;
        tracing::info!(campaign = %campaign.id, units, state = state.name(), "ended unsent");
        Ok(Progress::Worked)
    }

    async fn release_units(
        &self,
        write: &mut Write,
        campaign: &Campaign,
        units: u64,
    ) -> Result<(), SchedulerError> {
        let currency = write.currency_of(campaign.business).await?;
        let tariffs = write.campaign_tariffs(campaign.id).await?;
        let Some(tariff) = tariffs.first() else {
            return Ok(());
        };
        let unit_price = Money::from_micro(tariff.unit_price_micro, currency);
        let amount = unit_price.times(units).map_err(BillingError::from)?;
        if amount.is_zero() {
            return Ok(());
        }
        let (now, ids, reason) = (
            self.clock.now(),
            self.ids.as_ref(),
            ReleaseReason::Cancelled,
        );
        billing::release(write, campaign.id, amount, reason, now, ids).await?;
        Ok(())
    }

    async fn resolve_unknown(
        &self,
        epoch: LeaderEpoch,
        campaign: &Campaign,
    ) -> Result<Progress, SchedulerError> {
        let now = self.clock.now();
        let mut progress = Progress::Idle;
        let unknown = self
            .store
            .unknown_due(campaign.id, now, RESCUE_STEP_MAX)
            .await?;
        for chunk in &unknown {
            // Read anew: a cancel may have come since the last chunk.
            let current = self.store.campaign(campaign.id).await?;
            let situation = current.situation(now);
            let age = now.since(chunk.first_attempt_at);
            let capability = self.connector.capability();
            let next = match chunk::resolve_unknown(capability, situation, chunk.close_next, age) {
                // Dispatch hands it out; claiming it is the worker's.
                Resolution::Retry => continue,
                Resolution::Wait => continue,
                Resolution::CloseKey => self.close_key(chunk, situation).await,
                Resolution::Ask => self.ask(chunk, situation).await,
                Resolution::GiveUp => Next::End {
                    state: ChunkState::Unresolved,
                    outcome: Outcome::Uncertain,
                    detour: Detour::CannotTell,
                },
            };
            self.write_resolution(epoch, chunk, next, now).await?;
            progress = Progress::Worked;
        }
        Ok(progress)
    }

    async fn close_key(&self, unknown: &UnknownChunk, situation: Situation) -> Next {
        let facts = facts(unknown);
        let wait = |retry_after| Next::Unknown {
            pause: chunk::retry_pause(unknown.epoch, retry_after),
            detour: Detour::CloseUnanswered,
            close_next: unknown.close_next,
        };
        let key = PushKey::of(&unknown.id);
        match self.connector.close(key, unknown.size).await {
            CloseAnswer::Processed(results) => {
                chunk::settlement(&facts, &results, &unknown.exclusions)
                    .map_or_else(|| wait(None), Next::Settle)
            }
            CloseAnswer::Closed => chunk::after_closed_key(&facts, situation),
            CloseAnswer::InProgress { retry_after } => wait(retry_after),
            CloseAnswer::Unknown => wait(None),
        }
    }

    async fn ask(&self, unknown: &UnknownChunk, situation: Situation) -> Next {
        let facts = facts(unknown);
        let wait = Next::Unknown {
            pause: chunk::retry_pause(unknown.epoch, None),
            detour: Detour::AskUnanswered,
            close_next: false,
        };
        match self
            .connector
            .ask(PushKey::of(&unknown.id), unknown.size)
            .await
        {
            AskAnswer::Processed(results) => {
                chunk::settlement(&facts, &results, &unknown.exclusions).map_or(wait, Next::Settle)
            }
            // A queryable messenger that does not know the key by now never processed it.
            AskAnswer::Closed | AskAnswer::NotFound => chunk::after_closed_key(&facts, situation),
            AskAnswer::Partly | AskAnswer::OtherRecipients | AskAnswer::Unknown => wait,
        }
    }

    async fn write_resolution(
        &self,
        epoch: LeaderEpoch,
        unknown: &UnknownChunk,
        next: Next,
        now: Timestamp,
    ) -> Result<(), SchedulerError> {
        let recipients = self.store.recipients(unknown.id).await?;
        let change = self.change(unknown, &recipients, next, now).await?;
        let answer = match &change {
            Change::End { detour, .. } => detour.unwrap_or("processed"),
            _ => "unanswered",
        };
        let record = Record {
            id: unknown.id,
            epoch: unknown.epoch,
            answer,
            change,
        };
        let mut write = self.store.write().await?;
        write.must_lead(epoch).await?;
        let applied = self.store.hot().record(&mut write, &[record], now).await?;
        let applied = applied.contains(&true);
        pause::point("rescue:before_commit").await;
        write.commit().await?;
        tracing::info!(chunk = %unknown.id, epoch = unknown.epoch, answer, applied, "resolved");
        self.wake.notify_waiters();
        Ok(())
    }

    pub(crate) async fn change(
        &self,
        unknown: &UnknownChunk,
        recipients: &Recipients,
        next: Next,
        now: Timestamp,
    ) -> Result<Change, SchedulerError> {
        let body = self.store.message(unknown.message_hash).await?;
        let frozen = FrozenBody::from_stored(&body).map_err(|error| StoreError::Corrupt {
            table: "message",
            column: "body",
            why: error.to_string(),
        })?;
        let numbers = self.store.numbers_of_next_round(unknown.id, &next).await?;
        let source = ChangeSource {
            size: unknown.size,
            push_key: PushKey::of(&unknown.id),
            batch_max: self.connector.capability().batch_max,
            recipients,
            numbers: &numbers,
            now,
        };
        let variables = recipients.variables.as_deref();
        Ok(Change::of(next, &source, |keys, positions| {
            gateway::part_of_body(&frozen, keys, variables, positions).ok()
        })?)
    }
}

pub(crate) fn facts(unknown: &UnknownChunk) -> ChunkFacts {
    ChunkFacts {
        size: unknown.size,
        epoch: unknown.epoch,
        tainted: true,
        retry_rounds: unknown.retry_rounds,
        billable: unknown.billable,
    }
}
