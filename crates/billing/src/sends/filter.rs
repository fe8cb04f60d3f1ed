//! What is looked for among sends: what became of them, why, what the friend did afterwards, which
//! friend; and the people such a filter knows beforehand.

use domain::id::CampaignId;
use domain::outcome::Outcome;
use domain::receipt::ReceiptKind;
use domain::user::UserNumber;
use roaring::RoaringBitmap;
use store::sends::{ChunkPlace, Holds};
use store::{Snapshot, StoreError};

/// What became of a send, as people ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// Accepted or confirmed.
    Delivered,
    Failed,
    /// By the freeze or the gate.
    Excluded,
    /// Or accepted, and its delivery not confirmed where that is what is billed.
    Uncertain,
    /// Cancelled or written off.
    Cancelled,
    Pending,
}

/// What the friend did afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    Did(ReceiptKind),
    /// It was delivered, and nothing says that it was opened.
    NotOpened,
}

/// What is looked for; by default everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SendFilter {
    pub became: Option<Became>,
    /// The one outcome whose reason is asked for.
    pub reason: Option<Outcome>,
    pub afterwards: Option<Afterwards>,
    pub friend: Option<UserNumber>,
}

/// A filter with the people it knows beforehand.
pub(crate) struct Sieve {
    pub filter: SendFilter,
    only: Option<RoaringBitmap>,
    without: Option<RoaringBitmap>,
}

impl Sieve {
    pub async fn of(
        snapshot: &Snapshot,
        campaign: CampaignId,
        filter: SendFilter,
    ) -> Result<Self, StoreError> {
        let mut only: Option<RoaringBitmap> = None;
        let mut keep = |people: RoaringBitmap| match &mut only {
            Some(only) => *only &= people,
            None => only = Some(people),
        };
        let mut without = None;
        if let Some(number) = filter.friend {
            keep(RoaringBitmap::from_iter([number.0]));
        }
        match filter.afterwards {
            Some(Afterwards::Did(kind)) => {
                keep(snapshot.people_with_receipts(campaign, kind).await?);
            }
            Some(Afterwards::NotOpened) => {
                let opened = snapshot.people_with_receipts(campaign, ReceiptKind::Opened);
                without = Some(opened.await?);
            }
            None => {}
        }
        // Of the freeze's own exclusions there is no such set: they are in no chunk.
        if let Some(outcome @ Outcome::Failed(_)) = filter.reason
            && let Some(people) = snapshot.people_of_outcome(campaign, outcome).await?
        {
            keep(people);
        }
        Ok(Self {
            filter,
            only,
            without,
        })
    }

    pub fn admits(&self, number: UserNumber, outcome: Option<Outcome>) -> bool {
        let SendFilter { became, reason, .. } = self.filter;
        became.is_none_or(|became| became.is(outcome))
            && reason.is_none_or(|reason| outcome == Some(reason))
            && (self.filter.afterwards != Some(Afterwards::NotOpened)
                || Became::Delivered.is(outcome))
            && self
                .only
                .as_ref()
                .is_none_or(|only| only.contains(number.0))
            && !self
                .without
                .as_ref()
                .is_some_and(|out| out.contains(number.0))
    }

    /// Nobody who was left out did anything with the message.
    pub fn admits_left_out(&self) -> bool {
        let SendFilter { became, reason, .. } = self.filter;
        self.filter.afterwards.is_none()
            && matches!(became, None | Some(Became::Excluded))
            && matches!(reason, None | Some(Outcome::Excluded(_)))
    }

    pub fn may_be_in(&self, place: &ChunkPlace) -> bool {
        let numbers = place.first.0..=place.last.0;
        let only = self.only.as_ref();
        only.is_none_or(|only| only.range_cardinality(numbers) > 0)
    }

    pub fn holds(&self) -> Holds {
        match (self.filter.became, self.filter.afterwards) {
            (Some(Became::Delivered), _) | (None, Some(Afterwards::NotOpened)) => Holds::Accepted,
            (Some(Became::Failed), _) => Holds::Failed,
            (Some(Became::Excluded), _) => Holds::Excluded,
            (Some(Became::Uncertain), _) => Holds::Uncertain,
            (Some(Became::Cancelled), _) => Holds::Cancelled,
            (Some(Became::Pending), _) => Holds::Pending,
            (None, _) => Holds::Anything,
        }
    }
}

impl Became {
    pub const ALL: [Became; 6] = [
        Self::Delivered,
        Self::Failed,
        Self::Excluded,
        Self::Uncertain,
        Self::Cancelled,
        Self::Pending,
    ];

    /// The word of addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Excluded => "skipped",
            Self::Uncertain => "uncertain",
            Self::Cancelled => "not_sent",
            Self::Pending => "pending",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|became| became.name() == name)
    }

    fn is(self, outcome: Option<Outcome>) -> bool {
        let of = match outcome {
            None | Some(Outcome::Moved) => Self::Pending,
            Some(Outcome::Accepted | Outcome::Confirmed) => Self::Delivered,
            Some(Outcome::Failed(_)) => Self::Failed,
            Some(Outcome::Excluded(_)) => Self::Excluded,
            Some(Outcome::Uncertain | Outcome::Unconfirmed) => Self::Uncertain,
            Some(Outcome::Cancelled | Outcome::WrittenOff) => Self::Cancelled,
        };
        self == of
    }
}
