//! Channels on both engines: made once, secrets that turn, tokens of every kind until their end,
//! and every assertion that is worth nothing.

use domain::assertion::AssertionRefusal;
use domain::channel::{LIVE_TOKENS_MAX, SHORT_LIVED_LIFETIME, STATELESS_LIFETIME, kid};
use domain::money::Currency;
use serde_json::{Value, json};
use store::directory::Account;
use testkit::assertion::{SigningKey, header, signed_by_secret, unsigned};
use testkit::database::{Engine, TestDatabase};
use testkit::{ManualClock, SeededIds};

use super::*;
use crate::{AccountRequest, Directory};

testkit::on_both_engines![
    a_channel_is_made_once_and_only_for_its_business,
    a_secret_is_told_again_and_turned,
    thirty_tokens_by_assertion_live_at_once,
    a_stateless_token_lives_for_a_quarter_of_an_hour,
    the_oldest_short_lived_token_makes_room,
    a_reissue_lets_the_token_before_go_on_for_a_while,
    assertions_that_are_worth_nothing,
    what_is_written_behind_the_wall_is_of_the_business,
];

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const URL: &str = "https://chingu.example";
const DAY: Duration = Duration::from_secs(24 * 3_600);

struct World {
    store: Store,
    clock: Arc<ManualClock>,
    ports: ChannelPorts,
    channels: Channels,
    account: Account,
    other: Account,
    _database: TestDatabase,
}

async fn world(engine: Engine) -> World {
    let (store, database) = testkit::database::open(engine).await;
    let (ids, clock) = (Arc::new(SeededIds::of(3)), Arc::new(ManualClock::at(NOW)));
    let directory = Directory::of(store.clone(), clock.clone(), ids.clone());
    let mut accounts = Vec::new();
    for (name, handle) in [("Hanok", "@hanok"), ("Sakura", "@sakura")] {
        let business = directory.add_business(name, Currency::Krw).await.unwrap();
        let request = AccountRequest {
            handle,
            display_name: name,
            icon_url: None,
            time_zone: "Asia/Seoul",
            rate_per_second: None,
        };
        accounts.push(directory.add_account(business.id, &request).await.unwrap());
    }
    let vault = Vault::open_for(&store, ids.as_ref(), &[]).await.unwrap();
    let ports = ChannelPorts {
        clock: clock.clone(),
        secrets: ids.clone(),
        ids,
        vault: Arc::new(vault),
        public_url: URL.to_owned(),
    };
    World {
        channels: Channels::of(store.clone(), ports.clone()),
        other: accounts.pop().unwrap(),
        account: accounts.pop().unwrap(),
        store,
        clock,
        ports,
        _database: database,
    }
}

impl World {
    async fn channel(&self) -> Channel {
        let made = self
            .channels
            .channel(self.account.business, self.account.id);
        made.await.unwrap()
    }

    /// Registers a key of the account; its `kid`.
    async fn register(&self, account: &Account, key: &SigningKey) -> String {
        let jwk = key.jwk().to_string();
        let added = self
            .channels
            .add_assertion_key(account.business, account.id, &jwk);
        kid(added.await.unwrap().id)
    }

    fn claims(&self, channel: &Channel) -> Value {
        json!({
            "iss": channel.id.to_string(),
            "sub": channel.id.to_string(),
            "aud": "https://api.line.me/",
            "exp": self.clock.now().as_seconds() + 1_800,
            "token_exp": 86_400,
        })
    }

    async fn state(&self, token: &str) -> TokenState {
        self.channels.look_up(token).await.unwrap()
    }

    async fn is_live(&self, token: &str) -> bool {
        matches!(self.state(token).await, TokenState::Live(_))
    }

    async fn long_lived(&self, overlap: Duration) -> Issued {
        let issued =
            self.channels
                .issue_long_lived(self.account.business, self.account.id, overlap);
        issued.await.unwrap()
    }
}

