//! Coupons are found by their account, page by page, and count who has them.

use domain::handle::Handle;
use domain::id::BusinessId;
use domain::money::Currency;
use testkit::database::{Engine, TestDatabase};

use super::*;
use crate::directory::{Account, Business};
use crate::fixture;

testkit::on_both_engines![
    coupons_are_found_by_their_account_the_latest_first,
    who_has_one_and_used_it_is_counted,
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

fn id(number: u8) -> CouponId {
    CouponId::from_bytes([number; 16])
}

fn coupon(number: u8) -> StoredCoupon {
    StoredCoupon {
        account: ACCOUNT,
        facts: CouponFacts {
            id: id(number),
            state: CouponState::Running,
            starts_at: NOW,
            ends_at: NOW,
            probability: Some(50),
            acquire_max: Count::AtMost(7),
            uses_max: Count::Unlimited,
            acquired: 0,
        },
        title: format!("coupon {number}"),
        content: "{}".into(),
        used: 0,
        created_at: NOW,
        closed_at: None,
    }
}

async fn coupons_are_found_by_their_account_the_latest_first(engine: Engine) {
    let (store, _database) = store(engine).await;
    let mut write = store.write().await.unwrap();
    for number in 1..=3 {
        write.insert_coupon(&coupon(number)).await.unwrap();
    }
    write.close_coupon(id(2), NOW).await.unwrap();
    assert_eq!(write.count_open_coupons(ACCOUNT).await.unwrap(), 2);
    write.commit().await.unwrap();
    let all = [CouponState::Running, CouponState::Closed];
    let page = async |states: &[CouponState], before, limit| {
        let found = store.coupons(ACCOUNT, states, before, limit).await.unwrap();
        let ids = found.iter().map(|coupon| coupon.facts.id);
        ids.collect::<Vec<CouponId>>()
    };
    assert_eq!(page(&all, None, 2).await, [id(3), id(2)]);
    assert_eq!(page(&all, Some(id(2)), 2).await, [id(1)]);
    assert_eq!(page(&all[..1], None, 9).await, [id(3), id(1)]);
    assert_eq!(page(&all[1..], None, 9).await, [id(2)]);
    assert_eq!(page(&[], None, 9).await, []);
    assert_eq!(store.coupon(ACCOUNT, id(1)).await.unwrap(), Some(coupon(1)));
    assert_eq!(store.coupon(OTHER, id(1)).await.unwrap(), None);
    let closed = store.coupon(ACCOUNT, id(2)).await.unwrap().unwrap();
    let expected = (CouponState::Closed, Some(NOW));
    assert_eq!((closed.facts.state, closed.closed_at), expected);
    let found = store.coupons_of(ACCOUNT, &[id(1), id(9)]).await.unwrap();
    assert_eq!(found, [coupon(1)]);
}

async fn who_has_one_and_used_it_is_counted(engine: Engine) {
    let (store, _database) = store(engine).await;
    let mut write = store.write().await.unwrap();
    write.insert_coupon(&coupon(1)).await.unwrap();
    let (kim, lee) = (UserNumber(1), UserNumber(2));
    let (held, lost) = (TicketState::Held, TicketState::Lost);
    write.give_ticket(id(1), kim, held, NOW).await.unwrap();
    write.give_ticket(id(1), lee, lost, NOW).await.unwrap();
    for _ in 0..2 {
        write.use_ticket(id(1), kim, NOW).await.unwrap();
    }
    let ticket = write.ticket(id(1), kim).await.unwrap();
    let expected = Ticket {
        state: TicketState::Held,
        uses: 2,
    };
    assert_eq!(ticket, Some(expected));
    assert_eq!(write.ticket(id(1), UserNumber(3)).await.unwrap(), None);
    write.commit().await.unwrap();
    let stored = store.coupon(ACCOUNT, id(1)).await.unwrap().unwrap();
    assert_eq!((stored.facts.acquired, stored.used), (1, 2));
    assert_eq!(store.coupon_users(id(1)).await.unwrap(), 1);
    let found = store.tickets_of(kim, &[id(1), id(2)]).await.unwrap();
    assert_eq!(found, [(id(1), expected)]);
}
