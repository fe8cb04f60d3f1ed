//! Whom a campaign was sent to, kept: the database finds just those, and nobody of another account.

use domain::audience::{AudienceLimit, Expression, LimitMethod};
use domain::campaign::Purpose;
use domain::friend::{FriendState, StateFact};
use domain::handle::Handle;
use domain::id::BusinessId;
use domain::money::Currency;
use domain::shortage::IfShort;
use domain::user::{UserKey, UserNumber};
use testkit::database::Engine;

use super::*;
use crate::campaign::CampaignDraft;
use crate::directory::{Account, Business};
use crate::friend::record::FriendChange;
use crate::friend::{Friend, Reach, Standing};

testkit::on_both_engines![whom_a_campaign_was_sent_to_can_be_aimed_at];

const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);
const OTHER: AccountId = AccountId::from_bytes([2; 16]);
const CAMPAIGN: CampaignId = CampaignId::from_bytes([7; 16]);
const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const FRIENDS: u32 = 200;

fn friend(number: u32) -> FriendChange {
    let mut after = Standing {
        friend: Some(Friend {
            state: StateFact {
                state: FriendState::Active,
                at: NOW,
            },
            since: NOW,
            source: String::new(),
            display_name: format!("friend {number}"),
            language: None,
            country: None,
            region: None,
            gender: None,
            birth_year: None,
            time_zone: None,
            profile_at: NOW,
        }),
        ..Standing::default()
    };
    after.reach = Some(Reach {
        flags: after.flags(),
        utc_offset_minutes: 540,
    });
    FriendChange {
        number: UserNumber(number),
        key: UserKey::parse(&format!("user-{number}")).unwrap(),
        before: Standing::default(),
        after,
        consents: Vec::new(),
        tags: None,
    }
}

async fn account(write: &mut Write, id: AccountId, handle: &str) {
    let business = Business {
        id: BusinessId::from_bytes(*id.as_bytes()),
        name: handle.into(),
        currency: Currency::Krw,
        stopped_at: None,
        created_at: NOW,
    };
    write.insert_business(&business).await.unwrap();
    let account = Account {
        id,
        business: business.id,
        handle: Handle::parse(handle).unwrap(),
        display_name: handle.into(),
        icon_url: None,
        time_zone: "Asia/Seoul".into(),
        rate_per_second: None,
        stopped_at: None,
        created_at: NOW,
    };
    write.insert_account(&account).await.unwrap();
    let changes: Vec<FriendChange> = (1..=FRIENDS).map(friend).collect();
    write.record_friends(id, &changes, NOW).await.unwrap();
}

async fn people(store: &Store, account: AccountId, expression: &Expression) -> Vec<u32> {
    let everybody = AudienceLimit {
        count: u32::MAX,
        method: LimitMethod::UserNumber,
    };
    let chosen = store.choose_limited(account, expression, everybody, Purpose::Information);
    chosen.await.unwrap().iter().collect()
}

async fn whom_a_campaign_was_sent_to_can_be_aimed_at(engine: Engine) {
    let (store, _database) = crate::fixture::open(engine).await;
    let mut write = store.write().await.unwrap();
    account(&mut write, ACCOUNT, "@here").await;
    account(&mut write, OTHER, "@there").await;
    let draft = CampaignDraft {
        id: CAMPAIGN,
        business: BusinessId::from_bytes(*ACCOUNT.as_bytes()),
        account: ACCOUNT,
        name: "earlier".into(),
        purpose: Purpose::Promotion,
        messages: "[]".into(),
        audience: "{}".into(),
        schedule: "{}".into(),
        scheduled_for: None,
        rate_per_second: None,
        lifetime_seconds: 1,
        if_short: IfShort::DoNotStart,
        created_at: NOW,
    };
    write.insert_campaign(&draft).await.unwrap();
    // Both ends of words, and the bit of a word's sign.
    let sent: RoaringBitmap = [1, 62, 63, 64, 127, 128, 191, 200].into_iter().collect();
    assert!(!write.is_sent_kept(ACCOUNT, CAMPAIGN).await.unwrap());
    let kept = write.keep_sent(ACCOUNT, CAMPAIGN, &sent, NOW).await;
    kept.unwrap();
    // What is kept stays.
    let everybody: RoaringBitmap = (1..=FRIENDS).collect();
    let again = write.keep_sent(ACCOUNT, CAMPAIGN, &everybody, NOW).await;
    again.unwrap();
    write.commit().await.unwrap();
    assert!(store.is_sent_kept(ACCOUNT, CAMPAIGN).await.unwrap());
    assert!(!store.is_sent_kept(OTHER, CAMPAIGN).await.unwrap());
    let leaf = Expression::Sent(CAMPAIGN);
    let expected: Vec<u32> = sent.iter().collect();
    assert_eq!(people(&store, ACCOUNT, &leaf).await, expected);
    assert_eq!(people(&store, OTHER, &leaf).await, Vec::<u32>::new());
    let others = people(&store, ACCOUNT, &Expression::Not(Box::new(leaf))).await;
    let expected: Vec<u32> = (1..=FRIENDS).filter(|n| !sent.contains(*n)).collect();
    assert_eq!(others, expected);
}
