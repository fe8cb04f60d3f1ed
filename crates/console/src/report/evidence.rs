//! What proves one send: the consent, the last check, what was asked of the messenger and what it
//! answered, what was booked, and what the friend did.

use billing::sends::SendLine;
use domain::campaign::Purpose;
use domain::friend::{ConsentFact, ConsentPurpose};
use domain::outcome::Outcome;
use domain::push::PushKey;
use domain::rule::RuleId;
use domain::time::Timestamp;
use store::campaign::Campaign;
use store::sends::Attempt;

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
    let mut steps = Vec::new();
    if campaign.purpose == Purpose::Promotion {
        steps.extend(consent(desk, line).await?);
    }
    match &line.chunk {
        Some(_) => steps.extend(pushes(desk, line).await?),
        None => steps.extend(left_out(desk, line)),
    }
    steps.extend(booked(desk, campaign, line));
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

/// The last answer to the question for consent that was known when it was decided.
async fn consent(desk: &Desk, line: &SendLine) -> Result<Option<Step>, Error> {
    let history = desk
        .store
        .consent_history(desk.account.id, line.number)
        .await?;
    let mut known = history.into_iter().rev().filter(|(purpose, fact)| {
        *purpose == ConsentPurpose::Promotion && line.at.is_none_or(|at| fact.at <= at)
    });
    let Some((_, fact)) = known.next() else {
        return Ok(Some(Step::of(desk, "report-evidence-no-consent", None)));
    };
    let key = match fact.granted {
        true => "report-evidence-consent",
        false => "report-evidence-refusal",
    };
    let mut step = Step::of(desk, key, Some(fact.at));
    step.text = source_words(desk, &fact);
    let wordings = desk.store.wordings_of_account(desk.account.id).await?;
    let version = fact.wording.as_deref();
    if let Some(wording) = wordings
        .into_iter()
        .find(|one| Some(&*one.version) == version)
    {
        step.code = vec![wording.version, format!("sha256 {}", hex_of(&wording.hash))];
        step.quote = Some(wording.text);
    }
    Ok(Some(step))
}

fn source_words(desk: &Desk, fact: &ConsentFact) -> String {
    desk.words
        .t(format!("report-consent-{}", fact.source.name()))
        .to_string()
}

/// Every round of the chunk, each with its claims: the last check and the push.
async fn pushes(desk: &Desk, line: &SendLine) -> Result<Vec<Step>, Error> {
    let Some(chunk) = &line.chunk else {
        return Ok(Vec::new());
    };
    let mut steps = Vec::new();
    let snapshot = desk.store.snapshot().await?;
    for round in 0..=chunk.id.round {
        let id = domain::chunk::ChunkId { round, ..chunk.id };
        let attempts = snapshot.attempts_of(id).await?;
        let is_last_round = round == chunk.id.round;
        for attempt in &attempts {
            let rule = match is_last_round {
                true => rule_of(attempt, line),
                false => None,
            };
            steps.push(gate(desk, attempt, rule));
            if rule.is_none() {
                steps.push(push(desk, attempt, &id));
            }
        }
    }
    snapshot.end().await?;
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
    step.code = vec![
        format!(
            "{}.{} #{}",
            chunk.id.number,
            chunk.id.round,
            position_of(line)
        ),
        format!("sha256 {}", hex_of(&chunk.content_hash)),
    ];
    steps.push(step);
    Ok(steps)
}

fn position_of(line: &SendLine) -> u32 {
    match line.place {
        billing::sends::Cursor::Chunk { position, .. } => position,
        billing::sends::Cursor::LeftOut { .. } => 0,
    }
}

/// What took somebody out of an attempt.
fn rule_of(attempt: &Attempt, line: &SendLine) -> Option<RuleId> {
    let position = position_of(line);
    let taken = attempt
        .exclusions
        .iter()
        .find(|(taken, _)| *taken == position);
    taken.map(|(_, rule)| *rule)
}

fn gate(desk: &Desk, attempt: &Attempt, rule: Option<RuleId>) -> Step {
    let words = desk.words;
    let mut step = Step::of(desk, "report-evidence-gate", Some(attempt.began_at));
    match rule {
        None => step.text = words.t("report-evidence-passed").to_string(),
        Some(rule) => {
            step.tone = "warn";
            step.text = reasons::of_rule(&words, rule).to_string();
            step.code.extend(rule.citation().map(str::to_owned));
        }
    }
    step
}

fn push(desk: &Desk, attempt: &Attempt, chunk: &domain::chunk::ChunkId) -> Step {
    let at = attempt.ended_at.or(Some(attempt.began_at));
    let mut step = Step::of(desk, "report-evidence-push", at);
    let words = desk.words;
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
        .num("round", u32::from(chunk.round) + 1)
        .num("attempt", attempt.epoch)
        .text("answer", said)
        .to_string();
    step.code = vec![PushKey::of(chunk).to_string()];
    step
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

fn booked(desk: &Desk, campaign: &Campaign, line: &SendLine) -> Option<Step> {
    let captured = line.captured?;
    let mut step = Step::of(desk, "report-evidence-booked", None);
    step.tone = "good";
    let version = campaign.launch.map(|launch| launch.price_version);
    step.text = desk
        .words
        .t("report-evidence-price")
        .text("price", desk.words.money(captured.unit_price))
        .num("version", version.unwrap_or_default())
        .to_string();
    step.code
        .extend(captured.ledger_transaction.map(|id| id.to_string()));
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

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
