//! The bill of a closed month as brands and operators read it.

use billing::BillingError;
use domain::money::{InvalidMoney, Money};
use domain::time::Timestamp;
use jiff::tz::TimeZone;
use store::Store;
use store::month::{ClosedMonth, CreditNote, MonthLine, Payment};
use words::Words;

use crate::campaigns::calendar;
use crate::campaigns::months::Month;
use crate::error::Error;

pub struct MonthBill {
    /// `Invoice 12 · November 2026`, or the bill's where there was nothing to invoice.
    pub title: String,
    pub closed: String,
    pub lines: Vec<BillLine>,
    /// What is added and taken off, down to the net amount.
    pub parts: Vec<(String, String)>,
    pub net: String,
    pub taxes: Vec<(String, String)>,
    pub total: String,
    pub paid: String,
    pub due: String,
    /// What came after it, oldest first.
    pub after: Vec<After>,
    /// `None` where nothing is open.
    pub open: Option<String>,
}

pub struct BillLine {
    pub tariff: String,
    /// `1,000 × 15원`.
    pub sum: String,
    pub amount: String,
    pub version: u32,
}

/// A payment or a credit note.
pub struct After {
    pub when: String,
    pub what: String,
    pub amount: String,
}

/// A month's name in the reader's language.
pub fn month_name(words: &Words, month: &str) -> String {
    Month::parse(month).map_or_else(|| month.to_owned(), |month| calendar::title(words, month))
}

/// Whether an invoice is paid, in words; nothing where there is none.
pub fn standing(words: &Words, closed: &ClosedMonth) -> String {
    let open = closed.open();
    match (closed.invoice, open.is_zero()) {
        (None, _) => words.t("wallet-ended").to_string(),
        (Some(_), true) => words.t("wallet-month-is-paid").to_string(),
        (Some(_), false) => {
            let due = words.t("wallet-month-is-due");
            due.text("amount", words.money(open)).to_string()
        }
    }
}

pub async fn read(
    store: &Store,
    words: &Words,
    zone: &TimeZone,
    closed: &ClosedMonth,
) -> Result<MonthBill, Error> {
    let (business, month) = (closed.business, closed.month);
    let lines = store::month::lines(store, business, month).await?;
    let payments = store::month::payments(store, business, month).await?;
    let mut notes = store::month::credit_notes(store, business).await?;
    notes.retain(|note| note.month == month);
    let name = month_name(words, &month.to_string());
    let title = match closed.invoice {
        Some(number) => words
            .t("wallet-month-invoice")
            .text("number", number.to_string())
            .text("month", name),
        None => words.t("wallet-month-bill").text("month", name),
    };
    let amounts = closed.amounts;
    let said = |key: &str| words.t(key).to_string();
    let less = |amount: Money| format!("−{}", words.money(amount));
    let mut parts = Vec::new();
    if !closed.re_rated.is_zero() {
        parts.push((said("wallet-kind-re-rating"), less(closed.re_rated)));
    }
    if !closed.promotional.is_zero() {
        parts.push((said("wallet-month-promotional"), less(closed.promotional)));
    }
    if !closed.fee.is_zero() {
        parts.push((said("wallet-month-fee"), words.money(closed.fee)));
    }
    let mut taxes = vec![(said("wallet-vat"), words.money(amounts.vat))];
    if !amounts.rounding.is_zero() {
        taxes.push((said("wallet-month-rounding"), words.money(amounts.rounding)));
    }
    let open = closed.open();
    Ok(MonthBill {
        title: title.to_string(),
        closed: words.time(closed.closed_at, zone),
        lines: bill_lines(words, &lines).map_err(BillingError::from)?,
        parts,
        net: words.money(amounts.net),
        taxes,
        total: words.money(amounts.total),
        paid: words.money(amounts.paid),
        due: words.money(amounts.due),
        after: after(words, zone, &payments, &notes),
        open: (!open.is_zero()).then(|| words.money(open)),
    })
}

fn bill_lines(words: &Words, lines: &[MonthLine]) -> Result<Vec<BillLine>, InvalidMoney> {
    let line = |line: &MonthLine| {
        let (units, price) = (words.count(line.units), words.money(line.unit_price));
        Ok(BillLine {
            tariff: words
                .t(format!("wallet-tariff-{}", line.tariff))
                .to_string(),
            sum: format!("{units} × {price}"),
            amount: words.money(line.unit_price.times(line.units)?),
            version: line.price_version,
        })
    };
    lines.iter().map(line).collect()
}

fn after(words: &Words, zone: &TimeZone, payments: &[Payment], notes: &[CreditNote]) -> Vec<After> {
    let mut all: Vec<(Timestamp, String, Money)> = Vec::new();
    for payment in payments {
        let what = words.t("wallet-month-payment").to_string();
        all.push((payment.paid_at, what, payment.amount));
    }
    for note in notes {
        let what = words
            .t("wallet-month-note")
            .text("number", note.number.to_string())
            .text("reason", note.reason.clone());
        all.push((note.issued_at, what.to_string(), note.amounts.total));
    }
    all.sort_by_key(|(at, ..)| *at);
    let row = |(at, what, amount): (Timestamp, String, Money)| After {
        when: words.time(at, zone),
        what,
        amount: words.money(amount),
    };
    all.into_iter().map(row).collect()
}
