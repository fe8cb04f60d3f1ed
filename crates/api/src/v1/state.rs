//! What every route of our own API needs.

use std::sync::Arc;

use directory::Channels;
use domain::id::IdSource;
use domain::message::Rules;
use domain::time::Clock;
use jobs::Webhooks;
use scheduler::CampaignControl;
use store::{Store, Wall};

use super::figures::FiguresCache;
use super::limits::Limits;
use super::once::Busy;
use crate::bearer::KnownTokens;
use crate::line::Rate;

/// What the routes are made from.
pub struct V1Ports {
    /// Finds out who asks, before the wall.
    pub channels: Channels,
    /// What is read and written for a channel is behind it.
    pub wall: Wall,
    /// Before the wall: consents are written where the messenger's are.
    pub store: Store,
    /// Launches and stops.
    pub control: CampaignControl,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    /// What a message may refer to in this installation.
    pub rules: Rules,
    /// Requests of one channel, all of these paths together.
    pub rate: Rate,
    /// Tries webhooks and sends them again, before the wall.
    pub webhooks: Arc<Webhooks>,
}

pub struct V1State {
    pub channels: Channels,
    pub wall: Wall,
    pub store: Store,
    pub control: CampaignControl,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    pub rules: Rules,
    pub webhooks: Arc<Webhooks>,
    pub(super) limits: Limits,
    pub(super) known: KnownTokens,
    pub(super) busy: Arc<Busy>,
    pub(super) figures: FiguresCache,
}

impl V1State {
    pub fn of(ports: V1Ports) -> Self {
        Self {
            limits: Limits::of(ports.rate, ports.clock.clone()),
            known: KnownTokens::of(ports.clock.clone()),
            busy: Arc::default(),
            figures: FiguresCache::of(ports.clock.clone()),
            channels: ports.channels,
            wall: ports.wall,
            store: ports.store,
            control: ports.control,
            clock: ports.clock,
            ids: ports.ids,
            rules: ports.rules,
            webhooks: ports.webhooks,
        }
    }
}
