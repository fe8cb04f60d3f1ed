//! Processes of the program's own executable: started, asked, stopped; their time and memory as the
//! system counts them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// From the start of a server to its first line.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// The system counts processes' time in hundredths of a second on every architecture of Linux.
const TICK: Duration = Duration::from_millis(10);
const LOG_LINES_SHOWN: usize = 20;

/// The executable, and the folder its processes start in: nobody's configuration lies there.
#[derive(Clone)]
pub struct Program {
    pub executable: PathBuf,
    pub folder: PathBuf,
    /// All that its processes are told by variables.
    pub variables: Vec<(&'static str, String)>,
}

/// A running server. Dropped, it is killed.
pub struct Server {
    child: Child,
    id: u32,
    /// What its first line says: where it listens.
    pub url: String,
    log: PathBuf,
    // Closed, it would end the process at its next line.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Program {
    /// Runs a command to its end with `--json`; the object it printed.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let mut command = self.command(arguments);
        let output = command.arg("--json").output().await?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            bail!("chingu {}: {}", arguments.join(" "), words.trim());
        }
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("what chingu {} printed", arguments.join(" ")))
    }

    /// Starts a server whose first line ends with its address.
    pub async fn serve(&self, name: &str, arguments: &[&str]) -> anyhow::Result<Server> {
        let log = self.folder.join(format!("{name}.log"));
        let mut child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", self.executable.display()))?;
        let id = child.id().context("the server ended at once")?;
        let output = child.stdout.take().context("the server has no output")?;
        let mut output = BufReader::new(output).lines();
        let first = tokio::time::timeout(READY_WITHIN, output.next_line()).await;
        let line = match first {
            Ok(Ok(Some(line))) => line,
            _ => bail!("the {name} did not start:\n{}", log_end(&log)),
        };
        let url = line.rsplit(' ').next().unwrap_or_default().to_owned();
        Ok(Server {
            child,
            id,
            url,
            log,
            _output: output,
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.executable);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CHINGU_") {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Server {
    /// CPU time so far, of all of its threads.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_of(&self.id.to_string())
    }

    /// The most memory it ever had, in bytes.
    pub fn memory_max(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id))?;
        peak_of(&status).context("the system does not tell the process's memory")
    }

    pub fn log_end(&self) -> String {
        log_end(&self.log)
    }

    /// Asks it to end, and waits.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let status = Command::new("kill")
            .arg(self.id.to_string())
            .status()
            .await?;
        if !status.success() {
            bail!("process {} cannot be asked to stop", self.id);
        }
        self.child.wait().await?;
        Ok(())
    }
}

/// CPU time of this process.
pub fn own_cpu() -> anyhow::Result<Duration> {
    cpu_of("self")
}

/// CPU time of ended children of this process.
pub fn children_cpu() -> anyhow::Result<Duration> {
    Ok(stat_of("self")?.ended_children)
}

/// CPU time of a process and of its children that ended.
pub fn cpu_with_ended(process: u32) -> anyhow::Result<Duration> {
    let process = process.to_string();
    Ok(cpu_of(&process)? + stat_of(&process)?.ended_children)
}

/// Threads that live are counted to the nanosecond, the whole process in ticks: the larger one
/// knows more.
fn cpu_of(process: &str) -> anyhow::Result<Duration> {
    let in_ticks = stat_of(process)?.own;
    let mut of_threads = Duration::ZERO;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread that ended meanwhile is in the ticks.
        let Ok(schedule) = std::fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        let nanos = schedule
            .split(' ')
            .next()
            .and_then(|first| first.parse().ok());
        of_threads += Duration::from_nanos(nanos.unwrap_or_default());
    }
    Ok(of_threads.max(in_ticks))
}

fn stat_of(process: &str) -> anyhow::Result<Stat> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    Stat::parse(&stat).context("the system does not tell the process's time")
}

/// What the system tells of a process in one line.
#[derive(Debug, PartialEq, Eq)]
pub struct Stat {
    pub name: String,
    pub parent: u32,
    own: Duration,
    ended_children: Duration,
}

impl Stat {
    /// The second, fourth and 14th to 17th field of `/proc/PID/stat`, counted behind the name,
    /// which may hold anything.
    pub fn parse(stat: &str) -> Option<Self> {
        let (before, behind_name) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = behind_name.split_whitespace().collect();
        let number = |index: usize| -> Option<u32> { fields.get(index)?.parse().ok() };
        Some(Self {
            name: before.split_once('(')?.1.to_owned(),
            parent: number(1)?,
            own: TICK * (number(11)? + number(12)?),
            ended_children: TICK * (number(13)? + number(14)?),
        })
    }
}

fn peak_of(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024)
}

fn log_end(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_files_are_read() {
        let stat = "77 (a) b) R 1 2 3 4 5 6 7 8 9 10 250 50 7 3 20 0 8 0 1 2 3";
        let expected = Stat {
            name: "a) b".to_owned(),
            parent: 1,
            own: Duration::from_secs(3),
            ended_children: Duration::from_millis(100),
        };
        assert_eq!(Stat::parse(stat), Some(expected));
        assert_eq!(Stat::parse("77 (a) R 1"), None);
        let status = "Name:\tchingu\nVmPeak:\t 900 kB\nVmHWM:\t  12345 kB\n";
        assert_eq!(peak_of(status), Some(12_345 * 1_024));
        assert_eq!(peak_of("Name:\tchingu\n"), None);
    }

    #[test]
    fn work_takes_time() {
        let before = own_cpu().unwrap();
        let mut value = 1u64;
        while own_cpu().unwrap() < before + Duration::from_millis(30) {
            for _ in 0..10_000 {
                value = std::hint::black_box(value.wrapping_mul(3));
            }
        }
        assert!(own_cpu().unwrap() >= before + Duration::from_millis(30));
    }
}
