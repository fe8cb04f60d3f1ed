//! What cannot work, in words: every fault at once, before anything is opened.

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::bail;
use broker::InvalidRabbitMqConfig;
use domain::capability::Capability;
use domain::trace::Share;
use sandbox::FaultPlan;
use store::StoreConfig;
use tracing_subscriber::EnvFilter;
use worker::WorkerSettings;

use super::{Config, GuaranteeName, Role, SecretText, certificates};

/// Longer waits are a typing error.
const DURATION_MS: RangeInclusive<u64> = 1..=3_600_000;
const IN_FLIGHT: RangeInclusive<usize> = 1..=1_024;
/// What the broker can hold, with room for what workers hold besides.
const WINDOW_CHUNKS: RangeInclusive<usize> = 1..=broker::in_process::MESSAGES_MAX / 2;
const PREFETCH: RangeInclusive<u16> = 1..=1_024;
const BATCH: RangeInclusive<u32> = 1..=gateway::RECIPIENTS_MAX as u32;
/// Bytes of a key that nobody can guess.
const KEY_BYTES: RangeInclusive<usize> = 32..=256;
/// Longer than an event can be answered at all is a typing error.
const REPLY_TOKEN_MS: RangeInclusive<u64> =
    1_000..=store::reply_token::VALID_MAX.as_millis() as u64;
const RATE: RangeInclusive<u32> = 1..=directory::organisation::RATE_PER_SECOND_MAX;

