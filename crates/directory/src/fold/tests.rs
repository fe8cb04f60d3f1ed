//! Facts in any order end in the same standing.

use domain::friend::ReachFlags;
use proptest::prelude::*;

use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn laid(facts: &[(i64, Fact)]) -> Standing {
    let mut fold = Fold::of(Standing::default());
    for (millis, fact) in facts {
        fold.lay(at(*millis), fact.clone());
    }
    fold.finish(540, at(1_000)).standing
}

fn added() -> Fact {
    Fact::Added {
        source: None,
        profile: None,
    }
}

fn promotion(granted: bool) -> Fact {
    Fact::Consent {
        purpose: ConsentPurpose::Promotion,
        granted,
        wording: granted.then(|| "ad-1".to_owned()),
        source: ConsentSource::Event,
    }
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let source = prop::option::of("[ab]");
    let profile = || (prop::option::of("[xyz]"), prop::option::of(1980u16..1983)).prop_map(named);
    prop_oneof![
        (source, prop::option::of(profile()))
            .prop_map(|(source, profile)| Fact::Added { source, profile }),
        Just(Fact::Blocked),
        Just(Fact::Left),
        (any::<bool>(), any::<bool>()).prop_map(|(night, granted)| Fact::Consent {
            purpose: if night {
                ConsentPurpose::Night
            } else {
                ConsentPurpose::Promotion
            },
            granted,
            wording: None,
            source: ConsentSource::Event,
        }),
    ]
}

fn named((name, birth_year): (Option<String>, Option<u16>)) -> ProfileChange {
    ProfileChange {
        display_name: name,
        birth_year,
        ..ProfileChange::default()
    }
}

/// Everything but the profile: its fields are merged one by one, which keeps only the last time.
fn without_profile(mut standing: Standing) -> Standing {
    if let Some(friend) = &mut standing.friend {
        friend.display_name.clear();
        friend.birth_year = None;
    }
    standing
}

proptest! {
    #[test]
    fn the_order_of_arrival_never_decides(
        facts in prop::collection::vec((0i64..5, any_fact()), 1..10),
        turn in 0usize..10,
    ) {
        let expected = without_profile(laid(&facts));
        let mut arrived = facts.clone();
        arrived.rotate_left(turn % facts.len());
        prop_assert_eq!(&without_profile(laid(&arrived)), &expected);
        arrived.reverse();
        prop_assert_eq!(&without_profile(laid(&arrived)), &expected);
        arrived.extend(facts);
        prop_assert_eq!(&without_profile(laid(&arrived)), &expected, "told twice");
    }

    #[test]
    fn complete_profiles_end_alike_in_any_order(
        names in prop::collection::vec((0i64..4, "[x-z]", 1980u16..1983), 1..6),
        turn in 0usize..6,
    ) {
        let facts: Vec<(i64, Fact)> = names
            .into_iter()
            .map(|(at, name, year)| (at, Fact::Profile(named((Some(name), Some(year))))))
            .collect();
        let mut arrived = facts.clone();
        arrived.rotate_left(turn % facts.len());
        prop_assert_eq!(laid(&facts), laid(&arrived));
    }
}

#[test]
fn a_consent_may_come_before_the_friendship() {
    let early = laid(&[(5, promotion(true))]);
    assert_eq!((early.friend.as_ref(), early.reach), (None, None));
    let later = laid(&[(5, promotion(true)), (4, added())]);
    let flags = later.reach.unwrap().flags;
    assert_eq!(flags.bits(), ReachFlags::ACTIVE | ReachFlags::PROMOTION);
    assert_eq!(later.reach.unwrap().utc_offset_minutes, 540);
}

#[test]
fn a_profile_makes_nobody_a_friend() {
    let told = named((Some("Kim".into()), None));
    let stranger = laid(&[(5, Fact::Profile(told.clone()))]);
    assert_eq!(stranger.reach.unwrap().flags.bits(), 0);
    let friend = laid(&[(5, Fact::Profile(told)), (0, added())])
        .friend
        .unwrap();
    assert_eq!(
        (friend.state.state, friend.since),
        (FriendState::Active, at(0))
    );
    assert_eq!(friend.display_name, "Kim");
}

#[test]
fn an_old_file_brings_nobody_back() {
    let row = |since: Option<i64>| {
        let profile = Profile {
            friend_since: since.map(at),
            ..Profile::default()
        };
        Fact::Imported(Box::new(Imported {
            profile,
            consents: ImportedConsents::default(),
            tells_tags: true,
        }))
    };
    let gone = |since| {
        laid(&[(10, added()), (20, Fact::Blocked), (30, row(since))])
            .friend
            .unwrap()
    };
    assert_eq!(gone(Some(15)).state.state, FriendState::Blocked);
    assert_eq!(gone(None).state.state, FriendState::Blocked);
    assert_eq!(gone(Some(25)).state.state, FriendState::Active);
    let unknown = laid(&[(30, row(None))]).friend.unwrap();
    assert_eq!(
        (unknown.state.state, unknown.since),
        (FriendState::Active, at(30))
    );
    assert_eq!(unknown.source, SOURCE_IMPORT);
}

#[test]
fn an_earlier_profile_fills_only_what_is_unknown() {
    let facts = [
        (10, added()),
        (20, Fact::Profile(named((Some("New".into()), None)))),
        (15, Fact::Profile(named((Some("Old".into()), Some(1981))))),
    ];
    let friend = laid(&facts).friend.unwrap();
    assert_eq!(
        (friend.display_name.as_str(), friend.birth_year),
        ("New", Some(1981))
    );
    assert_eq!(friend.profile_at, at(20));
}

#[test]
fn the_zone_of_a_friend_comes_before_that_of_the_account() {
    let profile = ProfileChange {
        time_zone: Some("Asia/Kolkata".into()),
        ..ProfileChange::default()
    };
    let standing = laid(&[(1, added()), (2, Fact::Profile(profile))]);
    assert_eq!(standing.reach.unwrap().utc_offset_minutes, 330);
}
