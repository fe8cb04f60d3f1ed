//! What the page shows of a campaign's figures: funnel, bill, links, blocks, reasons.

use billing::{BillLine, CampaignFigures};
use domain::band::{self, Slice};
use domain::contract::Billable;
use domain::money::{InvalidMoney, MICRO_PER_UNIT, Money};
use domain::price;
use domain::time::Timestamp;
use store::campaign::Campaign;
use words::Words;

use super::course::{Course, course};
use crate::desk::Desk;
use crate::reasons;

pub struct Figures {
    pub funnel: Vec<Step>,
    pub bill: Bill,
    pub course: Option<Course>,
    pub links: Vec<LinkRow>,
    pub all_links: Option<LinkRow>,
    pub blocks: Blocks,
    /// Lists of people who did not get it, each with its reasons.
    pub missing: Vec<Missing>,
    pub undecided: Option<Undecided>,
    pub cancelled: Option<Cancelled>,
}

/// A bar of the funnel.
pub struct Step {
    pub name: String,
    pub count: String,
    pub width: String,
    pub note: String,
    pub fill: &'static str,
}

pub struct Bill {
    pub quoted: Row,
    pub held: Row,
    pub lines: Vec<Row>,
    /// Recorded, and booked within a second.
    pub soon: Option<Row>,
    /// What came back when a month was closed.
    pub re_rated: Option<Row>,
    pub vat: Row,
    pub total: Row,
    pub released: Row,
    pub open: Option<Row>,
    pub note: String,
    pub outcomes: Vec<OutcomeRow>,
}

pub struct Row {
    pub name: String,
    pub amount: String,
}

/// What became of the people of one tariff, and what it costs.
pub struct OutcomeRow {
    pub tariff: String,
    pub outcome: String,
    pub people: String,
    pub unit_price: String,
    pub amount: String,
}

pub struct LinkRow {
    pub label: String,
    pub url: String,
    pub people: String,
    pub clicks: String,
    pub share: String,
}

pub struct Blocks {
    pub people: String,
    pub share: String,
    /// Since the launch: within an hour, a day, later.
    pub rows: Vec<Row>,
}

pub struct Missing {
    pub title: String,
    pub note: String,
    pub people: String,
    pub reasons: Vec<Reason>,
}

pub struct Reason {
    pub words: String,
    pub people: String,
    pub width: String,
    /// The filter of the sends it leads to.
    pub query: String,
}

/// Whoever is decided later.
pub struct Undecided {
    pub title: String,
    pub text: String,
}

pub struct Cancelled {
    pub sent: String,
    pub unsent: String,
}

impl Figures {
    pub fn of(desk: &Desk, campaign: &Campaign, figures: &CampaignFigures) -> Self {
        let words = desk.words;
        Self {
            funnel: funnel(&words, campaign, figures),
            bill: Bill::of(&words, figures),
            course: course(&words, &desk.zone, figures, desk.now),
            links: links(&words, figures),
            all_links: all_links(&words, figures),
            blocks: Blocks::of(&words, figures),
            missing: missing(&words, figures),
            undecided: undecided(desk, figures),
            cancelled: cancelled(&words, figures),
        }
    }
}

/// People it is meant for: as frozen, and before that as counted and paid for.
fn target(campaign: &Campaign, figures: &CampaignFigures) -> u64 {
    let granted = figures.bill.lines.iter().map(|line| line.granted).sum();
    match campaign.freeze_ended_at {
        Some(_) => figures.bill.outcomes.frozen(),
        None => figures.bill.outcomes.frozen().max(granted),
    }
}

