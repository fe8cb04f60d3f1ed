//! What every route of LINE's needs.

use std::sync::Arc;

use directory::Channels;
use domain::id::IdSource;
use domain::message::Rules;
use domain::time::Clock;
use jobs::{Audiences, Webhooks};
use scheduler::send_queue::SendQueue;
use scheduler::standing::ApiSender;
use store::Wall;

use super::demographic::Tiles;
use super::limits::{Limits, RateLimits};
use super::quota::Sums;
use crate::bearer::KnownTokens;

/// What the routes are made from.
pub struct LinePorts {
    /// Finds out who asks, before the wall.
    pub channels: Channels,
    /// What is read for a channel is read behind it.
    pub wall: Wall,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    /// What a message may refer to in this installation.
    pub rules: Rules,
    /// Where others reach this installation, without a slash at the end.
    pub public_url: String,
    pub rate_limits: RateLimits,
    /// Accepts what is to be sent.
    pub sender: Arc<ApiSender>,
    /// Makes audience groups, before the wall.
    pub audiences: Arc<Audiences>,
    /// Tries webhooks, before the wall.
    pub webhooks: Arc<Webhooks>,
}

pub struct LineState {
    pub channels: Channels,
    pub wall: Wall,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    pub rules: Rules,
    pub public_url: String,
    pub limits: Limits,
    pub sends: Arc<SendQueue>,
    pub audiences: Arc<Audiences>,
    pub webhooks: Arc<Webhooks>,
    pub(super) sums: Sums,
    pub(super) tiles: Tiles,
    pub(super) known: KnownTokens,
}

impl LineState {
    pub fn of(ports: LinePorts) -> Self {
        Self {
            limits: Limits::of(&ports.rate_limits, ports.clock.clone()),
            sums: Sums::of(ports.clock.clone()),
            tiles: Tiles::of(ports.clock.clone()),
            known: KnownTokens::of(ports.clock.clone()),
            channels: ports.channels,
            wall: ports.wall,
            clock: ports.clock,
            ids: ports.ids,
            rules: ports.rules,
            public_url: ports.public_url,
            sends: SendQueue::of(ports.sender),
            audiences: ports.audiences,
            webhooks: ports.webhooks,
        }
    }
}
