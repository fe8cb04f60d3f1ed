//! The database means what the domain means, on random friends and random expressions.

use domain::audience::FriendFacts;
use domain::audience_group::{AudienceGroupId, member_words};
use domain::friend::{ConsentFact, ConsentSource, FriendState, Profile, StateFact};
use domain::handle::Handle;
use domain::id::{BusinessId, UserListId};
use domain::money::Currency;
use domain::time::Timestamp;
use domain::user::UserKey;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use testkit::database::{Engine, TestDatabase};

use super::*;
use crate::Write;
use crate::directory::{Account, Business};
use crate::explore::Offer;
use crate::friend::record::FriendChange;
use crate::friend::{Friend, Reach, Standing};
use crate::user_list::UserList;

testkit::on_both_engines![
    the_database_means_what_the_domain_means,
    limits_take_the_lowest_ranks_and_the_same_again,
    states_and_offered_values_are_counted,
    the_list_of_another_account_is_empty,
    the_audience_group_of_another_account_is_empty,
];

const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);
const OTHER: AccountId = AccountId::from_bytes([2; 16]);
const LISTS: [UserListId; 3] = [
    UserListId::from_bytes([3; 16]),
    UserListId::from_bytes([4; 16]),
    UserListId::from_bytes([5; 16]),
];
const FOREIGN_LIST: UserListId = UserListId::from_bytes([6; 16]);
const LANGUAGES: [&str; 3] = ["ko", "ja", "zh-Hant"];
const REGIONS: [&str; 3] = ["서울", "unknown", "o'brien %_"];
const SOURCES: [&str; 3] = ["qr_store", "search", "ad"];
const TAGS: [&str; 4] = ["coffee", "vip", "픽업", "'; DROP TABLE friend; --"];

/// One friend as the domain sees it.
struct Person {
    number: UserNumber,
    state: FriendState,
    promotion: bool,
    since: Timestamp,
    profile: Profile,
    lists: Vec<UserListId>,
    groups: Vec<AudienceGroupId>,
}

/// The number of the nth group; the fourth one is another account's.
fn group(nth: i64) -> AudienceGroupId {
    AudienceGroupId::from_number(1_234_567_890_120 + nth).unwrap()
}

fn pick<'a>(random: &mut ChaCha8Rng, of: &[&'a str]) -> Option<&'a str> {
    let place = random.random_range(0..=of.len());
    of.get(place).copied()
}

fn person(random: &mut ChaCha8Rng, number: u32) -> Person {
    let text = |text: Option<&str>| text.map(str::to_owned);
    let profile = Profile {
        display_name: format!("friend {number}"),
        language: text(pick(random, &LANGUAGES)),
        country: text(pick(random, &["KR", "JP"])),
        region: text(pick(random, &REGIONS)),
        gender: Gender::ALL[random.random_range(0..3)],
        birth_year: random
            .random_bool(0.7)
            .then(|| random.random_range(1950..2010)),
        time_zone: text(pick(random, &["Asia/Seoul", "Asia/Tokyo"])),
        friend_since: None,
        source: Some(SOURCES[random.random_range(0..3)].to_owned()),
        tags: TAGS
            .iter()
            .filter(|_| random.random_bool(0.3))
            .map(|tag| tag.to_string())
            .collect(),
    };
    Person {
        number: UserNumber(number),
        state: match random.random_range(0..10) {
            0 => FriendState::Blocked,
            1 => FriendState::Left,
            _ => FriendState::Active,
        },
        promotion: random.random_bool(0.8),
        since: Timestamp::from_millis(random.random_range(0..100)),
        profile,
        lists: LISTS
            .into_iter()
            .filter(|_| random.random_bool(0.2))
            .collect(),
        groups: (1..=3)
            .map(group)
            .filter(|_| random.random_bool(0.3))
            .collect(),
    }
}

