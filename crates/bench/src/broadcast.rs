//! The run: friends in random order, some of them updated, then one broadcast to all of them, from
//! the launch request to the last capture, with the messenger in a process of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use domain::id::{BusinessId, CampaignId, IdSource};
use domain::time::{Clock, Timestamp};
use serde_json::Value;
use store::{Store, StoreConfig};
use tempfile::TempDir;

use crate::friends;
use crate::process::{Program, Server, children_cpu};
use crate::record::{self, Accepted, Recorded};
use crate::report::{BroadcastReport, BrokerCounts, BytesPerSend, CpuPerSend, Durability};
use crate::roofline::{Ground, Roofline};
use crate::wal::WalMeter;

const HANDLE: &str = "@bench";
const MESSAGES: &str = r#"[{"type":"text","text":"A message of the bench"}]"#;
/// More than any tariff costs, in won.
const FUNDS_PER_FRIEND: u64 = 100;
/// Between two looks at the wallet and the log.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// What a broadcast may take at most: a fraction of the goal, so that a stall ends the run.
const DEADLINE_MIN: Duration = Duration::from_secs(60);
const SENDS_PER_SECOND_MIN: u32 = 5_000;

/// What a run needs.
pub struct BroadcastRun {
    pub executable: PathBuf,
    pub friends: u32,
    pub cores: usize,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
}

/// Where the run's things are.
struct Place {
    program: Program,
    /// The data folders' names, as arguments.
    platform: String,
    messenger: String,
    database: PathBuf,
    // Dropped last: everything above is in it.
    _folder: TempDir,
}

/// What was seen while it ran.
struct Seen {
    requested_at: Timestamp,
    seconds: f64,
    cpu_chingu: Duration,
    cpu_sink: Duration,
    peak_memory_bytes: u64,
    wal_bytes: u64,
    broker: BrokerCounts,
}

/// Runs one broadcast and measures it; `say` is told what happens. Loss, doubles and wrong bills
/// are errors.
pub async fn broadcast(
    run: &BroadcastRun,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<BroadcastReport> {
    if run.friends == 0 {
        bail!("a broadcast needs friends");
    }
    let place = Place::create(&run.executable)?;
    say("importing friends");
    let business = place.import(run.friends).await?;
    say("broadcasting");
    let campaign = place.campaign().await?;
    let store = Store::open(&StoreConfig::durable(&place.database)).await?;
    let (journal_mode, synchronous) = store.durability_in_force().await?;
    let seen = place.launch(run, &store, business, campaign).await?;
    store.close().await?;
    say("reading the record and the messenger's log");
    let pool = record::open(&place.database).await?;
    let recorded = record::recorded(&pool, campaign).await?;
    pool.close().await;
    let log = PathBuf::from(&place.messenger).join("sandbox.db");
    let accepted = record::accepted(&log, campaign).await?;
    say("measuring the raw loops");
    let ground = Ground {
        program: &place.program,
        database: &place.database,
        campaign,
        clock: run.clock.clone(),
        ids: run.ids.clone(),
    };
    let roofline = ground.measure().await?;
    let durability = Durability {
        journal_mode,
        synchronous,
    };
    let report = report(run, &seen, &recorded, &accepted, &roofline, durability);
    let violations = report.violations(recorded.due_micro);
    if !violations.is_empty() {
        bail!("{}\n{report}", violations.join(", "));
    }
    Ok(report)
}

impl Place {
    fn create(executable: &std::path::Path) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("chingu-bench-")?;
        let text = |name: &str| -> anyhow::Result<String> {
            let path = folder.path().join(name);
            std::fs::create_dir(&path)?;
            Ok(path
                .to_str()
                .context("the folder's name is UTF-8")?
                .to_owned())
        };
        let (platform, messenger) = (text("platform")?, text("messenger")?);
        Ok(Self {
            program: Program {
                executable: executable.to_owned(),
                folder: folder.path().to_owned(),
            },
            database: PathBuf::from(&platform).join("chingu.db"),
            platform,
            messenger,
            _folder: folder,
        })
    }

    /// A brand with its friends and enough money.
    async fn import(&self, count: u32) -> anyhow::Result<BusinessId> {
        let business = self
            .admin(&["business", "create", "--name", "Bench"])
            .await?;
        let business = business["id"]
            .as_str()
            .context("the business has an id")?
            .to_owned();
        let account = [
            "account",
            "create",
            "--business",
            &business,
            "--handle",
            HANDLE,
        ];
        let named = ["--name", "Bench", "--zone", "Asia/Seoul"];
        self.admin(&[&account[..], &named[..]].concat()).await?;
        let wording = ["wording", "create", "--account", HANDLE];
        let version = ["--version", friends::WORDING, "--text", "Messages, please"];
        self.admin(&[&wording[..], &version[..]].concat()).await?;
        let funds = (u64::from(count) * FUNDS_PER_FRIEND).to_string();
        let top_up = ["top-up", "--business", &business, "--amount", &funds];
        self.admin(&[&top_up[..], &["--reference", "bench"]].concat())
            .await?;
        let all = self.program.folder.join("friends.csv");
        let updated = self.program.folder.join("updated.csv");
        friends::write_all(&all, count)?;
        friends::write_updated(&updated, count)?;
        for file in [all, updated] {
            let name = file.to_str().context("the file's name is UTF-8")?;
            let import = ["import", "friends", "--account", HANDLE, name];
            let report = self.run(&import).await?;
            if report["rejected"] != 0 {
                bail!("friends were refused: {report}");
            }
            std::fs::remove_file(&file)?;
        }
        Ok(business.parse()?)
    }

    async fn campaign(&self) -> anyhow::Result<CampaignId> {
        let create = ["campaign", "create", "--account", HANDLE, "--name", "Bench"];
        let created = self
            .admin(&[&create[..], &["--messages", MESSAGES]].concat())
            .await?;
        let id = created["id"].as_str().context("the campaign has an id")?;
        Ok(id.parse()?)
    }

    /// Launches and waits until nothing is held any more.
    async fn launch(
        &self,
        run: &BroadcastRun,
        store: &Store,
        business: BusinessId,
        campaign: CampaignId,
    ) -> anyhow::Result<Seen> {
        let arguments = [
            "sandbox",
            "--listen",
            "127.0.0.1:0",
            "--data",
            &self.messenger,
        ];
        let sink = self.program.serve("messenger", &arguments).await?;
        let roles = [
            "serve",
            "--role",
            "scheduler,worker",
            "--listen",
            "127.0.0.1:0",
        ];
        let places = ["--data", &self.platform, "--gateway-url", &sink.url];
        let arguments = [&roles[..], &places[..]].concat();
        let chingu = self.program.serve("platform", &arguments).await?;
        let mut wal = WalMeter::of(&self.database);
        let cpu_before = (chingu.cpu()? + children_cpu()?, sink.cpu()?);
        let requested_at = run.clock.now();
        let started = run.clock.monotonic();
        let id = campaign.to_string();
        let command = ["campaign", "launch", &id];
        let launch = self.admin(&command);
        tokio::pin!(launch);
        let mut is_launched = false;
        let deadline =
            started + DEADLINE_MIN + Duration::from_secs(1) * run.friends / SENDS_PER_SECOND_MIN;
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
                break (run.clock.monotonic() - started).as_secs_f64();
            }
            if run.clock.monotonic() > deadline {
                bail!("the broadcast does not end:\n{}", chingu.log_end());
            }
        };
        let seen = Seen {
            requested_at,
            seconds,
            cpu_chingu: chingu.cpu()? + children_cpu()? - cpu_before.0,
            cpu_sink: sink.cpu()? - cpu_before.1,
            peak_memory_bytes: chingu.memory_max()?,
            wal_bytes: wal.bytes(),
            broker: broker_counts(&chingu).await?,
        };
        chingu.stop().await?;
        sink.stop().await?;
        Ok(seen)
    }

    async fn admin(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        self.run(&[&["admin"], arguments].concat()).await
    }

    async fn run(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        self.program
            .run(&[arguments, &["--data", &self.platform]].concat())
            .await
    }
}

