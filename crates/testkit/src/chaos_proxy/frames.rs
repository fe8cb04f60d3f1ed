//! PostgreSQL's messages, found in the stream: as much of protocol 3 as it takes to see a commit.
//!
//! A stream that is no PostgreSQL is passed through as it is: what does not fit the protocol ends
//! the looking, never the passing.

/// Messages longer than this are passed on in pieces and not looked at.
const LOOKED_AT_MAX: usize = 64;
/// More than any server takes for a message: this is some other protocol.
const LENGTH_MAX: usize = 0x4000_0000;
/// The length and the code of a request for TLS or for GSS encryption: answered by one byte.
const REQUESTS: [[u8; 8]; 2] = [
    [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f],
    [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30],
];

/// The byte: encrypted it is, or it is not.
const ANSWERS: [u8; 2] = [b'S', b'N'];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// What a message says, where it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    /// The client asks for a commit.
    Commit,
    /// The server says that it has committed.
    Committed,
}

/// Where the stream stands.
pub(super) struct Frames {
    side: Side,
    /// The client's first messages have no type.
    is_typed: bool,
    is_foreign: bool,
    /// The server's first message has come: until then a byte may stand alone.
    has_begun: bool,
    /// The beginning of a message, until it can be judged.
    held: Vec<u8>,
    /// Bytes of the present message that only pass.
    to_pass: usize,
}

impl Frames {
    pub fn of(side: Side) -> Self {
        Self {
            side,
            is_typed: side == Side::Server,
            is_foreign: false,
            has_begun: side == Side::Client,
            held: Vec::new(),
            to_pass: 0,
        }
    }

    /// The bytes in pieces that end where messages of interest begin and end. Bytes of a message
    /// that cannot be judged yet are held back until the rest has come.
    pub fn split(&mut self, bytes: &[u8]) -> Vec<(Vec<u8>, Option<Frame>)> {
        let mut pieces = Vec::new();
        let mut passing = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.is_foreign {
                passing.append(&mut self.held);
                passing.extend_from_slice(rest);
                break;
            }
            if self.to_pass > 0 {
                let now = self.to_pass.min(rest.len());
                passing.extend_from_slice(&rest[..now]);
                self.to_pass -= now;
                rest = &rest[now..];
                continue;
            }
            let (first, behind) = (rest[0], &rest[1..]);
            rest = behind;
            if !self.has_begun && ANSWERS.contains(&first) {
                passing.push(first);
                continue;
            }
            self.has_begun = true;
            self.held.push(first);
            let Some(length) = self.length() else {
                continue;
            };
            if !(4..LENGTH_MAX).contains(&length) {
                self.is_foreign = true;
                continue;
            }
            let whole = length + usize::from(self.is_typed);
            if whole > LOOKED_AT_MAX {
                self.to_pass = whole - self.held.len();
                passing.append(&mut self.held);
                self.is_typed = true;
                continue;
            }
            if self.held.len() < whole {
                continue;
            }
            let message = std::mem::take(&mut self.held);
            match self.judge(&message) {
                None => passing.extend(message),
                Some(frame) => {
                    if !passing.is_empty() {
                        pieces.push((std::mem::take(&mut passing), None));
                    }
                    pieces.push((message, Some(frame)));
                }
            }
        }
        // Held back by a stream that turned out to be foreign at its last byte.
        if self.is_foreign {
            passing.append(&mut self.held);
        }
        if !passing.is_empty() {
            pieces.push((passing, None));
        }
        pieces
    }

    /// The length that the message at hand says it has, without its type, once it is known.
    fn length(&self) -> Option<usize> {
        let start = usize::from(self.is_typed);
        let bytes: [u8; 4] = self.held.get(start..start + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes) as usize)
    }

    fn judge(&mut self, message: &[u8]) -> Option<Frame> {
        if !self.is_typed {
            let asks_first = REQUESTS.iter().any(|request| message == request);
            self.is_typed = !asks_first;
            return None;
        }
        let (kind, text) = (message[0], message.get(5..)?);
        let text = text.strip_suffix(b"\0").unwrap_or(text).trim_ascii();
        match (self.side, kind) {
            (Side::Client, b'Q') if text.eq_ignore_ascii_case(b"COMMIT") => Some(Frame::Commit),
            (Side::Server, b'C') if text == b"COMMIT" => Some(Frame::Committed),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, text: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind];
        bytes.extend((text.len() as u32 + 4).to_be_bytes());
        bytes.extend(text);
        bytes
    }

    fn startup() -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 12, 0, 3, 0, 0];
        bytes.extend(b"a\0\0\0");
        bytes
    }

    fn passed(frames: &mut Frames, bytes: &[u8], step: usize) -> (Vec<u8>, Vec<Frame>) {
        let pieces: Vec<_> = bytes
            .chunks(step)
            .flat_map(|chunk| frames.split(chunk))
            .collect();
        let found = pieces.iter().filter_map(|(_, frame)| *frame).collect();
        (
            pieces.into_iter().flat_map(|(piece, _)| piece).collect(),
            found,
        )
    }

    #[test]
    fn a_commit_is_found_however_the_stream_is_cut_and_nothing_changes() {
        let stream = [
            REQUESTS[0].to_vec(),
            startup(),
            message(b'Q', b"BEGIN\0"),
            message(b'd', &[7; 3_000]),
            message(b'Q', b"commit\0"),
            message(b'Q', b"SELECT 'COMMIT'\0"),
            message(b'Q', b"COMMIT\0"),
        ]
        .concat();
        for step in [1, 2, 3, 7, 64, 4_096] {
            let (bytes, found) = passed(&mut Frames::of(Side::Client), &stream, step);
            assert_eq!(bytes, stream, "step {step}");
            assert_eq!(found, [Frame::Commit, Frame::Commit], "step {step}");
        }
        let answers = [message(b'C', b"INSERT 0 1\0"), message(b'C', b"COMMIT\0")].concat();
        let (bytes, found) = passed(&mut Frames::of(Side::Server), &answers, 5);
        assert_eq!((bytes, found), (answers, vec![Frame::Committed]));
    }

    /// Whoever asked for encryption waits for the byte, and nothing follows until it has come.
    #[test]
    fn the_answer_to_a_request_for_encryption_passes_alone() {
        let mut frames = Frames::of(Side::Server);
        for byte in [b"N", b"S"] {
            assert_eq!(frames.split(byte), [(byte.to_vec(), None)]);
        }
        let begun = [message(b'R', &[0; 4]), message(b'S', b"a\0b\0")].concat();
        assert_eq!(frames.split(&begun), [(begun.clone(), None)]);
        // Later an S is a message of its own, and waits for its length.
        assert_eq!(frames.split(b"S"), []);
    }

    #[test]
    fn another_protocol_passes_as_it_is() {
        let stream = b"AMQP\x00\x00\x09\x01 and whatever follows, COMMIT or not".to_vec();
        for side in [Side::Client, Side::Server] {
            let (bytes, found) = passed(&mut Frames::of(side), &stream, 3);
            assert_eq!(bytes, stream);
            assert!(found.is_empty());
        }
    }
}
