//! Freezing: the audience of one launch becomes chunks, range by range of user numbers.
//!
//! Resumable at the ranges not done; dispatch of the first chunks overlaps the freeze of the rest.
//! Reading and packing happen outside the write transaction: whoever withdraws meanwhile is caught
//! by the gate, because the launch noted its mark before it counted.

use std::collections::BTreeMap;

use billing::ReleaseReason;
use domain::audience::{Audience, AudienceLimit};
use domain::campaign::{CampaignEvent, CampaignState};
use domain::codec::{self, PackedKeys};
use domain::freeze::{ChunkGroup, FreezeRange, chunk_number};
use domain::restore::{self, Doubt};
use domain::rule::RuleId;
use domain::user::{UserKey, UserNumber};
use domain::variable;
use gateway::FrozenBody;
use roaring::RoaringBitmap;
use store::campaign::{Campaign, Launch};
use store::hot::{FreezeCommit, FrozenChunk, ReachKeys, ReachQuery, ReachRead};
use store::leader::LeaderEpoch;
use store::{StoreError, pause};

use crate::error::by_itself;
use crate::launch::{plan, read_audience};
use crate::{Progress, Scheduler, SchedulerError, block, trace};

/// What one range becomes.
struct Cut {
    chunks: Vec<FrozenChunk>,
    exclusions: Vec<(RuleId, u32, Vec<u8>)>,
    frozen: u32,
}

/// What a range is cut by.
struct CutTerms {
    range: FreezeRange,
    chunk_size: u32,
    /// Units that may still be frozen.
    room: u64,
    /// Who is within the audience's limit; `None` where there is none.
    chosen: Option<RoaringBitmap>,
    /// For whom there was enough money; `None` where there was for all.
    funded: Option<RoaringBitmap>,
    body: FrozenBody,
    names: Option<Names>,
}

/// The display names of a range, under the words that the messages use for them.
struct Names {
    used: Vec<&'static str>,
    /// In the order of their numbers.
    of_friends: Vec<(UserNumber, String)>,
}

impl Scheduler {
    /// Freezes the next range of every campaign that is not frozen to its end.
    pub async fn freeze_step(&self, epoch: LeaderEpoch) -> Result<Progress, SchedulerError> {
        let mut progress = Progress::Idle;
        for campaign in self.store.campaigns_alive().await? {
            // A standing campaign's recipients come with its requests.
            let is_freezing = !campaign.kind.is_standing()
                && campaign.may_freeze()
                && campaign.freeze_ended_at.is_none();
            if !is_freezing {
                continue;
            }
            let step = match self.freeze_range(epoch, &campaign).await {
                Ok(()) => Ok(Progress::Worked),
                // Cancelled, paused or led by another meanwhile: the next step sees how it stands.
                Err(SchedulerError::Store(StoreError::Conflict(what))) => {
                    tracing::info!(campaign = %campaign.id, what, "a freeze gave way");
                    Ok(Progress::Worked)
                }
                Err(error @ SchedulerError::Store(StoreError::Unavailable(_))) => {
                    return Err(error);
                }
                Err(error) if campaign.state == CampaignState::Launching => {
                    tracing::error!(campaign = %campaign.id, %error, "the launch failed");
                    self.fail_launch(&campaign, &error).await?;
                    Ok(Progress::Worked)
                }
                Err(error) => Err(error),
            };
            progress = progress.and(by_itself("freeze", campaign.id, step)?);
        }
        Ok(progress)
    }

    async fn freeze_range(
        &self,
        epoch: LeaderEpoch,
        campaign: &Campaign,
    ) -> Result<(), SchedulerError> {
        let launch = campaign.launch.ok_or_else(|| {
            StoreError::Invariant(format!("{} is {} unlaunched", campaign.id, campaign.state))
        })?;
        self.expect_answers(campaign)?;
        let done = self.store.frozen_ranges(campaign.id).await?;
        let next = plan(&launch)
            .ranges()
            .find(|range| !done.contains(&range.index));
        let Some(range) = next else {
            return self.end_freeze(epoch, campaign).await;
        };
        let began = self.clock.monotonic();
        let audience = read_audience(campaign)?;
        let expression = audience.expression.clone();
        let query = ReachQuery::of(campaign, expression, Some(launch.cut_sequence));
        let read = self
            .store
            .hot()
            .read_reach(&self.store, &query, range)
            .await?;
        let message = launch.message_hash.ok_or_else(|| {
            StoreError::Invariant(format!("{} was launched without a message", campaign.id))
        })?;
        let body = FrozenBody::from_stored(&self.store.message(message).await?)
            .map_err(|error| SchedulerError::NotPossible(error.to_string()))?;
        let names = self.names(campaign, range).await?;
        let partial = self.store.partial_launch(campaign.id).await?;
        let partial = partial.map(|partial| partial.limit());
        let terms = CutTerms {
            range,
            chunk_size: launch.chunk_size,
            room: self.room(campaign, &launch).await?,
            chosen: self.chosen(campaign, &audience, audience.limit).await?,
            funded: self.chosen(campaign, &audience, partial).await?,
            body,
            names,
        };
        let cut = tokio::task::spawn_blocking(move || cut(&read, &terms))
            .await
            .map_err(|error| SchedulerError::NotPossible(format!("the cut failed: {error}")))??;
        pause::point("freeze:before_write").await;
        self.commit_range(epoch, campaign, launch, range, cut)
            .await?;
        let took = self.clock.monotonic().saturating_sub(began);
        trace::froze(campaign.id, range.index, epoch, took);
        Ok(())
    }

