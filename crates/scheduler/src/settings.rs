//! Limits and times of the scheduler.

use std::time::Duration;

/// The lead is renewed three times within its lease.
pub const LEAD_LEASE: Duration = Duration::from_secs(3);
pub const LEAD_RENEWAL: Duration = Duration::from_secs(1);
/// Between two looks at the pace of paced campaigns.
pub const PACE_STEP: Duration = Duration::from_millis(10);
/// Between two looks, however much is written.
pub const STEP_GAP_MIN: Duration = Duration::from_millis(3);
/// Between two looks where nothing wakes a stage.
pub const IDLE_STEP: Duration = Duration::from_millis(200);
/// How soon another process's write is noticed: well within 250 ms.
pub const WATCH_STEP: Duration = Duration::from_millis(100);
pub const ROLL_UP_STEP: Duration = Duration::from_secs(1);
/// Between two looks at promotional credit whose time is over.
pub const EXPIRE_STEP: Duration = Duration::from_secs(5);
/// Between two looks at campaigns that wait for a top-up, and how long one is launched by itself.
pub const FUNDS_STEP: Duration = Duration::from_secs(2);
pub const FUNDS_WAIT_MAX: Duration = Duration::from_secs(72 * 3_600);
/// Between two looks whether something is scheduled for the next day or hour.
pub const FORECAST_STEP: Duration = Duration::from_secs(60);
/// Between two looks at the partitions of the months ahead.
pub const PARTITION_STEP: Duration = Duration::from_secs(6 * 3_600);
pub const RESCUE_STEP: Duration = Duration::from_millis(250);
/// Between two looks at days that are over and not sealed; days that one look seals at most.
pub const SEAL_STEP: Duration = Duration::from_secs(60);
pub const SEAL_STEP_MAX: u32 = 512;
/// Between two readings of the gauges.
pub const GAUGES_STEP: Duration = Duration::from_secs(5);
/// Between two looks whether the books are to be checked.
pub const RECONCILE_STEP: Duration = Duration::from_secs(5);
/// Between two checks of their sums.
pub const LIGHT_CHECK_EVERY: Duration = Duration::from_secs(300);
/// After midnight in UTC, when everything is checked: three in the morning in Seoul and Tokyo.
pub const FULL_CHECK_AT: Duration = Duration::from_secs(18 * 3_600);
/// Between two looks at what was earned and is not counted by day yet.
pub const REVENUE_STEP: Duration = Duration::from_secs(5);
/// Pieces of that which one step counts at most.
pub const REVENUE_PIECES_MAX: usize = 100;
/// Chunks one dispatch pass hands out at most.
pub const DISPATCH_PASS_MAX: usize = 256;
/// Due chunks of one campaign that are read ahead.
pub const BACKLOG_READ_MAX: u32 = 256;
/// Chunks in doubt of one campaign that one step asks the messenger for, and how many at once.
pub const RESTORE_STEP_MAX: u32 = 256;
pub const RESTORE_AT_ONCE: usize = 16;
/// Between two looks at campaigns that came out of a copy of the books.
pub const RESTORE_STEP: Duration = Duration::from_millis(500);
/// UNKNOWN chunks of one campaign that one rescue step looks at.
pub const RESCUE_STEP_MAX: u32 = 64;

/// Units of a block of API sending, where the wallet allows as many.
pub const BLOCK_UNITS: u64 = 10_000;
/// A block that was not used for so long is ended: its process is gone, or needs it no more.
pub const BLOCK_SILENCE_MAX: Duration = Duration::from_secs(600);
/// Recipients that one request of API sending names, at most.
pub const REQUEST_RECIPIENTS_MAX: usize = 500;
const _: () = assert!(REQUEST_RECIPIENTS_MAX as u64 <= BLOCK_UNITS);
/// How long a retry key is answered with what it was answered first.
pub const RETRY_KEY_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// How long after its day a push of API sending may still begin.
pub const STANDING_LIFETIME: Duration = Duration::from_secs(24 * 3_600);
/// Between two looks at days that are over and blocks that rest.
pub const STANDING_STEP: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchedulerSettings {
    /// Chunks dispatched and not yet recorded, at least: what keeps the workers busy.
    pub window_chunks_min: usize,
    /// The same, at most, however fast they are.
    pub window_chunks_max: usize,
    /// Chunks that one worker process pushes at once.
    pub places_per_worker: usize,
    /// Recipients per second of the whole installation's connector.
    pub connector_rate: Option<u32>,
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        Self {
            window_chunks_min: 64,
            window_chunks_max: 1_024,
            places_per_worker: 32,
            connector_rate: None,
        }
    }
}
