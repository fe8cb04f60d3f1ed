//! What one range becomes: everything of it or nothing.

use domain::campaign::{CampaignEvent, PauseReason};
use domain::codec::PackedKeys;
use domain::id::CampaignId;
use domain::rule::RuleId;
use domain::user::{UserKey, UserNumber};
use roaring::RoaringBitmap;
use store::StoreError;
use store::hot::FreezeCommit;

use super::world::{MESSAGE, RULE, World, chunk_of, names_of};

fn bitmap(numbers: &[u32]) -> Vec<u8> {
    let bitmap: RoaringBitmap = numbers.iter().copied().collect();
    let mut bytes = Vec::new();
    bitmap.serialize_into(&mut bytes).unwrap();
    bytes
}

/// Nothing of a refused range may stand anywhere.
async fn expect_nothing_of(world: &World, campaign: CampaignId) {
    assert!(world.page(campaign).await.chunks.is_empty());
    assert_eq!(world.count("chunk_recipients").await, 0);
    assert_eq!(world.count("freeze_range").await, 0);
    assert_eq!(world.count("exclusion").await, 0);
    let tariffs = world.store.campaign_tariffs(campaign).await.unwrap();
    assert_eq!(tariffs[0].frozen, 0);
}

async fn expect_refused(world: &World, commit: &FreezeCommit) {
    let refused = world.freeze(commit).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict(_))),
        "{refused:?}"
    );
    expect_nothing_of(world, commit.campaign).await;
}

pub async fn a_range_is_written_completely(world: World) {
    let campaign = world.launch(100).await;
    let mut commit = world.range_of(campaign, 0, &[30, 30, 5]).await;
    commit.exclusions = vec![(RULE, 2, bitmap(&[70, 71]))];
    world.freeze(&commit).await.unwrap();
    let page = world.page(campaign).await;
    let sizes: Vec<u32> = page.chunks.iter().map(|chunk| chunk.size).collect();
    assert_eq!(sizes, [30, 30, 5]);
    let mut all: Vec<UserNumber> = Vec::new();
    for chunk in &page.chunks {
        let numbers = chunk.numbers().unwrap();
        assert_eq!(chunk.first_number, numbers[0].0);
        assert_eq!(chunk.last_number, numbers[numbers.len() - 1].0);
        assert_eq!(
            (chunk.epoch, chunk.sequence, chunk.outcomes().unwrap()),
            (0, None, None)
        );
        let read = world.store.chunk_numbers(chunk.id).await.unwrap();
        assert_eq!(read, numbers);
        let recipients = world.store.recipients(chunk.id).await.unwrap();
        assert_eq!(
            recipients.keys.to_keys().unwrap().len(),
            chunk.size as usize
        );
        assert_eq!(recipients.variables, Some(names_of(&numbers)));
        all.extend(numbers);
    }
    assert_eq!(all, (1..=65).map(UserNumber).collect::<Vec<_>>());
    assert_eq!(world.store.frozen_ranges(campaign).await.unwrap(), [0]);
    let tariffs = world.store.campaign_tariffs(campaign).await.unwrap();
    assert_eq!((tariffs[0].granted, tariffs[0].frozen), (100, 65));
    let due = world
        .store
        .due_chunks(campaign, commit.now, None, 10)
        .await
        .unwrap();
    assert_eq!(due.len(), 3, "frozen chunks are READY and due");
    assert_eq!(world.store.message(MESSAGE).await.unwrap(), "{}");
}

pub async fn a_range_that_fails_leaves_nothing(world: World) {
    let campaign = world.launch(100).await;
    let mut commit = world.range_of(campaign, 0, &[10, 10]).await;
    // The last chunk has the number of the first: the database refuses the second insert.
    commit.chunks[1].number = commit.chunks[0].number;
    commit.exclusions = vec![(RULE, 1, bitmap(&[70]))];
    let refused = world.freeze(&commit).await;
    assert!(
        matches!(refused, Err(StoreError::Invariant(_))),
        "{refused:?}"
    );
    expect_nothing_of(&world, campaign).await;
}

pub async fn the_same_range_twice_is_refused(world: World) {
    let campaign = world.launch(100).await;
    let commit = world.range_of(campaign, 0, &[10]).await;
    world.freeze(&commit).await.unwrap();
    let again = world.freeze(&commit).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    let tariffs = world.store.campaign_tariffs(campaign).await.unwrap();
    assert_eq!(tariffs[0].frozen, 10);
    assert_eq!(world.page(campaign).await.chunks.len(), 1);
}

pub async fn more_than_granted_is_refused(world: World) {
    let campaign = world.launch(9).await;
    let commit = world.range_of(campaign, 0, &[10]).await;
    expect_refused(&world, &commit).await;
}

