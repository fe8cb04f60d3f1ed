//! LINE's documented limits through the front door, each on both sides: what is at the limit is
//! accepted, one more is refused and names its property. Writes `docs/limits.md`.
//!
//! The numbers here are LINE's own as it documents them, not those of our code.

mod messages; // the limits of messages

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::http::{self, Answer};
use chingu_tests::shell::{admin, reconcile, text};
use chingu_tests::table::{Table, grouped};
use chingu_tests::verdict::violations;
use chingu_tests::wait;
use serde_json::{Value, json};

use crate::stage::{self, SOON};
use crate::v1::Client;

const FRIENDS: u64 = 3;
/// Fewer would leave something out.
const LIMITS_MIN: usize = 60;
const RATES: [&str; 7] = [
    "OTHER",
    "MULTICAST",
    "BROADCAST",
    "AUDIENCE",
    "COUPON",
    "LOADING",
    "RICH_MENU",
];
const AUDIENCE_NAME: &str = "AUDIENCE_GROUP_NAME_SIZE_OVER";
const UPLOAD_NAME: &str = "AUDIENCE_GROUP_UPLOAD_DESCRIPTION_SIZE_OVER";
const TOO_MANY_IDS: &str = "UPLOAD_AUDIENCE_GROUP_TOO_MANY_AUDIENCE_IDS";

#[test]
fn every_limit_holds_on_both_sides() {
    hold().unwrap();
}

/// One limit, and how it is asked for.
pub struct Limit {
    /// LINE's name of the operation, and of what in it.
    name: String,
    method: &'static str,
    path: String,
    property: String,
    at_most: usize,
    /// A body with so many.
    make: Box<dyn Fn(usize) -> Value>,
    /// What details say instead of the property, where LINE has a word of its own.
    word: Option<&'static str>,
}

/// What the limits of other operations are asked with.
struct Things {
    menu: String,
    coupon: String,
    group: u64,
}

impl Limit {
    pub fn post(
        name: &str,
        path: &str,
        property: &str,
        at_most: usize,
        make: impl Fn(usize) -> Value + 'static,
    ) -> Self {
        Self {
            name: name.to_owned(),
            method: "POST",
            path: path.to_owned(),
            property: property.to_owned(),
            at_most,
            make: Box::new(make),
            word: None,
        }
    }

    fn put(self) -> Self {
        Self {
            method: "PUT",
            ..self
        }
    }

    fn in_words(self, word: &'static str) -> Self {
        Self {
            word: Some(word),
            ..self
        }
    }

    /// Asks on both sides; a row of the table.
    fn hold(&self, client: &Client) -> Result<Vec<String>> {
        let ask = |count: usize| {
            let body = (self.make)(count);
            let answer = client.ask(self.method, &self.path, None, &body);
            answer.with_context(|| format!("{}, {}: {count}", self.name, self.property))
        };
        let accepted = ask(self.at_most)?;
        ensure!(
            matches!(accepted.status, 200 | 202),
            "{}, {}, at the limit: {accepted:?}",
            self.name,
            self.property
        );
        let beyond = ask(self.at_most + 1)?;
        let words = self.refusal(&beyond).with_context(|| {
            format!(
                "{}, {}, beyond the limit: {beyond:?}",
                self.name, self.property
            )
        })?;
        Ok(vec![
            self.name.clone(),
            format!("`{}`", self.property),
            grouped(self.at_most),
            grouped(self.at_most),
            grouped(self.at_most + 1),
            words,
        ])
    }

    /// The words that refuse this property and nothing else.
    fn refusal(&self, answer: &Answer) -> Option<String> {
        if answer.status != 400 {
            return None;
        }
        let body: Value = serde_json::from_str(&answer.body).ok()?;
        let message = body["message"].as_str()?;
        let [detail] = body["details"].as_array()?.as_slice() else {
            return None;
        };
        let words = detail["message"].as_str()?;
        match self.word {
            Some(word) => (words == word).then(|| format!("{message} ({word})")),
            None => (detail["property"] == *self.property).then(|| words.to_owned()),
        }
    }
}

