//! Launching: one transaction counts the audience, holds the money and fixes what is sent.
//!
//! Whoever asks first launches: the others find another state. Nothing is sent before this commit,
//! and whatever is sent afterwards is paid for.

use std::time::Duration;

use billing::{BillingError, ReleaseReason};
use domain::audience::Audience;
use domain::audience_group::GroupStatus;
use domain::budget;
use domain::campaign::{CampaignEvent, CampaignKind, CampaignState, Purpose};
use domain::coupon::CouponId;
use domain::freeze::FreezePlan;
use domain::id::{CampaignId, IdSource, LinkId};
use domain::message::{Messages, Rules};
use domain::money::Money;
use domain::pace::{self, Rate};
use domain::price::Quote;
use domain::push;
use domain::shortage::Means;
use domain::terms::Terms;
use domain::time::{Clock, LaunchMonth, Timestamp};
use domain::user::UserNumber;
use gateway::{AccountCard, FrozenBody, FrozenParts, Link};
use store::campaign::{Campaign, CampaignTariff, Launch};
use store::directory::Account;
use store::hot::{ReachCount, ReachQuery};
use store::receipt::CampaignLink;
use store::shortage::{PartialLaunch, Waiting};
use store::{Store, StoreError, Write, pause};

use crate::block::give_back_blocks;
use crate::{Progress, Scheduler, SchedulerError};

/// What a launch did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Launched {
    Launched {
        audience: u64,
        reachable: u64,
        /// Fewer than are reachable where there was not enough for all, and the brand wanted that.
        granted: u64,
        held: Money,
    },
    /// Nothing was held; the campaign waits for funds.
    WaitsForFunds { needed: Money, available: Money },
}

/// What a launch needs from its caller.
pub struct LaunchContext<'a> {
    pub store: &'a Store,
    pub clock: &'a dyn Clock,
    pub ids: &'a dyn IdSource,
    /// What a message may refer to in this installation.
    pub rules: &'a Rules,
    /// Recipients per second of the connector, where it is limited.
    pub connector_rate: Option<u32>,
}

/// Launches a campaign now. `highest_amount` is what the person saw: dearer is refused.
pub async fn launch(
    context: &LaunchContext<'_>,
    id: CampaignId,
    highest_amount: Option<Money>,
) -> Result<Launched, SchedulerError> {
    let mut write = context.store.write().await?;
    let now = context.clock.now();
    match launch_within(context, &mut write, id, highest_amount, now).await {
        Ok(launched) => {
            write.commit().await?;
            pause::point("launch:after_hold").await;
            Ok(launched)
        }
        Err(SchedulerError::Billing(BillingError::FundsShort { available, needed })) => {
            write.roll_back().await?;
            let waiting = Waiting {
                since: now,
                needed,
                highest: highest_amount,
            };
            let mut write = context.store.write().await?;
            wait_for_funds(&mut write, id, waiting).await?;
            write.commit().await?;
            Ok(Launched::WaitsForFunds { needed, available })
        }
        Err(error) => {
            write.roll_back().await?;
            Err(error)
        }
    }
}

/// The same inside the write of a caller, who commits it, or rolls it back where it is refused.
pub(crate) async fn launch_within(
    context: &LaunchContext<'_>,
    write: &mut Write,
    id: CampaignId,
    highest_amount: Option<Money>,
    now: Timestamp,
) -> Result<Launched, SchedulerError> {
    let campaign = write.campaign_to_move(id).await?;
    // Refused before the audience is counted: fifty who ask at once cost one count.
    campaign.state.after(CampaignEvent::Launch)?;
    if campaign.restored_at.is_some() {
        return Err(SchedulerError::NotPossible(format!(
            "{id} came out of a backup and may have been sent since: resume it first"
        )));
    }
    launch_in(context, write, &campaign, false, highest_amount, now).await
}

