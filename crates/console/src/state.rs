//! What pages are made from.

use std::sync::Arc;

use directory::{Directory, SignIn};
use domain::message::Rules;
use domain::time::Clock;
use jobs::Uploads;
use scheduler::CampaignControl;
use store::Store;

use crate::audience::Counting;
use crate::report::cache::FiguresCache;
use crate::running::Watching;

/// Everything a handler may use. `store` refuses to write; the rest writes what it owns.
pub struct ConsoleState {
    pub store: Store,
    pub directory: Directory,
    pub sign_in: SignIn,
    pub control: CampaignControl,
    /// Files of friends on their way in.
    pub uploads: Arc<Uploads>,
    pub clock: Arc<dyn Clock>,
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
