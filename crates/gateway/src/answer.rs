//! What a messenger answers, and what each answer proves.
//!
//! | answer | proves |
//! |---|---|
//! | 200 with results that add up, for this key | processed, now or before |
//! | 409 `in_progress` | a push with this key is being processed |
//! | 410 `closed` | the key is closed: not processed, for good |
//! | 422 `content_mismatch` | same key, other content: a defect |
//! | 429; 503 with `{"processed": false}` | not processed, try later |
//! | 401, 403 | not processed; the connector stops |
//! | 400, 413, 415 | not processed, permanent |
//! | anything else | nothing |
//!
//! 409, 410 and 422 count only with the code of the protocol in their body: something on the way
//! may answer with the same status and has proven nothing.

use std::time::Duration;

use domain::answer::{
    AskAnswer, CloseAnswer, NotProcessed, PushAnswer, PushResults, UnknownReason,
};
use domain::outcome::RejectionCode;
use domain::push::PushKey;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, quoted, read_object};
use crate::retry_after;

/// The protocol's codes of errors.
pub const CODE_IN_PROGRESS: &str = "in_progress";
pub const CODE_CLOSED: &str = "closed";
pub const CODE_CONTENT_MISMATCH: &str = "content_mismatch";
pub const CODE_NOT_FOUND: &str = "not_found";

/// One HTTP answer as far as the protocol looks at it.
#[derive(Debug, Clone, Copy)]
pub struct HttpAnswer<'a> {
    pub status: u16,
    pub retry_after: Option<&'a str>,
    pub body: &'a [u8],
}

/// A processed push on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushResponse {
    pub push_key: String,
    pub accepted: u32,
    #[serde(default)]
    pub excluded: Vec<u32>,
    #[serde(default)]
    pub rejected: Vec<RejectedPosition>,
    #[serde(default)]
    pub uncertain: Vec<UncertainPosition>,
    #[serde(default)]
    pub replayed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedPosition {
    pub index: u32,
    pub code: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UncertainPosition {
    pub index: u32,
}

/// The body of every error: a code, and words for whoever reads a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    pub code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processed: Option<bool>,
}

/// `{"processed": false}`: the answer to closing a key, and what makes a 503 a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessedBody {
    pub processed: bool,
}

impl PushResponse {
    pub fn of(key: PushKey, results: &PushResults) -> Self {
        let rejected = |(index, code): &(u32, RejectionCode)| RejectedPosition {
            index: *index,
            code: code.name().to_owned(),
        };
        let uncertain = |index: &u32| UncertainPosition { index: *index };
        Self {
            push_key: key.to_string(),
            accepted: results.accepted,
            excluded: results.excluded.clone(),
            rejected: results.rejected.iter().map(rejected).collect(),
            uncertain: results.uncertain.iter().map(uncertain).collect(),
            replayed: results.replayed,
        }
    }

    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and texts always serialize")
    }

    /// The results of a push of `size` recipients with `key`, or why this answer proves nothing.
    pub fn parse(body: &[u8], key: PushKey, size: u32) -> Result<PushResults, Error> {
        let results = Self::stored(body, key)?;
        if !results.add_up_to(size) {
            return Err(Error::malformed(format!(
                "the result does not add up to {size} recipients"
            )));
        }
        Ok(results)
    }

    /// The results of a push with `key`, of however many recipients.
    fn stored(body: &[u8], key: PushKey) -> Result<PushResults, Error> {
        let wire: Self = read_object("a push result", body)?;
        if PushKey::parse(&wire.push_key) != Some(key) {
            return Err(Error::malformed(format!(
                "the result is for the key {}, not {key}",
                quoted(&wire.push_key)
            )));
        }
        wire.into_results()
    }

    fn into_results(self) -> Result<PushResults, Error> {
        let rejected: Result<Vec<(u32, RejectionCode)>, Error> = self
            .rejected
            .into_iter()
            .map(|wire| {
                let code = RejectionCode::from_name(&wire.code).ok_or_else(|| {
                    Error::malformed(format!("{} is not a rejection code", quoted(&wire.code)))
                })?;
                Ok((wire.index, code))
            })
            .collect();
        let mut results = PushResults {
            accepted: self.accepted,
            excluded: self.excluded,
            rejected: rejected?,
            uncertain: self.uncertain.iter().map(|wire| wire.index).collect(),
            replayed: self.replayed,
        };
        results.excluded.sort_unstable();
        results.rejected.sort_unstable();
        results.uncertain.sort_unstable();
        Ok(results)
    }
}

