//! Narrowcasts through LINE's paths: just those get it whom the conditions name, an earlier one can
//! be aimed at, what friends do is in the figures of a unit, and the books close.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::{Browser, Page};
use chingu_tests::draw::Draw;
use chingu_tests::engine;
use chingu_tests::messenger::Accepted;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::{admin, reconcile, text};
use chingu_tests::verdict::violations;
use chingu_tests::wait;
use domain::handle::Handle;
use domain::id::{BusinessId, CampaignId, RequestId};
use domain::time::{LocalDay, zone};
use serde_json::{Value, json};
use store::Store;
use store::receipt::CampaignLink;
use tokio::runtime::Runtime;

use crate::crowd::{Person, brand_of, crowd};
use crate::stage::{SOON, now, tell, wait_for_shown};

const PEOPLE: u64 = 120;
const NARROWCAST: &str = "/v2/bot/message/narrowcast";

#[test]
fn narrowcasts_reach_whom_they_name() {
    run().unwrap();
}

/// A program of the brand.
struct Asking<'a> {
    platform: &'a Platform,
    address: SocketAddr,
    client: Browser,
    bearer: String,
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("narrowcast", 67);
    let people = crowd(PEOPLE, &mut draw);
    let platform = Platform::with_brand(Place::Beside, &[], Times::default(), |data| {
        brand_of(&people, data, "@hanok")
    })?;
    let program = platform.recipe.clone().start()?;
    let (data, handle) = (&platform.brand.data, &*platform.brand.handle);
    let issued = admin(data, &["token", "issue", "--account", handle])?;
    let mut asking = Asking {
        platform: &platform,
        address: program.address(),
        client: Browser::open(program.address())?,
        bearer: format!("Bearer {}", text(&issued, "token")?),
    };
    conditions_and_redelivery(&mut asking, &people)?;
    to_an_audience(&mut asking, &people)?;
    limits(&mut asking, &people)?;
    figures_of_a_unit(&mut asking, &people)?;
    program.stop()?;
    let found = violations(&reconcile(&platform.brand.data)?)?;
    ensure!(found.is_empty(), "{found:?}");
    Ok(())
}

fn conditions_and_redelivery(asking: &mut Asking<'_>, people: &[Person]) -> Result<()> {
    // Women who become 30 this year or later have become so.
    let this_year = u64::from(LocalDay::of(now(), &zone("Asia/Seoul")?).year());
    let is_meant = |person: &Person| {
        person.gender == "female" && person.birth_year <= this_year - 30 && person.agreed
    };
    let expected = keys(people, is_meant);
    ensure!(expected.len() > 5, "{expected:?}");
    let filter = json!({"demographic": {"type": "operator", "and": [
        {"type": "gender", "oneOf": ["female"]}, {"type": "age", "gte": "age_30"}]}});
    let body = json!({"messages": messages("(광고) 서른부터"), "filter": filter});
    let first = asking.accepted(NARROWCAST, &body, 202)?;
    let progress = asking.end_of(&first)?;
    let count = expected.len();
    ensure!(progress["phase"] == "succeeded", "{progress}");
    for field in ["successCount", "targetCount"] {
        ensure!(progress[field] == count, "{field}: {progress}");
    }
    ensure!(progress["failureCount"] == 0, "{progress}");
    ensure!(progress["completedTime"].is_string(), "{progress}");
    ensure!(asking.reached(&first)? == expected, "others got it");

    // The same people again, and everybody else.
    let again = json!({"type": "redelivery", "requestId": first});
    let body = json!({"messages": messages("(광고) 다시"), "recipient": again});
    let second = asking.accepted(NARROWCAST, &body, 202)?;
    asking.end_of(&second)?;
    ensure!(asking.reached(&second)? == expected, "others got it again");
    let others = json!({"type": "operator", "not": again});
    let body = json!({"messages": messages("(광고) 나머지"), "recipient": others});
    let third = asking.accepted(NARROWCAST, &body, 202)?;
    asking.end_of(&third)?;
    let rest = keys(people, |person| person.agreed && !is_meant(person));
    ensure!(asking.reached(&third)? == rest, "not just the rest got it");

    // What phones run is known of nobody, so there is nobody to send to.
    let filter = json!({"demographic": {"type": "appType", "oneOf": ["ios"]}});
    let body = json!({"messages": messages("(광고) iOS"), "filter": filter});
    let nobody = asking.accepted(NARROWCAST, &body, 202)?;
    let progress = asking.end_of(&nobody)?;
    let told = (&progress["phase"], &progress["errorCode"]);
    ensure!(told == (&json!("failed"), &json!(2)), "{progress}");
    Ok(())
}

