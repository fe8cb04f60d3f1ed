//! Who gets a coupon, and who may use it.
//!
//! A lottery draws nothing by chance: whether somebody wins follows from the coupon and from who
//! they are, so that whoever asks again, wherever, is told the same.

use sha2::{Digest, Sha256};

use super::{Count, CouponId};
use crate::time::Timestamp;
use crate::user::UserNumber;

/// Whether a coupon can still be given and used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CouponState {
    Running,
    /// For good.
    Closed,
}

/// What decides about a coupon beside who wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CouponFacts {
    pub id: CouponId,
    pub state: CouponState,
    pub starts_at: Timestamp,
    /// The last moment at which it holds.
    pub ends_at: Timestamp,
    /// Percent of those who draw that win; `None` where everybody gets it.
    pub probability: Option<u8>,
    pub acquire_max: Count,
    /// How often one person may use it.
    pub uses_max: Count,
    /// How many people have it.
    pub acquired: u64,
}

/// What somebody has of a coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    pub state: TicketState,
    pub uses: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketState {
    Held,
    /// They drew and lost.
    Lost,
}

/// Why somebody does not get a coupon, or cannot use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CouponRefusal {
    #[error("the coupon is closed")]
    Closed,
    #[error("the coupon does not hold yet")]
    NotYet,
    #[error("the coupon does not hold any more")]
    Over,
    #[error("all coupons there were are taken")]
    NoneLeft,
    #[error("the user does not have the coupon")]
    NotHeld,
    #[error("the coupon was used as often as it may be")]
    UsedUp,
}

impl CouponState {
    const ALL: [CouponState; 2] = [Self::Running, Self::Closed];

    /// What is stored: stable for years.
    pub const fn code(self) -> u8 {
        match self {
            Self::Running => 1,
            Self::Closed => 2,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// As LINE calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Closed => "CLOSED",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl TicketState {
    pub const fn code(self) -> u8 {
        match self {
            Self::Held => 1,
            Self::Lost => 2,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        let all = [Self::Held, Self::Lost];
        all.into_iter().find(|state| state.code() == code)
    }
}

impl CouponFacts {
    /// Whether it can be given or used at `now`.
    pub fn holds(&self, now: Timestamp) -> Result<(), CouponRefusal> {
        match self.state {
            CouponState::Closed => Err(CouponRefusal::Closed),
            CouponState::Running if now < self.starts_at => Err(CouponRefusal::NotYet),
            CouponState::Running if now > self.ends_at => Err(CouponRefusal::Over),
            CouponState::Running => Ok(()),
        }
    }

    /// Whether it can be sent at `now`: one that begins later can.
    pub fn may_be_sent(&self, now: Timestamp) -> Result<(), CouponRefusal> {
        match self.holds(now) {
            Err(CouponRefusal::NotYet) => Ok(()),
            other => other,
        }
    }
}

/// What becomes of somebody who wants a coupon and has nothing of it yet.
pub fn acquire(
    coupon: &CouponFacts,
    user: UserNumber,
    now: Timestamp,
) -> Result<TicketState, CouponRefusal> {
    coupon.holds(now)?;
    if coupon
        .probability
        .is_some_and(|percent| draw(coupon.id, user) >= percent)
    {
        return Ok(TicketState::Lost);
    }
    match coupon.acquire_max {
        Count::AtMost(most) if coupon.acquired >= u64::from(most) => Err(CouponRefusal::NoneLeft),
        _ => Ok(TicketState::Held),
    }
}

/// Whether a ticket may be used once more.
pub fn use_ticket(
    coupon: &CouponFacts,
    ticket: Option<Ticket>,
    now: Timestamp,
) -> Result<(), CouponRefusal> {
    coupon.holds(now)?;
    let held = ticket.filter(|ticket| ticket.state == TicketState::Held);
    let held = held.ok_or(CouponRefusal::NotHeld)?;
    match coupon.uses_max {
        Count::AtMost(most) if held.uses >= u64::from(most) => Err(CouponRefusal::UsedUp),
        _ => Ok(()),
    }
}

/// Below 100.
fn draw(coupon: CouponId, user: UserNumber) -> u8 {
    let hash: [u8; 32] = Sha256::new()
        .chain_update(coupon.as_bytes())
        .chain_update(user.0.to_be_bytes())
        .finalize()
        .into();
    let [a, b, c, d, ..] = hash;
    // A remainder of 2^32 by 100 favours nobody by more than one in forty million.
    (u32::from_be_bytes([a, b, c, d]) % 100) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn coupon() -> CouponFacts {
        CouponFacts {
            id: CouponId::from_bytes([7; 16]),
            state: CouponState::Running,
            starts_at: NOW,
            ends_at: NOW,
            probability: None,
            acquire_max: Count::AtMost(1),
            uses_max: Count::AtMost(1),
            acquired: 0,
        }
    }

    #[test]
    fn a_coupon_is_given_in_its_time_and_as_long_as_there_is_one() {
        let at = |millis: i64| Timestamp::from_millis(NOW.as_millis() + millis);
        let whole = coupon();
        assert_eq!(acquire(&whole, UserNumber(1), NOW), Ok(TicketState::Held));
        let closed = CouponFacts {
            state: CouponState::Closed,
            ..whole
        };
        let taken = CouponFacts {
            acquired: 1,
            ..whole
        };
        for (coupon, at, refusal) in [
            (whole, at(-1), CouponRefusal::NotYet),
            (whole, at(1), CouponRefusal::Over),
            (closed, NOW, CouponRefusal::Closed),
            (taken, NOW, CouponRefusal::NoneLeft),
        ] {
            assert_eq!(acquire(&coupon, UserNumber(1), at), Err(refusal));
        }
        assert_eq!(whole.may_be_sent(at(-1)), Ok(()));
        assert_eq!(whole.may_be_sent(at(1)), Err(CouponRefusal::Over));
    }

    #[test]
    fn a_lottery_tells_everybody_the_same_again_and_keeps_its_odds() {
        let lottery = CouponFacts {
            probability: Some(30),
            acquire_max: Count::Unlimited,
            ..coupon()
        };
        let outcome = |number| acquire(&lottery, UserNumber(number), NOW).unwrap();
        let winners = (0..10_000).filter(|number| outcome(*number) == TicketState::Held);
        let winners = winners.count();
        assert!((2_800..3_200).contains(&winners), "{winners}");
        assert!((0..100).all(|number| outcome(number) == outcome(number)));
    }

    #[test]
    fn a_ticket_is_used_as_often_as_it_may_be() {
        let ticket = |state, uses| Some(Ticket { state, uses });
        let once = coupon();
        assert_eq!(use_ticket(&once, ticket(TicketState::Held, 0), NOW), Ok(()));
        for (ticket, refusal) in [
            (None, CouponRefusal::NotHeld),
            (ticket(TicketState::Lost, 0), CouponRefusal::NotHeld),
            (ticket(TicketState::Held, 1), CouponRefusal::UsedUp),
        ] {
            assert_eq!(use_ticket(&once, ticket, NOW), Err(refusal));
        }
        let always = CouponFacts {
            uses_max: Count::Unlimited,
            ..once
        };
        assert_eq!(
            use_ticket(&always, ticket(TicketState::Held, 9), NOW),
            Ok(())
        );
    }
}
