//! A campaign that came another way than through the console's pages keeps what it is when it is
//! a draft again: nobody else gets it, at no other pace.

use anyhow::{Result, ensure};
use chingu_tests::console::borrowed;
use chingu_tests::world::Wishes;

use crate::draft_world::{CONSOLE, World, krw};

const VIP: &str = r#"{"expression":{"tag":"vip"}}"#;
/// Those with the tag who agreed to promotions.
const REACHED: &str = "data-people>20<";

#[test]
fn a_refused_launch_changes_nothing_of_what_would_be_sent() {
    refused().unwrap();
}

fn refused() -> Result<()> {
    let mut world = World::create()?;
    let wishes = Wishes {
        rate: Some(70),
        audience: Some(VIP),
    };
    let id = world.brand.campaign("Tea", wishes)?;
    let campaign = format!("{CONSOLE}/campaigns/{id}");
    let launch = format!("{campaign}/launch");
    let page = world.browser.post_form(&launch, &[("highest", "1")])?;
    ensure!(
        page.status == 409 && page.body.contains("price rose"),
        "{page:?}"
    );
    ensure!(world.state(&campaign)? == "draft" && world.held()? == krw(0));
    let review = world.browser.read(&format!("{campaign}/review?wait=1"))?;
    ensure!(review.contains(REACHED), "{review}");
    let audience = world.browser.read(&format!("{campaign}/audience"))?;
    ensure!(
        audience.contains(r#"name="g0.c0.value" value="vip" checked"#),
        "{audience}"
    );
    let schedule = world.browser.read(&format!("{campaign}/schedule"))?;
    ensure!(schedule.contains(r#"value="70""#), "{schedule}");
    let message = world.browser.read(&format!("{campaign}/message"))?;
    ensure!(
        message.contains(r#"data-item="cards[0]" data-kind="text""#),
        "{message}"
    );
    // Sent as it is, it reaches those it was written for.
    let fields = world.button(&campaign)?;
    let sent = world.browser.post_form(&launch, &borrowed(&fields))?;
    ensure!(sent.location() == format!("{campaign}/running"), "{sent:?}");
    let shown = world.brand.show(&id)?;
    ensure!(
        shown["quoted_micro"].as_i64() == fields[1].1.parse().ok(),
        "{shown}"
    );
    ensure!(shown["rate_per_second"] == 70, "{shown}");
    Ok(())
}
