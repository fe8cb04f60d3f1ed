//! The pages of friends: who is found, one friend's page, tags, and files taken in.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::{Browser, Page, between};
use chingu_tests::draw::Draw;
use chingu_tests::program::{Program, Recipe};
use chingu_tests::wait;
use chingu_tests::world::Brand;
use tempfile::TempDir;
use testkit::friends_csv::{BROKEN_KINDS, friends_csv};

const FRIENDS: &str = "/console/@hanok/friends";
const IMPORT: &str = "/console/@hanok/friends/import";
const SOON: Duration = Duration::from_secs(30);
const BOUNDARY: &str = "a-boundary-of-this-test";

#[test]
fn everybody_is_listed_once_and_found_again() {
    listed().unwrap();
}

#[test]
fn a_friends_page_shows_them_and_their_tags_change() {
    one_friend().unwrap();
}

#[test]
fn what_is_not_theirs_is_not_there_and_roles_hold() {
    strangers().unwrap();
}

#[test]
fn files_that_are_none_of_friends_are_refused_in_words() {
    bad_files().unwrap();
}

#[test]
fn a_file_of_other_columns_is_mapped_and_taken_in() {
    mapped().unwrap();
}

#[test]
fn a_killed_import_goes_on_and_tells_every_refused_row() {
    killed().unwrap();
}

#[test]
fn a_link_has_its_code() {
    link().unwrap();
}

struct World {
    brand: Brand,
    program: Program,
    // Dropped last.
    _folder: TempDir,
}

impl World {
    fn create(friends: u64) -> Result<Self> {
        let folder = TempDir::new()?;
        let recipe = recipe(&folder)?;
        let mut draw = Draw::seeded("console-friends", 6);
        let brand = match friends {
            0 => Brand::open(&recipe.data, "@hanok")?,
            friends => Brand::create(&recipe.data, "@hanok", friends, &mut draw)?,
        };
        Ok(Self {
            brand,
            program: recipe.start()?,
            _folder: folder,
        })
    }

    fn address(&self) -> SocketAddr {
        self.program.address()
    }

    fn owner(&self) -> Result<Browser> {
        Browser::of_member(self.address(), &self.brand, "owner")
    }
}

fn recipe(folder: &TempDir) -> Result<Recipe> {
    let arguments = ["serve", "--no-demo", "--role", "console,jobs"];
    Recipe::new(folder.path(), "console", &arguments)
}

/// The addresses of friends on a page, in its order.
fn friends_on(page: &str) -> Vec<String> {
    let links = page.split("href=\"").skip(1);
    let paths = links.filter_map(|rest| rest.split('"').next());
    paths
        .filter(|path| path.contains("/friends/usr_"))
        .map(str::to_owned)
        .collect()
}

/// Everybody a search finds, page by page.
fn all_of(browser: &mut Browser, search: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut path = format!("{FRIENDS}{search}");
    loop {
        let page = browser.read(&path)?;
        found.extend(friends_on(&page));
        match between(&page, "rel=\"next\" href=\"", "#list\"") {
            Ok(next) => path = next.replace("&amp;", "&").replace("&#38;", "&"),
            Err(_) => return Ok(found),
        }
    }
}

fn listed() -> Result<()> {
    const MANY: u64 = 230;
    let world = World::create(MANY)?;
    let mut browser = world.owner()?;
    let everybody = all_of(&mut browser, "")?;
    let different: BTreeSet<&String> = everybody.iter().collect();
    ensure!(everybody.len() as u64 == MANY, "{}", everybody.len());
    ensure!(different.len() == everybody.len(), "somebody twice");
    let reachable = all_of(&mut browser, "?state=reachable")?;
    let others = all_of(&mut browser, "?state=without_consent")?;
    ensure!(reachable.len() as u64 == world.brand.reachable);
    ensure!(reachable.len() + others.len() == everybody.len());
    ensure!(all_of(&mut browser, "?state=blocked")?.is_empty());
    let page = browser.read(FRIENDS)?;
    let name = between(&page, "/friends/usr_", "</a>")?;
    let name = name.split_once('>').context("a name")?.1;
    let query = chingu_tests::console::percent_encoded(name);
    let named = all_of(&mut browser, &format!("?q={query}"))?;
    ensure!(!named.is_empty() && named.iter().all(|path| different.contains(path)));
    let id = everybody[3].rsplit('/').next().context("an id")?;
    ensure!(all_of(&mut browser, &format!("?q={id}"))? == [everybody[3].clone()]);
    let nobody = browser.read(&format!("{FRIENDS}?q=%3Cb%3E&tag=%27&region=%00&source=x"))?;
    ensure!(!nobody.contains("<b>") && friends_on(&nobody).is_empty());
    for wrong in ["?after=usr_1", "?after=x"] {
        ensure!(browser.get(&format!("{FRIENDS}{wrong}"))?.status == 404);
    }
    let csv = browser.read("/console/@hanok/friends.csv?state=reachable")?;
    ensure!(csv.lines().count() == 1 + reachable.len(), "{csv}");
    Ok(())
}

