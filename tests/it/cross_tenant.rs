//! Two businesses beside each other: no route of the console shows or touches what is another's.
//!
//! The routes are read from `routes.rs` as text, so a new one is tried as soon as it is there; one
//! whose objects this file does not know fails until it is told. Every name and text of the one
//! business carries a mark, and no answer to the other's owner may hold a byte of it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use chingu_tests::console::{Browser, PASSWORD, Page, add_member};
use chingu_tests::draw::Draw;
use chingu_tests::engine;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::program::Program;
use chingu_tests::shell::{admin, text};
use chingu_tests::wait::until_state;
use chingu_tests::world::{Brand, friends_csv};
use domain::time::Timestamp;
use store::Store;
use testkit::assertion::SigningKey;

use crate::stage::{SOON, now};

/// In everything that the one business wrote.
pub(crate) const MARK: &str = "zq7hidden";
/// Before anybody is signed in, or about nobody's business.
const OPEN: [&str; 5] = [
    "/",
    "/console",
    "/console/sign-in",
    "/console/sign-out",
    "/console/preferences",
];
pub(crate) const THEIRS: &str = "@theirs";
pub(crate) const OURS: &str = "@ours";
const FORM: &str = "application/x-www-form-urlencoded";
const FRIENDS: u64 = 40;
const MONTH_MS: i64 = 30 * 86_400_000;

#[test]
fn what_is_anothers_is_not_there_on_any_route() {
    let mut world = World::create().unwrap();
    world.try_everything().unwrap();
}

/// One line of `routes.rs`.
#[derive(Debug, Clone)]
struct Route {
    path: String,
    reads: bool,
    writes: bool,
}

/// A business with one of everything; ids by the name of their placeholder.
struct Tenant {
    handle: &'static str,
    owner: Browser,
    objects: BTreeMap<&'static str, Vec<String>>,
}

struct World {
    theirs: Tenant,
    ours: Tenant,
    stranger: Browser,
    routes: Vec<Route>,
    /// Marks on their own pages: that there are some is why none on ours says something.
    shown_to_them: usize,
    // Dropped last, and the program before its folder.
    _program: Program,
    _platform: Platform,
}

/// What was asked on one route.
#[derive(Default)]
struct Tried {
    requests: usize,
    leaked: usize,
}

impl Route {
    fn placeholders(&self) -> impl Iterator<Item = &str> {
        let parts = self.path.split('/');
        parts.filter_map(|part| {
            let part = part.strip_prefix('{')?;
            Some(part.split('}').next().unwrap_or(part))
        })
    }

    fn is_open(&self) -> bool {
        OPEN.contains(&&*self.path)
    }

    /// The addresses of everything a tenant has on this route, at an account.
    fn addresses(&self, handle: &str, tenant: &Tenant) -> Result<Vec<String>> {
        let mut addresses = vec![self.path.replace("{handle}", handle)];
        for name in self.placeholders().filter(|name| *name != "handle") {
            let ids = tenant.objects.get(name);
            let ids = ids.with_context(|| format!("{}: what is a {name}?", self.path))?;
            let hole = format!("{{{name}}}");
            let with = |address: &String| -> Vec<String> {
                ids.iter().map(|id| address.replace(&hole, id)).collect()
            };
            addresses = addresses.iter().flat_map(with).collect();
        }
        Ok(addresses)
    }

    fn names_objects(&self) -> bool {
        self.placeholders().any(|name| name != "handle")
    }

    fn methods(&self) -> impl Iterator<Item = &'static str> {
        let methods = [(self.reads, "GET"), (self.writes, "POST")];
        methods
            .into_iter()
            .filter(|(has, _)| *has)
            .map(|(_, method)| method)
    }

    fn is_stream(&self) -> bool {
        self.path.ends_with("/events")
    }

    /// A body that gets past the reading of the form, so that the answer is about what it names.
    fn body(&self) -> (&'static str, Vec<u8>) {
        let multipart = "multipart/form-data; boundary=b";
        let file =
            b"--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n\
                     user_key\r\nU0\r\n--b--\r\n";
        match self.path.as_str() {
            path if path.ends_with("/media") => (multipart, file.to_vec()),
            _ => (FORM, Vec::new()),
        }
    }
}

