//! What is written after a push: under the claim's epoch, or nothing at all.

use std::time::Duration;

use domain::answer::UnknownReason;
use domain::chunk::{ChunkState, Detour};
use domain::outcome::{Outcome, OutcomeCounts, RejectionCode};
use domain::user::UserNumber;
use store::StoreError;
use store::hot::{Change, Claimed};

use super::world::{
    NOW, QUARANTINE, RULE, World, chunk_of, end, returned, settle, settle_moving, unknown,
};

/// One change of every kind, for a chunk of three.
fn every_change() -> [Change; 6] {
    [
        settle(&[Outcome::Accepted; 3]),
        settle_moving(1, 2),
        end(ChunkState::Cancelled, &[Outcome::Cancelled; 3]),
        returned(NOW),
        unknown("timeout", true),
        QUARANTINE,
    ]
}

/// None of the changes may do anything to a chunk that `claimed` does not hold any more.
async fn expect_untouched(world: &World, claimed: &Claimed, why: &str) {
    let chunk = world.chunk(claimed.id).await;
    let columns = "state + 100 * epoch + 10000 * tainted + 20000 * close_next + 40000 * deaths";
    let before = world.column(columns, "round = 0").await;
    let chunks = world.count("chunk").await;
    for change in every_change() {
        let words = format!("{why}: {change:?}");
        assert!(!world.record(claimed, change).await, "{words}");
        assert_eq!(world.chunk(claimed.id).await, chunk, "{words}");
        assert_eq!(world.column(columns, "round = 0").await, before, "{words}");
    }
    assert_eq!(
        world.count("chunk").await,
        chunks,
        "{why}: no round was made"
    );
    assert_eq!(world.count("push_key").await, 0, "{why}");
}

pub async fn a_settle_keeps_every_outcome(world: World) {
    let claimed = world.claimed(5).await;
    let outcomes = [
        Outcome::Accepted,
        Outcome::Failed(RejectionCode::Blocked),
        Outcome::Excluded(RULE),
        Outcome::Uncertain,
        Outcome::Accepted,
    ];
    let later = NOW + Duration::from_secs(2);
    assert!(world.record_at(&claimed, settle(&outcomes), later).await);
    let chunk = world.chunk(claimed.id).await;
    assert_eq!(chunk.known_state(), Some(ChunkState::Settled));
    assert_eq!(chunk.outcomes().unwrap(), Some(outcomes.to_vec()));
    assert_eq!(chunk.counts, OutcomeCounts::of(outcomes));
    assert_eq!(chunk.settled_at, Some(later));
    assert!(chunk.sequence.is_some(), "the roll-up finds it");
    assert!(
        !world
            .store
            .has_open_chunks(claimed.id.campaign)
            .await
            .unwrap()
    );
}

pub async fn outcomes_that_do_not_add_up_are_refused(world: World) {
    let claimed = world.claimed(5).await;
    let change = settle(&[Outcome::Accepted; 4]);
    let mut write = world.store.write().await.unwrap();
    let refused = world.try_record(&mut write, &claimed, change, NOW).await;
    assert!(
        matches!(refused, Err(StoreError::Invariant(_))),
        "{refused:?}"
    );
    write.roll_back().await.unwrap();
    assert_eq!(world.state(claimed.id).await, ChunkState::Sending);
}

pub async fn a_next_round_has_just_those_who_moved(world: World) {
    let claimed = world.claimed(5).await;
    assert!(world.record(&claimed, settle_moving(3, 2)).await);
    let next = claimed.id.next_round();
    let chunk = world.chunk(next).await;
    assert_eq!(chunk.known_state(), Some(ChunkState::Ready));
    assert_eq!((chunk.size, chunk.epoch, chunk.tariff), (2, 0, 1));
    assert_eq!(chunk.numbers().unwrap(), [UserNumber(4), UserNumber(5)]);
    assert_eq!((chunk.first_number, chunk.last_number), (4, 5));
    assert_eq!(chunk.content_hash, [9; 32]);
    let expected = chunk_of(0, &[UserNumber(4), UserNumber(5)]).keys;
    assert_eq!(world.store.recipients(next).await.unwrap().keys, expected);
    // It begins clean: not tainted, not dispatched, due after its pause.
    let due = NOW + Duration::from_secs(1);
    assert_eq!(world.dispatch(&[next], NOW).await, 1);
    assert!(world.claim_at(&[next], NOW).await.is_empty());
    let claimed = world.claim_at(&[next], due).await.remove(0);
    assert_eq!((claimed.tainted, claimed.retry_rounds), (false, 1));
    assert_eq!(claimed.message_hash, super::world::MESSAGE);
}

