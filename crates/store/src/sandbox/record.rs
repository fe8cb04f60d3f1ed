//! What the sandbox keeps of a push, and how its results are written down.

use domain::answer::PushResults;
use domain::campaign::Purpose;
use domain::codec::PackedKeys;
use domain::id::CampaignId;
use domain::outcome::RejectionCode;
use domain::push::PushKey;
use domain::time::Timestamp;
use serde_json::{Value, json};

use crate::StoreError;

/// What a campaign's pushes have in common. `hash` is the caller's, over all the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub hash: [u8; 32],
    pub campaign: CampaignId,
    pub purpose: Purpose,
    /// The account's card as JSON, and its handle alone.
    pub account: String,
    pub handle: String,
    pub notification_disabled: bool,
    /// JSON arrays.
    pub messages: String,
    pub links: String,
}

/// A push that was just processed.
#[derive(Debug, Clone)]
pub struct ProcessedPush {
    pub key: PushKey,
    pub content_hash: [u8; 32],
    pub content: std::sync::Arc<Content>,
    pub at: Timestamp,
    pub size: u32,
    pub results: PushResults,
    pub variables: Option<String>,
    pub recipients: PackedKeys,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredKey {
    Processed(StoredPush),
    Closed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPush {
    pub content_hash: [u8; 32],
    pub size: u32,
    pub at: Timestamp,
    pub results: PushResults,
    /// The account's.
    pub handle: String,
}

/// A push with recipients of whom nothing was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndecidedPush {
    pub sequence: i64,
    pub positions: Vec<u32>,
}

/// The fate of one uncertain recipient, or whether what was accepted was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolution {
    pub sequence: i64,
    pub position: u32,
    pub confirmed: bool,
    pub at: Timestamp,
}

pub(super) fn encode_results(results: &PushResults) -> String {
    let rejected: Vec<Value> = results
        .rejected
        .iter()
        .map(|(position, code)| json!([position, code.name()]))
        .collect();
    json!({
        "excluded": results.excluded,
        "rejected": rejected,
        "uncertain": results.uncertain,
    })
    .to_string()
}

/// The stored results, marked as replayed: whoever reads them was not the first.
pub(super) fn decode_results(text: &str, accepted: u32) -> Result<PushResults, StoreError> {
    let corrupt = || impossible("push", "results", "not what was written");
    let stored: Value = serde_json::from_str(text).map_err(|_| corrupt())?;
    let list = |name: &str| stored.get(name).and_then(Value::as_array);
    let position = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    let positions = |name: &str| -> Option<Vec<u32>> { list(name)?.iter().map(position).collect() };
    let rejected: Option<Vec<(u32, RejectionCode)>> = list("rejected").and_then(|pairs| {
        pairs
            .iter()
            .map(|pair| {
                let code = RejectionCode::from_name(pair.get(1)?.as_str()?)?;
                Some((position(pair.get(0)?)?, code))
            })
            .collect()
    });
    Ok(PushResults {
        accepted,
        excluded: positions("excluded").ok_or_else(corrupt)?,
        rejected: rejected.ok_or_else(corrupt)?,
        uncertain: positions("uncertain").ok_or_else(corrupt)?,
        replayed: true,
    })
}

pub(super) fn push_key(bytes: Vec<u8>) -> Result<PushKey, StoreError> {
    bytes
        .try_into()
        .map(PushKey::from_bytes)
        .map_err(|_| impossible("push", "key", "not 16 bytes"))
}

pub(super) fn impossible(
    table: &'static str,
    column: &'static str,
    why: impl std::fmt::Display,
) -> StoreError {
    StoreError::Corrupt {
        table,
        column,
        why: why.to_string(),
    }
}
