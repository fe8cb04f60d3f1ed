//! Closing a month: a checklist, and then, in one write, its re-rating, its lines and its invoice.
//!
//! Owns: what must add up before a month is closed, and what closing it does. Does not own: the
//! arithmetic of an invoice (`domain::invoice`), postings (`domain::ledger`), rows (`store`).
//! Invariants: months are closed in order and once; what a bill counts is what its captures are and
//! what the books earned; after the close nothing more is on it.

use std::fmt;
use std::time::Duration;

use domain::contract::{BandMode, Contract};
use domain::id::{BusinessId, IdSource};
use domain::invoice::{MonthFigures, invoice};
use domain::money::{Currency, Money};
use domain::time::{LaunchMonth, Timestamp};
use serde::Serialize;
use store::month::{ClosedMonth, MonthEarned, MonthLine, NewClose, ReRated};
use store::{Snapshot, Store, StoreError, Write};

use crate::BillingError;
use crate::reconcile::reconcile_lightly;
use crate::terms::{month_begins, month_of};
use crate::verify::verify;

/// A settle is committed within this time or not at all: from then on everything that belongs to a
/// month is in sight.
pub const SETTLED_BY: Duration = Duration::from_secs(60);

/// What must hold before a month is closed. The order is that of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// It is over, and everything of it is in sight.
    Over,
    /// The months before it are closed, and itself is not.
    InOrder,
    /// Every send that settled in it is captured.
    Captured,
    /// What its captures add up to is what the books earned, to the micro-unit.
    TiesToLedger,
    /// The books close: the light check finds nothing in this business.
    BooksClose,
    /// Its ledger is what it was when it was written.
    ChainUnbroken,
}

impl Item {
    pub const ALL: [Item; 6] = [
        Self::Over,
        Self::InOrder,
        Self::Captured,
        Self::TiesToLedger,
        Self::BooksClose,
        Self::ChainUnbroken,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::InOrder => "in_order",
            Self::Captured => "captured",
            Self::BooksClose => "books_close",
            Self::ChainUnbroken => "chain_unbroken",
            Self::TiesToLedger => "ties_to_ledger",
        }
    }
}

/// One point of the list: `why_not` is empty where it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    pub item: Item,
    pub holds: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why_not: String,
}

/// Whether a month can be closed, and what it would come to as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checklist {
    pub business: BusinessId,
    pub month: LaunchMonth,
    pub points: Vec<Point>,
    pub lines: Vec<MonthLine>,
}

impl Checklist {
    /// Whether nothing that was looked at speaks against closing.
    pub fn is_ready(&self) -> bool {
        self.points.iter().all(|point| point.holds)
    }

    /// Whether every point was looked at: [`glance`] leaves out what takes long.
    pub fn is_whole(&self) -> bool {
        self.points.len() == Item::ALL.len()
    }

    fn note(&mut self, item: Item, why_not: Option<String>) {
        self.points.push(Point {
            item,
            holds: why_not.is_none(),
            why_not: why_not.unwrap_or_default(),
        });
    }
}

/// `ok    over`, `not   captured: 3 sends …`, a line each.
impl fmt::Display for Checklist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.month, self.business)?;
        for point in &self.points {
            let name = point.item.name();
            match point.holds {
                true => write!(f, "\nok    {name}")?,
                false => write!(f, "\nnot   {name}: {}", point.why_not)?,
            }
        }
        Ok(())
    }
}

/// Goes through the whole list without changing anything: the books of every business since the
/// month began, and the ledger's chain from its first transaction.
pub async fn check(
    store: &Store,
    business: BusinessId,
    month: LaunchMonth,
    now: Timestamp,
) -> Result<Checklist, BillingError> {
    let (mut list, begins) = look(store, business, month, now).await?;
    let unclean = books_do_not_close(store, business, begins).await?;
    list.note(Item::BooksClose, unclean);
    let chain = verify(store, Some(business)).await?;
    let broken = chain.faults.first().map(ToString::to_string);
    list.note(Item::ChainUnbroken, broken);
    Ok(list)
}

