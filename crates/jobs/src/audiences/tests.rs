//! Groups from the first byte of a file to their members, on both engines.

use std::fs;
use std::time::Duration;

use directory::{AccountRequest, Directory};
use domain::audience_group::{GroupFailure, JOBS_SHOWN};
use domain::money::Currency;
use domain::user::{UserKey, UserNumber};
use testkit::database::{Engine, TestDatabase};
use testkit::friends_csv::{IMPORTED_AT, ZONE};
use testkit::{ManualClock, SeededIds};

use super::*;

testkit::on_both_engines![
    ids_of_a_file_become_members_and_unknown_ones_are_counted,
    what_is_refused_leaves_nothing_behind,
    a_job_that_was_cut_off_is_begun_anew_and_counts_once,
    a_file_that_is_gone_fails_in_words,
    a_group_that_expired_takes_nothing_more,
    a_deleted_group_is_gone_with_its_file,
];

struct World {
    audiences: Audiences,
    clock: Arc<ManualClock>,
    account: AccountId,
    business: BusinessId,
    _database: TestDatabase,
}

async fn world(engine: Engine) -> World {
    let (store, database) = testkit::database::open(engine).await;
    let ids = Arc::new(SeededIds::of(1));
    let clock = Arc::new(ManualClock::at(IMPORTED_AT));
    let directory = Directory::of(store.clone(), clock.clone(), ids.clone());
    let business = directory.add_business("Hanok", Currency::Krw).await;
    let business = business.unwrap().id;
    let request = AccountRequest {
        handle: "@hanok",
        display_name: "Hanok",
        icon_url: None,
        time_zone: ZONE,
        rate_per_second: None,
    };
    let account = directory.add_account(business, &request).await.unwrap().id;
    World {
        audiences: Audiences {
            store,
            clock: clock.clone(),
            ids,
            folder: database.folder().join("imports"),
            wake: Arc::default(),
        },
        clock,
        account,
        business,
        _database: database,
    }
}

/// LINE's id of the nth of many users.
fn key(nth: u32) -> String {
    format!("U{nth:032x}")
}

impl World {
    /// Makes users known; their numbers follow each other.
    async fn know(&self, keys: impl Iterator<Item = u32>) -> Vec<UserNumber> {
        let keys: Vec<UserKey> = keys.map(|nth| UserKey::parse(&key(nth)).unwrap()).collect();
        let mut write = self.audiences.store.write().await.unwrap();
        let refs: Vec<&UserKey> = keys.iter().collect();
        let ids = self.audiences.ids.as_ref();
        let numbered = write.number_users(ids, &refs).await.unwrap();
        write.commit().await.unwrap();
        keys.iter().map(|key| numbered[key].number).collect()
    }

    async fn upload(&self, text: &str) -> Result<Upload, AudienceError> {
        let mut ids = self.audiences.begin(Accepts::LineIds).await?;
        ids.write(text.as_bytes()).await?;
        let description = Some("first.txt".to_owned());
        Ok(Upload { ids, description })
    }

    fn named(&self, description: &str) -> NewGroup {
        NewGroup {
            account: self.account,
            description: description.to_owned(),
            route: GroupRoute::Api,
        }
    }

    async fn create(&self, text: &str) -> Result<AudienceGroup, AudienceError> {
        let upload = self.upload(text).await?;
        self.audiences
            .create(self.named("Spring"), Some(upload))
            .await
    }

    async fn stands(&self, id: AudienceGroupId) -> AudienceGroup {
        let found = self.audiences.store.audience_group(self.account, id).await;
        found.unwrap().unwrap()
    }

    async fn job(&self, id: AudienceGroupId) -> AudienceJob {
        let store = &self.audiences.store;
        let jobs = store.audience_jobs(self.account, id, JOBS_SHOWN).await;
        jobs.unwrap().swap_remove(0)
    }

