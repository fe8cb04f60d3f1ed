//! What kind of world a seed makes: how large, how fast, how hostile.

use std::time::Duration;

use domain::capability::Capability;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use testkit::messenger::Moods;

/// The seeded choices of one run.
pub struct Dice(ChaCha8Rng);

impl Dice {
    pub fn of(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Both ends included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.random_range(low..=high)
    }

    pub fn per_mille(&mut self, chance: u64) -> bool {
        self.0.random_range(0..1_000) < chance
    }

    pub fn index(&mut self, length: usize) -> usize {
        self.0.random_range(0..length)
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())]
    }
}

#[derive(Debug, Clone)]
pub struct Setting {
    pub steps: u64,
    pub capability: Capability,
    pub moods: Moods,
    /// Of steps: killed somewhere in the middle.
    pub deaths: u64,
    /// Of steps: a commit without an answer.
    pub unanswered: u64,
    pub friends: u64,
    /// Whether user numbers leave gaps, so that a freeze has several ranges.
    pub sparse: bool,
    pub campaigns: u64,
    pub window_chunks: usize,
    pub broker_refuses_every: u32,
    /// How often friends change their minds, relative to other steps.
    pub friend_weight: u64,
    /// How often somebody pauses, resumes or cancels.
    pub control_weight: u64,
    /// How often somebody kills a process between its steps.
    pub kills: u64,
    /// How often time passes in leaps of hours.
    pub leaps: u64,
}

const HOUR: Duration = Duration::from_secs(3_600);

impl Setting {
    pub fn draw(dice: &mut Dice) -> Self {
        Self {
            steps: dice.between(80, 280),
            capability: capability(dice),
            moods: moods(dice),
            deaths: dice.pick(&[0, 20, 60, 150]),
            unanswered: dice.pick(&[0, 0, 20, 60]),
            friends: dice.between(4, 40),
            sparse: dice.per_mille(250),
            campaigns: dice.between(1, 3),
            window_chunks: dice.pick(&[1, 2, 4, 64]),
            broker_refuses_every: dice.pick(&[0, 0, 0, 5]),
            friend_weight: dice.pick(&[0, 4, 12, 25]),
            control_weight: dice.pick(&[0, 2, 8]),
            kills: dice.pick(&[0, 0, 1]),
            leaps: dice.pick(&[0, 0, 15, 50]),
        }
    }
}

/// Seven in ten are keyed, as the gateway is; some of them forget keys within hours.
fn capability(dice: &mut Dice) -> Capability {
    let settles = Duration::from_secs(dice.pick(&[30, 600]));
    match dice.between(1, 10) {
        1 => Capability::bare_gateway(),
        2 | 3 => Capability::queryable_gateway(settles),
        4 => Capability {
            closable: false,
            key_ttl: HOUR * 3,
            ..Capability::gateway()
        },
        5 | 6 => Capability {
            key_ttl: HOUR * 3,
            ..Capability::gateway()
        },
        _ => Capability::gateway(),
    }
}

fn moods(dice: &mut Dice) -> Moods {
    let often = [0, 0, 40, 150];
    let seldom = [0, 0, 20];
    Moods {
        not_processed: dice.pick(&often),
        refused: dice.pick(&seldom),
        lost: dice.pick(&often),
        late: dice.pick(&often),
        answer_lost: dice.pick(&often),
        garbled: dice.pick(&seldom),
        close_lost: dice.pick(&often),
        rejected_for_now: dice.pick(&often),
        rejected: dice.pick(&seldom),
        uncertain: dice.pick(&often),
    }
}
