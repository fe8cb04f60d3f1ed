//! Files of every kind: what is taken, refused, resumed, doubled, and left alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use directory::{AccountRequest, Directory};
use domain::friend::{ConsentPurpose, FriendState};
use domain::money::Currency;
use domain::user::UserNumber;
use testkit::database::{Engine, TestDatabase};
use testkit::friends_csv::{BROKEN_KINDS, FriendsCsv, IMPORTED_AT, WORDING, ZONE};
use testkit::{ManualClock, SeededIds, friends_csv};

use super::*;

testkit::on_both_engines![
    every_kind_of_broken_row_is_refused_at_its_line_and_no_other_row,
    a_killed_import_goes_on_and_doubles_nobody,
    an_import_that_dies_inside_a_commit_leaves_nothing_of_it,
    another_file_updates_the_friends_it_names,
    rows_of_any_other_kind_are_refused_with_a_reason,
    every_fault_of_a_row_is_told_and_the_row_counts_once,
    files_that_are_no_csv_of_friends_are_refused_in_words,
    a_file_that_grows_meanwhile_is_noticed,
    a_header_alone_is_an_import_of_nobody,
];

struct World {
    store: Store,
    ids: Arc<SeededIds>,
    account: Account,
    database: TestDatabase,
}

async fn world(engine: Engine) -> World {
    let (store, database) = testkit::database::open(engine).await;
    let ids = Arc::new(SeededIds::of(1));
    let clock = Arc::new(ManualClock::at(IMPORTED_AT));
    let directory = Directory::of(store.clone(), clock, ids.clone());
    let business = directory
        .add_business("Hanok", Currency::Krw)
        .await
        .unwrap();
    let request = AccountRequest {
        handle: "@hanok",
        display_name: "Hanok",
        icon_url: None,
        time_zone: ZONE,
        rate_per_second: None,
    };
    let account = directory.add_account(business.id, &request).await.unwrap();
    directory
        .add_wording(business.id, account.id, WORDING, "yes")
        .await
        .unwrap();
    World {
        store,
        ids,
        account,
        database,
    }
}

impl World {
    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.database.folder().join("friends.csv");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    async fn import(&self, bytes: &[u8]) -> Result<ImportReport, Error> {
        self.import_file(&self.file(bytes), &mut |_| {}).await
    }