fn change(person: &Person) -> FriendChange {
    let consent = person.promotion.then(|| ConsentFact {
        granted: true,
        at: person.since,
        wording: Some("ad-1".into()),
        source: ConsentSource::Import,
    });
    let profile = &person.profile;
    let mut after = Standing {
        friend: Some(Friend {
            state: StateFact {
                state: person.state,
                at: person.since,
            },
            since: person.since,
            source: profile.source.clone().unwrap_or_default(),
            display_name: profile.display_name.clone(),
            language: profile.language.clone(),
            country: profile.country.clone(),
            region: profile.region.clone(),
            gender: (profile.gender != Gender::Unknown).then_some(profile.gender),
            birth_year: profile.birth_year,
            time_zone: profile.time_zone.clone(),
            profile_at: person.since,
        }),
        promotion: consent,
        ..Standing::default()
    };
    after.reach = Some(Reach {
        flags: after.flags(),
        utc_offset_minutes: 540,
    });
    FriendChange {
        number: person.number,
        key: UserKey::parse(&format!("user-{}", person.number.0)).unwrap(),
        before: Standing::default(),
        after,
        consents: Vec::new(),
        tags: Some(profile.tags.clone()),
    }
}

async fn account(write: &mut Write, id: AccountId, handle: &str) {
    let business = Business {
        id: BusinessId::from_bytes(*id.as_bytes()),
        name: handle.into(),
        currency: Currency::Krw,
        stopped_at: None,
        created_at: Timestamp::default(),
    };
    write.insert_business(&business).await.unwrap();
    let account = Account {
        id,
        business: business.id,
        handle: Handle::parse(handle).unwrap(),
        display_name: handle.into(),
        icon_url: None,
        time_zone: "Asia/Seoul".into(),
        rate_per_second: None,
        stopped_at: None,
        created_at: Timestamp::default(),
    };
    write.insert_account(&account).await.unwrap();
}

/// Friends of one account; the same users are friends of another account, all of them reachable.
async fn populated(
    engine: Engine,
    random: &mut ChaCha8Rng,
    size: u32,
) -> (Store, Vec<Person>, TestDatabase) {
    let (store, database) = crate::fixture::open(engine).await;
    let people: Vec<Person> = (1..=size).map(|number| person(random, number)).collect();
    let mut write = store.write().await.unwrap();
    account(&mut write, ACCOUNT, "@here").await;
    account(&mut write, OTHER, "@there").await;
    let now = Timestamp::default();
    let changes: Vec<FriendChange> = people.iter().map(change).collect();
    write.record_friends(ACCOUNT, &changes, now).await.unwrap();
    let everybody = |person: &Person| {
        change(&Person {
            state: FriendState::Active,
            promotion: true,
            profile: person.profile.clone(),
            lists: Vec::new(),
            groups: Vec::new(),
            ..*person
        })
    };
    let changes: Vec<FriendChange> = people.iter().map(everybody).collect();
    write.record_friends(OTHER, &changes, now).await.unwrap();
    let lists = LISTS
        .iter()
        .map(|list| (*list, ACCOUNT))
        .chain([(FOREIGN_LIST, OTHER)]);
    for (id, account) in lists {
        let listed = |person: &&Person| person.lists.contains(&id) || id == FOREIGN_LIST;
        let numbers: Vec<_> = people
            .iter()
            .filter(listed)
            .map(|person| person.number)
            .collect();
        let list = UserList {
            id,
            account,
            name: "list".into(),
            created_at: now,
        };
        write.insert_user_list(&list, &numbers).await.unwrap();
    }
    for nth in 1..=4 {
        let id = group(nth);
        let account = if nth == 4 { OTHER } else { ACCOUNT };
        let member = |person: &&Person| person.groups.contains(&id) || nth == 4;
        let numbers = people.iter().filter(member).map(|person| person.number.0);
        let words = member_words(numbers);
        // Half of them a second time: whoever is a member stays one.
        for words in [&words[..], &words[..words.len() / 2]] {
            write.add_group_members(account, id, words).await.unwrap();
        }
    }
    write.commit().await.unwrap();
    (store, people, database)
}

fn some_of(random: &mut ChaCha8Rng, values: &[&str]) -> Vec<String> {
    let count = random.random_range(1..=values.len());
    values[..count]
        .iter()
        .map(|value| value.to_string())
        .collect()
}

