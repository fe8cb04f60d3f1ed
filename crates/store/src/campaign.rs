//! Campaign rows: made, found, moved from state to state by compare-and-set.

use domain::campaign::{CampaignEvent, CampaignKind, CampaignState, PauseReason, Purpose};
use domain::chunk::Situation;
use domain::contract::{Billable, beyond_quota};
use domain::id::{AccountId, BusinessId, CampaignId};
use domain::money::{Currency, InvalidMoney, Money};
use domain::shortage::IfShort;
use domain::time::{LaunchMonth, Timestamp};
use domain::user::UserNumber;

use crate::contract::coded;
use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write};

/// What a brand writes, before anything is launched.
#[derive(Debug, Clone)]
pub struct CampaignDraft {
    pub id: CampaignId,
    pub business: BusinessId,
    pub account: AccountId,
    pub name: String,
    pub purpose: Purpose,
    /// Canonical JSON of the message objects.
    pub messages: String,
    /// Canonical JSON of the audience.
    pub audience: String,
    /// Canonical JSON of the schedule.
    pub schedule: String,
    pub scheduled_for: Option<Timestamp>,
    pub rate_per_second: Option<u32>,
    /// How long after its launch pushes may begin.
    pub lifetime_seconds: u32,
    pub if_short: IfShort,
    pub created_at: Timestamp,
}

/// A campaign as its row stands.
#[derive(Debug, Clone)]
pub struct Campaign {
    pub id: CampaignId,
    pub business: BusinessId,
    pub account: AccountId,
    pub kind: CampaignKind,
    pub name: String,
    pub purpose: Purpose,
    pub state: CampaignState,
    pub messages: String,
    pub message_version: u32,
    pub audience: String,
    /// Canonical JSON.
    pub schedule: String,
    pub scheduled_for: Option<Timestamp>,
    pub rate_per_second: Option<u32>,
    pub lifetime_seconds: u32,
    /// What happens where there is not enough for everybody.
    pub if_short: IfShort,
    pub created_at: Timestamp,
    pub launch: Option<Launch>,
    pub freeze_ended_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    /// Since when it stands still because it came out of a copy of the books.
    pub restored_at: Option<Timestamp>,
    /// Until when that copy knows of it; what happened later has to be asked for.
    pub known_until: Option<Timestamp>,
    /// Since when somebody wants it to go on.
    pub resumed_at: Option<Timestamp>,
    pub launch_error: Option<String>,
}

impl Campaign {
    /// The state as people are told it: a campaign that came out of a copy stands still, whatever
    /// it did before.
    pub fn shown_state(&self) -> CampaignState {
        shown(self.state, self.restored_at)
    }

    /// Whether the freeze may write: not before somebody let a restored campaign go on.
    pub fn may_freeze(&self) -> bool {
        let stands_still = self.restored_at.is_some() && self.resumed_at.is_none();
        self.state.may_freeze() && !stands_still
    }

    /// What of it is billed; before its launch what holds for everybody.
    pub fn billable(&self) -> Billable {
        self.launch
            .map_or(Billable::Accepted, |launch| launch.billable)
    }

    /// Whether a push of this campaign may deliver at `now`.
    pub fn situation(&self, now: Timestamp) -> Situation {
        let past_its_time = self.launch.is_some_and(|launch| launch.not_after <= now);
        match self.state {
            CampaignState::Cancelling => Situation::Cancelling,
            _ if past_its_time => Situation::PastItsTime,
            CampaignState::Running if self.restored_at.is_none() => Situation::MaySend,
            _ => Situation::MayNotSendNow,
        }
    }
}

/// What the launch transaction fixed for good, or the opening of a standing campaign's day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launch {
    pub month: LaunchMonth,
    pub launched_at: Timestamp,
    pub price_version: u32,
    pub tariff: u8,
    /// `None` for a standing campaign: each of its requests brings its own message.
    pub message_hash: Option<[u8; 32]>,
    /// Friends that became known in a later commit are not in the audience.
    pub cut_sequence: i64,
    /// Changes of reach from this sequence on concern the gate.
    pub reach_mark: i64,
    pub highest_number: UserNumber,
    pub chunk_size: u32,
    /// No push begins after this.
    pub not_after: Timestamp,
    /// What of it is billed, by the contract of its launch.
    pub billable: Billable,
}

/// Units of one tariff: what was counted and paid for at launch, and what was frozen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CampaignTariff {
    pub tariff: u8,
    pub unit_price_micro: i64,
    pub counted: u64,
    pub granted: u64,
    pub frozen: u64,
    /// Of the first that are captured, how many a plan's quota includes.
    pub quota: u64,
    /// What a send costs depends on those before it.
    pub is_by_unit: bool,
}

