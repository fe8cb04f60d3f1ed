//! Reading whom a freeze may take: the server packs the friends of a range into one blob.
//!
//! Measured on a million friends, processor time of the server's process: COPY BINARY of four
//! columns 310 ms and a message per friend to take apart here, of two columns 270 ms; one blob
//! 260 ms and next to nothing here. All of them read the covering index of `reach` alone.

use domain::freeze::{ChunkGroup, FreezeRange};
use domain::friend::ReachFlags;
use domain::user::{UserKey, UserNumber};
use futures_util::future::try_join_all;

use super::super::reach::{needed_flags, reach_source};
use super::super::{ReachKeys, ReachQuery, ReachRead, ReachRow};
use crate::row::{self, values};
use crate::{Store, StoreError};

/// A friend in one integer: length of its key, number, offset and flags.
const KEY_LENGTH_SHIFT: u32 = 52;
const NUMBER_SHIFT: u32 = 20;
const OFFSET_SHIFT: u32 = 8;
/// Offsets are ±18 hours in minutes.
const OFFSET_BIAS: i64 = 2_048;
const PACKED_KEY_BYTES: usize = 16;
/// User numbers from which on a read is worth a connection of its own.
const PART_NUMBERS_MIN: u32 = 25_000;
/// Parts of a range that are read side by side.
const PARTS_MAX: u32 = 4;

/// Reads the friends of a range, its parts side by side.
pub(super) async fn read_range(
    store: &Store,
    query: &ReachQuery,
    range: FreezeRange,
) -> Result<ReachRead, StoreError> {
    let parts = parts(range).into_iter();
    let blobs = try_join_all(parts.map(|(first, last)| read_part(store, query, first, last)));
    let mut friends = Friends::default();
    let needed = needed_flags(query);
    for blob in blobs.await? {
        friends.take(&blob, needed)?;
    }
    friends.read()
}

/// First and last number of each part.
fn parts(range: FreezeRange) -> Vec<(u32, u32)> {
    let numbers = range.last.0 - range.first.0;
    let count = (numbers / PART_NUMBERS_MIN).clamp(1, PARTS_MAX);
    let step = numbers / count + 1;
    let firsts = (range.first.0..=range.last.0).step_by(step as usize);
    firsts
        .map(|first| (first, first.saturating_add(step - 1).min(range.last.0)))
        .collect()
}

async fn read_part(
    store: &Store,
    query: &ReachQuery,
    first: u32,
    last: u32,
) -> Result<Vec<u8>, StoreError> {
    let (source, bound) = reach_source(query, 3);
    let sql = format!(
        "SELECT string_agg(int8send((octet_length(o.user_key)::bigint << {KEY_LENGTH_SHIFT})
                  | (o.number << {NUMBER_SHIFT})
                  | ((o.utc_offset_minutes + {OFFSET_BIAS}) << {OFFSET_SHIFT})
                  | o.flags) || o.user_key, '') AS friends
         FROM (SELECT r.number, r.flags, r.utc_offset_minutes, r.user_key
               {source} AND r.number BETWEEN $1 AND $2 ORDER BY r.number) AS o"
    );
    let bound = values![first, last].into_iter().chain(bound);
    let row = row::one(store.reader(), "reach", &sql, bound).await?;
    let row = row.ok_or_else(|| StoreError::NotFound("friends of a range".into()))?;
    Ok(row.get::<Option<Vec<u8>>>("friends")?.unwrap_or_default())
}

/// What the blobs held so far.
#[derive(Default)]
struct Friends {
    rows: Vec<ReachRow>,
    keys: Vec<u8>,
    /// Of each key; looked at where they are not all of the 16-byte form.
    key_lengths: Vec<u8>,
    is_mixed: bool,
}

impl Friends {
    fn take(&mut self, mut blob: &[u8], needed: i64) -> Result<(), StoreError> {
        let friends = blob.len() / (size_of::<i64>() + PACKED_KEY_BYTES);
        self.rows.reserve(friends);
        self.keys.reserve(friends * PACKED_KEY_BYTES);
        self.key_lengths.reserve(friends);
        while let Some((fact, rest)) = blob.split_first_chunk() {
            let fact = i64::from_be_bytes(*fact);
            let length = (fact >> KEY_LENGTH_SHIFT) as usize;
            let key = rest.get(..length).ok_or_else(|| corrupt("cut off"))?;
            blob = &rest[length..];
            let number = UserNumber((fact >> NUMBER_SHIFT) as u32);
            let is_behind = self.rows.last().is_some_and(|last| last.number >= number);
            if is_behind {
                return Err(corrupt("not in the order of numbers"));
            }
            let offset = (fact >> OFFSET_SHIFT & 0xfff) - OFFSET_BIAS;
            self.rows.push(ReachRow {
                number,
                has_consent: fact & needed == needed,
                group: ChunkGroup {
                    night_consent: fact & i64::from(ReachFlags::NIGHT) != 0,
                    utc_offset_minutes: offset as i16,
                },
            });
            self.keys.extend_from_slice(key);
            self.key_lengths.push(length as u8);
            self.is_mixed |= length != PACKED_KEY_BYTES;
        }
        match blob.is_empty() {
            true => Ok(()),
            false => Err(corrupt("cut off")),
        }
    }

