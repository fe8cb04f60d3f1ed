//! The facts around a report's figures: what was sent to whom, when, how fast, and by whom written.

use billing::CampaignFigures;
use bubble::{Context, Mode};
use domain::audience::{Attribute, Audience, Expression};
use domain::campaign::CampaignState;
use jiff::tz::TimeZone;
use serde_json::Value;
use store::campaign::Campaign;
use words::Words;

use crate::campaign_words;
use crate::desk::Desk;
use crate::error::Error;

/// Values of one condition that are named; the rest is counted.
const VALUES_NAMED: usize = 3;

pub struct Facts {
    pub rows: Vec<(String, String)>,
}

pub async fn read(
    desk: &Desk,
    campaign: &Campaign,
    figures: &CampaignFigures,
) -> Result<Facts, Error> {
    let words = desk.words;
    let mut rows = Vec::new();
    let mut add = |key: &str, said: String| rows.push((words.t(key).to_string(), said));
    if let Some(launch) = campaign.launch {
        let at = launch.launched_at;
        add("report-fact-launched", words.time(at, &desk.zone));
        let is_over = matches!(
            campaign.state,
            CampaignState::Closing | CampaignState::Closed
        );
        let minutes = figures.delivered_over_time.keys().next_back().copied();
        if let Some(closed) = campaign.closed_at {
            add("report-fact-ended", words.time(closed, &desk.zone));
            let seconds = closed.since(at).as_secs();
            add("report-fact-took", words.span(seconds.max(1)));
        } else if let (true, Some(minutes)) = (is_over, minutes) {
            add("report-fact-took", words.span((minutes + 1) * 60));
        }
    }
    let speed = match campaign.rate_per_second {
        Some(rate) => words.t("report-fact-rate").num("count", rate).to_string(),
        None => words.t("report-fact-unlimited").to_string(),
    };
    add("report-fact-speed", speed);
    let purpose = words.t(format!("report-purpose-{}", campaign.purpose.name()));
    add("report-fact-purpose", purpose.to_string());
    add(
        "report-fact-audience",
        audience_words(&words, &campaign.audience, &desk.zone),
    );
    if let Some(partial) = desk.store.partial_launch(campaign.id).await? {
        add("report-fact-fewer", campaign_words::fewer(&words, &partial));
    }
    if let Some(name) = last_writer(desk, campaign).await? {
        add("report-fact-writer", name);
    }
    add("report-fact-zone", words.zone(&desk.account.time_zone));
    add("report-fact-id", campaign.id.to_string());
    Ok(Facts { rows })
}

/// Who saved a part of it last, as long as they are a member.
async fn last_writer(desk: &Desk, campaign: &Campaign) -> Result<Option<String>, Error> {
    let parts = desk.store.draft_parts(campaign.id).await?;
    let last = parts.into_iter().max_by_key(|part| part.updated_at);
    let Some(last) = last else { return Ok(None) };
    let members = desk.store.members_of_business(desk.business.id).await?;
    let member = members
        .into_iter()
        .find(|member| member.id == last.updated_by);
    Ok(member.map(|member| member.display_name))
}

/// The messages as a friend saw them who has no name.
pub fn bubbles(desk: &Desk, campaign: &Campaign) -> String {
    // Messages were checked before the launch; a row that holds none is shown as none.
    let messages: Vec<Value> = serde_json::from_str(&campaign.messages).unwrap_or_default();
    let launched = campaign.launch.map(|launch| launch.launched_at);
    let context = Context {
        language: desk.words.language(),
        account: desk.account.display_name.clone(),
        icon_url: desk.account.icon_url.clone(),
        contact: None,
        purpose: campaign.purpose,
        time: launched
            .map(|at| desk.words.clock(at, &desk.zone))
            .unwrap_or_default(),
        variables: Default::default(),
        mode: Mode::Preview,
    };
    bubble::draw(&messages, &context)
}

/// Who it is for, in a few words.
pub fn audience_words(words: &Words, audience: &str, zone: &TimeZone) -> String {
    let Ok(audience) = Audience::parse(audience) else {
        return words.t("report-audience-unknown").to_string();
    };
    let who = expression_words(words, &audience.expression, zone);
    match audience.limit {
        None => who,
        Some(limit) => words
            .t("report-audience-limited")
            .text("who", who)
            .num("count", limit.count)
            .to_string(),
    }
}

fn expression_words(words: &Words, expression: &Expression, zone: &TimeZone) -> String {
    let valued = |key: &str, value: String| words.t(key).text("value", value).to_string();
    let joined = |parts: &[Expression], key: &str| {
        let parts = parts.iter().map(|part| match part {
            Expression::And(_) | Expression::Or(_) => {
                format!("({})", expression_words(words, part, zone))
            }
            _ => expression_words(words, part, zone),
        });
        let between = format!(" {} ", words.t(key));
        parts.collect::<Vec<_>>().join(&between)
    };
    match expression {
        Expression::All => words.t("report-audience-all").to_string(),
        Expression::Tag(tag) => valued("report-audience-tag", tag.clone()),
        Expression::Source(sources) => valued("report-audience-source", some_of(words, sources)),
        Expression::Group(group) => valued("report-audience-group", group.to_string()),
        Expression::List(_) => words.t("report-audience-list").to_string(),
        Expression::Sent(_) => words.t("report-audience-sent").to_string(),
        Expression::FriendSince { from, before } => {
            let day = |at: &Option<_>| at.map(|at| words.day(at, zone)).unwrap_or_default();
            valued(
                "report-audience-since",
                format!("{}–{}", day(from), day(before)),
            )
        }
        Expression::Attribute(Attribute::BirthYear { from, to }) => {
            let year = |year: &Option<u16>| year.map(|year| year.to_string()).unwrap_or_default();
            valued(
                "report-audience-birth-year",
                format!("{}–{}", year(from), year(to)),
            )
        }
        Expression::Attribute(Attribute::OneOf { values, .. }) => {
            valued("report-audience-attribute", some_of(words, values))
        }
        Expression::And(parts) => joined(parts, "report-audience-and"),
        Expression::Or(parts) => joined(parts, "report-audience-or"),
        Expression::Not(part) => valued("report-audience-not", expression_words(words, part, zone)),
    }
}

fn some_of(words: &Words, values: &[String]) -> String {
    let named = values.iter().take(VALUES_NAMED).cloned();
    let named = named.collect::<Vec<_>>().join(", ");
    match values.len().saturating_sub(VALUES_NAMED) {
        0 => named,
        more => format!(
            "{named} {}",
            words.t("report-audience-more").num("count", more)
        ),
    }
}