/// Every route of the console as its file lists them.
fn routes() -> Result<Vec<Route>> {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/console/src/routes.rs"
    );
    let text = std::fs::read_to_string(file).context(file)?;
    let mut routes = Vec::new();
    for part in text.split(".route(").skip(1) {
        let part = up_to_its_end(part);
        let mut pieces = part.splitn(3, '"');
        let (path, handlers) = match (pieces.next(), pieces.next(), pieces.next()) {
            (Some(before), Some(path), Some(handlers)) if before.trim().is_empty() => {
                (path, handlers)
            }
            _ => bail!("a route without a literal address: {part}"),
        };
        let has = |method: &str| {
            let call = format!("{method}(");
            let starts = handlers.match_indices(&call);
            starts
                .map(|(at, _)| handlers[..at].chars().next_back())
                .any(|before| before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':'))
        };
        for other in ["put", "delete", "patch", "any"] {
            ensure!(!has(other), "{path} is asked with {other}: try that too");
        }
        let route = Route {
            path: path.to_owned(),
            reads: has("get"),
            writes: has("post"),
        };
        ensure!(
            route.reads || route.writes,
            "{path} is asked how? {handlers}"
        );
        routes.push(route);
    }
    Ok(routes)
}

/// A text up to the bracket that closes what was open before it.
pub(crate) fn up_to_its_end(text: &str) -> &str {
    let mut depth = 1;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..at];
        }
    }
    text
}

impl World {
    fn create() -> Result<Self> {
        let mut draw = Draw::seeded("two businesses", 51);
        let mut brands = Vec::new();
        let make = |data: &Path| {
            for handle in [THEIRS, OURS] {
                brands.push(brand(data, handle, &mut draw)?);
            }
            Ok(brands[0].clone())
        };
        let platform = Platform::with_brand(Place::Inside, &[], Times::default(), make)?;
        let program = platform.recipe.clone().start()?;
        let mut tenants = Vec::new();
        for (brand, handle) in brands.iter().zip([THEIRS, OURS]) {
            tenants.push(tenant(&program, brand, handle)?);
        }
        let ours = tenants.pop().context("our business")?;
        Ok(Self {
            theirs: tenants.pop().context("their business")?,
            ours,
            stranger: Browser::open(program.address())?,
            routes: routes()?,
            shown_to_them: 0,
            _program: program,
            _platform: platform,
        })
    }

    fn try_everything(&mut self) -> Result<()> {
        let (mut requests, mut leaked) = (0, 0);
        eprintln!("| route | requests | leaked bytes |\n|---|--:|--:|");
        for route in self.routes.clone() {
            let mut tried = Tried::default();
            if !route.is_open() {
                self.try_strangers(&route, &mut tried)?;
                self.try_foreign(&route, &mut tried)?;
                self.try_own(&route, &mut tried)?;
            }
            self.try_cross_site(&route, &mut tried)?;
            let methods: Vec<&str> = route.methods().collect();
            eprintln!(
                "| {} {} | {} | {} |",
                methods.join(", "),
                route.path,
                tried.requests,
                tried.leaked
            );
            requests += tried.requests;
            leaked += tried.leaked;
        }
        let (shown, routes) = (self.shown_to_them, self.routes.len());
        eprintln!("{routes} routes, {requests} requests, {leaked} bytes leaked");
        eprintln!("to its own owner the mark was shown {shown} times");
        ensure!(shown > 50, "their own pages show their mark {shown} times");
        ensure!(leaked == 0, "{leaked} bytes leaked");
        Ok(())
    }

