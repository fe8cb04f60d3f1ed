//! Keeps both sides connected: whatever ends one of them, it begins anew after a pause, queues
//! included.

use std::sync::Arc;
use std::time::Duration;

use super::shared::{Shared, Side};

/// The first pause, doubled up to the longest while nothing connects.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(4);

/// Runs until it is dropped.
pub async fn supervise(shared: Arc<Shared>, jitter_seed: u64) {
    let publish = keep(&shared, Side::Publish, Pauses::of(jitter_seed));
    let consume = keep(
        &shared,
        Side::Consume,
        Pauses::of(jitter_seed.rotate_left(32)),
    );
    tokio::join!(publish, consume);
}

async fn keep(shared: &Shared, side: Side, mut pauses: Pauses) {
    let mut has_been_up = false;
    loop {
        let mut is_up = false;
        let ended = match side {
            Side::Publish => shared.serve_publishing(&mut is_up).await,
            Side::Consume => shared.serve_consuming(&mut is_up).await,
        };
        match side {
            Side::Publish => shared.ends_publishing().await,
            Side::Consume => shared.ends_consuming(),
        }
        if is_up {
            pauses.begin_anew();
            has_been_up = true;
        }
        if has_been_up {
            // What the broker held may be gone with the connection, or the queue with its messages.
            shared.has_lost();
            metrics::counter!("chingu_broker_reconnects_total", "side" => side.name()).increment(1);
        }
        let pause = pauses.next();
        if let Err(lost) = ended {
            let side = side.name();
            tracing::warn!(side, %lost, ?pause, "the broker is lost; connecting again");
        }
        tokio::time::sleep(pause).await;
    }
}

/// Pauses that double, each shortened by up to its half: processes that lost the same broker do not
/// come back at the same moment.
#[derive(Debug)]
struct Pauses {
    next: Duration,
    random: u64,
}

impl Pauses {
    fn of(seed: u64) -> Self {
        Self {
            next: PAUSE_MIN,
            random: seed,
        }
    }

    fn begin_anew(&mut self) {
        self.next = PAUSE_MIN;
    }

    fn next(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(PAUSE_MAX);
        // SplitMix64: seeded from outside, and nothing depends on its quality.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let half = whole / 2;
        let per_mille = u32::try_from(mixed % 1_001).unwrap_or(0);
        half + half * per_mille / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_within_bounds_and_begin_anew() {
        let mut pauses = Pauses::of(7);
        let mut whole = PAUSE_MIN;
        for _ in 0..12 {
            let pause = pauses.next();
            assert!(
                pause >= whole / 2 && pause <= whole,
                "{pause:?} of {whole:?}"
            );
            whole = (whole * 2).min(PAUSE_MAX);
        }
        pauses.begin_anew();
        assert!(pauses.next() <= PAUSE_MIN);
    }

    #[test]
    fn two_processes_pause_differently() {
        let of = |seed| -> Vec<Duration> {
            let mut pauses = Pauses::of(seed);
            (0..8).map(|_| pauses.next()).collect()
        };
        assert_ne!(of(1), of(2));
        assert_eq!(of(3), of(3));
    }
}