fn hold() -> Result<()> {
    let mut draw = Draw::seeded("limits of LINE's", 91);
    let platform = stage::platform(FRIENDS, &[], &mut draw)?;
    let mut recipe = platform.recipe.clone();
    for rate in RATES {
        recipe = recipe.with(&format!("CHINGU_API__RATE_LIMITS__{rate}"), "off");
    }
    let program = recipe.start()?;
    let (data, handle) = (&platform.brand.data, &*platform.brand.handle);
    let issued = admin(data, &["token", "issue", "--account", handle])?;
    let client = Client {
        address: program.address(),
        token: text(&issued, "token")?.to_owned(),
    };
    let things = Things::make(&client)?;
    let mut limits = messages::limits();
    limits.extend(sending(&things));
    limits.extend(audiences(&things));
    limits.extend(rich_menus(&things));
    limits.extend(coupons(&things));
    ensure!(limits.len() >= LIMITS_MIN, "{} limits", limits.len());
    let mut table = Table::with_columns(&[
        "operation",
        "property",
        "at most",
        "accepted",
        "refused",
        "words",
    ]);
    for limit in &limits {
        table.add(limit.hold(&client)?);
    }
    let log = program.recipe().log_count("\"ERROR\"");
    program.stop()?;
    ensure!(log == 0, "{log} errors in the log");
    let found = violations(&reconcile(data)?)?;
    ensure!(found.is_empty(), "{found:?}");
    let introduction = format!(
        "{} limits that LINE documents, each asked for twice through the front door: with as many \
         as there may be (characters, UTF-16 units, objects or whatever the limit counts), which \
         is accepted, and with one more, which is a 400 whose details name this property and \
         nothing else, in these words. Written by `just limits`.",
        limits.len()
    );
    table.publish("limits.md", "LINE's limits on both sides", &introduction)
}

impl Things {
    /// A rich menu with a picture, an audience group of one friend, a coupon.
    fn make(client: &Client) -> Result<Self> {
        let created = made(client, "/v2/bot/richmenu", &menu("name", json!("a")))?;
        let menu = text(&created, "richMenuId")?.to_owned();
        let pictured = send_picture(client.address, &client.token, &menu)?;
        ensure!(pictured.status == 200, "{pictured:?}");
        let page = client.get("/v2/bot/followers/ids?limit=1")?;
        let friend = page["userIds"][0].as_str().context("a friend")?;
        let body = json!({"description": "one", "audiences": [{"id": friend}]});
        let group = made_group(client, &body)?;
        let path = format!("/v2/bot/audienceGroup/{group}");
        wait::until_state(
            "the audience group is ready",
            SOON,
            || client.get(&path),
            |found| found["audienceGroup"]["status"] == "READY",
        )?;
        let created = made(client, "/v2/bot/coupon", &coupon("title", json!("a")))?;
        let coupon = text(&created, "couponId")?.to_owned();
        Ok(Self {
            menu,
            coupon,
            group,
        })
    }
}

fn made(client: &Client, path: &str, body: &Value) -> Result<Value> {
    let answer = client.ask("POST", path, None, body)?;
    ensure!(matches!(answer.status, 200 | 202), "{path}: {answer:?}");
    Ok(serde_json::from_str(&answer.body)?)
}

fn made_group(client: &Client, body: &Value) -> Result<u64> {
    let group = made(client, "/v2/bot/audienceGroup/upload", body)?;
    group["audienceGroupId"].as_u64().context("a number")
}

fn send_picture(address: SocketAddr, token: &str, menu: &str) -> Result<Answer> {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", &*bearer), ("Content-Type", "image/png")];
    let path = format!("/v2/bot/richmenu/{menu}/content");
    let picture = testkit::png::plain(800, 250);
    http::request_bytes(address, "POST", &path, &headers, &picture)
}

