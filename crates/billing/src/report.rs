//! The per-send report: one line for every recipient of a campaign, as CSV, with flat memory.
//!
//! Who moved to a next round has one line, of the round that decided; whom the freeze left out has
//! one, too, so that the lines are the audience. A price stands on a line once it is captured: the
//! prices of a report add up to its captures at every moment. Each page is read as of one commit
//! and holds every round of its chunks.

use domain::campaign::CampaignKind;
use domain::chunk::ChunkState;
use domain::codec::CorruptBlob;
use domain::id::{BusinessId, CampaignId};
use domain::money::{MICRO_PER_UNIT, Money};
use domain::outcome::Outcome;
use domain::price::Tariff;
use domain::rule::RuleId;
use domain::user::UserNumber;
use store::report::{RecordedCampaign, RecordedExclusion};
use store::{Snapshot, Store, StoreError};

use crate::BillingError;
use crate::send::{ChunkOnPage, RecordedSend, chunks_of};
use crate::sends::{SendFilter, Sieve};

/// The columns, in an order that never changes.
pub const COLUMNS: [&str; 15] = [
    "at",
    "campaign",
    "chunk",
    "position",
    "friend",
    "tariff",
    "tariff_reason",
    "outcome",
    "reason",
    "billable",
    "billable_reason",
    "unit_price",
    "price_version",
    "ledger_transaction",
    "evidence_hash",
];

/// Chunk numbers on one page: at most 16,000 lines, about 4 MB.
const CHUNKS_PER_PAGE: u32 = 16;
/// Excluded friends on one page.
const EXCLUDED_PER_PAGE: usize = 16_000;

/// A report that is being read, page by page.
pub struct SendReport {
    store: Store,
    campaign: RecordedCampaign,
    kind: CampaignKind,
    sieve: Sieve,
    stage: Stage,
}

enum Stage {
    Header,
    /// The last chunk number that was written.
    Chunks(Option<u64>),
    /// The last range that was read, and what of it is not written yet.
    Excluded(Option<u32>, Vec<ExcludedLeft>),
    Done,
}

struct ExcludedLeft {
    record: RecordedExclusion,
    rule: RuleId,
    /// Falling, so that the next ones are taken from the end.
    numbers: Vec<u32>,
}

/// Some lines of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportPage {
    pub csv: Vec<u8>,
    /// Sends in it; the header is none.
    pub lines: u64,
}

impl SendReport {
    /// A campaign of `business`; [`StoreError::NotFound`] where it is not theirs.
    pub async fn open(
        store: &Store,
        business: BusinessId,
        campaign: CampaignId,
    ) -> Result<Self, BillingError> {
        Self::open_filtered(store, business, campaign, SendFilter::default()).await
    }

    /// The same, of what a filter admits; what friends did counts as of now.
    pub async fn open_filtered(
        store: &Store,
        business: BusinessId,
        campaign: CampaignId,
        filter: SendFilter,
    ) -> Result<Self, BillingError> {
        let snapshot = store.snapshot().await?;
        let campaign = snapshot.recorded_campaign(business, campaign).await?;
        let sieve = Sieve::of(&snapshot, campaign.id, filter).await?;
        snapshot.end().await?;
        Ok(Self {
            store: store.clone(),
            kind: campaign.known_kind()?,
            campaign,
            sieve,
            stage: Stage::Header,
        })
    }