pub async fn a_next_round_is_made_once(world: World) {
    let claimed = world.claimed(5).await;
    assert!(world.record(&claimed, settle_moving(3, 2)).await);
    assert!(!world.record(&claimed, settle_moving(3, 2)).await);
    assert_eq!(world.page(claimed.id.campaign).await.chunks.len(), 2);
}

pub async fn undecided_keys_lead_back(world: World) {
    let claimed = world.claimed(2).await;
    let Change::End {
        state,
        outcomes,
        counts,
        detour,
        next_round,
        ..
    } = settle(&[Outcome::Uncertain, Outcome::Unconfirmed])
    else {
        unreachable!("a settle is an end");
    };
    let change = Change::End {
        state,
        outcomes,
        counts,
        detour,
        next_round,
        undecided_keys: vec![([1; 16], 0), ([2; 16], 1)],
    };
    assert!(world.record(&claimed, change).await);
    assert_eq!(world.count("push_key").await, 2);
    let first = "SELECT SUM(first_position) FROM push_key WHERE number = 0 AND round = 0";
    assert_eq!(world.raw.number(first).await, 1);
}

pub async fn a_return_is_ready_and_undispatched(world: World) {
    let claimed = world.claimed(3).await;
    let due = NOW + Duration::from_secs(9);
    assert!(world.record(&claimed, returned(due)).await);
    assert_eq!(world.state(claimed.id).await, ChunkState::Ready);
    assert_eq!(world.column("due_at", "round = 0").await, due.as_millis());
    assert_eq!(
        world.column("COUNT(*)", "dispatched_at IS NOT NULL").await,
        0
    );
    assert_eq!(world.column("COUNT(*)", "lease_until IS NOT NULL").await, 0);
    // Nothing was sent: the window of the key has not begun.
    assert_eq!(
        world
            .column("COUNT(*)", "first_attempt_at IS NOT NULL")
            .await,
        0
    );
}

pub async fn a_tainted_chunk_cannot_return(world: World) {
    let first = world.claimed(3).await;
    assert!(world.record(&first, unknown("timeout", false)).await);
    world.dispatch(&[first.id], NOW).await;
    let second = world.claim(&[first.id]).await.remove(0);
    assert!(!world.record(&second, returned(NOW)).await);
    assert_eq!(world.state(first.id).await, ChunkState::Sending);
}

pub async fn unknown_taints_for_good(world: World) {
    let first = world.claimed(3).await;
    let due = NOW + Duration::from_secs(1);
    let change = Change::Unknown {
        due_at: due,
        detour: "timeout",
        close_next: false,
    };
    assert!(world.record(&first, change).await);
    assert_eq!(world.state(first.id).await, ChunkState::Unknown);
    assert_eq!(world.column("tainted", "round = 0").await, 1);
    assert_eq!(
        world.column("COUNT(*)", "dispatched_at IS NOT NULL").await,
        0
    );
    world.dispatch(&[first.id], due).await;
    let second = world.claim_at(&[first.id], due).await.remove(0);
    assert!(second.tainted);
    assert!(world.record(&second, unknown("throttled", false)).await);
    world.dispatch(&[first.id], due).await;
    assert!(world.claim_at(&[first.id], due).await[0].tainted, "still");
}

pub async fn a_key_to_be_closed_stays_so(world: World) {
    let claimed = world.claimed(3).await;
    assert!(
        world
            .record(&claimed, unknown("rejected_while_tainted", true))
            .await
    );
    // Rescue asked and had no answer: it asks again, it does not push again.
    assert!(
        world
            .record(&claimed, unknown("close_unanswered", false))
            .await
    );
    let unknown = world
        .store
        .unknown_due(claimed.id.campaign, NOW, 10)
        .await
        .unwrap();
    assert_eq!(unknown.len(), 1);
    assert!(unknown[0].close_next);
    let due = world
        .store
        .due_chunks(claimed.id.campaign, NOW, Some(NOW - LONG), 10)
        .await;
    assert!(due.unwrap().is_empty());
}

const LONG: Duration = Duration::from_secs(3_600);