fn expression(random: &mut ChaCha8Rng, depth: u32) -> Expression {
    use domain::audience::TextAttribute::*;
    let one_of = |attribute, values| Expression::Attribute(Attribute::OneOf { attribute, values });
    let leaves = if depth == 0 { 12 } else { 15 };
    match random.random_range(0..leaves) {
        0 => Expression::All,
        1 => one_of(Language, some_of(random, &LANGUAGES)),
        2 => one_of(Country, some_of(random, &["KR", "JP"])),
        3 => one_of(Region, some_of(random, &REGIONS)),
        4 => one_of(Gender, some_of(random, &["unknown", "female", "male"])),
        5 => one_of(TimeZone, some_of(random, &["Asia/Seoul", "Asia/Tokyo"])),
        6 => Expression::Attribute(Attribute::BirthYear {
            from: random
                .random_bool(0.7)
                .then(|| random.random_range(1950..2010)),
            to: random
                .random_bool(0.7)
                .then(|| random.random_range(1950..2010)),
        }),
        7 => Expression::Tag(TAGS[random.random_range(0..TAGS.len())].to_owned()),
        8 => Expression::FriendSince {
            from: random
                .random_bool(0.7)
                .then(|| Timestamp::from_millis(random.random_range(0..100))),
            before: random
                .random_bool(0.7)
                .then(|| Timestamp::from_millis(random.random_range(0..100))),
        },
        9 => Expression::Source(some_of(random, &SOURCES)),
        10 => Expression::List(LISTS[random.random_range(0..LISTS.len())]),
        11 => Expression::Group(group(random.random_range(1..=3))),
        kind => {
            let parts = random.random_range(1..4);
            let mut part = || expression(random, depth - 1);
            match kind {
                12 => Expression::And((0..parts).map(|_| part()).collect()),
                13 => Expression::Or((0..parts).map(|_| part()).collect()),
                _ => Expression::Not(Box::new(part())),
            }
        }
    }
}

/// Whom the domain says a campaign reaches.
fn reached(people: &[Person], expression: &Expression, purpose: Purpose) -> Vec<UserNumber> {
    let wanted = |person: &&Person| {
        let facts = FriendFacts {
            profile: &person.profile,
            since: person.since,
            lists: &person.lists,
            groups: &person.groups,
            sent: &[],
        };
        let flags = ReachFlags::of(person.state, person.promotion, false);
        flags.is_reachable(purpose) && expression.matches(&facts)
    };
    people
        .iter()
        .filter(wanted)
        .map(|person| person.number)
        .collect()
}

const EVERYBODY: AudienceLimit = AudienceLimit {
    count: u32::MAX,
    method: LimitMethod::UserNumber,
};

async fn the_database_means_what_the_domain_means(engine: Engine) {
    for seed in 0..4 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (store, people, _folder) = populated(engine, &mut random, 300).await;
        let mut matched = 0;
        for case in 0..100 {
            let wanted = expression(&mut random, 3);
            let purpose = match random.random_bool(0.5) {
                true => Purpose::Promotion,
                false => Purpose::Information,
            };
            let expected = reached(&people, &wanted, purpose);
            let chosen = store
                .choose_limited(ACCOUNT, &wanted, EVERYBODY, purpose)
                .await
                .unwrap();
            let numbers: Vec<UserNumber> = chosen.iter().map(UserNumber).collect();
            assert_eq!(numbers, expected, "seed {seed}, case {case}: {wanted:?}");
            let whole = &wanted;
            let each = [whole.clone(), Expression::Not(Box::new(whole.clone()))];
            let explored = store.explore_audience(ACCOUNT, whole, &each, purpose);
            let explored = explored.await.unwrap();
            let everybody = reached(&people, &Expression::All, purpose).len() as u64;
            let reachable = expected.len() as u64;
            assert_eq!(explored.reachable, reachable, "seed {seed}, case {case}");
            assert_eq!(explored.each, [reachable, everybody - reachable]);
            assert!(explored.matched >= reachable + explored.unwilling);
            matched += usize::from(!expected.is_empty() && expected.len() < 250);
        }
        assert!(
            matched > 40,
            "the expressions of seed {seed} told nobody apart"
        );
    }
}

