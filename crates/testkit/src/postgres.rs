//! A PostgreSQL server of one's own: what tests of the production engine run on.
//!
//! It is started from the installed package in a temporary folder, listens on a free port of the
//! loopback, and may be killed and started again. A server that is not installed is a failure: a
//! test that does not run proves nothing. Nothing of it outlives the process that started it.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tempfile::TempDir;

use crate::certificates::Identity;

/// Names a folder with `postgres` and `initdb` of another version.
const VARIABLE: &str = "CHINGU_TEST_POSTGRES";
/// Where Debian's packages put the programs, a folder per major version.
const PACKAGES: &str = "/usr/lib/postgresql";
/// Who runs the server where the tests run as root, which PostgreSQL refuses to.
const RUNS_AS: &str = "postgres";
/// A folder that the system keeps in memory.
const MEMORY: &str = "/dev/shm";
/// How often a start is tried: another process may take the port in between.
const STARTS_MAX: u32 = 5;
/// How often the server is asked whether it is ready, and how long is waited in between.
const ASKED_MAX: u32 = 3_000;
const ASKED_EVERY: Duration = Duration::from_millis(20);

/// As a production server has it, but small: commits are on disk before they are answered.
const SETTINGS: &[(&str, &str)] = &[
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("shared_buffers", "64MB"),
    ("max_connections", "300"),
    ("max_wal_size", "256MB"),
    ("listen_addresses", "127.0.0.1"),
    // Nobody else's socket is taken for ours.
    ("unix_socket_directories", ""),
    ("logging_collector", "off"),
    ("log_min_messages", "warning"),
    ("log_min_error_statement", "panic"),
];

/// A server that ends with this value, or with this process if that comes first.
pub struct PostgresServer {
    folder: TempDir,
    programs: PathBuf,
    /// User and group that the server runs as; `None` where it runs as we do.
    runs_as: Option<(u32, u32)>,
    settings: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    port: u16,
    server: Mutex<Option<Child>>,
    /// Waits for our end, which closes its input, and ends the server then.
    watcher: Child,
    databases: AtomicU32,
}

/// A cluster that was copied.
#[derive(Debug)]
pub struct ClusterCopy(PathBuf);

/// An empty database; it is dropped with this value.
pub struct Database {
    pub url: String,
    name: String,
}

