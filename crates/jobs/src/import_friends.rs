//! The import of friends: streaming, resumable, each row whole or not at all.
//!
//! One thread reads and checks rows, this task commits them: a batch of at most
//! [`ROWS_PER_COMMIT`] rows with its refusals and the checkpoint behind it in one transaction, so
//! that brands and messengers write in between and a kill loses at most one batch of work.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use directory::FriendFact;
use directory::friends::{self, FriendsOf};
use domain::friend::RejectReason;
use domain::id::{IdSource, ImportId};
use domain::time::{Timestamp, zone};
use domain::user::UserKey;
use roaring::RoaringBitmap;
use sha2::{Digest, Sha256};
use store::directory::Account;
use store::import::{Checkpoint, Import, ReasonCount, Rejection};
use store::{Numbered, Store, StoreError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::Error;
use crate::columns::{Column, Columns};
use crate::mapping::Mapping;
use crate::records::{Cells, Kind, RECORD_BYTES_MAX, Records, Span};
use crate::row::{self, Fault, Terms};

/// Rows of one commit, good and bad.
pub const ROWS_PER_COMMIT: usize = 5_000;
/// Batches that are checked while one is committed.
const BATCHES_AHEAD: usize = 2;
const HASH_BUFFER_BYTES: usize = 256 * 1024;
/// Bytes of a refused row that is kept for whoever mends it; longer ones are not.
const KEPT_ROW_BYTES_MAX: usize = 8 * 1024;
/// Where the names of the columns stand.
const HEADER_LINE: u64 = 1;

/// How far an import is, after each commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub bytes: u64,
    pub bytes_total: u64,
    pub accepted: u64,
    pub rejected: u64,
}

/// What became of a file.
#[derive(Debug, Clone)]
pub struct ImportReport {
    pub import: Import,
    /// The line an earlier, interrupted run had come to.
    pub resumed_at_line: Option<u64>,
    /// The same file was taken in before: nothing was done.
    pub was_finished: bool,
    pub reasons: Vec<ReasonCount>,
}

/// A file whose columns somebody named.
#[derive(Debug, Clone, Copy)]
pub struct ImportFile<'a> {
    pub path: &'a Path,
    /// As people call it.
    pub name: &'a str,
    pub mapping: &'a Mapping,
    /// What its import is called, where the same was not taken in before.
    pub id: ImportId,
}

