//! Reads the books with a connection of its own, as plain rows: what a test compares with the truth
//! must not go through the code that is tested.

use std::collections::BTreeMap;
use std::path::Path;

use domain::chunk::{ChunkId, ChunkState};
use domain::codec;
use domain::id::CampaignId;
use domain::outcome::Outcome;
use domain::time::LaunchMonth;
use domain::user::{UserKey, UserNumber};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row};

/// A read-only look at a database file of the platform.
pub struct Books {
    connection: SqliteConnection,
}

/// Everything a simulation compares, as of one commit.
#[derive(Debug, Clone, Default)]
pub struct Page {
    pub chunks: BTreeMap<ChunkId, ChunkRow>,
    pub campaigns: BTreeMap<CampaignId, CampaignRow>,
    pub amendments: BTreeMap<(ChunkId, u32), AmendmentRow>,
    pub captures: BTreeMap<(ChunkId, u32), u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkRow {
    pub state: ChunkState,
    pub epoch: u32,
    pub tainted: bool,
    pub dispatched: bool,
    pub worker: Option<Vec<u8>>,
    pub size: u32,
    pub accepted: u32,
    pub moved: u32,
    pub numbers: Vec<UserNumber>,
    /// One per recipient once it is terminal.
    pub outcomes: Vec<Outcome>,
    pub content_hash: Vec<u8>,
    pub settled_at: Option<i64>,
    pub sequence: Option<i64>,
    pub first_attempt_at: Option<i64>,
    /// Positions that any attempt excluded.
    pub excluded_by_attempts: Vec<u32>,
    pub attempts: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignRow {
    pub account: Vec<u8>,
    /// `CampaignState::code`.
    pub state: u8,
    pub purpose: u8,
    pub launched_at: Option<i64>,
    pub not_after: Option<i64>,
    pub freeze_ended_at: Option<i64>,
    /// Whether its audience has a limit.
    pub limited: bool,
    pub granted: u64,
    pub frozen: u64,
    pub unit_price: i64,
    pub hold: Option<HoldRow>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldRow {
    pub amount: i64,
    pub captured: i64,
    pub released: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmendmentRow {
    pub outcome: Outcome,
    pub event_id: String,
}

impl Books {
    pub async fn open(path: &Path) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .disable_statement_logging();
        Ok(Self {
            connection: SqliteConnection::connect_with(&options).await?,
        })
    }

    /// Another number after every commit of anybody.
    pub async fn version(&mut self) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("PRAGMA data_version")
            .fetch_one(&mut self.connection)
            .await
    }

    /// The keys of all user numbers.
    pub async fn user_keys(&mut self) -> Result<BTreeMap<UserNumber, UserKey>, sqlx::Error> {
        let rows = sqlx::query("SELECT number, user_key FROM user")
            .fetch_all(&mut self.connection)
            .await?;
        Ok(rows
            .iter()
            .map(|row| {
                let key = UserKey::parse(row.get("user_key")).expect("a stored key");
                (UserNumber(row.get("number")), key)
            })
            .collect())
    }

    pub async fn page(&mut self) -> Result<Page, sqlx::Error> {
        let mut transaction = self.connection.begin().await?;
        let mut page = Page::default();
        let sql = "SELECT k.*, t.granted, t.frozen, t.unit_price, h.amount, h.captured, h.released
                   FROM campaign k
                   LEFT JOIN campaign_tariff t ON t.campaign = k.id
                   LEFT JOIN hold h ON h.campaign = k.id";
        for row in sqlx::query(sql).fetch_all(&mut *transaction).await? {
            page.campaigns.insert(id(&row, "id"), campaign(&row));
        }
        let sql = "SELECT c.*,
                     (SELECT COUNT(*) FROM attempt a WHERE a.month = c.month
                       AND a.campaign = c.campaign AND a.number = c.number AND a.round = c.round)
                       AS attempts
                   FROM chunk c";
        for row in sqlx::query(sql).fetch_all(&mut *transaction).await? {
            page.chunks.insert(chunk_id(&row), chunk(&row));
        }
        let sql = "SELECT month, campaign, number, round, exclusions FROM attempt
                   WHERE exclusions IS NOT NULL";
        for row in sqlx::query(sql).fetch_all(&mut *transaction).await? {
            let blob: Vec<u8> = row.get("exclusions");
            let exclusions = codec::unpack_exclusions(&blob).expect("stored exclusions");
            if let Some(chunk) = page.chunks.get_mut(&chunk_id(&row)) {
                let positions = exclusions.into_iter().map(|(position, _)| position);
                chunk.excluded_by_attempts.extend(positions);
            }
        }
        let sql = "SELECT month, campaign, number, round, position, outcome, event_id
                   FROM amendment";
        for row in sqlx::query(sql).fetch_all(&mut *transaction).await? {
            let outcome = Outcome::from_code(row.get("outcome")).expect("a stored outcome");
            let event_id = row.get("event_id");
            let place = (chunk_id(&row), row.get("position"));
            page.amendments
                .insert(place, AmendmentRow { outcome, event_id });
        }
        let sql = "SELECT month, campaign, number, round, part, units FROM capture";
        for row in sqlx::query(sql).fetch_all(&mut *transaction).await? {
            let units: i64 = row.get("units");
            let place = (chunk_id(&row), row.get("part"));
            page.captures.insert(place, units.unsigned_abs());
        }
        transaction.rollback().await?;
        Ok(page)
    }

    /// The highest user number given so far; the next user gets the one behind it. Dense numbers
    /// make small installations freeze in one range: a test that wants several moves it on.
    pub async fn skip_user_numbers(path: &Path, highest: u32) -> Result<(), sqlx::Error> {
        let options = SqliteConnectOptions::new().filename(path);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        sqlx::query("UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'user'")
            .bind(highest)
            .execute(&mut connection)
            .await?;
        connection.close().await
    }
}

fn id(row: &SqliteRow, column: &str) -> CampaignId {
    let bytes: Vec<u8> = row.get(column);
    CampaignId::from_slice(&bytes).expect("a stored id")
}

fn chunk_id(row: &SqliteRow) -> ChunkId {
    ChunkId {
        month: LaunchMonth::from_number(row.get("month")).expect("a stored month"),
        campaign: id(row, "campaign"),
        number: row.get::<i64, _>("number").unsigned_abs(),
        round: row.get("round"),
    }
}

fn chunk(row: &SqliteRow) -> ChunkRow {
    let size: u32 = row.get("size");
    let state = ChunkState::from_code(row.get("state")).expect("a stored state");
    let numbers: Vec<u8> = row.get("numbers");
    let blob: Option<Vec<u8>> = row.get("outcomes");
    let outcomes = match blob {
        Some(blob) => codec::unpack_outcomes(&blob, size).expect("stored outcomes"),
        None if state.is_terminal() => vec![Outcome::Cancelled; size as usize],
        None => Vec::new(),
    };
    ChunkRow {
        state,
        epoch: row.get("epoch"),
        tainted: row.get("tainted"),
        dispatched: row.get::<Option<i64>, _>("dispatched_at").is_some(),
        worker: row.get("worker"),
        size,
        accepted: row.get("accepted"),
        moved: row.get("moved"),
        numbers: codec::unpack_numbers(&numbers).expect("stored numbers"),
        outcomes,
        content_hash: row.get("content_hash"),
        settled_at: row.get("settled_at"),
        sequence: row.get("sequence"),
        first_attempt_at: row.get("first_attempt_at"),
        excluded_by_attempts: Vec::new(),
        attempts: row.get("attempts"),
    }
}

fn campaign(row: &SqliteRow) -> CampaignRow {
    let hold = row.get::<Option<i64>, _>("amount").map(|amount| HoldRow {
        amount,
        captured: row.get("captured"),
        released: row.get("released"),
    });
    let count = |column: &str| {
        let count: Option<i64> = row.get(column);
        count.unwrap_or_default().unsigned_abs()
    };
    CampaignRow {
        account: row.get("account"),
        state: row.get("state"),
        purpose: row.get("purpose"),
        launched_at: row.get("launched_at"),
        not_after: row.get("not_after"),
        freeze_ended_at: row.get("freeze_ended_at"),
        limited: row.get::<String, _>("audience").contains("\"limit\""),
        granted: count("granted"),
        frozen: count("frozen"),
        unit_price: row.get::<Option<i64>, _>("unit_price").unwrap_or_default(),
        hold,
    }
}
