//! The engine a suite runs on: `CHINGU_TEST_ENGINE` is `embedded`, which it is without it, or
//! `production`. There every data folder has a database of its own on this process's PostgreSQL
//! and names of its own on this process's RabbitMQ.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};

use anyhow::Result;
use store::StoreConfig;
use testkit::postgres::PostgresServer;
use testkit::rabbitmq::RabbitMqServer;

use crate::place;

const VARIABLE: &str = "CHINGU_TEST_ENGINE";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Embedded,
    Production,
}

/// Where the platform of a data folder keeps things on the production engine.
#[derive(Debug, Clone)]
pub struct Servers {
    pub database_url: String,
    pub amqp_url: String,
    /// Before the names of its queues.
    pub prefix: String,
}

/// By data folder; `None` is the embedded engine.
static KNOWN: LazyLock<Mutex<HashMap<PathBuf, Option<Servers>>>> = LazyLock::new(Mutex::default);

impl Servers {
    /// What tells the program of them.
    pub fn variables(&self) -> [(&'static str, &str); 3] {
        [
            ("CHINGU_DATABASE_URL", &self.database_url),
            ("CHINGU_AMQP_URL", &self.amqp_url),
            ("CHINGU_BROKER__PREFIX", &self.prefix),
        ]
    }
}

/// From now on every command with this data folder works on these servers, whatever the run is
/// about.
pub fn place_on(data: &Path, servers: Servers) {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.insert(data.to_owned(), Some(servers));
}

/// From now on a data folder is of the same installation as another one.
pub fn place_as(data: &Path, other: &Path) {
    let servers = servers(other);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.insert(data.to_owned(), servers);
}

/// What is about the embedded engine runs on it, whatever the run is about.
pub fn place_embedded(data: &Path) {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.insert(data.to_owned(), None);
}

/// The engine that this run is about.
pub fn wanted() -> Engine {
    match std::env::var(VARIABLE).as_deref() {
        Err(_) | Ok("embedded") => Engine::Embedded,
        Ok("production") => Engine::Production,
        Ok(other) => panic!("{VARIABLE}={other}: it is embedded or production"),
    }
}

/// The program, on the database and the broker of a data folder.
pub fn command(data: &Path) -> Result<Command> {
    let mut command = place::command()?;
    if let Some(servers) = servers(data) {
        command.envs(servers.variables());
    }
    Ok(command)
}

/// How a test opens the database of a data folder beside the program.
pub fn database(data: &Path) -> StoreConfig {
    match servers(data) {
        None => StoreConfig::durable(data.join("chingu.db")),
        Some(servers) => StoreConfig::postgres(servers.database_url),
    }
}

fn servers(data: &Path) -> Option<Servers> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(servers) = known.get(data) {
        return servers.clone();
    }
    if wanted() == Engine::Embedded {
        return None;
    }
    let servers = fresh_servers(&format!("suite-{}", known.len()));
    known.insert(data.to_owned(), Some(servers.clone()));
    Some(servers)
}

/// An empty database, and names of its own at the broker, whatever the run is about.
pub fn fresh_servers(prefix: &str) -> Servers {
    Servers {
        database_url: make_database(),
        amqp_url: broker().url(),
        prefix: prefix.to_owned(),
    }
}

/// The broker that the tests of this process share; it ends with the process.
fn broker() -> &'static RabbitMqServer {
    static SHARED: LazyLock<RabbitMqServer> =
        LazyLock::new(|| RabbitMqServer::start().expect("RabbitMQ starts"));
    &SHARED
}

fn make_database() -> String {
    make_database_on(PostgresServer::shared())
}

/// The address of an empty database. On a thread of its own: whoever asks may be within a runtime.
pub fn make_database_on(server: &PostgresServer) -> String {
    let make = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        server.url(&runtime.block_on(server.create_database()))
    };
    std::thread::scope(|scope| scope.spawn(make).join().expect("a database"))
}
