//! Restored campaigns that shall go on: the messenger is asked for the key of every chunk that may
//! have been pushed after the copy was taken, before anything of the campaign is pushed again.
//!
//! What is done is in the database: chunks in doubt are asked for in batches, each answer is
//! written under the chunk's epoch, and the campaign's mark goes with the last one. A step that is
//! interrupted or runs twice asks again and finds the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use connector::Push;
use domain::answer::{AskAnswer, PushAnswer};
use domain::chunk::{self, ChunkId, ChunkState, Detour, Next};
use domain::freeze::CHUNKS_PER_RANGE;
use domain::id::AccountId;
use domain::outcome::Outcome;
use domain::push::PushKey;
use domain::restore::{self, Question, Told};
use domain::time::Timestamp;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use gateway::FrozenBody;
use store::campaign::Campaign;
use store::hot::{Change, Record};
use store::leader::LeaderEpoch;
use store::restore::{Absent, DoubtedChunk};
use store::{StoreError, Write, pause};

use crate::error::by_itself;
use crate::rescue::facts;
use crate::settings::{RESTORE_AT_ONCE, RESTORE_STEP_MAX};
use crate::{Progress, Scheduler, SchedulerError};

/// So long a pushed key may take to say whether it was the same content.
const COMPARE_TIME_MAX: Duration = Duration::from_secs(30);

/// What is written of one chunk.
enum Decision {
    Record(Record),
    Absent(Absent),
    AskLater(Timestamp),
}

type Deciding<'a> = BoxFuture<'a, Result<Decision, SchedulerError>>;

impl Scheduler {
    pub async fn restore_step(&self, epoch: LeaderEpoch) -> Result<Progress, SchedulerError> {
        let mut progress = Progress::Idle;
        for campaign in self.store.campaigns_alive().await? {
            let goes_on = campaign.restored_at.is_some()
                && campaign.resumed_at.is_some()
                && campaign.launch.is_some();
            if !goes_on {
                continue;
            }
            // Where it is cancelled or restored anew meanwhile, the next step sees how it stands.
            let went_on = self.go_on(epoch, &campaign).await;
            progress = progress.and(by_itself("restore", campaign.id, went_on)?);
        }
        Ok(progress)
    }

    async fn go_on(
        &self,
        epoch: LeaderEpoch,
        campaign: &Campaign,
    ) -> Result<Progress, SchedulerError> {
        let now = self.clock.now();
        let doubted = self
            .store
            .doubted(campaign.id, now, RESTORE_STEP_MAX)
            .await?;
        if !doubted.is_empty() {
            let mut asked: Vec<Deciding<'_>> = Vec::with_capacity(doubted.len());
            for one in &doubted {
                asked.push(Box::pin(self.decide(campaign, one, now)));
            }
            return self.decided(epoch, campaign, &doubted, asked, now).await;
        }
        // A standing campaign is never frozen; what is cancelled is frozen no further.
        let is_frozen = campaign.freeze_ended_at.is_some()
            || campaign.kind.is_standing()
            || !campaign.may_freeze();
        if !is_frozen || self.store.has_questions(campaign.id).await? {
            return Ok(Progress::Idle);
        }
        let absent = self
            .store
            .doubted_absent(campaign.id, now, RESTORE_STEP_MAX)
            .await?;
        if !absent.is_empty() {
            let Some(strangers) = self.ranges_with_strangers(campaign, &absent).await? else {
                return Ok(Progress::Idle);
            };
            let since = since_restore(campaign, now);
            let mut ended: Vec<Deciding<'_>> = Vec::with_capacity(absent.len());
            for one in &absent {
                let range = one.chunk.id.number / CHUNKS_PER_RANGE;
                let told = match strangers.contains(&range) {
                    // Whoever is in it may have been pushed to under that other key.
                    true => Told::GiveUp,
                    false => restore::absent(self.connector.capability(), one.doubt, since),
                };
                ended.push(Box::pin(self.decision(campaign, one, told, now)));
            }
            return self.decided(epoch, campaign, &absent, ended, now).await;
        }
        let mut write = self.store.write().await?;
        write.must_lead(epoch).await?;
        write.end_restore(campaign).await?;
        pause::point("restore:before_commit").await;
        write.commit().await?;
        tracing::info!(campaign = %campaign.id, "everything is asked for: it goes on");
        self.wake.notify_waiters();
        Ok(Progress::Worked)
    }

