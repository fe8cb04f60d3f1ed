//! What pages, reports and downloads read, over a small world in which something of everything
//! happened.

use domain::campaign::CampaignState;
use domain::id::{CampaignId, LinkId};
use domain::ledger::{IdempotencyKey, TransactionKind};
use domain::money::{Currency, Money};
use domain::outcome::{Outcome, RejectionCode};
use domain::push::PushKey;
use domain::receipt::{Receipt, ReceiptKind};
use domain::time::{LaunchMonth, Timestamp};
use domain::user::UserNumber;
use roaring::RoaringBitmap;
use store::action::{Action, CampaignAction};
use store::campaign_list::ListQuery;
use store::movement::LineQuery;
use store::receipt::CampaignLink;
use store::sends::Holds;
use store::wallet::{self, EarnedAs};

use super::world::{NOW, Person, RULE, World, settle};

const FAILED: Outcome = Outcome::Failed(RejectionCode::Blocked);
const LATER: Timestamp = Timestamp::from_millis(1_795_000_060_000);
const LONG_AGO: Timestamp = Timestamp::from_millis(0);

/// Three friends, a campaign to two of them with 15 KRW a head: one accepted, one refused.
async fn sent(world: &World) -> CampaignId {
    let people: Vec<Person> = (1..=3).map(Person::of).collect();
    world.befriend(&people).await;
    let chunks = world.running_of(world.business, world.account, &[2]).await;
    let campaign = chunks[0].campaign;
    let money = |units| Money::whole(units, Currency::Krw);
    let mut write = world.store.write().await.unwrap();
    let (business, ids) = (world.business, world.ids());
    let key = IdempotencyKey::top_up("r1").unwrap();
    wallet::top_up(&mut write, business, money(100), &key, NOW, ids)
        .await
        .unwrap();
    wallet::hold(&mut write, business, campaign, money(30), NOW, ids)
        .await
        .unwrap();
    write.commit().await.unwrap();
    world.dispatch(&chunks, NOW).await;
    let claimed = world.claim(&chunks).await.remove(0);
    let outcomes = [Outcome::Accepted, FAILED];
    assert!(world.record(&claimed, settle(&outcomes)).await);
    let mut write = world.store.write().await.unwrap();
    let rolled_up = world.store.hot().roll_up(&mut write, ids).await.unwrap();
    let transaction = rolled_up[0].transaction;
    let earned = [(campaign, money(15))];
    let earned_as = EarnedAs {
        transaction,
        sequence: 1,
        month: LaunchMonth::of(LATER),
    };
    wallet::capture(&mut write, business, earned_as, &earned, LATER, ids)
        .await
        .unwrap();
    wallet::release(&mut write, campaign, money(15), LATER, ids)
        .await
        .unwrap();
    write.commit().await.unwrap();
    campaign
}

pub async fn a_list_has_campaigns_with_their_sums(world: World) {
    let campaign = sent(&world).await;
    let snapshot = world.store.snapshot().await.unwrap();
    let query = ListQuery {
        account: world.account,
        states: &[CampaignState::Running.code(), CampaignState::Draft.code()],
        text: "A CASE",
        before: None,
        limit: 10,
    };
    let listed = snapshot.list_campaigns(&query).await.unwrap();
    assert_eq!(listed.len(), 1);
    let one = &listed[0];
    assert_eq!((one.id, one.counted), (campaign, 2));
    assert_eq!(one.unit_price_micro, 15_000_000);
    let money = (one.held_micro, one.captured_micro, one.released_micro);
    assert_eq!(money, (30_000_000, 15_000_000, 15_000_000));
    assert!(!one.has_launch_error);
    let other = ListQuery {
        text: "a_case",
        ..query
    };
    assert!(snapshot.list_campaigns(&other).await.unwrap().is_empty());
    let between = snapshot.campaigns_between(world.account, LONG_AGO, LATER, 10);
    assert_eq!(between.await.unwrap().len(), 1);
    let counts = snapshot.campaign_counts(world.account).await.unwrap();
    assert_eq!(counts[&CampaignState::Running.code()], 1);
    let outcomes = snapshot.listed_outcomes(&listed).await.unwrap()[&campaign];
    assert_eq!((outcomes.accepted, outcomes.failed), (1, 1));
    let sums = snapshot.sent_between(world.account, LONG_AGO, LATER);
    let sums = sums.await.unwrap();
    assert_eq!((sums.campaigns, sums.sends), (1, 1));
    assert_eq!(sums.captured_micro, 15_000_000);
    snapshot.end().await.unwrap();
    assert_eq!(
        world.store.running_campaigns(world.account).await.unwrap(),
        1
    );
}

