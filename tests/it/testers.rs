//! Tests of a draft through the front door: registered in the settings, sent from the composer and
//! from a shell, gated as everything is, recorded once and free; the draft goes on as if nothing
//! had been.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::Browser;
use chingu_tests::draw::Draw;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::program::Program;
use chingu_tests::shell::{self, admin, json, text};
use chingu_tests::verdict::violations;
use chingu_tests::wait::until_state;
use chingu_tests::world::{Brand, Wishes};
use chingu_tests::{engine, messenger};
use domain::user::UserKey;
use serde_json::{Value, json};
use store::Store;

use crate::stage::{SOON, accepted_keys, end_of, now, number, report, resum, tell, wait_for_shown};

const FRIENDS: u64 = 30;
const SETTINGS: &str = "/console/@hanok/settings/testers";
const CAMPAIGNS: &str = "/console/@hanok/campaigns";

#[test]
fn a_test_from_a_shell_is_gated_recorded_once_and_free() {
    from_a_shell().unwrap();
}

#[test]
fn a_composer_sends_a_test_and_then_the_campaign() {
    from_the_composer().unwrap();
}

/// A platform that runs, and the keys of some friends who agreed.
struct World {
    platform: Platform,
    program: Program,
    keys: Vec<String>,
}

impl World {
    fn start(name: &str, seed: u64, is_funded: bool) -> Result<Self> {
        let mut draw = Draw::seeded(name, seed);
        let make = |data: &std::path::Path| match is_funded {
            true => Brand::create(data, "@hanok", FRIENDS, &mut draw),
            false => Brand::create_unfunded(data, "@hanok", FRIENDS, &mut draw),
        };
        let platform = Platform::with_brand(Place::Beside, &[], Times::default(), make)?;
        let file = platform.brand.data.with_extension("hanok.friends.csv");
        let csv = std::fs::read_to_string(&file).context("the friends' file")?;
        let agreed = csv.lines().filter(|line| line.contains(",yes,2025"));
        let keys = agreed.filter_map(|line| line.split(',').next());
        let keys: Vec<String> = keys.take(3).map(ToOwned::to_owned).collect();
        ensure!(keys.len() == 3, "{csv}");
        let program = platform.recipe.clone().start()?;
        Ok(Self {
            platform,
            program,
            keys,
        })
    }

    fn brand(&self) -> &Brand {
        &self.platform.brand
    }

    fn tester(&self, command: &str, friend: Option<&str>) -> Result<Value> {
        let mut arguments = vec!["tester", command, "--account", &self.brand().handle];
        if let Some(friend) = friend {
            arguments.extend(["--friend", friend]);
        }
        admin(&self.brand().data, &arguments)
    }

    /// The public id of a friend.
    fn id_of(&self, key: &str) -> Result<String> {
        let database = engine::database(&self.brand().data);
        let key = UserKey::parse(key)?;
        tokio::runtime::Runtime::new()?.block_on(async {
            let store = Store::open(&database).await?;
            let number = store.user_number(&key).await?.context("a user")?;
            let snapshot = store.snapshot().await?;
            let ids = snapshot.user_ids(&[number.0]).await?;
            snapshot.end().await?;
            store.close().await?;
            Ok(ids[0].to_string())
        })
    }

    fn ends_clean(self) -> Result<()> {
        self.program.stop()?;
        let found = violations(&shell::reconcile(&self.platform.brand.data)?)?;
        ensure!(found.is_empty(), "{found:?}");
        Ok(())
    }
}

