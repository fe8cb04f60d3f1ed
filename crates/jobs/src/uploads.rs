//! Files of friends that come through the page: kept in the data folder, looked at, taken in.
//!
//! A file is streamed to disk with its size watched, made UTF-8 where it is not, and lies there
//! under the id of its upload until the role `jobs` has taken it in. A killed import goes on at its
//! last commit, because the file and the mapping are still there. One that cannot be taken in now
//! stands in nobody's way: those behind it are next, and it is tried again after them.

use std::io::{Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::id::{AccountId, IdSource, ImportId, MemberId};
use domain::time::{Clock, Timestamp};
use sha2::Digest;
use store::import_upload::ImportUpload;
use store::{Store, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::arriving::{Arriving, abandoned, kept_path};
use crate::encoding::legacy;
use crate::import_friends::{ImportFile, blocking, import_mapped, not_a_csv, reader_failed};
use crate::mapping::Mapping;
use crate::records::{Kind, Records};
use crate::{Error, Progress};

/// Bytes of a file.
pub const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Files of one account that wait for their columns or to be taken in.
pub const FILES_MAX: u64 = 20;
/// Columns of a file that are shown and mapped.
pub const COLUMNS_MAX: usize = 200;
const SAMPLES: usize = 3;
const SAMPLE_CHARS_MAX: usize = 60;
const NAME_CHARS_MAX: usize = 128;
/// How much is read to tell an encoding.
const SNIFF_BYTES: usize = 1024 * 1024;
const COPY_BYTES: usize = 64 * 1024;
/// By which spreadsheet programs tell UTF-8.
const MARK: &[u8; 3] = b"\xef\xbb\xbf";
/// How often somebody looks whether another process was asked for an import.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After something that may pass: a full disk, a database that does not answer.
const REST: Duration = Duration::from_secs(5);

/// Where files are kept and how they are taken in.
#[derive(Clone)]
pub struct Uploads {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    pub folder: PathBuf,
    /// Told when a file is to be taken in.
    pub wake: Arc<Notify>,
}

/// Why a file is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFault {
    Empty,
    TooLarge,
    Workbook,
    Compressed,
    Utf16,
    /// Neither UTF-8 nor what Korean and Japanese programs write.
    UnknownEncoding,
    /// The first line does not name columns.
    NoHeader,
    NotByCommas,
    TooManyColumns,
    NoRows,
    /// The account has [`FILES_MAX`] that were not taken in.
    TooMany,
}

#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("the file cannot be taken")]
    Fault(FileFault),
    /// It ended before its end, or was not what a form is: whoever sends it has to do so again.
    #[error("{0}")]
    CutOff(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Other(#[from] Error),
}

/// The first rows of a file, for whoever says what its columns mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    pub header: Vec<String>,
    /// By row, then column.
    pub samples: Vec<Vec<String>>,
}

/// How far a round over the files that wait has come.
#[derive(Debug)]
struct Round {
    /// The last one that was looked at.
    behind: Option<(Timestamp, ImportId)>,
    /// How long to wait at its end.
    rest: Duration,
}

impl Default for Round {
    fn default() -> Self {
        Self {
            behind: None,
            rest: LOOK_EVERY,
        }
    }
}

/// What becomes of a file that could not be taken in.
enum Setback {
    /// It never can be: why.
    ForGood(String),
    /// It may later.
    ForNow(Error),
}

impl From<Error> for Setback {
    fn from(error: Error) -> Self {
        use StoreError::{Corrupt, Invariant, NotFound, Taken};
        match error {
            Error::BadFile { why, .. } => Self::ForGood(why),
            Error::FileChanged(_) => Self::ForGood("the file changed meanwhile".to_owned()),
            Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Self::ForGood("the file is gone from the data folder".to_owned())
            }
            // The same file meets the same again.
            Error::Store(NotFound(_) | Taken(_) | Corrupt { .. } | Invariant(_)) => {
                tracing::error!(%error, "an import is given up");
                Self::ForGood(error.to_string())
            }
            Error::Directory(directory::Error::Store(error)) => error.into(),
            Error::Directory(refused) => Self::ForGood(refused.to_string()),
            other => Self::ForNow(other),
        }
    }
}

