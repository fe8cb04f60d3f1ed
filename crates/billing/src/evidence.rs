//! What proves one send: the consent it was sent under, every check and push, what was recorded,
//! what was booked, and the seal of its day. Read for the page and for the command alike.

use domain::campaign::Purpose;
use domain::chunk::ChunkId;
use domain::friend::{ConsentFact, ConsentPurpose};
use domain::ledger::ChainHash;
use domain::outcome::Outcome;
use domain::rule::RuleId;
use domain::time::Timestamp;
use store::campaign::Campaign;
use store::directory::Wording;
use store::report::{RecordPage, RecordedAmendment, RecordedCapture, capture_of};
use store::sends::Attempt;
use store::{Snapshot, Store};

use crate::BillingError;
use crate::proof::{self, Sealing, SendProof};
use crate::send::{ChunkOnPage, chunks_of};
use crate::sends::{Cursor, SendLine};

#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The last answer to the question for consent that was known when it was decided. A notice
    /// asks for none.
    pub consent: Option<Consent>,
    /// Every claim of every round, in their order.
    pub pushes: Vec<PushTried>,
    /// What became known later of somebody whom the settle left undecided.
    pub amendment: Option<RecordedAmendment>,
    /// What it was captured with: several parts where a price band ended within its chunk.
    pub bookings: Vec<Booking>,
    pub sealing: Sealing,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Consent {
    pub fact: ConsentFact,
    /// The words that were shown, where they are known.
    pub wording: Option<Wording>,
}

/// One claim: the last check and what came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushTried {
    pub chunk: ChunkId,
    pub attempt: Attempt,
    /// What took the friend out of it.
    pub rule: Option<RuleId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    pub capture: RecordedCapture,
    /// `None` of what costs nothing.
    pub transaction: Option<Booked>,
}

/// The transaction of the ledger that earned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    pub sequence: u64,
    pub key: String,
    pub booked_at: Timestamp,
    pub hash: ChainHash,
}

/// The evidence of a line of a campaign's sends.
pub async fn evidence(
    store: &Store,
    campaign: &Campaign,
    line: &SendLine,
) -> Result<Evidence, BillingError> {
    let consent = match campaign.purpose {
        Purpose::Promotion => consent(store, campaign, line).await?,
        _ => None,
    };
    let mut evidence = Evidence {
        consent,
        pushes: Vec::new(),
        amendment: None,
        bookings: Vec::new(),
        sealing: Sealing::NotRecorded,
    };
    let snapshot = store.snapshot().await?;
    let page = page_of(&snapshot, campaign, line).await?;
    if let Some(chunk) = chunk_of(&page, line) {
        let position = position_of(line);
        evidence.pushes = pushes(&snapshot, line, chunk.record.id, position).await?;
        let mut amendments = chunk.amendments.iter();
        let amendment = amendments.find(|amendment| Some(amendment.position) == position);
        evidence.amendment = amendment.cloned();
        evidence.bookings = bookings(&snapshot, &chunk, line, position).await?;
        evidence.sealing = proof::sealing(&snapshot, &chunk).await?;
    }
    snapshot.end().await?;
    Ok(evidence)
}

/// The proof of a line of a campaign's sends; `None` where its day is not sealed, or the friend is
/// in no chunk.
pub async fn prove(
    store: &Store,
    campaign: &Campaign,
    line: &SendLine,
) -> Result<Option<SendProof>, BillingError> {
    let snapshot = store.snapshot().await?;
    let page = page_of(&snapshot, campaign, line).await?;
    let proof = match chunk_of(&page, line) {
        Some(chunk) => proof::prove(&snapshot, &chunk, line).await?,
        None => None,
    };
    snapshot.end().await?;
    Ok(proof)
}

