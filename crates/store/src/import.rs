//! Imports: how far a file is taken in, and what was refused of it.
//!
//! A checkpoint moves in the transaction of the rows before it, so a killed import goes on where
//! its last commit ended and no row is taken twice. A file is known by its content.

use domain::friend::RejectReason;
use domain::id::{AccountId, ImportId};
use domain::time::Timestamp;
use roaring::RoaringBitmap;

use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write, bulk};

/// One file taken in, or being taken in, for one account.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    pub id: ImportId,
    pub account: AccountId,
    pub file_name: String,
    /// SHA-256 of the file's content.
    pub file_hash: [u8; 32],
    pub checkpoint: Checkpoint,
    /// Users accepted so far.
    pub seen: RoaringBitmap,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

/// Everything of the file before it is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checkpoint {
    pub offset_bytes: u64,
    /// Physical lines before the offset.
    pub lines: u64,
    /// Rows, each counted once however many faults it has.
    pub accepted: u64,
    pub rejected: u64,
}

/// One fault of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Where the row begins; the header is line 1.
    pub line: u64,
    pub reason: RejectReason,
    /// In words, for the person who repairs the file.
    pub explanation: String,
    /// The column of the cell, by the file's own name; empty where it is the whole row.
    pub column: String,
    /// What stands in the cell, shortened.
    pub value: String,
}

/// The rows refused for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonCount {
    pub reason: RejectReason,
    pub rows: u64,
    pub first_lines: Vec<u64>,
}

/// Lines named per reason in a summary; the report of an import has all of them.
const FIRST_LINES: u32 = 20;
/// Rejections that one query of a listing brings.
const REJECTIONS_PER_PAGE: u32 = 5_000;

const IMPORT: &str = "SELECT id, account, file_name, file_hash, offset_bytes, lines, accepted,
    rejected, seen, started_at, finished_at FROM import";

impl Write {
    pub async fn insert_import(&mut self, import: &Import) -> Result<(), StoreError> {
        let sql = "INSERT INTO import (id, account, file_name, file_hash, offset_bytes, lines,
                       accepted, rejected, seen, started_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                   ON CONFLICT (account, file_hash) DO NOTHING";
        let values = values![
            import.id,
            import.account,
            import.file_name.as_str(),
            import.file_hash,
            import.checkpoint.offset_bytes,
            import.checkpoint.lines,
            import.checkpoint.accepted,
            import.checkpoint.rejected,
            packed(&import.seen)?,
            import.started_at,
        ];
        match row::execute(self.connection(), sql, values).await? {
            0 => Err(StoreError::Conflict("the import of this file")),
            _ => Ok(()),
        }
    }

    /// Moves the checkpoint from where the caller found it, or refuses because another process
    /// takes the same file in.
    pub async fn advance_import(
        &mut self,
        id: ImportId,
        from: Checkpoint,
        to: Checkpoint,
        seen: &RoaringBitmap,
        rejections: &[Rejection],
    ) -> Result<(), StoreError> {
        let sql = "UPDATE import SET offset_bytes = $1, lines = $2, accepted = $3, rejected = $4,
                       seen = $5
                   WHERE id = $6 AND offset_bytes = $7 AND finished_at IS NULL";
        let values = values![
            to.offset_bytes,
            to.lines,
            to.accepted,
            to.rejected,
            packed(seen)?,
            id,
            from.offset_bytes,
        ];
        if row::execute(self.connection(), sql, values).await? == 0 {
            return Err(StoreError::Conflict("the import of this file"));
        }
        let head = "INSERT INTO import_rejection (import, line, reason, explanation,
            column_name, value)";
        let rows = rejections.iter().map(|rejection| {
            values![
                id,
                rejection.line,
                rejection.reason.as_str(),
                rejection.explanation.as_str(),
                rejection.column.as_str(),
                rejection.value.as_str(),
            ]
        });
        bulk::insert(
            self.connection(),
            head,
            "ON CONFLICT DO NOTHING",
            rows.collect(),
        )
        .await?;
        Ok(())
    }

    pub async fn finish_import(&mut self, id: ImportId, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE import SET finished_at = $1, seen = $2
                   WHERE id = $3 AND finished_at IS NULL";
        let nobody = packed(&RoaringBitmap::new())?;
        match row::execute(self.connection(), sql, values![now, nobody, id]).await? {
            0 => Err(StoreError::Conflict("the import of this file")),
            _ => Ok(()),
        }
    }
}