    /// Nobody who is not signed in gets further than to the sign-in.
    fn try_strangers(&mut self, route: &Route, tried: &mut Tried) -> Result<()> {
        for address in route.addresses(THEIRS, &self.theirs)? {
            for method in route.methods() {
                let page = ask(&mut self.stranger, route, method, &address, &[])?;
                tried.count(&page);
                let to_sign_in = page.location().starts_with("/console/sign-in");
                ensure!(
                    page.status == 303 && to_sign_in,
                    "{method} {address}: {page:?}"
                );
            }
        }
        Ok(())
    }

    /// Our owner at their account, and at ours with their objects, and at theirs with ours.
    fn try_foreign(&mut self, route: &Route, tried: &mut Tried) -> Result<()> {
        let mut addresses = route.addresses(THEIRS, &self.theirs)?;
        if route.names_objects() {
            addresses.extend(route.addresses(OURS, &self.theirs)?);
            addresses.extend(route.addresses(THEIRS, &self.ours)?);
        }
        for address in addresses {
            for method in route.methods() {
                let page = ask(&mut self.ours.owner, route, method, &address, &[])?;
                tried.count(&page);
                ensure!(page.status == 404, "{method} {address}: {page:?}");
            }
        }
        Ok(())
    }

    /// Our own pages are there, and nothing of theirs is in them; theirs are there for them.
    fn try_own(&mut self, route: &Route, tried: &mut Tried) -> Result<()> {
        if !route.reads {
            return Ok(());
        }
        let tenants = [(&mut self.ours, true), (&mut self.theirs, false)];
        for (tenant, is_ours) in tenants {
            let mut is_there = false;
            for address in route.addresses(tenant.handle, tenant)? {
                if route.is_stream() {
                    // Whoever may look sees it begin; what has no stream is not there.
                    is_there |= tenant.owner.watch(&address, |_| true).is_ok();
                    continue;
                }
                let page = ask(&mut tenant.owner, route, "GET", &address, &[])?;
                is_there |= page.status < 400;
                ensure!(page.status < 500, "{address}: {page:?}");
                match is_ours {
                    true => tried.count(&page),
                    false => self.shown_to_them += marks(&page),
                }
            }
            ensure!(is_there, "{} shows nothing to its own owner", route.path);
        }
        Ok(())
    }

    /// A form of another site is refused, whoever is signed in here.
    fn try_cross_site(&mut self, route: &Route, tried: &mut Tried) -> Result<()> {
        if !route.writes {
            return Ok(());
        }
        let headers = [
            ("origin", "https://elsewhere.example"),
            ("sec-fetch-site", "cross-site"),
        ];
        for address in route.addresses(THEIRS, &self.theirs)? {
            let page = ask(&mut self.theirs.owner, route, "POST", &address, &headers)?;
            tried.count(&page);
            ensure!(
                page.status == 403,
                "POST {address} from elsewhere: {page:?}"
            );
        }
        Ok(())
    }
}

impl Tried {
    fn count(&mut self, page: &Page) {
        self.requests += 1;
        self.leaked += marks(page) * MARK.len();
    }
}

/// How often the mark stands in an answer, headers included.
fn marks(page: &Page) -> usize {
    let headers = page.headers.values();
    let headers = headers.filter_map(|value| value.to_str().ok());
    let texts = headers.chain([&*page.body]);
    texts.map(|text| text.matches(MARK).count()).sum()
}

fn ask(
    browser: &mut Browser,
    route: &Route,
    method: &str,
    address: &str,
    headers: &[(&str, &str)],
) -> Result<Page> {
    if method == "GET" {
        return browser.get_with(address, headers);
    }
    let (content_type, body) = route.body();
    browser.post_body_with(address, content_type, body, headers)
}

/// What a business writes; the one whose things are hidden marks all of them.
pub(crate) fn marked(handle: &str, words: &str) -> String {
    match handle == THEIRS {
        true => format!("{words} {MARK}"),
        false => words.to_owned(),
    }
}

