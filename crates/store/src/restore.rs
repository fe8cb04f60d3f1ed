//! Books that came out of a copy: noticed, marked, and asked about chunk by chunk.
//!
//! It owns in which cluster the books are kept, and the marks of campaigns and chunks that a copy
//! left in doubt. It does not own what an answer means (`domain::restore`) nor who asks
//! (`scheduler`). Invariant: between the moment a copy is noticed and the last answer nothing of
//! its campaigns is launched, dispatched or claimed.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::campaign::CampaignState;
use domain::chunk::{ChunkId, ChunkState, Detour};
use domain::freeze::CHUNKS_PER_RANGE;
use domain::id::{CampaignId, IdSource, InstallationId};
use domain::restore::Doubt;
use domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend};

use crate::campaign::Campaign;
use crate::row::{self, Row, values};
use crate::unknown::{self, UnknownChunk};
use crate::{Store, StoreError, Write, write};

/// A leader renews its lease much more often: whatever it did before that is in the copy.
const LEASE_MAX: Duration = Duration::from_secs(60);
/// Beside the database file: the id that a copy of the file does not have.
const IDENTITY_EXTENSION: &str = "cluster";
/// Numbers of every chunk of a campaign.
const EVERY_NUMBER: RangeInclusive<u64> = 0..=i64::MAX as u64;

/// What was found when the cluster was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cluster {
    /// The books were kept nowhere before.
    Fresh,
    Same,
    /// The books are a copy; these campaigns stand still now.
    Another(Vec<CampaignId>),
}

/// A chunk that has to be asked for.
#[derive(Debug, Clone)]
pub struct DoubtedChunk {
    pub chunk: UnknownChunk,
    pub content_hash: [u8; 32],
    pub doubt: Doubt,
}

/// What becomes of a chunk in doubt that the messenger does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// READY, as if nothing had been.
    Free,
    /// UNKNOWN, to be pushed again with its key.
    GoOn,
    /// In doubt until its whole range was asked for.
    WaitForRange,
}

impl Store {
    /// Notes where the books are kept. Where that is another cluster than the one they were kept in
    /// last, they are a copy: its campaigns are marked in the same transaction.
    pub async fn note_cluster(
        &self,
        ids: &dyn IdSource,
        now: Timestamp,
    ) -> Result<Cluster, StoreError> {
        if Identities::read(self.reader()).await?.are_same() {
            return Ok(Cluster::Same);
        }
        let mut write = self.write().await?;
        // Read again: another process may have noted it meanwhile.
        let identities = Identities::read(write.connection()).await?;
        if identities.are_same() {
            return Ok(Cluster::Same);
        }
        let cluster = match identities.stored {
            None => Cluster::Fresh,
            Some(_) => Cluster::Another(write.mark_restored(now).await?),
        };
        let here = match (&cluster, identities.found) {
            // In a file it is the copy's as well as the original's: neither may keep it.
            (Cluster::Another(_), _) if self.engine() != DbBackend::Postgres => {
                write.make_identity(ids).await?
            }
            (_, Some(found)) => found,
            (_, None) => write.make_identity(ids).await?,
        };
        write.store_identity(&here, now).await?;
        write.commit().await?;
        Ok(cluster)
    }

    /// Marks the books as a copy, wherever they are kept; the campaigns that stand still now.
    pub async fn restored(
        &self,
        ids: &dyn IdSource,
        now: Timestamp,
    ) -> Result<Vec<CampaignId>, StoreError> {
        let mut write = self.write().await?;
        let here = match self.engine() {
            DbBackend::Postgres => postgres_identity(write.connection()).await?,
            _ => write.make_identity(ids).await?,
        };
        let marked = write.mark_restored(now).await?;
        write.store_identity(&here, now).await?;
        write.commit().await?;
        Ok(marked)
    }

