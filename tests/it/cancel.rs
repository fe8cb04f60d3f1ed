//! A cancel in the middle of a freeze: what was granted and not frozen, and what was frozen and not
//! begun, goes back at once; nothing is frozen afterwards.

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::messenger;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::{admin, reconcile};
use chingu_tests::verdict::violations;
use chingu_tests::world::{UNTARGETED_MICRO, Wishes};

use crate::stage::{SOON, number, resum, wait_for_shown};

const UNTARGETED: u64 = UNTARGETED_MICRO as u64;

#[test]
fn cancelled_before_the_first_range_is_written_nothing_is_frozen() {
    let cancelled = cancel_at("freeze:before_write", 1_200).unwrap();
    assert_eq!((cancelled.not_begun, cancelled.accepted), (0, 0));
}

#[test]
fn cancelled_between_two_ranges_only_the_first_was_frozen() {
    // The first range holds 10,000 user numbers.
    let cancelled = cancel_at("freeze:before_write:2", 10_600).unwrap();
    assert!(cancelled.not_begun > 0, "missed: everything had begun");
}

struct Cancelled {
    not_begun: u64,
    accepted: u64,
}

fn cancel_at(point: &str, friends: u64) -> Result<Cancelled> {
    let mut draw = Draw::seeded(&format!("cancel at {point}"), 29);
    // Slow enough for some chunks not to have begun when the cancel comes.
    let times = Times {
        request_timeout_ms: 4_000,
        lease_ms: 6_000,
        in_flight: 2,
    };
    let platform = Platform::create(Place::Beside, friends, &["speed=2000"], times, &mut draw)?;
    let (recipe, paused) = platform.recipe.pausing_at(&format!("task:{point}"));
    let mut program = recipe.start()?;
    let brand = &platform.brand;
    let campaign = brand.campaign("cancelled", Wishes::default())?;
    brand.launch(&campaign)?;
    program.wait_until_paused(&paused, SOON)?;
    let cancelled = admin(&brand.data, &["campaign", "cancel", &campaign])?;
    let (not_begun, unfrozen) = (
        number(&cancelled, "cancelled")?,
        number(&cancelled, "unfrozen")?,
    );
    let released = number(&cancelled, "released_micro")?;
    ensure!(unfrozen > 0, "missed: everything was frozen: {cancelled}");
    ensure!(
        released == (not_begun + unfrozen) * UNTARGETED,
        "{cancelled}"
    );
    let shown = brand.show(&campaign)?;
    ensure!(
        number(&shown, "released_micro")? == released,
        "{shown}, {cancelled}"
    );
    let found = violations(&reconcile(&brand.data)?)?;
    ensure!(found.is_empty(), "while cancelling: {found:?}");

    std::fs::remove_file(&paused)?;
    let shown = wait_for_shown(&platform, &campaign, "closed", |shown| {
        shown["state"] == "closed"
    })?;
    let (accepted, ended) = (number(&shown, "accepted")?, number(&shown, "cancelled")?);
    ensure!(
        accepted + ended + unfrozen == brand.reachable,
        "{shown}, {cancelled}"
    );
    ensure!(
        number(&shown, "held_micro")? == brand.reachable * UNTARGETED,
        "{shown}"
    );
    ensure!(
        number(&shown, "captured_micro")? == accepted * UNTARGETED,
        "{shown}"
    );
    let released = number(&shown, "released_micro")?;
    ensure!(released == (ended + unfrozen) * UNTARGETED, "{shown}");
    ensure!(number(&shown, "open_micro")? == 0, "{shown}");
    let counted = messenger::count(&platform.messenger.log()?, &campaign);
    ensure!(
        counted.people == accepted && counted.duplicates == 0,
        "{counted:?}, {shown}"
    );
    let summed = resum(brand, &campaign)?;
    ensure!(
        summed["error_count"] == 0 && summed["billable"] == accepted,
        "{summed}"
    );
    let found = violations(&reconcile(&brand.data)?)?;
    ensure!(found.is_empty(), "{found:?}");
    eprintln!(
        "cancel at {point}: {not_begun} not begun, {unfrozen} not frozen, {accepted} accepted"
    );
    Ok(Cancelled {
        not_begun,
        accepted,
    })
}
