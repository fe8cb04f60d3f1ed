//! A range's chunks, written by COPY.

use domain::chunk::ChunkState;
use domain::codec;
use domain::user::UserNumber;

use super::super::{FreezeCommit, FrozenChunk};
use super::copy::CopyRows;
use crate::{StoreError, Write};

const CHUNK_COLUMNS: &str = "chunk (month, campaign, number, round, state, size, tariff, message,
    content_hash, night_consent, utc_offset_minutes, first_number, last_number, due_at, numbers)";
const CHUNK_FIELDS: i16 = 15;
/// A chunk's row but for its numbers, at most.
const CHUNK_BYTES: usize = 256;
const RECIPIENTS_COLUMNS: &str =
    "chunk_recipients (month, campaign, number, round, keys, variables)";
const RECIPIENTS_FIELDS: i16 = 6;
const RECIPIENTS_BYTES: usize = 96;
/// An element of an array: its length and its value.
const ELEMENT_BYTES: usize = 8;

pub(super) async fn copy_chunks(
    write: &mut Write,
    commit: &FreezeCommit,
) -> Result<(), StoreError> {
    if commit.chunks.is_empty() {
        return Ok(());
    }
    let rows = chunk_rows(commit)?;
    let chunks = rows.write(write.postgres()?, CHUNK_COLUMNS).await?;
    let rows = recipient_rows(commit);
    let recipients = rows.write(write.postgres()?, RECIPIENTS_COLUMNS).await?;
    // A pair of assertions with the count against what was granted.
    let expected = commit.chunks.len() as u64;
    assert_eq!(
        (chunks, recipients),
        (expected, expected),
        "every chunk was copied"
    );
    Ok(())
}

fn chunk_rows(commit: &FreezeCommit) -> Result<CopyRows, StoreError> {
    let message = commit.launch.message_hash.ok_or_else(|| {
        StoreError::Invariant(format!("{} is frozen without a message", commit.campaign))
    })?;
    let numbers = ELEMENT_BYTES * commit.frozen as usize;
    let mut rows = CopyRows::with_capacity(commit.chunks.len() * CHUNK_BYTES + numbers);
    for chunk in &commit.chunks {
        rows.row(CHUNK_FIELDS);
        address(&mut rows, commit, chunk);
        rows.integer(i64::from(ChunkState::Ready.code()));
        rows.integer(i64::from(chunk.size));
        rows.integer(i64::from(commit.launch.tariff));
        rows.bytes(&message);
        rows.bytes(&chunk.content_hash);
        rows.integer(i64::from(chunk.group.night_consent));
        rows.integer(i64::from(chunk.group.utc_offset_minutes));
        rows.integer(i64::from(chunk.first_number.0));
        rows.integer(i64::from(chunk.last_number.0));
        rows.integer(commit.now.as_millis());
        rows.integers(&array(&chunk.numbers)?);
    }
    Ok(rows)
}

fn recipient_rows(commit: &FreezeCommit) -> CopyRows {
    let fields = commit.chunks.iter().map(|chunk| {
        let variables = chunk.variables.as_ref().map_or(0, String::len);
        chunk.keys.as_blob().len() + variables
    });
    let fields: usize = fields.sum();
    let mut rows = CopyRows::with_capacity(commit.chunks.len() * RECIPIENTS_BYTES + fields);
    for chunk in &commit.chunks {
        rows.row(RECIPIENTS_FIELDS);
        address(&mut rows, commit, chunk);
        rows.bytes(chunk.keys.as_blob());
        match &chunk.variables {
            Some(variables) => rows.bytes(variables.as_bytes()),
            None => rows.null(),
        }
    }
    rows
}

fn address(rows: &mut CopyRows, commit: &FreezeCommit, chunk: &FrozenChunk) {
    rows.integer(i64::from(commit.launch.month.number()));
    rows.bytes(commit.campaign.as_bytes());
    rows.integer(chunk.number.min(i64::MAX as u64) as i64);
    rows.integer(0);
}

/// Packed numbers as an array keeps them.
pub(super) fn array(packed: &[u8]) -> Result<Vec<i32>, StoreError> {
    let refused =
        |why: &dyn std::fmt::Display| StoreError::Invariant(format!("numbers of a chunk: {why}"));
    let numbers = codec::unpack_numbers(packed).map_err(|error| refused(&error))?;
    let element = |number: &UserNumber| i32::try_from(number.0).map_err(|error| refused(&error));
    numbers.iter().map(element).collect()
}