fn from_a_shell() -> Result<()> {
    // Without a won, under a plan that sells nothing.
    let world = World::start("a test from a shell", 61, false)?;
    let (brand, data) = (world.brand(), world.brand().data.clone());
    let plan = ["contract", "agree", "--business", &brand.business];
    let nothing = ["--kind", "plan", "--quota", "0", "--additional-max", "0"];
    admin(&data, &[&plan[..], &nothing].concat())?;
    for key in &world.keys {
        world.tester("add", Some(key))?;
    }
    let listed = world.tester("list", None)?;
    ensure!(
        listed["testers"].as_array().map(Vec::len) == Some(3),
        "{listed}"
    );

    // One of them blocks the account: the rules hold for testers, too.
    let blocked = &world.keys[1];
    let event = json!({"id": "blocked", "type": "friend.blocked", "at": now().to_string(),
        "account": brand.handle, "user": blocked});
    tell(world.program.address(), &[event])?;
    let draft = brand.campaign("autumn", Wishes::default())?;
    let test = admin(&data, &["campaign", "test", &draft])?;
    ensure!(
        test["testers"] == 3 && test["reachable"] == 2 && test["held_micro"] == 0,
        "{test}"
    );
    let id = text(&test, "id")?;
    let shown = wait_for_shown(&world.platform, id, "the test is closed", |shown| {
        shown["state"] == "closed"
    })?;
    for (field, expected) in [
        ("accepted", 2),
        ("failed", 0),
        ("quoted_micro", 0),
        ("held_micro", 0),
        ("captured_micro", 0),
        ("open_micro", 0),
    ] {
        ensure!(number(&shown, field)? == expected, "{field}: {shown}");
    }
    let got = accepted_keys(world.platform.messenger.data(), id)?;
    let expected = [world.keys[0].clone(), world.keys[2].clone()];
    ensure!(got == BTreeSet::from(expected), "{got:?}");
    let log = world.platform.messenger.log()?;
    ensure!(messenger::count(&log, id).duplicates == 0, "{log:?}");

    // Every line says what it was, and the independent reader finds nothing to pay.
    let summed = resum(brand, id)?;
    ensure!(
        summed["error_count"] == 0 && summed["free"] == 2 && summed["uncaptured"] == 0,
        "{summed}"
    );
    ensure!(
        summed["billed_micro"] == 0 && summed["billable"] == 0,
        "{summed}"
    );
    let lines = std::fs::read_to_string(report(brand, id)?)?;
    let line = lines.lines().nth(1).context("a line")?;
    for words in [",test,registered_tester,", ",no,tests_are_free,0,"] {
        ensure!(line.contains(words), "{words}: {line}");
    }
    let friend = ["prove", "--campaign", id, "--friend", &world.keys[0]];
    let proved = json(&data, &friend)?;
    let send = &proved["sends"][0];
    ensure!(
        send["tariff"] == "test" && send["billable_reason"] == "tests_are_free",
        "{proved}"
    );
    ensure!(send["bookings"][0]["amount_micro"] == 0, "{proved}");

    // Nothing of the plan is taken, and the draft is what it was.
    let contract = admin(&data, &["contract", "show", "--business", &brand.business])?;
    let used = &contract["used_this_month"];
    ensure!(used["quota"] == 0 && used["additional"] == 0, "{contract}");
    let shown = brand.show(&draft)?;
    ensure!(
        shown["state"] == "approved" && number(&shown, "accepted")? == 0,
        "{shown}"
    );

    // Only testers, and only of what is not sent.
    let stranger = ["admin", "campaign", "test", &draft, "--to", "nobody"];
    refused(brand, &stranger, "there is no friend nobody")?;
    world.tester("remove", Some(&world.keys[0]))?;
    let gone = ["admin", "campaign", "test", &draft, "--to", &world.keys[0]];
    refused(brand, &gone, "there is no tester")?;
    refused(brand, &["admin", "campaign", "test", id], "a person wrote")?;
    world.ends_clean()
}

fn refused(brand: &Brand, arguments: &[&str], expected: &str) -> Result<()> {
    let output = shell::run(&brand.data, arguments)?;
    let words = shell::words(&output);
    ensure!(!output.status.success(), "{arguments:?}: {words}");
    ensure!(words.contains(expected), "{expected}: {words}");
    Ok(())
}

