//! What proves one send: the consent, the last check, what was asked of the messenger and what it
//! answered, what was booked, the seal of its day, and what the friend did.

use billing::evidence::{Booking, Consent, PushTried};
use billing::proof::{Sealing, hex_of};
use billing::report::tariff_words;
use billing::sends::{SendChunk, SendLine};
use domain::campaign::Purpose;
use domain::friend::ConsentFact;
use domain::outcome::Outcome;
use domain::push::PushKey;
use domain::time::Timestamp;
use store::campaign::Campaign;

use super::sends::{outcome_words, when};
use crate::desk::Desk;
use crate::error::Error;
use crate::reasons;

pub struct Evidence {
    pub friend: String,
    pub steps: Vec<Step>,
}

/// One thing that happened.
pub struct Step {
    pub tone: &'static str,
    pub title: String,
    pub time: String,
    pub text: String,
    /// Ids and hashes, as they stand in the record.
    pub code: Vec<String>,
    /// Words that were agreed to.
    pub quote: Option<String>,
}

pub async fn read(desk: &Desk, campaign: &Campaign, line: &SendLine) -> Result<Evidence, Error> {
    let found = billing::evidence(&desk.store, campaign, line).await?;
    let mut steps = Vec::new();
    if campaign.purpose == Purpose::Promotion {
        steps.push(consent(desk, found.consent.as_ref()));
    }
    match &line.chunk {
        Some(chunk) => {
            steps.extend(found.pushes.iter().flat_map(|tried| push(desk, tried)));
            steps.push(recorded(desk, line, chunk));
        }
        None => steps.extend(left_out(desk, line)),
    }
    let bookings = found.bookings.iter();
    steps.extend(bookings.map(|booking| booked(desk, campaign, line, booking)));
    steps.extend(sealed(desk, &found.sealing));
    steps.extend(afterwards(desk, campaign, line).await?);
    Ok(Evidence {
        friend: line.friend.to_string(),
        steps,
    })
}

impl Step {
    fn of(desk: &Desk, key: &str, at: Option<Timestamp>) -> Self {
        Self {
            tone: "calm",
            title: desk.words.t(key).to_string(),
            time: at.map(|at| when(desk, at)).unwrap_or_default(),
            text: String::new(),
            code: Vec::new(),
            quote: None,
        }
    }
}

fn consent(desk: &Desk, consent: Option<&Consent>) -> Step {
    let Some(Consent { fact, wording }) = consent else {
        return Step::of(desk, "report-evidence-no-consent", None);
    };
    let key = match fact.granted {
        true => "report-evidence-consent",
        false => "report-evidence-refusal",
    };
    let mut step = Step::of(desk, key, Some(fact.at));
    step.text = source_words(desk, fact);
    if let Some(wording) = wording {
        step.code = vec![wording.version.clone(), sha256(&wording.hash)];
        step.quote = Some(wording.text.clone());
    }
    step
}

fn source_words(desk: &Desk, fact: &ConsentFact) -> String {
    desk.words
        .t(format!("report-consent-{}", fact.source.name()))
        .to_string()
}

/// One claim: the last check, and the push of whoever passed it.
fn push(desk: &Desk, tried: &PushTried) -> Vec<Step> {
    let words = desk.words;
    let attempt = &tried.attempt;
    let mut gate = Step::of(desk, "report-evidence-gate", Some(attempt.began_at));
    if let Some(rule) = tried.rule {
        gate.tone = "warn";
        gate.text = reasons::of_rule(&words, rule).to_string();
        gate.code.extend(rule.citation().map(str::to_owned));
        return vec![gate];
    }
    gate.text = words.t("report-evidence-passed").to_string();
    let at = attempt.ended_at.or(Some(attempt.began_at));
    let mut step = Step::of(desk, "report-evidence-push", at);
    let said = match attempt.answer.as_deref() {
        Some("processed") => words.t("report-evidence-processed").to_string(),
        Some(answer) => words
            .t("report-evidence-answer")
            .text("answer", answer)
            .to_string(),
        None => words.t("report-evidence-unanswered").to_string(),
    };
    step.text = words
        .t("report-evidence-attempt")
        .num("round", u32::from(tried.chunk.round) + 1)
        .num("attempt", attempt.epoch)
        .text("answer", said)
        .to_string();
    step.code = vec![PushKey::of(&tried.chunk).to_string()];
    vec![gate, step]
}

