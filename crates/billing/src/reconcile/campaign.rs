//! A campaign: its state, its hold, what was granted, what was frozen, what was captured.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::campaign::{CampaignKind, CampaignState};
use domain::id::LedgerTransactionId;
use domain::ledger::{LedgerAccount, TransactionKind};
use domain::money::Money;
use domain::price::Tariff;
use roaring::RoaringBitmap;
use store::Snapshot;
use store::reconcile::{AttemptCount, TariffGrant};
use store::report::RecordedCampaign;
use store::wallet::Hold;

use super::chunk::{self, Rounds};
use super::{Invariant, Tally};
use crate::BillingError;
use crate::send::chunks_of;

/// Chunk numbers read at once: at most 64,000 recipients and their later rounds.
const CHUNKS_PER_PAGE: u32 = 64;

/// A campaign and what its chunks added up to so far.
pub(super) struct Fold<'a> {
    pub campaign: &'a RecordedCampaign,
    pub state: Option<CampaignState>,
    /// The roll-up's: everything recorded before it is captured.
    pub mark: i64,
    pub grants: &'a [TariffGrant],
    pub tally: &'a mut Tally,
    /// Recipients of first rounds and excluded friends; of a standing campaign, per request.
    pub audience: HashMap<Option<Vec<u8>>, RoaringBitmap>,
    /// Whoever was billed; of a standing campaign, per request.
    pub billed: HashMap<Option<Vec<u8>>, RoaringBitmap>,
    /// Per range: chunks and recipients of first rounds.
    pub ranges: BTreeMap<u32, (u64, u64)>,
    /// Per tariff: recipients of first rounds.
    pub frozen: BTreeMap<u8, u64>,
    /// Price of what is undecided, or billable and not captured, in micro-units.
    pub still_due: i64,
    pub captured: i64,
    pub captured_by: HashMap<LedgerTransactionId, i64>,
    pub open_chunks: u64,
    pub undecided: u64,
    /// Of campaigns priced by the unit: what their book's bands cost, per tariff in micro-units.
    book_prices: HashSet<(u8, i64)>,
    /// Units captured at no price.
    quota_used: u64,
}

pub(super) async fn check(
    snapshot: &Snapshot,
    campaign: RecordedCampaign,
    mark: i64,
    tally: &mut Tally,
) -> Result<(), BillingError> {
    let id = campaign.id;
    let grants = snapshot.tariff_grants(id, campaign.currency).await?;
    let hold = snapshot.hold(id).await?;
    let mut fold = Fold {
        state: CampaignState::from_codes(campaign.state, campaign.pause_reason),
        campaign: &campaign,
        mark,
        grants: &grants,
        tally,
        audience: HashMap::new(),
        billed: HashMap::new(),
        ranges: BTreeMap::new(),
        frozen: BTreeMap::new(),
        still_due: 0,
        captured: 0,
        captured_by: HashMap::new(),
        open_chunks: 0,
        undecided: 0,
        book_prices: book_prices(snapshot, &campaign, &grants).await?,
        quota_used: 0,
    };
    fold.state();
    fold.chunks(snapshot).await?;
    fold.exclusions(snapshot).await?;
    fold.grants();
    fold.quota();
    fold.rest();
    fold.hold(hold.as_ref());
    fold.books(snapshot, hold.as_ref()).await
}

/// What each tariff of the campaign's price version may cost, where that depends on the unit.
async fn book_prices(
    snapshot: &Snapshot,
    campaign: &RecordedCampaign,
    grants: &[TariffGrant],
) -> Result<HashSet<(u8, i64)>, BillingError> {
    if !grants.iter().any(|grant| grant.is_by_unit) {
        return Ok(HashSet::new());
    }
    let books = snapshot.price_books(campaign.currency).await?;
    let book = books
        .iter()
        .find(|book| Some(book.version()) == campaign.price_version);
    let mut prices = HashSet::new();
    for tariff in Tariff::ALL {
        let bands = book
            .map(|book| book.bands(tariff).bands())
            .unwrap_or_default();
        prices.extend(
            bands
                .iter()
                .map(|band| (tariff.code(), band.unit_price.micro())),
        );
    }
    Ok(prices)
}

