//! What must hold after every step, whoever died in it: the books against the messenger's log, and
//! against what stood in them before.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Result, bail, ensure};
use domain::campaign::{CampaignState, Purpose};
use domain::capability::KEY_TTL_MARGIN;
use domain::chunk::{ChunkId, ChunkState};
use domain::id::CampaignId;
use domain::outcome::Outcome;
use domain::push::PushKey;
use domain::time::Timestamp;
use domain::user::{UserKey, UserNumber};
use testkit::books::{ChunkRow, Page};
use testkit::messenger::{Decision, Oracle, Request};

use crate::actions::Action;
use crate::people::Brand;
use crate::world::World;

const LAUNCHING: u8 = CampaignState::Launching.code();
const RUNNING: u8 = CampaignState::Running.code();
const CANCELLING: u8 = CampaignState::Cancelling.code();
const CLOSED: u8 = CampaignState::Closed.code();

/// What was seen of an installation so far.
#[derive(Default)]
pub struct History {
    version: Option<i64>,
    pub page: Page,
    /// The step at which each campaign was launched, and at which its freeze ended.
    pub launched: BTreeMap<CampaignId, u64>,
    pub frozen: BTreeMap<CampaignId, (u64, u8)>,
    pub users: BTreeMap<UserNumber, UserKey>,
    by_key: HashMap<PushKey, ChunkId>,
    requests_seen: usize,
}

impl History {
    pub async fn check(&mut self, world: &mut World, action: Action) -> Result<()> {
        let version = world.books.version().await?;
        if self.version != Some(version) {
            self.version = Some(version);
            if self.users.is_empty() {
                self.users = world.books.user_keys().await?;
            }
            let page = world.books.page().await?;
            let before = std::mem::take(&mut self.page);
            self.changes(world, &before, &page, action)?;
            self.by_key = page
                .chunks
                .keys()
                .map(|id| (PushKey::of(id), *id))
                .collect();
            self.remember(world, &page);
            self.page = page;
        }
        let messenger = world.messenger.clone();
        messenger.oracle(|oracle| -> Result<()> {
            self.requests(&world.brands, oracle, action)?;
            self.requests_seen = oracle.requests.len();
            self.truth(oracle)
        })?;
        match world.acknowledgements.faults().first() {
            Some(fault) => bail!("{fault}"),
            None => Ok(()),
        }
    }

    /// The diagram, row by row.
    fn changes(&self, world: &World, before: &Page, page: &Page, action: Action) -> Result<()> {
        for (id, was) in &before.chunks {
            let Some(is) = page.chunks.get(id) else {
                bail!("{id} is gone");
            };
            moved_on(id, was, is)?;
            if matches!(action, Action::Record(_)) && was != is {
                let is_due = world.records.contains(&(*id, was.epoch));
                ensure!(is_due, "{id} was changed by the record of another epoch");
            }
            if is.state == ChunkState::Sending && is.epoch > was.epoch {
                claimed(world, before, id, was)?;
            }
        }
        for (id, is) in &page.chunks {
            if !before.chunks.contains_key(id) {
                appeared(before, page, id, is)?;
            }
            terminal(page, id, is)?;
        }
        for (place, was) in &before.amendments {
            ensure!(
                page.amendments.get(place) == Some(was),
                "an amendment changed: {place:?}"
            );
        }
        for (place, was) in &before.captures {
            ensure!(
                page.captures.get(place) == Some(was),
                "a capture changed: {place:?}"
            );
        }
        for (id, campaign) in &page.campaigns {
            let was = before.campaigns.get(id);
            money(id, campaign, was)?;
        }
        if let Action::Lead(index) = action
            && world.schedulers[index].took_the_lead
        {
            let is_left = |chunk: &ChunkRow| {
                let unclaimed = matches!(chunk.state, ChunkState::Ready | ChunkState::Unknown);
                chunk.dispatched && unclaimed
            };
            if let Some((id, _)) = page.chunks.iter().find(|(_, chunk)| is_left(chunk)) {
                bail!("a new leader left {id} to a predecessor's message");
            }
        }
        Ok(())
    }

    fn remember(&mut self, world: &World, page: &Page) {
        for (id, campaign) in &page.campaigns {
            if campaign.launched_at.is_some() {
                self.launched.entry(*id).or_insert(world.step);
            }
            if campaign.freeze_ended_at.is_some() {
                self.frozen
                    .entry(*id)
                    .or_insert((world.step, campaign.state));
            }
        }
    }

    /// Every request that began in this step was allowed to, and said what the books say.
    fn requests(&self, brands: &[Brand], oracle: &Oracle, action: Action) -> Result<()> {
        if let Some(request) = oracle.mismatches.first() {
            bail!("key {} came with two contents", request.key);
        }
        for request in &oracle.requests[self.requests_seen..] {
            ensure!(
                matches!(action, Action::Push(_)),
                "{} was pushed in {action:?}",
                request.key
            );
            self.request(brands, request)?;
        }
        Ok(())
    }