impl Config {
    /// Refuses what no command can work with.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let mut faults = Faults::default();
        self.check_numbers(&mut faults);
        self.check_gateway(&mut faults);
        self.check_api(&mut faults);
        self.check_roles(&mut faults);
        self.check_engine(&mut faults);
        if let Err(error) = self.worker_settings().check() {
            faults.add(format!("worker.lease_ms: {error}"));
        }
        if let Err(error) = FaultPlan::parse(&self.sandbox.faults) {
            faults.add(format!("sandbox.faults: {error}"));
        }
        if let Some(url) = &self.server.public_url
            && !is_origin(url)
        {
            faults.add(format!(
                "server.public_url: '{url}' is not an address such as https://chingu.example, \
                 without a path"
            ));
        }
        if let Some(url) = &self.sandbox.events_url
            && !is_http_url(url)
        {
            faults.add(format!(
                "sandbox.events_url: '{url}' is not an http:// address"
            ));
        }
        if let Some(filter) = &self.log.filter
            && let Err(error) = EnvFilter::builder().parse(filter)
        {
            faults.add(format!("log.filter: {error}"));
        }
        if self.traces.endpoint.is_some() && !cfg!(feature = "otlp") {
            faults
                .add("traces.endpoint: this build tells no traces: build it with --features otlp");
        }
        if self.traces.per_million > Share::MILLION {
            faults.add("traces.per_million: is at most 1000000");
        }
        if self.store.data.as_os_str().is_empty() {
            faults.add("store.data: the data folder has no name");
        }
        faults.finish()
    }

    /// Refuses roles that cannot work together in one process, for `serve`.
    pub fn check_roles_together(&self) -> anyhow::Result<()> {
        let roles = self.roles();
        let has = |role| roles.contains(&role);
        if has(Role::Worker) != has(Role::Scheduler) && self.broker.amqp_url.is_none() {
            bail!(
                "without --amqp-url the broker is inside the process: \
                 the roles scheduler and worker run together"
            );
        }
        if has(Role::Worker) && !has(Role::Sandbox) && self.gateway.url.is_none() {
            bail!(
                "the worker has no messenger: name one with --gateway-url, \
                 or add the role sandbox"
            );
        }
        Ok(())
    }

    pub fn worker_settings(&self) -> WorkerSettings {
        WorkerSettings {
            lease: Duration::from_millis(self.worker.lease_ms),
            request_timeout: self.request_timeout(),
            in_flight_max: self.places(),
        }
    }

    /// Chunks that a worker may have between claim and record: fewer where each is many requests.
    pub fn places(&self) -> usize {
        let places = self.worker.in_flight_max;
        places.min(connector::parts::chunks_in_flight_max(
            self.gateway.batch_max,
        ))
    }

    /// What the messenger can do, as configured.
    pub fn capability(&self) -> Capability {
        let gateway = &self.gateway;
        let guaranteed = match gateway.guarantee {
            GuaranteeName::Keyed => Capability::gateway(),
            GuaranteeName::Queryable => Capability::queryable_gateway(Duration::from_millis(
                gateway.query_settles_ms.unwrap_or_default(),
            )),
            GuaranteeName::Neither => Capability::bare_gateway(),
        };
        Capability {
            batch_max: gateway.batch_max,
            recipients_per_second: gateway.recipients_per_second,
            ..guaranteed
        }
    }

    fn check_numbers(&self, faults: &mut Faults) {
        let (server, gateway) = (&self.server, &self.gateway);
        faults.expect("server.shutdown_ms", server.shutdown_ms, DURATION_MS);
        faults.expect(
            "gateway.request_timeout_ms",
            gateway.request_timeout_ms,
            DURATION_MS,
        );
        faults.expect("gateway.batch_max", gateway.batch_max, BATCH);
        if let Some(rate) = gateway.recipients_per_second {
            faults.expect("gateway.recipients_per_second", rate, RATE);
        }
        faults.expect("worker.lease_ms", self.worker.lease_ms, DURATION_MS);
        let reply_token_ms = self.webhooks.reply_token_ms;
        faults.expect("webhooks.reply_token_ms", reply_token_ms, REPLY_TOKEN_MS);
        faults.expect("worker.in_flight_max", self.worker.in_flight_max, IN_FLIGHT);
        let scheduler = &self.scheduler;
        let (least, most) = (scheduler.window_chunks_min, scheduler.window_chunks_max);
        faults.expect("scheduler.window_chunks_min", least, WINDOW_CHUNKS);
        faults.expect("scheduler.window_chunks_max", most, WINDOW_CHUNKS);
        if least > most {
            faults.add(format!(
                "scheduler.window_chunks_min: {least} is more than window_chunks_max, {most}"
            ));
        }
    }

    fn check_gateway(&self, faults: &mut Faults) {
        let gateway = &self.gateway;
        if let Some(url) = &gateway.url
            && !is_http_url(&url.replacen("https://", "http://", 1))
        {
            faults.add(format!(
                "gateway.url: '{url}' is not an http:// or https:// address"
            ));
        }
        if let Err(why) = gateway.root_certificates() {
            faults.add(format!("gateway.root_certificate: {why:#}"));
        }
        match (gateway.guarantee, gateway.query_settles_ms) {
            (GuaranteeName::Queryable, Some(settles)) => {
                faults.expect("gateway.query_settles_ms", settles, DURATION_MS);
            }
            (GuaranteeName::Queryable, None) => faults.add(
                "gateway.query_settles_ms: a queryable messenger needs it: how long after a push \
                 its answer to a query is final",
            ),
            (_, Some(_)) => {
                faults.add("gateway.query_settles_ms: only a queryable messenger has it")
            }
            (_, None) => {}
        }
        if gateway.token.is_some() != gateway.secret.is_some() {
            faults.add("gateway.token, gateway.secret: both are given or neither is");
        }
        if gateway.previous_secret.is_some() && gateway.secret.is_none() {
            faults.add("gateway.previous_secret: there is no gateway.secret beside it");
        }
        if let Some(token) = &gateway.token
            && !(1..=256).contains(&token.reveal().len())
        {
            faults.add("gateway.token: has 1 to 256 characters");
        }
        if let Some(token) = &gateway.token
            && !token.reveal().bytes().all(|byte| byte.is_ascii_graphic())
        {
            faults.add("gateway.token: holds characters that a header cannot carry");
        }
        let mut secret = |key: &str, secret: &Option<SecretText>| {
            if let Some(secret) = secret
                && let Err(error) = gateway::Secret::parse(secret.reveal())
            {
                faults.add(format!("{key}: {error}"));
            }
        };
        secret("gateway.secret", &gateway.secret);
        secret("gateway.previous_secret", &gateway.previous_secret);
    }

    fn check_api(&self, faults: &mut Faults) {
        let api = &self.api;
        for (name, key) in [("key", &api.key), ("previous_key", &api.previous_key)] {
            if let Some(key) = key
                && !KEY_BYTES.contains(&key.reveal().len())
            {
                let (least, most) = (KEY_BYTES.start(), KEY_BYTES.end());
                faults.add(format!("api.{name}: has {least} to {most} bytes"));
            }
        }
        if api.previous_key.is_some() && api.key.is_none() {
            faults.add("api.previous_key: there is no api.key beside it");
        }
    }

    fn check_engine(&self, faults: &mut Faults) {
        if let StoreConfig::Postgres(database) = self.database()
            && let Err(why) = database.check()
        {
            faults.add(format!("store.database_url: {why}"));
        }
        if self.broker.amqp_url.is_some() && self.store.database_url.is_none() {
            faults.add(
                "broker.amqp_url: several processes need a database that they share: \
                 name it with --database-url",
            );
        }
        if let Err(why) = self.rabbitmq().check() {
            let key = match why {
                InvalidRabbitMqConfig::Prefix(_) => "broker.prefix",
                InvalidRabbitMqConfig::Prefetch => "broker.prefetch",
                InvalidRabbitMqConfig::Url(_) => "broker.amqp_url",
            };
            faults.add(format!("{key}: {why}"));
        }
        let broker = &self.broker;
        if let Some(path) = &broker.root_certificate
            && let Err(why) = certificates::read(path)
        {
            faults.add(format!("broker.root_certificate: {why:#}"));
        }
        faults.expect("broker.prefetch", broker.prefetch, PREFETCH);
        let timeout = broker.confirm_timeout_ms;
        faults.expect("broker.confirm_timeout_ms", timeout, DURATION_MS);
    }

    fn check_roles(&self, faults: &mut Faults) {
        let roles = self.roles();
        if roles.is_empty() {
            faults.add("server.roles: names no role");
        }
        for (index, role) in roles.iter().enumerate() {
            if roles[..index].contains(role) {
                faults.add(format!("server.roles: names {role} twice"));
            }
        }
    }
}

/// Faults, collected.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, words: impl Into<String>) {
        self.0.push(words.into());
    }

    fn expect<T: PartialOrd + std::fmt::Display>(
        &mut self,
        key: &str,
        value: T,
        range: RangeInclusive<T>,
    ) {
        if !range.contains(&value) {
            let (least, most) = (range.start(), range.end());
            self.add(format!("{key}: {value} is not between {least} and {most}"));
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        match self.0.is_empty() {
            true => Ok(()),
            false => bail!("the configuration cannot work: {}", self.0.join("; ")),
        }
    }
}

/// Scheme, host and port, and nothing else: paths below it are this program's.
fn is_origin(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let host = rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    host.is_some_and(|host| {
        host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
            && host.bytes().all(|byte| byte.is_ascii_graphic())
            && !host.contains(['@', '?', '#', '/', '\\'])
    })
}

/// As far as can be known without asking: the connector and the sandbox look closer.
fn is_http_url(url: &str) -> bool {
    let host = url.strip_prefix("http://").unwrap_or_default();
    let starts_with_host = host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    starts_with_host
        && host.bytes().all(|byte| byte.is_ascii_graphic())
        && !host.contains(['@', '?', '#'])
}