/// The launch inside the transaction of its caller. `is_quiet` leaves the phones of its recipients
/// silent.
pub(crate) async fn launch_in(
    context: &LaunchContext<'_>,
    write: &mut Write,
    campaign: &Campaign,
    is_quiet: bool,
    highest_amount: Option<Money>,
    now: Timestamp,
) -> Result<Launched, SchedulerError> {
    let account = write
        .account_of_business(campaign.business, campaign.account)
        .await?;
    let account =
        account.ok_or_else(|| StoreError::NotFound(format!("account {}", campaign.account)))?;
    let audience = read_audience(campaign)?;
    expect_sent_kept(write, campaign, &audience).await?;
    expect_usable_groups(write, campaign, &audience, now).await?;
    let count = count(write, context.store, campaign, &audience).await?;
    let tariff = audience.tariff(campaign.purpose);
    let terms = billing::terms_at_launch(write, campaign.business, now).await?;
    let terms = match campaign.kind {
        CampaignKind::Test => terms.free(),
        _ => terms,
    };
    let all = terms
        .quote(tariff, count.reachable)
        .map_err(BillingError::from)?;
    let terms = match ready_money_is_needed(write, campaign, &terms, &all, now).await? {
        true => {
            give_back_blocks(write, campaign.business, now, context.ids).await?;
            billing::terms_at_launch(write, campaign.business, now).await?
        }
        false => terms,
    };
    let granted = grant(context, write, campaign, &audience, &terms, count, now).await?;
    let quote = terms.quote(tariff, granted).map_err(BillingError::from)?;
    if let Some(seen) = highest_amount
        && quote.net.micro() > seen.micro()
    {
        return Err(SchedulerError::Dearer {
            seen,
            now: quote.net,
        });
    }
    let messages = read_messages(campaign, context.rules)?;
    expect_open_coupons(write, campaign, &messages, now).await?;
    let (frozen, links) = frozen_body(campaign, &messages, is_quiet, &account)?;
    write.add_links(campaign.id, &links).await?;
    write
        .insert_message(frozen.hash(), &frozen.to_stored())
        .await?;
    let launch = Launch {
        month: LaunchMonth::of(now),
        launched_at: now,
        price_version: terms.book.version(),
        tariff: tariff.code(),
        message_hash: Some(frozen.hash()),
        cut_sequence: write.sequence().await?,
        // Whatever commits after this transaction has a higher number.
        reach_mark: write.sequence().await?,
        highest_number: UserNumber(count.highest_number),
        chunk_size: pace::chunk_size_max(slowest_rate([
            campaign.rate_per_second,
            account.rate_per_second,
            context.connector_rate,
        ])),
        not_after: now + Duration::from_secs(u64::from(campaign.lifetime_seconds)),
        billable: terms.contract.billable,
    };
    let units = CampaignTariff {
        tariff: tariff.code(),
        unit_price_micro: terms.book.bands(tariff).dearest().micro(),
        counted: granted,
        granted,
        frozen: 0,
        quota: 0,
        is_by_unit: terms.is_by_unit(tariff),
    };
    write.set_launch(campaign.id, &launch, &units).await?;
    billing::take_plan(write, campaign.business, campaign.id, &terms, granted, now).await?;
    billing::hold(
        write,
        campaign.business,
        campaign.id,
        quote.net,
        now,
        context.ids,
    )
    .await?;
    write.move_campaign(campaign, CampaignEvent::Launch).await?;
    let reachable = count.reachable;
    tracing::info!(campaign = %campaign.id, audience = count.audience, reachable, granted,
                   held = %quote.net, "launched");
    Ok(Launched::Launched {
        audience: count.audience,
        reachable,
        granted,
        held: quote.net,
    })
}

