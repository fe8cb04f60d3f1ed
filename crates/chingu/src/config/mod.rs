//! Configuration: sections from `chingu.toml`, `CHINGU_SECTION__KEY` variables and flags, later
//! ones over earlier ones; unknown keys are errors, and what cannot work together is refused at
//! start.

mod certificates; // files of whom encrypted connections trust
mod check; // what cannot work, in words
mod read; // file, variables, flags
mod role; // the roles one process can have
mod secret; // texts that are never shown
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::line::RateLimits;
use broker::RabbitMqConfig;
use clap::ValueEnum;
use domain::trace::Share;
use serde::Deserialize;
use store::StoreConfig;

pub use read::{Overrides, Sources};
pub use role::{Role, Roles};
pub use secret::SecretText;

/// Where the program listens, unless told otherwise.
const LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);
/// One chunk in a hundred: of a million recipients the way of ten.
const TRACED_PER_MILLION: u32 = 10_000;
/// Where `chingu sandbox` listens, unless told otherwise.
const SANDBOX_LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 8081);

#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub server: ServerSection,
    pub store: StoreSection,
    pub broker: BrokerSection,
    pub gateway: GatewaySection,
    pub api: ApiSection,
    pub scheduler: SchedulerSection,
    pub worker: WorkerSection,
    pub sandbox: SandboxSection,
    pub webhooks: WebhooksSection,
    pub log: LogSection,
    pub traces: TracesSection,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSection {
    pub listen: SocketAddr,
    /// Where others reach this installation, such as `https://chingu.example`; `None`: where it
    /// listens.
    pub public_url: Option<String>,
    /// `None`: every role this installation needs.
    pub roles: Option<Roles>,
    /// No demo business on the first start.
    pub no_demo: bool,
    /// How long work in flight may take after the first signal.
    pub shutdown_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSection {
    /// The data folder.
    pub data: PathBuf,
    /// PostgreSQL, the production engine's database; `None`: SQLite in the data folder.
    pub database_url: Option<SecretText>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BrokerSection {
    /// RabbitMQ; `None`: inside the process.
    pub amqp_url: Option<SecretText>,
    /// A file of whom `amqps://` trusts beside the system's authorities.
    pub root_certificate: Option<PathBuf>,
    /// Before the names of its queues and exchanges: several installations can share one broker.
    pub prefix: String,
    /// Messages a worker process holds that it has not acknowledged.
    pub prefetch: u16,
    pub confirm_timeout_ms: u64,
}

/// The messenger, and what is shared with it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GatewaySection {
    /// Up to and without `/v1/pushes`; `None`: the sandbox inside.
    pub url: Option<String>,
    /// A file of whom `https://` trusts beside the system's authorities.
    pub root_certificate: Option<PathBuf>,
    pub token: Option<SecretText>,
    pub secret: Option<SecretText>,
    /// Valid beside `secret` during a rotation.
    pub previous_secret: Option<SecretText>,
    pub guarantee: GuaranteeName,
    pub query_settles_ms: Option<u64>,
    pub batch_max: u32,
    pub recipients_per_second: Option<u32>,
    pub request_timeout_ms: u64,
}

/// The brands' API.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct ApiSection {
    /// What secrets of channels are sealed under and tokens signed with; `None`: a key that the
    /// database keeps.
    pub key: Option<SecretText>,
    /// Opens and verifies what it did before `key` took its place.
    pub previous_key: Option<SecretText>,
    pub rate_limits: RateLimits,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SchedulerSection {
    pub window_chunks_min: usize,
    pub window_chunks_max: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerSection {
    pub lease_ms: u64,
    pub in_flight_max: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxSection {
    /// Of `chingu sandbox`; inside the program it shares the server's address.
    pub listen: SocketAddr,
    /// Where friends' events go; `None`: to the program it runs in, or nowhere.
    pub events_url: Option<String>,
    pub faults: Vec<String>,
    /// The screen at `/messenger`, where whoever reaches it may be anybody.
    pub phone: bool,
}

/// What is sent to programs of brands.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhooksSection {
    /// To this machine and its neighbours as well, by http:// too: for development. Whoever can set
    /// a webhook can then ask whatever this machine reaches.
    pub allow_private_addresses: bool,
    /// How long after an event is sent a program can answer it.
    pub reply_token_ms: u64,
}

#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    pub format: LogFormat,
    /// As in `info,scheduler=debug`; `None`: what the command finds worth saying.
    pub filter: Option<String>,
}

/// Where steps of chunks are told, in builds that can.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TracesSection {
    /// A collector's address for OTLP over HTTP, such as `http://127.0.0.1:4318/v1/traces`.
    pub endpoint: Option<String>,
    /// Of how many chunks in a million.
    pub per_million: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    #[default]
    Auto,
    Pretty,
    Json,
}

/// The guarantees of a connector, by the words of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum GuaranteeName {
    #[default]
    Keyed,
    Queryable,
    Neither,
}

