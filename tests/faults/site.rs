//! An installation as an operator runs it: PostgreSQL, RabbitMQ, two schedulers, workers, a front
//! process for pages and machines, a messenger, each a process that can be killed, with a network
//! between them and the servers that can misbehave.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::engine::{self, Servers};
use chingu_tests::messenger::{Messenger, SECRET, TOKEN};
use chingu_tests::program::{Program, Recipe};
use chingu_tests::verdict::{Verdict, Witnesses};
use chingu_tests::wait::{self, Stopwatch};
use chingu_tests::world::{Brand, Wishes};
use tempfile::TempDir;
use testkit::chaos_proxy::ChaosProxy;
use testkit::postgres::PostgresServer;
use testkit::rabbitmq::RabbitMqServer;

pub const SCHEDULERS: usize = 2;
pub const WORKERS: usize = 2;
/// Short, so that faults are over sooner.
const REQUEST_TIMEOUT_MS: u64 = 1_000;
pub const LEASE: Duration = Duration::from_millis(2_000);
/// Accounts, and campaigns of each in a run.
const HANDLES: [&str; 2] = ["@hanok", "@sorak"];
const CAMPAIGNS_EACH: u64 = 3;
/// Beyond what the sending itself takes.
pub const RECOVERED_WITHIN: Duration = Duration::from_secs(120);

/// How much is sent in one run of a case, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub friends: u64,
    /// How long the undisturbed run lasts.
    pub seconds: u64,
}

/// The servers, the brands and the recipes; what runs is in its fields.
pub struct Site {
    pub postgres: PostgresServer,
    pub rabbit: RabbitMqServer,
    /// Between every process and the database.
    pub database_network: ChaosProxy,
    /// Between every process and the broker.
    pub broker_network: ChaosProxy,
    /// Between workers and the messenger.
    pub messenger_network: ChaosProxy,
    pub messenger: Messenger,
    pub brands: Vec<Brand>,
    pub schedulers: Vec<Option<Program>>,
    pub workers: Vec<Option<Program>>,
    pub front: Option<Program>,
    scheduler_recipes: Vec<Recipe>,
    pub worker_recipes: Vec<Recipe>,
    front_recipe: Recipe,
    load: Load,
    // Dropped last: everything above writes into it.
    _folder: TempDir,
}

