//! The run: friends in random order, some of them updated, then one broadcast to all of them, from
//! the launch request to the last capture, with the messenger in a process of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{bail, ensure};
use domain::id::{BusinessId, CampaignId, IdSource};
use domain::time::{Clock, Timestamp};
use futures_util::future::try_join_all;
use gateway::Secret;
use store::Store;

use crate::books::Books;
use crate::changes;
use crate::counters::Counters;
use crate::engine::Engine;
use crate::neighbour::Neighbours;
use crate::place::{Place, SECRET, handle, logs_end};
use crate::process::{Server, children_cpu};
use crate::record::{self, Accepted, Recorded};
use crate::report::{BroadcastReport, BrokerCounts, BytesPerSend, CpuPerSend};
use crate::roofline::{Ground, Roofline};
use crate::scenario::Scenario;
use crate::wal::WalMeter;

/// Between two looks at the wallet and the log.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// From the last capture to the last acknowledgement.
const AT_REST_WITHIN: Duration = Duration::from_secs(5);
/// What a broadcast may take at most: a fraction of the goal, so that a stall ends the run.
const TIME_MIN: Duration = Duration::from_secs(60);
const SENDS_PER_SECOND_MIN: u32 = 5_000;

/// What a run needs.
pub struct BroadcastRun {
    pub executable: PathBuf,
    pub engine: Engine,
    pub friends: u32,
    pub scenario: Scenario,
    /// Processes that push; more than one where they share a broker.
    pub workers: usize,
    pub cores: usize,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
}

/// What was seen while it ran.
struct Seen {
    requested_at: Timestamp,
    seconds: f64,
    cpu: CpuTimes,
    peak_memory_bytes: u64,
    wal_bytes: u64,
    broker: BrokerCounts,
    gate_reads: u64,
}

/// What `chingu reconcile` says of the books afterwards, and how long it takes to say it.
struct BooksClose {
    seconds: f64,
    violations: Vec<String>,
}

/// By process group; `None` is not known.
#[derive(Clone, Copy)]
struct CpuTimes {
    chingu: Duration,
    postgres: Option<Duration>,
    broker: Option<Duration>,
    sink: Duration,
}

