//! Who is read from the friends' table: by audience, cut, consent and range, with which keys.

use domain::audience::{Attribute, Expression, TextAttribute};
use domain::freeze::FreezeRange;
use domain::friend::FriendState;
use domain::id::AccountId;
use domain::user::{UserKey, UserNumber};
use store::hot::{ReachCount, ReachKeys, ReachQuery, ReachRead};
use store::user_list::UserList;

use super::world::{NOW, Person, World, key_of};

/// Of the whole account, for promotion, with nobody cut off.
fn everybody(account: AccountId) -> ReachQuery {
    ReachQuery {
        account,
        expression: Expression::All,
        cut_sequence: None,
        needs_consent: true,
    }
}

async fn read(world: &World, query: &ReachQuery, first: u32, last: u32) -> ReachRead {
    let range = FreezeRange {
        index: 0,
        first: UserNumber(first),
        last: UserNumber(last),
    };
    let store = &world.store;
    store.hot().read_reach(store, query, range).await.unwrap()
}

async fn count(world: &World, query: &ReachQuery) -> ReachCount {
    let mut write = world.store.write().await.unwrap();
    let hot = world.store.hot();
    let count = hot.count_reach(&mut write, query).await.unwrap();
    write.roll_back().await.unwrap();
    count
}

fn numbers(read: &ReachRead) -> Vec<u32> {
    read.rows.iter().map(|row| row.number.0).collect()
}

fn people(count: u32) -> Vec<Person> {
    (1..=count).map(Person::of).collect()
}

pub async fn every_active_friend_is_read_in_order(world: World) {
    let written = world.befriend(&people(12)).await;
    let read = read(&world, &everybody(world.account), 1, 1_000).await;
    let written: Vec<u32> = written.iter().map(|number| number.0).collect();
    assert_eq!(numbers(&read), written);
    assert!(read.rows.iter().all(|row| row.has_consent));
}

pub async fn bounds_of_a_range_are_both_read(world: World) {
    world.befriend(&people(10)).await;
    let query = everybody(world.account);
    assert_eq!(numbers(&read(&world, &query, 3, 6).await), [3, 4, 5, 6]);
    assert_eq!(numbers(&read(&world, &query, 10, 10).await), [10]);
    assert!(numbers(&read(&world, &query, 11, 20).await).is_empty());
}

/// Ranges are read in blocks; a block's border must neither lose nor double anybody.
pub async fn neighbouring_ranges_meet_without_gap_or_double(world: World) {
    world.befriend(&people(10_020)).await;
    let query = everybody(world.account);
    let mut all = Vec::new();
    for (first, last) in [
        (1, 4_999),
        (5_000, 5_000),
        (5_001, 10_007),
        (10_008, 20_000),
    ] {
        all.extend(numbers(&read(&world, &query, first, last).await));
    }
    assert_eq!(all, (1..=10_020).collect::<Vec<u32>>());
    let whole = read(&world, &query, 1, 10_020).await;
    assert_eq!(numbers(&whole), all);
    let ReachKeys::Packed(bytes) = &whole.keys else {
        panic!("all keys have the 16-byte form");
    };
    let (keys, rest) = bytes.as_chunks::<16>();
    assert!(rest.is_empty());
    let right = keys
        .iter()
        .zip(&all)
        .all(|(key, number)| UserKey::from_packed(*key) == key_of(*number));
    assert!(right, "every key stands at its friend's place");
}

pub async fn whoever_blocked_or_left_is_not_read(world: World) {
    let mut all = people(4);
    all[1].state = FriendState::Blocked;
    all[2].state = FriendState::Left;
    world.befriend(&all).await;
    let query = everybody(world.account);
    assert_eq!(numbers(&read(&world, &query, 1, 100).await), [1, 4]);
    assert_eq!(count(&world, &query).await.audience, 2);
}