fn from_the_composer() -> Result<()> {
    let world = World::start("a test from the composer", 62, true)?;
    let brand = world.brand();
    let address = world.program.address();
    let mut owner = Browser::of_member(address, brand, "owner")?;
    let mut composer = Browser::of_member(address, brand, "composer")?;
    for browser in [&mut owner, &mut composer] {
        browser.keep_cookie("chingu_language", "en");
    }
    let begun = composer.post_form(CAMPAIGNS, &[])?;
    let message = begun.location().to_owned();
    let page = composer.read(&message)?;
    ensure!(page.contains("has no testers yet"), "{page}");

    // Owners register, and nobody else; a stranger is no tester.
    let forbidden = composer.post_form(SETTINGS, &[("friend", &world.keys[0])])?;
    ensure!(forbidden.status == 403, "{forbidden:?}");
    let unknown = owner.post_form(SETTINGS, &[("friend", "nobody")])?;
    ensure!(
        unknown.status == 422 && unknown.body.contains("no such friend"),
        "{unknown:?}"
    );
    let first = world.id_of(&world.keys[0])?;
    for friend in [&first, &world.keys[1]] {
        let added = owner.post_form(SETTINGS, &[("friend", friend)])?;
        ensure!(added.status == 303, "{added:?}");
    }
    let page = owner.read(SETTINGS)?;
    ensure!(page.matches("/remove\"").count() == 2, "{page}");
    for key in &world.keys[..2] {
        ensure!(page.contains(key), "no {key} in {page}");
    }

    // What is on the page is what is sent: saved first, and unfinished it is not sent.
    let second = world.id_of(&world.keys[1])?;
    let unfinished = [
        ("version", "1"),
        ("act", "test"),
        ("tester", &first),
        ("cards[0].kind", "text"),
    ];
    let answer = composer.post_form(&message, &unfinished)?;
    ensure!(answer.status == 422, "{answer:?}");
    let fields = |act: &'static str, version: &'static str| {
        vec![
            ("version", version),
            ("act", act),
            ("name", "Autumn"),
            ("purpose", "promotion"),
            ("cards[0].kind", "text"),
            ("cards[0].text", "{{name}}, look at this"),
        ]
    };
    let nobody = composer.post_form(&message, &fields("test", "2"))?;
    ensure!(
        nobody.status == 422 && nobody.body.contains("at least one tester"),
        "{nobody:?}"
    );
    let mut ticked = fields("test", "3");
    ticked.extend([("tester", &*first), ("tester", &*second)]);
    let sent = composer.post_form(&message, &ticked)?;
    ensure!(
        sent.status == 303 && sent.location().contains("done=done-test"),
        "{sent:?}"
    );
    let page = until_state(
        "both got it",
        SOON,
        || composer.read(&message),
        |page| page.contains("2 of 2 got it"),
    )?;
    let (before, _) = page
        .split_once("/sends\"")
        .context("the way to its sends")?;
    let test = before.rsplit('/').next().context("an id")?.to_owned();
    let got = accepted_keys(world.platform.messenger.data(), &test)?;
    let expected = [world.keys[0].clone(), world.keys[1].clone()];
    ensure!(got == BTreeSet::from(expected), "{got:?}");

    // Its sends and a friend's history say that it was a test, and free.
    let sends = composer.read(&format!("{CAMPAIGNS}/{test}/sends?friend={first}"))?;
    for words in ["Test send, free", "a test: free", "to a registered tester"] {
        ensure!(sends.contains(words), "no '{words}' in {sends}");
    }
    let friend = composer.read(&format!("/console/@hanok/friends/{first}"))?;
    for words in ["Test: Autumn", "test: free"] {
        ensure!(friend.contains(words), "no '{words}' in {friend}");
    }
    let list = composer.read(CAMPAIGNS)?;
    ensure!(!list.contains(&test), "the test is listed as a campaign");
    // Written again it is a campaign to everybody: nobody else may name whom a test went to.
    let copy = composer.post_form(&format!("{CAMPAIGNS}/{test}/copy"), &[])?;
    let (copy, _) = copy.location().split_once("/message").context("a draft")?;
    let audience = composer.read(&format!("{copy}/audience"))?;
    ensure!(
        audience.contains(r#"name="who" value="all" checked"#),
        "{audience}"
    );

    // The draft goes out as if nothing had been, to everybody and for its price.
    let campaign = message.trim_end_matches("/message").to_owned();
    let button = owner.button(&campaign)?;
    let button = chingu_tests::console::borrowed(&button);
    let launched = owner.post_form(&format!("{campaign}/launch"), &button)?;
    ensure!(launched.location().ends_with("/running"), "{launched:?}");
    let id = campaign.rsplit('/').next().context("an id")?;
    let verdict = end_of(&world.platform, brand, id)?;
    ensure!(verdict.recorded == brand.reachable, "{verdict:?}");
    let page = owner.post_form(&format!("{SETTINGS}/{first}/remove"), &[])?;
    ensure!(page.status == 303, "{page:?}");
    let late = composer.post_form(&message, &ticked)?;
    ensure!(late.status == 409, "{late:?}");
    world.ends_clean()
}
