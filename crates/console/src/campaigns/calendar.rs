//! Campaigns by the day they are or were sent, in the account's zone; on a phone as an agenda.

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;
use directory::Permission;
use jiff::civil::{Date, Weekday};
use store::campaign_list::ListedCampaign;
use words::{Language, Words};

use super::months::{Month, day_of, midnight};
use crate::campaign_words::{Badge, called};
use crate::desk::Desk;
use crate::error::Error;
use crate::frame::{Frame, Place};
use crate::page;

/// Campaigns one month shows.
const EVENTS_MAX: u32 = 500;
/// Campaigns of one day that have a line of their own.
const EVENTS_PER_DAY: usize = 4;

#[derive(Template)]
#[template(path = "campaigns/calendar.html")]
struct CalendarPage<'a> {
    frame: Frame<'a>,
    words: Words,
    title: String,
    weekdays: Vec<String>,
    weeks: Vec<Vec<Day>>,
    /// Days of this month with campaigns, and those.
    agenda: Vec<Day>,
    previous: Option<Month>,
    next: Option<Month>,
    is_now: bool,
    may_compose: bool,
}

struct Day {
    date: Date,
    /// The number, and for the agenda with its weekday.
    number: String,
    name: String,
    is_out: bool,
    is_today: bool,
    events: Vec<Event>,
}

impl Day {
    /// Those that have a line of their own.
    fn shown(&self) -> &[Event] {
        &self.events[..self.events.len().min(EVENTS_PER_DAY)]
    }

    fn more(&self) -> usize {
        self.events.len() - self.shown().len()
    }
}

#[derive(Clone)]
struct Event {
    path: String,
    name: String,
    at: String,
    colour: &'static str,
    state: String,
}

pub(super) async fn show(desk: &Desk, month: &str) -> Result<Response, Error> {
    let words = desk.words;
    let now = Month::of(desk.now, &desk.zone);
    let month = Month::parse(month).unwrap_or(now);
    let first = match words.language() {
        Language::English => Weekday::Monday,
        Language::Korean | Language::Japanese => Weekday::Sunday,
    };
    let weeks = month.weeks(first);
    let days = || weeks.iter().flatten().copied();
    let after = days().last().and_then(|day| day.tomorrow().ok());
    let from = midnight(days().next().unwrap_or(month.first_day()), &desk.zone);
    let until = midnight(after.unwrap_or(Date::MAX), &desk.zone);
    let snapshot = desk.store.snapshot().await?;
    let found = snapshot
        .campaigns_between(desk.account.id, from, until, EVENTS_MAX)
        .await?;
    snapshot.end().await?;
    let mut by_day: BTreeMap<Date, Vec<Event>> = BTreeMap::new();
    for campaign in &found {
        if let Some(at) = campaign.launched_at.or(campaign.scheduled_for) {
            let events = by_day.entry(day_of(at, &desk.zone)).or_default();
            events.push(event(desk, campaign, &words.clock(at, &desk.zone)));
        }
    }
    let day = |date| day_with(desk, month, date, &by_day);
    page::show(&CalendarPage {
        frame: Frame::of(desk, Place::Campaigns),
        words,
        title: title(&words, month),
        weekdays: weeks[0].iter().map(|day| weekday(&words, *day)).collect(),
        agenda: by_day
            .keys()
            .filter(|date| date.month() == month.month())
            .map(|date| day(*date))
            .collect(),
        weeks: weeks
            .iter()
            .map(|week| week.iter().map(|date| day(*date)).collect())
            .collect(),
        previous: month.previous(),
        next: month.next(),
        is_now: month == now,
        may_compose: desk.may(Permission::Compose),
    })
}

/// `2026년 11월`, `November 2026`.
pub fn title(words: &Words, month: Month) -> String {
    words
        .t(format!("campaigns-month-{}", month.month()))
        .text("year", month.year().to_string())
        .to_string()
}

fn weekday(words: &Words, day: Date) -> String {
    let number = day.weekday().to_sunday_zero_offset();
    words.t(format!("campaigns-weekday-{number}")).to_string()
}

fn event(desk: &Desk, campaign: &ListedCampaign, at: &str) -> Event {
    let badge = Badge::of(&desk.words, campaign.shown_state(), campaign.was_cancelled);
    Event {
        path: desk.at(&format!("/campaigns/{}", campaign.id)),
        name: called(&desk.words, &campaign.name),
        at: at.to_owned(),
        colour: badge.colour(),
        state: badge.words().to_owned(),
    }
}

fn day_with(desk: &Desk, month: Month, date: Date, by_day: &BTreeMap<Date, Vec<Event>>) -> Day {
    let events = by_day.get(&date).cloned().unwrap_or_default();
    let number = date.day().to_string();
    let name = desk
        .words
        .t("campaigns-day")
        .text("day", number.clone())
        .text("weekday", weekday(&desk.words, date))
        .to_string();
    Day {
        date,
        number,
        name,
        is_out: date.month() != month.month(),
        is_today: date == day_of(desk.now, &desk.zone),
        events,
    }
}
