//! Every single send: as a file, and what proves one of them.

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use billing::evidence::{Booking, Consent, PushTried};
use billing::proof::{Sealing, hex_of};
use billing::report::{ReportPage, SendReport, billable_words, tariff_words};
use billing::sends::{Became, SendFilter, SendLine};
use bytes::Bytes;
use domain::push::PushKey;
use futures_util::stream;
use serde::Serialize;
use store::campaign::Campaign;
use utoipa::ToSchema;

use super::amount::Amount;
use super::body::{Faults, Parameters};
use super::campaign::time;
use super::{Caller, Refusal};

/// What proves one send.
#[derive(Debug, Serialize, ToSchema)]
pub struct Evidence {
    pub campaign: String,
    pub friend: String,
    /// pending, accepted, confirmed, failed, excluded, uncertain, unconfirmed, cancelled or
    /// written_off.
    pub outcome: &'static str,
    /// Why, in the word of a rule or of the messenger; empty where there is nothing to say.
    pub reason: &'static str,
    pub at: Option<String>,
    pub billable: bool,
    pub billable_reason: &'static str,
    pub tariff: Option<&'static str>,
    /// SHA-256 of the message as it was frozen, in hexadecimal digits.
    pub message_hash: Option<String>,
    /// The same of everything that was pushed with it.
    pub content_hash: Option<String>,
    /// The answer to the question for consent that was known then; a notice asks for none.
    pub consent: Option<ConsentEvidence>,
    /// Every push that was tried, in order.
    pub pushes: Vec<PushEvidence>,
    /// What it was captured with.
    pub bookings: Vec<BookingEvidence>,
    pub seal: SealEvidence,
}

/// A consent or refusal, and the words that were shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentEvidence {
    pub granted: bool,
    pub at: String,
    /// import, event, admin, page or api.
    pub source: &'static str,
    pub wording: Option<String>,
    pub wording_text: Option<String>,
    /// SHA-256 of the words, in hexadecimal digits.
    pub wording_hash: Option<String>,
}

/// One push of the chunk that the friend is in.
#[derive(Debug, Serialize, ToSchema)]
pub struct PushEvidence {
    pub push_key: String,
    pub began_at: String,
    pub ended_at: Option<String>,
    /// What the messenger answered, in a word; null where it did not.
    pub answer: Option<String>,
    /// What took the friend out of it right before.
    pub rule: Option<&'static str>,
}

/// One price it was booked at.
#[derive(Debug, Serialize, ToSchema)]
pub struct BookingEvidence {
    pub unit_price: Amount,
    pub ledger_transaction: Option<String>,
    pub ledger_hash: Option<String>,
    pub booked_at: Option<String>,
}

/// Whether what stands here is under the seal of its day.
#[derive(Debug, Serialize, ToSchema)]
pub struct SealEvidence {
    /// not_recorded, open, sealed or changed.
    pub state: &'static str,
    pub day: Option<String>,
    pub hash: Option<String>,
}

/// Every send of a campaign as CSV, one line each, whom the freeze left out among them.
#[utoipa::path(
    get, path = "/v1/campaigns/{campaign}/sends.csv", tag = "figures",
    operation_id = "downloadSends",
    params(
        ("campaign" = String, Path, description = "`cmp_…`"),
        ("outcome" = Option<String>, Query,
         description = "delivered, failed, skipped, uncertain, not_sent or pending"),
        ("friend" = Option<String>, Query, description = "`usr_…` or `U…`"),
    ),
    responses((status = 200, description = "The file", body = String, content_type = "text/csv")),
)]
pub async fn download(
    caller: Caller,
    Path(campaign): Path<String>,
    parameters: Parameters,
) -> Result<Response, Refusal> {
    let campaign = caller.campaign(&campaign).await?;
    let mut faults = Faults::default();
    parameters.only(&["outcome", "friend"], &[], &mut faults);
    let became = parameters.named("outcome", Became::from_name, &mut faults);
    faults.finish()?;
    let friend = match parameters.text("friend") {
        Some(text) => Some(caller.friend(text).await?),
        None => None,
    };
    let filter = SendFilter {
        became,
        friend,
        ..SendFilter::default()
    };
    let (store, business) = (&caller.store, caller.business);
    let mut report = SendReport::open_filtered(store, business, campaign.id, filter).await?;
    // What cannot be read at all is a problem that says so, not a file that breaks off.
    let first = report.next_page().await?;
    let pages = stream::unfold(Some((report, first)), |turn| async move {
        let (mut report, ready) = turn?;
        if let Some(page) = ready {
            return Some((Ok(bytes_of(page)), Some((report, None))));
        }
        match report.next_page().await {
            Ok(Some(page)) => Some((Ok(bytes_of(page)), Some((report, None)))),
            Ok(None) => None,
            Err(error) => {
                tracing::error!(%error, "a report broke off");
                // The connection ends without its last chunk: a client knows that it failed.
                Some((Err(error), None))
            }
        }
    });
    let name = format!("attachment; filename=\"sends-{}.csv\"", campaign.id);
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/csv; charset=utf-8; header=present"),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&name).map_err(|_| Refusal::Broken)?,
        ),
    ];
    Ok((headers, Body::from_stream(pages)).into_response())
}

