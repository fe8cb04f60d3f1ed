//! The command line: every command and flag, as the documentation names them.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use domain::capability::Capability;
use domain::id::{BusinessId, CampaignId};
use domain::seal::SealDay;

use crate::admin::AdminArgs;
use crate::config::{LogFormat, Overrides, Role, SecretText};

/// Recipients of one request of the gateway.
const BATCH_MAX: u32 = Capability::gateway().batch_max;
/// Worker processes of one bench, all on one machine.
const BENCH_WORKERS_MAX: u16 = 64;
/// Of one bench of lookups: what a disk holds, what an account has, what is asked in an hour.
const BENCH_SENDS_MAX: u64 = 100_000_000_000;
const BENCH_FRIENDS_MAX: i64 = 100_000_000;
const BENCH_LOOKUPS_MAX: i64 = 1_000_000;

/// A platform on which a messenger's operator sells official accounts to brands.
#[derive(Debug, Parser)]
#[command(name = "chingu", version, about)]
pub struct Cli {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Args)]
pub struct CommonArgs {
    /// The configuration file [default: chingu.toml in the current folder, where there is one]
    #[arg(long, global = true, value_name = "FILE", env = "CHINGU_CONFIG")]
    pub config: Option<PathBuf>,
    /// The data folder [default: ./data]
    #[arg(long, global = true, value_name = "DIR", env = "CHINGU_DATA")]
    pub data: Option<PathBuf>,
    /// PostgreSQL, as in postgres://user:password@host/chingu [default: SQLite in the data folder]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "CHINGU_DATABASE_URL",
        hide_env_values = true
    )]
    pub database_url: Option<SecretText>,
    /// [default: auto, which is pretty on a terminal and JSON otherwise]
    #[arg(long, global = true, value_enum, env = "CHINGU_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the named roles; what `chingu` alone does
    Serve(ServeArgs),
    /// Applies the migrations and exits
    Migrate,
    /// Runs the sandbox messenger alone, as the delivery target of another process
    Sandbox(SandboxArgs),
    /// Takes in files
    #[command(subcommand)]
    Import(ImportCommand),
    /// Measures
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Checks every invariant; exits 1 where one is violated
    Reconcile(ReconcileArgs),
    /// The books themselves
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Lists the seals of days that are over
    Seals(SealsArgs),
    /// What proves one send, and that it is under the seal of its day; exits 1 where it is not
    Prove(ProveArgs),
    /// Writes everything the platform knows into one file, while it runs
    Backup(BackupArgs),
    /// Makes an installation of a backup, in an empty place only
    Restore(RestoreArgs),
    /// Operators, businesses, accounts, members, wordings, top-ups and campaigns from a shell
    Admin(AdminArgs),
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The roles of this process, with commas between [default: all that are needed]
    #[arg(long = "role", value_enum, value_delimiter = ',', env = "CHINGU_ROLE")]
    pub roles: Option<Vec<Role>>,
    /// [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", env = "CHINGU_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// RabbitMQ, as in amqp://user:password@host:5672/%2f [default: a broker inside the process]
    #[arg(
        long,
        value_name = "URL",
        env = "CHINGU_AMQP_URL",
        hide_env_values = true
    )]
    pub amqp_url: Option<SecretText>,
    /// Makes no demo business on the first start
    #[arg(long, env = "CHINGU_NO_DEMO", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_demo: bool,
    /// Where the messenger takes pushes, up to and without /v1/pushes [default: the sandbox inside]
    #[arg(long, value_name = "URL", env = "CHINGU_GATEWAY_URL")]
    pub gateway_url: Option<String>,
    #[command(flatten)]
    pub gateway: GatewayArgs,
}

#[derive(Debug, Args)]
pub struct GatewayArgs {
    /// The messenger's bearer token; better in the file or the variable than on a command line
    #[arg(
        long,
        value_name = "TOKEN",
        env = "CHINGU_GATEWAY_TOKEN",
        hide_env_values = true
    )]
    pub gateway_token: Option<SecretText>,
    /// The secret that signs both directions
    #[arg(
        long,
        value_name = "SECRET",
        env = "CHINGU_GATEWAY_SECRET",
        hide_env_values = true
    )]
    pub gateway_secret: Option<SecretText>,
}

#[derive(Debug, Args)]
pub struct SandboxArgs {
    #[command(subcommand)]
    pub command: Option<SandboxCommand>,
    /// [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS", env = "CHINGU_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// How it misbehaves, such as latency=50ms,speed=2000 or account=@h:5xx=0.3; may be repeated
    #[arg(long = "fault", value_name = "SPEC", env = "CHINGU_FAULT")]
    pub faults: Vec<String>,
    /// Where friends' events go: the platform's /gateway/v1/events
    #[arg(long, value_name = "URL", env = "CHINGU_EVENTS_URL")]
    pub events_url: Option<String>,
    #[command(flatten)]
    pub gateway: GatewayArgs,
}

#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// The accept log as CSV: push_key,campaign,user_key,at
    Log {
        /// [default: the standard output]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Friends of an account; the same file again goes on where it was interrupted
    Friends(ImportFriendsArgs),
}

#[derive(Debug, Args)]
pub struct ImportFriendsArgs {
    /// Whose friends they become
    #[arg(long, value_name = "HANDLE")]
    pub account: String,
    pub file: PathBuf,
    /// Writes every refused row, with its line and reason, as CSV
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// A real broadcast through real processes, recorded and settled
    Broadcast(BroadcastArgs),
    /// One send and one friend's history, found among very many
    Lookups(LookupsArgs),
}

