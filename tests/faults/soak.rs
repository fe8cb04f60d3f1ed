//! Steady sending for as long as asked for: campaigns that are launched as others close, and what
//! every process holds meanwhile. Whatever grows with time and not with what is recorded shows.
//!
//! `CHINGU_SOAK_SECONDS` says how long, `CHINGU_SOAK_RATE` how many recipients per second; the
//! suite takes some seconds of it, `just soak` an hour.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use chingu_tests::draw::Draw;
use chingu_tests::fleet::{self, Fleet, Size};
use chingu_tests::place;
use chingu_tests::table::Table;
use chingu_tests::wait::{self, Stopwatch};
use chingu_tests::world::{Brand, UNTARGETED_MICRO, Wishes};

const HANDLES: [&str; 2] = ["@hanok", "@sorak"];
/// Campaigns under way at once, of every account.
const CAMPAIGNS_EACH: usize = 2;
/// How long one campaign lasts.
const CAMPAIGN_SECONDS: u64 = 30;
const CAMPAIGN_SECONDS_SHORT: u64 = 4;
/// From here on it is the whole soak.
const WHOLE_FROM_SECONDS: u64 = 600;
const SAMPLE_EVERY: Duration = Duration::from_secs(30);
const SAMPLE_EVERY_SHORT: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Beyond what the sending takes.
const CLOSED_WITHIN: Duration = Duration::from_secs(120);
/// The first samples are of caches that fill.
const WARM_UP_SHARE: f64 = 0.25;

const DEAD_TUPLES: &str =
    "SELECT CAST(COALESCE(SUM(n_dead_tup), 0) AS BIGINT) FROM pg_stat_user_tables";
const LOG_POSITION: &str = "SELECT CAST(pg_current_wal_lsn() - '0/0' AS BIGINT)";
const DATABASE_BYTES: &str = "SELECT pg_database_size(current_database())";
#[test]
fn steady_sending_stays_level_on_the_production_engine() {
    run().unwrap();
}

/// What stands at one moment.
#[derive(Debug, Clone)]
struct Sample {
    seconds: f64,
    /// Bytes by process.
    memory: BTreeMap<String, u64>,
    dead_tuples: i64,
    log_bytes: i64,
    database_bytes: i64,
    recorded: i64,
    queued: f64,
    oldest_due_seconds: f64,
}

/// A place for one campaign after another.
struct Slot {
    brand: usize,
    campaign: Option<(String, Stopwatch)>,
}

struct Soak {
    fleet: Fleet,
    brands: Vec<Brand>,
    slots: Vec<Slot>,
    rate_each: u64,
    /// Every campaign that was launched, and its recipients.
    launched: Vec<(String, u64)>,
    watch: Stopwatch,
    samples: Vec<Sample>,
}

fn run() -> Result<()> {
    let seconds = place::number("CHINGU_SOAK_SECONDS", 12);
    let rate = place::number("CHINGU_SOAK_RATE", 1_000);
    let is_whole = seconds >= WHOLE_FROM_SECONDS;
    let mut draw = Draw::seeded("soak", 20_261_201);
    let mut soak = Soak::prepare(rate, seconds, is_whole, &mut draw)?;
    let every = match is_whole {
        true => SAMPLE_EVERY,
        false => SAMPLE_EVERY_SHORT,
    };
    soak.sample()?;
    while soak.watch.seconds() < seconds as f64 {
        soak.refill()?;
        if soak.watch.elapsed() >= every * soak.samples.len() as u32 {
            soak.sample()?;
        }
        wait::let_pass(LOOK_EVERY);
    }
    soak.end(rate, seconds)
}

