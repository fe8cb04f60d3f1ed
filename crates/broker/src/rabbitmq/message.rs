//! What a message is made of: a version and a chunk id, 28 bytes.

use domain::chunk::ChunkId;

/// The first byte. Messages of another version are garbage to this one.
const VERSION: u8 = 1;
/// Version and chunk id.
const BYTES: usize = 1 + ChunkId::BYTES;
const _: () = assert!(
    BYTES >= 16 && BYTES <= 40,
    "a message is a reference, nothing more"
);

pub fn encode(chunk: ChunkId) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[0] = VERSION;
    bytes[1..].copy_from_slice(&chunk.to_bytes());
    bytes
}

/// `None` where it is not a message of ours, to the byte.
pub fn decode(bytes: &[u8]) -> Option<ChunkId> {
    let (version, chunk) = bytes.split_first()?;
    let chunk = ChunkId::from_bytes(chunk)?;
    (*version == VERSION).then_some(chunk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::CampaignId;
    use domain::time::LaunchMonth;

    fn chunk() -> ChunkId {
        ChunkId {
            month: LaunchMonth::from_number(682).unwrap(),
            campaign: CampaignId::from_bytes([9; 16]),
            number: 3 << 16 | 7,
            round: 2,
        }
    }

    #[test]
    fn a_message_is_what_it_was() {
        assert_eq!(decode(&encode(chunk())), Some(chunk()));
    }

    #[test]
    fn nothing_else_is_a_message() {
        let whole = encode(chunk());
        for length in 0..whole.len() {
            assert_eq!(decode(&whole[..length]), None, "{length} bytes");
        }
        assert_eq!(decode(&[whole.as_slice(), &[0]].concat()), None);
        for version in (0..=u8::MAX).filter(|version| *version != VERSION) {
            let mut other = whole;
            other[0] = version;
            assert_eq!(decode(&other), None, "version {version}");
        }
    }
}
