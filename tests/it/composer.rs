//! The composer through its front door: drafts begin, are saved, fought over, copied and thrown
//! away, and nothing wrong that is sent to it does any harm.

use anyhow::{Context, Result, ensure};
use chingu_tests::console::{Browser, Page};
use chingu_tests::program::{Program, Recipe};
use chingu_tests::world::{Brand, Wishes};
use serde_json::Value;
use tempfile::TempDir;

const CAMPAIGNS: &str = "/console/@hanok/campaigns";

#[test]
fn a_draft_begins_and_is_written() {
    written().unwrap();
}

#[test]
fn buttons_work_without_script() {
    without_script().unwrap();
}

#[test]
fn nobodys_words_vanish_under_anothers() {
    in_conflict().unwrap();
}

#[test]
fn drafts_are_copied_and_thrown_away() {
    copied_and_discarded().unwrap();
}

#[test]
fn what_was_finished_elsewhere_is_taken_back() {
    reopened().unwrap();
}

#[test]
fn what_is_wrong_is_said_and_kept() {
    bad_input().unwrap();
}

#[test]
fn other_businesses_and_other_roles_find_nothing() {
    kept_out().unwrap();
}

/// A console alone, with a brand and a composer at its desk.
struct World {
    brand: Brand,
    program: Program,
    browser: Browser,
    // Dropped last.
    _folder: TempDir,
}

impl World {
    fn create() -> Result<Self> {
        let folder = TempDir::new()?;
        let arguments = ["serve", "--no-demo", "--role", "console"];
        let recipe = Recipe::new(folder.path(), "console", &arguments)?;
        let brand = Brand::open(&recipe.data, "@hanok")?;
        let program = recipe.start()?;
        let mut browser = Browser::of_member(program.address(), &brand, "composer")?;
        browser.keep_cookie("chingu_language", "en");
        Ok(Self {
            brand,
            program,
            browser,
            _folder: folder,
        })
    }

    /// Begins a draft: the address of its message step.
    fn begin(&mut self) -> Result<String> {
        let begun = self.browser.post_form(CAMPAIGNS, &[])?;
        ensure!(begun.status == 303, "{begun:?}");
        Ok(begun.location().to_owned())
    }

    /// Saves as the page's script does.
    fn autosave(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<(u16, Value)> {
        let headers = [("Accept", "application/json")];
        let page = self.browser.post_form_with(path, fields, &headers)?;
        let answer = serde_json::from_str(&page.body).with_context(|| page.body.clone())?;
        Ok((page.status, answer))
    }
}

fn card<'a>(version: &'a str, window: &'a str, text: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("version", version),
        ("window", window),
        ("name", "Autumn"),
        ("purpose", "promotion"),
        ("cards[0].kind", "text"),
        ("cards[0].text", text),
    ]
}

fn written() -> Result<()> {
    let mut world = World::create()?;
    let path = world.begin()?;
    ensure!(path.ends_with("/message"), "{path}");
    let page = world.browser.read(&path)?;
    for expected in [
        r#"<textarea class="textarea" rows="5" id="cards[0].text""#,
        r#"data-save-state="saved""#,
        r#"data-counter="cards[0].text""#,
        r#"id="preview""#,
        r#"name="version" value="1""#,
        "0 / 5,000",
        "(광고)",
    ] {
        ensure!(page.contains(expected), "no {expected} in {page}");
    }
    let text = "한옥마켓 <b>이불</b>\r\n🛏️";
    let (status, answer) = world.autosave(&path, &card("1", "w1", text))?;
    ensure!(status == 200 && answer["state"] == "saved", "{answer}");
    ensure!(answer["version"] == 2, "{answer}");
    ensure!(answer["lints"] == serde_json::json!({}), "{answer}");
    let drawn = answer["preview"].as_str().context("a preview")?;
    ensure!(drawn.contains("한옥마켓 &#60;b&#62;이불"), "{drawn}");
    // The same window goes on though an answer was lost.
    let (_, answer) = world.autosave(&path, &card("1", "w1", "나중 글"))?;
    ensure!(answer["version"] == 3, "{answer}");
    let page = world.browser.read(&path)?;
    ensure!(page.contains("\n나중 글</textarea>"), "{page}");
    ensure!(
        page.contains("4 / 5,000") && page.contains("Autumn"),
        "{page}"
    );
    Ok(())
}