    async fn members(&self, id: AudienceGroupId) -> Vec<UserNumber> {
        let members = self.audiences.store.members_of_group(self.account, id);
        members.await.unwrap().iter().map(UserNumber).collect()
    }

    fn files(&self) -> usize {
        match fs::read_dir(&self.audiences.folder) {
            Ok(entries) => entries.count(),
            Err(_) => 0,
        }
    }
}

async fn ids_of_a_file_become_members_and_unknown_ones_are_counted(engine: Engine) {
    let world = world(engine).await;
    let numbers = world.know(0..200).await;
    let lines: Vec<String> = (50..250).chain(50..60).map(key).collect();
    let group = world.create(&lines.join("\r\n")).await.unwrap();
    assert_eq!(group.status, GroupStatus::InProgress);
    assert_eq!(world.files(), 1);
    assert!(world.audiences.step().await.unwrap());
    assert!(!world.audiences.step().await.unwrap());
    let found = world.stands(group.id).await;
    assert_eq!((found.status, found.members), (GroupStatus::Ready, 150));
    assert_eq!(world.members(group.id).await, numbers[50..]);
    let job = world.job(group.id).await;
    assert_eq!((job.status, job.ids), (JobStatus::Finished, 210));
    assert_eq!((job.added, job.unknown_ids), (150, 50));
    assert_eq!(job.description.as_deref(), Some("first.txt"));
    assert_eq!(world.files(), 0);
    world.clock.advance(Duration::from_secs(1));
    // Added later: who is in it already adds nothing, and the group stays ready meanwhile.
    let more: Vec<String> = (0..60).map(key).collect();
    let upload = world.upload(&more.join("\n")).await.unwrap();
    world
        .audiences
        .add(world.account, group.id, upload)
        .await
        .unwrap();
    assert_eq!(world.stands(group.id).await.status, GroupStatus::Ready);
    assert!(world.audiences.step().await.unwrap());
    assert_eq!(world.stands(group.id).await.members, 200);
    assert_eq!(world.job(group.id).await.added, 50);
    // Nobody at all is no audience.
    let nobody = world.create(&key(999)).await.unwrap();
    assert!(world.audiences.step().await.unwrap());
    let found = world.stands(nobody.id).await;
    assert_eq!(found.status, GroupStatus::Failed);
    assert_eq!(found.failure, Some(GroupFailure::Insufficient));
}

async fn what_is_refused_leaves_nothing_behind(engine: Engine) {
    let world = world(engine).await;
    let refusal = |error: AudienceError| match error {
        AudienceError::Refused(refusal) => refusal,
        other => panic!("{other}"),
    };
    let broken = format!("{}\nkim\n", key(1));
    let wrong = world.create(&broken).await.unwrap_err();
    assert_eq!(refusal(wrong), GroupRefusal::WrongId(2));
    let empty = world.create("\n\n").await.unwrap_err();
    assert_eq!(refusal(empty), GroupRefusal::NoIds);
    let upload = world.upload(&key(1)).await.unwrap();
    let named = world.audiences.create(world.named(" "), Some(upload)).await;
    assert_eq!(refusal(named.unwrap_err()), GroupRefusal::NameEmpty);
    let upload = Upload {
        description: Some("x".repeat(301)),
        ..world.upload(&key(1)).await.unwrap()
    };
    let said = world
        .audiences
        .create(world.named("Spring"), Some(upload))
        .await;
    let said = refusal(said.unwrap_err());
    assert_eq!(said, GroupRefusal::UploadDescriptionTooLong);
    let stranger = AudienceGroupId::drawn([7; 16]);
    let upload = world.upload(&key(1)).await.unwrap();
    let added = world.audiences.add(world.account, stranger, upload).await;
    assert_eq!(refusal(added.unwrap_err()), GroupRefusal::NotFound);
    let of_nothing = Source {
        business: world.business,
        request: RequestId::from_bytes([7; 16]),
        kind: GroupKind::Click,
        click_url: None,
    };
    let made = world
        .audiences
        .create_of_campaign(world.named("Clicked"), of_nothing);
    let made = refusal(made.await.unwrap_err());
    assert_eq!(made, GroupRefusal::RequestNotFound);
    assert_eq!(world.files(), 0);
    assert!(!world.audiences.step().await.unwrap());
    // An empty group waits for what is added to it; so many uploads wait, and no more.
    let group = world.audiences.create(world.named("Empty"), None);
    let group = group.await.unwrap();
    for open in 0..=JOBS_AT_ONCE {
        let upload = world.upload(&key(1)).await.unwrap();
        let added = world.audiences.add(world.account, group.id, upload).await;
        match open < JOBS_AT_ONCE {
            true => added.unwrap(),
            false => {
                let said = refusal(added.unwrap_err());
                assert_eq!(said, GroupRefusal::TooManyJobs);
            }
        }
    }
    assert_eq!(world.files() as u64, JOBS_AT_ONCE);
}

