//! Files that come: what stays, what goes, and who waits for whom.

use std::fs;

use directory::{AccountRequest, Directory};
use domain::money::Currency;
use testkit::database::{Engine, TestDatabase};
use testkit::friends_csv::{IMPORTED_AT, ZONE};
use testkit::{ManualClock, SeededIds};

use super::*;

testkit::on_both_engines![
    what_is_not_kept_leaves_no_file_behind,
    so_many_files_wait_and_no_more,
    a_file_that_cannot_be_taken_in_stands_in_nobodys_way,
    what_a_killed_process_left_is_swept_and_nothing_else,
    a_byte_order_mark_is_no_part_of_the_first_name,
];

const GOOD: &[u8] = b"user_key\nkim\n";

struct World {
    uploads: Arc<Uploads>,
    account: AccountId,
    _database: TestDatabase,
}

async fn world(engine: Engine) -> World {
    let (store, database) = testkit::database::open(engine).await;
    let ids = Arc::new(SeededIds::of(1));
    let clock = Arc::new(ManualClock::at(IMPORTED_AT));
    let directory = Directory::of(store.clone(), clock.clone(), ids.clone());
    let business = directory.add_business("Hanok", Currency::Krw).await;
    let request = AccountRequest {
        handle: "@hanok",
        display_name: "Hanok",
        icon_url: None,
        time_zone: ZONE,
        rate_per_second: None,
    };
    let account = directory.add_account(business.unwrap().id, &request).await;
    let uploads = Arc::new(Uploads {
        store,
        clock,
        ids,
        folder: database.folder().join("imports"),
        wake: Arc::default(),
    });
    World {
        uploads,
        account: account.unwrap().id,
        _database: database,
    }
}

impl World {
    async fn arrive(&self, bytes: &[u8]) -> Arriving {
        let mut arriving = self.uploads.begin(self.account).await.unwrap();
        arriving.write(bytes).await.unwrap();
        arriving
    }

    async fn bring(&self, bytes: &[u8]) -> Result<ImportUpload, UploadError> {
        let arriving = self.arrive(bytes).await;
        let member = MemberId::from_bytes([9; 16]);
        let name = "friends.csv".to_owned();
        self.uploads
            .finish(arriving, self.account, member, name)
            .await
    }

    /// Brings a file and has it taken in.
    async fn ask(&self, bytes: &[u8]) -> ImportId {
        let id = self.bring(bytes).await.unwrap().id;
        let mapping = Mapping {
            columns: vec![Some("user_key".to_owned())],
            ..Mapping::default()
        };
        self.uploads.ask(self.account, id, &mapping).await.unwrap();
        id
    }

