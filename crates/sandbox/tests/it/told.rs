//! What is done on the screen, told to the platform once and in order.

use std::collections::BTreeMap;

use domain::push::PushKey;
use gateway::{ConsentKind, Event, EventBody, FriendEvent};
use serde_json::{Value, json};
use store::sandbox::{PhoneAccount, SandboxStore, ShownWording};

use crate::events::{platform, world_with_platform};
use crate::world::{Chunk, FORM, World, results};

const CHAT: &str = "/messenger/kim/@hanok";
const WORDS: &str = "We may send you advertising.";

fn what(event: &Event) -> FriendEvent {
    match &event.body {
        EventBody::Friend {
            account,
            user,
            event,
        } => {
            assert_eq!(user.as_str(), "kim");
            assert!(matches!(account, gateway::AccountRef::Handle(handle)
                if handle.as_str() == "@hanok"));
            event.clone()
        }
        other => panic!("not a friend's: {other:?}"),
    }
}

/// A message of everything that can be tapped.
fn rich() -> Chunk {
    let messages = json!([
        {"type": "template", "altText": "winter", "template": {"type": "buttons", "text": "winter",
         "actions": [
            {"type": "uri", "label": "see", "uri": "https://hanok.example/winter"},
            {"type": "message", "label": "say", "text": "tell {{name|me}} more"},
            {"type": "postback", "label": "vote", "data": "vote=1", "displayText": "I vote"},
            {"type": "datetimepicker", "label": "when", "data": "visit", "mode": "date"}]}},
        {"type": "coupon", "couponId": "HK7-2Q9P", "title": "20%"},
    ]);
    let links = json!([{"id": "lnk_1", "message": 0, "path": "/template/actions/0/uri"}]);
    Chunk::to(1, &["kim"], messages, links)
}

async fn tap(world: &World, tap: &str, more: &[(&str, &str)]) -> Result<String, u16> {
    let push = PushKey::from_bytes([1; 16]).to_string();
    let fields = [&[("push", push.as_str()), ("tap", tap)][..], more].concat();
    world.post(&format!("{CHAT}/tap"), &fields).await
}

