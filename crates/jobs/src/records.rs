//! Bytes to CSV records, with recovery after a broken one.
//!
//! A file from an old system has rows whose quotes do not close. A lenient reader swallows the rows
//! behind such a row without a word; this one is strict about what follows a closing quote, so it
//! notices, gives up that one physical line and goes on with the next. Line ends may be mixed.
//! Memory is bounded whatever the file holds.

use std::io::{self, Read};

/// Bytes of one record; longer ones are refused, and read over to where they end.
pub const RECORD_BYTES_MAX: usize = 128 * 1024;
/// How far the end of a quoted cell is looked for before its row is given up.
pub const SCAN_BYTES_MAX: usize = 2 * 1024 * 1024;
const READ_BYTES: usize = 256 * 1024;
const _: () = assert!(RECORD_BYTES_MAX < SCAN_BYTES_MAX);

/// A stretch of the file that is one record, or one line that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Physical line where it begins, from 1.
    pub line: u64,
    /// Of the first byte behind it.
    pub end_offset: u64,
    /// Physical lines before that byte.
    pub end_lines: u64,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The cells are in [`Records::cells`].
    Record,
    /// Nothing between two line ends.
    Blank,
    /// A quoted cell never ends, or something other than a comma follows its end.
    UnbalancedQuotes,
    /// Longer than [`RECORD_BYTES_MAX`].
    TooLong,
}

/// The cells of one record, unquoted.
#[derive(Debug, Default)]
pub struct Cells {
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// Reads records one by one from anywhere a record begins.
pub struct Records<R> {
    source: R,
    window: Vec<u8>,
    /// Where in the window the next record begins.
    start: usize,
    offset: u64,
    lines: u64,
    at_end: bool,
    cells: Cells,
}

impl Cells {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let begin = if index == 0 { 0 } else { self.ends[index - 1] };
        Some(&self.text[begin..end])
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// What is beyond the limit is not kept: the record is refused for its length.
    fn push(&mut self, bytes: &[u8]) {
        if self.text.len() + bytes.len() <= RECORD_BYTES_MAX {
            self.text.extend_from_slice(bytes);
        }
    }

    fn end_cell(&mut self) {
        if self.ends.len() < RECORD_BYTES_MAX {
            self.ends.push(self.text.len());
        }
    }
}

impl<R: Read> Records<R> {
    /// `source` stands at byte `offset` of the file, behind `lines` physical lines.
    pub fn of(source: R, offset: u64, lines: u64) -> Self {
        Self {
            source,
            window: Vec::new(),
            start: 0,
            offset,
            lines,
            at_end: false,
            cells: Cells::default(),
        }
    }

    pub fn cells(&self) -> &Cells {
        &self.cells
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }

    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The next stretch; `None` at the end of the file.
    pub fn next_span(&mut self) -> io::Result<Option<Span>> {
        loop {
            let rest = &self.window[self.start..];
            if rest.is_empty() {
                if self.at_end {
                    return Ok(None);
                }
                self.fill()?;
                continue;
            }
            match scan(rest, self.at_end, &mut self.cells) {
                Scan::Record { bytes } if bytes > RECORD_BYTES_MAX => {
                    return Ok(Some(self.consume(bytes, Kind::TooLong)));
                }
                Scan::Record { bytes } => {
                    let is_blank = matches!(rest[0], b'\n' | b'\r');
                    let kind = if is_blank { Kind::Blank } else { Kind::Record };
                    return Ok(Some(self.consume(bytes, kind)));
                }
                Scan::Broken => return self.give_up_line(Kind::UnbalancedQuotes).map(Some),
                Scan::Incomplete if rest.len() < SCAN_BYTES_MAX => self.fill()?,
                Scan::Incomplete => return self.give_up_line(Kind::TooLong).map(Some),
            }
        }
    }

    fn consume(&mut self, bytes: usize, kind: Kind) -> Span {
        let line = self.lines + 1;
        self.lines += count_lines(&self.window[self.start..self.start + bytes]);
        self.start += bytes;
        self.offset += bytes as u64;
        Span {
            line,
            end_offset: self.offset,
            end_lines: self.lines,
            kind,
        }
    }

