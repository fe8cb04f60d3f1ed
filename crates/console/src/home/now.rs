//! What is being sent: a small piece of the first page that asks again every two seconds, and
//! stops asking once everything has ended.

use askama::Template;
use axum::response::Response;
use directory::Permission;
use domain::money::Money;
use store::Snapshot;
use words::Words;

use super::of_group;
use crate::campaign_words::{Badge, StateGroup, called};
use crate::desk::Desk;
use crate::error::Error;
use crate::page;

/// Campaigns with a progress of their own on the first page.
const RUNS_MAX: u32 = 5;

/// One campaign on its way.
pub(super) struct RunRow {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) name: String,
    pub(super) badge: Badge,
    pub(super) done: u64,
    pub(super) total: u64,
    pub(super) percent: String,
    pub(super) captured: String,
    pub(super) held: String,
}

#[derive(Template)]
#[template(path = "home/now.html")]
struct NowPiece<'a> {
    desk: &'a Desk,
    words: Words,
    runs: Vec<RunRow>,
}

pub async fn now(desk: Desk) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let snapshot = desk.store.snapshot().await?;
    let runs = read(&snapshot, &desk).await?;
    snapshot.end().await?;
    page::show(&NowPiece {
        desk: &desk,
        words: desk.words,
        runs,
    })
}

pub(super) async fn read(snapshot: &Snapshot, desk: &Desk) -> Result<Vec<RunRow>, Error> {
    let words = &desk.words;
    let found = of_group(snapshot, desk, StateGroup::Running, RUNS_MAX).await?;
    let outcomes = snapshot.listed_outcomes(&found).await?;
    let money = |micro| words.money(Money::from_micro(micro, desk.business.currency));
    let rows = found.iter().map(|campaign| {
        let sums = outcomes.get(&campaign.id).copied().unwrap_or_default();
        let total = campaign.counted.max(sums.done() + sums.pending);
        RunRow {
            id: campaign.id.to_string(),
            path: desk.at(&format!("/campaigns/{}/running", campaign.id)),
            name: called(words, &campaign.name),
            badge: Badge::of(words, campaign.shown_state(), false),
            done: sums.done(),
            total,
            percent: words.percent(sums.done(), total),
            captured: money(campaign.captured_micro),
            held: money(campaign.held_micro),
        }
    });
    Ok(rows.collect())
}