    async fn import_file(
        &self,
        path: &Path,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<ImportReport, Error> {
        let (store, ids, account) = (&self.store, &*self.ids, &self.account);
        let import = import_friends(store, ids, account, path, IMPORTED_AT, progress);
        movable(import).await
    }

    /// Line and reason of every refusal, in the order of the file.
    async fn refused(&self, report: &ImportReport) -> Vec<(u64, RejectReason)> {
        let path = self.database.folder().join("report.csv");
        let written = write(&self.store, &report.import, &path).await;
        let mut reader = csv::Reader::from_path(&path).unwrap();
        let rows = reader.records().map(|row| {
            let row = row.unwrap();
            (
                row[0].parse().unwrap(),
                RejectReason::parse(&row[1]).unwrap(),
            )
        });
        let rows: Vec<_> = rows.collect();
        assert_eq!(rows.len() as u64, written);
        rows
    }

    async fn number(&self, key: &str) -> Option<UserNumber> {
        self.store
            .user_number(&UserKey::parse(key).unwrap())
            .await
            .unwrap()
    }

    /// Every good row is there whole, and nobody else is.
    async fn expect_friends(&self, file: &FriendsCsv) {
        let tally = self.store.friend_tally(self.account.id).await.unwrap();
        assert_eq!(tally.active(), file.good.len() as u64);
        let count = |is: fn(&testkit::friends_csv::GoodFriend) -> bool| {
            file.good.iter().filter(|friend| is(friend)).count() as u64
        };
        assert_eq!(tally.reachable, count(|friend| friend.promotion));
        assert_eq!(tally.night, count(|friend| friend.night));
        for friend in &file.good {
            let number = self.number(&friend.user_key).await.unwrap();
            let standings = self
                .store
                .standings(self.account.id, &[number])
                .await
                .unwrap();
            let standing = &standings[&number];
            assert_eq!(
                standing.friend.as_ref().unwrap().display_name,
                friend.display_name
            );
            assert_eq!(standing.promotion.is_some(), friend.promotion);
            assert_eq!(standing.night.is_some(), friend.night);
            let tags = self.store.tags(self.account.id, number).await.unwrap();
            assert_eq!(tags, friend.tags);
        }
    }
}

/// Imports run on whichever thread the binary's runtime has free.
fn movable<T>(import: impl Future<Output = T> + Send) -> impl Future<Output = T> + Send {
    import
}

async fn write(store: &Store, import: &Import, path: &Path) -> u64 {
    crate::write_rejections(store, import, path).await.unwrap()
}

fn all_kinds(count: usize) -> Vec<(RejectReason, usize)> {
    BROKEN_KINDS.iter().map(|reason| (*reason, count)).collect()
}

async fn every_kind_of_broken_row_is_refused_at_its_line_and_no_other_row(engine: Engine) {
    for seed in 0..6 {
        let world = world(engine).await;
        let file = friends_csv(seed, 120, &all_kinds(3));
        let report = world.import(&file.bytes).await.unwrap();
        assert_eq!(world.refused(&report).await, file.broken, "seed {seed}");
        let checkpoint = report.import.checkpoint;
        assert_eq!(
            (checkpoint.accepted, checkpoint.rejected),
            (120, 42),
            "seed {seed}"
        );
        assert_eq!(checkpoint.offset_bytes, file.bytes.len() as u64);
        assert_eq!(report.reasons.len(), BROKEN_KINDS.len());
        for count in &report.reasons {
            let lines = file
                .broken
                .iter()
                .filter(|(_, reason)| *reason == count.reason);
            assert_eq!(
                count.first_lines,
                lines.map(|(line, _)| *line).collect::<Vec<_>>()
            );
            assert_eq!(count.rows, 3);
        }
        world.expect_friends(&file).await;
    }
}

async fn a_killed_import_goes_on_and_doubles_nobody(engine: Engine) {
    let file = friends_csv(7, 2 * ROWS_PER_COMMIT + 700, &all_kinds(20));
    let world = world(engine).await;
    let path = world.file(&file.bytes);
    // The program dies right behind a commit, wherever it is: a dropped future writes no more.
    let mut kills = 0;
    let report = loop {
        let mut commits = 0;
        let (killed, wait) = tokio::sync::oneshot::channel::<()>();
        let mut killed = Some(killed);
        let mut progress = |_| {
            commits += 1;
            killed.take();
        };
        let import = world.import_file(&path, &mut progress);
        tokio::select! {
            biased;
            _ = wait => kills += 1,
            report = import => break report.unwrap(),
        }
        assert!(kills < 20, "it never gets to the end");
    };
    assert!(kills >= 2, "killed {kills} times");
    assert!(report.resumed_at_line.is_some_and(|line| line > 5_000));
    assert_eq!(world.refused(&report).await, file.broken);
    world.expect_friends(&file).await;

    let again = world
        .import_file(&path, &mut |_| panic!("nothing is done"))
        .await
        .unwrap();
    assert!(again.was_finished && again.resumed_at_line.is_none());
    assert_eq!(again.import.checkpoint, report.import.checkpoint);
    assert_eq!(again.reasons, report.reasons);
}

async fn an_import_that_dies_inside_a_commit_leaves_nothing_of_it(engine: Engine) {
    let world = world(engine).await;
    let file = friends_csv(8, 300, &all_kinds(2));
    let path = world.file(&file.bytes);
    let source = Source::open(&path, None).await.unwrap();
    let ids: &dyn IdSource = &*world.ids;
    let mut import = begin(
        &world.store,
        ids.next(),
        &world.account,
        &source,
        IMPORTED_AT,
    )
    .await
    .unwrap();
    // Another process has moved the checkpoint: the whole batch is refused.
    import.checkpoint.offset_bytes += 1;
    let intake = Intake {
        store: &world.store,
        ids: &*world.ids,
        friends: FriendsOf::account(&world.account, IMPORTED_AT).unwrap(),
        now: IMPORTED_AT,
    };
    let terms = terms(&world.store, &world.account, IMPORTED_AT)
        .await
        .unwrap();
    let batches = source.batches(source.first_row, terms);
    let error = intake
        .run(&source, &mut import, batches, &mut |_| {})
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Store(StoreError::Conflict(_))),
        "{error}"
    );
    let tally = world.store.friend_tally(world.account.id).await.unwrap();
    assert_eq!(tally, Default::default());
    let report = world.import_file(&path, &mut |_| {}).await.unwrap();
    assert_eq!(world.refused(&report).await, file.broken);
    world.expect_friends(&file).await;
}

