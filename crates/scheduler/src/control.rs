//! Pause, resume, cancel: what a person does to a running campaign.

use billing::{BillingError, ReleaseReason};
use domain::campaign::{CampaignEvent, PauseReason};
use domain::chunk::ChunkState;
use domain::id::{CampaignId, IdSource};
use domain::money::Money;
use domain::time::Clock;
use store::Store;

use crate::{SchedulerError, standing};

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
    let mut write = store.write().await?;
    let campaign = write.campaign(id).await?;
    campaign
        .state
        .after(CampaignEvent::Pause(PauseReason::Requested))?;
    write
        .move_campaign(&campaign, CampaignEvent::Pause(PauseReason::Requested))
        .await?;
    // What was handed out and not claimed goes back: after a resume it is a new message.
    write.clear_dispatched(Some(id)).await?;
    Ok(write.commit().await?)
}

pub async fn resume(store: &Store, id: CampaignId) -> Result<(), SchedulerError> {
    let mut write = store.write().await?;
    let campaign = write.campaign(id).await?;
    campaign.state.after(CampaignEvent::Resume)?;
    write
        .move_campaign(&campaign, CampaignEvent::Resume)
        .await?;
    Ok(write.commit().await?)
}

/// Cancels in one transaction: what was not begun ends, its money goes back at once. What is in
/// flight, unknown or uncertain stays held until it is decided.
pub async fn cancel(
    store: &Store,
    clock: &dyn Clock,
    ids: &dyn IdSource,
    id: CampaignId,
) -> Result<Cancelled, SchedulerError> {
    let now = clock.now();
    let mut write = store.write().await?;
    let campaign = write.campaign(id).await?;
    campaign.state.after(CampaignEvent::Cancel)?;
    write
        .move_campaign(&campaign, CampaignEvent::Cancel)
        .await?;
    let currency = write.currency_of(campaign.business).await?;
    let units = write.end_ready(id, ChunkState::Cancelled, now).await?;
    let blocks = standing::end_blocks(&mut write, &campaign, now, ids).await?;
    let mut released = Money::zero(currency);
    let mut unfrozen = blocks.units;
    for tariff in write.give_back_unfrozen(id).await? {
        // A campaign has one tariff, so the units just ended are its own.
        let given_back = tariff.granted - tariff.frozen;
        let unit_price = Money::from_micro(tariff.unit_price_micro, currency);
        let amount = unit_price
            .times(given_back + units)
            .map_err(BillingError::from)?;
        released = released.checked_add(amount).map_err(BillingError::from)?;
        unfrozen += given_back;
    }
    write.set_freeze_ended(id, now).await?;
    if !released.is_zero() {
        billing::release(&mut write, id, released, ReleaseReason::Cancelled, now, ids).await?;
    }
    released = released
        .checked_add(blocks.amount)
        .map_err(BillingError::from)?;
    write.commit().await?;
    tracing::info!(campaign = %id, units, unfrozen, %released, "cancelled");
    Ok(Cancelled {
        units,
        unfrozen,
        released,
    })
}
