//! Who may take a chunk: everything a claim checks, and what it leaves.

use std::time::Duration;

use domain::campaign::{CampaignEvent, PauseReason};
use domain::chunk::{ChunkId, ChunkState};
use domain::outcome::Outcome;
use domain::time::Timestamp;

use super::world::{
    CONTENT, KEY_USABLE, LEASE, MESSAGE, NOW, QUARANTINE, RULE, World, returned, settle, unknown,
};

async fn expect_unclaimed(world: &World, chunk: ChunkId, why: &str) {
    let (state, epoch, attempts) = (
        world.chunk(chunk).await.state,
        world.chunk(chunk).await.epoch,
        world.count("attempt").await,
    );
    assert!(
        world.claim(&[chunk]).await.is_empty(),
        "{why}: it was claimed"
    );
    let after = world.chunk(chunk).await;
    assert_eq!((after.state, after.epoch), (state, epoch), "{why}");
    assert_eq!(
        world.count("attempt").await,
        attempts,
        "{why}: an attempt was noted"
    );
}

pub async fn a_dispatched_chunk_is_claimed_with_its_attempt(world: World) {
    let chunk = world.running(&[3]).await[0];
    let claimed = world.claim(&[chunk]).await.remove(0);
    assert_eq!((claimed.id, claimed.epoch, claimed.size), (chunk, 1, 3));
    assert_eq!((claimed.tainted, claimed.retry_rounds), (false, 0));
    assert_eq!(
        (claimed.message_hash, claimed.content_hash),
        (MESSAGE, CONTENT)
    );
    assert_eq!((claimed.first_number.0, claimed.last_number.0), (1, 3));
    assert!(claimed.exclusions.is_empty());
    assert_eq!(world.state(chunk).await, ChunkState::Sending);
    let attempts = "SELECT COUNT(*) FROM attempt WHERE epoch = 1 AND ended_at IS NULL";
    assert_eq!(world.raw.number(attempts).await, 1);
    let lease = world.column("lease_until", "round = 0").await;
    assert_eq!(Timestamp::from_millis(lease), NOW + LEASE);
}

pub async fn an_undispatched_chunk_is_not(world: World) {
    let chunk = world.running_of(world.business, world.account, &[3]).await[0];
    expect_unclaimed(&world, chunk, "undispatched").await;
    world.dispatch(&[chunk], NOW).await;
    assert_eq!(world.claim(&[chunk]).await.len(), 1);
}

pub async fn a_chunk_is_due_to_the_millisecond(world: World) {
    let claimed = world.claimed(3).await;
    let due = NOW + Duration::from_secs(5);
    assert!(world.record(&claimed, returned(due)).await);
    world.dispatch(&[claimed.id], NOW).await;
    let early = due - Duration::from_millis(1);
    assert!(world.claim_at(&[claimed.id], early).await.is_empty());
    assert_eq!(world.claim_at(&[claimed.id], due).await.len(), 1);
}

pub async fn an_unknown_chunk_is_claimed_tainted(world: World) {
    let first = world.claimed(3).await;
    assert!(world.record(&first, unknown("timeout", false)).await);
    expect_unclaimed(&world, first.id, "undispatched again").await;
    world.dispatch(&[first.id], NOW).await;
    let second = world.claim(&[first.id]).await.remove(0);
    assert_eq!((second.epoch, second.tainted), (2, true));
    assert_eq!(world.state(first.id).await, ChunkState::Sending);
}

pub async fn a_key_that_grew_old_is_not_used_again(world: World) {
    let first = world.claimed(3).await;
    assert!(world.record(&first, unknown("timeout", false)).await);
    world.dispatch(&[first.id], NOW).await;
    let old = NOW + KEY_USABLE;
    let claimed = world.claim_at(&[first.id], old).await;
    assert!(claimed.is_empty(), "its message waited too long");
    let young = old - Duration::from_millis(1);
    assert_eq!(world.claim_at(&[first.id], young).await.len(), 1);
}

pub async fn a_key_to_be_closed_is_not_claimed(world: World) {
    let claimed = world.claimed(3).await;
    assert!(
        world
            .record(&claimed, unknown("rejected_while_tainted", true))
            .await
    );
    // Not even where a dispatch slipped in.
    world
        .raw
        .execute("UPDATE chunk SET dispatched_at = 1")
        .await;
    expect_unclaimed(&world, claimed.id, "its key is to be closed").await;
}

pub async fn only_ready_and_unknown_are_claimed(world: World) {
    let quarantined = world.claimed(1).await;
    assert!(world.record(&quarantined, QUARANTINE).await);
    let settled = world.claimed(1).await;
    assert!(world.record(&settled, settle(&[Outcome::Accepted])).await);
    let sending = world.claimed(1).await;
    world
        .raw
        .execute("UPDATE chunk SET dispatched_at = 1")
        .await;
    for (claimed, why) in [
        (quarantined, "quarantined"),
        (settled, "settled"),
        (sending, "sending"),
    ] {
        expect_unclaimed(&world, claimed.id, why).await;
    }
}

