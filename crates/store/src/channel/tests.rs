//! A channel is made once, ids that are taken are noticed, tokens end and are forgotten.

use std::slice;
use std::time::Duration;

use domain::handle::Handle;
use domain::money::Currency;
use testkit::database::{Engine, TestDatabase};

use super::*;
use crate::directory::{Account, Business};
use crate::fixture;

testkit::on_both_engines![
    a_channel_is_made_once_and_found_both_ways,
    keys_are_of_one_account,
    tokens_live_until_they_end_and_are_forgotten_later,
    the_installations_key_stays_the_first_one,
];

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const BUSINESS: BusinessId = BusinessId::from_bytes([1; 16]);
const ACCOUNT: AccountId = AccountId::from_bytes([2; 16]);
const OTHER: AccountId = AccountId::from_bytes([3; 16]);

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
    for (id, handle) in [(ACCOUNT, "@hanok"), (OTHER, "@other")] {
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

fn channel(account: AccountId, id: u64) -> Channel {
    Channel {
        account,
        business: BUSINESS,
        id: ChannelId::from_number(id).unwrap(),
        bot: LineUserId::from_bytes(*account.as_bytes()),
        sealed_secret: vec![1, 2, 3],
        secret_at: NOW,
        created_at: NOW,
    }
}

fn live(key: char, kind: TokenKind, seconds: Option<u64>) -> ChannelToken {
    ChannelToken {
        account: ACCOUNT,
        key_id: TokenKeyId::parse(&key.to_string().repeat(22)).unwrap(),
        kind,
        issued_at: NOW,
        expires_at: seconds.map(|seconds| NOW + Duration::from_secs(seconds)),
    }
}

async fn a_channel_is_made_once_and_found_both_ways(engine: Engine) {
    let (store, _database) = store(engine).await;
    let ours = channel(ACCOUNT, 1_573_163_733);
    let mut write = store.write().await.unwrap();
    assert!(write.insert_channel(&ours).await.unwrap());
    assert!(!write.insert_channel(&ours).await.unwrap());
    // The id of another account's channel.
    let taken = channel(OTHER, 1_573_163_733);
    assert!(!write.insert_channel(&taken).await.unwrap());
    assert!(write.channel_of_account(OTHER).await.unwrap().is_none());
    write.commit().await.unwrap();
    let found = store.channel_of_account(ACCOUNT).await.unwrap();
    assert_eq!(found.as_ref(), Some(&ours));
    assert_eq!(store.channel_by_id(ours.id).await.unwrap(), found);
    let later = NOW + Duration::from_secs(9);
    let mut write = store.write().await.unwrap();
    let sealed = vec![9; 40];
    let set = write.set_channel_secret(ACCOUNT, sealed.clone(), later);
    set.await.unwrap();
    let refused = write.set_channel_secret(OTHER, sealed.clone(), later).await;
    assert!(matches!(refused, Err(StoreError::NotFound(_))));
    write.commit().await.unwrap();
    let found = store.channel_by_id(ours.id).await.unwrap().unwrap();
    assert_eq!((found.sealed_secret, found.secret_at), (sealed, later));
}

async fn keys_are_of_one_account(engine: Engine) {
    let (store, _database) = store(engine).await;
    let key = AssertionKey {
        id: AssertionKeyId::from_bytes([7; 16]),
        account: ACCOUNT,
        modulus: vec![0xc0; 256],
        exponent: vec![1, 0, 1],
        added_at: NOW,
    };
    let mut write = store.write().await.unwrap();
    write.insert_assertion_key(&key).await.unwrap();
    assert!(write.assertion_keys(OTHER).await.unwrap().is_empty());
    assert!(!write.delete_assertion_key(OTHER, key.id).await.unwrap());
    write.commit().await.unwrap();
    assert_eq!(
        store.assertion_key(key.id).await.unwrap(),
        Some(key.clone())
    );
    let keys = store.assertion_keys(ACCOUNT).await.unwrap();
    assert_eq!(keys, slice::from_ref(&key));
    let mut write = store.write().await.unwrap();
    assert!(write.delete_assertion_key(ACCOUNT, key.id).await.unwrap());
    write.commit().await.unwrap();
    assert_eq!(store.assertion_key(key.id).await.unwrap(), None);
}

async fn tokens_live_until_they_end_and_are_forgotten_later(engine: Engine) {
    let (store, _database) = store(engine).await;
    let asserted = live('a', TokenKind::Asserted, Some(60));
    let endless = live('b', TokenKind::LongLived, None);
    let mut write = store.write().await.unwrap();
    write.insert_token(&asserted, [1; 32]).await.unwrap();
    write.insert_token(&endless, [2; 32]).await.unwrap();
    let of_kind = write.live_tokens(ACCOUNT, TokenKind::Asserted, NOW);
    assert_eq!(of_kind.await.unwrap(), slice::from_ref(&asserted));
    write.commit().await.unwrap();
    let end = NOW + Duration::from_secs(60);
    assert_eq!(store.live_tokens(ACCOUNT, NOW).await.unwrap().len(), 2);
    let live = store.live_tokens(ACCOUNT, end).await.unwrap();
    assert_eq!(live, slice::from_ref(&endless));
    // It is over, and what it was can still be said.
    let found = store.token_by_hash([1; 32]).await.unwrap();
    assert_eq!(found, Some(asserted.clone()));
    let mut write = store.write().await.unwrap();
    assert!(!write.delete_token(OTHER, &endless.key_id).await.unwrap());
    let ended = write.end_token(ACCOUNT, &endless.key_id, end);
    ended.await.unwrap();
    let later = end + Duration::from_secs(1);
    write.prune_tokens(ACCOUNT, end).await.unwrap();
    write.commit().await.unwrap();
    let kept = store.token_by_hash([2; 32]).await.unwrap().unwrap();
    assert_eq!(kept.expires_at, Some(end));
    let mut write = store.write().await.unwrap();
    write.prune_tokens(ACCOUNT, later).await.unwrap();
    write.commit().await.unwrap();
    for hash in [[1; 32], [2; 32]] {
        assert_eq!(store.token_by_hash(hash).await.unwrap(), None);
    }
}

async fn the_installations_key_stays_the_first_one(engine: Engine) {
    let (store, _database) = store(engine).await;
    assert_eq!(store.installation_key().await.unwrap(), None);
    for key in [[5; 32], [6; 32]] {
        let mut write = store.write().await.unwrap();
        write.keep_installation_key(&key).await.unwrap();
        write.commit().await.unwrap();
    }
    assert_eq!(store.installation_key().await.unwrap(), Some([5; 32]));
}