/// Whether there is too little for all of them as long as some is only kept ready for requests.
async fn ready_money_is_needed(
    write: &mut Write,
    campaign: &Campaign,
    terms: &Terms,
    all: &Quote,
    now: Timestamp,
) -> Result<bool, SchedulerError> {
    if all.net.is_zero() {
        return Ok(false);
    }
    let payer = campaign.business;
    let spendable = write.wallet(payer).await?.spendable();
    let spendable = spendable.map_err(BillingError::from)?;
    let budgets = billing::budget::of_campaign(write, payer, campaign.id, now).await?;
    let units = all.lines.iter().map(|line| line.count).sum();
    Ok(spendable.micro() < all.net.micro()
        || terms.room() < units
        || budget::refusing(&budgets, all.net).is_some())
}

/// Aimed at whoever an earlier campaign was sent to, it needs to be known who that was: otherwise
/// nobody would be, and everybody by a negation.
async fn expect_sent_kept(
    write: &mut Write,
    campaign: &Campaign,
    audience: &Audience,
) -> Result<(), SchedulerError> {
    for sent in audience.expression.sent() {
        if !write.is_sent_kept(campaign.account, sent).await? {
            return Err(SchedulerError::NotPossible(format!(
                "it is not kept whom {sent} was sent to"
            )));
        }
    }
    Ok(())
}

async fn count(
    write: &mut Write,
    store: &Store,
    campaign: &Campaign,
    audience: &Audience,
) -> Result<ReachCount, SchedulerError> {
    let query = ReachQuery::of(campaign, audience.expression.clone(), None);
    let mut count = store.hot().count_reach(write, &query).await?;
    if let Some(limit) = &audience.limit {
        count.reachable = count.reachable.min(u64::from(limit.count));
    }
    Ok(count)
}

/// How many it is sent to: all that it reaches, or as many as there is enough for where the brand
/// wants that. Where there is not enough for one, all are asked for: the refusal says why.
async fn grant(
    context: &LaunchContext<'_>,
    write: &mut Write,
    campaign: &Campaign,
    audience: &Audience,
    terms: &Terms,
    count: ReachCount,
    now: Timestamp,
) -> Result<u64, SchedulerError> {
    let asked = count.reachable;
    let Some(method) = campaign.if_short.fewer(campaign.id) else {
        return Ok(asked);
    };
    let payer = campaign.business;
    billing::promotional::expire(write, payer, now, context.ids).await?;
    write.sync_credit(payer, now).await?;
    let funds = write.wallet(payer).await?.spendable();
    let budgets = billing::budget::of_campaign(write, payer, campaign.id, now).await?;
    let means = Means {
        funds: funds.map_err(BillingError::from)?,
        budgets: &budgets,
        terms,
    };
    let granted = means.grant(audience.tariff(campaign.purpose), asked);
    match granted.short_of {
        Some(short_of) if granted.units > 0 => {
            let partial = PartialLaunch {
                asked,
                granted: granted.units,
                // Of those that a limit of the audience takes, the first in its own order.
                method: audience.limit.map_or(method, |limit| limit.method),
                short_of,
            };
            write.insert_partial_launch(campaign.id, &partial).await?;
            tracing::info!(campaign = %campaign.id, ?partial, "not enough for everybody");
            Ok(granted.units)
        }
        _ => Ok(asked),
    }
}

/// Notes for what it waits, and since when: the first time, where it has been waiting.
pub(crate) async fn wait_for_funds(
    write: &mut Write,
    id: CampaignId,
    waiting: Waiting,
) -> Result<(), SchedulerError> {
    let campaign = write.campaign_to_move(id).await?;
    let mut waiting = waiting;
    if campaign.state == CampaignState::WaitingForFunds {
        let before = write.waiting(campaign.business, id).await?;
        waiting.since = before.map_or(waiting.since, |before| before.since);
    } else {
        write
            .move_campaign(&campaign, CampaignEvent::FundsShort)
            .await?;
    }
    Ok(write.set_waiting(id, &waiting).await?)
}

