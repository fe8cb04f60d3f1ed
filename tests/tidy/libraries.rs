//! Which crate may use which library: SQL in `store`, HTTP out in `connector`, HTTP in at the top.

use crate::workspace::{Dependency, Package, assert_none, packages};

/// A library and the crates that may ship with it.
const HOMES: [(&str, &[&str]); 17] = [
    ("sqlx", &["store", "bench"]),
    ("sea-orm", &["store"]),
    ("lapin", &["broker"]),
    ("image", &["directory"]),
    ("reqwest", &["connector", "sandbox", "jobs", "bench"]),
    ("axum", &["console", "api", "sandbox", "chingu"]),
    ("tower-http", &["console", "api", "sandbox", "chingu"]),
    (
        "askama",
        &["console", "bubble", "sandbox", "api", "documents"],
    ),
    ("clap", &["chingu"]),
    ("figment", &["chingu"]),
    ("indicatif", &["chingu"]),
    ("mimalloc", &["chingu"]),
    ("tracing-subscriber", &["chingu"]),
    ("metrics-exporter-prometheus", &["chingu"]),
    ("anyhow", &["chingu", "bench"]),
    ("proptest", &[]),
    ("tempfile", &["bench"]),
];

/// Nothing that waits, reads or draws lots has a place in `domain`.
const NOT_PURE: [&str; 7] = [
    "tokio",
    "futures-util",
    "async-trait",
    "rand",
    "tracing",
    "tempfile",
    "metrics",
];

/// Suites and fakes may use what they like; nobody ships them.
const FREE: [&str; 2] = ["testkit", "chingu-tests"];

fn strangers(packages: &[Package]) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in packages
        .iter()
        .filter(|package| !FREE.contains(&package.name.as_str()))
    {
        for library in shipped(package) {
            let home = HOMES.iter().find(|(name, _)| *name == library.name);
            if let Some((_, homes)) = home
                && !homes.contains(&package.name.as_str())
            {
                complaints.push(format!("{} uses {}", package.name, library.name));
            }
            if package.name == "domain" && NOT_PURE.contains(&library.name.as_str()) {
                complaints.push(format!("domain is pure, and uses {}", library.name));
            }
        }
    }
    complaints
}

fn shipped(package: &Package) -> impl Iterator<Item = &Dependency> {
    package
        .dependencies
        .iter()
        .filter(|library| !library.is_ours && !library.is_for_tests)
}

#[test]
fn libraries_stay_in_their_crates() {
    assert_none("libraries outside their home", strangers(packages()));
}

#[test]
fn a_library_outside_its_home_is_found() {
    let planted = |package: &str, library: &str, is_for_tests: bool| Package {
        name: package.to_owned(),
        manifest: "Cargo.toml".into(),
        dependencies: vec![Dependency {
            name: library.to_owned(),
            is_for_tests,
            is_ours: false,
        }],
    };
    let cases = [
        ("billing", "sqlx", false, 1),
        ("api", "reqwest", false, 1),
        ("store", "clap", false, 1),
        ("domain", "tokio", false, 1),
        ("billing", "proptest", false, 1),
        ("billing", "proptest", true, 0),
        ("store", "sqlx", false, 0),
        ("testkit", "sqlx", false, 0),
    ];
    for (package, library, is_for_tests, expected) in cases {
        let found = strangers(&[planted(package, library, is_for_tests)]);
        assert_eq!(found.len(), expected, "{package} uses {library}: {found:?}");
    }
}
