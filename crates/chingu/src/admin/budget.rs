//! Budgets: the most that may be held and spent in a month of a business, in a day of an account,
//! by a campaign.

use clap::{Args, Subcommand};
use domain::budget::{Budget, BudgetOf};
use domain::id::{BusinessId, CampaignId};
use domain::money::Money;
use serde_json::json;

use super::Shell;

#[derive(Debug, Subcommand)]
pub enum BudgetCommand {
    /// Sets or lifts one budget; below what is used it refuses whatever else would be held
    Set(SetArgs),
    /// Every budget of a business, with what is used of it now
    Show {
        #[arg(long)]
        business: BusinessId,
        /// The budget of this campaign, too
        #[arg(long)]
        campaign: Option<CampaignId>,
    },
}

#[derive(Debug, Args)]
pub struct SetArgs {
    #[command(flatten)]
    of: OfArgs,
    #[command(flatten)]
    limit: LimitArgs,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct OfArgs {
    /// Of each month of a business, in the zone of its contract
    #[arg(long)]
    business: Option<BusinessId>,
    /// Of each day of an account, in the same zone
    #[arg(long, value_name = "HANDLE")]
    account: Option<String>,
    /// Of one campaign
    #[arg(long)]
    campaign: Option<CampaignId>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct LimitArgs {
    /// In whole units of the business's currency, net, with a point before decimals
    #[arg(long, allow_hyphen_values = true)]
    amount: Option<String>,
    /// From now on there is no limit
    #[arg(long)]
    lift: bool,
}

impl Shell<'_> {
    pub(super) async fn budget(&self, command: BudgetCommand) -> anyhow::Result<()> {
        match command {
            BudgetCommand::Set(arguments) => self.set_budget(arguments).await,
            BudgetCommand::Show { business, campaign } => {
                self.show_budgets(business, campaign).await
            }
        }
    }

    async fn set_budget(&self, arguments: SetArgs) -> anyhow::Result<()> {
        let (business, of) = self.budget_of(&arguments.of).await?;
        let currency = self.platform.directory().business(business).await?.currency;
        let limit = arguments.limit.amount.as_deref();
        let limit = limit.map(|text| Money::parse(text, currency)).transpose()?;
        let (store, now) = (&self.platform.store, self.platform.clock.now());
        billing::budget::set(store, business, of, limit, now).await?;
        let words = match limit {
            Some(limit) => format!("{of} is {limit}"),
            None => format!("{of} is lifted"),
        };
        let json = json!({
            "business": business,
            "budget": of.name(),
            "limit_micro": limit.map(Money::micro),
            "currency": currency,
        });
        self.output.show(words, &json)
    }

    async fn budget_of(&self, arguments: &OfArgs) -> anyhow::Result<(BusinessId, BudgetOf)> {
        if let Some(business) = arguments.business {
            return Ok((business, BudgetOf::Month(business)));
        }
        if let Some(handle) = &arguments.account {
            let account = self.platform.directory().account_by_handle(handle).await?;
            return Ok((account.business, BudgetOf::Day(account.id)));
        }
        // One of the three is given: the group says so.
        let id = arguments
            .campaign
            .unwrap_or(CampaignId::from_bytes([0; 16]));
        let campaign = self.platform.store.campaign(id).await?;
        Ok((campaign.business, BudgetOf::Campaign(id)))
    }

    async fn show_budgets(
        &self,
        business: BusinessId,
        campaign: Option<CampaignId>,
    ) -> anyhow::Result<()> {
        let (store, now) = (&self.platform.store, self.platform.clock.now());
        let accounts = store.accounts_of_business(business).await?;
        let budgets = billing::budget::budgets(store, business, campaign, now).await?;
        let handle = |budget: &Budget| match budget.of {
            BudgetOf::Day(id) => {
                let account = accounts.iter().find(|account| account.id == id);
                account.map(|account| account.handle.to_string())
            }
            _ => None,
        };
        let line = |budget: &Budget| {
            let whose = handle(budget).map(|handle| format!(" {handle}"));
            format!(
                "{}{}: {}, {} used, {} left",
                budget.of.name(),
                whose.unwrap_or_default(),
                budget.limit,
                budget.used,
                budget.room()
            )
        };
        let lines: Vec<String> = budgets.iter().map(line).collect();
        let words = match lines.is_empty() {
            true => "no budgets".to_owned(),
            false => lines.join("\n"),
        };
        let json = |budget: &Budget| {
            json!({
                "budget": budget.of.name(),
                "account": handle(budget),
                "limit_micro": budget.limit.micro(),
                "used_micro": budget.used.micro(),
                "left_micro": budget.room().micro(),
                "currency": budget.limit.currency(),
            })
        };
        let json: Vec<serde_json::Value> = budgets.iter().map(json).collect();
        self.output.show(words, &json!(json))
    }
}
