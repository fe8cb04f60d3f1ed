//! The way of a draft through its front door: whom it reaches and what that costs, when it goes,
//! and that it is launched once, as it was seen, or not at all.

use std::thread;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::{Browser, PASSWORD, Page, between, borrowed};
use chingu_tests::world::Brand;

use crate::draft_world::{CONSOLE, FRIENDS, Person, World, friends, krw};

/// Presses of one button at a time.
const PRESSES: usize = 20;

#[test]
fn all_friends_have_a_number_a_price_and_reasons() {
    counted().unwrap();
}

#[test]
fn conditions_give_the_numbers_they_mean() {
    filtered().unwrap();
}

#[test]
fn the_form_works_without_script_and_says_what_is_missing() {
    without_script().unwrap();
}

#[test]
fn two_windows_do_not_overwrite_each_other() {
    in_conflict().unwrap();
}

#[test]
fn wrong_times_and_speeds_are_said_at_their_field() {
    scheduled_wrong().unwrap();
}

#[test]
fn twenty_presses_launch_once() {
    launched_once().unwrap();
}

#[test]
fn what_was_not_seen_is_not_sent() {
    not_as_seen().unwrap();
}

#[test]
fn a_time_is_waited_for() {
    scheduled().unwrap();
}

#[test]
fn strangers_find_nothing_and_roles_do_what_is_theirs() {
    kept_out().unwrap();
}

fn counted() -> Result<()> {
    let mut world = World::create()?;
    let campaign = world.draft()?;
    let page = world.live(&campaign, &[("who", "all")])?;
    for expected in [
        "data-people>100<",
        "data-net>1,500 KRW<",
        "data-vat>150 KRW<",
        "data-total>1,650 KRW<",
        ">120<",
        "−20<",
        "No consent to promotions",
        r#"data-save-state="saved""#,
        r#"name="version" value="1""#,
    ] {
        ensure!(page.body.contains(expected), "no {expected} in {page:?}");
    }
    let review = world.browser.read(&format!("{campaign}/review?wait=1"))?;
    for expected in [
        "data-people>100<",
        "1,650 KRW",
        "Send to 100 people",
        "999,998,500 KRW",
    ] {
        ensure!(review.contains(expected), "no {expected} in {review}");
    }
    let explored = world.browser.post_form(
        &format!("{CONSOLE}/audience/live"),
        &[("wait", "1"), ("who", "all")],
    )?;
    ensure!(explored.body.contains("data-people>100<"), "{explored:?}");
    ensure!(!explored.body.contains("data-save-state"), "{explored:?}");
    Ok(())
}

