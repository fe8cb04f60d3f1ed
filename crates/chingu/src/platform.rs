//! What every command that opens the database works with.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use directory::{ChannelPorts, Channels, Directory, SignIn, Vault};
use domain::id::IdSource;
use domain::message::{MediaOrigin, Rules};
use domain::time::Clock;
use scheduler::launch::LaunchContext;
use store::Store;
use tokio::task::JoinHandle;

use crate::config::{Config, SecretText};
use crate::machine::{DatabaseClock, SystemClock, SystemIds, SystemSecrets};
use crate::wiring::reachable;

pub struct Platform {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    /// The same clock where it follows the database's: a server keeps it following.
    database_clock: Option<Arc<DatabaseClock>>,
    pub ids: Arc<dyn IdSource>,
    /// What a message may refer to in this installation.
    pub rules: Rules,
    /// Where others reach it, without a slash at the end.
    pub public_url: String,
    connector_rate: Option<u32>,
    /// What secrets of channels are sealed under, where it is configured.
    api_keys: Vec<SecretText>,
}

impl Platform {
    /// Opens the database, making it and its tables where they are missing.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        Self::open_at(config, config.server.listen).await
    }

    /// As [`Platform::open`], for a process that listens on `address`.
    pub async fn open_at(config: &Config, address: SocketAddr) -> anyhow::Result<Self> {
        let public_url = public_url(config, address);
        let store = Store::open(&config.database()).await?;
        let (machine_clock, ids) = Self::machine();
        let database_clock = DatabaseClock::start(&store).await?.map(Arc::new);
        let clock: Arc<dyn Clock> = match &database_clock {
            Some(clock) => clock.clone(),
            None => machine_clock,
        };
        Ok(Self {
            store,
            clock,
            database_clock,
            ids,
            rules: rules_at(&public_url)?,
            public_url,
            connector_rate: config.gateway.recipients_per_second,
            api_keys: config.api.keys(),
        })
    }

    /// The clock and the ids of this machine.
    pub fn machine() -> (Arc<dyn Clock>, Arc<dyn IdSource>) {
        (Arc::new(SystemClock::start()), Arc::new(SystemIds))
    }

    /// Keeps the clock with the database's, where there is one; until it is aborted.
    pub fn follow_clock(&self) -> JoinHandle<()> {
        let (clock, store) = (self.database_clock.clone(), self.store.clone());
        tokio::spawn(async move {
            if let Some(clock) = clock {
                clock.follow(&store).await;
            }
        })
    }

    pub fn directory(&self) -> Directory {
        Directory::of(self.store.clone(), self.clock.clone(), self.ids.clone())
    }

    pub fn sign_in(&self) -> SignIn {
        let secrets = Arc::new(SystemSecrets);
        SignIn::of(
            self.store.clone(),
            self.clock.clone(),
            self.ids.clone(),
            secrets,
        )
    }

    /// Channels of accounts, with the keys that their secrets are sealed under.
    pub async fn channels(&self) -> anyhow::Result<Channels> {
        let keys: Vec<&str> = self.api_keys.iter().map(SecretText::reveal).collect();
        let vault = Vault::open_for(&self.store, &SystemSecrets, &keys).await?;
        let ports = ChannelPorts {
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            secrets: Arc::new(SystemSecrets),
            vault: Arc::new(vault),
            public_url: self.public_url.clone(),
        };
        Ok(Channels::of(self.store.clone(), ports))
    }

    pub fn launch_context(&self) -> LaunchContext<'_> {
        LaunchContext {
            store: &self.store,
            clock: self.clock.as_ref(),
            ids: self.ids.as_ref(),
            rules: &self.rules,
            connector_rate: self.connector_rate,
        }
    }

    pub async fn close(self) -> anyhow::Result<()> {
        Ok(self.store.close().await?)
    }
}

/// Moves a closed database to its place. What still stood in a log beside it would stay behind.
pub fn place_database(file: &Path, to: &Path) -> anyhow::Result<()> {
    let log = file.with_extension("db-wal");
    ensure!(!log.exists(), "{} was not closed", file.display());
    std::fs::rename(file, to).with_context(|| format!("cannot make {}", to.display()))?;
    let folder = to.parent().context("a folder around the database")?;
    Ok(std::fs::File::open(folder)?.sync_all()?)
}

/// Where others reach this installation: as configured, or where it listens.
pub fn public_url(config: &Config, address: SocketAddr) -> String {
    let own = || format!("http://{}", reachable(address));
    let url = config.server.public_url.clone().unwrap_or_else(own);
    url.trim_end_matches('/').to_owned()
}

/// What a message of this installation may refer to: its own pictures, even without TLS.
pub fn rules_at(public_url: &str) -> anyhow::Result<Rules> {
    let media = MediaOrigin::with_own_media(public_url)
        .with_context(|| format!("server.public_url: '{public_url}' is no address"))?;
    Ok(Rules { media })
}