    fn request(&self, brands: &[Brand], request: &Request) -> Result<()> {
        let key = request.key;
        let Some(id) = self.by_key.get(&key) else {
            bail!("key {key} was pushed and is in no book");
        };
        let chunk = &self.page.chunks[id];
        let campaign = &self.page.campaigns[&id.campaign];
        ensure!(
            chunk.state == ChunkState::Sending && chunk.attempts == chunk.epoch,
            "{id} was pushed while it was {} in epoch {} with {} attempts",
            chunk.state.name(),
            chunk.epoch,
            chunk.attempts
        );
        ensure!(
            chunk.content_hash == request.content_hash,
            "{id} was pushed with another content than the books say"
        );
        let users: Vec<Option<&UserKey>> = chunk
            .numbers
            .iter()
            .map(|number| self.users.get(number))
            .collect();
        ensure!(
            users == request.users.iter().map(Some).collect::<Vec<_>>(),
            "{id} was pushed to others than the books say"
        );
        for position in &request.exclude {
            ensure!(
                chunk.excluded_by_attempts.contains(position),
                "{id}[{position}] was excluded before an attempt said so"
            );
        }
        ensure!(
            request.not_after.map(|until| until.as_millis()) == campaign.not_after,
            "{id} was pushed with another end than its campaign's"
        );
        // Whoever could not be sent to when the request began is not in it.
        let purpose = Purpose::from_code(campaign.purpose);
        for (position, user) in request.users.iter().enumerate() {
            let is_excluded = request.exclude.contains(&(position as u32));
            let member = brand_of(brands, &campaign.account).and_then(|b| b.member(user));
            let (Some(member), Some(purpose)) = (member, purpose) else {
                bail!(
                    "{id} was pushed to {}, who is not the brand's",
                    user.as_str()
                );
            };
            ensure!(
                is_excluded || member.is_reachable_at(request.began_step, purpose),
                "{id}[{position}]: a request began for {}, who had refused",
                user.as_str()
            );
        }
        Ok(())
    }

    /// The books against the messenger's log.
    fn truth(&self, oracle: &Oracle) -> Result<()> {
        let mut got: HashSet<(CampaignId, &UserKey)> = HashSet::new();
        let mut accepted: HashMap<ChunkId, HashSet<u32>> = HashMap::new();
        let undecided = oracle
            .undecided
            .iter()
            .map(|u| (&u.key, u.position, &u.user));
        let sure = oracle
            .acceptances
            .iter()
            .map(|a| (&a.key, a.position, &a.user));
        for (key, _, user) in undecided.chain(sure.clone()) {
            let id = self.by_key.get(key);
            let Some(id) = id else {
                bail!("key {key} was accepted and is in no book");
            };
            ensure!(
                got.insert((id.campaign, user)),
                "{} got {} twice",
                user.as_str(),
                id.campaign
            );
        }
        for (key, position, user) in sure {
            let id = self.by_key[key];
            accepted.entry(id).or_default().insert(position);
            let chunk = &self.page.chunks[&id];
            let outcome = chunk.outcomes.get(position as usize);
            ensure!(
                matches!(outcome, None | Some(Outcome::Accepted | Outcome::Uncertain)),
                "{id}[{position}]: {} got it, the books say {outcome:?}",
                user.as_str()
            );
        }
        for (id, chunk) in &self.page.chunks {
            for (position, outcome) in chunk.outcomes.iter().enumerate() {
                let got_it = accepted
                    .get(id)
                    .is_some_and(|positions| positions.contains(&(position as u32)));
                ensure!(
                    *outcome != Outcome::Accepted || got_it,
                    "{id}[{position}] counts as accepted, and nobody got it"
                );
            }
        }
        for ((id, position), amendment) in &self.page.amendments {
            let decided = oracle
                .undecided
                .iter()
                .find(|u| self.by_key[&u.key] == *id && u.position == *position)
                .and_then(|u| u.decision);
            let got_it = accepted
                .get(id)
                .is_some_and(|positions| positions.contains(position));
            let is_true = match amendment.outcome {
                Outcome::Confirmed => got_it || decided == Some(Decision::Confirmed),
                Outcome::WrittenOff => true,
                _ => decided == Some(Decision::Failed),
            };
            ensure!(
                is_true,
                "{id}[{position}] is {:?}, which is not so",
                amendment.outcome
            );
        }
        Ok(())
    }
}

fn brand_of<'a>(brands: &'a [Brand], account: &[u8]) -> Option<&'a Brand> {
    brands
        .iter()
        .find(|brand| brand.friends.account.as_bytes().as_slice() == account)
}

