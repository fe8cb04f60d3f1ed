//! The page of friends: how many and why not all can be reached, how they came and went, who they
//! are.

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use directory::Permission;
use domain::time::LocalDay;
use serde::Deserialize;
use store::friend_list::{FriendLine, FriendPage, FriendSearch, PageSize, StandingFilter};
use store::growth::{FriendTally, Growth};
use words::Words;

use super::chart::{self, Chart};
use super::{StateBadge, badge, began, name_or_dash, source_words};
use crate::desk::Desk;
use crate::error::Error;
use crate::frame::{Frame, Place};
use crate::page;

/// Friends of one page.
const PAGE: u32 = 50;
/// Characters of anything that is looked for.
const TEXT_CHARS_MAX: usize = 128;
/// Stretches of the chart in days; the first is shown unasked.
const RANGES: [u32; 3] = [30, 90, 365];
/// Sources beside the chart.
const SOURCES_SHOWN: usize = 5;

/// What is looked for, as it stands in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    pub q: String,
    pub state: String,
    pub tag: String,
    pub source: String,
    pub region: String,
    pub after: String,
    pub days: String,
}

#[derive(Template)]
#[template(path = "friends/list.html")]
struct ListPage<'a> {
    frame: Frame<'a>,
    words: Words,
    tally: FriendTally,
    reasons: Vec<Reason>,
    growth: Growth,
    chart: Chart,
    ranges: Vec<Range>,
    came_from: Vec<Reason>,
    query: ListQuery,
    standings: Vec<Choice>,
    sources: Vec<Choice>,
    rows: Vec<FriendRow>,
    next: Option<String>,
    first: Option<String>,
    export: String,
    is_cut_off: bool,
    is_filtered: bool,
    scanned: u32,
    may_manage: bool,
}

/// A part of a whole with its bar, leading to those it counts.
pub struct Reason {
    pub words: String,
    pub count: u64,
    pub percent: String,
    /// For the bar: 0 to 100 with a percent sign.
    pub width: String,
    pub path: String,
}

struct Range {
    path: String,
    words: String,
    is_here: bool,
}

struct Choice {
    name: String,
    words: String,
    is_chosen: bool,
}

struct FriendRow {
    path: String,
    name: String,
    key: String,
    badge: StateBadge,
    consent: String,
    tags: String,
    since: String,
    source: String,
    region: String,
}

impl ListQuery {
    /// Bounded, and without what is empty.
    pub fn search(&self) -> FriendSearch {
        let told = |text: &str| {
            let text: String = text.trim().chars().take(TEXT_CHARS_MAX).collect();
            (!text.is_empty()).then_some(text)
        };
        FriendSearch {
            text: told(&self.q),
            standing: StandingFilter::from_name(&self.state),
            tag: told(&self.tag),
            source: told(&self.source),
            region: told(&self.region),
        }
    }

    /// The same search as an address; `more` are further pairs.
    fn address(&self, path: String, more: &[(&str, &str)]) -> String {
        let own = [
            ("q", self.q.trim()),
            ("state", &*self.state),
            ("tag", self.tag.trim()),
            ("source", &*self.source),
            ("region", self.region.trim()),
        ];
        let told = own
            .iter()
            .chain(more)
            .filter(|(_, value)| !value.is_empty());
        let mut address = path;
        for (index, (name, value)) in told.enumerate() {
            address.push(if index == 0 { '?' } else { '&' });
            address.push_str(&format!("{name}={}", page::percent_encoded(value)));
        }
        address
    }
}

pub async fn show(desk: Desk, Query(query): Query<ListQuery>) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let account = desk.account.id;
    let search = query.search();
    let after = match query.after.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| Error::NotFound)?),
    };
    let days = query.days.parse().ok().filter(|days| RANGES.contains(days));
    let days = days.unwrap_or(RANGES[0]);
    let today = LocalDay::of(desk.now, &desk.zone);
    let (tally, growth, found) = tokio::try_join!(
        desk.store.friend_tally(account),
        desk.store.growth(account, today, days),
        desk.store
            .friends_page(account, &search, after, PageSize::of(PAGE)),
    )?;
    let words = desk.words;
    let FriendPage {
        friends,
        next,
        is_cut_off,
        looked_at,
    } = found;
    let list = desk.at("/friends");
    let next = next.map(|next| query.address(list.clone(), &[("after", &next.to_string())]));
    page::show(&ListPage {
        frame: Frame::of(&desk, Place::Friends),
        words,
        reasons: reasons(&desk, &tally),
        chart: chart::of(&growth.days, &words),
        ranges: ranges(&desk, &query, days),
        came_from: came_from(&desk, &growth),
        standings: standings(&words, search.standing),
        sources: sources(&words, &tally, &query.source),
        rows: friends.into_iter().map(|line| row(&desk, line)).collect(),
        first: after.map(|_| query.address(list, &[])),
        next,
        export: query.address(desk.at("/friends.csv"), &[]),
        is_cut_off,
        is_filtered: !search.is_empty(),
        scanned: looked_at,
        may_manage: desk.may(Permission::ManageFriends),
        query,
        growth,
        tally,
    })
}

