//! The packed record: user numbers, outcomes and keys of a chunk as versioned blobs.
//!
//! A send's record is its place in its chunk, so these bytes are billing evidence and keep for
//! years: every blob begins with its version, and a golden test holds version 1.

use crate::outcome::Outcome;
use crate::rule::RuleId;
use crate::user::{UserKey, UserNumber};

const VERSION: u8 = 1;
/// All keys have the 16-byte form.
const KEYS_PACKED: u8 = 1;
/// Each key stands as its length and its text.
const KEYS_TEXT: u8 = 2;
const PACKED_KEY_BYTES: usize = 16;

/// A blob that is not what it should be: cut off, of another version, or not rising.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CorruptBlob {
    #[error("the blob is cut off")]
    CutOff,
    #[error("the blob has version {0}, known is {VERSION}")]
    UnknownVersion(u8),
    #[error("the blob holds a value that cannot be: {0}")]
    Impossible(&'static str),
}

/// Packs user numbers, which must rise: one byte each where they are dense.
pub fn pack_numbers(numbers: &[UserNumber]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(numbers.len() + 8);
    blob.push(VERSION);
    let mut next = 0u32;
    for number in numbers {
        debug_assert!(number.0 >= next, "user numbers of a chunk rise");
        push_varint(&mut blob, number.0.wrapping_sub(next));
        next = number.0.wrapping_add(1);
    }
    blob
}

pub fn unpack_numbers(blob: &[u8]) -> Result<Vec<UserNumber>, CorruptBlob> {
    let mut reader = Reader::open(blob)?;
    let mut numbers = Vec::with_capacity(blob.len());
    let mut next = 0u64;
    while !reader.is_empty() {
        let number = next + u64::from(reader.varint()?);
        let number = u32::try_from(number).map_err(|_| CorruptBlob::Impossible("a user number"))?;
        numbers.push(UserNumber(number));
        next = u64::from(number) + 1;
    }
    Ok(numbers)
}

/// Packs outcomes as runs: one code and one length each.
pub fn pack_outcomes(outcomes: &[Outcome]) -> Vec<u8> {
    let mut blob = vec![VERSION];
    for run in outcomes.chunk_by(|left, right| left == right) {
        blob.push(run[0].code());
        push_varint(&mut blob, run.len() as u32);
    }
    blob
}

/// `size` bounds what a corrupt run length could ask for.
pub fn unpack_outcomes(blob: &[u8], size: u32) -> Result<Vec<Outcome>, CorruptBlob> {
    let mut reader = Reader::open(blob)?;
    let mut outcomes = Vec::with_capacity(size as usize);
    while !reader.is_empty() {
        let outcome =
            Outcome::from_code(reader.byte()?).ok_or(CorruptBlob::Impossible("an outcome code"))?;
        let run = reader.varint()? as usize;
        if outcomes.len() + run > size as usize {
            return Err(CorruptBlob::Impossible("more outcomes than recipients"));
        }
        outcomes.resize(outcomes.len() + run, outcome);
    }
    match outcomes.len() == size as usize {
        true => Ok(outcomes),
        false => Err(CorruptBlob::Impossible("fewer outcomes than recipients")),
    }
}

/// The recipients' user keys as a chunk keeps them beside itself until its partition goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedKeys(Vec<u8>);

impl PackedKeys {
    pub fn of(keys: &[UserKey]) -> Self {
        let packed: Option<Vec<[u8; PACKED_KEY_BYTES]>> =
            keys.iter().map(UserKey::packed).collect();
        match packed {
            Some(packed) => Self::of_packed(packed.as_flattened()),
            None => {
                let mut blob = vec![VERSION, KEYS_TEXT];
                for key in keys {
                    blob.push(key.as_str().len() as u8);
                    blob.extend_from_slice(key.as_str().as_bytes());
                }
                Self(blob)
            }
        }
    }

