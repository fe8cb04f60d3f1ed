//! `chingu admin`: what pages will do one day, from a shell, on the same database beside the
//! running server.

mod organisation; // operators, businesses, accounts, members, wordings
mod money; // top-ups, promotional credit
mod contract; // contracts and price books
mod month; // closed months, invoices, and what follows them
mod budget; // the most a brand wants to spend
mod channel; // what brands' programs prove themselves with
mod tester; // friends whom drafts are sent to first, and tests of drafts
mod campaign; // campaigns, from draft to report

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::Config;
use crate::output::Output;
use crate::platform::Platform;

#[derive(Debug, Args)]
pub struct AdminArgs {
    /// Prints one JSON object instead of words
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: AdminCommand,
}

#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// The platform team
    #[command(subcommand)]
    Operator(organisation::OperatorCommand),
    /// The legal entity that pays
    #[command(subcommand)]
    Business(organisation::BusinessCommand),
    /// An official account of a business
    #[command(subcommand)]
    Account(organisation::AccountCommand),
    /// Who works for a business
    #[command(subcommand)]
    Member(organisation::MemberCommand),
    /// The words friends agree to
    #[command(subcommand)]
    Wording(organisation::WordingCommand),
    /// Books a payment; the same reference again books nothing
    TopUp(money::TopUpArgs),
    /// What a business agreed to: prepaid, a plan with a quota, postpaid within a limit
    #[command(subcommand)]
    Contract(contract::ContractCommand),
    /// Price books, published version by version
    #[command(subcommand)]
    Prices(contract::PricesCommand),
    /// Promotional credit: given for a time, spent before cash
    #[command(subcommand)]
    PromotionalCredit(money::PromotionalCreditCommand),
    /// Months of a business: checked, closed, invoiced
    #[command(subcommand)]
    Month(month::MonthCommand),
    /// What follows an invoice: its payment
    #[command(subcommand)]
    Invoice(month::InvoiceCommand),
    /// A part of an invoice taken back
    #[command(subcommand)]
    CreditNote(month::CreditNoteCommand),
    /// Cash that was never spent, paid back
    #[command(subcommand)]
    Refund(month::RefundCommand),
    /// The most that may be spent in a month, in an account's day, by a campaign
    #[command(subcommand)]
    Budget(budget::BudgetCommand),
    /// What programs of a brand prove themselves with
    #[command(subcommand)]
    Channel(channel::ChannelCommand),
    /// Long-lived tokens of a brand's programs, and all others that live
    #[command(subcommand)]
    Token(channel::TokenCommand),
    /// Friends of an account whom drafts are sent to first, free
    #[command(subcommand)]
    Tester(tester::TesterCommand),
    /// One broadcast, from draft to closed
    #[command(subcommand)]
    Campaign(campaign::CampaignCommand),
}

pub async fn run(config: &Config, arguments: AdminArgs) -> anyhow::Result<ExitCode> {
    let platform = Platform::open(config).await?;
    let shell = Shell {
        platform: &platform,
        output: Output::of(arguments.json),
    };
    let done = match arguments.command {
        AdminCommand::Operator(command) => shell.operator(command).await,
        AdminCommand::Business(command) => shell.business(command).await,
        AdminCommand::Account(command) => shell.account(command).await,
        AdminCommand::Member(command) => shell.member(command).await,
        AdminCommand::Wording(command) => shell.wording(command).await,
        AdminCommand::TopUp(arguments) => shell.top_up(arguments).await,
        AdminCommand::Contract(command) => shell.contract(command).await,
        AdminCommand::Prices(command) => shell.prices(command).await,
        AdminCommand::PromotionalCredit(command) => shell.promotional_credit(command).await,
        AdminCommand::Month(command) => shell.month(command).await,
        AdminCommand::Invoice(command) => shell.invoice(command).await,
        AdminCommand::CreditNote(command) => shell.credit_note(command).await,
        AdminCommand::Refund(command) => shell.refund(command).await,
        AdminCommand::Budget(command) => shell.budget(command).await,
        AdminCommand::Channel(command) => shell.channel(command).await,
        AdminCommand::Token(command) => shell.token(command).await,
        AdminCommand::Tester(command) => shell.tester(command).await,
        AdminCommand::Campaign(command) => shell.campaign(command).await,
    };
    platform.close().await?;
    done.map(|()| ExitCode::SUCCESS)
}

/// What every admin command is handed.
struct Shell<'a> {
    platform: &'a Platform,
    output: Output,
}
