//! What the templates of a running campaign show, in words and shares.

use askama::Template;
use directory::Permission;
use domain::campaign::{CampaignState, PauseReason};
use domain::contract::Billable;
use store::receipt::CampaignReceipts;
use words::Words;

use super::Tally;
use super::chart::PaceChart;
use super::outcome::{self, Outcome};
use super::tally::{CampaignMoney, People};
use crate::desk::Desk;
use crate::error::Error;
use crate::reasons;
use crate::state::ConsoleState;

/// What goes further away than this is said with its day.
const CLOCK_ALONE_SECONDS: u64 = 12 * 3_600;

/// Everything of the page that changes while one looks.
#[derive(Template)]
#[template(path = "running/live.html")]
pub struct LivePart<'a> {
    words: Words,
    tally: &'a Tally,
    /// The campaign's address.
    base: String,
    people: People,
    name: &'a str,
    state: &'static str,
    state_words: String,
    about: String,
    percent: String,
    so_far: String,
    /// When it ends, or why that cannot be said.
    end: String,
    bar: Vec<Segment>,
    bar_words: String,
    pace: PaceChart,
    skipped: Vec<Reason>,
    failed: Vec<Reason>,
    left_out: Vec<Reason>,
    left_out_people: String,
    money: MoneyPart,
    chunks: Vec<ChunkRow>,
    responses: Option<Responses>,
    banner: Option<Banner>,
    outcome: Option<Outcome>,
    may_send: bool,
}

/// A part of the bar and its line in the legend.
pub struct Segment {
    pub class: &'static str,
    pub x: String,
    pub width: String,
    pub words: String,
    pub people: String,
}

pub struct Reason {
    pub words: String,
    pub people: String,
    pub width: String,
}

pub struct MoneyPart {
    pub held: String,
    pub captured: String,
    pub released: String,
    pub open: String,
    /// Of what is open: what goes back once it is over.
    pub goes_back: Option<String>,
    pub rule: Option<String>,
    pub captured_width: String,
    pub released_x: String,
    pub released_width: String,
}

pub struct ChunkRow {
    pub state: &'static str,
    pub words: String,
    pub note: Option<String>,
    pub chunks: String,
}

pub struct Responses {
    pub opened: String,
    pub opened_share: String,
    pub clicked: String,
    pub clicked_share: String,
    pub blocked: String,
    pub blocked_share: String,
}

pub struct Banner {
    pub tone: &'static str,
    pub icon: &'static str,
    pub title: String,
    pub text: String,
}

/// The rows of the question before a cancel: people and money by what becomes of them. They add up
/// to everybody who was counted, and to the hold.
pub struct CancelPart {
    pub title: String,
    pub button: String,
    pub rows: Vec<CancelRow>,
    pub total_people: String,
    pub total_money: String,
    /// For the pause: who waits, and what stays held for them.
    pub pause_text: String,
}

pub struct CancelRow {
    pub words: String,
    pub people: String,
    pub money: String,
    pub is_key: bool,
}

impl<'a> LivePart<'a> {
    pub async fn of(
        state: &ConsoleState,
        desk: &Desk,
        tally: &'a Tally,
    ) -> Result<LivePart<'a>, Error> {
        let (words, people, campaign) = (desk.words, tally.people, &tally.campaign);
        let rates = [
            campaign.rate_per_second,
            desk.account.rate_per_second,
            state.connector_rate,
        ];
        let receipts = (people.delivered > 0).then_some(&*tally.receipts.1);
        Ok(Self {
            words,
            tally,
            base: desk.at(&format!("/campaigns/{}", campaign.id)),
            people,
            name: &campaign.name,
            state: match tally.cancel() {
                Some(_) => "cancelled",
                None => badge_of(campaign.shown_state()),
            },
            state_words: state_words(&words, campaign.shown_state()),
            about: about(desk, tally),
            percent: percent_of(&people),
            so_far: words
                .t("running-so-far")
                .num("done", people.finished())
                .num("all", people.counted)
                .to_string(),
            end: end_of(desk, tally),
            bar: bar(&words, &people, campaign.billable()),
            bar_words: bar_words(&words, &people, campaign.billable()),
            pace: PaceChart::of(desk, tally, rates.into_iter().flatten().min()),
            skipped: skipped(&words, tally),
            failed: failed(&words, tally),
            left_out: left_out(&words, tally),
            left_out_people: words.count(tally.left_out.iter().map(|(_, n)| n).sum::<u64>()),
            money: money_part(&words, &people, &tally.money),
            chunks: chunk_rows(&words, tally),
            responses: receipts.map(|receipts| responses(&words, receipts)),
            banner: banner(desk, tally),
            outcome: outcome::of_tally(desk, tally).await?,
            may_send: desk.may(Permission::Send),
        })
    }

    pub fn name(&self) -> &str {
        self.name
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    fn may_pause(&self) -> bool {
        self.may_send && self.tally.campaign.shown_state() == CampaignState::Running
    }

    pub fn may_resume(&self) -> bool {
        let campaign = &self.tally.campaign;
        // It goes on already: the messenger is being asked.
        let goes_on = campaign.restored_at.is_some() && campaign.resumed_at.is_some();
        let stands_still = matches!(campaign.shown_state(), CampaignState::Paused(_));
        self.may_send && stands_still && !goes_on
    }

    pub fn may_cancel(&self) -> bool {
        use CampaignState::{Launching, Paused, Running};
        self.may_send && matches!(self.tally.campaign.state, Launching | Running | Paused(_))
    }

    /// Whether anything moves: what stands still is not announced as live.
    fn is_moving(&self) -> bool {
        use CampaignState::{Cancelling, Launching, Running};
        matches!(
            self.tally.campaign.shown_state(),
            Launching | Running | Cancelling
        )
    }
}