pub async fn a_wallet_shows_what_moved(world: World) {
    let campaign = sent(&world).await;
    let snapshot = world.store.snapshot().await.unwrap();
    let business = world.business;
    let query = LineQuery {
        business,
        kinds: &[],
        from: None,
        until: None,
        before: None,
        transactions: 10,
    };
    let lines = snapshot.wallet_lines(&query).await.unwrap();
    let moved: Vec<(i64, i64)> = lines
        .iter()
        .map(|line| {
            (
                line.available_micro / 1_000_000,
                line.held_micro / 1_000_000,
            )
        })
        .collect();
    assert_eq!(moved, [(15, -15), (0, -15), (-30, 30), (100, 0)]);
    let holds = LineQuery {
        kinds: &[TransactionKind::Hold, TransactionKind::Release],
        ..query
    };
    assert_eq!(snapshot.wallet_lines(&holds).await.unwrap().len(), 2);
    let after = snapshot.wallet_lines_after(business, 1, Some(LATER), 10);
    assert_eq!(after.await.unwrap().len(), 1, "the hold");
    let before = snapshot.last_sequence_before(business, LATER);
    assert_eq!(before.await.unwrap(), 2);
    let balance = snapshot.balance_after(business, 2).await.unwrap();
    assert_eq!(balance, (70_000_000, 30_000_000));
    let changes = snapshot.available_changes(business, 0, 9).await.unwrap();
    assert_eq!(
        changes,
        [(4, 15_000_000), (2, -30_000_000), (1, 100_000_000)]
    );
    let since = snapshot.available_since(business, 1).await.unwrap();
    assert_eq!(since, -15_000_000);
    let (capture, end) = (
        TransactionKind::Capture,
        LATER + std::time::Duration::from_secs(1),
    );
    let spent = snapshot.moved_between(business, capture, NOW, end);
    assert_eq!(spent.await.unwrap(), 15_000_000);
    let first = snapshot.first_booked_at(business).await.unwrap();
    assert_eq!(first, Some(NOW));
    let billed = snapshot.billed_campaigns(business, 10).await.unwrap();
    assert_eq!(
        (billed[0].id, billed[0].unit_price_micro),
        (campaign, 15_000_000)
    );
    assert!(snapshot.open_holds(business).await.unwrap().is_empty());
    let named = snapshot
        .line_campaigns(business, &[campaign])
        .await
        .unwrap();
    assert!(named[0].is_broadcast);
    let entries = snapshot.campaign_entries(campaign).await.unwrap();
    assert_eq!(
        entries.iter().map(|entry| entry.amount_micro).sum::<i64>(),
        0
    );
    let revenue = snapshot.campaign_revenue(campaign).await.unwrap();
    assert_eq!(revenue[0].1, 15_000_000);
    let recorded = snapshot.recorded_businesses().await.unwrap();
    let ours = recorded.iter().find(|one| one.id == business).unwrap();
    assert!(ours.open_holds.is_zero());
    assert!(
        snapshot
            .orphans()
            .await
            .unwrap()
            .iter()
            .all(|one| one.count == 0)
    );
    snapshot.end().await.unwrap();
}