/// The limits of sending. Ids are nobody's, so nothing goes anywhere; a narrowcast goes to whom
/// its conditions name.
fn sending(things: &Things) -> Vec<Limit> {
    let say = || json!([{"type": "text", "text": "(광고) a"}]);
    let multicast = move |key: &str, value: Value| {
        let mut body = json!({"to": ids(1), "messages": say()});
        body[key] = value;
        body
    };
    let multicasts = "/v2/bot/message/multicast";
    let group = things.group;
    let mut limits: Vec<Limit> = ["reply", "push", "multicast", "narrowcast", "broadcast"]
        .map(|operation| {
            let name = format!(
                "validate{}{}",
                operation[..1].to_uppercase(),
                &operation[1..]
            );
            let path = format!("/v2/bot/message/validate/{operation}");
            Limit::post(
                &name,
                &path,
                "messages",
                5,
                |count| json!({"messages": vec![json!({"type": "text", "text": "a"}); count]}),
            )
        })
        .into();
    limits.push(Limit::post(
        "multicast",
        multicasts,
        "to",
        500,
        move |count| multicast("to", json!(ids(count))),
    ));
    limits.push(Limit::post(
        "multicast",
        multicasts,
        "customAggregationUnits",
        1,
        move |count| {
            let units: Vec<String> = (0..count).map(|number| format!("unit_{number}")).collect();
            multicast("customAggregationUnits", json!(units))
        },
    ));
    limits.push(Limit::post(
        "narrowcast",
        "/v2/bot/message/narrowcast",
        "recipient",
        10,
        move |count| {
            let leaf = json!({"type": "audience", "audienceGroupId": group});
            let all = json!({"type": "operator", "or": vec![leaf; count]});
            json!({"messages": say(), "recipient": all})
        },
    ));
    limits.push(Limit::post(
        "narrowcast",
        "/v2/bot/message/narrowcast",
        "filter.demographic",
        10,
        move |count| {
            let leaf = json!({"type": "gender", "oneOf": ["male"]});
            let all = json!({"type": "operator", "and": vec![leaf; count]});
            json!({"messages": say(), "filter": {"demographic": all}})
        },
    ));
    limits.push(Limit::post(
        "showLoadingAnimation",
        "/v2/bot/chat/loading/start",
        "loadingSeconds",
        60,
        |seconds| json!({"chatId": ids(1)[0], "loadingSeconds": seconds}),
    ));
    limits
}

fn audiences(things: &Things) -> Vec<Limit> {
    let upload = "/v2/bot/audienceGroup/upload";
    let of = |count: usize| {
        let one = |id: String| json!({"id": id});
        json!(ids(count).into_iter().map(one).collect::<Vec<_>>())
    };
    let group = things.group;
    let describe = format!("/v2/bot/audienceGroup/{group}/updateDescription");
    vec![
        Limit::post(
            "createAudienceGroup",
            upload,
            "description",
            120,
            |count| json!({"description": letters(count)}),
        )
        .in_words(AUDIENCE_NAME),
        Limit::post(
            "createAudienceGroup",
            upload,
            "uploadDescription",
            300,
            move |count| {
                json!({"description": "a", "uploadDescription": letters(count),
                    "audiences": of(1)})
            },
        )
        .in_words(UPLOAD_NAME),
        Limit::post(
            "createAudienceGroup",
            upload,
            "audiences",
            10_000,
            move |count| json!({"description": "a", "audiences": of(count)}),
        )
        .in_words(TOO_MANY_IDS),
        Limit::post(
            "addAudienceToAudienceGroup",
            upload,
            "audiences",
            10_000,
            move |count| json!({"audienceGroupId": group, "audiences": of(count)}),
        )
        .put()
        .in_words(TOO_MANY_IDS),
        Limit::post(
            "updateAudienceGroupDescription",
            &describe,
            "description",
            120,
            |count| json!({"description": letters(count)}),
        )
        .put()
        .in_words(AUDIENCE_NAME),
    ]
}

fn menu(key: &str, value: Value) -> Value {
    let mut menu = json!({"size": {"width": 800, "height": 250}, "selected": false, "name": "a",
        "chatBarText": "a", "areas": []});
    menu[key] = value;
    menu
}

