//! The proof of one send: its place in its chunk, the chunk's place under its day's seal, and the
//! seal. Whoever has it and the published hash of the seal needs nothing else of ours.

use domain::chunk::ChunkId;
use domain::id::CampaignId;
use domain::merkle::{Inclusion, Tree};
use domain::outcome::Outcome;
use domain::seal::{Seal, SealDay, SealHash, SealedChunk, recipient_leaf, recipients_tree};
use domain::user::UserNumber;
use serde::{Deserialize, Serialize};
use store::seal::RecordedSeal;
use store::{Snapshot, StoreError};

use crate::BillingError;
use crate::seal::day::covered;
use crate::send::ChunkOnPage;
use crate::sends::{Cursor, SendLine};

/// Rows of leaves read at once.
const PARTS_PER_PAGE: u32 = 16;
const VERSION: u32 = 1;

/// A proof as it is handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendProof {
    pub version: u32,
    pub campaign: CampaignId,
    pub chunk: u64,
    pub round: u8,
    pub position: u32,
    /// The recipient's number in this installation.
    pub user_number: u32,
    pub outcome_code: u8,
    /// The recipient among those of the chunk.
    pub recipient: Inclusion,
    /// The canonical bytes of the chunk, in hexadecimal digits.
    pub record: String,
    /// The chunk among those of the day.
    pub inclusion: Inclusion,
    pub seal: Seal,
    pub seal_hash: SealHash,
}

/// What a proof that holds proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    pub chunk: SealedChunk,
    pub outcome: Outcome,
    pub day: SealDay,
    pub seal_hash: SealHash,
}

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoProof {
    #[error("it has version {0}, known is {VERSION}")]
    UnknownVersion(u32),
    #[error("its record is none of a chunk")]
    NoRecord,
    #[error("it names {named}, its record is of {recorded}")]
    AnotherChunk { named: ChunkId, recorded: ChunkId },
    #[error("there is no outcome {0}")]
    NoOutcome(u8),
    #[error("nobody with this number and outcome stands at this position of the chunk")]
    NotInChunk,
    #[error("the chunk is not under the root of {0}")]
    NotUnderRoot(SealDay),
    #[error("the chunk settled on {settled}, the seal is of {sealed}")]
    AnotherDay { settled: SealDay, sealed: SealDay },
    #[error("the seal says {says}, what stands in it gives {computed}")]
    AnotherSeal { says: SealHash, computed: SealHash },
}

/// How far a send is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sealing {
    /// Nothing of it is recorded yet, or the freeze left the friend out: it is in no chunk.
    NotRecorded,
    /// Its day is not sealed.
    Open(SealDay),
    Sealed(RecordedSeal),
    /// What stands in the record is not what was sealed.
    Changed(RecordedSeal),
}

impl SendProof {
    /// Whether it holds, by itself: whose seal it is tells the published hash.
    pub fn check(&self) -> Result<Proved, NoProof> {
        if self.version != VERSION {
            return Err(NoProof::UnknownVersion(self.version));
        }
        let record = hex_bytes(&self.record).ok_or(NoProof::NoRecord)?;
        let chunk = SealedChunk::from_bytes(&record).ok_or(NoProof::NoRecord)?;
        let named = ChunkId {
            month: chunk.id.month,
            campaign: self.campaign,
            number: self.chunk,
            round: self.round,
        };
        if named != chunk.id {
            let recorded = chunk.id;
            return Err(NoProof::AnotherChunk { named, recorded });
        }
        let outcome = Outcome::from_code(self.outcome_code);
        let outcome = outcome.ok_or(NoProof::NoOutcome(self.outcome_code))?;
        let leaf = recipient_leaf(self.position, UserNumber(self.user_number), outcome);
        let is_there = self.recipient.index == u64::from(self.position)
            && self.recipient.leaves == u64::from(chunk.size)
            && self.recipient.root_over(leaf) == Some(chunk.recipients);
        if !is_there {
            return Err(NoProof::NotInChunk);
        }
        let seal = &self.seal;
        let is_under = self.inclusion.leaves == seal.chunks
            && self.inclusion.root_over(chunk.leaf()) == Some(seal.root);
        if !is_under {
            return Err(NoProof::NotUnderRoot(seal.day));
        }
        let (settled, sealed) = (SealDay::of(chunk.settled_at), seal.day);
        if settled > sealed {
            return Err(NoProof::AnotherDay { settled, sealed });
        }
        let (says, computed) = (self.seal_hash, seal.hash());
        if says != computed {
            return Err(NoProof::AnotherSeal { says, computed });
        }
        Ok(Proved {
            chunk,
            outcome,
            day: seal.day,
            seal_hash: says,
        })
    }
}