/// The points of the list that take no longer the longer a business's history is, for a page.
pub async fn glance(
    store: &Store,
    business: BusinessId,
    month: LaunchMonth,
    now: Timestamp,
) -> Result<Checklist, BillingError> {
    let (list, _) = look(store, business, month, now).await?;
    Ok(list)
}

/// The list as far as [`glance`] goes, and when the month begins.
async fn look(
    store: &Store,
    business: BusinessId,
    month: LaunchMonth,
    now: Timestamp,
) -> Result<(Checklist, Timestamp), BillingError> {
    let snapshot = store.snapshot().await?;
    let contracts = snapshot.contracts(business).await?;
    let begins = month_begins(&contracts, month)?;
    let ends = month_begins(&contracts, month.next())?;
    let mut list = Checklist {
        business,
        month,
        points: Vec::with_capacity(Item::ALL.len()),
        lines: snapshot.captured_lines(business, month, begins).await?,
    };
    let in_sight = ends + SETTLED_BY;
    list.note(
        Item::Over,
        (now < in_sight).then(|| format!("everything of it is in sight from {in_sight} on")),
    );
    let out_of_order = out_of_order(&snapshot, &contracts, business, month).await?;
    list.note(Item::InOrder, out_of_order);
    let uncaptured = snapshot.uncaptured_before(business, ends).await?;
    list.note(Item::Captured, not_captured(uncaptured));
    let earned = snapshot.month_earned(business, month, begins).await?;
    let currency = snapshot.wallet(business).await?.available.currency();
    snapshot.end().await?;
    let differs = differs(&list.lines, earned, currency)?;
    list.note(Item::TiesToLedger, differs);
    Ok((list, begins))
}

