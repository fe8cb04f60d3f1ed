//! The hot paths: freeze, claim, record, roll up. One contract, a file per dialect, one conformance
//! suite that every dialect runs.
//!
//! All of them work inside a [`Write`] of the caller, who commits: so that money, chunks and states
//! that belong together are one commit.

mod change; // from the rules' decision to rows
mod reach; // whom an audience is read from, and how many they are
mod range; // what a freeze commit writes beside its chunks
mod attempt; // what attempts left behind, and keys of open outcomes
mod by_unit; // captures of what is priced one after the other
mod roll_up; // captures of what was recorded
mod postgres; // many writers, each locking its rows
mod sqlite; // one writer

use std::time::Duration;

use domain::chunk::{ChunkId, ChunkState};
use domain::codec::PackedKeys;
use domain::freeze::{ChunkGroup, FreezeRange};
use domain::gate::RecipientFacts;
use domain::id::{AccountId, BusinessId, CampaignId, LedgerTransactionId, WorkerId};
use domain::outcome::OutcomeCounts;
use domain::rule::RuleId;
use domain::time::{LaunchMonth, Timestamp};
use domain::user::UserNumber;

use sea_orm::DbBackend;

use crate::campaign::{Campaign, Launch};
use crate::chunk::{DueChunk, Recipients};
use crate::row::Row;
use crate::{Store, StoreError, Write};

pub(crate) use attempt::exclusions_so_far;
pub use change::ChangeSource;
use postgres::Postgres;
use sqlite::Sqlite;

/// One friend as the freeze reads it, without its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReachRow {
    pub number: UserNumber,
    pub has_consent: bool,
    pub group: ChunkGroup,
}

/// The friends of one range who satisfy the expression, by rising number, with their keys.
#[derive(Debug, Clone)]
pub struct ReachRead {
    pub rows: Vec<ReachRow>,
    pub keys: ReachKeys,
}

/// The keys of a [`ReachRead`], in its order.
#[derive(Debug, Clone)]
pub enum ReachKeys {
    /// All of the 16-byte form, one after the other.
    Packed(Vec<u8>),
    Mixed(Vec<domain::user::UserKey>),
}

/// Everything one freeze commit writes: a range of user numbers, completely.
#[derive(Debug, Clone)]
pub struct FreezeCommit {
    pub campaign: CampaignId,
    pub launch: Launch,
    pub range: FreezeRange,
    pub chunks: Vec<FrozenChunk>,
    /// Rule, count and serialized roaring bitmap of user numbers.
    pub exclusions: Vec<(RuleId, u32, Vec<u8>)>,
    pub frozen: u32,
    pub now: Timestamp,
}

#[derive(Debug, Clone)]
pub struct FrozenChunk {
    pub number: u64,
    pub size: u32,
    pub group: ChunkGroup,
    pub content_hash: [u8; 32],
    pub first_number: UserNumber,
    pub last_number: UserNumber,
    pub numbers: Vec<u8>,
    pub keys: PackedKeys,
    /// Parallel columns of what differs per friend, as JSON.
    pub variables: Option<String>,
}

/// A chunk that a worker holds until its lease is over.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub id: ChunkId,
    pub epoch: u32,
    pub tainted: bool,
    pub size: u32,
    pub retry_rounds: u8,
    pub message_hash: [u8; 32],
    pub content_hash: [u8; 32],
    pub first_number: UserNumber,
    pub last_number: UserNumber,
    /// Positions any attempt with this key excluded so far, with their rules.
    pub exclusions: Vec<(u32, RuleId)>,
}

impl Claimed {
    /// Out of what a claim returns; whom earlier attempts excluded is not in it.
    fn of_row(row: &Row, id: ChunkId) -> Result<Self, StoreError> {
        Ok(Self {
            id,
            epoch: row.int("epoch")?,
            tainted: row.int::<u8>("tainted")? != 0,
            size: row.int("size")?,
            retry_rounds: row.int("retry_rounds")?,
            message_hash: row.bytes("message")?,
            content_hash: row.bytes("content_hash")?,
            first_number: UserNumber(row.int("first_number")?),
            last_number: UserNumber(row.int("last_number")?),
            exclusions: Vec::new(),
        })
    }
}

/// What a claim is made with.
#[derive(Debug, Clone, Copy)]
pub struct ClaimTerms {
    pub worker: WorkerId,
    pub now: Timestamp,
    pub lease: Duration,
    /// UNKNOWN chunks whose first attempt began after this may be sent again with their key; none
    /// may where it is `None`. Looked at again here: a message may have waited longer than the key
    /// is usable.
    pub retry_unknown_since: Option<Timestamp>,
    /// Recipients in one request of the connector: by the keys of its requests a chunk is found
    /// when receipts come.
    pub batch_max: u32,
}

/// Whom the gate asks about before a push.
#[derive(Debug, Clone, Copy)]
pub struct GateSpan {
    pub account: AccountId,
    pub first: UserNumber,
    pub last: UserNumber,
    /// The launch's: earlier changes are in what was frozen.
    pub mark: i64,
}

/// What happened to a claimed chunk, to be written under its epoch.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: ChunkId,
    pub epoch: u32,
    /// For the attempt row: the answer in a word.
    pub answer: &'static str,
    pub change: Change,
}