    /// A campaign that came out of a copy of the books may have been launched since; where its
    /// messenger cannot tell any more, nothing of it is sent.
    fn expect_answers(&self, campaign: &Campaign) -> Result<(), SchedulerError> {
        let (CampaignState::Launching, Some(known_until)) = (campaign.state, campaign.known_until)
        else {
            return Ok(());
        };
        let age = self.clock.now().since(known_until);
        match restore::may_launch(self.connector.capability(), age) {
            true => Ok(()),
            false => Err(SchedulerError::NotPossible(
                "it came out of a backup that is too old: it may have been sent since, and the \
                 messenger cannot be asked any more. Where it was not, send a copy of it"
                    .to_owned(),
            )),
        }
    }

    /// Units that may still be frozen under what was granted.
    async fn room(&self, campaign: &Campaign, launch: &Launch) -> Result<u64, SchedulerError> {
        let tariffs = self.store.campaign_tariffs(campaign.id).await?;
        let tariff = tariffs.iter().find(|tariff| tariff.tariff == launch.tariff);
        Ok(tariff.map_or(0, |tariff| tariff.granted - tariff.frozen))
    }

    /// What the campaign's messages say differently to each friend of a range. It is read for those
    /// campaigns alone: names lie in the wide rows of friends.
    async fn names(
        &self,
        campaign: &Campaign,
        range: FreezeRange,
    ) -> Result<Option<Names>, SchedulerError> {
        let used = variable::display_names_used(&campaign.messages);
        if used.is_empty() {
            return Ok(None);
        }
        let numbers = range.first..=range.last;
        let of_friends = self.store.display_names(campaign.account, numbers).await?;
        Ok(Some(Names { used, of_friends }))
    }

    /// Whom a limit takes of the audience; `None` where there is none.
    async fn chosen(
        &self,
        campaign: &Campaign,
        audience: &Audience,
        limit: Option<AudienceLimit>,
    ) -> Result<Option<RoaringBitmap>, SchedulerError> {
        let Some(limit) = limit else {
            return Ok(None);
        };
        let (account, purpose) = (campaign.account, campaign.purpose);
        let expression = &audience.expression;
        Ok(Some(
            self.store
                .choose_limited(account, expression, limit, purpose)
                .await?,
        ))
    }

    async fn commit_range(
        &self,
        epoch: LeaderEpoch,
        campaign: &Campaign,
        launch: Launch,
        range: FreezeRange,
        cut: Cut,
    ) -> Result<(), SchedulerError> {
        let commit = FreezeCommit {
            campaign: campaign.id,
            launch,
            range,
            chunks: cut.chunks,
            exclusions: cut.exclusions,
            frozen: cut.frozen,
            now: self.clock.now(),
        };
        let mut write = self.store.write_beside().await?;
        write.must_lead(epoch).await?;
        self.store.hot().commit_freeze(&mut write, &commit).await?;
        let current = write.campaign_to_move(campaign.id).await?;
        if let (Some(_), Some(known_until)) = (current.restored_at, current.known_until) {
            // The life before may have frozen and pushed it, from friends as they stood then.
            let numbers = chunk_number(range.index, 0)..=chunk_number(range.index + 1, 0) - 1;
            let (doubt, now) = (Doubt::CutAnew, commit.now);
            write
                .doubt(campaign.id, numbers, doubt, known_until, now)
                .await?;
        }
        if current.state == CampaignState::Launching {
            write
                .move_campaign(&current, CampaignEvent::FirstFreeze)
                .await?;
        }
        pause::point("freeze:before_commit").await;
        write.commit().await?;
        pause::point("freeze:after_commit").await;
        metrics::counter!("chingu_frozen_recipients_total").increment(u64::from(commit.frozen));
        self.wake.notify_waiters();
        Ok(())
    }