impl CampaignTariff {
    /// The most that so many of its units can cost: what a hold keeps for them.
    pub fn price_of(&self, units: u64, currency: Currency) -> Result<Money, InvalidMoney> {
        let paid_for = beyond_quota(units, self.quota);
        Money::from_micro(self.unit_price_micro, currency).times(paid_for)
    }

    /// What goes back where `units` of those that were granted will not be sent.
    pub fn price_of_last(&self, units: u64, currency: Currency) -> Result<Money, InvalidMoney> {
        let left = self.granted.saturating_sub(units);
        self.price_of(self.granted, currency)?
            .checked_sub(self.price_of(left, currency)?)
    }
}

const COLUMNS: &str = "id, business, account, kind, name, purpose, state, pause_reason, messages, \
     message_version, audience, schedule, scheduled_for, rate_per_second, lifetime_seconds, \
     if_short, created_at, month, launched_at, price_version, tariff, message_hash, cut_sequence, \
     reach_mark, highest_number, chunk_size, not_after, freeze_ended_at, closed_at, restored_at, \
     known_until, resumed_at, launch_error, billable";

impl Store {
    pub async fn campaign(&self, id: CampaignId) -> Result<Campaign, StoreError> {
        find(self.reader(), id).await
    }

    /// How many campaigns of the account are under way: launched and not at their end.
    pub async fn running_campaigns(&self, account: AccountId) -> Result<usize, StoreError> {
        let sql = "SELECT count(*) AS count FROM campaign
                   WHERE account = $1 AND kind = $2 AND state IN ($3, $4, $5, $6)";
        let paused = CampaignState::Paused(PauseReason::Requested);
        let values = values![
            account,
            CampaignKind::Broadcast.code(),
            CampaignState::Launching.code(),
            CampaignState::Running.code(),
            paused.code(),
            CampaignState::Cancelling.code(),
        ];
        let row = row::one(self.reader(), "campaign", sql, values).await?;
        row.map_or(Ok(0), |row| row.int("count"))
    }

    /// Every campaign that the scheduler still has work with, oldest first.
    pub async fn campaigns_alive(&self) -> Result<Vec<Campaign>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM campaign WHERE state BETWEEN $1 AND $2 ORDER BY launched_at, id"
        );
        let bounds = values![
            CampaignState::Scheduled.code(),
            CampaignState::Closing.code()
        ];
        let rows = row::all(self.reader(), "campaign", &sql, bounds).await?;
        rows.iter().map(read).collect()
    }

    pub async fn campaign_tariffs(
        &self,
        id: CampaignId,
    ) -> Result<Vec<CampaignTariff>, StoreError> {
        tariffs(self.reader(), id).await
    }
}

impl Write {
    pub async fn insert_campaign(&mut self, draft: &CampaignDraft) -> Result<(), StoreError> {
        self.insert(draft, CampaignKind::Broadcast, None).await
    }

