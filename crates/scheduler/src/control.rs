//! Pause, resume, cancel: what a person does to a running campaign.

use std::sync::Arc;

use billing::{BillingError, ReleaseReason};
use domain::budget::BudgetOf;
use domain::campaign::{CampaignEvent, CampaignState, PauseReason};
use domain::chunk::ChunkState;
use domain::id::{BusinessId, CampaignId, IdSource, MemberId};
use domain::message::Rules;
use domain::money::Money;
use domain::time::{Clock, Timestamp};
use store::action::{Action, CampaignAction};
use store::{Store, StoreError, Write};
use tokio::sync::Notify;

use crate::launch::{self, LaunchContext, Launched};
use crate::{SchedulerError, block};

/// What a person may do to campaigns of their business: the way in for pages, which hold no store
/// that writes. A campaign of another business is not there.
#[derive(Clone)]
pub struct CampaignControl {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    /// What a message may refer to in this installation.
    pub rules: Rules,
    /// Recipients per second of the connector, where it is limited.
    pub connector_rate: Option<u32>,
    /// Tells the scheduler of this process to look at once.
    pub wake: Arc<Notify>,
}

impl CampaignControl {
    /// The same on another store.
    pub fn on(&self, store: Store) -> Self {
        Self {
            store,
            ..self.clone()
        }
    }

    /// Launches now; dearer than `highest` is refused.
    pub async fn launch(
        &self,
        business: BusinessId,
        id: CampaignId,
        highest: Option<Money>,
    ) -> Result<Launched, SchedulerError> {
        self.expect_own(business, id).await?;
        let launched = launch::launch(&self.context(), id, highest).await?;
        self.wake.notify_one();
        Ok(launched)
    }

    pub(crate) fn context(&self) -> LaunchContext<'_> {
        LaunchContext {
            store: &self.store,
            clock: self.clock.as_ref(),
            ids: self.ids.as_ref(),
            rules: &self.rules,
            connector_rate: self.connector_rate,
        }
    }

    pub async fn pause(
        &self,
        business: BusinessId,
        id: CampaignId,
        member: MemberId,
    ) -> Result<(), SchedulerError> {
        self.expect_own(business, id).await?;
        let noted = CampaignAction::of(Action::Pause, Some(member), self.clock.now());
        pause_noted(&self.store, id, Some(noted)).await
    }

    pub async fn resume(
        &self,
        business: BusinessId,
        id: CampaignId,
        member: MemberId,
    ) -> Result<(), SchedulerError> {
        self.expect_own(business, id).await?;
        let now = self.clock.now();
        let noted = CampaignAction::of(Action::Resume, Some(member), now);
        resume_noted(&self.store, id, now, Some(noted)).await?;
        self.wake.notify_one();
        Ok(())
    }

    /// Cancels for good; the reason is kept with the campaign as it was written.
    pub async fn cancel(
        &self,
        business: BusinessId,
        id: CampaignId,
        member: MemberId,
        reason: &str,
    ) -> Result<Cancelled, SchedulerError> {
        self.expect_own(business, id).await?;
        let mut noted = CampaignAction::of(Action::Cancel, Some(member), self.clock.now());
        noted.reason = reason.to_owned();
        let cancelled = cancel_noted(&self.store, self.ids.as_ref(), id, noted).await?;
        self.wake.notify_one();
        Ok(cancelled)
    }

    /// Sets a budget of the business, or lifts it without a limit.
    pub async fn set_budget(
        &self,
        business: BusinessId,
        of: BudgetOf,
        limit: Option<Money>,
    ) -> Result<(), SchedulerError> {
        let now = self.clock.now();
        Ok(billing::budget::set(&self.store, business, of, limit, now).await?)
    }

    async fn expect_own(&self, business: BusinessId, id: CampaignId) -> Result<(), SchedulerError> {
        let campaign = self.store.campaign(id).await?;
        match campaign.business == business {
            true => Ok(()),
            false => Err(StoreError::NotFound(format!("campaign {id}")).into()),
        }
    }
}

/// What a cancel gave back at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled {
    /// Recipients whose chunks were frozen and not yet begun.
    pub units: u64,
    /// Units that were granted and not yet frozen.
    pub unfrozen: u64,
    pub released: Money,
}

/// Stops new pushes: nothing is claimed once this is committed.
pub async fn pause(store: &Store, id: CampaignId) -> Result<(), SchedulerError> {
    pause_noted(store, id, None).await
}

/// Goes on with a campaign that was paused or came out of a copy of the books.
pub async fn resume(
    store: &Store,
    clock: &dyn Clock,
    id: CampaignId,
) -> Result<(), SchedulerError> {
    resume_noted(store, id, clock.now(), None).await
}

