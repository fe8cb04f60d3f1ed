//! A token is good once, for its account, for a minute; sent again, for a minute more.

use domain::handle::Handle;
use domain::id::BusinessId;
use domain::money::Currency;
use domain::user::UserKey;
use domain::webhook::EventKind;
use testkit::SeededIds;
use testkit::database::{Engine, TestDatabase};

use super::*;
use crate::directory::{Account, Business};
use crate::fixture;
use crate::webhook::MadeEvent;

testkit::on_both_engines![
    a_token_is_used_once_by_its_account,
    a_token_is_over_after_a_minute_and_good_again_when_it_is_sent,
    what_did_not_commit_is_not_used,
];

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const BUSINESS: BusinessId = BusinessId::from_bytes([1; 16]);
const OURS: AccountId = AccountId::from_bytes([2; 16]);
const THEIRS: AccountId = AccountId::from_bytes([3; 16]);
const TOKEN: ReplyToken = ReplyToken::from_bytes([7; 16]);
const EVENT: EventId = EventId::from_bytes([8; 16]);
const KIM: &str = "U73c1cd2c81f98b521905d591c5b2e75a";

async fn store(engine: Engine) -> (Store, TestDatabase) {
    let (store, database) = fixture::open(engine).await;
    let mut write = store.write().await.unwrap();
    let business = Business {
        id: BUSINESS,
        name: "Hanok".into(),
        currency: Currency::Krw,
        stopped_at: None,
        created_at: NOW,
    };
    write.insert_business(&business).await.unwrap();
    for (id, handle) in [(OURS, "@ours"), (THEIRS, "@theirs")] {
        let account = Account {
            id,
            business: BUSINESS,
            handle: Handle::parse(handle).unwrap(),
            display_name: "Hanok".into(),
            icon_url: None,
            time_zone: "Asia/Seoul".into(),
            rate_per_second: None,
            stopped_at: None,
            created_at: NOW,
        };
        write.insert_account(&account).await.unwrap();
    }
    write.commit().await.unwrap();
    (store, database)
}

/// An event of Kim's with a token; Kim's number.
async fn issue(store: &Store) -> UserNumber {
    let mut write = store.write().await.unwrap();
    let kim = UserKey::parse(KIM).unwrap();
    let numbers = write.number_users(&SeededIds::of(1), &[&kim]).await;
    let number = numbers.unwrap()[&kim].number;
    let event = MadeEvent {
        id: EVENT,
        account: OURS,
        kind: EventKind::Follow,
        at: NOW,
        body: "{}".to_owned(),
    };
    write.add_webhook_events(&[event], NOW).await.unwrap();
    let issued = IssuedToken {
        token: TOKEN,
        account: OURS,
        number,
        event: EVENT,
    };
    let made = write
        .issue_reply_tokens(&[issued], NOW, USUALLY_VALID)
        .await;
    made.unwrap();
    write.commit().await.unwrap();
    number
}

async fn used(store: &Store, account: AccountId, at: Timestamp) -> TokenUse {
    let mut write = store.write().await.unwrap();
    let used = write.use_reply_token(account, &TOKEN, at).await.unwrap();
    write.commit().await.unwrap();
    used
}

async fn a_token_is_used_once_by_its_account(engine: Engine) {
    let (store, _database) = store(engine).await;
    assert_eq!(used(&store, OURS, NOW).await, Err(TokenRefusal::Unknown));
    let number = issue(&store).await;
    let user = |account| store.user_of_reply_token(account, &TOKEN);
    assert_eq!(user(OURS).await.unwrap(), LineUserId::parse(KIM));
    assert_eq!(user(THEIRS).await.unwrap(), None);
    assert_eq!(used(&store, THEIRS, NOW).await, Err(TokenRefusal::Unknown));
    assert_eq!(used(&store, OURS, NOW).await, Ok(number));
    assert_eq!(used(&store, OURS, NOW).await, Err(TokenRefusal::Used));
    // Used stays used, however it is sent.
    let mut write = store.write().await.unwrap();
    let renewed = write
        .renew_reply_tokens(&[EVENT], NOW + MINUTE, USUALLY_VALID)
        .await;
    assert_eq!(renewed.unwrap(), 0);
}

async fn a_token_is_over_after_a_minute_and_good_again_when_it_is_sent(engine: Engine) {
    let (store, _database) = store(engine).await;
    let number = issue(&store).await;
    assert_eq!(
        used(&store, OURS, NOW + MINUTE).await,
        Err(TokenRefusal::Expired)
    );
    let mut write = store.write().await.unwrap();
    let late = write
        .renew_reply_tokens(&[EVENT], NOW + MINUTE * 20, USUALLY_VALID)
        .await;
    assert_eq!(late.unwrap(), 0);
    let both = [EventId::from_bytes([9; 16]), EVENT];
    let again = write
        .renew_reply_tokens(&both, NOW + MINUTE * 19, USUALLY_VALID)
        .await;
    assert_eq!(again.unwrap(), 1);
    write.commit().await.unwrap();
    let over = NOW + MINUTE * 20;
    assert_eq!(used(&store, OURS, over).await, Err(TokenRefusal::Expired));
    let soon = over - Duration::from_millis(1);
    assert_eq!(used(&store, OURS, soon).await, Ok(number));
    let mut write = store.write().await.unwrap();
    assert_eq!(write.sweep_reply_tokens(NOW + KEPT).await.unwrap(), 0);
    let later = NOW + KEPT + Duration::from_millis(1);
    assert_eq!(write.sweep_reply_tokens(later).await.unwrap(), 1);
    write.commit().await.unwrap();
    assert_eq!(used(&store, OURS, soon).await, Err(TokenRefusal::Unknown));
}

async fn what_did_not_commit_is_not_used(engine: Engine) {
    let (store, _database) = store(engine).await;
    let number = issue(&store).await;
    let mut write = store.write().await.unwrap();
    let first = write.use_reply_token(OURS, &TOKEN, NOW).await.unwrap();
    write.roll_back().await.unwrap();
    assert_eq!(first, Ok(number));
    assert_eq!(used(&store, OURS, NOW).await, first);
}
