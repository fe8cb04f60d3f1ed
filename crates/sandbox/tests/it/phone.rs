//! The messenger's screen: what a person sees, and what nobody gets past it.

use std::time::Duration;

use domain::codec::PackedKeys;
use domain::outcome::RejectionCode;
use domain::user::UserKey;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::world::{Chunk, FORM, World, form, results};

const CHAT: &str = "/messenger/kim/@hanok";
/// Longer than a stream waits for anything.
const SOON: Duration = Duration::from_secs(10);

fn text(number: u8, users: &[&str], text: &str) -> Chunk {
    let messages = json!([{"type": "text", "text": text}]);
    Chunk::to(number, users, messages, json!([]))
}

#[tokio::test]
async fn what_reached_a_person_is_in_the_list_and_in_the_chat() {
    let world = World::start(&[]).await;
    results(world.push(&text(1, &["lee", "kim"], "first")).await);
    world.clock.advance(Duration::from_secs(26 * 60 * 60));
    results(world.push(&text(2, &["kim"], "second")).await);
    let list = world.read("/messenger/kim").await;
    assert!(list.contains("second") && !list.contains("first"), "{list}");
    assert!(list.contains("2 unread messages"), "{list}");
    let chat = world.read(CHAT).await;
    let places = ["first", "second"].map(|words| chat.rfind(words).unwrap());
    assert!(places[0] < places[1]);
    assert_eq!(chat.matches(r#"class="day""#).count(), 2, "{chat}");
    assert_eq!(chat.matches(">Opt out</button></div>").count(), 2, "{chat}");
    // What was seen stays seen, for whoever else looks and after a restart.
    for _ in 0..2 {
        let list = world.read("/messenger/kim").await;
        assert!(!list.contains("unread"), "{list}");
    }
    let other = world.read("/messenger/lee/@hanok").await;
    assert!(other.contains("first") && !other.contains("second"));
}

#[tokio::test]
async fn whoever_is_nobody_has_no_phone() {
    let world = World::start(&[]).await;
    results(world.push(&text(1, &["kim"], "hi")).await);
    for path in [
        "/messenger/nobody",
        "/messenger/nobody/@hanok",
        "/messenger/nobody/consent",
        "/messenger/nobody/add",
        "/messenger/nobody/live",
        "/messenger/kim/@stranger",
        "/messenger/kim/%3Cb%3E",
        "/messenger/add/@stranger",
        "/messenger/kim/@hanok/open?push=01010101-0101-0101-0101-010101010101&tap=0:/x",
        "/messenger/%20",
    ] {
        let (status, page) = world.page(path).await;
        assert_eq!(status, 404, "{path}: {page}");
        assert!(
            page.contains("The messenger knows no such"),
            "{path}: {page}"
        );
    }
    let first = world.read("/messenger").await;
    assert!(first.contains("/messenger/kim"), "{first}");
}

#[tokio::test]
async fn an_empty_messenger_says_how_to_begin() {
    let world = World::start(&[]).await;
    let page = world.read("/messenger").await;
    assert!(page.contains("Nobody is here yet"), "{page}");
    let made = world.post("/messenger/people", &[("name", "김하늘")]).await;
    let page = world.read(&made.unwrap()).await;
    assert!(page.contains("김하늘") && page.contains("No chats yet"));
    assert_eq!(
        world.post("/messenger/people", &[("name", " ")]).await,
        Err(400)
    );
    let found = world.read("/messenger?q=%ED%95%98%EB%8A%98").await;
    assert!(found.contains("김하늘"), "{found}");
    let none = world.read("/messenger?q=%3Cscript%3E").await;
    assert!(none.contains("&#60;script&#62;") && !none.contains("<script>"));
}

#[tokio::test]
async fn nothing_that_is_written_becomes_markup() {
    let world = World::start(&[]).await;
    results(world.push(&text(1, &["kim"], "<b>hi</b>")).await);
    let words = r#"<img src=x onerror=alert(1)>"#;
    let led = world
        .post(&format!("{CHAT}/write"), &[("text", words)])
        .await;
    assert_eq!(led.as_deref(), Ok("/messenger/kim/@hanok#end"));
    let chat = world.read(CHAT).await;
    assert!(
        !chat.contains("<img src=x") && !chat.contains("<b>hi"),
        "{chat}"
    );
    assert!(
        chat.contains("&#60;img src=x onerror=alert(1)&#62;"),
        "{chat}"
    );
    let long = "가".repeat(5_001);
    let too_long = world
        .post(&format!("{CHAT}/write"), &[("text", &long)])
        .await;
    assert_eq!(too_long, Err(400));
    let url = format!("{}{CHAT}/write", world.address);
    let huge = "x".repeat(100_000);
    let request = world.client.post(url).header("content-type", FORM);
    let answer = request.body(form(&[("text", &huge)])).send().await;
    assert_eq!(answer.unwrap().status(), 413);
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere_and_forms_come_from_here_only() {
    let world = World::start(&[]).await;
    results(world.push(&text(1, &["kim"], "hi")).await);
    let url = format!("{}{CHAT}", world.address);
    let answer = world.client.get(&url).send().await.unwrap();
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let from_elsewhere = world
        .client
        .post(format!("{url}/do"))
        .header("sec-fetch-site", "cross-site")
        .header("origin", "https://evil.example")
        .header("content-type", FORM)
        .body("deed=block")
        .send();
    assert_eq!(from_elsewhere.await.unwrap().status(), 403);
    assert!(!world.read(CHAT).await.contains("You blocked"));
}

#[tokio::test]
async fn who_blocked_is_not_reached_until_the_block_is_taken_back() {
    let mut world = World::start(&[]).await;
    let to_both = |number, words| text(number, &["lee", "kim"], words);
    results(world.push(&to_both(1, "before")).await);
    let act = |deed: &'static str| [("deed", deed)];
    world
        .post(&format!("{CHAT}/do"), &act("block"))
        .await
        .unwrap();
    let blocked = results(world.push(&to_both(2, "between")).await);
    assert_eq!(blocked.rejected, [(1, RejectionCode::Blocked)]);
    assert_eq!(blocked.accepted, 1);
    // It is not forgotten over a restart.
    world.restart(&["reject=1:left"]).await;
    let chat = world.read(CHAT).await;
    assert!(!chat.contains("between") && chat.contains("You blocked Hanok"));
    assert!(!chat.contains("data-write"), "{chat}");
    let rejected = results(world.push(&to_both(3, "faulty")).await).rejected;
    let expected = [(0, RejectionCode::Left), (1, RejectionCode::Blocked)];
    assert_eq!(rejected, expected);
    world.switch(&[]).await;
    world
        .post(&format!("{CHAT}/do"), &act("unblock"))
        .await
        .unwrap();
    assert_eq!(results(world.push(&to_both(4, "after")).await).accepted, 2);
    world
        .post(&format!("{CHAT}/do"), &act("leave"))
        .await
        .unwrap();
    let left = results(world.push(&to_both(5, "gone")).await).rejected;
    assert_eq!(left, [(1, RejectionCode::Left)]);
    let list = world.read("/messenger/kim").await;
    assert!(list.contains("No chats yet"), "{list}");
    let chat = world.read(CHAT).await;
    assert!(chat.contains("after") && !chat.contains("gone"));
    assert_eq!(
        world.post(&format!("{CHAT}/do"), &act("fly")).await,
        Err(400)
    );
}

#[tokio::test]
async fn a_stream_tells_of_news_and_ends_with_the_messenger() {
    let mut world = World::start(&[]).await;
    results(world.push(&text(1, &["kim"], "hi")).await);
    let url = format!("{}/messenger/kim/live", world.address);
    let answer = world.client.get(&url).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut events = answer.bytes_stream();
    let mut next = async || {
        let bytes = tokio::time::timeout(SOON, events.next()).await.unwrap();
        bytes.map(|bytes| String::from_utf8_lossy(&bytes.unwrap()).into_owned())
    };
    assert!(next().await.unwrap().contains("news"), "the line stands");
    results(world.push(&text(2, &["lee"], "not for kim")).await);
    results(world.push(&text(3, &["kim"], "for kim")).await);
    let news = next().await.unwrap();
    assert!(news.contains("data: 1"), "{news}");
    world
        .post(&format!("{CHAT}/write"), &[("text", "hello")])
        .await
        .unwrap();
    assert!(next().await.unwrap().contains("news"));
    // It would wait for the stream otherwise.
    tokio::time::timeout(SOON, world.restart(&[]))
        .await
        .unwrap();
    assert_eq!(next().await, None);
}

#[tokio::test]
async fn an_account_nobody_knows_is_not_there_and_nothing_is_done_to_it() {
    let world = World::start(&[]).await;
    results(world.push(&text(1, &["kim"], "hi")).await);
    let chat = "/messenger/kim/@stranger";
    for (path, field) in [
        ("do", ("deed", "block")),
        ("do", ("deed", "opt-out")),
        ("write", ("text", "hello")),
    ] {
        let path = format!("{chat}/{path}");
        assert_eq!(world.post(&path, &[field]).await, Err(404), "{path}");
    }
    let (status, page) = world.page("/messenger/kim/add?handle=stranger").await;
    assert_eq!(status, 404);
    assert!(page.contains("There is no account stranger"), "{page}");
    let list = world.read("/messenger/kim").await;
    assert!(!list.contains("@stranger"), "{list}");
}

#[tokio::test]
async fn what_is_refused_is_said_in_words_to_people_and_to_scripts() {
    let world = World::start(&[]).await;
    results(world.push(&text(1, &["kim"], "hi")).await);
    let (there_is_not, cannot_be_read) = ("knows no such", "The form is not right");
    let cases = [
        ("GET", "/messenger/", "", 404, there_is_not),
        (
            "GET",
            "/messenger/kim/@hanok/nothing",
            "",
            404,
            there_is_not,
        ),
        ("GET", "/messenger/kim/@hanok/do", "", 405, there_is_not),
        ("POST", "/messenger/kim/@hanok/do", "", 422, cannot_be_read),
        (
            "POST",
            "/messenger/kim/@hanok/do",
            "deed=fly",
            400,
            cannot_be_read,
        ),
        ("GET", "/messenger/kim/@hanok/open", "", 400, cannot_be_read),
        ("GET", "/messenger/%ff", "", 400, cannot_be_read),
    ];
    for (method, path, body, status, words) in cases {
        let ask = |accept: &'static str| {
            let url = format!("{}{path}", world.address);
            let request = world.client.request(method.parse().unwrap(), url);
            let request = request
                .header("content-type", FORM)
                .header("accept", accept);
            request.body(body).send()
        };
        let page = ask("text/html").await.unwrap();
        assert_eq!(page.status(), status, "{path}");
        let page = page.text().await.unwrap();
        assert!(
            page.contains(words) && page.contains("<html"),
            "{path}: {page}"
        );
        let told = ask("application/json").await.unwrap();
        assert_eq!(told.status(), status, "{path}");
        let told: Value = told.json().await.unwrap();
        let error = told["error"].as_str().unwrap();
        assert!(error.contains(words), "{path}: {error}");
    }
    let url = format!("{}/messenger/nobody", world.address);
    let korean = world.client.get(url).header("accept-language", "ko").send();
    let page = korean.await.unwrap().text().await.unwrap();
    assert!(page.contains("찾을 수 없는 화면이에요"), "{page}");
}

#[tokio::test]
async fn whose_phone_it_was_is_remembered_from_the_first_visit_on() {
    let world = World::start(&[]).await;
    results(world.push(&text(1, &["kim"], "hi")).await);
    let url = format!("{}/messenger", world.address);
    let first = world.client.get(&url).send().await.unwrap();
    let cookie = first.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    results(world.push(&text(2, &["lee"], "hello")).await);
    let of = "data-live=\"/messenger/kim/live\"";
    let again = world.client.get(&url).header("cookie", cookie).send();
    let page = again.await.unwrap().text().await.unwrap();
    assert!(page.contains(of), "{page}");
    assert!(!world.read("/messenger").await.contains(of));
}

#[tokio::test]
async fn what_somebody_began_to_do_is_done_though_they_hang_up() {
    const ACCOUNTS: u8 = 20;
    let world = World::start(&[]).await;
    let kim = PackedKeys::of(&[UserKey::parse("kim").unwrap()]);
    for number in 1..=ACCOUNTS {
        let chunk = Chunk::with(number, &format!("@shop{number}"), kim.clone(), 1);
        results(world.push(&chunk).await);
    }
    let receipt = "/messenger/kim/consent";
    world.read(receipt).await;
    let host = world.address.strip_prefix("http://").unwrap();
    let mut browser = TcpStream::connect(host).await.unwrap();
    let request = format!(
        "POST {receipt}/stop HTTP/1.1\r\nHost: {host}\r\nContent-Type: {FORM}\r\n\
         Content-Length: 0\r\n\r\n"
    );
    browser.write_all(request.as_bytes()).await.unwrap();
    // Once the first account was stopped, the browser is gone.
    let stopped = async || world.read(receipt).await.matches(">Stopped<").count();
    let until = async |count: usize| while stopped().await < count {};
    tokio::time::timeout(SOON, until(1)).await.unwrap();
    drop(browser);
    tokio::time::timeout(SOON, until(ACCOUNTS.into()))
        .await
        .unwrap();
}
