//! Blocks of units that a process leases for API sending: paid for before the first request, ended
//! with what no request used.

use billing::{BillingError, ReleaseReason};
use domain::budget;
use domain::id::{BusinessId, CampaignId, IdSource};
use domain::money::{Currency, Money};
use domain::terms::Terms;
use domain::time::Timestamp;
use store::campaign::{Campaign, CampaignTariff};
use store::standing::Block;
use store::{StoreError, Write};

use crate::SchedulerError;
use crate::settings::BLOCK_UNITS;
use crate::standing::ApiSender;

impl ApiSender {
    /// Takes units out of this process's block, or out of another one that it leases now.
    pub(crate) async fn use_units(
        &self,
        write: &mut Write,
        campaign: &Campaign,
        units: u64,
        now: Timestamp,
    ) -> Result<Block, SchedulerError> {
        if let Some(block) = write.block_of(campaign.id, self.process).await? {
            if write.use_block(&block, units, now).await? {
                return Ok(block);
            }
            // Its rest first, so that it pays for the next one.
            end_block(write, &block, now, self.ids.as_ref()).await?;
        }
        let block = self.lease(write, campaign, units, now).await?;
        if write.use_block(&block, units, now).await? {
            return Ok(block);
        }
        Err(StoreError::Invariant(format!(
            "{} is too small for what it was leased for",
            block.id
        ))
        .into())
    }

    /// Leases a block: of the usual size, or as large as wallet and budgets allow, which must be
    /// enough for `units`.
    async fn lease(
        &self,
        write: &mut Write,
        campaign: &Campaign,
        units: u64,
        now: Timestamp,
    ) -> Result<Block, SchedulerError> {
        match self.lease_as_it_stands(write, campaign, units, now).await {
            Err(SchedulerError::Billing(error)) if is_short(&error) => {
                let ids = self.ids.as_ref();
                if !give_back_blocks(write, campaign.business, now, ids).await? {
                    return Err(error.into());
                }
                self.lease_as_it_stands(write, campaign, units, now).await
            }
            leased => leased,
        }
    }

    async fn lease_as_it_stands(
        &self,
        write: &mut Write,
        campaign: &Campaign,
        units: u64,
        now: Timestamp,
    ) -> Result<Block, SchedulerError> {
        let tariffs = write.campaign_tariffs(campaign.id).await?;
        let tariff = tariffs.first().ok_or_else(|| {
            StoreError::Invariant(format!("{} runs without a tariff", campaign.id))
        })?;
        let (payer, ids) = (campaign.business, self.ids.as_ref());
        billing::promotional::expire(write, payer, now, ids).await?;
        let wallet = write.wallet(payer).await?;
        let spendable = wallet.spendable().map_err(BillingError::from)?;
        let terms = match tariff.is_by_unit {
            true => Some(billing::terms_at_launch(write, payer, now).await?),
            false => None,
        };
        let included = terms.as_ref().map_or(0, Terms::quota_left);
        let budgets = billing::budget::of_campaign(write, payer, campaign.id, now).await?;
        let most = match budget::room(&budgets) {
            Some(room) if room.micro() < spendable.micro() => room,
            _ => spendable,
        };
        let affordable = match tariff.unit_price_micro {
            0 => BLOCK_UNITS,
            price => included + u64::try_from(most.micro() / price).unwrap_or(0),
        };
        let unit_price = Money::from_micro(tariff.unit_price_micro, spendable.currency());
        let price_of = |units: u64| {
            let paid_for = units.saturating_sub(included);
            unit_price.times(paid_for).map_err(BillingError::from)
        };
        let room = terms.as_ref().map_or(BLOCK_UNITS, Terms::room);
        let size = BLOCK_UNITS.min(affordable).min(room);
        if room < units {
            let needed = units;
            return Err(SchedulerError::Billing(BillingError::BeyondPlan {
                needed,
                room,
            }));
        }
        if size < units {
            billing::budget::refuse(&budgets, price_of(units)?)?;
            return Err(SchedulerError::Billing(BillingError::FundsShort {
                available: spendable,
                needed: price_of(units)?,
            }));
        }
        let block = Block {
            id: self.ids.next(),
            campaign: campaign.id,
            tariff: tariff.tariff,
            unit_price_micro: tariff.unit_price_micro,
            units: size,
            used: 0,
            leased_to: self.process,
            leased_at: now,
        };
        let amount = price_of(size)?;
        billing::hold_block(write, payer, campaign.id, block.id, amount, now, ids).await?;
        write.insert_block(&block).await?;
        if let Some(terms) = &terms {
            billing::take_plan(write, payer, campaign.id, terms, size, now).await?;
        }
        tracing::info!(campaign = %campaign.id, block = %block.id, units = size, "leased a block");
        Ok(block)
    }
}

