//! The check of every few minutes: sums over the books of everybody, and over the rows of campaigns
//! that money moved for since the check before. Chunks are added up by the database and never
//! unpacked, so that it costs little beside a broadcast. What it cannot see, the full one does.

use std::collections::BTreeMap;

use domain::id::BusinessId;
use domain::ledger::{Entry, LedgerAccount, WalletBalance};
use domain::money::{Currency, Money};
use domain::time::Timestamp;
use store::balance::{CampaignBalance, LedgerSum};
use store::reconcile::RecordedBusiness;
use store::{Snapshot, Store};

use super::{Invariant, Reconciliation, Tally};
use crate::BillingError;
use crate::chain::wallet_differs;

/// What a light check looks at.
const CHECKED: [Invariant; 9] = [
    Invariant::TransactionsBalance,
    Invariant::WalletIsLedger,
    Invariant::HeldIsOpenHolds,
    Invariant::WithinFunds,
    Invariant::HoldsEnd,
    Invariant::CapturesAreBooked,
    Invariant::AcceptedIsCaptured,
    Invariant::RangesAddUp,
    Invariant::FrozenWithinGranted,
];

/// Checks sums as of one commit; transactions and campaigns of which something was booked since
/// `since`, wallets and holds all of them.
pub async fn reconcile_lightly(
    store: &Store,
    since: Timestamp,
) -> Result<Reconciliation, BillingError> {
    let snapshot = store.snapshot().await?;
    let mut tally = Tally::default();
    let businesses = snapshot.recorded_businesses().await?;
    let currencies: BTreeMap<BusinessId, Currency> = businesses
        .iter()
        .map(|business| (business.id, business.currency))
        .collect();
    let sums = snapshot.ledger_sums().await?;
    for business in &businesses {
        tally.business = Some(business.id);
        let own: Vec<&LedgerSum> = sums.iter().filter(|s| s.business == business.id).collect();
        wallet(&mut tally, business, &own)?;
    }
    transactions(&mut tally, &snapshot, since, &currencies).await?;
    holds(&mut tally, &snapshot, &currencies).await?;
    let mark = snapshot.roll_up_mark().await?;
    for campaign in snapshot.campaigns_moved_since(since).await? {
        if let Some(balance) = snapshot.campaign_balance(campaign, mark).await? {
            tally.business = Some(balance.business);
            let currency = currencies.get(&balance.business).copied();
            of_campaign(&mut tally, &balance, currency.unwrap_or(Currency::Krw));
        }
    }
    snapshot.end().await?;
    let mut found = tally.finish();
    let ids = CHECKED.map(Invariant::id);
    found.checks.retain(|check| ids.contains(&check.id));
    Ok(found)
}

/// The books of a business sum to zero, and its wallet is what they say.
fn wallet(
    tally: &mut Tally,
    business: &RecordedBusiness,
    sums: &[&LedgerSum],
) -> Result<(), BillingError> {
    let RecordedBusiness {
        id,
        currency,
        wallet: row,
        credit_limit,
        open_holds,
    } = *business;
    let total: i64 = sums.iter().map(|sum| sum.amount_micro).sum();
    let entries = sums.iter().map(|sum| sum.entries).sum();
    tally.expect_of_many(Invariant::TransactionsBalance, entries, total == 0, || {
        let total = Money::from_micro(total, currency);
        format!("the books of {id} sum to {total}, not to zero")
    });
    let entries: Vec<Entry> = sums.iter().map(|sum| as_entry(sum, currency)).collect();
    let ledger = WalletBalance::rebuild(&entries, currency)?;
    let differs = wallet_differs(business, ledger);
    tally.expect(Invariant::WalletIsLedger, differs.is_none(), || {
        differs.unwrap_or_default()
    });
    let held = row.held;
    tally.expect(Invariant::HeldIsOpenHolds, held == open_holds, || {
        format!("the wallet of {id} holds {held}, its open holds are {open_holds}")
    });
    // An invoice may take more of the limit than is left of it: then only a hold could pass it.
    let free = row.available.checked_sub(row.owed)?;
    let within = !free.checked_add(credit_limit)?.is_negative() && !held.is_negative();
    tally.expect(Invariant::WithinFunds, within, || {
        format!("{id} has {row}, its credit is {credit_limit}")
    });
    Ok(())
}

