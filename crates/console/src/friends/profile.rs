//! One friend and everything that happened: consents as proof, what they were sent, what they
//! wrote back.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use directory::Permission;
use domain::friend::{ConsentFact, ConsentPurpose, FriendState, Gender};
use domain::time::Timestamp;
use serde::Deserialize;
use store::friend::history::FriendSend;
use store::friend_message::FriendMessage;
use words::Words;

use super::{
    FriendPath, OwnFriend, StateBadge, badge, began, name_or_dash, own_friend, source_words,
};
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::{page, reasons};

/// Campaigns that one page asks for this friend: each is a look through its chunks.
const CAMPAIGNS: u32 = 12;
const MESSAGES: u32 = 30;
const MESSAGE_CHARS_SHOWN: usize = 280;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ProfileQuery {
    before: String,
}

#[derive(Template)]
#[template(path = "friends/profile.html")]
struct ProfilePage<'a> {
    frame: Frame<'a>,
    words: Words,
    path: String,
    name: String,
    key: String,
    badge: StateBadge,
    /// Why promotions do not reach them, in a sentence; empty where they do.
    why_not: String,
    facts: Vec<(String, String)>,
    tags: Vec<String>,
    typed: String,
    consents: Vec<ConsentNow>,
    trail: Vec<Step>,
    sends: Vec<SendRow>,
    older: Option<String>,
    is_first: bool,
    messages: Vec<MessageRow>,
    may_manage: bool,
    faults: Faults,
}

/// What stands of one consent.
struct ConsentNow {
    purpose: String,
    state: &'static str,
    answer: String,
    at: String,
    wording: Option<WordingShown>,
}

/// The words somebody was shown.
struct WordingShown {
    version: String,
    text: String,
}

/// Something that happened, the latest first.
struct Step {
    tone: &'static str,
    words: String,
    at: String,
    detail: String,
}

struct SendRow {
    name: String,
    path: String,
    at: String,
    state: &'static str,
    outcome: String,
    why: String,
    did: String,
    billed: String,
}

struct MessageRow {
    at: String,
    is_tap: bool,
    text: String,
}

pub async fn show(
    desk: Desk,
    Path(path): Path<FriendPath>,
    Query(query): Query<ProfileQuery>,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let friend = own_friend(&desk, &path).await?;
    draw(&desk, friend, &query, (String::new(), Faults::default())).await
}

/// The page, with a tag as it was typed and what is wrong with it.
pub(super) async fn draw(
    desk: &Desk,
    own: OwnFriend,
    query: &ProfileQuery,
    (typed, faults): (String, Faults),
) -> Result<Response, Error> {
    let (business, account, number) = (desk.business.id, desk.account.id, own.number);
    let before = match query.before.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| Error::NotFound)?),
    };
    let (tags, consents, wordings, sends, messages) = tokio::try_join!(
        desk.store.tags(account, number),
        desk.store.consent_history(account, number),
        desk.store.wordings_of_account(account),
        desk.store
            .sends_of_friend(business, account, number, before, CAMPAIGNS),
        desk.store.messages_of_friend(account, number, MESSAGES),
    )?;
    let words = desk.words;
    let texts: HashMap<String, String> = wordings
        .into_iter()
        .map(|wording| (wording.version, wording.text))
        .collect();
    let path = desk.at(&format!("/friends/{}", own.id));
    let status = match faults.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let shown = ProfilePage {
        frame: Frame::of(desk, Place::Friends),
        words,
        name: name_or_dash(&own.friend.display_name, &words),
        key: own.key.as_str().to_owned(),
        badge: badge(&words, own.friend.state.state, own.standing.flags()),
        why_not: why_not(desk, &own),
        facts: facts(desk, &own),
        tags,
        typed,
        consents: ConsentPurpose::ALL
            .map(|purpose| consent_now(desk, purpose, own.standing.consent(purpose), &texts))
            .into(),
        trail: trail(desk, &own, &consents),
        sends: sends
            .sends
            .iter()
            .map(|send| send_row(desk, send))
            .collect(),
        older: sends.next.map(|id| format!("{path}?before={id}#sends")),
        is_first: before.is_none(),
        messages: messages
            .iter()
            .map(|told| message_row(desk, told))
            .collect(),
        may_manage: desk.may(Permission::ManageFriends),
        path,
        faults,
    };
    page::show_as(status, &shown)
}

