//! `GET /v2/bot/message/{messageId}/content` and its like. What friends write is kept; files are
//! not: the messenger keeps those itself, and names them in the message where it has any. So there
//! is no message with content here, which is said in LINE's words.

use super::{Channel, LineError};

/// The content, its preview, and whether it is ready.
pub async fn not_found(_channel: Channel) -> LineError {
    LineError::NotFound("not found")
}