/// Cancels in one transaction: what was not begun ends, its money goes back at once. What is in
/// flight, unknown or uncertain stays held until it is decided.
pub async fn cancel(
    store: &Store,
    clock: &dyn Clock,
    ids: &dyn IdSource,
    id: CampaignId,
) -> Result<Cancelled, SchedulerError> {
    let noted = CampaignAction::of(Action::Cancel, None, clock.now());
    cancel_noted(store, ids, id, noted).await
}

async fn pause_noted(
    store: &Store,
    id: CampaignId,
    noted: Option<CampaignAction>,
) -> Result<(), SchedulerError> {
    let mut write = store.write().await?;
    pause_in(&mut write, id, noted).await?;
    Ok(write.commit().await?)
}

pub(crate) async fn pause_in(
    write: &mut Write,
    id: CampaignId,
    noted: Option<CampaignAction>,
) -> Result<(), SchedulerError> {
    let campaign = write.campaign_to_move(id).await?;
    campaign
        .state
        .after(CampaignEvent::Pause(PauseReason::Requested))?;
    write
        .move_campaign(&campaign, CampaignEvent::Pause(PauseReason::Requested))
        .await?;
    // What was handed out and not claimed goes back: after a resume it is a new message.
    write.clear_dispatched(Some(id)).await?;
    if let Some(noted) = noted {
        write.note_action(id, &noted).await?;
    }
    Ok(())
}

async fn resume_noted(
    store: &Store,
    id: CampaignId,
    now: Timestamp,
    noted: Option<CampaignAction>,
) -> Result<(), SchedulerError> {
    let mut write = store.write().await?;
    resume_in(&mut write, id, now, noted).await?;
    Ok(write.commit().await?)
}

pub(crate) async fn resume_in(
    write: &mut Write,
    id: CampaignId,
    now: Timestamp,
    noted: Option<CampaignAction>,
) -> Result<(), SchedulerError> {
    let campaign = write.campaign_to_move(id).await?;
    let is_paused = matches!(campaign.state, CampaignState::Paused(_));
    match campaign.restored_at {
        // Its mark lies over whatever it did before; the stage `restore` takes it off.
        Some(_) => write.resume_restored(&campaign, now).await?,
        None => {
            campaign.state.after(CampaignEvent::Resume)?;
        }
    }
    if is_paused || campaign.restored_at.is_none() {
        write
            .move_campaign(&campaign, CampaignEvent::Resume)
            .await?;
    }
    if let Some(noted) = noted {
        write.note_action(id, &noted).await?;
    }
    Ok(())
}

async fn cancel_noted(
    store: &Store,
    ids: &dyn IdSource,
    id: CampaignId,
    noted: CampaignAction,
) -> Result<Cancelled, SchedulerError> {
    let mut write = store.write().await?;
    let cancelled = cancel_in(&mut write, ids, id, noted).await?;
    write.commit().await?;
    let Cancelled {
        units,
        unfrozen,
        released,
    } = cancelled;
    tracing::info!(campaign = %id, units, unfrozen, %released, "cancelled");
    Ok(cancelled)
}

pub(crate) async fn cancel_in(
    write: &mut Write,
    ids: &dyn IdSource,
    id: CampaignId,
    mut noted: CampaignAction,
) -> Result<Cancelled, SchedulerError> {
    let now = noted.at;
    let campaign = write.campaign_to_move(id).await?;
    campaign.state.after(CampaignEvent::Cancel)?;
    write
        .move_campaign(&campaign, CampaignEvent::Cancel)
        .await?;
    if campaign.restored_at.is_some() {
        // What may have been sent is asked for: it is billed, and the rest is not.
        write.resume_restored(&campaign, now).await?;
    }
    let currency = write.currency_of(campaign.business).await?;
    let units = write.end_ready(id, ChunkState::Cancelled, now).await?;
    let blocks = block::end_blocks(write, &campaign, now, ids).await?;
    let mut released = Money::zero(currency);
    let mut unfrozen = blocks.units;
    for tariff in write.give_back_unfrozen(id).await? {
        // A campaign has one tariff, so the units just ended are its own.
        let given_back = tariff.granted - tariff.frozen;
        let gone = given_back + units;
        let amount = block::given_back(write, id, &tariff, gone, currency).await?;
        released = released.checked_add(amount).map_err(BillingError::from)?;
        unfrozen += given_back;
    }
    write.set_freeze_ended(id, now).await?;
    if !released.is_zero() {
        billing::release(write, id, released, ReleaseReason::Cancelled, now, ids).await?;
    }
    released = released
        .checked_add(blocks.amount)
        .map_err(BillingError::from)?;
    (noted.not_begun, noted.not_frozen) = (units, unfrozen);
    noted.released_micro = released.micro();
    write.note_action(id, &noted).await?;
    Ok(Cancelled {
        units,
        unfrozen,
        released,
    })
}
