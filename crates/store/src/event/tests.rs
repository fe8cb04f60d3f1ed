//! Events are new once; deliveries are decided once, before or after their chunk's settle.

use domain::chunk::ChunkState;
use domain::id::CampaignId;
use domain::outcome::{OutcomeCounts, RejectionCode};
use domain::time::LaunchMonth;
use testkit::database::Engine;

use super::*;
use crate::fixture;

testkit::on_both_engines![
    the_first_final_outcome_of_an_undecided_recipient_stands,
    what_is_told_before_the_settle_waits_for_it,
    no_more_wait_than_there_is_room_for,
    an_event_is_new_once_until_it_is_forgotten,
];

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// The chunk these tests are about.
fn chunk() -> ChunkId {
    ChunkId {
        month: LaunchMonth::of(NOW),
        campaign: CampaignId::from_bytes([9; 16]),
        number: 4,
        round: 1,
    }
}

/// The settle of a chunk that went out as two requests, of two and three recipients.
async fn settle(engine: Engine, write: &mut Write, outcomes: &[Outcome]) {
    let chunk = chunk();
    let counts = OutcomeCounts::of(outcomes.iter().copied());
    let sequence = write.settle_sequence().await.unwrap();
    write.ensure_month(chunk.month).await.unwrap();
    let sql = format!(
        "INSERT INTO chunk (month, campaign, number, round, state, size, tariff, message,
           content_hash, night_consent, utc_offset_minutes, first_number, last_number, due_at,
           accepted, uncertain, failed, settled_at, sequence, numbers, outcomes)
         VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $7, 0, 0, 1, 9, 0, $8, $9, $10, 0, $11, {}, {})",
        engine.numbers(&[]),
        engine.outcomes(outcomes),
    );
    let bound = values![
        chunk.month.number(),
        chunk.campaign,
        chunk.number,
        chunk.round,
        ChunkState::Settled.code(),
        outcomes.len() as u32,
        Vec::<u8>::new(),
        counts.accepted,
        counts.uncertain,
        counts.failed,
        sequence,
    ];
    row::execute(write.connection(), &sql, bound).await.unwrap();
    for (key, first_position) in [(first_key(), 0u32), (second_key(), 2)] {
        let sql = "INSERT INTO push_key VALUES ($1, $2, $3, $4, $5, $6)";
        let key = *key.as_bytes();
        let month = chunk.month.number();
        let bound = values![
            key,
            month,
            chunk.campaign,
            chunk.number,
            chunk.round,
            first_position
        ];
        row::execute(write.connection(), sql, bound).await.unwrap();
    }
    let keys = [first_key(), second_key()].map(|key| *key.as_bytes());
    settle_waiting(write, &keys).await.unwrap();
}

fn first_key() -> PushKey {
    PushKey::of(&chunk()).part(0)
}

fn second_key() -> PushKey {
    PushKey::of(&chunk()).part(2)
}

fn told(event: &str, push_key: PushKey, index: u32, outcome: Outcome) -> Delivery {
    Delivery {
        event_id: event.to_owned(),
        push_key,
        index,
        outcome,
        at: NOW,
    }
}

const CONFIRMED: Outcome = Outcome::Confirmed;
const FAILED: Outcome = Outcome::Failed(RejectionCode::Unreachable);
const SETTLED: [Outcome; 5] = [
    Outcome::Uncertain,
    Outcome::Accepted,
    Outcome::Uncertain,
    Outcome::Unconfirmed,
    Outcome::Accepted,
];

/// Position and outcome code of every amendment.
async fn amendments(write: &Write) -> Vec<(u32, u8)> {
    let sql = "SELECT position, outcome FROM amendment ORDER BY position";
    let rows = row::all(write.connection(), "amendment", sql, [])
        .await
        .unwrap();
    let amendment = |row: &Row| (row.int("position").unwrap(), row.int("outcome").unwrap());
    rows.iter().map(amendment).collect()
}