pub async fn consent_decides_for_promotion_only(world: World) {
    let mut all = people(3);
    all[1].promotion = false;
    world.befriend(&all).await;
    let consents =
        |read: &ReachRead| -> Vec<bool> { read.rows.iter().map(|row| row.has_consent).collect() };
    let promotion = everybody(world.account);
    let found = read(&world, &promotion, 1, 100).await;
    assert_eq!(consents(&found), [true, false, true]);
    let information = ReachQuery {
        needs_consent: false,
        ..promotion
    };
    let found = read(&world, &information, 1, 100).await;
    assert_eq!(consents(&found), [true, true, true]);
}

pub async fn groups_carry_night_consent_and_offset(world: World) {
    let mut all = people(4);
    all[0].night = true;
    all[1].utc_offset_minutes = -720;
    all[2].utc_offset_minutes = 840;
    all[3].utc_offset_minutes = 0;
    world.befriend(&all).await;
    // A key of another form goes the other way through the reader.
    let mut odd = Person::of(5);
    odd.key = UserKey::parse("kim").unwrap();
    odd.utc_offset_minutes = -210;
    odd.night = true;
    world.befriend(&[odd]).await;
    let query = everybody(world.account);
    let group = |read: &ReachRead| -> Vec<(bool, i16)> {
        let of =
            |row: &store::hot::ReachRow| (row.group.night_consent, row.group.utc_offset_minutes);
        read.rows.iter().map(of).collect()
    };
    let expected = [
        (true, 540),
        (false, -720),
        (false, 840),
        (false, 0),
        (true, -210),
    ];
    assert_eq!(group(&read(&world, &query, 1, 4).await), expected[..4]);
    assert_eq!(group(&read(&world, &query, 1, 5).await), expected);
}

pub async fn friends_of_another_account_are_not_read(world: World) {
    let (_, other) = world.add_business("second").await;
    world.befriend(&people(3)).await;
    world
        .befriend_of(other, &[Person::of(2), Person::of(9)])
        .await;
    let ours = everybody(world.account);
    assert_eq!(numbers(&read(&world, &ours, 1, 100).await), [1, 2, 3]);
    assert_eq!(count(&world, &ours).await.audience, 3);
    assert_eq!(count(&world, &everybody(other)).await.audience, 2);
}

/// The query as a freeze asks it that was launched now.
async fn cut_now(world: &World) -> ReachQuery {
    let mut write = world.store.write().await.unwrap();
    let cut_sequence = Some(write.sequence().await.unwrap());
    write.commit().await.unwrap();
    ReachQuery {
        cut_sequence,
        ..everybody(world.account)
    }
}

pub async fn friends_known_after_the_cut_are_not_read(world: World) {
    world.befriend(&people(3)).await;
    let query = cut_now(&world).await;
    world.befriend(&[Person::of(4)]).await;
    assert_eq!(numbers(&read(&world, &query, 1, 100).await), [1, 2, 3]);
    let later = cut_now(&world).await;
    assert_eq!(numbers(&read(&world, &later, 1, 100).await), [1, 2, 3, 4]);
}

pub async fn whoever_left_and_came_back_after_the_cut_is_not_read(world: World) {
    world.befriend(&people(2)).await;
    let query = cut_now(&world).await;
    let mut left = Person::of(2);
    left.state = FriendState::Left;
    world.befriend(&[left]).await;
    world.befriend(&[Person::of(2)]).await;
    assert_eq!(numbers(&read(&world, &query, 1, 100).await), [1]);
}

pub async fn packed_keys_come_packed(world: World) {
    world.befriend(&people(2)).await;
    let read = read(&world, &everybody(world.account), 1, 100).await;
    let ReachKeys::Packed(bytes) = read.keys else {
        panic!("both keys have the 16-byte form");
    };
    let expected = [1, 2].map(|number| key_of(number).packed().unwrap());
    assert_eq!(bytes, expected.as_flattened());
}

