//! `pg_dump` and `pg_restore`, as they are installed beside a PostgreSQL client.
//!
//! The password goes by the environment: arguments are seen by everybody on the machine.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use tokio::process::Command;
use url::Url;

/// Where Debian and its relatives install one folder per version.
const PACKAGES: &str = "/usr/lib/postgresql";
/// What of an address's query means the same to these programs.
const PARAMETERS: [&str; 7] = [
    "host",
    "port",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "application_name",
];
/// Lines of an error that are repeated.
const LINES_SHOWN: usize = 5;

/// Writes a consistent dump of the database while others write.
pub async fn dump(url: &str, file: &Path) -> anyhow::Result<()> {
    let mut command = program("pg_dump", url)?;
    command.args(["--format=custom", "--no-owner", "--no-privileges"]);
    command.arg("--file").arg(file);
    run(command, "pg_dump").await
}

/// Fills an empty database from a dump, wholly or not at all.
pub async fn restore(url: &str, file: &Path) -> anyhow::Result<()> {
    let mut command = program("pg_restore", url)?;
    command.args(["--exit-on-error", "--single-transaction"]);
    command.args(["--no-owner", "--no-privileges"]).arg(file);
    run(command, "pg_restore").await
}

async fn run(mut command: Command, name: &str) -> anyhow::Result<()> {
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("{name} cannot be started"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said.lines().take(LINES_SHOWN).collect();
    bail!("{name}: {}: {}", output.status, said.join("; "))
}

fn program(name: &str, url: &str) -> anyhow::Result<Command> {
    let path = find(name).with_context(|| {
        format!(
            "{name} is neither in PATH nor in {PACKAGES}/*/bin: install the PostgreSQL client of \
             the server's version or a newer one"
        )
    })?;
    let (address, password) = without_password(url)?;
    let mut command = Command::new(path);
    command.arg(format!("--dbname={address}"));
    match password {
        Some(password) => command.env("PGPASSWORD", password),
        None => &mut command,
    };
    Ok(command)
}

/// In PATH, or the newest that is installed.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|folder| folder.join(name));
    let installed = std::fs::read_dir(PACKAGES).into_iter().flatten().flatten();
    let mut versions: Vec<u32> = installed
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    let packaged = versions.into_iter().map(|version| {
        Path::new(PACKAGES)
            .join(version.to_string())
            .join("bin")
            .join(name)
    });
    in_path.chain(packaged).find(|path| path.is_file())
}

/// An address for an argument, and the password for the environment.
fn without_password(url: &str) -> anyhow::Result<(String, Option<String>)> {
    // The words of the error would repeat the address.
    let Ok(mut parsed) = Url::parse(url) else {
        bail!("the database's address cannot be read");
    };
    let password = parsed.password().map(decoded);
    let kept: Vec<(String, String)> = parsed
        .query_pairs()
        .filter(|(key, _)| PARAMETERS.contains(&&**key))
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    let refused = parsed.set_password(None).is_err();
    if refused && password.is_some() {
        bail!("the database's address cannot be told without its password");
    }
    parsed.set_query(None);
    if !kept.is_empty() {
        parsed.query_pairs_mut().extend_pairs(&kept);
    }
    Ok((parsed.to_string(), password))
}

/// `%40` is `@`, as in an address; a plus is a plus.
fn decoded(text: &str) -> String {
    let pair = format!("p={}", text.replace('+', "%2B"));
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_in_no_argument() {
        let cases = [
            (
                "postgres://u:p@h:5432/c",
                "postgres://u@h:5432/c",
                Some("p"),
            ),
            (
                "postgres://u:p%40+%2Fq@h/c",
                "postgres://u@h/c",
                Some("p@+/q"),
            ),
            ("postgres://u@h/c", "postgres://u@h/c", None),
            (
                "postgres://u:p@h/c?sslmode=verify-full&sslrootcert=/r.pem",
                "postgres://u@h/c?sslmode=verify-full&sslrootcert=%2Fr.pem",
                Some("p"),
            ),
            (
                "postgres://u:p@h/c?sslmode=disable&statement-cache-capacity=5",
                "postgres://u@h/c?sslmode=disable",
                Some("p"),
            ),
        ];
        for (url, address, password) in cases {
            let (told, kept) = without_password(url).unwrap();
            assert_eq!((&*told, kept.as_deref()), (address, password), "{url}");
            let command = program("pg_dump", url).unwrap();
            let arguments: Vec<_> = command.as_std().get_args().collect();
            assert_eq!(arguments, [&*format!("--dbname={address}")]);
        }
    }

    #[test]
    fn what_is_not_installed_is_not_found() {
        assert_eq!(find("pg_no_such_program"), None);
    }
}
