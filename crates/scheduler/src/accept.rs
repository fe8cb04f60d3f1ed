//! What becomes of requests in the commit that accepts them: who gets it, its chunks, its units.
//!
//! Requests that wait for the same commit share what they have in common: campaign, look-ups of
//! people, units and the commit itself. A server that is asked two thousand times a second could
//! not make as many commits.

use std::collections::{BTreeMap, HashMap};

use domain::api_request::AggregationUnit;
use domain::campaign::Purpose;
use domain::codec::{self, PackedKeys};
use domain::freeze::ChunkGroup;
use domain::gate::{self, Consent, RecipientFacts};
use domain::id::BlockId;
use domain::rule::RuleId;
use domain::time::Timestamp;
use domain::user::{LineUserId, UserKey, UserNumber};
use domain::webhook::events::TokenRefusal;
use gateway::FrozenBody;
use store::campaign::{Campaign, Launch};
use store::directory::Account;
use store::friend::Standing;
use store::hot::FrozenChunk;
use store::receipt::CampaignLink;
use store::standing::{AcceptedRequest, RecordedRequest};
use store::{StoreError, Write};

use crate::SchedulerError;
use crate::launch::{Content, freeze_content};
use crate::settings::REQUEST_RECIPIENTS_MAX;
use crate::standing::{Accepted, ApiSender, Recipients, SendRequest, launch_of};

/// Everybody whom the requests of one commit name.
#[derive(Default)]
struct People {
    by_key: HashMap<UserKey, UserNumber>,
    by_line_id: HashMap<LineUserId, (UserNumber, UserKey)>,
    standings: HashMap<UserNumber, Standing>,
}

/// The users whom one request names, by rising number, each once.
struct Named {
    users: Vec<(UserNumber, UserKey)>,
    /// How many of the named are no users here.
    unknown: u32,
}

/// Recipients as they stand when their request is accepted.
struct Chosen {
    groups: BTreeMap<ChunkGroup, Vec<(UserNumber, UserKey)>>,
    recipients: u32,
    left_out: Vec<(UserNumber, RuleId)>,
    unknown_users: u32,
}

/// A request that nothing speaks against.
struct Fit {
    /// Its place among the requests.
    place: usize,
    chosen: Chosen,
    body: FrozenBody,
    links: Vec<CampaignLink>,
    chunks: Vec<FrozenChunk>,
}

