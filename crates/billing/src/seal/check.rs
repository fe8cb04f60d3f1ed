//! Whether what was sealed is still what stands there: the chain of seals, the heads under them,
//! and every recorded chunk of every sealed day, hashed again.

use std::collections::VecDeque;

use domain::id::CampaignId;
use domain::merkle::Tree;
use domain::seal::Seal;
use store::Store;
use store::seal::{RecordedSeal, SealedLeaf, SealedLeaves};

use super::day::{Covered, DayWalk};
use super::root_over;
use crate::BillingError;
use crate::verify::{Fault, Verification};

/// Seals read at once, and rows of leaves.
const SEALS_PER_PAGE: u32 = 100;
const PARTS_PER_PAGE: u32 = 16;

/// Follows the seals from the first one.
pub(crate) async fn check(store: &Store, found: &mut Verification) -> Result<(), BillingError> {
    let mut previous: Option<RecordedSeal> = None;
    loop {
        let after = previous.map(|seal| seal.seal.day);
        let snapshot = store.snapshot().await?;
        let page = snapshot.seals(after, SEALS_PER_PAGE).await?;
        snapshot.end().await?;
        if page.is_empty() {
            found.sealed_until = after.map(|day| day.to_string());
            return Ok(());
        }
        for recorded in page {
            link(&recorded, previous.as_ref(), found);
            heads(store, &recorded.seal, found).await?;
            let mark = previous.map(|previous| previous.seal.mark);
            Day::of(store, &recorded.seal, mark).check(found).await?;
            found.seals += 1;
            previous = Some(recorded);
        }
    }
}

/// A seal follows the one of the day before and has the hash of what it says.
fn link(recorded: &RecordedSeal, previous: Option<&RecordedSeal>, found: &mut Verification) {
    let seal = &recorded.seal;
    if let Some(before) = previous.filter(|before| before.seal.day.next() != seal.day) {
        let after = before.seal.day;
        let what = format!("the seals of the days after {after} are missing");
        found.add(Fault::of_day(seal.day, what));
    }
    let expected = previous.map_or(Seal::GENESIS, |before| before.hash);
    if seal.previous != expected {
        let says = seal.previous;
        let what = format!("it follows the seal {says}, the one before it is {expected}");
        found.add(Fault::of_day(seal.day, what));
    }
    let (says, computed) = (recorded.hash, seal.hash());
    if says != computed {
        let what = format!("its hash is {says}, what stands in it gives {computed}");
        found.add(Fault::of_day(seal.day, what));
    }
}

async fn heads(store: &Store, seal: &Seal, found: &mut Verification) -> Result<(), BillingError> {
    let snapshot = store.snapshot().await?;
    let heads = snapshot.seal_heads(seal.day).await?;
    snapshot.end().await?;
    let (count, root) = (heads.len() as u64, root_over(&heads));
    if count != seal.heads || root != seal.heads_root {
        let what = format!(
            "{} heads of ledgers were sealed under {}, {count} stand there under {root}",
            seal.heads, seal.heads_root
        );
        found.add(Fault::of_day(seal.day, what));
    }
    Ok(())
}

/// One sealed day: its leaves as they were stored, beside its record.
struct Day<'a> {
    store: &'a Store,
    seal: &'a Seal,
    walk: DayWalk<'a>,
    stored: VecDeque<(CampaignId, SealedLeaf)>,
    stored_tree: Tree,
    /// Where the next part of them begins; `None` at their end.
    next_part: Option<u64>,
    record_tree: Tree,
    sends: u64,
}

impl<'a> Day<'a> {
    fn of(store: &'a Store, seal: &'a Seal, previous_mark: Option<i64>) -> Self {
        Self {
            store,
            seal,
            walk: DayWalk::of(store, seal.window(previous_mark)),
            stored: VecDeque::new(),
            stored_tree: Tree::default(),
            next_part: Some(0),
            record_tree: Tree::default(),
            sends: 0,
        }
    }