    /// The next lines; `None` after the last. The reader's pace holds no transaction open.
    pub async fn next_page(&mut self) -> Result<Option<ReportPage>, BillingError> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        let (page, next) = match stage {
            Stage::Header => {
                let mut lines = Lines::of(&self.campaign, self.kind);
                lines.write(&COLUMNS)?;
                (lines.finish(0)?, Stage::Chunks(None))
            }
            Stage::Chunks(after) => self.chunk_page(after).await?,
            Stage::Excluded(after, left) => self.excluded_page(after, left).await?,
            Stage::Done => return Ok(None),
        };
        self.stage = next;
        Ok(Some(page))
    }

    async fn chunk_page(&self, after: Option<u64>) -> Result<(ReportPage, Stage), BillingError> {
        let mut lines = Lines::of(&self.campaign, self.kind);
        let excluded = Stage::Excluded(None, Vec::new());
        let Some(month) = self.campaign.month else {
            return Ok((lines.finish(0)?, excluded));
        };
        let RecordedCampaign { id, currency, .. } = self.campaign;
        let snapshot = self.store.snapshot().await?;
        let page = snapshot
            .record_page(month, id, currency, after, CHUNKS_PER_PAGE)
            .await?;
        let Some(last) = page.chunks.last() else {
            return Ok((lines.finish(0)?, excluded));
        };
        let next = Stage::Chunks(Some(last.id.number));
        let mut written = 0;
        for chunk in chunks_of(&page) {
            let mut sends = chunk.sends().map_err(|error| unreadable(&chunk, error))?;
            sends.retain(|send| self.sieve.admits(send.number, send.outcome));
            written += lines.write_chunk(&snapshot, &chunk, &sends).await?;
        }
        snapshot.end().await?;
        Ok((lines.finish(written)?, next))
    }

    async fn excluded_page(
        &self,
        mut after: Option<u32>,
        mut left: Vec<ExcludedLeft>,
    ) -> Result<(ReportPage, Stage), BillingError> {
        let mut lines = Lines::of(&self.campaign, self.kind);
        if !self.sieve.admits_left_out() {
            return Ok((lines.finish(0)?, Stage::Done));
        }
        let snapshot = self.store.snapshot().await?;
        if left.is_empty() {
            let records = snapshot.exclusion_page(self.campaign.id, after).await?;
            let Some(first) = records.first() else {
                return Ok((lines.finish(0)?, Stage::Done));
            };
            after = Some(first.range);
            left = records
                .into_iter()
                .map(ExcludedLeft::of)
                .collect::<Result<_, _>>()?;
        }
        let mut written = 0;
        if let Some(part) = left.last_mut() {
            let mut numbers = part.take(EXCLUDED_PER_PAGE);
            let outcome = Some(Outcome::Excluded(part.rule));
            numbers.retain(|number| self.sieve.admits(UserNumber(*number), outcome));
            written = lines.write_excluded(&snapshot, part, &numbers).await?;
        }
        left.retain(|part| !part.numbers.is_empty());
        snapshot.end().await?;
        Ok((lines.finish(written)?, Stage::Excluded(after, left)))
    }
}

impl ExcludedLeft {
    fn of(record: RecordedExclusion) -> Result<Self, StoreError> {
        let rule = RuleId::from_code(record.rule).ok_or_else(|| StoreError::Corrupt {
            table: "exclusion",
            column: "rule",
            why: record.rule.to_string(),
        })?;
        let mut numbers: Vec<u32> = record.numbers()?.iter().collect();
        numbers.reverse();
        Ok(Self {
            record,
            rule,
            numbers,
        })
    }

    /// The lowest numbers left, rising.
    fn take(&mut self, count: usize) -> Vec<u32> {
        let from = self.numbers.len().saturating_sub(count);
        let mut taken = self.numbers.split_off(from);
        taken.reverse();
        taken
    }
}

/// Lines being written, with what stands on every one.
struct Lines {
    writer: csv::Writer<Vec<u8>>,
    campaign: String,
    kind: CampaignKind,
    price_version: String,
}

impl Lines {
    fn of(campaign: &RecordedCampaign, kind: CampaignKind) -> Self {
        let version = campaign.price_version.map(|version| version.to_string());
        Self {
            writer: csv::Writer::from_writer(Vec::new()),
            campaign: campaign.id.to_string(),
            kind,
            price_version: version.unwrap_or_default(),
        }
    }