/// Takes in a file of friends of `account`; `now` is what "in the future" is judged by.
pub async fn import_friends(
    store: &Store,
    ids: &dyn IdSource,
    account: &Account,
    path: &Path,
    now: Timestamp,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<ImportReport, Error> {
    let source = Source::open(path, None).await?;
    take_in(store, ids, account, (source, ids.next()), now, progress).await
}

/// The same for a file whose columns somebody named. What was refused of it is kept row by row.
pub async fn import_mapped(
    store: &Store,
    ids: &dyn IdSource,
    account: &Account,
    file: &ImportFile<'_>,
    now: Timestamp,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<ImportReport, Error> {
    let mut source = Source::open(file.path, Some(file.mapping)).await?;
    source.name = file.name.to_owned();
    take_in(store, ids, account, (source, file.id), now, progress).await
}

async fn take_in(
    store: &Store,
    ids: &dyn IdSource,
    account: &Account,
    (source, id): (Source, ImportId),
    now: Timestamp,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<ImportReport, Error> {
    let found = store.import_of_file(account.id, source.hash).await?;
    let was_finished = found
        .as_ref()
        .is_some_and(|import| import.finished_at.is_some());
    let resumed_at_line = found.as_ref().map(|import| import.checkpoint.lines + 1);
    let mut import = match found {
        Some(import) => import,
        None => begin(store, id, account, &source, now).await?,
    };
    if !was_finished {
        let terms = terms(store, account, now).await?;
        let (batches, reader) = source.batches(import.checkpoint, terms);
        let intake = Intake {
            store,
            ids,
            friends: FriendsOf::account(account, now)?,
            now,
        };
        intake
            .run(&source, &mut import, (batches, reader), progress)
            .await?;
    }
    Ok(ImportReport {
        reasons: store.rejection_counts(&import).await?,
        resumed_at_line: resumed_at_line.filter(|_| !was_finished),
        was_finished,
        import,
    })
}

async fn begin(
    store: &Store,
    id: ImportId,
    account: &Account,
    source: &Source,
    now: Timestamp,
) -> Result<Import, Error> {
    let import = Import {
        id,
        account: account.id,
        file_name: source.name.clone(),
        file_hash: source.hash,
        checkpoint: source.first_row,
        seen: RoaringBitmap::new(),
        started_at: now,
        finished_at: None,
    };
    let mut write = store.write().await?;
    write.insert_import(&import).await?;
    if let Some(header) = &source.header {
        let kept = [(HEADER_LINE, header.clone())];
        write.keep_rejected_rows(id, &kept).await?;
    }
    write.commit().await?;
    Ok(import)
}

async fn terms(store: &Store, account: &Account, now: Timestamp) -> Result<Terms, Error> {
    let wordings = store.wordings_of_account(account.id).await?;
    let zone = zone(&account.time_zone).map_err(|error| StoreError::Corrupt {
        table: "account",
        column: "time_zone",
        why: error.to_string(),
    })?;
    Ok(Terms {
        zone,
        wordings: wordings
            .into_iter()
            .map(|wording| wording.version)
            .collect(),
        now,
    })
}

/// Where checked rows go.
struct Intake<'a> {
    store: &'a Store,
    ids: &'a dyn IdSource,
    friends: FriendsOf,
    now: Timestamp,
}

impl Intake<'_> {
    async fn run(
        &self,
        source: &Source,
        import: &mut Import,
        (mut batches, reader): Batches,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), Error> {
        while let Some(batch) = batches.recv().await {
            let batch = batch?;
            source.expect_unchanged()?;
            self.commit(import, batch).await?;
            progress(Progress {
                bytes: import.checkpoint.offset_bytes,
                bytes_total: source.bytes,
                accepted: import.checkpoint.accepted,
                rejected: import.checkpoint.rejected,
            });
        }
        // The end of the batches is the end of the file only where the reader came to it.
        reader.await.map_err(reader_failed)?;
        if let Err(error) = self.store.freshen_friends().await {
            // The server does it later by itself.
            tracing::warn!(%error, "the friends of an import are slow to read for a while");
        }
        let mut write = self.store.write().await?;
        write.finish_import(import.id, self.now).await?;
        write.commit().await?;
        import.finished_at = Some(self.now);
        Ok(())
    }

    /// One transaction: friends, refusals, checkpoint.
    async fn commit(&self, import: &mut Import, batch: Batch) -> Result<(), Error> {
        let mut write = self.store.write().await?;
        let keys: Vec<&UserKey> = batch.rows.iter().map(|row| &row.fact.user).collect();
        let numbers = write.number_users(self.ids, &keys).await?;
        let mut seen = import.seen.clone();
        let (facts, doubles, kept) = first_of_each(batch.rows, &numbers, &mut seen);
        let to = Checkpoint {
            offset_bytes: batch.end_offset,
            lines: batch.end_lines,
            accepted: import.checkpoint.accepted + facts.len() as u64,
            rejected: import.checkpoint.rejected + batch.rejected + doubles.len() as u64,
        };
        let rejections = [batch.rejections, doubles].concat();
        let kept = [batch.kept, kept].concat();
        write.keep_rejected_rows(import.id, &kept).await?;
        friends::apply_numbered(&mut write, self.friends, facts, &numbers, self.now).await?;
        write
            .advance_import(import.id, import.checkpoint, to, &seen, &rejections)
            .await?;
        store::pause::point("import-commit").await;
        write.commit().await?;
        import.checkpoint = to;
        import.seen = seen;
        Ok(())
    }
}

/// The first good row of every user is taken, in this file and not only in this batch.
fn first_of_each(
    rows: Vec<GoodRow>,
    numbers: &HashMap<UserKey, Numbered>,
    seen: &mut RoaringBitmap,
) -> (Vec<FriendFact>, Vec<Rejection>, Vec<(u64, String)>) {
    let mut facts = Vec::with_capacity(rows.len());
    let mut doubles = Vec::new();
    let mut kept = Vec::new();
    for GoodRow { line, fact, cells } in rows {
        let number = numbers.get(&fact.user).map(|user| user.number.0);
        if number.is_some_and(|number| seen.insert(number)) {
            facts.push(fact);
        } else {
            doubles.push(Rejection {
                line,
                reason: RejectReason::DuplicateKey,
                explanation: "user_key: an earlier row of the file has this key".into(),
                column: Column::UserKey.name().to_owned(),
                value: fact.user.as_str().to_owned(),
            });
            kept.extend(cells.map(|cells| (line, cells)));
        }
    }
    (facts, doubles, kept)
}

/// Batches as they are read, and whoever reads them.
type Batches = (mpsc::Receiver<Result<Batch, Error>>, JoinHandle<()>);

/// Rows that are committed together.
#[derive(Default)]
struct Batch {
    rows: Vec<GoodRow>,
    rejections: Vec<Rejection>,
    /// Refused rows as they were written, where they are kept.
    kept: Vec<(u64, String)>,
    /// Refused rows, each once.
    rejected: u64,
    end_offset: u64,
    end_lines: u64,
}

struct GoodRow {
    line: u64,
    fact: FriendFact,
    /// As it was written, where refused rows are kept: it may yet be a double.
    cells: Option<String>,
}

impl Batch {
    fn len(&self) -> usize {
        self.rows.len() + self.rejected as usize
    }

    fn refuse(&mut self, line: u64, faults: impl IntoIterator<Item = Fault>) {
        self.rejected += 1;
        let mut reasons = HashSet::new();
        for fault in faults {
            // One row, one line per reason.
            if reasons.insert(fault.reason) {
                self.rejections.push(Rejection {
                    line,
                    reason: fault.reason,
                    explanation: fault.explanation,
                    column: fault.column,
                    value: fault.value,
                });
            }
        }
    }
}

/// The file, looked through once: its header is one, its content has a name.
struct Source {
    path: PathBuf,
    /// As people call it.
    name: String,
    /// The header as it was written, where refused rows are kept.
    header: Option<String>,
    columns: Columns,
    /// Behind the header.
    first_row: Checkpoint,
    hash: [u8; 32],
    bytes: u64,
    modified: Option<std::time::SystemTime>,
}

impl Source {
    async fn open(path: &Path, mapping: Option<&Mapping>) -> Result<Self, Error> {
        let (path, mapping) = (path.to_owned(), mapping.cloned());
        blocking(move || Self::look_through(path, mapping)).await
    }

    fn look_through(path: PathBuf, mapping: Option<Mapping>) -> Result<Self, Error> {
        let failed = |error| io_error(&path, error);
        let mut file = File::open(&path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(bad_file(&path, "this is not a file"));
        }
        let (columns, header, first_row) = header(&path, &mut file, mapping.as_ref())?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let hash = hash(&mut file, mapping.as_ref()).map_err(failed)?;
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            header: mapping.map(|_| header),
            columns,
            first_row,
            hash,
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            path,
        })
    }

    fn expect_unchanged(&self) -> Result<(), Error> {
        let metadata = std::fs::metadata(&self.path).map_err(|e| io_error(&self.path, e))?;
        if metadata.len() == self.bytes && metadata.modified().ok() == self.modified {
            return Ok(());
        }
        Err(Error::FileChanged(self.path.display().to_string()))
    }

    /// Reads and checks rows on a thread of its own, from the checkpoint to the end.
    fn batches(&self, from: Checkpoint, terms: Terms) -> Batches {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let (path, columns) = (self.path.clone(), self.columns.clone());
        let keeps_rows = self.header.is_some();
        let reader = tokio::task::spawn_blocking(move || {
            let judge = Judge {
                columns: &columns,
                terms: &terms,
                keeps_rows,
            };
            if let Err(error) = read_batches(&path, &judge, from, &sender) {
                // Nobody listens any more: the import has failed elsewhere and says so there.
                let _ = sender.blocking_send(Err(error));
            }
        });
        (receiver, reader)
    }
}

