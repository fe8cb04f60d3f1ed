//! Two bytes of a user key: enough to leave most pushes alone when somebody is looked for.
//!
//! A thousand recipients are two kilobytes of traces. Some 3 % of pushes hold somebody's trace by
//! chance; these are looked into and found to be others'. The bytes are on disk: they never change.

use domain::codec::{CorruptBlob, PackedKeys};
use domain::user::UserKey;

/// Bytes of one trace.
const TRACE_BYTES: usize = 2;

/// The traces of a push's recipients, in their order.
pub(super) fn traces(recipients: &PackedKeys) -> Result<Vec<u8>, CorruptBlob> {
    let mut traces = Vec::new();
    recipients.for_each_in_bytes(|key| traces.extend_from_slice(&trace(key)))?;
    Ok(traces)
}

/// What a push to this person holds.
pub(super) fn trace_of(user: &UserKey) -> [u8; TRACE_BYTES] {
    match user.packed() {
        Some(packed) => trace(&packed),
        None => trace(user.as_str().as_bytes()),
    }
}

fn trace(key: &[u8]) -> [u8; TRACE_BYTES] {
    let mut mixed = key.len() as u64;
    for part in key.chunks(8) {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        mixed = mix(mixed ^ u64::from_le_bytes(word));
    }
    [(mixed >> 8) as u8, mixed as u8]
}

/// The last step of SplitMix64: every bit of the number changes half of the others.
const fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_of_a_push_is_in_its_traces() {
        let packed: Vec<UserKey> = (0..100).map(|i| UserKey::from_packed([i; 16])).collect();
        let mixed = [vec![UserKey::parse("kim").unwrap()], packed.clone()].concat();
        for keys in [packed, mixed] {
            let traces = traces(&PackedKeys::of(&keys)).unwrap();
            let expected: Vec<u8> = keys.iter().flat_map(trace_of).collect();
            assert_eq!(traces, expected);
        }
    }

    #[test]
    fn traces_on_disk_stay_what_they_are() {
        assert_eq!(trace_of(&UserKey::from_packed([0xab; 16])), [56, 221]);
        assert_eq!(trace_of(&UserKey::parse("kim").unwrap()), [120, 70]);
    }

    #[test]
    fn keys_that_follow_each_other_have_traces_that_do_not() {
        let key = |number: u64| {
            let mut bytes = [0; 16];
            bytes[8..].copy_from_slice(&number.to_be_bytes());
            UserKey::from_packed(bytes)
        };
        let mut all: Vec<[u8; TRACE_BYTES]> = (0..1_000).map(|n| trace_of(&key(n))).collect();
        all.sort_unstable();
        all.dedup();
        // Of a thousand that were drawn, some eight fall together.
        assert!(all.len() > 960, "{}", all.len());
    }
}
