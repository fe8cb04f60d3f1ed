//! Who is in which push: searching the pushes for a person, and for people to offer.
//!
//! A push is one row with a thousand recipients, and taking one must stay cheap: nothing is written
//! per person then. Whoever is looked at is searched for in the pushes, once each, and what was
//! found is remembered.

use domain::answer::PushResults;
use domain::codec::PackedKeys;
use domain::user::UserKey;
use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use super::record::{decode_results, impossible};
use super::trace::trace_of;
use crate::StoreError;

/// Pushes searched through in one statement: 160 MB of recipients at most.
const SEARCH_PAGE: i64 = 10_000;
/// Pushes whose traces are searched through in one statement: 100 MB at most.
const TRACES_PAGE: i64 = 50_000;
/// Pushes looked into for the last people that were reached.
const LAST_PUSHES_MAX: usize = 6;

/// Sums over all pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PushTotal {
    pub pushes: u64,
    /// Recipients accepted in an answer.
    pub accepted: u64,
}

/// A place found by searching: not yet remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub sequence: i64,
    pub position: u32,
    pub handle: String,
    pub uncertain: bool,
}

/// People whom the last pushes reached, the last first: whom to show where nobody has a name. Who
/// was left out or refused, or whose delivery nobody is certain of, was not reached.
pub(super) async fn last_recipients(
    pool: &SqlitePool,
    limit: usize,
) -> Result<Vec<UserKey>, StoreError> {
    let mut reached: Vec<UserKey> = Vec::new();
    let mut before = i64::MAX;
    for _ in 0..LAST_PUSHES_MAX {
        let sql = "SELECT sequence, accepted, results, recipients FROM push
                   WHERE accepted > 0 AND sequence < $1 ORDER BY sequence DESC LIMIT 1";
        let row = sqlx::query(sql).bind(before).fetch_optional(pool).await?;
        let Some(row) = row else {
            break;
        };
        before = row.try_get("sequence")?;
        let results = decode_results(row.try_get("results")?, row.try_get("accepted")?)?;
        let keys = PackedKeys::from_blob(row.try_get("recipients")?).to_keys();
        let keys = keys.map_err(|error| impossible("push", "recipients", error))?;
        for (position, key) in (0u32..).zip(keys) {
            if reached.len() == limit {
                return Ok(reached);
            }
            if is_accepted(&results, position) && !reached.contains(&key) {
                reached.push(key);
            }
        }
    }
    Ok(reached)
}

/// How far the pushes were searched for a person.
pub(super) async fn searched_to(pool: &SqlitePool, user: &UserKey) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT sequence FROM search WHERE user_key = $1")
        .bind(user.as_str())
        .fetch_optional(pool)
        .await?;
    Ok(row
        .map(|row| row.try_get("sequence"))
        .transpose()?
        .unwrap_or(0))
}

/// The last push that was taken; 0 where there is none.
pub(super) async fn last_push(pool: &SqlitePool) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT coalesce(max(sequence), 0) AS last FROM push")
        .fetch_one(pool)
        .await?;
    Ok(row.try_get("last")?)
}

pub(super) async fn push_total(pool: &SqlitePool) -> Result<PushTotal, StoreError> {
    let row = sqlx::query("SELECT pushes, accepted FROM push_total")
        .fetch_one(pool)
        .await?;
    Ok(PushTotal {
        pushes: row.try_get::<i64, _>("pushes")?.max(0) as u64,
        accepted: row.try_get::<i64, _>("accepted")?.max(0) as u64,
    })
}

