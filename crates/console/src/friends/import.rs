//! Bringing friends from a file: upload, say what its columns mean, watch, and see what was
//! refused.

use std::collections::HashMap;

use askama::Template;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{Form, Multipart, Path};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use domain::friend::source as parse_source;
use domain::id::ImportId;
use jobs::arriving::Arriving;
use jobs::uploads::{FILE_BYTES_MAX, FILES_MAX, FileFault, UploadError};
use jobs::{Column, Mapping, MappingFault};
use serde::Deserialize;
use store::import_upload::{ImportLine, ImportUpload};
use words::Words;

use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::page;

/// Earlier imports that are shown.
const IMPORTS: u32 = 50;
const MEGABYTE: u64 = 1024 * 1024;
/// The field of the file, and the id where its faults stand.
const FILE: &str = "file";

#[derive(Debug, Deserialize)]
pub struct ImportPath {
    import: String,
}

impl ImportPath {
    pub fn id(&self) -> Result<ImportId, Error> {
        self.import.parse().map_err(|_| Error::NotFound)
    }
}

#[derive(Template)]
#[template(path = "friends/import.html")]
struct ImportPage<'a> {
    frame: Frame<'a>,
    words: Words,
    megabytes: u64,
    imports: Vec<ImportRow>,
    columns: Vec<ColumnHelp>,
    faults: Faults,
}

struct ImportRow {
    path: String,
    name: String,
    at: String,
    state: &'static str,
    words: String,
    accepted: String,
    rejected: String,
}

/// A column of ours, with what belongs into it.
struct ColumnHelp {
    name: &'static str,
    words: String,
    help: String,
    is_needed: bool,
}

#[derive(Template)]
#[template(path = "friends/mapping.html")]
struct MappingPage<'a> {
    frame: Frame<'a>,
    words: Words,
    path: String,
    file_name: String,
    encoding: String,
    /// When the same file was taken in before, and where that stands.
    before: Option<(String, String)>,
    rows: Vec<MappedColumn>,
    choices: Vec<ColumnHelp>,
    wordings: Vec<String>,
    wording: String,
    source: String,
    faults: Faults,
}

/// A column of the file.
struct MappedColumn {
    place: usize,
    name: String,
    sample: String,
    chosen: Option<&'static str>,
}

impl MappedColumn {
    fn is_for(&self, choice: &ColumnHelp) -> bool {
        self.chosen == Some(choice.name)
    }
}

pub async fn show(desk: Desk) -> Result<Response, Error> {
    desk.expect(Permission::ManageFriends)?;
    draw(&desk, Faults::default(), StatusCode::OK).await
}

async fn draw(desk: &Desk, faults: Faults, status: StatusCode) -> Result<Response, Error> {
    let words = desk.words;
    let imports = desk.store.imports_of_account(desk.account.id, IMPORTS);
    let shown = ImportPage {
        frame: Frame::of(desk, Place::Friends),
        words,
        megabytes: FILE_BYTES_MAX / MEGABYTE,
        imports: imports.await?.iter().map(|line| row(desk, line)).collect(),
        columns: columns(&words),
        faults,
    };
    page::show_as(status, &shown)
}

fn row(desk: &Desk, line: &ImportLine) -> ImportRow {
    let words = desk.words;
    let (state, key) = match (line.is_failed, line.is_over, line.is_asked) {
        (true, ..) => ("failed", "import-state-failed"),
        (_, true, _) => ("done", "import-state-done"),
        (_, _, true) => ("running", "import-state-running"),
        _ => ("draft", "import-state-mapping"),
    };
    let count = |of: fn(&store::import::Checkpoint) -> u64| {
        let counted = line.checkpoint.as_ref().map(of);
        counted.map_or_else(String::new, |number| words.count(number))
    };
    ImportRow {
        path: desk.at(&format!("/friends/import/{}", line.id)),
        name: line.file_name.clone(),
        at: words.time(line.began_at, &desk.zone),
        state,
        words: words.t(key).to_string(),
        accepted: count(|checkpoint| checkpoint.accepted),
        rejected: count(|checkpoint| checkpoint.rejected),
    }
}

fn columns(words: &Words) -> Vec<ColumnHelp> {
    let help = |column: Column| {
        let key = column.name().replace('_', "-");
        ColumnHelp {
            name: column.name(),
            words: words.t(format!("import-column-{key}")).to_string(),
            help: words.t(format!("import-column-{key}-help")).to_string(),
            is_needed: column == Column::UserKey,
        }
    };
    Column::ALL.map(help).into()
}

