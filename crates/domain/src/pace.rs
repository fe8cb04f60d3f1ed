//! The meter: how many recipients per second may leave, on every level at once.
//!
//! Each level (connector, account, campaign) has a meter. A meter knows the instant at which it is
//! free again; a grant moves that instant on by size ÷ rate, in whole nanoseconds with the rest
//! carried, so that no speed is ever rounded. A poll that comes late is made up for, a stall is
//! not: what was missed is gone and the speed stays what it was. A second rule guards the making
//! up: nothing is granted while more than the rate has left within the last second, or more than
//! ten times the rate within the last ten. Hence
//! - in any second: granted ≤ rate + the last chunk; in any ten: ≤ rate × 10 + the last chunk;
//! - while chunks last 50 ms and polls are at most 50 ms late: granted in any `w` seconds ≥ rate ×
//!   (w − 0.05) − one chunk. Where full chunks last less, above 20,000 recipients/s, the guard can
//!   make up for less: there polls have to come within a few milliseconds.
//! - on a machine so busy that polls are later, up to [`STALL_FROM`]: what fits under the guard.
//!
//! With chunks of at most 50 ms of the speed ([`chunk_size_max`]) that is ± 1 % of ten seconds.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::chunk::CHUNK_SIZE_MAX;
use crate::time::Timestamp;

/// The slowest speed, recipients per second.
pub const RATE_MIN: u32 = 1;
/// The fastest speed that can be set; faster than any messenger takes.
pub const RATE_MAX: u32 = 10_000_000;
/// How late a poll may come and still leave every ten seconds within their bounds.
pub const LATENESS_MAX: Duration = Duration::from_millis(50);
/// A poll that is later has followed a stall. Of that only [`LATENESS_MAX`] is made up for.
pub const STALL_FROM: Duration = Duration::from_millis(500);
/// A chunk of a paced campaign lasts at most this long at its speed.
pub const CHUNK_SPAN_MAX: Duration = Duration::from_millis(50);
// Together they are what a window may deviate by: a tenth of a second of the speed, which is 1 % of
// ten seconds.
const _: () = assert!(LATENESS_MAX.as_millis() + CHUNK_SPAN_MAX.as_millis() == 100);

/// Seconds within which no making up may show.
const GUARDED_SECONDS: [u64; 2] = [1, 10];
const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Recipients per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rate(u32);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a speed: expected {RATE_MIN} to {RATE_MAX} recipients per second")]
pub struct InvalidRate(u64);

/// One level's meter. Time is monotonic, from [`crate::time::Clock::monotonic`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    rate: Rate,
    /// When the next chunk is due by the speed alone.
    due_nanos: u128,
    /// Less than a nanosecond, in units of a nanosecond ÷ rate.
    rest: u32,
    guards: [Guard; GUARDED_SECONDS.len()],
}

/// What left within the last seconds, one entry per instant, and its sum.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Guard {
    seconds: u64,
    recent: VecDeque<(Duration, u64)>,
    sum: u64,
}

impl Rate {
    pub fn per_second(recipients: u64) -> Result<Self, InvalidRate> {
        u32::try_from(recipients)
            .ok()
            .filter(|rate| (RATE_MIN..=RATE_MAX).contains(rate))
            .map(Self)
            .ok_or(InvalidRate(recipients))
    }

    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} recipients/s", self.0)
    }
}

impl Meter {
    /// A meter that grants from `now` on. Nothing is saved up from before.
    pub const fn starting(rate: Rate, now: Duration) -> Self {
        Self {
            rate,
            due_nanos: now.as_nanos(),
            rest: 0,
            guards: [Guard::of(GUARDED_SECONDS[0]), Guard::of(GUARDED_SECONDS[1])],
        }
    }

    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// When the next chunk may leave.
    pub fn free_at(&self) -> Duration {
        // Rounded up, so that a poll at this instant is never refused.
        let nanos = self.due_nanos + u128::from(self.rest > 0);
        let seconds = u64::try_from(nanos / NANOS_PER_SECOND).unwrap_or(u64::MAX);
        let due = Duration::new(seconds, (nanos % NANOS_PER_SECOND) as u32);
        let guarded = self.guards.iter().map(|guard| guard.free_at(self.rate));
        guarded.fold(due, Duration::max)
    }