    /// Keys that already stand in the 16-byte form, one after the other.
    pub fn of_packed(bytes: &[u8]) -> Self {
        debug_assert!(bytes.len().is_multiple_of(PACKED_KEY_BYTES));
        let mut blob = Vec::with_capacity(bytes.len() + 2);
        blob.extend_from_slice(&[VERSION, KEYS_PACKED]);
        blob.extend_from_slice(bytes);
        Self(blob)
    }

    pub fn from_blob(blob: Vec<u8>) -> Self {
        Self(blob)
    }

    pub fn as_blob(&self) -> &[u8] {
        &self.0
    }

    /// Calls `each` with every key's text in order, without a string per key.
    pub fn for_each(&self, mut each: impl FnMut(&str)) -> Result<(), CorruptBlob> {
        let mut reader = Reader::open(&self.0)?;
        match reader.byte()? {
            KEYS_PACKED => {
                let mut text = [0u8; 1 + 2 * PACKED_KEY_BYTES];
                text[0] = b'U';
                let (keys, rest) = reader.0.as_chunks::<PACKED_KEY_BYTES>();
                for key in keys {
                    hex::encode_to_slice(key, &mut text[1..])
                        .map_err(|_| CorruptBlob::Impossible("a key"))?;
                    each(std::str::from_utf8(&text).map_err(|_| CorruptBlob::CutOff)?);
                }
                if rest.is_empty() {
                    Ok(())
                } else {
                    Err(CorruptBlob::CutOff)
                }
            }
            KEYS_TEXT => {
                while !reader.is_empty() {
                    let length = usize::from(reader.byte()?);
                    let key = std::str::from_utf8(reader.take(length)?)
                        .map_err(|_| CorruptBlob::Impossible("a key's text"))?;
                    each(key);
                }
                Ok(())
            }
            _ => Err(CorruptBlob::Impossible("a form of keys")),
        }
    }

    /// Calls `each` with every key in order in its shortest form: 16 packed bytes, or the text.
    pub fn for_each_in_bytes(&self, mut each: impl FnMut(&[u8])) -> Result<(), CorruptBlob> {
        if let [VERSION, KEYS_PACKED, keys @ ..] = self.0.as_slice() {
            let (keys, rest) = keys.as_chunks::<PACKED_KEY_BYTES>();
            keys.iter().for_each(|key| each(key));
            return match rest {
                [] => Ok(()),
                _ => Err(CorruptBlob::CutOff),
            };
        }
        for key in self.to_keys()? {
            match key.packed() {
                Some(packed) => each(&packed),
                None => each(key.as_str().as_bytes()),
            }
        }
        Ok(())
    }

    pub fn to_keys(&self) -> Result<Vec<UserKey>, CorruptBlob> {
        let mut keys = Vec::new();
        let mut all_fit = true;
        self.for_each(|text| match UserKey::parse(text) {
            Ok(key) => keys.push(key),
            Err(_) => all_fit = false,
        })?;
        if all_fit {
            Ok(keys)
        } else {
            Err(CorruptBlob::Impossible("a key"))
        }
    }

    /// The keys at `positions`, which rise: the next round's recipients.
    pub fn select(&self, positions: &[u32]) -> Result<PackedKeys, CorruptBlob> {
        let keys = self.to_keys()?;
        let chosen: Option<Vec<UserKey>> = positions
            .iter()
            .map(|position| keys.get(*position as usize).cloned())
            .collect();
        let chosen = chosen.ok_or(CorruptBlob::Impossible("a position"))?;
        Ok(Self::of(&chosen))
    }
}

/// Whom the gate excluded, with the rule: what an attempt row holds.
pub fn pack_exclusions(exclusions: &[(u32, RuleId)]) -> Vec<u8> {
    let mut blob = vec![VERSION];
    for (position, rule) in exclusions {
        push_varint(&mut blob, *position);
        blob.push(rule.code());
    }
    blob
}

