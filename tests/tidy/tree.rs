//! Rules over files and folders: what a stranger expects to find.

use std::collections::BTreeSet;

use crate::workspace::{assert_none, files_below, packages, root, sources};

const EXPECTED: [&str; 15] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "LICENSE",
    "Cargo.lock",
    "justfile",
    "deny.toml",
    "clippy.toml",
    "rustfmt.toml",
    "tests/run",
    "tests/suite",
    ".ci/run",
    "migrations/sqlite",
    "migrations/postgres",
    "crates/testkit",
];

const EXECUTABLE: [&str; 3] = ["tests/run", "tests/suite", ".ci/run"];

/// Lines a crate's first file spends on saying what it owns.
const CRATE_HEADER_LINES_MIN: usize = 2;

/// Migration files of one dialect, as (number, name), wrong when numbers have gaps or double.
fn wrong_numbers(names: &[&str]) -> Vec<String> {
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    let numbered = sorted.iter().enumerate();
    let wrong = numbered.filter(|(index, name)| !name.starts_with(&format!("{:04}_", index + 1)));
    wrong
        .map(|(index, name)| format!("{name} stands where {:04} belongs", index + 1))
        .collect()
}

/// Migrations one dialect has and the other lacks, once both exist.
fn missing_twins(sqlite: &[&str], postgres: &[&str]) -> Vec<String> {
    if postgres.is_empty() {
        return Vec::new();
    }
    let sqlite: BTreeSet<_> = sqlite.iter().collect();
    let postgres: BTreeSet<_> = postgres.iter().collect();
    sqlite
        .symmetric_difference(&postgres)
        .map(|name| format!("{name} has no twin"))
        .collect()
}

/// Whether a manifest takes the workspace's lints.
fn has_house_lints(manifest: &str) -> bool {
    manifest.contains("[lints]\nworkspace = true")
}

fn header_lines(text: &str) -> usize {
    text.lines()
        .take_while(|line| line.starts_with("//!"))
        .count()
}

fn migrations(dialect: &str) -> Vec<String> {
    let folder = format!("migrations/{dialect}");
    let files = files_below(&[&folder], &["sql"]);
    files
        .iter()
        .map(|file| file.path[folder.len() + 1..].to_owned())
        .collect()
}

fn names(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}

#[test]
fn what_a_stranger_looks_for_is_there() {
    let missing = EXPECTED.iter().filter(|path| !root().join(path).exists());
    assert_none("missing", missing.map(|path| (*path).to_owned()).collect());
}

#[cfg(unix)]
#[test]
fn what_is_started_can_be_started() {
    use std::os::unix::fs::PermissionsExt;
    for path in EXECUTABLE {
        let metadata = std::fs::metadata(root().join(path)).expect("it exists");
        assert_ne!(
            metadata.permissions().mode() & 0o111,
            0,
            "{path} has no run bit"
        );
    }
}

#[test]
fn migrations_stand_side_by_side() {
    let (sqlite, postgres) = (migrations("sqlite"), migrations("postgres"));
    let (sqlite, postgres) = (names(&sqlite), names(&postgres));
    assert!(!sqlite.is_empty(), "SQLite has no migrations");
    assert_none("numbers", wrong_numbers(&sqlite));
    assert_none("numbers", wrong_numbers(&postgres));
    assert_none("twins", missing_twins(&sqlite, &postgres));
}

#[test]
fn gaps_doubles_and_missing_twins_are_found() {
    assert_eq!(wrong_numbers(&["0001_a.sql", "0003_b.sql"]).len(), 1);
    assert_eq!(wrong_numbers(&["0001_a.sql", "0001_b.sql"]).len(), 1);
    assert_eq!(wrong_numbers(&["0002_b.sql", "0001_a.sql"]).len(), 0);
    assert_eq!(missing_twins(&["0001_a.sql"], &[]).len(), 0);
    assert_eq!(
        missing_twins(&["0001_a.sql", "0002_b.sql"], &["0001_a.sql"]).len(),
        1
    );
}

#[test]
fn every_crate_takes_the_lints_of_the_house() {
    let mut complaints = Vec::new();
    for package in packages() {
        let manifest = std::fs::read_to_string(&package.manifest).expect("cargo read it too");
        if !has_house_lints(&manifest) {
            complaints.push(package.name.clone());
        }
    }
    assert_none("crates without the workspace's lints", complaints);
    assert!(!has_house_lints("[package]\nname = \"a\"\n"));
}

#[test]
fn every_crate_says_what_it_owns() {
    let firsts = sources().iter().filter(|source| {
        source.path.starts_with("crates/")
            && (source.path.ends_with("/src/lib.rs") || source.path.ends_with("/src/main.rs"))
    });
    let silent = firsts.filter(|source| header_lines(&source.text) < CRATE_HEADER_LINES_MIN);
    assert_none(
        "crates without a header",
        silent.map(|source| source.path.clone()).collect(),
    );
    assert_eq!(header_lines("//! worker\n"), 1);
}
