//! The messenger's events: each taken once, deliveries decided or kept until their chunk settles.
//!
//! A messenger tells what became of an uncertain recipient, or of one it accepted, whenever it
//! knows, before the settle of the chunk too. The way from a push key to its chunk is written by
//! that settle, so an earlier word waits in `waiting_delivery` and the settle takes it in its own
//! transaction.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use domain::chunk::ChunkId;
use domain::codec;
use domain::outcome::Outcome;
use domain::push::PushKey;
use domain::time::Timestamp;
use sea_orm::Value;

use crate::row::{self, Row, values};
use crate::{StoreError, Write, bulk, chunk, friend_message};

/// How long an event's id is remembered: longer than a messenger keeps results, hence events.
pub const EVENT_IDS_KEPT: Duration = Duration::from_secs(8 * 24 * 3_600);
/// Deliveries that may wait for their chunks; more come again later.
pub const WAITING_MAX: u64 = 100_000;
/// Forgotten at most at once, so that no request pays for a quiet week.
const FORGOTTEN_PER_WRITE: u32 = 2_000;

/// What became of one recipient of a push, as the messenger tells it later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub event_id: String,
    pub push_key: PushKey,
    /// Position in the request that had this key.
    pub index: u32,
    /// Confirmed or failed.
    pub outcome: Outcome,
    pub at: Timestamp,
}

/// What a delivery came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryVerdict {
    /// The recipient was uncertain or unconfirmed, and is not any more.
    Decided,
    /// Something else decided before; the first stands.
    DecidedBefore,
    /// The recipient's outcome was never open, or there is no such recipient.
    NeverOpen,
    /// Kept until the chunk settles.
    Waiting,
    /// Too many wait: to be told again later.
    NoRoom,
}

impl Write {
    /// Remembers these ids; the ones never heard before. `ids` may repeat.
    pub async fn remember_events(
        &mut self,
        ids: &[&str],
        now: Timestamp,
    ) -> Result<HashSet<String>, StoreError> {
        let mut distinct: Vec<&str> = ids.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let head = "INSERT INTO gateway_event (id, received_at)";
        let tail = "ON CONFLICT DO NOTHING RETURNING id";
        let rows = distinct.into_iter().map(|id| values![id, now]);
        let (connection, rows) = (self.connection(), rows.collect());
        let fresh = bulk::insert_returning(connection, "gateway_event", head, tail, rows).await?;
        fresh.iter().map(|row| row.get("id")).collect()
    }

    /// Lets these events come again: they were not taken after all.
    pub async fn forget_events(&mut self, ids: &[&str]) -> Result<(), StoreError> {
        let items: Vec<Value> = ids.iter().map(|id| Value::from(*id)).collect();
        let head = "DELETE FROM gateway_event WHERE id IN";
        bulk::execute_for(self.connection(), head, &[], &items).await?;
        Ok(())
    }

    /// Forgets ids and waiting deliveries that are older than anything a messenger tells again, and
    /// what friends wrote so long ago.
    pub async fn prune_events(&mut self, now: Timestamp) -> Result<(), StoreError> {
        for (table, key, kept) in [
            ("gateway_event", "id", EVENT_IDS_KEPT),
            ("waiting_delivery", "event_id", EVENT_IDS_KEPT),
            ("friend_message", "event_id", friend_message::KEPT),
        ] {
            let sql = format!(
                "DELETE FROM {table} WHERE {key} IN
                   (SELECT {key} FROM {table} WHERE received_at < $1 LIMIT $2)"
            );
            let values = values![now - kept, FORGOTTEN_PER_WRITE];
            row::execute(self.connection(), &sql, values).await?;
        }
        Ok(())
    }