pub async fn one_key_of_another_form_makes_all_mixed(world: World) {
    let mut all = people(3);
    // Sixteen bytes as text, which must not be taken for a packed key.
    all[1].key = UserKey::parse("sixteen-letters!").unwrap();
    world.befriend(&all).await;
    let read = read(&world, &everybody(world.account), 1, 100).await;
    assert_eq!(numbers(&read), [1, 2, 3]);
    let ReachKeys::Mixed(keys) = read.keys else {
        panic!("one of the keys is text");
    };
    let expected: Vec<UserKey> = all.into_iter().map(|person| person.key).collect();
    assert_eq!(keys, expected);
}

pub async fn expressions_choose_and_count_alike(world: World) {
    let mut all = people(8);
    for (index, person) in all.iter_mut().enumerate() {
        if index % 2 == 0 {
            person.tags.push("vip");
        }
        person.language = Some(if index < 3 { "ko" } else { "ja" });
    }
    all[7].promotion = false;
    let written = world.befriend(&all).await;
    let list = UserList {
        id: world.ids().next(),
        account: world.account,
        name: "uploaded".to_owned(),
        created_at: NOW,
    };
    let mut write = world.store.write().await.unwrap();
    let listed = [written[7], written[0], UserNumber(999)];
    write.insert_user_list(&list, &listed).await.unwrap();
    write.commit().await.unwrap();
    let vip = || Expression::Tag("vip".to_owned());
    let korean = || {
        Expression::Attribute(Attribute::OneOf {
            attribute: TextAttribute::Language,
            values: vec!["ko".to_owned()],
        })
    };
    let cases: [(Expression, &[u32]); 7] = [
        (vip(), &[1, 3, 5, 7]),
        (korean(), &[1, 2, 3]),
        (Expression::List(list.id), &[1, 8]),
        (Expression::And(vec![vip(), korean()]), &[1, 3]),
        (Expression::Or(vec![vip(), korean()]), &[1, 2, 3, 5, 7]),
        (Expression::Not(Box::new(vip())), &[2, 4, 6, 8]),
        (
            Expression::Not(Box::new(Expression::Or(vec![
                korean(),
                Expression::List(list.id),
            ]))),
            &[4, 5, 6, 7],
        ),
    ];
    for (expression, expected) in cases {
        let query = ReachQuery {
            expression,
            ..everybody(world.account)
        };
        let read = read(&world, &query, 1, 1_000).await;
        assert_eq!(numbers(&read), expected, "{:?}", query.expression);
        let count = count(&world, &query).await;
        assert_eq!(
            count.audience,
            expected.len() as u64,
            "{:?}",
            query.expression
        );
        let reachable = expected.iter().filter(|number| **number != 8).count();
        assert_eq!(count.reachable, reachable as u64, "{:?}", query.expression);
    }
}

pub async fn a_count_is_what_a_freeze_reads(world: World) {
    let mut all = people(20);
    for person in all.iter_mut().step_by(3) {
        person.promotion = false;
    }
    all[19].state = FriendState::Blocked;
    world.befriend(&all).await;
    let query = everybody(world.account);
    let count = count(&world, &query).await;
    let read = read(&world, &query, 1, 1_000).await;
    let reachable = read.rows.iter().filter(|row| row.has_consent).count();
    assert_eq!(count.audience, read.rows.len() as u64);
    assert_eq!(count.reachable, reachable as u64);
    // It says how far a freeze reads; where everybody is meant, whoever blocked counts for that.
    assert!(Some(&count.highest_number) >= numbers(&read).last());
    assert_eq!(count.highest_number, 20);
    let nobody = ReachQuery {
        expression: Expression::Tag("nobody".to_owned()),
        ..query
    };
    let mut write = world.store.write().await.unwrap();
    let none = world
        .store
        .hot()
        .count_reach(&mut write, &nobody)
        .await
        .unwrap();
    assert_eq!(none, ReachCount::default());
}
