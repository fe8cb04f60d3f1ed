//! Top-ups, a bank transfer that the operator has seen; and promotional credit.

use billing::promotional::{Grant, Lot};
use clap::{Args, Subcommand};
use domain::id::BusinessId;
use domain::money::Money;
use domain::time::{local_to_instant, zone};
use serde_json::json;

use super::Shell;

#[derive(Debug, Args)]
pub struct TopUpArgs {
    #[arg(long)]
    business: BusinessId,
    /// In whole units of the business's currency, with a point before decimals
    #[arg(long, allow_hyphen_values = true)]
    amount: String,
    /// The payment's own reference: the same one again books nothing
    #[arg(long)]
    reference: String,
}

#[derive(Debug, Subcommand)]
pub enum PromotionalCreditCommand {
    /// Gives credit; the same reference again gives nothing
    Grant(GrantArgs),
    /// What was given, and where it is
    List {
        #[arg(long)]
        business: BusinessId,
    },
}

#[derive(Debug, Args)]
pub struct GrantArgs {
    #[arg(long)]
    business: BusinessId,
    /// In whole units of the business's currency, with a point before decimals
    #[arg(long, allow_hyphen_values = true)]
    amount: String,
    /// Until when it can be spent, read off the wall: 2027-03-31T23:59
    #[arg(long)]
    expires: String,
    /// Where --expires is read off the wall
    #[arg(long, default_value = "Asia/Seoul")]
    zone: String,
    /// What it is given for
    #[arg(long)]
    reason: String,
    /// The decision's own reference
    #[arg(long)]
    reference: String,
}

impl Shell<'_> {
    pub(super) async fn promotional_credit(
        &self,
        command: PromotionalCreditCommand,
    ) -> anyhow::Result<()> {
        match command {
            PromotionalCreditCommand::Grant(arguments) => self.grant(arguments).await,
            PromotionalCreditCommand::List { business } => self.lots(business).await,
        }
    }

    async fn grant(&self, arguments: GrantArgs) -> anyhow::Result<()> {
        let business = self
            .platform
            .directory()
            .business(arguments.business)
            .await?;
        let amount = Money::parse(&arguments.amount, business.currency)?;
        let expires_at = local_to_instant(&arguments.expires, &zone(&arguments.zone)?)?;
        let store = &self.platform.store;
        let grant = Grant {
            business: business.id,
            amount,
            expires_at,
            reason: &arguments.reason,
        };
        let (now, ids) = (self.platform.clock.now(), self.platform.ids.as_ref());
        let lot = billing::promotional::grant(store, grant, &arguments.reference, now, ids).await?;
        let words = format!("granted {amount} as {lot} until {expires_at}");
        let json = json!({
            "id": lot,
            "amount_micro": amount.micro(),
            "currency": business.currency,
            "expires_at": expires_at,
        });
        self.output.show(words, &json)
    }

    async fn lots(&self, business: BusinessId) -> anyhow::Result<()> {
        let lots = billing::promotional::lots(&self.platform.store, business).await?;
        let line = |lot: &Lot| {
            format!(
                "{} until {}: {} free, {} held, {} spent, {} expired of {} ({})\n",
                lot.id,
                lot.expires_at,
                lot.available,
                lot.pinned,
                lot.spent,
                lot.expired,
                lot.amount,
                lot.reason
            )
        };
        let words: String = lots.iter().map(line).collect();
        let json = |lot: &Lot| {
            json!({
                "id": lot.id,
                "amount_micro": lot.amount.micro(),
                "available_micro": lot.available.micro(),
                "held_micro": lot.pinned.micro(),
                "spent_micro": lot.spent.micro(),
                "expired_micro": lot.expired.micro(),
                "currency": lot.amount.currency(),
                "reason": lot.reason,
                "granted_at": lot.granted_at,
                "expires_at": lot.expires_at,
            })
        };
        let json: Vec<serde_json::Value> = lots.iter().map(json).collect();
        self.output.show(words.trim_end(), &json!(json))
    }

    pub(super) async fn top_up(&self, arguments: TopUpArgs) -> anyhow::Result<()> {
        let business = self
            .platform
            .directory()
            .business(arguments.business)
            .await?;
        let amount = Money::parse(&arguments.amount, business.currency)?;
        let transaction = billing::top_up(
            &self.platform.store,
            business.id,
            amount,
            &arguments.reference,
            self.platform.clock.now(),
            self.platform.ids.as_ref(),
        )
        .await?;
        let wallet = billing::wallet::wallet(&self.platform.store, business.id).await?;
        let words = format!(
            "booked {amount} as {transaction}; available {}",
            wallet.available
        );
        let json = json!({
            "id": transaction,
            "amount_micro": amount.micro(),
            "available_micro": wallet.available.micro(),
            "held_micro": wallet.held.micro(),
            "currency": business.currency,
        });
        self.output.show(words, &json)
    }
}
