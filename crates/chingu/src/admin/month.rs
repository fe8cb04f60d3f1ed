//! Months that are closed and invoiced, and what follows an invoice: payments, credit notes,
//! refunds.

use anyhow::bail;
use billing::month::Checklist;
use billing::{BillingError, month};
use clap::{Args, Subcommand};
use domain::id::BusinessId;
use domain::money::Money;
use domain::price::Tariff;
use domain::time::LaunchMonth;
use serde_json::{Value, json};
use store::month::{ClosedMonth, CreditNote, MonthLine};

use super::Shell;

#[derive(Debug, Subcommand)]
pub enum MonthCommand {
    /// Goes through the list of what must add up, and changes nothing
    Check(MonthArgs),
    /// Closes a month and invoices it, or says what does not add up
    Close(MonthArgs),
    /// Closed months, the latest first
    List {
        #[arg(long)]
        business: BusinessId,
    },
    /// A closed month with the lines of its bill
    Show(MonthArgs),
}

#[derive(Debug, Args)]
pub struct MonthArgs {
    #[arg(long)]
    business: BusinessId,
    /// 2026-11; the next one that is to be closed where it is not said
    #[arg(long)]
    month: Option<LaunchMonth>,
}

#[derive(Debug, Subcommand)]
pub enum InvoiceCommand {
    /// Books the transfer that paid an invoice; the same reference again books nothing
    Pay(AmountOfMonthArgs),
}

#[derive(Debug, Subcommand)]
pub enum CreditNoteCommand {
    /// Takes a net amount of an invoice back, with its VAT
    Issue {
        #[command(flatten)]
        of_month: AmountOfMonthArgs,
        /// What it is taken back for
        #[arg(long)]
        reason: String,
    },
    /// What was taken back, the latest first
    List {
        #[arg(long)]
        business: BusinessId,
    },
}

#[derive(Debug, Subcommand)]
pub enum RefundCommand {
    /// Takes cash out of the wallet that is to be paid back
    Grant(AmountArgs),
    /// Books the transfer by which it left the bank
    Paid(AmountArgs),
}

#[derive(Debug, Args)]
pub struct AmountOfMonthArgs {
    /// The invoice's month
    #[arg(long)]
    month: LaunchMonth,
    #[command(flatten)]
    amount: AmountArgs,
}

#[derive(Debug, Args)]
pub struct AmountArgs {
    #[arg(long)]
    business: BusinessId,
    /// In whole units of the business's currency, with a point before decimals
    #[arg(long, allow_hyphen_values = true)]
    amount: String,
    /// Its own reference: the same one again books nothing
    #[arg(long)]
    reference: String,
}

