//! Reading a body without trusting its length.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use futures_util::StreamExt;

use crate::ApiError;

/// Refuses what is said to be too large or packed, before a byte of it is read.
pub fn expect_readable(headers: &HeaderMap, bytes_max: usize) -> Result<(), ApiError> {
    if let Some(encoding) = headers
        .get(CONTENT_ENCODING)
        .filter(|value| *value != "identity")
    {
        let shown: String = String::from_utf8_lossy(encoding.as_bytes())
            .chars()
            .take(40)
            .collect();
        let words = format!("the content encoding '{shown}' is not taken: send the body as it is");
        return Err(ApiError::UnsupportedEncoding(words));
    }
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    let length = length.and_then(|text| text.parse::<u64>().ok());
    match length {
        Some(length) if length > bytes_max as u64 => Err(ApiError::TooLarge(bytes_max)),
        _ => Ok(()),
    }
}

/// The whole body, or why not: it is longer than said, it stops, it takes too long.
pub async fn read(body: Body, bytes_max: usize, patience: Duration) -> Result<Vec<u8>, ApiError> {
    let reading = collect(body.into_data_stream(), bytes_max);
    match tokio::time::timeout(patience, reading).await {
        Ok(read) => read,
        Err(_) => Err(ApiError::TooSlow(patience)),
    }
}

async fn collect(mut stream: BodyDataStream, bytes_max: usize) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(part) = stream.next().await {
        let part = part.map_err(|error| {
            ApiError::Malformed(format!("the body does not arrive whole: {error}"))
        })?;
        if bytes.len() + part.len() > bytes_max {
            return Err(ApiError::TooLarge(bytes_max));
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}
