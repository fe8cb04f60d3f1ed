//! `GET /v2/bot/insight/message/event/aggregation`: what friends did with the pushes and multicasts
//! that named a unit, by the days they were sent on.

use axum::Json;
use domain::api_request::AggregationUnit;
use domain::time::LocalDay;
use serde_json::{Value, json};
use store::unit::{Seen, UnitFigures, UnitLink};

use super::insight::without_media;
use super::request::Query;
use super::{Channel, LineError};

/// Days from the first to the last.
const DAYS_MAX: i32 = 30;
/// Links that are told, those of most clicks: programs may write another address to everybody.
const LINKS_MAX: usize = 1_000;

pub async fn event(channel: Channel, query: Query) -> Result<Json<Value>, LineError> {
    const UNIT: &str = "customAggregationUnit";
    let unit = required(&query, UNIT)?;
    let unit = AggregationUnit::parse(unit).ok_or_else(|| LineError::parameter(UNIT))?;
    let (from, to) = (day(&query, "from")?, day(&query, "to")?);
    if to < from {
        return Err(LineError::invalid(
            "Parameter to must be the same date as, or after parameter from.",
        ));
    }
    if to.number() - from.number() > DAYS_MAX {
        return Err(LineError::invalid(format!(
            "Date range exceeds. Max range is {DAYS_MAX} days."
        )));
    }
    let snapshot = channel.store.snapshot().await?;
    let figures = snapshot.unit_figures(channel.account, &unit, (from, to));
    let figures = figures.await?;
    snapshot.end().await?;
    Ok(Json(json!({
        "overview": overview(&figures),
        "messages": (1..).zip(&figures.messages).map(message).collect::<Vec<Value>>(),
        "clicks": clicks(&figures),
    })))
}

/// Nothing is known of what was never sent.
fn overview(figures: &UnitFigures) -> Value {
    let is_known = !figures.messages.is_empty();
    json!({
        "uniqueImpression": is_known.then_some(figures.opened),
        "uniqueClick": is_known.then_some(figures.clicked),
        "uniqueMediaPlayed": null,
        "uniqueMediaPlayed100Percent": null,
    })
}

fn message((seq, seen): (u32, &Seen)) -> Value {
    let mut shown = without_media(seq, seen.total);
    shown["uniqueImpression"] = json!(seen.people);
    shown
}

fn clicks(figures: &UnitFigures) -> Vec<Value> {
    let mut most: Vec<&UnitLink> = figures.links.iter().collect();
    most.sort_by_key(|link| std::cmp::Reverse(link.total));
    most.truncate(LINKS_MAX);
    most.sort_by(|a, b| (a.message, &a.url).cmp(&(b.message, &b.url)));
    let told = most.into_iter().map(|link| {
        json!({
            "seq": link.message + 1,
            "url": link.url,
            "click": link.total,
            "uniqueClick": link.people,
            "uniqueClickOfRequest": link.people_of_address,
        })
    });
    told.collect()
}

fn required<'q>(query: &'q Query, name: &str) -> Result<&'q str, LineError> {
    let value = query.text(name);
    value.ok_or_else(|| LineError::invalid(format!("{name} is required")))
}

fn day(query: &Query, name: &str) -> Result<LocalDay, LineError> {
    LocalDay::parse_compact(required(query, name)?).ok_or_else(|| LineError::parameter(name))
}