fn read_batches(
    path: &Path,
    judge: &Judge<'_>,
    from: Checkpoint,
    sender: &mpsc::Sender<Result<Batch, Error>>,
) -> Result<(), Error> {
    let failed = |error| io_error(path, error);
    let mut file = File::open(path).map_err(failed)?;
    file.seek(SeekFrom::Start(from.offset_bytes))
        .map_err(failed)?;
    let mut records = Records::of(file, from.offset_bytes, from.lines);
    let mut batch = Batch::default();
    while let Some(span) = records.next_span().map_err(failed)? {
        judge.judge(&mut batch, span, &records);
        batch.end_offset = span.end_offset;
        batch.end_lines = span.end_lines;
        if batch.len() == ROWS_PER_COMMIT
            && sender
                .blocking_send(Ok(std::mem::take(&mut batch)))
                .is_err()
        {
            return Ok(());
        }
    }
    if batch.len() > 0 {
        let _ = sender.blocking_send(Ok(batch));
    }
    Ok(())
}

/// What rows are judged by.
struct Judge<'a> {
    columns: &'a Columns,
    terms: &'a Terms,
    keeps_rows: bool,
}

impl Judge<'_> {
    fn judge(&self, batch: &mut Batch, span: Span, records: &Records<File>) {
        let cells = || self.keeps_rows.then(|| as_written(records.cells()));
        match span.kind {
            Kind::Blank => {}
            Kind::Record => match row::friend(records.cells(), self.columns, self.terms) {
                Ok(fact) => batch.rows.push(GoodRow {
                    line: span.line,
                    fact,
                    cells: cells(),
                }),
                Err(faults) => {
                    batch.refuse(span.line, faults);
                    batch.kept.extend(cells().map(|cells| (span.line, cells)));
                }
            },
            Kind::UnbalancedQuotes => {
                let explanation = "a quoted cell does not end where it should: quotes inside a \
                                   cell are doubled, and a comma or the line's end follows the \
                                   last one";
                let fault = Fault::of_row(RejectReason::UnbalancedQuotes, explanation);
                batch.refuse(span.line, [fault]);
            }
            Kind::TooLong => {
                let explanation = format!("the row has more than {RECORD_BYTES_MAX} bytes");
                batch.refuse(
                    span.line,
                    [Fault::of_row(RejectReason::RowTooLong, explanation)],
                );
            }
        }
    }
}

