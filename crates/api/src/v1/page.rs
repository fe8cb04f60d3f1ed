//! Lists, page by page: how many, and where the next page begins.
//!
//! A cursor is sealed for the channel and the list it was told for: what stands in it is nobody's
//! business, and nobody goes on with another's.

use serde::Serialize;
use utoipa::ToSchema;

use super::body::{Faults, Parameters};
use super::{Caller, Refusal, V1State};

/// Things on one page, at most and where nobody says.
pub const LIMIT_MAX: u32 = 100;
pub const LIMIT_USUAL: u32 = 50;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T: ToSchema> {
    pub items: Vec<T>,
    /// The `cursor` of the next page; null at the end.
    pub next: Option<String>,
}

/// Where a page begins and how much is on it.
#[derive(Debug)]
pub struct Wanted {
    pub limit: u32,
    /// What the cursor holds.
    pub after: Option<[u8; 16]>,
}

impl Wanted {
    pub fn read(
        state: &V1State,
        caller: &Caller,
        list: &str,
        parameters: &Parameters,
        faults: &mut Faults,
    ) -> Self {
        let limit = match parameters.text("limit") {
            None => Some(LIMIT_USUAL),
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=LIMIT_MAX).contains(limit)),
        };
        if limit.is_none() {
            faults.add("limit", format!("must be 1 to {LIMIT_MAX}"));
        }
        let after = parameters.text("cursor").map(|cursor| {
            let open = state.channels.open_text(&place(caller, list), cursor);
            open.and_then(|bytes| bytes.try_into().ok())
        });
        if after == Some(None) {
            faults.add("cursor", "is none that this list gave");
        }
        Self {
            limit: limit.unwrap_or(LIMIT_USUAL),
            after: after.flatten(),
        }
    }
}

/// The cursor of a page that begins after something with this id.
pub fn cursor(
    state: &V1State,
    caller: &Caller,
    list: &str,
    id: &[u8; 16],
) -> Result<String, Refusal> {
    Ok(state.channels.seal_text(&place(caller, list), id)?)
}

fn place(caller: &Caller, list: &str) -> Vec<u8> {
    [b"v1 ", list.as_bytes(), b" ", caller.account.as_bytes()].concat()
}
