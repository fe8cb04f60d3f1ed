//! Two channels beside each other: no route for brands' programs shows or touches what is
//! another's, and a token that is none opens nothing.
//!
//! Our own routes are read from the document that the server serves, LINE's from their files as
//! text, so a new one is tried as soon as it is there; one whose objects this file does not know
//! fails until it is told. Everything the one business wrote carries a mark, and no answer to the
//! other's token may hold a byte of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::Browser;
use chingu_tests::draw::Draw;
use chingu_tests::http::{self, Answer};
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::program::Program;
use chingu_tests::shell::{self, admin, text};
use chingu_tests::verdict::violations;
use chingu_tests::wait::until_state;
use chingu_tests::world::Brand;
use domain::api_request::ApiOperation;
use domain::time::Timestamp;
use serde_json::{Value, json};

use crate::cross_tenant::objects::{befriend, endpoint};
use crate::cross_tenant::{MARK, OURS, THEIRS, brand, marked, up_to_its_end, wait_for};
use crate::stage::{SOON, now};
use crate::v1::Client;

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
/// Asked without a bearer token: they prove themselves by what they send.
const WITHOUT_TOKEN: [&str; 3] = ["/oauth2/", "/v2/oauth/", "/module/auth/"];
/// What nobody has here, whoever asks.
const NOBODYS: [(&str, &str); 7] = [
    ("groupId", "C00000000000000000000000000000000"),
    ("roomId", "R00000000000000000000000000000000"),
    ("chatId", "U00000000000000000000000000000000"),
    // Friends' files stay with the messenger.
    ("messageId", "1"),
    ("membershipId", "1"),
    ("liffId", "1"),
    // One of two names, the same for everybody.
    ("purpose", "promotion"),
];
/// Where LINE's routes are told.
const ROUTE_FILES: [&str; 2] = ["mod.rs", "rich_menu.rs"];
const MONTH_MS: i64 = 30 * 86_400_000;

#[test]
fn what_is_anothers_is_not_there_for_any_program() {
    let mut world = World::create().unwrap();
    world.try_everything().unwrap();
    world.ends_clean().unwrap();
}

/// One operation of either API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Route {
    method: &'static str,
    path: String,
}

/// A channel with one of everything; ids by the name of their placeholder.
struct Tenant {
    client: Client,
    objects: BTreeMap<&'static str, Vec<String>>,
}

struct World {
    theirs: Tenant,
    ours: Tenant,
    routes: Vec<Route>,
    requests: usize,
    leaked: usize,
    /// Marks in answers to themselves: that there are some is why none to us says something.
    shown_to_them: usize,
    // Dropped last, and the program before its folder.
    program: Program,
    platform: Platform,
}

impl Route {
    fn placeholders(&self) -> impl Iterator<Item = &str> {
        let parts = self.path.split('/');
        parts.filter_map(|part| part.strip_prefix('{')?.split('}').next())
    }

    fn names_objects(&self) -> bool {
        self.placeholders().any(|name| nobodys(name).is_none())
    }

    /// What is no product of this platform, whoever's objects are named.
    fn leads_nowhere(&self) -> bool {
        let is_nobodys = |name: &str| name.ends_with("Id") && nobodys(name).is_some();
        self.path.contains("/membership/") || self.placeholders().any(is_nobodys)
    }

    fn takes_picture(&self) -> bool {
        self.method == "POST" && self.path.ends_with("/richmenu/{richMenuId}/content")
    }

    /// LINE says yes where there is no link to cut.
    fn unlinks(&self) -> bool {
        self.method == "DELETE" && self.path.ends_with("/{userId}/richmenu")
    }

    fn needs_token(&self) -> bool {
        let is_open = |beginning: &&str| self.path.starts_with(*beginning);
        !WITHOUT_TOKEN.iter().any(is_open)
    }

