//! Tenants do not meet, names are unique, bad fields are named.

use testkit::database::{Engine, TestDatabase};
use testkit::{ManualClock, SeededIds};

use super::*;

testkit::on_both_engines![
    another_business_does_not_find_the_account,
    what_must_be_unique_is_refused_the_second_time,
    bad_fields_are_named,
];

async fn directory(engine: Engine) -> (Directory, TestDatabase) {
    let (store, database) = testkit::database::open(engine).await;
    let clock = ManualClock::at(domain::time::Timestamp::from_millis(1_795_000_000_000));
    let directory = Directory::of(store, Arc::new(clock), Arc::new(SeededIds::of(7)));
    (directory, database)
}

const HANOK: AccountRequest<'static> = AccountRequest {
    handle: "@hanok",
    display_name: "한옥 커피",
    icon_url: Some("https://cdn.example/hanok.png"),
    time_zone: "Asia/Seoul",
    rate_per_second: Some(2_000),
};

async fn another_business_does_not_find_the_account(engine: Engine) {
    let (directory, _database) = directory(engine).await;
    let ours = directory
        .add_business("Hanok", Currency::Krw)
        .await
        .unwrap();
    let theirs = directory
        .add_business("Sakura", Currency::Jpy)
        .await
        .unwrap();
    let account = directory.add_account(ours.id, &HANOK).await.unwrap();
    assert_eq!(
        directory.account(ours.id, account.id).await.unwrap(),
        account
    );
    let error = directory.account(theirs.id, account.id).await.unwrap_err();
    assert!(matches!(error, Error::NotFound(_)), "{error}");
    let error = directory
        .add_wording(theirs.id, account.id, "ad-1", "yes?")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotFound(_)), "{error}");
    assert_eq!(directory.account_by_handle("hanok").await.unwrap(), account);
    assert_eq!(
        directory
            .store
            .accounts_of_business(theirs.id)
            .await
            .unwrap(),
        []
    );
}

async fn what_must_be_unique_is_refused_the_second_time(engine: Engine) {
    let (directory, _database) = directory(engine).await;
    let ours = directory
        .add_business("Hanok", Currency::Krw)
        .await
        .unwrap();
    let theirs = directory
        .add_business("Sakura", Currency::Jpy)
        .await
        .unwrap();
    let account = directory.add_account(ours.id, &HANOK).await.unwrap();
    directory
        .add_operator("op@example.com", "Op", "Asia/Seoul")
        .await
        .unwrap();
    directory
        .add_member(ours.id, "kim@example.com", "Kim", Role::Owner)
        .await
        .unwrap();
    directory
        .add_member(theirs.id, "kim@example.com", "Kim", Role::Finance)
        .await
        .unwrap();
    let wording = directory
        .add_wording(ours.id, account.id, "ad-1", "동의합니다")
        .await
        .unwrap();
    let hash: [u8; 32] = Sha256::digest("동의합니다".as_bytes()).into();
    assert_eq!(wording.hash, hash);
    let refused = [
        directory.add_account(theirs.id, &HANOK).await.unwrap_err(),
        directory
            .add_operator("OP@example.com", "Op", "Asia/Seoul")
            .await
            .unwrap_err(),
        directory
            .add_member(ours.id, "kim@example.com", "Kim", Role::Analyst)
            .await
            .unwrap_err(),
        directory
            .add_wording(ours.id, account.id, "ad-1", "other")
            .await
            .unwrap_err(),
    ];
    for error in refused {
        assert!(matches!(error, Error::Taken(_)), "{error}");
    }
    assert_eq!(
        directory
            .store
            .wordings_of_account(account.id)
            .await
            .unwrap(),
        [wording]
    );
    assert_eq!(
        directory
            .store
            .members_of_business(ours.id)
            .await
            .unwrap()
            .len(),
        1
    );
}

async fn bad_fields_are_named(engine: Engine) {
    let (directory, _database) = directory(engine).await;
    let ours = directory
        .add_business("Hanok", Currency::Krw)
        .await
        .unwrap();
    let long = "x".repeat(5_000);
    let accounts = [
        (
            "handle",
            AccountRequest {
                handle: "@H",
                ..HANOK
            },
        ),
        (
            "handle",
            AccountRequest {
                handle: "",
                ..HANOK
            },
        ),
        (
            "display name",
            AccountRequest {
                display_name: " ",
                ..HANOK
            },
        ),
        (
            "display name",
            AccountRequest {
                display_name: &long,
                ..HANOK
            },
        ),
        (
            "display name",
            AccountRequest {
                display_name: "a\u{7}",
                ..HANOK
            },
        ),
        (
            "icon",
            AccountRequest {
                icon_url: Some("ftp://x"),
                ..HANOK
            },
        ),
        (
            "icon",
            AccountRequest {
                icon_url: Some("https://"),
                ..HANOK
            },
        ),
        (
            "icon",
            AccountRequest {
                icon_url: Some("https://a b"),
                ..HANOK
            },
        ),
        (
            "time zone",
            AccountRequest {
                time_zone: "Seoul",
                ..HANOK
            },
        ),
        (
            "time zone",
            AccountRequest {
                time_zone: "+09:00",
                ..HANOK
            },
        ),
        (
            "rate",
            AccountRequest {
                rate_per_second: Some(0),
                ..HANOK
            },
        ),
        (
            "rate",
            AccountRequest {
                rate_per_second: Some(u32::MAX),
                ..HANOK
            },
        ),
    ];
    for (expected, request) in accounts {
        match directory.add_account(ours.id, &request).await {
            Err(Error::Refused { field, .. }) => assert_eq!(field, expected, "{request:?}"),
            other => panic!("{request:?}: {other:?}"),
        }
    }
    for email in [
        "", "kim", "@x.kr", "kim@", "kim@x", "kim@x.", "k m@x.kr", "a@b@c.kr", &long,
    ] {
        let error = directory
            .add_operator(email, "Kim", "Asia/Seoul")
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::Refused { field: "email", .. }),
            "{email}: {error}"
        );
    }
    let account = directory.add_account(ours.id, &HANOK).await.unwrap();
    for (version, text) in [
        ("", "t"),
        ("a b", "t"),
        (&long[..33], "t"),
        ("v", ""),
        ("v", &long),
    ] {
        let error = directory
            .add_wording(ours.id, account.id, version, text)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{version}: {error}");
    }
    assert!(
        Role::ALL
            .iter()
            .all(|role| Role::from_name(role.name()) == Some(*role))
    );
}