/// Closes a month. [`BillingError::NotClosable`] with the list where anything does not add up; then
/// nothing is changed.
pub async fn close(
    store: &Store,
    business: BusinessId,
    month: LaunchMonth,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<ClosedMonth, BillingError> {
    let list = check(store, business, month, now).await?;
    if !list.is_ready() {
        return Err(BillingError::NotClosable(Box::new(list)));
    }
    let mut write = store.write().await?;
    let contracts = write.contracts(business).await?;
    let begins = month_begins(&contracts, month)?;
    let ends = month_begins(&contracts, month.next())?;
    // Somebody else may have closed it since, and a settle may have come late.
    if write.closed_month(business, month).await?.is_some() {
        return Err(StoreError::Conflict("the month").into());
    }
    if let Some(why) = not_captured(write.uncaptured_before(business, ends).await?) {
        return Err(StoreError::Invariant(why).into());
    }
    let currency = write.currency_of(business).await?;
    let last_moment = ends - Duration::from_millis(1);
    let contract = Contract::in_effect(contracts, currency, last_moment);
    let close = work_out(
        &mut write,
        business,
        month,
        &contract,
        (begins, ends),
        now,
        ids,
    )
    .await?;
    write.insert_month_close(&close, now, ids).await?;
    let closed = write.closed_month(business, month).await?;
    write.commit().await?;
    let closed = closed.ok_or(StoreError::Conflict("the month"))?;
    let (total, due) = (closed.amounts.total, closed.amounts.due);
    tracing::info!(%business, %month, invoice = closed.invoice, %total, %due, "closed a month");
    Ok(closed)
}

/// The month of a business that is to be closed next, once it is over; `None` where nothing was
/// ever booked.
pub async fn next_to_close(
    store: &Store,
    business: BusinessId,
) -> Result<Option<LaunchMonth>, BillingError> {
    let snapshot = store.snapshot().await?;
    let contracts = snapshot.contracts(business).await?;
    let next = first_open(&snapshot, &contracts, business).await?;
    snapshot.end().await?;
    Ok(next)
}

async fn first_open(
    snapshot: &Snapshot,
    contracts: &[Contract],
    business: BusinessId,
) -> Result<Option<LaunchMonth>, BillingError> {
    if let Some(last) = snapshot.closed_months(business).await?.first() {
        return Ok(Some(last.month.next()));
    }
    let Some(first) = snapshot.first_booked_at(business).await? else {
        return Ok(None);
    };
    let standard = Contract::standard(Currency::Krw);
    Ok(Some(month_of(
        contracts.last().unwrap_or(&standard),
        first,
    )?))
}

async fn out_of_order(
    snapshot: &Snapshot,
    contracts: &[Contract],
    business: BusinessId,
    month: LaunchMonth,
) -> Result<Option<String>, BillingError> {
    let next = first_open(snapshot, contracts, business).await?;
    Ok(match next {
        Some(next) if next == month => None,
        Some(next) if next > month => Some(format!(
            "it is closed, or before the business's first month: {next} is the next one"
        )),
        Some(next) => Some(format!("{next} comes first")),
        None => Some("nothing was ever booked for this business".to_owned()),
    })
}

fn not_captured(uncaptured: u64) -> Option<String> {
    (uncaptured > 0).then(|| format!("{uncaptured} chunks of it are recorded and not captured yet"))
}

async fn books_do_not_close(
    store: &Store,
    business: BusinessId,
    since: Timestamp,
) -> Result<Option<String>, BillingError> {
    let found = reconcile_lightly(store, since).await?;
    if !found.unclean.contains(&business) {
        return Ok(None);
    }
    let violations = found.checks.iter().flat_map(|check| {
        let words = check.violations.iter();
        words.map(move |words| format!("{}: {words}", check.id))
    });
    Ok(Some(violations.take(3).collect::<Vec<_>>().join("; ")))
}

/// How the captures of a month differ from what the books earned by them.
fn differs(
    lines: &[MonthLine],
    earned: MonthEarned,
    currency: Currency,
) -> Result<Option<String>, BillingError> {
    let captured = sum(lines, currency)?;
    let in_books = Money::from_micro(earned.revenue_micro, currency);
    Ok((captured != in_books)
        .then(|| format!("its captures add up to {captured}, the books earned {in_books}")))
}

fn sum(lines: &[MonthLine], currency: Currency) -> Result<Money, BillingError> {
    let mut sum = Money::zero(currency);
    for line in lines {
        sum = sum.checked_add(line.amount()?)?;
    }
    Ok(sum)
}

async fn work_out(
    write: &mut Write,
    business: BusinessId,
    month: LaunchMonth,
    contract: &Contract,
    (begins, ends): (Timestamp, Timestamp),
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<NewClose, BillingError> {
    let currency = write.currency_of(business).await?;
    let lines = write.captured_lines(business, month, begins).await?;
    let earned = write.month_earned(business, month, begins).await?;
    if let Some(why) = differs(&lines, earned, currency)? {
        return Err(StoreError::Invariant(format!("{business}, {month}: {why}")).into());
    }
    let re_rated = match contract.band_mode {
        BandMode::Volume => write.re_rate(business, month, begins, now, ids).await?,
        BandMode::Graduated => ReRated {
            total: Money::zero(currency),
            promotional: Money::zero(currency),
        },
    };
    let captured = Money::from_micro(earned.revenue_micro, currency);
    let promotional =
        Money::from_micro(earned.promotional_micro, currency).checked_sub(re_rated.promotional)?;
    let sent = captured.checked_sub(re_rated.total)?;
    let in_cash = sent.checked_sub(promotional)?;
    let owed = write.owed_before(business, ends).await?;
    let figures = MonthFigures {
        earned: sent,
        promotional,
        unbilled: Money::from_micro(owed.micro().min(in_cash.micro()), currency),
        fee: contract.monthly_fee,
    };
    let amounts = invoice(&figures, contract.vat_base, contract.rounding)?;
    let units = lines.iter().map(|line| line.units).sum();
    let is_invoiced = units > 0 || !figures.fee.is_zero();
    let number = match is_invoiced {
        true => Some(write.next_invoice().await?),
        false => None,
    };
    let closed = ClosedMonth {
        business,
        month,
        invoice: number,
        contract_version: contract.version,
        vat_base: contract.vat_base,
        rounding: contract.rounding,
        units,
        captured,
        re_rated: re_rated.total,
        promotional,
        fee: contract.monthly_fee,
        amounts,
        ledger_transaction: None,
        closed_at: now,
        settled: Money::zero(currency),
    };
    Ok(NewClose {
        closed,
        lines,
        figures,
    })
}
