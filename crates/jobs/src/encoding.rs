//! The encoding of a file: UTF-8, or what spreadsheet programs of Korea and Japan write instead.

use encoding_rs::{EUC_KR, Encoding, SHIFT_JIS};

/// Watches bytes go by and says whether they are UTF-8. A broken row among thousands does not make
/// a file another one: that row alone is refused.
#[derive(Debug, Default)]
pub struct Utf8Watch {
    /// The beginning of a character whose end has not come yet.
    rest: Vec<u8>,
    /// Characters of more than one byte.
    wide: u64,
    /// Places that are no character.
    broken: u64,
}

/// So many wide characters for every broken place make a file UTF-8.
const WIDE_PER_BROKEN: u64 = 10;

impl Utf8Watch {
    pub fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            let text = &self.rest[at..];
            let (good, error) = match std::str::from_utf8(text) {
                Ok(text) => (text.len(), None),
                Err(error) => (error.valid_up_to(), error.error_len()),
            };
            let begins = |byte: &&u8| **byte >= 0xc0;
            self.wide += text[..good].iter().filter(begins).count() as u64;
            at += good;
            match error {
                Some(length) => {
                    self.broken += 1;
                    at += length;
                }
                None => break,
            }
        }
        self.rest.drain(..at);
    }

    pub fn is_utf8(&self) -> bool {
        let broken = self.broken + u64::from(!self.rest.is_empty());
        broken * WIDE_PER_BROKEN <= self.wide
    }
}

/// What bytes that are no UTF-8 are: by which characters are frequent in Korean and in Japanese.
/// `None` where they look like neither.
pub fn legacy(sample: &[u8]) -> Option<(&'static Encoding, &'static str)> {
    let (mut korean, mut japanese) = (0_u32, 0_u32);
    let mut at = 0;
    while at + 1 < sample.len() {
        let (lead, trail) = (sample[at], sample[at + 1]);
        if lead < 0x80 {
            at += 1;
            continue;
        }
        match (lead, trail) {
            // The 2,350 syllables of everyday Korean.
            (0xb0..=0xc8, 0xa1..=0xfe) => korean += 1,
            // Kana, and the first rows of kanji.
            (0x82..=0x83, 0x40..=0xf1) | (0x88..=0x9f, 0x40..=0xfc) => japanese += 1,
            _ => {}
        }
        at += 2;
    }
    match (korean, japanese) {
        (0, 0) => None,
        (korean, japanese) if korean >= japanese => Some((EUC_KR, "CP949")),
        _ => Some((SHIFT_JIS, "Shift_JIS")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_is_known_wherever_it_is_cut() {
        let text = "이름,名前,name 👋".as_bytes();
        for size in 1..text.len() {
            let mut watch = Utf8Watch::default();
            text.chunks(size).for_each(|piece| watch.take(piece));
            assert!(watch.is_utf8(), "{size}");
            watch.take(b"\xed");
            assert!(!watch.is_utf8());
            // A broken place is a small thing in a large file.
            text.repeat(20)
                .chunks(size)
                .for_each(|piece| watch.take(piece));
            assert!(watch.is_utf8());
        }
    }

    #[test]
    fn korean_and_japanese_are_told_apart() {
        let cases = [
            ("사용자키,이름\nkim,김하늘\n", "CP949", EUC_KR),
            ("ユーザーキー,名前\nkim,佐藤 美咲\n", "Shift_JIS", SHIFT_JIS),
        ];
        for (text, name, encoding) in cases {
            let (bytes, ..) = encoding.encode(text);
            let found = legacy(&bytes).unwrap();
            assert_eq!(found.1, name);
            assert_eq!(found.0.decode_without_bom_handling(&bytes).0, text);
        }
        assert!(legacy(b"\xff\xff\xff\xff").is_none());
    }
}
