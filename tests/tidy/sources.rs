//! Rules over the lines of every source file.

use crate::workspace::{Source, assert_none, sources};

/// Characters in a line.
const COLUMNS_MAX: usize = 100;
/// Lines of a file before its inline tests begin; about 400 is the aim, from 500 on it is named.
const SHIPPED_LINES_MAX: usize = 600;
const SHIPPED_LINES_NAMED: usize = 500;
/// Lines of a file with everything in it.
const LINES_MAX: usize = 700;

/// Work left open. Written in halves, so that this list does not find itself.
const LEFT_OPEN: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("#[ig", "nore"),
];

/// Paths that exist on somebody's machine only.
const MACHINE_PATHS: [&str; 5] = [
    concat!("\"/wo", "rk"),
    concat!("/wo", "rk/"),
    concat!("/tm", "p/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
];

/// Branches on the dialect: two databases by copy and paste.
const DIALECT_BRANCHES: [&str; 5] = [
    "is_sqlite",
    "is_postgres",
    "if sqlite",
    "DbBackend::",
    "DatabaseBackend::",
];
/// Where the dialects may differ: opening, transactions, the rows' statements, partitions, the
/// cluster's identity, and the hot paths.
const DIALECT_HOMES: [&str; 10] = [
    "crates/store/src/database.rs",
    "crates/store/src/database/",
    "crates/store/src/transaction.rs",
    "crates/store/src/write.rs",
    "crates/store/src/snapshot.rs",
    "crates/store/src/row.rs",
    "crates/store/src/bulk.rs",
    "crates/store/src/partition.rs",
    "crates/store/src/restore.rs",
    "crates/store/src/hot/",
];

/// How a statement begins. SQL stands in `store`, in raw loops of `bench`, and in tests.
const STATEMENTS: [&str; 5] = [
    "\"SELECT ",
    "\"INSERT INTO ",
    "\"UPDATE ",
    "\"DELETE FROM ",
    "\"CREATE TABLE ",
];
const STATEMENT_HOMES: [&str; 5] = [
    "crates/store/",
    "crates/bench/",
    "crates/testkit/",
    "tests/",
    "/tests.rs",
];

/// A suite waits for facts with a deadline; only the wait itself sleeps.
const SLEEPS: [&str; 2] = [concat!("thread::sl", "eep"), concat!("time::sl", "eep")];
const SLEEP_HOMES: [&str; 1] = ["tests/src/wait.rs"];

/// Names that say nothing, as parts of file names and at the beginning of functions.
const EMPTY_FILE_NAMES: [&str; 7] = [
    "manager", "helper", "helpers", "util", "utils", "misc", "data",
];
const EMPTY_NAMES: [&str; 5] = [
    "fn new_",
    "struct Manager",
    "Manager {",
    "Helper {",
    "Util {",
];

fn without_header(source: &Source) -> Option<String> {
    let first = source.text.lines().next().unwrap_or("");
    let says_why = first
        .strip_prefix("//! ")
        .is_some_and(|words| words.split(' ').count() > 1);
    (!says_why).then(|| format!("{}: `{first}`", source.path))
}

fn too_long(source: &Source) -> Option<String> {
    let all = source.text.lines().count();
    let is_test = source.path.contains("/tests") || source.path.starts_with("tests/");
    let shipped = match source.text.find("#[cfg(test)]\nmod tests {") {
        Some(tests_begin) => source.text[..tests_begin].lines().count(),
        None => all,
    };
    if !is_test && shipped > SHIPPED_LINES_NAMED {
        eprintln!("is it still one thing? {}: {shipped} lines", source.path);
    }
    let fits = all <= LINES_MAX && (is_test || shipped <= SHIPPED_LINES_MAX);
    (!fits).then(|| format!("{}: {all} lines, {shipped} without tests", source.path))
}

fn wide_lines(source: &Source) -> Vec<String> {
    matching(source, |line| line.chars().count() > COLUMNS_MAX)
}

fn left_open(source: &Source) -> Vec<String> {
    containing(source, &LEFT_OPEN, &[])
}

fn machine_paths(source: &Source) -> Vec<String> {
    containing(source, &MACHINE_PATHS, &[])
}

fn dialect_branches(source: &Source) -> Vec<String> {
    containing(source, &DIALECT_BRANCHES, &DIALECT_HOMES)
}

fn statements(source: &Source) -> Vec<String> {
    containing(source, &STATEMENTS, &STATEMENT_HOMES)
}

fn sleeps_in_suites(source: &Source) -> Vec<String> {
    if !source.path.starts_with("tests/") {
        return Vec::new();
    }
    containing(source, &SLEEPS, &SLEEP_HOMES)
}

fn empty_names(source: &Source) -> Vec<String> {
    let mut complaints = containing(source, &EMPTY_NAMES, &[]);
    let name = source
        .path
        .rsplit('/')
        .next()
        .unwrap_or("")
        .trim_end_matches(".rs");
    if name.split('_').any(|word| EMPTY_FILE_NAMES.contains(&word)) {
        complaints.push(format!("{}: the file's name says nothing", source.path));
    }
    complaints
}

/// `lib.rs` lists its stages one line each, and says at each what it is.
fn unexplained_modules(source: &Source) -> Vec<String> {
    if !source.path.ends_with("/src/lib.rs") {
        return Vec::new();
    }
    matching(source, |line| {
        line.starts_with("pub mod ") && !line.contains("; // ")
    })
}

fn containing(source: &Source, needles: &[&str], homes: &[&str]) -> Vec<String> {
    let is_home = homes.iter().any(|home| source.path.contains(home));
    let is_rule = source.path.starts_with("tests/tidy/");
    if is_home || is_rule {
        return Vec::new();
    }
    matching(source, |line| {
        needles.iter().any(|needle| line.contains(needle))
    })
}

fn matching(source: &Source, is_wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let lines = source
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| is_wrong(line));
    lines
        .map(|(index, line)| format!("{}:{}: {}", source.path, index + 1, line.trim()))
        .collect()
}

