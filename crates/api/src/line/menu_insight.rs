//! What friends did with a rich menu: over a stretch of days, and day by day.
//!
//! As with every figure here, the owner sees each value, however small.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use domain::message::{Rules, ValidationError};
use domain::receipt::Sum;
use domain::rich_menu::{RichMenu, RichMenuId};
use domain::time::LocalDay;
use serde_json::{Value, json};
use store::StoreError;
use store::rich_menu::figures::{MenuDeed, MenuFigures};

use super::quota::{account_of, zone_of};
use super::request::Query;
use super::rich_menu::own;
use super::{Channel, LineError, LineState};

/// Days of one summary, and of one list of days, as the reference has them.
const SUMMARY_DAYS_MAX: i32 = 396;
const DAILY_DAYS_MAX: i32 = 99;
/// Days back that can be asked about: three years.
const PAST_DAYS_MAX: i32 = 3 * 365 + 1;

/// A menu, the days that are asked about, and what was done in them.
struct Asked {
    id: RichMenuId,
    menu: RichMenu,
    from: LocalDay,
    to: LocalDay,
    figures: MenuFigures,
}

/// `GET /v2/bot/insight/richmenu/{richMenuId}/summary`.
pub async fn summary(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    let asked = ask(&state, &channel, &id, &query, SUMMARY_DAYS_MAX).await?;
    let metrics = |deed: MenuDeed| {
        let sum = asked.figures.whole.get(&deed).copied();
        json!({ "metrics": counts(sum.unwrap_or_default()) })
    };
    Ok(Json(answer(&asked, metrics)))
}

/// `GET /v2/bot/insight/richmenu/{richMenuId}/daily`.
pub async fn daily(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    let asked = ask(&state, &channel, &id, &query, DAILY_DAYS_MAX).await?;
    let metrics = |deed: MenuDeed| {
        let days = asked.from.number()..=asked.to.number();
        let days = days.map(LocalDay::from_number).map(|day| {
            let sum = asked.figures.by_day.get(&(deed, day)).copied();
            let mut shown = counts(sum.unwrap_or_default());
            shown["date"] = json!(compact(day));
            shown
        });
        json!({ "metrics": days.collect::<Vec<Value>>() })
    };
    Ok(Json(answer(&asked, metrics)))
}

async fn ask(
    state: &LineState,
    channel: &Channel,
    id: &str,
    query: &Query,
    days_max: i32,
) -> Result<Asked, LineError> {
    let stored = own(channel, id).await?;
    let zone = zone_of(&account_of(channel).await?)?;
    let today = LocalDay::of(state.clock.now(), &zone);
    let (from, to) = (day(query, "from")?, day(query, "to")?);
    if to < from {
        return Err(LineError::invalid(
            "Parameter to must be the same date as, or after parameter from.",
        ));
    }
    if to.number() - from.number() > days_max {
        return Err(LineError::invalid(format!(
            "Date range exceeds. Max range is {days_max} days."
        )));
    }
    if today.number() - from.number() > PAST_DAYS_MAX {
        return Err(LineError::parameter("from"));
    }
    let corrupt = |errors: Vec<ValidationError>| StoreError::Corrupt {
        table: "rich_menu",
        column: "content",
        why: format!("{errors:?}"),
    };
    let menu = RichMenu::parse(&stored.content, &Rules::default()).map_err(corrupt)?;
    let figures = channel
        .store
        .menu_figures(channel.account, stored.id, from, to);
    Ok(Asked {
        id: stored.id,
        menu,
        from,
        to,
        figures: figures.await?,
    })
}

fn answer(asked: &Asked, metrics: impl Fn(MenuDeed) -> Value) -> Value {
    let clicks = (0..).zip(&asked.menu.areas).map(|(place, area)| {
        let mut shown = metrics(MenuDeed::Tapped(place));
        shown["bounds"] = json!(area.bounds);
        shown
    });
    json!({
        "richMenuId": asked.id.to_string(),
        "metricsFrom": compact(asked.from),
        "metricsTo": compact(asked.to),
        "impression": metrics(MenuDeed::Shown),
        "clicks": clicks.collect::<Vec<Value>>(),
    })
}

fn counts(sum: Sum) -> Value {
    json!({ "count": sum.total, "uniqueUsers": sum.people })
}

fn day(query: &Query, name: &str) -> Result<LocalDay, LineError> {
    let text = query.text(name);
    let text = text.ok_or_else(|| LineError::invalid(format!("{name} is required")))?;
    LocalDay::parse_compact(text).ok_or_else(|| LineError::parameter(name))
}

/// `20261130`.
fn compact(day: LocalDay) -> String {
    day.to_string().replace('-', "")
}