/// Searches pushes after `after` for a person; the second value is how far it came, `None` where
/// there is nothing new.
pub(super) async fn search(
    pool: &SqlitePool,
    user: &UserKey,
    after: i64,
) -> Result<(Vec<Found>, Option<i64>), StoreError> {
    let last = last_push(pool).await?;
    if last <= after {
        return Ok((Vec::new(), None));
    }
    let row = sqlx::query("SELECT untraced FROM push_total")
        .fetch_one(pool)
        .await?;
    let untraced: i64 = row.try_get("untraced")?;
    let (last, rows) = match after < untraced {
        true => {
            let last = last.min(after + SEARCH_PAGE).min(untraced);
            (last, untraced_pushes(pool, user, (after, last)).await?)
        }
        false => {
            let last = last.min(after + TRACES_PAGE);
            (last, traced_pushes(pool, user, (after, last)).await?)
        }
    };
    let mut found = Vec::new();
    for row in &rows {
        let place = place_in(row, user)?;
        if let Some((position, uncertain)) = place {
            found.push(Found {
                sequence: row.try_get("sequence")?,
                position,
                handle: row.try_get("handle")?,
                uncertain,
            });
        }
    }
    Ok((found, Some(last)))
}

/// Pushes that hold the person's trace, behind the first of two sequences and up to the second.
async fn traced_pushes(
    pool: &SqlitePool,
    user: &UserKey,
    (after, last): (i64, i64),
) -> Result<Vec<SqliteRow>, StoreError> {
    // A cross join keeps its order: the pushes themselves are looked up one by one.
    let sql = "SELECT p.sequence, p.accepted, p.results, p.recipients, c.handle
               FROM push_trace t CROSS JOIN push p ON p.sequence = t.sequence
                 CROSS JOIN content c ON c.hash = p.content
               WHERE t.sequence > $1 AND t.sequence <= $2 AND instr(t.traces, $3) > 0
               ORDER BY t.sequence";
    let rows = sqlx::query(sql)
        .bind(after)
        .bind(last)
        .bind(trace_of(user).to_vec())
        .fetch_all(pool);
    Ok(rows.await?)
}

/// The same for pushes from before there were traces: the person's key is in the recipients.
async fn untraced_pushes(
    pool: &SqlitePool,
    user: &UserKey,
    (after, last): (i64, i64),
) -> Result<Vec<SqliteRow>, StoreError> {
    // The second byte of the blob is the form of its keys: 1 for 16 bytes each.
    let sql = "SELECT p.sequence, p.accepted, p.results, p.recipients, c.handle
               FROM push p JOIN content c ON c.hash = p.content
               WHERE p.sequence > $1 AND p.sequence <= $2
                 AND instr(p.recipients,
                   CASE substr(p.recipients, 2, 1) WHEN x'01' THEN $3 ELSE $4 END) > 0
               ORDER BY p.sequence";
    let packed = user.packed().map(|bytes| bytes.to_vec());
    let rows = sqlx::query(sql)
        .bind(after)
        .bind(last)
        .bind(packed)
        .bind(user.as_str().as_bytes())
        .fetch_all(pool);
    Ok(rows.await?)
}

/// Where the person stands in the push, and whether the delivery was uncertain; `None` where the
/// push did not reach them.
fn place_in(row: &SqliteRow, user: &UserKey) -> Result<Option<(u32, bool)>, StoreError> {
    let results = decode_results(row.try_get("results")?, row.try_get("accepted")?)?;
    let wanted = match user.packed() {
        Some(packed) => packed.to_vec(),
        None => user.as_str().as_bytes().to_vec(),
    };
    let mut position = 0u32;
    let mut place = None;
    PackedKeys::from_blob(row.try_get("recipients")?)
        .for_each_in_bytes(|key| {
            if key == wanted {
                place = Some(position);
            }
            position += 1;
        })
        .map_err(|error| impossible("push", "recipients", error))?;
    let place = place.filter(|place| !is_refused(&results, *place));
    Ok(place.map(|place| (place, results.uncertain.contains(&place))))
}

/// Whether a recipient was accepted in the answer itself.
fn is_accepted(results: &PushResults, position: u32) -> bool {
    !is_refused(results, position) && !results.uncertain.contains(&position)
}

