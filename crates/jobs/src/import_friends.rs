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

use crate::Error;
use crate::columns::Columns;
use crate::records::{Kind, RECORD_BYTES_MAX, Records, Span};
use crate::row::{self, Terms};

/// Rows of one commit, good and bad.
pub const ROWS_PER_COMMIT: usize = 5_000;
/// Batches that are checked while one is committed.
const BATCHES_AHEAD: usize = 2;
const HASH_BUFFER_BYTES: usize = 256 * 1024;

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

/// Takes in a file of friends of `account`; `now` is what "in the future" is judged by.
pub async fn import_friends(
    store: &Store,
    ids: &dyn IdSource,
    account: &Account,
    path: &Path,
    now: Timestamp,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<ImportReport, Error> {
    let source = Source::open(path).await?;
    let found = store.import_of_file(account.id, source.hash).await?;
    let was_finished = found
        .as_ref()
        .is_some_and(|import| import.finished_at.is_some());
    let resumed_at_line = found.as_ref().map(|import| import.checkpoint.lines + 1);
    let mut import = match found {
        Some(import) => import,
        None => begin(store, ids, account, &source, now).await?,
    };
    if !was_finished {
        let terms = terms(store, account, now).await?;
        let batches = source.batches(import.checkpoint, terms);
        let intake = Intake {
            store,
            ids,
            friends: FriendsOf::account(account, now)?,
            now,
        };
        intake.run(&source, &mut import, batches, progress).await?;
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
    ids: &dyn IdSource,
    account: &Account,
    source: &Source,
    now: Timestamp,
) -> Result<Import, Error> {
    let id: ImportId = ids.next();
    let import = Import {
        id,
        account: account.id,
        file_name: source.file_name(),
        file_hash: source.hash,
        checkpoint: source.first_row,
        seen: RoaringBitmap::new(),
        started_at: now,
        finished_at: None,
    };
    let mut write = store.write().await?;
    write.insert_import(&import).await?;
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
        mut batches: mpsc::Receiver<Result<Batch, Error>>,
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
        let (facts, doubles) = first_of_each(batch.rows, &numbers, &mut seen);
        let to = Checkpoint {
            offset_bytes: batch.end_offset,
            lines: batch.end_lines,
            accepted: import.checkpoint.accepted + facts.len() as u64,
            rejected: import.checkpoint.rejected + batch.rejected + doubles.len() as u64,
        };
        let rejections = [batch.rejections, doubles].concat();
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
) -> (Vec<FriendFact>, Vec<Rejection>) {
    let mut facts = Vec::with_capacity(rows.len());
    let mut doubles = Vec::new();
    for GoodRow { line, fact } in rows {
        let number = numbers.get(&fact.user).map(|user| user.number.0);
        if number.is_some_and(|number| seen.insert(number)) {
            facts.push(fact);
        } else {
            doubles.push(Rejection {
                line,
                reason: RejectReason::DuplicateKey,
                explanation: "user_key: an earlier row of the file has this key".into(),
            });
        }
    }
    (facts, doubles)
}

/// Rows that are committed together.
#[derive(Default)]
struct Batch {
    rows: Vec<GoodRow>,
    rejections: Vec<Rejection>,
    /// Refused rows, each once.
    rejected: u64,
    end_offset: u64,
    end_lines: u64,
}

struct GoodRow {
    line: u64,
    fact: FriendFact,
}

impl Batch {
    fn len(&self) -> usize {
        self.rows.len() + self.rejected as usize
    }

    fn refuse(&mut self, line: u64, faults: impl IntoIterator<Item = row::Fault>) {
        self.rejected += 1;
        let mut reasons = HashSet::new();
        for (reason, explanation) in faults {
            // One row, one line per reason.
            if reasons.insert(reason) {
                self.rejections.push(Rejection {
                    line,
                    reason,
                    explanation,
                });
            }
        }
    }
}

/// The file, looked through once: its header is one, its content has a name.
struct Source {
    path: PathBuf,
    columns: Columns,
    /// Behind the header.
    first_row: Checkpoint,
    hash: [u8; 32],
    bytes: u64,
    modified: Option<std::time::SystemTime>,
}

impl Source {
    async fn open(path: &Path) -> Result<Self, Error> {
        let path = path.to_owned();
        blocking(move || Self::look_through(path)).await
    }

    fn look_through(path: PathBuf) -> Result<Self, Error> {
        let failed = |error| io_error(&path, error);
        let mut file = File::open(&path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(bad_file(&path, "this is not a file"));
        }
        let (columns, first_row) = header(&path, &mut file)?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let hash = hash(&mut file).map_err(failed)?;
        Ok(Self {
            columns,
            first_row,
            hash,
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            path,
        })
    }

    fn file_name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    fn expect_unchanged(&self) -> Result<(), Error> {
        let metadata = std::fs::metadata(&self.path).map_err(|e| io_error(&self.path, e))?;
        if metadata.len() == self.bytes && metadata.modified().ok() == self.modified {
            return Ok(());
        }
        Err(Error::FileChanged(self.path.display().to_string()))
    }

    /// Reads and checks rows on a thread of its own, from the checkpoint to the end.
    fn batches(&self, from: Checkpoint, terms: Terms) -> mpsc::Receiver<Result<Batch, Error>> {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let (path, columns) = (self.path.clone(), self.columns.clone());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = read_batches(&path, &columns, from, &terms, &sender) {
                // Nobody listens any more: the import has failed elsewhere and says so there.
                let _ = sender.blocking_send(Err(error));
            }
        });
        receiver
    }
}