    /// Every range is done: what was granted and not frozen goes back to the wallet.
    async fn end_freeze(
        &self,
        epoch: LeaderEpoch,
        campaign: &Campaign,
    ) -> Result<(), SchedulerError> {
        let now = self.clock.now();
        let mut write = self.store.write().await?;
        write.must_lead(epoch).await?;
        let current = write.campaign_to_move(campaign.id).await?;
        if !current.may_freeze() {
            return Err(StoreError::Conflict("the campaign").into());
        }
        if current.state == CampaignState::Launching {
            // Nobody at all: there was no range to freeze.
            write
                .move_campaign(&current, CampaignEvent::FirstFreeze)
                .await?;
        }
        let currency = write.currency_of(campaign.business).await?;
        for tariff in write.give_back_unfrozen(campaign.id).await? {
            let gone = tariff.granted - tariff.frozen;
            let amount =
                block::given_back(&mut write, campaign.id, &tariff, gone, currency).await?;
            let ids = self.ids.as_ref();
            let reason = ReleaseReason::FreezeShort;
            if !amount.is_zero() {
                billing::release(&mut write, campaign.id, amount, reason, now, ids).await?;
            }
        }
        write.set_freeze_ended(campaign.id, now).await?;
        write.commit().await?;
        tracing::info!(campaign = %campaign.id, "frozen to the end");
        self.wake.notify_waiters();
        Ok(())
    }
}

/// Cuts one range: groups, chunks, and whom the rules leave out.
fn cut(read: &ReachRead, terms: &CutTerms) -> Result<Cut, SchedulerError> {
    let (range, room) = (terms.range, terms.room);
    let is_beyond = |limited: &Option<RoaringBitmap>, user: UserNumber| {
        limited
            .as_ref()
            .is_some_and(|limited| !limited.contains(user.0))
    };
    let mut groups: BTreeMap<ChunkGroup, Vec<usize>> = BTreeMap::new();
    let mut excluded: BTreeMap<RuleId, RoaringBitmap> = BTreeMap::new();
    let mut frozen: u32 = 0;
    for (index, friend) in read.rows.iter().enumerate() {
        let rule = if !friend.has_consent {
            Some(RuleId::NoConsent)
        } else if is_beyond(&terms.chosen, friend.number) {
            Some(RuleId::Limit)
        } else if is_beyond(&terms.funded, friend.number) {
            Some(RuleId::Unfunded)
        } else if u64::from(frozen) >= room {
            Some(RuleId::Surplus)
        } else {
            None
        };
        match rule {
            Some(rule) => {
                excluded.entry(rule).or_default().insert(friend.number.0);
            }
            None => {
                frozen += 1;
                groups.entry(friend.group).or_default().push(index);
            }
        }
    }
    let mut chunks = Vec::new();
    for (group, members) in &groups {
        for part in members.chunks(terms.chunk_size as usize) {
            let number = chunk_number(range.index, chunks.len() as u32);
            chunks.push(chunk(read, number, *group, part, terms)?);
        }
    }
    let exclusions = excluded
        .into_iter()
        .map(|(rule, bitmap)| {
            let mut bytes = Vec::with_capacity(bitmap.serialized_size());
            // Writing to memory cannot fail.
            let _ = bitmap.serialize_into(&mut bytes);
            (rule, bitmap.len() as u32, bytes)
        })
        .collect();
    Ok(Cut {
        chunks,
        exclusions,
        frozen,
    })
}

fn chunk(
    read: &ReachRead,
    number: u64,
    group: ChunkGroup,
    members: &[usize],
    terms: &CutTerms,
) -> Result<FrozenChunk, SchedulerError> {
    let numbers: Vec<UserNumber> = members
        .iter()
        .map(|index| read.rows[*index].number)
        .collect();
    let keys = match &read.keys {
        ReachKeys::Packed(bytes) => {
            let (all, _) = bytes.as_chunks::<16>();
            let chosen: Vec<[u8; 16]> = members.iter().map(|index| all[*index]).collect();
            PackedKeys::of_packed(chosen.as_flattened())
        }
        ReachKeys::Mixed(all) => {
            let chosen: Vec<UserKey> = members.iter().map(|index| all[*index].clone()).collect();
            PackedKeys::of(&chosen)
        }
    };
    let variables = terms.names.as_ref().map(|names| names.columns(&numbers));
    let content_hash = gateway::content_hash(&terms.body, &keys, variables.as_deref())
        .map_err(|error| SchedulerError::NotPossible(error.to_string()))?;
    Ok(FrozenChunk {
        number,
        size: members.len() as u32,
        group,
        content_hash,
        // A chunk has at least one member: `chunks` yields no empty part.
        first_number: numbers[0],
        last_number: numbers[numbers.len() - 1],
        numbers: codec::pack_numbers(&numbers),
        keys,
        variables,
    })
}

impl Names {
    /// Parallel columns as the wire has them; whoever is no friend any more has no name.
    fn columns(&self, numbers: &[UserNumber]) -> String {
        let name = |number: &UserNumber| {
            let found = self.of_friends.binary_search_by_key(number, |(n, _)| *n);
            found.map_or("", |place| &self.of_friends[place].1)
        };
        let column: Vec<&str> = numbers.iter().map(name).collect();
        let columns: BTreeMap<&str, &[&str]> =
            self.used.iter().map(|used| (*used, &column[..])).collect();
        serde_json::json!(columns).to_string()
    }
}
