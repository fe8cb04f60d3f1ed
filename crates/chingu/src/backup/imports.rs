//! Files of friends that wait in the data folder until they are taken in.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;

/// Copies the files that are not in `to` yet. One that goes meanwhile was taken in.
pub fn copy_new(from: &Path, to: &Path) -> anyhow::Result<()> {
    for name in names(from)? {
        let target = to.join(&name);
        if target.exists() {
            continue;
        }
        match std::fs::copy(from.join(&name), &target) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            copied => {
                copied.with_context(|| format!("cannot copy {name}"))?;
            }
        }
    }
    Ok(())
}

/// Moves every file to the folder where the program looks for it.
pub fn place(from: &Path, to: &Path) -> anyhow::Result<()> {
    let names = names(from)?;
    if !names.is_empty() {
        std::fs::create_dir_all(to)?;
    }
    for name in names {
        std::fs::rename(from.join(&name), to.join(&name))
            .with_context(|| format!("cannot place {name}"))?;
    }
    Ok(())
}

pub fn has_any(folder: &Path) -> anyhow::Result<bool> {
    Ok(!names(folder)?.is_empty())
}

/// Whole files only; none where there is no such folder.
pub fn names(folder: &Path) -> anyhow::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_file() && !name.ends_with(".part") {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
