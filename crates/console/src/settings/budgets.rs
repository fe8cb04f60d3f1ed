//! Budgets: the most that a month of the business and a day of the account may cost.

use askama::Template;
use axum::extract::Form;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use domain::budget::{Budget, BudgetOf};
use serde::Deserialize;
use words::Words;

use super::Tab;
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::home::unit_of;
use crate::limit;
use crate::page;

#[derive(Template)]
#[template(path = "settings/budgets.html")]
struct BudgetsPage<'a> {
    frame: Frame<'a>,
    words: Words,
    tabs: Vec<Tab>,
    fields: BudgetsForm,
    unit: String,
    month_used: Option<String>,
    day_used: Option<String>,
    faults: Faults,
}

/// Both amounts, as they were typed; empty is no limit.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct BudgetsForm {
    month: String,
    day: String,
}

pub async fn show(desk: Desk) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let now = in_force(&desk).await?;
    let typed = |of: BudgetOf| of_kind(&now, of).map(|budget| limit::plain(budget.limit));
    let fields = BudgetsForm {
        month: typed(month(&desk)).unwrap_or_default(),
        day: typed(day(&desk)).unwrap_or_default(),
    };
    draw(&desk, &now, fields, Faults::default())
}

pub async fn change(desk: Desk, Form(fields): Form<BudgetsForm>) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let now = in_force(&desk).await?;
    let mut faults = Faults::default();
    let mut wanted = Vec::new();
    for (field, of, typed) in [
        ("month", month(&desk), &fields.month),
        ("day", day(&desk), &fields.day),
    ] {
        match limit::read(typed, desk.business.currency) {
            Ok(limit) => wanted.push((of, limit)),
            Err(()) => faults.add(field, desk.words.t("settings-fault-budget")),
        }
    }
    if !faults.is_empty() {
        return draw(&desk, &now, fields, faults);
    }
    for (of, limit) in wanted {
        // Another version only where something is another.
        if of_kind(&now, of).map(|budget| budget.limit) != limit {
            desk.control.set_budget(desk.business.id, of, limit).await?;
        }
    }
    Ok(Redirect::to(&desk.at("/settings/budgets?done=done-budgets")).into_response())
}

fn month(desk: &Desk) -> BudgetOf {
    BudgetOf::Month(desk.business.id)
}

fn day(desk: &Desk) -> BudgetOf {
    BudgetOf::Day(desk.account.id)
}

async fn in_force(desk: &Desk) -> Result<Vec<Budget>, Error> {
    Ok(billing::budget::budgets(&desk.store, desk.business.id, None, desk.now).await?)
}

fn of_kind(budgets: &[Budget], of: BudgetOf) -> Option<&Budget> {
    budgets.iter().find(|budget| budget.of == of)
}

fn draw(
    desk: &Desk,
    now: &[Budget],
    fields: BudgetsForm,
    faults: Faults,
) -> Result<Response, Error> {
    let words = desk.words;
    let used = |of| of_kind(now, of).map(|budget| words.money(budget.used));
    let status = match faults.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let shown = BudgetsPage {
        frame: Frame::of(desk, Place::Settings),
        words,
        tabs: super::tabs(desk, "/budgets"),
        fields,
        unit: unit_of(desk),
        month_used: used(month(desk)),
        day_used: used(day(desk)),
        faults,
    };
    page::show_as(status, &shown)
}
