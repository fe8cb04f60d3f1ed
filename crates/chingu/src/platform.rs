//! What every command that opens the database works with.

use std::sync::Arc;

use directory::{Directory, SignIn};
use domain::id::IdSource;
use domain::message::Rules;
use domain::time::Clock;
use scheduler::launch::LaunchContext;
use store::{Store, StoreConfig};

use crate::config::Config;
use crate::machine::{SystemClock, SystemIds, SystemSecrets};

pub struct Platform {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    /// What a message may refer to in this installation.
    pub rules: Rules,
    connector_rate: Option<u32>,
}

impl Platform {
    /// Opens the database, making it and its tables where they are missing.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let store = Store::open(&StoreConfig::durable(config.database())).await?;
        Ok(Self {
            store,
            clock: Arc::new(SystemClock::start()),
            ids: Arc::new(SystemIds),
            rules: Rules::default(),
            connector_rate: config.gateway.recipients_per_second,
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
