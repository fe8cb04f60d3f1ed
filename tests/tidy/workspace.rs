//! The workspace as cargo and the file system show it: what the rules are applied to.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// One crate of ours and what its manifest asks for.
#[derive(Debug, Clone)]
pub struct Package {
    pub name: String,
    pub manifest: PathBuf,
    pub dependencies: Vec<Dependency>,
}

#[derive(Debug, Clone)]
pub struct Dependency {
    pub name: String,
    /// Needed by its tests only.
    pub is_for_tests: bool,
    /// One of our own crates.
    pub is_ours: bool,
}

/// A source file: its path below the root, with `/`, and its text.
#[derive(Debug, Clone)]
pub struct Source {
    pub path: String,
    pub text: String,
}

pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The members of the workspace as `cargo metadata` tells them, without asking a registry.
pub fn packages() -> &'static [Package] {
    static PACKAGES: OnceLock<Vec<Package>> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let output = Command::new(env!("CARGO"))
            .args([
                "metadata",
                "--no-deps",
                "--format-version",
                "1",
                "--offline",
            ])
            .current_dir(root())
            .output()
            .expect("cargo starts");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "cargo metadata failed: {errors}");
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
        let packages = metadata["packages"].as_array().expect("packages is a list");
        packages.iter().map(package).collect()
    })
}

/// Every Rust file of the workspace.
pub fn sources() -> &'static [Source] {
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    SOURCES.get_or_init(|| files_below(&["crates", "tests"], &["rs"]))
}

/// Every file under the folders with one of the endings, in the order of their paths.
pub fn files_below(folders: &[&str], endings: &[&str]) -> Vec<Source> {
    let mut pending: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = pending.pop() {
        let entries = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("reading {}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("a folder's entry can be read").path();
            let ending = path
                .extension()
                .and_then(|ending| ending.to_str())
                .unwrap_or("");
            if path.is_dir() {
                pending.push(path);
            } else if endings.contains(&ending) {
                found.push(source(&path));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Fails with every complaint on its own line.
pub fn assert_none(rule: &str, complaints: Vec<String>) {
    assert!(
        complaints.is_empty(),
        "{rule}:\n  {}",
        complaints.join("\n  ")
    );
}

fn source(path: &Path) -> Source {
    let below = path.strip_prefix(root()).expect("found below the root");
    Source {
        path: below.to_string_lossy().replace('\\', "/"),
        text: std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("reading {}: {error}", path.display())),
    }
}

fn package(value: &Value) -> Package {
    let dependencies = value["dependencies"]
        .as_array()
        .expect("dependencies is a list");
    Package {
        name: text(&value["name"]),
        manifest: PathBuf::from(text(&value["manifest_path"])),
        dependencies: dependencies
            .iter()
            .map(|dependency| Dependency {
                name: text(&dependency["name"]),
                is_for_tests: dependency["kind"] == "dev",
                is_ours: !dependency["path"].is_null(),
            })
            .collect(),
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .expect("cargo writes names and paths as text")
        .to_owned()
}