async fn consent(
    store: &Store,
    campaign: &Campaign,
    line: &SendLine,
) -> Result<Option<Consent>, BillingError> {
    let history = store.consent_history(campaign.account, line.number).await?;
    let known = history.into_iter().rev().find(|(purpose, fact)| {
        *purpose == ConsentPurpose::Promotion && line.at.is_none_or(|at| fact.at <= at)
    });
    let Some((_, fact)) = known else {
        return Ok(None);
    };
    let wordings = store.wordings_of_account(campaign.account).await?;
    let version = fact.wording.as_deref();
    let wording = wordings
        .into_iter()
        .find(|one| Some(&*one.version) == version);
    Ok(Some(Consent { fact, wording }))
}

/// The rounds of the chunk number a line stands in.
async fn page_of(
    snapshot: &Snapshot,
    campaign: &Campaign,
    line: &SendLine,
) -> Result<RecordPage, BillingError> {
    let Some(chunk) = &line.chunk else {
        return Ok(RecordPage::default());
    };
    let recorded = snapshot
        .recorded_campaign(campaign.business, campaign.id)
        .await?;
    let (month, number) = (chunk.id.month, chunk.id.number);
    let after = number.checked_sub(1);
    let page = snapshot
        .record_page(month, campaign.id, recorded.currency, after, 1)
        .await?;
    Ok(page)
}

fn chunk_of<'a>(page: &'a RecordPage, line: &SendLine) -> Option<ChunkOnPage<'a>> {
    let id = line.chunk.as_ref()?.id;
    chunks_of(page).find(|chunk| chunk.record.id == id)
}

const fn position_of(line: &SendLine) -> Option<u32> {
    match line.place {
        Cursor::Chunk { position, .. } => Some(position),
        Cursor::LeftOut { .. } => None,
    }
}

/// Every round of the chunk, each with its claims.
async fn pushes(
    snapshot: &Snapshot,
    line: &SendLine,
    last: ChunkId,
    position: Option<u32>,
) -> Result<Vec<PushTried>, BillingError> {
    let mut pushes = Vec::new();
    for round in 0..=last.round {
        let chunk = ChunkId { round, ..last };
        for attempt in snapshot.attempts_of(chunk).await? {
            // Positions of the rounds before are others'; who was taken out of one ended there.
            let is_here = |taken: &&(u32, RuleId)| round == last.round && Some(taken.0) == position;
            let taken = attempt.exclusions.iter().find(is_here);
            let rule = taken.map(|(_, rule)| *rule);
            pushes.push(PushTried {
                chunk,
                attempt,
                rule: rule.filter(|_| line.outcome.is_some()),
            });
        }
    }
    Ok(pushes)
}

async fn bookings(
    snapshot: &Snapshot,
    chunk: &ChunkOnPage<'_>,
    line: &SendLine,
    position: Option<u32>,
) -> Result<Vec<Booking>, BillingError> {
    let mut bookings = Vec::new();
    if !line.outcome.is_some_and(Outcome::is_billable) {
        return Ok(bookings);
    }
    let settled = chunk.record.outcomes().ok().flatten().unwrap_or_default();
    let place = position.and_then(|position| settled.get(position as usize));
    let by_settle = place.is_some_and(|outcome| outcome.is_billable());
    // Of a settle in several parts, the one that this send's turn came in.
    let before = position.map_or(0, |position| {
        let before = settled.iter().take(position as usize);
        before.filter(|outcome| outcome.is_billable()).count() as u32
    });
    let part = match by_settle {
        true => capture_of(chunk.captures, before).map(|capture| capture.part),
        false => position.map(|position| position + 1),
    };
    let is_of_it = |capture: &&RecordedCapture| Some(capture.part) == part;
    for capture in chunk.captures.iter().filter(is_of_it) {
        let booked = match capture.ledger_transaction {
            Some(id) => snapshot.ledger_transaction(id).await?,
            None => None,
        };
        bookings.push(Booking {
            capture: capture.clone(),
            transaction: booked.map(|booked| Booked {
                sequence: booked.sequence,
                key: booked.key.to_string(),
                booked_at: booked.booked_at,
                hash: booked.hash,
            }),
        });
    }
    Ok(bookings)
}