    /// The addresses of everything a tenant has on this route.
    fn addresses(&self, tenant: &Tenant) -> Result<Vec<String>> {
        let mut addresses = vec![self.path.clone()];
        for name in self.placeholders() {
            let ids = match nobodys(name) {
                Some(id) => vec![id.to_owned()],
                None => tenant
                    .objects
                    .get(name)
                    .with_context(|| format!("{}: what is a {name}?", self.path))?
                    .clone(),
            };
            let hole = format!("{{{name}}}");
            let with = |address: &String| -> Vec<String> {
                ids.iter().map(|id| address.replace(&hole, id)).collect()
            };
            addresses = addresses.iter().flat_map(with).collect();
        }
        if self.path.contains("/insight/richmenu/") {
            let today = now().to_string()[..10].replace('-', "");
            let days = |address: &String| format!("{address}?from={today}&to={today}");
            addresses = addresses.iter().map(days).collect();
        }
        Ok(addresses)
    }

    /// A body that gets past its reading where it can, and names what a tenant has.
    fn body(&self, tenant: &Tenant) -> Value {
        let messages = json!([{"type": "text", "text": "(광고) hello"}]);
        let users = &tenant.objects["userId"];
        match self.path.as_str() {
            path if path.ends_with("/message/push") => {
                json!({"to": users[0], "messages": messages})
            }
            path if path.ends_with("/message/multicast") => {
                json!({"to": users, "messages": messages})
            }
            path if path.ends_with("/schedule") => {
                json!({"schedule": {"at": {"wall": "2026-12-24 09:00", "zone": "Asia/Seoul"}}})
            }
            path if path.contains("/consents/") => json!({"granted": false}),
            path if path.ends_with("/updateDescription") => json!({"description": "theirs"}),
            path if path.contains("/alias/") => {
                json!({"richMenuId": tenant.objects["richMenuId"][0]})
            }
            _ => json!({}),
        }
    }
}

fn nobodys(name: &str) -> Option<&'static str> {
    let found = NOBODYS.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, id)| id)
}

/// Every route of LINE's as its file lists them.
fn lines_routes() -> Result<Vec<Route>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/api/src/line");
    let mut source = String::new();
    for file in ROUTE_FILES {
        let file = Path::new(folder).join(file);
        source += &std::fs::read_to_string(&file).with_context(|| format!("{file:?}"))?;
    }
    let mut routes = Vec::new();
    for part in source.split(".route(").skip(1) {
        let part = up_to_its_end(part);
        let Some(rest) = part.trim_start().strip_prefix('"') else {
            // Beginnings that lead nowhere, and the five of the validation.
            continue;
        };
        let (path, handlers) = rest.split_once('"').context("a literal address")?;
        let before = routes.len();
        for method in METHODS {
            let call = format!("{}(", method.to_ascii_lowercase());
            let is_there = handlers.match_indices(&call).any(|(at, _)| {
                let before = handlers[..at].chars().next_back();
                before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
            });
            if is_there {
                routes.push(Route {
                    method,
                    path: path.to_owned(),
                });
            }
        }
        ensure!(routes.len() > before, "{path} is asked how? {handlers}");
    }
    for operation in ApiOperation::ALL {
        routes.push(Route {
            method: "POST",
            path: format!("/v2/bot/message/validate/{}", operation.name()),
        });
    }
    ensure!(routes.len() > 40, "{} routes of LINE's", routes.len());
    Ok(routes)
}

/// Every route of our own as the server documents them.
fn our_routes(address: SocketAddr) -> Result<Vec<Route>> {
    let answer = http::get(address, "/v1/openapi.json")?;
    ensure!(answer.status == 200, "{answer:?}");
    let document: Value = serde_json::from_str(&answer.body)?;
    let paths = document["paths"].as_object().context("paths")?;
    let mut routes = Vec::new();
    for (path, item) in paths {
        for method in METHODS {
            if item[method.to_ascii_lowercase()].is_object() {
                routes.push(Route {
                    method,
                    path: path.clone(),
                });
            }
        }
    }
    ensure!(routes.len() > 20, "{} routes of our own", routes.len());
    Ok(routes)
}