/// What became of it, the message, and all that was pushed with it.
fn recorded(desk: &Desk, line: &SendLine, chunk: &SendChunk) -> Step {
    let mut step = Step::of(desk, "report-evidence-recorded", line.at);
    let outcome = outcome_words(&desk.words, line);
    let why = line
        .outcome
        .and_then(|outcome| reasons::of_outcome(&desk.words, outcome));
    step.text = match why {
        Some(why) => format!("{outcome}: {why}"),
        None => outcome,
    };
    step.tone = match line.outcome {
        Some(outcome) if outcome.is_billable() => "good",
        Some(Outcome::Failed(_) | Outcome::Excluded(_) | Outcome::Uncertain) => "warn",
        _ => "calm",
    };
    let (number, round) = (chunk.id.number, chunk.id.round);
    let words = desk.words;
    let hash = |key: &str, hash: &[u8]| words.t(key).text("hash", sha256(hash)).to_string();
    step.code = vec![
        format!("{number}.{round} #{}", position_of(line)),
        hash("report-evidence-message", &chunk.message),
        hash("report-evidence-content", &chunk.content_hash),
    ];
    step
}

fn position_of(line: &SendLine) -> u32 {
    match line.place {
        billing::sends::Cursor::Chunk { position, .. } => position,
        billing::sends::Cursor::LeftOut { .. } => 0,
    }
}

fn left_out(desk: &Desk, line: &SendLine) -> Option<Step> {
    let outcome = line.outcome?;
    let mut step = Step::of(desk, "report-evidence-left-out", line.at);
    step.tone = "warn";
    step.text = reasons::of_outcome(&desk.words, outcome)?.to_string();
    if let Outcome::Excluded(rule) = outcome {
        step.code.extend(rule.citation().map(str::to_owned));
    }
    Some(step)
}

/// One part of what it was captured with: the price and why, and the transaction that earned it.
fn booked(desk: &Desk, campaign: &Campaign, line: &SendLine, booking: &Booking) -> Step {
    let words = desk.words;
    let at = booking.transaction.as_ref().map(|booked| booked.booked_at);
    let mut step = Step::of(desk, "report-evidence-booked", at);
    step.tone = "good";
    let version = campaign.launch.map(|launch| launch.price_version);
    let price = words
        .t("report-evidence-price")
        .text("price", words.money(booking.capture.unit_price))
        .num("version", version.unwrap_or_default())
        .to_string();
    let tariff = line.chunk.as_ref().and_then(|chunk| chunk.tariff);
    let named = tariff.map(|tariff| tariff_words(campaign.kind, tariff));
    step.text = match named {
        Some((name, why)) => {
            let tariff = words.t(format!("report-tariff-{}", name.replace('_', "-")));
            let why = words.t(format!("report-why-{}", why.replace('_', "-")));
            format!("{price} · {tariff}: {why}")
        }
        None => price,
    };
    let transaction = booking.capture.ledger_transaction;
    step.code.extend(transaction.map(|id| id.to_string()));
    if let Some(booked) = &booking.transaction {
        let said = words.t("report-evidence-sequence");
        step.code
            .push(said.num("sequence", booked.sequence).to_string());
        step.code.push(sha256(booked.hash.as_bytes()));
    }
    step
}

/// Whether what stands here is under the seal of its day.
fn sealed(desk: &Desk, sealing: &Sealing) -> Option<Step> {
    let (tone, key, day, seal) = match sealing {
        Sealing::NotRecorded => return None,
        Sealing::Open(day) => ("calm", "report-evidence-unsealed", *day, None),
        Sealing::Sealed(seal) => (
            "good",
            "report-evidence-sealed-as-it-is",
            seal.seal.day,
            Some(seal),
        ),
        Sealing::Changed(seal) => ("bad", "report-evidence-changed", seal.seal.day, Some(seal)),
    };
    let at = seal.map(|recorded| recorded.seal.sealed_at);
    let mut step = Step::of(desk, "report-evidence-seal", at);
    step.tone = tone;
    let text = desk.words.t(key).text("day", day.to_string());
    step.text = text.to_string();
    if let Some(recorded) = seal {
        step.code = vec![sha256(recorded.hash.as_bytes())];
    }
    Some(step)
}

async fn afterwards(desk: &Desk, campaign: &Campaign, line: &SendLine) -> Result<Vec<Step>, Error> {
    let (business, numbers) = (desk.business.id, [line.number]);
    let receipts = desk
        .store
        .receipts_of(business, campaign.id, &numbers)
        .await?;
    let Some(receipts) = receipts.get(&line.number) else {
        return Ok(Vec::new());
    };
    let mut did = vec![
        ("report-after-opened", receipts.opened_at),
        ("report-after-clicked", receipts.clicked_at),
        ("report-after-coupon", receipts.coupon_used_at),
        ("report-after-blocked", receipts.blocked_at),
    ];
    did.retain(|(_, at)| at.is_some());
    did.sort_by_key(|(_, at)| *at);
    Ok(did
        .into_iter()
        .map(|(key, at)| Step::of(desk, key, at))
        .collect())
}

fn sha256(hash: &[u8]) -> String {
    format!("sha256 {}", hex_of(hash))
}