impl Fold<'_> {
    pub(super) fn is_standing(&self) -> bool {
        CampaignKind::from_code(self.campaign.kind).is_none_or(CampaignKind::is_standing)
    }

    /// The price of one send of a tariff, in micro-units.
    pub(super) fn unit_price(&self, tariff: u8) -> Option<i64> {
        let grant = self.grants.iter().find(|grant| grant.tariff == tariff)?;
        Some(grant.unit_price.micro())
    }

    /// Whether a send of a tariff may have this price. One that depends on those before it has a
    /// price of its book, none dearer than what was held for it, or none at all within the quota.
    pub(super) fn may_cost(&self, tariff: u8, micro: i64) -> bool {
        let grant = self.grants.iter().find(|grant| grant.tariff == tariff);
        grant.is_some_and(|grant| match grant.is_by_unit {
            false => grant.unit_price.micro() == micro,
            true => (grant.quota > 0 && micro == 0) || self.book_prices.contains(&(tariff, micro)),
        })
    }

    /// Notes what was captured at no price: a plan's quota includes no more than was taken of it.
    pub(super) fn included(&mut self, tariff: u8, micro: i64, units: u64) {
        let grant = self.grants.iter().find(|grant| grant.tariff == tariff);
        if micro == 0 && grant.is_some_and(|grant| grant.is_by_unit) {
            self.quota_used += units;
        }
    }

    fn quota(&mut self) {
        let quota: u64 = self.grants.iter().map(|grant| grant.quota).sum();
        let (id, used) = (self.campaign.id, self.quota_used);
        if quota > 0 {
            self.tally
                .expect(Invariant::CapturesArePrices, used <= quota, || {
                    format!("{id} captured {used} sends of its plan, it took {quota}")
                });
        }
    }

    pub(super) fn is_at_rest(&self) -> bool {
        !matches!(
            self.state,
            Some(
                CampaignState::Launching
                    | CampaignState::Running
                    | CampaignState::Paused(_)
                    | CampaignState::Cancelling
                    | CampaignState::Closing
            )
        )
    }

    fn state(&mut self) {
        let RecordedCampaign { id, state, .. } = self.campaign;
        let known = self.state.is_some();
        self.tally
            .expect(Invariant::StatesFollowDiagrams, known, || {
                format!("{id} has state {state}, which there is not, or a pause without its reason")
            });
        let launched = self.campaign.launched_at.is_some();
        let complete = launched == self.campaign.month.is_some()
            && launched == self.campaign.price_version.is_some();
        self.tally
            .expect(Invariant::StatesFollowDiagrams, complete, || {
                format!("{id} was launched without its month or price version")
            });
        let closed = self.state == Some(CampaignState::Closed);
        let dated = closed == self.campaign.closed_at.is_some();
        self.tally
            .expect(Invariant::StatesFollowDiagrams, dated, || {
                format!("{id} is closed without a time of its close, or not closed with one")
            });
        let runs = matches!(
            self.state,
            Some(CampaignState::Running | CampaignState::Paused(_) | CampaignState::Closing)
        );
        self.tally.expect(
            Invariant::StatesFollowDiagrams,
            launched || !(runs || closed),
            || format!("{id} runs or ended and was never launched"),
        );
    }

    async fn chunks(&mut self, snapshot: &Snapshot) -> Result<(), BillingError> {
        let RecordedCampaign { id, currency, .. } = *self.campaign;
        let Some(month) = self.campaign.month else {
            return Ok(());
        };
        let mut after = None;
        loop {
            let page = snapshot
                .record_page(month, id, currency, after, CHUNKS_PER_PAGE)
                .await?;
            let (Some(first), Some(last)) = (page.chunks.first(), page.chunks.last()) else {
                return Ok(());
            };
            after = Some(last.id.number);
            let (first, last) = (first.id.number, last.id.number);
            let attempts = snapshot.attempt_counts(month, id, first, last).await?;
            let by_round: HashMap<(u64, u8), AttemptCount> = attempts
                .into_iter()
                .map(|count| ((count.number, count.round), count))
                .collect();
            let mut rounds = Rounds::default();
            for on_page in chunks_of(&page) {
                let number = (on_page.record.id.number, on_page.record.id.round);
                let attempts = by_round.get(&number).copied();
                chunk::check(self, &mut rounds, on_page, attempts);
            }
            rounds.end(self);
        }
    }

    /// A campaign at rest has nothing open; one that closes has only undecided recipients left.
    fn rest(&mut self) {
        let id = self.campaign.id;
        let (open, undecided) = (self.open_chunks, self.undecided);
        match self.state {
            Some(CampaignState::Closing) => {
                self.tally.expect(Invariant::NothingLost, open == 0, || {
                    format!("{id} is closing with {open} chunks that are not terminal")
                });
            }
            Some(CampaignState::Closed) => {
                self.tally
                    .expect(Invariant::NothingLost, open == 0 && undecided == 0, || {
                        format!("{id} is closed with {open} open chunks and {undecided} undecided")
                    });
            }
            _ => {}
        }
    }

    fn hold(&mut self, hold: Option<&Hold>) {
        let RecordedCampaign {
            id,
            launched_at,
            currency,
            ..
        } = *self.campaign;
        let launched = launched_at.is_some() && !self.is_standing();
        self.tally
            .expect(Invariant::HeldOnce, hold.is_some() || !launched, || {
                format!("{id} was launched and holds nothing")
            });
        let open = hold.map_or(0, |hold| hold.open().micro());
        let show = |micro| Money::from_micro(micro, currency);
        if self.is_at_rest() {
            self.tally.expect(Invariant::HoldsEnd, open == 0, || {
                format!("{id} is at rest and still holds {}", show(open))
            });
        }
        // What a plan's quota still includes costs nothing.
        let included: i64 = self.grants.iter().fold(0, |sum, grant| {
            let left = grant.quota.saturating_sub(self.quota_used);
            let price = grant.unit_price.micro();
            sum.saturating_add(
                i64::try_from(left).map_or(i64::MAX, |left| left.saturating_mul(price)),
            )
        });
        let due = self.still_due.saturating_sub(included);
        self.tally.expect(Invariant::HoldsCover, open >= due, || {
            format!(
                "{id} holds {}, {} may still be billed",
                show(open),
                show(due)
            )
        });
    }

    /// The hold row, the capture rows and the ledger say the same of this campaign.
    async fn books(
        &mut self,
        snapshot: &Snapshot,
        hold: Option<&Hold>,
    ) -> Result<(), BillingError> {
        let RecordedCampaign { id, currency, .. } = *self.campaign;
        let show = |micro| Money::from_micro(micro, currency);
        let entries = snapshot.campaign_entries(id).await?;
        let booked = |kind| -> i64 {
            let held = entries
                .iter()
                .filter(|e| e.kind == kind && e.account == LedgerAccount::Held);
            held.map(|entry| entry.amount_micro).sum()
        };
        let of_hold = |part: fn(&Hold) -> Money| hold.map_or(0, |hold| part(hold).micro());
        // What a month's close gave back was captured before, and is released since.
        let given_back = entries
            .iter()
            .filter(|e| e.kind == TransactionKind::ReRating && e.account == LedgerAccount::Revenue);
        let re_rated: i64 = given_back.map(|entry| entry.amount_micro).sum();
        let in_rows = snapshot.re_rated_micro(id).await?;
        self.tally
            .expect(Invariant::CapturesAreBooked, in_rows == re_rated, || {
                let (rows, ledger) = (show(in_rows), show(re_rated));
                format!("{id}: re-rating gave back {rows}, its transactions say {ledger}")
            });
        for (kind, word, in_row, in_ledger) in [
            (
                TransactionKind::Hold,
                "held",
                of_hold(|h| h.amount),
                -booked(TransactionKind::Hold),
            ),
            (
                TransactionKind::Capture,
                "captured",
                of_hold(|h| h.captured),
                booked(TransactionKind::Capture) - re_rated,
            ),
            (
                TransactionKind::Release,
                "released",
                of_hold(|h| h.released),
                booked(TransactionKind::Release) + re_rated,
            ),
        ] {
            self.tally
                .expect(Invariant::HoldsAreBooked, in_row == in_ledger, || {
                    let (row, ledger) = (show(in_row), show(in_ledger));
                    format!("{id}: {word} {row}, the {kind} transactions say {ledger}")
                });
        }
        let (rows, captured) = (self.captured - re_rated, of_hold(|h| h.captured));
        self.tally
            .expect(Invariant::CapturesAreBooked, rows == captured, || {
                let (rows, captured) = (show(rows), show(captured));
                format!("{id}: capture rows add up to {rows}, its hold says {captured} captured")
            });
        let mut revenue: HashMap<LedgerTransactionId, i64> =
            snapshot.campaign_revenue(id).await?.into_iter().collect();
        for (transaction, rows) in &self.captured_by {
            let earned = revenue.remove(transaction).unwrap_or_default();
            self.tally
                .expect(Invariant::CapturesAreBooked, earned == *rows, || {
                    let (rows, earned) = (show(*rows), show(earned));
                    format!(
                        "{id}: {transaction} earned {earned}, its capture rows add up to {rows}"
                    )
                });
        }
        self.tally
            .expect(Invariant::CapturesAreBooked, revenue.is_empty(), || {
                let count = revenue.len();
                format!("{id}: {count} transactions earned from it without capture rows")
            });
        Ok(())
    }
}