/// What ending blocks gave back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GivenBack {
    pub units: u64,
    pub amount: Money,
}

/// Ends every open block of a campaign; a broadcast has none.
pub(crate) async fn end_blocks(
    write: &mut Write,
    campaign: &Campaign,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<GivenBack, SchedulerError> {
    let currency = write.currency_of(campaign.business).await?;
    let mut given_back = GivenBack {
        units: 0,
        amount: Money::zero(currency),
    };
    for block in write.open_blocks(campaign.id).await? {
        let rest = end_block(write, &block, now, ids).await?;
        given_back.units += rest.units;
        let sum = given_back.amount.checked_add(rest.amount);
        given_back.amount = sum.map_err(BillingError::from)?;
    }
    Ok(given_back)
}

/// What ending blocks in time can change.
pub(crate) const fn is_short(error: &BillingError) -> bool {
    matches!(
        error,
        BillingError::FundsShort { .. }
            | BillingError::BeyondPlan { .. }
            | BillingError::BeyondBudget { .. }
    )
}

/// Ends every open block of a business: money that is only kept ready is no reason to refuse a
/// send. Whoever leased one leases another with its next request. False where there was none.
pub(crate) async fn give_back_blocks(
    write: &mut Write,
    business: BusinessId,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<bool, SchedulerError> {
    let blocks = write.open_blocks_of_business(business).await?;
    for block in &blocks {
        end_block(write, block, now, ids).await?;
    }
    Ok(!blocks.is_empty())
}

/// Ends one block: what no request used is granted no longer, and its price goes back.
pub(crate) async fn end_block(
    write: &mut Write,
    block: &Block,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<GivenBack, SchedulerError> {
    let units = write.end_block(block, now).await?;
    let campaign: CampaignId = block.campaign;
    let payer = write.campaign(campaign).await?.business;
    let currency = write.currency_of(payer).await?;
    // As it was before the block's rest went back.
    let tariff = write.campaign_tariffs(campaign).await?.into_iter().next();
    let before = tariff.map(|tariff| CampaignTariff {
        granted: tariff.granted + units,
        ..tariff
    });
    let amount = match before {
        Some(tariff) => given_back(write, campaign, &tariff, units, currency).await?,
        None => Money::zero(currency),
    };
    if !amount.is_zero() {
        let reason = ReleaseReason::BlockEnded;
        billing::release(write, campaign, amount, reason, now, ids).await?;
    }
    tracing::info!(%campaign, block = %block.id, units, "ended a block");
    Ok(GivenBack { units, amount })
}

/// The price of units that will not be sent. Under a plan whose quota came back after some sends
/// had been paid for, that is at most what the hold still has.
pub(crate) async fn given_back(
    write: &mut Write,
    campaign: CampaignId,
    tariff: &CampaignTariff,
    units: u64,
    currency: Currency,
) -> Result<Money, SchedulerError> {
    let amount = tariff
        .price_of_last(units, currency)
        .map_err(BillingError::from)?;
    if !tariff.is_by_unit {
        return Ok(amount);
    }
    let open = write.open_hold(campaign).await?;
    Ok(match open.micro() < amount.micro() {
        true => open,
        false => amount,
    })
}
