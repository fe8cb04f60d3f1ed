//! Bytes that went through the write-ahead log.
//!
//! PostgreSQL tells the position in its log, which only grows: that of everybody who writes to the
//! server. SQLite's log is overwritten from its start after every checkpoint, so its size says
//! little. The index beside it says how many frames are in use: what it shows between two falls is
//! added up. Looked at every few milliseconds, it misses what is written between the last look and
//! a fall.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use store::StoreConfig;

use crate::books::Books;

/// Of the header of the index: the page's size and the last valid frame.
const PAGE_SIZE_AT: u64 = 14;
const LAST_FRAME_AT: u64 = 16;
const FRAME_HEADER_BYTES: u64 = 24;

/// Counts from when it is made.
pub enum WalMeter {
    Frames(FrameMeter),
    Position { books: Books, began_at: i64 },
}

impl WalMeter {
    pub async fn of(database: &StoreConfig) -> anyhow::Result<Self> {
        Ok(match database {
            StoreConfig::Sqlite { path, .. } => Self::Frames(FrameMeter::of(path)),
            StoreConfig::Postgres(_) => {
                let books = Books::open(database).await?;
                let began_at = books.log_position().await?;
                Self::Position { books, began_at }
            }
        })
    }

    /// To be called every few milliseconds.
    pub fn look(&mut self) {
        match self {
            Self::Frames(meter) => meter.look(),
            Self::Position { .. } => {}
        }
    }

    /// What was written until now.
    pub async fn end(mut self) -> anyhow::Result<u64> {
        self.look();
        match self {
            Self::Frames(meter) => Ok(meter.bytes()),
            Self::Position { books, began_at } => {
                let bytes = books.log_position().await? - began_at;
                books.close().await;
                Ok(bytes.max(0) as u64)
            }
        }
    }
}

/// Of SQLite.
pub struct FrameMeter {
    index: PathBuf,
    last_frame: u64,
    frames: u64,
    page_bytes: u64,
}

impl FrameMeter {
    fn of(database: &Path) -> Self {
        let mut index = database.as_os_str().to_owned();
        index.push("-shm");
        let mut meter = Self {
            index: index.into(),
            last_frame: 0,
            frames: 0,
            page_bytes: 0,
        };
        meter.look();
        meter.frames = 0;
        meter
    }

    /// Adds what was written since the last look.
    fn look(&mut self) {
        // Not there yet, or gone: nothing is written then.
        if let Ok((page_bytes, last_frame)) = read(&self.index) {
            self.page_bytes = page_bytes;
            self.see(last_frame);
        }
    }

    fn bytes(&self) -> u64 {
        self.frames * (self.page_bytes + FRAME_HEADER_BYTES)
    }

    fn see(&mut self, last_frame: u64) {
        self.frames += match last_frame >= self.last_frame {
            true => last_frame - self.last_frame,
            // It began anew.
            false => last_frame,
        };
        self.last_frame = last_frame;
    }
}

fn read(index: &Path) -> std::io::Result<(u64, u64)> {
    let file = File::open(index)?;
    let (mut page, mut frame) = ([0; 2], [0; 4]);
    file.read_exact_at(&mut page, PAGE_SIZE_AT)?;
    file.read_exact_at(&mut frame, LAST_FRAME_AT)?;
    // The machine's own order, as it is memory that processes share.
    let page_bytes = match u16::from_ne_bytes(page) {
        // The one size that two bytes cannot hold.
        1 => 65_536,
        bytes => u64::from(bytes),
    };
    Ok((page_bytes, u64::from(u32::from_ne_bytes(frame))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_add_up_across_checkpoints() {
        let folder = tempfile::tempdir().unwrap();
        let mut meter = FrameMeter::of(&folder.path().join("none.db"));
        assert_eq!(meter.bytes(), 0);
        meter.page_bytes = 4_096;
        for last_frame in [10, 10, 250, 3, 90] {
            meter.see(last_frame);
        }
        assert_eq!(meter.bytes(), (250 + 90) * (4_096 + 24));
    }
}
