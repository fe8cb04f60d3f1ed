//! What fills audience groups: uploads and campaigns, one after the other within a business.
//!
//! Whoever takes one says until when nobody else should, and says so again while it works: a
//! process that is killed is followed once that time is over. Doing one twice adds nothing twice.

use std::time::Duration;

use domain::audience_group::{AudienceGroupId, GroupFailure, JobStatus, after_job};
use domain::id::{AccountId, ImportId};
use domain::time::Timestamp;
use sea_orm::ConnectionTrait;

use super::{failure_of, id_of};
use crate::contract::coded;
use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write};

/// One upload to a group, or what is to be read of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudienceJob {
    /// Its file's, where it has one.
    pub id: ImportId,
    pub account: AccountId,
    pub group: AudienceGroupId,
    pub description: Option<String>,
    pub status: JobStatus,
    pub failure: Option<GroupFailure>,
    /// In words; `None` where LINE's say enough.
    pub failure_words: Option<String>,
    /// Ids in the file, and how many of them name nobody.
    pub ids: u64,
    pub unknown_ids: u64,
    /// Members that it added.
    pub added: u64,
    pub has_file: bool,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// What became of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobEnd {
    pub failure: Option<GroupFailure>,
    pub words: Option<String>,
    pub unknown_ids: u64,
}

const JOB: &str = "SELECT j.id AS id, j.account AS account, j.audience_group AS audience_group,
    j.description AS description, j.status AS status, j.failure AS failure,
    j.failure_words AS failure_words, j.ids AS ids, j.unknown_ids AS unknown_ids,
    j.added AS added, j.has_file AS has_file, j.created_at AS created_at,
    j.ended_at AS ended_at FROM audience_group_job j";
/// Of jobs at `$1` that nobody works at, in businesses that nobody works for.
const WAITS: &str = "JOIN account a ON a.id = j.account
    WHERE j.ended_at IS NULL AND COALESCE(j.working_until, 0) <= $1
      AND NOT EXISTS (SELECT 1 FROM audience_group_job o JOIN account b ON b.id = o.account
        WHERE o.ended_at IS NULL AND o.working_until > $1 AND b.business = a.business)
    ORDER BY j.created_at, j.id LIMIT 1";

impl Write {
    pub async fn insert_audience_job(&mut self, job: &AudienceJob) -> Result<(), StoreError> {
        let sql = "INSERT INTO audience_group_job (id, account, audience_group, description,
                     status, ids, unknown_ids, added, has_file, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7, $8)";
        let bound = values![
            job.id,
            job.account,
            job.group.number(),
            job.description.clone(),
            job.status.code(),
            job.ids,
            job.has_file,
            job.created_at,
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// Uploads of a group that are not at their end.
    pub async fn open_audience_jobs(
        &mut self,
        account: AccountId,
        group: AudienceGroupId,
    ) -> Result<u64, StoreError> {
        open_jobs(self.connection(), account, group).await
    }

    /// The same of all groups of an account.
    pub async fn count_audience_jobs(&mut self, account: AccountId) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS jobs FROM audience_group_job
                   WHERE account = $1 AND ended_at IS NULL";
        let row = row::one(
            self.connection(),
            "audience_group_job",
            sql,
            values![account],
        )
        .await?;
        row.map_or(Ok(0), |row| row.int("jobs"))
    }