    async fn check(mut self, found: &mut Verification) -> Result<(), BillingError> {
        let faults_before = found.faults_found();
        while let Some(page) = self.walk.next_page().await? {
            for covered in page {
                self.compare(&covered, found).await?;
            }
        }
        while let Some((campaign, leaf)) = self.next_stored().await? {
            self.is_missing(campaign, leaf, found);
        }
        let day = self.seal.day;
        let named = found.faults_found() - faults_before;
        for (tree, whose) in [
            (self.stored_tree, "the leaves that are stored under it give"),
            (self.record_tree, "the record gives"),
        ] {
            let (leaves, root) = (tree.leaves(), tree.root());
            let same = leaves == self.seal.chunks && root == self.seal.root;
            // Where chunks were named, the root of the record differs for their sake.
            if !same && (named == 0 || whose != "the record gives") {
                let (sealed, over) = (self.seal.root, self.seal.chunks);
                let what = format!(
                    "its root is {sealed} over {over} chunks, {whose} {root} over {leaves}"
                );
                found.add(Fault::of_day(day, what));
            }
        }
        if named == 0 && self.sends != self.seal.sends {
            let (sealed, counted) = (self.seal.sends, self.sends);
            let what = format!("{sealed} sends were sealed, the record has {counted}");
            found.add(Fault::of_day(day, what));
        }
        Ok(())
    }

    /// Goes on in the stored leaves up to a chunk of the record.
    async fn compare(
        &mut self,
        covered: &Covered,
        found: &mut Verification,
    ) -> Result<(), BillingError> {
        let id = covered.chunk.id;
        found.chunks += 1;
        self.record_tree.push(covered.leaf);
        self.sends += covered.sends;
        let place = (id.campaign, id.number, id.round);
        while let Some((campaign, leaf)) = self.peek_stored().await? {
            let stored = (campaign, leaf.number, leaf.round);
            if stored > place {
                break;
            }
            self.stored.pop_front();
            if stored < place {
                self.is_missing(campaign, leaf, found);
                continue;
            }
            if leaf.leaf != covered.leaf {
                let (sealed, is) = (leaf.leaf, covered.leaf);
                let what = format!(
                    "what was sealed of it is {sealed}, what stands there now (recipients, \
                     outcomes, message, time, captures) gives {is}"
                );
                found.add(Fault::of_chunk(
                    self.seal.day,
                    &name(id.campaign, leaf),
                    what,
                ));
            }
            return Ok(());
        }
        found.add(Fault::of_chunk(
            self.seal.day,
            &id.to_string(),
            "it stands in the record of a sealed day and was not sealed".to_owned(),
        ));
        Ok(())
    }

    fn is_missing(&self, campaign: CampaignId, leaf: SealedLeaf, found: &mut Verification) {
        let what = "it was sealed and is not in the record".to_owned();
        found.add(Fault::of_chunk(self.seal.day, &name(campaign, leaf), what));
    }

    async fn next_stored(&mut self) -> Result<Option<(CampaignId, SealedLeaf)>, BillingError> {
        let next = self.peek_stored().await?;
        self.stored.pop_front();
        Ok(next)
    }

    async fn peek_stored(&mut self) -> Result<Option<(CampaignId, SealedLeaf)>, BillingError> {
        if let Some(from) = self.next_part.filter(|_| self.stored.is_empty()) {
            let snapshot = self.store.snapshot().await?;
            let parts = snapshot
                .seal_leaves(self.seal.day, from, PARTS_PER_PAGE)
                .await?;
            snapshot.end().await?;
            let after = |part: &SealedLeaves| part.first_index + (part.leaves.len() as u64).max(1);
            self.next_part = parts.last().map(after);
            for part in parts {
                for leaf in part.leaves {
                    self.stored_tree.push(leaf.leaf);
                    self.stored.push_back((part.campaign, leaf));
                }
            }
        }
        Ok(self.stored.front().copied())
    }
}

/// As chunks are named: `cmp_…/131072.0`.
fn name(campaign: CampaignId, leaf: SealedLeaf) -> String {
    let SealedLeaf { number, round, .. } = leaf;
    format!("{campaign}/{number}.{round}")
}