    /// The ranges in which the messenger had something else under one of our keys, or more chunks
    /// than we cut; `None` where it cannot be asked now.
    async fn ranges_with_strangers(
        &self,
        campaign: &Campaign,
        absent: &[DoubtedChunk],
    ) -> Result<Option<BTreeSet<u64>>, SchedulerError> {
        let known = self.store.ranges_with_strangers(campaign.id).await?;
        let mut strangers: BTreeSet<u64> = known.into_iter().collect();
        let mut ranges: BTreeMap<u64, ChunkId> = BTreeMap::new();
        for one in absent {
            let id = one.chunk.id;
            ranges.insert(id.number / CHUNKS_PER_RANGE, id);
        }
        for (range, id) in ranges {
            let chunks = self.store.chunks_of_range(campaign.id, range).await?;
            let next = ChunkId {
                number: range * CHUNKS_PER_RANGE + chunks,
                round: 0,
                ..id
            };
            match self.connector.ask(PushKey::of(&next), 1).await {
                AskAnswer::NotFound => {}
                AskAnswer::Unknown => return Ok(None),
                _ => {
                    strangers.insert(range);
                }
            }
        }
        Ok(Some(strangers))
    }

    /// Makes the decisions, several at once, and writes them in one commit.
    async fn decided(
        &self,
        epoch: LeaderEpoch,
        campaign: &Campaign,
        doubted: &[DoubtedChunk],
        decisions: Vec<Deciding<'_>>,
        now: Timestamp,
    ) -> Result<Progress, SchedulerError> {
        let decisions: Vec<Result<Decision, SchedulerError>> = stream::iter(decisions)
            .buffered(RESTORE_AT_ONCE)
            .collect()
            .await;
        let mut progress = Progress::Idle;
        let mut write = self.store.write().await?;
        write.must_lead(epoch).await?;
        for (one, decision) in doubted.iter().zip(decisions) {
            let decision = decision?;
            if !matches!(decision, Decision::AskLater(_)) {
                progress = Progress::Worked;
            }
            self.write_decision(&mut write, campaign, one, decision, now)
                .await?;
        }
        pause::point("restore:before_answers").await;
        write.commit().await?;
        self.wake.notify_waiters();
        Ok(progress)
    }

    async fn write_decision(
        &self,
        write: &mut Write,
        campaign: &Campaign,
        one: &DoubtedChunk,
        decision: Decision,
        now: Timestamp,
    ) -> Result<(), SchedulerError> {
        let id = one.chunk.id;
        let batch_max = self.connector.capability().batch_max;
        write.note_push_keys(id, one.chunk.size, batch_max).await?;
        match decision {
            Decision::AskLater(due_at) => {
                write.ask_later(one, due_at).await?;
            }
            Decision::Absent(absent) => {
                write.absent(one, absent, now).await?;
            }
            Decision::Record(record) => {
                let answer = record.answer;
                let records = [record];
                let applied = self.store.hot().record(write, &records, now).await?;
                let applied = applied.contains(&true);
                if applied && let Some(known_until) = campaign.known_until {
                    // Its next round, if there is one: the life before may have pushed it, too.
                    let (numbers, doubt) = (id.number..=id.number, one.doubt.of_next_round());
                    write
                        .doubt(campaign.id, numbers, doubt, known_until, now)
                        .await?;
                }
                tracing::info!(chunk = %id, answer, applied, "asked for after a restore");
            }
        }
        Ok(())
    }

    async fn decide(
        &self,
        campaign: &Campaign,
        one: &DoubtedChunk,
        now: Timestamp,
    ) -> Result<Decision, SchedulerError> {
        let capability = self.connector.capability();
        let since = since_restore(campaign, now);
        let age = now.since(one.chunk.first_attempt_at);
        let told = match restore::question(capability, age, since) {
            Question::Wait => Told::AskAgain,
            Question::GiveUp => Told::GiveUp,
            Question::Ask => {
                let (key, size) = (PushKey::of(&one.chunk.id), one.chunk.size);
                let answer = self.connector.ask(key, size).await;
                restore::after_asking(capability, one.doubt, answer, since)
            }
        };
        self.decision(campaign, one, told, now).await
    }

