//! One campaign's trouble is its own: the others go on.

use domain::campaign::{CampaignState, Purpose};
use domain::id::CampaignId;
use domain::message::Rules;
use domain::schedule::Schedule;
use domain::shortage::IfShort;
use scheduler::launch::{LaunchContext, launch};
use testkit::database::Engine;

use crate::world::{World, krw, text};

testkit::on_both_engines![a_campaign_that_cannot_be_closed_is_in_nobody_elses_way];

async fn launched(world: &World, name: &str) -> CampaignId {
    let (store, clock, ids) = (&world.store, &world.clock, &world.ids);
    let directory = directory::Directory::of(store.clone(), clock.clone(), ids.clone());
    let messages = text(name).to_json();
    let request = directory::CampaignRequest {
        name,
        purpose: Purpose::Promotion,
        messages: &messages,
        audience: None,
        schedule: &Schedule::Now,
        rate_per_second: None,
        lifetime_seconds: 3_600,
        if_short: IfShort::default(),
    };
    let (business, account) = (world.account.business, world.account.id);
    let rules = Rules::default();
    let campaign = directory.add_campaign(business, account, &request, &rules);
    let id = campaign.await.unwrap().id;
    let context = LaunchContext {
        store,
        clock: clock.as_ref(),
        ids: world.ids(),
        rules: &rules,
        connector_rate: None,
    };
    launch(&context, id, Some(krw(1_000))).await.unwrap();
    id
}

async fn a_campaign_that_cannot_be_closed_is_in_nobody_elses_way(engine: Engine) {
    let world = World::with(engine, 3, 1_000).await;
    let broken = launched(&world, "first").await;
    let raw = world.raw().await;
    // What closing would write stands there already.
    raw.run(
        "INSERT INTO outcome_bitmap (campaign, outcome, count, bitmap)
         SELECT id, 1, 0, message_hash FROM campaign",
    )
    .await;
    let other = launched(&world, "second").await;
    world.steps(6).await;
    let state = async |id| world.store.campaign(id).await.unwrap().state;
    assert_eq!(state(broken).await, CampaignState::Closing);
    assert_eq!(state(other).await, CampaignState::Closed);
    // Mended, it goes its way as well.
    raw.run("DELETE FROM outcome_bitmap WHERE count = 0").await;
    raw.close().await;
    world.steps(1).await;
    assert_eq!(state(broken).await, CampaignState::Closed);
    world.expect_clean().await;
}