impl Soak {
    fn prepare(rate: u64, seconds: u64, is_whole: bool, draw: &mut Draw) -> Result<Self> {
        let fleet = Fleet::start(Size::default())?;
        let slots = HANDLES.len() * CAMPAIGNS_EACH;
        let rate_each = (rate / slots as u64).max(1);
        let lasts = match is_whole {
            true => CAMPAIGN_SECONDS,
            false => CAMPAIGN_SECONDS_SHORT,
        };
        // One friend in six has not agreed.
        let friends = rate_each * lasts * 6 / 5;
        let make = |handle: &&str| fleet.brand(handle, friends, draw);
        let brands: Vec<Brand> = HANDLES.iter().map(make).collect::<Result<_>>()?;
        for brand in &brands {
            let needed = rate * (seconds + lasts * 4) * UNTARGETED_MICRO as u64 / 1_000_000;
            brand.top_up(&needed.to_string(), &format!("soak-{}", &brand.handle[1..]))?;
        }
        Ok(Self {
            fleet,
            brands,
            slots: (0..slots)
                .map(|number| Slot {
                    brand: number % HANDLES.len(),
                    campaign: None,
                })
                .collect(),
            rate_each,
            launched: Vec::new(),
            watch: Stopwatch::start(),
            samples: Vec::new(),
        })
    }

    /// Launches a campaign wherever the one before has closed.
    fn refill(&mut self) -> Result<()> {
        for slot in &mut self.slots {
            let brand = &self.brands[slot.brand];
            if let Some((campaign, watch)) = &slot.campaign {
                // Nobody is asked before the sending can have ended.
                let lasts = brand.reachable as f64 / self.rate_each as f64;
                if watch.seconds() < lasts || !is_closed(brand, campaign)? {
                    continue;
                }
            }
            let wishes = Wishes {
                rate: Some(self.rate_each),
                ..Wishes::default()
            };
            let name = format!("soak {}", self.launched.len());
            let campaign = brand.campaign(&name, wishes)?;
            brand.launch(&campaign)?;
            self.launched.push((campaign.clone(), brand.reachable));
            slot.campaign = Some((campaign, Stopwatch::start()));
        }
        Ok(())
    }

    fn sample(&mut self) -> Result<()> {
        let mut memory = BTreeMap::new();
        for (name, program) in self.fleet.processes() {
            memory.insert(name, chingu_tests::memory::resident_bytes(program.id()));
        }
        let messenger = self.fleet.messenger.process().context("a messenger")?;
        let of_messenger = chingu_tests::memory::resident_bytes(messenger);
        memory.insert("messenger".to_owned(), of_messenger);
        let postgres = self.fleet.postgres.processes();
        let of_postgres = chingu_tests::memory::proportional_bytes(&postgres);
        memory.insert("postgres".to_owned(), of_postgres);
        let broker = chingu_tests::memory::members(self.fleet.rabbit.group().context("a broker")?);
        let of_broker = chingu_tests::memory::proportional_bytes(&broker);
        memory.insert("rabbitmq".to_owned(), of_broker);
        // The leader alone knows how long something has been due.
        let most = |name: &str| -> Result<f64> {
            let mut most: f64 = 0.0;
            for scheduler in &self.fleet.schedulers {
                let value = fleet::metric(scheduler.address(), name)?;
                most = most.max(value.unwrap_or_default());
            }
            Ok(most)
        };
        let sample = Sample {
            seconds: self.watch.seconds(),
            memory,
            dead_tuples: self.fleet.number(DEAD_TUPLES)?,
            log_bytes: self.fleet.number(LOG_POSITION)?,
            database_bytes: self.fleet.number(DATABASE_BYTES)?,
            recorded: self.fleet.number(fleet::RECORDED)?,
            queued: most("chingu_broker_queued")?,
            oldest_due_seconds: most("chingu_oldest_due_seconds")?,
        };
        eprintln!("{sample:?}");
        self.samples.push(sample);
        Ok(())
    }