async fn another_file_updates_the_friends_it_names(engine: Engine) {
    let world = world(engine).await;
    let first = "user_key,display_name,friend_since,tags,ad_consent,ad_consent_at,consent_wording\n\
        kim,Kim,2025-01-01T00:00:00Z,a|b,yes,2025-01-02 00:00:00,ad-2025-03\n\
        lee,Lee,2025-01-01T00:00:00Z,,,,\n";
    let second = "tags,user_key,display_name,ad_consent,ad_consent_at,consent_wording\n\
        c,kim,Kim Ha,no,2025-02-01 00:00:00,\n\
        ,park,,,,\n";
    world.import(first.as_bytes()).await.unwrap();
    let report = world.import(second.as_bytes()).await.unwrap();
    assert_eq!(
        (
            report.import.checkpoint.accepted,
            report.import.checkpoint.rejected
        ),
        (2, 0)
    );
    let number = world.number("kim").await.unwrap();
    let standings = world
        .store
        .standings(world.account.id, &[number])
        .await
        .unwrap();
    let friend = standings[&number].friend.clone().unwrap();
    assert_eq!(friend.display_name, "Kim Ha");
    assert_eq!(friend.since.to_string(), "2025-01-01T00:00:00.000Z");
    assert_eq!(friend.state.state, FriendState::Active);
    assert_eq!(
        world.store.tags(world.account.id, number).await.unwrap(),
        ["c"]
    );
    assert!(!standings[&number].promotion.as_ref().unwrap().granted);
    let history = world
        .store
        .consent_history(world.account.id, number)
        .await
        .unwrap();
    let told: Vec<_> = history
        .iter()
        .map(|(purpose, fact)| (*purpose, fact.granted))
        .collect();
    assert_eq!(
        told,
        [
            (ConsentPurpose::Promotion, true),
            (ConsentPurpose::Promotion, false)
        ]
    );
    // Wall time in the account's zone, nine hours ahead of UTC.
    assert_eq!(history[0].1.at.to_string(), "2025-01-01T15:00:00.000Z");
    let lost = world
        .store
        .reach_changes(world.account.id, 0)
        .await
        .unwrap();
    assert_eq!(
        lost.iter().map(|change| change.number).collect::<Vec<_>>(),
        [number]
    );
}

async fn rows_of_any_other_kind_are_refused_with_a_reason(engine: Engine) {
    const HEADER: &str = "user_key,display_name,language,country,region,source,tags,birth_year,\
        friend_since,ad_consent,ad_consent_at,consent_wording,night_consent\n";
    let long_tag = "x".repeat(33);
    let many_tags = "t|".repeat(51) + "t";
    let long_cell = "z".repeat(10_000);
    let mega_cell = "m".repeat(1024 * 1024);
    let consent = "2025-01-01 00:00:00,ad-2025-03";
    let row = |key: &str, rest: &str| format!("{key}{rest}");
    let cases: Vec<(String, RejectReason)> = vec![
        (row("a b", ",,,,,,,,,,,,"), RejectReason::BadKey),
        (row(&"k".repeat(65), ",,,,,,,,,,,,"), RejectReason::BadKey),
        (row("키", ",,,,,,,,,,,,"), RejectReason::BadKey),
        (row("k", ",,korean!,,,,,,,,,,"), RejectReason::BadLanguage),
        (row("k", ",,,KOR,,,,,,,,,"), RejectReason::BadCountry),
        (
            row("k", &format!(",,,,{},,,,,,,,", "r".repeat(65))),
            RejectReason::BadRegion,
        ),
        (row("k", ",,,,,QR Store,,,,,,,"), RejectReason::BadSource),
        (
            row("k", &format!(",,,,,,{long_tag},,,,,,")),
            RejectReason::BadTag,
        ),
        (row("k", ",,,,,,a||b,,,,,,"), RejectReason::BadTag),
        (
            row("k", &format!(",,,,,,{many_tags},,,,,,")),
            RejectReason::TooManyTags,
        ),
        (row("k", ",,,,,,,198O,,,,,"), RejectReason::BadBirthYear),
        (
            row("k", ",,,,,,,2200,,,,,"),
            RejectReason::BirthYearOutOfRange,
        ),
        (row("k", ",,,,,,,,2025-01-01,,,,"), RejectReason::BadDate),
        (
            row("k", ",,,,,,,,2031-01-01T00:00:00Z,,,,"),
            RejectReason::BadDate,
        ),
        (
            row("k", &format!(",,,,,,,,,maybe,{consent},")),
            RejectReason::BadConsent,
        ),
        (
            row("k", ",,,,,,,,,yes,yesterday,ad-2025-03,"),
            RejectReason::BadDate,
        ),
        (
            row("k", ",,,,,,,,,yes,2025-01-01T00:00:00Z,ad-2025-03,"),
            RejectReason::BadDate,
        ),
        (
            row("k", ",,,,,,,,,yes,2025-01-01 00:00:00,,"),
            RejectReason::UnknownWording,
        ),
        (
            row("k", &format!(",,,,,,,,,no,{consent},yes")),
            RejectReason::BadConsent,
        ),
        (
            row("k", &format!(",{long_cell},,,,,,,,,,,")),
            RejectReason::CellTooLong,
        ),
        (
            row("k", &format!(",{mega_cell},,,,,,,,,,,")),
            RejectReason::RowTooLong,
        ),
        (
            row("k", &format!(",\"{mega_cell}\",,,,,,,,,,,")),
            RejectReason::RowTooLong,
        ),
        (
            row("k", ",\"Kim,,,,,,,,,,,"),
            RejectReason::UnbalancedQuotes,
        ),
        (
            row("k", ",\"Kim\" Ha,,,,,,,,,,,"),
            RejectReason::UnbalancedQuotes,
        ),
        (row("k", ""), RejectReason::TooFewColumns),
    ];
    let mut file = HEADER.to_owned();
    for (index, (text, _)) in cases.iter().enumerate() {
        file.push_str(text);
        file.push_str(&format!("\ngood-{index},5\" 피자,,,,,,,,,,,\n"));
    }
    let world = world(engine).await;
    let report = world.import(file.as_bytes()).await.unwrap();
    let expected: Vec<(u64, RejectReason)> = cases
        .iter()
        .zip((2u64..).step_by(2))
        .map(|((_, reason), line)| (line, *reason))
        .collect();
    assert_eq!(world.refused(&report).await, expected);
    assert_eq!(report.import.checkpoint.accepted, cases.len() as u64);
}

