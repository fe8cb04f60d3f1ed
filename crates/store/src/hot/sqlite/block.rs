//! Reading whom a freeze may take: SQLite concatenates a block of friends into one row.

use domain::freeze::{ChunkGroup, FreezeRange};
use domain::friend::ReachFlags;
use domain::user::{UserKey, UserNumber};

use super::super::reach::{needed_flags, reach_source};
use super::super::{ReachKeys, ReachQuery, ReachRead, ReachRow};
use crate::row::{self, values};
use crate::{Store, StoreError};

/// User numbers whose friends one row of the freeze read holds.
pub(super) const BLOCK_NUMBERS: u32 = 5_000;
/// A friend in one integer: number, offset and flags. Offsets are ±18 hours in minutes.
const OFFSET_BIAS: i64 = 2_048;
const PACKED_KEY_BYTES: usize = 16;

/// Reads the friends of `first..=last`; false where a key is not of the 16-byte form.
pub(super) async fn read_block(
    store: &Store,
    query: &ReachQuery,
    first: u32,
    last: u32,
    rows: &mut Vec<ReachRow>,
    packed: &mut Vec<u8>,
) -> Result<bool, StoreError> {
    let (source, bound) = reach_source(query, 3);
    // SQLite's bit operators all bind alike, from the left: every shift has its parentheses.
    let sql = format!(
        "SELECT COUNT(*) AS friends,
                COALESCE(SUM(length(r.user_key) = {PACKED_KEY_BYTES}), 0) AS packed,
                COALESCE(group_concat((r.number << 20)
                                      | ((r.utc_offset_minutes + {OFFSET_BIAS}) << 8)
                                      | r.flags), '') AS facts,
                CAST(COALESCE(group_concat(r.user_key, ''), '') AS BLOB) AS keys
         {source} AND r.number BETWEEN $1 AND $2"
    );
    let bound = values![first, last].into_iter().chain(bound);
    let row = row::one(store.reader(), "reach", &sql, bound).await?;
    let row = row.ok_or_else(|| StoreError::NotFound("block of friends".into()))?;
    let friends: usize = row.int("friends")?;
    if row.int::<usize>("packed")? != friends {
        return Ok(false);
    }
    let facts: String = row.get("facts")?;
    let start = rows.len();
    let needed = needed_flags(query);
    for fact in facts.split(',').filter(|fact| !fact.is_empty()) {
        let fact: i64 = fact.parse().map_err(|_| row.corrupt("number", fact))?;
        rows.push(reach_row(
            fact >> 20,
            (fact >> 8 & 0xfff) - OFFSET_BIAS,
            fact & 0xff,
            needed,
        ));
    }
    let keys: Vec<u8> = row.get("keys")?;
    let block = &rows[start..];
    let rising = block.windows(2).all(|pair| pair[0].number < pair[1].number);
    if block.len() != friends || keys.len() != friends * PACKED_KEY_BYTES || !rising {
        return Err(row.corrupt("user_key", "a block that does not add up"));
    }
    packed.extend_from_slice(&keys);
    Ok(true)
}

/// Row by row: for messengers whose keys have another form.
pub(super) async fn read_mixed(
    store: &Store,
    query: &ReachQuery,
    range: FreezeRange,
) -> Result<ReachRead, StoreError> {
    let (source, bound) = reach_source(query, 3);
    let sql = format!(
        "SELECT r.number AS number, r.flags AS flags, r.utc_offset_minutes AS utc_offset_minutes,
                r.user_key AS user_key
         {source} AND r.number BETWEEN $1 AND $2 ORDER BY r.number"
    );
    let bound = values![range.first.0, range.last.0]
        .into_iter()
        .chain(bound);
    let found = row::all(store.reader(), "reach", &sql, bound).await?;
    let needed = needed_flags(query);
    let mut rows = Vec::with_capacity(found.len());
    let mut keys = Vec::with_capacity(found.len());
    for row in &found {
        let offset = row.get("utc_offset_minutes")?;
        rows.push(reach_row(
            row.get("number")?,
            offset,
            row.get("flags")?,
            needed,
        ));
        let bytes: Vec<u8> = row.get("user_key")?;
        let key = UserKey::from_reach_bytes(&bytes);
        keys.push(key.ok_or_else(|| row.corrupt("user_key", "not a key"))?);
    }
    Ok(ReachRead {
        rows,
        keys: ReachKeys::Mixed(keys),
    })
}

fn reach_row(number: i64, offset: i64, flags: i64, needed: i64) -> ReachRow {
    ReachRow {
        number: UserNumber(number as u32),
        has_consent: flags & needed == needed,
        group: ChunkGroup {
            night_consent: flags & i64::from(ReachFlags::NIGHT) != 0,
            utc_offset_minutes: offset as i16,
        },
    }
}
