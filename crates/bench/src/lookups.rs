//! Lookups among very many sends: one send, one friend's history, and the view over all of them.
//!
//! Campaigns are written as closed ones stand in the books – chunks with their user numbers and
//! outcomes, nothing else of them – over the months of a year, in partitions of their own. Then the
//! product's own questions are asked about friends and campaigns drawn at random.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use billing::sends::{self, SendFilter};
use domain::campaign::CampaignState;
use domain::chunk::ChunkState;
use domain::freeze::{CHUNKS_PER_RANGE, RANGE_NUMBERS};
use domain::id::{AccountId, BusinessId, CampaignId, IdSource};
use domain::outcome::{Outcome, RejectionCode};
use domain::time::{Clock, LaunchMonth, Timestamp};
use domain::user::UserNumber;
use serde::Serialize;
use sqlx::postgres::PgPool;
use store::Store;

use crate::books::Books;
use crate::engine::Engine;
use crate::friends::mixed;
use crate::place::{Place, handle};
use crate::report::grouped;
use crate::scenario::Scenario;

const CHUNK_SIZE: u64 = 1_000;
/// Full chunks of one range of user numbers.
const CHUNKS_OF_RANGE: u64 = RANGE_NUMBERS as u64 / CHUNK_SIZE;
/// What all of them were sent.
const MESSAGE_HASH: &str = "sha256('a message of the bench')";
/// One chunk in so many has somebody who failed: the others' outcomes are all alike.
const MIXED_EACH: u64 = 10;
/// In such a chunk, one recipient in so many.
const FAILED_EACH: u64 = 50;
const YEAR: Duration = Duration::from_secs(365 * 86_400);
/// Campaigns of a page of a friend's history, as the console shows them.
const HISTORY_PAGE: u32 = 20;

/// What a run needs.
pub struct LookupsRun {
    pub executable: PathBuf,
    pub engine: Engine,
    /// Recorded in all.
    pub sends: u64,
    /// Of the account; every campaign goes to all of them.
    pub friends: u32,
    /// Friends and campaigns drawn at random.
    pub lookups: u32,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
}

/// Milliseconds of a lookup, as the product answers it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Milliseconds {
    pub p50: f64,
    pub p95: f64,
    pub max: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LookupsReport {
    pub sends: u64,
    pub campaigns: u64,
    pub friends: u64,
    /// Tables and indexes of the record.
    pub bytes_per_send: f64,
    pub written_per_second: f64,
    /// One send, by its campaign and its friend.
    pub one_send_ms: Milliseconds,
    /// The first page of what one friend was sent.
    pub friend_history_ms: Milliseconds,
    /// `COPY (SELECT * FROM send WHERE campaign = …)`, every column.
    pub view_rows_per_second: f64,
}

struct Campaign {
    id: CampaignId,
    month: LaunchMonth,
    launched_at: Timestamp,
}

