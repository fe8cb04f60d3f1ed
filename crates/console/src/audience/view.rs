//! What the pages of an audience show: the form with its choices, the count and the price.

use std::collections::BTreeSet;
use std::time::Duration;

use billing::BillingError;
use domain::audience::Expression;
use domain::campaign::Purpose;
use domain::price::{Quote, Tariff};
use domain::terms::Terms;
use store::audience_group::AudienceGroup;
use words::Words;

use super::form::{AudienceForm, Condition, GROUPS_MAX, Group, Kind, Who};
use super::reach::{Offers, Question, Reach};
use super::tree::{Gap, Meaning, Unready};
use crate::desk::Desk;
use crate::error::Error;
use crate::state::ConsoleState;

/// Values shown to tick; the rest is offered while typing.
const TICKED_MAX: usize = 14;
/// How long a page waits for what there is to choose from.
const OFFERS_PATIENCE: Duration = Duration::from_millis(40);

/// The form.
pub struct Builder {
    /// Where it is sent; `/live` behind it answers with the count alone.
    pub action: String,
    pub may_edit: bool,
    pub form: AudienceForm,
    pub groups: Vec<GroupView>,
    /// Suggestions while typing, by kind.
    pub suggestions: Vec<(&'static str, Vec<String>)>,
    pub price_all: String,
    pub price_some: String,
    /// What has the focus after a change of shape.
    pub focus: String,
    /// What is wrong with the limit, and with the whole.
    pub limit_fault: Option<String>,
    pub who_fault: Option<String>,
}

pub struct GroupView {
    /// `g0`.
    pub id: String,
    pub index: usize,
    pub number: usize,
    pub is_first: bool,
    pub group: Group,
    pub conditions: Vec<ConditionView>,
}

pub struct ConditionView {
    /// `g0c1`.
    pub id: String,
    /// `g0.c1`.
    pub name: String,
    /// `0.1`.
    pub place: String,
    pub kind: Kind,
    pub is_not: bool,
    pub choices: Vec<Choice>,
    /// Whether other values than the choices may be typed.
    pub takes_more: bool,
    pub from: String,
    pub to: String,
    pub kinds: Vec<(&'static str, String, bool)>,
    pub title: String,
    pub note: Note,
}

pub struct Choice {
    pub value: String,
    pub label: String,
    pub friends: Option<String>,
    pub is_on: bool,
}

/// What stands beside a condition: how many it names, or what is missing.
#[derive(Debug, Clone, Default)]
pub struct Note {
    pub id: String,
    pub matches: Option<String>,
    /// Nothing chosen yet.
    pub hint: Option<String>,
    pub fault: Option<String>,
}

/// The count and the price.
pub struct Live {
    pub words: Words,
    pub action: String,
    pub counted: Counted,
    /// What is said to those who hear the page.
    pub said: String,
}

pub enum Counted {
    /// Not counted yet: the page asks again by itself.
    Waiting,
    /// The form is not finished.
    Unfinished,
    Done(Box<Count>),
}

pub struct Count {
    pub people: String,
    pub is_nobody: bool,
    /// Of those who may be reached, for the bar and in words.
    pub share: String,
    pub share_words: String,
    /// How the number comes about: words, people, whether it is the sum.
    pub steps: Vec<(String, String, bool)>,
    pub unit: String,
    /// Of a plan: how many its quota includes, in words.
    pub included: Option<String>,
    pub net: String,
    pub vat: String,
    pub total: String,
    pub vat_percent: u32,
}

/// What there is to choose from.
#[derive(Clone, Copy)]
struct Offered<'a> {
    offers: &'a Offers,
    groups: &'a [AudienceGroup],
}

/// Everything a page or an answer to a change needs.
pub struct Asked<'a> {
    pub state: &'a ConsoleState,
    pub desk: &'a Desk,
    pub purpose: Purpose,
    pub form: &'a AudienceForm,
    pub meaning: &'a Meaning,
    pub action: String,
    /// The window that asks.
    pub writer: &'a str,
}

impl Builder {
    /// The counts beside the conditions, as far as they are known.
    pub fn take_notes(&mut self, notes: Vec<Note>) {
        let conditions = self
            .groups
            .iter_mut()
            .flat_map(|group| &mut group.conditions);
        for (condition, note) in conditions.zip(notes) {
            condition.note = note;
        }
    }

    pub fn has_focus(&self, id: &str) -> bool {
        self.focus == id
    }