/// To uploaded ids, less those whom a condition leaves out.
fn to_an_audience(asking: &mut Asking<'_>, people: &[Person]) -> Result<()> {
    // Some of the ids are friends who never agreed.
    let uploaded = keys(people, |person| person.key.starts_with('U'));
    let ids: Vec<Value> = uploaded.iter().map(|key| json!({ "id": key })).collect();
    let body = json!({"description": "with short keys", "audiences": ids});
    let made = asking.asked("/v2/bot/audienceGroup/upload", &body, 202)?;
    let made: Value = serde_json::from_str(&made.body)?;
    let group = &made["audienceGroupId"];
    let path = format!("/v2/bot/audienceGroup/{group}");
    let is_ready = |found: &Value| found["audienceGroup"]["status"] == "READY";
    wait::until_state(
        "the audience is ready",
        SOON,
        || asking.got(&path),
        is_ready,
    )?;
    let audience = json!({"type": "audience", "audienceGroupId": group});
    let men = json!({"type": "gender", "oneOf": ["male"]});
    let body = json!({"messages": messages("(광고) 올린 분들"), "recipient": audience,
        "filter": {"demographic": {"type": "operator", "not": men}}});
    let request = asking.accepted(NARROWCAST, &body, 202)?;
    asking.end_of(&request)?;
    let expected = keys(people, |person| {
        person.agreed && person.key.starts_with('U') && person.gender != "male"
    });
    ensure!(!expected.is_empty(), "nobody is meant");
    ensure!(asking.reached(&request)? == expected, "others got it");
    Ok(())
}

fn limits(asking: &mut Asking<'_>, people: &[Person]) -> Result<()> {
    let body = |limit: Value| json!({"messages": messages("(광고) 몇 분께"), "limit": limit});
    let some = asking.accepted(NARROWCAST, &body(json!({"max": 7})), 202)?;
    let progress = asking.end_of(&some)?;
    ensure!(progress["targetCount"] == 7, "{progress}");
    let reached = asking.reached(&some)?;
    let agreed = keys(people, |person| person.agreed);
    ensure!(
        reached.len() == 7 && reached.is_subset(&agreed),
        "{reached:?}"
    );
    let whole = json!({"max": 7, "upToRemainingQuota": true, "forbidPartialDelivery": true});
    let nobody = asking.accepted(NARROWCAST, &body(whole), 202)?;
    let progress = asking.end_of(&nobody)?;
    let told = (&progress["phase"], &progress["errorCode"]);
    ensure!(told == (&json!("failed"), &json!(5)), "{progress}");
    ensure!(asking.reached(&nobody)?.is_empty(), "somebody got it");
    let campaign = asking.campaign(&nobody)?.to_string();
    let shown = asking.platform.brand.show(&campaign)?;
    ensure!(shown["state"] == "launch_failed", "{shown}");
    Ok(())
}

fn figures_of_a_unit(asking: &mut Asking<'_>, people: &[Person]) -> Result<()> {
    let is_named = |person: &Person| person.agreed && person.key.starts_with('U');
    let to: Vec<String> = keys(people, is_named).into_iter().take(9).collect();
    let multicast = "/v2/bot/message/multicast";
    let body = json!({"to": to, "messages": messages("(광고) 봄"),
        "customAggregationUnits": ["spring"]});
    let named = asking.accepted(multicast, &body, 200)?;
    let campaign = asking.campaign(&named)?;
    let id = campaign.to_string();
    wait_for_shown(asking.platform, &id, "one is recorded", |shown| {
        shown["accepted"] == to.len()
    })?;
    let log = asking.log_of(&id)?;
    ensure!(log.len() == to.len(), "{log:?}");
    // To the same people on the same day, under no unit.
    let body = json!({"to": to, "messages": messages("(광고) 봄 아님")});
    let unnamed = asking.accepted(multicast, &body, 200)?;
    ensure!(
        campaign == asking.campaign(&unnamed)?,
        "one day, one campaign"
    );
    wait_for_shown(asking.platform, &id, "both are recorded", |shown| {
        shown["accepted"] == 2 * to.len()
    })?;
    let links = asking.links(campaign)?;
    ensure!(links.len() == 2, "a link of each request: {links:?}");
    // Everybody opens both; two people click in the first, one of them twice.
    let everything = asking.log_of(&id)?;
    let opened = everything.iter();
    let opened: Vec<Value> = opened
        .map(|one| asking.event("message.opened", "1", one))
        .collect();
    let mut clicks = Vec::new();
    for (one, time) in [(&log[0], "1"), (&log[0], "2"), (&log[1], "1")] {
        let mut click = asking.event("link.clicked", time, one);
        click["link"] = json!(links[0].id.to_string());
        clicks.push(click);
    }
    for events in [opened, clicks] {
        let answer = tell(asking.address, &events)?;
        ensure!(answer["accepted"] == events.len(), "{answer}");
    }
    let today = LocalDay::of(now(), &zone("Asia/Seoul")?).to_string();
    let today = today.replace('-', "");
    let path = "/v2/bot/insight/message/event/aggregation?customAggregationUnit";
    let figures = asking.got(&format!("{path}=spring&from={today}&to={today}"))?;
    let overview = &figures["overview"];
    let count = to.len();
    ensure!(overview["uniqueImpression"] == count, "{figures}");
    ensure!(overview["uniqueClick"] == 2, "{figures}");
    let message = &figures["messages"][0];
    ensure!(message["impression"] == count, "{figures}");
    ensure!(message["uniqueImpression"] == count, "{figures}");
    let [click] = &figures["clicks"].as_array().context("clicks")?[..] else {
        anyhow::bail!("one link: {figures}")
    };
    let told = (&click["click"], &click["uniqueClick"], &click["seq"]);
    ensure!(told == (&json!(3), &json!(2), &json!(1)), "{figures}");
    Ok(())
}

