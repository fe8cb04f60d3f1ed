//! `chingu backup`: everything the platform knows, as one file, while it runs.
//!
//! The file is written beside its name and then renamed, so that it is there whole or not at all.
//! The messenger's own file is not in it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::json;
use store::StoreConfig;

use crate::backup::archive::{self, Contents, Manifest, SourceEngine};
use crate::backup::{imports, postgres_tools, scratch::Scratch};
use crate::cli::BackupArgs;
use crate::config::Config;
use crate::output::{Output, thousands};
use crate::platform::Platform;
use crate::progress;
use crate::wiring::imports_folder;

pub async fn run(config: &Config, arguments: BackupArgs) -> anyhow::Result<ExitCode> {
    let database = config.database();
    if let StoreConfig::Sqlite { path, .. } = &database
        && !path.exists()
    {
        bail!(
            "there is no database to back up: {} is not there",
            path.display()
        );
    }
    let platform = Platform::open(config).await?;
    let waiting = progress::wait("backing up");
    let written = write(config, &platform, &database, &arguments.output).await;
    waiting.finish_and_clear();
    platform.close().await?;
    let (manifest, bytes) = written?;
    let file = arguments.output.display();
    let words = format!("backed up into {file}: {} bytes", thousands(bytes));
    let json = json!({
        "file": arguments.output,
        "bytes": bytes,
        "engine": manifest.engine,
        "taken_at": manifest.taken_at,
    });
    Output::of(arguments.json).show(words, &json)?;
    Ok(ExitCode::SUCCESS)
}

async fn write(
    config: &Config,
    platform: &Platform,
    database: &StoreConfig,
    output: &Path,
) -> anyhow::Result<(Manifest, u64)> {
    let scratch = Scratch::beside(output)?;
    let copied_imports = scratch.path().join(archive::IMPORTS);
    std::fs::create_dir_all(&copied_imports)?;
    // Before and after: what is taken in meanwhile goes from the folder, what comes is added.
    imports::copy_new(&imports_folder(config), &copied_imports)?;
    let taken_at = platform.clock.now();
    platform.store.note_backup(taken_at).await?;
    let copy = scratch.path().join(archive::DATABASE);
    let engine = match database {
        StoreConfig::Sqlite { .. } => {
            let copied = platform.store.copy_into(&copy).await;
            copied.context("the database cannot be copied")?;
            SourceEngine::Sqlite
        }
        StoreConfig::Postgres(config) => {
            postgres_tools::dump(&config.url, &copy).await?;
            SourceEngine::Postgres
        }
    };
    imports::copy_new(&imports_folder(config), &copied_imports)?;
    let manifest = Manifest::of(engine, taken_at);
    let contents = Contents {
        manifest: manifest.clone(),
        database: copy,
        imports: copied_imports,
    };
    let output = output.to_owned();
    let bytes = tokio::task::spawn_blocking(move || archive::write(&contents, &output));
    Ok((
        manifest,
        bytes.await.context("the backup was not written")??,
    ))
}
