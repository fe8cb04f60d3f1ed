//! Files of friends that come through the page: kept in the data folder, looked at, taken in.
//!
//! A file is streamed to disk with its size watched, made UTF-8 where it is not, and lies there
//! under the id of its upload until the role `jobs` has taken it in. A killed import goes on at its
//! last commit, because the file and the mapping are still there.

use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::id::{AccountId, IdSource, ImportId, MemberId};
use domain::time::Clock;
use sha2::{Digest, Sha256};
use store::import_upload::ImportUpload;
use store::{Store, StoreError};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::encoding::{Utf8Watch, legacy};
use crate::import_friends::{ImportFile, blocking, import_mapped, not_a_csv};
use crate::mapping::Mapping;
use crate::records::{Kind, Records};
use crate::{Error, Progress};

/// Bytes of a file.
pub const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Columns of a file that are shown and mapped.
pub const COLUMNS_MAX: usize = 200;
const SAMPLES: usize = 3;
const SAMPLE_CHARS_MAX: usize = 60;
const NAME_CHARS_MAX: usize = 128;
/// How much is read to tell an encoding.
const SNIFF_BYTES: usize = 1024 * 1024;
const COPY_BYTES: usize = 64 * 1024;
/// How often somebody looks whether another process was asked for an import.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After something that may pass: a full disk, a database that does not answer.
const REST: Duration = Duration::from_secs(5);

/// Where files are kept and how they are taken in.
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
}

#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("the file cannot be taken")]
    Fault(FileFault),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Other(#[from] Error),
}

/// A file while it comes.
pub struct Arriving {
    id: ImportId,
    path: PathBuf,
    file: File,
    hash: Sha256,
    watch: Utf8Watch,
    bytes: u64,
}

/// The first rows of a file, for whoever says what its columns mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    pub header: Vec<String>,
    /// By row, then column.
    pub samples: Vec<Vec<String>>,
}

impl Arriving {
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > FILE_BYTES_MAX {
            return Err(UploadError::Fault(FileFault::TooLarge));
        }
        self.hash.update(bytes);
        self.watch.take(bytes);
        Ok(self.file.write_all(bytes).await?)
    }

    /// Whoever gives up leaves nothing behind.
    pub async fn discard(self) {
        drop(self.file);
        if let Err(error) = tokio::fs::remove_file(&self.path).await {
            tracing::warn!(%error, "a file that was given up is still there");
        }
    }
}

impl Uploads {
    pub async fn begin(&self) -> Result<Arriving, UploadError> {
        tokio::fs::create_dir_all(&self.folder).await?;
        let id: ImportId = self.ids.next();
        let path = self.folder.join(format!("{id}.part"));
        Ok(Arriving {
            file: File::create(&path).await?,
            id,
            path,
            hash: Sha256::new(),
            watch: Utf8Watch::default(),
            bytes: 0,
        })
    }

    /// Keeps the file where it is one of friends, and forgets it where not.
    pub async fn finish(
        &self,
        arriving: Arriving,
        account: AccountId,
        member: MemberId,
        name: &str,
    ) -> Result<ImportUpload, UploadError> {
        let part = arriving.path.clone();
        let kept = self.keep(arriving, account, member, name).await;
        if kept.is_err() {
            let _ = tokio::fs::remove_file(&part).await;
        }
        kept
    }

    async fn keep(
        &self,
        mut arriving: Arriving,
        account: AccountId,
        member: MemberId,
        name: &str,
    ) -> Result<ImportUpload, UploadError> {
        arriving.file.flush().await?;
        arriving.file.sync_all().await?;
        let (id, part, path) = (arriving.id, arriving.path, self.path(arriving.id));
        let is_utf8 = arriving.watch.is_utf8();
        let settled = blocking(move || Ok(settle(&part, &path, is_utf8))).await?;
        let (bytes, encoding) = settled?;
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
        write.insert_upload(&upload).await?;
        write.commit().await?;
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

    /// The role `jobs`: takes in whatever waits, one file after the other, until it is stopped.
    /// What is under way then goes on at its last commit after the next start.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let rest = tokio::select! {
                () = stop.cancelled() => return,
                rest = self.take_next() => rest,
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

    /// Takes in one file; how long to rest afterwards.
    async fn take_next(&self) -> Duration {
        let waiting = match self.store.waiting_upload().await {
            Ok(Some(upload)) => upload,
            Ok(None) => return LOOK_EVERY,
            Err(error) => {
                tracing::error!(%error, "imports that wait cannot be read");
                return REST;
            }
        };
        match self.take_in(&waiting).await {
            Ok(()) => Duration::ZERO,
            // Another process is at it.
            Err(Error::Store(StoreError::Conflict(_))) => LOOK_EVERY,
            Err(error) => {
                tracing::error!(import = %waiting.id, %error, "an import rests");
                REST
            }
        }
    }

    async fn take_in(&self, upload: &ImportUpload) -> Result<(), Error> {
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
        let outcome = match taken.await {
            Ok(report) => Ok(report.import.id),
            Err(Error::BadFile { why, .. }) => Err(why),
            Err(Error::FileChanged(_)) => Err("the file changed meanwhile".to_owned()),
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Err("the file is gone from the data folder".to_owned())
            }
            Err(other) => return Err(other),
        };
        let outcome = outcome.as_ref().copied().map_err(String::as_str);
        let mut write = self.store.write().await?;
        write
            .end_upload(upload.id, outcome, self.clock.now())
            .await?;
        write.commit().await?;
        self.forget(upload.id).await;
        Ok(())
    }

    fn path(&self, id: ImportId) -> PathBuf {
        self.folder.join(format!("{id}.csv"))
    }

    async fn forget(&self, id: ImportId) {
        if let Err(error) = tokio::fs::remove_file(self.path(id)).await {
            tracing::warn!(%id, %error, "the file of an import is still there");
        }
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
            std::fs::remove_file(part)?;
            name
        }
    };
    let checked = check_rows(kept);
    if checked.is_err() {
        let _ = std::fs::remove_file(kept);
    }
    checked?;
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
    let mut mark = [0; 3];
    let has_mark = file.read_exact(&mut mark).is_ok() && mark == *b"\xef\xbb\xbf";
    let file = std::fs::File::open(path)?;
    let mut records = Records::of(file, 0, 0);
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
        let mut cells: Vec<String> = cells.collect();
        if seen.header.is_empty() {
            if let Some(first) = cells.first_mut().filter(|_| has_mark) {
                *first = first.trim_start_matches('\u{feff}').to_owned();
            }
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