impl Shell<'_> {
    pub(super) async fn month(&self, command: MonthCommand) -> anyhow::Result<()> {
        let (store, now) = (&self.platform.store, self.platform.clock.now());
        match command {
            MonthCommand::Check(arguments) => {
                let (business, of) = self.which(arguments).await?;
                let list = month::check(store, business, of, now).await?;
                self.output.show(list.to_string(), &list_as_json(&list))
            }
            MonthCommand::Close(arguments) => {
                let (business, of) = self.which(arguments).await?;
                let ids = self.platform.ids.as_ref();
                match month::close(store, business, of, now, ids).await {
                    Ok(closed) => self.output.show(in_words(&closed), &as_json(&closed)),
                    Err(BillingError::NotClosable(list)) => bail!("not closed.\n{list}"),
                    Err(error) => Err(error.into()),
                }
            }
            MonthCommand::List { business } => {
                let closed = store::month::closed(store, business, u32::MAX).await?;
                let words: Vec<String> = closed.iter().map(in_words).collect();
                let json: Vec<Value> = closed.iter().map(as_json).collect();
                self.output.show(words.join("\n"), &json!(json))
            }
            MonthCommand::Show(arguments) => {
                let Some(of) = arguments.month else {
                    bail!("which month: --month 2026-11");
                };
                self.show_month(arguments.business, of).await
            }
        }
    }

    async fn show_month(&self, business: BusinessId, of: LaunchMonth) -> anyhow::Result<()> {
        let store = &self.platform.store;
        let Some(closed) = store::month::find(store, business, of).await? else {
            bail!("{of} is not closed for {business}");
        };
        let lines = store::month::lines(store, business, of).await?;
        let mut words = in_words(&closed);
        let mut all = Vec::with_capacity(lines.len());
        for line in &lines {
            let amount = line.amount()?;
            let tariff = tariff_name(line);
            words.push_str(&format!(
                "\n{tariff}, prices {}: {} × {} = {amount}",
                line.price_version, line.units, line.unit_price
            ));
            all.push(json!({
                "tariff": tariff,
                "price_version": line.price_version,
                "unit_price_micro": line.unit_price.micro(),
                "units": line.units,
                "amount_micro": amount.micro(),
            }));
        }
        let mut json = as_json(&closed);
        json["lines"] = json!(all);
        self.output.show(words, &json)
    }

    async fn which(&self, arguments: MonthArgs) -> anyhow::Result<(BusinessId, LaunchMonth)> {
        let MonthArgs {
            business,
            month: of,
        } = arguments;
        let business = self.platform.directory().business(business).await?.id;
        let next = match of {
            Some(of) => Some(of),
            None => month::next_to_close(&self.platform.store, business).await?,
        };
        match next {
            Some(of) => Ok((business, of)),
            None => bail!("nothing was ever booked for {business}: there is no month to close"),
        }
    }

    pub(super) async fn invoice(&self, command: InvoiceCommand) -> anyhow::Result<()> {
        let InvoiceCommand::Pay(AmountOfMonthArgs { month: of, amount }) = command;
        let paid = self.amount(&amount).await?;
        let (store, now) = (&self.platform.store, self.platform.clock.now());
        let (reference, ids) = (&amount.reference, self.platform.ids.as_ref());
        let business = amount.business;
        let transaction =
            billing::invoice::pay(store, business, of, paid, reference, now, ids).await?;
        let closed = store::month::find(store, business, of).await?;
        let open = closed.map_or(Money::zero(paid.currency()), |closed| closed.open());
        let words = format!("booked {paid} as {transaction}; {open} are still due");
        let json = json!({
            "id": transaction,
            "amount_micro": paid.micro(),
            "open_micro": open.micro(),
            "currency": paid.currency(),
        });
        self.output.show(words, &json)
    }

    pub(super) async fn credit_note(&self, command: CreditNoteCommand) -> anyhow::Result<()> {
        let (store, now) = (&self.platform.store, self.platform.clock.now());
        match command {
            CreditNoteCommand::Issue { of_month, reason } => {
                let AmountOfMonthArgs { month: of, amount } = of_month;
                let net = self.amount(&amount).await?;
                let said = (amount.reference.as_str(), reason.as_str());
                let (of, ids) = ((amount.business, of), self.platform.ids.as_ref());
                let note = billing::invoice::credit_note(store, of, net, said, now, ids).await?;
                self.output.show(note_in_words(&note), &note_as_json(&note))
            }
            CreditNoteCommand::List { business } => {
                let notes = store::month::credit_notes(store, business).await?;
                let words: Vec<String> = notes.iter().map(note_in_words).collect();
                let json: Vec<Value> = notes.iter().map(note_as_json).collect();
                self.output.show(words.join("\n"), &json!(json))
            }
        }
    }

    pub(super) async fn refund(&self, command: RefundCommand) -> anyhow::Result<()> {
        let (store, now) = (&self.platform.store, self.platform.clock.now());
        let ids = self.platform.ids.as_ref();
        let (transaction, of, amount) = match &command {
            RefundCommand::Grant(of) => {
                let net = self.amount(of).await?;
                let (business, reference) = (of.business, &of.reference);
                let id =
                    billing::invoice::refund(store, business, net, reference, now, ids).await?;
                (id, of, net)
            }
            RefundCommand::Paid(of) => {
                let paid = self.amount(of).await?;
                let (business, reference) = (of.business, &of.reference);
                let refunded = billing::invoice::refund_paid;
                let id = refunded(store, business, paid, reference, now, ids).await?;
                (id, of, paid)
            }
        };
        let payable = store::month::to_refund(store, of.business).await?;
        let words = format!("booked {amount} as {transaction}; {payable} are to be paid back");
        let json = json!({
            "id": transaction,
            "amount_micro": amount.micro(),
            "to_be_paid_micro": payable.micro(),
            "currency": amount.currency(),
        });
        self.output.show(words, &json)
    }

    async fn amount(&self, of: &AmountArgs) -> anyhow::Result<Money> {
        let business = self.platform.directory().business(of.business).await?;
        Ok(Money::parse(&of.amount, business.currency)?)
    }
}