impl PostgresServer {
    /// The server that the tests of this process share; each takes databases of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        SHARED.get_or_init(|| {
            // Hundreds of databases are made and dropped, each of which waits for a disk: where
            // the system has memory for files, they stand there.
            let memory = Path::new(MEMORY).is_dir().then_some(Path::new(MEMORY));
            Self::start_in(memory, &[], &[], None)
        })
    }

    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server whose settings differ from those of tests; a later setting wins.
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_in(None, settings, &[], None)
    }

    /// A server whose processes find these variables in their environment.
    pub fn start_within(environment: &[(&str, &str)]) -> Self {
        Self::start_in(None, &[], environment, None)
    }

    /// A server that takes TLS connections as well as plain ones.
    pub fn start_encrypted(identity: &Identity) -> Self {
        Self::start_in(None, &[("ssl", "on")], &[], Some(identity))
    }

    /// The same in a folder of `place`; in that of temporary files where there is none.
    fn start_in(
        place: Option<&Path>,
        settings: &[(&str, &str)],
        environment: &[(&str, &str)],
        identity: Option<&Identity>,
    ) -> Self {
        let place = place.map_or_else(std::env::temp_dir, Path::to_owned);
        let folder = tempfile::Builder::new()
            .prefix("chingu-postgres-")
            .tempdir_in(place)
            .expect("a temporary folder");
        let runs_as = is_root().then(|| user_of_system(RUNS_AS));
        if let Some((user, group)) = runs_as {
            chown(folder.path(), Some(user), Some(group)).expect("a folder given away");
        }
        let watcher = watch(folder.path());
        let all = SETTINGS.iter().chain(settings);
        let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        let mut server = Self {
            folder,
            programs: programs(),
            runs_as,
            settings: all.map(owned).collect(),
            environment: environment.iter().map(owned).collect(),
            port: 0,
            server: Mutex::new(None),
            watcher,
            databases: AtomicU32::new(0),
        };
        server.make_cluster();
        if let Some(identity) = identity {
            server.keep("server.crt", &identity.certificate);
            server.keep("server.key", &identity.key);
        }
        for _ in 0..STARTS_MAX {
            server.port = free_port();
            if server.launch() {
                return server;
            }
        }
        panic!("PostgreSQL does not start:\n{}", server.log());
    }

    /// The address of a database here.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{RUNS_AS}@127.0.0.1:{}/{database}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder that holds the cluster, for whoever counts bytes.
    pub fn cluster(&self) -> PathBuf {
        self.folder.path().join("cluster")
    }

    /// What the server has told so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    /// Makes an empty database; its name.
    pub async fn create_database(&self) -> String {
        self.copy_database("template1").await
    }

    /// Makes a copy of a database that nobody is connected to; its name.
    pub async fn copy_database(&self, template: &str) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let sql = format!("CREATE DATABASE {name} TEMPLATE {template}");
        self.execute("postgres", &sql).await;
        name
    }

    /// Runs statements in a database here, as its owner.
    pub async fn execute(&self, database: &str, sql: &str) {
        let url = self.url(database);
        let done = async {
            let mut connection = PgConnection::connect(&url).await?;
            let statements = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
            (&mut connection).execute(statements).await?;
            connection.close().await
        };
        let done: Result<(), sqlx::Error> = done.await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The server's processes as they are now, for whoever counts memory.
    pub fn processes(&self) -> Vec<u32> {
        let server = self.lock();
        let Some(child) = server.as_ref() else {
            return Vec::new();
        };
        let mut processes = children_of(child.id());
        processes.push(child.id());
        processes
    }

    /// `kill -9` of the server and all of its processes, as a power cut would end them: what the
    /// operating system holds of files survives, shared memory does not.
    pub fn kill(&self) {
        let mut server = self.lock();
        if let Some(child) = server.take() {
            // The children first: one that outlives its parent would keep the new server waiting.
            signal("-STOP", &[child.id()]);
            signal("-KILL", &children_of(child.id()));
            signal("-KILL", &[child.id()]);
            reap(child);
        }
    }

    /// Ends every session at once, without a checkpoint: the next start recovers.
    pub fn stop_immediately(&self) {
        self.stop_by("-QUIT");
    }

    /// Rolls back what is open, writes a checkpoint, ends.
    pub fn stop(&self) {
        self.stop_by("-INT");
    }

    /// Starts again after a stop or a kill, on the same port; returns when it answers.
    pub fn start_again(&self) {
        assert!(self.lock().is_none(), "the server runs");
        for _ in 0..STARTS_MAX {
            if self.launch() {
                return;
            }
        }
        panic!("PostgreSQL does not start again:\n{}", self.log());
    }

    /// Starts it again if it has ended by itself; whether it had.
    pub fn start_if_ended(&self) -> bool {
        let has_ended = match self.lock().as_mut() {
            Some(child) => child.try_wait().ok().flatten().is_some(),
            None => true,
        };
        if has_ended {
            self.lock().take();
            self.start_again();
        }
        has_ended
    }

    /// A copy of the cluster as it stands now, taken while the server rests for a moment.
    pub fn copy_at_rest(&self) -> ClusterCopy {
        self.stop();
        let copy = ClusterCopy(self.folder.path().join("copy"));
        copy_folder(&self.cluster(), &copy.0);
        self.start_again();
        copy
    }

    /// A copy takes the place of the cluster, as a standby that is promoted does: on a timeline of
    /// its own. The server must not run.
    pub fn promote(&self, copy: ClusterCopy) {
        fs::remove_dir_all(self.cluster()).expect("a cluster that nobody uses");
        fs::rename(&copy.0, self.cluster()).expect("a copy in the same folder");
        let settings = self.cluster().join("postgresql.auto.conf");
        let nothing_archived = "restore_command = 'false'\n";
        fs::write(settings, nothing_archived).expect("settings");
        let signal = self.cluster().join("recovery.signal");
        fs::write(&signal, "").expect("a wish for a recovery");
        if let Some((user, group)) = self.runs_as {
            chown(&signal, Some(user), Some(group)).expect("a file given away");
        }
        self.start_again();
    }

    /// The server stands still, as on a machine that hangs, until it is continued.
    pub fn freeze(&self) {
        self.signal_all("-STOP");
    }

    pub fn thaw(&self) {
        self.signal_all("-CONT");
    }

    fn stop_by(&self, name: &str) {
        let mut server = self.lock();
        if let Some(child) = server.take() {
            signal(name, &[child.id()]);
            reap(child);
        }
    }

    fn signal_all(&self, name: &str) {
        if let Some(child) = self.lock().as_ref() {
            let mut processes = children_of(child.id());
            processes.push(child.id());
            signal(name, &processes);
        }
    }

    fn make_cluster(&self) {
        let cluster = self.cluster();
        let mut initdb = self.program("initdb");
        initdb.args([
            "--username",
            RUNS_AS,
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
        ]);
        // Text sorts by its bytes, as it does on SQLite.
        initdb.args([
            "--locale",
            "C",
            "--no-sync",
            "--no-instructions",
            "--pgdata",
        ]);
        let done = initdb.arg(&cluster).output().expect("initdb is installed");
        assert!(
            done.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    /// A file of the cluster that only the server reads.
    fn keep(&self, name: &str, text: &str) {
        let path = self.cluster().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
        if let Some((user, group)) = self.runs_as {
            chown(&path, Some(user), Some(group)).expect("a file given away");
        }
    }

    /// Starts the server and waits until it answers; false where it ended instead.
    fn launch(&self) -> bool {
        let log = self.folder.path().join("server.log");
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log");
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.cluster());
        command.arg("-c").arg(format!("port={}", self.port));
        for (name, value) in &self.settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(log)
            .stdout(Stdio::null());
        // What the terminal sends to a group of processes is not meant for the server.
        let mut child = command
            .process_group(0)
            .spawn()
            .expect("postgres is installed");
        for _ in 0..ASKED_MAX {
            if let Ok(Some(_)) = child.try_wait() {
                return false;
            }
            if self.is_ready() {
                *self.lock() = Some(child);
                return true;
            }
            std::thread::sleep(ASKED_EVERY);
        }
        panic!("PostgreSQL does not get ready:\n{}", self.log());
    }

    fn is_ready(&self) -> bool {
        let mut ask = Command::new(client("pg_isready"));
        ask.args([
            "--quiet",
            "--host",
            "127.0.0.1",
            "--port",
            &self.port.to_string(),
        ]);
        ask.status().is_ok_and(|status| status.success())
    }

    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = match self.runs_as {
            None => Command::new(path),
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", &user.to_string(), "--regid", &group.to_string()]);
                command.args(["--clear-groups", "--"]).arg(path);
                command
            }
        };
        // Where we stand may be closed to the server's user.
        command.current_dir("/");
        command
    }

    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.stop_immediately();
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}

