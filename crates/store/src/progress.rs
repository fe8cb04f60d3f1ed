//! A campaign under way, counted for whoever watches it.
//!
//! Somebody looks every second, so nothing here reads what was read before: a chunk that is done
//! never changes, and who looks again asks for those that were done since. What is left open is
//! counted from the index of open chunks.

use domain::chunk::ChunkState;
use domain::codec::unpack_outcomes;
use domain::id::{BusinessId, CampaignId};
use domain::outcome::{Outcome, OutcomeCounts};
use domain::time::{LaunchMonth, Timestamp};

use crate::action::CampaignAction;
use crate::campaign::{self, Campaign, CampaignTariff};
use crate::row::{self, Row, values};
use crate::wallet::Hold;
use crate::{Snapshot, StoreError};

/// A campaign as it stands, without the chunks that are done.
#[derive(Debug, Clone)]
pub struct UnderWay {
    pub campaign: Campaign,
    pub tariffs: Vec<CampaignTariff>,
    /// `None` before the launch.
    pub hold: Option<Hold>,
    /// Chunks that wait for their turn.
    pub ready: u64,
    pub sending: OpenChunks,
    pub unknown: OpenChunks,
    pub quarantined: OpenChunks,
    /// Up to this user number the freeze has come; `None` before its first range.
    pub frozen_up_to: Option<u32>,
    /// Whom the freeze left out, by the code of the rule.
    pub left_out: Vec<(u8, u64)>,
    /// What became of undecided recipients since.
    pub decided: Vec<(Outcome, u64)>,
    /// When the last chunk with undecided recipients settled.
    pub uncertain_since: Option<Timestamp>,
    pub actions: Vec<CampaignAction>,
}

/// Chunks of one state, and the people in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenChunks {
    pub chunks: u64,
    pub people: u64,
}

/// A chunk that is done, as far as counting needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoneChunk {
    pub number: u64,
    pub round: u8,
    pub state: ChunkState,
    pub counts: OutcomeCounts,
    pub settled_at: Timestamp,
    /// Of the commit that made it terminal.
    pub sequence: i64,
    /// Only where somebody failed or was excluded: to say why.
    pub outcomes: Vec<Outcome>,
}

const DONE: &str = "SELECT number, round, state, size, accepted, failed, excluded, uncertain,
       cancelled, moved, settled_at, sequence,
       CASE WHEN failed + excluded > 0 THEN outcomes END AS outcomes
     FROM chunk";

impl Snapshot {
    /// A business's campaign as it stands.
    pub async fn under_way(
        &self,
        business: BusinessId,
        id: CampaignId,
    ) -> Result<UnderWay, StoreError> {
        let campaign = campaign::find(self.connection(), id).await?;
        if campaign.business != business {
            return Err(StoreError::NotFound(format!("campaign {id}")));
        }
        let tariffs = campaign::tariffs(self.connection(), id).await?;
        let sending = self.open_chunks(id, ChunkState::Sending).await?;
        let unknown = self.open_chunks(id, ChunkState::Unknown).await?;
        let quarantined = self.open_chunks(id, ChunkState::Quarantined).await?;
        Ok(UnderWay {
            tariffs,
            hold: self.hold(id).await?,
            ready: self.ready_chunks(id).await?,
            sending,
            unknown,
            quarantined,
            frozen_up_to: self.frozen_up_to(id).await?,
            left_out: self.exclusion_sums(id).await?,
            decided: self.decided(&campaign).await?,
            uncertain_since: self.uncertain_since(id).await?,
            actions: self.campaign_actions(id).await?,
            campaign,
        })
    }

    /// Chunks of a campaign that are done, in the order of numbers: the first look.
    pub async fn done_chunks(
        &self,
        month: LaunchMonth,
        campaign: CampaignId,
        after: Option<(u64, u8)>,
        limit: u32,
    ) -> Result<Vec<DoneChunk>, StoreError> {
        let sql = format!(
            "{DONE} WHERE month = $1 AND campaign = $2 AND (number, round) > ($3, $4)
               AND state >= 10
             ORDER BY number, round LIMIT $5"
        );
        // Numbers begin at 0, and `>` has to let the first one in.
        let (number, round) = after.map_or((-1, 0), |(number, round)| {
            (i64::try_from(number).unwrap_or(i64::MAX), round)
        });
        let bound = values![month.number(), campaign, number, round, limit];
        let rows = row::all(self.connection(), "chunk", &sql, bound).await?;
        rows.iter().map(read).collect()
    }