fn one_friend() -> Result<()> {
    let world = World::create(3)?;
    let mut browser = world.owner()?;
    let path = all_of(&mut browser, "")?.remove(0);
    let page = browser.read(&path)?;
    ensure!(page.contains("class=\"trail\""), "{page}");
    for tag in ["VIP", "단골", "VIP"] {
        let done = browser.post_form(&format!("{path}/tags"), &[("tag", tag)])?;
        ensure!(
            done.location() == format!("{path}?done=done-tag-added"),
            "{done:?}"
        );
    }
    ensure!(all_of(&mut browser, "?tag=VIP")? == std::slice::from_ref(&path));
    for wrong in ["", "a|b", "\u{7}", &"x".repeat(33)] {
        let page = browser.post_form(&format!("{path}/tags"), &[("tag", wrong)])?;
        ensure!(
            page.status == 422 && page.body.contains("id=\"tag-error\""),
            "{page:?}"
        );
    }
    let removed = browser.post_form(&format!("{path}/tags/remove"), &[("tag", "VIP")])?;
    ensure!(removed.status == 303, "{removed:?}");
    ensure!(all_of(&mut browser, "?tag=VIP")?.is_empty());
    ensure!(browser.read(&path)?.contains("단골"));
    Ok(())
}

fn strangers() -> Result<()> {
    let world = World::create(2)?;
    let mut owner = world.owner()?;
    let path = all_of(&mut owner, "")?.remove(0);
    let import = uploaded(&mut owner, "a.csv", b"user_key\nkim\n")?;
    let other = Brand::open(&world.brand.data, "@other")?;
    let mut stranger = Browser::of_member(world.address(), &other, "owner")?;
    let (theirs, import_theirs) = (
        path.replace("@hanok", "@other"),
        import.replace("@hanok", "@other"),
    );
    for path in [&path, &theirs, &import, &import_theirs] {
        ensure!(stranger.get(path)?.status == 404, "{path}");
    }
    let no_import = "/console/@other/friends/import/imp_00000000000000000000000000";
    ensure!(stranger.get(no_import)?.status == 404);
    let posts = [
        (format!("{theirs}/tags"), "tag"),
        (import_theirs.clone(), "column-0"),
        (format!("{import_theirs}/discard"), "x"),
    ];
    for (path, field) in posts {
        let page = stranger.post_form(&path, &[(field, "x")])?;
        ensure!(page.status == 404, "{path}: {page:?}");
    }
    let mut analyst = Browser::of_member(world.address(), &world.brand, "analyst")?;
    ensure!(analyst.get(&path)?.status == 200 && analyst.get(FRIENDS)?.status == 200);
    ensure!(analyst.get(IMPORT)?.status == 403);
    let refused = analyst.post_form(&format!("{path}/tags"), &[("tag", "x")])?;
    ensure!(refused.status == 403, "{refused:?}");
    Ok(())
}

fn upload(browser: &mut Browser, name: &str, bytes: &[u8]) -> Result<Page> {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: text/csv\r\n\r\n"
    );
    let end = format!("\r\n--{BOUNDARY}--\r\n");
    let body = [head.as_bytes(), bytes, end.as_bytes()].concat();
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    browser.post_body(IMPORT, &kind, body)
}

/// Where a file that is taken goes on.
fn uploaded(browser: &mut Browser, name: &str, bytes: &[u8]) -> Result<String> {
    let page = upload(browser, name, bytes)?;
    ensure!(page.status == 303, "{page:?}");
    Ok(page.location().to_owned())
}

