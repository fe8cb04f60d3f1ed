//! The end of a run: every fault heals, time passes until nothing moves any more, and then the
//! books must close.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use domain::campaign::{CampaignState, Purpose};
use domain::chunk::ChunkState;
use domain::id::CampaignId;
use domain::user::UserNumber;
use testkit::messenger::Moods;

use crate::actions::Action;
use crate::crash::Plan;
use crate::invariants::History;
use crate::world::World;

/// Rounds of every stage until everything has to be at rest.
const ROUNDS_MAX: u32 = 120;
/// The pauses between rounds grow, so that leases, retries, keys and deadlines are over at last.
const PAUSES: [Duration; 8] = [
    Duration::from_millis(100),
    Duration::from_millis(600),
    Duration::from_secs(2),
    Duration::from_secs(16),
    Duration::from_millis(900),
    Duration::from_secs(70),
    Duration::from_millis(300),
    Duration::from_secs(3_700),
];
/// From here on the pauses are of days: only deadlines are left.
const ROUNDS_OF_SECONDS: u32 = 60;

pub async fn heal(world: &mut World, history: &mut History) -> Result<()> {
    world.messenger.set_moods(Moods::default());
    world.setting.broker_refuses_every = 0;
    act(world, history, Action::KillEverything).await?;
    for round in 0..ROUNDS_MAX {
        world.resume_paused().await?;
        for index in 0..world.schedulers.len() {
            act(world, history, Action::Lead(index)).await?;
            if world.schedulers[index].epoch.is_none() {
                continue;
            }
            let stages = [
                Action::LaunchDue(index),
                Action::Freeze(index),
                Action::Rescue(index),
                Action::Dispatch(index),
                Action::RollUp(index),
                Action::Close(index),
            ];
            for stage in stages {
                act(world, history, stage).await?;
            }
        }
        work(world, history).await?;
        while world.messenger.requests_on_the_way() > 0 {
            act(world, history, Action::Arrive).await?;
        }
        if round == ROUNDS_OF_SECONDS / 2 {
            world.decide_some().await?;
        }
        if is_at_rest(history) {
            return Ok(());
        }
        let pause = match round {
            ROUNDS_OF_SECONDS.. => Duration::from_secs(12 * 3_600),
            _ => PAUSES[round as usize % PAUSES.len()],
        };
        act(world, history, Action::Pass(pause)).await?;
    }
    let open: Vec<String> = history
        .page
        .campaigns
        .iter()
        .filter(|(_, campaign)| is_open(campaign.state))
        .map(|(id, campaign)| format!("{id} in state {}", campaign.state))
        .collect();
    bail!("not at rest though everything heals: {}", open.join(", "))
}

/// Every message is received, pushed, recorded and acknowledged.
async fn work(world: &mut World, history: &mut History) -> Result<()> {
    for index in 0..world.workers.len() {
        while broker_depth(world) > 0 {
            act(world, history, Action::Claim(index)).await?;
        }
        while !world.workers[index].claims.is_empty() {
            act(world, history, Action::Push(index)).await?;
        }
        while !world.workers[index].pushed.is_empty() {
            act(world, history, Action::Record(index)).await?;
        }
        act(world, history, Action::Acknowledge(index)).await?;
    }
    Ok(())
}

fn broker_depth(world: &World) -> usize {
    use broker::Broker;
    world.broker.depth().queued
}

async fn act(world: &mut World, history: &mut History, action: Action) -> Result<()> {
    world.take_step();
    world.act(action, Plan::GoOn).await?;
    history.check(world, action).await
}

fn is_open(state: u8) -> bool {
    let open = CampaignState::Launching.code()..CampaignState::Closed.code();
    open.contains(&state) && state != CampaignState::LaunchFailed.code()
        || state == CampaignState::Scheduled.code()
}

/// Closed, never launched, or waiting for an operator who looks at a chunk that kills its workers.
fn is_at_rest(history: &History) -> bool {
    let waits_for_operator = |id: &CampaignId| {
        let mut chunks = history.page.chunks.iter();
        chunks.any(|(chunk, row)| chunk.campaign == *id && row.state == ChunkState::Quarantined)
    };
    let mut campaigns = history.page.campaigns.iter();
    campaigns.all(|(id, campaign)| !is_open(campaign.state) || waits_for_operator(id))
}

/// Reconciliation finds nothing, at whatever moment.
pub async fn books_close(world: &World) -> Result<()> {
    let everything = billing::reconcile(&world.store).await?;
    // The one of every few minutes, over all that was ever booked.
    let since = domain::time::Timestamp::from_millis(0);
    let sums = billing::reconcile::reconcile_lightly(&world.store, since).await?;
    for check in everything.checks.iter().chain(&sums.checks) {
        let Some(words) = check.violations.first() else {
            continue;
        };
        bail!("{} {}: {words}", check.id, check.name);
    }
    Ok(())
}

/// What must hold of books that are closed, beside what holds after every step.
pub async fn check(world: &World, history: &History) -> Result<()> {
    books_close(world).await?;
    for (id, launched) in &history.launched {
        nobody_forgotten(world, history, *id, *launched)?;
    }
    for (id, chunk) in &history.page.chunks {
        let ended = chunk.state.is_terminal() || chunk.state == ChunkState::Quarantined;
        let campaign = history.page.campaigns[&id.campaign].state;
        let closed = campaign == CampaignState::Closed.code();
        ensure!(
            ended || !closed,
            "{id} is {} in a closed campaign",
            chunk.state.name()
        );
    }
    Ok(())
}

/// Whoever could be sent to at the launch, and stayed so until the freeze ended, is in a chunk.
fn nobody_forgotten(world: &World, history: &History, id: CampaignId, launched: u64) -> Result<()> {
    let campaign = &history.page.campaigns[&id];
    let Some((frozen, state_then)) = history.frozen.get(&id) else {
        return Ok(());
    };
    let brand = world
        .brands
        .iter()
        .find(|brand| brand.friends.account.as_bytes().as_slice() == campaign.account);
    let (Some(brand), Some(purpose)) = (brand, Purpose::from_code(campaign.purpose)) else {
        bail!("{id} is nobody's");
    };
    // A limit leaves people out, a cancel cuts the freeze off, and somebody who agreed meanwhile
    // may take the place that was paid for another.
    let is_cut = *state_then == CampaignState::Cancelling.code() || campaign.limited;
    let is_unchanged = |member: &crate::people::Member| member.is_unchanged(launched, *frozen);
    if is_cut || !brand.members.iter().all(is_unchanged) {
        return Ok(());
    }
    let sent: HashSet<UserNumber> = history
        .page
        .chunks
        .iter()
        .filter(|(chunk, _)| chunk.campaign == id && chunk.round == 0)
        .flat_map(|(_, row)| row.numbers.iter().copied())
        .collect();
    for (number, key) in &history.users {
        let reachable = brand
            .member(key)
            .is_some_and(|member| member.is_reachable_at(launched, purpose));
        ensure!(
            reachable == sent.contains(number),
            "{} {} in a chunk of {id}",
            key.as_str(),
            if reachable { "is not" } else { "is" }
        );
    }
    Ok(())
}
