//! Movements of a wallet as lines people read: what earns its price once a second while a campaign
//! runs is one line, and every line says what was available after it.

use domain::id::{BusinessId, CampaignId};
use domain::ledger::TransactionKind;
use domain::time::Timestamp;
use store::movement::{LineQuery, WalletLine};
use store::{Snapshot, StoreError};
use words::Words;

/// Transactions read at once, and for one page at most: a campaign earns once a second while it
/// runs, and becomes one line.
const TRANSACTIONS: u32 = 400;
const TRANSACTIONS_MAX: usize = 2_000;

/// One line of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Of the latest transaction in it.
    pub sequence: u64,
    pub kind: TransactionKind,
    pub campaign: Option<CampaignId>,
    /// The payment reference, of a top-up.
    pub reference: String,
    pub began_at: Timestamp,
    pub booked_at: Timestamp,
    /// Transactions in it: more than one only of captures.
    pub transactions: u64,
    pub available_micro: i64,
    pub held_micro: i64,
    /// What was available after it.
    pub after_micro: i64,
}

impl Line {
    /// What it was for, where no campaign says so.
    pub fn cause(&self, words: &Words) -> String {
        let key = match self.kind {
            TransactionKind::PromotionalGrant => "wallet-grant",
            TransactionKind::PromotionalExpiry => "wallet-expiry",
            TransactionKind::PostpaidUsage => "wallet-usage",
            TransactionKind::ReRating => "wallet-re-rating",
            TransactionKind::Invoice => "wallet-invoice",
            TransactionKind::InvoicePayment => "wallet-invoice-payment",
            TransactionKind::CreditNote => "wallet-credit-note",
            TransactionKind::Refund => "wallet-refund",
            TransactionKind::RefundPaid => "wallet-refund-paid",
            _ => "wallet-transfer",
        };
        let said = words.t(key).text("reference", self.reference.clone());
        said.to_string()
    }
}

/// A page of lines, and the sequence after which the next one begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    pub lines: Vec<Line>,
    pub next: Option<u64>,
}

/// A page of a business's movements of these kinds, or of every kind: booked from one moment on and
/// before another, and before the last sequence of the page before.
pub async fn read(
    snapshot: &Snapshot,
    business: BusinessId,
    kinds: &[TransactionKind],
    bounds: Option<(Timestamp, Timestamp)>,
    before: Option<u64>,
    limit: usize,
) -> Result<Lines, StoreError> {
    let mut query = LineQuery {
        business,
        kinds,
        from: bounds.map(|(from, _)| from),
        until: bounds.map(|(_, until)| until),
        before,
        transactions: TRANSACTIONS,
    };
    let (mut read, mut transactions) = (Vec::new(), 0);
    let mut page = loop {
        let piece = snapshot.wallet_lines(&query).await?;
        let count = piece
            .chunk_by(|one, next| one.sequence == next.sequence)
            .count();
        query.before = piece.last().map(|line| line.sequence);
        read.extend(piece);
        transactions += count;
        let has_more = count == TRANSACTIONS as usize;
        let page = fold(&read, limit, has_more);
        if !has_more || page.lines.len() >= limit || transactions >= TRANSACTIONS_MAX {
            break page;
        }
    };
    let (Some(first), Some(last)) = (page.lines.first(), page.lines.last()) else {
        return Ok(page);
    };
    let (first, last) = (first.sequence, last.sequence);
    let since = snapshot.available_since(business, first).await?;
    let changes = snapshot.available_changes(business, last, first).await?;
    let available = snapshot.wallet(business).await?.available.micro();
    write_balances(&mut page.lines, available - since, &changes);
    Ok(page)
}

/// Folds what the books say, newest first, into at most `limit` lines. `has_more` tells that the
/// books go on behind `read`. Captures of a campaign become one line as long as nothing else was
/// booked between them.
pub fn fold(read: &[WalletLine], limit: usize, has_more: bool) -> Lines {
    let mut lines: Vec<Line> = Vec::new();
    // Where the captures without anything between them begin.
    let mut run = 0;
    let transactions = read.chunk_by(|one, next| one.sequence == next.sequence);
    for transaction in transactions {
        if lines.len() >= limit {
            // The next page begins with this one.
            let next = Some(transaction[0].sequence + 1);
            return Lines { lines, next };
        }
        if transaction[0].kind != TransactionKind::Capture {
            lines.extend(transaction.iter().map(line));
            run = lines.len();
            continue;
        }
        for part in transaction {
            let same = lines[run..]
                .iter_mut()
                .find(|line| line.campaign == part.campaign);
            match same {
                Some(line) => {
                    line.began_at = part.booked_at;
                    line.transactions += 1;
                    line.available_micro += part.available_micro;
                    line.held_micro += part.held_micro;
                }
                None => lines.push(line(part)),
            }
        }
    }
    let last = read.last().map(|line| line.sequence);
    Lines {
        lines,
        next: last.filter(|_| has_more),
    }
}

