//! Files of friends that somebody brought to the page: mapped, waiting, taken in.
//!
//! The file lies in the data folder under the upload's id until it is taken in. What it becomes is
//! an [`crate::import::Import`] of the same id, or of an earlier one where the same file was taken
//! in with the same meaning before.

use domain::id::{AccountId, ImportId, MemberId};
use domain::time::Timestamp;
use sea_orm::ConnectionTrait;

use crate::import::{Checkpoint, Rejection};
use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write, bulk};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportUpload {
    pub id: ImportId,
    pub account: AccountId,
    pub file_name: String,
    /// SHA-256 of the file as it came.
    pub file_hash: [u8; 32],
    /// Of the file as it lies there.
    pub bytes: u64,
    /// What it was converted from; empty where it is as it came.
    pub encoding: String,
    pub uploaded_at: Timestamp,
    pub uploaded_by: MemberId,
    /// JSON of `jobs`: which column means what.
    pub mapping: Option<String>,
    pub asked_at: Option<Timestamp>,
    pub import: Option<ImportId>,
    pub failure: Option<String>,
    pub ended_at: Option<Timestamp>,
}

/// A line of the list of imports: from the page or from the shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportLine {
    pub id: ImportId,
    pub file_name: String,
    pub began_at: Timestamp,
    pub is_asked: bool,
    pub is_failed: bool,
    pub is_over: bool,
    /// Of the import it became, as far as it is.
    pub checkpoint: Option<Checkpoint>,
}

/// Nobody asked for anything so early.
const BEFORE_ALL: Timestamp = Timestamp::from_millis(0);

const UPLOAD: &str = "SELECT id, account, file_name, file_hash, bytes, encoding, uploaded_at,
    uploaded_by, mapping, asked_at, import, failure, ended_at FROM import_upload";

impl Write {
    /// Files of an account that were not taken in yet.
    pub async fn open_uploads(&self, account: AccountId) -> Result<u64, StoreError> {
        open_uploads(self.connection(), account).await
    }

    pub async fn insert_upload(&mut self, upload: &ImportUpload) -> Result<(), StoreError> {
        let sql = "INSERT INTO import_upload (id, account, file_name, file_hash, bytes, encoding,
                       uploaded_at, uploaded_by)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let values = values![
            upload.id,
            upload.account,
            upload.file_name.as_str(),
            upload.file_hash,
            upload.bytes,
            upload.encoding.as_str(),
            upload.uploaded_at,
            upload.uploaded_by,
        ];
        row::execute(self.connection(), sql, values).await?;
        Ok(())
    }

    /// From now on it is taken in; refused where somebody asked for that before.
    pub async fn ask_for_upload(
        &mut self,
        account: AccountId,
        id: ImportId,
        mapping: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE import_upload SET mapping = $1, asked_at = $2
                   WHERE account = $3 AND id = $4 AND asked_at IS NULL AND ended_at IS NULL";
        match row::execute(self.connection(), sql, values![mapping, now, account, id]).await? {
            0 => Err(StoreError::Conflict("the import of this file")),
            _ => Ok(()),
        }
    }

    /// Its end: what it became, or why it became nothing.
    pub async fn end_upload(
        &mut self,
        id: ImportId,
        outcome: Result<ImportId, &str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (import, failure) = match outcome {
            Ok(import) => (Some(import.as_bytes().to_vec()), None),
            Err(why) => (None, Some(why.to_owned())),
        };
        let sql = "UPDATE import_upload SET import = $1, failure = $2, ended_at = $3
                   WHERE id = $4 AND ended_at IS NULL";
        row::execute(self.connection(), sql, values![import, failure, now, id]).await?;
        Ok(())
    }

    /// Forgets a file that nobody asked to take in.
    pub async fn discard_upload(
        &mut self,
        account: AccountId,
        id: ImportId,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM import_upload WHERE account = $1 AND id = $2 AND asked_at IS NULL";
        match row::execute(self.connection(), sql, values![account, id]).await? {
            0 => Err(StoreError::Conflict("the import of this file")),
            _ => Ok(()),
        }
    }

    /// Keeps rows that were refused, by line.
    pub async fn keep_rejected_rows(
        &mut self,
        id: ImportId,
        rows: &[(u64, String)],
    ) -> Result<(), StoreError> {
        let rows = rows
            .iter()
            .map(|(line, cells)| values![id, *line, cells.as_str()]);
        let head = "INSERT INTO import_rejected_row (import, line, cells)";
        let rows: Vec<_> = rows.collect();
        bulk::insert(self.connection(), head, "ON CONFLICT DO NOTHING", rows).await?;
        Ok(())
    }
}