    pub fn may_grow(&self) -> bool {
        self.groups.len() < GROUPS_MAX
    }
}

impl Asked<'_> {
    /// The form with its choices. `shows_faults` is off while somebody is still choosing.
    pub async fn builder(&self, may_edit: bool, focus: &str) -> Result<Builder, Error> {
        let (state, desk, words) = (self.state, self.desk, self.desk.words);
        // Asked for in any case, so that they are there once somebody chooses.
        let patience = match self.form.who {
            Who::Some => OFFERS_PATIENCE,
            Who::All | Who::Kept => Duration::ZERO,
        };
        let offers = state
            .counting
            .offers(&desk.store, desk.account.id, desk.now, patience)
            .await;
        let kept = match self.form.who {
            Who::Some => super::groups::to_choose(desk).await?,
            Who::All | Who::Kept => Vec::new(),
        };
        let offered = Offered {
            offers: &offers,
            groups: &kept,
        };
        let terms = terms(desk).await?;
        let price = |tariff| words.money(terms.book.unit_price(tariff));
        let groups = self.form.groups.iter().enumerate();
        let fault = |field: &str| {
            let gap = self.meaning.gaps.iter().find(|gap| gap.field == field)?;
            Some(gap_words(&words, gap))
        };
        Ok(Builder {
            action: self.action.clone(),
            may_edit,
            groups: groups
                .map(|(index, group)| self.group(index, group, offered))
                .collect(),
            suggestions: suggestions(&offers),
            price_all: price(tariff(self.purpose, Tariff::Untargeted)),
            price_some: price(tariff(self.purpose, Tariff::Targeted)),
            focus: focus.to_owned(),
            limit_fault: fault("limit-count"),
            who_fault: fault("who-some").or_else(|| fault("who-kept")),
            form: self.form.clone(),
        })
    }

    fn group(&self, index: usize, group: &Group, offered: Offered<'_>) -> GroupView {
        let conditions = group.conditions.iter().enumerate();
        let includes = self.form.groups.iter().filter(|g| !g.leaves_out).count();
        GroupView {
            id: format!("g{index}"),
            index,
            number: if group.leaves_out {
                index + 1 - includes
            } else {
                index + 1
            },
            is_first: index == 0,
            group: group.clone(),
            conditions: conditions
                .map(|(place, condition)| self.condition(index, place, condition, offered))
                .collect(),
        }
    }

    fn condition(
        &self,
        group: usize,
        place: usize,
        condition: &Condition,
        offered: Offered<'_>,
    ) -> ConditionView {
        let words = self.desk.words;
        let id = format!("g{group}c{place}");
        let kind_words = |kind: Kind| {
            words
                .t(format!("audience-kind-{}", kind.name()))
                .to_string()
        };
        let kinds = Kind::ALL.map(|kind| (kind.name(), kind_words(kind), kind == condition.kind));
        ConditionView {
            name: format!("g{group}.c{place}"),
            place: format!("{group}.{place}"),
            kind: condition.kind,
            is_not: condition.is_not,
            choices: choices(&words, condition, offered),
            takes_more: !matches!(
                condition.kind,
                Kind::Gender | Kind::List | Kind::AudienceGroup
            ),
            from: condition.from.clone(),
            to: condition.to.clone(),
            kinds: kinds.into(),
            title: kind_words(condition.kind),
            note: self.note(&id, None),
            id,
        }
    }

    fn note(&self, id: &str, matches: Option<u64>) -> Note {
        let words = self.desk.words;
        let gap = self.meaning.gaps.iter().find(|gap| gap.field == id);
        let said = gap.map(|gap| (gap.why, gap_words(&words, gap)));
        let people = |count: u64| words.t("audience-people").num("count", count).to_string();
        Note {
            id: id.to_owned(),
            matches: matches.map(people),
            hint: said
                .clone()
                .filter(|(why, _)| *why == Unready::Empty)
                .map(|(_, said)| said),
            fault: said
                .filter(|(why, _)| *why == Unready::Wrong)
                .map(|(_, said)| said),
        }
    }

    /// The count as far as it is known within `patience`, and the notes of all conditions.
    pub async fn live(&self, patience: Duration) -> Result<(Live, Vec<Note>), Error> {
        let (state, desk) = (self.state, self.desk);
        let conditions = &self.meaning.conditions;
        let whole = self.meaning.audience.as_ref();
        let each: Vec<Expression> = conditions.iter().filter_map(|(_, e)| e.clone()).collect();
        let question = Question {
            account: desk.account.id,
            purpose: self.purpose,
            whole: whole.map_or(Expression::All, |audience| audience.expression.clone()),
            each,
        };
        let asked = state
            .counting
            .reach(&desk.store, question, self.writer, desk.now);
        let reach = asked.within(patience).await;
        let mut counts = reach
            .iter()
            .flat_map(|reach| reach.found.each.iter().copied());
        let notes = conditions
            .iter()
            .map(|(id, expression)| self.note(id, expression.as_ref().and_then(|_| counts.next())))
            .collect();
        let counted = match (&reach, whole) {
            (_, None) => Counted::Unfinished,
            (None, Some(_)) => Counted::Waiting,
            (Some(reach), Some(_)) => Counted::Done(Box::new(self.count(reach).await?)),
        };
        let said = match &counted {
            Counted::Done(count) => desk
                .words
                .t("audience-said")
                .text("people", &count.people)
                .text("total", &count.total)
                .to_string(),
            _ => String::new(),
        };
        let live = Live {
            words: desk.words,
            action: self.action.clone(),
            counted,
            said,
        };
        Ok((live, notes))
    }

    async fn count(&self, reach: &Reach) -> Result<Count, Error> {
        let words = self.desk.words;
        let audience = self.meaning.audience.as_ref();
        let reachable = reach.found.reachable;
        let limit = audience.and_then(|audience| audience.limit);
        let people = limit.map_or(reachable, |limit| reachable.min(u64::from(limit.count)));
        let tariff = audience.map_or(Tariff::Untargeted, |audience| audience.tariff(self.purpose));
        let terms = terms(self.desk).await?;
        let quote = terms.quote(tariff, people).map_err(BillingError::from)?;
        let total = quote
            .gross()
            .map_err(|error| Error::Broken(error.to_string()))?;
        Ok(Count {
            people: words.count(people),
            is_nobody: people == 0,
            share: words.percent(people, reach.everybody),
            share_words: words
                .t(match self.purpose {
                    Purpose::Promotion => "audience-share",
                    Purpose::Information => "audience-share-information",
                })
                .num("count", reach.everybody)
                .text("share", words.percent(people, reach.everybody))
                .to_string(),
            steps: self.steps(reach, people),
            unit: words
                .t("audience-times")
                .num("count", people)
                .text("price", words.money(terms.book.unit_price(tariff)))
                .to_string(),
            included: included(&words, &quote),
            net: words.money(quote.net),
            vat: words.money(quote.vat),
            total: words.money(total),
            vat_percent: domain::price::VAT_PERCENT,
        })
    }

    /// From everybody the audience names to those who get it: nobody is missing without a reason.
    fn steps(&self, reach: &Reach, people: u64) -> Vec<(String, String, bool)> {
        let words = self.desk.words;
        let found = &reach.found;
        let is_all = self.form.who == Who::All;
        let minus = |count: u64| format!("−{}", words.count(count));
        let mut steps = Vec::new();
        let mut step = |key: &str, count: u64, shown: String| {
            if count > 0 {
                steps.push((words.t(key).to_string(), shown, false));
            }
        };
        let named = if is_all {
            "audience-step-friends"
        } else {
            "audience-step-matched"
        };
        step(named, found.matched.max(1), words.count(found.matched));
        step(
            "audience-step-unwilling",
            found.unwilling,
            minus(found.unwilling),
        );
        match is_all {
            true => {
                step(
                    "audience-step-blocked",
                    reach.states.blocked,
                    minus(reach.states.blocked),
                );
                step(
                    "audience-step-left",
                    reach.states.left,
                    minus(reach.states.left),
                );
            }
            false => {
                let gone = found
                    .matched
                    .saturating_sub(found.reachable + found.unwilling);
                step("audience-step-gone", gone, minus(gone));
            }
        }
        let cut = found.reachable.saturating_sub(people);
        step("audience-step-limit", cut, minus(cut));
        let sum = words.t("audience-people").num("count", people).to_string();
        steps.push((words.t("audience-step-sum").to_string(), sum, true));
        steps
    }
}

