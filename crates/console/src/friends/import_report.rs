//! One import: its columns to be named, how far it is, what became of it, and every refused row.

use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use directory::Permission;
use domain::friend::RejectReason;
use domain::id::ImportId;
use futures_util::stream;
use serde::Deserialize;
use store::Store;
use store::import::{Import, Rejection};
use store::import_upload::ImportUpload;
use words::Words;

use super::export::push_row;
use super::import::{ImportPath, draw_mapping};
use crate::desk::Desk;
use crate::error::Error;
use crate::frame::{Frame, Place};
use crate::page;

/// Refused rows of one page, and of one piece of a download.
const PAGE: u32 = 100;
const PIECE: u32 = 2_000;
const BYTE_ORDER_MARK: &str = "\u{feff}";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReportQuery {
    /// The last line and reason of the page before.
    line: u64,
    reason: String,
}

#[derive(Template)]
#[template(path = "friends/import_report.html")]
struct ReportPage<'a> {
    frame: Frame<'a>,
    words: Words,
    path: String,
    file_name: String,
    at: String,
    /// Neither ended nor failed: the page asks again.
    is_running: bool,
    percent: u64,
    failure: Option<String>,
    /// The same file was taken in before: when.
    taken_before: Option<String>,
    accepted: u64,
    rejected: u64,
    reasons: Vec<(String, u64)>,
    rows: Vec<RejectedRow>,
    next: Option<String>,
    first: Option<String>,
    has_rows: bool,
}

struct RejectedRow {
    line: String,
    column: String,
    value: String,
    why: String,
}

pub async fn show(
    desk: Desk,
    Path(path): Path<ImportPath>,
    Query(query): Query<ReportQuery>,
) -> Result<Response, Error> {
    desk.expect(Permission::ManageFriends)?;
    let id = path.id()?;
    let upload = desk.store.upload_of_account(desk.account.id, id).await?;
    if let Some(upload) = upload.as_ref().filter(|upload| upload.asked_at.is_none()) {
        return draw_mapping(&desk, upload, None).await;
    }
    let import = import_of(&desk, id, upload.as_ref()).await?;
    if upload.is_none() && import.is_none() {
        return Err(Error::NotFound);
    }
    draw(&desk, (id, upload, import), &query).await
}

/// What an upload became or is becoming; or an import of the shell by its own id.
async fn import_of(
    desk: &Desk,
    id: ImportId,
    upload: Option<&ImportUpload>,
) -> Result<Option<Import>, Error> {
    let became = upload.and_then(|upload| upload.import).unwrap_or(id);
    Ok(desk
        .store
        .import_of_account(desk.account.id, became)
        .await?)
}

async fn draw(
    desk: &Desk,
    (id, upload, import): (ImportId, Option<ImportUpload>, Option<Import>),
    query: &ReportQuery,
) -> Result<Response, Error> {
    let words = desk.words;
    let path = desk.at(&format!("/friends/import/{id}"));
    let is_over = match &upload {
        Some(upload) => upload.ended_at.is_some(),
        None => import
            .as_ref()
            .is_some_and(|import| import.finished_at.is_some()),
    };
    let checkpoint = import
        .as_ref()
        .map(|import| import.checkpoint)
        .unwrap_or_default();
    let bytes = upload.as_ref().map_or(0, |upload| upload.bytes);
    let began = upload.as_ref().map(|upload| upload.uploaded_at);
    let began = began.or(import.as_ref().map(|import| import.started_at));
    let name = upload.as_ref().map(|upload| upload.file_name.clone());
    let name = name.or(import.as_ref().map(|import| import.file_name.clone()));
    let was_before = import.as_ref().filter(|import| {
        let asked = upload.as_ref().and_then(|upload| upload.asked_at);
        is_over && import.id != id && asked.is_some_and(|asked| import.started_at < asked)
    });
    let taken_before = was_before.map(|import| words.time(import.started_at, &desk.zone));
    let (mut reasons, mut rows, mut next) = (Vec::new(), Vec::new(), None);
    if let Some(import) = import.as_ref().filter(|_| is_over) {
        for counted in desk.store.rejection_counts(import).await? {
            reasons.push((reason_words(&words, counted.reason), counted.rows));
        }
        let behind = (query.line, &*query.reason);
        let found = desk
            .store
            .rejections_page(import.id, behind, PAGE + 1)
            .await?;
        let last = found
            .get(PAGE as usize - 1)
            .filter(|_| found.len() > PAGE as usize);
        next = last.map(|last| format!("{path}?line={}&reason={}#rows", last.line, last.reason));
        rows = found
            .iter()
            .take(PAGE as usize)
            .map(|told| row(&words, told))
            .collect();
    }
    page::show(&ReportPage {
        frame: Frame::of(desk, Place::Friends),
        words,
        file_name: name.unwrap_or_default(),
        at: began.map_or_else(String::new, |at| words.time(at, &desk.zone)),
        is_running: !is_over,
        percent: 100 * checkpoint.offset_bytes.min(bytes) / bytes.max(1),
        failure: upload.as_ref().and_then(|upload| upload.failure.clone()),
        taken_before,
        accepted: checkpoint.accepted,
        rejected: checkpoint.rejected,
        reasons,
        rows,
        next,
        first: (query.line > 0).then(|| format!("{path}#rows")),
        has_rows: upload.is_some(),
        path,
    })
}

