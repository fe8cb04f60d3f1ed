//! Campaigns that may be written and those that may not.

use std::sync::Arc;

use domain::campaign::CampaignState;
use domain::money::Currency;
use domain::schedule::WallTime;
use domain::time::Timestamp;
use testkit::database::{Engine, TestDatabase};
use testkit::{ManualClock, SeededIds};

use super::*;
use crate::AccountRequest;

testkit::on_both_engines![
    a_campaign_is_approved_and_one_with_a_time_is_scheduled,
    another_business_cannot_write_for_the_account,
    what_cannot_be_sent_is_refused_in_words,
];

const HELLO: &str = r#"[{"type":"text","text":"안녕하세요"}]"#;

struct World {
    directory: Directory,
    business: BusinessId,
    account: AccountId,
    _database: TestDatabase,
}

async fn world(engine: Engine) -> World {
    let (store, database) = testkit::database::open(engine).await;
    let clock = ManualClock::at(Timestamp::parse_rfc3339("2026-11-22T12:00:00Z").unwrap());
    let directory = Directory::of(store, Arc::new(clock), Arc::new(SeededIds::of(7)));
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
        business: business.id,
        account: account.id,
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
        rate_per_second: Some(2_000),
        lifetime_seconds: 3_600,
        if_short: IfShort::default(),
    }
}

impl World {
    async fn add(&self, request: &CampaignRequest<'_>) -> Result<Campaign, Error> {
        let rules = Rules::default();
        self.directory
            .add_campaign(self.business, self.account, request, &rules)
            .await
    }
}

async fn a_campaign_is_approved_and_one_with_a_time_is_scheduled(engine: Engine) {
    let world = world(engine).await;
    let now = world.add(&request(&Schedule::Now)).await.unwrap();
    assert_eq!(now.state, CampaignState::Approved);
    assert_eq!(now.scheduled_for, None);
    assert_eq!(now.audience, Audience::ALL.to_json());
    let nine = WallTime::parse("2026-12-01 09:00", "Asia/Seoul").unwrap();
    let at_nine = Schedule::At(nine);
    let later = world.add(&request(&at_nine)).await.unwrap();
    assert_eq!(later.state, CampaignState::Scheduled);
    let start = Timestamp::parse_rfc3339("2026-12-01T00:00:00Z").unwrap();
    assert_eq!(later.scheduled_for, Some(start));
}

async fn another_business_cannot_write_for_the_account(engine: Engine) {
    let world = world(engine).await;
    let theirs = world
        .directory
        .add_business("Sakura", Currency::Jpy)
        .await
        .unwrap();
    let rules = Rules::default();
    let schedule = Schedule::Now;
    let written = world
        .directory
        .add_campaign(theirs.id, world.account, &request(&schedule), &rules)
        .await;
    assert!(matches!(written, Err(Error::NotFound(_))), "{written:?}");
}

async fn what_cannot_be_sent_is_refused_in_words(engine: Engine) {
    let world = world(engine).await;
    let now = Schedule::Now;
    let past = Schedule::At(WallTime::parse("2026-11-22 20:00", "Asia/Seoul").unwrap());
    let too_long = "나".repeat(65);
    let good = request(&now);
    let cases = [
        (
            CampaignRequest {
                name: "",
                ..good.clone()
            },
            "name: ",
        ),
        (
            CampaignRequest {
                name: &too_long,
                ..good.clone()
            },
            "name: ",
        ),
        (
            CampaignRequest {
                messages: "",
                ..good.clone()
            },
            "messages: ",
        ),
        (
            CampaignRequest {
                messages: "[]",
                ..good.clone()
            },
            "messages: ",
        ),
        (
            CampaignRequest {
                messages: r#"[{"type":"text"}]"#,
                ..good.clone()
            },
            "messages: messages[0].text: ",
        ),
        (
            CampaignRequest {
                messages: r#"[{"type":"dance"},{"type":"text"}]"#,
                ..good.clone()
            },
            "; messages[1].text: ",
        ),
        (
            CampaignRequest {
                audience: Some("everybody"),
                ..good.clone()
            },
            "audience: ",
        ),
        (
            CampaignRequest {
                audience: Some(r#"{"tag":5}"#),
                ..good.clone()
            },
            "audience: ",
        ),
        (
            CampaignRequest {
                schedule: &past,
                ..good.clone()
            },
            "schedule: 2026-11-22 20:00:00",
        ),
        (
            CampaignRequest {
                rate_per_second: Some(0),
                ..good.clone()
            },
            "rate: ",
        ),
        (
            CampaignRequest {
                rate_per_second: Some(u32::MAX),
                ..good.clone()
            },
            "rate: ",
        ),
        (
            CampaignRequest {
                lifetime_seconds: 0,
                ..good.clone()
            },
            "lifetime: ",
        ),
        (
            CampaignRequest {
                lifetime_seconds: 604_801,
                ..good.clone()
            },
            "lifetime: ",
        ),
    ];
    for (request, words) in cases {
        let error = world.add(&request).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}