impl CancelPart {
    pub fn of(desk: &Desk, tally: &Tally) -> Self {
        let (words, people, money) = (desk.words, tally.people, tally.money);
        let pending = people.in_flight + people.checking;
        let mut rows = vec![CancelRow {
            is_key: true,
            ..row(&words, &money, "running-row-not-sent", people.left)
        }];
        let over = people.skipped + people.failed - tally.dropped;
        if over > 0 {
            rows.push(row(&words, &money, "running-row-over", over));
        }
        let back_already = tally.dropped + people.stopped;
        if back_already > 0 {
            rows.push(row(&words, &money, "running-row-back", back_already));
        }
        rows.push(row(
            &words,
            &money,
            "running-row-delivered",
            people.delivered,
        ));
        if pending > 0 {
            let mut row = row(&words, &money, "running-row-pending", pending);
            row.money = words
                .t("running-up-to")
                .text("money", row.money)
                .to_string();
            rows.push(row);
        }
        let left = words
            .t("people-count")
            .num("count", people.left)
            .to_string();
        let left_money = words.money(money.of(people.left));
        let say = |key: &str| {
            words
                .t(key)
                .text("people", &left)
                .text("money", &left_money)
        };
        Self {
            title: say("running-cancel-title").to_string(),
            button: say("running-cancel-button").to_string(),
            rows,
            total_people: words
                .t("people-count")
                .num("count", people.counted)
                .to_string(),
            total_money: words.money(money.of(people.counted)),
            pause_text: say("running-pause-text").to_string(),
        }
    }
}

/// Why what was asked for was not done: the campaign moved on meanwhile.
pub fn refusal(words: &Words, state: CampaignState) -> String {
    let state = state_words(words, state);
    words.t("running-refused").text("state", state).to_string()
}

fn row(words: &Words, money: &CampaignMoney, key: &str, people: u64) -> CancelRow {
    CancelRow {
        words: words.t(key).to_string(),
        people: words.t("people-count").num("count", people).to_string(),
        money: words.money(money.of(people)),
        is_key: false,
    }
}

/// A share of a whole as the width of a shape.
pub fn width(part: u64, whole: u64) -> String {
    let share = part as f64 / whole.max(1) as f64;
    format!("{:.3}%", share.min(1.0) * 100.0)
}

const fn badge_of(state: CampaignState) -> &'static str {
    match state {
        CampaignState::Paused(_) => "paused",
        CampaignState::Cancelling => "cancelled",
        CampaignState::Closing | CampaignState::Closed => "done",
        _ => "running",
    }
}

fn state_words(words: &Words, state: CampaignState) -> String {
    let name = match state {
        CampaignState::Paused(PauseReason::Restored) => "restored".to_owned(),
        state => state.name().replace('_', "-"),
    };
    words.t(format!("running-state-{name}")).to_string()
}

fn about(desk: &Desk, tally: &Tally) -> String {
    let words = desk.words;
    let purpose = tally.campaign.purpose.name();
    let mut parts = vec![words.t(format!("running-purpose-{purpose}")).to_string()];
    if let Some(launch) = tally.campaign.launch {
        let time = words.time(launch.launched_at, &desk.zone);
        parts.push(words.t("running-started").text("time", time).to_string());
    }
    parts.push(words.zone(&desk.account.time_zone));
    parts.join(" · ")
}

