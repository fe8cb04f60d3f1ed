//! The run's folder, what stands in it, and the processes that work there.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use domain::id::{BusinessId, CampaignId};
use domain::time::Clock;
use serde_json::Value;
use store::StoreConfig;
use tempfile::TempDir;

use crate::counters::Counters;
use crate::engine::Engine;
use crate::friends;
use crate::process::{Program, Server};
use crate::scenario::Scenario;

/// What platform and messenger share; any will do.
pub const TOKEN: &str = "token-of-the-bench";
pub const SECRET: &str = "secret-of-the-bench";
const MESSAGES: &str = r#"[{"type":"text","text":"A message of the bench"}]"#;
const PERSONAL: &str = r#"[{"type":"text","text":"A message for {{name|you}}"}]"#;
/// More than any tariff costs, in won.
const FUNDS_PER_FRIEND: u64 = 100;
/// From the start of the processes until somebody leads and the broker is reached.
const READY_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Where the run's things are.
pub struct Place {
    /// The platform's.
    pub program: Program,
    /// The messenger's: it has a file of its own, whatever the platform's engine is.
    pub sink: Program,
    pub database: StoreConfig,
    /// The data folders' names, as arguments.
    platform: String,
    messenger: String,
    // Dropped last: everything above is in it.
    _folder: TempDir,
}

impl Place {
    pub fn create(executable: &Path, engine: &Engine, scenario: &Scenario) -> anyhow::Result<Self> {
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
        let program = |variables| Program {
            executable: executable.to_owned(),
            folder: folder.path().to_owned(),
            variables,
        };
        let shared = [
            ("CHINGU_GATEWAY_TOKEN", TOKEN.to_owned()),
            ("CHINGU_GATEWAY_SECRET", SECRET.to_owned()),
        ];
        let batch = [("CHINGU_GATEWAY__BATCH_MAX", scenario.batch_max.to_string())];
        Ok(Self {
            program: program([&engine.variables()[..], &shared[..], &batch[..]].concat()),
            sink: program(shared.to_vec()),
            database: engine.database(Path::new(&platform)),
            platform,
            messenger,
            _folder: folder,
        })
    }

    /// The messenger's own file.
    pub fn accept_log(&self) -> PathBuf {
        Path::new(&self.messenger).join("sandbox.db")
    }

    /// A brand with its friends, shared by its accounts, and enough money.
    pub async fn import(&self, count: u32, scenario: &Scenario) -> anyhow::Result<BusinessId> {
        let business = self
            .admin(&["business", "create", "--name", "Bench"])
            .await?;
        let business = business["id"]
            .as_str()
            .context("the business has an id")?
            .to_owned();
        let funds = (u64::from(count) * FUNDS_PER_FRIEND).to_string();
        let top_up = ["top-up", "--business", &business, "--amount", &funds];
        self.admin(&[&top_up[..], &["--reference", "bench"]].concat())
            .await?;
        for (number, share) in scenario.shares(count).enumerate() {
            self.import_account(&business, &handle(number), share)
                .await?;
        }
        Ok(business.parse()?)
    }

    async fn import_account(
        &self,
        business: &str,
        handle: &str,
        share: Range<u32>,
    ) -> anyhow::Result<()> {
        let account = ["account", "create", "--business", business];
        let named = [
            "--handle",
            handle,
            "--name",
            "Bench",
            "--zone",
            "Asia/Seoul",
        ];
        self.admin(&[&account[..], &named[..]].concat()).await?;
        let wording = ["wording", "create", "--account", handle];
        let version = ["--version", friends::WORDING, "--text", "Messages, please"];
        self.admin(&[&wording[..], &version[..]].concat()).await?;
        let all = self.program.folder.join("friends.csv");
        let updated = self.program.folder.join("updated.csv");
        friends::write_all(&all, share.clone())?;
        friends::write_updated(&updated, share)?;
        for file in [all, updated] {
            let name = file.to_str().context("the file's name is UTF-8")?;
            let import = ["import", "friends", "--account", handle, name];
            let report = self.run(&import).await?;
            if report["rejected"] != 0 {
                bail!("friends were refused: {report}");
            }
            std::fs::remove_file(&file)?;
        }
        Ok(())
    }

    /// A campaign of every account.
    pub async fn campaigns(&self, scenario: &Scenario) -> anyhow::Result<Vec<CampaignId>> {
        let mut campaigns = Vec::new();
        for number in 0..scenario.accounts as usize {
            campaigns.push(self.campaign(&handle(number), scenario).await?);
        }
        Ok(campaigns)
    }

    pub async fn campaign(&self, handle: &str, scenario: &Scenario) -> anyhow::Result<CampaignId> {
        let messages = if scenario.personal {
            PERSONAL
        } else {
            MESSAGES
        };
        let create = ["campaign", "create", "--account", handle, "--name", "Bench"];
        let created = self
            .admin(&[&create[..], &["--messages", messages]].concat())
            .await?;
        let id = created["id"].as_str().context("the campaign has an id")?;
        Ok(id.parse()?)
    }

    /// The messenger, in a process of its own.
    pub async fn start_sink(&self, scenario: &Scenario) -> anyhow::Result<Server> {
        let faults = scenario.faults();
        let faults = faults.iter().flat_map(|fault| ["--fault", fault]);
        let listen = ["sandbox", "--listen", "127.0.0.1:0"];
        let arguments = [&listen[..], &["--data", &self.messenger]].concat();
        let arguments: Vec<&str> = arguments.into_iter().chain(faults).collect();
        self.sink.serve("messenger", &arguments).await
    }

    /// One process of the platform with these roles.
    pub async fn start(&self, name: &str, roles: &str, sink: &Server) -> anyhow::Result<Server> {
        let serve = ["serve", "--role", roles, "--listen", "127.0.0.1:0"];
        let places = ["--data", &self.platform, "--gateway-url", &sink.url];
        let arguments = [&serve[..], &places[..]].concat();
        self.program.serve(name, &arguments).await
    }

    /// A process for each of these roles, ready to work.
    pub async fn start_platform(
        &self,
        processes: &[&str],
        sink: &Server,
        clock: &dyn Clock,
    ) -> anyhow::Result<Vec<Server>> {
        let mut servers = Vec::with_capacity(processes.len());
        for (index, roles) in processes.iter().enumerate() {
            let name = format!("{index}-{roles}");
            servers.push(self.start(&name, roles, sink).await?);
        }
        let deadline = clock.monotonic() + READY_WITHIN;
        while !Counters::of(&servers).await?.are_ready() {
            if clock.monotonic() > deadline {
                bail!("the processes do not get ready:\n{}", logs_end(&servers));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(servers)
    }

    pub async fn admin(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        self.run(&[&["admin"], arguments].concat()).await
    }

    async fn run(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        self.program
            .run(&[arguments, &["--data", &self.platform]].concat())
            .await
    }
}

/// The account of this number.
pub fn handle(number: usize) -> String {
    format!("@bench-{number}")
}

/// What each of them said last.
pub fn logs_end(servers: &[Server]) -> String {
    let ends: Vec<String> = servers.iter().map(Server::log_end).collect();
    ends.join("\n")
}