fn row(words: &Words, told: &Rejection) -> RejectedRow {
    RejectedRow {
        line: words.count(told.line),
        column: told.column.clone(),
        value: told.value.clone(),
        why: reason_words(words, told.reason),
    }
}

pub fn reason_words(words: &Words, reason: RejectReason) -> String {
    let key = reason.as_str().replace('_', "-");
    words.t(format!("import-reason-{key}")).to_string()
}

/// Only the refused rows, each as it was written, with the line and the reasons behind it.
pub async fn rejected(desk: Desk, Path(path): Path<ImportPath>) -> Result<Response, Error> {
    desk.expect(Permission::ManageFriends)?;
    let id = path.id()?;
    let upload = desk.store.upload_of_account(desk.account.id, id).await?;
    let import = import_of(&desk, id, upload.as_ref()).await?;
    let import = import.ok_or(Error::NotFound)?.id;
    let words = desk.words;
    let store = desk.store.clone();
    let body = stream::try_unfold(Some((0, String::new())), move |from| {
        let store = store.clone();
        async move {
            let Some(from) = from else { return Ok(None) };
            piece(&store, import, words, from).await
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"rejected-rows.csv\"",
        ),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// The last line and reason that were told.
type Behind = (u64, String);

async fn piece(
    store: &Store,
    import: ImportId,
    words: Words,
    (line, reason): Behind,
) -> Result<Option<(Bytes, Option<Behind>)>, store::StoreError> {
    let mut text = String::new();
    if line == 0 {
        text.push_str(BYTE_ORDER_MARK);
        let kept = store.rejected_rows(import, (1, 1)).await?;
        let names = kept.first().map_or("", |(_, cells)| cells.as_str());
        push_kept(
            &mut text,
            names,
            &words,
            &[
                words.t("import-line").to_string(),
                words.t("import-why").to_string(),
            ],
        );
    }
    let found = store
        .rejections_page(import, (line, &reason), PIECE)
        .await?;
    let (Some(first), Some(last)) = (found.first(), found.last()) else {
        return Ok((line == 0).then(|| (Bytes::from(text), None)));
    };
    let next = (last.line, last.reason.as_str().to_owned());
    let lines = (first.line, last.line);
    let kept = store.rejected_rows(import, lines).await?;
    let cells = |line: u64| {
        let place = kept.binary_search_by_key(&line, |(line, _)| *line);
        place.map_or("", |place| kept[place].1.as_str())
    };
    // A row with several faults may lie on two pieces: it is told in the one where it begins.
    let own = found
        .chunk_by(|a, b| a.line == b.line)
        .filter(|told| told[0].line > line);
    for told in own {
        let of_line = match told[0].line == last.line {
            true => {
                store
                    .rejections_page(import, (last.line, ""), PIECE)
                    .await?
            }
            false => told.to_vec(),
        };
        let of_line = of_line.iter().filter(|told| told.line == of_line[0].line);
        let why: Vec<String> = of_line
            .map(|told| match told.column.as_str() {
                "" => reason_words(&words, told.reason),
                column => format!("{column}: {}", reason_words(&words, told.reason)),
            })
            .collect();
        let number = told[0].line.to_string();
        push_kept(
            &mut text,
            cells(told[0].line),
            &words,
            &[number, why.join("; ")],
        );
    }
    Ok(Some((Bytes::from(text), Some(next))))
}

/// Cells as they were kept, with more behind them.
fn push_kept(text: &mut String, cells: &str, words: &Words, more: &[String]) {
    let mut records = jobs::records::Records::of(cells.as_bytes(), 0, 0);
    let is_kept = matches!(records.next_span(), Ok(Some(_)));
    let mut row: Vec<String> = match is_kept {
        true => records
            .cells()
            .iter()
            .map(|cell| String::from_utf8_lossy(cell).into_owned())
            .collect(),
        false => vec![words.t("import-row-unreadable").to_string()],
    };
    row.extend_from_slice(more);
    push_row(text, &row);
}