pub async fn deaths_count_until_another_fault_is_known(world: World) {
    let died = Detour::Unknown(UnknownReason::LeaseOver).name();
    let chunk = world.running(&[3]).await[0];
    for (detour, deaths) in [(died, 1), (died, 2), ("timeout", 0), (died, 1)] {
        world.dispatch(&[chunk], NOW).await;
        let claimed = world.claim(&[chunk]).await.remove(0);
        assert!(world.record(&claimed, unknown(detour, false)).await);
        assert_eq!(
            world.column("deaths", "round = 0").await,
            deaths,
            "{detour}"
        );
    }
}

pub async fn a_quarantine_waits(world: World) {
    let claimed = world.claimed(3).await;
    assert!(world.record(&claimed, QUARANTINE).await);
    assert_eq!(world.state(claimed.id).await, ChunkState::Quarantined);
    assert!(
        world
            .store
            .has_open_chunks(claimed.id.campaign)
            .await
            .unwrap()
    );
    assert_eq!(world.dispatch(&[claimed.id], NOW).await, 0);
    let campaign = claimed.id.campaign;
    assert!(
        world
            .store
            .unknown_due(campaign, NOW, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn rescue_settles_an_unknown_chunk(world: World) {
    let claimed = world.claimed(3).await;
    assert!(world.record(&claimed, unknown("timeout", false)).await);
    assert!(
        world
            .record(&claimed, settle(&[Outcome::Accepted; 3]))
            .await
    );
    assert_eq!(world.state(claimed.id).await, ChunkState::Settled);
}

pub async fn a_stale_epoch_changes_nothing(world: World) {
    let stale = world.claimed(3).await;
    assert!(world.record(&stale, unknown("timeout", false)).await);
    world.dispatch(&[stale.id], NOW).await;
    let fresh = world.claim(&[stale.id]).await.remove(0);
    expect_untouched(&world, &stale, "claimed anew").await;
    // Once the new claim is unknown, too, the old one still has no say.
    assert!(world.record(&fresh, unknown("timeout", false)).await);
    expect_untouched(&world, &stale, "unknown anew").await;
}

pub async fn a_settled_chunk_never_changes(world: World) {
    for (state, outcome) in [
        (ChunkState::Settled, Outcome::Accepted),
        (
            ChunkState::Rejected,
            Outcome::Failed(RejectionCode::Content),
        ),
        (ChunkState::Unresolved, Outcome::Uncertain),
        (ChunkState::Cancelled, Outcome::Cancelled),
        (ChunkState::Expired, Outcome::Cancelled),
    ] {
        let claimed = world.claimed(3).await;
        assert!(world.record(&claimed, end(state, &[outcome; 3])).await);
        let before = world.chunk(claimed.id).await;
        for change in every_change() {
            assert!(!world.record(&claimed, change).await, "{}", state.name());
        }
        assert_eq!(world.chunk(claimed.id).await, before, "{}", state.name());
        assert_eq!(
            world.dispatch(&[claimed.id], NOW).await,
            0,
            "{}",
            state.name()
        );
    }
}

pub async fn a_ready_chunk_takes_no_record(world: World) {
    let claimed = world.claimed(3).await;
    assert!(world.record(&claimed, returned(NOW)).await);
    expect_untouched(&world, &claimed, "returned").await;
}

pub async fn the_attempt_ends_once(world: World) {
    let claimed = world.claimed(3).await;
    let later = NOW + Duration::from_secs(1);
    assert!(
        world
            .record_at(&claimed, unknown("timeout", false), NOW)
            .await
    );
    assert!(
        world
            .record_at(&claimed, settle(&[Outcome::Accepted; 3]), later)
            .await
    );
    let ended = "SELECT ended_at FROM attempt WHERE epoch = 1 AND answer = 'told'";
    assert_eq!(world.raw.number(ended).await, NOW.as_millis());
}

pub async fn a_rolled_back_record_never_was(world: World) {
    let claimed = world.claimed(5).await;
    let mut write = world.store.write().await.unwrap();
    let change = settle_moving(3, 2);
    assert!(
        world
            .try_record(&mut write, &claimed, change, NOW)
            .await
            .unwrap()
    );
    write.roll_back().await.unwrap();
    assert_eq!(world.state(claimed.id).await, ChunkState::Sending);
    assert!(
        world.record(&claimed, settle_moving(3, 2)).await,
        "it can be repeated"
    );
}