fn funnel(words: &Words, campaign: &Campaign, figures: &CampaignFigures) -> Vec<Step> {
    let target = target(campaign, figures);
    let receipts = &figures.receipts;
    let delivered = receipts.delivered;
    let step = |key: &str, count: u64, note: String, fill| Step {
        name: words.t(key).to_string(),
        count: words.count(count),
        width: width(count, target),
        note,
        fill,
    };
    let share = |key: &str, part: u64, whole: u64| {
        let share = words.percent(part, whole);
        words.t(key).text("share", share).to_string()
    };
    let of_target = share("report-of-target", delivered, target);
    let of_delivered = |part: u64| share("report-of-delivered", part, delivered);
    let (opened, clicked) = (receipts.opened.people, receipts.clicked.people);
    let mut steps = vec![
        step(
            "report-target",
            target,
            words.t("report-target-note").to_string(),
            "f-soft",
        ),
        step("report-delivered", delivered, of_target, "f-1"),
        step("report-opened", opened, of_delivered(opened), "f-1"),
        step("report-clicked", clicked, of_delivered(clicked), "f-1"),
    ];
    let used = receipts.coupon_used.people;
    if used > 0 {
        steps.push(step("report-coupon", used, of_delivered(used), "f-2"));
    }
    steps
}

/// A part of a whole as the width of a bar; what is there at all is seen.
fn width(part: u64, whole: u64) -> String {
    let share = match whole {
        0 => 0.0,
        _ => part as f64 / whole as f64 * 100.0,
    };
    let least = if part > 0 { 0.4 } else { 0.0 };
    format!("{:.2}%", share.clamp(least, 100.0))
}

impl Bill {
    fn of(words: &Words, figures: &CampaignFigures) -> Self {
        let bill = &figures.bill;
        let row = |name: String, amount: String| Row { name, amount };
        let said = |key: &str| words.t(key).to_string();
        let vat = price::vat(bill.captured).unwrap_or(Money::zero(bill.captured.currency()));
        let total = bill.captured.checked_add(vat).unwrap_or(bill.captured);
        // A receipt's second of difference, never more: what is recorded is booked by the roll-up.
        let soon = recorded(bill).and_then(|recorded| recorded.checked_sub(bill.captured));
        let soon = soon
            .ok()
            .filter(|soon| !soon.is_zero() && !soon.is_negative());
        let released = words.t("report-released").num("count", given_back(figures));
        let version = bill.price_version.unwrap_or_default();
        let note = match cost_per_clicker(figures) {
            Some(cost) => words
                .t("report-price-and-cost")
                .num("version", version)
                .text("cost", words.money(cost)),
            None => words.t("report-price").num("version", version),
        };
        Self {
            quoted: row(said("report-quoted"), words.money(bill.quoted)),
            held: row(said("report-held"), words.money(bill.held)),
            lines: bill
                .lines
                .iter()
                .flat_map(|line| products(words, line))
                .collect(),
            soon: soon.map(|soon| row(said("report-soon"), format!("−{}", words.money(soon)))),
            re_rated: (!bill.re_rated.is_zero()).then(|| {
                let amount = format!("−{}", words.money(bill.re_rated));
                row(said("wallet-kind-re-rating"), amount)
            }),
            vat: row(
                words
                    .t("report-vat")
                    .num("percent", price::VAT_PERCENT)
                    .to_string(),
                words.money(vat),
            ),
            total: row(said("report-total"), words.money(total)),
            released: row(released.to_string(), words.money(bill.released)),
            open: (!bill.open.is_zero()).then(|| row(said("report-open"), words.money(bill.open))),
            note: note.to_string(),
            outcomes: bill
                .lines
                .iter()
                .flat_map(|line| outcomes(words, line, bill.billable))
                .collect(),
        }
    }
}

/// `1,000 × 15원`, and what it comes to: a row per price.
fn products(words: &Words, line: &BillLine) -> Vec<Row> {
    let tariff = words.t(format!(
        "report-tariff-{}",
        line.tariff.name().replace('_', "-")
    ));
    let row = |charge: &Slice| {
        let Slice { units, unit_price } = *charge;
        let amount = unit_price.times(units).map(|amount| words.money(amount));
        let (people, price) = (words.count(units), words.money(unit_price));
        Row {
            name: format!("{tariff} {people} × {price}"),
            amount: amount.unwrap_or_default(),
        }
    };
    line.charges.iter().map(row).collect()
}

