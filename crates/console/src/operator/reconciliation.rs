//! Whether the books close: the checks that were made, what each found, and what an unclean end of
//! the program interrupted.

use std::time::Duration;

use askama::Template;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use domain::id::ReconciliationId;
use serde::Deserialize;
use store::Snapshot;
use store::interruption::InterruptedCampaign;
use store::reconciliation::{CheckKind, RecordedCheck};
use words::Words;

use super::businesses::name_of;
use super::desk::{BASE, OperatorDesk};
use super::frame::{Frame, Place};
use crate::error::Error;
use crate::page;

/// Checks of each kind that are listed.
const LIGHT_MAX: u32 = 20;
const FULL_MAX: u32 = 10;
/// Interruptions that are told, and how long.
const INTERRUPTIONS_MAX: u32 = 5;
const TOLD_FOR: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Campaigns of one interruption that are named.
const CAMPAIGNS_MAX: u32 = 100;

/// One thing a check looked at.
#[derive(Debug, Deserialize)]
struct Checked {
    id: String,
    checked: u64,
}

/// One thing a check found, in the words of the program.
#[derive(Debug, Deserialize)]
struct Finding {
    id: String,
    words: String,
}

#[derive(Template)]
#[template(path = "operator/reconciliation.html")]
struct ReconciliationPage<'a> {
    frame: Frame<'a>,
    words: Words,
    latest: Vec<Latest>,
    interruptions: Vec<Interrupted>,
    checks: Vec<CheckRow>,
}

#[derive(Template)]
#[template(path = "operator/check.html")]
struct CheckPage<'a> {
    frame: Frame<'a>,
    words: Words,
    kind: String,
    began: String,
    took: String,
    clean: bool,
    rows: Vec<CheckedRow>,
    findings: Vec<FindingRow>,
}

/// A kind of check: the keys of its words, and the latest one.
struct Latest {
    key: &'static str,
    text: &'static str,
    check: Option<Standing>,
}

/// The latest check of a kind.
pub(super) struct Standing {
    pub path: String,
    pub clean: bool,
    pub ago: String,
    pub ended: String,
    pub findings: usize,
}

/// A lead that was cut off, in words.
pub(super) struct Interrupted {
    pub at: String,
    pub noticed: String,
    pub campaigns: Vec<InterruptedRow>,
    /// When the first check after it ended, and whether the books close; `None` before.
    pub checked: Option<(String, bool)>,
}

pub(super) struct InterruptedRow {
    pub name: String,
    pub handle: String,
}

struct CheckRow {
    path: String,
    kind: String,
    began: String,
    took: String,
    looked_at: String,
    clean: bool,
    findings: usize,
}

struct CheckedRow {
    id: String,
    name: String,
    checked: String,
    findings: usize,
}

struct FindingRow {
    id: String,
    name: String,
    words: String,
}

#[derive(Debug, Deserialize)]
pub struct CheckPath {
    check: String,
}

pub async fn list(desk: OperatorDesk) -> Result<Response, Error> {
    let words = desk.words;
    let snapshot = desk.store.snapshot().await?;
    let mut checks = snapshot.last_checks(CheckKind::Light, LIGHT_MAX).await?;
    checks.extend(snapshot.last_checks(CheckKind::Full, FULL_MAX).await?);
    checks.sort_by_key(|check| std::cmp::Reverse(check.started_at));
    let interruptions = interruptions(&snapshot, &desk, TOLD_FOR, INTERRUPTIONS_MAX).await?;
    snapshot.end().await?;
    let rows: Result<Vec<CheckRow>, Error> =
        checks.iter().map(|check| check_row(&desk, check)).collect();
    page::show(&ReconciliationPage {
        frame: Frame::of(&desk, Place::Reconciliation),
        words,
        latest: vec![
            Latest {
                key: "operator-check-light",
                text: "operator-check-light-text",
                check: standing(&desk, CheckKind::Light).await?,
            },
            Latest {
                key: "operator-check-full",
                text: "operator-check-full-text",
                check: standing(&desk, CheckKind::Full).await?,
            },
        ],
        interruptions,
        checks: rows?,
    })
}

/// Checks the books lightly, now.
pub async fn check_now(desk: OperatorDesk) -> Result<Response, Error> {
    let check = desk.counter.check().await?;
    let done = match check.clean {
        true => "done-checked",
        false => "done-checked-unclean",
    };
    let to = format!("{BASE}/reconciliation?done={done}");
    Ok(Redirect::to(&to).into_response())
}

pub async fn show(desk: OperatorDesk, Path(path): Path<CheckPath>) -> Result<Response, Error> {
    let id: ReconciliationId = path.check.parse().map_err(|_| Error::NotFound)?;
    let check = desk.store.check(id).await?;
    let words = desk.words;
    let (checked, findings) = (checked_of(&check)?, findings_of(&check)?);
    let of = |id: &str| findings.iter().filter(|finding| finding.id == id).count();
    page::show(&CheckPage {
        kind: kind_words(&words, check.kind),
        began: desk.moment(check.started_at),
        took: took(&words, &check),
        clean: check.clean,
        rows: checked
            .iter()
            .map(|one| CheckedRow {
                name: check_name(&words, &one.id),
                checked: words.count(one.checked),
                findings: of(&one.id),
                id: one.id.clone(),
            })
            .collect(),
        findings: findings
            .iter()
            .map(|finding| FindingRow {
                id: finding.id.clone(),
                name: check_name(&words, &finding.id),
                words: finding.words.clone(),
            })
            .collect(),
        frame: Frame::of(&desk, Place::Reconciliation),
        words,
    })
}

