//! One of everything that routes of the console name, made by its pages where it has some.

use anyhow::{Context, Result, ensure};
use chingu_tests::console::Browser;
use chingu_tests::engine;
use chingu_tests::shell::{admin, text};
use chingu_tests::wait::until_state;
use chingu_tests::world::Brand;
use domain::time::Timestamp;
use serde_json::{Value, json};
use store::Store;
use testkit::assertion::SigningKey;

use super::{FRIENDS, THEIRS, marked, wait_for};
use crate::stage::{SOON, now};

const MONTH_MS: i64 = 30 * 86_400_000;

/// Campaigns of a brand in the states that pages know.
pub(super) fn campaigns(brand: &Brand, owner: &mut Browser) -> Result<Vec<String>> {
    let create = |name: &str, flags: &[&str]| -> Result<String> {
        let name = marked(&brand.handle, name);
        let words = marked(&brand.handle, "(광고) 안녕하세요");
        let messages = format!(r#"[{{"type":"text","text":"{words}"}}]"#);
        let campaign = ["campaign", "create", "--account", &brand.handle];
        let said = ["--name", &name, "--messages", &messages];
        let created = admin(&brand.data, &[&campaign[..], &said, flags].concat())?;
        Ok(text(&created, "id")?.to_owned())
    };
    let closed = create("closed", &[])?;
    let paused = create("paused", &["--rate", "1"])?;
    let cancelled = create("cancelled", &["--rate", "1"])?;
    for launched in [&closed, &paused, &cancelled] {
        brand.launch(launched)?;
    }
    for running in [&paused, &cancelled] {
        wait_for(brand, running, "running")?;
    }
    admin(&brand.data, &["campaign", "pause", &paused])?;
    admin(&brand.data, &["campaign", "cancel", &cancelled])?;
    let later = Timestamp::from_millis(now().as_millis() + MONTH_MS).to_string();
    let later = format!("{} 09:00", &later[..10]);
    let scheduled = create("scheduled", &["--at", &later])?;
    let approved = create("approved", &[])?;
    let begun = owner.post_form(&format!("/console/{}/campaigns", brand.handle), &[])?;
    let draft = begun
        .location()
        .split('/')
        .find(|part| part.starts_with("cmp_"));
    let draft = draft
        .with_context(|| format!("a draft begins: {begun:?}"))?
        .to_owned();
    wait_for(brand, &closed, "closed")?;
    Ok(vec![draft, closed, paused, cancelled, scheduled, approved])
}

/// A file that waits for its columns to be named, and the one the friends came from.
pub(super) fn imports(handle: &str, owner: &mut Browser) -> Result<Vec<String>> {
    let page = format!("/console/{handle}/friends/import");
    let name = marked(handle, "more");
    let body = format!(
        "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}.csv\"\r\n\r\n\
         user_key,{name}\r\nU0,{name}\r\n--b--\r\n"
    );
    let sent = owner.post_body(&page, "multipart/form-data; boundary=b", body.into_bytes())?;
    ensure!(sent.status == 303, "{sent:?}");
    let list = owner.read(&page)?;
    let ids = list.split("/friends/import/imp_").skip(1).map(|rest| {
        let end = rest.find('"').unwrap_or(rest.len());
        format!("imp_{}", &rest[..end])
    });
    let ids: Vec<String> = ids.collect();
    ensure!(ids.len() == 2, "{ids:?}");
    Ok(ids)
}

/// A key that the brand's programs sign with.
pub(super) fn assertion_keys(handle: &str, owner: &mut Browser) -> Result<Vec<String>> {
    let page = format!("/console/{handle}/settings/developers");
    let jwk = SigningKey::generate().jwk().to_string();
    let sent = owner.post_form(&format!("{page}/keys"), &[("jwk", &jwk)])?;
    ensure!(sent.status == 303, "{sent:?}");
    let kid = owner
        .get(&page)?
        .between("/developers/keys/", "/remove")?
        .to_owned();
    Ok(vec![kid])
}

/// A form of several parts, sent to a page; the last part of the address that it leads to.
fn made(owner: &mut Browser, page: &str, fields: &[(&str, &str)], file: &[u8]) -> Result<String> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let head = format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend(head.bytes().chain(value.bytes()).chain(*b"\r\n"));
    }
    body.extend(
        b"--b\r\ncontent-disposition: form-data; name=\"picture\"; filename=\"a.png\"\r\n\r\n",
    );
    body.extend(file);
    body.extend(b"\r\n--b--\r\n");
    let sent = owner.post_body(page, "multipart/form-data; boundary=b", body)?;
    ensure!(sent.status == 303, "{sent:?}");
    let path = sent.location().split('?').next().unwrap_or_default();
    let id = path.rsplit('/').next().context("an id")?;
    Ok(id.to_owned())
}

