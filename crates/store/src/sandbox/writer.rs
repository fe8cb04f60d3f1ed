//! The one task that writes: commits are shared by all who wait.

use std::collections::HashSet;

use domain::push::PushKey;
use domain::time::Timestamp;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Sqlite, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::phone_write::{self, PhoneWrite};
use super::record::{ProcessedPush, Resolution, encode_results};
use super::trace::traces;
use crate::StoreError;

/// Writes of one commit.
const BATCH_MAX: usize = 64;
/// Writes that wait; more wait for a place in the queue.
const QUEUE_MAX: usize = 1_024;
/// Contents that are known to be stored; beyond this they are looked at again.
const KNOWN_CONTENTS_MAX: usize = 10_000;

#[derive(Debug, Clone)]
pub(super) struct Writer(mpsc::Sender<Request>);

#[derive(Debug)]
struct Request {
    write: Write,
    done: oneshot::Sender<Result<(), StoreError>>,
}

#[derive(Debug)]
enum Write {
    Push(Box<ProcessedPush>),
    CloseKey { key: PushKey, at: Timestamp },
    Resolve(Vec<Resolution>),
    MarkTold(Vec<(i64, u32)>),
    Phone(PhoneWrite),
    Stop,
}

impl Writer {
    pub fn start(connection: SqliteConnection) -> Self {
        let (requests, receiver) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(run(connection, receiver));
        Self(requests)
    }

    pub async fn record(&self, push: ProcessedPush) -> Result<(), StoreError> {
        self.write(Write::Push(Box::new(push))).await
    }

    pub async fn close_key(&self, key: PushKey, at: Timestamp) -> Result<(), StoreError> {
        self.write(Write::CloseKey { key, at }).await
    }

    pub async fn resolve(&self, resolutions: Vec<Resolution>) -> Result<(), StoreError> {
        self.write(Write::Resolve(resolutions)).await
    }

    pub async fn mark_told(&self, told: Vec<(i64, u32)>) -> Result<(), StoreError> {
        self.write(Write::MarkTold(told)).await
    }

    pub async fn phone(&self, write: PhoneWrite) -> Result<(), StoreError> {
        self.write(Write::Phone(write)).await
    }

    /// Returns once everything queued before is on disk and the connection is closed.
    pub async fn stop(&self) {
        // A second stop finds nobody listening, which is what it wants.
        let _ = self.write(Write::Stop).await;
    }

    async fn write(&self, write: Write) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        let stopped = || StoreError::from(sqlx::Error::PoolClosed);
        let request = Request { write, done };
        self.0.send(request).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

async fn run(mut connection: SqliteConnection, mut receiver: mpsc::Receiver<Request>) {
    let mut known = HashSet::new();
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        if receiver.recv_many(&mut batch, BATCH_MAX).await == 0 {
            break;
        }
        let stopping = batch
            .iter()
            .position(|request| matches!(request.write, Write::Stop));
        let rest = batch.split_off(stopping.unwrap_or(batch.len()));
        let committed = commit(&mut connection, &batch, &mut known).await;
        if let Err(error) = &committed {
            tracing::error!(%error, "the sandbox cannot record");
            known.clear();
        }
        for request in batch.drain(..) {
            // Nobody waits any more where the request was cut off: it is recorded all the same.
            let _ = request.done.send(match &committed {
                Ok(()) => Ok(()),
                Err(error) => Err(StoreError::from(sqlx::Error::Protocol(error.to_string()))),
            });
        }
        if stopping.is_some() {
            let _ = connection.close().await;
            for request in rest.into_iter().take(1) {
                let _ = request.done.send(Ok(()));
            }
            return;
        }
    }
    let _ = connection.close().await;
}

async fn commit(
    connection: &mut SqliteConnection,
    batch: &[Request],
    known: &mut HashSet<[u8; 32]>,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for request in batch {
        match &request.write {
            Write::Push(push) => insert_push(&mut transaction, push, known).await?,
            Write::CloseKey { key, at } => {
                sqlx::query(
                    "INSERT INTO closed_key (key, at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                )
                .bind(&key.as_bytes()[..])
                .bind(at.as_millis())
                .execute(&mut *transaction)
                .await?;
            }
            Write::Resolve(resolutions) => {
                insert_resolutions(&mut transaction, resolutions).await?
            }
            Write::MarkTold(told) => mark_told(&mut transaction, told).await?,
            Write::Phone(write) => phone_write::write(&mut transaction, write).await?,
            Write::Stop => {}
        }
    }
    transaction.commit().await
}

async fn insert_push(
    transaction: &mut Transaction<'_, Sqlite>,
    push: &ProcessedPush,
    known: &mut HashSet<[u8; 32]>,
) -> Result<(), sqlx::Error> {
    let content = &push.content;
    if !known.contains(&content.hash) {
        let sql = "INSERT INTO content (hash, campaign, purpose, account, handle,
                     notification_disabled, messages, links)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
        sqlx::query(sql)
            .bind(&content.hash[..])
            .bind(&content.campaign.as_bytes()[..])
            .bind(content.purpose.name())
            .bind(&content.account)
            .bind(&content.handle)
            .bind(content.notification_disabled)
            .bind(&content.messages)
            .bind(&content.links)
            .execute(&mut **transaction)
            .await?;
        if known.len() == KNOWN_CONTENTS_MAX {
            known.clear();
        }
        // Forgotten again where this transaction fails.
        known.insert(content.hash);
    }
    let sql = "INSERT INTO push (key, content_hash, content, at, size, accepted, uncertain,
                 results, variables, recipients)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    sqlx::query(sql)
        .bind(&push.key.as_bytes()[..])
        .bind(&push.content_hash[..])
        .bind(&content.hash[..])
        .bind(push.at.as_millis())
        .bind(push.size)
        .bind(push.results.accepted)
        .bind(push.results.uncertain.len() as u32)
        .bind(encode_results(&push.results))
        .bind(push.variables.as_deref())
        .bind(push.recipients.as_blob())
        .execute(&mut **transaction)
        .await?;
    insert_trace(transaction, push).await
}

/// What the screen asks for of a push.
async fn insert_trace(
    transaction: &mut Transaction<'_, Sqlite>,
    push: &ProcessedPush,
) -> Result<(), sqlx::Error> {
    let traces = traces(&push.recipients);
    let traces = traces.map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query("INSERT INTO push_trace (sequence, traces) VALUES (last_insert_rowid(), $1)")
        .bind(traces)
        .execute(&mut **transaction)
        .await?;
    sqlx::query("UPDATE push_total SET pushes = pushes + 1, accepted = accepted + $1")
        .bind(push.results.accepted)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn insert_resolutions(
    transaction: &mut Transaction<'_, Sqlite>,
    resolutions: &[Resolution],
) -> Result<(), sqlx::Error> {
    for resolution in resolutions {
        let sql = "INSERT INTO resolution (sequence, position, confirmed, at, told)
                   VALUES ($1, $2, $3, $4, 0) ON CONFLICT DO NOTHING";
        sqlx::query(sql)
            .bind(resolution.sequence)
            .bind(resolution.position)
            .bind(resolution.confirmed)
            .bind(resolution.at.as_millis())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

async fn mark_told(
    transaction: &mut Transaction<'_, Sqlite>,
    told: &[(i64, u32)],
) -> Result<(), sqlx::Error> {
    for (sequence, position) in told {
        sqlx::query("UPDATE resolution SET told = 1 WHERE sequence = $1 AND position = $2")
            .bind(sequence)
            .bind(position)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}