fn rich_menus(things: &Things) -> Vec<Limit> {
    let validate = "/v2/bot/richmenu/validate";
    let area = |action: Value| {
        let bounds = json!({"x": 0, "y": 0, "width": 1, "height": 1});
        json!({"bounds": bounds, "action": action})
    };
    let switch = move |key: &str, value: Value| {
        let mut action = json!({"type": "richmenuswitch", "richMenuAliasId": "a", "data": "a"});
        action[key] = value;
        menu("areas", json!([area(action)]))
    };
    let of_menu = |property: &str, at_most, make: fn(usize) -> Value| {
        let key = property.to_owned();
        Limit::post(
            "validateRichMenuObject",
            validate,
            property,
            at_most,
            move |count| menu(&key, make(count)),
        )
    };
    let of_switch = move |key: &'static str, at_most, make: fn(usize) -> Value| {
        Limit::post(
            "validateRichMenuObject, richmenuswitch",
            validate,
            &format!("areas[0].action.{key}"),
            at_most,
            move |count| switch(key, make(count)),
        )
    };
    let id = things.menu.clone();
    vec![
        of_menu("name", 300, families),
        of_menu("chatBarText", 14, families),
        Limit::post(
            "validateRichMenuObject",
            validate,
            "areas",
            20,
            move |count| {
                let says = json!({"type": "message", "text": "a"});
                menu("areas", json!(vec![area(says); count]))
            },
        ),
        of_switch("richMenuAliasId", 32, letters),
        of_switch("data", 300, letters),
        of_switch("label", 20, families),
        Limit::post(
            "createRichMenuAlias",
            "/v2/bot/richmenu/alias",
            "richMenuAliasId",
            32,
            move |count| json!({"richMenuAliasId": letters(count), "richMenuId": id}),
        ),
        Limit::post(
            "unlinkRichMenuIdFromUsers",
            "/v2/bot/richmenu/bulk/unlink",
            "userIds",
            500,
            |count| json!({"userIds": ids(count)}),
        ),
        Limit::post(
            "validateRichMenuBatchRequest",
            "/v2/bot/richmenu/validate/batch",
            "resumeRequestKey",
            100,
            |count| {
                let operations = json!([{"type": "unlinkAll"}]);
                json!({"operations": operations, "resumeRequestKey": letters(count)})
            },
        ),
    ]
}

fn coupon(key: &str, value: Value) -> Value {
    let mut coupon = json!({"title": "a", "acquisitionCondition": {"type": "normal"},
        "maxUseCountPerTicket": 1, "startTimestamp": 0, "endTimestamp": 1_924_959_599,
        "timezone": "ASIA_TOKYO", "visibility": "UNLISTED", "reward": {"type": "free"}});
    coupon[key] = value;
    coupon
}

fn coupons(things: &Things) -> Vec<Limit> {
    let of = |property: &'static str, at_most, make: fn(usize) -> Value| {
        Limit::post(
            "createCoupon",
            "/v2/bot/coupon",
            property,
            at_most,
            move |count| coupon(property, make(count)),
        )
    };
    let id = things.coupon.clone();
    vec![
        of("title", 60, letters),
        of("description", 1_000, letters),
        of("usageCondition", 100, letters),
        of("couponCode", 16, letters),
        of("imageUrl", 2_000, url_of),
        of("barcodeImageUrl", 2_000, url_of),
        Limit::post(
            "validatePush, coupon",
            "/v2/bot/message/validate/push",
            "messages[0].deliveryTag",
            30,
            move |count| {
                let tag = letters(count);
                json!({"messages": [{"type": "coupon", "couponId": id, "deliveryTag": tag}]})
            },
        ),
    ]
}

/// Ids of users there are not.
fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("U{number:032x}")).collect()
}

/// A text of so many letters.
fn letters(count: usize) -> Value {
    json!("a".repeat(count))
}

/// A text of so many characters as people count them, each of eleven UTF-16 units.
fn families(count: usize) -> Value {
    json!("👨‍👩‍👧‍👦".repeat(count))
}

/// An https URL of so many characters.
fn url_of(length: usize) -> Value {
    let start = "https://example.com/";
    json!(format!("{start}{}", "a".repeat(length - start.len())))
}
