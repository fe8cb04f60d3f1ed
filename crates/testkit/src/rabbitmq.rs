//! A RabbitMQ of its own for a test: Debian's package as a child process, on free ports, with
//! everything it writes in a temporary folder.
//!
//! The node and its port mapper are one process group that ends with the test, however the test
//! ends: a pipe to its shell closes with us. A package that is missing is an error, never a skip.

mod repeater; // says everything more than once

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::certificates::Identity;

pub use self::repeater::Repeater;

/// Where Debian has the scripts that ask for no particular user.
const SCRIPTS: &str = "/usr/lib/rabbitmq/bin";
/// From the start to the first answer, on a machine that is busy with other things.
const READY_WITHIN: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOG_BYTES_SHOWN: usize = 3_000;

/// Ends the group when the pipe closes. The port mapper stands before the node looks for one:
/// otherwise the node would start one that outlives it.
const GROUP: &str = r#"
epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 </dev/null >/dev/null 2>&1 &
until epmd -port "$ERL_EPMD_PORT" -names >/dev/null 2>&1; do sleep 0.05; done
"$0" </dev/null &
cat >/dev/null
kill -9 0
"#;

/// Queues that write little ahead, and nothing but warnings in the log.
const CONFIGURATION: &str = "\
log.file.level = warning
disk_free_limit.absolute = 10MB
raft.wal_max_size_bytes = 16000000
";

/// A broker that runs or was killed. Dropped, it is killed.
#[derive(Debug)]
pub struct RabbitMqServer {
    folder: TempDir,
    port: u16,
    distribution_port: u16,
    mapper_port: u16,
    encrypted_port: u16,
    group: Option<Child>,
}

impl RabbitMqServer {
    /// Starts an empty one and waits until it answers.
    pub fn start() -> io::Result<Self> {
        Self::start_with(None)
    }

    /// The same, which listens with TLS as well.
    pub fn start_encrypted(identity: &Identity) -> io::Result<Self> {
        Self::start_with(Some(identity))
    }

    fn start_with(identity: Option<&Identity>) -> io::Result<Self> {
        let ports: Vec<TcpListener> = (0..4)
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .collect::<io::Result<_>>()?;
        let port = |index: usize| ports[index].local_addr().map(|address| address.port());
        let mut server = Self {
            folder: TempDir::new()?,
            port: port(0)?,
            distribution_port: port(1)?,
            mapper_port: port(2)?,
            encrypted_port: port(3)?,
            group: None,
        };
        drop(ports);
        for folder in ["home", "log"] {
            std::fs::create_dir(server.path(folder))?;
        }
        std::fs::write(server.path("enabled_plugins"), "[].\n")?;
        let mut configuration = CONFIGURATION.to_owned();
        if let Some(identity) = identity {
            configuration.push_str(&server.encryption(identity)?);
        }
        std::fs::write(server.path("rabbitmq.conf"), configuration)?;
        server.run()?;
        Ok(server)
    }

    /// The address of the default virtual host, of its default user.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// The same with TLS, by a name of this machine.
    pub fn encrypted_url(&self, host: &str) -> String {
        let port = self.encrypted_port;
        format!("amqps://guest:guest@{host}:{port}/%2f")
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The group of all of its processes, for whoever counts memory.
    pub fn group(&self) -> Option<u32> {
        self.group.as_ref().map(Child::id)
    }

    /// The lines that make it listen with TLS, and their files.
    fn encryption(&self, identity: &Identity) -> io::Result<String> {
        let (certificate, key) = (self.path("certificate.pem"), self.path("key.pem"));
        std::fs::write(&certificate, &identity.certificate)?;
        std::fs::write(&key, &identity.key)?;
        Ok(format!(
            "listeners.ssl.1 = 127.0.0.1:{}\n\
             ssl_options.certfile = {}\nssl_options.keyfile = {}\n\
             ssl_options.verify = verify_none\nssl_options.fail_if_no_peer_cert = false\n",
            self.encrypted_port,
            certificate.display(),
            key.display()
        ))
    }

    /// kill -9 of everything that belongs to it; what it has written stays.
    pub fn kill(&mut self) -> io::Result<()> {
        let Some(mut group) = self.group.take() else {
            return Ok(());
        };
        signal("-9", &group)?;
        group.wait()?;
        Ok(())
    }

    /// Starts it again on what it has written, and waits until it answers.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill()?;
        self.run()
    }

    /// Kills it and removes its data folder: queues, messages, users.
    pub fn wipe(&mut self) -> io::Result<()> {
        self.kill()?;
        std::fs::remove_dir_all(self.path("mnesia"))
    }

    /// Stands still, connections open, until it is told to go on.
    pub fn freeze(&self) -> io::Result<()> {
        self.group
            .as_ref()
            .map_or(Ok(()), |group| signal("-STOP", group))
    }

    pub fn go_on(&self) -> io::Result<()> {
        self.group
            .as_ref()
            .map_or(Ok(()), |group| signal("-CONT", group))
    }

