//! `GET /media/{hash}.jpg`: pictures that were uploaded, for whoever has the address: messengers,
//! friends, pages. The address changes with the picture, so it is kept for ever.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use directory::media::{file_of, hash_in};
use store::Store;

/// A year.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// A picture opened by itself loads and runs nothing.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

pub async fn show(
    State(store): State<Arc<Store>>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(hash) = hash_in(&file) else {
        return not_found();
    };
    let tag = format!("\"{}\"", &file[..file.len() - ".jpg".len()]);
    let media = match store.media(&hash).await {
        Ok(Some(media)) if file_of(&media) == file => media,
        Ok(_) => return not_found(),
        Err(error) => {
            tracing::error!(%error, "a picture is not served");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let Ok(entity_tag) = HeaderValue::from_str(&tag) else {
        return not_found();
    };
    let kept = [
        (header::ETAG, entity_tag),
        (header::CACHE_CONTROL, HeaderValue::from_static(FOR_EVER)),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(CONTENT_SECURITY_POLICY),
        ),
    ];
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| known == "*" || known.contains(&tag));
    if known {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    let content_type = [(header::CONTENT_TYPE, media.content_type)];
    (kept, content_type, Body::from(media.bytes)).into_response()
}

/// Nothing is kept of what is not there: it may come.
fn not_found() -> Response {
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (StatusCode::NOT_FOUND, headers).into_response()
}