/// Fills an empty database and asks. What it is asked about must be found, and be right.
pub async fn lookups(
    run: &LookupsRun,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<LookupsReport> {
    ensure!(
        run.engine.database_url().is_some(),
        "lookups are measured on PostgreSQL: name an empty database with --database-url"
    );
    ensure!(
        u64::from(run.friends).is_multiple_of(CHUNK_SIZE) && run.friends > 0,
        "friends come in chunks of {CHUNK_SIZE}"
    );
    ensure!(run.lookups > 0, "a bench of lookups looks something up");
    run.engine.check(1).await?;
    let plain = Scenario::default();
    let place = Place::create(&run.executable, &run.engine, &plain)?;
    let business = place.import(1, &plain).await?;
    let template = place.campaign(&handle(0), &plain).await?;
    let store = Store::open(&place.database).await?;
    let Books::Postgres(books) = Books::open(&place.database).await? else {
        bail!("a URL is PostgreSQL's");
    };
    // Before the hours that filling takes, not behind them.
    sqlx::query("COPY (SELECT 1) TO '/dev/null'")
        .execute(&books)
        .await
        .context("the view is measured by a COPY on the server: pg_write_server_files is needed")?;
    let account = store.campaign(template).await?.account;
    let asked = run.draw_friends(&books).await?;
    let campaigns = run.make_campaigns(&store, &books, template).await?;
    let started = run.clock.monotonic();
    for (index, campaign) in campaigns.iter().enumerate() {
        say(&format!(
            "recording campaign {} of {}",
            index + 1,
            campaigns.len()
        ));
        run.record(&books, campaign).await?;
    }
    let seconds = (run.clock.monotonic() - started).as_secs_f64();
    say("tidying the tables");
    sqlx::query("VACUUM (ANALYZE) chunk")
        .execute(&books)
        .await?;
    say("looking up");
    let brand = Brand {
        store: &store,
        business,
        account,
    };
    let sends = campaigns.len() as u64 * u64::from(run.friends);
    let report = LookupsReport {
        sends,
        campaigns: campaigns.len() as u64,
        friends: u64::from(run.friends),
        bytes_per_send: Books::Postgres(books.clone()).table_bytes().await? as f64 / sends as f64,
        written_per_second: (sends as f64 / seconds).round(),
        one_send_ms: run.one_sends(&brand, &campaigns, &asked).await?,
        friend_history_ms: run.histories(&brand, campaigns.len(), &asked).await?,
        view_rows_per_second: run.view(&books, &campaigns).await?,
    };
    store.close().await?;
    Ok(report)
}

/// Whose friends and campaigns are asked about.
struct Brand<'a> {
    store: &'a Store,
    business: BusinessId,
    account: AccountId,
}

impl LookupsRun {
    /// Users all over the numbers, to be asked about: the others exist as numbers alone.
    async fn draw_friends(&self, books: &PgPool) -> anyhow::Result<Vec<UserNumber>> {
        let numbers: Vec<i64> = (0..self.lookups)
            .map(|index| 1 + (mixed(u64::from(index)) % u64::from(self.friends)) as i64)
            .collect();
        let sql = "INSERT INTO \"user\" (number, id, user_key)
            SELECT n, decode(md5(n::text), 'hex'), 'U' || md5('key ' || n) FROM unnest($1) AS n
            ON CONFLICT DO NOTHING";
        sqlx::query(sql).bind(&numbers).execute(books).await?;
        let number = |number: i64| UserNumber(number as u32);
        Ok(numbers.into_iter().map(number).collect())
    }