    async fn decision(
        &self,
        campaign: &Campaign,
        one: &DoubtedChunk,
        told: Told,
        now: Timestamp,
    ) -> Result<Decision, SchedulerError> {
        let unknown = &one.chunk;
        let closed = |campaign: &Campaign| {
            let next = chunk::after_closed_key(&facts(unknown), campaign.situation(now));
            ("closed", next)
        };
        let (answer, next) = match told {
            Told::Free => return Ok(Decision::Absent(Absent::Free)),
            Told::GoOn => return Ok(Decision::Absent(Absent::GoOn)),
            Told::WaitForRange => return Ok(Decision::Absent(Absent::WaitForRange)),
            Told::AskAgain => return Ok(ask_later(one, now)),
            Told::GiveUp => ("cannot_tell", given_up(Detour::CannotTell)),
            Told::KeyClosed => closed(campaign),
            Told::Settle(results) => {
                let exclusions = restore::with_lost_exclusions(&results, &unknown.exclusions);
                match chunk::settlement(&facts(unknown), &results, &exclusions) {
                    Some(settlement) => ("processed", Next::Settle(settlement)),
                    None => return Ok(ask_later(one, now)),
                }
            }
            Told::Compare => match self.push_again(campaign.account, one).await? {
                PushAnswer::Processed(results) => {
                    let exclusions = restore::with_lost_exclusions(&results, &unknown.exclusions);
                    match chunk::settlement(&facts(unknown), &results, &exclusions) {
                        Some(settlement) => ("replayed", Next::Settle(settlement)),
                        None => return Ok(ask_later(one, now)),
                    }
                }
                PushAnswer::ContentMismatch => {
                    ("content_mismatch", given_up(Detour::ContentMismatch))
                }
                PushAnswer::Closed => closed(campaign),
                _ => return Ok(ask_later(one, now)),
            },
        };
        let recipients = self.store.recipients(unknown.id).await?;
        let change: Change = self.change(unknown, &recipients, next, now).await?;
        Ok(Decision::Record(Record {
            id: unknown.id,
            epoch: unknown.epoch,
            answer,
            change,
        }))
    }

    /// Pushes what was pushed under its key before: the messenger answers with what it did then, or
    /// that it was something else. Nobody gets it again.
    async fn push_again(
        &self,
        account: AccountId,
        one: &DoubtedChunk,
    ) -> Result<PushAnswer, SchedulerError> {
        let chunk = &one.chunk;
        let recipients = self.store.recipients(chunk.id).await?;
        let body = self.store.message(chunk.message_hash).await?;
        let frozen = FrozenBody::from_stored(&body).map_err(|error| StoreError::Corrupt {
            table: "message",
            column: "body",
            why: error.to_string(),
        })?;
        let push = Push {
            key: PushKey::of(&chunk.id),
            account,
            content_hash: one.content_hash,
            size: chunk.size,
            frozen: &frozen,
            keys: &recipients.keys,
            variables: recipients.variables.as_deref(),
            not_after: None,
            exclude: &[],
            deadline: self.clock.monotonic() + COMPARE_TIME_MAX,
        };
        Ok(self.connector.push(&push).await)
    }
}

fn since_restore(campaign: &Campaign, now: Timestamp) -> Duration {
    campaign
        .restored_at
        .map_or(Duration::ZERO, |at| now.since(at))
}

fn ask_later(one: &DoubtedChunk, now: Timestamp) -> Decision {
    Decision::AskLater(now + chunk::retry_pause(one.chunk.epoch, None))
}

/// Nobody can tell: every recipient is uncertain.
fn given_up(detour: Detour) -> Next {
    Next::End {
        state: ChunkState::Unresolved,
        outcome: Outcome::Uncertain,
        detour,
    }
}
