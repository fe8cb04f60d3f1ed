//! The command line: every command and flag, as the documentation names them.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use crate::admin::AdminArgs;
use crate::config::{LogFormat, Overrides, Role, SecretText};

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
}

#[derive(Debug, Args)]
pub struct BroadcastArgs {
    /// Friends who get it
    #[arg(long, value_name = "N")]
    pub friends: u32,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ReconcileArgs {
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
            log_format: self.common.log_format,
            ..Overrides::default()
        };
        match &self.command {
            Some(Command::Serve(serve)) => {
                overrides.listen = serve.listen;
                overrides.roles = serve.roles.clone();
                overrides.no_demo = serve.no_demo;
                overrides.gateway_url = serve.gateway_url.clone();
                serve.gateway.lay_over(&mut overrides);
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
