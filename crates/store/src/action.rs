//! What was done to a campaign under way, by whom and why.

use domain::id::{CampaignId, MemberId};
use domain::time::Timestamp;

use crate::row::{self, Row, values};
use crate::{Snapshot, StoreError, Write};

/// What somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Pause,
    Resume,
    Cancel,
}

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignAction {
    pub at: Timestamp,
    pub action: Action,
    /// `None` where it was done from a shell.
    pub member: Option<MemberId>,
    /// As it was written; empty where nobody asked.
    pub reason: String,
    /// Units that were frozen and not begun when it was cancelled.
    pub not_begun: u64,
    /// Units that were not frozen yet when it was cancelled.
    pub not_frozen: u64,
    /// Micro-units that a cancel gave back at once.
    pub released_micro: i64,
}

impl Action {
    const ALL: [Action; 3] = [Self::Pause, Self::Resume, Self::Cancel];

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Pause => 1,
            Self::Resume => 2,
            Self::Cancel => 3,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
        }
    }
}

impl CampaignAction {
    /// Something that moves no money.
    pub fn of(action: Action, member: Option<MemberId>, at: Timestamp) -> Self {
        Self {
            at,
            action,
            member,
            reason: String::new(),
            not_begun: 0,
            not_frozen: 0,
            released_micro: 0,
        }
    }
}

impl Write {
    pub async fn note_action(
        &mut self,
        campaign: CampaignId,
        action: &CampaignAction,
    ) -> Result<(), StoreError> {
        let sequence = self.sequence().await?;
        let sql = "INSERT INTO campaign_action (campaign, sequence, at, action, member, reason,
                     not_begun, not_frozen, released)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let bound = values![
            campaign,
            sequence,
            action.at,
            action.action.code(),
            action.member.map(|member| member.as_bytes().to_vec()),
            action.reason.as_str(),
            action.not_begun,
            action.not_frozen,
            action.released_micro,
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }
}

impl Snapshot {
    /// Everything that was done to a campaign, in order.
    pub async fn campaign_actions(
        &self,
        campaign: CampaignId,
    ) -> Result<Vec<CampaignAction>, StoreError> {
        let sql = "SELECT at, action, member, reason, not_begun, not_frozen, released
                   FROM campaign_action WHERE campaign = $1 ORDER BY sequence";
        let rows = row::all(self.connection(), "campaign_action", sql, values![campaign]).await?;
        rows.iter().map(read).collect()
    }

    /// Whether somebody cancelled it; how its sends ended does not tell.
    pub async fn was_cancelled(&self, campaign: CampaignId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM campaign_action WHERE campaign = $1 AND action = $2 LIMIT 1";
        let bound = values![campaign, Action::Cancel.code()];
        let row = row::one(self.connection(), "campaign_action", sql, bound).await?;
        Ok(row.is_some())
    }
}

fn read(row: &Row) -> Result<CampaignAction, StoreError> {
    let code: u8 = row.int("action")?;
    let action = Action::ALL.into_iter().find(|known| known.code() == code);
    Ok(CampaignAction {
        at: row.time("at")?,
        action: action.ok_or_else(|| row.corrupt("action", code))?,
        member: row.optional_id("member")?,
        reason: row.get("reason")?,
        not_begun: row.int("not_begun")?,
        not_frozen: row.int("not_frozen")?,
        released_micro: row.get("released")?,
    })
}
