//! One process of the program on a folder of its own: started, waited for, killed, started again.

use std::ffi::OsString;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{engine, http, place, wait};

/// From the start of the process to its first `/readyz`: a build with all roles on a busy machine.
pub const READY_WITHIN: Duration = Duration::from_secs(30);
/// From SIGTERM to the end of the process: what is in flight may finish.
pub const STOP_WITHIN: Duration = Duration::from_secs(35);
/// Lines of a log that an error shows.
const LOG_LINES_SHOWN: usize = 25;

/// How a process is started, each time the same.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The subcommand and its flags, without `--data` and `--listen`.
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    pub data: PathBuf,
    pub listen: SocketAddr,
    /// What it answers once it is ready: a path, and the status.
    pub ready: (&'static str, u16),
    /// Where standard output and error of every start are appended.
    pub log: PathBuf,
}

/// A running process. Dropped, it is killed.
#[derive(Debug)]
pub struct Program {
    recipe: Recipe,
    child: Child,
}

impl Recipe {
    pub fn new(folder: &Path, name: &str, arguments: &[&str]) -> Result<Self> {
        Ok(Self {
            arguments: arguments
                .iter()
                .map(|argument| (*argument).to_owned())
                .collect(),
            environment: Vec::new(),
            data: folder.join(name),
            listen: place::free_address()?,
            ready: ("/readyz", 200),
            log: folder.join(format!("{name}.log")),
        })
    }

    pub fn with(mut self, variable: &str, value: impl ToString) -> Self {
        self.environment
            .push((variable.to_owned(), value.to_string()));
        self
    }

    /// The same recipe that stops at a pause point, and the file that says it has.
    pub fn pausing_at(&self, point: &str) -> (Self, PathBuf) {
        let file = self.log.with_extension("paused");
        // Left over from an earlier pause, it would be believed.
        let _ = std::fs::remove_file(&file);
        let recipe = self.clone();
        let recipe = recipe.with("CHINGU_PAUSE_AT", point);
        (recipe.with("CHINGU_PAUSE_FILE", file.display()), file)
    }

    /// Starts the process and waits until it is ready.
    pub fn start(self) -> Result<Program> {
        let mut program = self.spawn()?;
        program.wait_until_ready()?;
        Ok(program)
    }

    /// Starts the process and waits for nothing.
    pub fn spawn(self) -> Result<Program> {
        std::fs::create_dir_all(&self.data).context("the data folder")?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .context("the log")?;
        let child = self
            .command()?
            .args(&self.arguments)
            .args([OsString::from("--data"), self.data.clone().into()])
            .args(["--listen", &self.listen.to_string()])
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("starting the program")?;
        Ok(Program {
            recipe: self,
            child,
        })
    }

    /// A number that the last line of the log with these words has under a name.
    pub fn last_number(&self, words: &str, name: &str) -> Option<u64> {
        let log = std::fs::read(&self.log).ok()?;
        let log = String::from_utf8_lossy(&log);
        let message = |line: &serde_json::Value| line["message"] == words;
        log.lines()
            .rev()
            .filter_map(|line| serde_json::from_str(line).ok())
            .find(message)
            .and_then(|line: serde_json::Value| line[name].as_u64())
    }

    /// A messenger has a file of its own whatever the platform's engine is.
    fn command(&self) -> Result<Command> {
        match self.arguments.first().map(String::as_str) {
            Some("sandbox") => place::command(),
            _ => engine::command(&self.data),
        }
    }

    /// The end of the log, for errors.
    pub fn log_end(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
        format!("the end of {}:\n{}", self.log.display(), shown.join("\n"))
    }

    /// How many lines of the log contain the words.
    pub fn log_count(&self, words: &str) -> usize {
        let log = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log)
            .lines()
            .filter(|line| line.contains(words))
            .count()
    }
}

impl Program {
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    pub fn address(&self) -> SocketAddr {
        self.recipe.listen
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn wait_until_ready(&mut self) -> Result<()> {
        let address = self.recipe.listen;
        let (path, status) = self.recipe.ready;
        let recipe = self.recipe.clone();
        let mut ended = None;
        wait::until(
            "the program is ready",
            READY_WITHIN,
            || {
                ended = self.child.try_wait().ok().flatten();
                let is_ready = http::get(address, path).is_ok_and(|answer| answer.status == status);
                (is_ready || ended.is_some()).then_some(())
            },
            || recipe.log_end(),
        )?;
        match ended {
            Some(status) => bail!("the program ended: {status}. {}", recipe.log_end()),
            None => Ok(()),
        }
    }

    /// `kill -9`, and the recipe to start it again.
    pub fn kill(mut self) -> Result<Recipe> {
        self.child.kill().context("kill -9")?;
        self.child.wait().context("the end of a killed process")?;
        Ok(self.recipe.clone())
    }

    /// SIGTERM; how it ended, and the recipe to start it again.
    pub fn stop(self) -> Result<(ExitStatus, Recipe)> {
        self.ask_to_stop()?;
        self.wait_until_ended()
    }

    /// SIGTERM, and started again once it has ended well.
    pub fn restart(&mut self) -> Result<()> {
        self.ask_to_stop()?;
        let status = self.ended()?;
        if !status.success() {
            bail!("{status}. {}", self.recipe.log_end());
        }
        *self = self.recipe.clone().start()?;
        Ok(())
    }

    /// SIGTERM, and nothing is waited for.
    pub fn ask_to_stop(&self) -> Result<()> {
        self.signal("TERM")
    }

    /// How it ended after [`Program::ask_to_stop`], and the recipe to start it again.
    pub fn wait_until_ended(mut self) -> Result<(ExitStatus, Recipe)> {
        let status = self.ended()?;
        Ok((status, self.recipe.clone()))
    }

    fn ended(&mut self) -> Result<ExitStatus> {
        let recipe = self.recipe.clone();
        wait::until(
            "the program ends after SIGTERM",
            STOP_WITHIN,
            || self.child.try_wait().ok().flatten(),
            || recipe.log_end(),
        )
    }

    /// SIGSTOP: it stands still until [`Program::resume`].
    pub fn freeze(&self) -> Result<()> {
        self.signal("STOP")
    }

    pub fn resume(&self) -> Result<()> {
        self.signal("CONT")
    }

    /// Waits until the process stands at its pause point.
    pub fn wait_until_paused(&mut self, file: &Path, deadline: Duration) -> Result<()> {
        let recipe = self.recipe.clone();
        wait::until(
            "the pause point",
            deadline,
            || file.exists().then_some(()),
            || recipe.log_end(),
        )
    }

    fn signal(&self, name: &str) -> Result<()> {
        let process = self.child.id().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &process])
            .status()
            .context("kill")?;
        if !status.success() {
            bail!("kill -s {name} {process}: {status}");
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Ended already is fine; anything else would leave a process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