/// How far the chunk of a send is sealed, without the way to the root: that leads past the chunks
/// of others.
pub(crate) async fn sealing(
    snapshot: &Snapshot,
    chunk: &ChunkOnPage<'_>,
) -> Result<Sealing, BillingError> {
    let Some(settled_at) = chunk.record.settled_at else {
        return Ok(Sealing::NotRecorded);
    };
    let id = chunk.record.id;
    let part = snapshot
        .seal_leaves_of(id.campaign, id.number, id.round)
        .await?;
    let Some(part) = part else {
        return Ok(Sealing::Open(SealDay::of(settled_at)));
    };
    let seal = snapshot.seal(part.day).await?;
    let seal = seal.ok_or_else(|| StoreError::NotFound(format!("seal of {}", part.day)))?;
    let place = part.place_of(id.number, id.round);
    let leaf = place.map(|place| part.leaves[place].leaf);
    Ok(match leaf == Some(covered(chunk).leaf) {
        true => Sealing::Sealed(seal),
        false => Sealing::Changed(seal),
    })
}

/// The proof of a send that stands in this chunk; `None` where its day is not sealed.
pub(crate) async fn prove(
    snapshot: &Snapshot,
    chunk: &ChunkOnPage<'_>,
    line: &SendLine,
) -> Result<Option<SendProof>, BillingError> {
    let id = chunk.record.id;
    let Cursor::Chunk { position, .. } = line.place else {
        return Ok(None);
    };
    let part = snapshot
        .seal_leaves_of(id.campaign, id.number, id.round)
        .await?;
    let Some(part) = part else { return Ok(None) };
    let seal = snapshot.seal(part.day).await?;
    let seal = seal.ok_or_else(|| StoreError::NotFound(format!("seal of {}", part.day)))?;
    let place = part.place_of(id.number, id.round).unwrap_or_default() as u64;
    let mut tree = Tree::proving(part.first_index + place);
    let mut from = Some(0);
    while let Some(first) = from {
        let parts = snapshot
            .seal_leaves(part.day, first, PARTS_PER_PAGE)
            .await?;
        from = parts
            .last()
            .map(|part| part.first_index + (part.leaves.len() as u64).max(1));
        let leaves = parts.iter().flat_map(|part| &part.leaves);
        leaves.for_each(|leaf| tree.push(leaf.leaf));
    }
    let (_, inclusion) = tree.finish();
    let unreadable = |error: domain::codec::CorruptBlob| StoreError::Corrupt {
        table: "chunk",
        column: "outcomes",
        why: format!("{id}: {error}"),
    };
    let numbers = chunk.record.numbers().map_err(unreadable)?;
    let outcomes = chunk.record.outcomes().map_err(unreadable)?;
    let outcomes = outcomes.unwrap_or_default();
    let (_, recipient) = recipients_tree(&numbers, &outcomes, Some(position)).finish();
    let settled = outcomes.get(position as usize);
    let (Some(inclusion), Some(recipient), Some(settled)) = (inclusion, recipient, settled) else {
        return Ok(None);
    };
    Ok(Some(SendProof {
        version: VERSION,
        campaign: id.campaign,
        chunk: id.number,
        round: id.round,
        position,
        user_number: line.number.0,
        outcome_code: settled.code(),
        recipient,
        record: hex_of(&covered(chunk).chunk.to_bytes()),
        inclusion,
        seal: seal.seal,
        seal_hash: seal.hash,
    }))
}

/// Lower case, two digits a byte.
pub fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| digit.to_digit(16).map(|digit| digit as u8))
        .collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    rest.is_empty().then_some(bytes)
}
