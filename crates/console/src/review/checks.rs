//! What stands in the way of sending, and what is worth knowing before it: each with the way to
//! mend it.

use domain::audience::LimitMethod;
use domain::budget::Budget;
use domain::campaign::Purpose;
use domain::message::ValidationError;
use words::Words;

use crate::aim::Aim;
use crate::campaigns::door::failure_in_words;
use crate::composer::said::said;
use crate::desk::Desk;
use crate::draft::Draft;
use crate::schedule::form::PAST;
use crate::schedule::outlook::Outlook;

/// Faults of the message that are listed; the rest is seen there.
const FAULTS_SHOWN: usize = 5;

pub struct Check {
    /// `good`, `warn` or `bad`.
    pub tone: &'static str,
    pub icon: &'static str,
    pub words: String,
    /// Where it is mended.
    pub link: Option<String>,
    /// Nothing is sent before it is mended.
    pub blocks: bool,
}

/// What is known of people and money.
pub struct Money<'a> {
    pub missing: Option<String>,
    pub people: Option<u64>,
    /// How many there are, where it goes to fewer.
    pub asked: Option<u64>,
    /// More than the plan sells this month: how many it does.
    pub plan_room: Option<u64>,
    /// The budget that it would pass.
    pub budget: Option<&'a Budget>,
}

/// What is wrong with a message, each at its field.
pub type Wrong = Vec<(String, ValidationError)>;

pub fn checks(
    desk: &Desk,
    draft: &Draft,
    aim: &Aim,
    wrong: Option<&Wrong>,
    money: &Money<'_>,
    outlook: &Outlook,
) -> Vec<Check> {
    let words = desk.words;
    let mut found = of_message(desk, draft, aim, wrong);
    found.push(match (aim.audience(), money.people) {
        (None, _) => bad(&words, "review-check-audience", draft.at(desk, "/audience")),
        (_, Some(0)) => bad(&words, "review-check-nobody", draft.at(desk, "/audience")),
        _ => good(&words, "review-check-people"),
    });
    found.push(match &aim.delivery {
        Ok(_) => good(&words, "review-check-schedule"),
        Err(wrong) => {
            let key = match wrong.contains(&PAST) {
                true => "review-check-past",
                false => "review-check-when",
            };
            bad(&words, key, draft.at(desk, "/schedule"))
        }
    });
    found.extend(of_money(desk, money, outlook));
    found.extend(of_fewer(desk, draft, aim, money));
    if let Some(noted) = &draft.campaign.launch_error {
        let said = words.t("review-check-sent-back");
        found.push(Check {
            tone: "warn",
            icon: "info",
            words: said
                .text("why", failure_in_words(&words, noted))
                .to_string(),
            link: None,
            blocks: false,
        });
    }
    if let Some(quiet) = &outlook.quiet {
        let said = words.t("review-check-quiet").num("count", quiet.people);
        found.push(Check {
            tone: "warn",
            icon: "moon",
            words: said.to_string(),
            link: Some(draft.at(desk, "/schedule")),
            blocks: false,
        });
    }
    found
}

fn of_message(desk: &Desk, draft: &Draft, aim: &Aim, wrong: Option<&Wrong>) -> Vec<Check> {
    let words = desk.words;
    let Some(wrong) = wrong else {
        let mut found = vec![good(&words, "review-check-message")];
        if aim.purpose == Purpose::Promotion {
            found.push(good(&words, "review-check-law"));
        }
        return found;
    };
    let faults = wrong.iter().take(FAULTS_SHOWN).map(|(field, error)| {
        let key = match field.as_str() {
            "name" => "review-check-name",
            _ => "review-check-wrong",
        };
        let said = words.t(key).text("fault", said(&words, field, error));
        Check {
            words: said.to_string(),
            ..bad(
                &words,
                "review-check-when",
                draft.at(desk, &format!("/message#{field}")),
            )
        }
    });
    faults.collect()
}

fn of_money(desk: &Desk, money: &Money<'_>, outlook: &Outlook) -> Option<Check> {
    let words = desk.words;
    if let Some(room) = money.plan_room {
        return Some(Check {
            tone: "bad",
            icon: "wallet",
            words: words.t("review-check-plan").num("count", room).to_string(),
            link: Some(desk.at("/wallet")),
            blocks: !outlook.is_planned,
        });
    }
    if let Some(budget) = money.budget {
        let said = words.t(format!("review-check-budget-{}", budget.of.name()));
        return Some(Check {
            tone: "bad",
            icon: "wallet",
            words: said.text("amount", words.money(budget.room())).to_string(),
            link: Some(desk.at("/wallet")),
            blocks: !outlook.is_planned,
        });
    }
    let Some(missing) = &money.missing else {
        return money.people.map(|_| good(&words, "review-check-funds"));
    };
    let (key, tone) = match outlook.is_planned {
        true => ("review-check-money-later", "warn"),
        false => ("review-check-money", "bad"),
    };
    Some(Check {
        tone,
        icon: "wallet",
        words: words.t(key).text("amount", missing).to_string(),
        link: Some(desk.at("/wallet")),
        // What is planned may be paid for until then.
        blocks: !outlook.is_planned,
    })
}

/// That it goes to fewer, and to whom: never in silence.
fn of_fewer(desk: &Desk, draft: &Draft, aim: &Aim, money: &Money<'_>) -> Option<Check> {
    let words = desk.words;
    let (granted, asked) = (money.people?, money.asked?);
    let limit = aim.audience().and_then(|audience| audience.limit);
    let method = limit.map(|limit| limit.method);
    let method = method.or(aim.schedule.if_short().fewer(aim.campaign))?;
    let key = match method {
        LimitMethod::UserNumber => "review-check-fewer-by-number",
        LimitMethod::Random { .. } => "review-check-fewer-at-random",
    };
    let said = words.t(key).text("granted", words.count(granted));
    Some(Check {
        tone: "warn",
        icon: "wallet",
        words: said.text("asked", words.count(asked)).to_string(),
        link: Some(draft.at(desk, "/schedule")),
        blocks: false,
    })
}

fn good(words: &Words, key: &str) -> Check {
    Check {
        tone: "good",
        icon: "check-circle",
        words: words.t(key).to_string(),
        link: None,
        blocks: false,
    }
}

fn bad(words: &Words, key: &str, link: String) -> Check {
    Check {
        tone: "bad",
        icon: "alert",
        words: words.t(key).to_string(),
        link: Some(link),
        blocks: true,
    }
}