    /// Notes that the books are about to be copied: until now they are complete in the copy.
    pub async fn note_backup(&self, now: Timestamp) -> Result<(), StoreError> {
        let write = self.write().await?;
        let sql = "INSERT INTO backup (one, taken_at) VALUES (1, $1)
                   ON CONFLICT (one) DO UPDATE SET taken_at = $1";
        row::execute(write.connection(), sql, values![now]).await?;
        write.commit().await
    }

    /// Writes a consistent copy of a SQLite database into a file that is not there yet, while
    /// others write.
    pub async fn copy_into(&self, file: &Path) -> Result<(), StoreError> {
        let file = file.to_string_lossy().into_owned();
        row::execute(self.reader(), "VACUUM INTO $1", values![file]).await?;
        Ok(())
    }

    /// Chunks of a campaign that can be asked for now; those that wait for their range are not
    /// among them.
    pub async fn doubted(
        &self,
        campaign: CampaignId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DoubtedChunk>, StoreError> {
        let asked = [Doubt::NotBegun, Doubt::UnderWay, Doubt::CutAnew];
        self.in_doubt(campaign, &asked, now, limit).await
    }

    /// Chunks that wait for the rest of their range.
    pub async fn doubted_absent(
        &self,
        campaign: CampaignId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DoubtedChunk>, StoreError> {
        let absent = [Doubt::CutAnewAbsent];
        self.in_doubt(campaign, &absent, now, limit).await
    }

    /// Whether a chunk of a campaign has to be asked for, now or later.
    pub async fn has_questions(&self, campaign: CampaignId) -> Result<bool, StoreError> {
        let whenever = Timestamp::from_millis(i64::MAX);
        Ok(!self.doubted(campaign, whenever, 1).await?.is_empty())
    }

    /// The ranges of a campaign in which the messenger had something else under one of our keys.
    pub async fn ranges_with_strangers(
        &self,
        campaign: CampaignId,
    ) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT DISTINCT number / $3 AS number FROM chunk
                   WHERE campaign = $1 AND state = $4 AND detour = $2";
        let bound = values![
            campaign,
            Detour::ContentMismatch.name(),
            CHUNKS_PER_RANGE,
            ChunkState::Unresolved.code()
        ];
        let rows = row::all(self.reader(), "chunk", sql, bound).await?;
        rows.iter().map(|row| row.int("number")).collect()
    }

    /// How many chunks a range of a campaign was cut into.
    pub async fn chunks_of_range(
        &self,
        campaign: CampaignId,
        range: u64,
    ) -> Result<u64, StoreError> {
        let sql = "SELECT chunks FROM freeze_range WHERE campaign = $1 AND range = $2";
        let row = row::one(self.reader(), "freeze_range", sql, values![campaign, range]).await?;
        row.map_or(Ok(0), |row| row.int("chunks"))
    }

    /// Every campaign that stands still because it came out of a copy, with its name.
    pub async fn standing_still(&self) -> Result<Vec<(CampaignId, String)>, StoreError> {
        let sql = "SELECT id, name FROM campaign WHERE restored_at IS NOT NULL
                     AND resumed_at IS NULL ORDER BY id";
        let rows = row::all(self.reader(), "campaign", sql, []).await?;
        rows.iter()
            .map(|row| Ok((row.id("id")?, row.get("name")?)))
            .collect()
    }

    async fn in_doubt(
        &self,
        campaign: CampaignId,
        doubts: &[Doubt],
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DoubtedChunk>, StoreError> {
        // Words of ours, without a quote in them.
        let names: Vec<String> = doubts.iter().map(|d| format!("'{}'", d.name())).collect();
        let sql = format!(
            "SELECT {}, content_hash, detour FROM chunk
             WHERE campaign = $1 AND state = 3 AND due_at <= $2 AND detour IN ({})
             ORDER BY due_at, number LIMIT $3",
            unknown::COLUMNS,
            names.join(", "),
        );
        let bound = values![campaign, now, limit];
        let mut doubted = Vec::new();
        for row in row::all(self.reader(), "chunk", &sql, bound).await? {
            let name: String = row.get("detour")?;
            let doubt = Doubt::from_name(&name).ok_or_else(|| row.corrupt("detour", name))?;
            doubted.push(DoubtedChunk {
                content_hash: row.bytes("content_hash")?,
                chunk: unknown::unknown_chunk(self.reader(), &row).await?,
                doubt,
            });
        }
        Ok(doubted)
    }
}

impl Write {
    /// Lets a restored campaign go on: what was launched is asked for first, what was not waits as
    /// before for its time or for whoever launches it.
    pub async fn resume_restored(
        &mut self,
        campaign: &Campaign,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE campaign SET resumed_at = COALESCE(resumed_at, $2),
                     restored_at = CASE WHEN launched_at IS NULL THEN NULL ELSE restored_at END
                   WHERE id = $1 AND restored_at IS NOT NULL";
        match row::execute(self.connection(), sql, values![campaign.id, now]).await? {
            1 => Ok(()),
            _ => Err(StoreError::Conflict("the campaign")),
        }
    }

    /// Takes the mark off a campaign of which everything was asked for.
    pub async fn end_restore(&mut self, campaign: &Campaign) -> Result<(), StoreError> {
        let sql = "UPDATE campaign SET restored_at = NULL
                   WHERE id = $1 AND restored_at = $2 AND resumed_at IS NOT NULL";
        let bound = values![campaign.id, campaign.restored_at];
        match row::execute(self.connection(), sql, bound).await? {
            1 => Ok(()),
            _ => Err(StoreError::Conflict("the campaign")),
        }
    }

    /// Puts every open chunk with these numbers in doubt: UNKNOWN, tainted, in an epoch of the
    /// life before, so that nothing written under an earlier one is taken any more.
    pub async fn doubt(
        &mut self,
        campaign: CampaignId,
        numbers: RangeInclusive<u64>,
        not_begun: Doubt,
        known_until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let nobody = vec![0u8; 16];
        let (first, last) = numbers.into_inner();
        let sql = "INSERT INTO attempt (month, campaign, number, round, epoch, worker, began_at)
                   SELECT month, campaign, number, round, epoch + 1, $4, $5 FROM chunk
                   WHERE campaign = $1 AND number BETWEEN $2 AND $3 AND state IN (1, 2, 3)";
        let bound = values![campaign, first, last, nobody, known_until];
        row::execute(self.connection(), sql, bound).await?;
        let sql = "UPDATE chunk SET state = 3, tainted = 1, epoch = epoch + 1, due_at = $7,
                     detour = CASE state WHEN 1 THEN $4 ELSE $5 END,
                     first_attempt_at = COALESCE(first_attempt_at, $6),
                     dispatched_at = NULL, lease_until = NULL, worker = NULL
                   WHERE campaign = $1 AND number BETWEEN $2 AND $3 AND state IN (1, 2, 3)";
        let bound = values![
            campaign,
            first,
            last,
            not_begun.name(),
            Doubt::UnderWay.name(),
            known_until,
            now
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// Writes that the messenger does not know a chunk in doubt; false where it is in doubt no
    /// more.
    pub async fn absent(
        &mut self,
        doubted: &DoubtedChunk,
        absent: Absent,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = match absent {
            Absent::Free => {
                "UPDATE chunk SET state = 1, tainted = 0, first_attempt_at = NULL, detour = $7,
                   due_at = $8"
            }
            Absent::GoOn | Absent::WaitForRange => "UPDATE chunk SET detour = $7, due_at = $8",
        };
        let detour = match absent {
            Absent::Free | Absent::GoOn => Detour::KeyAbsent,
            Absent::WaitForRange => Detour::Doubted(Doubt::CutAnewAbsent),
        };
        let done = self.change_doubted(doubted, sql, detour, now).await?;
        let sql = "UPDATE attempt SET ended_at = $6, answer = $7
                   WHERE month = $1 AND campaign = $2 AND number = $3 AND round = $4 AND epoch = $5
                     AND ended_at IS NULL";
        let id = doubted.chunk.id;
        let bound = values![
            id.month.number(),
            id.campaign,
            id.number,
            id.round,
            doubted.chunk.epoch,
            now,
            Detour::KeyAbsent.name()
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(done)
    }

    /// Puts off the question for a chunk that could not be answered.
    pub async fn ask_later(
        &mut self,
        doubted: &DoubtedChunk,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE chunk SET detour = $7, due_at = $8";
        let same = Detour::Doubted(doubted.doubt);
        self.change_doubted(doubted, sql, same, due_at).await
    }

    /// Notes by which keys a chunk may have been pushed: receipts find it by them.
    pub async fn note_push_keys(
        &mut self,
        chunk: ChunkId,
        size: u32,
        batch_max: u32,
    ) -> Result<(), StoreError> {
        crate::push::note_keys(self, chunk, size, batch_max).await
    }

    async fn change_doubted(
        &mut self,
        doubted: &DoubtedChunk,
        update: &str,
        detour: Detour,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = format!(
            "{update} WHERE month = $1 AND campaign = $2 AND number = $3 AND round = $4
               AND epoch = $5 AND state = 3 AND detour = $6"
        );
        let id = doubted.chunk.id;
        let bound = values![
            id.month.number(),
            id.campaign,
            id.number,
            id.round,
            doubted.chunk.epoch,
            doubted.doubt.name(),
            detour.name(),
            due_at
        ];
        Ok(row::execute(self.connection(), &sql, bound).await? == 1)
    }

    /// Everything that a copy leaves in doubt, in one transaction with the new identity.
    async fn mark_restored(&mut self, now: Timestamp) -> Result<Vec<CampaignId>, StoreError> {
        let known_until = self.known_until(now).await?;
        let over = values![
            CampaignState::Closed.code(),
            CampaignState::Discarded.code(),
            known_until
        ];
        // What an earlier restore left unasked stays in doubt since then. A draft may have been
        // launched since, too: it does not stand still, but its launch is looked at. And no day of
        // API sending goes on: its numbers were given to other requests.
        let sql = "UPDATE campaign SET resumed_at = NULL, day = NULL,
                     known_until = CASE WHEN restored_at IS NOT NULL OR launched_at IS NULL
                       THEN COALESCE(known_until, $3) ELSE $3 END
                   WHERE state NOT IN ($1, $2)";
        row::execute(self.connection(), sql, over).await?;
        let stands = values![
            CampaignState::Draft.code(),
            CampaignState::LaunchFailed.code(),
            CampaignState::Closed.code(),
            CampaignState::Discarded.code(),
            now
        ];
        let sql = "UPDATE campaign SET restored_at = $5 WHERE state NOT IN ($1, $2, $3, $4)
                   RETURNING id, launched_at, known_until";
        let rows = row::all(self.connection(), "campaign", sql, stands).await?;
        let mut marked = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = row.id("id")?;
            if row.optional_time("launched_at")?.is_some() {
                let since = row.time("known_until")?;
                let not_begun = Doubt::NotBegun;
                self.doubt(id, EVERY_NUMBER, not_begun, since, now).await?;
            }
            marked.push(id);
        }
        self.forget_former_numbers().await?;
        Ok(marked)
    }

    /// The latest moment of which the books tell: whatever is missing in them happened later.
    async fn known_until(&mut self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let sql = "SELECT MAX(at) AS at FROM (
                     SELECT taken_at AS at FROM backup
                     UNION ALL SELECT until - $1 FROM leader
                     UNION ALL SELECT MAX(created_at) FROM campaign
                     UNION ALL SELECT MAX(launched_at) FROM campaign) AS told";
        let margin = i64::try_from(LEASE_MAX.as_millis()).unwrap_or(i64::MAX);
        let row = row::one(self.connection(), "leader", sql, values![margin]).await?;
        let told = row.map_or(Ok(None), |row| row.optional_time("at"))?;
        Ok(told.unwrap_or(now).min(now))
    }

    /// On PostgreSQL settles carry numbers of transactions, and another cluster counts its own.
    async fn forget_former_numbers(&mut self) -> Result<(), StoreError> {
        if self.engine() != DbBackend::Postgres {
            return Ok(());
        }
        let from = write::settle_mark(self.connection()).await?;
        for sql in [
            "UPDATE chunk SET sequence = 0 WHERE sequence >= $1",
            "UPDATE amendment SET sequence = 0 WHERE sequence >= $1",
            // Everything once: what is captured already is known by its row.
            "UPDATE roll_up SET mark = 0 WHERE $1 >= 0",
        ] {
            row::execute(self.connection(), sql, values![from]).await?;
        }
        Ok(())
    }

    async fn store_identity(&mut self, identity: &str, now: Timestamp) -> Result<(), StoreError> {
        let sql = "INSERT INTO cluster (one, identity, noted_at) VALUES (1, $1, $2)
                   ON CONFLICT (one) DO UPDATE SET identity = $1, noted_at = $2";
        row::execute(self.connection(), sql, values![identity, now]).await?;
        Ok(())
    }

    /// A new id in the file beside the database. Written before the commit that stores it: whoever
    /// is killed in between finds two that differ.
    async fn make_identity(&mut self, ids: &dyn IdSource) -> Result<String, StoreError> {
        let id: InstallationId = ids.next();
        let identity = id.to_string();
        if let Some(file) = identity_file(self.connection()).await? {
            write_identity(&file, &identity).map_err(|error| cannot_open(&file, &error))?;
        }
        Ok(identity)
    }
}

/// Where the books say that they are kept, and where they are.
struct Identities {
    stored: Option<String>,
    found: Option<String>,
}

impl Identities {
    async fn read(connection: &impl ConnectionTrait) -> Result<Self, StoreError> {
        let sql = "SELECT identity FROM cluster WHERE one = 1";
        let row = row::one(connection, "cluster", sql, []).await?;
        let stored = row.map(|row| row.get("identity")).transpose()?;
        let found = match connection.get_database_backend() {
            DbBackend::Postgres => Some(postgres_identity(connection).await?),
            _ => match identity_file(connection).await? {
                Some(file) => read_identity(&file)?,
                None => None,
            },
        };
        Ok(Self { stored, found })
    }

    fn are_same(&self) -> bool {
        self.stored.is_some() && self.stored == self.found
    }
}

/// Cluster, timeline and database. The timeline is read from the log's file name: after a promotion
/// the control file tells the former one until its first checkpoint.
async fn postgres_identity(connection: &impl ConnectionTrait) -> Result<String, StoreError> {
    let sql = "SELECT system_identifier::text || '/'
                   || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '/'
                   || (SELECT oid::text FROM pg_database WHERE datname = current_database())
                   AS identity
               FROM pg_control_system()";
    let row = row::one(connection, "pg_control_system", sql, []).await?;
    row.ok_or_else(|| StoreError::NotFound("control data of the cluster".into()))?
        .get("identity")
}

/// `None` where the database is in no file.
async fn identity_file(connection: &impl ConnectionTrait) -> Result<Option<PathBuf>, StoreError> {
    let sql = "SELECT file FROM pragma_database_list WHERE name = 'main'";
    let row: Option<Row> = row::one(connection, "database list", sql, []).await?;
    let file: Option<String> = row.map_or(Ok(None), |row| row.get("file"))?;
    let file = file.filter(|file| !file.is_empty());
    Ok(file.map(|file| Path::new(&file).with_extension(IDENTITY_EXTENSION)))
}

fn read_identity(file: &Path) -> Result<Option<String>, StoreError> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_open(file, &error)),
    }
}

fn write_identity(file: &Path, identity: &str) -> std::io::Result<()> {
    let beside = file.with_extension("cluster.part");
    let mut part = File::create(&beside)?;
    writeln!(part, "{identity}")?;
    part.sync_all()?;
    std::fs::rename(&beside, file)?;
    match file.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn cannot_open(file: &Path, error: &std::io::Error) -> StoreError {
    StoreError::CannotOpen {
        path: file.display().to_string(),
        why: error.to_string(),
    }
}
