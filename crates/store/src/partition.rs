//! The monthly partitions of the record on PostgreSQL. SQLite has the column and no partitions.
//!
//! A chunk lives in the partition of its campaign's launch month and keeps it for good. Partitions
//! are made ahead, and by whatever launches into a month that has none.
//!
//! Statements of the hot paths have the month as a number in their text: so no other partition is
//! in their plan, to be locked or pruned each time. A month without a partition has no chunks.

use domain::time::{LaunchMonth, Timestamp};
use sea_orm::{ConnectionTrait, DbBackend};

use crate::row::{self, values};
use crate::{Store, StoreError, Write};

/// Months made ahead of the one that is: a process that makes them once a day is never late.
const MONTHS_AHEAD: u16 = 3;

/// The table that holds the chunks of a month.
fn chunk_partition(month: LaunchMonth) -> String {
    format!("chunk_{}", month.number())
}

/// The table that holds what only the pushes of a month need.
fn recipients_partition(month: LaunchMonth) -> String {
    format!("chunk_recipients_{}", month.number())
}

impl Store {
    /// Makes the partitions that are needed from now on, by the database's own clock: there is no
    /// other yet when a database is opened.
    pub(crate) async fn make_first_partitions(&self) -> Result<(), StoreError> {
        if self.engine() != DbBackend::Postgres {
            return Ok(());
        }
        let sql = "SELECT (extract(epoch FROM now()) * 1000)::bigint AS now";
        let row = row::one(self.reader(), "clock", sql, []).await?;
        let row = row.ok_or_else(|| StoreError::NotFound("the database's time".into()))?;
        self.ensure_partitions(row.time("now")?).await
    }

    /// Makes the partitions of this month and the next ones where they are missing.
    pub async fn ensure_partitions(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.engine() != DbBackend::Postgres {
            return Ok(());
        }
        let first = LaunchMonth::of(now).number();
        let mut write = self.write().await?;
        for number in first..=first.saturating_add(MONTHS_AHEAD) {
            let month = LaunchMonth::from_number(number.into());
            let month = month.map_err(|error| StoreError::Invariant(error.to_string()))?;
            write.ensure_month(month).await?;
        }
        write.commit().await
    }
}

impl Write {
    /// Makes the partitions of a month where they are missing; to be called by cold writes alone,
    /// which take turns. Nobody who reads or writes other months waits for it.
    pub async fn ensure_month(&mut self, month: LaunchMonth) -> Result<(), StoreError> {
        if self.engine() != DbBackend::Postgres {
            return Ok(());
        }
        // A chunk is narrow but for its numbers, which stand elsewhere; it is written four times.
        let chunks = "fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1,
            autovacuum_analyze_scale_factor = 0.05";
        for (table, partition, settings) in [
            ("chunk", chunk_partition(month), chunks),
            (
                "chunk_recipients",
                recipients_partition(month),
                "fillfactor = 100",
            ),
        ] {
            self.ensure(table, &partition, settings, month).await?;
        }
        Ok(())
    }

    async fn ensure(
        &mut self,
        table: &'static str,
        partition: &str,
        settings: &str,
        month: LaunchMonth,
    ) -> Result<(), StoreError> {
        let sql = "SELECT to_regclass($1) IS NOT NULL AS is_there";
        let row = row::one(self.connection(), table, sql, values![partition]).await?;
        if row.is_some_and(|row| row.get("is_there").unwrap_or(false)) {
            return Ok(());
        }
        // Made beside the table and attached then: to be made as its partition it would need the
        // table for itself.
        let (from, to) = (month.number(), u32::from(month.number()) + 1);
        let sql = format!(
            "CREATE TABLE {partition} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS
               INCLUDING STORAGE INCLUDING INDEXES) WITH ({settings});
             ALTER TABLE {table} ATTACH PARTITION {partition} FOR VALUES FROM ({from}) TO ({to});"
        );
        self.connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}