/// In percent with one decimal, never more than it is: 100 means everybody.
fn percent_of(people: &People) -> String {
    let tenths = people.finished() * 1_000 / people.counted.max(1);
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn end_of(desk: &Desk, tally: &Tally) -> String {
    let words = desk.words;
    match (tally.campaign.shown_state(), tally.ends_in_seconds()) {
        (CampaignState::Launching | CampaignState::Running, Some(seconds)) => {
            let millis = tally.at.as_millis() + i64::try_from(seconds).unwrap_or(0) * 1_000;
            let at = domain::time::Timestamp::from_millis(millis);
            let time = match seconds {
                0..CLOCK_ALONE_SECONDS => words.clock(at, &desk.zone),
                _ => words.time(at, &desk.zone),
            };
            let phrase = words.t("running-ends").text("time", time);
            phrase.text("span", words.span(seconds)).to_string()
        }
        (CampaignState::Paused(_), _) => words.t("running-ends-paused").to_string(),
        (CampaignState::Cancelling | CampaignState::Closing, _) => {
            words.t("running-ends-waiting").to_string()
        }
        _ if tally.people.left == 0 => words.t("running-ends-waiting").to_string(),
        _ => words.t("running-ends-unknown").to_string(),
    }
}

/// What is in the bar, in its order: fill, key, people.
fn portions(people: &People, billable: Billable) -> [(&'static str, &'static str, u64); 7] {
    let checking = reasons::undecided(billable, ["running-checking", "running-unconfirmed"]);
    [
        ("f-1", "running-delivered", people.delivered),
        ("f-3", "running-skipped", people.skipped),
        ("f-2", "running-failed", people.failed),
        ("f-soft", "running-in-flight", people.in_flight),
        ("f-warn", checking, people.checking),
        ("f-wash", "running-left", people.left),
        ("f-ended", "running-stopped", people.stopped),
    ]
}

fn bar(words: &Words, people: &People, billable: Billable) -> Vec<Segment> {
    let mut x = 0;
    let mut segments = Vec::new();
    for (class, key, count) in portions(people, billable) {
        // What rarely happens is shown once it does.
        let is_usual = matches!(class, "f-1" | "f-soft" | "f-wash");
        if count > 0 || is_usual {
            segments.push(Segment {
                class,
                x: width(x, people.counted),
                width: width(count, people.counted),
                words: words.t(key).to_string(),
                people: words.count(count),
            });
        }
        x += count;
    }
    segments
}

fn bar_words(words: &Words, people: &People, billable: Billable) -> String {
    let shares = portions(people, billable)
        .into_iter()
        .filter(|(.., count)| *count > 0);
    let said = shares.map(|(_, key, count)| {
        let share = words.percent(count, people.counted);
        format!("{} {share}", words.t(key))
    });
    said.collect::<Vec<_>>().join(", ")
}

fn reasons_of(words: &Words, mut found: Vec<(String, u64)>) -> Vec<Reason> {
    found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let most = found.iter().map(|(_, people)| *people).max().unwrap_or(0);
    let reason = |(said, people): (String, u64)| Reason {
        words: said,
        people: words.count(people),
        width: width(people, most),
    };
    found
        .into_iter()
        .filter(|(_, people)| *people > 0)
        .map(reason)
        .collect()
}

fn skipped(words: &Words, tally: &Tally) -> Vec<Reason> {
    let named = |(rule, people): (&domain::rule::RuleId, &u64)| {
        (reasons::of_rule(words, *rule).to_string(), *people)
    };
    let mut found: Vec<_> = tally.skipped.iter().map(named).collect();
    found.push((words.t("running-dropped").to_string(), tally.dropped));
    reasons_of(words, found)
}

fn failed(words: &Words, tally: &Tally) -> Vec<Reason> {
    let named = tally
        .failed
        .iter()
        .map(|(code, people)| (reasons::of_rejection(words, *code).to_string(), *people));
    reasons_of(words, named.collect())
}

fn left_out(words: &Words, tally: &Tally) -> Vec<Reason> {
    let named = tally
        .left_out
        .iter()
        .map(|(rule, people)| (reasons::of_rule(words, *rule).to_string(), *people));
    reasons_of(words, named.collect())
}

fn money_part(words: &Words, people: &People, money: &CampaignMoney) -> MoneyPart {
    let micro = |money: domain::money::Money| money.micro().unsigned_abs();
    let held = micro(money.held);
    let not_billed = money.of(people.skipped + people.failed + people.stopped);
    // The books follow the record within a second: both numbers are of the books.
    let captured_people = micro(money.captured) / micro(money.unit_price).max(1);
    let rule = words
        .t("running-money-rule")
        .num("people", captured_people)
        .text("price", words.money(money.unit_price))
        .to_string();
    // A part of it may be back already.
    let goes_back = not_billed.checked_sub(money.released).ok();
    let goes_back = goes_back.filter(|left| !left.is_zero() && !left.is_negative());
    MoneyPart {
        held: words.money(money.held),
        captured: words.money(money.captured),
        released: words.money(money.released),
        open: words.money(money.open),
        goes_back: goes_back.map(|left| words.money(left)),
        rule: Some(rule).filter(|_| !money.is_by_unit),
        captured_width: width(micro(money.captured), held),
        released_x: width(micro(money.captured), held),
        released_width: width(micro(money.released), held),
    }
}

fn chunk_rows(words: &Words, tally: &Tally) -> Vec<ChunkRow> {
    let chunks = tally.chunks;
    let freezing = tally.freeze.map(|(done, all)| {
        let share = words.percent(done, all);
        words
            .t("running-chunk-freezing")
            .text("share", share)
            .to_string()
    });
    let rows = [
        ("settled", "recorded", chunks.recorded, None),
        ("sending", "sending", chunks.sending, None),
        (
            "unknown",
            "unknown",
            chunks.unknown,
            Some("running-chunk-unknown-note"),
        ),
        (
            "quarantined",
            "quarantined",
            chunks.quarantined,
            Some("running-chunk-quarantined-note"),
        ),
        ("planned", "ready", chunks.ready, None),
        ("cancelled", "cancelled", chunks.cancelled, None),
    ];
    let is_usual = |state: &str| matches!(state, "settled" | "sending" | "planned");
    let shown = rows
        .into_iter()
        .filter(|(state, _, count, _)| *count > 0 || is_usual(state));
    let row = |(state, key, count, note): (&'static str, &str, u64, Option<&str>)| ChunkRow {
        state,
        words: words.t(format!("running-chunk-{key}")).to_string(),
        note: match state {
            "planned" => freezing.clone(),
            _ => note.map(|key| words.t(key).to_string()),
        },
        chunks: words.count(count),
    };
    shown.map(row).collect()
}

fn responses(words: &Words, receipts: &CampaignReceipts) -> Responses {
    let share = |people: u64| words.percent(people, receipts.delivered);
    let (opened, clicked) = (receipts.opened.people, receipts.clicked.people);
    let blocked = receipts.blocked_afterwards;
    Responses {
        opened: words.count(opened),
        opened_share: share(opened),
        clicked: words.count(clicked),
        clicked_share: share(clicked),
        blocked: words.count(blocked),
        blocked_share: share(blocked),
    }
}

fn banner(desk: &Desk, tally: &Tally) -> Option<Banner> {
    let (words, people) = (desk.words, tally.people);
    let count = |people: u64| words.t("people-count").num("count", people).to_string();
    let left = count(people.left);
    let money = words.money(tally.money.of(people.left));
    if tally.campaign.restored_at.is_some() {
        let key = match tally.campaign.resumed_at {
            None => "running-restored",
            Some(_) => "running-restored-asking",
        };
        return Some(Banner {
            tone: "warn",
            icon: "alert",
            title: words.t(key).to_string(),
            text: words.t(format!("{key}-text")).to_string(),
        });
    }
    match tally.campaign.state {
        CampaignState::Launching => Some(Banner {
            tone: "calm",
            icon: "hourglass",
            title: words.t("running-launching").to_string(),
            text: words
                .t("running-launching-text")
                .text("people", count(people.counted))
                .to_string(),
        }),
        CampaignState::Paused(reason) => Some(Banner {
            tone: "warn",
            icon: "pause",
            title: reasons::of_pause(&words, reason).to_string(),
            text: words
                .t("running-paused-text")
                .text("people", left)
                .text("money", money)
                .to_string(),
        }),
        CampaignState::Closing if people.checking > 0 => {
            let until = tally.uncertain_until?;
            let money = words.money(tally.money.of(people.checking));
            let said = |keys| words.t(reasons::undecided(tally.campaign.billable(), keys));
            let text = said(["running-uncertain-text", "running-unconfirmed-text"])
                .text("time", words.time(until, &desk.zone))
                .text("money", money);
            Some(Banner {
                tone: "warn",
                icon: "hourglass",
                title: said(["running-uncertain", "running-unconfirmed-title"])
                    .text("people", count(people.checking))
                    .to_string(),
                text: text.to_string(),
            })
        }
        _ => None,
    }
}
