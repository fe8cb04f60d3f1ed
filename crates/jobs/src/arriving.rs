//! A file while it comes: its size and encoding watched, and gone again unless it is kept.
//!
//! Whoever gives up, is cut off or fails leaves no file behind: what was written is removed when
//! the guard goes. A killed process has no such moment; its files are told from those of a living
//! one by the lock on them, and swept at the next start.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use domain::id::ImportId;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use crate::encoding::Utf8Watch;
use crate::uploads::{FILE_BYTES_MAX, FileFault, UploadError};

/// The ending of a file that is still coming, and of one that is kept.
const COMING: &str = "part";
const KEPT: &str = "csv";

/// A file while it comes.
pub struct Arriving {
    pub(crate) id: ImportId,
    pub(crate) files: Unkept,
    pub(crate) hash: Sha256,
    pub(crate) watch: Utf8Watch,
    file: File,
    bytes: u64,
}

/// The files of one upload; dropped, they are removed, unless [`Unkept::keep`] was said.
pub(crate) struct Unkept {
    pub part: PathBuf,
    pub kept: PathBuf,
    /// Says to a sweep that somebody is at work here.
    _lock: fs::File,
}

impl Arriving {
    pub(crate) fn begin(folder: &Path, id: ImportId) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let part = folder.join(format!("{id}.{COMING}"));
        let lock = fs::File::create_new(&part)?;
        let files = Unkept {
            part,
            kept: kept_path(folder, id),
            _lock: lock.try_clone()?,
        };
        if let Err(error) = lock.lock() {
            // Such a folder is never swept: a lock is not had there either.
            tracing::debug!(%error, "the folder of imports knows no locks");
        }
        Ok(Self {
            id,
            files,
            hash: Sha256::new(),
            watch: Utf8Watch::default(),
            file: File::from_std(lock),
            bytes: 0,
        })
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > FILE_BYTES_MAX {
            return Err(UploadError::Fault(FileFault::TooLarge));
        }
        self.hash.update(bytes);
        self.watch.take(bytes);
        Ok(self.file.write_all(bytes).await?)
    }

    /// Everything that came is on disk.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await
    }
}

impl Unkept {
    /// The file stays.
    pub fn keep(mut self) {
        self.kept = PathBuf::new();
    }
}

impl Drop for Unkept {
    fn drop(&mut self) {
        for path in [&self.part, &self.kept] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(%error, "a file that was given up is still there");
                }
                _ => {}
            }
        }
    }
}

/// Where the file of an upload lies until it is taken in.
pub(crate) fn kept_path(folder: &Path, id: ImportId) -> PathBuf {
    folder.join(format!("{id}.{KEPT}"))
}

/// Files of uploads that no living process is at work on.
pub(crate) fn abandoned(folder: &Path) -> io::Result<Vec<(ImportId, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut free = Vec::new();
    let mut busy = HashSet::new();
    for entry in entries {
        let path = entry?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let id: Option<ImportId> = stem.and_then(|stem| stem.parse().ok());
        let (Some(COMING | KEPT), Some(id)) = (ending, id) else {
            // Nothing of ours.
            continue;
        };
        match fs::File::open(&path).map(|file| file.try_lock()) {
            Ok(Ok(())) => free.push((id, path)),
            _ => {
                busy.insert(id);
            }
        }
    }
    // One that is being converted has two files, and the lock is on the first.
    free.retain(|(id, _)| !busy.contains(id));
    Ok(free)
}