#[derive(Debug, Clone)]
pub enum Change {
    /// Terminal, with every recipient's outcome.
    End {
        state: ChunkState,
        outcomes: Vec<u8>,
        counts: OutcomeCounts,
        detour: Option<&'static str>,
        next_round: Option<Box<NextRoundRows>>,
        /// Keys of requests with undecided recipients, and the first position each one holds.
        undecided_keys: Vec<([u8; 16], u32)>,
    },
    /// Back to READY, undispatched.
    Return {
        due_at: Timestamp,
        detour: &'static str,
    },
    /// To UNKNOWN, tainted for good, undispatched.
    Unknown {
        due_at: Timestamp,
        detour: &'static str,
        close_next: bool,
    },
    Quarantine {
        detour: &'static str,
    },
}

/// The next round of a chunk, inserted with the settle of its parent.
#[derive(Debug, Clone)]
pub struct NextRoundRows {
    pub size: u32,
    pub retry_rounds: u8,
    pub due_at: Timestamp,
    pub content_hash: [u8; 32],
    pub first_number: UserNumber,
    pub last_number: UserNumber,
    pub numbers: Vec<u8>,
    pub keys: PackedKeys,
    pub variables: Option<String>,
}

/// What one roll-up captured for one business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledUp {
    pub business: BusinessId,
    pub transaction: LedgerTransactionId,
    /// Whose bill it is on.
    pub month: LaunchMonth,
    /// Campaign and amount in micro-units, every one above zero.
    pub campaigns: Vec<(CampaignId, i64)>,
}

/// The contract of the hot paths.
#[async_trait::async_trait]
pub trait Hot: Send + Sync {
    /// Counts the friends who satisfy the campaign's audience: all, and those who may be sent to.
    async fn count_reach(
        &self,
        write: &mut Write,
        query: &ReachQuery,
    ) -> Result<ReachCount, StoreError>;

    /// Reads one range; outside any write transaction.
    async fn read_reach(
        &self,
        store: &Store,
        query: &ReachQuery,
        range: FreezeRange,
    ) -> Result<ReachRead, StoreError>;

    /// Writes one range completely; a conflict where the campaign may not freeze any more, the
    /// range is done already, or more would be frozen than was granted.
    async fn commit_freeze(
        &self,
        write: &mut Write,
        commit: &FreezeCommit,
    ) -> Result<(), StoreError>;

    /// Marks as dispatched those of `chunks`, all of one campaign, that wait undispatched; which.
    /// The caller has made sure that their campaign runs on until it commits.
    async fn mark_dispatched(
        &self,
        write: &mut Write,
        chunks: &[ChunkId],
        now: Timestamp,
    ) -> Result<Vec<DueChunk>, StoreError>;

    /// Claims those of `chunks` that are dispatched, due and allowed: epoch + 1, lease, attempt
    /// row.
    async fn claim(
        &self,
        write: &mut Write,
        chunks: &[ChunkId],
        terms: &ClaimTerms,
    ) -> Result<Vec<Claimed>, StoreError>;

    /// What the pushes of these chunks send, in their order; outside any write transaction.
    async fn recipients(
        &self,
        store: &Store,
        chunks: &[ChunkId],
    ) -> Result<Vec<Recipients>, StoreError>;

    /// The gate's hint and facts for each of `spans`: the friends in it whose reach changed since
    /// its mark, as they stand now.
    async fn gate_facts(
        &self,
        store: &Store,
        spans: &[GateSpan],
    ) -> Result<Vec<Vec<(UserNumber, RecipientFacts)>>, StoreError>;

    /// Writes what happened, each under its epoch; for every record whether it was applied.
    async fn record(
        &self,
        write: &mut Write,
        records: &[Record],
        now: Timestamp,
    ) -> Result<Vec<bool>, StoreError>;

    /// Captures every settle and amendment that this transaction sees and that has no capture row.
    /// The caller books what it returns in the same transaction.
    async fn roll_up(
        &self,
        write: &mut Write,
        ids: &dyn domain::id::IdSource,
    ) -> Result<Vec<RolledUp>, StoreError>;
}

/// Whom a campaign's audience is read from.
#[derive(Debug, Clone)]
pub struct ReachQuery {
    pub account: AccountId,
    pub expression: domain::audience::Expression,
    /// `None` at launch: everybody known to this transaction.
    pub cut_sequence: Option<i64>,
    pub needs_consent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReachCount {
    pub audience: u64,
    pub reachable: u64,
    pub highest_number: u32,
}

impl ReachQuery {
    pub fn of(
        campaign: &Campaign,
        expression: domain::audience::Expression,
        cut_sequence: Option<i64>,
    ) -> Self {
        Self {
            account: campaign.account,
            expression,
            cut_sequence,
            needs_consent: campaign.purpose == domain::campaign::Purpose::Promotion,
        }
    }
}

impl Store {
    /// The hot paths in this database's dialect.
    pub fn hot(&self) -> &dyn Hot {
        of(self.engine())
    }
}

/// The hot paths in a dialect.
pub(crate) fn of(engine: DbBackend) -> &'static dyn Hot {
    match engine {
        DbBackend::Postgres => &Postgres,
        _ => &Sqlite,
    }
}
