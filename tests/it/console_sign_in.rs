//! The way into the console, and what every one of its answers carries.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::{Browser, PASSWORD, Page, add_member};
use chingu_tests::engine;
use chingu_tests::program::{Program, Recipe};
use chingu_tests::world::Brand;
use domain::time::Timestamp;
use store::Store;
use store::session::Session;
use tempfile::TempDir;

use crate::stage::now;

const EMAIL: &str = "hana@hanok.example";
const HOME: &str = "/console/@hanok";
/// As `directory` limits them.
const GUESSES: usize = 10;

#[test]
fn members_sign_in_and_out() {
    signed_in_and_out().unwrap();
}

#[test]
fn guesses_are_limited() {
    guessed().unwrap();
}

#[test]
fn a_session_ends_by_itself_and_by_a_new_password() {
    ended().unwrap();
}

#[test]
fn a_form_from_another_site_is_refused() {
    cross_site().unwrap();
}

#[test]
fn language_and_theme_are_kept_and_lead_nowhere_else() {
    preferences().unwrap();
}

#[test]
fn an_empty_database_says_what_to_do_first() {
    empty().unwrap();
}

#[test]
fn every_answer_carries_its_headers() {
    headers().unwrap();
}

#[test]
fn what_is_not_there_is_said_in_the_readers_language() {
    not_there().unwrap();
}

/// A console alone, with a brand and its owner.
struct World {
    brand: Brand,
    program: Program,
    // Dropped last.
    _folder: TempDir,
}

impl World {
    fn create() -> Result<Self> {
        let folder = TempDir::new()?;
        let recipe = recipe(&folder)?;
        let brand = Brand::open(&recipe.data, "@hanok")?;
        add_member(&brand, EMAIL, "owner")?;
        Ok(Self {
            brand,
            program: recipe.start()?,
            _folder: folder,
        })
    }

    fn address(&self) -> SocketAddr {
        self.program.address()
    }
}

fn recipe(folder: &TempDir) -> Result<Recipe> {
    let arguments = ["serve", "--no-demo", "--role", "console"];
    Recipe::new(folder.path(), "console", &arguments)
}

