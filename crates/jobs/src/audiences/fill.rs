//! Filling groups: the users of a file or of a campaign are looked up and become members.
//!
//! Whom a file names is collected as a bitmap first, which is small however large the file is, and
//! written by blocks of words afterwards, so that brands and messengers write in between. A process
//! that is killed is followed by another that begins the job anew: who is a member already is not
//! counted again.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::audience_group::{GroupFailure, GroupKind, member_words};
use domain::receipt::ReceiptKind;
use domain::user::UserNumber;
use roaring::RoaringBitmap;
use store::StoreError;
use store::audience_group::{AudienceGroup, AudienceJob, JobEnd};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Audiences;
use super::ids::id_of;
use crate::Error;
use crate::arriving::kept_path;
use crate::import_friends::{blocking, reader_failed};

/// How long nobody else works at a job whose process said nothing more.
const LEASE: Duration = Duration::from_secs(20);
/// How often it says so.
const KEEP_EVERY: Duration = Duration::from_secs(5);
/// How often somebody looks whether another process was asked for something.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After something that may pass: a full disk, a database that does not answer.
const REST: Duration = Duration::from_secs(5);
/// How often groups are looked for that nobody needs any more.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
/// Ids that are looked up together, and in how many questions at once.
const IDS_PER_LOOKUP: usize = 16_000;
const QUESTIONS: usize = 4;
/// Words that are written in one commit.
const WORDS_PER_COMMIT: usize = 20_000;

/// What a job is filled with.
struct Found {
    users: RoaringBitmap,
    /// Ids of nobody.
    unknown_ids: u64,
}

/// What becomes of a job that could not be done.
enum Setback {
    /// It never can be: why.
    ForGood(String),
    /// It may later.
    ForNow(Error),
}

impl From<Error> for Setback {
    fn from(error: Error) -> Self {
        use StoreError::{Corrupt, Invariant, NotFound, Taken};
        match error {
            Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Self::ForGood("the file is gone from the data folder".to_owned())
            }
            // The same job meets the same again.
            Error::Store(NotFound(_) | Taken(_) | Corrupt { .. } | Invariant(_)) => {
                tracing::error!(%error, "the filling of an audience group is given up");
                Self::ForGood(error.to_string())
            }
            other => Self::ForNow(other),
        }
    }
}

