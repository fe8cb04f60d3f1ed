//! What is captured: every settle and every proof, once, whenever its commit is seen.

use std::time::Duration;

use domain::chunk::ChunkState;
use domain::id::{BusinessId, CampaignId};
use domain::outcome::{Outcome, RejectionCode};
use store::hot::{Claimed, RolledUp};

use super::world::{NOW, UNIT_PRICE, World, end, settle, settle_moving};

/// Part and units of every capture row of a campaign.
async fn captured(world: &World, campaign: CampaignId) -> Vec<(u64, u8, u32, u32)> {
    let page = world.page(campaign).await;
    let capture = |row: &store::report::RecordedCapture| {
        assert_eq!(row.unit_price.micro(), UNIT_PRICE);
        assert_eq!(row.amount.micro(), UNIT_PRICE * i64::from(row.units));
        assert_eq!(row.ledger_transaction.is_some(), row.units > 0);
        (row.chunk.number, row.chunk.round, row.part, row.units)
    };
    page.captures.iter().map(capture).collect()
}

fn earned(rolled_up: &[RolledUp]) -> Vec<(BusinessId, CampaignId, i64)> {
    let of = |business: &RolledUp| {
        let campaigns = business.campaigns.clone().into_iter();
        let id = business.business;
        campaigns.map(move |(campaign, amount)| (id, campaign, amount))
    };
    rolled_up.iter().flat_map(of).collect()
}

/// A campaign whose only chunk was settled with these outcomes.
async fn settled(world: &World, outcomes: &[Outcome]) -> Claimed {
    let claimed = world.claimed(outcomes.len() as u32).await;
    assert!(world.record(&claimed, settle(outcomes)).await);
    claimed
}

pub async fn a_settle_is_captured_once(world: World) {
    let outcomes = [
        Outcome::Accepted,
        Outcome::Failed(RejectionCode::Left),
        Outcome::Accepted,
        Outcome::Uncertain,
    ];
    let claimed = settled(&world, &outcomes).await;
    let campaign = claimed.id.campaign;
    let rolled_up = world.roll_up().await;
    assert_eq!(
        earned(&rolled_up),
        [(world.business, campaign, 2 * UNIT_PRICE)]
    );
    assert_eq!(captured(&world, campaign).await, [(0, 0, 0, 2)]);
    let page = world.page(campaign).await;
    let transaction = page.captures[0].ledger_transaction;
    assert_eq!(transaction, Some(rolled_up[0].transaction));
    assert!(world.roll_up().await.is_empty());
    assert_eq!(captured(&world, campaign).await, [(0, 0, 0, 2)]);
}

pub async fn nothing_new_is_nothing(world: World) {
    assert!(world.roll_up().await.is_empty(), "an empty database");
    let chunks = world.running(&[3, 3]).await;
    world.claim(&chunks[..1]).await;
    assert!(world.roll_up().await.is_empty(), "ready and sending chunks");
    assert_eq!(world.count("capture").await, 0);
}

/// What counts is the commit, not the time that stands in the row.
pub async fn an_older_settle_committed_later_is_captured(world: World) {
    let chunks = world.running(&[3, 3]).await;
    let claimed = world.claim(&chunks).await;
    let young = NOW + Duration::from_secs(60);
    let accepted = || settle(&[Outcome::Accepted; 3]);
    assert!(world.record_at(&claimed[1], accepted(), young).await);
    assert_eq!(world.roll_up().await.len(), 1);
    assert!(world.record_at(&claimed[0], accepted(), NOW).await);
    let rolled_up = world.roll_up().await;
    let campaign = chunks[0].campaign;
    assert_eq!(
        earned(&rolled_up),
        [(world.business, campaign, 3 * UNIT_PRICE)]
    );
    assert_eq!(
        captured(&world, campaign).await,
        [(0, 0, 0, 3), (1, 0, 0, 3)]
    );
}

pub async fn nothing_accepted_costs_nothing(world: World) {
    let claimed = settled(&world, &[Outcome::Failed(RejectionCode::Left); 2]).await;
    assert!(earned(&world.roll_up().await).is_empty());
    assert_eq!(captured(&world, claimed.id.campaign).await, [(0, 0, 0, 0)]);
    assert!(world.roll_up().await.is_empty(), "it was looked at");
}

pub async fn unresolved_and_cancelled_cost_nothing(world: World) {
    for (state, outcome) in [
        (
            ChunkState::Rejected,
            Outcome::Failed(RejectionCode::Content),
        ),
        (ChunkState::Unresolved, Outcome::Uncertain),
        (ChunkState::Cancelled, Outcome::Cancelled),
        (ChunkState::Expired, Outcome::Cancelled),
    ] {
        let claimed = world.claimed(2).await;
        assert!(world.record(&claimed, end(state, &[outcome; 2])).await);
        assert!(
            earned(&world.roll_up().await).is_empty(),
            "{}",
            state.name()
        );
        let captures = captured(&world, claimed.id.campaign).await;
        assert!(captures.is_empty(), "{}: {captures:?}", state.name());
    }
}