impl World {
    fn create() -> Result<Self> {
        let mut draw = Draw::seeded("two channels", 52);
        let mut brands = Vec::new();
        let make = |data: &Path| {
            for handle in [THEIRS, OURS] {
                brands.push(brand(data, handle, &mut draw)?);
            }
            Ok(brands[0].clone())
        };
        let platform = Platform::with_brand(Place::Inside, &[], Times::default(), make)?;
        let recipe = platform.recipe.clone();
        let recipe = ["V1", "INSIGHT", "OTHER"]
            .iter()
            .fold(recipe, |recipe, name| {
                recipe.with(&format!("CHINGU_API__RATE_LIMITS__{name}"), "off")
            });
        let program = recipe.start()?;
        let address = program.address();
        let mut tenants = Vec::new();
        for brand in &brands {
            tenants.push(tenant(address, brand)?);
        }
        let ours = tenants.pop().context("our channel")?;
        let mut routes = our_routes(address)?;
        routes.extend(lines_routes()?);
        Ok(Self {
            theirs: tenants.pop().context("their channel")?,
            ours,
            routes,
            requests: 0,
            leaked: 0,
            shown_to_them: 0,
            program,
            platform,
        })
    }

    fn try_everything(&mut self) -> Result<()> {
        for route in self.routes.clone() {
            self.try_bad_tokens(&route)?;
            self.try_foreign(&route)?;
            self.try_own(&route)?;
        }
        let Self {
            requests,
            leaked,
            shown_to_them,
            ..
        } = self;
        let routes = self.routes.len();
        eprintln!("{routes} routes, {requests} requests, {leaked} bytes leaked");
        eprintln!("to its own program the mark was shown {shown_to_them} times");
        ensure!(*shown_to_them > 20, "{shown_to_them} marks shown to them");
        ensure!(*leaked == 0, "{leaked} bytes leaked");
        Ok(())
    }

    /// Whoever has no token, or one that is worth nothing, learns nothing.
    fn try_bad_tokens(&mut self, route: &Route) -> Result<()> {
        if !route.needs_token() {
            return Ok(());
        }
        let good = self.theirs.client.token.clone();
        let bad = [
            None,
            Some(String::new()),
            Some("Bearer".to_owned()),
            Some(good.clone()),
            Some(format!("Basic {good}")),
            Some(format!("Bearer {good}x")),
            Some(format!("Bearer {}", &good[1..])),
            Some("Bearer eyJhbGciOiJub25lIn0.e30.".to_owned()),
        ];
        let (addresses, body) = (route.addresses(&self.theirs)?, route.body(&self.theirs));
        for address in addresses {
            for header in &bad {
                let mut headers = vec![("Content-Type", "application/json")];
                headers.extend(header.as_ref().map(|text| ("Authorization", &**text)));
                let at = self.program.address();
                let body = body_of(route, &body);
                let answer = http::request(at, route.method, &address, &headers, &body)?;
                self.count(&answer);
                ensure!(
                    answer.status == 401,
                    "{} {address} {header:?}: {answer:?}",
                    route.method
                );
            }
        }
        Ok(())
    }

    /// Our token at their objects.
    fn try_foreign(&mut self, route: &Route) -> Result<()> {
        let (addresses, body) = (route.addresses(&self.theirs)?, route.body(&self.theirs));
        for address in addresses {
            let answer = match route.takes_picture() {
                true => self.ours.client.send_picture(&address)?,
                false => self.ours.client.ask(route.method, &address, None, &body)?,
            };
            self.count(&answer);
            ensure!(
                answer.status < 500,
                "{} {address}: {answer:?}",
                route.method
            );
            if route.unlinks() {
                // Nobody's link of ours is cut, and theirs stands.
                let theirs = &self.theirs.client;
                let linked = theirs.ask("GET", &address, None, &Value::Null)?;
                ensure!((answer.status, linked.status) == (200, 200), "{linked:?}");
            } else if route.names_objects() {
                ensure!(
                    is_not_there(&answer),
                    "{} {address}: {answer:?}",
                    route.method
                );
            }
        }
        Ok(())
    }