async fn a_channel_is_made_once_and_only_for_its_business(engine: Engine) {
    let world = world(engine).await;
    let channel = world.channel().await;
    assert_eq!(channel, world.channel().await);
    assert_eq!(channel.id, ChannelId::of_account(world.account.id, 0));
    let other = &world.other;
    let theirs = world.channels.channel(other.business, other.id);
    let theirs = theirs.await.unwrap();
    assert_ne!((theirs.id, theirs.bot), (channel.id, channel.bot));
    let refused = world.channels.channel(other.business, world.account.id);
    assert!(matches!(refused.await, Err(Error::NotFound(_))));
}

async fn a_secret_is_told_again_and_turned(engine: Engine) {
    let world = world(engine).await;
    let channel = world.channel().await;
    let secret = world.channels.secret(&channel).unwrap();
    let digits = secret.reveal().bytes();
    assert_eq!(
        (
            secret.reveal().len(),
            digits.filter(u8::is_ascii_hexdigit).count()
        ),
        (32, 32)
    );
    assert!(!format!("{secret:?}").contains(secret.reveal()));
    let id = channel.id.to_string();
    let found = world.channels.by_secret(&id, secret.reveal()).await;
    assert_eq!(found.unwrap(), channel);
    let refusals = [
        (&*id, "0123456789abcdef0123456789abcdef"),
        (&id, ""),
        ("1000000000", secret.reveal()),
        ("hanok", secret.reveal()),
    ];
    for (index, (id, text)) in refusals.into_iter().enumerate() {
        let refused = world.channels.by_secret(id, text).await.unwrap_err();
        let is_secret = matches!(refused, TokenRefusal::WrongSecret);
        assert_eq!(is_secret, index < 2, "{id} {text}: {refused}");
    }
    let turned = world
        .channels
        .rotate_secret(world.account.business, world.account.id);
    turned.await.unwrap();
    let refused = world.channels.by_secret(&id, secret.reveal()).await;
    assert!(matches!(refused, Err(TokenRefusal::WrongSecret)));
    // Another installation's key opens nothing, and says what to do.
    let elsewhere = ChannelPorts {
        vault: Arc::new(Vault::of(&[[9; 32]]).unwrap()),
        ..world.ports.clone()
    };
    let elsewhere = Channels::of(world.store.clone(), elsewhere);
    let refused = elsewhere.secret(&channel).unwrap_err().to_string();
    assert!(refused.contains("api.key"), "{refused}");
    // A configured key takes over; what the database's own sealed stays readable.
    let keys = ["a key of thirty-two bytes or more"];
    let vault = Vault::open_for(&world.store, world.ports.secrets.as_ref(), &keys);
    let configured = ChannelPorts {
        vault: Arc::new(vault.await.unwrap()),
        ..world.ports.clone()
    };
    let configured = Channels::of(world.store.clone(), configured);
    assert_eq!(configured.secret(&channel).unwrap(), secret);
}