fn bad_files() -> Result<()> {
    let world = World::create(0)?;
    let mut browser = world.owner()?;
    let utf16: Vec<u8> = "user_key\nkim"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let many = format!("{}\nx\n", vec!["a"; 201].join(","));
    let cases: [(&str, &[u8]); 10] = [
        ("empty", b""),
        ("header alone", b"user_key,name\n"),
        ("no header", b"\n\nkim\n"),
        ("semicolons", b"user_key;name\nkim;Kim\n"),
        ("workbook", b"PK\x03\x04rest of it"),
        ("compressed", b"\x1f\x8b\x08rest"),
        ("UTF-16", &utf16),
        ("no text", b"a\0b\0c"),
        ("no encoding", b"user_key\n\xff\xff\xff\xff\n"),
        ("too many columns", many.as_bytes()),
    ];
    for (what, bytes) in cases {
        let page = upload(&mut browser, "x.csv", bytes)?;
        ensure!(page.status == 422, "{what}: {page:?}");
        ensure!(page.body.contains("id=\"file-error\""), "{what}: {page:?}");
    }
    // A form that ends in the middle is the sender's fault, and nothing of it is kept.
    let cut = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.csv\"\r\n\
         \r\nuser_key\nkim\n"
    );
    for body in [cut.clone(), format!("{cut}\r\n--{BOUNDARY}\r\nrubbish")] {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let page = browser.post_body(IMPORT, &kind, body.into_bytes())?;
        ensure!(page.status == 400, "{page:?}");
    }
    let page = browser.post_body(IMPORT, "text/plain", b"user_key".to_vec())?;
    ensure!(page.status == 400, "{page:?}");
    let left = std::fs::read_dir(world.brand.data.join("imports"))?.count();
    ensure!(left == 0, "{left} files were left behind");
    // Columns that do not do: told at the place, and what was chosen stays.
    let at = uploaded(&mut browser, "x.csv", b"a,b,c\nkim,yes,VIP\n")?;
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&[], "column-0-error"),
        (
            &[
                ("column-0", "user_key"),
                ("column-1", "tags"),
                ("column-2", "tags"),
            ],
            "column-2-error",
        ),
        (
            &[("column-0", "user_key"), ("column-1", "ad_consent")],
            "column-1-error",
        ),
        (
            &[("column-0", "user_key"), ("source", "No Good")],
            "source-error",
        ),
    ];
    for (fields, fault) in cases {
        let page = browser.post_form(&at, fields)?;
        ensure!(
            page.status == 422 && page.body.contains(fault),
            "{fault}: {page:?}"
        );
    }
    ensure!(browser.post_form(&at, &[("column-0", "no_such")])?.status == 400);
    let gone = browser.post_form(&format!("{at}/discard"), &[])?;
    ensure!(gone.status == 303 && browser.get(&at)?.status == 404);
    Ok(())
}

/// The page of an import that is over.
fn over(browser: &mut Browser, at: &str) -> Result<String> {
    let ask = || {
        let page = browser.read(at).ok()?;
        page.contains("data-state=\"over\"").then_some(page)
    };
    wait::until("the import is over", SOON, ask, String::new)
}

fn mapped() -> Result<()> {
    let world = World::create(0)?;
    let mut browser = world.owner()?;
    // As Excel in Korea writes it, with a formula for a name.
    let text = "회원키,성함,광고 동의,동의일시,비고\r\nkim,김하늘,yes,2025-01-02 10:00:00,=1+1\r\n\
                lee,=HYPERLINK(\"x\"),,,\r\nlee,이서준,,,\r\n,박,,,\r\n";
    let (bytes, ..) = encoding_rs::EUC_KR.encode(text);
    let at = uploaded(&mut browser, "매장.csv", &bytes)?;
    let page = browser.read(&at)?;
    ensure!(page.contains("CP949") && page.contains("김하늘"), "{page}");
    ensure!(page.matches(" selected>").count() >= 4, "{page}");
    let mapping = [
        ("column-0", "user_key"),
        ("column-1", "display_name"),
        ("column-2", "ad_consent"),
        ("column-3", "ad_consent_at"),
        ("wording", "ad-2025-03"),
        ("source", "store"),
    ];
    let started = browser.post_form(&at, &mapping)?;
    ensure!(started.location() == at, "{started:?}");
    let page = over(&mut browser, &at)?;
    ensure!(
        page.matches("<th scope=\"row\" class=\"num\">").count() == 2,
        "{page}"
    );
    let rejected = browser.read(&format!("{at}/rejected.csv"))?;
    let lines: Vec<&str> = rejected.lines().collect();
    ensure!(lines.len() == 3, "{rejected}");
    ensure!(lines[0].starts_with("\u{feff}회원키,성함,"), "{rejected}");
    ensure!(lines[1].starts_with("lee,이서준,,,,4,"), "{rejected}");
    ensure!(lines[2].starts_with(",박,,,,5,"), "{rejected}");
    ensure!(all_of(&mut browser, "?source=store&state=reachable")?.len() == 1);
    ensure!(all_of(&mut browser, "?source=store")?.len() == 2);
    let list = browser.read("/console/@hanok/friends.csv")?;
    ensure!(list.contains("'=HYPERLINK"), "{list}");
    // The same again is said to be the same, and changes nothing.
    let again = uploaded(&mut browser, "매장 다시.csv", &bytes)?;
    ensure!(browser.read(&again)?.contains(&at));
    browser.post_form(&again, &mapping)?;
    ensure!(over(&mut browser, &again)?.contains("data-tone=\"calm\""));
    ensure!(all_of(&mut browser, "")?.len() == 2);
    Ok(())
}

