//! Sealing a day: everything that settled on it under one root, and where every ledger stands,
//! after the seal of the day before.
//!
//! Owns: what is read for a seal, and in which order. Does not own: the canonical bytes (`domain`)
//! and the moment (`scheduler`). Whoever seals, verifies or proves reads a day the same way.

pub(crate) mod day; // the chunks of a day in their order
pub(crate) mod check; // whether what was sealed is still what stands there

use domain::merkle::{Tree, TreeHash};
use domain::seal::{LedgerHead, Seal, SealDay, SealWindow};
use domain::time::Timestamp;
use store::seal::{LEAVES_PER_PART, RecordedSeal, SealedLeaf, SealedLeaves};
use store::{Store, Write};

use crate::BillingError;
use day::{Covered, DayWalk};

/// A day that is over, read and not sealed yet.
#[derive(Debug)]
pub struct DayToSeal {
    window: SealWindow,
    previous: TreeHash,
    chunks: u64,
    sends: u64,
    root: TreeHash,
    /// 41 bytes per chunk: of a day with a thousand million sends in full chunks 41 MB.
    leaves: Vec<SealedLeaves>,
}

impl DayToSeal {
    pub const fn day(&self) -> SealDay {
        self.window.day
    }
}

/// The next day that can be sealed, read; `None` where none is over for long enough, or the roll-up
/// has not come by yet. What is sealed is never changed, so it is read page by page and not as of
/// one commit.
pub async fn read_day(store: &Store, now: Timestamp) -> Result<Option<DayToSeal>, BillingError> {
    let snapshot = store.snapshot().await?;
    let last = snapshot.last_seal().await?;
    let next = match last {
        Some(last) => Some(last.seal.day.next()),
        None => snapshot.first_day().await?,
    };
    let Some(day) = next.filter(|day| day.may_be_sealed(now)) else {
        return Ok(None);
    };
    // Before anything is read: whatever is not seen below stands behind it.
    let mark = snapshot.settle_mark().await?;
    if snapshot.has_uncaptured_before(day.end()).await? {
        return Ok(None);
    }
    snapshot.end().await?;
    let window = SealWindow {
        day,
        mark,
        previous_mark: last.map(|last| last.seal.mark),
    };
    let mut read = DayToSeal {
        window,
        previous: last.map_or(Seal::GENESIS, |last| last.hash),
        chunks: 0,
        sends: 0,
        root: TreeHash::empty(),
        leaves: Vec::new(),
    };
    let mut tree = Tree::default();
    let mut walk = DayWalk::of(store, window);
    while let Some(page) = walk.next_page().await? {
        for covered in page {
            read.add(&covered, tree.leaves());
            tree.push(covered.leaf);
        }
    }
    read.root = tree.root();
    Ok(Some(read))
}

/// Writes the seal of a day that was read; it stands once `write` is committed.
pub async fn seal(
    write: &mut Write,
    read: DayToSeal,
    now: Timestamp,
) -> Result<RecordedSeal, BillingError> {
    let heads = write.heads_to_seal().await?;
    let seal = Seal {
        day: read.window.day,
        mark: read.window.mark,
        chunks: read.chunks,
        sends: read.sends,
        root: read.root,
        heads: heads.len() as u64,
        heads_root: root_over(&heads),
        sealed_at: now,
        previous: read.previous,
    };
    write.insert_seal(&seal, &read.leaves, &heads).await?;
    let hash = seal.hash();
    Ok(RecordedSeal { seal, hash })
}

pub(crate) fn root_over(heads: &[LedgerHead]) -> TreeHash {
    let mut tree = Tree::default();
    heads.iter().for_each(|head| tree.push(head.leaf()));
    tree.root()
}

impl DayToSeal {
    fn add(&mut self, covered: &Covered, index: u64) {
        let id = covered.chunk.id;
        self.chunks += 1;
        self.sends += covered.sends;
        let leaf = SealedLeaf {
            number: id.number,
            round: id.round,
            leaf: covered.leaf,
        };
        let part = match self.leaves.last_mut() {
            Some(last) if last.campaign == id.campaign => {
                if last.leaves.len() < LEAVES_PER_PART {
                    return last.leaves.push(leaf);
                }
                last.part + 1
            }
            _ => 0,
        };
        self.leaves.push(SealedLeaves {
            campaign: id.campaign,
            day: self.window.day,
            part,
            first_index: index,
            leaves: vec![leaf],
        });
    }
}