    /// A campaign of its own kind; a test says what it is of.
    pub(crate) async fn insert(
        &mut self,
        draft: &CampaignDraft,
        kind: CampaignKind,
        test_of: Option<CampaignId>,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO campaign (id, business, account, kind, name, purpose, state,
                     messages, message_version, audience, schedule, scheduled_for,
                     rate_per_second, lifetime_seconds, created_at, if_short, test_of)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11, $12, $13, $14, $15,
                     $16)";
        let bound = values![
            draft.id,
            draft.business,
            draft.account,
            kind.code(),
            draft.name.as_str(),
            draft.purpose.code(),
            CampaignState::Draft.code(),
            draft.messages.as_str(),
            draft.audience.as_str(),
            draft.schedule.as_str(),
            draft.scheduled_for,
            draft.rate_per_second,
            draft.lifetime_seconds,
            draft.created_at,
            draft.if_short.code(),
            test_of.map(|id| id.as_bytes().to_vec()),
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// Writes what was finished over a draft, as a new version of its message.
    pub async fn rewrite_campaign(&mut self, draft: &CampaignDraft) -> Result<(), StoreError> {
        let sql = "UPDATE campaign SET name = $2, purpose = $3, messages = $4,
                     message_version = message_version + 1, audience = $5, schedule = $6,
                     scheduled_for = $7, rate_per_second = $8, lifetime_seconds = $9,
                     if_short = $11, launch_error = NULL
                   WHERE id = $1 AND state = $10";
        let bound = values![
            draft.id,
            draft.name.as_str(),
            draft.purpose.code(),
            draft.messages.as_str(),
            draft.audience.as_str(),
            draft.schedule.as_str(),
            draft.scheduled_for,
            draft.rate_per_second,
            draft.lifetime_seconds,
            CampaignState::Draft.code(),
            draft.if_short.code(),
        ];
        match row::execute(self.connection(), sql, bound).await? {
            1 => Ok(()),
            _ => Err(StoreError::Conflict("the campaign")),
        }
    }

    pub async fn campaign(&mut self, id: CampaignId) -> Result<Campaign, StoreError> {
        find(self.connection(), id).await
    }

    /// The same for whoever is about to move it: a freeze commit under way is waited for, and the
    /// state that is read here is the one it has until this write ends.
    pub async fn campaign_to_move(&mut self, id: CampaignId) -> Result<Campaign, StoreError> {
        let lock = row::for_change(self.connection());
        let sql = format!("SELECT id FROM campaign WHERE id = $1{lock}");
        row::one(self.connection(), "campaign", &sql, values![id]).await?;
        self.campaign(id).await
    }

    pub async fn campaign_tariffs(
        &mut self,
        id: CampaignId,
    ) -> Result<Vec<CampaignTariff>, StoreError> {
        tariffs(self.connection(), id).await
    }

    /// Moves a campaign along the diagram: compare-and-set on the state it was read in.
    pub async fn move_campaign(
        &mut self,
        campaign: &Campaign,
        event: CampaignEvent,
    ) -> Result<CampaignState, StoreError> {
        let next = campaign
            .state
            .after(event)
            .map_err(|error| StoreError::Invariant(error.to_string()))?;
        // Whoever takes a restored campaign back to its draft has decided about it.
        let sql = "UPDATE campaign SET state = $1, pause_reason = $2,
                     restored_at = CASE WHEN $1 = $6 THEN NULL ELSE restored_at END
                   WHERE id = $3 AND state = $4 AND pause_reason IS NOT DISTINCT FROM $5";
        let bound = values![
            next.code(),
            next.pause_reason().map(|reason| reason.code()),
            campaign.id,
            campaign.state.code(),
            campaign.state.pause_reason().map(|reason| reason.code()),
            CampaignState::Draft.code(),
        ];
        match row::execute(self.connection(), sql, bound).await? {
            1 => Ok(next),
            _ => Err(StoreError::Conflict("the campaign")),
        }
    }

    pub async fn set_launch(
        &mut self,
        id: CampaignId,
        launch: &Launch,
        tariff: &CampaignTariff,
    ) -> Result<(), StoreError> {
        self.ensure_month(launch.month).await?;
        let sql = "UPDATE campaign SET month = $2, launched_at = $3, price_version = $4,
                     tariff = $5, message_hash = $6, cut_sequence = $7, reach_mark = $8,
                     highest_number = $9, chunk_size = $10, not_after = $11, billable = $12,
                     -- Out of a copy of the books: it may have been launched since.
                     restored_at = CASE WHEN known_until IS NULL THEN NULL ELSE $3 END,
                     resumed_at = CASE WHEN known_until IS NULL THEN NULL ELSE $3 END
                   WHERE id = $1 AND launched_at IS NULL";
        let bound = values![
            id,
            launch.month.number(),
            launch.launched_at,
            launch.price_version,
            launch.tariff,
            launch.message_hash,
            launch.cut_sequence,
            launch.reach_mark,
            launch.highest_number.0,
            launch.chunk_size,
            launch.not_after,
            launch.billable.code(),
        ];
        if row::execute(self.connection(), sql, bound).await? != 1 {
            return Err(StoreError::Conflict("the campaign's launch"));
        }
        let sql = "INSERT INTO campaign_tariff
                     (campaign, tariff, unit_price, counted, granted, by_unit)
                   VALUES ($1, $2, $3, $4, $5, $6)";
        let bound = values![
            id,
            tariff.tariff,
            tariff.unit_price_micro,
            tariff.counted,
            tariff.granted,
            tariff.is_by_unit,
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// Stores the frozen body parts of a message once.
    pub async fn insert_message(&mut self, hash: [u8; 32], body: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO message (hash, body) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        row::execute(self.connection(), sql, values![hash, body]).await?;
        Ok(())
    }

    pub async fn set_freeze_ended(
        &mut self,
        id: CampaignId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE campaign SET freeze_ended_at = $2
                   WHERE id = $1 AND freeze_ended_at IS NULL";
        row::execute(self.connection(), sql, values![id, at]).await?;
        Ok(())
    }

    /// Lowers what was granted to what was frozen; the units given back, with their price.
    pub async fn give_back_unfrozen(
        &mut self,
        id: CampaignId,
    ) -> Result<Vec<CampaignTariff>, StoreError> {
        let before = tariffs(self.connection(), id).await?;
        let sql = "UPDATE campaign_tariff SET granted = frozen WHERE campaign = $1";
        row::execute(self.connection(), sql, values![id]).await?;
        Ok(before)
    }

    pub async fn set_closed(&mut self, id: CampaignId, at: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE campaign SET closed_at = $2 WHERE id = $1";
        row::execute(self.connection(), sql, values![id, at]).await?;
        Ok(())
    }

    pub async fn set_closing(&mut self, id: CampaignId, at: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE campaign SET closing_at = $2 WHERE id = $1";
        row::execute(self.connection(), sql, values![id, at]).await?;
        Ok(())
    }

    pub async fn set_launch_error(
        &mut self,
        id: CampaignId,
        error: &str,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE campaign SET launch_error = $2 WHERE id = $1";
        row::execute(self.connection(), sql, values![id, error]).await?;
        Ok(())
    }
}

pub(crate) fn shown(state: CampaignState, restored_at: Option<Timestamp>) -> CampaignState {
    match restored_at {
        Some(_) => CampaignState::Paused(PauseReason::Restored),
        None => state,
    }
}

pub(crate) async fn find(
    connection: &impl sea_orm::ConnectionTrait,
    id: CampaignId,
) -> Result<Campaign, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM campaign WHERE id = $1");
    let row = row::one(connection, "campaign", &sql, values![id]).await?;
    read(&row.ok_or_else(|| StoreError::NotFound(format!("campaign {id}")))?)
}

pub(crate) async fn tariffs(
    connection: &impl sea_orm::ConnectionTrait,
    id: CampaignId,
) -> Result<Vec<CampaignTariff>, StoreError> {
    let sql = "SELECT tariff, unit_price, counted, granted, frozen, quota, by_unit
               FROM campaign_tariff
               WHERE campaign = $1 ORDER BY tariff";
    let rows = row::all(connection, "campaign_tariff", sql, values![id]).await?;
    let read = |row: &Row| {
        Ok(CampaignTariff {
            tariff: row.int("tariff")?,
            unit_price_micro: row.get("unit_price")?,
            counted: row.int("counted")?,
            granted: row.int("granted")?,
            frozen: row.int("frozen")?,
            quota: row.int("quota")?,
            is_by_unit: row.int::<u8>("by_unit")? != 0,
        })
    };
    rows.iter().map(read).collect()
}

pub(crate) fn state_of(row: &Row) -> Result<CampaignState, StoreError> {
    let pause_reason = row.optional_int("pause_reason")?;
    CampaignState::from_codes(row.int("state")?, pause_reason)
        .ok_or_else(|| row.corrupt("state", "no such state"))
}

pub(crate) fn kind_of(row: &Row) -> Result<CampaignKind, StoreError> {
    CampaignKind::from_code(row.int("kind")?).ok_or_else(|| row.corrupt("kind", "no such kind"))
}

fn read(row: &Row) -> Result<Campaign, StoreError> {
    Ok(Campaign {
        id: row.id("id")?,
        business: row.id("business")?,
        account: row.id("account")?,
        kind: kind_of(row)?,
        name: row.get("name")?,
        purpose: Purpose::from_code(row.int("purpose")?)
            .ok_or_else(|| row.corrupt("purpose", "no such purpose"))?,
        state: state_of(row)?,
        messages: row.get("messages")?,
        message_version: row.int("message_version")?,
        audience: row.get("audience")?,
        schedule: row.get("schedule")?,
        scheduled_for: row.optional_time("scheduled_for")?,
        rate_per_second: row.optional_int("rate_per_second")?,
        lifetime_seconds: row.int("lifetime_seconds")?,
        if_short: IfShort::from_code(row.int("if_short")?)
            .ok_or_else(|| row.corrupt("if_short", "no such choice"))?,
        created_at: row.time("created_at")?,
        launch: read_launch(row)?,
        freeze_ended_at: row.optional_time("freeze_ended_at")?,
        closed_at: row.optional_time("closed_at")?,
        restored_at: row.optional_time("restored_at")?,
        known_until: row.optional_time("known_until")?,
        resumed_at: row.optional_time("resumed_at")?,
        launch_error: row.get("launch_error")?,
    })
}

fn read_launch(row: &Row) -> Result<Option<Launch>, StoreError> {
    let Some(launched_at) = row.optional_time("launched_at")? else {
        return Ok(None);
    };
    let month =
        LaunchMonth::from_number(row.get("month")?).map_err(|error| row.corrupt("month", error))?;
    Ok(Some(Launch {
        month,
        launched_at,
        price_version: row.int("price_version")?,
        tariff: row.int("tariff")?,
        message_hash: read_message_hash(row)?,
        cut_sequence: row.get("cut_sequence")?,
        reach_mark: row.get("reach_mark")?,
        highest_number: UserNumber(row.int("highest_number")?),
        chunk_size: row.int("chunk_size")?,
        not_after: row.time("not_after")?,
        billable: coded(row, "billable", Billable::from_code)?,
    }))
}

fn read_message_hash(row: &Row) -> Result<Option<[u8; 32]>, StoreError> {
    let bytes: Option<Vec<u8>> = row.get("message_hash")?;
    bytes.map(|_| row.bytes("message_hash")).transpose()
}
