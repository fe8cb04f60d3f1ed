//! How much may be done at once: what is more than any person does is refused, so that a script
//! gone wild does not fill the file.

use std::time::Duration;

/// Deeds that may come together.
pub(crate) const BURST: u32 = 200;
/// Deeds per second after that, of everybody together.
pub(crate) const PER_SECOND: u32 = 50;

/// A bucket that fills with time.
#[derive(Debug)]
pub(crate) struct Pace {
    left: f64,
    at: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            left: f64::from(BURST),
            at: Duration::ZERO,
        }
    }
}

impl Pace {
    /// Whether one more is allowed at this moment of a clock that only goes forward.
    pub fn allows(&mut self, now: Duration) -> bool {
        let since = now.saturating_sub(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.left = (self.left + since * f64::from(PER_SECOND)).min(f64::from(BURST));
        let is_allowed = self.left >= 1.0;
        if is_allowed {
            self.left -= 1.0;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_so_many_a_second() {
        let mut pace = Pace::default();
        let now = Duration::from_secs(5);
        let allowed = (0..BURST * 2).filter(|_| pace.allows(now)).count();
        assert_eq!(allowed as u32, BURST);
        let later = Duration::from_secs(6);
        let allowed = (0..BURST).filter(|_| pace.allows(later)).count();
        assert_eq!(allowed as u32, PER_SECOND);
    }
}