fn why_not(desk: &Desk, own: &OwnFriend) -> String {
    let key = match own.friend.state.state {
        FriendState::Blocked => "friend-not-blocked",
        FriendState::Left => "friend-not-left",
        FriendState::Active => match &own.standing.promotion {
            Some(consent) if consent.granted => return String::new(),
            Some(_) => "friend-not-refused",
            None => "friend-not-asked",
        },
    };
    desk.words.t(key).to_string()
}

fn facts(desk: &Desk, own: &OwnFriend) -> Vec<(String, String)> {
    let (words, friend) = (desk.words, &own.friend);
    let gender = match friend.gender {
        Some(Gender::Female) => Some(words.t("friend-gender-female").to_string()),
        Some(Gender::Male) => Some(words.t("friend-gender-male").to_string()),
        _ => None,
    };
    let since = began(friend.since).then(|| words.day(friend.since, &desk.zone));
    let facts = [
        ("friends-since", since),
        ("friends-source", Some(source_words(&words, &friend.source))),
        ("friend-language", friend.language.clone()),
        ("friend-country", friend.country.clone()),
        ("friends-region", friend.region.clone()),
        ("friend-gender", gender),
        (
            "friend-birth-year",
            friend.birth_year.map(|year| year.to_string()),
        ),
        (
            "friend-zone",
            friend.time_zone.as_deref().map(|zone| words.zone(zone)),
        ),
    ];
    facts
        .into_iter()
        .filter_map(|(key, value)| Some((words.t(key).to_string(), value?)))
        .collect()
}

fn consent_now(
    desk: &Desk,
    purpose: ConsentPurpose,
    fact: Option<&ConsentFact>,
    texts: &HashMap<String, String>,
) -> ConsentNow {
    let words = desk.words;
    let (state, answer) = match fact {
        Some(fact) if fact.granted => ("active", "friend-consent-granted"),
        Some(_) => ("rejected", "friend-consent-refused"),
        None => ("planned", "friend-consent-none"),
    };
    let version = fact.and_then(|fact| fact.wording.clone());
    ConsentNow {
        purpose: words
            .t(format!("friend-purpose-{}", purpose.name()))
            .to_string(),
        state,
        answer: words.t(answer).to_string(),
        at: fact.map_or_else(String::new, |fact| moment(desk, fact.at)),
        wording: version.map(|version| WordingShown {
            text: texts.get(&version).cloned().unwrap_or_default(),
            version,
        }),
    }
}

/// Everything that is known to have happened between the friend and the account.
fn trail(desk: &Desk, own: &OwnFriend, consents: &[(ConsentPurpose, ConsentFact)]) -> Vec<Step> {
    let (words, friend) = (desk.words, &own.friend);
    let mut steps: Vec<(Timestamp, Step)> = Vec::new();
    let mut add = |at: Timestamp, tone, said: String, detail: String| {
        let step = Step {
            tone,
            words: said,
            at: moment(desk, at),
            detail,
        };
        steps.push((at, step));
    };
    if began(friend.since) {
        let from = source_words(&words, &friend.source);
        add(
            friend.since,
            "good",
            words.t("friend-joined").to_string(),
            from,
        );
    }
    let ended = match friend.state.state {
        FriendState::Active => None,
        FriendState::Blocked => Some("friend-blocked"),
        FriendState::Left => Some("friend-left"),
    };
    // Nobody left who never came: a profile alone makes nobody a friend.
    if let Some(key) = ended.filter(|_| began(friend.state.at)) {
        add(
            friend.state.at,
            "bad",
            words.t(key).to_string(),
            String::new(),
        );
    }
    for (purpose, fact) in consents {
        let answer = if fact.granted { "granted" } else { "refused" };
        let key = format!("friend-trail-{}-{answer}", purpose.name());
        let from = words
            .t(format!("friend-told-{}", fact.source.name()))
            .to_string();
        let wording = fact.wording.as_ref().map(|version| {
            let said = words.t("friend-wording").text("version", version);
            format!("{from} · {said}")
        });
        let tone = if fact.granted { "good" } else { "warn" };
        add(
            fact.at,
            tone,
            words.t(key).to_string(),
            wording.unwrap_or(from),
        );
    }
    steps.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    steps.into_iter().map(|(_, step)| step).collect()
}