pub async fn upload(
    desk: Desk,
    parts: Result<Multipart, MultipartRejection>,
) -> Result<Response, Error> {
    desk.expect(Permission::ManageFriends)?;
    let parts = parts.map_err(|error| Error::Unreadable(error.body_text()))?;
    let (fault, status) = match keep(&desk, parts).await {
        Ok(Some(upload)) => {
            let to = desk.at(&format!("/friends/import/{}", upload.id));
            return Ok(Redirect::to(&to).into_response());
        }
        Ok(None) => ("import-fault-none", StatusCode::UNPROCESSABLE_ENTITY),
        Err(UploadError::Fault(fault)) => (fault_key(fault), fault_status(fault)),
        Err(UploadError::CutOff(why)) => return Err(Error::Unreadable(why)),
        Err(UploadError::Store(error)) => return Err(error.into()),
        Err(other) => return Err(Error::Broken(other.to_string())),
    };
    let said = desk.words.t(fault);
    let said = said.num("count", FILE_BYTES_MAX / MEGABYTE);
    let said = said.num("files", FILES_MAX);
    draw(&desk, Faults::one(FILE, said), status).await
}

/// Keeps the file of a form, once all of the form has come.
async fn keep(desk: &Desk, mut parts: Multipart) -> Result<Option<ImportUpload>, UploadError> {
    let mut arrived = None;
    while let Some(part) = parts.next_field().await.map_err(cut_off)? {
        if part.name() == Some(FILE) && arrived.is_none() {
            let name = match part.file_name() {
                None | Some("") => "friends.csv".to_owned(),
                Some(name) => name.to_owned(),
            };
            arrived = Some((arrive(desk, part).await?, name));
        }
    }
    let Some((arriving, name)) = arrived else {
        return Ok(None);
    };
    let (account, member) = (desk.account.id, desk.member.id);
    let kept = desk.uploads.finish(arriving, account, member, name);
    kept.await.map(Some)
}

async fn arrive(desk: &Desk, mut part: Field<'_>) -> Result<Arriving, UploadError> {
    let mut arriving = match desk.uploads.begin(desk.account.id).await {
        Ok(arriving) => arriving,
        Err(error) => return refuse(part, error).await,
    };
    while let Some(bytes) = part.chunk().await.map_err(cut_off)? {
        if let Err(error) = arriving.write(&bytes).await {
            return refuse(part, error).await;
        }
    }
    Ok(arriving)
}

/// A browser sends first and listens afterwards: it hears why only if the rest is taken, and
/// dropped. What is longer than any file is cut off.
async fn refuse(mut part: Field<'_>, error: UploadError) -> Result<Arriving, UploadError> {
    let mut dropped = 0;
    while let Ok(Some(bytes)) = part.chunk().await {
        dropped += bytes.len() as u64;
        if dropped > FILE_BYTES_MAX {
            break;
        }
    }
    Err(error)
}

/// Whoever sends it is gone, or it is not what a form is.
fn cut_off(error: MultipartError) -> UploadError {
    UploadError::CutOff(error.body_text())
}

