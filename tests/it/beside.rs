//! Admin, import and schedules beside a running server: it notices what others write.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::messenger;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::{self, admin, text};
use chingu_tests::wait::Stopwatch;
use chingu_tests::world::{Brand, UNTARGETED_MICRO, Wishes, friends_csv};
use domain::time::{Timestamp, utc_offset_minutes, zone};

use crate::stage::{SOON, create, end_of, now, number, platform, wait_for_shown};

/// How far ahead schedules are set: longer than it takes to write one down.
const AHEAD: Duration = Duration::from_secs(3);

#[test]
fn what_another_process_launches_or_imports_is_noticed() {
    noticed().unwrap();
}

#[test]
fn a_schedule_starts_at_its_wall_time_in_its_zone() {
    scheduled().unwrap();
}

#[test]
fn without_funds_nothing_is_sent_and_a_top_up_lets_it_go() {
    funds().unwrap();
}

fn noticed() -> Result<()> {
    let mut draw = Draw::seeded("noticed", 31);
    let mut platform = platform(1_400, &["speed=1500"], &mut draw)?;
    let _program = platform.recipe.clone().start()?;
    let campaign = platform.brand.campaign("first", Wishes::default())?;
    let watch = Stopwatch::start();
    platform.brand.launch(&campaign)?;
    platform.wait_for_accepted(1, SOON)?;
    eprintln!(
        "noticed: {:.2} s from the command to the first acceptance",
        watch.seconds()
    );

    // While it sends: others become friends, of the next campaign only.
    let (csv, agreed) = friends_csv(800, &mut draw);
    let imported = platform.brand.befriend("more", csv.as_bytes())?;
    ensure!(imported["accepted"] == 800, "{imported}");
    let verdict = end_of(&platform, &platform.brand, &campaign)?;
    ensure!(verdict.recorded == platform.brand.reachable, "{verdict:?}");

    platform.brand.reachable += agreed;
    let second = platform.brand.campaign("second", Wishes::default())?;
    platform.brand.launch(&second)?;
    let verdict = end_of(&platform, &platform.brand, &second)?;
    ensure!(verdict.recorded == platform.brand.reachable, "{verdict:?}");
    Ok(())
}

fn scheduled() -> Result<()> {
    let mut draw = Draw::seeded("scheduled", 32);
    let platform = platform(600, &[], &mut draw)?;
    let _program = platform.recipe.clone().start()?;
    let zones = ["America/New_York", "Asia/Kathmandu", "Asia/Seoul"];
    let mut campaigns = Vec::new();
    for name in zones {
        let wall = wall_time(name, AHEAD)?;
        let flags = match name {
            // The account's own zone needs no name.
            "Asia/Seoul" => vec!["--at", &wall],
            _ => vec!["--at", &wall, "--zone", name],
        };
        let campaign = create(&platform.brand, name, &flags)?;
        let shown = platform.brand.show(&campaign)?;
        ensure!(
            shown["state"] == "scheduled" && shown["held_micro"] == 0,
            "{shown}"
        );
        campaigns.push(campaign);
    }
    for (name, campaign) in zones.iter().zip(&campaigns) {
        let verdict = end_of(&platform, &platform.brand, campaign)?;
        ensure!(
            verdict.recorded == platform.brand.reachable,
            "{name}: {verdict:?}"
        );
        let shown = platform.brand.show(campaign)?;
        let planned = Timestamp::parse_rfc3339(text(&shown, "scheduled_for")?)?;
        let launched = Timestamp::parse_rfc3339(text(&shown, "launched_at")?)?;
        ensure!(launched >= planned, "{name}: too early: {shown}");
        let log = platform.messenger.log()?;
        for accepted in log.iter().filter(|accepted| accepted.campaign == *campaign) {
            ensure!(
                Timestamp::parse_rfc3339(&accepted.at)? >= planned,
                "{name}: {accepted:?}"
            );
        }
        let late = launched.since(planned).as_millis();
        eprintln!("scheduled in {name}: launched {late} ms after its time");
    }
    Ok(())
}

fn funds() -> Result<()> {
    let mut draw = Draw::seeded("funds", 33);
    let poor = |data: &Path| -> Result<Brand> {
        std::fs::create_dir_all(data)?;
        let business = admin(data, &["business", "create", "--name", "Hanok"])?;
        let mut brand = Brand {
            data: data.to_owned(),
            business: text(&business, "id")?.to_owned(),
            handle: "@hanok".to_owned(),
            reachable: 0,
            friends: 0,
        };
        brand.add_account("@hanok")?;
        let (csv, agreed) = friends_csv(700, &mut draw);
        brand.befriend("friends", csv.as_bytes())?;
        (brand.friends, brand.reachable) = (700, agreed);
        Ok(brand)
    };
    let platform = Platform::with_brand(Place::Beside, &[], Times::default(), poor)?;
    let brand = &platform.brand;
    let _program = platform.recipe.clone().start()?;
    let price = brand.reachable * 15;

    // One won short.
    brand.top_up(&(price - 1).to_string(), "almost")?;
    let wall = wall_time("Asia/Seoul", AHEAD)?;
    let planned = create(brand, "planned", &["--at", &wall])?;
    let at_once = brand.campaign("at once", Wishes::default())?;
    let launch = ["admin", "campaign", "launch", &at_once];
    let refused = shell::run(&brand.data, &launch)?;
    let words = shell::words(&refused);
    ensure!(refused.status.code() == Some(1), "{words}");
    ensure!(words.contains("waits for funds"), "{words}");
    for campaign in [&at_once, &planned] {
        let shown = wait_for_shown(&platform, campaign, "it waits", |shown| {
            shown["state"] == "waiting_for_funds"
        })?;
        ensure!(number(&shown, "held_micro")? == 0, "{shown}");
    }
    ensure!(platform.messenger.accepted()? == 0, "something was sent");

    for (campaign, amount) in [(&at_once, 1), (&planned, price)] {
        brand.top_up(&amount.to_string(), campaign)?;
        // The same payment again is not booked again: there is just enough for one.
        let booked = brand.top_up(&amount.to_string(), campaign)?;
        ensure!(
            number(&booked, "available_micro")? == price * 1_000_000,
            "{booked}"
        );
        brand.launch(campaign)?;
        let verdict = end_of(&platform, brand, campaign)?;
        ensure!(
            verdict.billed_micro == brand.reachable as i64 * UNTARGETED_MICRO,
            "{verdict:?}"
        );
        let counted = messenger::count(&platform.messenger.log()?, campaign);
        ensure!(counted.people == brand.reachable, "{counted:?}");
    }
    Ok(())
}

/// What a clock on the wall in `zone_name` shows in a while.
pub fn wall_time(zone_name: &str, ahead: Duration) -> Result<String> {
    let at = now() + ahead;
    let offset = utc_offset_minutes(&zone(zone_name)?, at);
    let local = Timestamp::from_millis(at.as_millis() + i64::from(offset) * 60_000);
    Ok(local.to_string()[.."2026-11-22T21:00:00".len()].replace('T', " "))
}
