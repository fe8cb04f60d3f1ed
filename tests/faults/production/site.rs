//! An installation as an operator runs it: PostgreSQL, RabbitMQ, two schedulers, workers, a front
//! process for pages and machines, a messenger, each a process that can be killed, with a network
//! between them and the servers that can misbehave.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::engine::{self, Servers};
use chingu_tests::http;
use chingu_tests::messenger::{Messenger, SECRET, TOKEN};
use chingu_tests::program::{Program, Recipe};
use chingu_tests::verdict::{Verdict, Witnesses};
use chingu_tests::wait::{self, Stopwatch};
use chingu_tests::world::{Brand, Wishes};
use serde_json::Value;
use tempfile::TempDir;
use testkit::chaos_proxy::ChaosProxy;
use testkit::database::Raw;
use testkit::postgres::PostgresServer;
use testkit::rabbitmq::RabbitMqServer;

pub const SCHEDULERS: usize = 2;
pub const WORKERS: usize = 2;
/// Pushes of one worker at once.
pub const IN_FLIGHT: usize = 8;
/// Short, so that faults are over sooner.
const REQUEST_TIMEOUT_MS: u64 = 1_000;
pub const LEASE: Duration = Duration::from_millis(2_000);
/// Accounts, and campaigns of each in a run.
const HANDLES: [&str; 2] = ["@hanok", "@sorak"];
const CAMPAIGNS_EACH: u64 = 3;
const SMALL: &str = "@namsan";
const SMALL_FRIENDS: u64 = 1_200;
/// Beyond what the sending itself takes.
pub const RECOVERED_WITHIN: Duration = Duration::from_secs(120);

/// Nothing accepted for so long: nothing is sent any more, rather than a pause between two pushes.
const STILL_FOR: Duration = Duration::from_secs(3);

/// How much is sent in one run of a case, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub friends: u64,
    /// How long the undisturbed run lasts.
    pub seconds: u64,
}

/// How a site differs from the usual one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'a> {
    /// Of every process but the messenger.
    pub environment: &'a [(&'a str, &'a str)],
    /// How the messenger misbehaves from its start.
    pub messenger_faults: &'a [&'a str],
    /// Of the messenger's process.
    pub messenger_environment: &'a [(&'a str, &'a str)],
    /// Of PostgreSQL's processes.
    pub postgres_environment: &'a [(&'a str, &'a str)],
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
    /// Whose campaigns are the load.
    pub brands: Vec<Brand>,
    /// A smaller one, for campaigns of a case's own.
    pub small: Brand,
    pub schedulers: Vec<Option<Program>>,
    pub workers: Vec<Option<Program>>,
    pub front: Option<Program>,
    pub scheduler_recipes: Vec<Recipe>,
    pub worker_recipes: Vec<Recipe>,
    front_recipe: Recipe,
    other_front_recipe: Recipe,
    pub load: Load,
    // Dropped last: everything above writes into it.
    _folder: TempDir,
}

impl Site {
    pub fn build(load: Load, draw: &mut Draw) -> Result<Self> {
        Self::on_terms(load, Terms::default(), draw)
    }

