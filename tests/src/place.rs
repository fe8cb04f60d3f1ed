//! Where things are: the program's executable, free ports, and where suites write tables.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};

use anyhow::{Context, Result, bail};

/// Where another executable is named than the one beside the tests.
const VARIABLE: &str = "CHINGU_BIN";
const VARIABLE_OF_NEXT: &str = "CHINGU_BIN_NEXT";
static IS_UPGRADED: AtomicBool = AtomicBool::new(false);

/// From now on every process is started from the executable that `CHINGU_BIN_NEXT` names; whether
/// it names one.
pub fn upgrade() -> bool {
    let names_one = std::env::var_os(VARIABLE_OF_NEXT).is_some();
    IS_UPGRADED.store(names_one, Ordering::SeqCst);
    names_one
}

/// The executable: `CHINGU_BIN`, or beside the running test.
///
/// It must be built with the pause points, as `tests/run` and `just suite` do.
pub fn program() -> Result<PathBuf> {
    let variable = match IS_UPGRADED.load(Ordering::SeqCst) {
        true => VARIABLE_OF_NEXT,
        false => VARIABLE,
    };
    if let Some(path) = std::env::var_os(variable) {
        let path = PathBuf::from(path);
        if !path.is_file() {
            bail!("{variable} names {}, which is not there", path.display());
        }
        return Ok(path);
    }
    let test = std::env::current_exe().context("where this test is")?;
    // target/debug/deps/faults-0123 -> target/debug/chingu
    let folder = test
        .parent()
        .and_then(Path::parent)
        .context("the target folder")?;
    let path = folder.join("chingu");
    if !path.is_file() {
        bail!(
            "{} is not there: cargo build -p chingu --features pause-points",
            path.display()
        );
    }
    Ok(path)
}

/// How the executable was built, for whoever reads figures.
pub fn profile() -> Result<&'static str> {
    let is_release = program()?
        .components()
        .any(|part| part.as_os_str() == "release");
    Ok(match is_release {
        true => "release profile",
        false => "dev profile",
    })
}

/// The program as a command without arguments. Variables of the suites are not its own: it refuses
/// variables it does not know.
pub fn command() -> Result<Command> {
    let mut command = Command::new(program()?);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CHINGU_") {
            command.env_remove(name);
        }
    }
    // A suite makes what it looks at.
    command.env("CHINGU_NO_DEMO", "1");
    Ok(command)
}

/// A port nobody listens on, and none that this test process was given before.
pub fn free_address() -> Result<SocketAddr> {
    static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a free port")?;
        let address = listener.local_addr()?;
        if GIVEN
            .lock()
            .expect("no test dies holding it")
            .insert(address.port())
        {
            return Ok(address);
        }
    }
}

/// Where a whole table is written: `CHINGU_TABLES`, a folder below the repository's root.
pub fn tables() -> Option<PathBuf> {
    let folder = std::env::var_os("CHINGU_TABLES")?;
    Some(repository().join(folder))
}

/// The repository's root.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The folder of builds: what a run keeps for the next one.
pub fn target() -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    named.unwrap_or_else(|| Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")).into())
}

/// A number from the environment, or the usual one.
pub fn number(variable: &str, usual: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is not a number")),
        Err(_) => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let ports: HashSet<u16> = (0..50).map(|_| free_address().unwrap().port()).collect();
        assert_eq!(ports.len(), 50);
    }
}
