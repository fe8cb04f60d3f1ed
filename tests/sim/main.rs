//! The simulation: whole installations under a seed, one small step at a time, with everything that
//! can go wrong; after every step the books are compared with what the messenger really did.
//!
//! `CHINGU_SIM_SEEDS=10000` says how many seeds, `CHINGU_SIM_SEED=17` repeats one and tells its
//! steps. That it finds what it is for is shown by `tests/sim/run_defects`: planted defects, each
//! found.

// What the seeds went through is the suite's report.
#![allow(clippy::print_stdout)]

mod actions; // what may happen next, and doing it
mod crash; // where a step is cut off
mod decisions; // late words about uncertain recipients
mod invariants; // what must hold after every step
mod people; // brands and their friends, as they really are
mod ports; // broker and connector with places to die at
mod rest; // the end: everything heals, the books close
mod setting; // what kind of world a seed makes
mod world; // one seed's installation

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Result;
use broker::Broker;
use domain::chunk::ChunkState;

use invariants::History;
use world::World;

/// Seeds of an ordinary run of the suites.
const SEEDS: u64 = 300;
const SEED_FIRST: u64 = 1;
/// From so many on even the rarest places have to be struck.
const SEEDS_THOROUGH: u64 = 5_000;

/// What seeds went through, added up: a simulation in which nothing happened proves nothing.
#[derive(Debug, Default, Clone)]
struct Tally {
    seeds: u64,
    steps: u64,
    counts: BTreeMap<String, u64>,
}

impl Tally {
    fn count(&mut self, what: impl Into<String>, many: u64) {
        *self.counts.entry(what.into()).or_default() += many;
    }

    fn add(&mut self, other: Tally) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        for (what, many) in other.counts {
            self.count(what, many);
        }
    }
}

/// One seed that broke something.
struct Failure {
    seed: u64,
    words: String,
    trace: Vec<String>,
}

impl World {
    fn take_step(&mut self) {
        self.step += 1;
        let step = self.step;
        self.messenger.oracle(|oracle| oracle.step = step);
    }
}

async fn live(world: &mut World, history: &mut History) -> Result<()> {
    for _ in 0..world.setting.steps {
        world.take_step();
        let action = world.draw_action();
        let plan = world.draw_plan();
        world.act(action, plan).await?;
        history.check(world, action).await?;
    }
    // The books close at any moment, not only at the end.
    rest::books_close(world).await?;
    rest::heal(world, history).await?;
    rest::check(world, history).await
}

fn tally(world: &World, history: &History) -> Tally {
    let mut tally = Tally {
        seeds: 1,
        steps: world.step,
        ..Tally::default()
    };
    for ((place, how), many) in world.crash.struck() {
        tally.count(format!("{how} at {place}"), many);
    }
    for campaign in history.page.campaigns.values() {
        tally.count(format!("campaigns in state {}", campaign.state), 1);
    }
    for chunk in history.page.chunks.values() {
        tally.count(format!("chunks {}", chunk.state.name()), 1);
        for outcome in &chunk.outcomes {
            tally.count(format!("sends {}", outcome.name()), 1);
        }
    }
    for amendment in history.page.amendments.values() {
        tally.count(format!("amendments {}", amendment.outcome.name()), 1);
    }
    tally.count("chunks of a next round", {
        let rounds = history.page.chunks.keys().filter(|id| id.round > 0);
        rounds.count() as u64
    });
    tally.count(
        "keys closed",
        world.messenger.oracle(|o| o.closed.len() as u64),
    );
    tally.count(
        "requests",
        world.messenger.oracle(|o| o.requests.len() as u64),
    );
    let taken_back = world.broker.depth().unacknowledged as u64;
    tally.count("messages left", taken_back);
    tally
}

fn run(seed: u64) -> std::result::Result<Tally, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let fails = |words: String, trace: Vec<String>| Failure { seed, words, trace };
    let mut world = runtime
        .block_on(World::of(seed))
        .map_err(|error| fails(format!("{error:#}"), Vec::new()))?;
    let mut history = History::default();
    let lived = std::panic::catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(live(&mut world, &mut history))
    }));
    let words = match lived {
        Ok(Ok(())) => return Ok(tally(&world, &history)),
        Ok(Err(error)) => format!("{error:#}"),
        Err(panic) => match panic.downcast::<String>() {
            Ok(words) => format!("a panic: {words}"),
            Err(_) => "a panic".to_owned(),
        },
    };
    Err(fails(words, world.trace))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs seeds on every core until one fails.
fn run_all(first: u64, count: u64) -> (Tally, Option<Failure>) {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let next = Arc::new(AtomicU64::new(first));
    let stop = Arc::new(AtomicBool::new(false));
    let found = Arc::new(Mutex::new((Tally::default(), None::<Failure>)));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let outcome = run(seed);
                    let mut found = found.lock().expect("no thread panics with it");
                    match outcome {
                        Ok(tally) => found.0.add(tally),
                        Err(failure) => {
                            stop.store(true, Ordering::Relaxed);
                            let is_first = found.1.as_ref().is_none_or(|f| f.seed > failure.seed);
                            if is_first {
                                found.1 = Some(failure);
                            }
                        }
                    }
                }
            });
        }
    });
    let mut found = found.lock().expect("every thread has ended");
    (std::mem::take(&mut found.0), found.1.take())
}

fn tell(failure: &Failure) -> String {
    let Failure { seed, words, trace } = failure;
    let trace = trace.join("\n");
    format!("{trace}\nseed {seed}: {words}\nCHINGU_SIM_SEED={seed} repeats it")
}

#[test]
fn seeds_are_clean() {
    let (first, count) = match number("CHINGU_SIM_SEED") {
        Some(seed) => (seed, 1),
        None => (SEED_FIRST, number("CHINGU_SIM_SEEDS").unwrap_or(SEEDS)),
    };
    let (tally, failure) = run_all(first, count);
    if let Some(failure) = failure {
        panic!("{}", tell(&failure));
    }
    println!("{} seeds, {} steps", tally.seeds, tally.steps);
    for (what, many) in &tally.counts {
        println!("{many:>10}  {what}");
    }
    if count >= SEEDS {
        enough_happened(&tally);
    }
}

/// Faults that never struck and states that were never reached prove nothing.
fn enough_happened(tally: &Tally) {
    let mut ports = vec!["publish", "acknowledge", "receive", "push", "commit"];
    if tally.seeds >= SEEDS_THOROUGH {
        ports.extend(["close", "ask"]);
    }
    let mut must: Vec<String> = ports
        .into_iter()
        .flat_map(|port| ["before", "after"].map(|when| format!("died at {port}:{when}")))
        .collect();
    must.extend(["before", "after"].map(|when| format!("no answer at commit:{when}")));
    let states = [
        ChunkState::Settled,
        ChunkState::Rejected,
        ChunkState::Unresolved,
        ChunkState::Cancelled,
        ChunkState::Expired,
    ];
    must.extend(states.map(|state| format!("chunks {}", state.name())));
    must.extend(["chunks of a next round", "keys closed"].map(str::to_owned));
    for what in must {
        let many = tally.counts.get(&what).copied().unwrap_or_default();
        assert!(many > 0, "never: {what}");
    }
}

#[test]
fn a_seed_repeats_itself() {
    for seed in [3, 8] {
        let traces = [0, 1].map(|_| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let mut world = World::of(seed).await.expect("a world");
                let lived = live(&mut world, &mut History::default()).await;
                (world.trace, lived.map_err(|error| error.to_string()))
            })
        });
        assert_eq!(traces[0], traces[1]);
    }
}