pub async fn ranges_add_up_to_what_was_granted(world: World) {
    let campaign = world.launch(20).await;
    for index in [0, 1] {
        let commit = world.range_of(campaign, index, &[10]).await;
        world.freeze(&commit).await.unwrap();
    }
    let commit = world.range_of(campaign, 2, &[1]).await;
    let surplus = world.freeze(&commit).await;
    assert!(
        matches!(surplus, Err(StoreError::Conflict(_))),
        "{surplus:?}"
    );
    assert_eq!(world.store.frozen_ranges(campaign).await.unwrap(), [0, 1]);
    let tariffs = world.store.campaign_tariffs(campaign).await.unwrap();
    assert_eq!((tariffs[0].granted, tariffs[0].frozen), (20, 20));
}

pub async fn a_range_of_nobody_is_done(world: World) {
    let campaign = world.launch(0).await;
    let commit = world.range_of(campaign, 0, &[]).await;
    world.freeze(&commit).await.unwrap();
    assert_eq!(world.store.frozen_ranges(campaign).await.unwrap(), [0]);
    assert!(world.page(campaign).await.chunks.is_empty());
}

pub async fn a_cancelled_campaign_refuses(world: World) {
    let campaign = world.launch(10).await;
    let commit = world.range_of(campaign, 0, &[10]).await;
    world.move_campaign(campaign, CampaignEvent::Cancel).await;
    expect_refused(&world, &commit).await;
}

pub async fn a_closed_campaign_refuses(world: World) {
    let campaign = world.launch(10).await;
    let commit = world.range_of(campaign, 0, &[10]).await;
    for event in [
        CampaignEvent::FirstFreeze,
        CampaignEvent::AllTerminal,
        CampaignEvent::Close,
    ] {
        world.move_campaign(campaign, event).await;
        if event != CampaignEvent::FirstFreeze {
            expect_refused(&world, &commit).await;
        }
    }
}

pub async fn a_restored_campaign_refuses(world: World) {
    let campaign = world.launch(10).await;
    let commit = world.range_of(campaign, 0, &[10]).await;
    world
        .raw
        .execute("UPDATE campaign SET restored_at = 1")
        .await;
    expect_refused(&world, &commit).await;
}

pub async fn a_paused_campaign_freezes_on(world: World) {
    let campaign = world.launch(20).await;
    let first = world.range_of(campaign, 0, &[10]).await;
    world.freeze(&first).await.unwrap();
    world
        .move_campaign(campaign, CampaignEvent::FirstFreeze)
        .await;
    let pause = CampaignEvent::Pause(PauseReason::Requested);
    world.move_campaign(campaign, pause).await;
    let second = world.range_of(campaign, 1, &[10]).await;
    world.freeze(&second).await.unwrap();
    assert_eq!(world.store.frozen_ranges(campaign).await.unwrap(), [0, 1]);
}

pub async fn exclusions_are_kept_with_rule_and_count(world: World) {
    let campaign = world.launch(10).await;
    let mut commit = world.range_of(campaign, 0, &[10]).await;
    commit.exclusions = vec![
        (RuleId::NoConsent, 3, bitmap(&[20, 21, 9_000])),
        (RuleId::Surplus, 1, bitmap(&[30])),
    ];
    world.freeze(&commit).await.unwrap();
    let snapshot = world.store.snapshot().await.unwrap();
    let kept = snapshot.exclusion_page(campaign, None).await.unwrap();
    let told: Vec<(u8, u64, Vec<u32>)> = kept
        .iter()
        .map(|kept| {
            (
                kept.rule,
                kept.count,
                kept.numbers().unwrap().iter().collect(),
            )
        })
        .collect();
    let expected = [
        (RuleId::NoConsent.code(), 3, vec![20, 21, 9_000]),
        (RuleId::Surplus.code(), 1, vec![30]),
    ];
    assert_eq!(told, expected);
    let range = &snapshot.freeze_ranges(campaign).await.unwrap()[0];
    assert_eq!((range.frozen, range.excluded, range.chunks), (10, 4, 1));
    assert_eq!((range.first_number, range.last_number), (1, 10_000));
}

pub async fn keys_of_both_forms_come_back(world: World) {
    let campaign = world.launch(10).await;
    let mut commit = world.range_of(campaign, 0, &[3, 3]).await;
    let mixed: Vec<UserKey> = ["kim", "U00", "sixteen-letters!"]
        .iter()
        .map(|text| UserKey::parse(text).unwrap())
        .collect();
    commit.chunks[1].keys = PackedKeys::of(&mixed);
    world.freeze(&commit).await.unwrap();
    let numbers: Vec<UserNumber> = (1..=3).map(UserNumber).collect();
    let packed = chunk_of(0, &numbers).keys;
    let page = world.page(campaign).await;
    let keys = async |index: usize| {
        let id = page.chunks[index].id;
        world.store.recipients(id).await.unwrap().keys
    };
    assert_eq!(keys(0).await, packed);
    assert_eq!(keys(1).await.to_keys().unwrap(), mixed);
}