    /// Closed campaigns, a year's, oldest first.
    async fn make_campaigns(
        &self,
        store: &Store,
        books: &PgPool,
        template: CampaignId,
    ) -> anyhow::Result<Vec<Campaign>> {
        let count = self.sends.div_ceil(u64::from(self.friends)).max(1);
        let message = format!("INSERT INTO message (hash, body) VALUES ({MESSAGE_HASH}, '{{}}')");
        sqlx::query(sqlx::AssertSqlSafe(message))
            .execute(books)
            .await?;
        let campaign = format!(
            "INSERT INTO campaign (id, business, account, kind, name, purpose, state, messages,
                message_version, audience, schedule, lifetime_seconds, created_at, month,
                launched_at, price_version, tariff, message_hash, cut_sequence, reach_mark,
                highest_number, chunk_size, not_after, freeze_ended_at, closed_at)
             SELECT $2, business, account, kind, name, purpose, $3, messages, message_version,
                audience, schedule, lifetime_seconds, $5, $4, $5, 1, 0, {MESSAGE_HASH}, 0, 0, $6,
                $7, $5, $5, $5
             FROM campaign WHERE id = $1"
        );
        let tariff = "INSERT INTO campaign_tariff (campaign, tariff, unit_price, counted, granted,
                frozen) VALUES ($1, 0, 15000000, $2, $2, $2)";
        let newest = self.clock.now();
        let mut campaigns = Vec::new();
        for index in 0..count {
            let age = YEAR.mul_f64((count - index) as f64 / count as f64);
            let launched_at = newest - age;
            let month = LaunchMonth::of(launched_at);
            let mut write = store.write().await?;
            write.ensure_month(month).await?;
            write.commit().await?;
            let id: CampaignId = self.ids.next();
            sqlx::query(sqlx::AssertSqlSafe(campaign.clone()))
                .bind(template.as_bytes().as_slice())
                .bind(id.as_bytes().as_slice())
                .bind(i64::from(CampaignState::Closed.code()))
                .bind(i64::from(month.number()))
                .bind(launched_at.as_millis())
                .bind(i64::from(self.friends))
                .bind(CHUNK_SIZE as i64)
                .execute(books)
                .await?;
            sqlx::query(tariff)
                .bind(id.as_bytes().as_slice())
                .bind(i64::from(self.friends))
                .execute(books)
                .await?;
            campaigns.push(Campaign {
                id,
                month,
                launched_at,
            });
        }
        Ok(campaigns)
    }

    /// One campaign's chunks, settled: a chunk for every thousand user numbers.
    async fn record(&self, books: &PgPool, campaign: &Campaign) -> anyhow::Result<()> {
        let (settled, accepted) = (ChunkState::Settled.code(), Outcome::Accepted.code());
        let sql = format!(
            "INSERT INTO chunk (month, campaign, number, round, state, epoch, size, tariff,
                message, content_hash, night_consent, utc_offset_minutes, first_number,
                last_number, due_at, first_attempt_at, accepted, failed, settled_at, sequence,
                numbers, outcomes)
             SELECT $1, $2, i / {CHUNKS_OF_RANGE} * {CHUNKS_PER_RANGE} + i % {CHUNKS_OF_RANGE},
                0, {settled}, 1, {CHUNK_SIZE}, 0, {MESSAGE_HASH},
                sha256(int8send(i)), 0, 540, i * {CHUNK_SIZE} + 1, (i + 1) * {CHUNK_SIZE}, $3, $3,
                {CHUNK_SIZE} - failed, failed, $3, pg_current_xact_id()::text::bigint,
                ARRAY(SELECT generate_series(i * {CHUNK_SIZE} + 1, (i + 1) * {CHUNK_SIZE})::int4),
                CASE failed WHEN 0 THEN array_fill({accepted}::int2, ARRAY[{CHUNK_SIZE}])
                  ELSE ARRAY(SELECT (CASE place % {FAILED_EACH} WHEN 0 THEN {left}
                    ELSE {accepted} END)::int2
                    FROM generate_series(1, {CHUNK_SIZE}) AS place) END
             FROM (SELECT i, CASE i % {MIXED_EACH} WHEN 0 THEN {CHUNK_SIZE} / {FAILED_EACH}
                ELSE 0 END AS failed FROM generate_series(0, $4 - 1) AS i) AS cut",
            left = failed().code(),
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(i64::from(campaign.month.number()))
            .bind(campaign.id.as_bytes().as_slice())
            .bind(campaign.launched_at.as_millis())
            .bind((u64::from(self.friends) / CHUNK_SIZE) as i64)
            .execute(books)
            .await?;
        Ok(())
    }

    async fn one_sends(
        &self,
        brand: &Brand<'_>,
        campaigns: &[Campaign],
        asked: &[UserNumber],
    ) -> anyhow::Result<Milliseconds> {
        let mut times = Vec::with_capacity(asked.len());
        for (index, number) in asked.iter().enumerate() {
            let place = mixed(index as u64 + 1_000_003) as usize % campaigns.len();
            let campaign = campaigns[place].id;
            let filter = SendFilter {
                friend: Some(*number),
                ..SendFilter::default()
            };
            let started = self.clock.monotonic();
            let page = sends::page(brand.store, brand.business, campaign, filter, None).await?;
            times.push(self.clock.monotonic() - started);
            let outcome = page.lines.first().and_then(|line| line.outcome);
            ensure!(
                page.lines.len() == 1 && outcome == Some(expected(*number)),
                "user number {} in {campaign}: {page:?}",
                number.0
            );
        }
        Milliseconds::of(times)
    }

    async fn histories(
        &self,
        brand: &Brand<'_>,
        campaigns: usize,
        asked: &[UserNumber],
    ) -> anyhow::Result<Milliseconds> {
        let mut times = Vec::with_capacity(asked.len());
        for number in asked {
            let started = self.clock.monotonic();
            let page = brand
                .store
                .sends_of_friend(brand.business, brand.account, *number, None, HISTORY_PAGE)
                .await?;
            times.push(self.clock.monotonic() - started);
            let is_right =
                |send: &store::friend::history::FriendSend| send.outcome == Some(expected(*number));
            ensure!(
                page.sends.len() == campaigns.min(HISTORY_PAGE as usize)
                    && page.sends.iter().all(is_right),
                "user number {}: {page:?}",
                number.0
            );
        }
        Milliseconds::of(times)
    }

    /// The server writes it nowhere: what is measured is the view, not a connection.
    async fn view(&self, books: &PgPool, campaigns: &[Campaign]) -> anyhow::Result<f64> {
        let campaign = campaigns.last().context("at least one campaign")?;
        let id: String = campaign
            .id
            .as_bytes()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let sql = format!(
            "COPY (SELECT * FROM send WHERE campaign = '\\x{id}' AND month = {}) TO '/dev/null'",
            campaign.month.number()
        );
        let started = self.clock.monotonic();
        let copied = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(books).await?;
        let seconds = (self.clock.monotonic() - started).as_secs_f64();
        ensure!(
            copied.rows_affected() == u64::from(self.friends),
            "the view has {} of {} sends",
            copied.rows_affected(),
            self.friends
        );
        Ok((copied.rows_affected() as f64 / seconds).round())
    }
}

