//! What the database and the messenger say of a run, after it.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use domain::id::CampaignId;
use domain::time::Timestamp;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use store::StoreError;
use store::sandbox::AcceptLog;

/// The tables that a send leaves bytes in; what an import or a brand leaves is not a send's.
const TABLES: [&str; 4] = ["chunk", "chunk_recipients", "attempt", "capture"];

/// What stands in the books.
#[derive(Debug, Clone, Copy)]
pub struct Recorded {
    pub launched_at: Timestamp,
    pub frozen: u64,
    pub freeze_ended_at: Timestamp,
    pub first_attempt_at: Timestamp,
    pub last_settled_at: Timestamp,
    pub accepted: u64,
    pub billed_micro: i64,
    /// Accepted by the record, times the unit price.
    pub due_micro: i64,
    pub table_bytes: u64,
}

/// What the messenger accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    pub people: u64,
    pub duplicated: u64,
    pub first_at: Timestamp,
}

/// A connection of the bench's own to a database that no server has open any more.
pub async fn open(database: &Path) -> anyhow::Result<SqlitePool> {
    let options = SqliteConnectOptions::new().filename(database);
    let pool = SqlitePoolOptions::new().max_connections(1);
    Ok(pool.connect_with(options).await?)
}

pub async fn recorded(pool: &SqlitePool, campaign: CampaignId) -> anyhow::Result<Recorded> {
    let id = campaign.as_bytes().as_slice();
    let sql = "SELECT k.launched_at AS launched_at,
            (SELECT SUM(frozen) FROM freeze_range WHERE campaign = k.id) AS frozen,
            (SELECT MAX(done_at) FROM freeze_range WHERE campaign = k.id) AS freeze_ended_at,
            (SELECT MIN(began_at) FROM attempt WHERE campaign = k.id) AS first_attempt_at,
            (SELECT MAX(settled_at) FROM chunk WHERE campaign = k.id) AS last_settled_at,
            (SELECT SUM(accepted) FROM chunk WHERE campaign = k.id) AS accepted,
            (SELECT SUM(amount) FROM capture WHERE campaign = k.id) AS billed,
            (SELECT unit_price FROM campaign_tariff WHERE campaign = k.id) AS unit_price
        FROM campaign k WHERE k.id = $1";
    let row = sqlx::query(sql).bind(id).fetch_one(pool).await?;
    let number = |column: &str| -> anyhow::Result<i64> {
        let found: Option<i64> = row.try_get(column)?;
        found.with_context(|| format!("the run left no {column}"))
    };
    let time = |column: &str| number(column).map(Timestamp::from_millis);
    let accepted = number("accepted")?;
    Ok(Recorded {
        launched_at: time("launched_at")?,
        frozen: number("frozen")? as u64,
        freeze_ended_at: time("freeze_ended_at")?,
        first_attempt_at: time("first_attempt_at")?,
        last_settled_at: time("last_settled_at")?,
        accepted: accepted as u64,
        billed_micro: number("billed")?,
        due_micro: accepted * number("unit_price")?,
        table_bytes: table_bytes(pool).await?,
    })
}

async fn table_bytes(pool: &SqlitePool) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for table in TABLES {
        let sql = "SELECT COALESCE(SUM(pgsize), 0) FROM dbstat
                   WHERE name IN (SELECT name FROM sqlite_master WHERE tbl_name = $1)";
        let of_table: i64 = sqlx::query_scalar(sql).bind(table).fetch_one(pool).await?;
        bytes += of_table as u64;
    }
    Ok(bytes)
}

/// Reads the accept log of one campaign.
pub async fn accepted(file: &Path, campaign: CampaignId) -> anyhow::Result<Accepted> {
    let log = AcceptLog::open(file).await?;
    let mut times: HashMap<u128, u32> = HashMap::new();
    let mut first_at = None;
    let mut acceptances = 0;
    log.for_each(|entry| {
        if entry.campaign == campaign {
            acceptances += 1;
            first_at = Some(first_at.map_or(entry.at, |first: Timestamp| first.min(entry.at)));
            let digits = entry.user_key.trim_start_matches('U');
            // A key of another form was never imported: it would count as nobody's.
            let user = u128::from_str_radix(digits, 16).unwrap_or_default();
            *times.entry(user).or_default() += 1;
        }
        Ok::<(), StoreError>(())
    })
    .await?;
    let people = times.len() as u64;
    Ok(Accepted {
        people,
        duplicated: acceptances - people,
        first_at: first_at.context("the messenger accepted nothing")?,
    })
}