/// Runs one broadcast and measures it; `say` is told what happens. Loss, doubles and wrong bills
/// are errors.
pub async fn broadcast(
    run: &BroadcastRun,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<BroadcastReport> {
    run.scenario.check(run.friends)?;
    let changes = run.scenario.changed_percent > 0;
    ensure!(
        !changes || run.engine.broker().is_some(),
        "friends can change after the freeze where it runs in a process of its own: name a broker \
         with --amqp-url"
    );
    run.engine.check(run.workers).await?;
    let place = Place::create(&run.executable, &run.engine, &run.scenario)?;
    say("importing friends");
    let business = place.import(run.friends, &run.scenario).await?;
    say("broadcasting");
    let campaigns = place.campaigns(&run.scenario).await?;
    let neighbours = Neighbours::of(&run.engine).await;
    let store = Store::open(&place.database).await?;
    let durability = store.durability_in_force().await?.into_iter().collect();
    let books = Books::open(&place.database).await?;
    let bytes_before = books.table_bytes().await?;
    books.close().await;
    let seen = run
        .send(&place, &neighbours, &store, business, &campaigns)
        .await?;
    store.close().await?;
    say("reading the record and the messenger's log");
    let books = Books::open(&place.database).await?;
    let recorded = record::recorded(&books, &campaigns, bytes_before).await?;
    books.close().await;
    let accepted = record::accepted(&place.accept_log(), &campaigns).await?;
    say("reconciling the books");
    let books_close = run.reconcile(&place).await?;
    say("measuring the raw loops");
    let ground = Ground {
        messenger: &place.sink,
        database: &place.database,
        broker: run.engine.broker(),
        neighbours,
        campaign: campaigns[0],
        clock: run.clock.clone(),
        ids: run.ids.clone(),
    };
    let roofline = ground.measure().await?;
    let report = report(
        run,
        &seen,
        &recorded,
        &accepted,
        &books_close,
        &roofline,
        durability,
    );
    let mut violations = report.violations(recorded.due_micro);
    violations.extend(books_close.violations);
    if !violations.is_empty() {
        bail!("{}\n{report}", violations.join(", "));
    }
    Ok(report)
}

impl BroadcastRun {
    /// Launches and waits until nothing is held any more. Where friends change after the freeze it
    /// begins with the first process that may push.
    async fn send(
        &self,
        place: &Place,
        neighbours: &Neighbours,
        store: &Store,
        business: BusinessId,
        campaigns: &[CampaignId],
    ) -> anyhow::Result<Seen> {
        let clock = self.clock.as_ref();
        let sink = place.start_sink(&self.scenario).await?;
        let processes = self.engine.processes(self.workers);
        let changes = self.scenario.changed_percent > 0;
        let mut chingu = Vec::new();
        if changes {
            self.freeze_alone(place, &sink, store, campaigns).await?;
        } else {
            chingu = place.start_platform(&processes, &sink, clock).await?;
        }
        let mut wal = WalMeter::of(&place.database).await?;
        let cpu_before = CpuTimes::of(&chingu, &sink, neighbours)?;
        let requested_at = clock.now();
        let started = clock.monotonic();
        if changes {
            chingu = place.start_platform(&processes, &sink, clock).await?;
        }
        let launch = async {
            if changes {
                return Ok(());
            }
            launch_all(place, campaigns).await
        };
        tokio::pin!(launch);
        let mut is_launched = false;
        let deadline = started + self.time_max();
        let seconds = loop {
            tokio::select! {
                launched = &mut launch, if !is_launched => {
                    launched?;
                    is_launched = true;
                }
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            wal.look();
            if is_launched && store::wallet::find(store, business).await?.held.is_zero() {
                break (clock.monotonic() - started).as_secs_f64();
            }
            if clock.monotonic() > deadline {
                bail!("the broadcast does not end:\n{}", logs_end(&chingu));
            }
        };
        let cpu = CpuTimes::of(&chingu, &sink, neighbours)?.since(&cpu_before);
        let wal_bytes = wal.end().await?;
        let mut peak_memory_bytes = 0;
        for process in &chingu {
            peak_memory_bytes += process.memory_max()?;
        }
        let counters = counters_at_rest(&chingu, clock).await?;
        // Whoever works first, then whoever gives them work.
        for process in chingu.into_iter().rev() {
            process.stop().await?;
        }
        sink.stop().await?;
        Ok(Seen {
            requested_at,
            seconds,
            cpu,
            peak_memory_bytes,
            wal_bytes,
            broker: counters.broker()?,
            gate_reads: counters.gate_reads()?,
        })
    }

    /// Freezes everything while nobody pushes, then lets friends block their accounts.
    async fn freeze_alone(
        &self,
        place: &Place,
        sink: &Server,
        store: &Store,
        campaigns: &[CampaignId],
    ) -> anyhow::Result<()> {
        let clock = self.clock.as_ref();
        let platform = place.start("freeze", "scheduler,api", sink).await?;
        launch_all(place, campaigns).await?;
        let deadline = clock.monotonic() + self.time_max();
        for campaign in campaigns {
            while store.campaign(*campaign).await?.freeze_ended_at.is_none() {
                if clock.monotonic() > deadline {
                    bail!("the freeze does not end:\n{}", platform.log_end());
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        let secret = Secret::parse(SECRET)?;
        for (number, share) in self.scenario.shares(self.friends).enumerate() {
            let (url, handle) = (&platform.url, handle(number));
            changes::block(url, &secret, &handle, share, &self.scenario, clock).await?;
        }
        platform.stop().await
    }

    /// Goes through everything that the books must hold, once nothing runs any more.
    async fn reconcile(&self, place: &Place) -> anyhow::Result<BooksClose> {
        let store = Store::open(&place.database).await?;
        let started = self.clock.monotonic();
        let found = billing::reconcile(&store).await?;
        let seconds = (self.clock.monotonic() - started).as_secs_f64();
        store.close().await?;
        let checks = found.checks.iter();
        let violations = checks.flat_map(|check| check.violations.iter().cloned());
        Ok(BooksClose {
            seconds,
            violations: violations.collect(),
        })
    }

    /// What the sending may take at most.
    fn time_max(&self) -> Duration {
        let requests_of_one = if self.scenario.batch_max == 1 { 10 } else { 1 };
        TIME_MIN + Duration::from_secs(1) * requests_of_one * self.friends / SENDS_PER_SECOND_MIN
    }
}

/// All at the same moment.
async fn launch_all(place: &Place, campaigns: &[CampaignId]) -> anyhow::Result<()> {
    let launches = campaigns.iter().map(|campaign| async move {
        let id = campaign.to_string();
        place.admin(&["campaign", "launch", &id]).await
    });
    try_join_all(launches).await?;
    Ok(())
}

/// A settle is booked before its message is acknowledged: what is still on its way is waited for.
async fn counters_at_rest(chingu: &[Server], clock: &dyn Clock) -> anyhow::Result<Counters> {
    let deadline = clock.monotonic() + AT_REST_WITHIN;
    loop {
        let counters = Counters::of(chingu).await?;
        let counts = counters.broker()?;
        if counts.acknowledged >= counts.delivered || clock.monotonic() > deadline {
            return Ok(counters);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

impl CpuTimes {
    fn of(chingu: &[Server], sink: &Server, neighbours: &Neighbours) -> anyhow::Result<Self> {
        // The launch is a process that ends.
        let mut total = children_cpu()?;
        for process in chingu {
            total += process.cpu()?;
        }
        Ok(Self {
            chingu: total,
            postgres: neighbours.database.cpu()?,
            broker: neighbours.broker.cpu()?,
            sink: sink.cpu()?,
        })
    }

    fn since(self, before: &Self) -> Self {
        let known =
            |now: Option<Duration>, before: Option<Duration>| Some(now?.saturating_sub(before?));
        Self {
            chingu: self.chingu.saturating_sub(before.chingu),
            postgres: known(self.postgres, before.postgres),
            broker: known(self.broker, before.broker),
            sink: self.sink.saturating_sub(before.sink),
        }
    }
}

fn report(
    run: &BroadcastRun,
    seen: &Seen,
    recorded: &Recorded,
    accepted: &Accepted,
    books_close: &BooksClose,
    roofline: &Roofline,
    durability: BTreeMap<&'static str, String>,
) -> BroadcastReport {
    let sends = recorded.accepted;
    let per_send = |amount: f64| rounded(amount / sends.max(1) as f64, 3);
    let micros = |time: Duration| per_send(time.as_secs_f64() * 1e6);
    let rate = |count: u64, time: Duration| {
        // Nothing takes less than the clock's own step.
        let seconds = time.max(Duration::from_millis(1)).as_secs_f64();
        (count as f64 / seconds).round()
    };
    let sends_per_second = sends as f64 / seen.seconds;
    let ceiling = roofline.sends_per_second(run.cores);
    let dispatch = recorded.last_settled_at.since(recorded.first_attempt_at);
    let freeze = recorded.freeze_ended_at.since(recorded.launched_at);
    let first_push = accepted.first_at.since(seen.requested_at);
    BroadcastReport {
        engine: run.engine.name(),
        scenario: run.scenario.clone(),
        friends: u64::from(run.friends),
        sends,
        failed: recorded.failed,
        excluded: recorded.excluded,
        seconds: rounded(seen.seconds, 3),
        sends_per_second: sends_per_second.round(),
        dispatch_sends_per_second: rate(sends, dispatch),
        first_push_seconds: rounded(first_push.as_secs_f64(), 3),
        freeze_per_second: rate(recorded.frozen, freeze),
        roofline_sends_per_second: ceiling.map(f64::round),
        roofline_ratio: ceiling.map(|ceiling| rounded(sends_per_second / ceiling, 3)),
        peak_memory_bytes: seen.peak_memory_bytes,
        lost: u64::from(run.friends)
            .saturating_sub(accepted.people + recorded.failed + recorded.excluded),
        duplicated: accepted.duplicated,
        billed_micro: recorded.billed_micro,
        reconcile_seconds: rounded(books_close.seconds, 3),
        cpu_us_per_send: CpuPerSend {
            chingu: micros(seen.cpu.chingu),
            postgres: seen.cpu.postgres.map(micros),
            broker: seen.cpu.broker.map(micros),
            sink: micros(seen.cpu.sink),
        },
        bytes_per_send: BytesPerSend {
            table: per_send(recorded.table_bytes as f64),
            wal: per_send(seen.wal_bytes as f64),
        },
        broker: seen.broker,
        gate_reads: seen.gate_reads,
        durability,
    }
}

fn rounded(value: f64, decimals: i32) -> f64 {
    let factor = 10f64.powi(decimals);
    (value * factor).round() / factor
}
