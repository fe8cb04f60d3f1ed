//! The floors: arrows between crates go down only.
//!
//! A new arrow that these rules refuse is a change of design. It is argued in its commit and drawn
//! in ARCHITECTURE.md before it is allowed here.

use crate::workspace::{Package, assert_none, packages};

/// Each crate's floor. A crate may depend on those of lower floors.
const FLOORS: [(&str, u8); 20] = [
    ("domain", 0),
    ("store", 1),
    ("broker", 1),
    ("gateway", 1),
    ("connector", 1),
    ("assets", 1),
    ("words", 1),
    ("bubble", 2),
    ("billing", 2),
    ("directory", 2),
    ("scheduler", 3),
    ("worker", 3),
    ("documents", 3),
    ("jobs", 4),
    ("console", 5),
    ("api", 5),
    ("sandbox", 5),
    ("bench", 6),
    ("chingu", 7),
    // Above everything: nobody ships it.
    ("chingu-tests", 8),
];

/// The one arrow that stays on its floor.
const BESIDE: (&str, &str) = ("connector", "gateway");

/// Fakes and worlds: free in what it uses, and never part of what is shipped.
const TESTKIT: &str = "testkit";

fn floor(name: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, floor)| *floor)
}

/// Crates that have no floor, arrows that do not go down, and testkit in what is shipped.
fn wrong_arrows(packages: &[Package]) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in packages.iter().filter(|package| package.name != TESTKIT) {
        let Some(from) = floor(&package.name) else {
            complaints.push(format!("{} stands on no floor", package.name));
            continue;
        };
        let shipped = package
            .dependencies
            .iter()
            .filter(|arrow| arrow.is_ours && !arrow.is_for_tests);
        for arrow in shipped {
            let is_allowed = match floor(&arrow.name) {
                Some(to) => to < from || (package.name.as_str(), arrow.name.as_str()) == BESIDE,
                None => arrow.name == TESTKIT && package.name == "chingu-tests",
            };
            if !is_allowed {
                complaints.push(format!("{} -> {}", package.name, arrow.name));
            }
        }
    }
    complaints
}

#[test]
fn arrows_go_down_only() {
    assert_none("arrows that do not go down", wrong_arrows(packages()));
}

#[test]
fn upward_sideways_and_shipped_test_arrows_are_found() {
    let planted = |from: &str, to: &str, is_for_tests: bool| Package {
        name: from.to_owned(),
        manifest: "Cargo.toml".into(),
        dependencies: vec![crate::workspace::Dependency {
            name: to.to_owned(),
            is_for_tests,
            is_ours: true,
        }],
    };
    let cases = [
        ("store", "billing", false, 1),
        ("worker", "scheduler", false, 1),
        ("gateway", "connector", false, 1),
        ("worker", "testkit", false, 1),
        ("newcomer", "domain", false, 1),
        ("worker", "testkit", true, 0),
        ("connector", "gateway", false, 0),
        ("chingu-tests", "testkit", false, 0),
        ("worker", "store", false, 0),
    ];
    for (from, to, is_for_tests, expected) in cases {
        let found = wrong_arrows(&[planted(from, to, is_for_tests)]);
        assert_eq!(found.len(), expected, "{from} -> {to}: {found:?}");
    }
}