impl Site {
    pub fn build(load: Load, draw: &mut Draw) -> Result<Self> {
        let folder = TempDir::new()?;
        let postgres = PostgresServer::start();
        let rabbit = RabbitMqServer::start()?;
        let runtime = tokio::runtime::Runtime::new()?;
        let database = runtime.block_on(postgres.create_database());
        let database_network = ChaosProxy::start(loopback(postgres.port()))?;
        let broker_network = ChaosProxy::start(rabbit.address())?;
        let through = |url: &str, port: u16, network: &ChaosProxy| {
            url.replacen(
                &format!(":{port}"),
                &format!(":{}", network.address().port()),
                1,
            )
        };
        let direct = Servers {
            database_url: postgres.url(&database),
            amqp_url: rabbit.url(),
            prefix: "site".to_owned(),
        };
        let behind = Servers {
            database_url: through(&direct.database_url, postgres.port(), &database_network),
            amqp_url: through(&direct.amqp_url, rabbit.address().port(), &broker_network),
            prefix: direct.prefix.clone(),
        };
        let front = recipe(folder.path(), "front", "console,api,jobs", &behind)?;
        // Shells reach the database whatever the network does: they are the witnesses.
        let shells = folder.path().join("shells");
        engine::place_on(&shells, direct);
        let messenger = Messenger::start(folder.path(), front.listen, &[])?;
        let messenger_network = ChaosProxy::start(messenger.address())?;
        let gateway = format!("http://{}/messenger/gateway", messenger_network.address());
        let with_gateway = |mut recipe: Recipe| {
            recipe
                .arguments
                .extend(["--gateway-url".to_owned(), gateway.clone()]);
            recipe
        };
        let many = |name: &str, role: &str, count: usize| -> Result<Vec<Recipe>> {
            (0..count)
                .map(|number| {
                    let name = format!("{name}-{number}");
                    Ok(with_gateway(recipe(folder.path(), &name, role, &behind)?))
                })
                .collect()
        };
        let brands = HANDLES
            .iter()
            .map(|handle| Brand::create(&shells, handle, load.friends, draw))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            scheduler_recipes: many("scheduler", "scheduler", SCHEDULERS)?,
            worker_recipes: many("worker", "worker", WORKERS)?,
            front_recipe: with_gateway(front),
            schedulers: Vec::new(),
            workers: Vec::new(),
            front: None,
            postgres,
            rabbit,
            database_network,
            broker_network,
            messenger_network,
            messenger,
            brands,
            load,
            _folder: folder,
        })
    }

    /// Starts every process that does not run.
    pub fn start(&mut self) -> Result<()> {
        fill(&mut self.schedulers, &self.scheduler_recipes)?;
        fill(&mut self.workers, &self.worker_recipes)?;
        if self.front.is_none() {
            self.front = Some(self.front_recipe.clone().start()?);
        }
        Ok(())
    }

    /// Ends every process that runs, by SIGTERM: schedulers, workers, the front.
    pub fn stop(&mut self) -> Result<()> {
        let running = self.schedulers.iter_mut().chain(&mut self.workers);
        for program in running.chain([&mut self.front]).filter_map(Option::take) {
            let (status, recipe) = program.stop()?;
            ensure!(status.success(), "{status}. {}", recipe.log_end());
        }
        Ok(())
    }

    /// Launches the load on every account; the run that it is.
    pub fn launch(&self, name: &str) -> Result<Run> {
        let people: u64 = self.brands.iter().map(|brand| brand.reachable).sum();
        let rate = (people * CAMPAIGNS_EACH) / self.load.seconds / (CAMPAIGNS_EACH * 2);
        let before = self.messenger.accepted()?;
        let mut campaigns = Vec::new();
        for (index, brand) in self.brands.iter().enumerate() {
            for number in 0..CAMPAIGNS_EACH {
                let wishes = Wishes {
                    rate: Some(rate.max(1)),
                    ..Wishes::default()
                };
                let campaign = brand.campaign(&format!("{name} {number}"), wishes)?;
                brand.launch(&campaign)?;
                campaigns.push((index, campaign));
            }
        }
        Ok(Run {
            watch: Stopwatch::start(),
            attempted: people * CAMPAIGNS_EACH,
            before,
            campaigns,
        })
    }

    /// What the messenger has accepted of a run.
    pub fn accepted(&self, run: &Run) -> Result<u64> {
        Ok(self.messenger.accepted()?.saturating_sub(run.before))
    }

    /// Waits until the run is so far, in percent of its recipients, and not over.
    pub fn wait_for_percent(&self, run: &Run, percent: u64) -> Result<u64> {
        let wanted = run.attempted * percent / 100;
        let accepted = wait::until_state(
            &format!("{percent} % accepted"),
            RECOVERED_WITHIN,
            || self.accepted(run),
            |accepted| *accepted >= wanted,
        );
        let accepted = accepted.with_context(|| self.logs())?;
        ensure!(
            accepted < run.attempted,
            "missed: everything was sent before"
        );
        Ok(accepted)
    }

    /// From now on until the messenger accepts something again; in seconds.
    pub fn recovery(&self, run: &Run) -> Result<f64> {
        let watch = Stopwatch::start();
        let now = self.accepted(run)?;
        if now >= run.attempted {
            return Ok(0.0);
        }
        wait::until_state(
            "the messenger accepts again",
            RECOVERED_WITHIN,
            || self.accepted(run),
            |accepted| *accepted > now,
        )
        .with_context(|| self.logs())?;
        Ok(watch.seconds())
    }

    /// Waits for every campaign's end and adds up what became of them.
    pub fn end(&self, run: &Run) -> Result<Verdict> {
        let deadline = RECOVERED_WITHIN + Duration::from_secs(self.load.seconds);
        for (brand, campaign) in &run.campaigns {
            let closed = wait::until_state(
                &format!("{campaign} is closed"),
                deadline,
                || {
                    wait::let_pass(Duration::from_millis(200));
                    self.brands[*brand].show(campaign)
                },
                |shown| shown["state"] == "closed",
            );
            closed.with_context(|| self.logs())?;
        }
        let seconds = run.watch.seconds();
        let witnesses = Witnesses::ask(&self.brands[0], &self.messenger)?;
        let mut sum: Option<Verdict> = None;
        for (brand, campaign) in &run.campaigns {
            let brand = &self.brands[*brand];
            let verdict = Verdict::by(&witnesses, brand, campaign, seconds)?;
            sum = Some(match sum {
                None => verdict,
                Some(sum) => sum.and(&verdict),
            });
        }
        sum.context("a run without campaigns")
    }

    /// The ends of all logs, for errors.
    pub fn logs(&self) -> String {
        let all = self.scheduler_recipes.iter().chain(&self.worker_recipes);
        let ends: Vec<String> = all.map(Recipe::log_end).collect();
        ends.join("\n")
    }

    /// Lines of the schedulers' logs with these words, ended processes included.
    pub fn scheduler_logs(&self, words: &str) -> usize {
        let counts = self.scheduler_recipes.iter().map(|r| r.log_count(words));
        counts.sum()
    }
}

/// One launch of the load.
pub struct Run {
    watch: Stopwatch,
    pub attempted: u64,
    before: u64,
    /// Index of the brand, and the campaign.
    campaigns: Vec<(usize, String)>,
}

fn fill(running: &mut Vec<Option<Program>>, recipes: &[Recipe]) -> Result<()> {
    running.resize_with(recipes.len(), || None);
    for (place, recipe) in running.iter_mut().zip(recipes) {
        if place.is_none() {
            *place = Some(recipe.clone().start()?);
        }
    }
    Ok(())
}

fn recipe(folder: &Path, name: &str, roles: &str, servers: &Servers) -> Result<Recipe> {
    let recipe = Recipe::new(folder, name, &["serve", "--no-demo", "--role", roles])?;
    engine::place_on(&recipe.data, servers.clone());
    Ok(recipe
        .with("CHINGU_GATEWAY__TOKEN", TOKEN)
        .with("CHINGU_GATEWAY__SECRET", SECRET)
        .with("CHINGU_GATEWAY__REQUEST_TIMEOUT_MS", REQUEST_TIMEOUT_MS)
        .with("CHINGU_WORKER__LEASE_MS", LEASE.as_millis())
        .with("CHINGU_WORKER__IN_FLIGHT_MAX", 8))
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