/// Cells as a line of CSV; nothing of a row that is too long to be kept.
fn as_written(cells: &Cells) -> String {
    let mut line = String::new();
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        let cell = String::from_utf8_lossy(cell);
        match cell.contains([',', '"', '\n', '\r']) {
            true => {
                line.push('"');
                line.push_str(&cell.replace('"', "\"\""));
                line.push('"');
            }
            false => line.push_str(&cell),
        }
        if line.len() > KEPT_ROW_BYTES_MAX {
            return String::new();
        }
    }
    line
}

/// Reads the byte-order mark and the header; where the first row begins.
fn header(
    path: &Path,
    file: &mut File,
    mapping: Option<&Mapping>,
) -> Result<(Columns, String, Checkpoint), Error> {
    let failed = |error| io_error(path, error);
    let mut first = [0; 4];
    let mut length = 0;
    while length < first.len() {
        match file.read(&mut first[length..]).map_err(failed)? {
            0 => break,
            read => length += read,
        }
    }
    let first = &first[..length];
    if let Some(why) = not_a_csv(first) {
        return Err(bad_file(path, why));
    }
    let mark = if first.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    file.seek(SeekFrom::Start(mark)).map_err(failed)?;
    let mut records = Records::of(file, mark, 0);
    let kind = records.next_span().map_err(failed)?.map(|span| span.kind);
    let columns = match kind {
        Some(Kind::Record) => match mapping {
            Some(mapping) => Columns::mapped(records.cells(), mapping),
            None => Columns::read(records.cells()),
        },
        Some(Kind::Blank) => Err("the first line is empty: it must name the columns".to_owned()),
        Some(Kind::UnbalancedQuotes) => Err("the quotes of the header do not close".to_owned()),
        Some(Kind::TooLong) => Err("the first line is too long for a header".to_owned()),
        None => Err("the file is empty".to_owned()),
    };
    let first_row = Checkpoint {
        offset_bytes: records.offset(),
        lines: records.lines(),
        ..Checkpoint::default()
    };
    let columns = columns.map_err(|why| bad_file(path, &why))?;
    Ok((columns, as_written(records.cells()), first_row))
}

/// What a file that is no CSV in UTF-8 is, by its first bytes.
pub(crate) fn not_a_csv(first: &[u8]) -> Option<&'static str> {
    match first {
        [] => Some("the file is empty"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("the file is UTF-16: save it as CSV UTF-8"),
        [b'P', b'K', 3, 4] => {
            Some("the file is an Excel workbook or an archive: save it as CSV UTF-8")
        }
        [0x1f, 0x8b, ..] => Some("the file is compressed: unpack it first"),
        _ if first.contains(&0) => Some("the file is not text, or UTF-16: save it as CSV UTF-8"),
        _ => None,
    }
}

/// A file's name by its content; with another meaning of its columns it is another one.
fn hash(file: &mut File, mapping: Option<&Mapping>) -> std::io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    if let Some(mapping) = mapping {
        hash.update(serde_json::to_vec(mapping)?);
    }
    let mut buffer = vec![0; HASH_BUFFER_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(&buffer[..read]),
        }
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(cancelled) => Err(reader_failed(cancelled)),
        },
    }
}

/// A thread that panicked or was never begun.
pub(crate) fn reader_failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Io {
        path: "the reading thread".into(),
        source: std::io::Error::other(error),
    }
}

fn io_error(path: &Path, source: std::io::Error) -> Error {
    Error::Io {
        path: path.display().to_string(),
        source,
    }
}

fn bad_file(path: &Path, why: &str) -> Error {
    Error::BadFile {
        path: path.display().to_string(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests;
