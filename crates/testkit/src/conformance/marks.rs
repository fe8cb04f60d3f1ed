//! The statements beside the hot paths that claims and closes rely on: dispatch marks, leases, what
//! ends unsent, what the gate hears.

use std::time::Duration;

use domain::campaign::{CampaignEvent, PauseReason};
use domain::chunk::{ChunkId, ChunkState, WORKER_DEATHS_MAX};
use domain::friend::FriendState;
use domain::gate::Consent;
use domain::id::CampaignId;
use domain::outcome::Outcome;
use domain::user::UserNumber;
use store::chunk::OnItsWay;
use store::hot::{Change, GateSpan};
use store::stage::Stages;

use super::world::{LEASE, NOW, Person, QUARANTINE, RULE, World, returned, settle, unknown};

async fn lease_over(world: &World, chunk: ChunkId, epoch: u32, after: Duration) -> bool {
    let mut write = world.store.write().await.unwrap();
    let moved = write
        .lease_over(chunk, epoch, NOW + after, ChunkState::Unknown, "lease_over")
        .await
        .unwrap();
    write.commit().await.unwrap();
    moved
}

async fn end_ready(world: &World, campaign: CampaignId, state: ChunkState) -> u64 {
    let mut write = world.store.write().await.unwrap();
    let units = write.end_ready(campaign, state, NOW).await.unwrap();
    write.commit().await.unwrap();
    units
}

/// What a worker finds in the table five seconds later.
async fn polled(world: &World, limit: usize) -> Vec<ChunkId> {
    let now = NOW + Duration::from_secs(5);
    let found = world.store.dispatched_unclaimed(now, None, limit).await;
    found.unwrap()
}

pub async fn a_dispatch_marks_each_chunk_once(world: World) {
    let chunks = world
        .running_of(world.business, world.account, &[1, 1])
        .await;
    assert!(!world.store.has_dispatched_before(NOW, NOW).await.unwrap());
    assert_eq!(world.dispatch(&chunks[..1], NOW).await, 1);
    assert_eq!(
        world.dispatch(&chunks, NOW).await,
        1,
        "the first was marked before"
    );
    assert_eq!(world.dispatch(&chunks, NOW).await, 0);
    assert!(world.store.has_dispatched_before(NOW, NOW).await.unwrap());
    world.claim(&chunks).await;
    assert!(!world.store.has_dispatched_before(NOW, NOW).await.unwrap());
}

pub async fn a_paused_campaign_is_not_dispatched(world: World) {
    let chunks = world.running_of(world.business, world.account, &[1]).await;
    let pause = CampaignEvent::Pause(PauseReason::Requested);
    world.move_campaign(chunks[0].campaign, pause).await;
    assert_eq!(world.dispatch(&chunks, NOW).await, 0);
    world
        .move_campaign(chunks[0].campaign, CampaignEvent::Resume)
        .await;
    world
        .raw
        .execute("UPDATE campaign SET restored_at = 1")
        .await;
    assert_eq!(world.dispatch(&chunks, NOW).await, 0);
    world
        .raw
        .execute("UPDATE campaign SET restored_at = NULL")
        .await;
    assert_eq!(world.dispatch(&chunks, NOW).await, 1);
}

pub async fn settled_and_sending_chunks_are_not_dispatched(world: World) {
    let chunks = world.running(&[1, 1, 1]).await;
    let claimed = world.claim(&chunks).await;
    assert!(
        world
            .record(&claimed[0], settle(&[Outcome::Accepted]))
            .await
    );
    assert!(world.record(&claimed[1], QUARANTINE).await);
    world
        .raw
        .execute("UPDATE chunk SET dispatched_at = NULL")
        .await;
    assert_eq!(world.dispatch(&chunks, NOW).await, 0);
}