impl ApiSender {
    pub(crate) async fn accept_all(
        &self,
        write: &mut Write,
        requests: &[SendRequest<'_>],
    ) -> Result<Vec<Result<Accepted, SchedulerError>>, SchedulerError> {
        let Some(first) = requests.first() else {
            return Ok(Vec::new());
        };
        let now = self.clock.now();
        let account = write
            .account_of_business(first.business, first.account)
            .await?
            .ok_or_else(|| StoreError::NotFound(format!("account {}", first.account)))?;
        let mut answers: Vec<Option<Result<Accepted, SchedulerError>>> = Vec::new();
        for request in requests {
            let before = self.accepted_before(write, account.id, request.retry_key, now);
            let is_too_large = request.recipients.count() > REQUEST_RECIPIENTS_MAX;
            answers.push(match before.await? {
                Some(before) => Some(Ok(before)),
                None if is_too_large => Some(Err(SchedulerError::NotPossible(format!(
                    "a request has at most {REQUEST_RECIPIENTS_MAX} recipients"
                )))),
                None => None,
            });
        }
        let mut fits = Vec::new();
        if answers.iter().any(Option::is_none) {
            if write.is_stopped(account.id).await? {
                return Err(SchedulerError::Stopped);
            }
            let campaign = self.open(write, &account, first, now).await?;
            let fresh = requests.iter().zip(&answers);
            let fresh = fresh.filter(|(_, answer)| answer.is_none());
            let fresh: Vec<Recipients<'_>> = fresh.map(|(request, _)| request.recipients).collect();
            let people = People::of(write, &account, &fresh).await?;
            for (place, request) in requests.iter().enumerate() {
                if answers[place].is_some() {
                    continue;
                }
                let mut fit = self.fit(&account, &campaign, (place, request), &people);
                if fit.is_ok()
                    && let Err(why) = may_answer(write, request, now).await?
                {
                    fit = Err(SchedulerError::InvalidReplyToken(why));
                }
                match fit {
                    Ok(fit) => fits.push(fit),
                    Err(error) => answers[place] = Some(Err(error)),
                }
            }
            self.write_down(write, &campaign, requests, fits, &mut answers, now)
                .await?;
        }
        let answered = answers.into_iter().map(|answer| {
            answer.unwrap_or_else(|| {
                let words = "a request was neither accepted nor refused".to_owned();
                Err(StoreError::Invariant(words).into())
            })
        });
        Ok(answered.collect())
    }

    /// What a request comes to, before anything of it is written.
    fn fit(
        &self,
        account: &Account,
        campaign: &Campaign,
        (place, request): (usize, &SendRequest<'_>),
        people: &People,
    ) -> Result<Fit, SchedulerError> {
        let named = people.named(request.recipients);
        if request.all_known && named.unknown > 0 {
            return Err(SchedulerError::UnknownRecipient);
        }
        let chosen = people.choose(campaign.purpose, named);
        let content = Content {
            campaign: campaign.id,
            purpose: campaign.purpose,
            messages: request.messages,
            notification_disabled: request.notification_disabled,
        };
        let (body, links) = freeze_content(&content, account, |_| self.ids.next())?;
        let chunks = cut(&chosen.groups, launch_of(campaign)?.chunk_size, &body)?;
        Ok(Fit {
            place,
            chosen,
            body,
            links,
            chunks,
        })
    }

    async fn write_down(
        &self,
        write: &mut Write,
        campaign: &Campaign,
        requests: &[SendRequest<'_>],
        fits: Vec<Fit>,
        answers: &mut [Option<Result<Accepted, SchedulerError>>],
        now: Timestamp,
    ) -> Result<(), SchedulerError> {
        let launch = launch_of(campaign)?;
        let block = self.block_for(write, campaign, &fits, now).await?;
        add_links(write, campaign, &fits).await?;
        let mut written: Option<[u8; 32]> = None;
        let mut accepted = Vec::with_capacity(fits.len());
        for fit in &fits {
            let request = &requests[fit.place];
            let hash = fit.body.hash();
            // Programs send the same message again and again.
            if written != Some(hash) {
                write.insert_message(hash, &fit.body.to_stored()).await?;
                written = Some(hash);
            }
            accepted.push(AcceptedRequest {
                id: request.id,
                operation: request.operation.into(),
                campaign: campaign.id,
                account: campaign.account,
                retry_key: request.retry_key.map(ToOwned::to_owned),
                unit: unit_of(write, campaign, &launch, request.unit).await?,
                answer: request.answer.map(ToOwned::to_owned),
                accepted_at: now,
                recipients: fit.chosen.recipients,
                left_out: fit.chosen.left_out.clone(),
                unknown_users: fit.chosen.unknown_users,
            });
        }
        let recorded = fits.iter().zip(&accepted);
        let recorded = recorded.map(|(fit, accepted)| RecordedRequest {
            accepted,
            message: fit.body.hash(),
            chunks: &fit.chunks,
        });
        let recorded: Vec<RecordedRequest<'_>> = recorded.collect();
        write
            .insert_requests(campaign.id, &launch, block, &recorded)
            .await?;
        for (fit, accepted) in fits.iter().zip(accepted) {
            let request = &requests[fit.place];
            if let Some(unit) = request.unit.filter(|_| accepted.unit.is_some()) {
                let messages = request.messages.len() as u8;
                write
                    .count_under_unit(accepted.id, campaign.id, unit, messages)
                    .await?;
            }
            answers[fit.place] = Some(Ok(Accepted {
                request: accepted,
                is_repeated: false,
            }));
        }
        Ok(())
    }

    /// The block whose units the requests use; none where nobody is sent to.
    async fn block_for(
        &self,
        write: &mut Write,
        campaign: &Campaign,
        fits: &[Fit],
        now: Timestamp,
    ) -> Result<Option<BlockId>, SchedulerError> {
        let units = fits
            .iter()
            .map(|fit| u64::from(fit.chosen.recipients))
            .sum();
        match units {
            0 => Ok(None),
            units => Ok(Some(self.use_units(write, campaign, units, now).await?.id)),
        }
    }
}

/// Uses the token of a reply. Of two with one token the first may answer.
async fn may_answer(
    write: &mut Write,
    request: &SendRequest<'_>,
    now: Timestamp,
) -> Result<Result<(), TokenRefusal>, SchedulerError> {
    let Some(token) = request.reply_token else {
        return Ok(Ok(()));
    };
    let used = write.use_reply_token(request.account, token, now).await?;
    Ok(used.map(|_| ()))
}

/// The links of all of them, in places of the campaign that follow each other.
async fn add_links(
    write: &mut Write,
    campaign: &Campaign,
    fits: &[Fit],
) -> Result<(), SchedulerError> {
    let links = fits.iter().flat_map(|fit| &fit.links);
    let placed = (0..).zip(links).map(|(place, link)| CampaignLink {
        place,
        ..link.clone()
    });
    let links: Vec<CampaignLink> = placed.collect();
    match links.is_empty() {
        true => Ok(()),
        false => Ok(write.add_links(campaign.id, &links).await?),
    }
}

/// What a request's sends are added up under, where the month has room for that.
async fn unit_of(
    write: &mut Write,
    campaign: &Campaign,
    launch: &Launch,
    unit: Option<&AggregationUnit>,
) -> Result<Option<String>, SchedulerError> {
    let Some(unit) = unit else { return Ok(None) };
    let has_room = write
        .note_unit(campaign.account, launch.month, unit)
        .await?;
    Ok(has_room.then(|| unit.as_str().to_owned()))
}

impl Recipients<'_> {
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Keys(keys) => keys.len(),
            Self::LineIds(ids) => ids.len(),
        }
    }
}

