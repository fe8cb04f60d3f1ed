//! Facts with a deadline. The only place of the suites that sleeps, between two looks.

use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

/// Between two looks at a fact.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A moment on the machine's own clock: suites with real processes have no other.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    #[allow(clippy::disallowed_methods)] // Real processes live in real time.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn seconds(&self) -> f64 {
        self.elapsed().as_secs_f64()
    }
}

/// Looks until there is something to see. Past the deadline it says what it waited for and what
/// `why_not` tells.
pub fn until<T>(
    what: &str,
    deadline: Duration,
    mut look: impl FnMut() -> Option<T>,
    why_not: impl FnOnce() -> String,
) -> Result<T> {
    let watch = Stopwatch::start();
    loop {
        if let Some(seen) = look() {
            return Ok(seen);
        }
        if watch.elapsed() > deadline {
            bail!(
                "{what}: not within {} s. {}",
                deadline.as_secs_f64(),
                why_not()
            );
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Looks until the last state seen satisfies; the error shows that state.
pub fn until_state<S: Debug>(
    what: &str,
    deadline: Duration,
    mut look: impl FnMut() -> Result<S>,
    mut is_enough: impl FnMut(&S) -> bool,
) -> Result<S> {
    let mut last = String::new();
    let seen = until(
        what,
        deadline,
        || match look() {
            Ok(state) if is_enough(&state) => Some(state),
            Ok(state) => {
                last = format!("last seen: {state:?}");
                None
            }
            Err(error) => {
                last = format!("last look failed: {error:#}");
                None
            }
        },
        String::new,
    );
    seen.map_err(|error| error.context(last))
}

/// The wall clock, as the program's own log lines have it.
#[allow(clippy::disallowed_methods)] // Real processes live in real time.
pub fn wall_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_millis() as i64
}

/// Lets time pass: for faults that have a duration, never for facts.
pub fn let_pass(duration: Duration) {
    std::thread::sleep(duration);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_seen_when_it_comes() {
        let mut looks = 0;
        let seen = until(
            "third look",
            Duration::from_secs(5),
            || {
                looks += 1;
                (looks == 3).then_some(looks)
            },
            String::new,
        );
        assert_eq!(seen.unwrap(), 3);
    }

    #[test]
    fn a_fact_that_never_comes_says_what_was_last_seen() {
        let error = until_state("a million", Duration::from_millis(50), || Ok(7), |n| *n > 8);
        let text = format!("{:#}", error.unwrap_err());
        assert!(
            text.contains("a million") && text.contains("last seen: 7"),
            "{text}"
        );
    }
}
