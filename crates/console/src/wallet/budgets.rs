//! Budgets beside the wallet's figures: what of each is used.

use domain::budget::{Budget, BudgetOf};
use domain::id::AccountId;
use store::budget::BudgetAlert;

use crate::desk::Desk;
use crate::error::Error;

/// A budget in force, in words.
pub struct BudgetRow {
    pub name: String,
    pub used: String,
    /// Percent of the limit.
    pub share: String,
    pub is_full: bool,
    /// How far it was used in this period, and since when.
    pub alert: Option<String>,
}

pub(super) async fn rows(desk: &Desk) -> Result<Vec<BudgetRow>, Error> {
    let budgets = billing::budget::budgets(&desk.store, desk.business.id, None, desk.now).await?;
    let alerts = desk.store.budget_alerts(desk.business.id, &budgets).await?;
    let row = |budget: &Budget| {
        let alert = alerts.iter().find(|alert| alert.of == budget.of);
        row(desk, budget, alert)
    };
    Ok(budgets.iter().map(row).collect())
}

/// What of budgets was used up to a step in this day or month, in words.
pub(crate) async fn alerts(desk: &Desk) -> Result<Vec<String>, Error> {
    let budgets = billing::budget::budgets(&desk.store, desk.business.id, None, desk.now).await?;
    let alerts = desk.store.budget_alerts(desk.business.id, &budgets).await?;
    Ok(alerts.iter().map(|alert| said(desk, alert)).collect())
}

fn said(desk: &Desk, alert: &BudgetAlert) -> String {
    let words = &desk.words;
    let said = match alert.of {
        BudgetOf::Day(id) => words.t("home-budget-day").text("account", handle(desk, id)),
        BudgetOf::Month(_) | BudgetOf::Campaign(_) => words.t("home-budget-month"),
    };
    said.num("percent", alert.step.percent())
        .text("time", words.time(alert.reached_at, &desk.zone))
        .to_string()
}

fn handle(desk: &Desk, id: AccountId) -> String {
    let account = desk.accounts.iter().find(|account| account.id == id);
    account.map_or(String::new(), |account| account.handle.to_string())
}

fn row(desk: &Desk, budget: &Budget, alert: Option<&BudgetAlert>) -> BudgetRow {
    let words = &desk.words;
    let name = match budget.of {
        BudgetOf::Day(id) => words
            .t("wallet-budget-day")
            .text("account", handle(desk, id)),
        BudgetOf::Month(_) | BudgetOf::Campaign(_) => words.t("wallet-budget-month"),
    };
    let (used, limit) = (budget.used.micro(), budget.limit.micro());
    BudgetRow {
        name: name.to_string(),
        used: words
            .t("wallet-budget-used")
            .text("used", words.money(budget.used))
            .text("limit", words.money(budget.limit))
            .to_string(),
        share: match limit {
            0 => words.percent(1_u64, 1_u64),
            limit => words.percent(used.min(limit), limit),
        },
        is_full: budget.room().is_zero(),
        alert: alert.map(|alert| said(desk, alert)),
    }
}