    /// From now on at another speed. What is already granted keeps the time it was given.
    pub fn set_rate(&mut self, rate: Rate) {
        self.rate = rate;
        self.due_nanos += u128::from(self.rest > 0);
        self.rest = 0;
    }

    fn charge(&mut self, now: Duration, size: u32) {
        if self.due_nanos < now.saturating_sub(STALL_FROM).as_nanos() {
            self.due_nanos = now.saturating_sub(LATENESS_MAX).as_nanos();
            self.rest = 0;
        }
        let rate = u128::from(self.rate.0);
        let cost = u128::from(size) * NANOS_PER_SECOND + u128::from(self.rest);
        self.due_nanos += cost / rate;
        self.rest = (cost % rate) as u32;
        for guard in &mut self.guards {
            guard.remember(now, u64::from(size));
        }
    }
}

impl Guard {
    const fn of(seconds: u64) -> Self {
        Self {
            seconds,
            recent: VecDeque::new(),
            sum: 0,
        }
    }

    /// When no more than the rate will have left within the last seconds.
    fn free_at(&self, rate: Rate) -> Duration {
        let most = u64::from(rate.0) * self.seconds;
        let mut sum = self.sum;
        let mut entries = self.recent.iter();
        let mut free_at = Duration::ZERO;
        while sum > most {
            let Some((at, size)) = entries.next() else {
                break;
            };
            sum -= size;
            free_at = at.saturating_add(Duration::from_secs(self.seconds));
        }
        free_at
    }

    fn remember(&mut self, now: Duration, size: u64) {
        let window = Duration::from_secs(self.seconds);
        while let Some((at, old)) = self.recent.front()
            && at.saturating_add(window) <= now
        {
            self.sum -= old;
            self.recent.pop_front();
        }
        self.sum += size;
        match self.recent.back_mut() {
            Some((at, sum)) if *at == now => *sum += size,
            _ => self.recent.push_back((now, size)),
        }
    }
}

/// Grants one chunk of `size` recipients on every level, or on none: then the answer is the instant
/// at which all of them are free. Never earlier than asked for and never twice what was granted:
/// the caller sends what was granted.
pub fn grant(meters: &mut [&mut Meter], now: Duration, size: u32) -> Result<(), Duration> {
    let free_at = meters.iter().map(|meter| meter.free_at()).max();
    match free_at {
        Some(free_at) if free_at > now => Err(free_at),
        _ => {
            for meter in meters {
                meter.charge(now, size);
            }
            Ok(())
        }
    }
}

/// The largest chunk for the slowest speed on a campaign's way (connector, account and its own), so
/// that one chunk is never a burst: 50 ms of it, at least one recipient; unpaced, a full chunk.
pub fn chunk_size_max(slowest: Option<Rate>) -> u32 {
    let Some(Rate(rate)) = slowest else {
        return CHUNK_SIZE_MAX;
    };
    let size = u128::from(rate) * CHUNK_SPAN_MAX.as_nanos() / NANOS_PER_SECOND;
    (size as u32).clamp(1, CHUNK_SIZE_MAX)
}

