//! Every friend is found once, whatever is looked for and wherever looking stops.

use std::collections::BTreeSet;

use domain::friend::{ConsentFact, ConsentSource, StateFact};
use testkit::database::{Engine, TestDatabase};

use super::*;
use crate::friend::record::FriendChange;
use crate::friend::{Friend, Reach, Standing};

testkit::on_both_engines![
    pages_hold_everybody_once,
    a_whole_key_or_id_names_one_friend_of_this_account,
];

const FRIENDS: u32 = 240;

fn change(number: u32, key: UserKey) -> FriendChange {
    let at = Timestamp::from_millis(i64::from(number));
    let state = match number % 10 {
        0 => FriendState::Blocked,
        1 => FriendState::Left,
        _ => FriendState::Active,
    };
    let friend = Friend {
        state: StateFact { state, at },
        since: at,
        source: ["web", "store"][number as usize % 2].to_owned(),
        display_name: format!(
            "{} Kim {number}",
            ["하늘", "Sora", "美咲"][number as usize % 3]
        ),
        language: None,
        country: None,
        region: number.is_multiple_of(5).then(|| "Seoul".to_owned()),
        gender: None,
        birth_year: None,
        time_zone: None,
        profile_at: at,
    };
    let mut after = Standing {
        friend: Some(friend),
        promotion: (!number.is_multiple_of(7)).then_some(ConsentFact {
            granted: true,
            at,
            wording: None,
            source: ConsentSource::Event,
        }),
        ..Standing::default()
    };
    let flags = after.flags();
    after.reach = Some(Reach {
        flags,
        utc_offset_minutes: 0,
    });
    FriendChange {
        number: UserNumber(number),
        key,
        before: Standing::default(),
        after,
        consents: Vec::new(),
        tags: number.is_multiple_of(4).then(|| vec!["vip".to_owned()]),
    }
}

async fn crowd(engine: Engine) -> (TestDatabase, Store, AccountId) {
    let (store, database) = crate::fixture::open(engine).await;
    let ids = testkit::SeededIds::of(1);
    let keys: Vec<UserKey> = (1..=FRIENDS)
        .map(|number| UserKey::parse(&format!("key-{number:04}")).unwrap())
        .collect();
    let mut write = store.write().await.unwrap();
    let keys: Vec<&UserKey> = keys.iter().collect();
    let numbers = write.number_users(&ids, &keys).await.unwrap();
    let mut changes: Vec<FriendChange> = numbers
        .into_iter()
        .map(|(key, numbered)| change(numbered.number.0, key))
        .collect();
    changes.sort_by_key(|change| change.number);
    let now = Timestamp::from_millis(1_000);
    let (ours, theirs) = (
        AccountId::from_bytes([1; 16]),
        AccountId::from_bytes([2; 16]),
    );
    write.record_friends(ours, &changes, now).await.unwrap();
    write
        .record_friends(theirs, &changes[..30], now)
        .await
        .unwrap();
    write.commit().await.unwrap();
    (database, store, ours)
}

fn looked_for(make: impl FnOnce(&mut FriendSearch)) -> FriendSearch {
    let mut search = FriendSearch::default();
    make(&mut search);
    search
}

async fn pages_hold_everybody_once(engine: Engine) {
    let (_database, store, account) = crowd(engine).await;
    let everybody = 1..=FRIENDS;
    let is_reachable = |n: &u32| n % 10 > 1 && !n.is_multiple_of(7);
    type Fits = Box<dyn Fn(&u32) -> bool>;
    let cases: Vec<(FriendSearch, Fits)> = vec![
        (FriendSearch::default(), Box::new(|_| true)),
        (
            looked_for(|s| s.standing = Some(StandingFilter::Blocked)),
            Box::new(|n| n % 10 == 0),
        ),
        (
            looked_for(|s| s.standing = Some(StandingFilter::Left)),
            Box::new(|n| n % 10 == 1),
        ),
        (
            looked_for(|s| s.standing = Some(StandingFilter::Active)),
            Box::new(|n| n % 10 > 1),
        ),
        (
            looked_for(|s| s.standing = Some(StandingFilter::Reachable)),
            Box::new(is_reachable),
        ),
        (
            looked_for(|s| s.standing = Some(StandingFilter::WithoutConsent)),
            Box::new(move |n| n % 10 > 1 && !is_reachable(n)),
        ),
        (
            looked_for(|s| s.tag = Some("vip".into())),
            Box::new(|n| n.is_multiple_of(4)),
        ),
        (
            looked_for(|s| {
                s.tag = Some("vip".into());
                s.source = Some("web".into());
                s.text = Some("하늘".into());
            }),
            Box::new(|n| n.is_multiple_of(12)),
        ),
        (
            looked_for(|s| s.region = Some("Seoul".into())),
            Box::new(|n| n.is_multiple_of(5)),
        ),
        (
            looked_for(|s| s.text = Some("sORA".into())),
            Box::new(|n| n % 3 == 1),
        ),
        (
            looked_for(|s| s.text = Some("nobody at all".into())),
            Box::new(|_| false),
        ),
    ];
    for (search, fits) in cases {
        let expected: BTreeSet<u32> = everybody.clone().filter(|n| fits(n)).collect();
        for size in [(7, 20), (50, 1), (3, 1_000), (FRIENDS, 1_000)] {
            let (friends, scan) = size;
            let size = PageSize { friends, scan };
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = store.friends_page(account, &search, after, size);
                let page = page.await.unwrap();
                assert!(page.friends.len() <= friends as usize);
                assert!(!page.is_cut_off || page.next.is_some());
                found.extend(
                    page.friends
                        .iter()
                        .map(|line| line.since.as_millis() as u32),
                );
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            assert!(found.is_sorted_by(|a, b| a > b), "{search:?}, {size:?}");
            let found: BTreeSet<u32> = found.into_iter().collect();
            assert_eq!(found, expected, "{search:?}, {size:?}");
        }
    }
}

async fn a_whole_key_or_id_names_one_friend_of_this_account(engine: Engine) {
    let (_database, store, account) = crowd(engine).await;
    let by = async |account, text: &str| {
        let search = looked_for(|s| s.text = Some(text.to_owned()));
        let page = store.friends_page(account, &search, None, PageSize::of(50));
        page.await.unwrap().friends
    };
    let found = by(account, "key-0100").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].tags, ["vip"]);
    assert_eq!(by(account, &found[0].id.to_string()).await, found);
    // Friend 100 is blocked, came from the web, is a regular and from Seoul.
    type Narrow = fn(&mut FriendSearch);
    let narrowed: [(Narrow, usize); 6] = [
        (|s| s.standing = Some(StandingFilter::Blocked), 1),
        (|s| s.standing = Some(StandingFilter::Reachable), 0),
        (|s| s.source = Some("web".into()), 1),
        (|s| s.source = Some("store".into()), 0),
        (|s| s.tag = Some("vip".into()), 1),
        (|s| s.tag = Some("other".into()), 0),
    ];
    for (narrow, expected) in narrowed {
        let mut search = looked_for(|s| s.text = Some("key-0100".to_owned()));
        narrow(&mut search);
        let page = store.friends_page(account, &search, None, PageSize::of(50));
        assert_eq!(page.await.unwrap().friends.len(), expected, "{search:?}");
    }
    let other = AccountId::from_bytes([2; 16]);
    assert!(by(other, "key-0100").await.is_empty());
    assert!(by(other, &found[0].id.to_string()).await.is_empty());
}
