//! Testers from a shell, and tests of drafts to them.

use anyhow::{Context, bail};
use clap::Subcommand;
use directory::TestRequest;
use domain::campaign::CampaignState;
use domain::id::CampaignId;
use domain::money::Money;
use domain::user::UserNumber;
use scheduler::Launched;
use serde_json::json;
use store::campaign::Campaign;
use store::directory::Account;
use store::draft::Part;
use store::tester::Tester;

use super::Shell;

#[derive(Debug, Subcommand)]
pub enum TesterCommand {
    /// Registers a friend of the account
    Add {
        #[arg(long, value_name = "HANDLE")]
        account: String,
        /// The friend, by usr_… or the messenger's key
        #[arg(long, value_name = "FRIEND")]
        friend: String,
    },
    /// Every tester of the account
    List {
        #[arg(long, value_name = "HANDLE")]
        account: String,
    },
    /// Takes a friend out again; the tests they got stay on record
    Remove {
        #[arg(long, value_name = "HANDLE")]
        account: String,
        /// The friend, by usr_… or the messenger's key
        #[arg(long, value_name = "FRIEND")]
        friend: String,
    },
}

impl Shell<'_> {
    pub(super) async fn tester(&self, command: TesterCommand) -> anyhow::Result<()> {
        let directory = self.platform.directory();
        match command {
            TesterCommand::Add { account, friend } => {
                let account = directory.account_by_handle(&account).await?;
                directory
                    .add_tester(account.business, account.id, &friend)
                    .await?;
                self.show_testers(&account).await
            }
            TesterCommand::List { account } => {
                let account = directory.account_by_handle(&account).await?;
                self.show_testers(&account).await
            }
            TesterCommand::Remove { account, friend } => {
                let account = directory.account_by_handle(&account).await?;
                let number = directory.friend_named(account.id, &friend).await?;
                directory
                    .remove_tester(account.business, account.id, number)
                    .await?;
                self.show_testers(&account).await
            }
        }
    }

    async fn show_testers(&self, account: &Account) -> anyhow::Result<()> {
        let testers = self.platform.store.testers(account.id).await?;
        let mut words = vec![format!("{} has {} testers", account.handle, testers.len())];
        let line = |tester: &Tester| {
            let Tester {
                id,
                key,
                display_name,
                ..
            } = tester;
            format!("  {id} {} {display_name}", key.as_str())
        };
        words.extend(testers.iter().map(line));
        let as_json = |tester: &Tester| {
            json!({
                "id": tester.id,
                "user_key": tester.key.as_str(),
                "display_name": tester.display_name,
                "added_at": tester.added_at.to_string(),
            })
        };
        let listed: Vec<serde_json::Value> = testers.iter().map(as_json).collect();
        let json = json!({ "account": account.id, "testers": listed });
        self.output.show(words.join("\n"), &json)
    }

    pub(super) async fn test(&self, id: CampaignId, to: &[String]) -> anyhow::Result<()> {
        let directory = self.platform.directory();
        let campaign = self.platform.store.campaign(id).await?;
        let (business, account) = (campaign.business, campaign.account);
        let chosen = self.chosen(&campaign, to).await?;
        let (name, purpose, messages) = self.said(&campaign).await?;
        let request = TestRequest {
            name: &name,
            purpose,
            messages: &messages,
        };
        let rules = &self.platform.rules;
        let test = directory
            .begin_test(business, account, id, &request, &chosen, rules)
            .await?;
        let currency = directory.business(business).await?.currency;
        // Dearer than nothing is refused.
        let nothing = Some(Money::zero(currency));
        let context = self.platform.launch_context();
        let reachable = match scheduler::launch(&context, test.id, nothing).await {
            Ok(Launched::Launched { reachable, .. }) => reachable,
            Ok(Launched::WaitsForFunds { .. }) => {
                bail!("a test that costs nothing waits for funds")
            }
            Err(error) => {
                directory.discard(business, account, test.id).await?;
                return Err(error.into());
            }
        };
        let words = format!(
            "test {} of {id}: {reachable} of {} testers can be reached, free",
            test.id,
            chosen.len()
        );
        let json = json!({
            "id": test.id,
            "test_of": id,
            "state": "launching",
            "testers": chosen.len(),
            "reachable": reachable,
            "held_micro": 0,
        });
        self.output.show(words, &json)
    }

    /// The testers that were named, or all of them.
    async fn chosen(&self, campaign: &Campaign, to: &[String]) -> anyhow::Result<Vec<UserNumber>> {
        if to.is_empty() {
            let testers = self.platform.store.testers(campaign.account).await?;
            return Ok(testers.into_iter().map(|tester| tester.number).collect());
        }
        let directory = self.platform.directory();
        let mut chosen = Vec::new();
        for friend in to {
            let number = directory.friend_named(campaign.account, friend).await?;
            if !chosen.contains(&number) {
                chosen.push(number);
            }
        }
        Ok(chosen)
    }

    /// What a campaign says: as it was finished, or a draft as it was saved last.
    async fn said(
        &self,
        campaign: &Campaign,
    ) -> anyhow::Result<(String, domain::campaign::Purpose, String)> {
        let parts = match campaign.state {
            CampaignState::Draft => self.platform.store.draft_parts(campaign.id).await?,
            _ => Vec::new(),
        };
        let message = parts.into_iter().find(|part| part.part == Part::Message);
        let Some(message) = message else {
            let (name, messages) = (campaign.name.clone(), campaign.messages.clone());
            return Ok((name, campaign.purpose, messages));
        };
        let finished = console::composer::finished(&message.content, &self.platform.rules);
        let finished = finished.map_err(|wrong| {
            let words = wrong
                .iter()
                .map(|(field, why)| format!("{field}: {}", why.message));
            anyhow::anyhow!(words.collect::<Vec<_>>().join("; "))
        });
        let finished = finished.context("the draft cannot be sent yet")?;
        Ok((finished.name, finished.purpose, finished.messages))
    }
}