/// The audience as the row holds it; it was checked when it was written.
pub(crate) fn read_audience(campaign: &Campaign) -> Result<Audience, StoreError> {
    Audience::parse(&campaign.audience).map_err(|errors| StoreError::Corrupt {
        table: "campaign",
        column: "audience",
        why: format!("{errors:?}"),
    })
}

/// The audience groups that are named have to be there whole: of a group that is not ready or has
/// expired nobody knows who is missing, and who should have been left out.
async fn expect_usable_groups(
    write: &mut Write,
    campaign: &Campaign,
    audience: &Audience,
    now: Timestamp,
) -> Result<(), SchedulerError> {
    for id in audience.expression.groups() {
        let group = write.audience_group(campaign.account, id).await?;
        let why = match group.map(|group| group.status_at(now)) {
            Some(GroupStatus::Ready) => continue,
            Some(GroupStatus::InProgress) => "is not ready yet",
            Some(GroupStatus::Failed) => "has nobody in it, because it failed",
            Some(GroupStatus::Expired) => "has expired",
            None => "is not there any more",
        };
        return Err(SchedulerError::NotPossible(format!(
            "the audience group {id}, which the audience names, {why}"
        )));
    }
    Ok(())
}

/// The rules in force may have changed since the message was written.
fn read_messages(campaign: &Campaign, rules: &Rules) -> Result<Messages, SchedulerError> {
    domain::message::parse(&campaign.messages, rules).map_err(|errors| {
        let words: Vec<String> = errors.iter().map(ToString::to_string).collect();
        SchedulerError::NotPossible(format!("the message cannot be sent: {}", words.join("; ")))
    })
}

/// Coupons may have been closed since the message was written.
async fn expect_open_coupons(
    write: &mut Write,
    campaign: &Campaign,
    messages: &Messages,
    now: Timestamp,
) -> Result<(), SchedulerError> {
    for (property, named) in messages.coupons() {
        let refused = |why: &dyn std::fmt::Display| {
            SchedulerError::NotPossible(format!("the message cannot be sent: {property}: {why}"))
        };
        let found = match CouponId::parse(named) {
            Some(id) => write.coupon(campaign.account, id).await?,
            None => None,
        };
        let coupon = found.ok_or_else(|| refused(&"there is no such coupon"))?;
        let open = coupon.facts.may_be_sent(now);
        open.map_err(|refusal| refused(&refusal))?;
    }
    Ok(())
}

fn frozen_body(
    campaign: &Campaign,
    messages: &Messages,
    is_quiet: bool,
    account: &Account,
) -> Result<(FrozenBody, Vec<CampaignLink>), SchedulerError> {
    let content = Content {
        campaign: campaign.id,
        purpose: campaign.purpose,
        messages,
        notification_disabled: is_quiet,
    };
    let version = campaign.message_version;
    freeze_content(&content, account, |place| {
        push::link_id(campaign.id, version, place)
    })
}

/// What is sent, before its links have ids and its account a face.
pub(crate) struct Content<'a> {
    pub campaign: CampaignId,
    pub purpose: Purpose,
    pub messages: &'a Messages,
    pub notification_disabled: bool,
}

pub(crate) fn freeze_content(
    content: &Content<'_>,
    account: &Account,
    link_id: impl Fn(u32) -> LinkId,
) -> Result<(FrozenBody, Vec<CampaignLink>), SchedulerError> {
    let kept: Vec<CampaignLink> = (0u32..)
        .zip(content.messages.links())
        .map(|(place, link)| CampaignLink {
            id: link_id(place),
            place,
            message: link.message as u32,
            label: content.messages.label_of(&link),
            path: link.path,
            url: link.uri,
        })
        .collect();
    let named = kept.iter().map(|link| Link {
        id: link.id.to_string(),
        message: link.message,
        path: link.path.clone(),
    });
    let links: Vec<Link> = named.collect();
    let card = AccountCard {
        id: account.id,
        handle: account.handle.to_string(),
        display_name: account.display_name.clone(),
        icon_url: account.icon_url.clone(),
    };
    let json = content.messages.to_json();
    let parts = FrozenParts {
        campaign: content.campaign,
        purpose: content.purpose,
        account: &card,
        notification_disabled: content.notification_disabled,
        messages: &json,
        links: &links,
    };
    let body = FrozenBody::new(&parts).map_err(|error| {
        SchedulerError::NotPossible(format!("the message cannot be sent: {error}"))
    })?;
    Ok((body, kept))
}

