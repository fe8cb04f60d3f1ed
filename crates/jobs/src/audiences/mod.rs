//! Audience groups: made, added to, renamed, deleted; and filled beside the requests that ask.
//!
//! Ids come as a file or in a request. Either way they lie in the data folder, where files of
//! friends lie too, under the id of their job, until the role `jobs` has looked their users up. A
//! file is looked at while it comes, so that one wrong line is told at once and by its number.

mod fill; // the role that fills groups
mod ids; // a file of ids while it comes

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use domain::audience_group::{
    AudienceGroupId, GROUPS_MAX, GroupKind, GroupRefusal, GroupRoute, GroupStatus, JOBS_AT_ONCE,
    JOBS_OF_ACCOUNT, JobStatus, LIVES_FOR, SOURCE_AGE_MAX, checked_description,
    checked_upload_description,
};
use domain::campaign::CampaignKind;
use domain::id::{AccountId, BusinessId, CampaignId, IdSource, ImportId, RequestId};
use domain::time::{Clock, Timestamp};
use store::audience_group::{AudienceGroup, AudienceJob, GroupSource};
use store::{Store, StoreError, Write};
use tokio::sync::Notify;

pub use ids::{Accepts, IdsArriving};

use crate::Error;
use crate::arriving::{Arriving, Unkept};
use crate::import_friends::blocking;

/// Numbers that are drawn for a group at most: that one is taken is one in millions.
const DRAWS_MAX: usize = 16;

/// Where files of ids are kept, and how groups are made and filled.
#[derive(Clone)]
pub struct Audiences {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    pub folder: PathBuf,
    /// Told when there is something to fill.
    pub wake: Arc<Notify>,
}

/// A group that is to be made.
#[derive(Debug, Clone)]
pub struct NewGroup {
    pub account: AccountId,
    pub description: String,
    pub route: GroupRoute,
}

/// What a group is made of.
pub struct Upload {
    pub ids: IdsArriving,
    /// What the upload is called.
    pub description: Option<String>,
}

