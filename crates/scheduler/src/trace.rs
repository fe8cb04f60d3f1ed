//! Steps of the scheduler, told for whoever collects traces: one for each chunk that is published,
//! and one for each range, pass and roll-up. Where nobody collects them they cost a comparison.

use std::time::Duration;

use broker::Message;
use domain::id::CampaignId;
use domain::push::PushKey;
use domain::trace::{Step, TARGET};
use store::leader::LeaderEpoch;
use tracing::Level;

fn is_collected() -> bool {
    tracing::enabled!(target: TARGET, Level::TRACE)
}

/// Everything of a pass was published together.
pub(crate) fn published(messages: &[Message], epoch: LeaderEpoch, took: Duration) {
    if !is_collected() {
        return;
    }
    for Message { chunk, .. } in messages {
        tracing::trace!(
            target: TARGET,
            step = Step::Publish.name(),
            key = %PushKey::of(chunk),
            campaign = %chunk.campaign,
            chunk = chunk.number,
            round = chunk.round,
            epoch = epoch.0,
            took_us = took.as_micros() as u64,
        );
    }
}

/// A pass that handed something out, its publishing included.
pub(crate) fn passed(chunks: usize, epoch: LeaderEpoch, took: Duration) {
    if is_collected() {
        let took_us = took.as_micros() as u64;
        tracing::trace!(target: TARGET, step = "dispatch pass", chunks, epoch = epoch.0, took_us);
    }
}

/// A range, from its reading to its commit.
pub(crate) fn froze(campaign: CampaignId, range: u32, epoch: LeaderEpoch, took: Duration) {
    if is_collected() {
        tracing::trace!(
            target: TARGET,
            step = "freeze range",
            campaign = %campaign,
            range,
            epoch = epoch.0,
            took_us = took.as_micros() as u64,
        );
    }
}

/// A roll-up that captured something.
pub(crate) fn rolled_up(businesses: usize, epoch: LeaderEpoch, took: Duration) {
    if is_collected() {
        let took_us = took.as_micros() as u64;
        tracing::trace!(target: TARGET, step = "roll-up", businesses, epoch = epoch.0, took_us);
    }
}
