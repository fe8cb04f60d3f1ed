//! A folder for what is half made: gone with the command, and with the next one after a kill.

use std::path::{Path, PathBuf};

use anyhow::Context;

#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Beside a file that is being made, so that it can be renamed to its name.
    pub fn beside(file: &Path) -> anyhow::Result<Self> {
        let name = file.file_name().context("the file has no name")?;
        let mut own = name.to_os_string();
        own.push(".scratch");
        Self::make(file.with_file_name(own))
    }

    /// In a folder, which is made where it is missing.
    pub fn within(folder: &Path, name: &str) -> anyhow::Result<Self> {
        Self::make(folder.join(name))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    fn make(path: PathBuf) -> anyhow::Result<Self> {
        let cannot = || format!("cannot make {}", path.display());
        if path.exists() {
            std::fs::remove_dir_all(&path).with_context(cannot)?;
        }
        std::fs::create_dir_all(&path).with_context(cannot)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Left behind it is in nobody's way: the next one takes its place.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
