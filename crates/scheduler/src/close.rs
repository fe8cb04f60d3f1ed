//! Closing: once every chunk is terminal and captured, the rest of the hold goes back and what
//! happened is kept as one bitmap per outcome.

use std::collections::BTreeMap;

use billing::{BillingError, ReleaseReason};
use domain::campaign::{CampaignEvent, CampaignState};
use domain::chunk::{CHUNK_SIZE_MAX, ChunkId, UNCERTAIN_DEADLINE};
use domain::codec::CorruptBlob;
use domain::id::CampaignId;
use domain::money::Money;
use domain::outcome::Outcome;
use roaring::RoaringBitmap;
use store::campaign::Campaign;
use store::leader::LeaderEpoch;
use store::report::RecordPage;
use store::{StoreError, Write, pause};

use crate::error::by_itself;
use crate::{Progress, Scheduler, SchedulerError};

/// Chunks read at once for the bitmaps.
const RECORDS_READ_MAX: u32 = 500;
/// Chunks written off in one commit: the cold writes of everybody else wait meanwhile.
const WRITTEN_OFF_AT_ONCE: u32 = 10;
/// Amendments of one commit.
const _: () = assert!(WRITTEN_OFF_AT_ONCE * CHUNK_SIZE_MAX <= 10_000);

impl Scheduler {
    /// Moves campaigns towards CLOSED as far as each may go.
    pub async fn close_step(&self, epoch: LeaderEpoch) -> Result<Progress, SchedulerError> {
        let mut progress = Progress::Idle;
        for campaign in self.store.campaigns_alive().await? {
            if campaign.restored_at.is_some() {
                continue;
            }
            let step = match campaign.state {
                CampaignState::Running | CampaignState::Paused(_) | CampaignState::Cancelling => {
                    self.begin_closing(epoch, &campaign).await
                }
                CampaignState::Closing => self.finish_closing(epoch, &campaign).await,
                _ => Ok(Progress::Idle),
            };
            progress = progress.and(by_itself("close", campaign.id, step)?);
        }
        Ok(progress)
    }

    async fn begin_closing(
        &self,
        epoch: LeaderEpoch,
        campaign: &Campaign,
    ) -> Result<Progress, SchedulerError> {
        if campaign.freeze_ended_at.is_none() || self.store.has_open_chunks(campaign.id).await? {
            return Ok(Progress::Idle);
        }
        let mut write = self.store.write().await?;
        write.must_lead(epoch).await?;
        write
            .move_campaign(campaign, CampaignEvent::AllTerminal)
            .await?;
        write.set_closing(campaign.id, self.clock.now()).await?;
        write.commit().await?;
        Ok(Progress::Worked)
    }

    async fn finish_closing(
        &self,
        epoch: LeaderEpoch,
        campaign: &Campaign,
    ) -> Result<Progress, SchedulerError> {
        self.write_off_overdue(epoch, campaign.id).await?;
        let mut write = self.store.write().await?;
        write.must_lead(epoch).await?;
        if write.has_uncaptured(campaign.id).await? {
            // The last chunk is in: the books need not wait for the next second.
            write.roll_back().await?;
            return self.roll_up_step(epoch).await;
        }
        let undecided = write.undecided_left(campaign.id).await?;
        if undecided > 0 {
            return self.release_all_but(write, campaign, undecided).await;
        }
        write.roll_back().await?;
        let bitmaps = self.outcome_bitmaps(campaign).await?;
        let mut write = self.store.write().await?;
        write.must_lead(epoch).await?;
        if write.has_uncaptured(campaign.id).await? {
            return Ok(Progress::Idle);
        }
        for (outcome, bitmap) in bitmaps {
            let mut bytes = Vec::with_capacity(bitmap.serialized_size());
            // Writing to memory cannot fail.
            let _ = bitmap.serialize_into(&mut bytes);
            write
                .insert_outcome_bitmap(campaign.id, outcome, bitmap.len(), bytes)
                .await?;
        }
        let now = self.clock.now();
        let ids = self.ids.as_ref();
        let reason = ReleaseReason::Closed;
        let rest = billing::release_rest(&mut write, campaign.id, reason, now, ids).await?;
        write.move_campaign(campaign, CampaignEvent::Close).await?;
        write.set_closed(campaign.id, now).await?;
        pause::point("close:before_commit").await;
        write.commit().await?;
        pause::point("close:after_commit").await;
        tracing::info!(campaign = %campaign.id, released = %rest, "closed");
        Ok(Progress::Worked)
    }

