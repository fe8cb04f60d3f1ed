//! Audiences before there is a campaign: how many they reach, why not more, and what that costs.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use billing::BillingError;
use domain::audience::{Audience, Expression};
use domain::campaign::Purpose;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::amount::Amount;
use super::body::{Faults, Fields};
use super::campaigns::purpose_of;
use super::problem::Fault;
use super::{Caller, Refusal, V1State};

/// Counts over friends at a time: one over a million takes a second of a processor.
static TURNS: Semaphore = Semaphore::const_new(2);
pub(super) const PROPERTIES: [&str; 2] = ["audience", "purpose"];

/// Whom an estimate is of.
#[derive(Debug, ToSchema)]
pub struct EstimateBody {
    /// An audience as a campaign has it; every friend where it is left out.
    #[schema(value_type = Option<Object>, example = json!({"expression": {"tag": "coffee"}}))]
    pub audience: Option<Value>,
    /// promotion or information; promotion where it is left out.
    #[schema(example = "promotion")]
    pub purpose: Option<String>,
}

/// How many an audience reaches now, and what a campaign to it would cost.
#[derive(Debug, Serialize, ToSchema)]
pub struct Estimate {
    /// Friends it names, reachable or not.
    pub matched: u64,
    /// Of these, who may be reached, before a limit.
    pub reachable: u64,
    /// Of these, who are friends and never consented, or refused.
    pub unwilling: u64,
    /// Whom a campaign would go to: no more than a limit takes.
    pub people: u64,
    /// untargeted, targeted or information.
    pub tariff: &'static str,
    /// At the prices in force, net of VAT.
    pub net: Amount,
    pub vat: Amount,
}

/// Counts an audience as it stands now. A launch counts for itself.
#[utoipa::path(
    post, path = "/v1/audiences/estimate", tag = "audiences", operation_id = "estimateAudience",
    request_body = EstimateBody,
    responses((status = 200, description = "The estimate", body = Estimate)),
)]
pub async fn estimate(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    fields: Fields,
) -> Result<Json<Estimate>, Refusal> {
    let mut faults = Faults::default();
    fields.only(&PROPERTIES, &mut faults);
    let names = ["promotion", "information"];
    let purpose = fields.named("purpose", &names, purpose_of, &mut faults);
    let purpose = purpose.unwrap_or(Purpose::Promotion);
    let audience = match fields.raw("audience").map(Audience::parse) {
        None => Audience::ALL,
        Some(Ok(audience)) => audience,
        Some(Err(errors)) => {
            faults.extend(errors.into_iter().map(Fault::from));
            Audience::ALL
        }
    };
    for list in unknown_lists(&caller, &audience).await? {
        faults.add("audience", format!("the account has no list {list}"));
    }
    faults.finish()?;
    let (matched, reachable, unwilling) = count(&caller, &audience, purpose).await?;
    let limit = audience.limit.map(|limit| u64::from(limit.count));
    let people = limit.map_or(reachable, |limit| reachable.min(limit));
    let tariff = audience.tariff(purpose);
    let (now, currency) = (state.clock.now(), caller.currency().await?);
    let terms = billing::terms(&caller.store, caller.business, currency, now).await?;
    let quote = terms.quote(tariff, people).map_err(BillingError::from)?;
    Ok(Json(Estimate {
        matched,
        reachable,
        unwilling,
        people,
        tariff: tariff.name(),
        net: quote.net.into(),
        vat: quote.vat.into(),
    }))
}

/// Another account's list is as unknown here as one that nobody has.
async fn unknown_lists(caller: &Caller, audience: &Audience) -> Result<Vec<String>, Refusal> {
    let named = audience.expression.lists();
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let own = caller.store.lists_of_account(caller.account).await?;
    let is_unknown = |id: &domain::id::UserListId| own.iter().all(|list| list.id != *id);
    let unknown = named.into_iter().filter(is_unknown);
    Ok(unknown.map(|id| id.to_string()).collect())
}

/// Matched, reachable, unwilling. Nobody is asked one by one where everybody is meant.
async fn count(
    caller: &Caller,
    audience: &Audience,
    purpose: Purpose,
) -> Result<(u64, u64, u64), Refusal> {
    let (store, account) = (&caller.store, caller.account);
    if audience.expression == Expression::All {
        let states = store.friend_states(account).await?;
        let tally = store.friend_tally(account).await?;
        let reachable = match purpose {
            Purpose::Promotion => tally.reachable,
            Purpose::Information => tally.active(),
        };
        let matched = states.active + states.blocked + states.left;
        let unwilling = tally.active().saturating_sub(reachable);
        return Ok((matched, reachable, unwilling));
    }
    let _turn = TURNS.acquire().await.map_err(|_| Refusal::Broken)?;
    let found = store
        .explore_audience(account, &audience.expression, &[], purpose)
        .await?;
    Ok((found.matched, found.reachable, found.unwilling))
}
