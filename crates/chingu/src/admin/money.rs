//! Top-ups: a bank transfer that the operator has seen.

use clap::Args;
use domain::id::BusinessId;
use domain::money::Money;
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

impl Shell<'_> {
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
