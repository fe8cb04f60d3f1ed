//! One send: what finally became of one recipient of one chunk, and what it was captured as.
//!
//! A send is its place in its chunk. What became known later (an amendment) decides only about a
//! recipient whom the settle left undecided. Which capture is whose is told in `store::report`.

use domain::chunk::ChunkId;
use domain::codec::CorruptBlob;
use domain::id::LedgerTransactionId;
use domain::money::Money;
use domain::outcome::Outcome;
use domain::time::Timestamp;
use domain::user::UserNumber;
use store::report::{RecordPage, RecordedAmendment, RecordedCapture, RecordedChunk, capture_of};

/// A recipient with its last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedSend {
    pub position: u32,
    pub number: UserNumber,
    /// `None` until its chunk is terminal.
    pub outcome: Option<Outcome>,
    pub at: Option<Timestamp>,
    /// What was captured for it, once the roll-up came by.
    pub captured: Option<Captured>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Captured {
    pub unit_price: Money,
    pub ledger_transaction: Option<LedgerTransactionId>,
}

/// What of a page belongs to one chunk.
#[derive(Debug, Clone, Copy)]
pub struct ChunkOnPage<'a> {
    pub record: &'a RecordedChunk,
    pub captures: &'a [RecordedCapture],
    pub amendments: &'a [RecordedAmendment],
}

/// The chunks of a page in order, each with its own captures and amendments.
pub fn chunks_of(page: &RecordPage) -> impl Iterator<Item = ChunkOnPage<'_>> {
    page.chunks.iter().map(|record| ChunkOnPage {
        record,
        captures: slice_of(&page.captures, record.id, |capture| capture.chunk),
        amendments: slice_of(&page.amendments, record.id, |amendment| amendment.chunk),
    })
}

impl ChunkOnPage<'_> {
    /// Every recipient in order, the moved ones included: their next round decides.
    pub fn sends(&self) -> Result<Vec<RecordedSend>, CorruptBlob> {
        let settled = self.record.outcomes()?;
        let mut billable = 0;
        let numbers = self.record.numbers()?;
        let mut sends = Vec::with_capacity(numbers.len());
        for (position, number) in (0u32..).zip(numbers) {
            let outcome = match &settled {
                None => None,
                Some(outcomes) => Some(
                    *outcomes
                        .get(position as usize)
                        .ok_or(CorruptBlob::Impossible("fewer outcomes than recipients"))?,
                ),
            };
            let mut captured = None;
            if outcome.is_some_and(Outcome::is_billable) {
                captured = capture_of(self.captures, billable).map(Captured::of);
                billable += 1;
            }
            sends.push(RecordedSend {
                position,
                number,
                outcome,
                at: self.record.settled_at,
                captured,
            });
        }
        for amendment in self.amendments {
            let Some(send) = sends.get_mut(amendment.position as usize) else {
                return Err(CorruptBlob::Impossible("an amendment's position"));
            };
            if send.outcome.is_some_and(Outcome::is_undecided) {
                let outcome = Outcome::from_code(amendment.outcome)
                    .ok_or(CorruptBlob::Impossible("an amendment's outcome"))?;
                send.outcome = Some(outcome);
                send.at = Some(amendment.at);
                let part = amendment.position + 1;
                let capture = self.captures.iter().find(|capture| capture.part == part);
                send.captured = capture.map(Captured::of).filter(|_| outcome.is_billable());
            }
        }
        Ok(sends)
    }
}

impl Captured {
    fn of(capture: &RecordedCapture) -> Self {
        Self {
            unit_price: capture.unit_price,
            ledger_transaction: capture.ledger_transaction,
        }
    }
}

/// The items of one chunk in a list that is sorted by chunk.
fn slice_of<T>(items: &[T], chunk: ChunkId, chunk_of: impl Fn(&T) -> ChunkId) -> &[T] {
    let first = items.partition_point(|item| chunk_of(item) < chunk);
    let count = items[first..].partition_point(|item| chunk_of(item) == chunk);
    &items[first..first + count]
}