/// Why not everybody can be reached, each leading to its friends.
fn reasons(desk: &Desk, tally: &FriendTally) -> Vec<Reason> {
    let of = [
        (StandingFilter::WithoutConsent, tally.without_consent),
        (StandingFilter::Blocked, tally.blocked),
        (StandingFilter::Left, tally.left),
    ];
    let most = of.iter().map(|(_, count)| *count).max().unwrap_or(0);
    of.map(|(filter, count)| {
        let path = desk.at(&format!("/friends?state={}#list", filter.name()));
        let key = format!("friends-why-{}", filter.name().replace('_', "-"));
        reason(
            desk,
            desk.words.t(key).to_string(),
            count,
            (tally.all(), most),
            path,
        )
    })
    .into()
}

fn came_from(desk: &Desk, growth: &Growth) -> Vec<Reason> {
    let (gained, ..) = growth.sums();
    let most = growth.sources.first().map_or(0, |(_, count)| *count);
    let shown = growth.sources.iter().take(SOURCES_SHOWN);
    let each = shown.map(|(source, count)| {
        let source_is = page::percent_encoded(source);
        let path = desk.at(&format!("/friends?source={source_is}#list"));
        reason(
            desk,
            source_words(&desk.words, source),
            *count,
            (gained, most),
            path,
        )
    });
    each.collect()
}

fn reason(
    desk: &Desk,
    words: String,
    count: u64,
    (whole, most): (u64, u64),
    path: String,
) -> Reason {
    let width = 100.0 * count as f64 / most.max(1) as f64;
    Reason {
        words,
        count,
        percent: desk.words.percent(count, whole),
        width: format!("{width:.1}%"),
        path,
    }
}

fn ranges(desk: &Desk, query: &ListQuery, here: u32) -> Vec<Range> {
    let range = |days: u32| {
        let text = days.to_string();
        let more = [("days", if days == RANGES[0] { "" } else { &text })];
        Range {
            path: query.address(desk.at("/friends"), &more),
            words: desk.words.t("span-days").num("count", days).to_string(),
            is_here: days == here,
        }
    };
    RANGES.map(range).into()
}

fn standings(words: &Words, chosen: Option<StandingFilter>) -> Vec<Choice> {
    let choice = |filter: StandingFilter| Choice {
        name: filter.name().to_owned(),
        words: words
            .t(format!(
                "friends-filter-{}",
                filter.name().replace('_', "-")
            ))
            .to_string(),
        is_chosen: chosen == Some(filter),
    };
    StandingFilter::ALL.map(choice).into()
}

/// Sources there are, and the one that is asked for even where nobody came from there.
fn sources(words: &Words, tally: &FriendTally, chosen: &str) -> Vec<Choice> {
    let known = tally.sources.iter().map(|source| source.source.as_str());
    let mut names: Vec<&str> = known.filter(|name| !name.is_empty()).collect();
    if !chosen.is_empty() && !names.contains(&chosen) {
        names.push(chosen);
    }
    let choice = |name: &str| Choice {
        name: name.to_owned(),
        words: source_words(words, name),
        is_chosen: name == chosen,
    };
    names.into_iter().map(choice).collect()
}

fn row(desk: &Desk, line: FriendLine) -> FriendRow {
    let words = desk.words;
    let consent = match (line.flags.is_active(), line.flags) {
        (_, flags) if flags.bits() & 2 == 0 => "",
        (_, flags) if flags.has_night_consent() => "friends-consent-night",
        _ => "friends-consent-promotion",
    };
    FriendRow {
        path: desk.at(&format!("/friends/{}", line.id)),
        name: name_or_dash(&line.display_name, &words),
        key: short_key(line.key.as_str()),
        badge: badge(&words, line.state, line.flags),
        consent: match consent {
            "" => String::new(),
            key => words.t(key).to_string(),
        },
        tags: line.tags.join(", "),
        since: match began(line.since) {
            true => words.day(line.since, &desk.zone),
            false => String::new(),
        },
        source: source_words(&words, &line.source),
        region: line.region.unwrap_or_default(),
    }
}

/// A long key as its beginning and end.
pub fn short_key(key: &str) -> String {
    match key.len() {
        0..=16 => key.to_owned(),
        length => format!("{}…{}", &key[..8], &key[length - 4..]),
    }
}
