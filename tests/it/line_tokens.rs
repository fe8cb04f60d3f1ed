//! A brand's program against the running server, as LINE's libraries speak: keys and secrets from
//! the settings page, tokens of all four kinds from issue to end, and every token that is worth
//! nothing.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::{Browser, Page, between};
use chingu_tests::draw::Draw;
use chingu_tests::platform::Platform;
use chingu_tests::program::Program;
use chingu_tests::shell::{self, admin, text};
use chingu_tests::verdict::violations;
use chingu_tests::wait::until_state;
use serde_json::{Value, json};
use testkit::assertion::{SigningKey, header, signed_by_secret, unsigned};

use crate::stage::{self, SOON, now, number};

const FRIENDS: u64 = 30;
const PAGE: &str = "/console/@hanok/settings/developers";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Short-lived tokens in an hour, so that the bucket's end is reached.
const TOKENS_AN_HOUR: u64 = 40;

#[test]
fn tokens_of_all_kinds_from_issue_to_end() {
    all_kinds().unwrap();
}

#[test]
fn tokens_and_assertions_that_are_worth_nothing() {
    worth_nothing().unwrap();
}

/// A server, the owner of `@hanok` at the settings, and a program of the brand.
struct World {
    owner: Browser,
    client: Browser,
    key: SigningKey,
    kid: String,
    channel: String,
    secret: String,
    program: Program,
    platform: Platform,
}

impl World {
    fn start(name: &str, seed: u64) -> Result<Self> {
        let mut draw = Draw::seeded(name, seed);
        let platform = stage::platform(FRIENDS, &[], &mut draw)?;
        let limit = format!("{TOKENS_AN_HOUR}/h");
        let recipe = platform.recipe.clone();
        let recipe = recipe.with("CHINGU_API__RATE_LIMITS__TOKEN", limit);
        let program = recipe.start()?;
        let address = program.address();
        let mut owner = Browser::of_member(address, &platform.brand, "owner")?;
        let key = SigningKey::generate();
        let jwk = key.jwk().to_string();
        let added = owner.post_form(&format!("{PAGE}/keys"), &[("jwk", &jwk)])?;
        ensure!(added.status == 303, "{added:?}");
        let page = owner.read(PAGE)?;
        ensure!(
            !page.contains("id=\"secret\""),
            "the secret is shown unasked"
        );
        let kid = between(&page, "/developers/keys/", "/remove")?.to_owned();
        let channel = between(&page, "id=\"channel-id\">", "<")?.to_owned();
        let secret = shown_secret(&mut owner)?;
        Ok(Self {
            owner,
            client: Browser::open(address)?,
            key,
            kid,
            channel,
            secret,
            program,
            platform,
        })
    }