fn outcomes(words: &Words, line: &BillLine, billable: Billable) -> Vec<OutcomeRow> {
    let of = &line.outcomes;
    let undecided = reasons::undecided(billable, ["outcome-uncertain", "outcome-unconfirmed"]);
    let kinds = [
        ("outcome-accepted", of.accepted, true),
        ("outcome-failed", of.failed, false),
        ("outcome-excluded", of.excluded, false),
        ("outcome-cancelled", of.cancelled, false),
        (undecided, of.uncertain, false),
        ("outcome-pending", of.pending, false),
    ];
    let tariff = words.t(format!(
        "report-tariff-{}",
        line.tariff.name().replace('_', "-")
    ));
    let tariff = tariff.to_string();
    let zero = Money::zero(line.unit_price.currency());
    let shown = kinds
        .into_iter()
        .filter(|(_, people, is_billed)| *people > 0 || *is_billed);
    let row = |(key, people, is_billed): (&str, u64, bool)| {
        let (unit_price, amount) = match (is_billed, &line.charges[..]) {
            (false, _) => (words.money(zero), zero),
            (true, [one]) => {
                let amount = one.unit_price.times(people).unwrap_or(zero);
                (words.money(one.unit_price), amount)
            }
            // Several prices have no one: the rows above tell them.
            (true, charges) => {
                let amount = band::total(charges, zero.currency()).unwrap_or(zero);
                ("—".to_owned(), amount)
            }
        };
        OutcomeRow {
            tariff: tariff.clone(),
            outcome: words.t(key).to_string(),
            people: words.count(people),
            unit_price,
            amount: words.money(amount),
        }
    };
    shown.map(row).collect()
}

/// What one person who clicked cost, to the whole unit.
fn cost_per_clicker(figures: &CampaignFigures) -> Option<Money> {
    let people = i64::try_from(figures.receipts.clicked.people).ok()?;
    let micro = figures.bill.captured.micro().checked_div(people)?;
    let whole = (micro + MICRO_PER_UNIT / 2) / MICRO_PER_UNIT;
    let cost = Money::whole(whole, figures.bill.captured.currency());
    (!cost.is_zero()).then_some(cost)
}

fn links(words: &Words, figures: &CampaignFigures) -> Vec<LinkRow> {
    let delivered = figures.receipts.delivered;
    let links = figures.receipts.links.iter().map(|link| LinkRow {
        label: match link.label.is_empty() {
            true => words
                .t("report-link-unnamed")
                .num("message", link.message + 1)
                .to_string(),
            false => link.label.clone(),
        },
        url: short_url(&link.url).to_owned(),
        people: words.count(link.unique),
        clicks: words.count(link.total),
        share: words.percent(link.unique, delivered),
    });
    links.collect()
}

/// Everybody once, whatever they clicked.
fn all_links(words: &Words, figures: &CampaignFigures) -> Option<LinkRow> {
    let receipts = &figures.receipts;
    let is_worth_it = receipts.links.len() > 1 || receipts.clicked.people > 0;
    is_worth_it.then(|| LinkRow {
        label: words.t("report-links-all").to_string(),
        url: String::new(),
        people: words.count(receipts.clicked.people),
        clicks: words.count(receipts.clicked.total),
        share: words.percent(receipts.clicked.people, receipts.delivered),
    })
}

fn short_url(url: &str) -> &str {
    let bare = url.strip_prefix("https://").unwrap_or(url);
    bare.strip_suffix('/').unwrap_or(bare)
}

impl Blocks {
    fn of(words: &Words, figures: &CampaignFigures) -> Self {
        let receipts = &figures.receipts;
        let (mut hour, mut day, mut later) = (0, 0, 0);
        for bucket in &receipts.over_time {
            let seconds = figures
                .epoch
                .map_or(0, |epoch| bucket.at.since(epoch).as_secs());
            match seconds {
                ..3_600 => hour += bucket.blocked,
                3_600..86_400 => day += bucket.blocked,
                _ => later += bucket.blocked,
            }
        }
        let row = |key: &str, people: u64| Row {
            name: words.t(key).to_string(),
            amount: words.count(people),
        };
        Self {
            people: words.count(receipts.blocked_afterwards),
            share: words.percent(receipts.blocked_afterwards, receipts.delivered),
            rows: vec![
                row("report-blocked-hour", hour),
                row("report-blocked-day", day),
                row("report-blocked-later", later),
            ],
        }
    }
}