pub fn unpack_exclusions(blob: &[u8]) -> Result<Vec<(u32, RuleId)>, CorruptBlob> {
    let mut reader = Reader::open(blob)?;
    let mut exclusions = Vec::new();
    while !reader.is_empty() {
        let position = reader.varint()?;
        let rule = RuleId::from_code(reader.byte()?).ok_or(CorruptBlob::Impossible("a rule id"))?;
        exclusions.push((position, rule));
    }
    Ok(exclusions)
}

pub(crate) fn push_varint(blob: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        blob.push(value as u8 | 0x80);
        value >>= 7;
    }
    blob.push(value as u8);
}

/// Reads a blob from behind its version.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn open(blob: &'a [u8]) -> Result<Self, CorruptBlob> {
        match blob.split_first() {
            Some((&VERSION, rest)) => Ok(Self(rest)),
            Some((&version, _)) => Err(CorruptBlob::UnknownVersion(version)),
            None => Err(CorruptBlob::CutOff),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, CorruptBlob> {
        let (&byte, rest) = self.0.split_first().ok_or(CorruptBlob::CutOff)?;
        self.0 = rest;
        Ok(byte)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], CorruptBlob> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(CorruptBlob::CutOff)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn varint(&mut self) -> Result<u32, CorruptBlob> {
        let mut value = 0u64;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(value).map_err(|_| CorruptBlob::Impossible("a number"));
            }
        }
        Err(CorruptBlob::Impossible("a number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_outcome() -> impl Strategy<Value = Outcome> {
        let known: Vec<Outcome> = (0..=u8::MAX).filter_map(Outcome::from_code).collect();
        proptest::sample::select(known)
    }

    #[test]
    fn version_one_keeps_its_bytes() {
        let numbers = [1, 2, 3, 300, 70_000].map(UserNumber);
        assert_eq!(hex::encode(pack_numbers(&numbers)), "01010000a802c3a004");
        let outcomes = [Outcome::Accepted, Outcome::Accepted, Outcome::Uncertain];
        assert_eq!(hex::encode(pack_outcomes(&outcomes)), "0101020301");
        let keys = [UserKey::parse("kim").unwrap()];
        assert_eq!(hex::encode(PackedKeys::of(&keys).as_blob()), "0102036b696d");
        let keys = [UserKey::from_packed([0xab; 16])];
        let expected = format!("0101{}", "ab".repeat(16));
        assert_eq!(hex::encode(PackedKeys::of(&keys).as_blob()), expected);
    }

    proptest! {
        #[test]
        fn numbers_round_trip(numbers in proptest::collection::btree_set(any::<u32>(), 0..1_000)) {
            let numbers: Vec<UserNumber> = numbers.into_iter().map(UserNumber).collect();
            prop_assert_eq!(unpack_numbers(&pack_numbers(&numbers)).unwrap(), numbers);
        }

        #[test]
        fn outcomes_round_trip(outcomes in proptest::collection::vec(any_outcome(), 0..1_000)) {
            let blob = pack_outcomes(&outcomes);
            prop_assert_eq!(unpack_outcomes(&blob, outcomes.len() as u32).unwrap(), outcomes);
        }

        #[test]
        fn keys_round_trip(keys in proptest::collection::vec("U[0-9a-f]{32}|[!-~]{1,64}", 0..60)) {
            let keys: Vec<UserKey> = keys.iter().map(|k| UserKey::parse(k).unwrap()).collect();
            prop_assert_eq!(PackedKeys::of(&keys).to_keys().unwrap(), keys);
        }

        #[test]
        fn corrupt_blobs_are_errors_not_panics(blob: Vec<u8>) {
            let _ = unpack_numbers(&blob);
            let _ = unpack_outcomes(&blob, 1_000);
            let _ = unpack_exclusions(&blob);
            let _ = PackedKeys::from_blob(blob).to_keys();
        }
    }
}