    /// Goes on behind the physical line where the record began.
    fn give_up_line(&mut self, kind: Kind) -> io::Result<Span> {
        let line = self.lines + 1;
        loop {
            if let Some(bytes) = line_bytes(&self.window[self.start..], self.at_end) {
                return Ok(Span {
                    line,
                    ..self.consume(bytes, kind)
                });
            }
            // One line that fills the window: what is read of it is thrown away, but for a CR that
            // may be half of a line end.
            let kept = usize::from(self.window.last() == Some(&b'\r'));
            let bytes = self.window.len() - self.start - kept;
            self.start += bytes;
            self.offset += bytes as u64;
            self.fill()?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.window.drain(..self.start);
        self.start = 0;
        let filled = self.window.len();
        self.window.resize(filled + READ_BYTES, 0);
        let read = loop {
            match self.source.read(&mut self.window[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let read = read.inspect_err(|_| self.window.truncate(filled))?;
        self.window.truncate(filled + read);
        self.at_end = read == 0;
        Ok(())
    }
}

enum Scan {
    /// Complete, its line end included.
    Record { bytes: usize },
    /// Its end is not in these bytes.
    Incomplete,
    /// The quotes do not close as they must.
    Broken,
}

/// Reads one record from the beginning of `bytes`.
fn scan(bytes: &[u8], at_end: bool, cells: &mut Cells) -> Scan {
    cells.clear();
    let mut at = 0;
    loop {
        if bytes.get(at) == Some(&b'"') {
            match scan_quoted(&bytes[at + 1..], at_end, cells) {
                Ok(length) => at += 1 + length,
                Err(scan) => return scan,
            }
        } else {
            let is_special = |byte: &u8| matches!(byte, b',' | b'\n' | b'\r');
            let length = bytes[at..].iter().position(is_special);
            let end = length.map_or(bytes.len(), |length| at + length);
            cells.push(&bytes[at..end]);
            at = end;
        }
        // Here a cell has ended: a comma, a line end or the end of the file follows.
        match bytes.get(at) {
            None if at_end => {
                cells.end_cell();
                return Scan::Record { bytes: at };
            }
            None => return Scan::Incomplete,
            Some(b',') => {
                cells.end_cell();
                at += 1;
            }
            Some(b'\r') if at + 1 == bytes.len() && !at_end => return Scan::Incomplete,
            Some(byte) => {
                cells.end_cell();
                let is_pair = *byte == b'\r' && bytes.get(at + 1) == Some(&b'\n');
                let end = if is_pair { 2 } else { 1 };
                return Scan::Record { bytes: at + end };
            }
        }
    }
}

/// Reads a quoted cell behind its opening quote; how many bytes, the closing quote included.
fn scan_quoted(bytes: &[u8], at_end: bool, cells: &mut Cells) -> Result<usize, Scan> {
    let mut at = 0;
    loop {
        let Some(length) = bytes[at..].iter().position(|byte| *byte == b'"') else {
            return Err(if at_end {
                Scan::Broken
            } else {
                Scan::Incomplete
            });
        };
        cells.push(&bytes[at..at + length]);
        at += length + 1;
        match bytes.get(at) {
            Some(b'"') => {
                cells.push(b"\"");
                at += 1;
            }
            Some(b',' | b'\n' | b'\r') => return Ok(at),
            Some(_) => return Err(Scan::Broken),
            None if at_end => return Ok(at),
            None => return Err(Scan::Incomplete),
        }
    }
}

/// Bytes of the first physical line, its end included; `None` where its end is not in the bytes.
fn line_bytes(bytes: &[u8], at_end: bool) -> Option<usize> {
    let position = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    match position {
        None => at_end.then_some(bytes.len()),
        Some(at) if bytes[at] == b'\n' => Some(at + 1),
        Some(at) if at + 1 == bytes.len() => at_end.then_some(at + 1),
        Some(at) => Some(at + 1 + usize::from(bytes[at + 1] == b'\n')),
    }
}

/// LF, CR LF and a CR alone each end a line.
fn count_lines(bytes: &[u8]) -> u64 {
    let is_end = |(at, byte): &(usize, &u8)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    bytes.iter().enumerate().filter(is_end).count() as u64
}

#[cfg(test)]
mod tests;
