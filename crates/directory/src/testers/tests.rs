//! Who is a tester, and of what tests are made.

use std::sync::Arc;
use std::time::Duration;

use domain::campaign::{CampaignEvent, CampaignKind, CampaignState};
use domain::money::Currency;
use domain::test_send::TESTERS_MAX;
use domain::time::Timestamp;
use store::Store;
use store::draft::Part;
use store::tester::Tester;
use testkit::database::{Engine, TestDatabase};
use testkit::{ManualClock, SeededIds};

use super::*;
use crate::friends::{FriendsOf, apply};
use crate::{AccountRequest, Fact, FriendFact, Role};

testkit::on_both_engines![
    friends_become_testers_once_and_twenty_at_most,
    a_test_is_a_campaign_of_its_own_and_its_draft_stays,
    only_testers_get_tests_and_only_drafts_are_tested,
    an_hour_has_sixty_tests,
    another_business_finds_no_testers_and_tests_no_draft,
];

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const HELLO: &str = r#"[{"type":"text","text":"안녕하세요"}]"#;

struct World {
    directory: Directory,
    store: Store,
    clock: Arc<ManualClock>,
    business: BusinessId,
    account: AccountId,
    draft: CampaignId,
    _database: TestDatabase,
}

async fn world(engine: Engine, friends: u32) -> World {
    let (store, database) = testkit::database::open(engine).await;
    let (clock, ids) = (Arc::new(ManualClock::at(NOW)), Arc::new(SeededIds::of(9)));
    let directory = Directory::of(store.clone(), clock.clone(), ids.clone());
    let business = directory
        .add_business("Hanok", Currency::Krw)
        .await
        .unwrap();
    let request = AccountRequest {
        handle: "@hanok",
        display_name: "Hanok",
        icon_url: None,
        time_zone: "Asia/Seoul",
        rate_per_second: None,
    };
    let account = directory.add_account(business.id, &request).await.unwrap();
    let facts = (0..friends).map(|index| FriendFact {
        user: UserKey::parse(&key(index)).unwrap(),
        at: NOW,
        fact: Fact::Added {
            source: None,
            profile: None,
        },
    });
    let friends = FriendsOf::account(&account, NOW).unwrap();
    let mut write = store.write().await.unwrap();
    apply(&mut write, &*ids, friends, facts.collect(), NOW)
        .await
        .unwrap();
    write.commit().await.unwrap();
    let member = directory
        .add_member(business.id, "jiwoo@hanok.example", "이지우", Role::Owner)
        .await
        .unwrap();
    let parts = [(Part::Message, "{}".to_owned())];
    let draft = directory
        .begin_draft(business.id, account.id, member.id, "Autumn", &parts)
        .await
        .unwrap();
    World {
        directory,
        store,
        clock,
        business: business.id,
        account: account.id,
        draft,
        _database: database,
    }
}

fn key(index: u32) -> String {
    format!("u{index}")
}

impl World {
    async fn add(&self, friend: &str) -> Result<UserNumber, Error> {
        self.directory
            .add_tester(self.business, self.account, friend)
            .await
    }

    async fn testers(&self) -> Vec<Tester> {
        self.store.testers(self.account).await.unwrap()
    }

    async fn test(&self, draft: CampaignId, to: &[UserNumber]) -> Result<Campaign, Error> {
        let request = TestRequest {
            name: "Autumn",
            purpose: Purpose::Promotion,
            messages: HELLO,
        };
        let (business, account) = (self.business, self.account);
        self.directory
            .begin_test(business, account, draft, &request, to, &Rules::default())
            .await
    }
}

fn field_of<T: std::fmt::Debug>(refused: Result<T, Error>) -> &'static str {
    match refused.unwrap_err() {
        Error::Refused { field, .. } => field,
        Error::NotFound(_) => "not there",
        other => panic!("{other}"),
    }
}

async fn friends_become_testers_once_and_twenty_at_most(engine: Engine) {
    let world = world(engine, TESTERS_MAX as u32 + 1).await;
    for index in 0..TESTERS_MAX as u32 {
        world.add(&key(index)).await.unwrap();
    }
    assert_eq!(
        field_of(world.add(&key(TESTERS_MAX as u32)).await),
        "testers"
    );
    let testers = world.testers().await;
    assert_eq!(testers.len(), TESTERS_MAX);
    // By the id that reports show: the same one, and nothing more.
    let number = world.add(&testers[3].id.to_string()).await.unwrap();
    assert_eq!(number, testers[3].number);
    assert_eq!(world.testers().await, testers);
    let remove = |number| {
        let (business, account) = (world.business, world.account);
        world.directory.remove_tester(business, account, number)
    };
    remove(number).await.unwrap();
    assert_eq!(field_of(remove(number).await), "not there");
    world.add(&key(TESTERS_MAX as u32)).await.unwrap();
    assert_eq!(world.testers().await.len(), TESTERS_MAX);
    for (friend, field) in [("nobody", "not there"), ("", "friend"), ("a b", "friend")] {
        assert_eq!(field_of(world.add(friend).await), field, "{friend}");
    }
}

