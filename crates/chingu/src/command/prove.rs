//! `chingu prove`: what proves one send, and that it stands under the seal of its day; `--check`
//! looks at such a proof without a database.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use billing::evidence::{Booking, Consent, Evidence, PushTried};
use billing::proof::{Proved, Sealing, SendProof, hex_of};
use billing::report::{billable_words, tariff_words};
use billing::sends::{SendFilter, SendLine};
use domain::campaign::CampaignKind;
use domain::id::{CampaignId, UserId};
use domain::outcome::Outcome;
use domain::push::PushKey;
use domain::user::{UserKey, UserNumber};
use serde_json::{Value, json};
use store::campaign::Campaign;

use crate::cli::ProveArgs;
use crate::config::Config;
use crate::output::Output;
use crate::platform::Platform;

pub async fn run(config: &Config, arguments: ProveArgs) -> anyhow::Result<ExitCode> {
    let output = Output::of(arguments.json);
    if let Some(file) = &arguments.check {
        return check(file, output);
    }
    let (Some(campaign), Some(friend)) = (arguments.campaign, &arguments.friend) else {
        bail!("a send is named by --campaign and --friend");
    };
    let platform = Platform::open(config).await?;
    let proved = prove(&platform, campaign, friend).await;
    platform.close().await?;
    let sends = proved?;
    let words: Vec<String> = sends.iter().map(ProvedSend::in_words).collect();
    let json: Vec<Value> = sends.iter().map(ProvedSend::as_json).collect();
    output.show(words.join("\n\n"), &json!({ "sends": json }))?;
    Ok(match sends.iter().all(ProvedSend::holds) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// A send with all that proves it.
struct ProvedSend {
    campaign: CampaignId,
    kind: CampaignKind,
    price_version: Option<u32>,
    line: SendLine,
    evidence: Evidence,
    proof: Option<SendProof>,
    /// The proof, looked at as `--check` does.
    checked: Option<Result<Proved, String>>,
}

async fn prove(
    platform: &Platform,
    campaign: CampaignId,
    friend: &str,
) -> anyhow::Result<Vec<ProvedSend>> {
    let store = &platform.store;
    let campaign: Campaign = store.campaign(campaign).await?;
    let filter = SendFilter {
        friend: Some(number_of(platform, friend).await?),
        ..SendFilter::default()
    };
    let (business, id) = (campaign.business, campaign.id);
    let mut sends = Vec::new();
    let mut after = None;
    loop {
        let page = billing::sends::page(store, business, id, filter, after).await?;
        for line in page.lines {
            let evidence = billing::evidence(store, &campaign, &line).await?;
            let proof = billing::prove(store, &campaign, &line).await?;
            let checked = proof.as_ref().map(|proof| proof.check());
            sends.push(ProvedSend {
                campaign: id,
                kind: campaign.kind,
                price_version: campaign.launch.map(|launch| launch.price_version),
                checked: checked.map(|checked| checked.map_err(|error| error.to_string())),
                line,
                evidence,
                proof,
            });
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if sends.is_empty() {
        bail!("{friend} was not in the audience of {id}");
    }
    Ok(sends)
}

/// A friend by the id that reports show, or by the messenger's key.
async fn number_of(platform: &Platform, friend: &str) -> anyhow::Result<UserNumber> {
    let found = match friend.parse::<UserId>() {
        Ok(id) => {
            let snapshot = platform.store.snapshot().await?;
            let number = snapshot.user_of_id(id).await?;
            snapshot.end().await?;
            number
        }
        Err(_) => {
            let key = UserKey::parse(friend)
                .with_context(|| format!("'{friend}' is neither usr_… nor a user key"))?;
            platform.store.user_number(&key).await?
        }
    };
    found.with_context(|| format!("nobody is known as {friend}"))
}

/// Looks at what was printed with --json, without a database.
fn check(file: &Path, output: Output) -> anyhow::Result<ExitCode> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    let printed: Value =
        serde_json::from_str(&text).with_context(|| format!("{name} is not JSON"))?;
    let Some(sends) = printed["sends"]
        .as_array()
        .filter(|sends| !sends.is_empty())
    else {
        bail!("{name} is not what `chingu prove --json` prints");
    };
    let mut words = Vec::new();
    let mut verdicts = Vec::new();
    let mut all_hold = true;
    for send in sends {
        let checked = proof_of(send).and_then(|proof| proof.check().map_err(|e| e.to_string()));
        all_hold &= checked.is_ok();
        words.push(verdict(&checked));
        verdicts.push(match &checked {
            Ok(proved) => json!({ "holds": true, "proved": proved_as_json(proved) }),
            Err(why) => json!({ "holds": false, "why": why }),
        });
    }
    output.show(
        words.join("\n\n"),
        &json!({ "holds": all_hold, "sends": verdicts }),
    )?;
    Ok(match all_hold {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn proof_of(send: &Value) -> Result<SendProof, String> {
    match &send["proof"] {
        Value::Null => Err("there is no proof in it: the day was not sealed".to_owned()),
        proof => serde_json::from_value(proof.clone()).map_err(|error| error.to_string()),
    }
}

fn verdict(checked: &Result<Proved, String>) -> String {
    match checked {
        Err(why) => format!("THE PROOF DOES NOT HOLD: {why}"),
        Ok(proved) => {
            let Proved {
                chunk,
                outcome,
                day,
                seal_hash,
            } = proved;
            let (id, at, content) = (chunk.id, chunk.settled_at, hex_of(&chunk.content));
            let what = named(Some(*outcome));
            format!(
                "the proof holds: {what}, recorded {at} in {id}, what was pushed has \
                 sha256 {content}\nseal of {day}: {seal_hash}, compare it with the published one"
            )
        }
    }
}

/// `failed (unknown_user)`.
fn named(outcome: Option<Outcome>) -> String {
    match outcome {
        None => "pending".to_owned(),
        Some(outcome) if outcome.reason().is_empty() => outcome.name().to_owned(),
        Some(outcome) => format!("{} ({})", outcome.name(), outcome.reason()),
    }
}

fn proved_as_json(proved: &Proved) -> Value {
    let chunk = &proved.chunk;
    json!({
        "chunk": chunk.id.to_string(),
        "outcome": proved.outcome.name(),
        "reason": proved.outcome.reason(),
        "settled_at": chunk.settled_at.to_string(),
        "message_hash": hex_of(&chunk.message),
        "content_hash": hex_of(&chunk.content),
        "day": proved.day,
        "seal_hash": proved.seal_hash,
    })
}

impl ProvedSend {
    /// Nothing of it is other than it was sealed.
    fn holds(&self) -> bool {
        !matches!(self.evidence.sealing, Sealing::Changed(_))
            && !matches!(self.checked, Some(Err(_)))
    }

    fn outcome(&self) -> (&'static str, &'static str) {
        match self.line.outcome {
            Some(outcome) => (outcome.name(), outcome.reason()),
            None => ("pending", ""),
        }
    }

    fn tariff(&self) -> (&'static str, &'static str) {
        let tariff = self.line.chunk.as_ref().and_then(|chunk| chunk.tariff);
        tariff
            .map(|tariff| tariff_words(self.kind, tariff))
            .unwrap_or_default()
    }

    fn as_json(&self) -> Value {
        let Self { line, evidence, .. } = self;
        let chunk = line.chunk.as_ref();
        let (outcome, reason) = self.outcome();
        let (tariff, tariff_reason) = self.tariff();
        let (billable, billable_reason) = billable_words(self.kind, line.outcome);
        let pushes: Vec<Value> = evidence.pushes.iter().map(push_as_json).collect();
        let bookings: Vec<Value> = evidence.bookings.iter().map(booking_as_json).collect();
        let (sealing, seal) = match &evidence.sealing {
            Sealing::NotRecorded => ("not_recorded", None),
            Sealing::Open(_) => ("open", None),
            Sealing::Sealed(seal) => ("sealed", Some(seal)),
            Sealing::Changed(seal) => ("changed", Some(seal)),
        };
        let amendment = evidence.amendment.as_ref().map(|amendment| {
            let outcome = Outcome::from_code(amendment.outcome).map(Outcome::name);
            json!({ "outcome": outcome, "at": amendment.at.to_string() })
        });
        json!({
            "campaign": self.campaign,
            "friend": line.friend,
            "place": line.place.to_string(),
            "at": line.at.map(|at| at.to_string()),
            "outcome": outcome,
            "reason": reason,
            "amendment": amendment,
            "message_hash": chunk.map(|chunk| hex_of(&chunk.message)),
            "content_hash": chunk.map(|chunk| hex_of(&chunk.content_hash)),
            "consent": evidence.consent.as_ref().map(consent_as_json),
            "pushes": pushes,
            "tariff": tariff,
            "tariff_reason": tariff_reason,
            "billable": billable,
            "billable_reason": billable_reason,
            "price_version": self.price_version,
            "bookings": bookings,
            "sealing": sealing,
            "seal": seal.map(|recorded| json!({
                "day": recorded.seal.day,
                "root": recorded.seal.root,
                "hash": recorded.hash,
            })),
            "proof": self.proof,
        })
    }

    fn in_words(&self) -> String {
        let Self { line, evidence, .. } = self;
        let outcome = named(line.outcome);
        let at = line.at.map(|at| format!(", {at}")).unwrap_or_default();
        let mut words = vec![
            format!("{} in {}: {outcome}{at}", line.friend, self.campaign),
            consent_in_words(evidence.consent.as_ref()),
        ];
        if let Some(chunk) = &line.chunk {
            let (message, content) = (hex_of(&chunk.message), hex_of(&chunk.content_hash));
            words.push(format!(
                "message  sha256 {message}, with who got it {content}"
            ));
        }
        words.extend(evidence.pushes.iter().map(push_in_words));
        if let Some(amendment) = &evidence.amendment {
            let outcome = Outcome::from_code(amendment.outcome).map_or("unknown", Outcome::name);
            words.push(format!("told     {outcome}, {}", amendment.at));
        }
        let (tariff, why) = self.tariff();
        let version = self.price_version.unwrap_or_default();
        if !tariff.is_empty() {
            words.push(format!("tariff   {tariff} ({why}), price book {version}"));
        }
        words.extend(evidence.bookings.iter().map(booking_in_words));
        words.push(self.sealing_in_words());
        words.join("\n")
    }

    fn sealing_in_words(&self) -> String {
        match (&self.evidence.sealing, &self.checked) {
            (Sealing::NotRecorded, _) => "seal     in no recorded chunk, so under no seal".into(),
            (Sealing::Open(day), _) => {
                format!("seal     {day} is not sealed yet; what stands here may be proved then")
            }
            (Sealing::Changed(recorded), _) => {
                let day = recorded.seal.day;
                format!(
                    "seal     WHAT STANDS HERE IS NOT WHAT WAS SEALED ON {day}; chingu ledger \
                     verify names the places"
                )
            }
            (Sealing::Sealed(_), Some(checked)) => format!("seal     {}", verdict(checked)),
            (Sealing::Sealed(_), None) => "seal     THE LEAVES UNDER IT ARE INCOMPLETE".into(),
        }
    }
}

fn consent_as_json(consent: &Consent) -> Value {
    let Consent { fact, wording } = consent;
    json!({
        "granted": fact.granted,
        "at": fact.at.to_string(),
        "source": fact.source.name(),
        "wording_version": fact.wording,
        "wording_hash": wording.as_ref().map(|wording| hex_of(&wording.hash)),
    })
}

fn consent_in_words(consent: Option<&Consent>) -> String {
    let Some(Consent { fact, wording }) = consent else {
        return "consent  none on record".to_owned();
    };
    let granted = match fact.granted {
        true => "granted",
        false => "refused",
    };
    let (at, source) = (fact.at, fact.source.name());
    let version = fact.wording.as_deref().unwrap_or("without a wording");
    let hash = wording.as_ref().map(|wording| hex_of(&wording.hash));
    let hash = hash.map(|hash| format!(" sha256 {hash}"));
    let hash = hash.unwrap_or_default();
    format!("consent  {granted} {at} by {source}, {version}{hash}")
}

fn push_as_json(push: &PushTried) -> Value {
    let attempt = &push.attempt;
    json!({
        "round": push.chunk.round,
        "attempt": attempt.epoch,
        "push_key": PushKey::of(&push.chunk).to_string(),
        "checked_at": attempt.began_at.to_string(),
        "left_out_by": push.rule.map(|rule| rule.name()),
        "rule_of_law": push.rule.and_then(|rule| rule.citation()),
        "answered_at": attempt.ended_at.map(|at| at.to_string()),
        "answer": attempt.answer,
    })
}

fn push_in_words(push: &PushTried) -> String {
    let attempt = &push.attempt;
    let (round, epoch, at) = (push.chunk.round, attempt.epoch, attempt.began_at);
    let key = PushKey::of(&push.chunk);
    match push.rule {
        Some(rule) => {
            let (name, law) = (rule.name(), rule.citation().unwrap_or("a rule of ours"));
            format!("gate     round {round}, attempt {epoch}, {at}: left out, {name} ({law})")
        }
        None => {
            let answer = attempt.answer.as_deref().unwrap_or("no answer");
            format!("push     round {round}, attempt {epoch}, {at}: passed, {answer}, key {key}")
        }
    }
}

fn booking_as_json(booking: &Booking) -> Value {
    let capture = &booking.capture;
    let transaction = booking.transaction.as_ref();
    json!({
        "part": capture.part,
        "units": capture.units,
        "unit_price": capture.unit_price.to_string(),
        "unit_price_micro": capture.unit_price.micro(),
        "amount_micro": capture.amount.micro(),
        "ledger_transaction": capture.ledger_transaction,
        "sequence": transaction.map(|booked| booked.sequence),
        "key": transaction.map(|booked| &booked.key),
        "booked_at": transaction.map(|booked| booked.booked_at.to_string()),
        "hash": transaction.map(|booked| format!("{:?}", booked.hash)),
    })
}

fn booking_in_words(booking: &Booking) -> String {
    let capture = &booking.capture;
    let (part, units, price) = (capture.part, capture.units, capture.unit_price);
    let booked = match (&booking.transaction, capture.ledger_transaction) {
        (Some(booked), Some(id)) => {
            let (sequence, at, hash) = (booked.sequence, booked.booked_at, booked.hash);
            format!("transaction {sequence} {id}, {at}, {hash:?}")
        }
        (None, Some(id)) => format!("TRANSACTION {id} IS NOT THERE"),
        (_, None) => "nothing to book".to_owned(),
    };
    format!("booked   part {part}, {units} at {price}: {booked}")
}
