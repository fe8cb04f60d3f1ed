//! Days of API sending: their campaign, the blocks of units that processes lease from it, and the
//! requests that were accepted.
//!
//! A request's commit checks and uses its block in one statement, so that a block that was ended
//! meanwhile, or is used up, takes nothing more. Numbers of chunks come from the campaign's row.

use domain::api_request::ApiOperation;
use domain::campaign::{CampaignKind, CampaignState, Purpose, StandingOperation};
use domain::chunk::ChunkState;
use domain::codec;
use domain::id::{AccountId, BlockId, BusinessId, CampaignId, RequestId, WorkerId};
use domain::rule::RuleId;
use domain::time::{LocalDay, Timestamp};
use domain::user::UserNumber;

use crate::campaign::{self, Campaign, Launch};
use crate::contract::coded;
use crate::hot::FrozenChunk;
use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write, bulk};

/// One day's campaign as it begins: RUNNING, with nothing granted.
#[derive(Debug, Clone)]
pub struct StandingDay {
    pub id: CampaignId,
    pub business: BusinessId,
    pub account: AccountId,
    pub operation: StandingOperation,
    pub purpose: Purpose,
    pub name: String,
    pub day: LocalDay,
    pub launch: Launch,
    pub unit_price_micro: i64,
    /// What a send costs depends on those before it.
    pub is_by_unit: bool,
    /// How long after its day pushes may still begin.
    pub lifetime_seconds: u32,
}

/// Units of one campaign that one process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    pub id: BlockId,
    pub campaign: CampaignId,
    pub tariff: u8,
    pub unit_price_micro: i64,
    pub units: u64,
    pub used: u64,
    pub leased_to: WorkerId,
    /// Of the last use.
    pub leased_at: Timestamp,
}

/// A request that was accepted, with what it sends.
#[derive(Debug, Clone, Copy)]
pub struct RecordedRequest<'a> {
    pub accepted: &'a AcceptedRequest,
    /// The hash of its message.
    pub message: [u8; 32],
    pub chunks: &'a [FrozenChunk],
}

/// A request that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedRequest {
    pub id: RequestId,
    pub operation: ApiOperation,
    pub campaign: CampaignId,
    pub account: AccountId,
    pub retry_key: Option<String>,
    /// What its sends are added up under.
    pub unit: Option<String>,
    /// What was answered beyond the usual: JSON.
    pub answer: Option<String>,
    pub accepted_at: Timestamp,
    /// Whom it is sent to, each once.
    pub recipients: u32,
    /// Users who must not get it, with the rule, by rising number.
    pub left_out: Vec<(UserNumber, RuleId)>,
    pub unknown_users: u32,
}

pub(crate) const REQUEST: &str = "SELECT id, operation, campaign, account, retry_key, unit, answer,
      accepted_at, recipients, left_out, unknown_users
    FROM api_request WHERE";
const BLOCK: &str = "SELECT id, campaign, tariff, unit_price, units, used, leased_to, leased_at
    FROM block WHERE ended_at IS NULL AND";

impl Campaign {
    /// When a standing campaign's day is over; `None` for a broadcast or a test of one.
    pub fn day_ends(&self) -> Option<Timestamp> {
        let lifetime = std::time::Duration::from_secs(u64::from(self.lifetime_seconds));
        match self.kind {
            CampaignKind::Broadcast | CampaignKind::Test => None,
            CampaignKind::Standing(_) => Some(self.launch?.not_after - lifetime),
        }
    }
}

impl Write {
    pub async fn standing_campaign(
        &mut self,
        account: AccountId,
        operation: StandingOperation,
        day: LocalDay,
    ) -> Result<Option<Campaign>, StoreError> {
        let sql = "SELECT id FROM campaign WHERE account = $1 AND kind = $2 AND day = $3";
        let kind = CampaignKind::Standing(operation).code();
        let bound = values![account, kind, i64::from(day.number())];
        match row::one(self.connection(), "campaign", sql, bound).await? {
            Some(row) => Ok(Some(
                campaign::find(self.connection(), row.id("id")?).await?,
            )),
            None => Ok(None),
        }
    }

