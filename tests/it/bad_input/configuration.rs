//! Configuration that cannot be read, or cannot work: refused before anything is opened.

use anyhow::{Result, ensure};
use chingu_tests::{engine, place, shell, wait};
use tempfile::TempDir;

use super::{CANNOT, Cases, is_refusal};

#[test]
fn configuration_that_cannot_work_is_refused_by_its_name() {
    run().unwrap();
}

fn run() -> Result<()> {
    let mut cases = Cases::default();
    files(&mut cases)?;
    variables(&mut cases)?;
    roles(&mut cases)?;
    cases.finish("configuration")
}

fn files(cases: &mut Cases) -> Result<()> {
    let long_token = format!(
        "[gateway]\ntoken = \"{}\"\nsecret = \"0123456789abcdef\"",
        "t".repeat(257)
    );
    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("no TOML", b"listen: 1".to_vec(), "chingu.toml"),
        ("half a table", b"[server".to_vec(), "chingu.toml"),
        (
            "not UTF-8",
            b"[store]\ndata = \"\xff\"".to_vec(),
            "chingu.toml",
        ),
        ("unknown section", b"[serfer]\n".to_vec(), "serfer"),
        (
            "unknown key",
            b"[server]\nlisten_on = \"x\"".to_vec(),
            "listen_on",
        ),
        (
            "a key outside its section",
            b"listen = \"127.0.0.1:1\"".to_vec(),
            "listen",
        ),
        (
            "a section that is a number",
            b"server = 5".to_vec(),
            "server",
        ),
        (
            "address",
            b"[server]\nlisten = \"localhost\"".to_vec(),
            "server.listen",
        ),
        (
            "address is a number",
            b"[server]\nlisten = 8080".to_vec(),
            "server.listen",
        ),
        (
            "port too high",
            b"[server]\nlisten = \"127.0.0.1:99999\"".to_vec(),
            "server.listen",
        ),
        ("role", b"[server]\nroles = [\"king\"]".to_vec(), "king"),
        ("no role", b"[server]\nroles = []".to_vec(), "server.roles"),
        (
            "a role twice",
            b"[server]\nroles = [\"api\", \"api\"]".to_vec(),
            "twice",
        ),
        (
            "shutdown at once",
            b"[server]\nshutdown_ms = 0".to_vec(),
            "server.shutdown_ms",
        ),
        (
            "shutdown never",
            b"[server]\nshutdown_ms = 99999999999".to_vec(),
            "server.shutdown_ms",
        ),
        (
            "negative time",
            b"[worker]\nlease_ms = -1".to_vec(),
            "worker.lease_ms",
        ),
        (
            "time in words",
            b"[worker]\nlease_ms = \"15s\"".to_vec(),
            "worker.lease_ms",
        ),
        (
            "lease shorter than a request",
            b"[worker]\nlease_ms = 500".to_vec(),
            "worker.lease_ms",
        ),
        (
            "nothing in flight",
            b"[worker]\nin_flight_max = 0".to_vec(),
            "worker.in_flight_max",
        ),
        (
            "too much in flight",
            b"[worker]\nin_flight_max = 100000".to_vec(),
            "worker.in_flight_max",
        ),
        (
            "window upside down",
            b"[scheduler]\nwindow_chunks_min = 100\nwindow_chunks_max = 10".to_vec(),
            "window_chunks_min",
        ),
        (
            "gateway over ftp",
            b"[gateway]\nurl = \"ftp://m.example\"".to_vec(),
            "gateway.url",
        ),
        (
            "gateway is a path",
            b"[gateway]\nurl = \"/pushes\"".to_vec(),
            "gateway.url",
        ),
        (
            "gateway with a password",
            b"[gateway]\nurl = \"http://u:p@m.example\"".to_vec(),
            "gateway.url",
        ),
        (
            "guarantee",
            b"[gateway]\nguarantee = \"always\"".to_vec(),
            "gateway.guarantee",
        ),
        (
            "queryable without its time",
            b"[gateway]\nguarantee = \"queryable\"".to_vec(),
            "query_settles_ms",
        ),
        (
            "keyed with that time",
            b"[gateway]\nquery_settles_ms = 5".to_vec(),
            "query_settles_ms",
        ),
        (
            "batch of nobody",
            b"[gateway]\nbatch_max = 0".to_vec(),
            "gateway.batch_max",
        ),
        (
            "batch too large",
            b"[gateway]\nbatch_max = 1001".to_vec(),
            "gateway.batch_max",
        ),
        (
            "rate of nobody",
            b"[gateway]\nrecipients_per_second = 0".to_vec(),
            "recipients_per_second",
        ),
        (
            "token without secret",
            b"[gateway]\ntoken = \"t\"".to_vec(),
            "gateway.secret",
        ),
        (
            "secret too short",
            b"[gateway]\ntoken = \"t\"\nsecret = \"short\"".to_vec(),
            "gateway.secret",
        ),
        (
            "empty token",
            b"[gateway]\ntoken = \"\"\nsecret = \"0123456789abcdef\"".to_vec(),
            "gateway.token",
        ),
        ("token too long", long_token.into_bytes(), "gateway.token"),
        (
            "token with a line break",
            b"[gateway]\ntoken = \"a\\nb\"\nsecret = \"0123456789abcdef\"".to_vec(),
            "gateway.token",
        ),
        (
            "old secret alone",
            b"[gateway]\nprevious_secret = \"0123456789abcdef\"".to_vec(),
            "previous_secret",
        ),
        (
            "fault",
            b"[sandbox]\nfaults = [\"hiccup=1\"]".to_vec(),
            "hiccup",
        ),
        (
            "fault share",
            b"[sandbox]\nfaults = [\"5xx=2\"]".to_vec(),
            "5xx",
        ),
        (
            "fault shares together",
            b"[sandbox]\nfaults = [\"5xx=0.6,429=0.6\"]".to_vec(),
            "more than 1",
        ),
        (
            "events address",
            b"[sandbox]\nevents_url = \"ftp://x\"".to_vec(),
            "events_url",
        ),
        (
            "log format",
            b"[log]\nformat = \"xml\"".to_vec(),
            "log.format",
        ),
        (
            "log filter",
            b"[log]\nfilter = \"chingu=loud\"".to_vec(),
            "log.filter",
        ),
        (
            "data without a name",
            b"[store]\ndata = \"\"".to_vec(),
            "store.data",
        ),
    ];
    for (name, text, words) in table {
        let folder = TempDir::new()?;
        let file = folder.path().join("chingu.toml");
        std::fs::write(&file, text)?;
        let mut command = place::command()?;
        command
            .arg("migrate")
            .arg("--config")
            .arg(&file)
            .current_dir(folder.path());
        let output = command.output()?;
        let refused = is_refusal(&output, CANNOT, words);
        let opened = std::fs::read_dir(folder.path())?.count() > 1;
        cases.check(
            &format!("file: {name}"),
            refused.and_then(|()| {
                ensure!(!opened, "something was opened all the same");
                Ok(())
            }),
        );
        let said = shell::words(&output);
        ensure!(
            !said.contains("0123456789abcdef"),
            "a secret was shown: {said}"
        );
    }
    let output = place::command()?
        .args(["migrate", "--config", "/nowhere/chingu.toml"])
        .output()?;
    cases.check(
        "file: not there",
        is_refusal(&output, CANNOT, "/nowhere/chingu.toml"),
    );
    Ok(())
}