pub async fn a_pause_takes_dispatches_back(world: World) {
    let chunks = world.running(&[1, 1]).await;
    let others = world.running(&[1]).await;
    let claimed = world.claim(&chunks[..1]).await;
    let clear = async |campaign| {
        let mut write = world.store.write().await.unwrap();
        let taken_back = write.clear_dispatched(campaign).await.unwrap();
        write.commit().await.unwrap();
        taken_back
    };
    assert_eq!(
        clear(Some(chunks[0].campaign)).await,
        1,
        "the unclaimed one only"
    );
    assert!(world.claim(&chunks[1..]).await.is_empty());
    // Whoever was sending may record.
    assert!(
        world
            .record(&claimed[0], settle(&[Outcome::Accepted]))
            .await
    );
    assert_eq!(clear(None).await, 1, "the other campaign's");
    assert!(world.claim(&others).await.is_empty());
}

pub async fn what_is_outstanding_is_counted_and_polled(world: World) {
    let chunks = world
        .running_of(world.business, world.account, &[1, 2, 3])
        .await;
    assert_eq!(world.store.chunks_outstanding().await.unwrap(), 0);
    assert!(polled(&world, 9).await.is_empty());
    let later = NOW + Duration::from_millis(5);
    world.dispatch(&chunks[1..2], NOW).await;
    world.dispatch(&chunks[..1], later).await;
    world.dispatch(&chunks[2..], later).await;
    let waiting = polled(&world, 9).await;
    assert_eq!(
        waiting,
        [chunks[1], chunks[0], chunks[2]],
        "the longest waiting first"
    );
    assert_eq!(polled(&world, 1).await, chunks[1..2]);
    let claimed = world.claim(&chunks[1..2]).await;
    assert_eq!(
        world.store.chunks_outstanding().await.unwrap(),
        3,
        "one is in hand"
    );
    let unclaimed = [chunks[0], chunks[2]];
    assert_eq!(polled(&world, 9).await, unclaimed);
    let outcomes = [Outcome::Accepted, Outcome::Accepted];
    assert!(world.record(&claimed[0], settle(&outcomes)).await);
    assert_eq!(world.store.chunks_outstanding().await.unwrap(), 2);
    for table in ["account", "business"] {
        let stop = format!("UPDATE {table} SET stopped_at = 1");
        world.raw.execute(&stop).await;
        assert_eq!(
            world.store.chunks_outstanding().await.unwrap(),
            0,
            "nobody works on them"
        );
        assert!(polled(&world, 9).await.is_empty());
        let go_on = format!("UPDATE {table} SET stopped_at = NULL");
        world.raw.execute(&go_on).await;
        assert_eq!(polled(&world, 9).await, unclaimed);
    }
    let campaign = chunks[0].campaign;
    let pause = CampaignEvent::Pause(PauseReason::Requested);
    world.move_campaign(campaign, pause).await;
    assert!(polled(&world, 9).await.is_empty());
}

pub async fn stages_tell_what_is_open_and_what_waits_for_its_capture(world: World) {
    let later = NOW + Duration::from_secs(5);
    let chunks = world.running(&[3, 2, 1]).await;
    let claimed = world.claim(&chunks[..2]).await;
    let open = |stages: &Stages, state| {
        let found = stages.open.iter().find(|open| open.state == state);
        found.map_or((0, 0), |open| (open.chunks, open.recipients))
    };
    let before = world.store.stages(later).await.unwrap();
    assert_eq!(open(&before, ChunkState::Sending), (2, 5));
    assert_eq!(open(&before, ChunkState::Ready), (1, 1));
    assert_eq!(before.oldest_due, Some(NOW));
    assert_eq!(before.oldest_uncaptured, None);
    assert!(
        world
            .record(&claimed[0], settle(&[Outcome::Accepted; 3]))
            .await
    );
    let waits = world.store.stages(later).await.unwrap();
    assert_eq!(open(&waits, ChunkState::Sending), (1, 2));
    assert_eq!(waits.oldest_uncaptured, Some(NOW));
    world.roll_up().await;
    let captured = world.store.stages(later).await.unwrap();
    assert_eq!(captured.oldest_uncaptured, None);
    // What is paused is open, and waits for nobody.
    let pause = CampaignEvent::Pause(PauseReason::Requested);
    world.move_campaign(chunks[0].campaign, pause).await;
    let paused = world.store.stages(later).await.unwrap();
    assert_eq!(open(&paused, ChunkState::Ready), (1, 1));
    assert_eq!(paused.oldest_due, None);
}