fn is_refused(results: &PushResults, position: u32) -> bool {
    let mut rejected = results.rejected.iter();
    results.excluded.contains(&position) || rejected.any(|(place, _)| *place == position)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::campaign::Purpose;
    use domain::id::CampaignId;
    use domain::outcome::RejectionCode;
    use domain::push::PushKey;
    use domain::time::Timestamp;
    use sqlx::{ConnectOptions, Executor};

    use super::super::{Content, ProcessedPush, SandboxStore};
    use super::*;

    fn user(name: &str) -> UserKey {
        UserKey::parse(name).unwrap()
    }

    fn push(number: u8, users: &[&str], results: PushResults) -> ProcessedPush {
        let keys: Vec<UserKey> = users.iter().map(|name| user(name)).collect();
        ProcessedPush {
            key: PushKey::from_bytes([number; 16]),
            content_hash: [number; 32],
            content: Arc::new(Content {
                hash: [1; 32],
                campaign: CampaignId::from_bytes([1; 16]),
                purpose: Purpose::Promotion,
                account: "{}".to_owned(),
                handle: "@hanok".to_owned(),
                notification_disabled: false,
                messages: "[]".to_owned(),
                links: "[]".to_owned(),
            }),
            at: Timestamp::from_millis(i64::from(number)),
            size: keys.len() as u32,
            results,
            variables: None,
            recipients: PackedKeys::of(&keys),
        }
    }

    fn accepted(count: u32) -> PushResults {
        PushResults {
            accepted: count,
            ..PushResults::default()
        }
    }

    #[tokio::test]
    async fn a_person_is_found_in_pushes_with_traces_and_in_those_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.db");
        let store = SandboxStore::open(&path).await.unwrap();
        let packed = format!("U{}", "ab".repeat(16));
        let refused = PushResults {
            accepted: 1,
            rejected: vec![(1, RejectionCode::Blocked)],
            ..PushResults::default()
        };
        let pushes = [
            push(1, &["kim", &packed], accepted(2)),
            push(2, &["lee"], accepted(1)),
            push(3, &[&packed], accepted(1)),
            push(4, &["lee", "kim"], refused),
            push(5, &["lee", "kim"], accepted(2)),
        ];
        for push in pushes {
            store.record(push).await.unwrap();
        }
        let total = PushTotal {
            pushes: 5,
            accepted: 7,
        };
        assert_eq!(store.push_total().await.unwrap(), total);
        // The first two as they were kept before there were traces.
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
        let mut file = options.connect().await.unwrap();
        let sql = "DELETE FROM push_trace WHERE sequence <= 2;
                   UPDATE push_total SET untraced = 2";
        file.execute(sql).await.unwrap();
        let sequences = async |name: &str| {
            let user = user(name);
            store.search_pushes(&user).await.unwrap();
            let received = store.received(&user, None, 10).await.unwrap();
            received.iter().map(|one| one.sequence).collect::<Vec<_>>()
        };
        assert_eq!(sequences("kim").await, [5, 1]);
        assert_eq!(sequences(&packed).await, [3, 1]);
        assert_eq!(sequences("lee").await, [5, 4, 2]);
        assert!(sequences("park").await.is_empty());
        store.record(push(6, &["kim"], accepted(1))).await.unwrap();
        assert_eq!(sequences("kim").await, [6, 5, 1]);
    }

    #[tokio::test]
    async fn only_people_who_were_reached_are_offered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.db");
        let store = SandboxStore::open(&path).await.unwrap();
        let mixed = PushResults {
            accepted: 1,
            excluded: vec![0],
            rejected: vec![(1, RejectionCode::Left)],
            uncertain: vec![2],
            ..PushResults::default()
        };
        let nobody = PushResults {
            rejected: vec![(0, RejectionCode::Blocked)],
            ..PushResults::default()
        };
        let pushes = [
            push(1, &["lee", "choi", "jung"], accepted(3)),
            push(2, &["out", "gone", "unsure", "lee"], mixed),
            push(3, &["blocked"], nobody),
        ];
        for push in pushes {
            store.record(push).await.unwrap();
        }
        let offered = store.last_recipients(3).await.unwrap();
        assert_eq!(offered, ["lee", "choi", "jung"].map(user));
        assert_eq!(store.last_recipients(1).await.unwrap(), ["lee"].map(user));
    }
}
