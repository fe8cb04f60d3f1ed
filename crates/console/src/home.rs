//! The first page after signing in: what to do next, what is being sent, what this month brought
//! and cost. Whoever has nothing yet is shown the way to the first campaign.

mod interrupted; // what an unclean end of the program interrupted
mod now; // what is being sent, again and again
pub(crate) mod todo; // what waits for somebody

use askama::Template;
use axum::response::Response;
use billing::BillingError;
use directory::Permission;
use domain::campaign::Purpose;
use domain::id::CampaignId;
use domain::money::Money;
use domain::price::{Tariff, floor, vat};
use domain::time::LocalDay;
use store::Snapshot;
use store::campaign_list::{ListQuery, ListedCampaign, SentSums};
use store::growth::{FriendTally, Growth};
use words::Words;

use crate::campaign_words::{StateGroup, called};
use crate::campaigns::moment;
use crate::campaigns::months::Month;
use crate::desk::Desk;
use crate::error::Error;
use crate::frame::{Frame, Place};
use crate::page;
use crate::wallet;
use interrupted::Interrupted;
use now::RunRow;
use todo::Todo;

pub use now::now;

/// Days the growth of friends is shown for.
const GROWTH_DAYS: u32 = 30;
/// Campaigns that ended, in the table.
const RECENT_MAX: u32 = 4;

#[derive(Template)]
#[template(path = "home/home.html")]
struct HomePage<'a> {
    frame: Frame<'a>,
    words: Words,
    interrupted: Option<Interrupted>,
    /// Budgets that are being used up, for who may see money.
    budgets: Vec<String>,
    runs: Vec<RunRow>,
    todos: Vec<Todo>,
    recent: Vec<RecentRow>,
    friends: Friends,
    sends: Sends,
    purse: Option<Purse>,
    /// The way to the first campaign; `None` once one was sent.
    steps: Option<Steps>,
    may_compose: bool,
}

struct RecentRow {
    path: String,
    name: String,
    ended: String,
    sent: String,
    opened: String,
    clicked: String,
    cost: String,
}

struct Friends {
    active: u64,
    reachable: u64,
    without_consent: u64,
    gained: u64,
    lost: u64,
    blocked: u64,
    net: String,
    is_growing: bool,
    /// Points of the line, `x,y` in a box of 100 by 30.
    line: String,
    first: u64,
}

struct Sends {
    count: u64,
    campaigns: u64,
    before: u64,
    net: String,
    unit: String,
    gross: String,
}

struct Purse {
    available: String,
    held: String,
    unit: String,
    /// How many sends that is, at the price of everybody.
    sends: Option<(String, String)>,
}

/// What is done of the way to the first campaign.
struct Steps {
    has_friends: bool,
    has_money: bool,
    has_draft: bool,
    may_manage_friends: bool,
}