/// What sends cost now.
pub async fn terms(desk: &Desk) -> Result<Terms, Error> {
    let (id, currency) = (desk.business.id, desk.business.currency);
    Ok(billing::terms(&desk.store, id, currency, desk.now).await?)
}

/// How many of the people a plan's quota includes, in words, where it includes some.
pub fn included(words: &Words, quote: &Quote) -> Option<String> {
    let included: u64 = quote.lines.iter().map(|line| line.included).sum();
    let said = words.t("price-included").num("count", included);
    (included > 0).then(|| said.to_string())
}

fn tariff(purpose: Purpose, of_promotion: Tariff) -> Tariff {
    match purpose {
        Purpose::Promotion => of_promotion,
        Purpose::Information => Tariff::Information,
    }
}

/// What a gap is called at its field.
pub fn gap_words(words: &Words, gap: &Gap) -> String {
    let key = match (gap.why, gap.kind) {
        (Unready::Empty, None) => format!("audience-empty-{}", gap.field),
        (Unready::Wrong, None) => format!("audience-wrong-{}", gap.field),
        (Unready::Empty, Some(kind)) if kind.is_range() => "audience-empty-range".to_owned(),
        (Unready::Empty, Some(_)) => "audience-empty-values".to_owned(),
        (Unready::Wrong, Some(kind)) => format!("audience-wrong-{}", kind.name()),
    };
    words.t(key).to_string()
}