async fn thirty_tokens_by_assertion_live_at_once(engine: Engine) {
    let world = world(engine).await;
    let (channel, key) = (world.channel().await, SigningKey::generate());
    let kid = world.register(&world.account, &key).await;
    let assertion = key.sign(&header(&kid), &world.claims(&channel));
    let asserted = world.channels.by_assertion(&assertion).await.unwrap();
    let mut issued = Vec::new();
    for _ in 0..LIVE_TOKENS_MAX {
        issued.push(world.channels.issue_asserted(&asserted).await.unwrap());
    }
    let refused = world.channels.issue_asserted(&asserted).await;
    assert!(matches!(refused, Err(TokenRefusal::TooMany)));
    let kids = world.channels.live_key_ids(&channel).await.unwrap();
    let ours: Vec<TokenKeyId> = issued.iter().filter_map(|one| one.key_id.clone()).collect();
    assert_eq!(kids.len(), LIVE_TOKENS_MAX);
    assert!(ours.iter().all(|kid| kids.contains(kid)));
    let TokenState::Live(found) = world.state(&issued[0].token).await else {
        panic!("it lives");
    };
    assert_eq!(
        (found.channel, found.kind),
        (channel.id, TokenKind::Asserted)
    );
    assert_eq!(
        (found.account, issued[0].seconds),
        (world.account.id, 86_400)
    );
    // One taken back makes room for one.
    let kinds = [TokenKind::Asserted];
    let (token, theirs) = (&issued[0].token, Some(world.other.id));
    for of in [theirs, None] {
        let revoked = world.channels.revoke_shown(token, &kinds, of).await;
        revoked.unwrap();
        assert_eq!(world.is_live(token).await, of.is_some());
    }
    assert!(world.channels.issue_asserted(&asserted).await.is_ok());
    assert!(world.channels.issue_asserted(&asserted).await.is_err());
    world.clock.advance(DAY);
    assert_eq!(world.state(&issued[1].token).await, TokenState::Over);
    assert_eq!(world.channels.live_key_ids(&channel).await.unwrap(), []);
    assert!(world.channels.issue_asserted(&asserted).await.is_ok());
}

async fn a_stateless_token_lives_for_a_quarter_of_an_hour(engine: Engine) {
    let world = world(engine).await;
    let channel = world.channel().await;
    let issued = world.channels.issue_stateless(&channel).unwrap();
    assert_eq!((issued.seconds, &issued.key_id), (900, &None));
    assert!(is_signed(&issued.token));
    world
        .clock
        .advance(STATELESS_LIFETIME - Duration::from_secs(1));
    assert!(world.is_live(&issued.token).await);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.state(&issued.token).await, TokenState::Over);
    // Signed by nobody of us: another key, another algorithm, another kind.
    let foreign = Channels::of(
        world.store.clone(),
        ChannelPorts {
            vault: Arc::new(Vault::of(&[[9; 32]]).unwrap()),
            ..world.ports.clone()
        },
    );
    let foreign = foreign.issue_stateless(&channel).unwrap().token;
    let (head, claims) = (
        json!({"alg": "none"}),
        json!({"sub": channel.id.to_string(),
        "kind": "stateless", "exp": NOW.as_seconds() + 9_000, "jti": "x"}),
    );
    for token in [
        foreign,
        unsigned(&head, &claims),
        signed_by_secret(&json!({"alg": "HS256"}), &claims, b"secret"),
        format!("{}x", issued.token),
        "eyJ..".to_owned(),
        "opaque".to_owned(),
        String::new(),
        "x".repeat(10_000),
    ] {
        assert_eq!(world.state(&token).await, TokenState::Unknown, "{token}");
    }
}

async fn the_oldest_short_lived_token_makes_room(engine: Engine) {
    let world = world(engine).await;
    let channel = world.channel().await;
    let mut issued = Vec::new();
    for _ in 0..=LIVE_TOKENS_MAX {
        world.clock.advance(Duration::from_millis(1));
        issued.push(world.channels.issue_short_lived(&channel).await.unwrap());
    }
    assert_eq!(issued[0].seconds, SHORT_LIVED_LIFETIME.as_secs());
    assert_eq!(world.state(&issued[0].token).await, TokenState::Unknown);
    for later in &issued[1..] {
        assert!(world.is_live(&later.token).await);
    }
    world.clock.advance(SHORT_LIVED_LIFETIME);
    assert_eq!(world.state(&issued[30].token).await, TokenState::Over);
    world.clock.advance(DAY * 8);
    world.channels.issue_short_lived(&channel).await.unwrap();
    // So long ago that nothing is said of it.
    assert_eq!(world.state(&issued[30].token).await, TokenState::Unknown);
}