impl From<StoreError> for Setback {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

impl Uploads {
    /// The same on another store.
    pub fn on(&self, store: Store) -> Self {
        Self {
            store,
            ..self.clone()
        }
    }

    pub async fn begin(&self, account: AccountId) -> Result<Arriving, UploadError> {
        expect_room(self.store.open_uploads(account).await?)?;
        let (folder, id) = (self.folder.clone(), self.ids.next());
        Ok(blocking(move || Ok(Arriving::begin(&folder, id))).await??)
    }

    /// Keeps the file where it is one of friends, and forgets it where not. What is begun is
    /// finished, whether or not somebody still waits for it.
    pub async fn finish(
        self: &Arc<Self>,
        arriving: Arriving,
        account: AccountId,
        member: MemberId,
        name: String,
    ) -> Result<ImportUpload, UploadError> {
        let uploads = self.clone();
        let keeping =
            tokio::spawn(async move { uploads.keep(arriving, account, member, &name).await });
        keeping
            .await
            .map_err(|error| UploadError::Io(std::io::Error::other(error)))?
    }

    async fn keep(
        &self,
        mut arriving: Arriving,
        account: AccountId,
        member: MemberId,
        name: &str,
    ) -> Result<ImportUpload, UploadError> {
        arriving.flush().await?;
        let (id, is_utf8) = (arriving.id, arriving.watch.is_utf8());
        let files = arriving.files;
        let settled = blocking(move || {
            let settled = settle(&files.part, &files.kept, is_utf8);
            Ok(settled.map(|(bytes, encoding)| (bytes, encoding, files)))
        });
        let (bytes, encoding, files) = settled.await??;
        let upload = ImportUpload {
            id,
            account,
            file_name: name.trim().chars().take(NAME_CHARS_MAX).collect(),
            file_hash: arriving.hash.finalize().into(),
            bytes,
            encoding: encoding.to_owned(),
            uploaded_at: self.clock.now(),
            uploaded_by: member,
            mapping: None,
            asked_at: None,
            import: None,
            failure: None,
            ended_at: None,
        };
        let mut write = self.store.write().await?;
        expect_room(write.open_uploads(account).await?)?;
        write.insert_upload(&upload).await?;
        write.commit().await?;
        files.keep();
        Ok(upload)
    }

    /// The columns and first rows of a kept file.
    pub async fn look(&self, id: ImportId) -> Result<Look, UploadError> {
        let path = self.path(id);
        blocking(move || Ok(look(&path))).await?
    }

    /// Has the file taken in as its columns were said to mean.
    pub async fn ask(
        &self,
        account: AccountId,
        id: ImportId,
        mapping: &Mapping,
    ) -> Result<(), UploadError> {
        let json = serde_json::to_string(mapping).unwrap_or_default();
        let mut write = self.store.write().await?;
        write
            .ask_for_upload(account, id, &json, self.clock.now())
            .await?;
        write.commit().await?;
        self.wake.notify_one();
        Ok(())
    }

    /// Forgets a file that nobody asked to take in.
    pub async fn discard(&self, account: AccountId, id: ImportId) -> Result<(), UploadError> {
        let mut write = self.store.write().await?;
        write.discard_upload(account, id).await?;
        write.commit().await?;
        self.forget(id).await;
        Ok(())
    }

    /// Removes files that nobody is waiting for: a process that was killed left them behind.
    pub async fn sweep(&self) -> Result<(), Error> {
        let folder = self.folder.clone();
        let failed = |source| Error::Io {
            path: self.folder.display().to_string(),
            source,
        };
        let found = blocking(move || Ok(abandoned(&folder))).await?;
        let found = found.map_err(failed)?;
        // Read after the locks were tried: whoever let go of one has committed what it keeps.
        let waiting = self.store.open_upload_ids().await?;
        for (id, path) in found {
            let is_kept = waiting.contains(&id) && path == self.path(id);
            if !is_kept {
                tokio::fs::remove_file(&path).await.map_err(failed)?;
            }
        }
        Ok(())
    }

