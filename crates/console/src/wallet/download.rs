//! Every movement as a file for a spreadsheet, in the order of the books, with the balance after
//! each. It is made while it is read: a year of movements takes no more memory than a page.

use axum::body::Body;
use axum::extract::Query;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use directory::Permission;
use domain::id::BusinessId;
use domain::ledger::TransactionKind;
use domain::money::{Currency, Money};
use domain::time::Timestamp;
use futures_util::stream;
use jiff::tz::TimeZone;
use store::movement::{LineCampaign, WalletLine};
use store::{Store, StoreError};

use super::WalletFields;
use crate::campaigns::months::Month;
use crate::desk::Desk;
use crate::error::Error;

/// Transactions read at once.
const TRANSACTIONS: u32 = 500;
/// Spreadsheets read the file as UTF-8 when it begins like this.
const HEAD: &str = "\u{feff}sequence,booked_at,kind,campaign,campaign_name,reference,currency,\
    available_change,held_change,available_after,held_after,transaction\r\n";

/// Where the file goes on, and what the wallet had there.
struct Reading {
    store: Store,
    business: BusinessId,
    currency: Currency,
    zone: TimeZone,
    until: Option<Timestamp>,
    after: u64,
    available: i64,
    held: i64,
    is_begun: bool,
    is_over: bool,
}

pub async fn show(desk: Desk, Query(fields): Query<WalletFields>) -> Result<Response, Error> {
    desk.expect(Permission::ReadMoney)?;
    let month = Month::parse(&fields.month);
    let bounds = month.map(|month| month.bounds(&desk.zone));
    let business = desk.business.id;
    let snapshot = desk.store.snapshot().await?;
    let after = match bounds {
        Some((from, _)) => snapshot.last_sequence_before(business, from).await?,
        None => 0,
    };
    let (available, held) = snapshot.balance_after(business, after).await?;
    snapshot.end().await?;
    let reading = Reading {
        store: desk.store.clone(),
        business,
        currency: desk.business.currency,
        zone: desk.zone.clone(),
        until: bounds.map(|(_, until)| until),
        after,
        available,
        held,
        is_begun: false,
        is_over: false,
    };
    let pages = stream::try_unfold(reading, |reading| async move {
        match reading.is_over {
            true => Ok(None),
            false => reading.next().await.map(Some),
        }
    });
    let period = month.map_or("all".to_owned(), |month| month.to_string());
    let handle = desk
        .account
        .handle
        .as_str()
        .trim_start_matches('@')
        .to_owned();
    let name = format!("attachment; filename=\"wallet-{handle}-{period}.csv\"");
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, name),
    ];
    Ok((headers, Body::from_stream(pages)).into_response())
}

impl Reading {
    /// The next piece of the file.
    async fn next(mut self) -> Result<(String, Self), StoreError> {
        let mut piece = String::new();
        if !self.is_begun {
            piece.push_str(HEAD);
            self.is_begun = true;
        }
        let snapshot = self.store.snapshot().await?;
        let lines = snapshot
            .wallet_lines_after(self.business, self.after, self.until, TRANSACTIONS)
            .await?;
        let mut ids: Vec<_> = lines.iter().filter_map(|line| line.campaign).collect();
        ids.sort_unstable();
        ids.dedup();
        let campaigns = snapshot.line_campaigns(self.business, &ids).await?;
        snapshot.end().await?;
        self.is_over = lines.is_empty();
        for line in &lines {
            self.after = line.sequence;
            self.available += line.available_micro;
            self.held += line.held_micro;
            let campaign = campaigns.iter().find(|one| Some(one.id) == line.campaign);
            self.write(&mut piece, line, campaign);
        }
        Ok((piece, self))
    }

    fn write(&self, piece: &mut String, line: &WalletLine, campaign: Option<&LineCampaign>) {
        let number = |micro| decimal(Money::from_micro(micro, self.currency));
        let reference = match line.kind {
            TransactionKind::TopUp => line.key.trim_start_matches("topup:"),
            TransactionKind::PromotionalGrant => line.key.trim_start_matches("grant:"),
            _ => "",
        };
        let cells = [
            line.sequence.to_string(),
            local(line.booked_at, &self.zone),
            line.kind.name().to_owned(),
            campaign.map(|one| one.id.to_string()).unwrap_or_default(),
            text(campaign.map_or("", |one| &one.name)),
            text(reference),
            self.currency.code().to_owned(),
            number(line.available_micro),
            number(line.held_micro),
            number(self.available),
            number(self.held),
            line.transaction.to_string(),
        ];
        piece.push_str(&cells.join(","));
        piece.push_str("\r\n");
    }
}

/// With the offset of the zone, so that nobody has to guess it.
fn local(at: Timestamp, zone: &TimeZone) -> String {
    let instant = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    let local = instant.to_zoned(zone.clone());
    local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// Without grouping and without a unit, so that a spreadsheet adds it up.
pub(crate) fn decimal(money: Money) -> String {
    let (whole, part) = words::whole_and_part(money.micro());
    let sign = if money.is_negative() { "-" } else { "" };
    match part {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{part:06}")
            .trim_end_matches('0')
            .to_owned(),
    }
}

/// A cell of what people wrote: quoted where it must be, and never a formula.
fn text(words: &str) -> String {
    let is_formula = words.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let escape = if is_formula { "'" } else { "" };
    let needs_quotes = words.contains([',', '"', '\n', '\r']);
    match needs_quotes {
        true => format!("\"{escape}{}\"", words.replace('"', "\"\"")),
        false => format!("{escape}{words}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_numbers_or_words_and_never_formulas() {
        let won = |micro| decimal(Money::from_micro(micro, Currency::Krw));
        assert_eq!(won(-15_000_000_000), "-15000");
        assert_eq!(won(6_500_000), "6.5");
        assert_eq!(won(0), "0");
        for (words, expected) in [
            ("겨울 이불", "겨울 이불"),
            ("=1+1", "'=1+1"),
            ("-5, \"x\"", "\"'-5, \"\"x\"\"\""),
            ("@hanok", "'@hanok"),
        ] {
            assert_eq!(text(words), expected);
        }
    }

    #[test]
    fn times_carry_their_offset() {
        let seoul = domain::time::zone("Asia/Seoul").unwrap();
        let at = Timestamp::parse_rfc3339("2026-11-24T11:00:00Z").unwrap();
        assert_eq!(local(at, &seoul), "2026-11-24T20:00:00+09:00");
    }
}