impl From<StoreError> for Setback {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

impl Audiences {
    /// The role `jobs`: fills whatever waits, until it is stopped. What is under way then is begun
    /// anew after the next start.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut swept_at: Option<Duration> = None;
        loop {
            let passed = self.clock.monotonic();
            let is_due = swept_at.is_none_or(|at| passed.saturating_sub(at) >= SWEEP_EVERY);
            let step = async {
                if is_due {
                    self.sweep().await?;
                }
                self.step().await
            };
            let rest = tokio::select! {
                () = stop.cancelled() => return,
                stepped = step => match stepped {
                    Ok(true) => Duration::ZERO,
                    Ok(false) => LOOK_EVERY,
                    Err(error) => {
                        tracing::error!(%error, "audience groups cannot be filled now");
                        REST
                    }
                },
            };
            if is_due {
                swept_at = Some(passed);
            }
            if rest.is_zero() {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    /// Fills one group; whether there was one that waits.
    pub async fn step(&self) -> Result<bool, Error> {
        if !self.store.audience_job_waits(self.clock.now()).await? {
            return Ok(false);
        }
        let mut write = self.store.write().await?;
        let job = write.take_audience_job(self.clock.now(), LEASE).await?;
        write.commit().await?;
        let Some(job) = job else {
            // Another process was quicker.
            return Ok(false);
        };
        store::pause::point("audience:taken").await;
        self.fill_whole(job).await?;
        Ok(true)
    }

    /// Removes groups that were deleted or expired long ago.
    pub async fn sweep(&self) -> Result<(), Error> {
        loop {
            let mut write = self.store.write().await?;
            let is_worked = write.sweep_audience_group(self.clock.now()).await?;
            write.commit().await?;
            if !is_worked {
                return Ok(());
            }
        }
    }

    /// Fills a group, or notes why it never can be. Trouble that may pass lets others go first.
    async fn fill_whole(&self, job: AudienceJob) -> Result<(), Error> {
        let (audiences, of_task) = (self.clone(), job.clone());
        let filling = tokio::spawn(async move { audiences.fill(&of_task).await });
        let end = match AbortOnDropHandle::new(filling).await {
            Ok(Ok(end)) => end,
            Ok(Err(Setback::ForGood(why))) => failed(why),
            Ok(Err(Setback::ForNow(error))) => {
                tracing::error!(job = %job.id, %error, "the filling of an audience group rests");
                return self.keep(&job, REST).await;
            }
            // It would fail again over the same line: the others are not to wait for it.
            Err(failure) if failure.is_panic() => {
                tracing::error!(job = %job.id, %failure, "an audience group is not filled");
                failed("the program failed over this file".to_owned())
            }
            Err(stopped) => return Err(reader_failed(stopped)),
        };
        let mut write = self.store.write().await?;
        write.end_audience_job(&job, &end, self.clock.now()).await?;
        write.commit().await?;
        if job.has_file
            && let Err(error) = tokio::fs::remove_file(kept_path(&self.folder, job.id)).await
        {
            tracing::warn!(job = %job.id, %error, "the file of an audience group is still there");
        }
        Ok(())
    }

    async fn fill(&self, job: &AudienceJob) -> Result<JobEnd, Setback> {
        let group = self.store.audience_group(job.account, job.group).await?;
        let Some(group) = group else {
            return Err(Setback::ForGood("the audience group was deleted".into()));
        };
        let found = match job.has_file {
            true => self.of_file(job).await?,
            false => self.of_campaign(&group).await?,
        };
        let words = member_words(found.users.iter());
        for block in words.chunks(WORDS_PER_COMMIT) {
            let mut write = self.store.write().await?;
            let added = write
                .add_group_members(job.account, job.group, block)
                .await?;
            let until = self.clock.now() + LEASE;
            write.count_added(job, added, until).await?;
            store::pause::point("audience:block").await;
            write.commit().await?;
        }
        let is_empty = found.users.is_empty();
        tracing::info!(job = %job.id, group = %job.group, users = found.users.len(),
                       unknown = found.unknown_ids, "an audience group is filled");
        Ok(JobEnd {
            failure: is_empty.then_some(GroupFailure::Insufficient),
            words: None,
            unknown_ids: found.unknown_ids,
        })
    }

    /// The users of a campaign's receipts, as they are known now.
    async fn of_campaign(&self, group: &AudienceGroup) -> Result<Found, Setback> {
        let Some(source) = &group.source else {
            return Err(Setback::ForGood("the group is made of no campaign".into()));
        };
        let snapshot = self.store.snapshot().await?;
        let (campaign, url) = (source.campaign, source.click_url.as_deref());
        let users = match (group.kind, url) {
            (GroupKind::Click, Some(url)) => snapshot.people_who_clicked(campaign, url).await?,
            (GroupKind::Click, None) => {
                let kind = ReceiptKind::Clicked;
                snapshot.people_with_receipts(campaign, kind).await?
            }
            (GroupKind::Impression | GroupKind::Upload, _) => {
                let kind = ReceiptKind::Opened;
                snapshot.people_with_receipts(campaign, kind).await?
            }
        };
        snapshot.end().await?;
        Ok(Found {
            users,
            unknown_ids: 0,
        })
    }

    async fn of_file(&self, job: &AudienceJob) -> Result<Found, Setback> {
        let path = kept_path(&self.folder, job.id);
        let opened = blocking(move || Lines::open(&path));
        let mut lines = opened.await?;
        let mut found = Found {
            users: RoaringBitmap::new(),
            unknown_ids: 0,
        };
        let mut kept_at = self.clock.monotonic();
        loop {
            let read = blocking(move || lines.next_ids());
            let (ids, rest) = read.await?;
            lines = rest;
            if ids.is_empty() {
                return Ok(found);
            }
            let users = self.users_named(&ids).await?;
            found.unknown_ids += (ids.len() as u64).saturating_sub(users.len() as u64);
            found.users.extend(users.into_iter().map(|user| user.0));
            let passed = self.clock.monotonic();
            if passed.saturating_sub(kept_at) >= KEEP_EVERY {
                kept_at = passed;
                self.keep(job, LEASE).await?;
            }
        }
    }

    /// Whom ids name, in some questions side by side.
    async fn users_named(&self, ids: &[String]) -> Result<Vec<UserNumber>, StoreError> {
        let size = ids.len().div_ceil(QUESTIONS);
        let parts: [&[String]; QUESTIONS] = std::array::from_fn(|part| {
            let (from, to) = (part * size, (part + 1) * size);
            &ids[from.min(ids.len())..to.min(ids.len())]
        });
        let ask = |part| self.store.users_named(part);
        let [one, two, three, four] = parts.map(ask);
        let (one, two, three, four) = tokio::try_join!(one, two, three, four)?;
        Ok([one, two, three, four].concat())
    }

    /// Says that nobody else should work at a job for so long.
    async fn keep(&self, job: &AudienceJob, lease: Duration) -> Result<(), Error> {
        let until = self.clock.now() + lease;
        let mut write = self.store.write().await?;
        write.keep_audience_job(job.id, until).await?;
        Ok(write.commit().await?)
    }
}

fn failed(why: String) -> JobEnd {
    JobEnd {
        failure: Some(GroupFailure::Internal),
        words: Some(why),
        unknown_ids: 0,
    }
}

/// The ids of a file, read some at a time.
struct Lines {
    reader: BufReader<File>,
    path: String,
    line: Vec<u8>,
    is_first: bool,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, Error> {
        let shown = path.display().to_string();
        let opened = File::open(path);
        let file = opened.map_err(|source| Error::Io {
            path: shown.clone(),
            source,
        })?;
        Ok(Self {
            reader: BufReader::with_capacity(256 * 1024, file),
            path: shown,
            line: Vec::new(),
            is_first: true,
        })
    }

    /// The next ids, each once; none at the end.
    fn next_ids(mut self) -> Result<(Vec<String>, Self), Error> {
        let mut ids = BTreeSet::new();
        while ids.len() < IDS_PER_LOOKUP {
            self.line.clear();
            let read = self.reader.read_until(b'\n', &mut self.line);
            let bytes = read.map_err(|source| Error::Io {
                path: self.path.clone(),
                source,
            })?;
            if bytes == 0 {
                break;
            }
            if let Some(id) = id_of(&self.line, self.is_first) {
                ids.insert(id.to_owned());
            }
            self.is_first = false;
        }
        Ok((ids.into_iter().collect(), self))
    }
}