pub async fn a_confirmed_amendment_is_captured_as_its_part(world: World) {
    for state in [ChunkState::Settled, ChunkState::Unresolved] {
        let claimed = world.claimed(3).await;
        assert!(
            world
                .record(&claimed, end(state, &[Outcome::Uncertain; 3]))
                .await
        );
        world.roll_up().await;
        let campaign = claimed.id.campaign;
        for position in [2, 0] {
            assert!(world.amend(claimed.id, position, Outcome::Confirmed).await);
            let rolled_up = world.roll_up().await;
            assert_eq!(earned(&rolled_up), [(world.business, campaign, UNIT_PRICE)]);
        }
        let parts: Vec<(u32, u32)> = captured(&world, campaign)
            .await
            .iter()
            .filter(|(_, _, part, _)| *part > 0)
            .map(|(_, _, part, units)| (*part, *units))
            .collect();
        assert_eq!(parts, [(1, 1), (3, 1)], "{}", state.name());
        assert!(world.roll_up().await.is_empty());
    }
}

/// Two of a plan's quota, then a band of three, then the next one; in the order they settled, and
/// once, whatever is rolled up together.
pub async fn a_settle_over_edges_is_captured_in_parts(world: World) {
    let band = "INSERT INTO price_band (version, currency, tariff, after, unit_price)
                VALUES (1, 'KRW', 1, 3, 10000000)";
    world.raw.execute(band).await;
    let chunks = world.running(&[4, 4, 4]).await;
    let campaign = chunks[0].campaign;
    world
        .raw
        .execute("UPDATE campaign_tariff SET by_unit = 1, quota = 2")
        .await;
    let claimed = world.claim(&chunks).await;
    let uncertain = [
        Outcome::Accepted,
        Outcome::Accepted,
        Outcome::Failed(RejectionCode::Left),
        Outcome::Uncertain,
    ];
    let later = |seconds| NOW + Duration::from_secs(seconds);
    // The third chunk settles first, and the first one last.
    assert!(
        world
            .record_at(&claimed[2], settle(&uncertain), later(1))
            .await
    );
    assert!(
        world
            .record_at(&claimed[1], settle(&[Outcome::Accepted; 4]), later(2))
            .await
    );
    let rolled_up = world.roll_up().await;
    let won = |units: i64| units * 1_000_000;
    // 2 included; then 3 at 15 and 1 at 10.
    assert_eq!(
        earned(&rolled_up),
        [(world.business, campaign, won(3 * 15 + 10))]
    );
    assert!(
        world
            .record_at(&claimed[0], settle(&[Outcome::Accepted; 4]), later(3))
            .await
    );
    assert!(world.amend(claimed[2].id, 3, Outcome::Confirmed).await);
    let rolled_up = world.roll_up().await;
    assert_eq!(
        earned(&rolled_up),
        [(world.business, campaign, won(5 * 10))]
    );
    assert!(world.roll_up().await.is_empty());
    let page = world.page(campaign).await;
    let parts: Vec<(u64, u32, u32, i64)> = page
        .captures
        .iter()
        .map(|row| {
            let units = row.units;
            let price = row.unit_price.micro() / 1_000_000;
            assert_eq!(
                row.amount.micro(),
                row.unit_price.micro() * i64::from(units)
            );
            assert_eq!(row.ledger_transaction.is_some(), !row.amount.is_zero());
            (row.chunk.number, row.part, units, price)
        })
        .collect();
    let edge = store::report::EDGE_PARTS;
    assert_eq!(
        parts,
        [
            (0, 0, 4, 10),
            (1, 0, 3, 15),
            (1, edge + 1, 1, 10),
            (2, 0, 2, 0),
            (2, 4, 1, 10),
        ]
    );
    // Who is the first of the second chunk, and who the last one.
    let of_second: Vec<_> = page.captures[1..3].to_vec();
    let price = |before| {
        let capture = store::report::capture_of(&of_second, before).unwrap();
        capture.unit_price.micro() / 1_000_000
    };
    assert_eq!((price(0), price(2), price(3)), (15, 15, 10));
    assert!(store::report::capture_of(&of_second, 4).is_none());
    let used = "SELECT units FROM band_use WHERE tariff = 1";
    assert_eq!(world.raw.number(used).await, 9);
}

pub async fn a_failed_amendment_is_not(world: World) {
    let claimed = settled(&world, &[Outcome::Uncertain, Outcome::Accepted]).await;
    let failed = Outcome::Failed(RejectionCode::Blocked);
    assert!(world.amend(claimed.id, 0, failed).await);
    let rolled_up = world.roll_up().await;
    let campaign = claimed.id.campaign;
    assert_eq!(earned(&rolled_up), [(world.business, campaign, UNIT_PRICE)]);
    assert_eq!(captured(&world, campaign).await, [(0, 0, 0, 1)]);
}

