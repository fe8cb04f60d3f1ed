//! Whose menu is shown, what a batch changes, and what days add up to.

use domain::handle::Handle;
use domain::id::{BusinessId, RequestId};
use domain::money::Currency;
use domain::receipt::Sum;
use domain::rich_menu::BatchRequest;
use domain::time::LocalDay;
use testkit::database::{Engine, TestDatabase};

use super::figures::{MenuDeed, MenuReceipt};
use super::link::MenuBatch;
use super::*;
use crate::directory::{Account, Business};
use crate::fixture;
use crate::media::Media;

testkit::on_both_engines![
    the_nearest_menu_is_shown_as_long_as_it_is_there,
    names_lead_to_menus,
    a_batch_walks_over_every_friend_once,
    days_count_what_was_done_and_by_how_many,
];

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const BUSINESS: BusinessId = BusinessId::from_bytes([1; 16]);
const ACCOUNT: AccountId = AccountId::from_bytes([2; 16]);
const OTHER: AccountId = AccountId::from_bytes([3; 16]);
const A: RichMenuId = RichMenuId::from_bytes([10; 16]);
const B: RichMenuId = RichMenuId::from_bytes([11; 16]);
const C: RichMenuId = RichMenuId::from_bytes([12; 16]);
const KIM: UserNumber = UserNumber(1);
const LEE: UserNumber = UserNumber(2);

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
    for (id, origin) in [
        (A, MenuOrigin::Program),
        (B, MenuOrigin::Program),
        (C, MenuOrigin::Console),
    ] {
        let menu = StoredMenu {
            id,
            account: ACCOUNT,
            origin,
            content: "{}".into(),
            picture: None,
            created_at: NOW,
        };
        write.insert_menu(&menu).await.unwrap();
    }
    write.commit().await.unwrap();
    (store, database)
}

async fn shown(store: &Store, number: UserNumber) -> Option<RichMenuId> {
    let found = store.menu_shown_to(ACCOUNT, Some(number)).await.unwrap();
    found.map(|menu| menu.id)
}

async fn the_nearest_menu_is_shown_as_long_as_it_is_there(engine: Engine) {
    let (store, _database) = store(engine).await;
    assert_eq!(shown(&store, KIM).await, None);
    let mut write = store.write().await.unwrap();
    let media = Media {
        hash: [5; 32],
        content_type: "image/png".into(),
        width: 800,
        height: 250,
        bytes: vec![1],
    };
    write.keep_media(&media, NOW).await.unwrap();
    write.set_menu_picture(A, &media.hash).await.unwrap();
    let console = MenuOrigin::Console;
    write.set_default_menu(ACCOUNT, console, C).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(shown(&store, KIM).await, Some(C));
    let mut write = store.write().await.unwrap();
    let program = MenuOrigin::Program;
    write.set_default_menu(ACCOUNT, program, B).await.unwrap();
    write.set_default_menu(ACCOUNT, program, A).await.unwrap();
    write.link_menu(ACCOUNT, &[KIM], B).await.unwrap();
    assert_eq!(write.count_menus(ACCOUNT, program).await.unwrap(), 2);
    write.commit().await.unwrap();
    assert_eq!(shown(&store, KIM).await, Some(B));
    assert_eq!(shown(&store, LEE).await, Some(A));
    let picture = store.menu(ACCOUNT, A).await.unwrap().unwrap().picture;
    assert_eq!(picture.unwrap().content_type, "image/png");
    assert_eq!(store.menu(OTHER, A).await.unwrap(), None);
    let listed = store.menus(ACCOUNT, program).await.unwrap();
    assert_eq!(
        listed.iter().map(|menu| menu.id).collect::<Vec<_>>(),
        [A, B]
    );
    // What is gone is shown to nobody, whoever it was linked to.
    let mut write = store.write().await.unwrap();
    write.delete_menu(A).await.unwrap();
    write.delete_menu(B).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(shown(&store, KIM).await, Some(C));
    assert_eq!(store.linked_menu(ACCOUNT, KIM).await.unwrap(), None);
}

async fn names_lead_to_menus(engine: Engine) {
    let (store, _database) = store(engine).await;
    let name = RichMenuAliasId::parse("winter").unwrap();
    let mut write = store.write().await.unwrap();
    assert!(write.insert_menu_alias(ACCOUNT, &name, A).await.unwrap());
    assert!(!write.insert_menu_alias(ACCOUNT, &name, B).await.unwrap());
    assert!(write.insert_menu_alias(OTHER, &name, A).await.unwrap());
    assert!(write.move_menu_alias(ACCOUNT, &name, B).await.unwrap());
    assert_eq!(write.count_menu_aliases(ACCOUNT).await.unwrap(), 1);
    write.commit().await.unwrap();
    let led = store.menu_of_alias(ACCOUNT, &name).await.unwrap();
    assert_eq!(led, Some(B));
    assert_eq!(store.menu_aliases(ACCOUNT).await.unwrap().len(), 1);
    let mut write = store.write().await.unwrap();
    assert!(write.delete_menu_alias(ACCOUNT, &name).await.unwrap());
    assert!(!write.delete_menu_alias(ACCOUNT, &name).await.unwrap());
    assert!(!write.move_menu_alias(ACCOUNT, &name, A).await.unwrap());
    write.commit().await.unwrap();
}