pub async fn show(desk: Desk) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let words = desk.words;
    let today = LocalDay::of(desk.now, &desk.zone);
    let tally = desk.store.friend_tally(desk.account.id).await?;
    let growth = desk
        .store
        .growth(desk.account.id, today, GROWTH_DAYS)
        .await?;
    let currency = desk.business.currency;
    let unit = match billing::terms(&desk.store, desk.business.id, currency, desk.now).await {
        Ok(terms) => Some(terms.book.unit_price(Tariff::Untargeted)),
        // Nothing is priced yet: the page does without. Whatever else is wrong is no such page.
        Err(BillingError::NoPrice { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let snapshot = desk.store.snapshot().await?;
    let counts = snapshot.campaign_counts(desk.account.id).await?;
    let count = |group: StateGroup| -> u64 {
        let codes = group.codes();
        codes.iter().filter_map(|code| counts.get(code)).sum()
    };
    let has_sent = count(StateGroup::Closed) + count(StateGroup::Running) > 0;
    let runs = now::read(&snapshot, &desk).await?;
    let reach = unit.map(|unit| (tally.reachable, unit));
    let todos = todo::read(&snapshot, &desk, reach).await?;
    let interrupted = interrupted::read(&snapshot, &desk).await?;
    let budgets = match desk.may(Permission::ReadMoney) {
        true => wallet::budgets::alerts(&desk).await?,
        false => Vec::new(),
    };
    let recent = recent(&snapshot, &desk).await?;
    let (this, before) = months(&snapshot, &desk).await?;
    snapshot.end().await?;
    page::show(&HomePage {
        frame: Frame::of(&desk, Place::Home),
        words,
        interrupted,
        budgets,
        runs,
        todos,
        recent,
        friends: friends(&words, &tally, &growth),
        sends: sends(&desk, this, before)?,
        purse: desk.may(Permission::ReadMoney).then(|| purse(&desk, unit)),
        steps: (!has_sent).then(|| Steps {
            has_friends: tally.active() > 0,
            has_money: desk.wallet.available.micro() > 0,
            has_draft: count(StateGroup::Draft) > 0,
            may_manage_friends: desk.may(Permission::ManageFriends),
        }),
        may_compose: desk.may(Permission::Compose),
    })
}

/// The newest campaigns of a group.
async fn of_group(
    snapshot: &Snapshot,
    desk: &Desk,
    group: StateGroup,
    limit: u32,
) -> Result<Vec<ListedCampaign>, Error> {
    let query = ListQuery {
        account: desk.account.id,
        states: &group.codes(),
        text: "",
        before: None,
        limit,
    };
    Ok(snapshot.list_campaigns(&query).await?)
}

async fn recent(snapshot: &Snapshot, desk: &Desk) -> Result<Vec<RecentRow>, Error> {
    let words = &desk.words;
    let found = of_group(snapshot, desk, StateGroup::Closed, RECENT_MAX).await?;
    let ids: Vec<CampaignId> = found.iter().map(|one| one.id).collect();
    let outcomes = snapshot.listed_outcomes(&found).await?;
    let receipts = snapshot.listed_receipts(&ids).await?;
    let row = |campaign: &ListedCampaign| {
        let accepted = outcomes.get(&campaign.id).map_or(0, |sums| sums.accepted);
        let receipts = receipts.get(&campaign.id).copied().unwrap_or_default();
        let captured = Money::from_micro(campaign.captured_micro, desk.business.currency);
        let ended = campaign.closed_at.or(campaign.launched_at);
        RecentRow {
            path: desk.at(&format!("/campaigns/{}/report", campaign.id)),
            name: called(words, &campaign.name),
            ended: ended.map(|at| moment(desk, at)).unwrap_or_default(),
            sent: words.count(accepted),
            opened: words.percent(receipts.opened, accepted),
            clicked: words.percent(receipts.clicked, accepted),
            cost: words.money(captured),
        }
    };
    Ok(found.iter().map(row).collect())
}

/// What was sent in this month and in the one before.
async fn months(snapshot: &Snapshot, desk: &Desk) -> Result<(SentSums, SentSums), Error> {
    let this = Month::of(desk.now, &desk.zone);
    let (from, until) = this.bounds(&desk.zone);
    let now = snapshot.sent_between(desk.account.id, from, until).await?;
    let before = match this.previous() {
        Some(month) => {
            let (from, until) = month.bounds(&desk.zone);
            snapshot.sent_between(desk.account.id, from, until).await?
        }
        None => SentSums::default(),
    };
    Ok((now, before))
}

fn friends(words: &Words, tally: &FriendTally, growth: &Growth) -> Friends {
    let (gained, lost, blocked) = growth.sums();
    let net = gained as i64 - lost as i64 - blocked as i64;
    // From today back: each day began with what came that day less, and with what went more.
    let mut counts = vec![tally.active() as i64];
    for day in growth.days.iter().rev() {
        let after = counts[counts.len() - 1];
        counts.push(after - day.gained as i64 + (day.lost + day.blocked) as i64);
    }
    counts.reverse();
    Friends {
        active: tally.active(),
        reachable: tally.reachable,
        without_consent: tally.without_consent,
        gained,
        lost,
        blocked,
        net: signed(words, net),
        is_growing: net > 0,
        line: points(&counts),
        first: counts[0].max(0) as u64,
    }
}

fn signed(words: &Words, number: i64) -> String {
    let sign = match number {
        0 => "±",
        1.. => "+",
        _ => "−",
    };
    format!("{sign}{}", words.count(number.unsigned_abs()))
}

/// The counts as a line from left to right that fills its box; a level one stands in the middle.
fn points(counts: &[i64]) -> String {
    let low = counts.iter().min().copied().unwrap_or(0);
    let high = counts.iter().max().copied().unwrap_or(0);
    let (span, last) = (
        (high - low) as f64,
        counts.len().saturating_sub(1).max(1) as f64,
    );
    let each = counts.iter().enumerate().map(|(place, count)| {
        let x = place as f64 / last * 100.0;
        let y = match span > 0.0 {
            true => 28.0 - (count - low) as f64 / span * 26.0,
            false => 15.0,
        };
        format!("{x:.2},{y:.2}")
    });
    each.collect::<Vec<_>>().join(" ")
}

fn sends(desk: &Desk, this: SentSums, before: SentSums) -> Result<Sends, Error> {
    let net = Money::from_micro(this.captured_micro, desk.business.currency);
    let gross = vat(net)
        .and_then(|vat| net.checked_add(vat))
        .and_then(floor)
        .map_err(BillingError::from)?;
    Ok(Sends {
        count: this.sends,
        campaigns: this.campaigns,
        before: before.sends,
        net: desk.words.amount(net),
        unit: unit_of(desk),
        gross: desk.words.money(gross),
    })
}

/// The unit that money is said with, alone.
pub(crate) fn unit_of(desk: &Desk) -> String {
    let nothing = desk.words.money(Money::zero(desk.business.currency));
    let is_unit = |c: char| !c.is_ascii_digit() && c != '.' && !c.is_whitespace();
    nothing.chars().filter(|c| is_unit(*c)).collect()
}

fn purse(desk: &Desk, unit: Option<Money>) -> Purse {
    let words = &desk.words;
    let spendable = desk.wallet.spendable().unwrap_or(desk.wallet.available);
    let priced = unit.filter(|unit| unit.micro() > 0 && !spendable.is_negative());
    Purse {
        available: words.amount(spendable),
        held: words.money(desk.wallet.held),
        unit: unit_of(desk),
        sends: priced.map(|unit| {
            let sends = spendable.micro() / unit.micro();
            (words.money(unit), words.count(sends))
        }),
    }
}

/// What everybody costs, where the audience is everybody who agreed.
fn cost_of_everybody(reach: Option<(u64, Money)>, campaign: &ListedCampaign) -> Option<Money> {
    let audience = domain::audience::Audience::parse(&campaign.audience).ok()?;
    let is_whole = audience.is_untargeted() && campaign.purpose == Purpose::Promotion;
    let (mut people, unit) = reach.filter(|_| is_whole)?;
    if let Some(limit) = audience.limit {
        people = people.min(u64::from(limit.count));
    }
    unit.times(people).ok()
}

#[cfg(test)]
mod tests {
    use store::growth::GrowthDay;
    use words::Language;

    use super::*;

    #[test]
    fn the_line_of_friends_ends_where_they_are_now() {
        let words = Words::of(Language::English);
        let tally = FriendTally {
            reachable: 80,
            without_consent: 20,
            ..FriendTally::default()
        };
        let day = |day, gained, lost, blocked| GrowthDay {
            day,
            gained,
            lost,
            blocked,
        };
        let growth = Growth {
            days: vec![day(1, 30, 0, 0), day(2, 10, 5, 5), day(3, 0, 0, 2)],
            sources: Vec::new(),
        };
        let friends = friends(&words, &tally, &growth);
        assert_eq!((friends.first, friends.net.as_str()), (72, "+28"));
        assert_eq!(friends.line, "0.00,28.00 33.33,2.00 66.67,2.00 100.00,3.73");
        assert_eq!(points(&[5, 5]), "0.00,15.00 100.00,15.00");
        assert_eq!(signed(&words, -3), "−3");
    }
}