/// Writes into every line what was available after it. `after_first` is what is available after
/// the latest transaction of the page, `changes` what each transaction down to the earliest one
/// changed, newest first.
pub fn write_balances(lines: &mut [Line], after_first: i64, changes: &[(u64, i64)]) {
    let mut after = after_first;
    let mut changes = changes.iter().peekable();
    for line in lines {
        while let Some((_, change)) = changes.next_if(|(sequence, _)| *sequence > line.sequence) {
            after -= change;
        }
        line.after_micro = after;
    }
}

fn line(part: &WalletLine) -> Line {
    let reference = match part.kind {
        TransactionKind::TopUp => part.key.trim_start_matches("topup:").to_owned(),
        TransactionKind::PromotionalGrant => part.key.trim_start_matches("grant:").to_owned(),
        _ => String::new(),
    };
    Line {
        sequence: part.sequence,
        kind: part.kind,
        campaign: part.campaign,
        reference,
        began_at: part.booked_at,
        booked_at: part.booked_at,
        transactions: 1,
        available_micro: part.available_micro,
        held_micro: part.held_micro,
        after_micro: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn booked(sequence: u64, kind: TransactionKind, of: u8, available: i64) -> WalletLine {
        let is_capture = kind == TransactionKind::Capture;
        WalletLine {
            sequence,
            transaction: domain::id::Id::from_bytes([sequence as u8; 16]),
            kind,
            booked_at: Timestamp::from_millis(sequence as i64),
            key: format!("topup:{sequence}"),
            campaign: (of > 0).then(|| domain::id::Id::from_bytes([of; 16])),
            available_micro: if is_capture { 0 } else { available },
            held_micro: -available,
        }
    }

    /// Two campaigns at once, newest first.
    fn books() -> Vec<WalletLine> {
        use TransactionKind::{Capture, Hold, Release, TopUp};
        vec![
            booked(9, Release, 2, 10),
            booked(8, Capture, 1, 5),
            booked(8, Capture, 2, 5),
            booked(7, Capture, 1, 5),
            booked(6, Release, 1, 20),
            booked(5, Capture, 1, 5),
            booked(4, Capture, 1, 5),
            booked(3, Hold, 2, -30),
            booked(2, Hold, 1, -40),
            booked(1, TopUp, 0, 100),
        ]
    }

    #[test]
    fn captures_are_one_line_until_something_else_is_booked() {
        let page = fold(&books(), 50, false);
        let shown: Vec<(u64, u64, i64)> = page
            .lines
            .iter()
            .map(|line| (line.sequence, line.transactions, line.held_micro))
            .collect();
        assert_eq!(
            shown,
            [
                (9, 1, -10),
                (8, 2, -10),
                (8, 1, -5),
                (6, 1, -20),
                (5, 2, -10),
                (3, 1, 30),
                (2, 1, 40),
                (1, 1, -100),
            ]
        );
        assert_eq!(page.next, None);
        assert_eq!(page.lines[7].reference, "1");
    }

    #[test]
    fn pages_follow_each_other_without_a_gap() {
        let books = books();
        for limit in 1..9 {
            let (mut before, mut held, mut pages) = (u64::MAX, 0, 0);
            loop {
                let rest: Vec<WalletLine> = books
                    .iter()
                    .filter(|line| line.sequence < before)
                    .cloned()
                    .collect();
                let page = fold(&rest, limit, false);
                held += page.lines.iter().map(|line| line.held_micro).sum::<i64>();
                pages += 1;
                match page.next {
                    Some(next) => before = next,
                    None => break,
                }
            }
            let all: i64 = books.iter().map(|line| line.held_micro).sum();
            assert_eq!(held, all, "{limit} lines a page, {pages} pages");
        }
        assert_eq!(fold(&books, 50, true).next, Some(1));
    }

    #[test]
    fn every_line_says_what_was_available_after_it() {
        let books = books();
        let mut lines = fold(&books, 50, false).lines;
        let changes: Vec<(u64, i64)> = books
            .iter()
            .filter(|line| line.available_micro != 0)
            .map(|line| (line.sequence, line.available_micro))
            .collect();
        write_balances(&mut lines, 60, &changes);
        let after: Vec<i64> = lines.iter().map(|line| line.after_micro).collect();
        assert_eq!(after, [60, 50, 50, 50, 30, 30, 60, 100]);
    }
}