async fn a_test_is_a_campaign_of_its_own_and_its_draft_stays(engine: Engine) {
    let world = world(engine, 3).await;
    let first = world.add(&key(0)).await.unwrap();
    let second = world.add(&key(1)).await.unwrap();
    let before = world.store.campaign(world.draft).await.unwrap();
    let parts = world.store.draft_parts(world.draft).await.unwrap();
    let test = world.test(world.draft, &[first, second]).await.unwrap();
    assert_eq!(test.kind, CampaignKind::Test);
    assert_eq!(test.state, CampaignState::Approved);
    let now = world.store.campaign(world.draft).await.unwrap();
    assert_eq!(format!("{now:?}"), format!("{before:?}"));
    let after = world.store.draft_parts(world.draft).await.unwrap();
    assert_eq!(after, parts);
    let listed = world.store.tests_of(world.draft, 5).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].id, listed[0].testers), (test.id, 2));
    // Whom it goes to is no list that an audience may name.
    let lists = world.store.lists_of_account(world.account).await.unwrap();
    assert!(lists.is_empty(), "{lists:?}");
    let named = CampaignRequest {
        name: "to a test's list",
        purpose: Purpose::Promotion,
        messages: HELLO,
        audience: Some(&test.audience),
        schedule: &Schedule::Now,
        rate_per_second: None,
        lifetime_seconds: 60,
        if_short: domain::shortage::IfShort::default(),
    };
    let (business, account, rules) = (world.business, world.account, Rules::default());
    let refused = world
        .directory
        .add_campaign(business, account, &named, &rules)
        .await;
    assert_eq!(field_of(refused), "audience");
}

async fn only_testers_get_tests_and_only_drafts_are_tested(engine: Engine) {
    let world = world(engine, 3).await;
    let tester = world.add(&key(0)).await.unwrap();
    let friend = world
        .directory
        .friend_named(world.account, &key(1))
        .await
        .unwrap();
    assert_eq!(field_of(world.test(world.draft, &[]).await), "testers");
    let refused = world.test(world.draft, &[tester, friend]).await;
    assert_eq!(field_of(refused), "not there");
    let test = world.test(world.draft, &[tester]).await.unwrap();
    // A test of a test would be a way of sending.
    assert_eq!(field_of(world.test(test.id, &[tester]).await), "state");
    let mut write = world.store.write().await.unwrap();
    let draft = write.campaign(world.draft).await.unwrap();
    write
        .move_campaign(&draft, CampaignEvent::Discard)
        .await
        .unwrap();
    write.commit().await.unwrap();
    let refused = world.test(world.draft, &[tester]).await;
    assert_eq!(field_of(refused), "state");
}

async fn an_hour_has_sixty_tests(engine: Engine) {
    let world = world(engine, 1).await;
    let tester = world.add(&key(0)).await.unwrap();
    for _ in 0..TESTS_MAX {
        world.test(world.draft, &[tester]).await.unwrap();
        world.clock.advance(Duration::from_secs(1));
    }
    let refused = world.test(world.draft, &[tester]).await;
    assert_eq!(field_of(refused), "tests");
    // The oldest is an hour ago: one may go, and no second one.
    let passed = Duration::from_secs(TESTS_MAX as u64);
    world.clock.advance(domain::test_send::TESTS_SPAN - passed);
    world.test(world.draft, &[tester]).await.unwrap();
    let refused = world.test(world.draft, &[tester]).await;
    assert_eq!(field_of(refused), "tests");
}

async fn another_business_finds_no_testers_and_tests_no_draft(engine: Engine) {
    let world = world(engine, 1).await;
    let tester = world.add(&key(0)).await.unwrap();
    let stranger = world
        .directory
        .add_business("Other", Currency::Krw)
        .await
        .unwrap()
        .id;
    let friend = key(0);
    let added = world.directory.add_tester(stranger, world.account, &friend);
    assert_eq!(field_of(added.await), "not there");
    let removed = world
        .directory
        .remove_tester(stranger, world.account, tester);
    assert_eq!(field_of(removed.await), "not there");
    let request = TestRequest {
        name: "Autumn",
        purpose: Purpose::Promotion,
        messages: HELLO,
    };
    let rules = Rules::default();
    let (account, draft, to) = (world.account, world.draft, [tester]);
    let tested = world
        .directory
        .begin_test(stranger, account, draft, &request, &to, &rules);
    assert_eq!(field_of(tested.await), "not there");
}