fn read_batches(
    path: &Path,
    columns: &Columns,
    from: Checkpoint,
    terms: &Terms,
    sender: &mpsc::Sender<Result<Batch, Error>>,
) -> Result<(), Error> {
    let failed = |error| io_error(path, error);
    let mut file = File::open(path).map_err(failed)?;
    file.seek(SeekFrom::Start(from.offset_bytes))
        .map_err(failed)?;
    let mut records = Records::of(file, from.offset_bytes, from.lines);
    let mut batch = Batch::default();
    while let Some(span) = records.next_span().map_err(failed)? {
        judge(&mut batch, span, &records, columns, terms);
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

fn judge(batch: &mut Batch, span: Span, records: &Records<File>, columns: &Columns, terms: &Terms) {
    match span.kind {
        Kind::Blank => {}
        Kind::Record => match row::friend(records.cells(), columns, terms) {
            Ok(fact) => batch.rows.push(GoodRow {
                line: span.line,
                fact,
            }),
            Err(faults) => batch.refuse(span.line, faults),
        },
        Kind::UnbalancedQuotes => {
            let explanation = "a quoted cell does not end where it should: quotes inside a cell \
                               are doubled, and a comma or the line's end follows the last one";
            batch.refuse(
                span.line,
                [(RejectReason::UnbalancedQuotes, explanation.into())],
            );
        }
        Kind::TooLong => {
            let explanation = format!("the row has more than {RECORD_BYTES_MAX} bytes");
            batch.refuse(span.line, [(RejectReason::RowTooLong, explanation)]);
        }
    }
}

/// Reads the byte-order mark and the header; where the first row begins.
fn header(path: &Path, file: &mut File) -> Result<(Columns, Checkpoint), Error> {
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
        Some(Kind::Record) => Columns::read(records.cells()),
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
    Ok((columns.map_err(|why| bad_file(path, &why))?, first_row))
}

/// What a file that is no CSV in UTF-8 is, by its first bytes.
fn not_a_csv(first: &[u8]) -> Option<&'static str> {
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

fn hash(file: &mut File) -> std::io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; HASH_BUFFER_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(&buffer[..read]),
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(cancelled) => Err(Error::Io {
                path: "the reading thread".into(),
                source: std::io::Error::other(cancelled),
            }),
        },
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
