//! From the rules' decision to the rows that are written.

use domain::chunk::{ChunkId, ChunkState, Next, NextRound, Settlement};
use domain::codec::{self, PackedKeys};
use domain::outcome::{Outcome, OutcomeCounts};
use domain::push::PushKey;
use domain::time::Timestamp;
use domain::user::UserNumber;

use super::{Change, NextRoundRows};
use crate::chunk::Recipients;
use crate::{Store, StoreError};

/// What of a chunk a change is made from.
pub struct ChangeSource<'a> {
    pub size: u32,
    pub push_key: PushKey,
    /// Recipients in one request of the connector.
    pub batch_max: u32,
    pub recipients: &'a Recipients,
    /// Read by [`Store::numbers_of_next_round`].
    pub numbers: &'a [UserNumber],
    pub now: Timestamp,
}

impl Store {
    /// The user numbers of a chunk of which some go on in a next round. Of the many others nothing
    /// is read.
    pub async fn numbers_of_next_round(
        &self,
        chunk: ChunkId,
        next: &Next,
    ) -> Result<Vec<UserNumber>, StoreError> {
        match next {
            Next::Settle(settlement) if settlement.next_round.is_some() => {
                self.chunk_numbers(chunk).await
            }
            _ => Ok(Vec::new()),
        }
    }
}

impl Change {
    /// The rows of `next`. `part` tells the content hash and the variables of a next round's body,
    /// by its keys and its positions in its parent.
    pub fn of(
        next: Next,
        source: &ChangeSource<'_>,
        part: impl FnOnce(&PackedKeys, &[u32]) -> Option<([u8; 32], Option<String>)>,
    ) -> Result<Self, StoreError> {
        match next {
            Next::Settle(settlement) => settle(settlement, source, part),
            Next::Return { pause, detour } => Ok(Self::Return {
                due_at: source.now + pause,
                detour: detour.name(),
            }),
            Next::Unknown {
                pause,
                detour,
                close_next,
            } => Ok(Self::Unknown {
                due_at: source.now + pause,
                detour: detour.name(),
                close_next,
            }),
            Next::Quarantine { detour } => Ok(Self::Quarantine {
                detour: detour.name(),
            }),
            Next::End {
                state,
                outcome,
                detour,
            } => Ok(Self::all_alike(
                state,
                outcome,
                source.size,
                detour.name(),
                undecided_keys(outcome.is_undecided(), None, source),
            )),
        }
    }

    fn all_alike(
        state: ChunkState,
        outcome: Outcome,
        size: u32,
        detour: &'static str,
        undecided_keys: Vec<([u8; 16], u32)>,
    ) -> Self {
        Self::End {
            state,
            outcomes: codec::pack_outcomes(&vec![outcome; size as usize]),
            counts: OutcomeCounts::all(outcome, size),
            detour: Some(detour),
            next_round: None,
            undecided_keys,
        }
    }
}

fn settle(
    settlement: Settlement,
    source: &ChangeSource<'_>,
    part: impl FnOnce(&PackedKeys, &[u32]) -> Option<([u8; 32], Option<String>)>,
) -> Result<Change, StoreError> {
    // A pair of assertions with the CHECK of the table: what is billed adds up to what was sent.
    assert_eq!(
        settlement.counts.total(),
        source.size,
        "every recipient has one outcome"
    );
    assert_eq!(settlement.outcomes.len(), source.size as usize);
    let next_round = settlement
        .next_round
        .as_ref()
        .map(|next| next_round_rows(next, source, part))
        .transpose()?;
    let any_undecided = settlement.counts.uncertain > 0;
    Ok(Change::End {
        state: ChunkState::Settled,
        outcomes: codec::pack_outcomes(&settlement.outcomes),
        counts: settlement.counts,
        detour: None,
        next_round: next_round.map(Box::new),
        undecided_keys: undecided_keys(any_undecided, Some(&settlement.outcomes), source),
    })
}

fn next_round_rows(
    next: &NextRound,
    source: &ChangeSource<'_>,
    part: impl FnOnce(&PackedKeys, &[u32]) -> Option<([u8; 32], Option<String>)>,
) -> Result<NextRoundRows, StoreError> {
    let corrupt = |column, why: String| StoreError::Corrupt {
        table: "chunk",
        column,
        why,
    };
    let number = |position: &u32| source.numbers.get(*position as usize).copied();
    let chosen: Option<Vec<UserNumber>> = next.positions.iter().map(number).collect();
    let chosen = chosen.ok_or_else(|| corrupt("numbers", "fewer than positions".into()))?;
    let (Some(first), Some(last)) = (chosen.first(), chosen.last()) else {
        return Err(corrupt("numbers", "a next round of nobody".into()));
    };
    let keys = source
        .recipients
        .keys
        .select(&next.positions)
        .map_err(|error| corrupt("keys", error.to_string()))?;
    let (content_hash, variables) = part(&keys, &next.positions)
        .ok_or_else(|| corrupt("message", "the next round's body cannot be made".into()))?;
    Ok(NextRoundRows {
        size: chosen.len() as u32,
        retry_rounds: next.retry_rounds,
        due_at: source.now + next.pause,
        content_hash,
        first_number: *first,
        last_number: *last,
        numbers: codec::pack_numbers(&chosen),
        keys,
        variables,
    })
}

/// The keys by which an event may later name an undecided recipient of this chunk.
fn undecided_keys(
    any: bool,
    outcomes: Option<&[Outcome]>,
    source: &ChangeSource<'_>,
) -> Vec<([u8; 16], u32)> {
    if !any {
        return Vec::new();
    }
    if source.size <= source.batch_max {
        return vec![(*source.push_key.as_bytes(), 0)];
    }
    let holds_undecided = |first: u32| {
        let last = (first + source.batch_max).min(source.size);
        outcomes.is_none_or(|outcomes| {
            let mut part = outcomes[first as usize..last as usize].iter();
            part.any(|outcome| outcome.is_undecided())
        })
    };
    (0..source.size)
        .step_by(source.batch_max as usize)
        .filter(|first| holds_undecided(*first))
        .map(|first| (*source.push_key.part(first).as_bytes(), first))
        .collect()
}
