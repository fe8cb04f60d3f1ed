//! Operators, businesses, accounts, members, wordings.

use anyhow::anyhow;
use clap::Subcommand;
use directory::{AccountRequest, Role};
use domain::id::BusinessId;
use domain::money::Currency;
use serde_json::json;

use super::Shell;

#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    Create {
        #[arg(long)]
        email: String,
        #[arg(long)]
        name: String,
        /// The IANA name of the place whose time the pages show
        #[arg(long, default_value = "Asia/Seoul")]
        zone: String,
        /// Reads the password from the standard input, so that it stands in no history; without,
        /// the operator cannot sign in
        #[arg(long)]
        password_stdin: bool,
    },
    /// Sets the password of an operator, read from the standard input; ends their sessions
    Password {
        #[arg(long)]
        email: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum BusinessCommand {
    Create {
        #[arg(long)]
        name: String,
        /// KRW, JPY, USD or EUR
        #[arg(long, default_value = "KRW")]
        currency: Currency,
    },
}

#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    Create {
        #[arg(long)]
        business: BusinessId,
        /// What friends look for, such as @hanok
        #[arg(long)]
        handle: String,
        #[arg(long)]
        name: String,
        /// The IANA name of its place, such as Asia/Seoul
        #[arg(long)]
        zone: String,
        #[arg(long)]
        icon_url: Option<String>,
        /// Recipients per second over all of its campaigns
        #[arg(long)]
        rate: Option<u32>,
    },
}

#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    Create {
        #[arg(long)]
        business: BusinessId,
        #[arg(long)]
        email: String,
        #[arg(long)]
        name: String,
        /// owner, manager, composer, approver, analyst or finance
        #[arg(long)]
        role: String,
        /// Reads the password from the standard input, so that it stands in no history; without,
        /// the member cannot sign in
        #[arg(long)]
        password_stdin: bool,
    },
    /// Sets the password of a member, read from the standard input; ends their sessions
    Password {
        #[arg(long)]
        business: BusinessId,
        #[arg(long)]
        email: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum WordingCommand {
    Create {
        #[arg(long, value_name = "HANDLE")]
        account: String,
        #[arg(long)]
        version: String,
        #[arg(long)]
        text: String,
    },
}

impl Shell<'_> {
    pub(super) async fn operator(&self, command: OperatorCommand) -> anyhow::Result<()> {
        let (email, name, zone, password_stdin) = match command {
            OperatorCommand::Create {
                email,
                name,
                zone,
                password_stdin,
            } => (email, name, zone, password_stdin),
            OperatorCommand::Password { email } => return self.operator_password(&email).await,
        };
        let password = password_stdin.then(read_password).transpose()?;
        let directory = self.platform.directory();
        let operator = directory.add_operator(&email, &name, &zone).await?;
        if let Some(password) = password {
            let sign_in = self.platform.sign_in().of_operators();
            sign_in.set_password(operator.id, &password, None).await?;
        }
        let words = format!("operator {} {}", operator.id, operator.email);
        self.output
            .show(words, &json!({"id": operator.id, "email": operator.email}))
    }

    async fn operator_password(&self, email: &str) -> anyhow::Result<()> {
        let operators = self.platform.store.operators().await?;
        let operator = operators
            .iter()
            .find(|operator| operator.email == email.to_lowercase())
            .ok_or_else(|| anyhow!("there is no operator {email}"))?;
        let password = read_password()?;
        let sign_in = self.platform.sign_in().of_operators();
        sign_in.set_password(operator.id, &password, None).await?;
        let words = format!("{} signs in with the new password", operator.email);
        let json = json!({"id": operator.id, "email": operator.email});
        self.output.show(words, &json)
    }

    pub(super) async fn business(&self, command: BusinessCommand) -> anyhow::Result<()> {
        let BusinessCommand::Create { name, currency } = command;
        let business = self
            .platform
            .directory()
            .add_business(&name, currency)
            .await?;
        let words = format!("business {} {}, in {currency}", business.id, business.name);
        let json = json!({"id": business.id, "name": business.name, "currency": currency});
        self.output.show(words, &json)
    }

    pub(super) async fn account(&self, command: AccountCommand) -> anyhow::Result<()> {
        let AccountCommand::Create {
            business,
            handle,
            name,
            zone,
            icon_url,
            rate,
        } = command;
        let request = AccountRequest {
            handle: &handle,
            display_name: &name,
            icon_url: icon_url.as_deref(),
            time_zone: &zone,
            rate_per_second: rate,
        };
        let account = self
            .platform
            .directory()
            .add_account(business, &request)
            .await?;
        let channels = self.platform.channels().await?;
        let channel = channels.channel(account.business, account.id).await?;
        let words = format!("account {} {}", account.id, account.handle);
        let json = json!({
            "id": account.id,
            "handle": account.handle.to_string(),
            "business": account.business,
            "time_zone": account.time_zone,
            "rate_per_second": account.rate_per_second,
            "channel_id": channel.id.to_string(),
        });
        self.output.show(words, &json)
    }

    pub(super) async fn member(&self, command: MemberCommand) -> anyhow::Result<()> {
        let (business, email, name, role, password_stdin) = match command {
            MemberCommand::Create {
                business,
                email,
                name,
                role,
                password_stdin,
            } => (business, email, name, role, password_stdin),
            MemberCommand::Password { business, email } => {
                return self.password(business, &email).await;
            }
        };
        let role = Role::from_name(&role).ok_or_else(|| {
            let known = Role::ALL.map(Role::name).join(", ");
            anyhow!("role: '{role}' is not one: expected one of {known}")
        })?;
        let directory = self.platform.directory();
        let password = password_stdin.then(read_password).transpose()?;
        let member = directory.add_member(business, &email, &name, role).await?;
        if let Some(password) = password {
            let sign_in = self.platform.sign_in();
            sign_in
                .set_password(business, member.id, &password, None)
                .await?;
        }
        let words = format!("member {} {}, {}", member.id, member.email, member.role);
        let json = json!({"id": member.id, "email": member.email, "role": member.role});
        self.output.show(words, &json)
    }

    async fn password(&self, business: BusinessId, email: &str) -> anyhow::Result<()> {
        let members = self.platform.store.members_of_business(business).await?;
        let member = members
            .iter()
            .find(|member| member.email == email.to_lowercase())
            .ok_or_else(|| anyhow!("the business has no member {email}"))?;
        let password = read_password()?;
        let sign_in = self.platform.sign_in();
        sign_in
            .set_password(business, member.id, &password, None)
            .await?;
        let words = format!("{} signs in with the new password", member.email);
        self.output
            .show(words, &json!({"id": member.id, "email": member.email}))
    }

    pub(super) async fn wording(&self, command: WordingCommand) -> anyhow::Result<()> {
        let WordingCommand::Create {
            account,
            version,
            text,
        } = command;
        let directory = self.platform.directory();
        let account = directory.account_by_handle(&account).await?;
        let wording = directory
            .add_wording(account.business, account.id, &version, &text)
            .await?;
        let words = format!(
            "wording {} {} of {}",
            wording.id, wording.version, account.handle
        );
        let json = json!({"id": wording.id, "version": wording.version, "account": account.id});
        self.output.show(words, &json)
    }
}

/// One line of the standard input; checked before anything is stored.
fn read_password() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    directory::sign_in::check_password(&password)?;
    Ok(password)
}
