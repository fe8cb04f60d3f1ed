//! Configurations that are taken and that are refused, in a table.

use super::*;

/// Bound to be changed by nobody: what a sandbox inside and its worker share.
const SECRET: &str = "0123456789abcdef";

fn read(file: &str, variables: &[(&str, &str)]) -> anyhow::Result<Config> {
    let sources = Sources {
        file: (!file.is_empty()).then(|| ("chingu.toml".to_owned(), file.to_owned())),
        variables: variables
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
    };
    Config::read(&sources, Overrides::default())
}

#[test]
fn nothing_configured_is_the_embedded_engine() {
    let config = read("", &[]).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.sandbox.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.database_file(), Path::new("data/chingu.db"));
    assert_eq!(config.database_in_words(), "data/chingu.db");
    assert_eq!(config.roles(), Role::ALL);
    assert!(!config.webhooks.allow_private_addresses);
    assert_eq!(config.webhooks.reply_token_ms, 60_000);
    config.check_roles_together().unwrap();
}

#[test]
fn variables_lie_over_the_file_and_flags_over_both() {
    let file = "[worker]\nlease_ms = 20000\nin_flight_max = 8\n[server]\nlisten = \"127.0.0.1:1\"";
    let variables = [
        ("CHINGU_WORKER__LEASE_MS", "30000"),
        ("CHINGU_SERVER__LISTEN", "127.0.0.1:2"),
        ("CHINGU_SERVER__ROLES", "worker, scheduler"),
        ("CHINGU_GATEWAY__TOKEN", "0012"),
        ("CHINGU_GATEWAY__SECRET", "0000000000000001"),
        ("CHINGU_GATEWAY__URL", "http://127.0.0.1:9/gateway"),
        ("CHINGU_SANDBOX__FAULTS", r#"["latency=5ms", "seed=2"]"#),
        ("CHINGU_API__KEY", "00000000000000000000000000000001"),
        ("CHINGU_API__RATE_LIMITS__BROADCAST", "5/min"),
        ("CHINGU_API__RATE_LIMITS__OTHER", "off"),
        ("CHINGU_API__RATE_LIMITS__V1", "7/s"),
        ("CHINGU_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES", "true"),
        ("CHINGU_WEBHOOKS__REPLY_TOKEN_MS", "90000"),
        // Of flags and of test builds: not of this reading.
        ("CHINGU_LISTEN", "127.0.0.1:7"),
        ("CHINGU_PAUSE_AT", "freeze"),
    ];
    let sources = Sources {
        file: Some(("chingu.toml".into(), file.into())),
        variables: variables
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
    };
    let flags = Overrides {
        listen: Some("127.0.0.1:3".parse().unwrap()),
        ..Overrides::default()
    };
    let config = Config::read(&sources, flags).unwrap();
    assert_eq!(
        (config.worker.lease_ms, config.worker.in_flight_max),
        (30_000, 8)
    );
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(config.roles(), [Role::Worker, Role::Scheduler]);
    // A token of digits stays the text it is.
    assert_eq!(config.gateway.token.unwrap().reveal(), "0012");
    assert_eq!(config.gateway.secret.unwrap().reveal(), "0000000000000001");
    assert_eq!(config.sandbox.faults, ["latency=5ms", "seed=2"]);
    let limits = &config.api.rate_limits;
    assert_eq!(limits.broadcast.to_string(), "5/min");
    assert_eq!(limits.other.to_string(), "off");
    assert_eq!(limits.v1.to_string(), "7/s");
    assert_eq!(limits.multicast.to_string(), "200/s");
    assert!(config.webhooks.allow_private_addresses);
    assert_eq!(config.webhooks.reply_token_ms, 90_000);
    assert_eq!(
        config.api.key.unwrap().reveal(),
        "00000000000000000000000000000001"
    );
}

#[test]
fn another_messenger_needs_no_sandbox_inside() {
    let config = read("[gateway]\nurl = \"http://127.0.0.1:9\"", &[]).unwrap();
    assert_eq!(
        config.roles(),
        [
            Role::Console,
            Role::Api,
            Role::Scheduler,
            Role::Worker,
            Role::Jobs
        ]
    );
}

#[test]
fn the_production_engine_has_no_sandbox_unless_it_is_named() {
    let engine = "[store]\ndatabase_url = \"postgres://u:p@h:5432/chingu?x=y\"";
    let config = read(engine, &[]).unwrap();
    assert!(!config.roles().contains(&Role::Sandbox));
    assert_eq!(config.database_in_words(), "postgres://h:5432/chingu");
    let named = read(&format!("{engine}\n[server]\nroles = \"sandbox\""), &[]).unwrap();
    assert_eq!(named.roles(), [Role::Sandbox]);
}

#[test]
fn a_connector_is_what_its_record_says() {
    let capability = |file| read(file, &[]).unwrap().capability();
    assert!(capability("").keyed);
    let queryable = capability("[gateway]\nguarantee = \"queryable\"\nquery_settles_ms = 2000");
    assert!(queryable.queryable && !queryable.keyed);
    assert_eq!(queryable.query_settles_after, Duration::from_secs(2));
    let neither = capability("[gateway]\nguarantee = \"neither\"\nbatch_max = 1");
    assert!(!neither.queryable && !neither.keyed && !neither.closable);
    assert_eq!(neither.batch_max, 1);
}

/// What is in the file, and a word that the refusal must say.
#[test]
fn files_that_cannot_work_are_refused_in_words() {
    let cases = [
        // Not TOML, or not this one.
        ("worker", "chingu.toml"),
        ("[worker", "chingu.toml"),
        ("[worker]\nlease_ms =", "chingu.toml"),
        ("[worker]\nlease_ms = 20000\nlease_ms = 30000", "duplicate"),
        ("[worker]\nlease = 20000", "lease"),
        ("[wroker]\nlease_ms = 20000", "wroker"),
        ("lease_ms = 20000", "lease_ms"),
        ("[server]\nport = 8080", "port"),
        ("[store]\npath = \"x\"", "path"),
        ("[gateway]\nbase_url = \"http://127.0.0.1\"", "base_url"),
        ("[scheduler]\nwindow = 5", "window"),
        ("[sandbox]\nfault = [\"down\"]", "fault"),
        ("[webhooks]\nallow_private = true", "allow_private"),
        (
            "[webhooks]\nallow_private_addresses = 1",
            "allow_private_addresses",
        ),
        ("[log]\nlevel = \"info\"", "level"),
        ("[database]\nurl = \"postgres://x\"", "database"),
        // Wrong types.
        ("worker = 5", "worker"),
        ("[worker]\nlease_ms = \"long\"", "worker.lease_ms"),
        ("[worker]\nlease_ms = -1", "worker.lease_ms"),
        ("[worker]\nlease_ms = 1.5", "worker.lease_ms"),
        ("[worker]\nin_flight_max = true", "worker.in_flight_max"),
        ("[server]\nlisten = 8080", "server.listen"),
        ("[server]\nlisten = \"8080\"", "server.listen"),
        ("[server]\nlisten = \"localhost:8080\"", "server.listen"),
        ("[server]\nroles = 5", "server.roles"),
        ("[server]\nroles = [5]", "server.roles"),
        ("[server]\nroles = [\"boss\"]", "'boss' is not a role"),
        ("[server]\nroles = \"api,boss\"", "'boss' is not a role"),
        (
            "[server]\nroles = [\"consoles\"]",
            "'consoles' is not a role",
        ),
        (
            "[server]\npublic_url = \"chingu.example\"",
            "server.public_url",
        ),
        (
            "[server]\npublic_url = \"https://chingu.example/shop\"",
            "without a path",
        ),
        ("[server]\npublic_url = \"ftp://x\"", "server.public_url"),
        ("[store]\ndata = 5", "store.data"),
        ("[gateway]\nurl = 5", "gateway.url"),
        ("[gateway]\nguarantee = \"best effort\"", "best effort"),
        ("[gateway]\nguarantee = 1", "gateway.guarantee"),
        ("[gateway]\ntoken = 123456", "text in quotes"),
        ("[gateway]\nsecret = true", "text in quotes"),
        ("[gateway]\nsecret = [\"x\"]", "gateway.secret"),
        ("[sandbox]\nfaults = \"down\"", "sandbox.faults"),
        ("[sandbox]\nfaults = [5]", "sandbox.faults"),
        ("[log]\nformat = \"xml\"", "xml"),
        // Numbers out of bounds.
        ("[server]\nshutdown_ms = 0", "server.shutdown_ms"),
        ("[server]\nshutdown_ms = 3600001", "server.shutdown_ms"),
        ("[worker]\nin_flight_max = 0", "worker.in_flight_max"),
        ("[worker]\nin_flight_max = 1025", "worker.in_flight_max"),
        ("[worker]\nlease_ms = 3600001", "worker.lease_ms"),
        ("[gateway]\nbatch_max = 0", "gateway.batch_max"),
        ("[gateway]\nbatch_max = 1001", "gateway.batch_max"),
        (
            "[gateway]\nrecipients_per_second = 0",
            "gateway.recipients_per_second",
        ),
        (
            "[gateway]\nrequest_timeout_ms = 0",
            "gateway.request_timeout_ms",
        ),
        (
            "[scheduler]\nwindow_chunks_min = 0",
            "scheduler.window_chunks_min",
        ),
        (
            "[scheduler]\nwindow_chunks_max = 5001",
            "scheduler.window_chunks_max",
        ),
        // Each allowed, together not.
        ("[worker]\nlease_ms = 10749", "too short"),
        (
            "[worker]\nlease_ms = 2000\n[gateway]\nrequest_timeout_ms = 1251",
            "too short",
        ),
        ("[gateway]\nrequest_timeout_ms = 15000", "too short"),
        (
            "[scheduler]\nwindow_chunks_min = 9\nwindow_chunks_max = 8",
            "more than",
        ),
        ("[gateway]\ntoken = \"t\"", "both are given or neither"),
        (
            "[gateway]\nsecret = \"0123456789abcdef\"",
            "both are given or neither",
        ),
        (
            "[gateway]\nprevious_secret = \"0123456789abcdef\"",
            "no gateway.secret beside it",
        ),
        (
            "[gateway]\ntoken = \"t\"\nsecret = \"short\"",
            "16 to 256 bytes",
        ),
        (
            "[gateway]\ntoken = \"\"\nsecret = \"0123456789abcdef\"",
            "1 to 256 characters",
        ),
        (
            "[gateway]\ntoken = \"a b\"\nsecret = \"0123456789abcdef\"",
            "a header cannot carry",
        ),
        (
            "[gateway]\ntoken = \"토큰\"\nsecret = \"0123456789abcdef\"",
            "a header cannot carry",
        ),
        ("[api]\nkey = \"short\"", "api.key: has 32 to 256 bytes"),
        (
            "[api]\nprevious_key = \"01234567890123456789012345678901\"",
            "no api.key beside it",
        ),
        ("[api]\nkey = 123456", "text in quotes"),
        ("[api.rate_limits]\npush = \"1/s\"", "push"),
        ("[api.rate_limits]\nbroadcast = \"60/d\"", "is not a rate"),
        ("[api.rate_limits]\nbroadcast = \"0/h\"", "is not a rate"),
        ("[api.rate_limits]\nbroadcast = 60", "broadcast"),
        (
            "[webhooks]\nreply_token_ms = 1200001",
            "webhooks.reply_token_ms",
        ),
        ("[webhooks]\nreply_token_ms = 0", "webhooks.reply_token_ms"),
        ("[gateway]\nguarantee = \"queryable\"", "needs it"),
        (
            "[gateway]\nquery_settles_ms = 2000",
            "only a queryable messenger",
        ),
        (
            "[gateway]\nguarantee = \"queryable\"\nquery_settles_ms = 0",
            "query_settles_ms",
        ),
        (
            "[gateway]\nurl = \"https://\"",
            "not an http:// or https:// address",
        ),
        (
            "[gateway]\nurl = \"messenger.example\"",
            "not an http:// or https:// address",
        ),
        (
            "[gateway]\nurl = \"http://\"",
            "not an http:// or https:// address",
        ),
        (
            "[gateway]\nurl = \"http://user:word@host\"",
            "not an http:// or https:// address",
        ),
        (
            "[gateway]\nurl = \"http://host/x?y=z\"",
            "not an http:// or https:// address",
        ),
        (
            "[sandbox]\nevents_url = \"ftp://host\"",
            "not an http:// address",
        ),
        ("[sandbox]\nfaults = [\"sleep=5\"]", "'sleep'"),
        ("[sandbox]\nfaults = [\"5xx=2\"]", "5xx"),
        ("[sandbox]\nfaults = [\"account=hanok\"]", "account"),
        ("[server]\nroles = []", "names no role"),
        ("[server]\nroles = [\"api\", \"api\"]", "names api twice"),
        ("[store]\ndata = \"\"", "no name"),
        ("[log]\nfilter = \"scheduler=loud\"", "log.filter"),
        (
            "[store]\ndatabase_url = \"mysql://h/chingu\"",
            "store.database_url: a URL of PostgreSQL begins",
        ),
        (
            "[store]\ndatabase_url = \"postgres://h\"",
            "store.database_url: it names no database",
        ),
        (
            "[store]\ndatabase_url = \"postgres://h/c?sslmode=perhaps\"",
            "store.database_url",
        ),
        (
            "[broker]\namqp_url = \"amqp://h\"",
            "name it with --database-url",
        ),
        (
            "[broker]\namqp_url = \"h:5672\"",
            "broker.amqp_url: the broker's URL is not understood",
        ),
        (
            "[broker]\nroot_certificate = \"nowhere.pem\"",
            "broker.root_certificate: nowhere.pem cannot be read",
        ),
        (
            "[gateway]\nroot_certificate = \"Cargo.toml\"",
            "gateway.root_certificate: Cargo.toml holds no certificate in PEM",
        ),
        ("[broker]\nprefix = \"\"", "broker.prefix"),
        ("[broker]\nprefix = \"a b\"", "broker.prefix"),
        ("[broker]\nprefetch = 0", "broker.prefetch"),
        (
            "[broker]\nconfirm_timeout_ms = 0",
            "broker.confirm_timeout_ms",
        ),
    ];
    for (file, words) in cases {
        let error = format!("{:#}", read(file, &[]).expect_err(file));
        assert!(error.contains(words), "{file:?}: {error}");
    }
}

#[test]
fn variables_that_cannot_work_are_refused_by_name() {
    let cases = [
        ("CHINGU_LISTN", "127.0.0.1:1", "CHINGU_LISTN"),
        ("CHINGU_WORKER_LEASE_MS", "20000", "CHINGU_WORKER_LEASE_MS"),
        ("CHINGU_", "", "CHINGU_ is not known"),
        ("CHINGU___LEASE_MS", "5", "CHINGU___LEASE_MS"),
        ("CHINGU_WORKER__", "5", "CHINGU_WORKER__"),
        (
            "CHINGU_WROKER__LEASE_MS",
            "20000",
            "CHINGU_WROKER__LEASE_MS",
        ),
        ("CHINGU_WORKER__LEASE", "20000", "CHINGU_WORKER__LEASE"),
        ("CHINGU_WORKER__LEASE_MS", "long", "CHINGU_WORKER__LEASE_MS"),
        ("CHINGU_WORKER__LEASE_MS", "", "CHINGU_WORKER__LEASE_MS"),
        ("CHINGU_WORKER__LEASE_MS", "-5", "CHINGU_WORKER__LEASE_MS"),
        ("CHINGU_SERVER__LISTEN", "8080", "CHINGU_SERVER__LISTEN"),
        ("CHINGU_SERVER__ROLES", "api;worker", "CHINGU_SERVER__ROLES"),
        (
            "CHINGU_GATEWAY__GUARANTEE",
            "some",
            "CHINGU_GATEWAY__GUARANTEE",
        ),
        (
            "CHINGU_GATEWAY__BATCH_MAX",
            "1.5",
            "CHINGU_GATEWAY__BATCH_MAX",
        ),
        ("CHINGU_SANDBOX__FAULTS", "down", "CHINGU_SANDBOX__FAULTS"),
        ("CHINGU_LOG__FORMAT", "xml", "CHINGU_LOG__FORMAT"),
    ];
    for (name, value, words) in cases {
        let error = read("", &[(name, value)]).expect_err(name);
        let error = format!("{error:#}");
        assert!(error.contains(words), "{name}={value}: {error}");
    }
}

#[test]
fn roles_that_cannot_work_together_are_refused() {
    let with_url = "[gateway]\nurl = \"http://127.0.0.1:9\"\n[server]\nroles = ";
    let without = "[server]\nroles = ";
    let with_broker = "[store]\ndatabase_url = \"postgres://h/c\"\n[broker]\n\
                       amqp_url = \"amqp://h\"\n[gateway]\nurl = \"http://127.0.0.1:9\"\n\
                       [server]\nroles = ";
    let cases = [
        (without, "\"worker\"", Some("run together")),
        (without, "\"scheduler\"", Some("run together")),
        (with_url, "\"api,worker\"", Some("run together")),
        (without, "\"scheduler,worker\"", Some("no messenger")),
        (with_url, "\"scheduler,worker\"", None),
        (with_broker, "\"worker\"", None),
        (with_broker, "\"scheduler\"", None),
        (without, "\"scheduler,worker,sandbox\"", None),
        (without, "\"api\"", None),
        (without, "\"sandbox\"", None),
    ];
    for (file, roles, refusal) in cases {
        let config = read(&format!("{file}{roles}"), &[]).unwrap();
        let checked = config.check_roles_together();
        match refusal {
            None => checked.unwrap(),
            Some(words) => {
                let error = checked.expect_err(roles).to_string();
                assert!(error.contains(words), "{roles}: {error}");
            }
        }
    }
}

#[test]
fn no_refusal_and_no_dump_repeats_a_secret() {
    let secrets = ["hush-hush-hush-hush", "9876543210987654"];
    let [word, digits] = secrets;
    let wrong = [
        format!("[gateway]\nsecret = {digits}"),
        format!("[gateway]\ntoken = {digits}\nsecret = \"{word}\""),
        format!("[gateway]\ntoken = \"{word} \"\nsecret = \"{word}\""),
        format!("[gateway]\nsecret = \"{word}\""),
        format!("[gateway]\ntoken = \"{word}\"\nsecret = \"\""),
        format!("[store]\ndatabase_url = \"mysql://u:{word}@h/c\""),
        format!("[broker]\namqp_url = \"http://u:{word}@h\""),
    ];
    for file in wrong {
        let error = format!("{:?}", read(&file, &[]).expect_err(&file));
        assert!(
            secrets.iter().all(|secret| !error.contains(secret)),
            "{error}"
        );
    }
    let config = read(
        &format!("[gateway]\ntoken = \"{word}\"\nsecret = \"{digits}\""),
        &[],
    );
    let dump = format!("{:?}", config.unwrap());
    assert!(
        secrets.iter().all(|secret| !dump.contains(secret)),
        "{dump}"
    );
    assert!(!format!("{:?}", SecretText::of(SECRET)).contains(SECRET));
}