pub async fn lost_dispatches_are_taken_back_by_their_age(world: World) {
    let chunks = world
        .running_of(world.business, world.account, &[1, 1, 1, 1])
        .await;
    let at = |seconds| NOW + Duration::from_secs(seconds);
    world.dispatch(&chunks[..1], at(1)).await;
    world.dispatch(&chunks[1..2], at(3)).await;
    // By a clock that was an hour ahead then.
    world.dispatch(&chunks[2..3], at(3_600)).await;
    world.dispatch(&chunks[3..], at(1)).await;
    world.claim(&chunks[3..]).await;
    let has = async |before, now| {
        world
            .store
            .has_dispatched_before(before, now)
            .await
            .unwrap()
    };
    assert!(!has(NOW, at(3_600)).await);
    assert!(has(at(1), at(3_600)).await && has(NOW, at(4)).await);
    let mut write = world.store.write().await.unwrap();
    assert_eq!(
        write.clear_dispatched_before(at(2), at(4)).await.unwrap(),
        2
    );
    write.commit().await.unwrap();
    assert_eq!(polled(&world, 9).await, chunks[1..2]);
}

pub async fn what_is_due_comes_unknown_first(world: World) {
    let chunks = world.running(&[1, 2, 3, 4]).await;
    let claimed = world.claim(&chunks[2..]).await;
    let campaign = chunks[0].campaign;
    assert!(world.record(&claimed[0], unknown("timeout", false)).await);
    assert!(world.record(&claimed[1], returned(NOW + LEASE)).await);
    world
        .raw
        .execute("UPDATE chunk SET dispatched_at = NULL")
        .await;
    let due = async |now, since| -> Vec<u32> {
        let due = world
            .store
            .due_chunks(campaign, now, since, 10)
            .await
            .unwrap();
        due.iter().map(|due| due.size).collect()
    };
    let long_ago = Some(NOW - Duration::from_secs(3_600));
    assert_eq!(
        due(NOW, long_ago).await,
        [3, 1, 2],
        "unknown, then by number"
    );
    assert_eq!(due(NOW, None).await, [1, 2], "no key may be used again");
    assert_eq!(due(NOW, Some(NOW)).await, [1, 2], "its window is over");
    assert_eq!(due(NOW + LEASE, long_ago).await, [3, 1, 2, 4]);
}

