//! Drafts: what people write before a campaign is sent, part by part, saved by compare-and-set.

use domain::id::{CampaignId, MemberId};
use domain::time::Timestamp;

use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write};

/// What of a campaign is written apart from the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Name, purpose and messages.
    Message,
    /// Who gets it.
    Audience,
    /// When, and how fast.
    Delivery,
}

/// One part as it was saved last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftPart {
    pub part: Part,
    pub version: u32,
    /// JSON, as the page that writes it left it.
    pub content: String,
    /// The window that saved it.
    pub writer: String,
    pub updated_at: Timestamp,
    pub updated_by: MemberId,
}

impl Part {
    pub const ALL: [Part; 3] = [Self::Message, Self::Audience, Self::Delivery];

    pub const fn code(self) -> u8 {
        match self {
            Self::Message => 1,
            Self::Audience => 2,
            Self::Delivery => 3,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.code() == code)
    }
}

impl Store {
    /// The parts of a draft that were ever saved.
    pub async fn draft_parts(&self, campaign: CampaignId) -> Result<Vec<DraftPart>, StoreError> {
        parts(self.reader(), campaign).await
    }
}

impl Write {
    pub async fn draft_parts(
        &mut self,
        campaign: CampaignId,
    ) -> Result<Vec<DraftPart>, StoreError> {
        parts(self.connection(), campaign).await
    }

    /// Stores a part whose version rises by one; a conflict where it is not `version - 1` there, 0
    /// being a part that was never saved.
    pub async fn save_draft_part(
        &mut self,
        campaign: CampaignId,
        saved: &DraftPart,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO draft_part
                     (campaign, part, version, content, writer, updated_at, updated_by)
                   SELECT $1, $2, $3, $4, $5, $6, $7 WHERE true
                   ON CONFLICT (campaign, part) DO UPDATE SET version = excluded.version,
                     content = excluded.content, writer = excluded.writer,
                     updated_at = excluded.updated_at, updated_by = excluded.updated_by
                   WHERE draft_part.version = excluded.version - 1";
        let bound = values![
            campaign,
            saved.part.code(),
            saved.version,
            saved.content.as_str(),
            saved.writer.as_str(),
            saved.updated_at,
            saved.updated_by,
        ];
        match row::execute(self.connection(), sql, bound).await? {
            1 => Ok(()),
            _ => Err(StoreError::Conflict("the draft")),
        }
    }

    /// The name a draft goes by before it is finished.
    pub async fn set_campaign_name(
        &mut self,
        campaign: CampaignId,
        name: &str,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE campaign SET name = $2 WHERE id = $1";
        row::execute(self.connection(), sql, values![campaign, name]).await?;
        Ok(())
    }
}

async fn parts(
    connection: &impl sea_orm::ConnectionTrait,
    campaign: CampaignId,
) -> Result<Vec<DraftPart>, StoreError> {
    let sql = "SELECT part, version, content, writer, updated_at, updated_by FROM draft_part
               WHERE campaign = $1 ORDER BY part";
    let rows = row::all(connection, "draft_part", sql, values![campaign]).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<DraftPart, StoreError> {
    Ok(DraftPart {
        part: Part::from_code(row.int("part")?)
            .ok_or_else(|| row.corrupt("part", "no such part"))?,
        version: row.int("version")?,
        content: row.get("content")?,
        writer: row.get("writer")?,
        updated_at: row.time("updated_at")?,
        updated_by: row.id("updated_by")?,
    })
}
