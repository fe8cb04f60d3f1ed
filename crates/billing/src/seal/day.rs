//! The recorded chunks that the seal of a day covers, by campaign, number and round, a page at a
//! time.

use std::collections::VecDeque;

use domain::id::CampaignId;
use domain::merkle::TreeHash;
use domain::outcome::Outcome;
use domain::seal::{SealWindow, SealedCapture, SealedChunk, recipients_tree};
use domain::time::LaunchMonth;
use store::Store;
use store::report::{RecordedCampaign, RecordedCapture, RecordedChunk};

use crate::BillingError;
use crate::send::{ChunkOnPage, chunks_of};

/// Campaigns read at once.
const CAMPAIGNS_PER_PAGE: u32 = 100;
/// Chunk numbers read at once: some ten milliseconds of hashing.
const CHUNKS_PER_PAGE: u32 = 16;

/// A chunk under a seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Covered {
    pub chunk: SealedChunk,
    pub leaf: TreeHash,
    /// Recipients whose last word stands in it.
    pub sends: u64,
}

/// Where the reading of a day stands.
pub(crate) struct DayWalk<'a> {
    store: &'a Store,
    window: SealWindow,
    campaigns: VecDeque<RecordedCampaign>,
    last_campaign: Option<CampaignId>,
    /// The campaign that is being read, and its last number that was.
    current: Option<(RecordedCampaign, LaunchMonth, Option<u64>)>,
}

impl<'a> DayWalk<'a> {
    pub const fn of(store: &'a Store, window: SealWindow) -> Self {
        Self {
            store,
            window,
            campaigns: VecDeque::new(),
            last_campaign: None,
            current: None,
        }
    }

    /// The chunks that come next, or none of a page that has none; `None` at the end.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Covered>>, BillingError> {
        let Some((campaign, month, after)) = self.current.take() else {
            return self.next_campaign().await;
        };
        let snapshot = self.store.snapshot().await?;
        let (id, currency) = (campaign.id, campaign.currency);
        let page = snapshot
            .record_page(month, id, currency, after, CHUNKS_PER_PAGE)
            .await?;
        snapshot.end().await?;
        let Some(last) = page.chunks.last() else {
            return Ok(Some(Vec::new()));
        };
        self.current = Some((campaign, month, Some(last.id.number)));
        let of_day = chunks_of(&page).filter(|chunk| is_covered(&self.window, chunk.record));
        Ok(Some(of_day.map(|chunk| covered(&chunk)).collect()))
    }

    async fn next_campaign(&mut self) -> Result<Option<Vec<Covered>>, BillingError> {
        if self.campaigns.is_empty() {
            let snapshot = self.store.snapshot().await?;
            let page = snapshot
                .campaigns_of_day(self.window.day, self.last_campaign, CAMPAIGNS_PER_PAGE)
                .await?;
            snapshot.end().await?;
            self.last_campaign = page.last().map(|campaign| campaign.id);
            self.campaigns = page.into();
        }
        let Some(campaign) = self.campaigns.pop_front() else {
            return Ok(None);
        };
        self.current = campaign.month.map(|month| (campaign, month, None));
        Ok(Some(Vec::new()))
    }
}

fn is_covered(window: &SealWindow, record: &RecordedChunk) -> bool {
    match (record.is_terminal(), record.settled_at, record.sequence) {
        (true, Some(settled_at), Some(sequence)) => window.covers(settled_at, sequence),
        _ => false,
    }
}

/// A recorded chunk as seals have it. What cannot be read is under the root of nothing: it is
/// sealed as it stands, and reconciliation names it.
pub(crate) fn covered(chunk: &ChunkOnPage<'_>) -> Covered {
    let record = chunk.record;
    let numbers = record.numbers().unwrap_or_default();
    let outcomes = record.outcomes().ok().flatten().unwrap_or_default();
    let decided = |outcome: &&Outcome| **outcome != Outcome::Moved;
    let captures = chunk.captures.iter().filter(|c| c.is_of_settle());
    let sealed = SealedChunk {
        id: record.id,
        state: record.state,
        tariff: record.tariff,
        size: record.size,
        message: hash_of(&record.message),
        content: hash_of(&record.content_hash),
        settled_at: record.settled_at.unwrap_or_default(),
        recipients: recipients_tree(&numbers, &outcomes, None).root(),
        captures: captures.map(capture_of).collect(),
    };
    Covered {
        leaf: sealed.leaf(),
        sends: outcomes.iter().filter(decided).count() as u64,
        chunk: sealed,
    }
}

fn capture_of(capture: &RecordedCapture) -> SealedCapture {
    SealedCapture {
        part: capture.part,
        ledger_transaction: capture.ledger_transaction,
        units: capture.units,
        unit_price: capture.unit_price,
        amount: capture.amount,
    }
}

/// A hash of another length is none.
fn hash_of(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().unwrap_or_default()
}