    async fn write_chunk(
        &mut self,
        snapshot: &Snapshot,
        chunk: &ChunkOnPage<'_>,
        sends: &[RecordedSend],
    ) -> Result<u64, BillingError> {
        let record = chunk.record;
        // Who moved has a line in a later round.
        let shown: Vec<&RecordedSend> = sends
            .iter()
            .filter(|send| send.outcome != Some(Outcome::Moved))
            .collect();
        let numbers: Vec<u32> = shown.iter().map(|send| send.number.0).collect();
        let friends = snapshot.user_ids(&numbers).await?;
        let chunk_name = format!("{}.{}", record.id.number, record.id.round);
        let evidence = hex_of(&record.content_hash);
        let (tariff, tariff_reason) = tariff_of(self.kind, record.tariff)?;
        let pending = record.known_state().map_or("", ChunkState::name);
        let campaign = self.campaign.clone();
        let price_version = self.price_version.clone();
        for (send, friend) in shown.iter().zip(friends) {
            let (outcome, reason) = match send.outcome {
                Some(outcome) => (outcome.name(), outcome.reason()),
                None => ("pending", pending),
            };
            let (billable, billable_reason) = billable_words(self.kind, send.outcome);
            let captured = send.captured;
            self.write(&[
                &send.at.map(|at| at.to_string()).unwrap_or_default(),
                &campaign,
                &chunk_name,
                &send.position.to_string(),
                &friend.to_string(),
                tariff,
                tariff_reason,
                outcome,
                reason,
                billable,
                billable_reason,
                &captured.map(|c| decimal(c.unit_price)).unwrap_or_default(),
                &price_version,
                &captured
                    .and_then(|c| c.ledger_transaction)
                    .map(|id| id.to_string())
                    .unwrap_or_default(),
                &evidence,
            ])?;
        }
        Ok(shown.len() as u64)
    }

    async fn write_excluded(
        &mut self,
        snapshot: &Snapshot,
        part: &ExcludedLeft,
        numbers: &[u32],
    ) -> Result<u64, BillingError> {
        let outcome = Outcome::Excluded(part.rule);
        let (billable, billable_reason) = billable_words(self.kind, Some(outcome));
        let at = part.record.at.map(|at| at.to_string()).unwrap_or_default();
        let campaign = self.campaign.clone();
        let price_version = self.price_version.clone();
        for friend in snapshot.user_ids(numbers).await? {
            self.write(&[
                &at,
                &campaign,
                "",
                "",
                &friend.to_string(),
                "",
                "",
                outcome.name(),
                outcome.reason(),
                billable,
                billable_reason,
                "",
                &price_version,
                "",
                "",
            ])?;
        }
        Ok(numbers.len() as u64)
    }

    fn write(&mut self, fields: &[&str; COLUMNS.len()]) -> Result<(), BillingError> {
        for field in fields {
            let written = match is_formula(field) {
                true => self.writer.write_field(format!("'{field}")),
                false => self.writer.write_field(field),
            };
            written.map_err(std::io::Error::other)?;
        }
        let ended = self.writer.write_record(None::<&[u8]>);
        Ok(ended.map_err(std::io::Error::other)?)
    }

    fn finish(self, lines: u64) -> Result<ReportPage, BillingError> {
        let csv = self
            .writer
            .into_inner()
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(ReportPage { csv, lines })
    }
}