    /// Everybody reads their own, and nothing of theirs is in ours.
    fn try_own(&mut self, route: &Route) -> Result<()> {
        if route.method != "GET" {
            return Ok(());
        }
        for address in route.addresses(&self.ours)? {
            let answer = self.ours.client.ask("GET", &address, None, &Value::Null)?;
            self.count(&answer);
            ensure!(answer.status < 500, "{address}: {answer:?}");
        }
        let mut is_there = !route.names_objects() || route.leads_nowhere();
        for address in route.addresses(&self.theirs)? {
            let answer = self
                .theirs
                .client
                .ask("GET", &address, None, &Value::Null)?;
            ensure!(answer.status < 500, "{address}: {answer:?}");
            is_there |= answer.status == 200;
            self.shown_to_them += answer.body.matches(MARK).count();
        }
        ensure!(is_there, "{} shows nothing to its own program", route.path);
        Ok(())
    }

    fn count(&mut self, answer: &Answer) {
        self.requests += 1;
        self.leaked += answer.body.matches(MARK).count() * MARK.len();
    }

    fn ends_clean(self) -> Result<()> {
        let log = self.program.recipe().log_count("\"ERROR\"");
        self.program.stop()?;
        ensure!(log == 0, "{log} errors in the log");
        let found = violations(&shell::reconcile(&self.platform.brand.data)?)?;
        ensure!(found.is_empty(), "{found:?}");
        Ok(())
    }
}

/// LINE has a word of its own for audience groups that are not there.
fn is_not_there(answer: &Answer) -> bool {
    match answer.status {
        404 => true,
        400 => answer.body.contains("AUDIENCE_GROUP_NOT_FOUND"),
        _ => false,
    }
}

fn body_of(route: &Route, body: &Value) -> String {
    match route.method {
        "GET" => String::new(),
        _ => body.to_string(),
    }
}

fn tenant(address: SocketAddr, brand: &Brand) -> Result<Tenant> {
    let issued = admin(&brand.data, &["token", "issue", "--account", &brand.handle])?;
    let client = Client {
        address,
        token: text(&issued, "token")?.to_owned(),
    };
    let page = client.get("/v1/friends?limit=2&standing=reachable")?;
    let (mut friends, mut users) = (Vec::new(), Vec::new());
    for friend in page["items"].as_array().context("friends")? {
        friends.push(text(friend, "id")?.to_owned());
        users.push(text(friend, "user_id")?.to_owned());
    }
    friends.extend(users.iter().cloned());
    let alias = format!("{}-menu", &brand.handle[1..]);
    let objects = BTreeMap::from([
        ("campaign", campaigns(brand)?),
        ("event", vec![webhook_event(&client, brand)?]),
        ("friend", friends),
        ("richMenuId", vec![client.menu(brand, &users, &alias)?]),
        ("richMenuAliasId", vec![alias]),
        ("couponId", vec![client.coupon(brand)?]),
        ("audienceGroupId", vec![client.audience_group(brand)?]),
        ("userId", users),
    ]);
    Ok(Tenant { client, objects })
}

/// An event that waits for the brand's program, which is nowhere.
fn webhook_event(client: &Client, brand: &Brand) -> Result<String> {
    let body = json!({"endpoint": endpoint(&brand.handle), "active": true});
    let set = client.ask("PUT", "/v1/webhook", None, &body)?;
    ensure!(set.status == 200, "{set:?}");
    befriend(&brand.handle, &mut Browser::open(client.address)?)?;
    let page = until_state(
        "an event of the webhook",
        SOON,
        || client.get("/v1/webhook/events"),
        |page| page["items"][0].is_object(),
    )?;
    Ok(text(&page["items"][0], "id")?.to_owned())
}

