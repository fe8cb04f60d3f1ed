//! What pages are made from.

use std::sync::Arc;

use billing::Counter;
use directory::{Channels, OperatorSignIn, SignIn};
use domain::id::IdSource;
use domain::message::Rules;
use domain::time::Clock;
use jobs::{Audiences, Uploads, Webhooks};
use scheduler::CampaignControl;
use store::{Store, Wall};

use crate::audience::Counting;
use crate::report::cache::FiguresCache;
use crate::running::Watching;

/// Everything a handler may use. What reads or writes for a business stands at its desk
/// ([`crate::desk::Desk`]), behind the wall; `sign_in` finds out whose desk it is, before it.
pub struct ConsoleState {
    pub wall: Wall,
    pub sign_in: SignIn,
    /// The operators' way in.
    pub operators: OperatorSignIn,
    /// Made anew for every desk, on the store of its business.
    pub channels: Channels,
    /// What operators do with money.
    pub counter: Counter,
    /// The books of everybody, before the wall and read only: for operators' pages alone.
    pub books: Store,
    /// Made anew for every desk, on the store of its business.
    pub control: CampaignControl,
    /// Files of friends on their way in; made anew for every desk as well.
    pub uploads: Arc<Uploads>,
    /// Audience groups; made anew for every desk as well.
    pub audiences: Arc<Audiences>,
    /// What programs of the brand are told; made anew for every desk as well.
    pub webhooks: Arc<Webhooks>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    /// What a message may refer to in this installation.
    pub rules: Rules,
    /// Where others reach this installation, without a slash at the end: `https://chingu.example`.
    pub public_url: String,
    /// Whether the sandbox's phone is at `/messenger` of the same address.
    pub has_phone: bool,
    /// Figures of campaigns as they were read a moment ago.
    pub figures: FiguresCache,
    /// Counts that take longer than a page.
    pub counting: Counting,
    /// Recipients per second of the messenger, where it is limited: for forecasts.
    pub connector_rate: Option<u32>,
    /// Campaigns that somebody watches, counted once for all of them.
    pub watching: Arc<Watching>,
}