fn missing(words: &Words, figures: &CampaignFigures) -> Vec<Missing> {
    let skipped = figures.skipped.iter().map(|(rule, people)| {
        let said = reasons::of_rule(words, *rule).to_string();
        (
            said,
            *people,
            format!("outcome=skipped&reason={}", rule.name()),
        )
    });
    let left_out = figures.left_out.iter().map(|(rule, people)| {
        let said = reasons::of_rule(words, *rule).to_string();
        (
            said,
            *people,
            format!("outcome=skipped&reason={}", rule.name()),
        )
    });
    let failed = figures.failed.iter().map(|(code, people)| {
        let said = reasons::of_rejection(words, *code).to_string();
        (
            said,
            *people,
            format!("outcome=failed&reason={}", code.name()),
        )
    });
    let lists = [
        ("report-failed", failed.collect()),
        ("report-skipped", skipped.collect()),
        ("report-left-out", left_out.collect()),
    ];
    lists
        .into_iter()
        .filter(|(_, reasons): &(_, Vec<_>)| !reasons.is_empty())
        .map(|(key, reasons)| missing_list(words, key, reasons))
        .collect()
}

fn missing_list(words: &Words, key: &str, reasons: Vec<(String, u64, String)>) -> Missing {
    let most = reasons
        .iter()
        .map(|(_, people, _)| *people)
        .max()
        .unwrap_or(0);
    let all: u64 = reasons.iter().map(|(_, people, _)| *people).sum();
    let reason = |(said, people, query): (String, u64, String)| Reason {
        words: said,
        people: words.count(people),
        width: width(people, most),
        query,
    };
    Missing {
        title: words.t(key).to_string(),
        note: words.t(format!("{key}-note")).to_string(),
        people: words.t("people-count").num("count", all).to_string(),
        reasons: reasons.into_iter().map(reason).collect(),
    }
}

fn undecided(desk: &Desk, figures: &CampaignFigures) -> Option<Undecided> {
    let until: Timestamp = figures.uncertain_until?;
    let people = figures.bill.outcomes.uncertain;
    let open = figures.bill.open;
    let words = desk.words;
    let said = |keys| words.t(reasons::undecided(figures.bill.billable, keys));
    let text = said(["report-uncertain", "report-unconfirmed"])
        .num("count", people)
        .text("until", words.time(until, &desk.zone))
        .text("amount", words.money(open));
    Some(Undecided {
        title: said(["report-uncertain-title", "report-unconfirmed-title"]).to_string(),
        text: text.to_string(),
    })
}

fn cancelled(words: &Words, figures: &CampaignFigures) -> Option<Cancelled> {
    if !figures.bill.is_cancelled {
        return None;
    }
    let bill = &figures.bill;
    let said = |key: &str, people: u64, money: Money| {
        let people = words.t(key).num("count", people);
        people.text("amount", words.money(money)).to_string()
    };
    Some(Cancelled {
        sent: said(
            "report-cancelled-sent",
            bill.outcomes.accepted,
            // As recorded: of these people, whatever the roll-up has booked by now.
            recorded(bill).unwrap_or(bill.captured),
        ),
        unsent: said(
            "report-cancelled-unsent",
            given_back(figures),
            bill.released,
        ),
    })
}

/// What the sends recorded so far cost, less what came back.
fn recorded(bill: &billing::Bill) -> Result<Money, InvalidMoney> {
    let nothing = Money::zero(bill.captured.currency());
    let charged = bill.lines.iter().try_fold(nothing, |sum, line| {
        sum.checked_add(band::total(&line.charges, sum.currency())?)
    });
    charged?.checked_sub(bill.re_rated)
}

/// People who were paid for at launch and are not billed: their money goes back.
fn given_back(figures: &CampaignFigures) -> u64 {
    let bill = &figures.bill;
    let counted: u64 = bill.lines.iter().map(|line| line.counted).sum();
    let kept = bill.outcomes.accepted + bill.outcomes.pending + bill.outcomes.uncertain;
    counted.max(bill.outcomes.frozen()).saturating_sub(kept)
}