fn list_as_json(list: &Checklist) -> Value {
    json!({
        "business": list.business,
        "month": list.month.to_string(),
        "ready": list.is_ready(),
        "points": list.points,
    })
}

fn in_words(closed: &ClosedMonth) -> String {
    let amounts = closed.amounts;
    let number = closed.invoice.map_or("no invoice".to_owned(), |number| {
        format!("invoice {number}")
    });
    format!(
        "{} closed at {}, {number}: {} sends, net {}, VAT {}, rounding {}, total {}; paid {}, due \
         {}, of which {} are open",
        closed.month,
        closed.closed_at,
        closed.units,
        amounts.net,
        amounts.vat,
        amounts.rounding,
        amounts.total,
        amounts.paid,
        amounts.due,
        closed.open()
    )
}

fn as_json(closed: &ClosedMonth) -> Value {
    let amounts = closed.amounts;
    json!({
        "business": closed.business,
        "month": closed.month.to_string(),
        "invoice": closed.invoice,
        "contract_version": closed.contract_version,
        "currency": closed.captured.currency(),
        "vat_base": closed.vat_base,
        "rounding": closed.rounding,
        "units": closed.units,
        "captured_micro": closed.captured.micro(),
        "re_rated_micro": closed.re_rated.micro(),
        "promotional_micro": closed.promotional.micro(),
        "fee_micro": closed.fee.micro(),
        "net_micro": amounts.net.micro(),
        "vat_micro": amounts.vat.micro(),
        "rounding_micro": amounts.rounding.micro(),
        "total_micro": amounts.total.micro(),
        "paid_micro": amounts.paid.micro(),
        "due_micro": amounts.due.micro(),
        "open_micro": closed.open().micro(),
        "ledger_transaction": closed.ledger_transaction,
        "closed_at": closed.closed_at,
    })
}

fn tariff_name(line: &MonthLine) -> &'static str {
    Tariff::from_code(line.tariff).map_or("unknown", Tariff::name)
}

fn note_in_words(note: &CreditNote) -> String {
    let amounts = note.amounts;
    format!(
        "credit note {} on {}: net {}, VAT {}, total {}, of which {} were still due ({})",
        note.number,
        note.month,
        amounts.net,
        amounts.vat,
        amounts.total,
        note.of_receivable,
        note.reason
    )
}

fn note_as_json(note: &CreditNote) -> Value {
    let amounts = note.amounts;
    json!({
        "number": note.number,
        "month": note.month.to_string(),
        "net_micro": amounts.net.micro(),
        "vat_micro": amounts.vat.micro(),
        "rounding_micro": amounts.rounding.micro(),
        "total_micro": amounts.total.micro(),
        "of_receivable_micro": note.of_receivable.micro(),
        "currency": amounts.net.currency(),
        "reason": note.reason,
        "issued_at": note.issued_at,
        "ledger_transaction": note.ledger_transaction,
    })
}