fn everywhere<T: IntoIterator<Item = String>>(rule: impl Fn(&Source) -> T) -> Vec<String> {
    sources().iter().flat_map(rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planted(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn every_file_says_first_why_it_exists() {
        assert_none(
            "files without a header that says why",
            everywhere(without_header),
        );
        for text in ["use std::fmt;\n", "//! worker\n", ""] {
            assert!(
                without_header(&planted("crates/a/src/b.rs", text)).is_some(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn files_stay_short() {
        assert_none("files that are too long", everywhere(too_long));
        let long = "//! Why.\n".repeat(SHIPPED_LINES_MAX + 1);
        let tested = format!(
            "#[cfg(test)]\nmod tests {{\n{}}}\n",
            "    // A case.\n".repeat(50)
        );
        assert!(too_long(&planted("crates/a/src/b.rs", &long)).is_some());
        let half = "//! Why.\n".repeat(SHIPPED_LINES_MAX);
        assert!(too_long(&planted("crates/a/src/b.rs", &(half + &tested))).is_none());
        assert!(too_long(&planted("tests/it/b.rs", &long)).is_none());
        assert!(too_long(&planted("tests/it/b.rs", &long.repeat(2))).is_some());
    }

    #[test]
    fn lines_stay_narrow() {
        assert_none("lines over 100 columns", everywhere(wide_lines));
        assert_eq!(
            wide_lines(&planted("a.rs", &"한".repeat(COLUMNS_MAX))).len(),
            0
        );
        assert_eq!(
            wide_lines(&planted("a.rs", &"x".repeat(COLUMNS_MAX + 1))).len(),
            1
        );
    }

    #[test]
    fn nothing_is_left_open() {
        assert_none("work left open", everywhere(left_open));
        for word in LEFT_OPEN {
            assert_eq!(
                left_open(&planted("a.rs", &format!("// {word} later"))).len(),
                1,
                "{word}"
            );
        }
    }

    #[test]
    fn no_path_belongs_to_one_machine() {
        assert_none("paths of one machine", everywhere(machine_paths));
        for path in MACHINE_PATHS {
            let text = format!("open(\"{path}file\")");
            assert_eq!(machine_paths(&planted("a.rs", &text)).len(), 1, "{path}");
        }
    }

    #[test]
    fn dialects_differ_in_their_place_only() {
        assert_none("branches on the dialect", everywhere(dialect_branches));
        let text = "if is_sqlite(&pool) {";
        assert_eq!(
            dialect_branches(&planted("crates/store/src/campaign.rs", text)).len(),
            1
        );
        assert_eq!(
            dialect_branches(&planted("crates/store/src/hot/sqlite.rs", text)).len(),
            0
        );
    }

    #[test]
    fn sql_stands_in_the_store() {
        assert_none("SQL outside the store", everywhere(statements));
        let text = "execute(\"UPDATE chunk SET state = 1\")";
        assert_eq!(
            statements(&planted("crates/worker/src/push.rs", text)).len(),
            1
        );
        assert_eq!(
            statements(&planted("crates/store/src/chunk.rs", text)).len(),
            0
        );
    }

    #[test]
    fn suites_wait_for_facts() {
        assert_none("sleeps in suites", everywhere(sleeps_in_suites));
        let text = concat!("std::thread::sl", "eep(SECOND);");
        assert_eq!(
            sleeps_in_suites(&planted("tests/it/launch.rs", text)).len(),
            1
        );
        assert_eq!(
            sleeps_in_suites(&planted("tests/src/wait.rs", text)).len(),
            0
        );
    }

    #[test]
    fn names_are_full_words_that_say_something() {
        assert_none("names that say nothing", everywhere(empty_names));
        assert_eq!(
            empty_names(&planted("crates/a/src/chunk_manager.rs", "")).len(),
            1
        );
        assert_eq!(
            empty_names(&planted("crates/a/src/b.rs", "pub fn new_chunk() {")).len(),
            1
        );
        assert_eq!(
            empty_names(&planted("crates/a/src/chunk.rs", "pub fn new() {")).len(),
            0
        );
    }

    #[test]
    fn lib_rs_says_what_each_module_is() {
        assert_none("modules without a word", everywhere(unexplained_modules));
        let path = "crates/a/src/lib.rs";
        assert_eq!(
            unexplained_modules(&planted(path, "pub mod chunk;")).len(),
            1
        );
        assert_eq!(
            unexplained_modules(&planted(path, "pub mod chunk; // its states")).len(),
            0
        );
    }
}
