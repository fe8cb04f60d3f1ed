//! The hot paths on PostgreSQL.
//!
//! Many writers side by side: every statement locks the rows it changes and asks again what it
//! decided by once it has them. A batch is one statement per kind of change and month, its rows in
//! arrays, which are said to be few ([`few`]): each is looked up by its key, however small or large
//! the table was when the plan was made. Batches lock their chunks in the order of their ids and so
//! do not wait for each other in a ring.

use std::collections::BTreeMap;

use domain::chunk::ChunkId;
use domain::freeze::FreezeRange;
use domain::gate::RecipientFacts;
use domain::id::IdSource;
use domain::time::{LaunchMonth, Timestamp};
use domain::user::UserNumber;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgArguments, Postgres as Driver};
use sqlx::query::Query;

use super::{
    ClaimTerms, Claimed, FreezeCommit, GateSpan, Hot, ReachCount, ReachQuery, ReachRead, Record,
    RolledUp, range, reach, roll_up,
};
use crate::chunk::{DueChunk, Recipients};
use crate::row::Row;
use crate::{Store, StoreError, Write};

mod claim; // a batch of chunks, their attempts and push keys in one statement
mod copy; // COPY BINARY, as far as the freeze writes it
mod dispatch; // what is published next
mod freeze; // a range's chunks by COPY
mod friends; // reading whom a freeze may take
mod read; // what the pushes of a batch need
mod record; // what happened, a statement per kind of change

pub(crate) struct Postgres;

#[async_trait::async_trait]
impl Hot for Postgres {
    async fn count_reach(
        &self,
        write: &mut Write,
        query: &ReachQuery,
    ) -> Result<ReachCount, StoreError> {
        reach::count(write, query).await
    }

    async fn read_reach(
        &self,
        store: &Store,
        query: &ReachQuery,
        range: FreezeRange,
    ) -> Result<ReachRead, StoreError> {
        friends::read_range(store, query, range).await
    }

    async fn commit_freeze(
        &self,
        write: &mut Write,
        commit: &FreezeCommit,
    ) -> Result<(), StoreError> {
        range::open(write, commit).await?;
        freeze::copy_chunks(write, commit).await
    }

    async fn mark_dispatched(
        &self,
        write: &mut Write,
        chunks: &[ChunkId],
        now: Timestamp,
    ) -> Result<Vec<DueChunk>, StoreError> {
        dispatch::mark(write, chunks, now).await
    }

    async fn claim(
        &self,
        write: &mut Write,
        chunks: &[ChunkId],
        terms: &ClaimTerms,
    ) -> Result<Vec<Claimed>, StoreError> {
        claim::claim(write, chunks, terms).await
    }

    async fn recipients(
        &self,
        store: &Store,
        chunks: &[ChunkId],
    ) -> Result<Vec<Recipients>, StoreError> {
        read::recipients(store, chunks).await
    }

    async fn gate_facts(
        &self,
        store: &Store,
        spans: &[GateSpan],
    ) -> Result<Vec<Vec<(UserNumber, RecipientFacts)>>, StoreError> {
        read::gate_facts(store, spans).await
    }

    async fn record(
        &self,
        write: &mut Write,
        records: &[Record],
        now: Timestamp,
    ) -> Result<Vec<bool>, StoreError> {
        record::record(write, records, now).await
    }

    async fn roll_up(
        &self,
        write: &mut Write,
        ids: &dyn IdSource,
    ) -> Result<Vec<RolledUp>, StoreError> {
        roll_up::roll_up(write, ids).await
    }
}

type Statement = Query<'static, Driver, PgArguments>;

fn statement(sql: String) -> Statement {
    sqlx::query(AssertSqlSafe(sql))
}

async fn rows(
    write: &mut Write,
    table: &'static str,
    statement: Statement,
) -> Result<Vec<Row>, StoreError> {
    let rows = statement.fetch_all(write.postgres()?).await?;
    let row = |row| Row::of_postgres(row, table);
    Ok(rows.into_iter().map(row).collect())
}

/// Unnested arrays as a table. The planner takes a tenth of what it thinks arrays hold where a
/// limit is not known to it, one row; `count` is the placeholder of their true number.
fn few(arrays: &str, count: usize, table: &str) -> String {
    format!("(SELECT * FROM unnest({arrays}) LIMIT ${count}) AS {table}")
}

/// Chunks of one month in the order of their ids, as the arrays that a statement unnests; `places`
/// say where each stood in what the caller gave.
#[derive(Default)]
struct Chunks {
    places: Vec<i64>,
    campaigns: Vec<[u8; 16]>,
    numbers: Vec<i64>,
    rounds: Vec<i64>,
}

impl Chunks {
    fn push(&mut self, place: usize, id: ChunkId) {
        self.places.push(place as i64);
        self.campaigns.push(*id.campaign.as_bytes());
        self.numbers.push(number(id));
        self.rounds.push(i64::from(id.round));
    }
}

/// Chunk numbers stay far below 2^63.
fn number(id: ChunkId) -> i64 {
    id.number.min(i64::MAX as u64) as i64
}

/// Places by month, in the order of ids.
fn by_month(ids: &BTreeMap<ChunkId, usize>) -> BTreeMap<LaunchMonth, Vec<(usize, ChunkId)>> {
    let mut months: BTreeMap<LaunchMonth, Vec<(usize, ChunkId)>> = BTreeMap::new();
    for (id, place) in ids {
        months.entry(id.month).or_default().push((*place, *id));
    }
    months
}
