//! Campaigns from a shell: created, launched, paused, resumed, cancelled, shown, reported.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use directory::CampaignRequest;
use domain::audience::LimitMethod;
use domain::campaign::Purpose;
use domain::contract::Billable;
use domain::id::CampaignId;
use domain::money::Money;
use domain::outcome::Outcome;
use domain::schedule::{Schedule, WallTime};
use domain::shortage::IfShort;
use scheduler::{Launched, control};
use serde_json::json;
use store::campaign::Campaign;
use store::shortage::PartialLaunch;

use super::Shell;
use crate::output::thousands;
use crate::progress;

/// How long after its launch a campaign's pushes may begin, unless told otherwise.
const LIFETIME_SECONDS: u32 = 24 * 60 * 60;

#[derive(Debug, Subcommand)]
pub enum CampaignCommand {
    /// Writes a campaign and approves it; with --at it is scheduled
    Create(CreateArgs),
    /// Sends what it says to testers now: free, and the campaign stays as it is
    Test {
        id: CampaignId,
        /// A tester, by usr_… or the messenger's key; may be repeated [default: every tester]
        #[arg(long, value_name = "FRIEND")]
        to: Vec<String>,
    },
    /// Launches an approved campaign now: counts, holds the money, begins to send
    Launch {
        id: CampaignId,
        /// Refuses to launch where it would cost more than this
        #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
        max_amount: Option<String>,
    },
    /// Stops new pushes; what is in flight finishes
    Pause { id: CampaignId },
    /// Goes on with a paused campaign
    Resume { id: CampaignId },
    /// Ends what has not begun and gives its money back
    Cancel { id: CampaignId },
    /// Its state, outcomes and bill
    Show { id: CampaignId },
    /// One line for every recipient, as CSV
    Report {
        id: CampaignId,
        /// [default: the standard output]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    #[arg(long, value_name = "HANDLE")]
    account: String,
    #[arg(long)]
    name: String,
    /// 1 to 5 message objects as JSON, or @FILE
    #[arg(long, value_name = "JSON|@FILE")]
    messages: String,
    /// An audience as JSON, or @FILE [default: every friend]
    #[arg(long, value_name = "JSON|@FILE")]
    audience: Option<String>,
    /// Recipients per second
    #[arg(long)]
    rate: Option<u32>,
    #[arg(long, value_enum, default_value = "promotion")]
    purpose: PurposeName,
    /// The wall time of its start, such as "2026-12-01 09:00"
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Where --at is read off the wall [default: the account's]
    #[arg(long, requires = "at")]
    zone: Option<String>,
    /// How long after its launch pushes may begin
    #[arg(long, value_name = "SECONDS", default_value_t = LIFETIME_SECONDS)]
    lifetime: u32,
    /// What happens where money, plan or budgets do not suffice for everybody
    #[arg(long, value_enum, default_value = "do-not-start")]
    if_short: IfShortName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PurposeName {
    Promotion,
    Information,
}

/// The choices, as flags say them.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum IfShortName {
    /// It is not sent before somebody sends it again
    DoNotStart,
    /// It is sent by itself after a top-up
    Wait,
    /// It is sent to those of the lowest user numbers that there is enough for
    FewerByNumber,
    /// It is sent to as many, drawn by a recorded seed
    FewerAtRandom,
}

impl From<IfShortName> for IfShort {
    fn from(name: IfShortName) -> Self {
        match name {
            IfShortName::DoNotStart => Self::DoNotStart,
            IfShortName::Wait => Self::Wait,
            IfShortName::FewerByNumber => Self::FewerByNumber,
            IfShortName::FewerAtRandom => Self::FewerAtRandom,
        }
    }
}

impl Shell<'_> {
    pub(super) async fn campaign(&self, command: CampaignCommand) -> anyhow::Result<()> {
        match command {
            CampaignCommand::Create(arguments) => self.create(arguments).await,
            CampaignCommand::Test { id, to } => self.test(id, &to).await,
            CampaignCommand::Launch { id, max_amount } => self.launch(id, max_amount).await,
            CampaignCommand::Pause { id } => {
                control::pause(&self.platform.store, id).await?;
                self.show_state(id).await
            }
            CampaignCommand::Resume { id } => {
                let clock = self.platform.clock.as_ref();
                control::resume(&self.platform.store, clock, id).await?;
                self.show_state(id).await
            }
            CampaignCommand::Cancel { id } => self.cancel(id).await,
            CampaignCommand::Show { id } => self.show(id).await,
            CampaignCommand::Report { id, output } => self.report(id, output.as_deref()).await,
        }
    }

    async fn create(&self, arguments: CreateArgs) -> anyhow::Result<()> {
        let directory = self.platform.directory();
        let account = directory.account_by_handle(&arguments.account).await?;
        let schedule = match &arguments.at {
            None => Schedule::Now,
            Some(at) => {
                let zone = arguments.zone.as_deref().unwrap_or(&account.time_zone);
                Schedule::At(WallTime::parse(at, zone)?)
            }
        };
        let messages = text_or_file("messages", &arguments.messages)?;
        let audience = arguments
            .audience
            .as_deref()
            .map(|audience| text_or_file("audience", audience))
            .transpose()?;
        let request = CampaignRequest {
            name: &arguments.name,
            purpose: match arguments.purpose {
                PurposeName::Promotion => Purpose::Promotion,
                PurposeName::Information => Purpose::Information,
            },
            messages: &messages,
            audience: audience.as_deref(),
            schedule: &schedule,
            rate_per_second: arguments.rate,
            lifetime_seconds: arguments.lifetime,
            if_short: arguments.if_short.into(),
        };
        let rules = &self.platform.rules;
        let (business, account) = (account.business, account.id);
        let campaign = directory
            .add_campaign(business, account, &request, rules)
            .await?;
        let words = format!(
            "campaign {} {}, {}",
            campaign.id, campaign.name, campaign.state
        );
        self.output.show(words, &summary(&campaign))
    }

    async fn launch(&self, id: CampaignId, max_amount: Option<String>) -> anyhow::Result<()> {
        let campaign = self.platform.store.campaign(id).await?;
        let business = self
            .platform
            .directory()
            .business(campaign.business)
            .await?;
        let highest = max_amount
            .map(|text| Money::parse(&text, business.currency))
            .transpose()?;
        let context = self.platform.launch_context();
        match scheduler::launch(&context, id, highest).await? {
            Launched::Launched {
                audience,
                reachable,
                granted,
                held,
            } => {
                let mut words = format!(
                    "launched {id}: {} of {} friends, {held} held",
                    thousands(granted),
                    thousands(audience),
                );
                if granted < reachable {
                    let asked = thousands(reachable);
                    words.push_str(&format!("; there was not enough for all {asked} of them"));
                }
                let json = json!({
                    "id": id,
                    "state": "launching",
                    "audience": audience,
                    "reachable": reachable,
                    "granted": granted,
                    "held_micro": held.micro(),
                });
                self.output.show(words, &json)
            }
            Launched::WaitsForFunds { needed, available } => bail!(
                "not launched, it waits for funds: {needed} are needed, {available} can be spent"
            ),
        }
    }

    async fn cancel(&self, id: CampaignId) -> anyhow::Result<()> {
        let platform = self.platform;
        let (clock, ids) = (platform.clock.as_ref(), platform.ids.as_ref());
        let cancelled = control::cancel(&platform.store, clock, ids, id).await?;
        let words = format!(
            "cancelled {id}: {} recipients not begun, {} not frozen, {} released",
            thousands(cancelled.units),
            thousands(cancelled.unfrozen),
            cancelled.released,
        );
        let json = json!({
            "id": id,
            "state": "cancelling",
            "cancelled": cancelled.units,
            "unfrozen": cancelled.unfrozen,
            "released_micro": cancelled.released.micro(),
        });
        self.output.show(words, &json)
    }

    async fn show_state(&self, id: CampaignId) -> anyhow::Result<()> {
        let campaign = self.platform.store.campaign(id).await?;
        self.output.show(
            format!("{id} is {}", in_words(&campaign)),
            &summary(&campaign),
        )
    }

    async fn show(&self, id: CampaignId) -> anyhow::Result<()> {
        let store = &self.platform.store;
        let campaign = store.campaign(id).await?;
        let bill = billing::bill(store, campaign.business, id).await?;
        let left_out = billing::left_out(store, campaign.business, id).await?;
        let partial = store.partial_launch(id).await?;
        let by_rule: serde_json::Map<String, serde_json::Value> = left_out
            .iter()
            .map(|(rule, count)| (rule.name().to_owned(), (*count).into()))
            .collect();
        let outcomes = bill.outcomes;
        let mut json = summary(&campaign);
        let more = json!({
            "pending": outcomes.pending,
            "accepted": outcomes.accepted,
            "failed": outcomes.failed,
            "excluded": outcomes.excluded,
            "uncertain": outcomes.uncertain,
            "billable": bill.billable,
            "cancelled": outcomes.cancelled,
            "left_out": outcomes.left_out,
            "left_out_by_rule": by_rule,
            "partial": partial.as_ref().map(partial_as_json),
            "price_version": bill.price_version,
            "currency": bill.quoted.currency(),
            "quoted_micro": bill.quoted.micro(),
            "held_micro": bill.held.micro(),
            "captured_micro": bill.captured.micro(),
            "re_rated_micro": bill.re_rated.micro(),
            "released_micro": bill.released.micro(),
            "open_micro": bill.open.micro(),
        });
        if let (Some(json), serde_json::Value::Object(more)) = (json.as_object_mut(), more) {
            json.extend(more);
        }
        let mut words = format!(
            "{id} {}: {}
  accepted {}, failed {}, excluded {}, {} {}, cancelled {}, pending {}, left out {}
  quoted {}, held {}, captured {}, released {}, open {}",
            campaign.name,
            in_words(&campaign),
            thousands(outcomes.accepted),
            thousands(outcomes.failed),
            thousands(outcomes.excluded),
            match bill.billable {
                Billable::Accepted => Outcome::Uncertain.name(),
                Billable::Delivered => Outcome::Unconfirmed.name(),
            },
            thousands(outcomes.uncertain),
            thousands(outcomes.cancelled),
            thousands(outcomes.pending),
            thousands(outcomes.left_out),
            bill.quoted,
            bill.held,
            bill.captured,
            bill.released,
            bill.open,
        );
        for (rule, count) in left_out {
            words.push_str(&format!(
                "\n  left out as {}: {}",
                rule.name(),
                thousands(count)
            ));
        }
        if let Some(partial) = &partial {
            words.push_str(&format!("\n  {}", partial_in_words(partial)));
        }
        if let Some(error) = &campaign.launch_error {
            words.push_str(&format!("\n  launch failed: {error}"));
        }
        self.output.show(words, &json)
    }

    async fn report(&self, id: CampaignId, output: Option<&Path>) -> anyhow::Result<()> {
        let store = &self.platform.store;
        let campaign = store.campaign(id).await?;
        let mut report = billing::report::SendReport::open(store, campaign.business, id).await?;
        let mut out: Box<dyn std::io::Write> = match output {
            None => Box::new(std::io::stdout().lock()),
            Some(path) => {
                let file = std::fs::File::create(path);
                Box::new(file.with_context(|| format!("cannot write {}", path.display()))?)
            }
        };
        let bar = progress::count();
        bar.set_message("sends written");
        while let Some(page) = report.next_page().await? {
            match out.write_all(&page.csv).and_then(|()| out.flush()) {
                // Whoever read it has seen enough.
                Err(error) if output.is_none() && error.kind() == ErrorKind::BrokenPipe => break,
                written => written.context("the report cannot be written")?,
            }
            bar.inc(page.lines);
        }
        bar.finish_and_clear();
        Ok(())
    }
}

/// What every command about one campaign tells.
fn summary(campaign: &Campaign) -> serde_json::Value {
    let time = |at: Option<domain::time::Timestamp>| at.map(|at| at.to_string());
    json!({
        "id": campaign.id,
        "name": campaign.name,
        "account": campaign.account,
        "business": campaign.business,
        "purpose": campaign.purpose.name(),
        "state": campaign.shown_state().name(),
        "pause_reason": campaign.shown_state().pause_reason().map(|reason| reason.name()),
        "rate_per_second": campaign.rate_per_second,
        "lifetime_seconds": campaign.lifetime_seconds,
        "if_short": campaign.if_short.name(),
        "scheduled_for": time(campaign.scheduled_for),
        "launched_at": time(campaign.launch.map(|launch| launch.launched_at)),
        "freeze_ended_at": time(campaign.freeze_ended_at),
        "closed_at": time(campaign.closed_at),
        "restored_at": time(campaign.restored_at),
        "resumed_at": time(campaign.resumed_at),
        "known_until": time(campaign.known_until),
        "launch_error": campaign.launch_error,
    })
}

/// How many a launch asked for and was granted, and how those were chosen.
fn partial_as_json(partial: &PartialLaunch) -> serde_json::Value {
    let (method, seed) = match partial.method {
        LimitMethod::UserNumber => ("user_number", None),
        LimitMethod::Random { seed } => ("random", Some(seed)),
    };
    json!({
        "asked": partial.asked,
        "granted": partial.granted,
        "method": method,
        "seed": seed,
        "short_of": partial.short_of.name(),
    })
}

fn partial_in_words(partial: &PartialLaunch) -> String {
    let chosen = match partial.method {
        LimitMethod::UserNumber => "the lowest user numbers".to_owned(),
        LimitMethod::Random { seed } => format!("drawn by the seed {seed}"),
    };
    format!(
        "granted {} of {} asked for, {chosen}: short of {}",
        thousands(partial.granted),
        thousands(partial.asked),
        partial.short_of.name(),
    )
}

/// The state, and for a campaign that came out of a backup what there is to do about it.
fn in_words(campaign: &Campaign) -> String {
    let shown = campaign.shown_state();
    match (campaign.restored_at, campaign.resumed_at) {
        (None, _) => shown.to_string(),
        (Some(_), None) => format!(
            "{shown}: it was {} in the backup and may have been sent since; resume it, and what \
             was sent is asked for first",
            campaign.state
        ),
        (Some(_), Some(_)) => format!("{shown}: the messenger is asked what was sent already"),
    }
}

/// A text as it stands, or with `@` in front the file that holds it.
fn text_or_file(what: &str, argument: &str) -> anyhow::Result<String> {
    match argument.strip_prefix('@') {
        None => Ok(argument.to_owned()),
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("{what}: cannot read {path}"))
        }
    }
}
