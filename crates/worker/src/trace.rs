//! Steps on a chunk's way, told for whoever collects traces: one of each per chunk, none per
//! recipient. Where nobody collects them they cost a comparison.

use std::time::Duration;

use domain::chunk::ChunkId;
use domain::push::PushKey;
use domain::trace::{Step, TARGET};
use tracing::Level;

/// A step that is over now.
pub(crate) fn tell(step: Step, chunk: &ChunkId, epoch: u32, took: Duration) {
    if !tracing::enabled!(target: TARGET, Level::TRACE) {
        return;
    }
    tracing::trace!(
        target: TARGET,
        step = step.name(),
        key = %PushKey::of(chunk),
        campaign = %chunk.campaign,
        chunk = chunk.number,
        round = chunk.round,
        epoch,
        took_us = took.as_micros() as u64,
    );
}
