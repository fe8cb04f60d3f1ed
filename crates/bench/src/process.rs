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
#[derive(Debug, Clone)]
pub struct Program {
    pub executable: PathBuf,
    pub folder: PathBuf,
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
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let times = times_of(&stat).context("the system does not tell the process's time")?;
    Ok(times.children)
}

/// Threads that live are counted to the nanosecond, the whole process in ticks: the larger one
/// knows more.
fn cpu_of(process: &str) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let in_ticks = times_of(&stat).context("the system does not tell the process's time")?;
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
    Ok(of_threads.max(in_ticks.own))
}

struct Times {
    own: Duration,
    children: Duration,
}

/// Fields 14 to 17 of `/proc/PID/stat`, counted behind the name, which may hold anything.
fn times_of(stat: &str) -> Option<Times> {
    let behind_name = stat.rsplit_once(')')?.1;
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    let ticks = |index: usize| -> Option<u32> { fields.get(index)?.parse().ok() };
    Some(Times {
        own: TICK * (ticks(11)? + ticks(12)?),
        children: TICK * (ticks(13)? + ticks(14)?),
    })
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
        let times = times_of(stat).unwrap();
        assert_eq!(times.own, Duration::from_secs(3));
        assert_eq!(times.children, Duration::from_millis(100));
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