/// All of an account of the books as one entry.
fn as_entry(sum: &LedgerSum, currency: Currency) -> Entry {
    Entry {
        account: sum.account,
        campaign: None,
        lot: None,
        amount: Money::from_micro(sum.amount_micro, currency),
    }
}

async fn transactions(
    tally: &mut Tally,
    snapshot: &Snapshot,
    since: Timestamp,
    currencies: &BTreeMap<BusinessId, Currency>,
) -> Result<(), BillingError> {
    let (booked, unbalanced) = snapshot.unbalanced_since(since).await?;
    tally.expect_of_many(Invariant::TransactionsBalance, booked, true, String::new);
    for one in unbalanced {
        tally.business = Some(one.business);
        let currency = currencies.get(&one.business).copied();
        let total = Money::from_micro(one.total_micro, currency.unwrap_or(Currency::Krw));
        tally.expect_of_many(Invariant::TransactionsBalance, 0, false, || {
            format!(
                "transaction {} of {} ({}) has {} entries that sum to {total}",
                one.sequence, one.business, one.key, one.entries
            )
        });
    }
    Ok(())
}

async fn holds(
    tally: &mut Tally,
    snapshot: &Snapshot,
    currencies: &BTreeMap<BusinessId, Currency>,
) -> Result<(), BillingError> {
    let (holds, open) = snapshot.holds_at_rest().await?;
    tally.expect_of_many(Invariant::HoldsEnd, holds, true, String::new);
    for hold in open {
        tally.business = Some(hold.business);
        let currency = currencies.get(&hold.business).copied();
        let open = Money::from_micro(hold.open_micro, currency.unwrap_or(Currency::Krw));
        tally.expect_of_many(Invariant::HoldsEnd, 0, false, || {
            format!("{} is at rest and still holds {open}", hold.campaign)
        });
    }
    Ok(())
}

/// What a campaign earned is the same in three places; what was accepted is captured; its chunks
/// are what its freeze says.
fn of_campaign(tally: &mut Tally, balance: &CampaignBalance, currency: Currency) {
    let CampaignBalance {
        campaign: id,
        captured_micro: captured,
        revenue_micro: revenue,
        capture_rows_micro: rows,
        capture_units: units,
        ..
    } = *balance;
    let is_booked = captured == revenue && captured == rows;
    tally.expect(Invariant::CapturesAreBooked, is_booked, || {
        let [captured, revenue, rows] =
            [captured, revenue, rows].map(|micro| Money::from_micro(micro, currency));
        format!(
            "{id}: its hold says {captured} captured, its capture rows {rows}, the {} of the \
             books {revenue}",
            LedgerAccount::Revenue.name()
        )
    });
    // Settles behind the mark may be captured already, and what the messenger told later as well.
    let at_least = balance.accepted_before_mark;
    let at_most = balance.accepted + balance.confirmed;
    let is_captured = (at_least..=at_most).contains(&units);
    tally.expect(Invariant::AcceptedIsCaptured, is_captured, || {
        format!(
            "{id}: {units} sends are captured, {at_least} were accepted before the mark and \
             {at_most} in all"
        )
    });
    if !balance.is_broadcast {
        return;
    }
    let (chunks, recipients) = (balance.chunks, balance.recipients);
    let as_frozen = (balance.range_chunks, balance.range_recipients) == (chunks, recipients);
    tally.expect(Invariant::RangesAddUp, as_frozen, || {
        format!(
            "{id}: its ranges say {} chunks with {} recipients; there are {chunks} with \
             {recipients}",
            balance.range_chunks, balance.range_recipients
        )
    });
    let counted = balance.tariff_recipients;
    tally.expect(
        Invariant::FrozenWithinGranted,
        counted == recipients,
        || format!("{id}: {counted} counted as frozen, {recipients} in chunks"),
    );
}
