//! A message with the friend's name: everybody reads their own, in whichever round it comes.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::Browser;
use chingu_tests::draw::Draw;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::{admin, text};
use chingu_tests::world::WORDING;

use crate::stage::end_of;

/// Of the brand's own making; their names say nothing of them.
const OTHERS: u64 = 40;
const NAMED: u128 = 20;
/// Many are tried again, hardly anybody six times.
const FAULTS: [&str; 1] = ["reject=0.2:unavailable"];
const MESSAGES: &str =
    r#"[{"type":"text","text":"{{이름|고객}} 님, {{city|우리 동네}} 소식이에요"}]"#;

#[test]
fn everybody_reads_their_own_name() {
    run().unwrap();
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("personal", 1);
    let times = Times::default();
    let mut platform = Platform::create(Place::Inside, OTHERS, &FAULTS, times, &mut draw)?;
    let taken = platform.brand.befriend("named", named().as_bytes())?;
    ensure!(taken["rejected"] == 0, "{taken}");
    platform.brand.friends += NAMED as u64;
    platform.brand.reachable += NAMED as u64;
    let program = platform.recipe.clone().start()?;
    let create = [
        "campaign",
        "create",
        "--account",
        "@hanok",
        "--name",
        "이름",
    ];
    let said = ["--messages", MESSAGES];
    let created = admin(&platform.brand.data, &[&create[..], &said].concat())?;
    let campaign = text(&created, "id")?.to_owned();
    platform.brand.launch(&campaign)?;
    end_of(&platform, &platform.brand, &campaign)?;
    let mut browser = Browser::open(program.address())?;
    for number in 0..NAMED {
        let chat = browser.read(&format!("/messenger/{}/@hanok", key(number)))?;
        // A friend whose name is not known reads what stands behind the bar.
        let called = match number {
            0 => "고객".to_owned(),
            _ => format!("&#38;{number}번"),
        };
        let expected = format!("{called} 님, 우리 동네 소식이에요");
        let shown = chat.find(&expected).context(expected);
        shown.with_context(|| chat.clone())?;
    }
    program.stop()?;
    Ok(())
}

fn key(number: u128) -> String {
    format!("U{:032x}", 0xf_0000 + number)
}

fn named() -> String {
    let mut csv = String::from("user_key,display_name,ad_consent,ad_consent_at,consent_wording\n");
    for number in 0..NAMED {
        let name = match number {
            0 => String::new(),
            // What a page must not take for its own.
            _ => format!("&{number}번"),
        };
        let key = key(number);
        // Writing to a String cannot fail.
        let _ = writeln!(csv, "{key},{name},yes,2025-03-04 10:00:00,{WORDING}");
    }
    csv
}