async fn a_reissue_lets_the_token_before_go_on_for_a_while(engine: Engine) {
    let world = world(engine).await;
    let first = world.long_lived(Duration::ZERO).await;
    world.clock.advance(DAY * 400);
    assert!(world.is_live(&first.token).await);
    let second = world.long_lived(DAY).await;
    world.clock.advance(DAY - Duration::from_secs(1));
    assert!(world.is_live(&first.token).await && world.is_live(&second.token).await);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.state(&first.token).await, TokenState::Over);
    let third = world.long_lived(Duration::ZERO).await;
    assert_eq!(world.state(&second.token).await, TokenState::Over);
    let (business, account) = (world.account.business, world.account.id);
    let too_long = DAY + Duration::from_secs(1);
    let refused = world.channels.issue_long_lived(business, account, too_long);
    assert!(matches!(
        refused.await,
        Err(Error::Refused {
            field: "overlap",
            ..
        })
    ));
    let key_id = third.key_id.unwrap();
    let theirs = world
        .channels
        .revoke(world.other.business, world.other.id, &key_id);
    assert!(matches!(theirs.await, Err(Error::NotFound(_))));
    let revoked = world.channels.revoke(business, account, &key_id).await;
    revoked.unwrap();
    assert_eq!(world.state(&third.token).await, TokenState::Unknown);
}

/// How an assertion is refused.
fn name(refusal: &TokenRefusal) -> &'static str {
    match refusal {
        TokenRefusal::UnknownKey => "unknown key",
        TokenRefusal::Unsigned => "unsigned",
        TokenRefusal::Claims(AssertionRefusal::Issuer) => "iss",
        TokenRefusal::Claims(AssertionRefusal::Subject) => "sub",
        TokenRefusal::Claims(AssertionRefusal::Audience) => "aud",
        TokenRefusal::Claims(AssertionRefusal::Expiry) => "exp",
        TokenRefusal::Claims(AssertionRefusal::Lifetime) => "token_exp",
        _ => "something else",
    }
}

