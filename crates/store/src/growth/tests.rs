//! The tally and the days after every kind of change, against a count of everybody.

use domain::friend::{ConsentFact, ConsentSource, StateFact};
use domain::user::{UserKey, UserNumber};
use testkit::database::Engine;

use super::*;
use crate::friend::{Friend, Reach};

testkit::on_both_engines![what_comes_and_goes_is_counted_on_its_day,];

const DAY_MS: i64 = 86_400_000;

fn standing(state: FriendState, day: i64, since: i64, source: &str, agreed: bool) -> Standing {
    let at = |day: i64| Timestamp::from_millis(day * DAY_MS + 1);
    let friend = Friend {
        state: StateFact { state, at: at(day) },
        since: at(since),
        source: source.to_owned(),
        display_name: String::new(),
        language: None,
        country: None,
        region: None,
        gender: None,
        birth_year: None,
        time_zone: None,
        profile_at: at(day),
    };
    let mut standing = Standing {
        friend: Some(friend),
        promotion: agreed.then(|| ConsentFact {
            granted: true,
            at: at(since),
            wording: None,
            source: ConsentSource::Event,
        }),
        ..Standing::default()
    };
    let flags = standing.flags();
    standing.reach = Some(Reach {
        flags,
        utc_offset_minutes: 0,
    });
    standing
}

async fn what_comes_and_goes_is_counted_on_its_day(engine: Engine) {
    let (store, _database) = crate::fixture::open(engine).await;
    let account = AccountId::from_bytes([7; 16]);
    let key = |number: u32| UserKey::parse(&format!("k{number}")).unwrap();
    let (active, blocked, left) = (FriendState::Active, FriendState::Blocked, FriendState::Left);
    let nothing = Standing::default;
    let steps = [
        (1, nothing(), standing(active, 1, 1, "store", true)),
        (2, nothing(), standing(active, 1, 1, "store", false)),
        (3, nothing(), standing(active, 2, 2, "web", true)),
        // Blocked before anybody heard of the friendship's beginning.
        (4, nothing(), standing(blocked, 3, 1, "web", false)),
        // A profile of somebody who never was a friend.
        (5, nothing(), standing(left, 1, 0, "", false)),
        (
            1,
            standing(active, 1, 1, "store", true),
            standing(blocked, 3, 1, "store", true),
        ),
        (
            1,
            standing(blocked, 3, 1, "store", true),
            standing(active, 4, 4, "web", true),
        ),
        (
            3,
            standing(active, 2, 2, "web", true),
            standing(left, 4, 2, "web", true),
        ),
        // Told again: nothing happens.
        (
            3,
            standing(left, 4, 2, "web", true),
            standing(left, 4, 2, "web", true),
        ),
        (
            2,
            standing(active, 1, 1, "store", false),
            standing(active, 1, 1, "store", true),
        ),
    ];
    for (number, before, after) in steps {
        let change = FriendChange {
            number: UserNumber(number),
            key: key(number),
            before,
            after,
            consents: Vec::new(),
            tags: None,
        };
        let mut write = store.write().await.unwrap();
        let now = Timestamp::from_millis(5 * DAY_MS);
        write.record_friends(account, &[change], now).await.unwrap();
        write.commit().await.unwrap();
    }
    // One comes back and another leaves in one commit: the tally stays as it is, the day does not.
    let swap = [
        (
            1,
            standing(active, 4, 4, "web", true),
            standing(left, 5, 4, "web", true),
        ),
        (
            3,
            standing(left, 4, 2, "web", true),
            standing(active, 5, 5, "web", true),
        ),
    ];
    let changes = swap.map(|(number, before, after)| FriendChange {
        number: UserNumber(number),
        key: key(number),
        before,
        after,
        consents: Vec::new(),
        tags: None,
    });
    let mut write = store.write().await.unwrap();
    let now = Timestamp::from_millis(5 * DAY_MS);
    write.record_friends(account, &changes, now).await.unwrap();
    write.commit().await.unwrap();
    let tally = store.friend_tally(account).await.unwrap();
    assert_eq!((tally.reachable, tally.without_consent), (2, 0));
    assert_eq!((tally.blocked, tally.left, tally.all()), (1, 1, 4));
    let sources: Vec<_> = tally
        .sources
        .iter()
        .map(|s| (&*s.source, s.all, s.active))
        .collect();
    assert_eq!(sources, [("web", 3, 1), ("store", 1, 1)]);

    let utc = zone("UTC").unwrap();
    let today = LocalDay::of(Timestamp::from_millis(5 * DAY_MS), &utc);
    let growth = store.growth(account, today, 5).await.unwrap();
    let days: Vec<_> = growth
        .days
        .iter()
        .map(|d| (d.day, d.gained, d.lost, d.blocked))
        .collect();
    assert_eq!(
        days,
        [
            (1, 3, 0, 0),
            (2, 1, 0, 0),
            (3, 0, 0, 2),
            (4, 1, 1, 0),
            (5, 1, 1, 0)
        ]
    );
    assert_eq!(growth.sums(), (6, 2, 2));
    assert_eq!(
        growth.sources,
        [("web".to_owned(), 4), ("store".to_owned(), 2)]
    );

    // What the migration makes of the same friends is the same tally.
    let sql = "SELECT COUNT(*) AS wrong FROM (
        SELECT f.source AS source, f.state AS state, r.flags AS flags, COUNT(*) AS friends
        FROM friend f JOIN reach r ON r.account = f.account AND r.number = f.number
        GROUP BY 1, 2, 3
        EXCEPT SELECT source, state, flags, friends FROM friend_tally) AS others";
    let row = row::one(store.reader(), "friend", sql, [])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.int::<i64>("wrong").unwrap(), 0);
}
