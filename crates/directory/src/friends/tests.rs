//! What a transaction of facts leaves in the books: numbers, consents, reach and its losses.

use std::sync::Arc;

use domain::friend::{ConsentPurpose, ConsentSource, FriendState, ReachFlags};
use domain::money::Currency;
use store::Store;
use store::growth::FriendTally;
use testkit::database::{Engine, TestDatabase};
use testkit::{ManualClock, SeededIds};

use super::*;
use crate::fold::Fact;
use crate::{AccountRequest, Directory};

testkit::on_both_engines![
    user_numbers_are_dense_over_transactions_accounts_and_roll_backs,
    whoever_becomes_less_reachable_is_noted_in_the_same_transaction,
    a_friend_is_known_from_the_transaction_that_brought_them_back,
    consents_are_never_rewritten_and_told_twice_is_told_once,
    counts_follow_thousands_in_one_transaction,
];

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

struct World {
    store: Store,
    ids: Arc<SeededIds>,
    friends: FriendsOf,
    _database: TestDatabase,
}

async fn world(engine: Engine) -> World {
    let (store, database) = testkit::database::open(engine).await;
    let ids = Arc::new(SeededIds::of(1));
    let clock = Arc::new(ManualClock::at(NOW));
    let directory = Directory::of(store.clone(), clock, ids.clone());
    let business = directory
        .add_business("Hanok", Currency::Krw)
        .await
        .unwrap();
    let request = AccountRequest {
        handle: "@hanok",
        display_name: "Hanok Coffee",
        icon_url: None,
        time_zone: "Asia/Seoul",
        rate_per_second: None,
    };
    let account = directory.add_account(business.id, &request).await.unwrap();
    World {
        store,
        ids,
        friends: FriendsOf::account(&account, NOW).unwrap(),
        _database: database,
    }
}

impl World {
    /// One transaction; its sequence.
    async fn tell(&self, facts: &[(&str, i64, Fact)]) -> i64 {
        let facts = facts.iter().map(|(user, at, fact)| FriendFact {
            user: UserKey::parse(user).unwrap(),
            at: Timestamp::from_millis(*at),
            fact: fact.clone(),
        });
        let facts: Vec<FriendFact> = facts.collect();
        let mut write = self.store.write().await.unwrap();
        apply(&mut write, &*self.ids, self.friends, facts, NOW)
            .await
            .unwrap();
        let sequence = write.sequence().await.unwrap();
        write.commit().await.unwrap();
        sequence
    }

    async fn number(&self, user: &str) -> UserNumber {
        let key = UserKey::parse(user).unwrap();
        self.store.user_number(&key).await.unwrap().unwrap()
    }

    async fn state(&self, user: &str) -> FriendState {
        let number = self.number(user).await;
        let standings = self
            .store
            .standings(self.friends.account, &[number])
            .await
            .unwrap();
        standings[&number].friend.as_ref().unwrap().state.state
    }

    /// User number and lost bits of every change from this sequence on.
    async fn lost(&self, from: i64) -> Vec<(u32, u8)> {
        let changes = self
            .store
            .reach_changes(self.friends.account, from)
            .await
            .unwrap();
        changes
            .iter()
            .map(|change| (change.number.0, change.lost.bits()))
            .collect()
    }

    async fn tally(&self) -> FriendTally {
        self.store.friend_tally(self.friends.account).await.unwrap()
    }
}

fn added() -> Fact {
    Fact::Added {
        source: Some("qr_store".into()),
        profile: None,
    }
}

fn consent(purpose: ConsentPurpose, granted: bool) -> Fact {
    Fact::Consent {
        purpose,
        granted,
        wording: Some("ad-1".into()),
        source: ConsentSource::Event,
    }
}

const PROMOTION: ConsentPurpose = ConsentPurpose::Promotion;
const NIGHT: ConsentPurpose = ConsentPurpose::Night;

async fn user_numbers_are_dense_over_transactions_accounts_and_roll_backs(engine: Engine) {
    let world = world(engine).await;
    world
        .tell(&[
            ("kim", 1, added()),
            ("lee", 1, added()),
            ("kim", 2, Fact::Blocked),
        ])
        .await;
    let mut write = world.store.write().await.unwrap();
    let ghost = UserKey::parse("ghost").unwrap();
    write.number_users(&*world.ids, &[&ghost]).await.unwrap();
    write.roll_back().await.unwrap();
    world
        .tell(&[("lee", 3, Fact::Left), ("park", 3, added())])
        .await;
    let mut numbers = Vec::new();
    for user in ["kim", "lee", "park"] {
        numbers.push(world.number(user).await.0);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3]);
}