/// The latest check of a kind; `None` before the first one.
pub(super) async fn standing(
    desk: &OperatorDesk,
    kind: CheckKind,
) -> Result<Option<Standing>, Error> {
    let Some(check) = desk.store.last_check(kind, false).await? else {
        return Ok(None);
    };
    Ok(Some(Standing {
        path: format!("{BASE}/reconciliation/{}", check.id),
        clean: check.clean,
        ago: desk.ago(check.ended_at),
        ended: desk.moment(check.ended_at),
        findings: findings_of(&check)?.len(),
    }))
}

/// The latest interruptions, with what was under way.
pub(super) async fn interruptions(
    snapshot: &Snapshot,
    desk: &OperatorDesk,
    within: Duration,
    limit: u32,
) -> Result<Vec<Interrupted>, Error> {
    let mut told = Vec::new();
    for interruption in snapshot.interruptions(desk.now - within, limit).await? {
        let campaigns = snapshot.interrupted_campaigns(interruption.epoch, CAMPAIGNS_MAX);
        let campaigns = campaigns.await?;
        let checked = match campaigns.is_empty() {
            false => checked_together(&campaigns),
            true => snapshot
                .first_check_after(interruption.noticed_at)
                .await?
                .map(|check| (check.ended_at, check.clean)),
        };
        told.push(Interrupted {
            at: moment(desk, interruption.interrupted_at),
            noticed: moment(desk, interruption.noticed_at),
            campaigns: campaigns
                .iter()
                .map(|campaign| InterruptedRow {
                    name: name_of(&desk.words, &campaign.name, campaign.is_broadcast),
                    handle: campaign.handle.clone(),
                })
                .collect(),
            checked: checked.map(|(at, closes)| (moment(desk, at), closes)),
        });
    }
    Ok(told)
}

/// When all of them were checked, and whether all of their books close.
fn checked_together(campaigns: &[InterruptedCampaign]) -> Option<(domain::time::Timestamp, bool)> {
    let checked: Option<Vec<_>> = campaigns.iter().map(|campaign| campaign.checked).collect();
    let checked = checked?;
    let last = checked.iter().map(|(at, _)| *at).max()?;
    Some((last, checked.iter().all(|(_, closes)| *closes)))
}

/// To the second: what was cut off is looked for in logs.
fn moment(desk: &OperatorDesk, at: domain::time::Timestamp) -> String {
    let seconds = desk.words.clock_seconds(at, &desk.zone);
    format!("{} {seconds}", desk.words.day(at, &desk.zone))
}

fn check_row(desk: &OperatorDesk, check: &RecordedCheck) -> Result<CheckRow, Error> {
    let words = &desk.words;
    let looked_at: u64 = checked_of(check)?.iter().map(|one| one.checked).sum();
    Ok(CheckRow {
        path: format!("{BASE}/reconciliation/{}", check.id),
        kind: kind_words(words, check.kind),
        began: moment(desk, check.started_at),
        took: took(words, check),
        looked_at: words.count(looked_at),
        clean: check.clean,
        findings: findings_of(check)?.len(),
    })
}

fn took(words: &Words, check: &RecordedCheck) -> String {
    let took = check.ended_at.since(check.started_at);
    match took.as_secs() {
        0..10 => words
            .t("operator-milliseconds")
            .num("count", u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
            .to_string(),
        seconds => words.span(seconds),
    }
}

fn kind_words(words: &Words, kind: CheckKind) -> String {
    words
        .t(format!("operator-check-{}", kind.name()))
        .to_string()
}

/// What a check asks, in the reader's language.
fn check_name(words: &Words, id: &str) -> String {
    let key = format!("operator-invariant-{}", id.to_lowercase());
    match words.has(&key) {
        true => words.t(key).to_string(),
        false => id.to_owned(),
    }
}

fn checked_of(check: &RecordedCheck) -> Result<Vec<Checked>, Error> {
    let read = serde_json::from_str(&check.checks);
    read.map_err(|error| Error::Broken(format!("what {} looked at: {error}", check.id)))
}

fn findings_of(check: &RecordedCheck) -> Result<Vec<Finding>, Error> {
    let read = serde_json::from_str(&check.findings);
    read.map_err(|error| Error::Broken(format!("what {} found: {error}", check.id)))
}

#[cfg(test)]
mod tests {
    use billing::Invariant;
    use words::Language;

    use super::*;

    #[test]
    fn every_check_has_a_name_in_every_language() {
        for language in Language::ALL {
            let words = Words::of(language);
            for invariant in Invariant::ALL {
                let id = invariant.id();
                assert_ne!(check_name(&words, id), id, "{language:?}");
            }
            for kind in CheckKind::ALL {
                assert!(words.has(&format!("operator-check-{}", kind.name())));
            }
        }
    }
}