    /// The one that waits longest, which from now on is somebody's.
    pub async fn take_audience_job(
        &mut self,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<AudienceJob>, StoreError> {
        let Some(job) = waiting(self.connection(), now).await? else {
            return Ok(None);
        };
        let sql = "UPDATE audience_group_job SET status = $1, working_until = $2 WHERE id = $3";
        let bound = values![JobStatus::Working.code(), now + lease, job.id];
        row::execute(self.connection(), sql, bound).await?;
        Ok(Some(job))
    }

    /// Says that it is still being worked at, or when it may be tried again.
    pub async fn keep_audience_job(
        &mut self,
        id: ImportId,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE audience_group_job SET working_until = $1
                   WHERE id = $2 AND ended_at IS NULL";
        row::execute(self.connection(), sql, values![until, id]).await?;
        Ok(())
    }

    /// Counts members that a job added, at the job and at its group.
    pub async fn count_added(
        &mut self,
        job: &AudienceJob,
        added: u64,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE audience_group_job SET added = added + $1, working_until = $2
                   WHERE id = $3";
        row::execute(self.connection(), sql, values![added, until, job.id]).await?;
        let sql = "UPDATE audience_group SET members = members + $1
                   WHERE account = $2 AND id = $3";
        let bound = values![added, job.account, job.group.number()];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// Ends a job, and says how its group stands now. One that somebody else ended is left alone.
    pub async fn end_audience_job(
        &mut self,
        job: &AudienceJob,
        end: &JobEnd,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let status = match end.failure {
            None => JobStatus::Finished,
            Some(_) => JobStatus::Failed,
        };
        let sql = "UPDATE audience_group_job SET status = $1, failure = $2, failure_words = $3,
                     unknown_ids = $4, ended_at = $5, working_until = NULL
                   WHERE id = $6 AND ended_at IS NULL";
        let bound = values![
            status.code(),
            end.failure.map(GroupFailure::code),
            end.words.clone(),
            end.unknown_ids,
            now,
            job.id,
        ];
        if row::execute(self.connection(), sql, bound).await? == 0 {
            return Ok(());
        }
        let Some(group) = self.audience_group(job.account, job.group).await? else {
            // It was deleted meanwhile.
            return Ok(());
        };
        let others = self.open_audience_jobs(job.account, job.group).await?;
        let (status, failure) = after_job(group.members, others, end.failure);
        let sql = "UPDATE audience_group SET status = $1, failure = $2
                   WHERE account = $3 AND id = $4";
        let failure = failure.map(GroupFailure::code);
        let bound = values![status.code(), failure, job.account, job.group.number()];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }
}

impl Store {
    /// Whether there is something that somebody could work at.
    pub async fn audience_job_waits(&self, now: Timestamp) -> Result<bool, StoreError> {
        Ok(waiting(self.reader(), now).await?.is_some())
    }

    /// The uploads of a group, the latest first.
    pub async fn audience_jobs(
        &self,
        account: AccountId,
        group: AudienceGroupId,
        limit: u32,
    ) -> Result<Vec<AudienceJob>, StoreError> {
        let sql = format!(
            "{JOB} WHERE j.account = $1 AND j.audience_group = $2
             ORDER BY j.created_at DESC, j.id DESC LIMIT $3"
        );
        let bound = values![account, group.number(), limit];
        let rows = row::all(self.reader(), "audience_group_job", &sql, bound).await?;
        rows.iter().map(job).collect()
    }

    /// Uploads of a group that are not at their end.
    pub async fn open_audience_jobs(
        &self,
        account: AccountId,
        group: AudienceGroupId,
    ) -> Result<u64, StoreError> {
        open_jobs(self.reader(), account, group).await
    }
}

async fn waiting(
    connection: &impl ConnectionTrait,
    now: Timestamp,
) -> Result<Option<AudienceJob>, StoreError> {
    let sql = format!("{JOB} {WAITS}");
    let row = row::one(connection, "audience_group_job", &sql, values![now]).await?;
    row.map(|row| job(&row)).transpose()
}

async fn open_jobs(
    connection: &impl ConnectionTrait,
    account: AccountId,
    group: AudienceGroupId,
) -> Result<u64, StoreError> {
    let sql = "SELECT COUNT(*) AS jobs FROM audience_group_job
               WHERE account = $1 AND audience_group = $2 AND ended_at IS NULL";
    let bound = values![account, group.number()];
    let row = row::one(connection, "audience_group_job", sql, bound).await?;
    row.map_or(Ok(0), |row| row.int("jobs"))
}

fn job(row: &Row) -> Result<AudienceJob, StoreError> {
    Ok(AudienceJob {
        id: row.id("id")?,
        account: row.id("account")?,
        group: id_of(row, "audience_group")?,
        description: row.get("description")?,
        status: coded(row, "status", JobStatus::from_code)?,
        failure: failure_of(row)?,
        failure_words: row.get("failure_words")?,
        ids: row.int("ids")?,
        unknown_ids: row.int("unknown_ids")?,
        added: row.int("added")?,
        has_file: row.int::<u8>("has_file")? == 1,
        created_at: row.time("created_at")?,
        ended_at: row.optional_time("ended_at")?,
    })
}