fn signed_in_and_out() -> Result<()> {
    let world = World::create()?;
    let mut browser = Browser::open(world.address())?;
    let asked = format!("{HOME}?x=y");
    let sent = browser.get(&asked)?;
    ensure!(sent.status == 303, "{sent:?}");
    let to = "/console/sign-in?back_to=/console/@hanok%3Fx%3Dy";
    ensure!(sent.location() == to, "{sent:?}");
    let form = browser.read(to)?;
    ensure!(form.contains(r#"value="/console/@hanok?x=y""#), "{form}");

    for (email, password) in [
        (EMAIL, "three words only"),
        (EMAIL, ""),
        ("nobody@hanok.example", PASSWORD),
        ("", ""),
        ("<b>@hanok.example", PASSWORD),
        (EMAIL, &"x".repeat(100_000)),
    ] {
        let fields = [("email", email), ("password", password)];
        let page = browser.post_form("/console/sign-in", &fields)?;
        ensure!(page.status == 422, "{email}: {page:?}");
        ensure!(page.body.contains(r#"role="alert""#), "{page:?}");
        ensure!(!page.body.contains("<b>"), "{page:?}");
        ensure!(browser.cookie("chingu_session").is_none());
    }

    let fields = [("email", EMAIL), ("password", PASSWORD), ("back_to", HOME)];
    let page = browser.post_form("/console/sign-in", &fields)?;
    ensure!(page.status == 303 && page.location() == HOME, "{page:?}");
    let cookie = page.header("set-cookie");
    ensure!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    ensure!(browser.read(HOME)?.contains("Hanok Coffee"));
    let entered = browser.get("/console")?;
    ensure!(entered.location() == HOME, "{entered:?}");

    let token = browser
        .cookie("chingu_session")
        .context("a cookie")?
        .to_owned();
    let out = browser.post_form("/console/sign-out", &[])?;
    ensure!(out.location() == "/console/sign-in", "{out:?}");
    // The session itself is over, not only the browser's memory of it.
    for token in [&*token, "", "0", &"ab".repeat(32), "not hexadecimal"] {
        browser.keep_cookie("chingu_session", token);
        ensure!(browser.get(HOME)?.status == 303, "{token}");
    }
    Ok(())
}

fn guessed() -> Result<()> {
    let world = World::create()?;
    let mut browser = Browser::open(world.address())?;
    let guess = |browser: &mut Browser, password: &str| -> Result<Page> {
        let fields = [("email", EMAIL), ("password", password)];
        browser.post_form("/console/sign-in", &fields)
    };
    for _ in 0..GUESSES {
        ensure!(guess(&mut browser, "a wrong guess")?.status == 422);
    }
    let page = guess(&mut browser, PASSWORD)?;
    ensure!(
        page.status == 422 && page.body.contains("15 min"),
        "{page:?}"
    );
    // A restart forgives nobody.
    let World {
        program,
        brand,
        _folder,
    } = world;
    let (_, recipe) = program.stop()?;
    let program = recipe.start()?;
    let mut browser = Browser::open(program.address())?;
    ensure!(guess(&mut browser, PASSWORD)?.status == 422);
    // Others are not kept out.
    add_member(&brand, "other@hanok.example", "owner")?;
    browser.sign_in("other@hanok.example", PASSWORD)?;
    Ok(())
}

fn ended() -> Result<()> {
    let world = World::create()?;
    let mut browser = Browser::open(world.address())?;
    browser.sign_in(EMAIL, PASSWORD)?;
    ensure!(browser.get(HOME)?.status == 200);
    tokio::runtime::Runtime::new()?.block_on(expire(&world.brand))?;
    ensure!(browser.get(HOME)?.status == 303, "an expired session");

    browser.sign_in(EMAIL, PASSWORD)?;
    ensure!(browser.get(HOME)?.status == 200);
    let arguments = ["member", "password", "--business", &world.brand.business];
    let arguments = [&arguments[..], &["--email", EMAIL]].concat();
    let password = "another four words";
    chingu_tests::shell::admin_with_input(&world.brand.data, &arguments, password)?;
    ensure!(browser.get(HOME)?.status == 303, "after a new password");
    let old = [("email", EMAIL), ("password", PASSWORD)];
    ensure!(browser.post_form("/console/sign-in", &old)?.status == 422);
    browser.sign_in(EMAIL, password)?;
    Ok(())
}

/// Lets the sessions of every member have ended a moment ago.
async fn expire(brand: &Brand) -> Result<()> {
    let store = Store::open(&engine::database(&brand.data)).await?;
    let business = brand.business.parse()?;
    let moment = now();
    for member in store.members_of_business(business).await? {
        for session in store.sessions_of(member.id, moment).await? {
            let mut write = store.write().await?;
            write.delete_session(session.token_hash).await?;
            let ended = Session {
                expires_at: Timestamp::from_millis(moment.as_millis() - 1),
                ..session
            };
            write.insert_session(&ended).await?;
            write.commit().await?;
        }
    }
    Ok(())
}

fn cross_site() -> Result<()> {
    let world = World::create()?;
    let mut browser = Browser::open(world.address())?;
    browser.sign_in(EMAIL, PASSWORD)?;
    let own = format!("http://{}", world.address());
    for (headers, status) in [
        (&[("Sec-Fetch-Site", "cross-site")][..], 403),
        (&[("Sec-Fetch-Site", "same-site")], 403),
        (&[("Origin", "https://evil.example")], 403),
        (&[("Origin", "null")], 403),
        (&[("Sec-Fetch-Site", "same-origin")], 303),
        (&[("Origin", &own)], 303),
        (&[], 303),
    ] {
        let fields = [("theme", "dark")];
        let page = browser.post_form_with("/console/preferences", &fields, headers)?;
        ensure!(page.status == status, "{headers:?}: {page:?}");
    }
    let headers = [("Sec-Fetch-Site", "cross-site")];
    browser.post_form_with("/console/sign-out", &[], &headers)?;
    ensure!(browser.get(HOME)?.status == 200, "still signed in");
    // Whoever follows a link from elsewhere only reads.
    ensure!(browser.get_with(HOME, &headers)?.status == 200);
    Ok(())
}

fn preferences() -> Result<()> {
    let world = World::create()?;
    let mut browser = Browser::open(world.address())?;
    for (header, language) in [
        ("ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("ja", "ja"),
        ("fr,de;q=0.5", "en"),
        ("*;q=∞,;;;", "en"),
    ] {
        let page = browser.get_with("/console/sign-in", &[("Accept-Language", header)])?;
        let wanted = format!(r#"<html lang="{language}""#);
        ensure!(page.body.contains(&wanted), "{header}: {page:?}");
    }
    let prefer = |browser: &mut Browser, fields: &[(&str, &str)]| -> Result<Page> {
        browser.post_form("/console/preferences", fields)
    };
    prefer(&mut browser, &[("language", "ja"), ("theme", "dark")])?;
    let page = browser.read("/console/sign-in")?;
    ensure!(
        page.contains(r#"<html lang="ja" data-theme="dark">"#),
        "{page}"
    );
    // What is no language and no theme changes nothing.
    prefer(&mut browser, &[("language", "tlh"), ("theme", "<b>")])?;
    let page = browser.read("/console/sign-in")?;
    ensure!(
        page.contains(r#"<html lang="ja" data-theme="dark">"#),
        "{page}"
    );
    for (back_to, led_to) in [
        (HOME, HOME),
        ("/console/sign-in", "/console/sign-in"),
        ("", "/console"),
        ("/", "/console"),
        ("//evil.example/console/", "/console"),
        ("https://evil.example/console", "/console"),
        ("/console/\\evil.example", "/console"),
        ("\\\\evil.example", "/console"),
        ("/console/\r\nLocation: https://evil.example", "/console"),
        ("javascript:alert(1)", "/console"),
        ("/console@evil.example", "/console"),
    ] {
        let page = prefer(&mut browser, &[("theme", "dark"), ("back_to", back_to)])?;
        ensure!(page.location() == led_to, "{back_to}: {page:?}");
        let fields = [
            ("email", EMAIL),
            ("password", PASSWORD),
            ("back_to", back_to),
        ];
        let page = browser.post_form("/console/sign-in", &fields)?;
        ensure!(page.location() == led_to, "{back_to}: {page:?}");
    }
    Ok(())
}

fn empty() -> Result<()> {
    let folder = TempDir::new()?;
    let program = recipe(&folder)?.start()?;
    let mut browser = Browser::open(program.address())?;
    ensure!(browser.get("/")?.location() == "/console");
    let page = browser.read("/console")?;
    for command in [
        "business create",
        "account create",
        "member create",
        "top-up",
    ] {
        ensure!(page.contains(&format!("chingu admin {command}")), "{page}");
    }
    // Nobody can sign in, and it is said as to everybody else.
    let fields = [("email", EMAIL), ("password", PASSWORD)];
    ensure!(browser.post_form("/console/sign-in", &fields)?.status == 422);
    let brand = Brand::open(&program.recipe().data.clone(), "@hanok")?;
    ensure!(browser.get("/console")?.location() == "/console/sign-in");
    add_member(&brand, EMAIL, "owner")?;
    browser.sign_in(EMAIL, PASSWORD)?;
    Ok(())
}

fn headers() -> Result<()> {
    let world = World::create()?;
    let mut browser = Browser::of_member(world.address(), &world.brand, "analyst")?;
    let mut pages = Vec::new();
    for path in [
        "/",
        "/console",
        "/console/sign-in",
        HOME,
        "/console/@nobody",
        "/nowhere",
    ] {
        pages.push((path, browser.get(path)?));
    }
    pages.push((
        "a wrong password",
        browser.post_form("/console/sign-in", &[])?,
    ));
    let elsewhere = [("Origin", "https://evil.example")];
    let refused = browser.post_form_with("/console/sign-out", &[], &elsewhere)?;
    pages.push(("from another site", refused));
    let unreadable = browser.post_body("/console/sign-in", "text/plain", b"\xff".to_vec())?;
    ensure!(unreadable.status == 415, "{unreadable:?}");
    pages.push(("no form", unreadable));
    let long = browser.post_body(
        "/console/sign-in",
        "application/x-www-form-urlencoded",
        vec![b'x'; 2 * 1024 * 1024],
    );
    if let Ok(long) = long {
        ensure!(long.status == 413, "{long:?}");
        pages.push(("a long form", long));
    }
    for (name, page) in &pages {
        let policy = page.header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
        ] {
            ensure!(policy.contains(rule), "{name}: {page:?}");
        }
        ensure!(!policy.contains("unsafe"), "{name}: {policy}");
        ensure!(page.header("x-content-type-options") == "nosniff", "{name}");
        ensure!(page.header("cache-control") == "no-store", "{name}");
        ensure!(page.header("referrer-policy") == "same-origin", "{name}");
        // Nothing inline that such a policy would stop.
        for inline in ["<style", "style=\"", "onclick=", "<script>", "javascript:"] {
            ensure!(!page.body.contains(inline), "{name}: {inline}");
        }
    }
    files(&mut browser)
}

/// What a page loads is kept for ever, for its address changes with it.
fn files(browser: &mut Browser) -> Result<()> {
    let page = browser.get(HOME)?;
    let style = page.between(r#"<link rel="stylesheet" href=""#, "\"")?;
    let file = browser.get(style)?;
    ensure!(file.status == 200, "{style}: {}", file.status);
    ensure!(
        file.header("cache-control").contains("immutable"),
        "{style}"
    );
    ensure!(
        file.header("content-type").starts_with("text/css"),
        "{style}"
    );
    let bare = style.split('?').next().unwrap_or_default();
    ensure!(browser.get(bare)?.header("cache-control") == "no-cache");
    for path in [
        "/static/",
        "/static/nothing.css",
        "/static/..%2flocales/ko/frame.ftl",
    ] {
        ensure!(browser.get(path)?.status == 404, "{path}");
    }
    Ok(())
}

fn not_there() -> Result<()> {
    let world = World::create()?;
    let neighbour = world.brand.data.clone();
    Brand::open(&neighbour, "@neighbour")?;
    let mut browser = Browser::open(world.address())?;
    browser.sign_in(EMAIL, PASSWORD)?;
    for (language, words) in [
        ("ko", "찾을 수 없는 페이지예요"),
        ("ja", "ページが見つかりません"),
        ("en", "There is no such page"),
    ] {
        browser.keep_cookie("chingu_language", language);
        for path in [
            "/nowhere",
            "/console/@nobody",
            // Of another business: as if it were not there.
            "/console/@neighbour",
            "/console/@",
            "/console/%FF",
            "/console/@hanok/nothing",
        ] {
            let page = browser.get(path)?;
            ensure!(page.status == 404, "{path}: {page:?}");
            ensure!(page.body.contains(words), "{language} {path}: {page:?}");
            ensure!(
                page.body.contains(&format!(r#"lang="{language}""#)),
                "{page:?}"
            );
        }
    }
    Ok(())
}