pub async fn a_campaign_under_way_is_counted_once(world: World) {
    let campaign = sent(&world).await;
    let mut write = world.store.write().await.unwrap();
    let action = CampaignAction::of(Action::Pause, None, LATER);
    write.note_action(campaign, &action).await.unwrap();
    write.commit().await.unwrap();
    let snapshot = world.store.snapshot().await.unwrap();
    let mark = snapshot.settle_mark().await.unwrap();
    let under_way = snapshot.under_way(world.business, campaign).await.unwrap();
    assert_eq!((under_way.ready, under_way.sending.people), (0, 0));
    assert_eq!(under_way.actions, [action]);
    assert_eq!(under_way.frozen_up_to, Some(10_000));
    let month = LaunchMonth::of(NOW);
    let done = snapshot
        .done_chunks(month, campaign, None, 10)
        .await
        .unwrap();
    assert_eq!(done[0].outcomes, [Outcome::Accepted, FAILED]);
    let behind = snapshot.done_chunks(month, campaign, Some((0, 0)), 10);
    assert!(behind.await.unwrap().is_empty());
    snapshot.end().await.unwrap();
    // What settles after the look stands from its mark on.
    let chunks = world.running(&[3]).await;
    let claimed = world.claim(&chunks).await.remove(0);
    assert!(
        world
            .record(&claimed, settle(&[Outcome::Accepted; 3]))
            .await
    );
    let snapshot = world.store.snapshot().await.unwrap();
    let since = snapshot.done_chunks_since(claimed.id.campaign, mark);
    assert_eq!(since.await.unwrap().len(), 1);
    snapshot.end().await.unwrap();
    let progress = world.store.progress(campaign).await.unwrap();
    assert_eq!((progress.chunks, progress.frozen), (1, 2));
    assert_eq!((progress.accepted, progress.failed), (1, 1));
}

pub async fn single_sends_are_found(world: World) {
    let campaign = sent(&world).await;
    let month = LaunchMonth::of(NOW);
    let snapshot = world.store.snapshot().await.unwrap();
    for (holds, found) in [
        (Holds::Anything, 1),
        (Holds::Accepted, 1),
        (Holds::Failed, 1),
        (Holds::Excluded, 0),
        (Holds::Uncertain, 0),
        (Holds::Cancelled, 0),
        (Holds::Pending, 0),
    ] {
        let places = snapshot.chunk_places(month, campaign, 0, holds, 10);
        assert_eq!(places.await.unwrap().len(), found, "{holds:?}");
    }
    let unsent = snapshot.unsent_by_outcome(month, campaign).await.unwrap();
    assert_eq!(unsent[&FAILED.code()], 1);
    let minutes = snapshot.deliveries_over_time(month, campaign, NOW, 60_000);
    assert_eq!(minutes.await.unwrap()[&0], 1);
    assert_eq!(snapshot.uncertain_until(campaign).await.unwrap(), None);
    let nobody = snapshot.exclusion_of(campaign, UserNumber(3));
    assert_eq!(nobody.await.unwrap(), None);
    let outcome = snapshot.people_of_outcome(campaign, Outcome::Accepted);
    assert!(outcome.await.unwrap().is_none());
    let ids = snapshot.user_ids(&[1, 3]).await.unwrap();
    let number = snapshot.user_of_id(ids[1]).await.unwrap();
    assert_eq!(number, Some(UserNumber(3)));
    let page = snapshot.record_page(month, campaign, Currency::Krw, None, 5);
    let page = page.await.unwrap();
    let attempts = snapshot.attempts_of(page.chunks[0].id).await.unwrap();
    assert_eq!(attempts[0].answer.as_deref(), Some("told"));
    assert_eq!(page.captures[0].amount, Money::whole(15, Currency::Krw));
    let sums = snapshot.chunk_sums(month, campaign).await.unwrap();
    assert_eq!((sums[0].accepted, sums[0].pending), (1, 0));
    let counts = snapshot
        .attempt_counts(month, campaign, 0, 9)
        .await
        .unwrap();
    assert_eq!((counts[0].attempts, counts[0].last_epoch), (1, 1));
    snapshot.end().await.unwrap();
    let (business, account) = (world.business, world.account);
    let history = world
        .store
        .sends_of_friend(business, account, UserNumber(1), None, 5)
        .await
        .unwrap();
    assert_eq!(history.sends[0].outcome, Some(Outcome::Accepted));
    assert_eq!(
        history.sends[0].billed,
        Some(Money::whole(15, Currency::Krw))
    );
    let before = world
        .store
        .sends_of_friend(business, account, UserNumber(1), Some(campaign), 5)
        .await
        .unwrap();
    assert!(before.sends.is_empty());
}

