//! `chingu restore`: a backup becomes an installation, in an empty place only.
//!
//! What happened after the backup was taken is not in it. So every campaign that may have been sent
//! since stands still until somebody lets it go on; the messenger is asked before anything is
//! pushed then.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use domain::id::CampaignId;
use serde_json::json;
use store::{Store, StoreConfig};

use crate::backup::archive::{self, SourceEngine};
use crate::backup::{imports, postgres_tools, scratch::Scratch};
use crate::cli::RestoreArgs;
use crate::config::Config;
use crate::output::Output;
use crate::platform::{Platform, place_database};
use crate::progress;
use crate::wiring::imports_folder;

/// What may stand in the data folder: the messenger's own, and what is shared with it.
const NOT_OURS: [&str; 5] = [
    "sandbox.db",
    "sandbox.db-wal",
    "sandbox.db-shm",
    "gateway.credentials",
    "chingu.cluster",
];

pub async fn run(config: &Config, arguments: RestoreArgs) -> anyhow::Result<ExitCode> {
    let database = config.database();
    let scratch = Scratch::within(config.data(), "restoring")?;
    expect_empty(config, &database, &scratch).await?;
    let waiting = progress::wait("restoring");
    let restored = restore(config, &database, &scratch, &arguments.file).await;
    waiting.finish_and_clear();
    restored?;
    drop(scratch);
    show(config, &arguments).await?;
    Ok(ExitCode::SUCCESS)
}

async fn expect_empty(
    config: &Config,
    database: &StoreConfig,
    scratch: &Scratch,
) -> anyhow::Result<()> {
    let is_free = |name: &str| {
        NOT_OURS.contains(&name) || scratch.path().file_name().is_some_and(|own| own == name)
    };
    let data = config.data().display();
    match database {
        StoreConfig::Sqlite { .. } => {
            for entry in std::fs::read_dir(config.data())? {
                let name = entry?.file_name();
                let name = name.to_string_lossy();
                ensure!(
                    is_free(&name),
                    "the data folder {data} is not empty, there is {name}: a backup is restored \
                     into an empty one only"
                );
            }
        }
        StoreConfig::Postgres(_) => {
            ensure!(
                store::database::is_empty(database).await?,
                "the database {} is not empty: a backup is restored into an empty one only",
                config.database_in_words()
            );
            ensure!(
                !imports::has_any(&imports_folder(config))?,
                "the data folder {data} holds imports: a backup is restored into an empty one only"
            );
        }
    }
    Ok(())
}

async fn restore(
    config: &Config,
    database: &StoreConfig,
    scratch: &Scratch,
    file: &Path,
) -> anyhow::Result<()> {
    let (from, into) = (file.to_owned(), scratch.path().to_owned());
    let unpacked = tokio::task::spawn_blocking(move || archive::unpack(&from, &into));
    let manifest = unpacked.await.context("the backup was not unpacked")??;
    let copy = scratch.path().join(archive::DATABASE);
    match (database, manifest.engine) {
        (StoreConfig::Sqlite { path, .. }, SourceEngine::Sqlite) => {
            mark(&StoreConfig::durable(&copy)).await?;
            imports::place(
                &scratch.path().join(archive::IMPORTS),
                &imports_folder(config),
            )?;
            let identity = |file: &Path| file.with_extension("cluster");
            std::fs::rename(identity(&copy), identity(path))?;
            // Last: where it is, there is an installation.
            place_database(&copy, path)
        }
        (StoreConfig::Postgres(config_of), SourceEngine::Postgres) => {
            postgres_tools::restore(&config_of.url, &copy).await?;
            mark(database).await?;
            imports::place(
                &scratch.path().join(archive::IMPORTS),
                &imports_folder(config),
            )
        }
        (StoreConfig::Sqlite { .. }, SourceEngine::Postgres) => {
            bail!("this backup is one of PostgreSQL: name an empty database with --database-url")
        }
        (StoreConfig::Postgres(_), SourceEngine::Sqlite) => {
            bail!("this backup is one of the embedded engine: restore it without --database-url")
        }
    }
}

/// Brings the tables up to date and marks what the copy leaves in doubt.
async fn mark(database: &StoreConfig) -> anyhow::Result<()> {
    let store = Store::open(database).await?;
    let (clock, ids) = Platform::machine();
    store.restored(ids.as_ref(), clock.now()).await?;
    Ok(store.close().await?)
}

/// What stands still now, by name: somebody has to let it go on.
async fn show(config: &Config, arguments: &RestoreArgs) -> anyhow::Result<()> {
    let platform = Platform::open(config).await?;
    let standing: Vec<(CampaignId, String)> = platform.store.standing_still().await?;
    platform.close().await?;
    let mut words = format!("restored {}", arguments.file.display());
    match standing.is_empty() {
        true => words.push_str("; no campaign was under way"),
        false => words.push_str(
            "\nthese campaigns stand still, because they may have been sent since; \
             `chingu admin campaign resume` lets one go on:",
        ),
    }
    for (id, name) in &standing {
        words.push_str(&format!("\n  {id} {name}"));
    }
    let campaigns: Vec<_> = standing
        .iter()
        .map(|(id, name)| json!({ "id": id, "name": name }))
        .collect();
    let json = json!({ "file": arguments.file, "campaigns": campaigns });
    Output::of(arguments.json).show(words, &json)
}