async fn a_job_that_was_cut_off_is_begun_anew_and_counts_once(engine: Engine) {
    let world = world(engine).await;
    world.know(0..100).await;
    let lines: Vec<String> = (0..100).map(key).collect();
    let group = world.create(&lines.join("\n")).await.unwrap();
    // A process took it, wrote half of it and was killed.
    let mut write = world.audiences.store.write().await.unwrap();
    let lease = Duration::from_secs(20);
    let taken = write.take_audience_job(IMPORTED_AT, lease).await.unwrap();
    let taken = taken.unwrap();
    let half = domain::audience_group::member_words(1..=50);
    let added = write.add_group_members(world.account, group.id, &half);
    let added = added.await.unwrap();
    write
        .count_added(&taken, added, IMPORTED_AT + lease)
        .await
        .unwrap();
    write.commit().await.unwrap();
    assert!(!world.audiences.step().await.unwrap());
    world.clock.advance(lease);
    assert!(world.audiences.step().await.unwrap());
    let found = world.stands(group.id).await;
    assert_eq!((found.status, found.members), (GroupStatus::Ready, 100));
    assert_eq!(world.job(group.id).await.added, 100);
}

async fn a_file_that_is_gone_fails_in_words(engine: Engine) {
    let world = world(engine).await;
    let group = world.create(&key(1)).await.unwrap();
    fs::remove_dir_all(&world.audiences.folder).unwrap();
    assert!(world.audiences.step().await.unwrap());
    let job = world.job(group.id).await;
    assert_eq!(job.failure, Some(GroupFailure::Internal));
    assert!(job.failure_words.unwrap().contains("gone"));
    let found = world.stands(group.id).await;
    assert_eq!(found.failure, Some(GroupFailure::Internal));
}

async fn a_group_that_expired_takes_nothing_more(engine: Engine) {
    let world = world(engine).await;
    let group = world.create(&key(1)).await.unwrap();
    world.clock.advance(LIVES_FOR);
    let upload = world.upload(&key(2)).await.unwrap();
    let added = world.audiences.add(world.account, group.id, upload).await;
    let said = added.unwrap_err();
    assert!(
        matches!(said, AudienceError::Refused(GroupRefusal::Expired)),
        "{said}"
    );
}

async fn a_deleted_group_is_gone_with_its_file(engine: Engine) {
    let world = world(engine).await;
    world.know(0..10).await;
    let group = world.create(&key(1)).await.unwrap();
    world
        .audiences
        .delete(world.account, group.id)
        .await
        .unwrap();
    let again = world.audiences.delete(world.account, group.id).await;
    assert!(matches!(
        again,
        Err(AudienceError::Refused(GroupRefusal::NotFound))
    ));
    world.audiences.sweep().await.unwrap();
    assert!(world.audiences.step().await.unwrap());
    world.audiences.sweep().await.unwrap();
    assert_eq!(world.files(), 0);
    let store = &world.audiences.store;
    let jobs = store.audience_jobs(world.account, group.id, 9).await;
    assert_eq!(jobs.unwrap(), []);
}