impl Client {
    fn made(&self, path: &str, body: &Value) -> Result<Value> {
        let answer = self.ask("POST", path, None, body)?;
        let is_done = matches!(answer.status, 200 | 202);
        ensure!(is_done, "{path}: {answer:?}");
        Ok(serde_json::from_str(&answer.body)?)
    }

    fn send_picture(&self, path: &str) -> Result<Answer> {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("Authorization", &*bearer), ("Content-Type", "image/png")];
        let picture = testkit::png::plain(800, 250);
        http::request_bytes(self.address, "POST", path, &headers, &picture)
    }

    /// A menu with a picture and a name, that friends see.
    fn menu(&self, brand: &Brand, users: &[String], alias: &str) -> Result<String> {
        let name = marked(&brand.handle, "menu");
        let bounds = json!({"x": 0, "y": 0, "width": 800, "height": 250});
        let action = json!({"type": "message", "label": "hours", "text": name});
        let menu = json!({"size": {"width": 800, "height": 250}, "selected": true, "name": name,
            "chatBarText": "Menu", "areas": [{ "bounds": bounds, "action": action }]});
        let made = self.made("/v2/bot/richmenu", &menu)?;
        let id = text(&made, "richMenuId")?.to_owned();
        let pictured = self.send_picture(&format!("/v2/bot/richmenu/{id}/content"))?;
        ensure!(pictured.status == 200, "{pictured:?}");
        let named = json!({"richMenuAliasId": alias, "richMenuId": id});
        self.made("/v2/bot/richmenu/alias", &named)?;
        for user in users {
            let link = format!("/v2/bot/user/{user}/richmenu/{id}");
            self.made(&link, &json!({}))?;
        }
        Ok(id)
    }

    fn coupon(&self, brand: &Brand) -> Result<String> {
        let coupon = json!({"title": marked(&brand.handle, "20 %"), "startTimestamp": 0,
            "endTimestamp": 1_924_959_599, "timezone": "ASIA_TOKYO", "visibility": "UNLISTED",
            "maxUseCountPerTicket": 1, "acquisitionCondition": {"type": "normal"},
            "reward": {"type": "gift"}});
        let made = self.made("/v2/bot/coupon", &coupon)?;
        Ok(text(&made, "couponId")?.to_owned())
    }

    fn audience_group(&self, brand: &Brand) -> Result<String> {
        let group = json!({"description": marked(&brand.handle, "regulars")});
        let made = self.made("/v2/bot/audienceGroup/upload", &group)?;
        Ok(made["audienceGroupId"].to_string())
    }
}

/// A campaign that was sent, one with a time, and one that waits for its launch.
fn campaigns(brand: &Brand) -> Result<Vec<String>> {
    let create = |name: &str, flags: &[&str]| -> Result<String> {
        let name = marked(&brand.handle, name);
        let words = marked(&brand.handle, "(광고) 안녕하세요");
        let messages = json!([{"type": "text", "text": words}]).to_string();
        let campaign = ["campaign", "create", "--account", &brand.handle];
        let said = ["--name", &name, "--messages", &messages];
        let created = admin(&brand.data, &[&campaign[..], &said, flags].concat())?;
        Ok(text(&created, "id")?.to_owned())
    };
    let closed = create("closed", &[])?;
    brand.launch(&closed)?;
    let later = Timestamp::from_millis(now().as_millis() + MONTH_MS).to_string();
    let scheduled = create("scheduled", &["--at", &format!("{} 09:00", &later[..10])])?;
    let approved = create("approved", &[])?;
    wait_for(brand, &closed, "closed")?;
    Ok(vec![closed, scheduled, approved])
}