    /// The role `jobs`: takes in whatever waits, one file after the other, until it is stopped.
    /// What is under way then goes on at its last commit after the next start.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        if let Err(error) = self.sweep().await {
            tracing::warn!(%error, "the folder of imports was not swept");
        }
        let mut round = Round::default();
        loop {
            let rest = tokio::select! {
                () = stop.cancelled() => return,
                rest = self.take_next(&mut round) => rest,
            };
            if rest.is_zero() {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    /// Takes in the next file of a round; how long to rest afterwards.
    async fn take_next(self: &Arc<Self>, round: &mut Round) -> Duration {
        let waiting = match self.store.waiting_upload(round.behind).await {
            Ok(Some(upload)) => upload,
            Ok(None) => return std::mem::take(round).rest,
            Err(error) => {
                tracing::error!(%error, "imports that wait cannot be read");
                return REST;
            }
        };
        let id = waiting.id;
        round.behind = waiting.asked_at.map(|at| (at, id));
        match self.take_whole(waiting).await {
            // Another process is at it.
            Ok(()) | Err(Error::Store(StoreError::Conflict(_))) => {}
            Err(error) => {
                tracing::error!(import = %id, %error, "an import rests");
                round.rest = REST;
            }
        }
        Duration::ZERO
    }

    /// Takes a file in, or notes why it never can be. The error is what may pass.
    async fn take_whole(self: &Arc<Self>, upload: ImportUpload) -> Result<(), Error> {
        let (id, uploads) = (upload.id, self.clone());
        let taking = tokio::spawn(async move { uploads.take_in(&upload).await });
        let outcome = match AbortOnDropHandle::new(taking).await {
            Ok(Ok(import)) => Ok(import),
            Ok(Err(Setback::ForGood(why))) => Err(why),
            Ok(Err(Setback::ForNow(error))) => return Err(error),
            // It would fail again over the same row: the others are not to wait for it.
            Err(failure) if failure.is_panic() => {
                tracing::error!(import = %id, %failure, "an import failed unexpectedly");
                Err("the program failed over this file".to_owned())
            }
            Err(stopped) => return Err(reader_failed(stopped)),
        };
        let outcome = outcome.as_ref().copied().map_err(String::as_str);
        let mut write = self.store.write().await?;
        write.end_upload(id, outcome, self.clock.now()).await?;
        write.commit().await?;
        self.forget(id).await;
        Ok(())
    }

    async fn take_in(&self, upload: &ImportUpload) -> Result<ImportId, Setback> {
        let now = self.clock.now();
        let account = self.store.account_of_any_business(upload.account).await?;
        let gone = || StoreError::NotFound("account of an import".to_owned());
        let account = account.ok_or_else(gone)?;
        let mapping = upload.mapping.as_deref().unwrap_or_default();
        let mapping: Mapping = serde_json::from_str(mapping).unwrap_or_default();
        let path = self.path(upload.id);
        let file = ImportFile {
            path: &path,
            name: &upload.file_name,
            mapping: &mapping,
            id: upload.id,
        };
        let mut nobody_watches = |_: Progress| {};
        let ids = self.ids.as_ref();
        let taken = import_mapped(&self.store, ids, &account, &file, now, &mut nobody_watches);
        Ok(taken.await?.import.id)
    }

    fn path(&self, id: ImportId) -> PathBuf {
        kept_path(&self.folder, id)
    }

    async fn forget(&self, id: ImportId) {
        if let Err(error) = tokio::fs::remove_file(self.path(id)).await {
            tracing::warn!(%id, %error, "the file of an import is still there");
        }
    }
}

const fn expect_room(files: u64) -> Result<(), UploadError> {
    match files < FILES_MAX {
        true => Ok(()),
        false => Err(UploadError::Fault(FileFault::TooMany)),
    }
}

/// Checks the file that came and puts it where it is kept, as UTF-8; its size and what it was.
fn settle(part: &Path, kept: &Path, is_utf8: bool) -> Result<(u64, &'static str), UploadError> {
    let mut sniffed = Vec::new();
    let file = std::fs::File::open(part)?;
    file.take(SNIFF_BYTES as u64).read_to_end(&mut sniffed)?;
    if let Some(fault) = kind_of(&sniffed) {
        return Err(UploadError::Fault(fault));
    }
    let encoding = match is_utf8 {
        true => {
            std::fs::rename(part, kept)?;
            ""
        }
        false => {
            let unknown = UploadError::Fault(FileFault::UnknownEncoding);
            let (encoding, name) = legacy(&sniffed).ok_or(unknown)?;
            convert(part, kept, encoding)?;
            name
        }
    };
    check_rows(kept)?;
    Ok((std::fs::metadata(kept)?.len(), encoding))
}

fn kind_of(first: &[u8]) -> Option<FileFault> {
    match first {
        [] => Some(FileFault::Empty),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(FileFault::Utf16),
        [b'P', b'K', 3, 4, ..] | [0xd0, 0xcf, 0x11, 0xe0, ..] => Some(FileFault::Workbook),
        [0x1f, 0x8b, ..] => Some(FileFault::Compressed),
        _ if first.iter().take(4_096).any(|byte| *byte == 0) => Some(FileFault::Utf16),
        _ => not_a_csv(&first[..first.len().min(4)]).map(|_| FileFault::UnknownEncoding),
    }
}

fn convert(
    from: &Path,
    to: &Path,
    encoding: &'static encoding_rs::Encoding,
) -> Result<(), UploadError> {
    let mut source = std::fs::File::open(from)?;
    let mut target = std::io::BufWriter::new(std::fs::File::create(to)?);
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut bytes = vec![0; COPY_BYTES];
    let mut text = String::with_capacity(COPY_BYTES * 4);
    loop {
        let read = source.read(&mut bytes)?;
        text.clear();
        // The capacity holds the longest text so many bytes can become.
        let _ = decoder.decode_to_string(&bytes[..read], &mut text, read == 0);
        target.write_all(text.as_bytes())?;
        if read == 0 {
            break;
        }
    }
    target.flush()?;
    Ok(target.get_ref().sync_all()?)
}

/// A header that names columns, and at least one row behind it.
fn check_rows(path: &Path) -> Result<(), UploadError> {
    let fault = |fault| Err(UploadError::Fault(fault));
    let seen = look(path)?;
    match seen.header.as_slice() {
        [] => return fault(FileFault::NoHeader),
        [only] if only.contains([';', '\t']) => return fault(FileFault::NotByCommas),
        names if names.len() > COLUMNS_MAX => return fault(FileFault::TooManyColumns),
        names if names.iter().all(|name| name.trim().is_empty()) => {
            return fault(FileFault::NoHeader);
        }
        _ => {}
    }
    match seen.samples.is_empty() {
        true => fault(FileFault::NoRows),
        false => Ok(()),
    }
}

fn look(path: &Path) -> Result<Look, UploadError> {
    let mut file = std::fs::File::open(path)?;
    let mut mark = [0; MARK.len()];
    let has_mark = file.read_exact(&mut mark).is_ok() && mark == *MARK;
    // Behind the mark: a quoted first name would not begin with its quote otherwise.
    let begins = if has_mark { MARK.len() as u64 } else { 0 };
    file.seek(SeekFrom::Start(begins))?;
    let mut records = Records::of(file, begins, 0);
    let mut seen = Look::default();
    while let Some(span) = records.next_span()? {
        match span.kind {
            Kind::Record => {}
            // A row that cannot be read is still a row; a header that cannot be is none.
            Kind::UnbalancedQuotes | Kind::TooLong if !seen.header.is_empty() => {
                seen.samples.push(Vec::new());
                if seen.samples.len() == SAMPLES {
                    break;
                }
                continue;
            }
            Kind::Blank if !seen.header.is_empty() => continue,
            _ => break,
        }
        let cells = records.cells().iter().map(|cell| {
            let text = String::from_utf8_lossy(cell);
            text.chars().take(SAMPLE_CHARS_MAX).collect::<String>()
        });
        let cells: Vec<String> = cells.collect();
        if seen.header.is_empty() {
            seen.header = cells;
        } else {
            seen.samples.push(cells);
            if seen.samples.len() == SAMPLES {
                break;
            }
        }
    }
    Ok(seen)
}

#[cfg(test)]
mod tests;