impl Store {
    /// The import of a file of this content for this account, if there ever was one.
    pub async fn import_of_file(
        &self,
        account: AccountId,
        file_hash: [u8; 32],
    ) -> Result<Option<Import>, StoreError> {
        let sql = format!("{IMPORT} WHERE account = $1 AND file_hash = $2");
        let row = row::one(self.reader(), "import", &sql, values![account, file_hash]).await?;
        row.map(|row| import(&row)).transpose()
    }

    pub async fn import_of_account(
        &self,
        account: AccountId,
        id: ImportId,
    ) -> Result<Option<Import>, StoreError> {
        let sql = format!("{IMPORT} WHERE account = $1 AND id = $2");
        let row = row::one(self.reader(), "import", &sql, values![account, id]).await?;
        row.map(|row| import(&row)).transpose()
    }

    /// Refused rows by reason, the most frequent first, with the first lines of each.
    pub async fn rejection_counts(&self, import: &Import) -> Result<Vec<ReasonCount>, StoreError> {
        let sql = "SELECT reason, COUNT(*) AS rejected FROM import_rejection
                   WHERE import = $1 GROUP BY reason ORDER BY rejected DESC, reason";
        let table = "import_rejection";
        let mut counts = Vec::new();
        for row in row::all(self.reader(), table, sql, values![import.id]).await? {
            let reason = reason(&row)?;
            let sql = "SELECT line FROM import_rejection WHERE import = $1 AND reason = $2
                       ORDER BY line LIMIT $3";
            let values = values![import.id, reason.as_str(), FIRST_LINES];
            let lines = row::all(self.reader(), table, sql, values).await?;
            counts.push(ReasonCount {
                reason,
                rows: row.int("rejected")?,
                first_lines: lines
                    .iter()
                    .map(|row| row.int("line"))
                    .collect::<Result<_, _>>()?,
            });
        }
        Ok(counts)
    }

    /// A page of rejections in the order of lines, behind the last one of the page before.
    pub async fn rejections_after(
        &self,
        import: &Import,
        last: Option<&Rejection>,
    ) -> Result<Vec<Rejection>, StoreError> {
        let sql = "SELECT line, reason, explanation, column_name, value FROM import_rejection
                   WHERE import = $1 AND (line > $2 OR (line = $2 AND reason > $3))
                   ORDER BY line, reason LIMIT $4";
        let (line, reason_before) = last.map_or((0, ""), |last| (last.line, last.reason.as_str()));
        let values = values![import.id, line, reason_before, REJECTIONS_PER_PAGE];
        let rows = row::all(self.reader(), "import_rejection", sql, values).await?;
        rows.iter().map(rejection).collect()
    }
}

fn import(row: &Row) -> Result<Import, StoreError> {
    let seen: Vec<u8> = row.get("seen")?;
    let seen = RoaringBitmap::deserialize_from(seen.as_slice());
    Ok(Import {
        id: row.id("id")?,
        account: row.id("account")?,
        file_name: row.get("file_name")?,
        file_hash: row.bytes("file_hash")?,
        checkpoint: Checkpoint {
            offset_bytes: row.int("offset_bytes")?,
            lines: row.int("lines")?,
            accepted: row.int("accepted")?,
            rejected: row.int("rejected")?,
        },
        seen: seen.map_err(|error| row.corrupt("seen", error))?,
        started_at: row.time("started_at")?,
        finished_at: row.optional_time("finished_at")?,
    })
}

pub(crate) fn rejection(row: &Row) -> Result<Rejection, StoreError> {
    Ok(Rejection {
        line: row.int("line")?,
        reason: reason(row)?,
        explanation: row.get("explanation")?,
        column: row.get("column_name")?,
        value: row.get("value")?,
    })
}

fn reason(row: &Row) -> Result<RejectReason, StoreError> {
    let word: String = row.get("reason")?;
    RejectReason::parse(&word).ok_or_else(|| row.corrupt("reason", &word))
}

fn packed(bitmap: &RoaringBitmap) -> Result<Vec<u8>, StoreError> {
    // Numbers given out in one import follow each other: as runs they take a few bytes.
    let mut bitmap = bitmap.clone();
    bitmap.optimize();
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    let written = bitmap.serialize_into(&mut bytes);
    written.map_err(|error| StoreError::Invariant(error.to_string()))?;
    Ok(bytes)
}
