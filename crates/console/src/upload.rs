//! A form with a file, read with limits: before a byte where its length is told, and as it comes.

use std::collections::HashMap;

use axum::RequestExt;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, Form, Multipart, Request};
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt;

/// What stands around a file: boundaries, and the fields of the form beside it.
const AROUND_BYTES_MAX: usize = 64 * 1024;
/// So much of a body that is too long is still taken and dropped, so that a browser, which sends
/// first and listens afterwards, hears why. Longer ones are cut off.
const DROPPED_BYTES_MAX: u64 = 64 * 1024 * 1024;
const NAME_BYTES_MAX: usize = 1_024;

/// A form that was sent: texts by name, and a file where one was chosen.
#[derive(Debug, Default)]
pub struct Upload {
    pub fields: HashMap<String, String>,
    pub file: Option<File>,
}

#[derive(Debug)]
pub struct File {
    /// As it was called where it came from; only for people.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Why a form with a file is not read.
#[derive(Debug)]
pub enum Refusal {
    /// The file has more bytes than it may.
    TooLarge,
    Unreadable(String),
}

impl Upload {
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// Reads a form of either type; the file is the field called `file`.
    pub async fn read(mut request: Request, file: &str, bytes_max: usize) -> Result<Self, Refusal> {
        let whole_max = (bytes_max + AROUND_BYTES_MAX) as u64;
        let told = content_length(request.headers());
        if told.is_some_and(|length| length > whole_max) {
            if told.is_some_and(|length| length <= DROPPED_BYTES_MAX) {
                drop_body(request).await;
            }
            return Err(Refusal::TooLarge);
        }
        // Whoever does not tell a length, or another one, gets no further either.
        if !is_multipart(request.headers()) {
            DefaultBodyLimit::max(AROUND_BYTES_MAX).apply(&mut request);
            let read: Result<Form<HashMap<String, String>>, _> = request.extract().await;
            let Form(fields) = read.map_err(|error| refusal(error.status(), error.body_text()))?;
            return Ok(Self { fields, file: None });
        }
        DefaultBodyLimit::max(bytes_max + AROUND_BYTES_MAX).apply(&mut request);
        let read: Result<Multipart, _> = request.extract().await;
        let mut parts = read.map_err(|error| refusal(error.status(), error.body_text()))?;
        let mut upload = Self::default();
        let mut around = 0;
        loop {
            let next = parts.next_field().await;
            let Some(part) = next.map_err(of_multipart)? else {
                return Ok(upload);
            };
            let name = part.name().unwrap_or_default().to_owned();
            if name == file && upload.file.is_none() {
                upload.file = chosen(part, bytes_max).await?;
                continue;
            }
            if part.file_name().is_some() {
                // A file nobody asked for is not looked at.
                bytes_of(part, bytes_max).await?;
                continue;
            }
            let text = bytes_of(part, AROUND_BYTES_MAX - around).await?;
            around += text.len() + name.len();
            let text = String::from_utf8(text)
                .map_err(|_| Refusal::Unreadable(format!("the field '{name}' is not text")))?;
            if around > AROUND_BYTES_MAX {
                return Err(Refusal::TooLarge);
            }
            upload.fields.insert(name, text);
        }
    }
}

/// The file of a part; a browser sends an empty one without a name where none was chosen.
async fn chosen(part: Field<'_>, bytes_max: usize) -> Result<Option<File>, Refusal> {
    let name = part.file_name().unwrap_or_default();
    let name: String = name.chars().take(NAME_BYTES_MAX).collect();
    let bytes = bytes_of(part, bytes_max).await?;
    let is_chosen = !(name.is_empty() && bytes.is_empty());
    Ok(is_chosen.then_some(File { name, bytes }))
}

async fn bytes_of(mut part: Field<'_>, bytes_max: usize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    loop {
        let piece = part.chunk().await;
        match piece.map_err(of_multipart)? {
            None => return Ok(bytes),
            Some(piece) if bytes.len() + piece.len() > bytes_max => return Err(Refusal::TooLarge),
            Some(piece) => bytes.extend_from_slice(&piece),
        }
    }
}

fn of_multipart(error: MultipartError) -> Refusal {
    refusal(error.status(), error.body_text())
}

fn refusal(status: StatusCode, why: String) -> Refusal {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge,
        _ => Refusal::Unreadable(why),
    }
}

async fn drop_body(request: Request) {
    let mut body = request.into_body().into_data_stream();
    let mut dropped = 0;
    while let Some(Ok(piece)) = body.next().await {
        dropped += piece.len() as u64;
        if dropped > DROPPED_BYTES_MAX {
            return;
        }
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn is_multipart(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    text.trim_start()
        .to_ascii_lowercase()
        .starts_with("multipart/form-data")
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, Bytes};

    use super::*;

    const PIECE_BYTES: usize = 16 * 1024;
    const FILE_BYTES_MAX: usize = 256 * 1024;

    /// A body of so many pieces whose length nobody tells.
    fn chunked(content_type: &str, pieces: usize) -> Request {
        let pieces =
            (0..pieces).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b'a'; PIECE_BYTES])));
        let stream = futures_util::stream::iter(pieces);
        let request = Request::post("/").header(header::CONTENT_TYPE, content_type);
        request.body(Body::from_stream(stream)).unwrap()
    }

    async fn read(request: Request) -> Result<Upload, Refusal> {
        Upload::read(request, "file", FILE_BYTES_MAX).await
    }

    #[tokio::test]
    async fn a_body_that_tells_no_length_has_a_limit_too() {
        let form = "application/x-www-form-urlencoded";
        let upload = read(chunked(form, 4)).await.unwrap();
        assert_eq!(upload.fields.len(), 1);
        let endless = read(chunked(form, 5)).await;
        assert!(matches!(endless, Err(Refusal::TooLarge)), "{endless:?}");
        // Not a part in it: whatever comes before the first boundary counts too.
        let endless = read(chunked("multipart/form-data; boundary=b", 21)).await;
        assert!(matches!(endless, Err(Refusal::TooLarge)), "{endless:?}");
    }
}
