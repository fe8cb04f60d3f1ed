//! The engine a run is about: where its servers are, and how its processes share the work.

use std::path::Path;

use anyhow::{bail, ensure};
use store::StoreConfig;

/// What keeps the books and moves the references.
pub enum Engine {
    /// SQLite in a folder of the run, one process.
    Embedded,
    Production(Servers),
}

/// The servers of the production engine.
pub struct Servers {
    /// Of an empty database: the run leaves its friends and sends in it.
    pub database_url: String,
    /// `None`: a broker inside the one process.
    pub amqp_url: Option<String>,
    /// Before the names of the run's queues, which stay at the broker.
    pub prefix: String,
}

impl Engine {
    /// What the report calls it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Production(_) => "production",
        }
    }

    /// The database of the platform whose data folder is `data`.
    pub fn database(&self, data: &Path) -> StoreConfig {
        match self {
            Self::Embedded => StoreConfig::durable(data.join("chingu.db")),
            Self::Production(servers) => StoreConfig::postgres(&servers.database_url),
        }
    }

    pub fn database_url(&self) -> Option<&str> {
        match self {
            Self::Embedded => None,
            Self::Production(servers) => Some(&servers.database_url),
        }
    }

    /// The broker of its own, and what the names of its queues begin with.
    pub fn broker(&self) -> Option<(&str, &str)> {
        match self {
            Self::Embedded => None,
            Self::Production(servers) => Some((servers.amqp_url.as_deref()?, &servers.prefix)),
        }
    }

    /// What the platform's processes are told by variables: no password stands on a command line.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let database = self.database_url();
        let mut variables: Vec<_> = database
            .map(|url| ("CHINGU_DATABASE_URL", url.to_owned()))
            .into_iter()
            .collect();
        if let Some((url, prefix)) = self.broker() {
            variables.push(("CHINGU_AMQP_URL", url.to_owned()));
            variables.push(("CHINGU_BROKER__PREFIX", prefix.to_owned()));
        }
        variables
    }

    /// The roles of each process, the scheduler's first.
    pub fn processes(&self, workers: usize) -> Vec<&'static str> {
        match self.broker() {
            None => vec!["scheduler,worker"],
            Some(_) => [vec!["scheduler"], vec!["worker"; workers]].concat(),
        }
    }

    /// Refuses what cannot be measured: workers that share nothing, a database that holds
    /// something.
    pub async fn check(&self, workers: usize) -> anyhow::Result<()> {
        ensure!(workers > 0, "a broadcast needs a worker");
        if workers > 1 && self.broker().is_none() {
            bail!("several workers need a broker that they share: name it with --amqp-url");
        }
        let Some(url) = self.database_url() else {
            return Ok(());
        };
        let StoreConfig::Postgres(database) = StoreConfig::postgres(url) else {
            unreachable!("a URL is PostgreSQL's");
        };
        let place = database.place();
        ensure!(
            store::database::is_empty(&StoreConfig::Postgres(database)).await?,
            "the database {place} is not empty: a bench needs an empty one, and leaves its friends \
             and sends in it"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn production(amqp_url: Option<&str>) -> Engine {
        Engine::Production(Servers {
            database_url: "postgres://somebody@127.0.0.1:1/chingu".to_owned(),
            amqp_url: amqp_url.map(str::to_owned),
            prefix: "chingu-bench".to_owned(),
        })
    }

    #[test]
    fn processes_share_a_broker_or_are_one() {
        for alone in [Engine::Embedded, production(None)] {
            assert_eq!(alone.processes(1), ["scheduler,worker"]);
        }
        let shared = production(Some("amqp://127.0.0.1:1"));
        assert_eq!(shared.processes(2), ["scheduler", "worker", "worker"]);
        assert_eq!(shared.variables().len(), 3);
    }

    #[tokio::test]
    async fn workers_that_share_nothing_are_refused() {
        for (engine, workers, words) in [
            (Engine::Embedded, 0, "needs a worker"),
            (Engine::Embedded, 2, "--amqp-url"),
            (production(None), 2, "--amqp-url"),
            // Nobody listens there.
            (production(None), 1, "127.0.0.1:1/chingu"),
        ] {
            let refused = engine.check(workers).await.unwrap_err().to_string();
            assert!(refused.contains(words), "{refused}");
        }
        assert!(Engine::Embedded.check(1).await.is_ok());
    }
}