pub async fn the_first_amendment_of_a_recipient_wins(world: World) {
    let claimed = settled(&world, &[Outcome::Uncertain; 2]).await;
    assert!(world.amend(claimed.id, 0, Outcome::WrittenOff).await);
    assert!(!world.amend(claimed.id, 0, Outcome::Confirmed).await);
    assert!(world.amend(claimed.id, 1, Outcome::Confirmed).await);
    assert!(!world.amend(claimed.id, 1, Outcome::WrittenOff).await);
    let rolled_up = world.roll_up().await;
    let campaign = claimed.id.campaign;
    assert_eq!(earned(&rolled_up), [(world.business, campaign, UNIT_PRICE)]);
    assert_eq!(
        captured(&world, campaign).await,
        [(0, 0, 0, 0), (0, 0, 2, 1)]
    );
}

pub async fn every_round_is_captured_for_itself(world: World) {
    let claimed = world.claimed(5).await;
    assert!(world.record(&claimed, settle_moving(3, 2)).await);
    let next = claimed.id.next_round();
    world.dispatch(&[next], NOW).await;
    let later = NOW + Duration::from_secs(5);
    let second = world.claim_at(&[next], later).await.remove(0);
    assert!(world.record(&second, settle(&[Outcome::Accepted; 2])).await);
    let rolled_up = world.roll_up().await;
    let campaign = claimed.id.campaign;
    assert_eq!(
        earned(&rolled_up),
        [(world.business, campaign, 5 * UNIT_PRICE)]
    );
    assert_eq!(
        captured(&world, campaign).await,
        [(0, 0, 0, 3), (0, 1, 0, 2)]
    );
}

pub async fn two_businesses_are_two_transactions(world: World) {
    let (business, account) = world.add_business("second").await;
    let mut chunks = world.running(&[1]).await;
    let theirs = world.running_of(business, account, &[2]).await;
    world.dispatch(&theirs, NOW).await;
    chunks.extend(theirs);
    for claimed in world.claim(&chunks).await {
        let outcomes = vec![Outcome::Accepted; claimed.size as usize];
        assert!(world.record(&claimed, settle(&outcomes)).await);
    }
    let rolled_up = world.roll_up().await;
    assert_eq!(rolled_up.len(), 2);
    assert_ne!(rolled_up[0].transaction, rolled_up[1].transaction);
    let mut all = earned(&rolled_up);
    all.sort_by_key(|(_, _, amount)| *amount);
    let expected = [
        (world.business, chunks[0].campaign, UNIT_PRICE),
        (business, chunks[1].campaign, 2 * UNIT_PRICE),
    ];
    assert_eq!(all, expected);
    for (index, chunk) in chunks.iter().enumerate() {
        let page = world.page(chunk.campaign).await;
        let of = rolled_up
            .iter()
            .find(|one| one.campaigns[0].0 == chunk.campaign);
        let transaction = of.map(|one| one.transaction);
        assert_eq!(page.captures[0].ledger_transaction, transaction, "{index}");
    }
}

pub async fn two_campaigns_of_one_business_are_one_transaction(world: World) {
    let first = settled(&world, &[Outcome::Accepted; 2]).await.id.campaign;
    let second = settled(&world, &[Outcome::Accepted; 3]).await.id.campaign;
    let rolled_up = world.roll_up().await;
    assert_eq!(rolled_up.len(), 1);
    let mut campaigns = rolled_up[0].campaigns.clone();
    campaigns.sort_by_key(|(_, amount)| *amount);
    assert_eq!(
        campaigns,
        [(first, 2 * UNIT_PRICE), (second, 3 * UNIT_PRICE)]
    );
}

pub async fn the_mark_passes_what_was_captured(world: World) {
    let mark = async || {
        let snapshot = world.store.snapshot().await.unwrap();
        let mark = snapshot.roll_up_mark().await.unwrap();
        snapshot.end().await.unwrap();
        mark
    };
    let before = mark().await;
    world.roll_up().await;
    assert_eq!(mark().await, before, "nothing to do, nothing moves");
    let claimed = settled(&world, &[Outcome::Accepted]).await;
    let sequence = world.chunk(claimed.id).await.sequence.unwrap();
    assert!(sequence >= before);
    world.roll_up().await;
    assert!(mark().await > sequence);
    let next = settled(&world, &[Outcome::Accepted]).await;
    let sequence = world.chunk(next.id).await.sequence.unwrap();
    assert!(
        sequence >= mark().await,
        "what commits later is found by the mark"
    );
}

pub async fn a_rolled_back_roll_up_is_made_anew(world: World) {
    let claimed = settled(&world, &[Outcome::Accepted; 2]).await;
    let mut write = world.store.write().await.unwrap();
    let first = world
        .store
        .hot()
        .roll_up(&mut write, world.ids())
        .await
        .unwrap();
    assert_eq!(first.len(), 1);
    write.roll_back().await.unwrap();
    let campaign = claimed.id.campaign;
    assert!(captured(&world, campaign).await.is_empty());
    let mut write = world.store.write().await.unwrap();
    assert!(write.has_uncaptured(campaign).await.unwrap());
    write.roll_back().await.unwrap();
    let again = earned(&world.roll_up().await);
    assert_eq!(again, [(world.business, campaign, 2 * UNIT_PRICE)]);
    let mut write = world.store.write().await.unwrap();
    assert!(!write.has_uncaptured(campaign).await.unwrap());
}
