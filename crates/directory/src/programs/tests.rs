//! What a program writes, approves and schedules, and what it may not touch.

use std::sync::Arc;

use domain::campaign::Purpose;
use domain::money::Currency;
use domain::schedule::WallTime;
use domain::shortage::IfShort;
use domain::time::Timestamp;
use store::Store;
use store::draft::Part;
use testkit::database::{Engine, TestDatabase};
use testkit::{ManualClock, SeededIds};

use super::*;
use crate::drafts::Save;
use crate::{AccountRequest, Role};

testkit::on_both_engines![
    everything_that_is_wrong_is_told_at_once,
    a_draft_is_approved_scheduled_and_discarded,
    what_is_written_on_pages_is_finished_there,
    what_is_anothers_is_not_there,
];

const HELLO: &str = r#"[{"type":"text","text":"안녕하세요"}]"#;

struct World {
    directory: Directory,
    store: Store,
    account: Account,
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
    World {
        directory,
        store,
        account,
        _database: database,
    }
}

fn request(schedule: &Schedule) -> CampaignRequest<'_> {
    CampaignRequest {
        name: "Hello",
        purpose: Purpose::Promotion,
        messages: HELLO,
        audience: None,
        schedule,
        rate_per_second: None,
        lifetime_seconds: 3_600,
        if_short: IfShort::default(),
    }
}

fn at_nine() -> Schedule {
    Schedule::At(WallTime::parse("2026-12-01 09:00", "Asia/Seoul").unwrap())
}

impl World {
    async fn write(&self, schedule: &Schedule, finish: Finish) -> Campaign {
        let (rules, request) = (Rules::default(), request(schedule));
        let mut write = self.store.write().await.unwrap();
        let campaign = self
            .directory
            .write_campaign(&mut write, &self.account, &request, &rules, finish)
            .await
            .unwrap();
        write.commit().await.unwrap();
        campaign
    }

    async fn approve(&self, id: CampaignId) -> Result<Campaign, Error> {
        let (business, account) = (self.account.business, self.account.id);
        let mut write = self.store.write().await.unwrap();
        let approved = self
            .directory
            .approve_campaign(&mut write, business, account, id, &Rules::default())
            .await?;
        write.commit().await.unwrap();
        Ok(approved)
    }

    async fn schedule(&self, id: CampaignId, schedule: &Schedule) -> Result<Campaign, Error> {
        let (business, account, rules) = (self.account.business, self.account.id, Rules::default());
        let mut write = self.store.write().await.unwrap();
        let scheduled = self
            .directory
            .schedule_campaign(&mut write, business, account, id, schedule, &rules)
            .await?;
        write.commit().await.unwrap();
        Ok(scheduled)
    }
}

fn is_refused(result: Result<Campaign, Error>) -> bool {
    matches!(result, Err(Error::Refused { field: "state", .. }))
}

async fn everything_that_is_wrong_is_told_at_once(engine: Engine) {
    let world = world(engine).await;
    let past = Schedule::At(WallTime::parse("2026-11-22 20:00", "Asia/Seoul").unwrap());
    let list = r#"{"list":"lst_00000000000000000000000001"}"#;
    let wrong = CampaignRequest {
        name: "",
        messages: r#"[{"type":"text","text":""},{"type":"text"}]"#,
        audience: Some(list),
        rate_per_second: Some(0),
        lifetime_seconds: 0,
        ..request(&past)
    };
    let (rules, account) = (Rules::default(), &world.account);
    let faults = world
        .directory
        .faults(account, &wrong, &rules)
        .await
        .unwrap();
    let told: Vec<&str> = faults.iter().map(|fault| &*fault.property).collect();
    for property in [
        "name",
        "messages[0].text",
        "messages[1].text",
        "audience",
        "schedule",
        "rate_per_second",
        "lifetime_seconds",
    ] {
        assert!(told.contains(&property), "{property}: {faults:?}");
    }
    let now = Schedule::Now;
    let good = request(&now);
    let faults = world.directory.faults(account, &good, &rules).await;
    assert_eq!(faults.unwrap(), []);
}

async fn a_draft_is_approved_scheduled_and_discarded(engine: Engine) {
    let world = world(engine).await;
    let draft = world.write(&Schedule::Now, Finish::Draft).await;
    assert_eq!(draft.state, CampaignState::Draft);
    let approved = world.approve(draft.id).await.unwrap();
    assert_eq!(approved.state, CampaignState::Approved);
    assert!(is_refused(world.approve(draft.id).await));
    // Another time in place of the one it had, however far it was.
    let scheduled = world.schedule(draft.id, &at_nine()).await.unwrap();
    assert_eq!(scheduled.state, CampaignState::Scheduled);
    let ten = Schedule::At(WallTime::parse("2026-12-01 10:00", "Asia/Seoul").unwrap());
    let again = world.schedule(draft.id, &ten).await.unwrap();
    let start = Timestamp::parse_rfc3339("2026-12-01T01:00:00Z").unwrap();
    assert_eq!(again.scheduled_for, Some(start));
    assert_eq!(again.messages, draft.messages);
    let timed = world.write(&at_nine(), Finish::Draft).await;
    assert_eq!(timed.state, CampaignState::Draft);
    let timed = world.approve(timed.id).await.unwrap();
    assert_eq!(timed.state, CampaignState::Scheduled);
    let (business, account) = (world.account.business, world.account.id);
    let mut write = world.store.write().await.unwrap();
    let gone = world
        .directory
        .discard_campaign(&mut write, business, account, draft.id)
        .await
        .unwrap();
    write.commit().await.unwrap();
    assert_eq!(gone.state, CampaignState::Discarded);
    assert!(is_refused(world.schedule(draft.id, &ten).await));
}

async fn what_is_written_on_pages_is_finished_there(engine: Engine) {
    let world = world(engine).await;
    let (business, account) = (world.account.business, world.account.id);
    let member = world
        .directory
        .add_member(business, "jiwoo@hanok.example", "이지우", Role::Owner)
        .await
        .unwrap();
    let draft = world.write(&Schedule::Now, Finish::Draft).await;
    let save = Save {
        part: Part::Message,
        from_version: 0,
        content: "{}",
        writer: "window",
        name: None,
    };
    world
        .directory
        .save_draft(business, account, draft.id, member.id, &save)
        .await
        .unwrap();
    assert!(is_refused(world.approve(draft.id).await));
    assert!(is_refused(world.schedule(draft.id, &at_nine()).await));
}

async fn what_is_anothers_is_not_there(engine: Engine) {
    let world = world(engine).await;
    let draft = world.write(&Schedule::Now, Finish::Draft).await;
    let theirs = world
        .directory
        .add_business("Sakura", Currency::Jpy)
        .await
        .unwrap();
    let mut write = world.store.write().await.unwrap();
    let found = world
        .directory
        .discard_campaign(&mut write, theirs.id, world.account.id, draft.id)
        .await;
    assert!(matches!(found, Err(Error::NotFound(_))), "{found:?}");
}
