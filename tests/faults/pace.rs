//! Pace and fairness as the messenger's own log has them: accepted in every ten seconds, in the
//! largest second, after a stall of the broker, and how soon a small campaign begins beside a
//! broadcast.
//!
//! The suite takes two slow rates for some seconds; `just pace` runs everything and writes
//! `docs/pace.md` and `docs/fairness.md`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::course::{Course, Extremes};
use chingu_tests::draw::Draw;
use chingu_tests::fleet::{Fleet, Size};
use chingu_tests::place;
use chingu_tests::table::Table;
use chingu_tests::wait;
use chingu_tests::world::{Brand, Wishes};

/// Who sends, how fast, and for how long.
#[derive(Debug, Clone, Copy)]
struct Sender {
    handle: &'static str,
    rate: u64,
    seconds: u64,
    /// One is held by its own meter, several by that of the whole connector.
    campaigns: u64,
}

const SENDERS: [Sender; 3] = [
    Sender {
        handle: "@slow",
        rate: 100,
        seconds: 35,
        campaigns: 1,
    },
    Sender {
        handle: "@brisk",
        rate: 5_000,
        seconds: 35,
        campaigns: 1,
    },
    Sender {
        handle: "@swift",
        rate: CONNECTOR_RATE,
        seconds: 30,
        campaigns: 6,
    },
];
const SENDERS_SHORT: [Sender; 2] = [
    Sender {
        handle: "@slow",
        rate: 100,
        seconds: 13,
        campaigns: 1,
    },
    Sender {
        handle: "@brisk",
        rate: 2_000,
        seconds: 13,
        campaigns: 1,
    },
];
/// The handle of the only one that sends; everybody without it.
const CHOSEN: &str = "CHINGU_PACE";
const CONNECTOR_RATE: u64 = 50_000;
/// Recipients of a chunk at a rate: a twentieth of a second of it, a thousand at most.
const CHUNKS_PER_SECOND: u64 = 20;
const CHUNK_MAX: u64 = 1_000;
/// How long the broker stands still, and how long after the launch.
const STALL: Duration = Duration::from_secs(10);
const STALL_AFTER: Duration = Duration::from_secs(8);
/// After a stall whatever was on its way comes first.
const SETTLED_AFTER_MS: i64 = 1_000;
/// In the suite other tests take the same processors: they may delay what is sent, and nothing may
/// be faster than this.
const OVER_PERCENT_MAX: f64 = 3.0;
const CLOSED_WITHIN: Duration = Duration::from_secs(120);

const SMALL_BRANDS: u64 = 10;
const SMALL_CAMPAIGNS_EACH: u64 = 10;
const SMALL_FRIENDS: u64 = 1_200;
/// How many broadcasts there are, and how long the messenger makes them last.
const BROADCASTS: u64 = 6;
const BROADCASTS_SECONDS: u64 = 180;
const STARTS_WITHIN: Duration = Duration::from_secs(5);

#[test]
fn the_pace_holds_on_the_production_engine() {
    run().unwrap();
}

/// What the log says of one campaign.
struct Measured {
    rate: u64,
    stall: bool,
    accepted: u64,
    /// Of every ten seconds, after the stall where there was one.
    ten_seconds: Option<Extremes>,
    largest_second: u64,
    /// The longest time without an acceptance.
    silent_seconds: f64,
}

fn run() -> Result<()> {
    let is_whole = place::tables().is_some();
    let mut draw = Draw::seeded("pace", 20_261_202);
    let fleet = Fleet::start(Size {
        connector_rate: Some(CONNECTOR_RATE),
        ..Size::default()
    })?;
    let senders = match is_whole {
        true => &SENDERS[..],
        false => &SENDERS_SHORT[..],
    };
    let chosen = std::env::var(CHOSEN).unwrap_or_default();
    let is_chosen = |sender: &&Sender| chosen.is_empty() || chosen == sender.handle;
    let mut brands = Vec::new();
    for sender in senders.iter().filter(is_chosen) {
        // One friend in six has not agreed.
        let friends = sender.rate * sender.seconds / sender.campaigns * 6 / 5;
        let brand = fleet.brand(sender.handle, friends, &mut draw)?;
        brands.push((*sender, brand));
    }
    let mut launched = Vec::new();
    let measured = match is_whole {
        true => one_after_the_other(&fleet, &brands, &mut launched)?,
        false => at_once(&fleet, &brands, &mut launched)?,
    };
    publish_pace(&measured, is_whole, &draw)?;
    if is_whole {
        let (_, broadcaster) = brands.last().context("a brand")?;
        fairness(&fleet, broadcaster, &mut launched, &mut draw)?;
    }
    fleet.expect_exactly_once(&launched)?;
    fleet.stop()
}