pub async fn a_lease_ends_at_its_time(world: World) {
    let claimed = world.claimed(3).await;
    let early = LEASE - Duration::from_millis(1);
    assert!(
        world
            .store
            .leases_over(NOW + early)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(!lease_over(&world, claimed.id, 1, early).await);
    let over = world.store.leases_over(NOW + LEASE).await.unwrap();
    assert_eq!(over, [(claimed.id, 1, 0)]);
    assert!(lease_over(&world, claimed.id, 1, LEASE).await);
    assert_eq!(world.state(claimed.id).await, ChunkState::Unknown);
    let columns = "tainted + 10 * deaths + 100 * close_next";
    assert_eq!(world.column(columns, "round = 0").await, 11);
    assert_eq!(
        world.column("COUNT(*)", "dispatched_at IS NOT NULL").await,
        0
    );
    assert!(!lease_over(&world, claimed.id, 1, LEASE).await, "once");
    let campaign = claimed.id.campaign;
    let unknown = world
        .store
        .unknown_due(campaign, NOW + LEASE, 10)
        .await
        .unwrap();
    assert_eq!(
        (unknown[0].id, unknown[0].epoch, unknown[0].deaths),
        (claimed.id, 1, 1)
    );
    assert_eq!(unknown[0].first_attempt_at, NOW);
    // A worker that was only slow still settles under its epoch.
    assert!(
        world
            .record(&claimed, settle(&[Outcome::Accepted; 3]))
            .await
    );
}

pub async fn a_renewed_claim_keeps_its_lease(world: World) {
    let stale = world.claimed(3).await;
    assert!(world.record(&stale, unknown("timeout", false)).await);
    world.dispatch(&[stale.id], NOW).await;
    world.claim(&[stale.id]).await;
    assert!(!lease_over(&world, stale.id, stale.epoch, LEASE).await);
    assert_eq!(world.state(stale.id).await, ChunkState::Sending);
}

pub async fn the_fifth_death_quarantines(world: World) {
    let chunk = world.running(&[3]).await[0];
    for death in 1..=WORKER_DEATHS_MAX {
        world.dispatch(&[chunk], NOW).await;
        let claimed = world.claim(&[chunk]).await.remove(0);
        let over = world.store.leases_over(NOW + LEASE).await.unwrap();
        assert_eq!(over, [(chunk, u32::from(death), death - 1)]);
        let state = match death == WORKER_DEATHS_MAX {
            true => ChunkState::Quarantined,
            false => ChunkState::Unknown,
        };
        let mut write = world.store.write().await.unwrap();
        let end = NOW + LEASE;
        let moved = write
            .lease_over(chunk, claimed.epoch, end, state, "lease_over")
            .await;
        assert!(moved.unwrap());
        write.commit().await.unwrap();
        // Due again at once, so that the next claim of this case is at the same time.
        world.raw.execute("UPDATE chunk SET due_at = 0").await;
    }
    assert_eq!(world.state(chunk).await, ChunkState::Quarantined);
    assert_eq!(world.dispatch(&[chunk], NOW).await, 0);
    assert!(world.store.has_open_chunks(chunk.campaign).await.unwrap());
}

pub async fn a_cancel_ends_ready_chunks_only(world: World) {
    let chunks = world.running(&[1, 2, 3, 4, 5]).await;
    let others = world.running(&[7]).await;
    let claimed = world.claim(&chunks[1..4]).await;
    assert!(
        world
            .record(&claimed[0], settle(&[Outcome::Accepted; 2]))
            .await
    );
    assert!(world.record(&claimed[1], unknown("timeout", false)).await);
    let campaign = chunks[0].campaign;
    assert_eq!(
        end_ready(&world, campaign, ChunkState::Cancelled).await,
        1 + 5
    );
    let mut states = Vec::new();
    for chunk in &chunks {
        states.push(world.state(*chunk).await);
    }
    use ChunkState::{Cancelled, Sending, Settled, Unknown};
    assert_eq!(states, [Cancelled, Settled, Unknown, Sending, Cancelled]);
    assert_eq!(world.state(others[0]).await, ChunkState::Ready);
    assert_eq!(end_ready(&world, campaign, ChunkState::Cancelled).await, 0);
}

pub async fn an_expiry_ends_ready_chunks_with_a_sequence(world: World) {
    let chunks = world.running(&[3]).await;
    let campaign = chunks[0].campaign;
    assert!(world.store.has_ready_chunks(campaign).await.unwrap());
    assert_eq!(end_ready(&world, campaign, ChunkState::Expired).await, 3);
    let chunk = world.chunk(chunks[0]).await;
    assert_eq!(chunk.known_state(), Some(ChunkState::Expired));
    assert_eq!((chunk.counts.cancelled, chunk.settled_at), (3, Some(NOW)));
    assert_eq!(chunk.outcomes().unwrap(), Some(vec![Outcome::Cancelled; 3]));
    assert!(chunk.sequence.is_some());
    assert!(!world.store.has_ready_chunks(campaign).await.unwrap());
    assert!(!world.store.has_open_chunks(campaign).await.unwrap());
    assert!(world.claim(&chunks).await.is_empty());
}

pub async fn exclusions_are_noted_under_the_claim_only(world: World) {
    let stale = world.claimed(3).await;
    assert!(world.record(&stale, unknown("timeout", false)).await);
    let note = async |claimed, position| {
        let mut write = world.store.write().await.unwrap();
        let noted = write
            .set_exclusions(claimed, &[(position, RULE)])
            .await
            .unwrap();
        write.commit().await.unwrap();
        noted
    };
    assert!(!note(&stale, 0).await, "it is UNKNOWN");
    world.dispatch(&[stale.id], NOW).await;
    let fresh = world.claim(&[stale.id]).await.remove(0);
    assert!(!note(&stale, 0).await, "somebody else has it");
    assert!(note(&fresh, 1).await);
    assert!(world.record(&fresh, unknown("timeout", false)).await);
    let unknown = world
        .store
        .unknown_due(stale.id.campaign, NOW, 10)
        .await
        .unwrap();
    assert_eq!(unknown[0].exclusions, [(1, RULE)]);
}

/// Everybody whom the gate hears of between two numbers.
async fn heard(
    world: &World,
    first: u32,
    last: u32,
    mark: i64,
) -> Vec<(u32, FriendState, Consent)> {
    let span = GateSpan {
        account: world.account,
        first: UserNumber(first),
        last: UserNumber(last),
        mark,
    };
    // Asked beside another one, each is answered for itself.
    let nobody = GateSpan {
        mark: i64::MAX,
        ..span
    };
    let hot = world.store.hot();
    let facts = hot.gate_facts(&world.store, &[nobody, span]).await.unwrap();
    let [none, facts] = &facts[..] else {
        panic!("an answer for each: {facts:?}");
    };
    assert!(none.is_empty(), "{none:?}");
    let mut heard: Vec<_> = facts
        .iter()
        .map(|(number, facts)| (number.0, facts.state, facts.promotion))
        .collect();
    heard.sort_by_key(|(number, ..)| *number);
    heard
}

fn without_consent(number: u32) -> Person {
    let mut person = Person::of(number);
    person.promotion = false;
    person
}

fn blocked(number: u32) -> Person {
    let mut person = Person::of(number);
    person.state = FriendState::Blocked;
    person
}

pub async fn the_gate_hears_changes_from_its_mark_on(world: World) {
    let all: Vec<Person> = (1..=4).map(Person::of).collect();
    world.befriend(&all).await;
    world.befriend(&[without_consent(1)]).await;
    let campaign = world.launch(10).await;
    let mark = world
        .store
        .campaign(campaign)
        .await
        .unwrap()
        .launch
        .unwrap()
        .reach_mark;
    assert!(
        heard(&world, 1, 100, mark).await.is_empty(),
        "older changes are the freeze's"
    );
    world.befriend(&[without_consent(2), blocked(3)]).await;
    let expected = [
        (2, FriendState::Active, Consent::Refused),
        (3, FriendState::Blocked, Consent::Granted),
    ];
    assert_eq!(heard(&world, 1, 100, mark).await, expected);
    // A hint only: the facts are those of now.
    world.befriend(&[Person::of(2)]).await;
    let back = (2, FriendState::Active, Consent::Granted);
    assert_eq!(heard(&world, 1, 100, mark).await[0], back);
    assert_eq!(
        heard(&world, 1, 100, 0).await.len(),
        3,
        "a mark of 0 hears everything"
    );
}

pub async fn the_gate_hears_of_its_numbers_only(world: World) {
    let (_, other) = world.add_business("second").await;
    let all: Vec<Person> = (1..=5).map(Person::of).collect();
    world.befriend(&all).await;
    world.befriend_of(other, &all).await;
    let gone: Vec<Person> = [1, 2, 4, 5].map(blocked).to_vec();
    world.befriend(&gone).await;
    world.befriend_of(other, &[blocked(3)]).await;
    let numbers = |heard: Vec<(u32, FriendState, Consent)>| -> Vec<u32> {
        heard.iter().map(|(number, ..)| *number).collect()
    };
    assert_eq!(numbers(heard(&world, 2, 4, 0).await), [2, 4]);
    assert_eq!(numbers(heard(&world, 3, 3, 0).await), [0; 0]);
}

pub async fn an_overdue_recipient_is_named_and_written_off(world: World) {
    let claimed = world.claimed(4).await;
    use Outcome::{Accepted, Confirmed, Uncertain, Unconfirmed};
    let outcomes = [Uncertain, Accepted, Unconfirmed, Unconfirmed];
    assert!(world.record(&claimed, settle(&outcomes)).await);
    let campaign = claimed.id.campaign;
    let left = async || {
        let mut write = world.store.write().await.unwrap();
        let left = write.undecided_left(campaign).await.unwrap();
        let before = NOW - Duration::from_millis(1);
        let none = write.overdue(campaign, before, None, 10).await.unwrap();
        assert_eq!(none, []);
        let overdue = write.overdue(campaign, NOW, None, 10).await.unwrap();
        let after = write.overdue(campaign, NOW, Some(claimed.id), 10).await;
        assert_eq!(after.unwrap(), [], "no chunk is named twice");
        write.roll_back().await.unwrap();
        (left, overdue)
    };
    let all = vec![(claimed.id, vec![0, 2, 3])];
    assert_eq!(left().await, (3, all.clone()));
    assert!(world.amend(claimed.id, 2, Confirmed).await);
    assert_eq!(left().await.0, 2);
    let mut write = world.store.write().await.unwrap();
    write.write_off(&all, NOW).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(left().await, (0, vec![]));
    let stands = "SELECT COUNT(*) FROM amendment WHERE position = 2 AND outcome = 2";
    assert_eq!(
        world.raw.number(stands).await,
        1,
        "who was confirmed is not written off"
    );
    assert_eq!(world.count("amendment").await, 3);
}

pub async fn an_account_is_held_as_long_as_it_was_asked_to_wait(world: World) {
    let chunks = world
        .running_of(world.business, world.account, &[1, 2])
        .await;
    let on_their_way = || async { world.store.on_their_way(NOW).await.unwrap() };
    assert_eq!(on_their_way().await, []);
    world.dispatch(&chunks, NOW).await;
    let expected = |chunks, held_until| OnItsWay {
        account: world.account,
        chunks,
        held_until,
    };
    assert_eq!(on_their_way().await, [expected(2, None)]);
    let claimed = world.claim(&chunks[..1]).await;
    let until = NOW + Duration::from_secs(3);
    assert!(world.record(&claimed[0], returned(until)).await);
    assert_eq!(on_their_way().await, [expected(1, Some(until))]);
    // The time has come: it is due, and holds nobody.
    let then = world.store.on_their_way(until).await.unwrap();
    assert_eq!(then, [expected(1, None)]);
    // Other detours are of the chunk alone.
    let claimed = world.claim(&chunks[1..]).await;
    let held = Change::Return {
        due_at: until + Duration::from_secs(60),
        detour: "held",
    };
    assert!(world.record(&claimed[0], held).await);
    assert_eq!(on_their_way().await, [expected(0, Some(until))]);
}

pub async fn campaigns_with_something_due_are_found(world: World) {
    let chunks = world
        .running_of(world.business, world.account, &[1, 2])
        .await;
    let campaign = chunks[0].campaign;
    let due = |now| {
        let store = &world.store;
        async move { store.campaigns_with_due_chunks(now, None).await.unwrap() }
    };
    assert_eq!(due(NOW).await, [campaign]);
    world.dispatch(&chunks, NOW).await;
    assert_eq!(due(NOW).await, [], "everything is handed out");
    let claimed = world.claim(&chunks[..1]).await;
    let later = NOW + Duration::from_secs(60);
    assert!(world.record(&claimed[0], returned(later)).await);
    assert_eq!(due(NOW).await, []);
    assert_eq!(due(later).await, [campaign]);
    let reason = CampaignEvent::Pause(PauseReason::Requested);
    world.move_campaign(campaign, reason).await;
    assert_eq!(due(later).await, [], "it is paused");
}