#[derive(Debug, Args)]
pub struct BroadcastArgs {
    /// Friends who get it
    #[arg(long, value_name = "N")]
    pub friends: u32,
    /// RabbitMQ, beside a --database-url of an empty database, which the run fills
    /// [default: a broker inside the process]
    #[arg(
        long,
        value_name = "URL",
        env = "CHINGU_AMQP_URL",
        hide_env_values = true
    )]
    pub amqp_url: Option<SecretText>,
    /// Processes that push; several need an --amqp-url
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=i64::from(BENCH_WORKERS_MAX))
    )]
    pub workers: u16,
    /// Accounts that share the friends, each with a campaign of its own at the same moment
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(bench::ACCOUNTS_MAX))
    )]
    pub accounts: u32,
    /// Friends of a hundred who block their account between the freeze and the first push
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = 0,
        value_parser = clap::value_parser!(u32).range(0..100)
    )]
    pub changed: u32,
    /// How the messenger behaves, as `chingu sandbox --fault` takes it; may be repeated
    #[arg(long = "fault", value_name = "SPEC")]
    pub faults: Vec<String>,
    /// Recipients of one request
    #[arg(
        long,
        value_name = "N",
        default_value_t = BATCH_MAX,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(BATCH_MAX))
    )]
    pub batch_max: u32,
    /// The message holds each friend's name
    #[arg(long)]
    pub personal: bool,
    #[arg(long)]
    pub json: bool,
}

/// On PostgreSQL, beside a --database-url of an empty database, which the run fills.
#[derive(Debug, Args)]
pub struct LookupsArgs {
    /// Sends in the record
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=BENCH_SENDS_MAX)
    )]
    pub sends: u64,
    /// Friends of the account, whole thousands; every campaign goes to all of them
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10_000_000,
        value_parser = clap::value_parser!(u32).range(1_000..=BENCH_FRIENDS_MAX)
    )]
    pub friends: u32,
    /// How many are looked up
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1_000,
        value_parser = clap::value_parser!(u32).range(1..=BENCH_LOOKUPS_MAX)
    )]
    pub lookups: u32,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file, which is there whole or not at all; an older one of that name is replaced
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// What `chingu backup` wrote
    pub file: PathBuf,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ReconcileArgs {
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Walks every business's chain and everything under the seals again; exits 1 where anything
    /// was changed, and names the place
    Verify(LedgerVerifyArgs),
}

#[derive(Debug, Args)]
pub struct LedgerVerifyArgs {
    /// The chain of this one alone, without what is under the seals
    #[arg(long, value_name = "biz_…")]
    pub business: Option<BusinessId>,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct SealsArgs {
    /// From this day on, as in 2026-11-22 [default: from the first]
    #[arg(long, value_name = "DAY")]
    pub from: Option<SealDay>,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ProveArgs {
    #[arg(long, value_name = "cmp_…", required_unless_present = "check")]
    pub campaign: Option<CampaignId>,
    /// By the id that reports show, or by the messenger's key
    #[arg(long, value_name = "FRIEND", required_unless_present = "check")]
    pub friend: Option<String>,
    /// Looks at a proof that was printed with --json, without a database
    #[arg(long, value_name = "FILE", conflicts_with_all = ["campaign", "friend"])]
    pub check: Option<PathBuf>,
    #[arg(long)]
    pub json: bool,
}

impl Cli {
    /// Reads the arguments; what cannot be read ends the process with words. Alone, or with flags
    /// of `serve`, the program serves.
    pub fn of_arguments(arguments: Vec<OsString>) -> Self {
        let as_serve = || {
            let (program, flags) = arguments.split_at(arguments.len().min(1));
            Self::try_parse_from([program, &["serve".into()], flags].concat())
        };
        match Self::try_parse_from(&arguments) {
            Ok(cli) if cli.command.is_some() => cli,
            // Read again, so that the variables of serve's flags count.
            Ok(_) => as_serve().unwrap_or_else(|error| error.exit()),
            Err(error) if error.kind() == ErrorKind::UnknownArgument => {
                as_serve().unwrap_or_else(|_| error.exit())
            }
            Err(error) => error.exit(),
        }
    }

    /// What flags say over file and variables.
    pub fn overrides(&self) -> Overrides {
        let mut overrides = Overrides {
            data: self.common.data.clone(),
            database_url: self.common.database_url.clone(),
            log_format: self.common.log_format,
            ..Overrides::default()
        };
        match &self.command {
            Some(Command::Serve(serve)) => {
                overrides.listen = serve.listen;
                overrides.amqp_url = serve.amqp_url.clone();
                overrides.roles = serve.roles.clone();
                overrides.no_demo = serve.no_demo;
                overrides.gateway_url = serve.gateway_url.clone();
                serve.gateway.lay_over(&mut overrides);
            }
            Some(Command::Bench(BenchCommand::Broadcast(broadcast))) => {
                overrides.amqp_url = broadcast.amqp_url.clone();
            }
            Some(Command::Sandbox(sandbox)) => {
                overrides.sandbox_listen = sandbox.listen;
                overrides.faults = sandbox.faults.clone();
                overrides.events_url = sandbox.events_url.clone();
                sandbox.gateway.lay_over(&mut overrides);
            }
            _ => {}
        }
        overrides
    }
}

impl GatewayArgs {
    fn lay_over(&self, overrides: &mut Overrides) {
        overrides.gateway_token = self.gateway_token.clone();
        overrides.gateway_secret = self.gateway_secret.clone();
    }
}

#[cfg(test)]
mod tests;
