//! A test goes the way of every campaign, to whom the rules let it, and costs nothing: neither
//! money nor anything of a plan or of a month's bands.

use directory::{Directory, Fact, TestRequest};
use domain::band::{Band, Bands};
use domain::campaign::{CampaignState, Purpose};
use domain::contract::{Contract, ContractKind};
use domain::id::CampaignId;
use domain::message::Rules;
use domain::money::{Currency, Money};
use domain::outcome::Outcome;
use domain::price::PriceBook;
use domain::shortage::IfShort;
use domain::user::UserNumber;
use scheduler::Launched;
use scheduler::launch::{LaunchContext, launch};
use testkit::database::Engine;

use crate::world::{World, krw};

testkit::on_both_engines![
    a_test_is_sent_once_and_takes_nothing_of_plan_bands_or_wallet,
    whoever_blocks_before_the_push_gets_no_test,
];

const WORDS: &str = r#"[{"type":"text","text":"tested"}]"#;

/// A plan that sells nothing any more, bands, and a wallet without a won.
async fn without_anything(engine: Engine, friends: u32) -> World {
    let world = World::with(engine, friends, 0).await;
    let now = world.scheduler.clock.now();
    let bands = |after| Band {
        after,
        unit_price: krw(if after == 0 { 15 } else { 10 }),
    };
    let bands = Bands::of(vec![bands(0), bands(2)]).unwrap();
    let prices = [bands.clone(), bands.clone(), bands.clone(), bands];
    let book = |version| {
        let book = PriceBook::of_bands(version, "falling", Currency::Krw, now, prices);
        Ok(book?)
    };
    billing::contract::publish(&world.store, book, now)
        .await
        .unwrap();
    let plan = Contract {
        kind: ContractKind::Plan,
        book: "falling".to_owned(),
        quota: 1,
        additional_max: Some(0),
        effective_from: now,
        ..Contract::standard(Currency::Krw)
    };
    billing::contract::agree(&world.store, world.account.business, plan, now)
        .await
        .unwrap();
    world
}

struct Test {
    draft: CampaignId,
    id: CampaignId,
}

/// A draft's test to every friend, launched.
async fn launched(world: &World) -> Test {
    let directory = Directory::of(world.store.clone(), world.clock.clone(), world.ids.clone());
    let (business, account) = (world.account.business, world.account.id);
    let mut testers: Vec<UserNumber> = Vec::new();
    for friend in &world.friends {
        let tester = directory.add_tester(business, account, friend.as_str());
        testers.push(tester.await.unwrap());
    }
    let rules = Rules::default();
    let request = directory::CampaignRequest {
        name: "Autumn",
        purpose: Purpose::Promotion,
        messages: WORDS,
        audience: None,
        schedule: &domain::schedule::Schedule::Now,
        rate_per_second: None,
        lifetime_seconds: 3_600,
        if_short: IfShort::default(),
    };
    let draft = directory
        .add_campaign(business, account, &request, &rules)
        .await
        .unwrap()
        .id;
    let said = TestRequest {
        name: "Autumn",
        purpose: Purpose::Promotion,
        messages: WORDS,
    };
    let test = directory
        .begin_test(business, account, draft, &said, &testers, &rules)
        .await
        .unwrap();
    let context = LaunchContext {
        store: &world.store,
        clock: world.scheduler.clock.as_ref(),
        ids: world.ids(),
        rules: &rules,
        connector_rate: None,
    };
    let nothing = Some(Money::zero(Currency::Krw));
    let done = launch(&context, test.id, nothing).await.unwrap();
    let reachable = world.friends.len() as u64;
    let expected = Launched::Launched {
        audience: reachable,
        reachable,
        granted: reachable,
        held: krw(0),
    };
    assert_eq!(done, expected);
    Test { draft, id: test.id }
}

async fn number(world: &World, sql: &str) -> i64 {
    let raw = world.raw().await;
    let number = raw.number(sql).await;
    raw.close().await;
    number
}

async fn a_test_is_sent_once_and_takes_nothing_of_plan_bands_or_wallet(engine: Engine) {
    let world = without_anything(engine, 3).await;
    let test = launched(&world).await;
    world.steps(6).await;
    for friend in &world.friends {
        assert_eq!(world.messenger.got(friend), ["tested"]);
    }
    let bill = world.bill(test.id).await;
    assert_eq!(bill.state, CampaignState::Closed);
    assert_eq!(bill.outcomes.accepted, 3);
    let amounts = [
        bill.quoted,
        bill.held,
        bill.captured,
        bill.released,
        bill.open,
    ];
    assert!(amounts.iter().all(|amount| amount.is_zero()), "{bill:?}");
    // Every settle has its capture, at nothing.
    assert_eq!(number(&world, "SELECT SUM(units) FROM capture").await, 3);
    assert_eq!(number(&world, "SELECT SUM(amount) FROM capture").await, 0);
    for nothing in [
        "SELECT COUNT(*) FROM plan_use",
        "SELECT COUNT(*) FROM band_use",
        "SELECT COUNT(*) FROM ledger_transaction",
        "SELECT SUM(amount) FROM hold",
    ] {
        assert_eq!(number(&world, nothing).await, 0, "{nothing}");
    }
    assert_eq!(world.wallet().await, (krw(0), krw(0)));
    let draft = world.store.campaign(test.draft).await.unwrap();
    assert_eq!(draft.state, CampaignState::Approved);
    assert!(draft.launch.is_none());
    // The account sent nothing that its figures count.
    let now = world.scheduler.clock.now();
    let snapshot = world.store.snapshot().await.unwrap();
    let sent = snapshot
        .sent_between(world.account.id, Default::default(), now)
        .await
        .unwrap();
    assert_eq!((sent.campaigns, sent.sends), (0, 0));
    assert!(
        snapshot
            .campaign_counts(world.account.id)
            .await
            .unwrap()
            .values()
            .sum::<u64>()
            == 1
    );
    snapshot.end().await.unwrap();
    // And the history of whoever got it says what it was.
    let (business, account) = (world.account.business, world.account.id);
    let key = world.friends[0].clone();
    let friend = world.store.user_number(&key).await.unwrap().unwrap();
    let history = world
        .store
        .sends_of_friend(business, account, friend, None, 12)
        .await
        .unwrap();
    assert_eq!(history.sends.len(), 1);
    let send = &history.sends[0];
    assert!(send.is_test && send.outcome == Some(Outcome::Accepted));
    assert_eq!(send.billed, Some(krw(0)));
    world.expect_clean().await;
}

async fn whoever_blocks_before_the_push_gets_no_test(engine: Engine) {
    let world = without_anything(engine, 3).await;
    let test = launched(&world).await;
    world.freeze().await;
    world.tell(&world.friends[1], Fact::Blocked).await;
    world.steps(6).await;
    assert_eq!(world.messenger.got(&world.friends[0]), ["tested"]);
    assert!(world.messenger.got(&world.friends[1]).is_empty());
    let bill = world.bill(test.id).await;
    assert_eq!((bill.outcomes.accepted, bill.outcomes.excluded), (2, 1));
    assert_eq!(bill.state, CampaignState::Closed);
    world.expect_clean().await;
}