pub async fn exclusions_of_a_freeze_are_found(world: World) {
    let campaign = world.launch(2).await;
    let mut commit = world.range_of(campaign, 0, &[2]).await;
    let mut bitmap = Vec::new();
    let left_out: RoaringBitmap = [7, 9].into_iter().collect();
    left_out.serialize_into(&mut bitmap).unwrap();
    commit.exclusions = vec![(RULE, 2, bitmap)];
    world.freeze(&commit).await.unwrap();
    let snapshot = world.store.snapshot().await.unwrap();
    let found = snapshot
        .exclusion_of(campaign, UserNumber(9))
        .await
        .unwrap();
    assert_eq!(found, Some((0, RULE.code(), NOW)));
    let sums = snapshot.exclusion_sums(campaign).await.unwrap();
    assert_eq!(sums, [(RULE.code(), 2)]);
    let page = snapshot.exclusion_page(campaign, None).await.unwrap();
    assert_eq!((page[0].count, page[0].at), (2, Some(NOW)));
    assert!(
        snapshot
            .exclusion_page(campaign, Some(0))
            .await
            .unwrap()
            .is_empty()
    );
    snapshot.end().await.unwrap();
}

pub async fn receipts_are_added_up(world: World) {
    let campaign = sent(&world).await;
    let link = CampaignLink {
        id: LinkId::from_bytes([5; 16]),
        place: 0,
        message: 0,
        path: "/x".into(),
        url: "https://cafe.example".into(),
        label: "Café".into(),
    };
    let receipt = |kind, number, second, link| Receipt {
        kind,
        number: UserNumber(number),
        second,
        link,
    };
    let mut write = world.store.write().await.unwrap();
    write
        .add_links(campaign, std::slice::from_ref(&link))
        .await
        .unwrap();
    // So many at once are not added up at once, and neither are the next ones up to some number.
    let many: Vec<Receipt> = (0..40)
        .map(|second| receipt(ReceiptKind::Opened, 1, second, None))
        .collect();
    write.take_receipts(campaign, &many).await.unwrap();
    write.commit().await.unwrap();
    write = world.store.write().await.unwrap();
    for second in 0..70 {
        let told = [receipt(ReceiptKind::Opened, 2, second, None)];
        write.take_receipts(campaign, &told).await.unwrap();
        write.commit().await.unwrap();
        write = world.store.write().await.unwrap();
    }
    let clicked = [receipt(ReceiptKind::Clicked, 1, 90, Some(0))];
    write.take_receipts(campaign, &clicked).await.unwrap();
    write.commit().await.unwrap();
    let business = world.business;
    let receipts = world.store.receipts(business, campaign).await.unwrap();
    assert_eq!((receipts.opened.people, receipts.opened.total), (2, 110));
    assert_eq!((receipts.links[0].unique, receipts.links[0].total), (1, 1));
    assert_eq!(receipts.delivered, 2, "nobody opens what did not arrive");
    assert_eq!(receipts.over_time[0].opened, 2);
    let people = [UserNumber(1), UserNumber(3)];
    let of_people = world.store.receipts_of(business, campaign, &people);
    let of_people = of_people.await.unwrap();
    assert_eq!(of_people.len(), 1);
    assert!(of_people[&UserNumber(1)].clicked_at.is_some());
    let snapshot = world.store.snapshot().await.unwrap();
    let opened = snapshot.people_with_receipts(campaign, ReceiptKind::Opened);
    assert_eq!(opened.await.unwrap().len(), 2);
    let listed = snapshot.listed_receipts(&[campaign]).await.unwrap()[&campaign];
    assert_eq!((listed.opened, listed.clicked), (2, 1));
    snapshot.end().await.unwrap();
    let chunk = domain::chunk::ChunkId {
        month: LaunchMonth::of(NOW),
        campaign,
        number: 0,
        round: 0,
    };
    let key = PushKey::of(&chunk);
    let pushes = world.store.pushes(&[key]).await.unwrap();
    assert!(pushes[&key].has(UserNumber(2)));
    let pushed = world
        .store
        .pushed_campaign(campaign)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(pushed.links[&link.id], 0);
    let asked = [(UserNumber(1), LATER), (UserNumber(2), LATER)];
    let reached = world
        .store
        .last_that_reached(world.account, &asked)
        .await
        .unwrap();
    assert_eq!(reached[0].map(|one| one.campaign), Some(campaign));
    assert_eq!(reached[1], None, "its push failed");
}
