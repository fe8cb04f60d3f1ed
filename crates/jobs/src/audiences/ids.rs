//! A file of ids while it comes, a line each: written to disk as it is, and looked at line by line.

use domain::audience_group::{FILE_BYTES_MAX, FILE_IDS_MAX, GroupRefusal};
use domain::user::{USER_KEY_BYTES_MAX, UserKey};

use super::AudienceError;
use crate::arriving::Arriving;
use crate::uploads::{FileFault, UploadError};

/// By which editors tell UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// Bytes of a line that are kept while it comes: the longest id, with a mark and spaces around it.
const LINE_BYTES_MAX: usize = USER_KEY_BYTES_MAX * 2;

/// Which ids a file may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepts {
    /// `U` and 32 hexadecimal digits, as programs have them.
    LineIds,
    /// The messenger's keys too, as people have them.
    AnyKey,
}

/// Ids while they come.
pub struct IdsArriving {
    arriving: Arriving,
    lines: Lines,
    bytes: u64,
}

/// What came so far, line by line.
struct Lines {
    accepts: Accepts,
    /// Of the line that has not ended.
    begun: Vec<u8>,
    /// Lines that have ended, and ids among them.
    count: u64,
    ids: u64,
}

impl IdsArriving {
    pub(super) fn of(arriving: Arriving, accepts: Accepts) -> Self {
        Self {
            arriving,
            lines: Lines {
                accepts,
                begun: Vec::with_capacity(LINE_BYTES_MAX),
                count: 0,
                ids: 0,
            },
            bytes: 0,
        }
    }

    /// Takes the next bytes of the file; refused at its first wrong line.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), AudienceError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > FILE_BYTES_MAX {
            return Err(GroupRefusal::FileTooLarge.into());
        }
        self.lines.take(bytes)?;
        match self.arriving.write(bytes).await {
            Ok(()) => Ok(()),
            Err(UploadError::Io(error)) => Err(error.into()),
            Err(UploadError::Fault(FileFault::TooLarge)) => Err(GroupRefusal::FileTooLarge.into()),
            Err(other) => Err(std::io::Error::other(other).into()),
        }
    }

    /// Looks at the last line. How many ids there are: at least one.
    pub(super) fn finish(mut self) -> Result<(Arriving, u64), GroupRefusal> {
        self.lines.end()?;
        match self.lines.ids {
            0 => Err(GroupRefusal::NoIds),
            ids => Ok((self.arriving, ids)),
        }
    }
}

impl Lines {
    fn take(&mut self, bytes: &[u8]) -> Result<(), GroupRefusal> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, behind) = (&rest[..end], &rest[end + 1..]);
            rest = behind;
            if self.begun.is_empty() {
                self.line(line)?;
            } else {
                self.keep(line)?;
                self.end()?;
            }
        }
        self.keep(rest)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), GroupRefusal> {
        if self.begun.len() + bytes.len() > LINE_BYTES_MAX {
            return Err(GroupRefusal::WrongId(self.count + 1));
        }
        self.begun.extend_from_slice(bytes);
        Ok(())
    }

    /// Ends the line that was begun.
    fn end(&mut self) -> Result<(), GroupRefusal> {
        let line = std::mem::take(&mut self.begun);
        let read = self.line(&line);
        self.begun = line;
        self.begun.clear();
        read
    }

    fn line(&mut self, line: &[u8]) -> Result<(), GroupRefusal> {
        let line = match self.count {
            0 => line.strip_prefix(MARK).unwrap_or(line),
            _ => line,
        };
        self.count += 1;
        let id = line.trim_ascii();
        if id.is_empty() {
            return Ok(());
        }
        if !self.accepts.takes(id) {
            return Err(GroupRefusal::WrongId(self.count));
        }
        self.ids += 1;
        match self.ids > FILE_IDS_MAX {
            true => Err(GroupRefusal::TooManyIds(FILE_IDS_MAX)),
            false => Ok(()),
        }
    }
}

impl Accepts {
    fn takes(self, id: &[u8]) -> bool {
        match self {
            Self::LineIds => {
                let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                let digits = id.strip_prefix(b"U");
                digits.is_some_and(|digits| digits.len() == 32 && digits.iter().all(is_digit))
            }
            Self::AnyKey => str::from_utf8(id).is_ok_and(|id| UserKey::parse(id).is_ok()),
        }
    }
}

/// The id of a line of a file that was looked at while it came; `None` of an empty line.
pub(super) fn id_of(line: &[u8], is_first: bool) -> Option<&str> {
    let line = match is_first {
        true => line.strip_prefix(MARK).unwrap_or(line),
        false => line,
    };
    let id = str::from_utf8(line.trim_ascii()).ok()?;
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KIM: &str = "U73c1cd2c81f98b521905d591c5b2e75a";

    /// Ids of a file that comes in pieces of so many bytes.
    fn ids_of(text: &[u8], accepts: Accepts, piece: usize) -> Result<u64, GroupRefusal> {
        let mut lines = Lines {
            accepts,
            begun: Vec::new(),
            count: 0,
            ids: 0,
        };
        for piece in text.chunks(piece.max(1)) {
            lines.take(piece)?;
        }
        lines.end()?;
        Ok(lines.ids)
    }

    #[test]
    fn wrong_lines_are_told_by_their_number() {
        use Accepts::{AnyKey, LineIds};
        let wrong = |line| Err(GroupRefusal::WrongId(line));
        let long = format!("{KIM}\n{}", "x".repeat(LINE_BYTES_MAX + 1));
        for (text, accepts, found) in [
            (KIM.to_owned(), LineIds, Ok(1)),
            (format!("\u{feff}{KIM}\r\n\r\n {KIM} \n"), LineIds, Ok(2)),
            (String::new(), LineIds, Ok(0)),
            ("\n\n\r\n".to_owned(), LineIds, Ok(0)),
            (format!("{KIM}\n\u{feff}{KIM}"), LineIds, wrong(2)),
            (format!("{KIM}\n\n{KIM}0\n"), LineIds, wrong(3)),
            (format!("{KIM}\n{}", KIM.to_uppercase()), LineIds, wrong(2)),
            (format!("{KIM},{KIM}"), LineIds, wrong(1)),
            ("kim\nlee\n".to_owned(), LineIds, wrong(1)),
            ("kim\nlee\n".to_owned(), AnyKey, Ok(2)),
            ("kim\n키\n".to_owned(), AnyKey, wrong(2)),
            ("kim lee".to_owned(), AnyKey, wrong(1)),
            (long, AnyKey, wrong(2)),
        ] {
            for piece in [1, 7, 1_000] {
                let read = ids_of(text.as_bytes(), accepts, piece);
                assert_eq!(read, found, "{text:?} by {piece}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_counted_is_what_is_read_later(
            lines in prop::collection::vec("([!-~]{1,64}|) {0,2}", 0..20),
            end in prop::sample::select(vec!["\n", "\r\n"]),
            piece in 1_usize..90,
        ) {
            let text = lines.join(end);
            let counted = ids_of(text.as_bytes(), Accepts::AnyKey, piece).unwrap();
            let read = text.split('\n').enumerate();
            let read = read.filter(|(at, line)| id_of(line.as_bytes(), *at == 0).is_some());
            prop_assert_eq!(counted, read.count() as u64);
        }
    }
}
