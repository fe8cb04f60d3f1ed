//! A backup as one file: a tar of what it is, the database, and the files of imports.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail, ensure};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::imports;

/// Names within the file, in their order.
const MANIFEST: &str = "backup.json";
pub const DATABASE: &str = "chingu.db";
pub const IMPORTS: &str = "imports";
/// Of this file's shape: another one is refused.
const FORMAT: u32 = 1;
/// A manifest is a few lines.
const MANIFEST_BYTES_MAX: u64 = 64 * 1024;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub engine: SourceEngine,
    /// RFC 3339.
    pub taken_at: String,
    /// Of the program that wrote it.
    pub version: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceEngine {
    /// The database is a SQLite file.
    Sqlite,
    /// The database is what `pg_dump --format=custom` wrote.
    Postgres,
}

/// What goes into a backup.
pub struct Contents {
    pub manifest: Manifest,
    pub database: PathBuf,
    /// A folder of files.
    pub imports: PathBuf,
}

impl Manifest {
    pub fn of(engine: SourceEngine, taken_at: Timestamp) -> Self {
        Self {
            format: FORMAT,
            engine,
            taken_at: taken_at.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// Writes the file beside its name and renames it once it is on disk; its length.
pub fn write(contents: &Contents, output: &Path) -> anyhow::Result<u64> {
    let mut part = output.as_os_str().to_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = write_part(contents, &part);
    if written.is_err() {
        // Nobody takes half a backup for one.
        let _ = std::fs::remove_file(&part);
    }
    let bytes = written.with_context(|| format!("cannot write {}", part.display()))?;
    std::fs::rename(&part, output).with_context(|| format!("cannot make {}", output.display()))?;
    let folder = output
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(bytes)
}

fn write_part(contents: &Contents, part: &Path) -> anyhow::Result<u64> {
    let mut tar = tar::Builder::new(BufWriter::new(File::create(part)?));
    let manifest = serde_json::to_vec_pretty(&contents.manifest)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(manifest.len() as u64);
    header.set_mode(0o600);
    header.set_cksum();
    tar.append_data(&mut header, MANIFEST, &*manifest)?;
    tar.append_path_with_name(&contents.database, DATABASE)?;
    for name in imports::names(&contents.imports)? {
        tar.append_path_with_name(contents.imports.join(&name), format!("{IMPORTS}/{name}"))?;
    }
    let mut buffer = tar.into_inner()?;
    buffer.flush()?;
    let file = buffer.into_inner().map_err(|error| error.into_error())?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// Takes a backup apart into a folder; what it says of itself.
pub fn unpack(file: &Path, into: &Path) -> anyhow::Result<Manifest> {
    let shown = file.display();
    let opened = File::open(file).with_context(|| format!("cannot read {shown}"))?;
    let mut tar = tar::Archive::new(BufReader::new(opened));
    let mut entries = tar.entries()?;
    let no_backup = || format!("{shown} is no backup of this program");
    let first = entries.next().with_context(no_backup)?;
    let manifest = read_manifest(first.with_context(no_backup)?).with_context(no_backup)?;
    ensure!(
        manifest.format == FORMAT,
        "{shown} has format {}, this program reads {FORMAT}: restore it with version {}",
        manifest.format,
        manifest.version
    );
    let damaged = || format!("{shown} is damaged or cut off");
    std::fs::create_dir_all(into.join(IMPORTS))?;
    let mut has_database = false;
    for entry in entries {
        let mut entry = entry.with_context(damaged)?;
        let name = entry.path().with_context(damaged)?.into_owned();
        let target = match place_of(&name) {
            Some(place) => into.join(place),
            None => bail!("{shown} holds {}, which is in no backup", name.display()),
        };
        has_database |= name == Path::new(DATABASE);
        let mut target = File::create_new(target)?;
        std::io::copy(&mut entry, &mut target).with_context(damaged)?;
        target.sync_all()?;
    }
    ensure!(has_database, "{}: there is no database in it", damaged());
    Ok(manifest)
}

fn read_manifest(entry: tar::Entry<'_, impl Read>) -> anyhow::Result<Manifest> {
    ensure!(
        entry.path()? == Path::new(MANIFEST),
        "it does not say what it is"
    );
    let mut text = String::new();
    entry.take(MANIFEST_BYTES_MAX).read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

/// Where a file of a backup goes; a name that could lead elsewhere has no place.
fn place_of(name: &Path) -> Option<PathBuf> {
    let parts: Vec<Component<'_>> = name.components().collect();
    let is = |part: &Component<'_>, word: &str| part.as_os_str() == word;
    match &parts[..] {
        [only @ Component::Normal(_)] if is(only, DATABASE) => Some(name.to_owned()),
        [folder @ Component::Normal(_), Component::Normal(_)] if is(folder, IMPORTS) => {
            Some(name.to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(folder: &Path) -> Contents {
        let imports = folder.join("waiting");
        std::fs::create_dir_all(&imports).unwrap();
        std::fs::write(imports.join("upl_1.csv"), "user_key\n").unwrap();
        std::fs::write(imports.join("upl_2.part"), "half").unwrap();
        let database = folder.join("copy");
        std::fs::write(&database, "a database").unwrap();
        let manifest = Manifest::of(SourceEngine::Sqlite, Timestamp::from_millis(0));
        Contents {
            manifest,
            database,
            imports,
        }
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let contents = contents(folder.path());
        let file = folder.path().join("chingu.backup");
        let bytes = write(&contents, &file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().len(), bytes);
        let into = folder.path().join("into");
        std::fs::create_dir(&into).unwrap();
        assert_eq!(unpack(&file, &into).unwrap(), contents.manifest);
        assert_eq!(std::fs::read(into.join(DATABASE)).unwrap(), b"a database");
        assert_eq!(imports::names(&into.join(IMPORTS)).unwrap(), ["upl_1.csv"]);
    }

    #[test]
    fn what_is_no_backup_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let into = |name: &str| {
            let into = folder.path().join(name);
            std::fs::create_dir(&into).unwrap();
            into
        };
        let file = folder.path().join("chingu.backup");
        let whole = {
            write(&contents(folder.path()), &file).unwrap();
            std::fs::read(&file).unwrap()
        };
        let refused = |bytes: &[u8], name: &str| {
            std::fs::write(&file, bytes).unwrap();
            format!("{:#}", unpack(&file, &into(name)).unwrap_err())
        };
        assert!(refused(b"", "empty").contains("is no backup"));
        assert!(refused(b"user_key,display_name\n", "csv").contains("is no backup"));
        // In the middle of the database.
        assert!(refused(&whole[..2_048 + 4], "cut").contains("damaged or cut off"));
        assert!(refused(&whole[..1_536], "cut early").contains("damaged or cut off"));
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for name in [
            "../chingu.db",
            "/chingu.db",
            "imports",
            "imports/../x",
            "imports/a/b",
            "x",
        ] {
            assert_eq!(place_of(Path::new(name)), None, "{name}");
        }
        for name in [DATABASE, "imports/upl_1.csv"] {
            assert_eq!(place_of(Path::new(name)), Some(PathBuf::from(name)));
        }
    }
}