fn killed() -> Result<()> {
    const GOOD: usize = 12_000;
    let folder = TempDir::new()?;
    let recipe = recipe(&folder)?;
    let brand = Brand::open(&recipe.data, "@hanok")?;
    let draw = Draw::seeded("console-import", 7);
    let file = friends_csv(draw.seed, GOOD, &BROKEN_KINDS.map(|kind| (kind, 3)));
    // Right before its second commit.
    let (pausing, paused) = recipe.pausing_at("import-commit:2");
    let mut program = pausing.start()?;
    let mut browser = Browser::of_member(program.address(), &brand, "owner")?;
    let at = uploaded(&mut browser, "friends.csv", &file.bytes)?;
    let names = between(&browser.read(&at)?, "id=\"mapping\"", "</form>")?.to_owned();
    let chosen: Vec<(String, String)> = names
        .split("<select ")
        .skip(1)
        .filter_map(|select| {
            let name = between(select, "name=\"", "\"").ok()?;
            let option = select
                .split("<option ")
                .find(|option| option.contains(" selected>"))?;
            let value = between(option, "value=\"", "\"").ok()?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect();
    let fields: Vec<(&str, &str)> = chosen.iter().map(|(n, v)| (&**n, &**v)).collect();
    let started = browser.post_form(&at, &fields)?;
    ensure!(started.status == 303, "{started:?}");
    program.wait_until_paused(&paused, SOON)?;
    program.kill()?;
    let program = recipe.start()?;
    let mut browser = Browser::open(program.address())?;
    browser.sign_in("owner@hanok.example", chingu_tests::console::PASSWORD)?;
    let page = over(&mut browser, &at)?;
    ensure!(page.contains(&format!("{},000", GOOD / 1_000)), "{page}");
    // Every refused row is shown with its line, and nothing else.
    let mut lines = Vec::new();
    let mut next = Some(at.clone());
    while let Some(path) = next {
        let page = browser.read(&path)?;
        let rows = page.split("<th scope=\"row\" class=\"num\">").skip(1);
        for row in rows {
            let line = row.split('<').next().context("a line")?;
            lines.push(line.replace(',', "").parse::<u64>()?);
        }
        next = between(&page, "rel=\"next\" href=\"", "#rows\"")
            .ok()
            .map(|path| path.replace("&amp;", "&").replace("&#38;", "&"));
    }
    let planted: Vec<u64> = file.broken.iter().map(|(line, _)| *line).collect();
    lines.dedup();
    ensure!(lines == planted, "{lines:?}, {planted:?}");
    let rejected = browser.read(&format!("{at}/rejected.csv"))?;
    let mut told = Vec::new();
    for row in csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(rejected.as_bytes())
        .records()
    {
        let row = row?;
        let line = row.get(row.len() - 2).context("a line")?;
        told.push(line.parse::<u64>()?);
    }
    ensure!(told == planted, "{told:?}");
    Ok(())
}

fn link() -> Result<()> {
    let world = World::create(1)?;
    let mut browser = world.owner()?;
    let page = browser.read("/console/@hanok/friends/add?source=web")?;
    ensure!(page.contains("/messenger/add/@hanok?source=web"), "{page}");
    ensure!(page.contains("<svg xmlns="), "{page}");
    let wrong = browser.get("/console/@hanok/friends/add?source=%3Cb%3E")?;
    ensure!(
        wrong.status == 422 && !wrong.body.contains("<b>"),
        "{wrong:?}"
    );
    let svg = browser.get("/console/@hanok/friends/add/qr.svg?source=web")?;
    ensure!(svg.header("content-type") == "image/svg+xml", "{svg:?}");
    let png = browser.get("/console/@hanok/friends/add/qr.png?source=web")?;
    ensure!(png.status == 200 && png.header("content-type") == "image/png");
    ensure!(
        browser
            .get("/console/@hanok/friends/add/qr.png?source=a%20b")?
            .status
            == 400
    );
    Ok(())
}