    fn address(&self) -> SocketAddr {
        self.program.address()
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.channel,
            "sub": self.channel,
            "aud": "https://api.line.me/",
            "exp": now().as_seconds() + 1_800,
            "token_exp": 86_400,
        })
    }

    fn assertion(&self) -> String {
        self.key.sign(&header(&self.kid), &self.claims())
    }

    /// A form of LINE's endpoints of tokens; its answer has an id whatever it is.
    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let page = self.client.post_form(path, fields)?;
        has_id(&page)?;
        Ok(page)
    }

    fn get(&mut self, path: &str, token: Option<&str>) -> Result<Page> {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers = bearer.as_ref().map(|bearer| ("authorization", &**bearer));
        let page = self.client.get_with(path, headers.as_slice())?;
        has_id(&page)?;
        Ok(page)
    }

    fn asserted(&mut self, path: &str, assertion: &str) -> Result<Page> {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
        ];
        self.post(path, &fields)
    }

    fn with_secret(&mut self, path: &str, id: &str, secret: &str) -> Result<Page> {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
        ];
        self.post(path, &fields)
    }

    /// A token opens the API; its answer is the bot's.
    fn opens(&mut self, token: &str) -> Result<()> {
        // As libraries ask that were given an address with a slash at its end.
        let page = self.get("//v2/bot/info", Some(token))?;
        let info: Value = serde_json::from_str(&page.body)?;
        ensure!(
            page.status == 200 && info["basicId"] == "@hanok",
            "{page:?}"
        );
        Ok(())
    }

    /// Within a second or two the token opens nothing any more.
    fn waits_until_closed(&mut self, token: &str) -> Result<()> {
        let ask = || self.get("/v2/bot/info", Some(token));
        until_state("the token is over", SOON, ask, |page| page.status == 401)?;
        Ok(())
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

fn shown_secret(owner: &mut Browser) -> Result<String> {
    let page = owner.post_form(&format!("{PAGE}/secret"), &[])?;
    ensure!(page.status == 200, "{page:?}");
    ensure!(page.header("cache-control") == "no-store", "{page:?}");
    let secret = page.between("id=\"secret\">", "<")?.to_owned();
    ensure!(secret.len() == 32, "{secret}");
    Ok(secret)
}

fn has_id(page: &Page) -> Result<()> {
    let id = page.header("x-line-request-id");
    // Version 7: the first of the third group.
    ensure!(id.len() == 36 && id.as_bytes()[14] == b'7', "{page:?}");
    ensure!(page.status != 500, "{page:?}");
    Ok(())
}

fn answer(page: &Page, status: u16) -> Result<Value> {
    ensure!(page.status == status, "not {status}: {page:?}");
    serde_json::from_str(&page.body).with_context(|| page.body.clone())
}

fn refused(page: &Page, error: &str, description: &str) -> Result<()> {
    let said = answer(page, 400)?;
    let expected = json!({"error": error, "error_description": description});
    ensure!(said == expected, "{said}, not {expected}");
    Ok(())
}

fn all_kinds() -> Result<()> {
    let mut world = World::start("tokens of all kinds", 71)?;
    by_assertion(&mut world)?;
    stateless(&mut world)?;
    short_lived(&mut world)?;
    long_lived(&mut world)?;
    friends(&mut world)?;
    settings(&mut world)?;
    world.ends_clean()
}

fn by_assertion(world: &mut World) -> Result<()> {
    let assertion = world.assertion();
    let mut issued = Vec::new();
    for _ in 0..30 {
        let page = world.asserted("/oauth2/v2.1/token", &assertion)?;
        let said = answer(&page, 200)?;
        ensure!(
            said["token_type"] == "Bearer" && said["expires_in"] == 86_400,
            "{said}"
        );
        issued.push((
            text(&said, "access_token")?.to_owned(),
            text(&said, "key_id")?.to_owned(),
        ));
    }
    let page = world.asserted("/oauth2/v2.1/token", &assertion)?;
    let message = "The maximum number of access tokens has already been issued";
    ensure!(
        answer(&page, 400)? == json!({"message": message}),
        "{page:?}"
    );
    let query = format!("client_assertion_type={JWT_BEARER}&client_assertion={assertion}");
    let path = format!("/oauth2/v2.1/tokens/kid?{query}");
    let kids = answer(&world.get(&path, None)?, 200)?;
    let kids: BTreeSet<String> = serde_json::from_value(kids["kids"].clone())?;
    let ours: BTreeSet<String> = issued.iter().map(|(_, key_id)| key_id.clone()).collect();
    ensure!(kids == ours, "{kids:?}, not {ours:?}");

    let (token, key_id) = issued[0].clone();
    world.opens(&token)?;
    let verify = format!("/oauth2/v2.1/verify?access_token={token}");
    let said = answer(&world.get(&verify, None)?, 200)?;
    ensure!(said["client_id"] == *world.channel, "{said}");
    ensure!(
        (86_000..=86_400).contains(&number(&said, "expires_in")?),
        "{said}"
    );
    ensure!(said["scope"].is_string(), "{said}");
    let listed = world.owner.read(PAGE)?;
    ensure!(listed.contains(&key_id), "{listed}");
    let (id, secret) = (world.channel.clone(), world.secret.clone());
    let fields = [
        ("client_id", &*id),
        ("client_secret", &*secret),
        ("access_token", &*token),
    ];
    // Twice: one that is gone is no error.
    for _ in 0..2 {
        let page = world.post("/oauth2/v2.1/revoke", &fields)?;
        ensure!(page.status == 200 && page.body.is_empty(), "{page:?}");
    }
    world.waits_until_closed(&token)?;
    let page = world.get(&verify, None)?;
    refused(&page, "invalid_request", "access_token invalid")?;
    // Another takes its place; the settings take one back as well.
    let page = world.asserted("/oauth2/v2.1/token", &assertion)?;
    answer(&page, 200)?;
    let (token, key_id) = issued[1].clone();
    world.opens(&token)?;
    let revoke = format!("{PAGE}/tokens/{key_id}/revoke");
    let page = world.owner.post_form(&revoke, &[])?;
    ensure!(page.status == 303, "{page:?}");
    world.waits_until_closed(&token)
}

fn stateless(world: &mut World) -> Result<()> {
    // Whom our own address names, as libraries do that take it from their configuration.
    let (own, kid) = (format!("http://{}", world.address()), world.kid.clone());
    for aud in [own.clone(), format!("{own}/")] {
        let mut claims = world.claims();
        claims["aud"] = json!(aud);
        // As texts, as LINE's own samples have them.
        claims["exp"] = json!(claims["exp"].to_string());
        let assertion = world.key.sign(&header(&kid), &claims);
        let page = world.asserted("/oauth2/v3/token", &assertion)?;
        let said = answer(&page, 200)?;
        ensure!(
            said["expires_in"] == 900 && said.get("key_id").is_none(),
            "{said}"
        );
        world.opens(text(&said, "access_token")?)?;
    }
    let (id, secret) = (world.channel.clone(), world.secret.clone());
    let page = world.with_secret("/oauth2/v3/token", &id, &secret)?;
    let said = answer(&page, 200)?;
    world.opens(text(&said, "access_token")?)?;
    let page = world.with_secret("/oauth2/v3/token", &id, "wrong")?;
    refused(&page, "invalid_request", "Invalid 'client_credentials'.")
}

fn short_lived(world: &mut World) -> Result<()> {
    let (id, secret) = (world.channel.clone(), world.secret.clone());
    let path = "/v2/oauth/accessToken";
    let mut issued = Vec::new();
    for _ in 0..31 {
        let page = world.with_secret(path, &id, &secret)?;
        let said = answer(&page, 200)?;
        ensure!(said["expires_in"] == 2_592_000, "{said}");
        issued.push(text(&said, "access_token")?.to_owned());
    }
    world.opens(&issued[30])?;
    world.waits_until_closed(&issued[0])?;
    let said = world.post("/v2/oauth/verify", &[("access_token", &issued[1])])?;
    ensure!(answer(&said, 200)?["client_id"] == *id, "{said:?}");
    let page = world.post("/v2/oauth/revoke", &[("access_token", &issued[1])])?;
    ensure!(page.status == 200 && page.body.is_empty(), "{page:?}");
    world.waits_until_closed(&issued[1])?;
    let page = world.with_secret(path, "1573163733", &secret)?;
    refused(&page, "invalid_client", "invalid client_id")?;
    let page = world.with_secret(path, &id, "0123456789abcdef0123456789abcdef")?;
    refused(&page, "invalid_client", "invalid client_secret")?;
    let page = world.post(path, &[("client_id", &id)])?;
    refused(
        &page,
        "invalid_request",
        "some parameters missed or invalid",
    )?;
    // The rest of the hour's bucket, and one more.
    for _ in 31..TOKENS_AN_HOUR {
        let page = world.with_secret(path, &id, &secret)?;
        answer(&page, 200)?;
    }
    let page = world.with_secret(path, &id, &secret)?;
    let said = answer(&page, 429)?;
    ensure!(said["details"][0]["message"] == "RATE_LIMITED", "{said}");
    ensure!(
        page.header("x-ratelimit-limit") == TOKENS_AN_HOUR.to_string(),
        "{page:?}"
    );
    let wait: u64 = page.header("retry-after").parse()?;
    ensure!((1..=3_600 / TOKENS_AN_HOUR).contains(&wait), "{page:?}");
    Ok(())
}

fn long_lived(world: &mut World) -> Result<()> {
    let data = world.platform.brand.data.clone();
    let issue = ["token", "issue", "--account", "@hanok"];
    let first = admin(&data, &issue)?;
    let first = text(&first, "token")?.to_owned();
    world.opens(&first)?;
    // A reissue on the page, with an overlap: both open.
    let fields = [("overlap_hours", "24")];
    let page = world.owner.post_form(&format!("{PAGE}/token"), &fields)?;
    let second = page.between("id=\"issued-token\">", "<")?.to_owned();
    ensure!(
        !world.owner.read(PAGE)?.contains(&second),
        "it is shown again"
    );
    world.opens(&first)?;
    world.opens(&second)?;
    // And one without.
    let third = admin(&data, &issue)?;
    world.waits_until_closed(&second)?;
    world.opens(text(&third, "token")?)?;
    let list = admin(&data, &["token", "list", "--account", "@hanok"])?;
    let key_id = text(&third, "key_id")?;
    ensure!(list.to_string().contains(key_id), "{list}");
    ensure!(!list.to_string().contains(text(&third, "token")?), "{list}");
    let revoke = ["token", "revoke", "--account", "@hanok", "--key-id", key_id];
    admin(&data, &revoke)?;
    world.waits_until_closed(text(&third, "token")?)
}

/// Everybody who is a friend, page by page, and each of them by name.
fn friends(world: &mut World) -> Result<()> {
    let (id, secret) = (world.channel.clone(), world.secret.clone());
    let page = world.with_secret("/oauth2/v3/token", &id, &secret)?;
    let said = answer(&page, 200)?;
    let token = text(&said, "access_token")?.to_owned();
    let mut found = BTreeSet::new();
    let mut path = "/v2/bot/followers/ids?limit=7".to_owned();
    loop {
        let said = answer(&world.get(&path, Some(&token))?, 200)?;
        let ids: Vec<String> = serde_json::from_value(said["userIds"].clone())?;
        ensure!(ids.len() <= 7 && !ids.is_empty(), "{said}");
        found.extend(ids);
        let Some(next) = said["next"].as_str() else {
            break;
        };
        path = format!("/v2/bot/followers/ids?limit=7&start={next}");
    }
    ensure!(found.len() as u64 == FRIENDS, "{} friends", found.len());
    for id in found.iter().take(3) {
        let path = format!("/v2/bot/profile/{id}");
        let said = answer(&world.get(&path, Some(&token))?, 200)?;
        ensure!(
            said["userId"] == **id && said["displayName"] != "",
            "{said}"
        );
    }
    Ok(())
}

fn settings(world: &mut World) -> Result<()> {
    // Another secret: the one before proves nothing.
    let turned = world
        .owner
        .post_form(&format!("{PAGE}/secret/rotate"), &[])?;
    ensure!(turned.status == 303, "{turned:?}");
    let secret = shown_secret(&mut world.owner)?;
    ensure!(secret != world.secret, "the secret stayed");
    let (id, before) = (world.channel.clone(), world.secret.clone());
    let page = world.with_secret("/oauth2/v3/token", &id, &before)?;
    ensure!(page.status == 400, "{page:?}");
    let page = world.with_secret("/oauth2/v3/token", &id, &secret)?;
    answer(&page, 200)?;
    let shown = ["channel", "show", "--account", "@hanok", "--secret"];
    let shown = admin(&world.platform.brand.data, &shown)?;
    ensure!(
        shown["secret"] == *secret && shown["channel_id"] == *id,
        "{shown}"
    );
    // A private key is refused and not sent back; the key that is there is not taken twice.
    let mut private = world.key.jwk();
    private["d"] = json!("c2VjcmV0LWhhbGY");
    for jwk in [private.to_string(), world.key.jwk().to_string(), "{".into()] {
        let page = world
            .owner
            .post_form(&format!("{PAGE}/keys"), &[("jwk", &jwk)])?;
        ensure!(page.status == 422, "{page:?}");
        ensure!(
            !page.body.contains("c2VjcmV0LWhhbGY"),
            "the secret half came back"
        );
    }
    // Whoever does not manage settings sees none of it.
    let address = world.address();
    let mut analyst = Browser::of_member(address, &world.platform.brand, "analyst")?;
    ensure!(
        analyst.get(PAGE)?.status == 403,
        "an analyst sees the channel"
    );
    for path in ["secret", "secret/rotate", "token", "keys"] {
        let page = analyst.post_form(&format!("{PAGE}/{path}"), &[("jwk", "{}")])?;
        ensure!(page.status == 403, "{path}: {page:?}");
    }
    let remove = format!("{PAGE}/keys/{}/remove", world.kid);
    let removed = world.owner.post_form(&remove, &[])?;
    ensure!(removed.status == 303, "{removed:?}");
    let assertion = world.assertion();
    let page = world.asserted("/oauth2/v2.1/token", &assertion)?;
    let message = "Cannot find channel key that satisfies the conditions";
    ensure!(
        answer(&page, 404)? == json!({"message": message}),
        "{page:?}"
    );
    Ok(())
}

fn worth_nothing() -> Result<()> {
    let mut world = World::start("worth nothing", 73)?;
    let issued = world.assertion();
    let issued = world.asserted("/oauth2/v2.1/token", &issued)?;
    let issued = answer(&issued, 200)?;
    let token = text(&issued, "access_token")?.to_owned();
    bearers(&mut world, &token)?;
    assertions(&mut world)?;
    verified(&mut world, &token)?;
    world.opens(&token)?;
    world.ends_clean()
}

fn bearers(world: &mut World, token: &str) -> Result<()> {
    let parts: Vec<&str> = token.split('.').collect();
    let channel = &world.channel;
    let forged = json!({"sub": channel, "kind": "stateless", "exp": now().as_seconds() + 900,
        "jti": "x"});
    let (hs256, modulus) = (json!({"alg": "HS256"}), world.key.modulus());
    let table = [
        String::new(),
        "x".to_owned(),
        "x".repeat(5_000),
        "' OR 1=1 --".to_owned(),
        token[..token.len() - 1].to_owned(),
        format!("{token}x"),
        parts[..2].join("."),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.e30.{}", parts[0], parts[2]),
        unsigned(&json!({"alg": "none"}), &forged),
        signed_by_secret(&hs256, &forged, modulus.as_bytes()),
        signed_by_secret(&hs256, &forged, world.secret.as_bytes()),
        world.key.sign(&header(&world.kid), &forged),
        world.assertion(),
        world.secret.clone(),
    ];
    for bad in table {
        for path in ["/v2/bot/info", "/v2/bot/followers/ids", "/bot/pnp/push"] {
            let page = world.get(path, Some(&bad))?;
            let is_refused = page.status == 401 || (path == "/bot/pnp/push" && page.status == 405);
            ensure!(is_refused, "{bad:?} at {path}: {page:?}");
            ensure!(page.body.starts_with(r#"{"message":""#), "{page:?}");
        }
    }
    let page = world.get("/v2/bot/info", None)?;
    ensure!(page.status == 401, "{page:?}");
    Ok(())
}

fn assertions(world: &mut World) -> Result<()> {
    let (kid, good) = (world.kid.clone(), world.claims());
    let stranger = SigningKey::generate();
    let modulus = world.key.modulus();
    let with = |claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        world.key.sign(&header(&kid), &claims)
    };
    let algorithm = |alg: &str| json!({"alg": alg, "typ": "JWT", "kid": kid});
    let invalid = "Invalid client_assertion";
    let none = "Cannot find channel key";
    let table: Vec<(&str, String, u16, &str)> = vec![
        ("nothing", "x".into(), 400, invalid),
        ("no signature", unsigned(&header(&kid), &good), 400, invalid),
        (
            "alg none",
            unsigned(&algorithm("none"), &good),
            400,
            invalid,
        ),
        (
            "HS256 with the public key",
            signed_by_secret(&algorithm("HS256"), &good, modulus.as_bytes()),
            400,
            invalid,
        ),
        (
            "a stranger's",
            stranger.sign(&header(&kid), &good),
            400,
            invalid,
        ),
        (
            "no kid",
            world.key.sign(&json!({"alg": "RS256"}), &good),
            404,
            none,
        ),
        (
            "another kid",
            world.key.sign(&header("x"), &good),
            404,
            none,
        ),
        (
            "another issuer",
            with("iss", json!("1573163733")),
            400,
            "do not match",
        ),
        (
            "another subject",
            with("sub", json!("1573163733")),
            400,
            "Invalid sub",
        ),
        (
            "another audience",
            with("aud", json!("x")),
            400,
            "Invalid aud",
        ),
        (
            "expired",
            with("exp", json!(now().as_seconds() - 1)),
            400,
            "Invalid exp",
        ),
        (
            "too long",
            with("exp", json!(now().as_seconds() + 3_600)),
            400,
            "Invalid exp",
        ),
        (
            "token for years",
            with("token_exp", json!(99_999_999)),
            400,
            "Invalid token_exp",
        ),
        ("a million letters", "x".repeat(60_000), 400, invalid),
    ];
    for (what, assertion, status, words) in table {
        let page = world.asserted("/oauth2/v2.1/token", &assertion)?;
        ensure!(
            page.status == status && page.body.contains(words),
            "{what}: {page:?}"
        );
    }
    for fields in [
        vec![],
        vec![("grant_type", "password")],
        vec![("grant_type", "client_credentials")],
        vec![
            ("grant_type", "client_credentials"),
            ("client_assertion", "x"),
        ],
    ] {
        for path in [
            "/oauth2/v2.1/token",
            "/oauth2/v3/token",
            "/v2/oauth/accessToken",
        ] {
            let page = world.post(path, &fields)?;
            refused(
                &page,
                "invalid_request",
                "some parameters missed or invalid",
            )?;
        }
    }
    let page = world
        .client
        .post_body("/oauth2/v3/token", "application/json", b"{}".to_vec())?;
    ensure!(page.status == 415, "{page:?}");
    let page = world.client.post_body(
        "/oauth2/v3/token",
        "application/x-www-form-urlencoded",
        vec![b'%'; 70_000],
    )?;
    ensure!(page.status == 413, "{page:?}");
    Ok(())
}

fn verified(world: &mut World, token: &str) -> Result<()> {
    let invalid = "invalid_request";
    for (query, description) in [
        ("", "access_token in invalid format"),
        ("?access_token=", "access_token in invalid format"),
        ("?access_token=abc", "The access token not JWS"),
        ("?access_token=eyJ.eyJ.x", "access_token invalid"),
    ] {
        let page = world.get(&format!("/oauth2/v2.1/verify{query}"), None)?;
        refused(&page, invalid, description)?;
    }
    for bad in ["abc", token] {
        let page = world.post("/v2/oauth/verify", &[("access_token", bad)])?;
        refused(&page, invalid, "access_token invalid")?;
    }
    // Neither way takes back what is not its own, and neither says so.
    let (id, secret) = (world.channel.clone(), world.secret.clone());
    let page = world.post("/v2/oauth/revoke", &[("access_token", token)])?;
    ensure!(page.status == 200, "{page:?}");
    let fields = [
        ("client_id", &*id),
        ("client_secret", "wrong"),
        ("access_token", token),
    ];
    let page = world.post("/oauth2/v2.1/revoke", &fields)?;
    refused(&page, "invalid_client", "invalid client_secret")?;
    let fields = [
        ("client_id", &*id),
        ("client_secret", &*secret),
        ("access_token", "unknown"),
    ];
    let page = world.post("/oauth2/v2.1/revoke", &fields)?;
    ensure!(page.status == 200, "{page:?}");
    Ok(())
}