impl Store {
    pub async fn upload_of_account(
        &self,
        account: AccountId,
        id: ImportId,
    ) -> Result<Option<ImportUpload>, StoreError> {
        let sql = format!("{UPLOAD} WHERE account = $1 AND id = $2");
        let row = row::one(self.reader(), "import_upload", &sql, values![account, id]).await?;
        row.map(|row| upload(&row)).transpose()
    }

    /// Files of an account that were not taken in yet.
    pub async fn open_uploads(&self, account: AccountId) -> Result<u64, StoreError> {
        open_uploads(self.reader(), account).await
    }

    /// Every file that was not taken in yet, of whichever account: friends, or ids of an audience
    /// group.
    pub async fn open_upload_ids(&self) -> Result<Vec<ImportId>, StoreError> {
        let sql = "SELECT id FROM import_upload WHERE ended_at IS NULL
                   UNION ALL
                   SELECT id FROM audience_group_job WHERE ended_at IS NULL AND has_file = 1";
        let rows = row::all(self.reader(), "import_upload", sql, []).await?;
        rows.iter().map(|row| row.id("id")).collect()
    }

    /// The upload that waits longest to be taken in, behind another one of the same order.
    pub async fn waiting_upload(
        &self,
        behind: Option<(Timestamp, ImportId)>,
    ) -> Result<Option<ImportUpload>, StoreError> {
        let (asked_at, id) = behind.unwrap_or((BEFORE_ALL, ImportId::from_bytes([0; 16])));
        let sql = format!(
            "{UPLOAD} WHERE asked_at IS NOT NULL AND ended_at IS NULL
               AND (asked_at > $1 OR (asked_at = $1 AND id > $2))
             ORDER BY asked_at, id LIMIT 1"
        );
        let row = row::one(self.reader(), "import_upload", &sql, values![asked_at, id]).await?;
        row.map(|row| upload(&row)).transpose()
    }

    /// When this very file was brought before and taken in, the last time it was.
    pub async fn same_upload(
        &self,
        upload: &ImportUpload,
    ) -> Result<Option<(ImportId, Timestamp)>, StoreError> {
        let sql = "SELECT id, ended_at FROM import_upload
                   WHERE account = $1 AND file_hash = $2 AND id <> $3 AND import IS NOT NULL
                     AND ended_at IS NOT NULL
                   ORDER BY ended_at DESC LIMIT 1";
        let bound = values![upload.account, upload.file_hash, upload.id];
        let row = row::one(self.reader(), "import_upload", sql, bound).await?;
        row.map(|row| Ok((row.id("id")?, row.time("ended_at")?)))
            .transpose()
    }

