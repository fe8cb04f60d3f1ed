//! A whole installation without anything between its processes: PostgreSQL, RabbitMQ, schedulers,
//! workers, a front process and a messenger, for whoever measures.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use testkit::database::Raw;
use testkit::postgres::PostgresServer;
use testkit::rabbitmq::RabbitMqServer;
use tokio::runtime::Runtime;

use crate::draw::Draw;
use crate::engine::{self, Servers};
use crate::messenger::{self, Messenger, SECRET, TOKEN};
use crate::program::{Program, Recipe};
use crate::world::{Brand, UNTARGETED_MICRO};
use crate::{shell, verdict, wait};

/// What the record says of all campaigns together.
pub const RECORDED: &str =
    "SELECT CAST(COALESCE(SUM(accepted), 0) AS BIGINT) FROM chunk WHERE state >= 10";
const CAPTURED_MICRO: &str = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM capture";
/// Between two looks at a campaign: a command is a process.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// As a small server of one's own has them.
const POSTGRES: &[(&str, &str)] = &[("shared_buffers", "256MB"), ("max_wal_size", "2GB")];

#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub schedulers: usize,
    pub workers: usize,
    /// Pushes of one worker at once.
    pub in_flight: usize,
    pub request_timeout_ms: u64,
    pub lease_ms: u64,
    /// Recipients per second of everybody together.
    pub connector_rate: Option<u64>,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            schedulers: 2,
            workers: 2,
            in_flight: 16,
            request_timeout_ms: 5_000,
            lease_ms: 8_000,
            connector_rate: None,
        }
    }
}

/// The servers and the processes, running.
pub struct Fleet {
    pub messenger: Messenger,
    pub schedulers: Vec<Program>,
    pub workers: Vec<Program>,
    pub front: Program,
    pub postgres: PostgresServer,
    pub rabbit: RabbitMqServer,
    /// The data folder of whoever types commands.
    pub shells: PathBuf,
    // Dropped last: everything above writes into it.
    _folder: TempDir,
}

/// What became of everything that was launched, by three witnesses that agree.
#[derive(Debug, Clone, Copy)]
pub struct Reckoning {
    pub attempted: u64,
    pub billed_micro: i64,
}

impl fmt::Display for Reckoning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, won) = (self.attempted, self.billed_micro / 1_000_000);
        write!(
            f,
            "{all} attempted, {all} accepted, {all} recorded, {won} KRW billed, lost 0, \
             duplicated 0, `chingu reconcile` clean"
        )
    }
}

impl Fleet {
    pub fn start(size: Size) -> Result<Self> {
        let folder = TempDir::new()?;
        let postgres = PostgresServer::start_with(POSTGRES);
        let rabbit = RabbitMqServer::start()?;
        let database = Runtime::new()?.block_on(postgres.create_database());
        let servers = Servers {
            database_url: postgres.url(&database),
            amqp_url: rabbit.url(),
            prefix: "fleet".to_owned(),
        };
        let shells = folder.path().join("shells");
        engine::place_on(&shells, servers.clone());
        let make = |name: &str, roles: &str| recipe(folder.path(), name, roles, &servers, size);
        let front = make("front", "console,api,jobs")?;
        let messenger = Messenger::start(folder.path(), front.listen, &[])?;
        let gateway = messenger.gateway_url();
        let start = |mut recipe: Recipe| {
            let address = ["--gateway-url".to_owned(), gateway.clone()];
            recipe.arguments.extend(address);
            recipe.start()
        };
        // The first process makes the tables; the others find them.
        let front = start(front)?;
        let many = |role: &str, count: usize| -> Result<Vec<Program>> {
            let numbers = 0..count;
            numbers
                .map(|number| start(make(&format!("{role}-{number}"), role)?))
                .collect()
        };
        Ok(Self {
            schedulers: many("scheduler", size.schedulers)?,
            workers: many("worker", size.workers)?,
            front,
            messenger,
            postgres,
            rabbit,
            shells,
            _folder: folder,
        })
    }

    pub fn brand(&self, handle: &str, friends: u64, draw: &mut Draw) -> Result<Brand> {
        Brand::create(&self.shells, handle, friends, draw)
    }

