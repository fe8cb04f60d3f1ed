//! What is particular to the hot paths on SQLite.

use domain::audience::Expression;
use domain::friend::{FriendState, StateFact};
use domain::user::UserKey;
use domain::user::UserNumber;

use super::*;
use crate::StoreConfig;
use crate::friend::record::FriendChange;
use crate::friend::{Friend, Reach, Standing};

const ACCOUNT: domain::id::AccountId = domain::id::AccountId::from_bytes([1; 16]);

fn change(number: u32) -> FriendChange {
    let since = Timestamp::from_millis(i64::from(number));
    let friend = Friend {
        state: StateFact {
            state: FriendState::Active,
            at: since,
        },
        since,
        source: "ad".into(),
        display_name: format!("friend {number}"),
        language: None,
        country: None,
        region: None,
        gender: None,
        birth_year: None,
        time_zone: None,
        profile_at: since,
    };
    let mut after = Standing {
        friend: Some(friend),
        ..Standing::default()
    };
    after.reach = Some(Reach {
        flags: after.flags(),
        utc_offset_minutes: if number.is_multiple_of(3) { -570 } else { 840 },
    });
    FriendChange {
        number: UserNumber(number),
        key: UserKey::parse(&format!("U{number:032x}")).unwrap(),
        before: Standing::default(),
        after,
        consents: Vec::new(),
        tags: None,
    }
}

/// What a block packs into one number must come out as the rows say it.
#[tokio::test]
async fn the_packed_read_says_what_the_rows_say() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&StoreConfig::fast(folder.path().join("chingu.db")))
        .await
        .unwrap();
    let numbers = [1, 2, 3, 255, 256, 70_000, 5_000_000];
    let mut write = store.write().await.unwrap();
    let sql = "INSERT INTO business (id, name, currency, created_at) VALUES ($1, 'b', 'KRW', 0)";
    row::execute(write.connection(), sql, values![ACCOUNT])
        .await
        .unwrap();
    let sql = "INSERT INTO account (id, business, handle, display_name, time_zone, created_at)
               VALUES ($1, $1, '@here', 'here', 'Asia/Seoul', 0)";
    row::execute(write.connection(), sql, values![ACCOUNT])
        .await
        .unwrap();
    let changes: Vec<FriendChange> = numbers.into_iter().map(change).collect();
    let now = Timestamp::default();
    write.record_friends(ACCOUNT, &changes, now).await.unwrap();
    write.commit().await.unwrap();
    let query = ReachQuery {
        account: ACCOUNT,
        expression: Expression::All,
        cut_sequence: Some(i64::MAX),
        needs_consent: false,
    };
    let range = FreezeRange {
        index: 0,
        first: UserNumber(1),
        last: UserNumber(5_000_000),
    };
    let fast = store.hot().read_reach(&store, &query, range).await.unwrap();
    let slow = read_mixed(&store, &query, range).await.unwrap();
    let read: Vec<u32> = fast.rows.iter().map(|row| row.number.0).collect();
    assert_eq!(read, numbers);
    assert_eq!(fast.rows, slow.rows);
    let (ReachKeys::Packed(packed), ReachKeys::Mixed(keys)) = (fast.keys, slow.keys) else {
        panic!("keys of this form are read packed");
    };
    let expected: Vec<u8> = keys.iter().flat_map(UserKey::to_reach_bytes).collect();
    assert_eq!(packed, expected);
}
