//! The steps of a draft, shown over each of its pages by `campaigns/steps.html`.

use domain::id::CampaignId;

use crate::desk::Desk;

/// A page of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Message,
    Audience,
    Schedule,
    Review,
}

/// What `campaigns/steps.html` shows; a page's template has it as `steps`, beside its `words`.
#[derive(Debug, Clone)]
pub struct Steps {
    pub items: Vec<StepItem>,
}

#[derive(Debug, Clone)]
pub struct StepItem {
    pub path: String,
    /// The key of its words.
    pub key: &'static str,
    pub is_here: bool,
    /// It comes before the present one.
    pub is_before: bool,
}

impl Step {
    pub const ALL: [Step; 4] = [Self::Message, Self::Audience, Self::Schedule, Self::Review];

    /// The last part of its address.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Audience => "audience",
            Self::Schedule => "schedule",
            Self::Review => "review",
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Message => "composer-step-message",
            Self::Audience => "composer-step-audience",
            Self::Schedule => "composer-step-schedule",
            Self::Review => "composer-step-review",
        }
    }
}

impl Steps {
    pub fn of(desk: &Desk, campaign: CampaignId, here: Step) -> Self {
        let position = |step: Step| Step::ALL.iter().position(|other| *other == step);
        let items = Step::ALL.into_iter().map(|step| StepItem {
            path: desk.at(&format!("/campaigns/{campaign}/{}", step.name())),
            key: step.key(),
            is_here: step == here,
            is_before: position(step) < position(here),
        });
        Self {
            items: items.collect(),
        }
    }
}