impl People {
    async fn of(
        write: &mut Write,
        account: &Account,
        all: &[Recipients<'_>],
    ) -> Result<Self, SchedulerError> {
        let mut people = Self::default();
        let mut keys: Vec<&UserKey> = Vec::new();
        let mut ids: Vec<LineUserId> = Vec::new();
        for recipients in all {
            match recipients {
                Recipients::Keys(named) => keys.extend(*named),
                Recipients::LineIds(named) => ids.extend(*named),
            }
        }
        keys.sort_unstable();
        keys.dedup();
        ids.sort_unstable();
        ids.dedup();
        if !keys.is_empty() {
            people.by_key = write.known_users(&keys).await?;
        }
        for found in write.users_by_line_ids(&ids).await? {
            people
                .by_line_id
                .insert(found.line_id, (found.number, found.key));
        }
        let known = people.by_key.values().copied();
        let known = known.chain(people.by_line_id.values().map(|(number, _)| *number));
        let mut numbers: Vec<UserNumber> = known.collect();
        numbers.sort_unstable();
        numbers.dedup();
        people.standings = write.standings(account.id, &numbers).await?;
        Ok(people)
    }

    fn named(&self, recipients: Recipients<'_>) -> Named {
        let (mut users, unknown) = match recipients {
            Recipients::Keys(keys) => {
                let found = keys.iter().map(|key| (self.by_key.get(key), key));
                found_of(
                    found.map(|(number, key)| Some((*number?, key.clone()))),
                    keys,
                )
            }
            // Whoever was never a friend is nobody's business here, whoever else knows them.
            Recipients::LineIds(ids) => {
                let found = ids.iter().map(|id| self.by_line_id.get(id));
                let known = found.map(|user| user.filter(|(number, _)| self.was_friend(*number)));
                found_of(known.map(Option::<&_>::cloned), ids)
            }
        };
        users.sort_unstable_by_key(|(number, _)| *number);
        users.dedup_by_key(|(number, _)| *number);
        Named { users, unknown }
    }

    fn was_friend(&self, number: UserNumber) -> bool {
        let standing = self.standings.get(&number);
        standing.is_some_and(|standing| standing.friend.is_some())
    }

    /// Who of the named gets it, by the facts of this moment: the gate hears only of later changes.
    fn choose(&self, purpose: Purpose, named: Named) -> Chosen {
        let mut chosen = Chosen {
            groups: BTreeMap::new(),
            recipients: 0,
            left_out: Vec::new(),
            unknown_users: named.unknown,
        };
        for (number, key) in named.users {
            match reachable(self.standings.get(&number), purpose) {
                Ok(group) => {
                    chosen.recipients += 1;
                    chosen.groups.entry(group).or_default().push((number, key));
                }
                Err(rule) => chosen.left_out.push((number, rule)),
            }
        }
        chosen
    }
}

/// Who was found of those named, and how many different ones were not.
fn found_of<T: Ord>(
    found: impl Iterator<Item = Option<(UserNumber, UserKey)>>,
    named: &[T],
) -> (Vec<(UserNumber, UserKey)>, u32) {
    let mut users = Vec::with_capacity(named.len());
    let mut missing: Vec<&T> = Vec::new();
    for (found, name) in found.zip(named) {
        match found {
            Some(user) => users.push(user),
            None => missing.push(name),
        }
    }
    missing.sort_unstable();
    missing.dedup();
    (users, missing.len() as u32)
}

/// The group of a friend who may get it, or the rule by which they may not.
fn reachable(standing: Option<&Standing>, purpose: Purpose) -> Result<ChunkGroup, RuleId> {
    // Whoever was never a friend is told as one who is none any more.
    let standing = standing.ok_or(RuleId::Left)?;
    let friend = standing.friend.as_ref().ok_or(RuleId::Left)?;
    let promotion = match &standing.promotion {
        None => Consent::Absent,
        Some(consent) if consent.granted => Consent::Granted,
        Some(_) => Consent::Refused,
    };
    let facts = RecipientFacts {
        state: friend.state.state,
        promotion,
        suppressed: false,
        erased: false,
    };
    if let Some(rule) = gate::exclusion(purpose, &facts) {
        return Err(rule.id);
    }
    let reach = standing.reach.ok_or(RuleId::Left)?;
    Ok(ChunkGroup {
        night_consent: reach.flags.has_night_consent(),
        utc_offset_minutes: reach.utc_offset_minutes,
    })
}

/// One chunk per group, more where a group is larger than a chunk.
fn cut(
    groups: &BTreeMap<ChunkGroup, Vec<(UserNumber, UserKey)>>,
    chunk_size: u32,
    body: &FrozenBody,
) -> Result<Vec<FrozenChunk>, SchedulerError> {
    let mut chunks = Vec::with_capacity(groups.len());
    for (group, members) in groups {
        for part in members.chunks(chunk_size.max(1) as usize) {
            let numbers: Vec<UserNumber> = part.iter().map(|(number, _)| *number).collect();
            let keys: Vec<UserKey> = part.iter().map(|(_, key)| key.clone()).collect();
            let keys = PackedKeys::of(&keys);
            let content_hash = gateway::content_hash(body, &keys, None)
                .map_err(|error| SchedulerError::NotPossible(error.to_string()))?;
            chunks.push(FrozenChunk {
                // The store gives the campaign's next one.
                number: 0,
                size: part.len() as u32,
                group: *group,
                content_hash,
                // `chunks` yields no empty part.
                first_number: numbers[0],
                last_number: numbers[numbers.len() - 1],
                numbers: codec::pack_numbers(&numbers),
                keys,
                variables: None,
            });
        }
    }
    Ok(chunks)
}