    fn read(self) -> Result<ReachRead, StoreError> {
        if !self.is_mixed {
            return Ok(ReachRead {
                rows: self.rows,
                keys: ReachKeys::Packed(self.keys),
            });
        }
        let mut rest = &self.keys[..];
        let mut keys = Vec::with_capacity(self.rows.len());
        for length in &self.key_lengths {
            let (key, behind) = rest.split_at(usize::from(*length));
            rest = behind;
            keys.push(UserKey::from_reach_bytes(key).ok_or_else(|| corrupt("not a key"))?);
        }
        Ok(ReachRead {
            rows: self.rows,
            keys: ReachKeys::Mixed(keys),
        })
    }
}

fn corrupt(why: &str) -> StoreError {
    StoreError::Corrupt {
        table: "reach",
        column: "user_key",
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u32, last: u32) -> FreezeRange {
        FreezeRange {
            index: 0,
            first: UserNumber(first),
            last: UserNumber(last),
        }
    }

    #[test]
    fn parts_cover_their_range_once() {
        for (first, last) in [
            (1, 1),
            (1, 10_000),
            (10_001, 260_000),
            (u32::MAX - 70_000, u32::MAX),
        ] {
            let parts = parts(range(first, last));
            assert_eq!(parts.first().unwrap().0, first);
            assert_eq!(parts.last().unwrap().1, last);
            assert!(
                parts.windows(2).all(|two| two[0].1 + 1 == two[1].0),
                "{parts:?}"
            );
        }
        assert_eq!(parts(range(1, 10_000)).len(), 1);
        assert_eq!(parts(range(10_001, 260_000)).len(), PARTS_MAX as usize);
    }

    fn friend(number: i64, offset: i64, flags: i64, key: &[u8]) -> Vec<u8> {
        let fact = (key.len() as i64) << KEY_LENGTH_SHIFT
            | number << NUMBER_SHIFT
            | (offset + OFFSET_BIAS) << OFFSET_SHIFT
            | flags;
        [&fact.to_be_bytes(), key].concat()
    }

    #[test]
    fn a_blob_says_what_was_packed_into_it() {
        let flags = i64::from(ReachFlags::ACTIVE | ReachFlags::NIGHT);
        let text = UserKey::parse("somebody").unwrap();
        let blob = [
            friend(7, -1_080, 1, &[0xab; 16]),
            friend(i64::from(u32::MAX), 1_080, flags, &text.to_reach_bytes()),
        ];
        let mut friends = Friends::default();
        friends.take(&blob.concat(), 3).unwrap();
        let read = friends.read().unwrap();
        let [first, last] = read.rows[..] else {
            panic!("two friends were packed");
        };
        assert_eq!(
            (first.number.0, first.group.utc_offset_minutes),
            (7, -1_080)
        );
        assert_eq!(
            (last.number.0, last.group.utc_offset_minutes),
            (u32::MAX, 1_080)
        );
        assert_eq!(
            (first.group.night_consent, last.group.night_consent),
            (false, true)
        );
        assert!(!first.has_consent && !last.has_consent);
        let ReachKeys::Mixed(keys) = read.keys else {
            panic!("a key of another form makes all mixed");
        };
        assert_eq!(keys, [UserKey::from_packed([0xab; 16]), text]);
    }

    #[test]
    fn a_broken_blob_is_refused() {
        let good = [friend(7, 0, 1, &[1; 16]), friend(8, 0, 1, &[2; 16])].concat();
        for cut in 1..good.len() {
            if cut != good.len() / 2 {
                assert!(Friends::default().take(&good[..cut], 1).is_err(), "{cut}");
            }
        }
        let doubled = [friend(7, 0, 1, &[1; 16]), friend(7, 0, 1, &[2; 16])].concat();
        assert!(Friends::default().take(&doubled, 1).is_err());
    }
}