    pub fn on_terms(load: Load, terms: Terms<'_>, draw: &mut Draw) -> Result<Self> {
        let folder = TempDir::new()?;
        let postgres = PostgresServer::start_within(terms.postgres_environment);
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
        let recipe = |name: &str, roles: &str| -> Result<Recipe> {
            let recipe = recipe(folder.path(), name, roles, &behind)?;
            let environment = terms.environment.iter();
            Ok(environment.fold(recipe, |recipe, (name, value)| recipe.with(name, value)))
        };
        let front = recipe("front", "console,api,jobs")?;
        let other_front = recipe("front-1", "console,api")?;
        // Shells reach the database whatever the network does: they are the witnesses.
        let shells = folder.path().join("shells");
        engine::place_on(&shells, direct);
        let messenger = Messenger::start_within(
            folder.path(),
            front.listen,
            terms.messenger_faults,
            terms.messenger_environment,
        )?;
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
                    Ok(with_gateway(recipe(&name, role)?))
                })
                .collect()
        };
        let brands = HANDLES
            .iter()
            .map(|handle| Brand::create(&shells, handle, load.friends, draw))
            .collect::<Result<Vec<_>>>()?;
        let small = Brand::create(&shells, SMALL, SMALL_FRIENDS.min(load.friends), draw)?;
        Ok(Self {
            scheduler_recipes: many("scheduler", "scheduler", SCHEDULERS)?,
            worker_recipes: many("worker", "worker", WORKERS)?,
            front_recipe: with_gateway(front),
            other_front_recipe: with_gateway(other_front),
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
            small,
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

    /// Every network passes everything again.
    pub fn heal(&self) {
        self.database_network.heal();
        self.broker_network.heal();
        self.messenger_network.heal();
    }

    /// How often the messenger's fault of that name struck so far.
    pub fn messenger_struck(&self, fault: &str) -> Result<u64> {
        let struck = self.messenger.struck()?;
        Ok(struck.get(fault).copied().unwrap_or(0))
    }

    /// Pushes that the messenger has processed so far, each once.
    pub fn pushes(&self) -> Result<u64> {
        let summary = self.messenger.summary()?;
        let pushes = summary["pushes"].as_u64();
        pushes.with_context(|| format!("pushes: {summary}"))
    }

    /// How a worker beside the usual ones is started.
    pub fn striker_recipe(&self, number: usize) -> Result<Recipe> {
        let usual = &self.worker_recipes[0];
        let name = format!("striker-{number}");
        let folder = usual.data.parent().context("the site's folder")?;
        let own = Recipe::new(folder, &name, &[])?;
        engine::place_as(&own.data, &usual.data);
        Ok(Recipe {
            arguments: usual.arguments.clone(),
            environment: usual.environment.clone(),
            ..own
        })
    }

    /// The same recipe with another way to the messenger.
    pub fn with_messenger_at(&self, mut recipe: Recipe, network: SocketAddr) -> Recipe {
        let usual = self.messenger_network.address().to_string();
        for argument in &mut recipe.arguments {
            *argument = argument.replace(&usual, &network.to_string());
        }
        recipe
    }

    /// Another process of pages and machines on the same installation.
    pub fn another_front(&self) -> Result<Program> {
        self.other_front_recipe.clone().start()
    }

    /// Launches the load on every account; the run that it is.
    pub fn launch(&self, name: &str) -> Result<Run> {
        self.launch_for(name, self.load.seconds)
    }

    /// The same, so slow that it lasts for so many seconds undisturbed.
    pub fn launch_for(&self, name: &str, seconds: u64) -> Result<Run> {
        let mut run = self.begin(seconds)?;
        for brand in &self.brands {
            let rate = (brand.reachable / seconds).max(1);
            for number in 0..CAMPAIGNS_EACH {
                self.add(&mut run, brand, &format!("{name} {number}"), Some(rate))?;
            }
        }
        Ok(run)
    }

    /// A run without campaigns, as yet.
    pub fn begin(&self, seconds: u64) -> Result<Run> {
        Ok(Run {
            watch: Stopwatch::start(),
            attempted: 0,
            seconds,
            before: self.messenger.accepted()?,
            campaigns: Vec::new(),
        })
    }

    /// Launches one more campaign, to everybody of a brand; its id.
    pub fn add(
        &self,
        run: &mut Run,
        brand: &Brand,
        name: &str,
        rate: Option<u64>,
    ) -> Result<String> {
        let wishes = Wishes {
            rate,
            ..Wishes::default()
        };
        let campaign = brand.campaign(name, wishes)?;
        brand.launch(&campaign)?;
        run.takes_in(brand, &campaign);
        Ok(campaign)
    }

    /// What the messenger has accepted of a run.
    pub fn accepted(&self, run: &Run) -> Result<u64> {
        Ok(self.messenger.accepted()?.saturating_sub(run.before))
    }

    /// Waits until nothing is accepted any more for a while, before everybody is; how many were.
    pub fn wait_until_still(&self, run: &Run) -> Result<u64> {
        let mut last = (0, Stopwatch::start());
        let still = wait::until_state(
            "nothing is accepted any more",
            RECOVERED_WITHIN,
            || {
                let accepted = self.accepted(run)?;
                if accepted != last.0 {
                    last = (accepted, Stopwatch::start());
                }
                Ok((accepted, last.1.elapsed()))
            },
            |(_, since)| *since >= STILL_FOR,
        );
        let (accepted, _) = still.with_context(|| self.logs())?;
        ensure!(
            accepted < run.attempted,
            "missed: everything was sent before"
        );
        Ok(accepted)
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

    /// From now on until the messenger has accepted everybody; in seconds.
    pub fn completion(&self, run: &Run) -> Result<f64> {
        let watch = Stopwatch::start();
        wait::until_state(
            "everybody is accepted",
            RECOVERED_WITHIN,
            || self.accepted(run),
            |accepted| *accepted >= run.attempted,
        )
        .with_context(|| self.logs())?;
        Ok(watch.seconds())
    }

    /// Waits for every campaign's end and adds up what became of them.
    pub fn end(&self, run: &Run) -> Result<Verdict> {
        self.end_in(run, &["closed"])
    }

    /// The same where only what is uncertain may be left: the end of that is days away.
    pub fn end_but_uncertain(&self, run: &Run) -> Result<Verdict> {
        self.end_in(run, &["closed", "closing"])
    }

    fn end_in(&self, run: &Run, states: &[&str]) -> Result<Verdict> {
        for (brand, campaign) in &run.campaigns {
            self.wait_for_state(run, brand, campaign, states)?;
        }
        let seconds = run.watch.seconds();
        let witnesses = Witnesses::ask(&self.brands[0], &self.messenger)?;
        let mut sum: Option<Verdict> = None;
        for (brand, campaign) in &run.campaigns {
            let verdict = Verdict::by(&witnesses, brand, campaign, seconds)?;
            sum = Some(match sum {
                None => verdict,
                Some(sum) => sum.and(&verdict),
            });
        }
        sum.context("a run without campaigns")
    }

    /// Waits until a campaign of a run shows one of the states; what it shows then.
    pub fn wait_for_state(
        &self,
        run: &Run,
        brand: &Brand,
        campaign: &str,
        states: &[&str],
    ) -> Result<Value> {
        let shown = wait::until_state(
            &format!("{campaign} is {}", states.join(" or ")),
            RECOVERED_WITHIN + Duration::from_secs(run.seconds),
            || {
                wait::let_pass(Duration::from_millis(200));
                brand.show(campaign)
            },
            |shown| states.iter().any(|state| shown["state"] == *state),
        );
        shown.with_context(|| self.logs())
    }

    /// What plain SQL answers, for what no command shows.
    pub fn number(&self, sql: &str) -> Result<i64> {
        let config = engine::database(&self.small.data);
        let runtime = tokio::runtime::Runtime::new()?;
        Ok(runtime.block_on(async {
            let raw = Raw::of(&config).await;
            let number = raw.number(sql).await;
            raw.close().await;
            number
        }))
    }

    /// Plain SQL, for what no command does.
    pub fn execute(&self, sql: &str) -> Result<()> {
        let config = engine::database(&self.small.data);
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(async {
            let raw = Raw::of(&config).await;
            raw.run(sql).await;
            raw.close().await;
        });
        Ok(())
    }

    /// A metric of one process, its labels added up.
    pub fn metric_of(&self, program: &Program, name: &str) -> Result<f64> {
        metric(program.address(), name)
    }

    /// A metric of every worker that runs, its labels added up.
    pub fn workers_metric(&self, name: &str) -> Result<f64> {
        let running = self.workers.iter().flatten();
        running.map(|worker| metric(worker.address(), name)).sum()
    }

    /// The ends of all logs, for errors.
    pub fn logs(&self) -> String {
        let all = self.scheduler_recipes.iter().chain(&self.worker_recipes);
        let ends: Vec<String> = all.map(Recipe::log_end).collect();
        ends.join("\n")
    }

    /// Lines of the workers' logs with these words, ended processes included.
    pub fn worker_logs(&self, words: &str) -> usize {
        self.worker_recipes.iter().map(|r| r.log_count(words)).sum()
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
    /// How long it lasts undisturbed.
    pub seconds: u64,
    before: u64,
    pub campaigns: Vec<(Brand, String)>,
}

impl Run {
    /// A campaign that was launched some other way.
    pub fn takes_in(&mut self, brand: &Brand, campaign: &str) {
        self.attempted += brand.reachable;
        self.campaigns.push((brand.clone(), campaign.to_owned()));
    }
}

/// What a process counts under a name, over all labels; zero as long as it counted nothing.
fn metric(address: SocketAddr, name: &str) -> Result<f64> {
    let answer = http::get(address, "/metrics")?;
    let of_name = |line: &&str| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with([' ', '{']))
    };
    let values = answer.body.lines().filter(of_name);
    let value = |line: &str| {
        line.rsplit(' ')
            .next()
            .and_then(|text| text.parse::<f64>().ok())
    };
    values
        .map(|line| value(line).with_context(|| format!("a value in {line}")))
        .sum()
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
        .with("CHINGU_WORKER__IN_FLIGHT_MAX", IN_FLIGHT))
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