impl ErrorBody {
    pub fn code(code: &str) -> Self {
        Self {
            code: code.to_owned(),
            message: None,
            processed: None,
        }
    }

    pub fn with_words(code: &str, words: impl Into<String>) -> Self {
        Self {
            message: Some(words.into()),
            ..Self::code(code)
        }
    }

    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts always serialize")
    }
}

/// What an answer to `POST /v1/pushes` proves about a push of `size` recipients with `key`.
pub fn classify_push(
    answer: HttpAnswer<'_>,
    key: PushKey,
    size: u32,
    now: Timestamp,
) -> PushAnswer {
    let bad = PushAnswer::Unknown(UnknownReason::BadAnswer);
    let retry_after = answer.pause(now);
    let not_processed = |reason| PushAnswer::NotProcessed {
        reason,
        retry_after,
    };
    match answer.status {
        200 => match PushResponse::parse(answer.body, key, size) {
            Ok(results) => PushAnswer::Processed(results),
            Err(_) => bad,
        },
        401 | 403 => not_processed(NotProcessed::Unauthorized),
        400 | 413 | 415 => PushAnswer::Rejected {
            status: answer.status,
        },
        409 if answer.has_code(CODE_IN_PROGRESS) => PushAnswer::InProgress { retry_after },
        410 if answer.has_code(CODE_CLOSED) => PushAnswer::Closed,
        422 if answer.has_code(CODE_CONTENT_MISMATCH) => PushAnswer::ContentMismatch,
        429 => not_processed(NotProcessed::Throttled),
        503 if answer.says_not_processed() => not_processed(NotProcessed::Unavailable),
        500.. => PushAnswer::Unknown(UnknownReason::ServerError(answer.status)),
        _ => bad,
    }
}

/// What an answer to `POST /v1/pushes/{key}/close` proves.
pub fn classify_close(
    answer: HttpAnswer<'_>,
    key: PushKey,
    size: u32,
    now: Timestamp,
) -> CloseAnswer {
    match answer.status {
        200 if answer.says_not_processed() => CloseAnswer::Closed,
        200 => PushResponse::parse(answer.body, key, size)
            .map_or(CloseAnswer::Unknown, CloseAnswer::Processed),
        409 if answer.has_code(CODE_IN_PROGRESS) => CloseAnswer::InProgress {
            retry_after: answer.pause(now),
        },
        _ => CloseAnswer::Unknown,
    }
}

/// What an answer to `GET /v1/pushes/{key}` proves.
pub fn classify_ask(answer: HttpAnswer<'_>, key: PushKey, size: u32) -> AskAnswer {
    match answer.status {
        200 => match PushResponse::stored(answer.body, key) {
            Ok(results) if results.add_up_to(size) => AskAnswer::Processed(results),
            Ok(results) if results.add_up_to(results.listed()) => AskAnswer::OtherRecipients,
            _ => AskAnswer::Unknown,
        },
        404 if answer.has_code(CODE_NOT_FOUND) => AskAnswer::NotFound,
        410 if answer.has_code(CODE_CLOSED) => AskAnswer::Closed,
        _ => AskAnswer::Unknown,
    }
}

impl HttpAnswer<'_> {
    fn pause(&self, now: Timestamp) -> Option<Duration> {
        self.retry_after
            .and_then(|text| retry_after::parse(text, now))
    }

    fn has_code(&self, code: &str) -> bool {
        read_object::<ErrorBody>("an error", self.body).is_ok_and(|body| body.code == code)
    }

    /// `{"processed": false}` and no result beside it, which would contradict it.
    fn says_not_processed(&self) -> bool {
        #[derive(Deserialize)]
        struct Wire {
            processed: bool,
            accepted: Option<serde::de::IgnoredAny>,
        }
        read_object::<Wire>("an error", self.body)
            .is_ok_and(|wire| !wire.processed && wire.accepted.is_none())
    }
}