    /// The imports of an account, the latest first: brought to the page, or taken in by the shell.
    pub async fn imports_of_account(
        &self,
        account: AccountId,
        limit: u32,
    ) -> Result<Vec<ImportLine>, StoreError> {
        let sql = "SELECT u.id AS id, u.file_name AS file_name, u.uploaded_at AS began_at,
                     u.asked_at IS NOT NULL AS is_asked, u.failure IS NOT NULL AS is_failed,
                     u.ended_at IS NOT NULL AS is_over, i.offset_bytes AS offset_bytes,
                     i.lines AS lines, i.accepted AS accepted, i.rejected AS rejected
                   FROM import_upload u LEFT JOIN import i ON i.id = COALESCE(u.import, u.id)
                   WHERE u.account = $1
                   UNION ALL
                   SELECT i.id, i.file_name, i.started_at, TRUE, FALSE, i.finished_at IS NOT NULL,
                     i.offset_bytes, i.lines, i.accepted, i.rejected
                   FROM import i
                   WHERE i.account = $1
                     AND NOT EXISTS (SELECT 1 FROM import_upload u WHERE u.id = i.id)
                   ORDER BY 3 DESC, 1 DESC LIMIT $2";
        let rows = row::all(self.reader(), "import_upload", sql, values![account, limit]).await?;
        rows.iter().map(line).collect()
    }

    /// A page of refused rows in the order of lines, behind a line and the reason told there.
    pub async fn rejections_page(
        &self,
        import: ImportId,
        (line, reason): (u64, &str),
        limit: u32,
    ) -> Result<Vec<Rejection>, StoreError> {
        let sql = "SELECT line, reason, explanation, column_name, value FROM import_rejection
                   WHERE import = $1 AND (line > $2 OR (line = $2 AND reason > $3))
                   ORDER BY line, reason LIMIT $4";
        let bound = values![import, line, reason, limit];
        let rows = row::all(self.reader(), "import_rejection", sql, bound).await?;
        rows.iter().map(crate::import::rejection).collect()
    }

    /// The cells of refused rows between two lines, both among them.
    pub async fn rejected_rows(
        &self,
        import: ImportId,
        (first, last): (u64, u64),
    ) -> Result<Vec<(u64, String)>, StoreError> {
        let sql = "SELECT line, cells FROM import_rejected_row
                   WHERE import = $1 AND line BETWEEN $2 AND $3 ORDER BY line";
        let bound = values![import, first, last];
        let rows = row::all(self.reader(), "import_rejected_row", sql, bound).await?;
        rows.iter()
            .map(|row| Ok((row.int("line")?, row.get("cells")?)))
            .collect()
    }
}

async fn open_uploads(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<u64, StoreError> {
    let sql = "SELECT COUNT(*) AS files FROM import_upload
               WHERE account = $1 AND ended_at IS NULL";
    let row = row::one(connection, "import_upload", sql, values![account]).await?;
    row.map_or(Ok(0), |row| row.int("files"))
}

fn upload(row: &Row) -> Result<ImportUpload, StoreError> {
    Ok(ImportUpload {
        id: row.id("id")?,
        account: row.id("account")?,
        file_name: row.get("file_name")?,
        file_hash: row.bytes("file_hash")?,
        bytes: row.int("bytes")?,
        encoding: row.get("encoding")?,
        uploaded_at: row.time("uploaded_at")?,
        uploaded_by: row.id("uploaded_by")?,
        mapping: row.get("mapping")?,
        asked_at: row.optional_time("asked_at")?,
        import: row.optional_id("import")?,
        failure: row.get("failure")?,
        ended_at: row.optional_time("ended_at")?,
    })
}

fn line(row: &Row) -> Result<ImportLine, StoreError> {
    let offset: Option<u64> = row.optional_int("offset_bytes")?;
    let checkpoint = match offset {
        None => None,
        Some(offset_bytes) => Some(Checkpoint {
            offset_bytes,
            lines: row.int("lines")?,
            accepted: row.int("accepted")?,
            rejected: row.int("rejected")?,
        }),
    };
    Ok(ImportLine {
        id: row.id("id")?,
        file_name: row.get("file_name")?,
        began_at: row.time("began_at")?,
        is_asked: row.get("is_asked")?,
        is_failed: row.get("is_failed")?,
        is_over: row.get("is_over")?,
        checkpoint,
    })
}