fn variables(cases: &mut Cases) -> Result<()> {
    let table: [(&str, &str, i32, &str); 12] = [
        (
            "CHINGU_SERVER__LISTEN",
            "nowhere",
            CANNOT,
            "CHINGU_SERVER__LISTEN",
        ),
        (
            "CHINGU_SERVER__SHUTDOWN_MS",
            "soon",
            CANNOT,
            "CHINGU_SERVER__SHUTDOWN_MS",
        ),
        (
            "CHINGU_SERVER__LISTN",
            "127.0.0.1:1",
            CANNOT,
            "CHINGU_SERVER__LISTN",
        ),
        (
            "CHINGU_SERFER__LISTEN",
            "127.0.0.1:1",
            CANNOT,
            "CHINGU_SERFER__LISTEN",
        ),
        ("CHINGU_LISTN", "127.0.0.1:1", CANNOT, "CHINGU_LISTN"),
        ("CHINGU___LISTEN", "127.0.0.1:1", CANNOT, "CHINGU___LISTEN"),
        (
            "CHINGU_WORKER__LEASE_MS",
            "99999999999999999999",
            CANNOT,
            "CHINGU_WORKER__LEASE_MS",
        ),
        (
            "CHINGU_WORKER__LEASE_MS",
            "",
            CANNOT,
            "CHINGU_WORKER__LEASE_MS",
        ),
        (
            "CHINGU_GATEWAY__SECRET",
            "short-secret",
            CANNOT,
            "gateway.secret",
        ),
        ("CHINGU_SANDBOX__FAULTS", "[\"nap\"]", CANNOT, "nap"),
        ("CHINGU_LOG_FORMAT", "xml", super::CANNOT_READ, "xml"),
        (
            "CHINGU_CONFIG",
            "/nowhere/c.toml",
            CANNOT,
            "/nowhere/c.toml",
        ),
    ];
    for (variable, value, code, words) in table {
        let folder = TempDir::new()?;
        let mut command = place::command()?;
        command
            .args(["migrate", "--data"])
            .arg(folder.path().join("d"))
            .env(variable, value);
        let output = command.output()?;
        let said = shell::words(&output);
        cases.check(
            &format!("variable: {variable}={value}"),
            is_refusal(&output, code, words),
        );
        ensure!(!said.contains("short-secret"), "a secret was shown: {said}");
    }
    Ok(())
}

