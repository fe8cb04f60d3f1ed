//! What a friend agreed to, as proof: when, to which words, by which way.
//!
//! An answer that a program tells is laid upon what is known like one of the messenger's: the
//! latest stands, a refusal wins a tie, all of them are kept.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use billing::proof::hex_of;
use directory::friends::{self, FriendsOf};
use directory::{Fact, FriendFact};
use domain::friend::{ConsentFact, ConsentPurpose, ConsentSource};
use domain::time::Timestamp;
use serde::Serialize;
use store::directory::Wording;
use store::friend::Standing;
use utoipa::ToSchema;

use super::body::{Faults, Fields};
use super::friends::Known;
use super::{Caller, Refusal, V1State};

/// How far ahead of ours a program's clock may be.
const SKEW_MAX: std::time::Duration = std::time::Duration::from_secs(60);
pub(super) const PROPERTIES: [&str; 3] = ["granted", "wording", "at"];

/// What stands now; null where somebody was never asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentsNow {
    pub promotion: Option<ConsentShown>,
    /// Promotion in the hours that the law keeps quiet.
    pub night: Option<ConsentShown>,
}

/// A consent or a refusal.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentShown {
    pub granted: bool,
    pub at: String,
    /// The version of the words that were shown.
    pub wording: Option<String>,
    /// import, event, admin, page or api.
    pub source: &'static str,
}

/// What stands, and every answer that was ever heard.
#[derive(Debug, Serialize, ToSchema)]
pub struct Consents {
    pub friend: String,
    pub now: ConsentsNow,
    /// Oldest first.
    pub history: Vec<ConsentRecord>,
}

/// One answer, with the words that were shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentRecord {
    /// promotion or night.
    pub purpose: &'static str,
    pub granted: bool,
    pub at: String,
    pub source: &'static str,
    pub wording: Option<String>,
    pub wording_text: Option<String>,
    /// SHA-256 of the words, in hexadecimal digits.
    pub wording_hash: Option<String>,
}

/// What a friend answered.
#[derive(Debug, ToSchema)]
pub struct ConsentBody {
    pub granted: bool,
    /// The version of the words that were shown, as the account knows it. A consent needs it, a
    /// refusal does not.
    #[schema(example = "ad-2025-03")]
    pub wording: Option<String>,
    /// When they answered, RFC 3339; now where it is left out.
    #[schema(example = "2026-11-22T21:00:00+09:00")]
    pub at: Option<String>,
}

/// What a friend agreed to and refused, with the words.
#[utoipa::path(
    get, path = "/v1/friends/{friend}/consents", tag = "friends", operation_id = "getConsents",
    params(("friend" = String, Path, description = "`usr_…` or `U…`")),
    responses((status = 200, description = "All answers", body = Consents)),
)]
pub async fn show(caller: Caller, Path(friend): Path<String>) -> Result<Json<Consents>, Refusal> {
    let known = Known::of(&caller, &friend).await?;
    Ok(Json(Consents::read(&caller, &known).await?))
}

/// Tells what a friend answered. The latest answer stands; told twice it is told once.
#[utoipa::path(
    put, path = "/v1/friends/{friend}/consents/{purpose}", tag = "friends",
    operation_id = "putConsent",
    params(
        ("friend" = String, Path, description = "`usr_…` or `U…`"),
        ("purpose" = String, Path, description = "promotion or night"),
    ),
    request_body = ConsentBody,
    responses((status = 200, description = "What stands now", body = Consents)),
)]
pub async fn put(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    Path((friend, purpose)): Path<(String, String)>,
    fields: Fields,
) -> Result<Json<Consents>, Refusal> {
    let known = Known::of(&caller, &friend).await?;
    let purpose = ConsentPurpose::from_name(&purpose).ok_or(Refusal::NotFound)?;
    let now = state.clock.now();
    let wordings = caller.store.wordings_of_account(caller.account).await?;
    let mut faults = Faults::default();
    let told = Told::read(&fields, &wordings, now, &mut faults);
    faults.finish()?;
    let fact = FriendFact {
        user: known.key.clone(),
        at: told.at,
        fact: Fact::Consent {
            purpose,
            granted: told.granted,
            wording: told.wording,
            source: ConsentSource::Api,
        },
    };
    let friends = FriendsOf::account(&caller.its_account().await?, now)?;
    // Where the messenger's answers are written: reach and its changes are nobody's page.
    let mut write = state.store.write().await?;
    friends::apply(&mut write, state.ids.as_ref(), friends, vec![fact], now).await?;
    write.commit().await?;
    let known = Known::of(&caller, &friend).await?;
    Ok(Json(Consents::read(&caller, &known).await?))
}

/// An answer, read.
struct Told {
    granted: bool,
    wording: Option<String>,
    at: Timestamp,
}

impl Told {
    fn read(fields: &Fields, wordings: &[Wording], now: Timestamp, faults: &mut Faults) -> Self {
        fields.only(&PROPERTIES, faults);
        let granted: Option<bool> = fields.required("granted", "true or false", faults);
        let wording: Option<String> = fields.optional("wording", "a text", faults);
        let is_shown = |version: &String| wordings.iter().any(|one| one.version == *version);
        if granted == Some(true) && !wording.as_ref().is_some_and(is_shown) {
            let words = "a consent needs the version of words that the account has shown";
            faults.add("wording", words);
        }
        let at: Option<String> = fields.optional("at", "a time as RFC 3339 has it", faults);
        let at = at.map(|text| Timestamp::parse_rfc3339(&text));
        let at = match at {
            None => now,
            Some(Ok(at)) if at.as_millis() >= 0 && at <= now + SKEW_MAX => at.min(now),
            Some(Ok(_)) => {
                faults.add("at", "is not before 1970 and not in the future");
                now
            }
            Some(Err(why)) => {
                faults.add("at", why.to_string());
                now
            }
        };
        Self {
            granted: granted.unwrap_or(false),
            // Words that were never shown prove nothing, and keep no refusal from being heard.
            wording: wording.filter(is_shown),
            at,
        }
    }
}

impl ConsentsNow {
    pub fn of(standing: &Standing) -> Self {
        Self {
            promotion: standing.promotion.as_ref().map(ConsentShown::of),
            night: standing.night.as_ref().map(ConsentShown::of),
        }
    }
}

impl ConsentShown {
    fn of(fact: &ConsentFact) -> Self {
        Self {
            granted: fact.granted,
            at: fact.at.to_string(),
            wording: fact.wording.clone(),
            source: fact.source.name(),
        }
    }
}

impl Consents {
    async fn read(caller: &Caller, known: &Known) -> Result<Self, Refusal> {
        let (account, number) = (caller.account, known.number);
        let history = caller.store.consent_history(account, number).await?;
        let wordings = caller.store.wordings_of_account(account).await?;
        let texts: HashMap<&str, &Wording> = wordings
            .iter()
            .map(|wording| (&*wording.version, wording))
            .collect();
        let record = |(purpose, fact): (ConsentPurpose, ConsentFact)| {
            let version = fact.wording.as_deref();
            let shown = version.and_then(|version| texts.get(version).copied());
            ConsentRecord {
                purpose: purpose.name(),
                granted: fact.granted,
                at: fact.at.to_string(),
                source: fact.source.name(),
                wording_text: shown.map(|wording| wording.text.clone()),
                wording_hash: shown.map(|wording| hex_of(&wording.hash)),
                wording: fact.wording,
            }
        };
        Ok(Self {
            friend: known.id.to_string(),
            now: ConsentsNow::of(&known.standing),
            history: history.into_iter().map(record).collect(),
        })
    }
}