    /// Begins a day; a broken invariant where it has begun.
    pub async fn insert_standing(&mut self, standing: &StandingDay) -> Result<(), StoreError> {
        self.ensure_month(standing.launch.month).await?;
        let sql =
            "INSERT INTO campaign (id, business, account, kind, name, purpose, state, messages,
                     message_version, audience, schedule, lifetime_seconds, created_at, month,
                     launched_at, price_version, tariff, cut_sequence, reach_mark, highest_number,
                     chunk_size, not_after, day, billable)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, '[]', 1, '{}', '{}', $8, $9, $10, $9, $11,
                     $12, $13, $14, $15, $16, $17, $18, $19)";
        let launch = &standing.launch;
        let bound = values![
            standing.id,
            standing.business,
            standing.account,
            CampaignKind::Standing(standing.operation).code(),
            standing.name.as_str(),
            standing.purpose.code(),
            CampaignState::Running.code(),
            standing.lifetime_seconds,
            launch.launched_at,
            launch.month.number(),
            launch.price_version,
            launch.tariff,
            launch.cut_sequence,
            launch.reach_mark,
            launch.highest_number.0,
            launch.chunk_size,
            launch.not_after,
            i64::from(standing.day.number()),
            launch.billable.code(),
        ];
        row::execute(self.connection(), sql, bound).await?;
        let sql = "INSERT INTO campaign_tariff
                     (campaign, tariff, unit_price, counted, granted, by_unit)
                   VALUES ($1, $2, $3, 0, 0, $4)";
        let price = standing.unit_price_micro;
        let bound = values![standing.id, launch.tariff, price, standing.is_by_unit];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// Lets another campaign begin for the day of one that came out of a backup.
    pub async fn detach_restored(&mut self, id: CampaignId) -> Result<(), StoreError> {
        let sql = "UPDATE campaign SET day = NULL WHERE id = $1 AND restored_at IS NOT NULL";
        match row::execute(self.connection(), sql, values![id]).await? {
            1 => Ok(()),
            _ => Err(StoreError::Conflict("the campaign")),
        }
    }

    /// Whether an operator stopped the account or its business.
    pub async fn is_stopped(&mut self, account: AccountId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM account a JOIN business b ON b.id = a.business
                   WHERE a.id = $1 AND (a.stopped_at IS NOT NULL OR b.stopped_at IS NOT NULL)";
        let row = row::one(self.connection(), "account", sql, values![account]).await?;
        Ok(row.is_some())
    }

    /// Grants the units of a block, whose price the caller holds in the same transaction.
    pub async fn insert_block(&mut self, block: &Block) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO block (id, campaign, tariff, unit_price, units, leased_to, leased_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let bound = values![
            block.id,
            block.campaign,
            block.tariff,
            block.unit_price_micro,
            block.units,
            block.leased_to,
            block.leased_at,
        ];
        row::execute(self.connection(), sql, bound).await?;
        let sql = "UPDATE campaign_tariff SET counted = counted + $3, granted = granted + $3
                   WHERE campaign = $1 AND tariff = $2";
        let bound = values![block.campaign, block.tariff, block.units];
        match row::execute(self.connection(), sql, bound).await? {
            1 => Ok(()),
            _ => Err(StoreError::NotFound(format!(
                "tariff of {}",
                block.campaign
            ))),
        }
    }

    /// The block that a process uses for a campaign, if it has one that was not ended.
    pub async fn block_of(
        &mut self,
        campaign: CampaignId,
        process: WorkerId,
    ) -> Result<Option<Block>, StoreError> {
        let sql = format!("{BLOCK} campaign = $1 AND leased_to = $2 ORDER BY id DESC LIMIT 1");
        let bound = values![campaign, process];
        let row = row::one(self.connection(), "block", &sql, bound).await?;
        row.map(|row| block(&row)).transpose()
    }

    pub async fn open_blocks(&mut self, campaign: CampaignId) -> Result<Vec<Block>, StoreError> {
        let sql = format!("{BLOCK} campaign = $1 ORDER BY id");
        let rows = row::all(self.connection(), "block", &sql, values![campaign]).await?;
        rows.iter().map(block).collect()
    }

    /// The same of all campaigns of a business.
    pub async fn open_blocks_of_business(
        &mut self,
        business: BusinessId,
    ) -> Result<Vec<Block>, StoreError> {
        let sql = format!(
            "{BLOCK} campaign IN (SELECT id FROM campaign WHERE business = $1) ORDER BY id"
        );
        let rows = row::all(self.connection(), "block", &sql, values![business]).await?;
        rows.iter().map(block).collect()
    }

    /// Uses units of an open block; false where it has too few left or was ended.
    pub async fn use_block(
        &mut self,
        block: &Block,
        units: u64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE block SET used = used + $3, leased_at = $4
                   WHERE id = $1 AND leased_to = $2 AND ended_at IS NULL AND used + $3 <= units";
        let bound = values![block.id, block.leased_to, units, now];
        if row::execute(self.connection(), sql, bound).await? != 1 {
            return Ok(false);
        }
        let sql = "UPDATE campaign_tariff SET frozen = frozen + $3
                   WHERE campaign = $1 AND tariff = $2";
        let bound = values![block.campaign, block.tariff, units];
        row::execute(self.connection(), sql, bound).await?;
        Ok(true)
    }

    /// Ends a block: the units that no chunk used are granted no longer. How many these are; the
    /// caller releases their price in the same transaction.
    pub async fn end_block(&mut self, block: &Block, now: Timestamp) -> Result<u64, StoreError> {
        let sql = format!(
            "SELECT {} AS used FROM chunk WHERE block = $1 AND round = 0",
            row::sum("size")
        );
        let row = row::one(self.connection(), "chunk", &sql, values![block.id]).await?;
        let row = row.ok_or_else(|| StoreError::NotFound("chunks".into()))?;
        let used: u64 = row.int("used")?;
        let sql = "UPDATE block SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL
                   RETURNING units, used";
        let ended = row::one(self.connection(), "block", sql, values![block.id, now]).await?;
        let ended = ended.ok_or(StoreError::Conflict("the block"))?;
        let counted: u64 = ended.int("used")?;
        if counted != used {
            return Err(StoreError::Invariant(format!(
                "{} counted {counted} units, its chunks have {used}",
                block.id
            )));
        }
        let rest = ended.int::<u64>("units")? - used;
        let sql = "UPDATE campaign_tariff SET granted = granted - $3
                   WHERE campaign = $1 AND tariff = $2";
        let bound = values![block.campaign, block.tariff, rest];
        row::execute(self.connection(), sql, bound).await?;
        Ok(rest)
    }

    /// What was answered to the request with this retry key since a moment; an older one gives its
    /// key up.
    pub async fn request_of_key(
        &mut self,
        account: AccountId,
        retry_key: &str,
        since: Timestamp,
    ) -> Result<Option<AcceptedRequest>, StoreError> {
        let sql = "UPDATE api_request SET retry_key = NULL
                   WHERE account = $1 AND retry_key = $2 AND accepted_at < $3";
        let bound = values![account, retry_key, since];
        row::execute(self.connection(), sql, bound).await?;
        let sql = format!("{REQUEST} account = $1 AND retry_key = $2");
        let bound = values![account, retry_key];
        let row = row::one(self.connection(), "api_request", &sql, bound).await?;
        row.map(|row| request(&row)).transpose()
    }

    /// Records accepted requests of one campaign and their chunks, READY; the caller has used the
    /// block. Chunks get the campaign's next numbers, in their order. All of it is written in a few
    /// statements, however many requests come together.
    pub async fn insert_requests(
        &mut self,
        campaign: CampaignId,
        launch: &Launch,
        block: Option<BlockId>,
        requests: &[RecordedRequest<'_>],
    ) -> Result<(), StoreError> {
        let accepted: Vec<&AcceptedRequest> = requests.iter().map(|one| one.accepted).collect();
        self.record_requests(&accepted).await?;
        let sent = requests.iter().filter(|one| one.accepted.recipients > 0);
        let sent: Vec<&RecordedRequest<'_>> = sent.collect();
        let count = sent.iter().map(|one| one.chunks.len()).sum();
        let Some(block) = block.filter(|_| count > 0) else {
            return Ok(());
        };
        let first = self.take_numbers(campaign, count).await?;
        let chunks = sent
            .iter()
            .flat_map(|one| one.chunks.iter().map(|chunk| (*one, chunk)));
        let chunks: Vec<(u64, &RecordedRequest<'_>, &FrozenChunk)> = (first..)
            .zip(chunks)
            .map(|(number, (request, chunk))| (number, request, chunk))
            .collect();
        insert_chunks(self, (campaign, block), launch, &chunks).await
    }

    /// Records accepted requests without chunks of their own.
    pub async fn record_requests(
        &mut self,
        requests: &[&AcceptedRequest],
    ) -> Result<(), StoreError> {
        let sequence = self.sequence().await?;
        let rows = requests.iter().map(|accepted| {
            let left_out: Vec<(u32, RuleId)> = accepted
                .left_out
                .iter()
                .map(|(number, rule)| (number.0, *rule))
                .collect();
            values![
                accepted.id,
                accepted.campaign,
                accepted.account,
                accepted.retry_key.clone(),
                accepted.accepted_at,
                sequence,
                accepted.recipients,
                codec::pack_exclusions(&left_out),
                accepted.unknown_users,
                accepted.operation.code(),
                accepted.unit.clone(),
                accepted.answer.clone(),
            ]
        });
        let rows = rows.collect();
        let head = "INSERT INTO api_request (id, campaign, account, retry_key, accepted_at,
                      sequence, recipients, left_out, unknown_users, operation, unit, answer)";
        bulk::insert(self.connection(), head, "", rows).await?;
        Ok(())
    }

    async fn take_numbers(
        &mut self,
        campaign: CampaignId,
        count: usize,
    ) -> Result<u64, StoreError> {
        let sql = "UPDATE campaign SET next_chunk = next_chunk + $2 WHERE id = $1
                   RETURNING next_chunk - $2 AS first_number";
        let bound = values![campaign, count as u64];
        let row = row::one(self.connection(), "campaign", sql, bound).await?;
        row.ok_or_else(|| StoreError::NotFound(format!("campaign {campaign}")))?
            .int("first_number")
    }
}

