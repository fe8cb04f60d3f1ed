//! A campaign in a few words: its state as a badge, its audience, what it is called.

use std::fmt;

use domain::audience::{Audience, LimitMethod};
use domain::campaign::{CampaignState, PauseReason, Purpose};
use store::shortage::PartialLaunch;
use words::Words;

use crate::page::{Icon, icon};

/// A state as a word, an icon and a wash.
pub struct Badge {
    state: &'static str,
    icon: Option<Icon>,
    words: String,
}

// Words come from the catalogue; names are not in them.
impl askama::filters::HtmlSafe for Badge {}

/// States that are looked for together: what the list of campaigns is filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateGroup {
    Running,
    /// Somebody has to do something before it can be sent.
    Stuck,
    Scheduled,
    Draft,
    Closed,
    Discarded,
}

impl StateGroup {
    pub const ALL: [StateGroup; 6] = [
        Self::Running,
        Self::Stuck,
        Self::Scheduled,
        Self::Draft,
        Self::Closed,
        Self::Discarded,
    ];

    pub const fn of(state: CampaignState) -> Self {
        use CampaignState as S;
        match state {
            S::Draft | S::Review => Self::Draft,
            S::Scheduled => Self::Scheduled,
            S::Approved | S::WaitingForFunds | S::LaunchFailed => Self::Stuck,
            S::Launching | S::Running | S::Paused(_) | S::Cancelling => Self::Running,
            S::Closing | S::Closed => Self::Closed,
            S::Discarded => Self::Discarded,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stuck => "stuck",
            Self::Scheduled => "scheduled",
            Self::Draft => "draft",
            Self::Closed => "closed",
            Self::Discarded => "discarded",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name() == name)
    }

    /// The codes of its states.
    pub fn codes(self) -> Vec<u8> {
        let every = STATES
            .into_iter()
            .filter(|state| Self::of(*state) == self)
            .map(CampaignState::code);
        every.collect()
    }
}

/// One of each code.
const STATES: [CampaignState; 13] = [
    CampaignState::Draft,
    CampaignState::Review,
    CampaignState::Approved,
    CampaignState::Scheduled,
    CampaignState::WaitingForFunds,
    CampaignState::Launching,
    CampaignState::LaunchFailed,
    CampaignState::Running,
    CampaignState::Paused(PauseReason::Requested),
    CampaignState::Cancelling,
    CampaignState::Closing,
    CampaignState::Closed,
    CampaignState::Discarded,
];

impl Badge {
    /// `was_cancelled` tells a campaign that ended before everybody had it.
    pub fn of(words: &Words, state: CampaignState, was_cancelled: bool) -> Self {
        use CampaignState as S;
        let (colour, sign, key) = match state {
            S::Draft => ("draft", "pen", "draft"),
            S::Review => ("approval", "hourglass", "review"),
            S::Approved => ("approval", "hourglass", "approved"),
            S::Scheduled => ("scheduled", "clock", "scheduled"),
            S::WaitingForFunds => ("approval", "wallet", "waiting"),
            S::Launching => ("running", "", "launching"),
            S::LaunchFailed => ("failed", "alert", "launch-failed"),
            S::Running => ("running", "", "running"),
            S::Paused(PauseReason::Restored) => ("stopped", "alert", "restored"),
            S::Paused(PauseReason::Requested) => ("paused", "pause", "paused"),
            S::Paused(_) => ("stopped", "alert", "stopped"),
            S::Cancelling => ("cancelled", "x", "cancelling"),
            S::Closing => ("unknown", "hourglass", "closing"),
            S::Closed if was_cancelled => ("cancelled", "x", "cancelled"),
            S::Closed => ("done", "check", "closed"),
            S::Discarded => ("cancelled", "trash", "discarded"),
        };
        Self {
            state: colour,
            icon: (!sign.is_empty()).then(|| icon(sign)),
            words: words.t(format!("campaign-state-{key}")).to_string(),
        }
    }

    /// The wash of an event in the calendar.
    pub fn colour(&self) -> &'static str {
        self.state
    }

    pub fn words(&self) -> &str {
        &self.words
    }
}

impl fmt::Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"<span class="badge" data-state="{}">"#, self.state)?;
        if let Some(icon) = &self.icon {
            icon.fmt(f)?;
        }
        write!(f, "{}</span>", self.words)
    }
}

/// What a campaign is called; a draft may have no name yet.
pub fn called(words: &Words, name: &str) -> String {
    match name.trim() {
        "" => words.t("campaign-unnamed").to_string(),
        name => name.to_owned(),
    }
}

pub fn purpose_in_words(words: &Words, purpose: Purpose) -> String {
    let key = match purpose {
        Purpose::Promotion => "campaign-promotion",
        Purpose::Information => "campaign-information",
    };
    words.t(key).to_string()
}

/// The audience in short: everybody, or by conditions, and up to how many.
pub fn audience_in_words(words: &Words, json: &str) -> String {
    // What a page of its own writes beside the audience is not of interest here.
    let Ok(audience) = audience_of(json) else {
        return words.t("campaign-audience-unfinished").to_string();
    };
    let whom = match audience.is_untargeted() {
        true => words.t("campaign-audience-all"),
        false => words.t("campaign-audience-some"),
    };
    match audience.limit {
        None => whom.to_string(),
        Some(limit) => words
            .t("campaign-audience-limited")
            .text("whom", whom.to_string())
            .num("count", limit.count)
            .to_string(),
    }
}

fn audience_of(json: &str) -> Result<Audience, ()> {
    if let Ok(audience) = Audience::parse(json) {
        return Ok(audience);
    }
    let mut value: serde_json::Value = serde_json::from_str(json).map_err(|_| ())?;
    let object = value.as_object_mut().ok_or(())?;
    object.retain(|key, _| key == "expression" || key == "limit");
    if object.get("limit").is_some_and(serde_json::Value::is_null) {
        object.remove("limit");
    }
    Audience::parse(&value.to_string()).map_err(|_| ())
}

/// To how many of how many it was sent, and how they were chosen.
pub fn fewer(words: &Words, partial: &PartialLaunch) -> String {
    let said = match partial.method {
        LimitMethod::UserNumber => words.t("report-fact-fewer-by-number"),
        LimitMethod::Random { seed } => words
            .t("report-fact-fewer-at-random")
            .text("seed", seed.to_string()),
    };
    said.text("granted", words.count(partial.granted))
        .text("asked", words.count(partial.asked))
        .to_string()
}

#[cfg(test)]
mod tests {
    use words::Language;

    use super::*;

    #[test]
    fn every_state_is_in_one_group() {
        let codes: Vec<u8> = StateGroup::ALL
            .into_iter()
            .flat_map(StateGroup::codes)
            .collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (1..=13).collect::<Vec<u8>>());
        for group in StateGroup::ALL {
            assert_eq!(StateGroup::from_name(group.name()), Some(group));
        }
    }

    #[test]
    fn audiences_are_short() {
        let words = Words::of(Language::English);
        let all = r#"{"expression":{"all":true}}"#;
        let limited = r#"{"expression":{"all":true},"limit":null,"editor":{"open":true}}"#;
        let everybody = audience_in_words(&words, all);
        assert_eq!(audience_in_words(&words, limited), everybody);
        assert_ne!(audience_in_words(&words, "{"), everybody);
        let tagged = r#"{"expression":{"tag":"vip"}}"#;
        assert_ne!(audience_in_words(&words, tagged), everybody);
    }
}
