//! The accept log: one entry per recipient and acceptance, read from the pushes. It is the oracle
//! of the fault tests, so it shows what was accepted twice as two entries.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;

use domain::codec::PackedKeys;
use domain::id::CampaignId;
use domain::push::PushKey;
use domain::time::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{ConnectOptions, Row};

use super::record::{decode_results, impossible, push_key};
use crate::StoreError;

/// Pushes read at once: about 2 MB.
const PAGE: u32 = 100;

/// One acceptance. An uncertain recipient counts from the moment its delivery was confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEntry<'a> {
    pub push_key: PushKey,
    pub campaign: CampaignId,
    pub user_key: &'a str,
    pub at: Timestamp,
}

/// Totals over the whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    pub pushes: u64,
    pub distinct_keys: u64,
    /// Recipients accepted in an answer, each time.
    pub accepted: u64,
    /// Recipients answered as uncertain, and how many were confirmed later: of these, or of those
    /// accepted.
    pub uncertain: u64,
    pub confirmed: u64,
    pub closed_keys: u64,
}

/// The file, opened for reading beside a sandbox that may be running.
#[derive(Debug, Clone)]
pub struct AcceptLog(SqlitePool);

impl AcceptLog {
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str("sqlite://")?
            .filename(path)
            .read_only(true)
            .disable_statement_logging();
        SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await
            .map(Self)
            .map_err(|error| StoreError::CannotOpen {
                path: path.display().to_string(),
                why: error.to_string(),
            })
    }

    pub async fn close(self) {
        self.0.close().await;
    }

    pub async fn summary(&self) -> Result<Summary, StoreError> {
        summary(&self.0).await
    }

    /// Calls `each` with every acceptance in the order they were recorded; ends at its first error.
    pub async fn for_each<E: From<StoreError>>(
        &self,
        mut each: impl FnMut(LogEntry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut after = 0i64;
        loop {
            let pushes = self.page(after).await?;
            let Some(last) = pushes.last() else {
                return Ok(());
            };
            after = last.sequence;
            for push in &pushes {
                push.for_each(&mut each)?;
            }
        }
    }

    async fn page(&self, after: i64) -> Result<Vec<LoggedPush>, StoreError> {
        let sql = "SELECT p.sequence, p.key, p.at, p.size, p.accepted, p.uncertain, p.results,
                     p.recipients, c.campaign
                   FROM push p JOIN content c ON c.hash = p.content
                   WHERE p.sequence > $1 ORDER BY p.sequence LIMIT $2";
        let rows = sqlx::query(sql)
            .bind(after)
            .bind(PAGE)
            .fetch_all(&self.0)
            .await
            .map_err(StoreError::from)?;
        let mut pushes = Vec::with_capacity(rows.len());
        for row in rows {
            let uncertain: u32 = row.try_get("uncertain")?;
            let sequence: i64 = row.try_get("sequence")?;
            pushes.push(LoggedPush::read(
                &row,
                sequence,
                self.confirmed(sequence, uncertain).await?,
            )?);
        }
        Ok(pushes)
    }

    /// Which positions of a push were confirmed later, and when.
    async fn confirmed(
        &self,
        sequence: i64,
        uncertain: u32,
    ) -> Result<HashMap<u32, Timestamp>, StoreError> {
        if uncertain == 0 {
            return Ok(HashMap::new());
        }
        let sql = "SELECT position, at FROM resolution WHERE sequence = $1 AND confirmed = 1";
        let rows = sqlx::query(sql).bind(sequence).fetch_all(&self.0).await?;
        rows.iter()
            .map(|row| {
                let at = Timestamp::from_millis(row.try_get("at")?);
                Ok((row.try_get("position")?, at))
            })
            .collect()
    }
}

struct LoggedPush {
    sequence: i64,
    key: PushKey,
    campaign: CampaignId,
    recipients: PackedKeys,
    /// When each position was accepted; `None` where it was not.
    accepted_at: Vec<Option<Timestamp>>,
}

impl LoggedPush {
    fn read(
        row: &sqlx::sqlite::SqliteRow,
        sequence: i64,
        confirmed: HashMap<u32, Timestamp>,
    ) -> Result<Self, StoreError> {
        let at = Timestamp::from_millis(row.try_get("at")?);
        let size: u32 = row.try_get("size")?;
        let results = decode_results(row.try_get("results")?, row.try_get("accepted")?)?;
        if !results.add_up_to(size) {
            return Err(impossible("push", "results", "does not add up to the size"));
        }
        let mut accepted_at = vec![Some(at); size as usize];
        let rejected = results.rejected.iter().map(|(position, _)| position);
        for position in results.excluded.iter().chain(rejected) {
            accepted_at[*position as usize] = None;
        }
        for position in &results.uncertain {
            accepted_at[*position as usize] = confirmed.get(position).copied();
        }
        let campaign: Vec<u8> = row.try_get("campaign")?;
        Ok(Self {
            sequence,
            key: push_key(row.try_get("key")?)?,
            campaign: CampaignId::from_slice(&campaign)
                .ok_or_else(|| impossible("content", "campaign", "not 16 bytes"))?,
            recipients: PackedKeys::from_blob(row.try_get("recipients")?),
            accepted_at,
        })
    }

    fn for_each<E: From<StoreError>>(
        &self,
        each: &mut impl FnMut(LogEntry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut position = 0;
        let mut outcome = Ok(());
        let read = self.recipients.for_each(|user_key| {
            let at = self.accepted_at.get(position).copied().flatten();
            position += 1;
            if let (Some(at), Ok(())) = (at, &outcome) {
                outcome = each(LogEntry {
                    push_key: self.key,
                    campaign: self.campaign,
                    user_key,
                    at,
                });
            }
        });
        read.map_err(|error| impossible("push", "recipients", error))?;
        if position != self.accepted_at.len() {
            return Err(impossible("push", "recipients", "another number than the size").into());
        }
        outcome
    }
}

pub(super) async fn summary(pool: &SqlitePool) -> Result<Summary, StoreError> {
    let sql = "SELECT (SELECT count(*) FROM push) AS pushes,
                 (SELECT count(DISTINCT key) FROM push) AS distinct_keys,
                 (SELECT coalesce(sum(accepted), 0) FROM push) AS accepted,
                 (SELECT coalesce(sum(uncertain), 0) FROM push) AS uncertain,
                 (SELECT count(*) FROM resolution WHERE confirmed = 1) AS confirmed,
                 (SELECT count(*) FROM closed_key) AS closed_keys";
    let row = sqlx::query(sql).fetch_one(pool).await?;
    let count = |column: &str| -> Result<u64, sqlx::Error> {
        Ok(row.try_get::<i64, _>(column)?.max(0) as u64)
    };
    Ok(Summary {
        pushes: count("pushes")?,
        distinct_keys: count("distinct_keys")?,
        accepted: count("accepted")?,
        uncertain: count("uncertain")?,
        confirmed: count("confirmed")?,
        closed_keys: count("closed_keys")?,
    })
}
