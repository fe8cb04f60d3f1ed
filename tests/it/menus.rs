//! Rich menus and coupons from a brand's program to a friend's phone and back: shown, tapped,
//! counted; got, used, reported.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use chingu_tests::console::{Browser, between};
use chingu_tests::draw::Draw;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::{admin, text};
use chingu_tests::wait;
use domain::time::LocalDay;
use domain::user::LineUserId;
use serde_json::{Value, json};

use crate::stage::{now, wait_for_shown};

const FRIENDS: u64 = 20;
const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_menu_reaches_the_phone_and_what_is_tapped_is_counted() {
    menus().unwrap();
}

#[test]
fn a_coupon_is_got_used_and_reported() {
    coupons().unwrap();
}

/// A brand's program: its address and token.
struct Program {
    address: SocketAddr,
    token: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Program {
    fn of(platform: &Platform, address: SocketAddr) -> Result<Self> {
        let handle = &*platform.brand.handle;
        let arguments = ["token", "issue", "--account", handle];
        let issued = admin(&platform.brand.data, &arguments)?;
        Ok(Self {
            address,
            token: text(&issued, "token")?.to_owned(),
            client: reqwest::Client::builder().no_proxy().build()?,
            runtime: tokio::runtime::Runtime::new()?,
        })
    }

    fn send(&self, method: &str, path: &str, kind: &str, body: Vec<u8>) -> Result<Value> {
        let url = format!("http://{}/v2/bot/{path}", self.address);
        let request = self
            .client
            .request(method.parse()?, url)
            .bearer_auth(&self.token)
            .header("content-type", kind)
            .body(body);
        self.runtime.block_on(async {
            let answer = request.send().await?;
            let status = answer.status();
            let body = answer.text().await?;
            match status.is_success() {
                true => Ok(serde_json::from_str(&body)?),
                false => bail!("{method} {path}: {status} {body}"),
            }
        })
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(
            "POST",
            path,
            "application/json",
            body.to_string().into_bytes(),
        )
    }

    fn get(&self, path: &str) -> Result<Value> {
        self.send("GET", path, "application/json", Vec::new())
    }

    /// A menu of two halves that is shown to whoever asks for it by name.
    fn menu(&self, name: &str, switches_to: &str) -> Result<String> {
        let half = |x: u32, action: Value| {
            let bounds = json!({"x": x, "y": 0, "width": 400, "height": 250});
            json!({ "bounds": bounds, "action": action })
        };
        let menu = json!({"size": {"width": 800, "height": 250}, "selected": true, "name": name,
            "chatBarText": format!("Menu {name}"), "areas": [
                half(0, json!({"type": "message", "label": "hours", "text": "When is it open?"})),
                half(400, json!({"type": "richmenuswitch", "richMenuAliasId": switches_to,
                    "data": "switched"}))]});
        let made = self.post("richmenu", &menu)?;
        let id = text(&made, "richMenuId")?.to_owned();
        let picture = testkit::png::plain(800, 250);
        self.send(
            "POST",
            &format!("richmenu/{id}/content"),
            "image/png",
            picture,
        )?;
        let alias = json!({"richMenuAliasId": name, "richMenuId": id});
        self.post("richmenu/alias", &alias)?;
        Ok(id)
    }
}

/// Sends to everybody and answers the phone of somebody it reached: `/messenger/U…`.
fn reach(platform: &Platform, browser: &mut Browser, messages: &Value) -> Result<(String, String)> {
    let said = messages.to_string();
    let create = ["campaign", "create", "--account", "@hanok", "--name", "눈"];
    let arguments = [&create[..], &["--messages", &said]].concat();
    let created = admin(&platform.brand.data, &arguments)?;
    let campaign = text(&created, "id")?.to_owned();
    platform.brand.launch(&campaign)?;
    wait_for_shown(platform, &campaign, "closed", |shown| {
        shown["state"] == "closed"
    })?;
    let page = browser.read("/messenger")?;
    let phone = between(&page, "data-live=\"", "/live\"")?.to_owned();
    Ok((phone, campaign))
}

fn menus() -> Result<()> {
    let mut draw = Draw::seeded("menus", 1);
    let platform = Platform::create(Place::Inside, FRIENDS, &[], Times::default(), &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let brand = Program::of(&platform, program.address())?;
    let (first, second) = (brand.menu("a", "b")?, brand.menu("b", "a")?);
    brand.post(&format!("user/all/richmenu/{first}"), &json!({}))?;
    let mut browser = Browser::open(program.address())?;
    let hello = json!([{"type": "text", "text": "안녕하세요"}]);
    let (phone, _) = reach(&platform, &mut browser, &hello)?;
    let chat = format!("{phone}/@hanok");
    let page = browser.read(&chat)?;
    ensure!(page.contains("Menu a") && page.contains(&first), "{page}");
    let picture = between(&page, "<image href=\"", "\"")?.to_owned();
    ensure!(browser.get(&picture)?.status == 200, "{picture}");
    let tap = |browser: &mut Browser, menu: &str, area: &str| {
        let fields = [("menu", menu), ("area", area)];
        browser.post_form(&format!("{chat}/menu"), &fields)
    };
    ensure!(tap(&mut browser, &first, "0")?.status == 303);
    ensure!(tap(&mut browser, &first, "2")?.status == 404);
    ensure!(
        tap(&mut browser, &second, "0")?.status == 404,
        "it is not shown"
    );
    ensure!(tap(&mut browser, &first, "1")?.status == 303);
    let page = browser.read(&chat)?;
    ensure!(page.contains("When is it open?"), "{page}");
    ensure!(page.contains("Menu b") && page.contains(&second), "{page}");
    // The switch is the friend's own menu, for the program too.
    if let Some(id) = LineUserId::parse(key_of(&phone)?) {
        let own = brand.get(&format!("user/{id}/richmenu"))?;
        ensure!(own["richMenuId"] == json!(second), "{own}");
    }
    let today = LocalDay::of(now(), &domain::time::zone("Asia/Seoul")?);
    let day = |days: i32| {
        let day = LocalDay::from_number(today.number() + days);
        day.to_string().replace('-', "")
    };
    let (from, to) = (day(-1), day(1));
    let path = format!("insight/richmenu/{first}/summary?from={from}&to={to}");
    wait::until_state(
        "what was shown and tapped is in the figures",
        SOON,
        || brand.get(&path),
        |told| {
            told["impression"]["metrics"]["uniqueUsers"] == 1
                && told["clicks"][0]["metrics"] == json!({"count": 1, "uniqueUsers": 1})
                && told["clicks"][1]["metrics"] == json!({"count": 1, "uniqueUsers": 1})
        },
    )?;
    program.stop()?;
    Ok(())
}

fn coupons() -> Result<()> {
    let mut draw = Draw::seeded("menus", 2);
    let platform = Platform::create(Place::Inside, FRIENDS, &[], Times::default(), &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let brand = Program::of(&platform, program.address())?;
    let coupon = json!({"title": "담요 20%", "startTimestamp": 0, "endTimestamp": 1_924_959_599,
        "timezone": "ASIA_TOKYO", "visibility": "UNLISTED", "maxUseCountPerTicket": 1,
        "couponCode": "SNOW20", "acquisitionCondition": {"type": "normal"},
        "reward": {"type": "gift"}});
    let made = brand.post("coupon", &coupon)?;
    let id = text(&made, "couponId")?.to_owned();
    let messages = json!([{"type": "coupon", "couponId": id}]);
    let mut browser = Browser::open(program.address())?;
    let (phone, campaign) = reach(&platform, &mut browser, &messages)?;
    let chat = format!("{phone}/@hanok");
    let page = browser.read(&chat)?;
    ensure!(
        page.contains("담요 20%") && !page.contains("SNOW20"),
        "{page}"
    );
    let push = between(&page, "name=\"push\" value=\"", "\"")?.to_owned();
    let fields = [("push", push.as_str()), ("tap", "0:")];
    ensure!(browser.post_form(&format!("{chat}/tap"), &fields)?.status == 303);
    let page = browser.read(&chat)?;
    ensure!(page.contains("SNOW20"), "it is theirs: {page}");
    ensure!(browser.post_form(&format!("{chat}/tap"), &fields)?.status == 303);
    let page = browser.read(&chat)?;
    ensure!(page.contains("data-state=\"used\""), "{page}");
    // A third tap uses nothing.
    browser.post_form(&format!("{chat}/tap"), &fields)?;
    let mut owner = Browser::of_member(program.address(), &platform.brand, "owner")?;
    let report = owner.read(&format!("/console/@hanok/coupons/{id}"))?;
    for figure in ["data-figure=\"acquired\">1<", "data-figure=\"used\">1<"] {
        ensure!(report.contains(figure), "{figure}: {report}");
    }
    let path = format!("/console/@hanok/campaigns/{campaign}/report");
    wait::until_state(
        "the campaign's report has the use",
        SOON,
        || owner.read(&path),
        |page| page.contains("f-2"),
    )?;
    // Closed, it is not sent any more.
    brand.send(
        "PUT",
        &format!("coupon/{id}/close"),
        "application/json",
        Vec::new(),
    )?;
    let said = messages.to_string();
    let create = [
        "campaign",
        "create",
        "--account",
        "@hanok",
        "--name",
        "late",
    ];
    let arguments = [&create[..], &["--messages", &said]].concat();
    let created = admin(&platform.brand.data, &arguments)?;
    let refused = platform.brand.launch(text(&created, "id")?);
    let words = format!(
        "{:?}",
        refused.err().context("a closed coupon was launched")?
    );
    ensure!(words.contains("closed"), "{words}");
    program.stop()?;
    Ok(())
}

/// The messenger's key in a phone's path.
fn key_of(phone: &str) -> Result<&str> {
    phone.strip_prefix("/messenger/").context("a phone's path")
}