async fn the_first_final_outcome_of_an_undecided_recipient_stands(engine: Engine) {
    let (store, _database) = fixture::open(engine).await;
    let mut write = store.write().await.unwrap();
    settle(engine, &mut write, &SETTLED).await;
    let deliveries = [
        told("e1", first_key(), 0, CONFIRMED),
        told("e2", first_key(), 0, FAILED),
        told("e3", first_key(), 1, FAILED),
        told("e4", second_key(), 1, FAILED),
        told("e5", second_key(), 999, CONFIRMED),
        told("e6", second_key(), u32::MAX, CONFIRMED),
    ];
    use DeliveryVerdict::*;
    let verdicts = write.take_deliveries(&deliveries, NOW).await.unwrap();
    let expected = [
        Decided,
        DecidedBefore,
        NeverOpen,
        Decided,
        NeverOpen,
        NeverOpen,
    ];
    assert_eq!(verdicts, expected);
    assert_eq!(
        amendments(&write).await,
        [(0, CONFIRMED.code()), (3, FAILED.code())]
    );
}

async fn what_is_told_before_the_settle_waits_for_it(engine: Engine) {
    let (store, _database) = fixture::open(engine).await;
    let mut write = store.write().await.unwrap();
    let early = [
        told("e1", second_key(), 0, FAILED),
        told("e2", second_key(), 2, CONFIRMED),
        told("e3", first_key(), 0, CONFIRMED),
    ];
    let verdicts = write.take_deliveries(&early, NOW).await.unwrap();
    assert_eq!(verdicts, [DeliveryVerdict::Waiting; 3]);
    let later = NOW + Duration::from_secs(1);
    let contradiction = [told("e0", first_key(), 0, FAILED)];
    write.take_deliveries(&contradiction, later).await.unwrap();
    assert_eq!(write.waiting_deliveries().await.unwrap(), 4);
    assert_eq!(amendments(&write).await, []);
    settle(engine, &mut write, &SETTLED).await;
    assert_eq!(
        amendments(&write).await,
        [(0, CONFIRMED.code()), (2, FAILED.code())]
    );
    assert_eq!(write.waiting_deliveries().await.unwrap(), 0);
}

async fn no_more_wait_than_there_is_room_for(engine: Engine) {
    let (store, _database) = fixture::open(engine).await;
    let mut write = store.write().await.unwrap();
    let fill = "INSERT INTO waiting_delivery
                WITH RECURSIVE n (value) AS (SELECT 2 UNION ALL SELECT value + 1 FROM n)
                SELECT 'w' || value, $1, 0, 2, 0, $2 FROM n LIMIT $3";
    let filled = WAITING_MAX - 1;
    let values = values![[0u8; 16], NOW, filled];
    assert_eq!(
        row::execute(write.connection(), fill, values)
            .await
            .unwrap(),
        filled
    );
    let two = [
        told("e1", first_key(), 0, CONFIRMED),
        told("e2", first_key(), 1, CONFIRMED),
    ];
    let verdicts = write.take_deliveries(&two, NOW).await.unwrap();
    assert_eq!(
        verdicts,
        [DeliveryVerdict::Waiting, DeliveryVerdict::NoRoom]
    );
}

async fn an_event_is_new_once_until_it_is_forgotten(engine: Engine) {
    let (store, _database) = fixture::open(engine).await;
    let mut write = store.write().await.unwrap();
    let sorted = |fresh: HashSet<String>| {
        let mut fresh: Vec<String> = fresh.into_iter().collect();
        fresh.sort_unstable();
        fresh
    };
    let fresh = write.remember_events(&["a", "b", "a"], NOW).await.unwrap();
    assert_eq!(sorted(fresh), ["a", "b"]);
    let fresh = write.remember_events(&["b", "c"], NOW).await.unwrap();
    assert_eq!(sorted(fresh), ["c"]);
    write.forget_events(&["b"]).await.unwrap();
    let early = [told("w", first_key(), 0, CONFIRMED)];
    write.take_deliveries(&early, NOW).await.unwrap();
    write.prune_events(NOW + EVENT_IDS_KEPT).await.unwrap();
    let fresh = write.remember_events(&["a", "b", "c"], NOW).await.unwrap();
    assert_eq!(sorted(fresh), ["b"]);
    write
        .prune_events(NOW + EVENT_IDS_KEPT + Duration::from_millis(1))
        .await
        .unwrap();
    let fresh = write.remember_events(&["a", "b", "c"], NOW).await.unwrap();
    assert_eq!(fresh.len(), 3);
    assert_eq!(write.waiting_deliveries().await.unwrap(), 0);
}