async fn whoever_becomes_less_reachable_is_noted_in_the_same_transaction(engine: Engine) {
    let world = world(engine).await;
    let start = world
        .tell(&[
            ("kim", 1, added()),
            ("kim", 1, consent(PROMOTION, true)),
            ("kim", 1, consent(NIGHT, true)),
        ])
        .await;
    assert_eq!(world.lost(start).await, []);
    let number = world.number("kim").await.0;
    let cases = [
        (2, consent(NIGHT, false), vec![ReachFlags::NIGHT]),
        (3, consent(NIGHT, true), vec![]),
        (4, consent(PROMOTION, false), vec![ReachFlags::PROMOTION]),
        (5, consent(PROMOTION, true), vec![]),
        (6, Fact::Blocked, vec![ReachFlags::ACTIVE]),
        (7, Fact::Left, vec![]),
        (8, added(), vec![]),
        (7, Fact::Blocked, vec![]),
        (9, Fact::Left, vec![ReachFlags::ACTIVE]),
    ];
    for (at, fact, expected) in cases {
        let sequence = world.tell(&[("kim", at, fact.clone())]).await;
        let lost: Vec<u8> = world
            .lost(sequence)
            .await
            .iter()
            .map(|(_, bits)| *bits)
            .collect();
        assert_eq!(lost, expected, "{fact:?} at {at}");
    }
    let sequence = world
        .tell(&[
            ("kim", 10, added()),
            ("kim", 11, Fact::Blocked),
            ("kim", 11, consent(PROMOTION, false)),
            ("kim", 11, consent(NIGHT, false)),
        ])
        .await;
    let both = ReachFlags::PROMOTION | ReachFlags::NIGHT;
    assert_eq!(
        world.lost(sequence).await,
        [(number, both)],
        "was not active before"
    );
}

async fn a_friend_is_known_from_the_transaction_that_brought_them_back(engine: Engine) {
    let world = world(engine).await;
    let first = world.tell(&[("kim", 1, added())]).await;
    let number = world.number("kim").await;
    let known = async || {
        let known = world
            .store
            .known_at_sequence(world.friends.account, number)
            .await;
        known.unwrap().unwrap()
    };
    assert_eq!(known().await, first);
    world.tell(&[("kim", 2, consent(PROMOTION, true))]).await;
    assert_eq!(known().await, first, "a consent makes nobody known anew");
    world.tell(&[("kim", 3, Fact::Left)]).await;
    let back = world.tell(&[("kim", 4, added())]).await;
    assert_eq!(known().await, back);
}

async fn consents_are_never_rewritten_and_told_twice_is_told_once(engine: Engine) {
    let world = world(engine).await;
    let facts = [
        ("kim", 5, consent(PROMOTION, false)),
        ("kim", 4, consent(PROMOTION, true)),
        ("kim", 1, added()),
    ];
    world.tell(&facts).await;
    world.tell(&facts).await;
    let number = world.number("kim").await;
    let history = world
        .store
        .consent_history(world.friends.account, number)
        .await
        .unwrap();
    let answers: Vec<(i64, bool)> = history
        .iter()
        .map(|(_, fact)| (fact.at.as_millis(), fact.granted))
        .collect();
    assert_eq!(answers, [(4, true), (5, false)]);
    assert_eq!(
        (world.tally().await.active(), world.tally().await.reachable),
        (1, 0)
    );
    assert_eq!(world.state("kim").await, FriendState::Active);
}

async fn counts_follow_thousands_in_one_transaction(engine: Engine) {
    let world = world(engine).await;
    let users: Vec<String> = (0..2_500).map(|n| format!("user-{n}")).collect();
    let mut facts: Vec<(&str, i64, Fact)> = users
        .iter()
        .map(|user| (user.as_str(), 1, added()))
        .collect();
    for (index, user) in users.iter().enumerate() {
        match index % 5 {
            0 => facts.push((user, 2, consent(PROMOTION, true))),
            1 => facts.push((user, 2, Fact::Left)),
            2 => {
                facts.push((user, 2, consent(PROMOTION, true)));
                facts.push((user, 2, consent(NIGHT, true)));
            }
            _ => {}
        }
    }
    world.tell(&facts).await;
    let tally = world.tally().await;
    assert_eq!((tally.active(), tally.blocked + tally.left), (2_000, 500));
    assert_eq!((tally.reachable, tally.night), (1_000, 500));
}
