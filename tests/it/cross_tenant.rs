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
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::program::Program;
use chingu_tests::shell::{admin, text};
use chingu_tests::wait::until_state;
use chingu_tests::world::{Brand, friends_csv};

use crate::stage::SOON;

pub(crate) mod objects; // one of everything that routes name

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
    objects.insert("campaign", objects::campaigns(brand, &mut owner)?);
    objects.insert("friend", objects::friends(brand, handle)?);
    objects.insert("import", objects::imports(handle, &mut owner)?);
    objects.insert("key", objects::assertion_keys(handle, &mut owner)?);
    let issued = admin(&brand.data, &["token", "issue", "--account", handle])?;
    objects.insert("token", vec![text(&issued, "key_id")?.to_owned()]);
    objects.insert(
        "group",
        vec![objects::group(handle, &mut owner, text(&issued, "token")?)?],
    );
    objects.insert("menu", vec![objects::rich_menu(handle, &mut owner)?]);
    objects.insert("coupon", vec![objects::coupon(handle, &mut owner)?]);
    objects.insert("event", vec![objects::webhook_event(handle, &mut owner)?]);
    Ok(Tenant {
        handle,
        owner,
        objects,
    })
}

pub(crate) fn wait_for(brand: &Brand, campaign: &str, state: &str) -> Result<()> {
    let what = format!("{campaign} is {state}");
    let shown = || brand.show(campaign);
    until_state(&what, SOON, shown, |shown| shown["state"] == state)?;
    Ok(())
}
