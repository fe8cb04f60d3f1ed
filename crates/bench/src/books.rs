//! A connection of the bench's own to the database, on either engine: for what no part of the
//! product asks. Statements are written once; what the engines do not share stands here.

use std::str::FromStr;

use anyhow::bail;
use domain::id::CampaignId;
use sqlx::Row;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use store::StoreConfig;

/// The tables that a send leaves bytes in; what an import or a brand leaves is not a send's.
const TABLES: [&str; 4] = ["chunk", "chunk_recipients", "attempt", "capture"];

pub enum Books {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// The same on whichever pool it is.
macro_rules! on_either {
    ($books:expr, $pool:ident => $run:expr) => {
        match $books {
            Books::Sqlite($pool) => $run,
            Books::Postgres($pool) => $run,
        }
    };
}

impl Books {
    pub async fn open(database: &StoreConfig) -> anyhow::Result<Self> {
        Ok(match database {
            StoreConfig::Sqlite { path, .. } => {
                let options = SqliteConnectOptions::new().filename(path);
                let pool = SqlitePoolOptions::new().max_connections(1);
                Self::Sqlite(pool.connect_with(options).await?)
            }
            StoreConfig::Postgres(config) => {
                let options = PgConnectOptions::from_str(&config.url)?;
                let pool = PgPoolOptions::new().max_connections(1);
                Self::Postgres(pool.connect_with(options).await?)
            }
        })
    }

    pub async fn close(self) {
        on_either!(self, pool => pool.close().await);
    }

    /// The whole numbers of the one row that `sql` answers for a campaign, by `columns`.
    pub async fn numbers(
        &self,
        sql: &'static str,
        campaign: CampaignId,
        columns: &[&str],
    ) -> anyhow::Result<Vec<Option<i64>>> {
        let id = campaign.as_bytes().as_slice();
        Ok(on_either!(self, pool => {
            let row = sqlx::query(sql).bind(id).fetch_one(pool).await?;
            let numbers = columns.iter().map(|column| row.try_get(*column));
            numbers.collect::<Result<_, sqlx::Error>>()?
        }))
    }

    /// The whole number of every row that `sql` answers for a campaign.
    pub async fn column(
        &self,
        sql: &'static str,
        campaign: CampaignId,
    ) -> anyhow::Result<Vec<i64>> {
        let id = campaign.as_bytes().as_slice();
        Ok(on_either!(self, pool => {
            sqlx::query_scalar(sql).bind(id).fetch_all(pool).await?
        }))
    }

    /// Copies what is one campaign's to another one.
    pub async fn copy(
        &self,
        sql: &'static str,
        from: CampaignId,
        to: CampaignId,
    ) -> anyhow::Result<()> {
        let (from, to) = (from.as_bytes().as_slice(), to.as_bytes().as_slice());
        on_either!(self, pool => {
            sqlx::query(sql).bind(from).bind(to).execute(pool).await?;
        });
        Ok(())
    }

    /// Bytes that PostgreSQL's log has had so far; SQLite's has no such number.
    pub async fn log_position(&self) -> anyhow::Result<i64> {
        match self {
            Self::Sqlite(_) => bail!("SQLite does not tell how much it has logged"),
            Self::Postgres(pool) => {
                let sql = "SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint";
                Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
            }
        }
    }

    /// Bytes on disk of what sends left, indexes and partitions included.
    pub async fn table_bytes(&self) -> anyhow::Result<u64> {
        let mut bytes = 0;
        for table in TABLES {
            let of_table: i64 = match self {
                Self::Sqlite(pool) => {
                    let sql = "SELECT COALESCE(SUM(pgsize), 0) FROM dbstat
                        WHERE name IN (SELECT name FROM sqlite_master WHERE tbl_name = $1)";
                    sqlx::query_scalar(sql).bind(table).fetch_one(pool).await?
                }
                Self::Postgres(pool) => {
                    let sql = "SELECT (pg_total_relation_size($1::regclass)
                          + COALESCE(SUM(pg_total_relation_size(inhrelid)), 0))::bigint
                        FROM pg_inherits WHERE inhparent = $1::regclass";
                    sqlx::query_scalar(sql).bind(table).fetch_one(pool).await?
                }
            };
            bytes += of_table as u64;
        }
        Ok(bytes)
    }
}
