//! Receipts: what a friend did with a push, checked against what was sent.
//!
//! Reading goes before the write transaction: a broadcast is being recorded meanwhile, and there is
//! one writer. What is read cannot change: users keep their numbers, pushes their recipients.

use std::collections::HashMap;
use std::sync::Arc;

use domain::id::{AccountId, CampaignId, LinkId};
use domain::push::PushKey;
use domain::receipt::{self, Receipt, ReceiptKind};
use domain::time::Timestamp;
use domain::user::{UserKey, UserNumber};
use gateway::FriendEvent;
use store::push::Push;

use crate::{ApiError, ApiState};

/// A receipt as it was told.
#[derive(Debug, Clone)]
pub struct Told {
    pub account: AccountId,
    pub user: UserKey,
    pub at: Timestamp,
    pub push_key: PushKey,
    pub deed: Deed,
}

#[derive(Debug, Clone)]
pub enum Deed {
    Opened,
    Clicked { link: String },
    CouponUsed { coupon: String },
}

/// A receipt that fits what was sent.
#[derive(Debug, Clone)]
pub struct Fitting {
    pub campaign: CampaignId,
    /// What it is counted under as well, where its request named a unit.
    pub unit: Option<CampaignId>,
    pub receipt: Receipt,
    /// The coupon that was used.
    pub coupon: Option<UsedCoupon>,
}

/// A coupon that somebody used: as the messenger names it.
#[derive(Debug, Clone)]
pub struct UsedCoupon {
    pub account: AccountId,
    pub coupon: String,
    pub at: Timestamp,
}

/// Somebody who blocked an account or left it.
#[derive(Debug, Clone)]
pub struct Gone {
    pub account: AccountId,
    pub user: UserKey,
    pub at: Timestamp,
}

/// The receipt of an event that is one; the event back where it is not.
pub fn deed(event: FriendEvent) -> Result<(PushKey, Deed), FriendEvent> {
    match event {
        FriendEvent::MessageOpened { push_key, .. } => Ok((push_key, Deed::Opened)),
        FriendEvent::LinkClicked { push_key, link, .. } => Ok((push_key, Deed::Clicked { link })),
        FriendEvent::CouponUsed { push_key, coupon } => Ok((push_key, Deed::CouponUsed { coupon })),
        other => Err(other),
    }
}

/// Checks receipts; for each what it is, or why it is refused.
pub async fn check(
    state: &ApiState,
    told: &[Told],
) -> Result<Vec<Result<Fitting, String>>, ApiError> {
    if told.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<PushKey> = told.iter().map(|told| told.push_key).collect();
    let pushes = state.pushes.of(&state.store, &keys).await?;
    let users: Vec<&UserKey> = told.iter().map(|told| &told.user).collect();
    let numbers = state.store.user_numbers(&users).await?;
    let mut checked = Vec::with_capacity(told.len());
    for told in told {
        checked.push(fitting(state, told, &pushes, &numbers).await?);
    }
    Ok(checked)
}

/// The campaigns that lose these people: for each the receipt of the last that reached them.
pub async fn losses(state: &ApiState, gone: &[Gone]) -> Result<Vec<Option<Fitting>>, ApiError> {
    let users: Vec<&UserKey> = gone.iter().map(|gone| &gone.user).collect();
    let numbers = state.store.user_numbers(&users).await?;
    let mut losses = vec![None; gone.len()];
    let mut by_account: HashMap<AccountId, Vec<(usize, UserNumber, Timestamp)>> = HashMap::new();
    for (place, gone) in gone.iter().enumerate() {
        if let Some(number) = numbers.get(&gone.user) {
            let of_account = by_account.entry(gone.account).or_default();
            of_account.push((place, *number, gone.at));
        }
    }
    for (account, people) in by_account {
        let asked: Vec<(UserNumber, Timestamp)> = people
            .iter()
            .map(|(_, number, at)| (*number, *at))
            .collect();
        let reached = state.store.last_that_reached(account, &asked).await?;
        for ((place, number, at), reached) in people.into_iter().zip(reached) {
            losses[place] = reached.map(|reached| Fitting {
                campaign: reached.campaign,
                unit: None,
                receipt: Receipt {
                    number,
                    kind: ReceiptKind::Blocked,
                    link: None,
                    second: receipt::second_of(reached.epoch, at),
                },
                coupon: None,
            });
        }
    }
    Ok(losses)
}

async fn fitting(
    state: &ApiState,
    told: &Told,
    pushes: &HashMap<PushKey, Arc<Push>>,
    numbers: &HashMap<UserKey, UserNumber>,
) -> Result<Result<Fitting, String>, ApiError> {
    let Some(push) = pushes.get(&told.push_key) else {
        return Ok(Err(format!("there is no push {}", told.push_key)));
    };
    let link = match &told.deed {
        Deed::Clicked { link } => match link.parse::<LinkId>() {
            Ok(link) => Some(link),
            Err(_) => return Ok(Err(no_link())),
        },
        _ => None,
    };
    let campaign = state
        .pushes
        .campaign(&state.store, push.campaign, link)
        .await?;
    let Some(campaign) = campaign.filter(|campaign| campaign.account == told.account) else {
        return Ok(Err(format!(
            "there is no push {} of this account",
            told.push_key
        )));
    };
    let number = numbers.get(&told.user).filter(|number| push.has(**number));
    let Some(number) = number else {
        return Ok(Err("the user is no recipient of this push".into()));
    };
    let place = link.and_then(|link| campaign.links.get(&link).copied());
    if link.is_some() && place.is_none() {
        return Ok(Err(no_link()));
    }
    let (kind, coupon) = match &told.deed {
        Deed::Opened => (ReceiptKind::Opened, None),
        Deed::Clicked { .. } => (ReceiptKind::Clicked, None),
        Deed::CouponUsed { coupon } => {
            let used = UsedCoupon {
                account: told.account,
                coupon: coupon.clone(),
                at: told.at,
            };
            (ReceiptKind::CouponUsed, Some(used))
        }
    };
    Ok(Ok(Fitting {
        campaign: push.campaign,
        unit: push.unit,
        receipt: Receipt {
            number: *number,
            kind,
            link: place,
            second: receipt::second_of(campaign.epoch, told.at),
        },
        coupon,
    }))
}

fn no_link() -> String {
    "there is no such link in what was pushed".to_owned()
}