fn one_after_the_other(
    fleet: &Fleet,
    brands: &[(Sender, Brand)],
    launched: &mut Vec<(String, u64)>,
) -> Result<Vec<Measured>> {
    let mut measured = Vec::new();
    for (sender, brand) in brands {
        for stall in [false, true] {
            let campaigns = begin(brand, *sender, launched)?;
            let from_ms = match stall {
                false => i64::MIN,
                true => {
                    wait::let_pass(STALL_AFTER);
                    fleet.rabbit.freeze()?;
                    wait::let_pass(STALL);
                    fleet.rabbit.go_on()?;
                    wait::wall_ms() + SETTLED_AFTER_MS
                }
            };
            for campaign in &campaigns {
                let deadline = CLOSED_WITHIN + Duration::from_secs(sender.seconds);
                fleet.wait_until_closed(brand, campaign, deadline)?;
            }
            let courses = Course::all(fleet.messenger.data())?;
            let course = campaigns
                .iter()
                .filter_map(|campaign| courses.get(campaign))
                .fold(Course::default(), Course::with);
            measured.push(Measured::of(&course, sender.rate, stall, from_ms));
            eprintln!("{:?}", measured.last().map(Measured::cells));
        }
    }
    Ok(measured)
}

/// Two accounts beside each other, undisturbed.
fn at_once(
    fleet: &Fleet,
    brands: &[(Sender, Brand)],
    launched: &mut Vec<(String, u64)>,
) -> Result<Vec<Measured>> {
    let mut campaigns = Vec::new();
    for (sender, brand) in brands {
        for campaign in begin(brand, *sender, launched)? {
            campaigns.push((sender.rate, brand, campaign));
        }
    }
    for (_, brand, campaign) in &campaigns {
        fleet.wait_until_closed(brand, campaign, CLOSED_WITHIN)?;
    }
    let courses = Course::all(fleet.messenger.data())?;
    let mut measured = Vec::new();
    for (rate, _, campaign) in &campaigns {
        let course = courses.get(campaign).context("a course")?;
        let one = Measured::of(course, *rate, false, i64::MIN);
        let ten_seconds = one.ten_seconds.context("ten seconds of it")?;
        let over = ten_seconds.over_percent(*rate);
        ensure!(
            over <= OVER_PERCENT_MAX,
            "{rate}/s: ten seconds had {ten_seconds:?}"
        );
        measured.push(one);
    }
    Ok(measured)
}

fn begin(brand: &Brand, sender: Sender, launched: &mut Vec<(String, u64)>) -> Result<Vec<String>> {
    let wishes = Wishes {
        rate: (sender.campaigns == 1).then_some(sender.rate),
        ..Wishes::default()
    };
    let mut campaigns = Vec::new();
    for number in 0..sender.campaigns {
        let name = format!("{} per second, {number}", sender.rate);
        campaigns.push(brand.campaign(&name, wishes)?);
    }
    for campaign in &campaigns {
        brand.launch(campaign)?;
        launched.push((campaign.clone(), brand.reachable));
    }
    Ok(campaigns)
}

impl Measured {
    fn of(course: &Course, rate: u64, stall: bool, from_ms: i64) -> Self {
        let first = course.first_ms().unwrap_or_default().max(from_ms);
        let last = course.last_ms().unwrap_or_default();
        Self {
            rate,
            stall,
            accepted: course.accepted(),
            ten_seconds: course.ten_seconds(first, last),
            largest_second: course.largest_second(),
            silent_seconds: course.longest_silence_ms() as f64 / 1_000.0,
        }
    }

    /// The most that a second may have.
    fn second_max(&self) -> u64 {
        self.rate + (self.rate / CHUNKS_PER_SECOND).clamp(1, CHUNK_MAX)
    }

    fn cells(&self) -> Vec<String> {
        let ten_seconds = |show: &dyn Fn(&Extremes) -> String| {
            self.ten_seconds.as_ref().map_or("–".to_owned(), show)
        };
        vec![
            format!("{}/s", self.rate),
            match self.stall {
                false => "none".to_owned(),
                true => format!("{} s", STALL.as_secs()),
            },
            self.accepted.to_string(),
            ten_seconds(&|seen| seen.least.to_string()),
            ten_seconds(&|seen| seen.most.to_string()),
            ten_seconds(&|seen| format!("{:.2} %", seen.error_percent(self.rate))),
            self.largest_second.to_string(),
            self.second_max().to_string(),
            format!("{:.2} s", self.silent_seconds),
        ]
    }
}

