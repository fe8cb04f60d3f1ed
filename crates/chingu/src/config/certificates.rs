//! Files that name whom an encrypted connection trusts beside the system's authorities.

use std::path::Path;

use anyhow::{Context, ensure};

const BEGINS: &str = "-----BEGIN CERTIFICATE-----";

/// The certificates of a file, as they stand in it.
pub fn read(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    ensure!(
        text.contains(BEGINS),
        "{} holds no certificate in PEM",
        path.display()
    );
    Ok(text)
}