/// What passed the broker, as the program itself counts it.
async fn broker_counts(chingu: &Server) -> anyhow::Result<BrokerCounts> {
    let text = reqwest::get(format!("{}/metrics", chingu.url))
        .await?
        .text()
        .await?;
    let count = |name: &str| {
        let metric = format!("chingu_broker_{name}_total ");
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(&metric)?.parse().ok());
        value.with_context(|| format!("the program does not count what is {name}"))
    };
    Ok(BrokerCounts {
        published: count("published")?,
        delivered: count("delivered")?,
        acknowledged: count("acknowledged")?,
    })
}

fn report(
    run: &BroadcastRun,
    seen: &Seen,
    recorded: &Recorded,
    accepted: &Accepted,
    roofline: &Roofline,
    durability: Durability,
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
        engine: "embedded",
        friends: u64::from(run.friends),
        sends,
        seconds: rounded(seen.seconds, 3),
        sends_per_second: sends_per_second.round(),
        dispatch_sends_per_second: rate(sends, dispatch),
        first_push_seconds: rounded(first_push.as_secs_f64(), 3),
        freeze_per_second: rate(recorded.frozen, freeze),
        roofline_sends_per_second: ceiling.round(),
        roofline_ratio: rounded(sends_per_second / ceiling, 3),
        peak_memory_bytes: seen.peak_memory_bytes,
        lost: u64::from(run.friends).saturating_sub(accepted.people),
        duplicated: accepted.duplicated,
        billed_micro: recorded.billed_micro,
        cpu_us_per_send: CpuPerSend {
            chingu: micros(seen.cpu_chingu),
            postgres: 0.0,
            broker: 0.0,
            sink: micros(seen.cpu_sink),
        },
        bytes_per_send: BytesPerSend {
            table: per_send(recorded.table_bytes as f64),
            wal: per_send(seen.wal_bytes as f64),
        },
        broker: seen.broker,
        durability,
    }
}

fn rounded(value: f64, decimals: i32) -> f64 {
    let factor = 10f64.powi(decimals);
    (value * factor).round() / factor
}