fn moved_on(id: &ChunkId, was: &ChunkRow, is: &ChunkRow) -> Result<()> {
    use ChunkState as S;
    if was.state.is_terminal() {
        ensure!(was == is, "{id} was {} and changed", was.state.name());
        return Ok(());
    }
    let follows = match (was.state, is.state) {
        (from, to) if from == to => true,
        (S::Ready, to) => matches!(to, S::Sending | S::Cancelled | S::Expired),
        (S::Sending, S::Ready) => !was.tainted,
        (S::Sending, _) => true,
        (S::Unknown, to) => !matches!(to, S::Ready | S::Rejected),
        (S::Quarantined, _) => false,
        _ => false,
    };
    ensure!(
        follows,
        "{id} went from {} to {}{}",
        was.state.name(),
        is.state.name(),
        if was.tainted { ", tainted" } else { "" }
    );
    ensure!(is.tainted || !was.tainted, "{id} is tainted no more");
    ensure!(
        !(is.state == S::Ready && is.tainted),
        "{id} is ready, and what became of it is unknown"
    );
    ensure!(
        is.epoch == was.epoch || (is.epoch == was.epoch + 1 && is.state == S::Sending),
        "{id} went from epoch {} to {}",
        was.epoch,
        is.epoch
    );
    let unknown = matches!(is.state, S::Unknown | S::Unresolved);
    ensure!(
        !unknown || is.tainted,
        "{id} is {} and not tainted",
        is.state.name()
    );
    ensure!(
        !(is.state == S::Ready && was.state == S::Sending && is.dispatched),
        "{id} returned and is still dispatched"
    );
    let same_recipients = was.numbers == is.numbers && was.content_hash == is.content_hash;
    ensure!(
        same_recipients,
        "{id} has others to send to, or another content"
    );
    Ok(())
}

fn claimed(world: &World, before: &Page, id: &ChunkId, was: &ChunkRow) -> Result<()> {
    let campaign = &before.campaigns[&id.campaign];
    ensure!(was.dispatched, "{id} was claimed and never dispatched");
    ensure!(
        campaign.state == RUNNING,
        "{id} was claimed while its campaign was in state {}",
        campaign.state
    );
    let now = world.now().as_millis();
    let is_past = campaign.not_after.is_some_and(|until| until <= now);
    ensure!(!is_past, "{id} was claimed past its time");
    let capability = &world.setting.capability;
    if was.state == ChunkState::Unknown
        && let Some(first) = was.first_attempt_at
    {
        let age = world.now().since(Timestamp::from_millis(first));
        ensure!(
            capability.keyed && age + KEY_TTL_MARGIN < capability.key_ttl,
            "{id} was claimed again with a key of {age:?}"
        );
    }
    Ok(())
}

fn appeared(before: &Page, page: &Page, id: &ChunkId, is: &ChunkRow) -> Result<()> {
    let state = before
        .campaigns
        .get(&id.campaign)
        .map(|campaign| campaign.state);
    if id.round == 0 {
        let may_freeze = state.is_some_and(|state| (LAUNCHING..CANCELLING).contains(&state));
        ensure!(
            may_freeze,
            "{id} was frozen while its campaign was in state {state:?}"
        );
        return Ok(());
    }
    let parent = ChunkId {
        round: id.round - 1,
        ..*id
    };
    let moved = page.chunks.get(&parent).map(|parent| parent.moved);
    ensure!(
        moved == Some(is.size),
        "{id} follows {moved:?} who were moved"
    );
    Ok(())
}

fn terminal(page: &Page, id: &ChunkId, is: &ChunkRow) -> Result<()> {
    if is.moved > 0 {
        let next = page.chunks.get(&id.next_round()).map(|next| next.size);
        ensure!(
            next == Some(is.moved),
            "{} moved on from {id}, {next:?} arrived",
            is.moved
        );
    }
    let counted = |outcome: &&Outcome| **outcome == Outcome::Accepted;
    ensure!(
        is.outcomes.iter().filter(counted).count() == is.accepted as usize,
        "{id} counts {} accepted, its outcomes are {:?}",
        is.accepted,
        is.outcomes
    );
    let captured = page.captures.get(&(*id, 0)).copied();
    ensure!(
        captured
            .is_none_or(|units| is.state == ChunkState::Settled && units == u64::from(is.accepted)),
        "{id} captured {captured:?} of {} accepted, {}",
        is.accepted,
        is.state.name()
    );
    Ok(())
}

fn money(
    id: &CampaignId,
    is: &testkit::books::CampaignRow,
    was: Option<&testkit::books::CampaignRow>,
) -> Result<()> {
    ensure!(
        is.frozen <= is.granted,
        "{id} froze {} of {}",
        is.frozen,
        is.granted
    );
    let Some(hold) = is.hold else {
        ensure!(
            is.launched_at.is_none(),
            "{id} was launched and holds nothing"
        );
        return Ok(());
    };
    ensure!(
        hold.captured + hold.released <= hold.amount,
        "{id} holds less than nothing: {hold:?}"
    );
    if let Some(before) = was.and_then(|was| was.hold) {
        ensure!(
            before.amount == hold.amount,
            "{id} held twice: {before:?}, then {hold:?}"
        );
        let rises = before.captured <= hold.captured && before.released <= hold.released;
        ensure!(rises, "{id} took back money: {before:?}, then {hold:?}");
    }
    ensure!(
        is.state != CLOSED || hold.captured + hold.released == hold.amount,
        "{id} is closed and still holds: {hold:?}"
    );
    Ok(())
}