impl TracesSection {
    /// Of how many chunks anything is told.
    pub fn share(&self) -> Share {
        match self.endpoint {
            Some(_) => Share::per_million(self.per_million),
            None => Share::NONE,
        }
    }
}

impl ApiSection {
    /// The keys that are given, the present one first.
    pub fn keys(&self) -> Vec<SecretText> {
        self.key.iter().chain(&self.previous_key).cloned().collect()
    }
}

impl GatewaySection {
    /// Whom the messenger's certificate may come from beside the system's authorities.
    pub fn root_certificates(&self) -> anyhow::Result<Option<String>> {
        let path = self.root_certificate.as_deref();
        path.map(certificates::read).transpose()
    }
}

impl Config {
    /// The embedded engine's database.
    pub fn database_file(&self) -> PathBuf {
        self.store.data.join("chingu.db")
    }

    /// The platform's database.
    pub fn database(&self) -> StoreConfig {
        match &self.store.database_url {
            Some(url) => StoreConfig::postgres(url.reveal()),
            None => StoreConfig::durable(self.database_file()),
        }
    }

    /// The broker as it is used where one is named; without one its settings are looked at all the
    /// same.
    pub fn rabbitmq(&self) -> RabbitMqConfig {
        let url = self.broker.amqp_url.as_ref();
        // It was read before; where it is gone since, nobody else is trusted in its stead.
        let root_certificates = self.broker.root_certificate.as_deref();
        RabbitMqConfig {
            root_certificates: root_certificates.and_then(|path| certificates::read(path).ok()),
            prefix: self.broker.prefix.clone(),
            prefetch: self.broker.prefetch,
            confirm_timeout: Duration::from_millis(self.broker.confirm_timeout_ms),
            ..RabbitMqConfig::at(url.map_or("amqp://localhost", SecretText::reveal))
        }
    }

    /// Where the platform's data is, in words without who connects to it.
    pub fn database_in_words(&self) -> String {
        match self.database() {
            StoreConfig::Sqlite { path, .. } => path.display().to_string(),
            StoreConfig::Postgres(config) => config.place(),
        }
    }

    /// The sandbox messenger's own file.
    pub fn sandbox_file(&self) -> PathBuf {
        self.store.data.join("sandbox.db")
    }

    pub fn data(&self) -> &Path {
        &self.store.data
    }

    /// The named roles, or those the configuration calls for: no sandbox where another messenger
    /// is named, or on the production engine.
    pub fn roles(&self) -> Vec<Role> {
        if let Some(Roles(named)) = &self.server.roles {
            return named.clone();
        }
        let wants_sandbox = self.gateway.url.is_none() && self.store.database_url.is_none();
        let needed = |role: &Role| *role != Role::Sandbox || wants_sandbox;
        Role::ALL.into_iter().filter(needed).collect()
    }

    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.gateway.request_timeout_ms)
    }
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(LISTEN),
            public_url: None,
            roles: None,
            no_demo: false,
            shutdown_ms: 30_000,
        }
    }
}

impl Default for StoreSection {
    fn default() -> Self {
        Self {
            data: PathBuf::from("data"),
            database_url: None,
        }
    }
}

impl Default for BrokerSection {
    fn default() -> Self {
        let broker = RabbitMqConfig::at("");
        Self {
            amqp_url: None,
            root_certificate: None,
            prefix: broker.prefix,
            prefetch: broker.prefetch,
            confirm_timeout_ms: broker.confirm_timeout.as_millis() as u64,
        }
    }
}

impl Default for GatewaySection {
    fn default() -> Self {
        let worker = worker::WorkerSettings::default();
        Self {
            url: None,
            root_certificate: None,
            token: None,
            secret: None,
            previous_secret: None,
            guarantee: GuaranteeName::default(),
            query_settles_ms: None,
            batch_max: domain::capability::Capability::gateway().batch_max,
            recipients_per_second: None,
            request_timeout_ms: worker.request_timeout.as_millis() as u64,
        }
    }
}

impl Default for SchedulerSection {
    fn default() -> Self {
        let settings = scheduler::SchedulerSettings::default();
        Self {
            window_chunks_min: settings.window_chunks_min,
            window_chunks_max: settings.window_chunks_max,
        }
    }
}

impl Default for WebhooksSection {
    fn default() -> Self {
        Self {
            allow_private_addresses: false,
            reply_token_ms: store::reply_token::USUALLY_VALID.as_millis() as u64,
        }
    }
}

impl Default for TracesSection {
    fn default() -> Self {
        Self {
            endpoint: None,
            per_million: TRACED_PER_MILLION,
        }
    }
}

impl Default for WorkerSection {
    fn default() -> Self {
        let settings = worker::WorkerSettings::default();
        Self {
            lease_ms: settings.lease.as_millis() as u64,
            in_flight_max: settings.in_flight_max,
        }
    }
}

impl Default for SandboxSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(SANDBOX_LISTEN),
            events_url: None,
            faults: Vec::new(),
            phone: true,
        }
    }
}
