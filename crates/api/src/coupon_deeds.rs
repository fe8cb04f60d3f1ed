//! Coupons that friends want and use: given as long as there is one, used as often as may be.
//!
//! Who wants one and does not get it is no error of the messenger's: the event is taken and nothing
//! is done with it, for the reason that is answered.

use domain::coupon::{CouponId, TicketState, acquire, use_ticket};
use domain::id::{AccountId, CampaignId};
use domain::time::Timestamp;
use domain::user::{UserKey, UserNumber};
use store::Write;

use crate::receipts::UsedCoupon;
use crate::take::{NotTaken, Taken};
use crate::{ApiError, ApiState};

/// A coupon that somebody wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub account: AccountId,
    pub user: UserKey,
    pub at: Timestamp,
    pub coupon: String,
}

/// Whether there is such a coupon, or why it is refused.
pub async fn check(state: &ApiState, wanted: &Wanted) -> Result<Result<(), String>, ApiError> {
    let found = match CouponId::parse(&wanted.coupon) {
        Some(id) => state.store.coupon(wanted.account, id).await?,
        None => None,
    };
    let none = || "there is no such coupon of this account".to_owned();
    Ok(found.map(|_| ()).ok_or_else(none))
}

/// Gives coupons to those who want them, one after the other.
pub async fn give(
    state: &ApiState,
    write: &mut Write,
    wanted: Vec<(usize, String, Wanted)>,
    taken: &mut Taken,
) -> Result<(), ApiError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let users: Vec<&UserKey> = wanted.iter().map(|(_, _, wanted)| &wanted.user).collect();
    let numbers = write.number_users(&*state.ids, &users).await?;
    for (index, id, wanted) in &wanted {
        let Some(user) = numbers.get(&wanted.user) else {
            continue;
        };
        let reason = match give_one(write, wanted, user.number).await? {
            Ok(()) => {
                taken.accepted += 1;
                continue;
            }
            Err(reason) => reason,
        };
        taken.ignored.push(NotTaken {
            index: *index,
            id: Some(id.clone()),
            reason,
        });
    }
    Ok(())
}

async fn give_one(
    write: &mut Write,
    wanted: &Wanted,
    number: UserNumber,
) -> Result<Result<(), String>, ApiError> {
    let Some(id) = CouponId::parse(&wanted.coupon) else {
        return Ok(Err("there is no such coupon of this account".to_owned()));
    };
    let Some(coupon) = write.coupon(wanted.account, id).await? else {
        return Ok(Err("there is no such coupon of this account".to_owned()));
    };
    if let Some(ticket) = write.ticket(id, number).await? {
        let words = match ticket.state {
            TicketState::Held => "the user has the coupon already",
            TicketState::Lost => "the user drew before, and lost",
        };
        return Ok(Err(words.to_owned()));
    }
    match acquire(&coupon.facts, number, wanted.at) {
        Ok(state) => {
            write.give_ticket(id, number, state, wanted.at).await?;
            Ok(Ok(()))
        }
        Err(refusal) => Ok(Err(refusal.to_string())),
    }
}

/// Notes which coupons were used: for the campaign's report whatever it was, for the coupon's own
/// where it is one of ours that the person may use. A messenger that gives coupons by itself is
/// heard of the person here first: then they get it with its first use.
pub async fn note_used(
    write: &mut Write,
    used: &[(CampaignId, UserNumber, UsedCoupon)],
) -> Result<(), ApiError> {
    if used.is_empty() {
        return Ok(());
    }
    let noted = used
        .iter()
        .map(|(campaign, number, used)| (*campaign, *number, used.coupon.clone(), used.at));
    let noted: Vec<(CampaignId, UserNumber, String, Timestamp)> = noted.collect();
    write.note_coupons(&noted).await?;
    for (_, number, used) in used {
        let Some(id) = CouponId::parse(&used.coupon) else {
            continue;
        };
        let Some(coupon) = write.coupon(used.account, id).await? else {
            continue;
        };
        let mut ticket = write.ticket(id, *number).await?;
        if ticket.is_none()
            && let Ok(state) = acquire(&coupon.facts, *number, used.at)
        {
            write.give_ticket(id, *number, state, used.at).await?;
            ticket = write.ticket(id, *number).await?;
        }
        if use_ticket(&coupon.facts, ticket, used.at).is_ok() {
            write.use_ticket(id, *number, used.at).await?;
        }
    }
    Ok(())
}