pub(crate) fn brand(data: &Path, handle: &'static str, draw: &mut Draw) -> Result<Brand> {
    std::fs::create_dir_all(data)?;
    let name = marked(handle, "Shop");
    let business = admin(data, &["business", "create", "--name", &name])?;
    let business = text(&business, "id")?.to_owned();
    let account = [
        "account",
        "create",
        "--business",
        &business,
        "--handle",
        handle,
    ];
    admin(
        data,
        &[&account[..], &["--name", &name, "--zone", "Asia/Seoul"]].concat(),
    )?;
    let wording = [
        "wording",
        "create",
        "--account",
        handle,
        "--version",
        "ad-2025-03",
    ];
    let words = marked(handle, "광고 수신 동의");
    admin(data, &[&wording[..], &["--text", &words]].concat())?;
    let mut brand = Brand {
        data: data.to_owned(),
        business,
        handle: handle.to_owned(),
        reachable: 0,
        friends: FRIENDS,
    };
    brand.top_up("10000000", &marked(handle, handle).replace(' ', "-"))?;
    let (csv, reachable) = friends_csv(FRIENDS, draw);
    let csv = csv.replace("친구 ", &marked(handle, "친구"));
    let csv = csv.replace("coffee|app", if handle == THEIRS { MARK } else { "coffee" });
    let report = brand.befriend(&marked(handle, "friends").replace(' ', "-"), csv.as_bytes())?;
    ensure!(report["accepted"].as_u64() == Some(FRIENDS), "{report}");
    brand.reachable = reachable;
    Ok(brand)
}

fn tenant(program: &Program, brand: &Brand, handle: &'static str) -> Result<Tenant> {
    let email = format!(
        "{}@{}.example",
        marked(handle, "owner").replace(' ', "-"),
        &handle[1..]
    );
    let member = add_member(brand, &email, "owner")?;
    let analyst = format!(
        "{}-analyst@x.example",
        marked(handle, "an").replace(' ', "-")
    );
    let other = add_member(brand, &analyst, "analyst")?;
    let mut owner = Browser::open(program.address())?;
    owner.sign_in(&email, PASSWORD)?;
    let ids = [
        text(&member, "id")?.to_owned(),
        text(&other, "id")?.to_owned(),
    ];
    let mut objects = BTreeMap::from([("member", Vec::from(ids))]);
    objects.insert("campaign", campaigns(brand, &mut owner)?);
    objects.insert("friend", friends(brand, handle)?);
    objects.insert("import", imports(handle, &mut owner)?);
    objects.insert("key", assertion_keys(handle, &mut owner)?);
    let issued = admin(&brand.data, &["token", "issue", "--account", handle])?;
    objects.insert("token", vec![text(&issued, "key_id")?.to_owned()]);
    objects.insert("menu", vec![rich_menu(handle, &mut owner)?]);
    objects.insert("coupon", vec![coupon(handle, &mut owner)?]);
    objects.insert("event", vec![webhook_event(handle, &mut owner)?]);
    Ok(Tenant {
        handle,
        owner,
        objects,
    })
}

/// Campaigns of a brand in the states that pages know.
fn campaigns(brand: &Brand, owner: &mut Browser) -> Result<Vec<String>> {
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

pub(crate) fn wait_for(brand: &Brand, campaign: &str, state: &str) -> Result<()> {
    let what = format!("{campaign} is {state}");
    let shown = || brand.show(campaign);
    until_state(&what, SOON, shown, |shown| shown["state"] == state)?;
    Ok(())
}

/// A file that waits for its columns to be named, and the one the friends came from.
fn imports(handle: &str, owner: &mut Browser) -> Result<Vec<String>> {
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
fn assertion_keys(handle: &str, owner: &mut Browser) -> Result<Vec<String>> {
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
fn webhook_event(handle: &str, owner: &mut Browser) -> Result<String> {
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

/// A rich menu that everybody sees.
fn rich_menu(handle: &str, owner: &mut Browser) -> Result<String> {
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

fn coupon(handle: &str, owner: &mut Browser) -> Result<String> {
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
fn friends(brand: &Brand, handle: &str) -> Result<Vec<String>> {
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
