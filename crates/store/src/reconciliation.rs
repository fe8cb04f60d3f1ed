//! The checks of the books that were made: added, read again, forgotten after a time, never
//! changed.

use std::time::Duration;

use domain::id::ReconciliationId;
use domain::time::Timestamp;

use crate::row::{self, Row, values};
use crate::{Snapshot, Store, StoreError, Write};

/// How long a check without a finding is kept.
const CLEAN_LIGHT_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
const CLEAN_FULL_KEPT: Duration = Duration::from_secs(400 * 24 * 3_600);

/// How much a check looks at. Codes are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckKind {
    /// Sums, every few minutes.
    Light,
    /// Every chunk and every recipient, at night.
    Full,
}

/// One check of the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCheck {
    pub id: ReconciliationId,
    pub kind: CheckKind,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    pub clean: bool,
    /// JSON: `[{"id": "B1", "checked": 12}, …]`.
    pub checks: String,
    /// JSON: `[{"id": "B1", "words": "the wallet of …"}, …]`.
    pub findings: String,
}

impl CheckKind {
    pub const ALL: [CheckKind; 2] = [Self::Light, Self::Full];

    pub const fn code(self) -> u8 {
        match self {
            Self::Light => 1,
            Self::Full => 2,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Full => "full",
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

const CHECK: &str = "SELECT id, kind, started_at, ended_at, clean, checks, findings
    FROM reconciliation";

impl Write {
    /// Adds a check, and forgets those without findings that are old.
    pub async fn insert_reconciliation(&mut self, check: &RecordedCheck) -> Result<(), StoreError> {
        let sql = "INSERT INTO reconciliation
            (id, kind, started_at, ended_at, clean, checks, findings)
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let bound = values![
            check.id,
            check.kind.code(),
            check.started_at,
            check.ended_at,
            check.clean,
            check.checks.as_str(),
            check.findings.as_str(),
        ];
        row::execute(self.connection(), sql, bound).await?;
        for (kind, kept) in [
            (CheckKind::Light, CLEAN_LIGHT_KEPT),
            (CheckKind::Full, CLEAN_FULL_KEPT),
        ] {
            let sql = "DELETE FROM reconciliation
                       WHERE kind = $1 AND started_at < $2 AND clean = 1";
            let bound = values![kind.code(), check.ended_at - kept];
            row::execute(self.connection(), sql, bound).await?;
        }
        Ok(())
    }
}

impl Store {
    /// When the latest check of a kind began.
    pub async fn last_check_began(&self, kind: CheckKind) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT MAX(started_at) AS started_at FROM reconciliation WHERE kind = $1";
        let row = row::one(self.reader(), "reconciliation", sql, values![kind.code()]).await?;
        row.map_or(Ok(None), |row| row.optional_time("started_at"))
    }

    /// The latest check of a kind that found nothing, or whatever it found.
    pub async fn last_check(
        &self,
        kind: CheckKind,
        only_clean: bool,
    ) -> Result<Option<RecordedCheck>, StoreError> {
        let clean = if only_clean { " AND clean = 1" } else { "" };
        let sql =
            format!("{CHECK} WHERE kind = $1{clean} ORDER BY started_at DESC, id DESC LIMIT 1");
        let row = row::one(self.reader(), "reconciliation", &sql, values![kind.code()]).await?;
        row.map(|row| check(&row)).transpose()
    }

    pub async fn check(&self, id: ReconciliationId) -> Result<RecordedCheck, StoreError> {
        let sql = format!("{CHECK} WHERE id = $1");
        let row = row::one(self.reader(), "reconciliation", &sql, values![id]).await?;
        let row = row.ok_or_else(|| StoreError::NotFound(format!("check {id}")))?;
        check(&row)
    }
}

impl Snapshot {
    /// The first check that began after a moment.
    pub async fn first_check_after(
        &self,
        moment: Timestamp,
    ) -> Result<Option<RecordedCheck>, StoreError> {
        let sql = format!("{CHECK} WHERE started_at >= $1 ORDER BY started_at, id LIMIT 1");
        let row = row::one(self.connection(), "reconciliation", &sql, values![moment]).await?;
        row.map(|row| check(&row)).transpose()
    }

    /// The latest checks of a kind, the latest first.
    pub async fn last_checks(
        &self,
        kind: CheckKind,
        limit: u32,
    ) -> Result<Vec<RecordedCheck>, StoreError> {
        let sql = format!("{CHECK} WHERE kind = $1 ORDER BY started_at DESC, id DESC LIMIT $2");
        let bound = values![kind.code(), limit];
        let rows = row::all(self.connection(), "reconciliation", &sql, bound).await?;
        rows.iter().map(check).collect()
    }
}

fn check(row: &Row) -> Result<RecordedCheck, StoreError> {
    let code: u8 = row.int("kind")?;
    Ok(RecordedCheck {
        id: row.id("id")?,
        kind: CheckKind::from_code(code).ok_or_else(|| row.corrupt("kind", code))?,
        started_at: row.time("started_at")?,
        ended_at: row.time("ended_at")?,
        clean: row.int::<u8>("clean")? == 1,
        checks: row.get("checks")?,
        findings: row.get("findings")?,
    })
}