async fn limits_take_the_lowest_ranks_and_the_same_again(engine: Engine) {
    let mut random = ChaCha8Rng::seed_from_u64(9);
    let (store, people, _folder) = populated(engine, &mut random, 300).await;
    let all = reached(&people, &Expression::All, Purpose::Promotion);
    let methods = [
        LimitMethod::UserNumber,
        LimitMethod::Random { seed: 1 },
        LimitMethod::Random { seed: 2 },
    ];
    let mut samples = Vec::new();
    for method in methods {
        for count in [0, 1, 50, 1_000] {
            let limit = AudienceLimit { count, method };
            let choose =
                || store.choose_limited(ACCOUNT, &Expression::All, limit, Purpose::Promotion);
            let chosen = choose().await.unwrap();
            assert_eq!(choose().await.unwrap(), chosen);
            let mut ranked = all.clone();
            ranked.sort_by_key(|user| limit.rank(*user));
            ranked.truncate(count as usize);
            let expected: RoaringBitmap = ranked.iter().map(|user| user.0).collect();
            assert_eq!(chosen, expected, "{limit:?}");
            if count == 50 {
                samples.push(chosen);
            }
        }
    }
    assert!(samples[1] != samples[2] && samples[0] != samples[1]);
}

async fn states_and_offered_values_are_counted(engine: Engine) {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let (store, people, _folder) = populated(engine, &mut random, 200).await;
    let states = store.friend_states(ACCOUNT).await.unwrap();
    let of = |state| people.iter().filter(|p| p.state == state).count() as u64;
    assert_eq!(states.active, of(FriendState::Active));
    assert_eq!(states.blocked, of(FriendState::Blocked));
    assert_eq!(states.left, of(FriendState::Left));
    let offered = async |offer| store.offered_values(ACCOUNT, offer, 3).await.unwrap();
    let tags = offered(Offer::Tag).await;
    assert_eq!(tags.len(), 3, "no more than were asked for");
    let with = |tag: &String| {
        people
            .iter()
            .filter(|p| p.profile.tags.contains(tag))
            .count()
    };
    for (tag, friends) in &tags {
        assert_eq!(*friends, with(tag) as u64, "{tag}");
    }
    assert!(tags.is_sorted_by(|a, b| a.1 >= b.1));
    let regions = offered(Offer::Attribute(TextAttribute::Region)).await;
    assert_eq!(regions.len(), REGIONS.len());
    let listed = people.iter().filter(|p| p.lists.contains(&LISTS[0]));
    assert_eq!(
        store.list_size(LISTS[0]).await.unwrap(),
        listed.count() as u64
    );
}

async fn the_list_of_another_account_is_empty(engine: Engine) {
    let mut random = ChaCha8Rng::seed_from_u64(10);
    let (store, _people, _folder) = populated(engine, &mut random, 50).await;
    let list = Expression::List(FOREIGN_LIST);
    let reached = async |account| {
        let chosen = store.choose_limited(account, &list, EVERYBODY, Purpose::Information);
        chosen.await.unwrap().len()
    };
    assert_eq!((reached(ACCOUNT).await, reached(OTHER).await), (0, 50));
}

async fn the_audience_group_of_another_account_is_empty(engine: Engine) {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let (store, _people, _folder) = populated(engine, &mut random, 50).await;
    let foreign = Expression::Group(group(4));
    let reached = async |account| {
        let chosen = store.choose_limited(account, &foreign, EVERYBODY, Purpose::Information);
        chosen.await.unwrap().len()
    };
    assert_eq!((reached(ACCOUNT).await, reached(OTHER).await), (0, 50));
}

#[test]
fn reach_tags_and_lists_never_read_the_wide_table() {
    let narrow = [
        Expression::All,
        Expression::Tag("vip".into()),
        Expression::Not(Box::new(Expression::List(LISTS[0]))),
        Expression::Not(Box::new(Expression::Group(group(1)))),
        Expression::And(vec![
            Expression::All,
            Expression::Or(vec![Expression::Tag("a".into())]),
        ]),
    ];
    for expression in narrow {
        assert_eq!(
            condition(&expression, 0).tables(),
            "FROM reach r",
            "{expression:?}"
        );
    }
    let wide = Expression::Or(vec![Expression::All, Expression::Source(vec!["ad".into()])]);
    assert!(condition(&wide, 0).tables().contains("JOIN friend"));
    let third = condition(&Expression::Tag("a".into()), 2);
    assert!(third.sql.contains("$3") && third.values.len() == 1);
}