fn publish_pace(measured: &[Measured], is_whole: bool, draw: &Draw) -> Result<()> {
    let mut table = Table::with_columns(&[
        "rate",
        "stall of the broker",
        "accepted",
        "least in 10 s",
        "most in 10 s",
        "error",
        "largest second",
        "allowed",
        "longest silence",
    ]);
    for one in measured {
        ensure!(one.accepted > 0, "nothing was sent at {}/s", one.rate);
        table.add(one.cells());
    }
    if !is_whole {
        eprintln!("{}", table.to_markdown());
        return Ok(());
    }
    let introduction = format!(
        "{}; two schedulers and two workers on PostgreSQL and RabbitMQ, the messenger beside them, \
         all on one machine; each rate alone. The lower ones are those of a campaign, \
         {CONNECTOR_RATE}/s is that of the whole connector, for {} campaigns at once. \
         Every window of ten seconds that \
         begins a tenth of a second later than the one before, between the first and the last \
         acceptance in the messenger's own log; after a stall (the broker's processes stand still \
         for {} s) those that begin {} s after it goes on. The largest second is that of the whole \
         campaign, stall included. Seed {}. Written by `just pace`.",
        place::profile()?,
        SENDERS[2].campaigns,
        STALL.as_secs(),
        SETTLED_AFTER_MS / 1_000,
        draw.seed
    );
    table.publish("pace.md", "Pace by the messenger's log", &introduction)
}

/// A broadcast as fast as its account's messenger takes it, and a hundred small campaigns of other
/// accounts meanwhile.
fn fairness(
    fleet: &Fleet,
    broadcaster: &Brand,
    launched: &mut Vec<(String, u64)>,
    draw: &mut Draw,
) -> Result<()> {
    let mut small = Vec::new();
    for number in 0..SMALL_BRANDS {
        let brand = fleet.brand(&format!("@small-{number}"), SMALL_FRIENDS, draw)?;
        for campaign in 0..SMALL_CAMPAIGNS_EACH {
            let name = format!("small {campaign}");
            let campaign = brand.campaign(&name, Wishes::default())?;
            small.push((brand.clone(), campaign));
        }
    }
    let takes = (broadcaster.reachable * BROADCASTS / BROADCASTS_SECONDS).max(1);
    let speed = format!("account={}:speed={takes}", broadcaster.handle);
    fleet.messenger.misbehave(&[&speed])?;
    let unpaced = Sender {
        handle: "",
        rate: 0,
        seconds: 0,
        campaigns: BROADCASTS,
    };
    let broadcasts = begin(broadcaster, unpaced, launched)?;
    wait::let_pass(Duration::from_secs(2));
    let mut begun = Vec::new();
    for (brand, campaign) in &small {
        brand.launch(campaign)?;
        begun.push((campaign.clone(), wait::wall_ms()));
        launched.push((campaign.clone(), brand.reachable));
    }
    fleet.messenger.misbehave(&[])?;
    let ended_ms = wait::wall_ms();
    let of_broadcaster = broadcasts
        .iter()
        .map(|broadcast| (broadcaster.clone(), broadcast.clone()));
    for (brand, campaign) in small.iter().cloned().chain(of_broadcaster) {
        fleet.wait_until_closed(&brand, &campaign, CLOSED_WITHIN)?;
    }
    let courses = Course::all(fleet.messenger.data())?;
    let of_broadcast = broadcasts
        .iter()
        .filter_map(|broadcast| courses.get(broadcast))
        .fold(Course::default(), Course::with);
    let beside = of_broadcast.within(begun[0].1, ended_ms);
    ensure!(
        of_broadcast.last_ms() > begun.last().map(|(_, at)| *at),
        "missed: the broadcast was over before the last small campaign"
    );
    let mut delays_ms = Vec::new();
    for (campaign, launched_ms) in &begun {
        let first = courses.get(campaign).and_then(Course::first_ms);
        delays_ms.push((first.context("a first acceptance")? - launched_ms).max(0));
    }
    delays_ms.sort_unstable();
    let of = |share: usize| delays_ms[(delays_ms.len() - 1) * share / 100] as f64 / 1_000.0;
    let slowest = of(100);
    let mut table = Table::with_columns(&["start delay", "seconds"]);
    for (name, share) in [("median", 50), ("95 of 100", 95), ("longest", 100)] {
        table.add(vec![name.to_owned(), format!("{:.3}", of(share))]);
    }
    let introduction = format!(
        "{} small campaigns of {SMALL_BRANDS} accounts, up to {SMALL_FRIENDS} friends each, \
         launched one after the other beside {BROADCASTS} broadcasts to {} each, of whose \
         account the messenger takes {takes} recipients/s: from the launch command's return to the \
         first acceptance in the messenger's log. The broadcasts had {beside} accepted meanwhile. \
         Written by `just pace`.",
        begun.len(),
        broadcaster.reachable,
    );
    table.publish(
        "fairness.md",
        "Small campaigns beside a broadcast",
        &introduction,
    )?;
    ensure!(
        slowest <= STARTS_WITHIN.as_secs_f64(),
        "a small campaign began after {slowest} s"
    );
    Ok(())
}
