//! Channels and tokens from a shell.

use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Subcommand;
use directory::Channels;
use domain::channel::{OVERLAP_MAX, TokenKeyId, kid};
use serde_json::json;
use store::channel::ChannelToken;
use store::directory::Account;

use super::Shell;

const HOUR_SECONDS: u64 = 3_600;
const OVERLAP_HOURS_MAX: u64 = OVERLAP_MAX.as_secs() / HOUR_SECONDS;

#[derive(Debug, Subcommand)]
pub enum ChannelCommand {
    /// Its id, the bot's, and the keys of assertions
    Show {
        #[arg(long, value_name = "HANDLE")]
        account: String,
        /// The secret as well
        #[arg(long)]
        secret: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// A long-lived token, printed this once; the one before ends
    Issue {
        #[arg(long, value_name = "HANDLE")]
        account: String,
        /// How long the one before goes on
        #[arg(
            long,
            value_name = "N",
            default_value_t = 0,
            value_parser = clap::value_parser!(u64).range(0..=OVERLAP_HOURS_MAX)
        )]
        overlap_hours: u64,
    },
    /// Every token that lives and is stored; nobody can read a token again
    List {
        #[arg(long, value_name = "HANDLE")]
        account: String,
    },
    /// Takes a token back, by what the list calls it
    Revoke {
        #[arg(long, value_name = "HANDLE")]
        account: String,
        #[arg(long, value_name = "KEY_ID", allow_hyphen_values = true)]
        key_id: String,
    },
}

impl Shell<'_> {
    pub(super) async fn channel(&self, command: ChannelCommand) -> anyhow::Result<()> {
        let ChannelCommand::Show { account, secret } = command;
        let (account, channels) = self.account_and_channels(&account).await?;
        let channel = channels.channel(account.business, account.id).await?;
        let keys = self.platform.store.assertion_keys(account.id).await?;
        let kids: Vec<String> = keys.iter().map(|key| kid(key.id)).collect();
        let mut words = vec![
            format!("channel {} of {}", channel.id, account.handle),
            format!("  bot    {}", channel.bot),
        ];
        words.extend(kids.iter().map(|kid| format!("  key    {kid}")));
        let mut json = json!({
            "channel_id": channel.id.to_string(),
            "bot_user_id": channel.bot.to_string(),
            "basic_id": account.handle.to_string(),
            "keys": kids,
        });
        if secret {
            let secret = channels.secret(&channel)?;
            words.push(format!("  secret {}", secret.reveal()));
            json["secret"] = json!(secret.reveal());
        }
        self.output.show(words.join("\n"), &json)
    }

    pub(super) async fn token(&self, command: TokenCommand) -> anyhow::Result<()> {
        match command {
            TokenCommand::Issue {
                account,
                overlap_hours,
            } => {
                let (account, channels) = self.account_and_channels(&account).await?;
                let overlap = Duration::from_secs(overlap_hours * HOUR_SECONDS);
                let issued = channels
                    .issue_long_lived(account.business, account.id, overlap)
                    .await?;
                let key_id = issued.key_id.context("a token that is stored")?;
                let json = json!({"token": issued.token, "key_id": key_id.as_str()});
                self.output.show(&issued.token, &json)
            }
            TokenCommand::List { account } => {
                let account = self
                    .platform
                    .directory()
                    .account_by_handle(&account)
                    .await?;
                self.list_tokens(&account).await
            }
            TokenCommand::Revoke { account, key_id } => {
                let (account, channels) = self.account_and_channels(&account).await?;
                let key_id = TokenKeyId::parse(&key_id)
                    .ok_or_else(|| anyhow!("'{key_id}' is not what a token is called"))?;
                channels
                    .revoke(account.business, account.id, &key_id)
                    .await?;
                let words = format!("token {key_id} of {} is taken back", account.handle);
                self.output.show(words, &json!({"key_id": key_id.as_str()}))
            }
        }
    }

    async fn list_tokens(&self, account: &Account) -> anyhow::Result<()> {
        let now = self.platform.clock.now();
        let live = self.platform.store.live_tokens(account.id, now).await?;
        let end = |token: &ChannelToken| token.expires_at.map(|end| end.to_string());
        let mut words = vec![format!("{} has {} tokens", account.handle, live.len())];
        words.extend(live.iter().map(|token| {
            let end = end(token).unwrap_or_else(|| "never".to_owned());
            format!("  {} {} until {end}", token.key_id, token.kind.name())
        }));
        let listed = live.iter().map(|token| {
            json!({
                "key_id": token.key_id.as_str(),
                "kind": token.kind.name(),
                "issued_at": token.issued_at.to_string(),
                "expires_at": end(token),
            })
        });
        let listed: Vec<serde_json::Value> = listed.collect();
        let json = json!({"account": account.id, "tokens": listed});
        self.output.show(words.join("\n"), &json)
    }

    async fn account_and_channels(&self, handle: &str) -> anyhow::Result<(Account, Channels)> {
        let account = self.platform.directory().account_by_handle(handle).await?;
        Ok((account, self.platform.channels().await?))
    }
}