    /// Short of memory from now on, or no longer.
    pub fn memory_alarm(&self, is_on: bool) -> io::Result<()> {
        let watermark = if is_on { "0" } else { "0.4" };
        self.control(&["set_vm_memory_high_watermark", watermark])?;
        Ok(())
    }

    pub fn purge(&self, queue: &str) -> io::Result<()> {
        self.control(&["purge_queue", queue])?;
        Ok(())
    }

    pub fn delete_queue(&self, queue: &str) -> io::Result<()> {
        self.control(&["delete_queue", queue])?;
        Ok(())
    }

    /// Ends every connection, as an operator would.
    pub fn close_connections(&self) -> io::Result<()> {
        self.control(&["close_all_connections", "by a test"])?;
        Ok(())
    }

    /// Messages of a queue, waiting or delivered and not acknowledged, as of some seconds ago;
    /// `None` where there is no such queue.
    pub fn messages(&self, queue: &str) -> io::Result<Option<usize>> {
        let listed = self.control(&["list_queues", "--no-table-headers", "name", "messages"])?;
        let of_queue = |line: &str| {
            let (name, count) = line.split_once('\t')?;
            (name == queue).then(|| count.trim().parse().ok())?
        };
        Ok(listed.lines().find_map(of_queue))
    }

    /// Whether the node's own list of quorum queues has this one on disk. It is written a little
    /// late, and after kill -9 RabbitMQ 3.10 does not find the messages of a queue not yet in it.
    pub fn remembers(&self, queue: &str) -> bool {
        let node = format!("test-{}@localhost", self.port);
        let list = Path::new(&node)
            .join("quorum")
            .join(&node)
            .join("names.dets");
        let list = std::fs::read(self.path("mnesia").join(list)).unwrap_or_default();
        let has = |bytes: &[u8]| bytes == queue.as_bytes();
        list.windows(queue.len()).any(has)
    }

    /// `rabbitmqctl` with these arguments; what it says.
    pub fn control(&self, arguments: &[&str]) -> io::Result<String> {
        let output = self
            .command("rabbitmqctl")
            .arg("--quiet")
            .args(arguments)
            .stdin(Stdio::null())
            .output()?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(io::Error::other(format!(
                "rabbitmqctl {arguments:?}: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            ))),
        }
    }

    fn run(&mut self) -> io::Result<()> {
        let script = Path::new(SCRIPTS).join("rabbitmq-server");
        if !script.is_file() {
            return Err(io::Error::other(format!(
                "{} is missing: apt-get install rabbitmq-server",
                script.display()
            )));
        }
        let output = std::fs::File::create(self.path("output"))?;
        let group = self
            .with_environment(Command::new("sh"))
            .args(["-c", GROUP])
            .arg(script)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        self.group = Some(group);
        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> io::Result<()> {
        let looks = READY_WITHIN.as_millis() / LOOK_EVERY.as_millis();
        for _ in 0..looks {
            if self.answers() {
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let output = std::fs::read(self.path("output")).unwrap_or_default();
        let shown = &output[output.len().saturating_sub(LOG_BYTES_SHOWN)..];
        Err(io::Error::other(format!(
            "RabbitMQ does not answer: {}",
            String::from_utf8_lossy(shown)
        )))
    }

    /// Whether it speaks AMQP: a protocol header is answered with a method frame.
    fn answers(&self) -> bool {
        let answer = || -> io::Result<u8> {
            let mut stream = TcpStream::connect_timeout(&self.address(), Duration::from_secs(1))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"AMQP\x00\x00\x09\x01")?;
            let mut first = [0];
            stream.read_exact(&mut first)?;
            Ok(first[0])
        };
        matches!(answer(), Ok(1))
    }

    fn command(&self, script: &str) -> Command {
        self.with_environment(Command::new(Path::new(SCRIPTS).join(script)))
    }

    fn with_environment(&self, mut command: Command) -> Command {
        let only_here = "-kernel inet_dist_use_interface {127,0,0,1}";
        let quiet = format!("+sbwt none +sbwtdcpu none +sbwtdio none {only_here}");
        command
            .env("HOME", self.path("home"))
            .env("ERL_EPMD_PORT", self.mapper_port.to_string())
            .env("RABBITMQ_NODENAME", format!("test-{}@localhost", self.port))
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env("RABBITMQ_MNESIA_BASE", self.path("mnesia"))
            .env("RABBITMQ_LOG_BASE", self.path("log"))
            .env(
                "RABBITMQ_ENABLED_PLUGINS_FILE",
                self.path("enabled_plugins"),
            )
            .env("RABBITMQ_CONFIG_FILE", self.path("rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", quiet)
            .env("RABBITMQ_CTL_ERL_ARGS", only_here);
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for RabbitMqServer {
    fn drop(&mut self) {
        // What cannot be killed is told by its log; a test that has ended has nobody to tell.
        let _ = self.kill();
    }
}

/// To the whole group, by the system's own command.
fn signal(signal: &str, group: &Child) -> io::Result<()> {
    let target = format!("-{}", group.id());
    let status = Command::new("kill")
        .args([signal, "--", &target])
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "kill {signal} {target}: {status}"
        ))),
    }
}