/// The slowest speed on the way, per second, decides how small chunks are.
pub(crate) fn slowest_rate(rates: [Option<u32>; 3]) -> Option<Rate> {
    let slowest = rates.into_iter().flatten().min();
    slowest.and_then(|rate| Rate::per_second(u64::from(rate)).ok())
}

impl Scheduler {
    /// Launches what is scheduled for now or earlier.
    pub async fn launch_step(&self) -> Result<Progress, SchedulerError> {
        let now = self.clock.now();
        let mut progress = Progress::Idle;
        for campaign in self.store.campaigns_alive().await? {
            let is_due = campaign.state == CampaignState::Scheduled
                && campaign.restored_at.is_none()
                && campaign.scheduled_for.is_some_and(|at| at <= now);
            if !is_due {
                continue;
            }
            progress = Progress::Worked;
            self.launch_by_itself(campaign.id, None).await?;
        }
        Ok(progress)
    }

    /// Launches what nobody presses a button for; what cannot be launched goes back to its author.
    pub(crate) async fn launch_by_itself(
        &self,
        id: CampaignId,
        highest_amount: Option<Money>,
    ) -> Result<(), SchedulerError> {
        let context = LaunchContext {
            store: &self.store,
            clock: self.clock.as_ref(),
            ids: self.ids.as_ref(),
            rules: &self.rules,
            connector_rate: self.settings.connector_rate,
        };
        match launch(&context, id, highest_amount).await {
            Ok(launched) => tracing::info!(campaign = %id, ?launched, "its time came"),
            // Somebody else launched, edited or discarded it just now.
            Err(SchedulerError::Refused(_)) => {}
            Err(error @ SchedulerError::Store(StoreError::Unavailable(_))) => return Err(error),
            Err(error) => {
                tracing::error!(campaign = %id, %error, "could not be launched");
                self.send_back(id, &error).await?;
            }
        }
        Ok(())
    }

    /// A scheduled campaign that cannot be launched as it is goes back to its author, who sees why.
    async fn send_back(
        &self,
        id: CampaignId,
        error: &SchedulerError,
    ) -> Result<(), SchedulerError> {
        let mut write = self.store.write().await?;
        let campaign = write.campaign_to_move(id).await?;
        write.move_campaign(&campaign, CampaignEvent::Edit).await?;
        write.set_launch_error(id, &error.to_string()).await?;
        Ok(write.commit().await?)
    }

    /// Ends a launch that cannot freeze: nothing was frozen, so the whole hold is released.
    pub(crate) async fn fail_launch(
        &self,
        campaign: &Campaign,
        error: &SchedulerError,
    ) -> Result<(), SchedulerError> {
        let now = self.clock.now();
        let mut write = self.store.write().await?;
        let current = write.campaign_to_move(campaign.id).await?;
        write
            .move_campaign(&current, CampaignEvent::LaunchError)
            .await?;
        write
            .set_launch_error(campaign.id, &error.to_string())
            .await?;
        let ids = self.ids.as_ref();
        let reason = ReleaseReason::LaunchFailed;
        billing::release_rest(&mut write, campaign.id, reason, now, ids).await?;
        Ok(write.commit().await?)
    }
}

/// The ranges of a launched campaign.
pub(crate) fn plan(launch: &Launch) -> FreezePlan {
    FreezePlan::of(launch.highest_number, launch.chunk_size)
}
