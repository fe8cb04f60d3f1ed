//! A campaign as a program sees it, whole and on a list.

use domain::campaign::CampaignState;
use domain::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use store::StoreError;
use store::campaign_list::ListedCampaign;
use utoipa::ToSchema;

use super::Refusal;

/// A campaign.
#[derive(Debug, Serialize, ToSchema)]
pub struct Campaign {
    #[schema(example = "cmp_06bkh3pq7rxj5m8m4s1w2y9zgt")]
    pub id: String,
    pub name: String,
    /// promotion or information.
    pub purpose: &'static str,
    /// draft, approved, scheduled, waiting_for_funds, launching, launch_failed, running, paused,
    /// cancelling, closing, closed or discarded.
    pub state: &'static str,
    /// Why it stands still: requested, messenger_refuses, broken_invariant or restored.
    pub pause_reason: Option<&'static str>,
    /// Of what is sent to testers alone, free.
    pub is_test: bool,
    /// 1 to 5 message objects in the shapes of the LINE Messaging API.
    #[schema(value_type = Vec<Object>)]
    pub messages: Box<RawValue>,
    /// Whom it goes to: `{"expression": …, "limit": …}`.
    #[schema(value_type = Object)]
    pub audience: Box<RawValue>,
    /// `{"now": true}`, or a wall time in a zone.
    #[schema(value_type = Object)]
    pub schedule: Box<RawValue>,
    pub scheduled_for: Option<String>,
    /// Recipients per second, where it has a speed of its own.
    pub rate_per_second: Option<u32>,
    /// How long after its launch pushes may begin.
    pub lifetime_seconds: u32,
    /// do_not_start, wait, fewer_by_number or fewer_at_random.
    pub if_short: &'static str,
    pub created_at: String,
    pub launched_at: Option<String>,
    pub closed_at: Option<String>,
    /// Why it could not be launched by itself.
    pub launch_error: Option<String>,
}

/// A campaign on a list, without its message.
#[derive(Debug, Serialize, ToSchema)]
pub struct CampaignLine {
    pub id: String,
    pub name: String,
    pub purpose: &'static str,
    pub state: &'static str,
    pub pause_reason: Option<&'static str>,
    pub was_cancelled: bool,
    /// Recipients as the launch counted them.
    pub counted: u64,
    pub created_at: String,
    pub scheduled_for: Option<String>,
    pub launched_at: Option<String>,
    pub closed_at: Option<String>,
}

impl Campaign {
    pub fn of(campaign: store::campaign::Campaign) -> Result<Self, Refusal> {
        let state = campaign.shown_state();
        Ok(Self {
            id: campaign.id.to_string(),
            purpose: campaign.purpose.name(),
            state: state.name(),
            pause_reason: reason(state),
            is_test: campaign.kind == domain::campaign::CampaignKind::Test,
            messages: raw("messages", campaign.messages)?,
            audience: raw("audience", campaign.audience)?,
            schedule: raw("schedule", campaign.schedule)?,
            scheduled_for: time(campaign.scheduled_for),
            rate_per_second: campaign.rate_per_second,
            lifetime_seconds: campaign.lifetime_seconds,
            if_short: campaign.if_short.name(),
            created_at: campaign.created_at.to_string(),
            launched_at: time(campaign.launch.map(|launch| launch.launched_at)),
            closed_at: time(campaign.closed_at),
            launch_error: campaign.launch_error,
            name: campaign.name,
        })
    }
}

impl From<ListedCampaign> for CampaignLine {
    fn from(campaign: ListedCampaign) -> Self {
        let state = campaign.shown_state();
        Self {
            id: campaign.id.to_string(),
            purpose: campaign.purpose.name(),
            state: state.name(),
            pause_reason: reason(state),
            was_cancelled: campaign.was_cancelled,
            counted: campaign.counted,
            created_at: campaign.created_at.to_string(),
            scheduled_for: time(campaign.scheduled_for),
            launched_at: time(campaign.launched_at),
            closed_at: time(campaign.closed_at),
            name: campaign.name,
        }
    }
}

/// RFC 3339 in UTC.
pub fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

fn reason(state: CampaignState) -> Option<&'static str> {
    state.pause_reason().map(|reason| reason.name())
}

/// Canonical JSON as the row holds it.
fn raw(column: &'static str, text: String) -> Result<Box<RawValue>, StoreError> {
    RawValue::from_string(text).map_err(|error| StoreError::Corrupt {
        table: "campaign",
        column,
        why: error.to_string(),
    })
}