/// An audience group without anybody in it.
pub(super) fn group(handle: &str, browser: &mut Browser, token: &str) -> Result<String> {
    let body = json!({"description": marked(handle, "regulars")});
    let made = browser.post_body_with(
        "/v2/bot/audienceGroup/upload",
        "application/json",
        body.to_string().into_bytes(),
        &[("authorization", &format!("Bearer {token}"))],
    )?;
    let made: Value = serde_json::from_str(&made.body)?;
    Ok(made["audienceGroupId"].to_string())
}

/// A rich menu that everybody sees.
pub(super) fn rich_menu(handle: &str, owner: &mut Browser) -> Result<String> {
    let name = marked(handle, "menu");
    let fields = [
        ("layout", "compact-one"),
        ("name", name.as_str()),
        ("bar", "Menu"),
        ("open", "1"),
        ("area-0-kind", "message"),
        ("area-0", "hello"),
    ];
    let page = format!("/console/{handle}/menus");
    let id = made(owner, &page, &fields, &testkit::png::plain(2_500, 843))?;
    let shown = owner.post_form(&format!("{page}/{id}/default"), &[("on", "1")])?;
    ensure!(shown.status == 303, "{shown:?}");
    Ok(id)
}

pub(super) fn coupon(handle: &str, owner: &mut Browser) -> Result<String> {
    let title = marked(handle, "coupon");
    let fields = [
        ("title", title.as_str()),
        ("reward", "percent"),
        ("worth", "20"),
        ("from", "2026-01-01T00:00"),
        ("until", "2099-01-01T00:00"),
    ];
    let picture = testkit::png::plain(64, 64);
    made(
        owner,
        &format!("/console/{handle}/coupons"),
        &fields,
        &picture,
    )
}

/// Public ids of a brand's friends: those of one import follow each other.
pub(super) fn friends(brand: &Brand, handle: &str) -> Result<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = Store::open(&engine::database(&brand.data)).await?;
        let first = if handle == THEIRS {
            1
        } else {
            FRIENDS as u32 + 1
        };
        let snapshot = store.snapshot().await?;
        let ids = snapshot.user_ids(&[first, first + 1]).await?;
        snapshot.end().await?;
        store.close().await?;
        Ok(ids.iter().map(ToString::to_string).collect())
    })
}

/// Where a brand's program would be told.
pub(crate) fn endpoint(handle: &str) -> String {
    let host = marked(handle, "hook").replace(' ', "-");
    format!("https://{host}.invalid/hook")
}

/// Somebody new comes by the account's link: what its program is told of.
pub(crate) fn befriend(handle: &str, browser: &mut Browser) -> Result<()> {
    let path = format!("/messenger/add/{handle}");
    let page = browser.get(&path)?;
    let wording = page.between("name=\"wording\" value=\"", "\"")?.to_owned();
    let name = marked(handle, "새 친구");
    let fields = [("who", "new"), ("name", &*name), ("wording", &*wording)];
    let added = browser.post_form(&path, &fields)?;
    ensure!(added.status == 303, "{added:?}");
    Ok(())
}

/// An event that waits for the brand's program, which is nowhere.
pub(super) fn webhook_event(handle: &str, owner: &mut Browser) -> Result<String> {
    let page = format!("/console/{handle}/settings/webhooks");
    let url = endpoint(handle);
    let fields = [("url", &*url), ("active", "1")];
    let set = owner.post_form(&page, &fields)?;
    ensure!(set.status == 303, "{set:?}");
    befriend(handle, owner)?;
    let log = "/settings/webhooks/log/";
    let shown = until_state(
        "an event of the webhook",
        SOON,
        || owner.read(&page),
        |page| page.contains(log),
    )?;
    let id = shown
        .split(log)
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    Ok(id.context("an id")?.to_owned())
}