    /// Takes deliveries in their order; a verdict for each.
    pub async fn take_deliveries(
        &mut self,
        deliveries: &[Delivery],
        now: Timestamp,
    ) -> Result<Vec<DeliveryVerdict>, StoreError> {
        if deliveries.is_empty() {
            return Ok(Vec::new());
        }
        self.keep_settles_out().await?;
        let mut pushes = HashMap::new();
        let mut verdicts = Vec::with_capacity(deliveries.len());
        let mut room = None;
        for delivery in deliveries {
            let key = *delivery.push_key.as_bytes();
            let push = match pushes.entry(key) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(self.settled_push(key).await?),
            };
            let verdict = match push {
                Some(push) => self.decide(push, delivery).await?,
                None => {
                    let left = match room {
                        Some(left) => left,
                        None => WAITING_MAX.saturating_sub(self.waiting_deliveries().await?),
                    };
                    room = Some(left.saturating_sub(1));
                    self.keep_waiting(delivery, left, now).await?
                }
            };
            verdicts.push(verdict);
        }
        Ok(verdicts)
    }

    async fn settled_push(&self, key: [u8; 16]) -> Result<Option<SettledPush>, StoreError> {
        let sql = "SELECT p.month AS month, p.campaign AS campaign, p.number AS number,
                     p.round AS round, p.first_position AS first_position, c.size AS size,
                     c.outcomes AS outcomes
                   FROM push_key p JOIN chunk c ON c.month = p.month AND c.campaign = p.campaign
                     AND c.number = p.number AND c.round = p.round
                   WHERE p.push_key = $1 AND c.outcomes IS NOT NULL";
        let row = row::one(self.connection(), "push_key", sql, values![key]).await?;
        row.map(|row| settled_push(&row)).transpose()
    }

    async fn decide(
        &mut self,
        push: &SettledPush,
        delivery: &Delivery,
    ) -> Result<DeliveryVerdict, StoreError> {
        let position = push.first_position.saturating_add(delivery.index);
        let settled = push.outcomes.get(position as usize);
        if !settled.is_some_and(|outcome| outcome.is_undecided()) {
            return Ok(DeliveryVerdict::NeverOpen);
        }
        let Delivery {
            event_id,
            outcome,
            at,
            ..
        } = delivery;
        let reason = "event";
        let is_first = self
            .insert_amendment(event_id, push.chunk, position, *outcome, reason, *at)
            .await?;
        Ok(match is_first {
            true => DeliveryVerdict::Decided,
            false => DeliveryVerdict::DecidedBefore,
        })
    }

    async fn keep_waiting(
        &mut self,
        delivery: &Delivery,
        room: u64,
        now: Timestamp,
    ) -> Result<DeliveryVerdict, StoreError> {
        if room == 0 {
            return Ok(DeliveryVerdict::NoRoom);
        }
        let sql = "INSERT INTO waiting_delivery (event_id, push_key, position, outcome, at,
                     received_at)
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let values = values![
            delivery.event_id.as_str(),
            *delivery.push_key.as_bytes(),
            delivery.index,
            delivery.outcome.code(),
            delivery.at,
            now,
        ];
        row::execute(self.connection(), sql, values).await?;
        Ok(DeliveryVerdict::Waiting)
    }

    async fn waiting_deliveries(&self) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS waiting FROM waiting_delivery";
        let row = row::one(self.connection(), "waiting_delivery", sql, []).await?;
        row.map_or(Ok(0), |row| row.int("waiting"))
    }
}

/// What waited for the settle of these pushes is decided with it, in the order it came.
pub(crate) async fn settle_waiting(write: &mut Write, keys: &[[u8; 16]]) -> Result<(), StoreError> {
    write.keep_deliveries_out().await?;
    let items: Vec<Value> = keys.iter().map(|key| Value::from(key.to_vec())).collect();
    let sql = "SELECT event_id, push_key, position, outcome, at, received_at FROM waiting_delivery
               WHERE push_key IN";
    let sql = [sql, " ORDER BY received_at, event_id"];
    let rows = bulk::look_up(write.connection(), "waiting_delivery", sql, &[], &items).await?;
    let mut by_push: BTreeMap<[u8; 16], Vec<Delivery>> = BTreeMap::new();
    for row in &rows {
        let delivery = waiting(row)?;
        let of_push = by_push.entry(*delivery.push_key.as_bytes()).or_default();
        of_push.push(delivery);
    }
    for (key, deliveries) in by_push {
        if let Some(push) = write.settled_push(key).await? {
            for delivery in &deliveries {
                write.decide(&push, delivery).await?;
            }
        }
        let sql = "DELETE FROM waiting_delivery WHERE push_key = $1";
        row::execute(write.connection(), sql, values![key]).await?;
    }
    Ok(())
}

/// A request whose chunk has settled.
struct SettledPush {
    chunk: ChunkId,
    /// Of the chunk, where the request's first recipient stands.
    first_position: u32,
    /// Of the whole chunk.
    outcomes: Vec<Outcome>,
}

fn settled_push(row: &Row) -> Result<SettledPush, StoreError> {
    let blob = row.packed_outcomes("outcomes")?;
    let outcomes = codec::unpack_outcomes(&blob, row.int("size")?);
    Ok(SettledPush {
        chunk: chunk::id(row)?,
        first_position: row.int("first_position")?,
        outcomes: outcomes.map_err(|error| row.corrupt("outcomes", error))?,
    })
}

fn waiting(row: &Row) -> Result<Delivery, StoreError> {
    let code: u8 = row.int("outcome")?;
    Ok(Delivery {
        event_id: row.get("event_id")?,
        push_key: PushKey::from_bytes(row.bytes("push_key")?),
        index: row.int("position")?,
        outcome: Outcome::from_code(code).ok_or_else(|| row.corrupt("outcome", code))?,
        at: row.time("at")?,
    })
}

#[cfg(test)]
mod tests;