fn bytes_of(page: ReportPage) -> Bytes {
    Bytes::from(page.csv)
}

/// What proves what became of one friend in a campaign.
#[utoipa::path(
    get, path = "/v1/campaigns/{campaign}/sends/{friend}", tag = "figures",
    operation_id = "getEvidence",
    params(
        ("campaign" = String, Path, description = "`cmp_…`"),
        ("friend" = String, Path, description = "`usr_…` or `U…`"),
    ),
    responses((status = 200, description = "The evidence", body = Evidence)),
)]
pub async fn evidence(
    caller: Caller,
    Path((campaign, friend)): Path<(String, String)>,
) -> Result<Json<Evidence>, Refusal> {
    let campaign = caller.campaign(&campaign).await?;
    let number = caller.friend(&friend).await?;
    let filter = SendFilter {
        friend: Some(number),
        ..SendFilter::default()
    };
    let (store, business) = (&caller.store, caller.business);
    let page = billing::sends::page(store, business, campaign.id, filter, None).await?;
    let line = page.lines.into_iter().next().ok_or(Refusal::NotFound)?;
    let found = billing::evidence(store, &campaign, &line).await?;
    Ok(Json(Evidence::of(&campaign, &line, found)))
}

impl Evidence {
    fn of(campaign: &Campaign, line: &SendLine, found: billing::Evidence) -> Self {
        let (billable, billable_reason) = billable_words(campaign.kind, line.outcome);
        let chunk = line.chunk.as_ref();
        let tariff = chunk.and_then(|chunk| chunk.tariff);
        Self {
            campaign: campaign.id.to_string(),
            friend: line.friend.to_string(),
            outcome: line.outcome.map_or("pending", |outcome| outcome.name()),
            reason: line.outcome.map_or("", |outcome| outcome.reason()),
            at: time(line.at),
            billable: billable == "yes",
            billable_reason,
            tariff: tariff.map(|tariff| tariff_words(campaign.kind, tariff).0),
            message_hash: chunk.map(|chunk| hex_of(&chunk.message)),
            content_hash: chunk.map(|chunk| hex_of(&chunk.content_hash)),
            consent: found.consent.map(ConsentEvidence::of),
            pushes: found.pushes.iter().map(PushEvidence::of).collect(),
            bookings: found.bookings.iter().map(BookingEvidence::of).collect(),
            seal: SealEvidence::of(&found.sealing),
        }
    }
}

impl ConsentEvidence {
    fn of(Consent { fact, wording }: Consent) -> Self {
        Self {
            granted: fact.granted,
            at: fact.at.to_string(),
            source: fact.source.name(),
            wording_hash: wording.as_ref().map(|wording| hex_of(&wording.hash)),
            wording_text: wording.map(|wording| wording.text),
            wording: fact.wording,
        }
    }
}

impl PushEvidence {
    fn of(tried: &PushTried) -> Self {
        Self {
            push_key: PushKey::of(&tried.chunk).to_string(),
            began_at: tried.attempt.began_at.to_string(),
            ended_at: time(tried.attempt.ended_at),
            answer: tried.attempt.answer.clone(),
            rule: tried.rule.map(|rule| rule.name()),
        }
    }
}

impl BookingEvidence {
    fn of(booking: &Booking) -> Self {
        let booked = booking.transaction.as_ref();
        let id = booking.capture.ledger_transaction;
        Self {
            unit_price: booking.capture.unit_price.into(),
            ledger_transaction: id.map(|id| id.to_string()),
            ledger_hash: booked.map(|booked| hex_of(booked.hash.as_bytes())),
            booked_at: booked.map(|booked| booked.booked_at.to_string()),
        }
    }
}

impl SealEvidence {
    fn of(sealing: &Sealing) -> Self {
        let (state, day, hash) = match sealing {
            Sealing::NotRecorded => ("not_recorded", None, None),
            Sealing::Open(day) => ("open", Some(*day), None),
            Sealing::Sealed(seal) => ("sealed", Some(seal.seal.day), Some(&seal.hash)),
            Sealing::Changed(seal) => ("changed", Some(seal.seal.day), Some(&seal.hash)),
        };
        Self {
            state,
            day: day.map(|day| day.to_string()),
            hash: hash.map(|hash| hex_of(hash.as_bytes())),
        }
    }
}
