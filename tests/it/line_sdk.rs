//! LINE's official Python library against the running server, the address changed and nothing else:
//! every operation by the ordinary and by the asynchronous client, and what they sent in the books.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::{admin, reconcile, text, words};
use chingu_tests::table::Table;
use chingu_tests::verdict::violations;
use chingu_tests::wait;
use chingu_tests::world::Brand;
use serde_json::Value;

use crate::stage::SOON;
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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk");
    let output = Command::new(folder.join("python"))
        .arg(folder.join("operations.py"))
        .env("CHINGU_URL", format!("http://{address}"))
        .env("CHINGU_TOKEN", token)
        .env("CHINGU_CHANNEL_ID", text(&shown, "channel_id")?)
        .env("CHINGU_CHANNEL_SECRET", text(&shown, "secret")?)
        .env("CHINGU_FRIENDS", FRIENDS.to_string())
        .output()?;
    if !output.status.success() {
        bail!("{}", words(&output));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
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
    let mut table = Table::with_columns(&["operation", "ordinary client", "asynchronous client"]);
    let operations = came["operations"].as_object().context("operations")?;
    for (operation, by) in operations {
        table.add(vec![
            operation.clone(),
            text(by, "ordinary")?.to_owned(),
            text(by, "asynchronous")?.to_owned(),
        ]);
    }
    table.publish(
        "sdk-python.md",
        "LINE's official Python library",
        "Every operation that `tests/sdk/operations.py` asks this server for, by LINE's own \
         library `line-bot-sdk` as PyPI has it, with the address changed and nothing else. Written \
         by `just sdk`.",
    )
}
