//! What the database and the messenger say of a run, after it.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use domain::id::CampaignId;
use domain::time::Timestamp;
use store::StoreError;
use store::sandbox::AcceptLog;

use crate::books::Books;

/// What stands in the books.
#[derive(Debug, Clone, Copy)]
pub struct Recorded {
    pub launched_at: Timestamp,
    pub frozen: u64,
    pub freeze_ended_at: Timestamp,
    pub first_attempt_at: Timestamp,
    pub last_settled_at: Timestamp,
    pub accepted: u64,
    /// Refused by the messenger for good.
    pub failed: u64,
    /// Left out by the gate.
    pub excluded: u64,
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

/// Of these campaigns together. `bytes_before` is what the empty tables took: indexes and
/// partitions have their first pages.
pub async fn recorded(
    books: &Books,
    campaigns: &[CampaignId],
    bytes_before: u64,
) -> anyhow::Result<Recorded> {
    let mut all: Option<Recorded> = None;
    for campaign in campaigns {
        let one = recorded_of(books, *campaign).await?;
        all = Some(all.map_or(one, |sum| sum.with(&one)));
    }
    let mut all = all.context("there was no campaign")?;
    all.table_bytes = books.table_bytes().await?.saturating_sub(bytes_before);
    Ok(all)
}

impl Recorded {
    fn with(self, other: &Self) -> Self {
        Self {
            launched_at: self.launched_at.min(other.launched_at),
            frozen: self.frozen + other.frozen,
            freeze_ended_at: self.freeze_ended_at.max(other.freeze_ended_at),
            first_attempt_at: self.first_attempt_at.min(other.first_attempt_at),
            last_settled_at: self.last_settled_at.max(other.last_settled_at),
            accepted: self.accepted + other.accepted,
            failed: self.failed + other.failed,
            excluded: self.excluded + other.excluded,
            billed_micro: self.billed_micro + other.billed_micro,
            due_micro: self.due_micro + other.due_micro,
            table_bytes: self.table_bytes,
        }
    }
}

async fn recorded_of(books: &Books, campaign: CampaignId) -> anyhow::Result<Recorded> {
    const COLUMNS: [&str; 10] = [
        "launched_at",
        "frozen",
        "freeze_ended_at",
        "first_attempt_at",
        "last_settled_at",
        "accepted",
        "failed",
        "excluded",
        "billed",
        "unit_price",
    ];
    // PostgreSQL's sums are decimal numbers.
    let sql = "SELECT k.launched_at AS launched_at,
            (SELECT CAST(SUM(frozen) AS BIGINT) FROM freeze_range WHERE campaign = k.id)
              AS frozen,
            (SELECT MAX(done_at) FROM freeze_range WHERE campaign = k.id) AS freeze_ended_at,
            (SELECT MIN(began_at) FROM attempt WHERE campaign = k.id) AS first_attempt_at,
            (SELECT MAX(settled_at) FROM chunk WHERE campaign = k.id) AS last_settled_at,
            (SELECT CAST(SUM(accepted) AS BIGINT) FROM chunk WHERE campaign = k.id) AS accepted,
            (SELECT CAST(SUM(failed) AS BIGINT) FROM chunk WHERE campaign = k.id) AS failed,
            (SELECT CAST(SUM(excluded) AS BIGINT) FROM chunk WHERE campaign = k.id) AS excluded,
            (SELECT CAST(SUM(amount) AS BIGINT) FROM capture WHERE campaign = k.id) AS billed,
            (SELECT unit_price FROM campaign_tariff WHERE campaign = k.id) AS unit_price
        FROM campaign k WHERE k.id = $1";
    let row = books.numbers(sql, campaign, &COLUMNS).await?;
    let numbers: HashMap<&str, Option<i64>> = COLUMNS.into_iter().zip(row).collect();
    let number = |column: &str| -> anyhow::Result<i64> {
        let found = numbers.get(column).copied().flatten();
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
        failed: number("failed")? as u64,
        excluded: number("excluded")? as u64,
        billed_micro: number("billed")?,
        due_micro: accepted * number("unit_price")?,
        table_bytes: 0,
    })
}

/// Reads the accept log of these campaigns, whose friends are different people.
pub async fn accepted(file: &Path, campaigns: &[CampaignId]) -> anyhow::Result<Accepted> {
    let log = AcceptLog::open(file).await?;
    let mut times: HashMap<u128, u32> = HashMap::new();
    let mut first_at = None;
    let mut acceptances = 0;
    log.for_each(|entry| {
        if campaigns.contains(&entry.campaign) {
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