/// What only a server can find wrong. It ends by itself, or the case is not answered.
fn roles(cases: &mut Cases) -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let table: [(&str, &[&str], &str); 5] = [
        (
            "a worker without a scheduler",
            &["--role", "worker,sandbox"],
            "run together",
        ),
        (
            "a scheduler without a worker",
            &["--role", "scheduler"],
            "run together",
        ),
        (
            "nobody to push to",
            &["--role", "worker,scheduler"],
            "--gateway-url",
        ),
        (
            "a gateway that is none",
            &["--gateway-url", "messenger"],
            "gateway.url",
        ),
        (
            "a messenger elsewhere without a secret",
            &["--gateway-url", "http://10.0.0.1:9/g"],
            "gateway.token",
        ),
    ];
    for (name, flags, words) in table {
        let folder = TempDir::new()?;
        let listen = place::free_address()?.to_string();
        let serve = ["serve", "--no-demo", "--listen", &listen];
        cases.check(
            &format!("serve: {name}"),
            ends_refused(folder.path(), &[&serve[..], flags].concat(), words),
        );
    }
    let folder = TempDir::new()?;
    let serve = ["serve", "--no-demo", "--listen", &address];
    cases.check(
        "serve: the port is taken",
        ends_refused(folder.path(), &serve, "cannot listen"),
    );
    Ok(())
}

fn ends_refused(data: &std::path::Path, arguments: &[&str], words: &str) -> Result<()> {
    engine::place_embedded(data);
    let mut child = shell::spawn(data, arguments)?;
    let ends = wait::until(
        "it ends",
        std::time::Duration::from_secs(10),
        || child.try_wait().ok().flatten(),
        String::new,
    );
    if ends.is_err() {
        child.kill()?;
    }
    let output = child.wait_with_output()?;
    ends?;
    is_refusal(&output, CANNOT, words)
}