    /// Only what undecided recipients may still cost stays held.
    async fn release_all_but(
        &self,
        mut write: Write,
        campaign: &Campaign,
        undecided: u64,
    ) -> Result<Progress, SchedulerError> {
        let tariffs = write.campaign_tariffs(campaign.id).await?;
        let currency = write.currency_of(campaign.business).await?;
        let dearest = tariffs
            .iter()
            .map(|tariff| tariff.unit_price_micro)
            .max()
            .unwrap_or(0);
        let kept = Money::from_micro(dearest, currency)
            .times(undecided)
            .map_err(BillingError::from)?;
        let open = write.open_hold(campaign.id).await?;
        let surplus = open.checked_sub(kept).map_err(BillingError::from)?;
        if surplus.is_negative() || surplus.is_zero() {
            return Ok(Progress::Idle);
        }
        let (now, ids) = (self.clock.now(), self.ids.as_ref());
        let reason = ReleaseReason::Closed;
        billing::release(&mut write, campaign.id, surplus, reason, now, ids).await?;
        write.commit().await?;
        Ok(Progress::Worked)
    }

    /// Whoever is undecided past the deadline is written off, unbilled: chunk after chunk, as each
    /// of ten million may be where deliveries are billed and nobody confirms them.
    async fn write_off_overdue(
        &self,
        epoch: LeaderEpoch,
        campaign: CampaignId,
    ) -> Result<(), SchedulerError> {
        let now = self.clock.now();
        let mut after = None;
        loop {
            let mut write = self.store.write().await?;
            let overdue = write
                .overdue(
                    campaign,
                    now - UNCERTAIN_DEADLINE,
                    after,
                    WRITTEN_OFF_AT_ONCE,
                )
                .await?;
            let Some((last, _)) = overdue.last() else {
                return Ok(write.roll_back().await?);
            };
            after = Some(*last);
            write.must_lead(epoch).await?;
            write.write_off(&overdue, now).await?;
            write.commit().await?;
        }
    }

    /// One bitmap of user numbers per outcome code: what retargeting reads later.
    async fn outcome_bitmaps(
        &self,
        campaign: &Campaign,
    ) -> Result<BTreeMap<u8, RoaringBitmap>, SchedulerError> {
        let mut bitmaps: BTreeMap<u8, RoaringBitmap> = BTreeMap::new();
        let Some(launch) = campaign.launch else {
            return Ok(bitmaps);
        };
        // Every chunk is terminal, so a snapshot per page sees the same record.
        let mut after = None;
        loop {
            let snapshot = self.store.snapshot().await?;
            let (month, id) = (launch.month, campaign.id);
            let currency = snapshot
                .wallet(campaign.business)
                .await?
                .available
                .currency();
            let page = snapshot
                .record_page(month, id, currency, after, RECORDS_READ_MAX)
                .await?;
            snapshot.end().await?;
            let Some(last) = page.chunks.last() else {
                return Ok(bitmaps);
            };
            after = Some(last.id.number);
            add_outcomes(&mut bitmaps, &page)?;
        }
    }
}

fn add_outcomes(
    bitmaps: &mut BTreeMap<u8, RoaringBitmap>,
    page: &RecordPage,
) -> Result<(), StoreError> {
    let corrupt = |error: CorruptBlob| StoreError::Corrupt {
        table: "chunk",
        column: "outcomes",
        why: error.to_string(),
    };
    let amended: BTreeMap<(ChunkId, u32), u8> = page
        .amendments
        .iter()
        .map(|amendment| ((amendment.chunk, amendment.position), amendment.outcome))
        .collect();
    for chunk in &page.chunks {
        let outcomes = chunk.outcomes().map_err(corrupt)?.unwrap_or_default();
        let numbers = chunk.numbers().map_err(corrupt)?;
        for (position, (number, outcome)) in numbers.iter().zip(outcomes).enumerate() {
            let code = amended.get(&(chunk.id, position as u32)).copied();
            // Who moved to the next round is told there.
            if outcome != Outcome::Moved {
                bitmaps
                    .entry(code.unwrap_or(outcome.code()))
                    .or_default()
                    .insert(number.0);
            }
        }
    }
    Ok(())
}