fn messages(words: &str) -> Value {
    json!([{"type": "template", "altText": words, "template": {"type": "buttons",
        "text": words, "actions": [{"type": "uri", "label": "보기",
            "uri": "https://hanok.example/spring"}]}}])
}

fn keys(people: &[Person], is_meant: impl Fn(&Person) -> bool) -> BTreeSet<String> {
    let meant = people.iter().filter(|person| is_meant(person));
    meant.map(|person| person.key.clone()).collect()
}

impl Asking<'_> {
    /// Asks, and expects that it is accepted; the id of the request.
    fn accepted(&mut self, path: &str, body: &Value, status: u16) -> Result<String> {
        let page = self.asked(path, body, status)?;
        Ok(page.header("x-line-request-id").to_owned())
    }

    fn asked(&mut self, path: &str, body: &Value, status: u16) -> Result<Page> {
        let headers = [("authorization", &*self.bearer)];
        let body = body.to_string().into_bytes();
        let page = self
            .client
            .post_body_with(path, "application/json", body, &headers)?;
        ensure!(page.status == status, "{page:?}");
        Ok(page)
    }

    fn got(&mut self, path: &str) -> Result<Value> {
        let headers = [("authorization", &*self.bearer)];
        let page: Page = self.client.get_with(path, &headers)?;
        ensure!(page.status == 200, "{page:?}");
        serde_json::from_str(&page.body).context("an answer in JSON")
    }

    /// What somebody did with a push.
    fn event(&self, kind: &str, time: &str, one: &Accepted) -> Value {
        json!({"id": format!("{kind}-{time}-{}-{}", one.push_key, one.user_key),
            "type": kind, "at": now().to_string(), "account": self.platform.brand.handle,
            "user": one.user_key, "pushKey": one.push_key, "message": 0})
    }

    /// Waits until a narrowcast is over.
    fn end_of(&mut self, request: &str) -> Result<Value> {
        let path = format!("/v2/bot/message/progress/narrowcast?requestId={request}");
        let is_over = |progress: &Value| {
            let phase = progress["phase"].as_str();
            phase.is_some_and(|phase| phase == "succeeded" || phase == "failed")
        };
        let over = wait::until_state("a narrowcast is over", SOON, || self.got(&path), is_over);
        over.map_err(|error| error.context(self.platform.recipe.log_end()))
    }

    /// Whom a request's campaign reached, as the messenger has it; each once.
    fn reached(&self, request: &str) -> Result<BTreeSet<String>> {
        let campaign = self.campaign(request)?.to_string();
        let log = self.log_of(&campaign)?;
        let reached: BTreeSet<String> = log.iter().map(|one| one.user_key.clone()).collect();
        ensure!(reached.len() == log.len(), "somebody got it twice: {log:?}");
        Ok(reached)
    }

    fn log_of(&self, campaign: &str) -> Result<Vec<Accepted>> {
        let mut log = self.platform.messenger.log()?;
        log.retain(|one| one.campaign == campaign);
        Ok(log)
    }

    fn campaign(&self, request: &str) -> Result<CampaignId> {
        let brand = &self.platform.brand;
        Runtime::new()?.block_on(async {
            let store = Store::open(&engine::database(&brand.data)).await?;
            let handle = Handle::parse(&brand.handle)?;
            let account = store
                .account_by_handle(&handle)
                .await?
                .context("the account")?;
            let request = RequestId::parse_uuid(request).context("an id")?;
            let found = store.api_request(account.id, request).await?;
            store.close().await?;
            Ok(found.context("a request that was accepted")?.campaign)
        })
    }

    fn links(&self, campaign: CampaignId) -> Result<Vec<CampaignLink>> {
        let brand = &self.platform.brand;
        let business: BusinessId = brand.business.parse()?;
        Runtime::new()?.block_on(async {
            let store = Store::open(&engine::database(&brand.data)).await?;
            let links = store.links_of_campaign(business, campaign).await?;
            store.close().await?;
            Ok(links)
        })
    }
}
