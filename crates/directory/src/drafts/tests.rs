//! Drafts that are written by several, finished, taken back and thrown away.

use std::sync::Arc;

use domain::money::Currency;
use domain::schedule::WallTime;
use domain::time::Timestamp;
use store::Store;
use testkit::database::{Engine, TestDatabase};
use testkit::{ManualClock, SeededIds};

use super::*;
use crate::{AccountRequest, Role};

testkit::on_both_engines![
    two_windows_see_each_other_and_nothing_is_overwritten,
    a_save_whose_answer_was_lost_is_repeated_without_harm,
    what_is_finished_is_approved_or_scheduled_and_can_be_taken_back,
    another_business_finds_no_draft,
];

const HELLO: &str = r#"[{"type":"text","text":"안녕하세요"}]"#;

struct World {
    directory: Directory,
    store: Store,
    business: BusinessId,
    account: AccountId,
    member: MemberId,
    _database: TestDatabase,
}

async fn world(engine: Engine) -> World {
    let (store, database) = testkit::database::open(engine).await;
    let clock = ManualClock::at(Timestamp::parse_rfc3339("2026-11-22T12:00:00Z").unwrap());
    let directory = Directory::of(store.clone(), Arc::new(clock), Arc::new(SeededIds::of(7)));
    let business = directory
        .add_business("Hanok", Currency::Krw)
        .await
        .unwrap();
    let request = AccountRequest {
        handle: "@hanok",
        display_name: "Hanok",
        icon_url: None,
        time_zone: "Asia/Seoul",
        rate_per_second: None,
    };
    let account = directory.add_account(business.id, &request).await.unwrap();
    let member = directory
        .add_member(business.id, "jiwoo@hanok.example", "이지우", Role::Owner)
        .await
        .unwrap();
    World {
        directory,
        store,
        business: business.id,
        account: account.id,
        member: member.id,
        _database: database,
    }
}

impl World {
    async fn begin(&self) -> CampaignId {
        self.directory
            .begin_draft(self.business, self.account, self.member, "", &[])
            .await
            .unwrap()
    }

    async fn save(&self, id: CampaignId, from: u32, content: &str, writer: &str) -> Saved {
        let save = Save {
            part: Part::Message,
            from_version: from,
            content,
            writer,
            name: Some(content),
        };
        self.directory
            .save_draft(self.business, self.account, id, self.member, &save)
            .await
            .unwrap()
    }

    async fn finish(
        &self,
        id: CampaignId,
        versions: &[(Part, u32)],
        schedule: &Schedule,
    ) -> Result<Campaign, Error> {
        let request = CampaignRequest {
            name: "Hello",
            purpose: Purpose::Promotion,
            messages: HELLO,
            audience: None,
            schedule,
            rate_per_second: None,
            lifetime_seconds: 3_600,
            if_short: IfShort::default(),
        };
        let rules = Rules::default();
        self.directory
            .finish_draft(self.business, self.account, id, versions, &request, &rules)
            .await
    }
}

async fn two_windows_see_each_other_and_nothing_is_overwritten(engine: Engine) {
    let world = world(engine).await;
    let id = world.begin().await;
    assert_eq!(
        world.save(id, 0, "one", "a").await,
        Saved::Done { version: 1 }
    );
    assert_eq!(
        world.save(id, 1, "two", "a").await,
        Saved::Done { version: 2 }
    );
    let Saved::Conflict(theirs) = world.save(id, 1, "other", "b").await else {
        panic!("an older version may not win");
    };
    assert_eq!((theirs.content.as_str(), theirs.version), ("two", 2));
    assert_eq!(
        world.save(id, 2, "other", "b").await,
        Saved::Done { version: 3 }
    );
    assert_eq!(world.store.campaign(id).await.unwrap().name, "other");
}

async fn a_save_whose_answer_was_lost_is_repeated_without_harm(engine: Engine) {
    let world = world(engine).await;
    let id = world.begin().await;
    world.save(id, 0, "one", "a").await;
    assert_eq!(
        world.save(id, 0, "one", "a").await,
        Saved::Done { version: 1 }
    );
    // It wrote on before it knew that the first save had arrived.
    assert_eq!(
        world.save(id, 0, "one more", "a").await,
        Saved::Done { version: 2 }
    );
}

async fn what_is_finished_is_approved_or_scheduled_and_can_be_taken_back(engine: Engine) {
    let world = world(engine).await;
    let id = world.begin().await;
    world.save(id, 0, "one", "a").await;
    let stale = world.finish(id, &[], &Schedule::Now).await;
    assert!(
        matches!(stale, Err(Error::Store(StoreError::Conflict(_)))),
        "{stale:?}"
    );
    let nine = Schedule::At(WallTime::parse("2026-12-01 09:00", "Asia/Seoul").unwrap());
    let versions = [(Part::Message, 1)];
    let scheduled = world.finish(id, &versions, &nine).await.unwrap();
    assert_eq!(scheduled.state, CampaignState::Scheduled);
    let again = world.finish(id, &versions, &nine).await;
    assert!(
        matches!(again, Err(Error::Refused { field: "state", .. })),
        "{again:?}"
    );
    let directory = &world.directory;
    directory
        .reopen(world.business, world.account, id)
        .await
        .unwrap();
    let now = world.finish(id, &versions, &Schedule::Now).await.unwrap();
    assert_eq!(
        (now.state, now.scheduled_for),
        (CampaignState::Approved, None)
    );
    assert_eq!(now.message_version, 3);
}

async fn another_business_finds_no_draft(engine: Engine) {
    let world = world(engine).await;
    let id = world.begin().await;
    let theirs = world
        .directory
        .add_business("Sakura", Currency::Jpy)
        .await
        .unwrap();
    let save = Save {
        part: Part::Audience,
        from_version: 0,
        content: "{}",
        writer: "a",
        name: None,
    };
    let saved = world
        .directory
        .save_draft(theirs.id, world.account, id, world.member, &save)
        .await;
    assert!(matches!(saved, Err(Error::NotFound(_))), "{saved:?}");
    let discarded = world.directory.discard(theirs.id, world.account, id).await;
    assert!(
        matches!(discarded, Err(Error::NotFound(_))),
        "{discarded:?}"
    );
    let (business, account) = (world.business, world.account);
    world
        .directory
        .discard(business, account, id)
        .await
        .unwrap();
    let state = world.store.campaign(id).await.unwrap().state;
    assert_eq!(state, CampaignState::Discarded);
}