    async fn is_over(&self, id: ImportId) -> bool {
        let found = self.uploads.store.upload_of_account(self.account, id).await;
        found.unwrap().unwrap().ended_at.is_some()
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.uploads.folder).unwrap();
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<String> = entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

async fn what_is_not_kept_leaves_no_file_behind(engine: Engine) {
    let world = world(engine).await;
    let arriving = world.arrive(GOOD).await;
    assert_eq!(world.files().len(), 1);
    // The one who sends it is gone.
    drop(arriving);
    assert!(world.files().is_empty());
    for bad in [
        &b""[..],
        b"user_key\n",
        b"PK\x03\x04",
        b"user_key\n\xff\xff\xff\xff\n",
        // Korean, and converted before its columns are looked at.
        b"\xb0\xa1\xb3\xaa\n",
    ] {
        let refused = world.bring(bad).await.unwrap_err();
        assert!(matches!(refused, UploadError::Fault(_)), "{refused}");
        assert!(world.files().is_empty(), "{bad:?}");
    }
    let id = world.bring(GOOD).await.unwrap().id;
    assert_eq!(world.files(), [format!("{id}.csv")]);
    let (korean, ..) = encoding_rs::EUC_KR.encode("이름\n김하늘\n");
    let other = world.bring(&korean).await.unwrap();
    assert_eq!(other.encoding, "CP949");
    assert_eq!(
        world.files(),
        [format!("{id}.csv"), format!("{}.csv", other.id)]
    );
}

async fn so_many_files_wait_and_no_more(engine: Engine) {
    let world = world(engine).await;
    let last = world.arrive(GOOD).await;
    for _ in 0..FILES_MAX {
        world.bring(GOOD).await.unwrap();
    }
    let too_many =
        |refused: &UploadError| matches!(refused, UploadError::Fault(FileFault::TooMany));
    let refused = world.uploads.begin(world.account).await.err().unwrap();
    assert!(too_many(&refused), "{refused}");
    // One that was under way meanwhile finds no room either.
    let member = MemberId::from_bytes([9; 16]);
    let kept = world
        .uploads
        .finish(last, world.account, member, "x".to_owned());
    assert!(too_many(&kept.await.unwrap_err()));
    assert_eq!(world.files().len() as u64, FILES_MAX);
    let other = AccountId::from_bytes([3; 16]);
    assert!(world.uploads.begin(other).await.is_ok());
}

#[cfg(unix)]
async fn a_file_that_cannot_be_taken_in_stands_in_nobodys_way(engine: Engine) {
    let world = world(engine).await;
    let stuck = world.ask(GOOD).await;
    let behind = world.ask(b"user_key\nlee\n").await;
    let path = world.uploads.path(stuck);
    fs::remove_file(&path).unwrap();
    // Leads to itself: no reading it ends, until somebody mends the folder.
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let mut round = Round::default();
    assert_eq!(world.uploads.take_next(&mut round).await, Duration::ZERO);
    assert_eq!(world.uploads.take_next(&mut round).await, Duration::ZERO);
    assert!(!world.is_over(stuck).await && world.is_over(behind).await);
    assert_eq!(world.uploads.take_next(&mut round).await, REST);
    fs::remove_file(&path).unwrap();
    fs::write(&path, GOOD).unwrap();
    assert_eq!(world.uploads.take_next(&mut round).await, Duration::ZERO);
    assert!(world.is_over(stuck).await && world.files().is_empty());
    assert_eq!(world.uploads.take_next(&mut round).await, LOOK_EVERY);
}

async fn what_a_killed_process_left_is_swept_and_nothing_else(engine: Engine) {
    let world = world(engine).await;
    let waiting = world.bring(GOOD).await.unwrap().id;
    let _arriving = world.arrive(GOOD).await;
    let file = |name: String| world.uploads.folder.join(name);
    let dead: ImportId = world.uploads.ids.next();
    fs::write(file(format!("{dead}.part")), GOOD).unwrap();
    // Killed between the commit of its end and its removal, or before its row was written.
    let over: ImportId = world.uploads.ids.next();
    fs::write(file(format!("{over}.csv")), GOOD).unwrap();
    fs::write(file("somebody's.csv".to_owned()), GOOD).unwrap();
    assert_eq!(world.files().len(), 5);
    world.uploads.sweep().await.unwrap();
    let left = world.files();
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left.contains(&format!("{waiting}.csv")));
    assert!(left.contains(&"somebody's.csv".to_owned()));
    assert!(left.iter().any(|name| name.ends_with(".part")));
}

async fn a_byte_order_mark_is_no_part_of_the_first_name(engine: Engine) {
    let world = world(engine).await;
    let file = "\u{feff}\"user, key\",\"name\"\nkim,Kim\n";
    let id = world.bring(file.as_bytes()).await.unwrap().id;
    let look = world.uploads.look(id).await.unwrap();
    assert_eq!(look.header, ["user, key", "name"]);
    assert_eq!(look.samples, [["kim", "Kim"]]);
    let mapping = Mapping {
        columns: vec![Some("user_key".to_owned()), None],
        ..Mapping::default()
    };
    world
        .uploads
        .ask(world.account, id, &mapping)
        .await
        .unwrap();
    world.uploads.take_next(&mut Round::default()).await;
    let upload = world
        .uploads
        .store
        .upload_of_account(world.account, id)
        .await;
    let upload = upload.unwrap().unwrap();
    assert_eq!((upload.import, upload.failure), (Some(id), None));
}
