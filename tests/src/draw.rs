//! Seeded choices of a suite: printed at the start, so that a run can be had again.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::place;

/// Draws of one test.
pub struct Draw {
    pub seed: u64,
    generator: ChaCha8Rng,
}

impl Draw {
    /// The seed is `CHINGU_SEED`, or the test's usual one.
    pub fn seeded(test: &str, usual: u64) -> Self {
        let seed = place::number("CHINGU_SEED", usual);
        eprintln!("{test}: seed {seed} (CHINGU_SEED={seed} repeats it)");
        Self {
            seed,
            generator: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// A number of the range, both ends included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        self.generator.random_range(low..=high)
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.generator.fill_bytes(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_draws_the_same_again() {
        let draws = |seed| {
            let mut draw = Draw::seeded("draws", seed);
            [draw.between(1, 1_000_000), draw.between(1, 1_000_000)]
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
    }
}