/// When `count` recipients have left at this speed, starting `now`; up to the next millisecond.
pub fn forecast_end(count: u64, rate: Rate, now: Timestamp) -> Timestamp {
    let millis = (u128::from(count) * 1_000).div_ceil(u128::from(rate.0));
    now + Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Duration = Duration::from_secs(1_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn rate(recipients: u64) -> Rate {
        Rate::per_second(recipients).unwrap()
    }

    /// What left and when.
    type Log = Vec<(Duration, u32)>;

    /// Polls the meter at `START` plus the running sum of `pauses`, with a chunk always waiting.
    fn run(meter: &mut Meter, polls: impl Iterator<Item = (Duration, u32)>) -> Log {
        let mut now = START;
        let mut log = Log::new();
        for (pause, size) in polls {
            now += pause;
            // A pass of the dispatcher sends whatever is free.
            while grant(&mut [&mut *meter], now, size).is_ok() {
                log.push((now, size));
            }
        }
        log
    }

    /// The most that left within any window, each without its last chunk.
    fn most_within(log: &Log, window: Duration) -> u64 {
        let (mut first, mut sum, mut most) = (0, 0u64, 0);
        for (at, size) in log {
            while log[first].0 + window <= *at {
                sum -= u64::from(log[first].1);
                first += 1;
            }
            most = most.max(sum);
            sum += u64::from(*size);
        }
        most
    }

    /// Polls late by so many milliseconds each, a full chunk always waiting: ± 1 % in every ten
    /// seconds.
    fn ten_seconds_are_within_a_percent(
        speed: Rate,
        latenesses: Vec<u64>,
    ) -> Result<(), TestCaseError> {
        let chunk = chunk_size_max(Some(speed));
        let mut meter = Meter::starting(speed, START);
        let mut log = Log::new();
        for lateness in latenesses {
            let at = meter.free_at() + Duration::from_millis(lateness);
            // The next poll never lies before this one.
            let at = log.last().map_or(at, |(last, _)| at.max(*last));
            prop_assert_eq!(grant(&mut [&mut meter], at, chunk), Ok(()));
            log.push((at, chunk));
        }
        let goal = u64::from(speed.get()) * 10;
        let (mut end, mut sent) = (0, 0);
        for (begin, size) in &log {
            while log
                .get(end)
                .is_some_and(|(at, _)| *at < *begin + 10 * SECOND)
            {
                sent += u64::from(log[end].1);
                end += 1;
            }
            if end == log.len() {
                break;
            }
            prop_assert!(sent * 100 >= goal * 99, "{sent} of {goal}");
            prop_assert!(sent * 100 <= goal * 101, "{sent} of {goal}");
            sent -= u64::from(*size);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn no_window_exceeds_the_speed_whatever_stalls(
            speed in 20u64..200_000,
            polls in prop::collection::vec(
                (prop_oneof![8 => 0u64..60, 1 => 0u64..5_000], 1u32..=100),
                1..800,
            ),
        ) {
            let speed = rate(speed);
            let largest = chunk_size_max(Some(speed));
            let mut meter = Meter::starting(speed, START);
            let log = run(&mut meter, polls.into_iter().map(|(pause, share)| {
                (Duration::from_millis(pause), (largest * share / 100).max(1))
            }));
            for (window, made_up) in [
                (10 * SECOND, Duration::ZERO),
                (SECOND, Duration::ZERO),
                (Duration::from_millis(130), STALL_FROM),
            ] {
                let bound = u128::from(speed.get()) * (window + made_up).as_nanos();
                let most = u128::from(most_within(&log, window)) * NANOS_PER_SECOND;
                prop_assert!(most <= bound, "{most} > {bound} within {window:?}");
            }
        }

        #[test]
        fn late_polls_lose_nothing(
            speed in 5u64..=1_000,
            latenesses in prop::collection::vec(0u64..=50, 300..600),
        ) {
            ten_seconds_are_within_a_percent(rate(speed * 20), latenesses)?;
        }

        #[test]
        fn slightly_late_polls_lose_nothing_at_any_speed(
            speed in 100u64..100_000,
            latenesses in prop::collection::vec(0u64..=5, 1_500..3_000),
        ) {
            ten_seconds_are_within_a_percent(rate(speed), latenesses)?;
        }

        /// A pass of the dispatcher takes so long on a busy machine.
        #[test]
        fn slow_polls_lose_little(
            speed in 5u64..=1_000,
            pauses in prop::collection::vec(20u64..=180, 400..600),
        ) {
            let speed = rate(speed * 20);
            let chunk = chunk_size_max(Some(speed));
            let mut meter = Meter::starting(speed, START);
            let log = run(&mut meter, pauses.into_iter().map(|pause| {
                (Duration::from_millis(pause), chunk)
            }));
            let sent: u64 = log.iter().map(|(_, size)| u64::from(*size)).sum();
            let (Some(first), Some(last)) = (log.first(), log.last()) else {
                return Err(TestCaseError::fail("nothing was sent"));
            };
            let wanted = u128::from(speed.get()) * (last.0 - first.0).as_nanos() / NANOS_PER_SECOND;
            prop_assert!(u128::from(sent) * 100 >= wanted * 95, "{sent} of {wanted}");
        }

        #[test]
        fn the_long_run_is_exact(speed in 1u64..=10_000_000, size in 1u32..=1_000) {
            let mut meter = Meter::starting(rate(speed), Duration::ZERO);
            for _ in 0..100 {
                let at = meter.free_at();
                if at > Duration::ZERO {
                    let early = at - Duration::from_nanos(1);
                    prop_assert_eq!(grant(&mut [&mut meter], early, size), Err(at));
                }
                prop_assert_eq!(grant(&mut [&mut meter], at, size), Ok(()));
            }
            let exact = u128::from(size) * 100 * NANOS_PER_SECOND;
            prop_assert_eq!(meter.free_at().as_nanos(), exact.div_ceil(u128::from(speed)));
        }

        #[test]
        fn every_level_holds_and_a_refusal_charges_nobody(
            speeds in prop::array::uniform3(100u64..50_000),
            polls in prop::collection::vec((0u64..80, 1u32..=50), 1..300),
        ) {
            let mut levels = speeds.map(|speed| Meter::starting(rate(speed), START));
            let mut now = START;
            let mut log = Log::new();
            for (pause, size) in polls {
                now += Duration::from_millis(pause);
                let before = levels.clone();
                let granted = {
                    let [connector, account, campaign] = &mut levels;
                    grant(&mut [connector, account, campaign], now, size)
                };
                match granted {
                    Ok(()) => log.push((now, size)),
                    Err(free_at) => {
                        prop_assert!(free_at > now);
                        prop_assert_eq!(&levels, &before);
                        let latest = before.iter().map(Meter::free_at).max();
                        prop_assert_eq!(latest, Some(free_at));
                    }
                }
            }
            let slowest = *speeds.iter().min().unwrap();
            prop_assert!(most_within(&log, SECOND) <= slowest);
        }
    }

    #[test]
    fn a_stall_is_not_caught_up() {
        let mut meter = Meter::starting(rate(2_000), START);
        let after = START + Duration::from_secs(60);
        let mut sent = 0;
        while grant(&mut [&mut meter], after, 100).is_ok() {
            sent += 100;
        }
        // The chunk that is due and the one that 50 ms of lateness make up for.
        assert_eq!(sent, 200);
        assert_eq!(meter.free_at(), after + Duration::from_millis(50));
    }

    #[test]
    fn a_new_speed_moves_the_meter() {
        let mut meter = Meter::starting(rate(3), START);
        assert_eq!(grant(&mut [&mut meter], START, 1), Ok(()));
        assert_eq!(meter.free_at().as_nanos(), START.as_nanos() + 333_333_334);
        meter.set_rate(rate(1_000));
        assert_eq!(meter.rate().to_string(), "1000 recipients/s");
        assert_eq!(grant(&mut [&mut meter], START + SECOND, 500), Ok(()));
        let late = START + SECOND - LATENESS_MAX;
        assert_eq!(meter.free_at(), late + Duration::from_millis(500));
        assert_eq!(grant(&mut [], START, 1_000), Ok(()));
    }

    #[test]
    fn speeds_chunks_and_forecasts_have_their_limits() {
        for bad in [0, 10_000_001, u64::MAX] {
            assert!(Rate::per_second(bad).is_err(), "{bad}");
        }
        let cases = [
            (1, 1),
            (19, 1),
            (2_000, 100),
            (20_000, 1_000),
            (10_000_000, 1_000),
        ];
        for (speed, chunk) in cases {
            assert_eq!(chunk_size_max(Some(rate(speed))), chunk, "{speed}");
        }
        assert_eq!(chunk_size_max(None), 1_000);
        let now = Timestamp::from_millis(5);
        assert_eq!(
            forecast_end(43_163, rate(2_000), now).as_millis(),
            5 + 21_582
        );
        assert_eq!(forecast_end(0, rate(1), now), now);
        assert_eq!(forecast_end(u64::MAX, rate(1), now).as_millis(), i64::MAX);
    }
}
