//! LINE's official Python library against the running server, the address changed and nothing else:
//! every operation by the ordinary and by the asynchronous client, and what they sent in the books.
//! Nothing of LINE's specification is left out that an account sends and shows with.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use chingu_tests::console::{Browser, between};
use chingu_tests::draw::Draw;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::{admin, reconcile, text, words};
use chingu_tests::table::Table;
use chingu_tests::verdict::violations;
use chingu_tests::wait;
use chingu_tests::world::Brand;
use serde_json::{Value, json};
use testkit::assertion::{SigningKey, header};

use crate::line_operations::{CLIENTS, Came};
use crate::stage::{SOON, now};
use crate::ways::all_agree;

const FRIENDS: u64 = 20;

#[test]
fn the_official_library_works_unchanged() {
    run().unwrap();
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("official library", 61);
    let make = |data: &Path| -> Result<Brand> {
        let mut brand = Brand::open(data, "@hanok")?;
        let imported = brand.befriend("friends", all_agree(FRIENDS, &mut draw).as_bytes())?;
        ensure!(imported["accepted"] == FRIENDS, "{imported}");
        (brand.friends, brand.reachable) = (FRIENDS, FRIENDS);
        Ok(brand)
    };
    let platform = Platform::with_brand(Place::Beside, &[], Times::default(), make)?;
    let program = platform.recipe.clone().start()?;
    let address = program.address();
    let (data, handle) = (&platform.brand.data, &*platform.brand.handle);
    let issued = admin(data, &["token", "issue", "--account", handle])?;
    let token = text(&issued, "token")?;
    let came = library(&platform.brand, address, token)?;
    let sent = came["sent"].as_array().context("what was sent")?;
    let sends = sent.iter().filter_map(|way| way[1].as_u64()).sum();
    ensure!(sends > 4 * FRIENDS, "{came}");
    platform.wait_for_accepted(sends, SOON)?;
    // The messenger has them before they are recorded.
    wait::until_state(
        "what was sent is in the figures",
        SOON,
        || consumption(address, token),
        |used| *used == sends,
    )?;
    program.stop()?;
    ensure!(
        platform.messenger.accepted()? == sends,
        "sent twice: {came}"
    );
    let found = violations(&reconcile(&platform.brand.data)?)?;
    ensure!(found.is_empty(), "{found:?}");
    publish(&came)
}

/// What the library's program printed.
fn library(brand: &Brand, address: SocketAddr, token: &str) -> Result<Value> {
    let (data, handle) = (&brand.data, &*brand.handle);
    let shown = admin(data, &["channel", "show", "--secret", "--account", handle])?;
    let channel = text(&shown, "channel_id")?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk");
    let output = Command::new(folder.join("python"))
        .arg(folder.join("operations.py"))
        .env("CHINGU_URL", format!("http://{address}"))
        .env("CHINGU_TOKEN", token)
        .env("CHINGU_CHANNEL_ID", channel)
        .env("CHINGU_ASSERTION", assertion(brand, address, channel)?)
        .env("CHINGU_CHANNEL_SECRET", text(&shown, "secret")?)
        .env("CHINGU_FRIENDS", FRIENDS.to_string())
        .output()?;
    if !output.status.success() {
        bail!("{}", words(&output));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Signed by a key that the owner registers; the library does not sign.
fn assertion(brand: &Brand, address: SocketAddr, channel: &str) -> Result<String> {
    let page = format!("/console/{}/settings/developers", brand.handle);
    let mut owner = Browser::of_member(address, brand, "owner")?;
    let key = SigningKey::generate();
    let jwk = key.jwk().to_string();
    let added = owner.post_form(&format!("{page}/keys"), &[("jwk", &jwk)])?;
    ensure!(added.status == 303, "{added:?}");
    let shown = owner.read(&page)?;
    let kid = between(&shown, "/developers/keys/", "/remove")?;
    let claims = json!({
        "iss": channel,
        "sub": channel,
        "aud": "https://api.line.me/",
        "exp": now().as_seconds() + 1_800,
        "token_exp": 86_400,
    });
    Ok(key.sign(&header(kid), &claims))
}

fn consumption(address: SocketAddr, token: &str) -> Result<u64> {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", &*bearer)];
    let path = "/v2/bot/message/quota/consumption";
    let answer = chingu_tests::http::request(address, "GET", path, &headers, "")?;
    let body: Value = serde_json::from_str(&answer.body)?;
    body["totalUsage"].as_u64().context("a sum")
}

fn publish(came: &Value) -> Result<()> {
    let counted = Came::read(&came["operations"])?;
    counted.expect_complete()?;
    let counts = counted.table();
    let mut table = Table::with_columns(&["operation", "ordinary client", "asynchronous client"]);
    let operations = came["operations"].as_object().context("operations")?;
    for (operation, by) in operations {
        table.add(vec![
            operation.clone(),
            text(by, CLIENTS[0])?.to_owned(),
            text(by, CLIENTS[1])?.to_owned(),
        ]);
    }
    let introduction = format!(
        "Every operation that `tests/sdk/operations.py` asks this server for, by LINE's own \
         library `line-bot-sdk` as PyPI has it, with the address changed and nothing else. Written \
         by `just sdk`.\n\n\
         Operations of LINE's specification that are answered as LINE documents it, in every way \
         they were asked for, by file. *Not offered* are those of products that are no part of an \
         official account here: groups, memberships, phone numbers, LIFF, modules, mission \
         stickers; they are refused in LINE's shape. `callback` of `webhook.yml` is what the \
         messenger asks of a brand. The asynchronous client cannot write a number into a form, so \
         it adds no file to an audience of any server's.\n\n{}\n\
         One by one, with what was refused as it should be:",
        counts.to_markdown()
    );
    table.publish(
        "sdk-python.md",
        "LINE's official Python library",
        &introduction,
    )?;
    counts.keep_in("README.md", "operations")
}