/// What a value is called.
fn label(words: &Words, kind: Kind, value: &str, offered: Offered<'_>) -> String {
    let known = |key: String| words.has(&key).then(|| words.t(key).to_string());
    let said = match kind {
        Kind::Gender => known(format!("audience-gender-{value}")),
        Kind::Language => known(format!("audience-language-{value}")),
        Kind::Country => known(format!("audience-country-{value}")),
        Kind::TimeZone => Some(words.zone(value)),
        Kind::List => {
            let mut lists = offered.offers.lists.iter();
            let list = lists.find(|list| list.id.to_string() == value);
            list.map(|list| list.name.clone())
        }
        Kind::AudienceGroup => {
            let mut groups = offered.groups.iter();
            let group = groups.find(|group| group.id.to_string() == value);
            group.map(|group| group.description.clone())
        }
        _ => None,
    };
    said.unwrap_or_else(|| value.to_owned())
}

/// The values to tick: those that are, then those that most friends have.
fn choices(words: &Words, condition: &Condition, offered: Offered<'_>) -> Vec<Choice> {
    let kind = condition.kind;
    if kind.is_range() {
        return Vec::new();
    }
    let offers = offered.offers;
    let values: Vec<(String, u64)> = match kind {
        Kind::List => {
            let lists = offers.lists.iter();
            lists
                .map(|list| (list.id.to_string(), list.users))
                .collect()
        }
        Kind::AudienceGroup => {
            let groups = offered.groups.iter();
            groups
                .map(|group| (group.id.to_string(), group.members))
                .collect()
        }
        kind => offers.values.get(kind.name()).cloned().unwrap_or_default(),
    };
    let genders = ["female", "male", "unknown"].map(|gender| (gender.to_owned(), 0));
    let values = match kind {
        Kind::Gender => genders
            .into_iter()
            .map(|(gender, _)| {
                let found = values.iter().find(|(value, _)| *value == gender);
                let friends = found.map_or(0, |(_, friends)| *friends);
                (gender, friends)
            })
            .collect(),
        _ => values,
    };
    let is_on = |value: &String| condition.values.contains(value);
    let mut seen = BTreeSet::new();
    let mut shown = Vec::new();
    for (place, (value, friends)) in values.iter().enumerate() {
        if place < TICKED_MAX || is_on(value) {
            seen.insert(value.clone());
            shown.push(Choice {
                label: label(words, kind, value, offered),
                friends: (*friends > 0).then(|| words.count(*friends)),
                is_on: is_on(value),
                value: value.clone(),
            });
        }
    }
    let others = condition
        .values
        .iter()
        .filter(|value| !seen.contains(*value));
    shown.extend(others.map(|value| Choice {
        label: label(words, kind, value, offered),
        friends: None,
        is_on: true,
        value: value.clone(),
    }));
    shown
}

fn suggestions(offers: &Offers) -> Vec<(&'static str, Vec<String>)> {
    let rest = |values: &Vec<(String, u64)>| {
        let rest = values.iter().skip(TICKED_MAX);
        rest.map(|(value, _)| value.clone()).collect::<Vec<_>>()
    };
    let kinds = offers.values.iter();
    let kinds = kinds.map(|(kind, values)| (*kind, rest(values)));
    kinds.filter(|(_, values)| !values.is_empty()).collect()
}