fn send_row(desk: &Desk, send: &FriendSend) -> SendRow {
    use domain::outcome::Outcome;
    let words = desk.words;
    let state = match send.outcome {
        Some(Outcome::Accepted | Outcome::Confirmed) => "settled",
        Some(Outcome::Failed(_)) => "rejected",
        Some(Outcome::Uncertain | Outcome::Unconfirmed | Outcome::Excluded(_)) => "unknown",
        Some(Outcome::Cancelled | Outcome::WrittenOff) => "cancelled",
        Some(Outcome::Moved) | None => "planned",
    };
    let outcome = match send.outcome {
        Some(outcome) => reasons::outcome(&words, outcome).to_string(),
        None => words.t("outcome-pending").to_string(),
    };
    let why = send
        .outcome
        .and_then(|outcome| reasons::of_outcome(&words, outcome));
    let receipts = &send.receipts;
    let did = [
        ("friend-did-opened", receipts.opened_at),
        ("friend-did-clicked", receipts.clicked_at),
        ("friend-did-coupon", receipts.coupon_used_at),
        ("friend-did-blocked", receipts.blocked_at),
    ];
    let did = did.into_iter().filter_map(|(key, at)| {
        Some(
            words
                .t(key)
                .text("time", words.time(at?, &desk.zone))
                .to_string(),
        )
    });
    SendRow {
        name: match send.is_test {
            true => words
                .t("friend-test")
                .text("name", send.name.clone())
                .to_string(),
            false => send.name.clone(),
        },
        path: desk.at(&format!("/campaigns/{}", send.campaign)),
        at: moment(desk, send.at.unwrap_or(send.launched_at)),
        state,
        outcome,
        why: why.map_or_else(String::new, |why| why.to_string()),
        did: did.collect::<Vec<_>>().join(" · "),
        billed: match send.billed {
            Some(_) if send.is_test => words.t("friend-test-free").to_string(),
            Some(money) => words.money(money),
            None => String::new(),
        },
    }
}

/// What a friend wrote, in a line: a text as it is, anything else by its kind.
fn message_row(desk: &Desk, told: &FriendMessage) -> MessageRow {
    let content: serde_json::Value = serde_json::from_str(&told.content).unwrap_or_default();
    let text_of = |name: &str| content.get(name).and_then(|value| value.as_str());
    let text = match (text_of("text"), text_of("data"), text_of("type")) {
        (Some(text), ..) => text.to_owned(),
        (None, Some(posted), _) => posted.to_owned(),
        (None, None, Some(kind)) => desk
            .words
            .t("friend-message-other")
            .text("kind", kind)
            .to_string(),
        (None, None, None) => told.content.clone(),
    };
    let is_long = text.chars().count() > MESSAGE_CHARS_SHOWN;
    let mut shown: String = text.chars().take(MESSAGE_CHARS_SHOWN).collect();
    if is_long {
        shown.push('…');
    }
    MessageRow {
        at: moment(desk, told.at),
        is_tap: told.is_postback,
        text: shown,
    }
}

/// The day with its year and the time of day: histories are long.
fn moment(desk: &Desk, at: Timestamp) -> String {
    let (day, clock) = (
        desk.words.day(at, &desk.zone),
        desk.words.clock(at, &desk.zone),
    );
    format!("{day} {clock}")
}