    /// Those from a mark on that [`Snapshot::settle_mark`] gave: every further look. Some of them
    /// may have been seen before.
    pub async fn done_chunks_since(
        &self,
        campaign: CampaignId,
        mark: i64,
    ) -> Result<Vec<DoneChunk>, StoreError> {
        // Few chunks of any campaign were done since; all chunks of this one may be many. So the
        // campaign is asked for in a way that no index answers.
        let sql = format!("{DONE} WHERE sequence >= $1 AND CASE WHEN campaign = $2 THEN 1 END = 1");
        let bound = values![mark, campaign];
        let rows = row::all(self.connection(), "chunk", &sql, bound).await?;
        rows.iter().map(read).collect()
    }

    async fn open_chunks(
        &self,
        campaign: CampaignId,
        state: ChunkState,
    ) -> Result<OpenChunks, StoreError> {
        let sql = format!(
            "SELECT COUNT(*) AS chunks, {} AS people FROM chunk
             WHERE campaign = $1 AND state = $2 AND state < 10",
            row::sum("size")
        );
        let bound = values![campaign, state.code()];
        let row = row::one(self.connection(), "chunk", &sql, bound).await?;
        row.map_or(Ok(OpenChunks::default()), |row| {
            Ok(OpenChunks {
                chunks: row.int("chunks")?,
                people: row.int("people")?,
            })
        })
    }

    async fn ready_chunks(&self, campaign: CampaignId) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS chunks FROM chunk
                   WHERE campaign = $1 AND state = 1 AND state < 10";
        let row = row::one(self.connection(), "chunk", sql, values![campaign]).await?;
        row.map_or(Ok(0), |row| row.int("chunks"))
    }

    async fn frozen_up_to(&self, campaign: CampaignId) -> Result<Option<u32>, StoreError> {
        let sql = "SELECT MAX(last_number) AS last FROM freeze_range WHERE campaign = $1";
        let row = row::one(self.connection(), "freeze_range", sql, values![campaign]).await?;
        row.map_or(Ok(None), |row| row.optional_int("last"))
    }

    async fn decided(&self, campaign: &Campaign) -> Result<Vec<(Outcome, u64)>, StoreError> {
        let Some(launch) = campaign.launch else {
            return Ok(Vec::new());
        };
        let sql = "SELECT outcome, COUNT(*) AS people FROM amendment
                   WHERE month = $1 AND campaign = $2 GROUP BY outcome ORDER BY outcome";
        let bound = values![launch.month.number(), campaign.id];
        let rows = row::all(self.connection(), "amendment", sql, bound).await?;
        let read = |row: &Row| {
            let code: u8 = row.int("outcome")?;
            let outcome = Outcome::from_code(code).ok_or_else(|| row.corrupt("outcome", code))?;
            Ok((outcome, row.int("people")?))
        };
        rows.iter().map(read).collect()
    }

    async fn uncertain_since(&self, campaign: CampaignId) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT MAX(settled_at) AS at FROM chunk
                   WHERE campaign = $1 AND uncertain > 0";
        let row = row::one(self.connection(), "chunk", sql, values![campaign]).await?;
        row.map_or(Ok(None), |row| row.optional_time("at"))
    }
}

fn read(row: &Row) -> Result<DoneChunk, StoreError> {
    let (code, size): (u8, u32) = (row.int("state")?, row.int("size")?);
    let outcomes = row.optional_outcomes("outcomes")?;
    let outcomes = outcomes.map(|blob| unpack_outcomes(&blob, size));
    let outcomes = outcomes
        .transpose()
        .map_err(|error| row.corrupt("outcomes", error))?;
    Ok(DoneChunk {
        number: row.int("number")?,
        round: row.int("round")?,
        state: ChunkState::from_code(code).ok_or_else(|| row.corrupt("state", code))?,
        counts: OutcomeCounts {
            accepted: row.int("accepted")?,
            failed: row.int("failed")?,
            excluded: row.int("excluded")?,
            uncertain: row.int("uncertain")?,
            cancelled: row.int("cancelled")?,
            moved: row.int("moved")?,
        },
        settled_at: row.time("settled_at")?,
        sequence: row.get("sequence")?,
        outcomes: outcomes.unwrap_or_default(),
    })
}