/// An empty database on the server that the tests of this process share.
pub async fn fresh_database() -> Database {
    let server = PostgresServer::shared();
    server.database(server.create_database().await)
}

/// A copy of another database there, which nobody is connected to.
pub async fn copy_of(template: &str) -> Database {
    let server = PostgresServer::shared();
    server.database(server.copy_database(template).await)
}

impl PostgresServer {
    fn database(&self, name: String) -> Database {
        Database {
            url: self.url(&name),
            name,
        }
    }
}

impl Database {
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Database {
    /// Hundreds of tests leave no hundreds of databases behind.
    fn drop(&mut self) {
        let server = PostgresServer::shared();
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let mut psql = Command::new(client("psql"));
        psql.args(["--quiet", "--no-psqlrc", "--command", &sql]);
        psql.arg(server.url("postgres"));
        let _ = psql.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// A shell that does nothing until our end of its input is closed, however we end; then no server
/// and no file of ours is left.
fn watch(folder: &Path) -> Child {
    let script = r#"cat > /dev/null
        if [ -f "$1/cluster/postmaster.pid" ]; then
            kill -QUIT "$(head -n 1 "$1/cluster/postmaster.pid")" 2> /dev/null
            while [ -f "$1/cluster/postmaster.pid" ] &&
                kill -0 "$(head -n 1 "$1/cluster/postmaster.pid")" 2> /dev/null
            do sleep 0.05; done
        fi
        rm -rf "$1""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "watcher"]).arg(folder);
    shell
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    shell.process_group(0).spawn().expect("a shell")
}

/// The server's programs: those that were named, or of the newest version that is installed.
fn programs() -> PathBuf {
    std::env::var_os(VARIABLE).map_or_else(installed, PathBuf::from)
}

/// A client's program, which not every folder of a server has.
fn client(name: &str) -> PathBuf {
    let beside = programs().join(name);
    if beside.is_file() {
        return beside;
    }
    installed().join(name)
}

fn installed() -> PathBuf {
    let installed = fs::read_dir(PACKAGES).into_iter().flatten().flatten();
    let newest = installed
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .unwrap_or_else(|| panic!("no PostgreSQL in {PACKAGES}: install the package"));
    Path::new(PACKAGES).join(newest.to_string()).join("bin")
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// User and group of a user of the operating system.
fn user_of_system(name: &str) -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let found = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        let user = fields.nth(1)?.parse().ok()?;
        Some((user, fields.next()?.parse().ok()?))
    });
    found.unwrap_or_else(|| panic!("there is no user {name}"))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.expect("a free port").port()
}

/// With owners and rights.
fn copy_folder(from: &Path, to: &Path) {
    let mut copy = Command::new("cp");
    let done = copy.arg("--archive").arg(from).arg(to).status();
    assert!(
        done.is_ok_and(|status| status.success()),
        "cp {from:?} {to:?}"
    );
}

fn children_of(process: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    let listed = listed.unwrap_or_default();
    listed
        .split_whitespace()
        .filter_map(|id| id.parse().ok())
        .collect()
}

fn signal(name: &str, processes: &[u32]) {
    if processes.is_empty() {
        return;
    }
    let ids = processes.iter().map(u32::to_string);
    // Whoever ended meanwhile needs no signal.
    let _ = Command::new("kill")
        .arg(name)
        .args(ids)
        .stderr(Stdio::null())
        .status();
}

fn reap(mut child: Child) {
    let ended: io::Result<_> = child.wait();
    ended.expect("a child of ours");
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn count(url: &str) -> i64 {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM kept");
        count.fetch_one(&mut connection).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_committed_survives_kills_and_nothing_survives_the_end() {
        let server = PostgresServer::start();
        let database = server.create_database().await;
        server
            .execute(&database, "CREATE TABLE kept (number bigint)")
            .await;
        server
            .execute(&database, "INSERT INTO kept VALUES (1)")
            .await;
        server.kill();
        server.start_again();
        server
            .execute(&database, "INSERT INTO kept VALUES (2)")
            .await;
        server.stop_immediately();
        server.start_again();
        assert_eq!(count(&server.url(&database)).await, 2);
        let process = server.lock().as_ref().unwrap().id();
        let folder = server.folder.path().to_owned();
        drop(server);
        assert!(!Path::new(&format!("/proc/{process}")).exists());
        assert!(!folder.exists());
    }

    /// The watcher is told of our end by nothing but its closed input.
    #[test]
    fn a_server_ends_with_whoever_started_it() {
        let mut server = PostgresServer::start();
        let folder = server.folder.path().to_owned();
        drop(server.watcher.stdin.take());
        server.watcher.wait().unwrap();
        assert!(!folder.exists());
        let mut child = server.lock().take().unwrap();
        child.wait().unwrap();
    }

    #[tokio::test]
    async fn databases_are_apart_and_go() {
        let (one, other) = (fresh_database().await, fresh_database().await);
        let server = PostgresServer::shared();
        server
            .execute(&one.name, "CREATE TABLE kept (number bigint)")
            .await;
        server
            .execute(&other.name, "CREATE TABLE kept (number bigint)")
            .await;
        assert_eq!(count(&one.url).await, 0);
        let url = one.url.clone();
        drop(one);
        assert!(PgConnection::connect(&url).await.is_err());
    }
}