#[tokio::test]
async fn taps_do_what_the_message_says() {
    let (world, platform) = world_with_platform(&[], &[]).await;
    results(world.push(&rich()).await);
    for _ in 0..2 {
        world.read(CHAT).await;
    }
    let action = |number: u8| format!("0:/template/actions/{number}");
    let opened = tap(&world, &action(0), &[]).await.unwrap();
    let page = world.read(&opened).await;
    assert!(
        page.contains(r#"href="https://hanok.example/winter" rel="noopener"#),
        "{page}"
    );
    tap(&world, &action(1), &[]).await.unwrap();
    tap(&world, &action(2), &[]).await.unwrap();
    let asked = tap(&world, &action(3), &[]).await.unwrap();
    assert!(world.read(&asked).await.contains(r#"type="date""#));
    tap(&world, &action(3), &[("picked", "2026-11-30")])
        .await
        .unwrap();
    tap(&world, "1:", &[]).await.unwrap();
    tap(&world, "opt-out", &[]).await.unwrap();
    for wrong in ["0:/template/actions/9", "7:", "", "0:/template", "../x"] {
        assert_eq!(tap(&world, wrong, &[]).await, Err(404), "{wrong}");
    }
    let push_key = PushKey::from_bytes([1; 16]);
    let told: Vec<FriendEvent> = platform.events(7).await.iter().map(what).collect();
    let message = json!({"type": "text", "text": "tell me more"}).to_string();
    let expected = [
        FriendEvent::MessageOpened {
            push_key,
            message: 0,
        },
        FriendEvent::LinkClicked {
            push_key,
            message: 0,
            link: "lnk_1".into(),
        },
        FriendEvent::MessageReceived {
            message: String::new(),
        },
        FriendEvent::Postback {
            data: "vote=1".into(),
            params: BTreeMap::new(),
        },
        FriendEvent::Postback {
            data: "visit".into(),
            params: BTreeMap::from([("date".to_owned(), "2026-11-30".to_owned())]),
        },
        FriendEvent::CouponUsed {
            push_key,
            coupon: "HK7-2Q9P".into(),
        },
        FriendEvent::ConsentChanged {
            kind: ConsentKind::Promotion,
            granted: false,
            wording: None,
        },
    ];
    let said = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for (told, expected) in told.iter().zip(expected) {
        match (told, &expected) {
            (
                FriendEvent::MessageReceived { message: told },
                FriendEvent::MessageReceived { .. },
            ) => assert_eq!(said(told), said(&message)),
            _ => assert_eq!(*told, expected),
        }
    }
    assert_eq!(told.len(), 7);
    let chat = world.read(CHAT).await;
    for words in [
        "tell me more",
        "I vote",
        "2026-11-30",
        "You took a coupon: 20%",
        "You stopped",
    ] {
        assert!(chat.contains(words), "{words}: {chat}");
    }
}

#[tokio::test]
async fn somebody_new_adds_the_account_with_the_words_that_were_shown() {
    let (mut world, platform) = world_with_platform(&[], &[]).await;
    let store = SandboxStore::open(&world.file()).await.unwrap();
    let account = PhoneAccount {
        handle: "@hanok".into(),
        display_name: "Hanok".into(),
        icon_url: Some("javascript:alert(1)".into()),
        wording: Some(ShownWording {
            version: "ad-1".into(),
            text: WORDS.into(),
        }),
    };
    store.add_account(&account).await.unwrap();
    let add = "/messenger/add/@hanok";
    let page = world.read(&format!("{add}?source=store")).await;
    assert!(page.contains(WORDS) && page.contains(r#"name="source" value="store""#));
    assert!(!page.contains("javascript:"));
    let nameless = [("who", "new"), ("name", ""), ("source", "store")];
    assert_eq!(world.post(add, &nameless).await, Err(422));
    let ticked = world.client.post(format!("{}{add}", world.address));
    let ticked = ticked
        .header("content-type", FORM)
        .body("who=new&promotion=yes");
    let again = ticked.send().await.unwrap().text().await.unwrap();
    assert!(again.contains(r#"value="yes" checked"#), "{again}");
    let fields = [
        ("who", "new"),
        ("name", "김하늘"),
        ("source", "store"),
        ("wording", "ad-1"),
        ("promotion", "yes"),
    ];
    let chat = world.post(add, &fields).await.unwrap();
    let chat = chat.trim_end_matches("#end").to_owned();
    let events = platform.events(2).await;
    let of = |event: &Event| match &event.body {
        EventBody::Friend { user, event, .. } => (user.clone(), event.clone()),
        other => panic!("not a friend's: {other:?}"),
    };
    let (user, added) = of(&events[0]);
    assert!(
        chat.starts_with(&format!("/messenger/{}/", user.as_str())),
        "{chat}"
    );
    match added {
        FriendEvent::Added { source, profile } => {
            assert_eq!(source.as_deref(), Some("store"));
            assert_eq!(profile.unwrap().display_name.as_deref(), Some("김하늘"));
        }
        other => panic!("{other:?}"),
    }
    let agreed = |granted, wording: Option<&str>| FriendEvent::ConsentChanged {
        kind: ConsentKind::Promotion,
        granted,
        wording: wording.map(str::to_owned),
    };
    assert_eq!(of(&events[1]), (user.clone(), agreed(true, Some("ad-1"))));
    // The receipt says when, where and to which words, over a restart too; stopping asks nothing.
    world.restart(&[]).await;
    let receipt = format!("/messenger/{}/consent", user.as_str());
    let page = world.read(&receipt).await;
    assert!(
        page.contains(WORDS) && page.contains("the add-friend page"),
        "{page}"
    );
    let stop = [("deed", "opt-out"), ("from", "receipt")];
    let led = world.post(&format!("{chat}/do"), &stop).await;
    assert_eq!(led.as_deref(), Ok(receipt.as_str()));
    let again = [
        ("deed", "opt-in"),
        ("wording", "never shown"),
        ("from", "receipt"),
    ];
    assert_eq!(world.post(&format!("{chat}/do"), &again).await, Err(400));
    let again = [("deed", "opt-in"), ("wording", "ad-1"), ("from", "receipt")];
    world.post(&format!("{chat}/do"), &again).await.unwrap();
    let events = platform.events(4).await;
    assert_eq!(of(&events[2]).1, agreed(false, None));
    assert_eq!(of(&events[3]).1, agreed(true, Some("ad-1")));
    store.close().await;
}

#[tokio::test]
async fn what_the_platform_did_not_take_is_told_after_a_restart_once_and_in_order() {
    // Nobody listens there.
    let nowhere = "http://127.0.0.1:9/gateway/v1/events".to_owned();
    let mut world = World::start_with(&[], Some(nowhere)).await;
    results(world.push(&rich()).await);
    world.read(CHAT).await;
    for deed in ["block", "unblock", "opt-out"] {
        world
            .post(&format!("{CHAT}/do"), &[("deed", deed)])
            .await
            .unwrap();
    }
    let page = world.read(CHAT).await;
    assert!(page.contains("<dd>4</dd>"), "four are not told: {page}");
    let (platform, url) = platform(&[503]).await;
    world.events_url = Some(url);
    world.restart(&[]).await;
    let told: Vec<FriendEvent> = platform.events(4).await.iter().map(what).collect();
    assert!(matches!(
        told[..],
        [
            FriendEvent::MessageOpened { .. },
            FriendEvent::Blocked,
            FriendEvent::Added { .. },
            FriendEvent::ConsentChanged { granted: false, .. },
        ]
    ));
    world.restart(&[]).await;
    world
        .post(&format!("{CHAT}/write"), &[("text", "and more")])
        .await
        .unwrap();
    let told = platform.events(5).await;
    assert_eq!(told.len(), 5, "nothing is told twice: {told:?}");
    let mut ids: Vec<&str> = told.iter().map(|event| event.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}