/// A campaign whose clicks or views make a group.
#[derive(Debug, Clone)]
pub struct Source {
    pub business: BusinessId,
    /// What a request was answered with, or the campaign's own id.
    pub request: RequestId,
    /// [`GroupKind::Click`] or [`GroupKind::Impression`].
    pub kind: GroupKind,
    /// Only who clicked this address.
    pub click_url: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum AudienceError {
    #[error(transparent)]
    Refused(#[from] GroupRefusal),
    /// The file cannot be kept, or read again.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Other(#[from] Error),
}

impl Audiences {
    /// The same on another store.
    pub fn on(&self, store: Store) -> Self {
        Self {
            store,
            ..self.clone()
        }
    }

    /// Begins to take ids.
    pub async fn begin(&self, accepts: Accepts) -> Result<IdsArriving, AudienceError> {
        let (folder, id) = (self.folder.clone(), self.ids.next());
        let arriving = blocking(move || Ok(Arriving::begin(&folder, id))).await??;
        Ok(IdsArriving::of(arriving, accepts))
    }

    /// Makes a group of ids that have come whole; without ids it stays in progress until some are
    /// added. What is begun is finished, whether or not somebody still waits for it.
    pub async fn create(
        &self,
        new: NewGroup,
        upload: Option<Upload>,
    ) -> Result<AudienceGroup, AudienceError> {
        let audiences = self.clone();
        let making = tokio::spawn(async move { audiences.make(&new, upload).await });
        finish(making).await
    }

    async fn make(
        &self,
        new: &NewGroup,
        upload: Option<Upload>,
    ) -> Result<AudienceGroup, AudienceError> {
        checked_description(&new.description)?;
        let settled = match upload {
            Some(upload) => Some(settle(upload).await?),
            None => None,
        };
        let mut group = self.unfilled(new, GroupKind::Upload, None);
        let mut write = self.store.write().await?;
        self.insert(&mut write, &mut group).await?;
        if let Some(settled) = &settled {
            let job = settled.job(&group, self.clock.now());
            queue(&mut write, &job).await?;
        }
        self.commit(write, settled).await?;
        Ok(group)
    }

    /// Adds ids that have come whole to a group of uploaded ones.
    pub async fn add(
        &self,
        account: AccountId,
        id: AudienceGroupId,
        upload: Upload,
    ) -> Result<(), AudienceError> {
        let audiences = self.clone();
        let adding = tokio::spawn(async move { audiences.add_settled(account, id, upload).await });
        finish(adding).await
    }

    async fn add_settled(
        &self,
        account: AccountId,
        id: AudienceGroupId,
        upload: Upload,
    ) -> Result<(), AudienceError> {
        let settled = settle(upload).await?;
        let mut write = self.store.write().await?;
        let group = write.audience_group(account, id).await?;
        let open = write.open_audience_jobs(account, id).await?;
        let now = self.clock.now();
        let group = may_be_added_to(group, open, now)?;
        let job = settled.job(&group, now);
        queue(&mut write, &job).await?;
        self.commit(write, Some(settled)).await
    }

    /// Refuses what [`Audiences::add`] would refuse, before a file comes.
    pub async fn expect_addable(
        &self,
        account: AccountId,
        id: AudienceGroupId,
    ) -> Result<(), AudienceError> {
        let group = self.store.audience_group(account, id).await?;
        let open = self.store.open_audience_jobs(account, id).await?;
        may_be_added_to(group, open, self.clock.now())?;
        Ok(())
    }

    /// Makes a group of who clicked or saw what a request or campaign of the account sent, as they
    /// are known when it is filled.
    pub async fn create_of_campaign(
        &self,
        new: NewGroup,
        source: Source,
    ) -> Result<AudienceGroup, AudienceError> {
        checked_description(&new.description)?;
        let campaign = self.campaign_of(new.account, &source).await?;
        let kept = GroupSource {
            request: source.request,
            campaign,
            click_url: source.click_url.clone(),
        };
        let mut write = self.store.write().await?;
        if write
            .has_group_of_request(new.account, source.kind, &kept)
            .await?
        {
            return Err(GroupRefusal::Duplicate.into());
        }
        let mut group = self.unfilled(&new, source.kind, Some(kept));
        self.insert(&mut write, &mut group).await?;
        let job = AudienceJob {
            has_file: false,
            ..queued(self.ids.next(), &group, self.clock.now())
        };
        queue(&mut write, &job).await?;
        self.commit(write, None).await?;
        Ok(group)
    }

    pub async fn rename(
        &self,
        account: AccountId,
        id: AudienceGroupId,
        description: &str,
    ) -> Result<(), AudienceError> {
        let description = checked_description(description)?;
        let mut write = self.store.write().await?;
        if !write
            .rename_audience_group(account, id, description)
            .await?
        {
            return Err(GroupRefusal::NotFound.into());
        }
        Ok(write.commit().await?)
    }

    /// From now on the group is found by nobody. A campaign that was launched before is cut from
    /// it to its end.
    pub async fn delete(
        &self,
        account: AccountId,
        id: AudienceGroupId,
    ) -> Result<(), AudienceError> {
        let mut write = self.store.write().await?;
        let now = self.clock.now();
        if !write.delete_audience_group(account, id, now).await? {
            return Err(GroupRefusal::NotFound.into());
        }
        Ok(write.commit().await?)
    }

    /// The campaign that a request or campaign id names, where a group may be made of it.
    async fn campaign_of(
        &self,
        account: AccountId,
        source: &Source,
    ) -> Result<CampaignId, AudienceError> {
        let request = self
            .store
            .request_of_business(source.business, source.request)
            .await?;
        let id = match &request {
            Some(request) => request.campaign,
            None => CampaignId::from_bytes(*source.request.as_bytes()),
        };
        let campaign = match self.store.campaign(id).await {
            Ok(campaign) if campaign.business == source.business => campaign,
            Ok(_) | Err(StoreError::NotFound(_)) => {
                return Err(GroupRefusal::RequestNotFound.into());
            }
            Err(error) => return Err(error.into()),
        };
        if campaign.account != account {
            return Err(GroupRefusal::OtherAccount.into());
        }
        // Pushes and multicasts of a day share a campaign: who saw one of them is not told apart.
        let launched_at = match (campaign.kind, campaign.launch) {
            (CampaignKind::Broadcast, Some(launch)) => launch.launched_at,
            _ => return Err(GroupRefusal::RequestNotFound.into()),
        };
        match self.clock.now() > launched_at + SOURCE_AGE_MAX {
            true => Err(GroupRefusal::TooOld.into()),
            false => Ok(id),
        }
    }

    fn unfilled(
        &self,
        new: &NewGroup,
        kind: GroupKind,
        source: Option<GroupSource>,
    ) -> AudienceGroup {
        let now = self.clock.now();
        AudienceGroup {
            id: AudienceGroupId::drawn(self.ids.next_bytes()),
            account: new.account,
            description: new.description.clone(),
            kind,
            route: new.route,
            status: GroupStatus::InProgress,
            failure: None,
            members: 0,
            source,
            created_at: now,
            expires_at: now + LIVES_FOR,
        }
    }

    /// Keeps a group under a number that nobody has.
    async fn insert(
        &self,
        write: &mut Write,
        group: &mut AudienceGroup,
    ) -> Result<(), AudienceError> {
        if write.count_audience_groups(group.account).await? >= GROUPS_MAX {
            return Err(GroupRefusal::TooManyGroups.into());
        }
        for _ in 0..DRAWS_MAX {
            if write.insert_audience_group(group).await? {
                return Ok(());
            }
            group.id = AudienceGroupId::drawn(self.ids.next_bytes());
        }
        Err(StoreError::Conflict("the number of an audience group").into())
    }

    /// Commits, and only then leaves the file where it is.
    async fn commit(&self, write: Write, settled: Option<Settled>) -> Result<(), AudienceError> {
        write.commit().await?;
        if let Some(settled) = settled {
            settled.files.keep();
        }
        self.wake.notify_one();
        Ok(())
    }
}

/// A file of ids where it is kept; dropped before it is said to stay, it is removed.
struct Settled {
    id: ImportId,
    ids: u64,
    description: Option<String>,
    files: Unkept,
}

impl Settled {
    fn job(&self, group: &AudienceGroup, now: Timestamp) -> AudienceJob {
        AudienceJob {
            description: self.description.clone(),
            ids: self.ids,
            has_file: true,
            ..queued(self.id, group, now)
        }
    }
}

/// Keeps a job, where the account has not too many that wait.
async fn queue(write: &mut Write, job: &AudienceJob) -> Result<(), AudienceError> {
    if write.count_audience_jobs(job.account).await? >= JOBS_OF_ACCOUNT {
        return Err(GroupRefusal::TooManyJobs.into());
    }
    Ok(write.insert_audience_job(job).await?)
}

/// Puts the file of an upload where it is kept.
async fn settle(upload: Upload) -> Result<Settled, AudienceError> {
    if let Some(description) = &upload.description {
        checked_upload_description(description)?;
    }
    let (mut arriving, ids) = upload.ids.finish()?;
    arriving.flush().await?;
    let (id, files) = (arriving.id, arriving.files);
    let renamed = blocking(move || {
        let renamed = std::fs::rename(&files.part, &files.kept);
        Ok(renamed.map(|()| files))
    });
    Ok(Settled {
        id,
        ids,
        description: upload.description,
        files: renamed.await??,
    })
}

fn queued(id: ImportId, group: &AudienceGroup, now: Timestamp) -> AudienceJob {
    AudienceJob {
        id,
        account: group.account,
        group: group.id,
        description: None,
        status: JobStatus::Queued,
        failure: None,
        failure_words: None,
        ids: 0,
        unknown_ids: 0,
        added: 0,
        has_file: false,
        created_at: now,
        ended_at: None,
    }
}

/// A group that ids may be added to; `open` of its uploads are not at their end.
fn may_be_added_to(
    group: Option<AudienceGroup>,
    open: u64,
    now: Timestamp,
) -> Result<AudienceGroup, GroupRefusal> {
    // What people did with a campaign is nothing one adds to.
    let group = group.filter(|group| group.kind == GroupKind::Upload);
    let group = group.ok_or(GroupRefusal::NotFound)?;
    match group.status_at(now) {
        GroupStatus::Expired => Err(GroupRefusal::Expired),
        _ if open >= JOBS_AT_ONCE => Err(GroupRefusal::TooManyJobs),
        _ => Ok(group),
    }
}

async fn finish<T>(
    task: tokio::task::JoinHandle<Result<T, AudienceError>>,
) -> Result<T, AudienceError> {
    task.await.map_err(std::io::Error::other)?
}
