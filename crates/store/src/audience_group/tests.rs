//! Groups, their members and what fills them, on both engines.

use std::time::Duration;

use domain::audience_group::{JobStatus, LIVES_FOR, member_words};
use domain::handle::Handle;
use domain::id::{IdSource, ImportId};
use domain::money::Currency;
use domain::user::{LineUserId, UserKey};
use testkit::SeededIds;
use testkit::database::{Engine, TestDatabase};

use super::*;
use crate::directory::{Account, Business};
use crate::fixture;

testkit::on_both_engines![
    members_are_added_once_and_counted_exactly,
    one_job_at_a_time_works_for_a_business,
    a_job_says_how_its_group_stands,
    groups_are_found_by_what_is_asked_for,
    what_nobody_needs_is_swept_and_nothing_else,
    users_are_named_by_lines_ids_and_by_keys,
];

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const LEASE: Duration = Duration::from_secs(20);
const ACCOUNTS: [AccountId; 3] = [
    AccountId::from_bytes([1; 16]),
    AccountId::from_bytes([2; 16]),
    AccountId::from_bytes([3; 16]),
];

/// Two accounts of one business, and one of another.
async fn store(engine: Engine) -> (Store, TestDatabase) {
    let (store, database) = fixture::open(engine).await;
    let mut write = store.write().await.unwrap();
    for (nth, account) in ACCOUNTS.into_iter().enumerate() {
        let business = BusinessId::from_bytes([if nth == 2 { 8 } else { 9 }; 16]);
        if nth != 1 {
            let business = Business {
                id: business,
                name: "Hanok".into(),
                currency: Currency::Krw,
                stopped_at: None,
                created_at: NOW,
            };
            write.insert_business(&business).await.unwrap();
        }
        let account = Account {
            id: account,
            business,
            handle: Handle::parse(&format!("@shop{nth}")).unwrap(),
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

fn id(nth: i64) -> AudienceGroupId {
    AudienceGroupId::from_number(1_000_000_000_000 + nth).unwrap()
}

fn group_of(account: AccountId, nth: i64) -> AudienceGroup {
    AudienceGroup {
        id: id(nth),
        account,
        description: format!("Group {nth}"),
        kind: GroupKind::Upload,
        route: GroupRoute::Api,
        status: GroupStatus::InProgress,
        failure: None,
        members: 0,
        source: None,
        created_at: NOW + Duration::from_secs(nth.unsigned_abs()),
        expires_at: NOW + LIVES_FOR,
    }
}

fn job_of(account: AccountId, group: i64, nth: u8) -> AudienceJob {
    AudienceJob {
        id: ImportId::from_bytes([nth; 16]),
        account,
        group: id(group),
        description: Some("first.txt".into()),
        status: JobStatus::Queued,
        failure: None,
        failure_words: None,
        ids: 3,
        unknown_ids: 0,
        added: 0,
        has_file: true,
        created_at: NOW + Duration::from_millis(u64::from(nth)),
        ended_at: None,
    }
}

async fn keep(store: &Store, group: &AudienceGroup, jobs: &[AudienceJob]) {
    let mut write = store.write().await.unwrap();
    assert!(write.insert_audience_group(group).await.unwrap());
    for job in jobs {
        write.insert_audience_job(job).await.unwrap();
    }
    write.commit().await.unwrap();
}

async fn take(store: &Store, now: Timestamp) -> Option<AudienceJob> {
    let mut write = store.write().await.unwrap();
    let taken = write.take_audience_job(now, LEASE).await.unwrap();
    write.commit().await.unwrap();
    taken
}

async fn end(store: &Store, job: &AudienceJob, failure: Option<GroupFailure>) {
    let mut write = store.write().await.unwrap();
    let end = JobEnd {
        failure,
        words: None,
        unknown_ids: 1,
    };
    write.end_audience_job(job, &end, NOW).await.unwrap();
    write.commit().await.unwrap();
}

async fn members_are_added_once_and_counted_exactly(engine: Engine) {
    let (store, _database) = store(engine).await;
    // Both ends of a word, the last bit of which is the sign of the column.
    let first = [0, 63, 64, 127, 5_000, u32::MAX];
    let second = [1, 63, 5_000, 5_001];
    let mut write = store.write().await.unwrap();
    for (numbers, added) in [(&first[..], 6), (&second[..], 2), (&first[..], 0)] {
        let words = member_words(numbers.iter().copied());
        let found = write.add_group_members(ACCOUNTS[0], id(1), &words).await;
        assert_eq!(found.unwrap(), added, "{numbers:?}");
    }
    let words = member_words([7]);
    write
        .add_group_members(ACCOUNTS[1], id(1), &words)
        .await
        .unwrap();
    write.commit().await.unwrap();
    let members = store.members_of_group(ACCOUNTS[0], id(1)).await.unwrap();
    let members: Vec<u32> = members.iter().collect();
    assert_eq!(members, [0, 1, 63, 64, 127, 5_000, 5_001, u32::MAX]);
    let others = store.members_of_group(ACCOUNTS[1], id(1)).await.unwrap();
    assert_eq!(others.iter().collect::<Vec<u32>>(), [7]);
}

async fn one_job_at_a_time_works_for_a_business(engine: Engine) {
    let (store, _database) = store(engine).await;
    keep(
        &store,
        &group_of(ACCOUNTS[0], 1),
        &[job_of(ACCOUNTS[0], 1, 1)],
    )
    .await;
    keep(
        &store,
        &group_of(ACCOUNTS[1], 2),
        &[job_of(ACCOUNTS[1], 2, 2)],
    )
    .await;
    keep(
        &store,
        &group_of(ACCOUNTS[2], 3),
        &[job_of(ACCOUNTS[2], 3, 3)],
    )
    .await;
    let first = take(&store, NOW).await.unwrap();
    assert_eq!(first.group, id(1));
    // The second is of the same business.
    assert_eq!(take(&store, NOW).await.unwrap().group, id(3));
    assert_eq!(take(&store, NOW).await, None);
    assert!(!store.audience_job_waits(NOW).await.unwrap());
    // Nobody has said for so long that it goes on.
    let late = NOW + LEASE;
    assert!(store.audience_job_waits(late).await.unwrap());
    assert_eq!(take(&store, late).await.unwrap().group, id(1));
    end(&store, &first, None).await;
    assert_eq!(take(&store, NOW).await.unwrap().group, id(2));
    assert_eq!(store.open_upload_ids().await.unwrap().len(), 2);
}

async fn a_job_says_how_its_group_stands(engine: Engine) {
    let (store, _database) = store(engine).await;
    let jobs = [1, 2, 3].map(|nth| job_of(ACCOUNTS[0], 1, nth));
    keep(&store, &group_of(ACCOUNTS[0], 1), &jobs).await;
    let stands = async || {
        let found = store.audience_group(ACCOUNTS[0], id(1)).await.unwrap();
        let found = found.unwrap();
        (found.status, found.failure, found.members)
    };
    let nobody = Some(GroupFailure::Insufficient);
    end(&store, &jobs[0], nobody).await;
    assert_eq!(stands().await, (GroupStatus::InProgress, None, 0));
    let mut write = store.write().await.unwrap();
    write.count_added(&jobs[1], 5, NOW + LEASE).await.unwrap();
    write.commit().await.unwrap();
    end(&store, &jobs[1], None).await;
    assert_eq!(stands().await, (GroupStatus::Ready, None, 5));
    end(&store, &jobs[2], Some(GroupFailure::Internal)).await;
    assert_eq!(stands().await, (GroupStatus::Ready, None, 5));
    // Ended once: whoever comes later changes nothing.
    end(&store, &jobs[1], nobody).await;
    let listed = store.audience_jobs(ACCOUNTS[0], id(1), 2).await.unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|job| (job.status, job.added, job.unknown_ids))
        .collect();
    assert_eq!(
        listed,
        [(JobStatus::Failed, 0, 1), (JobStatus::Finished, 5, 1)]
    );
    assert_eq!(
        store.audience_jobs(ACCOUNTS[1], id(1), 9).await.unwrap(),
        []
    );
}

async fn groups_are_found_by_what_is_asked_for(engine: Engine) {
    let (store, _database) = store(engine).await;
    for nth in 1..=3 {
        keep(&store, &group_of(ACCOUNTS[0], nth), &[]).await;
    }
    let console = AudienceGroup {
        description: "ÉTÉ 100%".into(),
        route: GroupRoute::Console,
        ..group_of(ACCOUNTS[0], 4)
    };
    keep(&store, &console, &[]).await;
    keep(&store, &group_of(ACCOUNTS[1], 5), &[]).await;
    let mut write = store.write().await.unwrap();
    // The number is another's, whoever asks.
    let taken = group_of(ACCOUNTS[2], 1);
    assert!(!write.insert_audience_group(&taken).await.unwrap());
    assert_eq!(write.count_audience_groups(ACCOUNTS[0]).await.unwrap(), 4);
    let renamed = write.rename_audience_group(ACCOUNTS[0], id(1), "Spring");
    assert!(renamed.await.unwrap());
    let foreign = write.rename_audience_group(ACCOUNTS[1], id(1), "Mine");
    assert!(!foreign.await.unwrap());
    let deleted = write.delete_audience_group(ACCOUNTS[0], id(2), NOW);
    assert!(deleted.await.unwrap());
    let again = write.delete_audience_group(ACCOUNTS[0], id(2), NOW);
    assert!(!again.await.unwrap());
    write.commit().await.unwrap();
    let any = GroupQuery {
        account: ACCOUNTS[0],
        text: "",
        status: None,
        route: None,
        now: NOW,
    };
    let found = async |query: GroupQuery<'_>, skipped| {
        let (count, groups) = store.audience_groups(&query, skipped, 2).await.unwrap();
        let numbers: Vec<i64> = groups.iter().map(|group| group.id.number() % 10).collect();
        (count, numbers)
    };
    assert_eq!(found(any, 0).await, (3, vec![4, 3]));
    assert_eq!(found(any, 2).await, (3, vec![1]));
    let text = |text| GroupQuery { text, ..any };
    assert_eq!(found(text("SPRING"), 0).await, (1, vec![1]));
    assert_eq!(found(text("été 100%"), 0).await, (1, vec![4]));
    assert_eq!(found(text("1000"), 0).await, (0, vec![]));
    let by_console = GroupQuery {
        route: Some(GroupRoute::Console),
        ..any
    };
    assert_eq!(found(by_console, 0).await, (1, vec![4]));
    let status = |status, now| GroupQuery {
        status: Some(status),
        now,
        ..any
    };
    let later = NOW + LIVES_FOR;
    assert_eq!(found(status(GroupStatus::InProgress, NOW), 0).await.0, 3);
    assert_eq!(found(status(GroupStatus::InProgress, later), 0).await.0, 0);
    assert_eq!(found(status(GroupStatus::Expired, later), 0).await.0, 3);
    assert_eq!(found(status(GroupStatus::Ready, NOW), 0).await.0, 0);
}

async fn what_nobody_needs_is_swept_and_nothing_else(engine: Engine) {
    let (store, _database) = store(engine).await;
    let deleted = job_of(ACCOUNTS[0], 1, 1);
    keep(
        &store,
        &group_of(ACCOUNTS[0], 1),
        std::slice::from_ref(&deleted),
    )
    .await;
    keep(&store, &group_of(ACCOUNTS[0], 2), &[]).await;
    let mut write = store.write().await.unwrap();
    for nth in [1, 2] {
        let words = member_words((0..100).map(|word| word * 64 + 3));
        write
            .add_group_members(ACCOUNTS[0], id(nth), &words)
            .await
            .unwrap();
    }
    write
        .delete_audience_group(ACCOUNTS[0], id(1), NOW)
        .await
        .unwrap();
    // Somebody may still be at work there.
    assert!(!write.sweep_audience_group(NOW).await.unwrap());
    write.commit().await.unwrap();
    end(&store, &deleted, None).await;
    let sweep = async |now| {
        let mut steps = 0;
        loop {
            let mut write = store.write().await.unwrap();
            let is_worked = write.sweep_audience_group(now).await.unwrap();
            write.commit().await.unwrap();
            match is_worked {
                true => steps += 1,
                false => return steps,
            }
        }
    };
    let size = async |nth| {
        let members = store.members_of_group(ACCOUNTS[0], id(nth)).await;
        members.unwrap().len()
    };
    assert_eq!(sweep(NOW).await, 2);
    assert_eq!((size(1).await, size(2).await), (0, 100));
    let shown = NOW + LIVES_FOR + SHOWN_AFTERWARDS;
    assert_eq!(sweep(shown - Duration::from_millis(1)).await, 0);
    assert_eq!(sweep(shown).await, 2);
    assert_eq!(size(2).await, 0);
    let found = store.audience_group(ACCOUNTS[0], id(2)).await.unwrap();
    assert_eq!(found, None);
}

async fn users_are_named_by_lines_ids_and_by_keys(engine: Engine) {
    let (store, _database) = store(engine).await;
    let ids = SeededIds::of(7);
    let keys = ["U73c1cd2c81f98b521905d591c5b2e75a", "kim"].map(|key| UserKey::parse(key).unwrap());
    let mut write = store.write().await.unwrap();
    let source: &dyn IdSource = &ids;
    let numbered = write.number_users(source, &[&keys[0], &keys[1]]).await;
    let numbered = numbered.unwrap();
    write.commit().await.unwrap();
    let numbers = keys.each_ref().map(|key| numbered[key].number);
    let snapshot = store.snapshot().await.unwrap();
    let public = snapshot.user_ids(&[numbers[0].0, numbers[1].0]).await;
    let public = public.unwrap();
    snapshot.end().await.unwrap();
    let ours = public
        .iter()
        .map(|id| LineUserId::from_bytes(*id.as_bytes()).to_string());
    let ours: Vec<String> = ours.collect();
    let named = async |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let mut found = store.users_named(&texts).await.unwrap();
        found.sort_unstable();
        found
    };
    assert_eq!(named(&[keys[0].as_str(), &ours[1]]).await, numbers);
    // By the messenger's key, too; but a user whose key is LINE's is not called by ours.
    assert_eq!(named(&["kim", &ours[0], "nobody"]).await, [numbers[1]]);
    assert_eq!(named(&[]).await, []);
}