/// What the record says of a friend, whichever campaign is asked.
fn expected(number: UserNumber) -> Outcome {
    let (chunk, place) = (
        u64::from(number.0 - 1) / CHUNK_SIZE,
        u64::from(number.0 - 1) % CHUNK_SIZE + 1,
    );
    match chunk.is_multiple_of(MIXED_EACH) && place.is_multiple_of(FAILED_EACH) {
        true => failed(),
        false => Outcome::Accepted,
    }
}

fn failed() -> Outcome {
    Outcome::Failed(RejectionCode::Left)
}

impl Milliseconds {
    fn of(mut times: Vec<Duration>) -> anyhow::Result<Self> {
        times.sort_unstable();
        let last = times.len().checked_sub(1).context("nothing was timed")?;
        let at = |share: usize| {
            let micros = times[last * share / 100].as_micros() as f64;
            (micros / 10.0).round() / 100.0
        };
        Ok(Self {
            p50: at(50),
            p95: at(95),
            max: at(100),
        })
    }
}

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} / {:.2} / {:.2}", self.p50, self.p95, self.max)
    }
}

impl fmt::Display for LookupsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: String| writeln!(f, "{name:<34}{value:>24}");
        line("sends", grouped(self.sends as f64))?;
        line("campaigns", grouped(self.campaigns as f64))?;
        line("friends", grouped(self.friends as f64))?;
        line("bytes per send", format!("{:.2}", self.bytes_per_send))?;
        line("written per second", grouped(self.written_per_second))?;
        line(
            "one send, ms: p50 / p95 / max",
            self.one_send_ms.to_string(),
        )?;
        line("one friend's history", self.friend_history_ms.to_string())?;
        line("view, rows per second", grouped(self.view_rows_per_second))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_timed() {
        let times = (1..=100).map(Duration::from_millis).collect();
        let found = Milliseconds::of(times).unwrap();
        assert_eq!((found.p50, found.p95, found.max), (50.0, 95.0, 100.0));
        assert!(Milliseconds::of(Vec::new()).is_err());
    }

    #[test]
    fn one_in_fifty_of_a_mixed_chunk_failed() {
        let failed_of_mixed = (1..=1_000).filter(|n| expected(UserNumber(*n)) != Outcome::Accepted);
        assert_eq!(failed_of_mixed.count(), 20);
        let alike = (1_001..=2_000).filter(|n| expected(UserNumber(*n)) != Outcome::Accepted);
        assert_eq!(alike.count(), 0);
    }
}