fn filtered() -> Result<()> {
    let mut world = World::create()?;
    let campaign = world.draft()?;
    let reached = |wanted: &dyn Fn(Person) -> bool| {
        let people = (0..FRIENDS).map(Person);
        people
            .filter(|person| person.agrees() && wanted(*person))
            .count()
    };
    type Wanted = Box<dyn Fn(Person) -> bool>;
    let cases: Vec<(Vec<(&str, &str)>, Wanted)> = vec![
        (
            vec![("g0.c0.kind", "tag"), ("g0.c0.value", "vip")],
            Box::new(Person::is_vip),
        ),
        (
            vec![("g0.c0.kind", "tag"), ("g0.c0.more", "vip, new")],
            Box::new(|_| true),
        ),
        (
            vec![
                ("g0.c0.kind", "region"),
                ("g0.c0.how", "not"),
                ("g0.c0.value", "서울"),
            ],
            Box::new(|p| p.region() != "서울"),
        ),
        (
            vec![
                ("g0.c0.kind", "gender"),
                ("g0.c0.value", "female"),
                ("g0.c0.value", "unknown"),
                ("g0.c1.kind", "birth_year"),
                ("g0.c1.from", "1985"),
                ("g0.c1.to", "1989"),
            ],
            Box::new(|p| p.gender() != "male" && (1985..=1989).contains(&p.birth_year())),
        ),
        (
            vec![
                ("g0.any", "any"),
                ("g0.c0.kind", "source"),
                ("g0.c0.value", "search"),
                ("g0.c1.kind", "tag"),
                ("g0.c1.value", "vip"),
                ("g1.leaves_out", "yes"),
                ("g1.any", "any"),
                ("g1.c0.kind", "region"),
                ("g1.c0.value", "부산"),
            ],
            Box::new(|p| (p.source() == "search" || p.is_vip()) && p.region() != "부산"),
        ),
        (
            vec![
                ("g0.c0.kind", "since"),
                ("g0.c0.from", "2025-02-01"),
                ("g0.c0.to", "2025-02-01"),
            ],
            Box::new(|_| true),
        ),
        (
            vec![("g0.c0.kind", "since"), ("g0.c0.from", "2025-02-02")],
            Box::new(|_| false),
        ),
    ];
    for (fields, wanted) in &cases {
        let expected = reached(wanted);
        let fields = [&[("who", "some")], &fields[..]].concat();
        let page = world.live(&campaign, &fields)?;
        let people = page.between("data-people>", "<")?;
        ensure!(
            people == expected.to_string(),
            "{fields:?}: {people}, not {expected}"
        );
        let net = page.between("data-net>", "<")?.replace(',', "");
        ensure!(net == format!("{} KRW", expected * 20), "{fields:?}: {net}");
    }
    // The limit, and each condition's own number.
    let fields = [
        ("who", "some"),
        ("g0.c0.kind", "tag"),
        ("g0.c0.value", "vip"),
        ("limit", "on"),
        ("limit_count", "7"),
        ("limit_method", "random"),
    ];
    let page = world.live(&campaign, &fields)?;
    ensure!(page.body.contains("data-people>7<"), "{page:?}");
    let own = page.between(r#"id="g0c0-matches" hx-swap-oob="true">"#, "<")?;
    ensure!(
        own == format!("{} people", reached(&Person::is_vip)),
        "{own}"
    );
    let shown = world.browser.read(&format!("{campaign}/audience"))?;
    ensure!(shown.contains(r#"value="vip" checked"#), "{shown}");
    Ok(())
}

fn without_script() -> Result<()> {
    let mut world = World::create()?;
    let campaign = world.draft()?;
    let audience = format!("{campaign}/audience");
    let added = world
        .browser
        .post_form(&audience, &[("version", "0"), ("do", "add-group")])?;
    ensure!(
        added.location() == format!("{audience}?at=g0c0"),
        "{added:?}"
    );
    let page = world.browser.read(added.location())?;
    ensure!(page.contains(r#"id="g0c0" name="g0.c0.kind""#), "{page}");
    for (fields, said) in [
        (vec![("g0.c0.kind", "tag")], "Choose at least one value."),
        (
            vec![("g0.c0.kind", "birth_year"), ("g0.c0.from", "nineteen")],
            "Write years with four digits",
        ),
        (
            vec![("g0.c0.kind", "country"), ("g0.c0.more", "Corea & <b>")],
            "Write countries with two letters",
        ),
        (
            vec![("g0.c0.kind", "list"), ("g0.c0.value", "lst_x")],
            "There is no such list",
        ),
        (
            vec![
                ("g0.c0.kind", "tag"),
                ("g0.c0.value", "vip"),
                ("limit", "on"),
                ("limit_count", "-3"),
            ],
            "Write a number of 1 or more",
        ),
    ] {
        let start = [
            ("version", "1"),
            ("writer", "w1"),
            ("who", "some"),
            ("do", "next"),
        ];
        let mut fields = [&start[..], &fields].concat();
        let version = version(&world.browser.read(&audience)?)?;
        fields[0] = ("version", &version);
        let page = world.browser.post_form(&audience, &fields)?;
        ensure!(
            page.status == 422 && page.body.contains(said),
            "{fields:?}: {page:?}"
        );
        ensure!(!page.body.contains("<b>"), "{page:?}");
        for (name, value) in &fields[4..] {
            let kept = value
                .replace('&', "&#38;")
                .replace('<', "&#60;")
                .replace('>', "&#62;");
            let kept = *name == "g0.c0.kind" || *name == "limit" || page.body.contains(&kept);
            ensure!(kept, "{name} is lost: {page:?}");
        }
    }
    let version = version(&world.browser.read(&audience)?)?;
    let fields = [("version", &*version), ("who", "all"), ("do", "next")];
    let next = world.browser.post_form(&audience, &fields)?;
    ensure!(
        next.location() == format!("{campaign}/schedule"),
        "{next:?}"
    );
    Ok(())
}

fn version(page: &str) -> Result<String> {
    Ok(between(page, r#"name="version" value=""#, "\"")?.to_owned())
}

fn in_conflict() -> Result<()> {
    let mut world = World::create()?;
    let campaign = world.draft()?;
    let audience = format!("{campaign}/audience");
    world.live(&campaign, &[("who", "all"), ("version", "0")])?;
    let other = [
        ("writer", "w2"),
        ("version", "0"),
        ("who", "some"),
        ("g0.c0.value", "vip"),
    ];
    let page = world.browser.post_form(&audience, &other)?;
    ensure!(
        page.status == 409 && page.body.contains("data-conflict"),
        "{page:?}"
    );
    ensure!(
        page.body.contains(r#"value="vip" checked"#),
        "theirs is still here"
    );
    let theirs = page.between(r#"name="over" value=""#, "\"")?.to_owned();
    let mut over = other.to_vec();
    over.push(("over", &theirs));
    let saved = world.browser.post_form(&audience, &over)?;
    ensure!(saved.status == 303, "{saved:?}");
    Ok(())
}

fn scheduled_wrong() -> Result<()> {
    let mut world = World::create()?;
    let campaign = world.draft()?;
    let schedule = format!("{campaign}/schedule");
    let at = |day, time, zone| {
        vec![
            ("when", "at"),
            ("day", day),
            ("time", time),
            ("zone", zone),
            ("pace", "free"),
        ]
    };
    let paced = |rate| vec![("when", "now"), ("pace", "paced"), ("rate", rate)];
    for (fields, said) in [
        (at("", "09:00", "Asia/Seoul"), "Choose a day."),
        (at("2099-01-01", "", "Asia/Seoul"), "Choose a time."),
        (at("2099-01-01", "09:00", "Asia/Seoul"), "within 366 days"),
        (at("2020-01-01", "09:00", "Asia/Seoul"), "This is past"),
        (
            at("2026-02-30", "09:00", "Asia/Seoul"),
            "no such day or time",
        ),
        (at("x<b>y", "25:61", "Asia/Seoul"), "no such day or time"),
        (
            at("2026-12-01", "09:00", "Mars/Olympus"),
            "time zone is not known",
        ),
        (paced(""), "Say how many people per second."),
        (paced("0"), "from 1 to 10,000,000"),
        (paced("many"), "from 1 to 10,000,000"),
        (paced("99999999999"), "from 1 to 10,000,000"),
    ] {
        let version = version(&world.browser.read(&schedule)?)?;
        let fields = [&[("version", &*version), ("do", "next")], &fields[..]].concat();
        let page = world.browser.post_form(&schedule, &fields)?;
        ensure!(
            page.status == 422 && page.body.contains(said),
            "{fields:?}: {page:?}"
        );
        ensure!(!page.body.contains("<b>"), "{page:?}");
    }
    let version = version(&world.browser.read(&schedule)?)?;
    let good = [
        ("version", &*version),
        ("do", "next"),
        ("when", "now"),
        ("pace", "paced"),
        ("rate", "5"),
    ];
    let next = world.browser.post_form(&schedule, &good)?;
    ensure!(next.location() == format!("{campaign}/review"), "{next:?}");
    let review = world.browser.read(&format!("{campaign}/review?wait=1"))?;
    // 100 people at 5 a second.
    ensure!(
        review.contains("At most 5 people per second") && review.contains("20 s"),
        "{review}"
    );
    Ok(())
}

fn launched_once() -> Result<()> {
    let mut world = World::create()?;
    let campaign = world.draft()?;
    let launch = format!("{campaign}/launch");
    let fields = world.button(&campaign)?;
    // Not ticked, and not confirmed: nothing happens yet.
    let unticked: Vec<_> = borrowed(&fields)[1..].to_vec();
    let page = world.browser.post_form(&launch, &unticked)?;
    ensure!(
        page.status == 422 && page.body.contains("tick the box"),
        "{page:?}"
    );
    let unconfirmed: Vec<_> = borrowed(&fields)[..5].to_vec();
    let page = world.browser.post_form(&launch, &unconfirmed)?;
    ensure!(
        page.status == 200 && page.body.contains("Really send it?"),
        "{page:?}"
    );
    ensure!(world.state(&campaign)? == "draft" && world.held()? == krw(0));

    let token = world
        .browser
        .cookie("chingu_session")
        .context("a session")?
        .to_owned();
    let address = world.program.address();
    let presses: Vec<_> = (0..PRESSES)
        .map(|_| {
            let (token, launch, fields) = (token.clone(), launch.clone(), fields.clone());
            thread::spawn(move || -> Result<Page> {
                let mut browser = Browser::open(address)?;
                browser.keep_cookie("chingu_session", &token);
                browser.post_form(&launch, &borrowed(&fields))
            })
        })
        .collect();
    for press in presses {
        let page = press
            .join()
            .map_err(|_| anyhow::anyhow!("a press panicked"))??;
        ensure!(page.status == 303, "{page:?}");
        ensure!(page.location().starts_with(&campaign), "{page:?}");
    }
    let again = world.browser.post_form(&launch, &borrowed(&fields))?;
    ensure!(
        again.location() == format!("{campaign}/running"),
        "{again:?}"
    );
    ensure!(world.held()? == krw(1_500), "held {}", world.held()?);
    ensure!(world.state(&campaign)? == "launching");
    Ok(())
}

fn not_as_seen() -> Result<()> {
    let mut world = World::create()?;
    let campaign = world.draft()?;
    let launch = format!("{campaign}/launch");
    // Edited since.
    let fields = world.button(&campaign)?;
    world.live(&campaign, &[("who", "some"), ("g0.c0.value", "vip")])?;
    let page = world.browser.post_form(&launch, &borrowed(&fields))?;
    ensure!(
        page.status == 409 && page.body.contains("changed meanwhile"),
        "{page:?}"
    );
    ensure!(page.body.contains("Nothing was sent"), "{page:?}");
    // Dearer since: as the form says, and as the launch itself counts.
    let mut fields = world.button(&campaign)?;
    fields[1].1 = "1000000".to_owned();
    let page = world.browser.post_form(&launch, &borrowed(&fields))?;
    ensure!(
        page.status == 409 && page.body.contains("price rose"),
        "{page:?}"
    );
    let fields = world.button(&campaign)?;
    let more = friends(FRIENDS..FRIENDS + 24);
    world.brand.befriend("more", more.as_bytes())?;
    let page = world.browser.post_form(&launch, &borrowed(&fields))?;
    ensure!(
        page.status == 409 && page.body.contains("price rose"),
        "{page:?}"
    );
    ensure!(world.state(&campaign)? == "draft" && world.held()? == krw(0));
    // What cannot be read is not what was seen.
    for (place, value) in [(1, "x"), (1, "-1"), (2, ""), (3, "99"), (4, "4294967296")] {
        let mut fields = world.button(&campaign)?;
        fields[place].1 = value.to_owned();
        let page = world.browser.post_form(&launch, &borrowed(&fields))?;
        ensure!(page.status == 409, "{place} {value}: {page:?}");
    }
    let page = world.browser.post_form(&launch, &[])?;
    ensure!(page.status == 422, "{page:?}");
    ensure!(world.state(&campaign)? == "draft" && world.held()? == krw(0));
    // Nobody.
    world.live(
        &campaign,
        &[("who", "some"), ("g0.c0.value", "nobody has it")],
    )?;
    let review = world.browser.read(&format!("{campaign}/review?wait=1"))?;
    ensure!(
        review.contains("Nobody matches") && !review.contains("launch-form"),
        "{review}"
    );
    Ok(())
}

fn scheduled() -> Result<()> {
    let mut world = World::create()?;
    let campaign = world.draft()?;
    let now = crate::stage::now();
    let day = domain::time::Timestamp::from_millis(now.as_millis() + 3 * 86_400_000).to_string();
    let fields = [
        ("version", "0"),
        ("do", "next"),
        ("when", "at"),
        ("day", &day[..10]),
        ("time", "10:00"),
        ("zone", "Asia/Seoul"),
        ("pace", "free"),
    ];
    let saved = world
        .browser
        .post_form(&format!("{campaign}/schedule"), &fields)?;
    ensure!(saved.status == 303, "{saved:?}");
    let fields = world.button(&campaign)?;
    let page = world
        .browser
        .post_form(&format!("{campaign}/launch"), &borrowed(&fields))?;
    ensure!(
        page.location() == format!("{campaign}?done=done-scheduled"),
        "{page:?}"
    );
    ensure!(world.state(&campaign)? == "scheduled" && world.held()? == krw(0));
    for step in ["audience", "schedule", "review"] {
        let page = world.browser.get(&format!("{campaign}/{step}"))?;
        ensure!(page.location() == campaign, "{step}: {page:?}");
    }
    Ok(())
}

fn kept_out() -> Result<()> {
    let mut world = World::create()?;
    let campaign = world.draft()?;
    let fields = world.button(&campaign)?;
    let writes = [
        "audience",
        "audience/live",
        "schedule",
        "schedule/live",
        "launch",
    ];
    let reads = ["audience", "schedule", "review"];

    let stranger = Brand::open(&world.brand.data, "@other")?;
    let mut other = Browser::of_member(world.program.address(), &stranger, "owner")?;
    let theirs = campaign.replace("@hanok", "@other");
    for address in [&campaign, &theirs] {
        for page in reads {
            ensure!(
                other.get(&format!("{address}/{page}"))?.status == 404,
                "{page}"
            );
        }
        for page in writes {
            let answer = other.post_form(&format!("{address}/{page}"), &borrowed(&fields))?;
            ensure!(answer.status == 404, "{page}: {answer:?}");
            ensure!(!answer.body.contains("Autumn"), "{answer:?}");
        }
    }
    for (role, edits, sends) in [
        ("composer", true, false),
        ("approver", false, true),
        ("analyst", false, false),
        ("finance", false, false),
    ] {
        let mut member = Browser::of_member(world.program.address(), &world.brand, role)?;
        member.keep_cookie("chingu_language", "en");
        for page in reads {
            ensure!(
                member.get(&format!("{campaign}/{page}"))?.status == 200,
                "{role} {page}"
            );
        }
        let live = member.post_form(
            &format!("{campaign}/audience/live"),
            &[("who", "all"), ("writer", role), ("wait", "1")],
        )?;
        ensure!(live.status == 200, "{role}: {live:?}");
        let review = member.read(&format!("{campaign}/review?wait=1"))?;
        ensure!(review.contains("launch-form") == sends, "{role}: {review}");
        ensure!(review.contains("Who may send") != sends, "{role}: {review}");
        let saved = member.post_form(&format!("{campaign}/audience"), &[("do", "add-group")])?;
        ensure!((saved.status == 403) != edits, "{role}: {saved:?}");
        if !sends {
            let sent = member.post_form(&format!("{campaign}/launch"), &borrowed(&fields))?;
            ensure!(sent.status == 403, "{role}: {sent:?}");
        }
    }
    ensure!(world.state(&campaign)? == "draft" && world.held()? == krw(0));
    let mut nobody = Browser::open(world.program.address())?;
    let page = nobody.post_form(&format!("{campaign}/launch"), &borrowed(&fields))?;
    ensure!(page.location().starts_with("/console/sign-in"), "{page:?}");
    // Whoever may neither write nor send still signs in and reads.
    ensure!(nobody.sign_in("analyst@hanok.example", PASSWORD).is_ok());
    Ok(())
}