async fn a_batch_walks_over_every_friend_once(engine: Engine) {
    let (store, _database) = store(engine).await;
    let request: RequestId = RequestId::from_bytes([9; 16]);
    let chain = format!(
        r#"{{"operations": [{{"type": "link", "from": "{A}", "to": "{B}"}},
            {{"type": "unlink", "from": "{B}"}}]}}"#
    );
    let operations = BatchRequest::parse(&chain).unwrap().operations;
    let people: Vec<UserNumber> = (1..=5).map(UserNumber).collect();
    let mut write = store.write().await.unwrap();
    write.link_menu(ACCOUNT, &people[..3], A).await.unwrap();
    write.link_menu(ACCOUNT, &people[3..], B).await.unwrap();
    write.link_menu(OTHER, &people[..1], A).await.unwrap();
    let batch = MenuBatch {
        request,
        account: ACCOUNT,
        resume_key: Some("key".into()),
        operations: chain,
        after: UserNumber(0),
        accepted_at: NOW,
        completed_at: None,
        failed: false,
    };
    write.insert_menu_batch(&batch).await.unwrap();
    write.commit().await.unwrap();
    assert!(store.has_menu_batches().await.unwrap());
    // A page at a time, as if it was cut off after each.
    loop {
        let mut write = store.write().await.unwrap();
        let Some(batch) = write.next_menu_batch().await.unwrap() else {
            break;
        };
        let stepped = write.step_menu_batch(&batch, &operations, &[B], 2).await;
        match stepped.unwrap() {
            Some(last) => write.advance_menu_batch(request, last).await.unwrap(),
            None => write.end_menu_batch(request, false, NOW).await.unwrap(),
        }
        write.commit().await.unwrap();
    }
    for number in &people[..3] {
        let own = store.linked_menu(ACCOUNT, *number).await.unwrap();
        assert_eq!(own, Some(B), "{number:?}");
    }
    for number in &people[3..] {
        assert_eq!(store.linked_menu(ACCOUNT, *number).await.unwrap(), None);
    }
    assert_eq!(
        store.linked_menu(OTHER, KIM).await.unwrap(),
        None,
        "A is not theirs"
    );
    let done = store.menu_batch(ACCOUNT, request).await.unwrap().unwrap();
    assert_eq!((done.completed_at, done.failed), (Some(NOW), false));
    assert_eq!(done.after, UserNumber(5));
    let mut write = store.write().await.unwrap();
    let before = Timestamp::from_millis(NOW.as_millis() - 1);
    let found = write.menu_batch_of_key(ACCOUNT, "key", before).await;
    assert_eq!(found.unwrap(), Some(done));
    assert_eq!(
        write.menu_batch_of_key(ACCOUNT, "key", NOW).await.unwrap(),
        None
    );
    write.forget_menu_batches(ACCOUNT, NOW).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(store.menu_batch(ACCOUNT, request).await.unwrap(), None);
}

async fn days_count_what_was_done_and_by_how_many(engine: Engine) {
    let (store, _database) = store(engine).await;
    let day = |number| LocalDay::from_number(20_000 + number);
    let did = |of_day, deed, number| MenuReceipt {
        account: ACCOUNT,
        menu: A,
        day: day(of_day),
        deed,
        number,
    };
    let far = UserNumber(3 << 16);
    let tapped = MenuDeed::Tapped(19);
    let told = [
        vec![
            did(0, MenuDeed::Shown, KIM),
            did(0, MenuDeed::Shown, KIM),
            did(0, MenuDeed::Shown, far),
            did(0, tapped, KIM),
        ],
        vec![did(0, MenuDeed::Shown, LEE), did(1, MenuDeed::Shown, KIM)],
    ];
    for receipts in told {
        let mut write = store.write().await.unwrap();
        write.count_menu_receipts(&receipts).await.unwrap();
        write.commit().await.unwrap();
    }
    let figures = store
        .menu_figures(ACCOUNT, A, day(0), day(1))
        .await
        .unwrap();
    let sum = |people, total| Sum { people, total };
    assert_eq!(figures.whole[&MenuDeed::Shown], sum(3, 5));
    assert_eq!(figures.whole[&tapped], sum(1, 1));
    assert_eq!(figures.by_day[&(MenuDeed::Shown, day(0))], sum(3, 4));
    assert_eq!(figures.by_day[&(MenuDeed::Shown, day(1))], sum(1, 1));
    let later = store
        .menu_figures(ACCOUNT, A, day(1), day(9))
        .await
        .unwrap();
    assert_eq!(later.whole.len(), 1);
    let theirs = store.menu_figures(OTHER, A, day(0), day(9)).await.unwrap();
    assert_eq!(theirs.whole.len(), 0);
}