pub async fn two_claims_of_one_chunk_are_one(world: World) {
    let chunk = world.running(&[3]).await[0];
    let claimed = world.claim(&[chunk, chunk]).await;
    assert_eq!(claimed.len(), 1, "named twice in one batch");
    expect_unclaimed(&world, chunk, "claimed before").await;
}

pub async fn a_campaign_that_does_not_run_is_not_claimed(world: World) {
    let chunk = world.running(&[3]).await[0];
    let pause = CampaignEvent::Pause(PauseReason::Requested);
    world.move_campaign(chunk.campaign, pause).await;
    expect_unclaimed(&world, chunk, "paused").await;
    world
        .move_campaign(chunk.campaign, CampaignEvent::Resume)
        .await;
    world
        .move_campaign(chunk.campaign, CampaignEvent::Cancel)
        .await;
    expect_unclaimed(&world, chunk, "cancelling").await;
}

pub async fn a_stopped_account_is_not_claimed(world: World) {
    let chunk = world.running(&[3]).await[0];
    world.raw.execute("UPDATE account SET stopped_at = 1").await;
    expect_unclaimed(&world, chunk, "the account is stopped").await;
    world
        .raw
        .execute("UPDATE account SET stopped_at = NULL")
        .await;
    assert_eq!(world.claim(&[chunk]).await.len(), 1);
}

pub async fn a_stopped_business_is_not_claimed(world: World) {
    let chunk = world.running(&[3]).await[0];
    world
        .raw
        .execute("UPDATE business SET stopped_at = 1")
        .await;
    expect_unclaimed(&world, chunk, "the business is stopped").await;
    world
        .raw
        .execute("UPDATE business SET stopped_at = NULL")
        .await;
    assert_eq!(world.claim(&[chunk]).await.len(), 1);
}

pub async fn nothing_is_claimed_past_its_time(world: World) {
    let chunks = world.running(&[3, 3]).await;
    let launch = world
        .store
        .campaign(chunks[0].campaign)
        .await
        .unwrap()
        .launch
        .unwrap();
    let last = launch.not_after - Duration::from_millis(1);
    assert!(
        world
            .claim_at(&chunks[..1], launch.not_after)
            .await
            .is_empty()
    );
    assert_eq!(world.claim_at(&chunks[..1], last).await.len(), 1);
}

pub async fn a_restored_campaign_is_not_claimed(world: World) {
    let chunk = world.running(&[3]).await[0];
    world
        .raw
        .execute("UPDATE campaign SET restored_at = 1")
        .await;
    expect_unclaimed(&world, chunk, "restored").await;
}

pub async fn epochs_rise_and_the_first_attempt_stays(world: World) {
    let chunk = world.running(&[3]).await[0];
    for round in 1..=4u32 {
        let now = NOW + Duration::from_secs(round.into());
        world.dispatch(&[chunk], now).await;
        let claimed = world.claim_at(&[chunk], now).await.remove(0);
        assert_eq!(claimed.epoch, round);
        assert!(world.record(&claimed, unknown("timeout", false)).await);
    }
    let first = world.column("first_attempt_at", "round = 0").await;
    assert_eq!(Timestamp::from_millis(first), NOW + Duration::from_secs(1));
    assert_eq!(world.count("attempt").await, 4);
}

pub async fn exclusions_of_former_attempts_come_along(world: World) {
    let chunk = world.running(&[5]).await[0];
    for (epoch, excluded) in [
        (1, vec![(3, RULE)]),
        (2, vec![]),
        (3, vec![(1, RULE), (4, RULE)]),
    ] {
        world.dispatch(&[chunk], NOW).await;
        let claimed = world.claim(&[chunk]).await.remove(0);
        assert_eq!(claimed.epoch, epoch);
        if !excluded.is_empty() {
            let mut write = world.store.write().await.unwrap();
            assert!(write.set_exclusions(&claimed, &excluded).await.unwrap());
            write.commit().await.unwrap();
        }
        assert!(world.record(&claimed, unknown("timeout", false)).await);
    }
    world.dispatch(&[chunk], NOW).await;
    let claimed = world.claim(&[chunk]).await.remove(0);
    assert_eq!(claimed.exclusions, [(3, RULE), (1, RULE), (4, RULE)]);
}

pub async fn a_batch_claims_what_it_may_in_order(world: World) {
    let chunks = world
        .running_of(world.business, world.account, &[1; 5])
        .await;
    world
        .dispatch(&[chunks[0], chunks[2], chunks[4]], NOW)
        .await;
    let asked = [chunks[4], chunks[1], chunks[0], chunks[3], chunks[2]];
    let claimed: Vec<ChunkId> = world.claim(&asked).await.iter().map(|c| c.id).collect();
    assert_eq!(claimed, [chunks[4], chunks[0], chunks[2]]);
}

pub async fn a_chunk_that_is_not_there_is_not_claimed(world: World) {
    let chunk = world.running(&[1]).await[0];
    for id in [
        chunk.next_round(),
        ChunkId {
            number: 999,
            ..chunk
        },
        ChunkId {
            campaign: world.ids().next(),
            ..chunk
        },
    ] {
        assert!(world.claim(&[id]).await.is_empty(), "{id}");
    }
    assert_eq!(world.count("attempt").await, 0);
}