fn without_script() -> Result<()> {
    let mut world = World::create()?;
    let path = world.begin()?;
    let mut fields = card("1", "", "글");
    fields.push(("act", "add buttons"));
    let added = world.browser.post_form(&path, &fields)?;
    let place = format!("{path}#cards%5B1%5D");
    ensure!(
        added.status == 303 && added.location() == place,
        "{added:?}"
    );
    let page = world.browser.read(&path)?;
    ensure!(
        page.contains(r#"name="cards[1].buttons[0].label""#),
        "{page}"
    );
    // What is missing is said when somebody wants to go on, and everything typed is kept.
    let mut fields = card("2", "", "첫 글");
    fields.extend([
        ("cards[1].kind", "buttons"),
        ("cards[1].text", "둘째 글"),
        ("cards[1].buttons[0].label", ""),
        ("cards[1].buttons[0].kind", "uri"),
        ("cards[1].buttons[0].value", "javascript:alert(1)"),
        ("act", "next"),
    ]);
    let refused = world.browser.post_form(&path, &fields)?;
    ensure!(refused.status == 422, "{refused:?}");
    for expected in [
        r##"<a href="#cards[1].buttons[0].label">"##,
        "javascript:alert(1)",
        "첫 글",
        "Only addresses that begin with",
        "This is still empty",
    ] {
        ensure!(refused.body.contains(expected), "{expected}: {refused:?}");
    }
    let place = fields.iter().position(|(name, _)| *name == "version");
    fields[place.context("a version")?].1 = "3";
    for (name, value) in &mut fields {
        match *name {
            "cards[1].buttons[0].label" => *value = "보기",
            "cards[1].buttons[0].value" => *value = "https://hanok.example/",
            _ => {}
        }
    }
    let on = world.browser.post_form(&path, &fields)?;
    ensure!(on.location().ends_with("/audience"), "{on:?}");
    Ok(())
}

fn in_conflict() -> Result<()> {
    let mut world = World::create()?;
    let path = world.begin()?;
    let (_, answer) = world.autosave(&path, &card("1", "there", "저쪽 글"))?;
    ensure!(answer["version"] == 2, "{answer}");
    let (status, answer) = world.autosave(&path, &card("1", "here", "이쪽 글"))?;
    ensure!(status == 409 && answer["state"] == "conflict", "{answer}");
    let banner = answer["conflict"].as_str().context("a banner")?;
    for expected in ["data-conflict", "저쪽 글", r#"value="keep 2""#, "김하나"] {
        ensure!(banner.contains(expected), "{expected}: {banner}");
    }
    ensure!(world.browser.read(&path)?.contains("저쪽 글"));
    // Without script the page comes back with mine in the field and theirs beside it.
    let page = world.browser.post_form(&path, &card("1", "", "이쪽 글"))?;
    ensure!(page.status == 409, "{page:?}");
    ensure!(page.body.contains("\n이쪽 글</textarea>"), "{page:?}");
    ensure!(page.body.contains("data-keep-mine"), "{page:?}");
    let mut fields = card("1", "", "이쪽 글");
    fields.push(("act", "keep 2"));
    let kept = world.browser.post_form(&path, &fields)?;
    ensure!(kept.status == 303, "{kept:?}");
    ensure!(world.browser.read(&path)?.contains("\n이쪽 글</textarea>"));
    Ok(())
}

fn copied_and_discarded() -> Result<()> {
    let mut world = World::create()?;
    let path = world.begin()?;
    world.autosave(&path, &card("1", "w", "가을 이불"))?;
    let draft = path.trim_end_matches("/message").to_owned();
    let copy = world.browser.post_form(&format!("{draft}/copy"), &[])?;
    let copied = copy
        .location()
        .split('?')
        .next()
        .unwrap_or_default()
        .to_owned();
    ensure!(copy.status == 303 && copied != path, "{copy:?}");
    let page = world.browser.read(&copied)?;
    ensure!(
        page.contains("가을 이불") && page.contains("Autumn (copy)"),
        "{page}"
    );

    let gone = world.browser.post_form(&format!("{draft}/discard"), &[])?;
    let list = format!("{CAMPAIGNS}?done=done-discarded");
    ensure!(gone.location() == list, "{gone:?}");
    let twice = world.browser.post_form(&format!("{draft}/discard"), &[])?;
    ensure!(twice.location() == list, "{twice:?}");
    // It is no draft any more: the campaign's own page says what it is.
    let page = world.browser.get(&path)?;
    ensure!(page.status == 303 && page.location() == draft, "{page:?}");
    let (status, answer) = world.autosave(&path, &card("2", "w", "늦은 글"))?;
    ensure!(status == 409 && answer["state"] == "refused", "{answer}");
    let reopened = world.browser.post_form(&format!("{draft}/reopen"), &[])?;
    ensure!(reopened.status == 409, "{reopened:?}");
    ensure!(reopened.body.contains("copy it"), "{reopened:?}");
    // What was thrown away can still be copied, and a draft is reopened as it is.
    let copy = world.browser.post_form(&format!("{draft}/copy"), &[])?;
    ensure!(copy.status == 303, "{copy:?}");
    let draft = copied.trim_end_matches("/message");
    let reopened = world.browser.post_form(&format!("{draft}/reopen"), &[])?;
    ensure!(reopened.location() == copied, "{reopened:?}");
    Ok(())
}

fn reopened() -> Result<()> {
    let mut world = World::create()?;
    let wishes = Wishes {
        rate: Some(70),
        audience: None,
    };
    let id = world.brand.campaign("Tea", wishes)?;
    let path = format!("{CAMPAIGNS}/{id}");
    let finished = world.browser.get(&format!("{path}/message"))?;
    ensure!(finished.location() == path, "{finished:?}");
    let back = world.browser.post_form(&format!("{path}/reopen"), &[])?;
    let to = format!("{path}/message?done=done-reopened");
    ensure!(back.location() == to, "{back:?}");
    let state = world.brand.show(&id)?["state"].clone();
    ensure!(state == "draft", "{state}");
    let page = world.browser.read(&format!("{path}/message"))?;
    for expected in [
        r#"value="Tea""#,
        r#"data-item="cards[0]" data-kind="text""#,
        r#"name="version" value="0""#,
    ] {
        ensure!(page.contains(expected), "no {expected} in {page}");
    }
    let copy = world.browser.post_form(&format!("{path}/copy"), &[])?;
    let copied = copy.location().split('?').next().unwrap_or_default();
    ensure!(world.browser.read(copied)?.contains("Tea (copy)"));
    // Its speed came along.
    let schedule = copied.replace("/message", "/schedule");
    ensure!(world.browser.read(&schedule)?.contains(r#"value="70""#));
    Ok(())
}

fn bad_input() -> Result<()> {
    let mut world = World::create()?;
    let path = world.begin()?;
    let long = "가".repeat(5_001);
    let json = [
        ("cards[0].kind", "json"),
        ("cards[0].json", "{\n \"type\": bubble"),
    ];
    type Fields<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Fields<'_>, &str, &str); 5] = [
        (&json, "cards[0].json", "line 2"),
        (
            &[("cards[0].text", &long)],
            "cards[0].text",
            "At most 5,000",
        ),
        (
            &[
                ("cards[0].kind", "image"),
                ("cards[0].image", "http://a.example/b.png"),
            ],
            "cards[0].image",
            "https",
        ),
        (&[("cards[5].text", "여섯째")], "cards", "1 to 5 messages"),
        (
            &[("cards[0].text", "(광고) 이불")],
            "cards[0].text",
            "label is added",
        ),
    ];
    for (fields, field, words) in cases {
        let mut sent = vec![("version", "1"), ("window", "w"), ("name", "Autumn")];
        sent.extend(fields);
        let (status, answer) = world.autosave(&path, &sent)?;
        ensure!(
            status == 200 && answer["state"] == "saved",
            "{fields:?}: {answer}"
        );
        let said = answer["lints"][field][1].as_str().unwrap_or_default();
        ensure!(said.contains(words), "{field}: {answer}");
    }
    let large = "x".repeat(600 * 1024);
    for (fields, status) in [
        (&[("cards[0].kind", "hologram")][..], 400),
        (&[("cards[20].text", "x")], 400),
        (&[("unknown", "x")], 400),
        (&[("version", "many")], 400),
        (&[("cards[0].text", &large)], 400),
    ] {
        let (answered, answer) = world.autosave(&path, fields)?;
        ensure!(
            answered == status && answer["state"] == "refused",
            "{answer}"
        );
        let page = world.browser.post_form(&path, fields)?;
        ensure!(page.status == status, "{page:?}");
    }
    let huge = format!("name={}", "x".repeat(2 * 1024 * 1024));
    let form = "application/x-www-form-urlencoded";
    // Its connection is closed under it, so that it has a browser of its own.
    let mut other = Browser::of_member(world.program.address(), &world.brand, "manager")?;
    if let Ok(page) = other.post_body(&path, form, huge.into_bytes()) {
        ensure!(page.status == 413, "{page:?}");
    }
    let words = Page::between(&world.browser.get(&path)?, "<h1 data-name>", "</h1>")?.to_owned();
    ensure!(words == "Autumn", "{words}");
    Ok(())
}

fn kept_out() -> Result<()> {
    let mut world = World::create()?;
    let path = world.begin()?;
    let draft = path.trim_end_matches("/message").to_owned();
    let data = world.program.recipe().data.clone();
    let neighbour = Brand::open(&data, "@neighbour")?;
    let address = world.program.address();
    let mut other = Browser::of_member(address, &neighbour, "owner")?;
    let through = draft.replace("@hanok", "@neighbour");
    for at in [&draft, &through] {
        ensure!(other.get(&format!("{at}/message"))?.status == 404, "{at}");
        for verb in ["message", "copy", "reopen", "discard"] {
            let page = other.post_form(&format!("{at}/{verb}"), &card("1", "w", "훔친 글"))?;
            ensure!(page.status == 404, "{at}/{verb}: {page:?}");
        }
    }
    for id in ["cmp_0", "cmp_", "nonsense", "usr_01jd3h"] {
        let page = world.browser.get(&format!("{CAMPAIGNS}/{id}/message"))?;
        ensure!(page.status == 404, "{id}: {page:?}");
    }
    let mut analyst = Browser::of_member(address, &world.brand, "analyst")?;
    ensure!(analyst.post_form(CAMPAIGNS, &[])?.status == 403);
    ensure!(analyst.get(&path)?.status == 403);
    ensure!(analyst.post_form(&format!("{draft}/discard"), &[])?.status == 403);
    ensure!(!world.browser.read(&path)?.contains("훔친 글"));
    Ok(())
}