const fn fault_status(fault: FileFault) -> StatusCode {
    match fault {
        FileFault::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        FileFault::TooMany => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

const fn fault_key(fault: FileFault) -> &'static str {
    match fault {
        FileFault::Empty => "import-fault-empty",
        FileFault::TooLarge => "import-fault-too-large",
        FileFault::Workbook => "import-fault-workbook",
        FileFault::Compressed => "import-fault-compressed",
        FileFault::Utf16 => "import-fault-utf16",
        FileFault::UnknownEncoding => "import-fault-encoding",
        FileFault::NoHeader => "import-fault-header",
        FileFault::NotByCommas => "import-fault-commas",
        FileFault::TooManyColumns => "import-fault-columns",
        FileFault::NoRows => "import-fault-rows",
        FileFault::TooMany => "import-fault-files",
    }
}

/// The page of a file whose columns are to be named.
pub(super) async fn draw_mapping(
    desk: &Desk,
    upload: &ImportUpload,
    told: Option<(Mapping, Faults)>,
) -> Result<Response, Error> {
    let looked = desk.uploads.look(upload.id).await;
    let look = looked.map_err(|error| Error::Broken(error.to_string()))?;
    let words = desk.words;
    let wordings = desk.store.wordings_of_account(desk.account.id).await?;
    let wordings: Vec<String> = wordings
        .into_iter()
        .map(|wording| wording.version)
        .collect();
    let status = match told {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let (mapping, faults) = told.unwrap_or_else(|| {
        let mut guessed = Mapping::guessed(&look.header);
        guessed.wording = wordings.last().cloned();
        (guessed, Faults::default())
    });
    let before = desk.store.same_upload(upload).await?.map(|(id, at)| {
        let path = desk.at(&format!("/friends/import/{id}"));
        (words.time(at, &desk.zone), path)
    });
    let sample = |place: usize| {
        let cells = look.samples.iter().filter_map(|row| row.get(place));
        let told: Vec<&str> = cells
            .map(String::as_str)
            .filter(|cell| !cell.is_empty())
            .collect();
        told.join(" · ")
    };
    let rows = look
        .header
        .iter()
        .enumerate()
        .map(|(place, name)| MappedColumn {
            place,
            name: name.clone(),
            sample: sample(place),
            chosen: mapping.column_at(place).map(Column::name),
        });
    let shown = MappingPage {
        frame: Frame::of(desk, Place::Friends),
        words,
        path: desk.at(&format!("/friends/import/{}", upload.id)),
        file_name: upload.file_name.clone(),
        encoding: upload.encoding.clone(),
        before,
        rows: rows.collect(),
        choices: columns(&words),
        wording: mapping.wording.clone().unwrap_or_default(),
        source: mapping.source.clone().unwrap_or_default(),
        wordings,
        faults,
    };
    page::show_as(status, &shown)
}

pub async fn map(
    desk: Desk,
    Path(path): Path<ImportPath>,
    Form(form): Form<HashMap<String, String>>,
) -> Result<Response, Error> {
    desk.expect(Permission::ManageFriends)?;
    let id = path.id()?;
    let found = desk.store.upload_of_account(desk.account.id, id).await?;
    let upload = found.ok_or(Error::NotFound)?;
    let here = desk.at(&format!("/friends/import/{id}"));
    if upload.asked_at.is_some() {
        return Ok(Redirect::to(&here).into_response());
    }
    let looked = desk.uploads.look(id).await;
    let look = looked.map_err(|error| Error::Broken(error.to_string()))?;
    let told = |name: &str| {
        let text = form.get(name).map_or("", |text| text.trim());
        (!text.is_empty()).then(|| text.to_owned())
    };
    let mut mapping = Mapping {
        columns: (0..look.header.len())
            .map(|place| told(&format!("column-{place}")))
            .collect(),
        wording: told("wording"),
        source: told("source"),
    };
    let faults = mapping_faults(&desk, &mapping).await?;
    if !faults.is_empty() {
        return draw_mapping(&desk, &upload, Some((mapping, faults))).await;
    }
    // A column says it for each row: what was chosen for all of them is not meant.
    let has = |column: Column| {
        let chosen = mapping.columns.iter().flatten();
        chosen.into_iter().any(|name| name == column.name())
    };
    let (says_wording, says_source) = (has(Column::ConsentWording), has(Column::Source));
    mapping.wording = mapping.wording.filter(|_| !says_wording);
    mapping.source = mapping.source.filter(|_| !says_source);
    match desk.uploads.ask(desk.account.id, id, &mapping).await {
        // Somebody else was faster: the page shows it.
        Ok(()) | Err(UploadError::Store(store::StoreError::Conflict(_))) => {
            Ok(Redirect::to(&here).into_response())
        }
        Err(error) => Err(Error::Broken(error.to_string())),
    }
}

async fn mapping_faults(desk: &Desk, mapping: &Mapping) -> Result<Faults, Error> {
    let words = desk.words;
    let mut faults = Faults::default();
    let name = |column: Column| {
        let key = column.name().replace('_', "-");
        words.t(format!("import-column-{key}")).to_string()
    };
    let place_of = |column: Column| {
        let places = 0..mapping.columns.len();
        let last = places
            .rev()
            .find(|place| mapping.column_at(*place) == Some(column));
        format!("column-{}", last.unwrap_or(0))
    };
    if mapping
        .columns
        .iter()
        .flatten()
        .any(|name| Column::from_name(name).is_none())
    {
        return Err(Error::Unreadable("no such column".to_owned()));
    }
    for fault in mapping.faults() {
        match fault {
            MappingFault::NoUserKey => faults.add("column-0", words.t("import-fault-no-key")),
            MappingFault::Twice(column) => {
                let said = words.t("import-fault-twice").text("column", name(column));
                faults.add(place_of(column), said);
            }
            MappingFault::Needs { column, needed } => {
                let said = words.t("import-fault-needs");
                let said = said
                    .text("column", name(column))
                    .text("needed", name(needed));
                let field = match needed {
                    Column::ConsentWording => "wording".to_owned(),
                    _ => place_of(column),
                };
                faults.add(field, said);
            }
        }
    }
    if let Some(source) = &mapping.source
        && parse_source(source).is_err()
    {
        faults.add("source", words.t("link-fault-source"));
    }
    if let Some(version) = &mapping.wording {
        let wordings = desk.store.wordings_of_account(desk.account.id).await?;
        if !wordings.iter().any(|wording| wording.version == *version) {
            faults.add("wording", words.t("import-fault-wording"));
        }
    }
    Ok(faults)
}

pub async fn discard(desk: Desk, Path(path): Path<ImportPath>) -> Result<Response, Error> {
    desk.expect(Permission::ManageFriends)?;
    let id = path.id()?;
    let found = desk.store.upload_of_account(desk.account.id, id).await?;
    found.ok_or(Error::NotFound)?;
    match desk.uploads.discard(desk.account.id, id).await {
        Ok(()) => {
            let to = desk.at("/friends/import?done=done-import-discarded");
            Ok(Redirect::to(&to).into_response())
        }
        Err(UploadError::Store(error)) => Err(error.into()),
        Err(error) => Err(Error::Broken(error.to_string())),
    }
}