    /// The one number that a statement answers.
    pub fn number(&self, sql: &str) -> Result<i64> {
        let config = engine::database(&self.shells);
        let runtime = Runtime::new()?;
        Ok(runtime.block_on(async {
            let raw = Raw::of(&config).await;
            let number = raw.number(sql).await;
            raw.close().await;
            number
        }))
    }

    /// Waits until a campaign is closed.
    pub fn wait_until_closed(
        &self,
        brand: &Brand,
        campaign: &str,
        deadline: Duration,
    ) -> Result<()> {
        let look = || {
            wait::let_pass(LOOK_EVERY);
            brand.show(campaign)
        };
        let is_closed = |shown: &serde_json::Value| shown["state"] == "closed";
        wait::until_state(campaign, deadline, look, is_closed).with_context(|| self.logs())?;
        Ok(())
    }

    /// Compares the messenger's own log, the record and the books over all that was launched here:
    /// campaigns that have closed, and how many recipients each had.
    pub fn expect_exactly_once(&self, launched: &[(String, u64)]) -> Result<Reckoning> {
        let books = verdict::violations(&shell::reconcile(&self.shells)?)?;
        ensure!(books.is_empty(), "reconcile: {books:?}");
        let attempted: u64 = launched.iter().map(|(_, people)| people).sum();
        let log = messenger::count_all(self.messenger.data(), launched)?;
        ensure!(log.duplicates == 0, "{log:?}");
        ensure!(log.people == attempted, "{log:?} of {attempted}");
        let recorded = self.number(RECORDED)?;
        ensure!(
            recorded as u64 == attempted,
            "{recorded} of {attempted} are recorded"
        );
        let billed_micro = self.number(CAPTURED_MICRO)?;
        ensure!(
            billed_micro == attempted as i64 * UNTARGETED_MICRO,
            "{billed_micro} micro-units are billed for {attempted}"
        );
        Ok(Reckoning {
            attempted,
            billed_micro,
        })
    }

    /// Every process of the platform, with its name.
    pub fn processes(&self) -> Vec<(String, &Program)> {
        let roles = [("scheduler", &self.schedulers), ("worker", &self.workers)];
        let mut all = Vec::new();
        for (role, programs) in roles {
            let numbered = programs.iter().enumerate();
            all.extend(numbered.map(|(number, program)| (format!("{role} {number}"), program)));
        }
        all.push(("front".to_owned(), &self.front));
        all
    }

    /// Ends every process by SIGTERM, as an operator would.
    pub fn stop(self) -> Result<()> {
        let Self {
            schedulers,
            workers,
            front,
            ..
        } = self;
        for program in schedulers.into_iter().chain(workers).chain([front]) {
            let (status, recipe) = program.stop()?;
            ensure!(status.success(), "{status}. {}", recipe.log_end());
        }
        Ok(())
    }

    /// The ends of all logs, for errors.
    pub fn logs(&self) -> String {
        let ends = self.processes().into_iter();
        let ends: Vec<String> = ends
            .map(|(_, program)| program.recipe().log_end())
            .collect();
        ends.join("\n")
    }
}

fn recipe(folder: &Path, name: &str, roles: &str, servers: &Servers, size: Size) -> Result<Recipe> {
    let recipe = Recipe::new(folder, name, &["serve", "--no-demo", "--role", roles])?;
    engine::place_on(&recipe.data, servers.clone());
    let recipe = match size.connector_rate {
        Some(rate) => recipe.with("CHINGU_GATEWAY__RECIPIENTS_PER_SECOND", rate),
        None => recipe,
    };
    Ok(recipe
        .with("CHINGU_GATEWAY__TOKEN", TOKEN)
        .with("CHINGU_GATEWAY__SECRET", SECRET)
        .with(
            "CHINGU_GATEWAY__REQUEST_TIMEOUT_MS",
            size.request_timeout_ms,
        )
        .with("CHINGU_WORKER__LEASE_MS", size.lease_ms)
        .with("CHINGU_WORKER__IN_FLIGHT_MAX", size.in_flight))
}

/// A number among the metrics of a process that listens there, by its whole name.
pub fn metric(address: SocketAddr, name: &str) -> Result<Option<f64>> {
    let answer = crate::http::get(address, "/metrics")?;
    let value = answer.body.lines().find_map(|line| {
        let (key, value) = line.rsplit_once(' ')?;
        (key == name).then(|| value.parse().ok())?
    });
    Ok(value)
}