async fn every_fault_of_a_row_is_told_and_the_row_counts_once(engine: Engine) {
    let world = world(engine).await;
    let file = "user_key,gender,birth_year,time_zone\n,Ω,1700,Nowhere\nkim,male,1990,Asia/Seoul\n";
    let report = world.import(file.as_bytes()).await.unwrap();
    let reasons: BTreeMap<&str, u64> = report
        .reasons
        .iter()
        .map(|count| (count.reason.as_str(), count.rows))
        .collect();
    let expected = [
        "bad_gender",
        "bad_zone",
        "birth_year_out_of_range",
        "empty_key",
    ];
    assert_eq!(reasons.keys().copied().collect::<Vec<_>>(), expected);
    let checkpoint = report.import.checkpoint;
    assert_eq!((checkpoint.accepted, checkpoint.rejected), (1, 1));
}

async fn files_that_are_no_csv_of_friends_are_refused_in_words(engine: Engine) {
    let utf16: Vec<u8> = "user_key\nkim"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let marked = [&[0xff, 0xfe][..], &utf16].concat();
    let cases: Vec<(&[u8], &str)> = vec![
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\n\n", "first line is empty"),
        (&marked, "UTF-16"),
        (&utf16, "UTF-16"),
        (b"PK\x03\x04rest", "Excel"),
        (b"\x1f\x8b\x08rest", "compressed"),
        (b"user_key;display_name\nkim;Kim", "not separated by commas"),
        (b"user_key\tdisplay_name\n", "not separated by commas"),
        (b"display_name\nKim", "no column user_key"),
        (b"user_key,user_key\n", "twice"),
        (b"user_key,nickname\n", "unknown column 'nickname'"),
        (b"user_key,\n", "unknown column ''"),
        (b"User_Key\n", "unknown column"),
        (b"user_key,\"display_name\nkim,Kim", "quotes of the header"),
        (b"user_key,\xc0\xcc\xb8\xa7\n", "not UTF-8"),
        (b"user_key,ad_consent\n", "not ad_consent_at"),
        (
            b"user_key,ad_consent,ad_consent_at\n",
            "not consent_wording",
        ),
        (b"user_key,night_consent\n", "not ad_consent"),
        (b"kim,Kim\nlee,Lee\n", "unknown column 'kim'"),
    ];
    let world = world(engine).await;
    for (bytes, words) in cases {
        let error = world.import(bytes).await.unwrap_err();
        assert!(matches!(error, Error::BadFile { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
    let folder = world.database.folder().to_owned();
    let error = world.import_file(&folder, &mut |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("not a file"), "{error}");
    let error = world
        .import_file(&folder.join("none.csv"), &mut |_| {})
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
}

async fn a_file_that_grows_meanwhile_is_noticed(engine: Engine) {
    let world = world(engine).await;
    let path = world.file(&friends_csv(3, 3 * ROWS_PER_COMMIT, &[]).bytes);
    let mut progress = |_| std::fs::write(&path, "user_key\nkim\n").unwrap();
    let error = world.import_file(&path, &mut progress).await.unwrap_err();
    assert!(matches!(error, Error::FileChanged(_)), "{error:?}");
}

async fn a_header_alone_is_an_import_of_nobody(engine: Engine) {
    let world = world(engine).await;
    let report = world.import(b"\xef\xbb\xbfuser_key").await.unwrap();
    assert_eq!(report.import.checkpoint.accepted, 0);
    assert!(report.import.finished_at.is_some() && report.reasons.is_empty());
}