    /// Waits for the last campaigns, compares all three witnesses, and says what grew.
    fn end(mut self, rate: u64, seconds: u64) -> Result<()> {
        let sent_for = self.watch.seconds();
        let sent = self.samples.last().map_or(0, |sample| sample.recorded);
        for slot in &self.slots {
            let Some((campaign, _)) = &slot.campaign else {
                continue;
            };
            let brand = &self.brands[slot.brand];
            self.fleet
                .wait_until_closed(brand, campaign, CLOSED_WITHIN)?;
        }
        self.sample()?;
        let reckoning = self.fleet.expect_exactly_once(&self.launched)?;
        let first = self.samples.first().context("a sample")?;
        let last = self.samples.last().context("a sample")?;
        let per_send = |bytes: i64| bytes as f64 / reckoning.attempted as f64;
        let introduction = format!(
            "{}; {} schedulers, {} workers and a front process on PostgreSQL and RabbitMQ, the \
             messenger beside them: {rate} recipients/s asked for, {seconds} s, {} campaigns, \
             each launched when the one before it had closed. {:.0} sends/s were recorded; \
             {reckoning}. Per send: {:.1} bytes of PostgreSQL's log, \
             {:.1} bytes of database. Memory is what the system counts as resident (of PostgreSQL \
             and RabbitMQ the proportional share of all their processes); its slope is the least \
             squares over all samples but the first quarter. A metered chunk is due as soon as it \
             is frozen, so the oldest due one is as old as a campaign lasts. Written by \
             `just soak`.",
            place::profile()?,
            self.fleet.schedulers.len(),
            self.fleet.workers.len(),
            self.launched.len(),
            sent as f64 / sent_for,
            per_send(last.log_bytes - first.log_bytes),
            per_send(last.database_bytes - first.database_bytes),
        );
        self.table()
            .publish("soak.md", "Steady sending", &introduction)?;
        self.fleet.stop()
    }

    fn table(&self) -> Table {
        let columns = ["what", "first", "median", "last", "most", "slope per hour"];
        let mut table = Table::with_columns(&columns);
        let mut add = |what: String, unit: &str, scale: f64, of: &dyn Fn(&Sample) -> f64| {
            let points: Vec<(f64, f64)> = self
                .samples
                .iter()
                .map(|sample| (sample.seconds, of(sample) / scale))
                .collect();
            let mut values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
            let (first, last) = (values[0], values[values.len() - 1]);
            values.sort_by(f64::total_cmp);
            let shown = |value: f64| format!("{value:.1} {unit}").trim_end().to_owned();
            table.add(vec![
                what,
                shown(first),
                shown(values[values.len() / 2]),
                shown(last),
                shown(values[values.len() - 1]),
                shown(slope_per_hour(&points)),
            ]);
        };
        let names: Vec<String> = self.samples[0].memory.keys().cloned().collect();
        for name in names {
            let of = |sample: &Sample| sample.memory.get(&name).copied().unwrap_or(0) as f64;
            add(format!("memory, {name}"), "kB", 1_024.0, &of);
        }
        add("dead tuples".into(), "", 1.0, &|s| s.dead_tuples as f64);
        add("messages that wait".into(), "", 1.0, &|s| s.queued);
        add("oldest due chunk".into(), "s", 1.0, &|s| {
            s.oldest_due_seconds
        });
        add("database".into(), "MB", 1e6, &|s| s.database_bytes as f64);
        add("PostgreSQL's log".into(), "MB", 1e6, &|s| {
            s.log_bytes as f64
        });
        table
    }
}

fn is_closed(brand: &Brand, campaign: &str) -> Result<bool> {
    Ok(brand.show(campaign)?["state"] == "closed")
}

/// The least squares' slope over all but the first quarter, per hour.
fn slope_per_hour(points: &[(f64, f64)]) -> f64 {
    let skipped = (points.len() as f64 * WARM_UP_SHARE) as usize;
    let points = &points[skipped..];
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let mut both = 0.0;
    let mut square = 0.0;
    for (x, y) in points {
        both += (x - mean_x) * (y - mean_y);
        square += (x - mean_x) * (x - mean_x);
    }
    match square > 0.0 {
        true => both / square * 3_600.0,
        false => 0.0,
    }
}

#[test]
fn a_slope_is_told_from_noise() {
    let level: Vec<(f64, f64)> = (0..100).map(|n| (f64::from(n) * 30.0, 500.0)).collect();
    assert_eq!(slope_per_hour(&level), 0.0);
    let rising: Vec<(f64, f64)> = level.iter().map(|(x, y)| (*x, y + x / 36.0)).collect();
    assert!((slope_per_hour(&rising) - 100.0).abs() < 1e-6);
}
