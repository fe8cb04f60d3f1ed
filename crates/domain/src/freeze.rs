//! Freezing: which ranges of user numbers a launch walks through, and how the recipients of one
//! range are cut into chunks that one decision fits as a whole.

use crate::user::UserNumber;

/// The first range is small, so that the first push leaves early.
pub const FIRST_RANGE_NUMBERS: u32 = 10_000;
/// Every further range: one commit each.
pub const RANGE_NUMBERS: u32 = 250_000;
/// Chunk number = range × this + index.
pub const CHUNKS_PER_RANGE: u64 = 65_536;
// Even chunks of a single recipient stay within their range's numbers for an unpaced campaign's
// size; a paced campaign's range is cut smaller by `range_numbers`.
const _: () = assert!((FIRST_RANGE_NUMBERS as u64) < CHUNKS_PER_RANGE);
/// How many single-recipient chunks a range may hold before numbers would run into the next one.
const RANGE_NUMBERS_SMALL_CHUNKS: u32 = 50_000;
const _: () = assert!((RANGE_NUMBERS_SMALL_CHUNKS as u64) < CHUNKS_PER_RANGE);
/// Chunks at least this large let a full range fit its numbers even if every group of night
/// consent and offset leaves a short last chunk.
const CHUNK_SIZE_FOR_FULL_RANGE: u32 = 10;
const _: () = assert!((RANGE_NUMBERS / CHUNK_SIZE_FOR_FULL_RANGE) as u64 * 2 < CHUNKS_PER_RANGE);

/// One range of user numbers, both ends included: what one freeze commit covers completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreezeRange {
    pub index: u32,
    pub first: UserNumber,
    pub last: UserNumber,
}

/// How a launch cuts the installation's user numbers, fixed by the highest number at the cut and
/// the chunk size: a resumed freeze computes the same ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreezePlan {
    highest: UserNumber,
    range_numbers: u32,
}

impl FreezePlan {
    pub fn of(highest: UserNumber, chunk_size: u32) -> Self {
        let range_numbers = match chunk_size {
            CHUNK_SIZE_FOR_FULL_RANGE.. => RANGE_NUMBERS,
            _ => RANGE_NUMBERS_SMALL_CHUNKS,
        };
        Self {
            highest,
            range_numbers,
        }
    }

    /// Range number `index`, or `None` past the last.
    pub fn range(&self, index: u32) -> Option<FreezeRange> {
        let (offset, length) = match index {
            0 => (0, u64::from(FIRST_RANGE_NUMBERS)),
            _ => {
                let full = u64::from(index - 1) * u64::from(self.range_numbers);
                (
                    u64::from(FIRST_RANGE_NUMBERS) + full,
                    u64::from(self.range_numbers),
                )
            }
        };
        let first = u64::from(UserNumber::FIRST.0) + offset;
        let last = (first + length - 1).min(u64::from(self.highest.0));
        let first = u32::try_from(first).ok()?;
        (first <= self.highest.0).then_some(FreezeRange {
            index,
            first: UserNumber(first),
            last: UserNumber(last as u32),
        })
    }

    pub fn ranges(&self) -> impl Iterator<Item = FreezeRange> + '_ {
        (0..).map_while(|index| self.range(index))
    }
}

/// What every recipient of one chunk has in common beside tariff and message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkGroup {
    pub night_consent: bool,
    pub utc_offset_minutes: i16,
}

/// The number of the `index`-th chunk of a range.
pub fn chunk_number(range: u32, index: u32) -> u64 {
    assert!(
        u64::from(index) < CHUNKS_PER_RANGE,
        "a range's chunks stay within its numbers"
    );
    u64::from(range) * CHUNKS_PER_RANGE + u64::from(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::CHUNK_SIZE_MAX;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_partition_the_numbers(highest in 0u32.., size in 1u32..=CHUNK_SIZE_MAX) {
            let plan = FreezePlan::of(UserNumber(highest), size);
            let mut next = UserNumber::FIRST.0;
            for (index, range) in plan.ranges().enumerate() {
                prop_assert_eq!(range.index as usize, index);
                prop_assert_eq!(range.first.0, next);
                prop_assert!(range.last.0 >= range.first.0 && range.last.0 <= highest);
                let Some(following) = range.last.0.checked_add(1) else { return Ok(()) };
                next = following;
            }
            prop_assert_eq!(next, highest + 1);
        }
    }
}