impl Store {
    /// Units of open blocks of a business that no request has used: held, and free to be sent.
    pub async fn unused_units(&self, business: BusinessId) -> Result<u64, StoreError> {
        let sql = format!(
            "SELECT {} AS units FROM block WHERE ended_at IS NULL
               AND campaign IN (SELECT id FROM campaign WHERE business = $1)",
            row::sum("units - used")
        );
        let row = row::one(self.reader(), "block", &sql, values![business]).await?;
        row.map_or(Ok(0), |row| row.int("units"))
    }

    /// Open blocks that nobody has used since a moment.
    pub async fn silent_blocks(&self, since: Timestamp) -> Result<Vec<Block>, StoreError> {
        let sql = format!("{BLOCK} leased_at < $1 ORDER BY leased_at LIMIT 100");
        let rows = row::all(self.reader(), "block", &sql, values![since]).await?;
        rows.iter().map(block).collect()
    }

    /// The open blocks of a process.
    pub async fn blocks_of_process(&self, process: WorkerId) -> Result<Vec<Block>, StoreError> {
        let sql = format!("{BLOCK} leased_to = $1 ORDER BY id");
        let rows = row::all(self.reader(), "block", &sql, values![process]).await?;
        rows.iter().map(block).collect()
    }
}

/// Writes chunks by their numbers, and whom they go to.
async fn insert_chunks(
    write: &Write,
    (campaign, block): (CampaignId, BlockId),
    launch: &Launch,
    chunks: &[(u64, &RecordedRequest<'_>, &FrozenChunk)],
) -> Result<(), StoreError> {
    let (mut rows, mut recipients) = (Vec::new(), Vec::new());
    for (number, request, chunk) in chunks {
        let month = launch.month.number();
        rows.push(values![
            month,
            campaign,
            *number,
            0u32,
            ChunkState::Ready.code(),
            chunk.size,
            launch.tariff,
            request.message,
            chunk.content_hash,
            chunk.group.night_consent,
            chunk.group.utc_offset_minutes,
            chunk.first_number.0,
            chunk.last_number.0,
            request.accepted.accepted_at,
            block,
            request.accepted.id,
            row::numbers_of(write.connection(), &chunk.numbers)?,
        ]);
        let keys = chunk.keys.as_blob().to_vec();
        recipients.push(values![month, campaign, *number, 0u32, keys]);
    }
    let head = "INSERT INTO chunk (month, campaign, number, round, state, size, tariff, message,
                  content_hash, night_consent, utc_offset_minutes, first_number, last_number,
                  due_at, block, request, numbers)";
    let numbers = [(17, "int4[]")];
    bulk::insert_read_as(write.connection(), head, &numbers, rows).await?;
    let head = "INSERT INTO chunk_recipients (month, campaign, number, round, keys)";
    bulk::insert(write.connection(), head, "", recipients).await?;
    Ok(())
}

fn block(row: &Row) -> Result<Block, StoreError> {
    Ok(Block {
        id: row.id("id")?,
        campaign: row.id("campaign")?,
        tariff: row.int("tariff")?,
        unit_price_micro: row.get("unit_price")?,
        units: row.int("units")?,
        used: row.int("used")?,
        leased_to: row.id("leased_to")?,
        leased_at: row.time("leased_at")?,
    })
}

pub(crate) fn request(row: &Row) -> Result<AcceptedRequest, StoreError> {
    let blob: Vec<u8> = row.get("left_out")?;
    let left_out =
        codec::unpack_exclusions(&blob).map_err(|error| row.corrupt("left_out", error))?;
    Ok(AcceptedRequest {
        id: row.id("id")?,
        operation: coded(row, "operation", ApiOperation::from_code)?,
        campaign: row.id("campaign")?,
        account: row.id("account")?,
        retry_key: row.get("retry_key")?,
        unit: row.get("unit")?,
        answer: row.get("answer")?,
        accepted_at: row.time("accepted_at")?,
        recipients: row.int("recipients")?,
        left_out: left_out
            .into_iter()
            .map(|(number, rule)| (UserNumber(number), rule))
            .collect(),
        unknown_users: row.int("unknown_users")?,
    })
}