async fn assertions_that_are_worth_nothing(engine: Engine) {
    let world = world(engine).await;
    let channel = world.channel().await;
    let (ours, theirs) = (SigningKey::generate(), SigningKey::generate());
    let kid = world.register(&world.account, &ours).await;
    let their_kid = world.register(&world.other, &theirs).await;
    let good = world.claims(&channel);
    let with = |claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        ours.sign(&header(&kid), &claims)
    };
    let signed = ours.sign(&header(&kid), &good);
    let parts: Vec<&str> = signed.split('.').collect();
    let hs256 = json!({"alg": "HS256", "typ": "JWT", "kid": kid});
    let none = json!({"alg": "none", "typ": "JWT", "kid": kid});
    let modulus = ours.modulus();
    let table: Vec<(&str, String, &str)> = vec![
        ("nothing", String::new(), "unsigned"),
        ("no JWS", "abc".into(), "unsigned"),
        ("two parts", parts[..2].join("."), "unsigned"),
        (
            "no signature",
            format!("{}.{}.", parts[0], parts[1]),
            "unsigned",
        ),
        ("four parts", format!("{signed}.x"), "unsigned"),
        ("huge", "x".repeat(1_000_000), "unsigned"),
        ("alg none", unsigned(&none, &good), "unsigned"),
        ("alg none, signed", ours.sign(&none, &good), "unsigned"),
        (
            "HS256 by the public key",
            signed_by_secret(&hs256, &good, modulus.as_bytes()),
            "unsigned",
        ),
        (
            "RS256 by HMAC",
            signed_by_secret(&header(&kid), &good, modulus.as_bytes()),
            "unsigned",
        ),
        (
            "RS512",
            ours.sign(&json!({"alg": "RS512", "kid": kid}), &good),
            "unsigned",
        ),
        (
            "another's key",
            theirs.sign(&header(&kid), &good),
            "unsigned",
        ),
        (
            "claims are no object",
            ours.sign(&header(&kid), &json!("x")),
            "unsigned",
        ),
        (
            "no kid",
            ours.sign(&json!({"alg": "RS256"}), &good),
            "unknown key",
        ),
        (
            "unknown kid",
            ours.sign(&header("536e453c-aa93-4449-8e90-add2608783c6"), &good),
            "unknown key",
        ),
        (
            "kid is no UUID",
            ours.sign(&header("' OR 1=1"), &good),
            "unknown key",
        ),
        (
            "another channel's kid",
            theirs.sign(&header(&their_kid), &good),
            "iss",
        ),
        ("another issuer", with("iss", json!("1573163733")), "iss"),
        ("another subject", with("sub", json!("1573163733")), "sub"),
        (
            "another audience",
            with("aud", json!("https://elsewhere.example/")),
            "aud",
        ),
        ("expired", with("exp", json!(NOW.as_seconds())), "exp"),
        (
            "in an hour",
            with("exp", json!(NOW.as_seconds() + 3_600)),
            "exp",
        ),
        ("ends never", with("exp", Value::Null), "exp"),
    ];
    for (what, assertion, expected) in table {
        let refused = world.channels.by_assertion(&assertion).await;
        let refused = refused.err().unwrap_or_else(|| panic!("{what} is taken"));
        assert_eq!(name(&refused), expected, "{what}: {refused}");
    }
    for aud in [URL.to_owned(), format!("{URL}/")] {
        let assertion = with("aud", json!(aud));
        assert!(
            world.channels.by_assertion(&assertion).await.is_ok(),
            "{aud}"
        );
    }
    // Good for whatever asks for no lifetime, not for a token that has one.
    let asserted = world
        .channels
        .by_assertion(&with("token_exp", json!(0)))
        .await;
    let refused = world.channels.issue_asserted(&asserted.unwrap()).await;
    assert_eq!(name(&refused.unwrap_err()), "token_exp");
    // A key that was taken away signs for nobody.
    let key = domain::channel::key_of_kid(&kid).unwrap();
    let (business, account) = (world.account.business, world.account.id);
    for (business, account, expected) in [
        (world.other.business, world.other.id, false),
        (business, account, true),
        (business, account, false),
    ] {
        let removed = world.channels.remove_assertion_key(business, account, key);
        assert_eq!(removed.await.is_ok(), expected);
    }
    let refused = world.channels.by_assertion(&signed).await.err().unwrap();
    assert_eq!(name(&refused), "unknown key");
}

async fn what_is_written_behind_the_wall_is_of_the_business(engine: Engine) {
    let is_walled = matches!(engine, Engine::Postgres);
    let world = world(engine).await;
    let wall = world.store.wall().await.unwrap();
    let (ours, theirs) = (
        world.channels.on(wall.store_of(world.account.business)),
        world.channels.on(wall.store_of(world.other.business)),
    );
    let (business, account) = (world.account.business, world.account.id);
    let made = ours.channel(business, account).await.unwrap();
    assert_eq!(made, world.channel().await);
    let key = SigningKey::generate().jwk().to_string();
    let key = ours
        .add_assertion_key(business, account, &key)
        .await
        .unwrap();
    let first = ours.issue_long_lived(business, account, DAY).await.unwrap();
    ours.issue_long_lived(business, account, DAY).await.unwrap();
    assert!(world.is_live(&first.token).await);
    ours.rotate_secret(business, account).await.unwrap();
    let key_id = first.key_id.unwrap();
    // Asked in the name of the right business, with the rows of another: SQLite has no wall.
    if is_walled {
        let refused = theirs.channel(business, account).await;
        assert!(matches!(refused, Err(Error::NotFound(_))));
        assert!(theirs.revoke(business, account, &key_id).await.is_err());
    }
    ours.revoke(business, account, &key_id).await.unwrap();
    ours.remove_assertion_key(business, account, key.id)
        .await
        .unwrap();
}