/// A spreadsheet would run such a field instead of showing it.
fn is_formula(field: &str) -> bool {
    field.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// Whether a send is billed, and why: what was recorded follows from the contract that its campaign
/// was launched under. A test is not, whatever became of it.
pub fn billable_words(
    kind: CampaignKind,
    outcome: Option<Outcome>,
) -> (&'static str, &'static str) {
    match outcome {
        Some(Outcome::Accepted | Outcome::Confirmed) if kind == CampaignKind::Test => {
            ("no", "tests_are_free")
        }
        Some(Outcome::Accepted) => ("yes", "accepted_by_messenger"),
        Some(Outcome::Confirmed) => ("yes", "confirmed_by_messenger"),
        Some(Outcome::Failed(_)) => ("no", "refused_by_messenger"),
        Some(Outcome::Excluded(_)) => ("no", "not_sent_by_rule"),
        Some(Outcome::Uncertain) => ("no", "not_proven_yet"),
        Some(Outcome::Unconfirmed) => ("no", "delivery_unconfirmed"),
        Some(Outcome::Cancelled) => ("no", "never_sent"),
        Some(Outcome::WrittenOff) => ("no", "never_proven"),
        Some(Outcome::Moved) | None => ("no", "not_decided_yet"),
    }
}

fn tariff_of(kind: CampaignKind, code: u8) -> Result<(&'static str, &'static str), StoreError> {
    let tariff = Tariff::from_code(code).ok_or_else(|| StoreError::Corrupt {
        table: "chunk",
        column: "tariff",
        why: code.to_string(),
    })?;
    Ok(tariff_words(kind, tariff))
}

/// A tariff, and why a send has it.
pub fn tariff_words(kind: CampaignKind, tariff: Tariff) -> (&'static str, &'static str) {
    if kind == CampaignKind::Test {
        return ("test", "registered_tester");
    }
    let reason = match tariff {
        Tariff::Untargeted => "whole_reach",
        Tariff::Targeted => "condition_or_list",
        Tariff::ApiPush => "sent_through_api",
        Tariff::Information => "information_notice",
    };
    (tariff.name(), reason)
}

/// `15`, `6.5`: exact, without currency or thousands, for machines.
pub fn decimal(amount: Money) -> String {
    let unit = MICRO_PER_UNIT.unsigned_abs();
    let magnitude = amount.micro().unsigned_abs();
    let fraction = format!("{:06}", magnitude % unit);
    let fraction = fraction.trim_end_matches('0');
    let (sign, whole) = (
        if amount.is_negative() { "-" } else { "" },
        magnitude / unit,
    );
    match fraction {
        "" => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction}"),
    }
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unreadable(chunk: &ChunkOnPage<'_>, error: CorruptBlob) -> StoreError {
    StoreError::Corrupt {
        table: "chunk",
        column: "outcomes",
        why: format!("{}: {error}", chunk.record.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::money::Currency;

    #[test]
    fn prices_are_exact_decimals() {
        let cases = [
            (0, "0"),
            (15_000_000, "15"),
            (6_500_000, "6.5"),
            (1, "0.000001"),
            (1_234_567_000_010, "1234567.00001"),
            (-500_000, "-0.5"),
            (-2_000_000, "-2"),
        ];
        for (micro, text) in cases {
            assert_eq!(decimal(Money::from_micro(micro, Currency::Krw)), text);
        }
    }

    #[test]
    fn a_test_says_that_it_is_free_and_what_was_not_sent_why_it_was_not() {
        let (broadcast, test) = (CampaignKind::Broadcast, CampaignKind::Test);
        for outcome in [Outcome::Accepted, Outcome::Confirmed] {
            assert_eq!(billable_words(broadcast, Some(outcome)).0, "yes");
            let words = billable_words(test, Some(outcome));
            assert_eq!(words, ("no", "tests_are_free"));
        }
        let waiting = billable_words(broadcast, Some(Outcome::Unconfirmed));
        assert_eq!(waiting, ("no", "delivery_unconfirmed"));
        for outcome in [Some(Outcome::Excluded(RuleId::Blocked)), None] {
            assert_eq!(
                billable_words(test, outcome),
                billable_words(broadcast, outcome)
            );
        }
        for tariff in Tariff::ALL {
            assert_eq!(tariff_words(test, tariff), ("test", "registered_tester"));
            assert_eq!(tariff_words(broadcast, tariff).0, tariff.name());
        }
    }

    #[test]
    fn fields_that_a_spreadsheet_would_run_are_quoted() {
        let mut lines = Lines {
            writer: csv::Writer::from_writer(Vec::new()),
            campaign: String::new(),
            kind: CampaignKind::Broadcast,
            price_version: String::new(),
        };
        let mut fields = [""; COLUMNS.len()];
        let evil = [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a,b", "a\"b", "a=b",
        ];
        fields[..evil.len()].copy_from_slice(&evil);
        lines.write(&fields).unwrap();
        let page = lines.finish(1).unwrap();
        let text = String::from_utf8(page.csv).unwrap();
        let expected = "'=1+1,'+1,'-1,'@SUM(A1),'\t=1,\"'\r=1\",\"a,b\",\"a\"\"b\",a=b,,,,,,\n";
        assert_eq!(text, expected);
    }
}
