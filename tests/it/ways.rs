//! Every way of sending goes through the same meter: under a book with one price for everything the
//! same friends cost the same, whichever way they were sent to, and whatever happened on it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::Browser;
use chingu_tests::draw::Draw;
use chingu_tests::engine::{self, Engine};
use chingu_tests::messenger;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::program::Program;
use chingu_tests::shell::{admin, reconcile, text};
use chingu_tests::table::Table;
use chingu_tests::verdict::violations;
use chingu_tests::wait;
use chingu_tests::world::{Brand, MESSAGES, WORDING, Wishes};
use domain::campaign::{Purpose, StandingOperation};
use domain::handle::Handle;
use domain::id::{CampaignId, IdSource, RequestId};
use domain::message::Rules;
use domain::user::UserKey;
use scheduler::standing::{ApiSender, Recipients, SendRequest};
use serde_json::{Value, json};
use store::Store;
use testkit::{ManualClock, SeededIds};
use tokio::sync::Notify;

use crate::beside::wall_time;
use crate::stage::{SOON, create, now, number, report, resum, wait_for_shown, wait_for_strikes};

/// Everybody gets every campaign.
const FRIENDS: u64 = 20;
/// Of every tariff, as a person writes it, and in micro-units of a won.
const PRICE: &str = "12.5";
const PRICE_MICRO: u64 = 12_500_000;
/// Slow enough to stop in the middle: four seconds for everybody, one friend in a chunk.
const RATE: u64 = 5;
const AHEAD: Duration = Duration::from_secs(3);
const COLUMNS: [&str; 6] = [
    "way",
    "attempted",
    "accepted",
    "recorded",
    "billed units",
    "billed",
];

#[test]
fn every_way_of_sending_bills_equally() {
    run().unwrap();
}

/// What one way came to, each figure by a witness of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Came {
    /// Recipients of all chunks, and whoever was left out.
    attempted: u64,
    /// Different people in the messenger's log.
    accepted: u64,
    /// As the platform has it.
    recorded: u64,
    /// Lines of the report that say they are billable at a price above zero.
    billed_units: u64,
    /// Their prices, added up by `tests/resum.py`.
    billed_micro: u64,
}

/// One installation, on which one way follows the other.
struct Ways {
    platform: Platform,
    program: Option<Program>,
    keys: Vec<UserKey>,
    ids: Arc<SeededIds>,
    table: Table,
    billed_micro: u64,
}

fn run() -> Result<()> {
    let mut ways = Ways::start()?;
    let before = ways.available()?;
    ways.broadcasts()?;
    ways.interrupted()?;
    ways.refused_at_first()?;
    ways.through_the_api()?;
    ways.draft_to_testers()?;
    if let Some(program) = ways.program.take() {
        // What it leased for requests and did not use goes back.
        program.stop()?;
    }
    ensure!(
        before - ways.available()? == ways.billed_micro,
        "the wallet paid something else than the table says"
    );
    let found = violations(&reconcile(&ways.brand().data)?)?;
    ensure!(found.is_empty(), "{found:?}");
    let (document, engine) = match engine::wanted() {
        Engine::Embedded => ("ways.md", "SQLite"),
        Engine::Production => ("ways-production.md", "PostgreSQL and RabbitMQ"),
    };
    ways.table.publish(
        document,
        "Every way of sending",
        &format!(
            "The same {FRIENDS} friends by every way of sending, on {engine}, under a price book \
             with one price of {PRICE} KRW for every tariff. Attempted and recorded are what the \
             platform says, accepted is counted in the messenger's own log, and what was billed is \
             added up out of the per-send reports by a program that shares no line with ours. \
             Afterwards the wallet is lighter by just that, and `chingu reconcile` finds nothing. \
             Written by `just ways`."
        ),
    )
}

impl Ways {
    fn start() -> Result<Self> {
        let mut draw = Draw::seeded("ways", 51);
        let mut keys = Vec::new();
        let make = |data: &Path| -> Result<Brand> {
            let mut brand = Brand::open(data, "@hanok")?;
            let csv = all_agree(FRIENDS, &mut draw);
            for line in csv.lines().skip(1) {
                let key = line.split(',').next().context("a key")?;
                keys.push(UserKey::parse(key)?);
            }
            let imported = brand.befriend("friends", csv.as_bytes())?;
            ensure!(imported["accepted"] == FRIENDS, "{imported}");
            (brand.friends, brand.reachable) = (FRIENDS, FRIENDS);
            Ok(brand)
        };
        let platform = Platform::with_brand(Place::Beside, &[], Times::default(), make)?;
        agree_on_one_price(&platform.brand)?;
        let program = Some(platform.recipe.clone().start()?);
        Ok(Self {
            platform,
            program,
            keys,
            ids: Arc::new(SeededIds::of(draw.seed)),
            table: Table::with_columns(&COLUMNS),
            billed_micro: 0,
        })
    }

    /// Nothing happens on the way.
    fn broadcasts(&mut self) -> Result<()> {
        let at_once = self.brand().campaign("now", Wishes::default())?;
        self.brand().launch(&at_once)?;
        self.closed("now", &at_once)?;

        let wall = wall_time("Asia/Seoul", AHEAD)?;
        let scheduled = create(self.brand(), "scheduled", &["--at", &wall])?;
        self.closed("scheduled", &scheduled)?;

        let narrow = Wishes {
            audience: Some(r#"{"expression":{"tag":"coffee"}}"#),
            ..Wishes::default()
        };
        let targeted = self.brand().campaign("targeted", narrow)?;
        self.brand().launch(&targeted)?;
        self.closed("by a condition", &targeted)?;

        let notice = create(self.brand(), "notice", &["--purpose", "information"])?;
        self.brand().launch(&notice)?;
        self.closed("as information", &notice)
    }

    /// A person, and a kill, in the middle.
    fn interrupted(&mut self) -> Result<()> {
        let paused = self.begun_slowly("paused")?;
        let data = self.brand().data.clone();
        admin(&data, &["campaign", "pause", &paused])?;
        let shown = self.brand().show(&paused)?;
        ensure!(shown["state"] == "paused", "missed: {shown}");
        admin(&data, &["campaign", "resume", &paused])?;
        self.closed("paused and resumed", &paused)?;

        let killed = self.begun_slowly("killed")?;
        let program = self.program.take().context("a program")?;
        let recipe = program.kill()?;
        let shown = self.brand().show(&killed)?;
        ensure!(shown["state"] == "running", "missed: {shown}");
        self.program = Some(recipe.start()?);
        self.closed("after kill -9", &killed)
    }

    /// The messenger takes nothing, and then it rejects half of the people for now.
    fn refused_at_first(&mut self) -> Result<()> {
        let refusing = "503=1,retry_after=100ms";
        self.platform.messenger.misbehave(&[refusing])?;
        let retried = self.brand().campaign("retried", Wishes::default())?;
        self.brand().launch(&retried)?;
        wait_for_strikes(&self.platform, "503", 1)?;
        self.platform.messenger.misbehave(&[])?;
        self.closed("after 503, not processed", &retried)?;

        let rejecting = "reject=0.5:rate_limited,unavailable";
        self.platform.messenger.misbehave(&[rejecting])?;
        let rounds = self.brand().campaign("rounds", Wishes::default())?;
        self.brand().launch(&rounds)?;
        wait_for_strikes(&self.platform, "reject", 1)?;
        self.platform.messenger.misbehave(&[])?;
        self.closed("in a next round", &rounds)?;
        let lines = std::fs::read_to_string(report(self.brand(), &rounds)?)?;
        let chunks = lines.lines().filter_map(|line| line.split(',').nth(2));
        let later = chunks.filter(|chunk| chunk.ends_with(".1")).count() as u64;
        ensure!(
            (1..FRIENDS).contains(&later),
            "{later} of a next round: {lines}"
        );
        Ok(())
    }

    /// On LINE's paths one at a time, all at once, everybody, and whom a condition names; and as
    /// answers to whoever wrote first, which are free.
    fn through_the_api(&mut self) -> Result<()> {
        let messages: Value = serde_json::from_str(MESSAGES)?;
        let people: Vec<&str> = self.keys.iter().map(UserKey::as_str).collect();
        let one = |key: &&str| json!({"to": key, "messages": messages});
        let one_by_one: Vec<Value> = people.iter().map(one).collect();
        let all = [json!({"to": people, "messages": messages})];
        let everybody = [json!({"messages": messages})];
        let pushes = self.asked("push", &one_by_one)?;
        self.captured("API push", &pushes, PRICE_MICRO)?;
        let multicast = self.asked("multicast", &all)?;
        self.captured("API multicast", &multicast, PRICE_MICRO)?;
        for broadcast in self.asked("broadcast", &everybody)? {
            self.closed("API broadcast", &broadcast)?;
        }
        let women = json!({"demographic": {"type": "gender", "oneOf": ["female"]}});
        let aimed = [json!({"messages": messages, "filter": women})];
        for narrowcast in self.asked("narrowcast", &aimed)? {
            self.closed("API narrowcast", &narrowcast)?;
        }
        let answers = self.accepted(StandingOperation::Reply, 1)?;
        self.captured("API reply (free)", &answers, 0)
    }

    /// Asks as a brand's program does; the campaigns that what was asked for belongs to.
    fn asked(&self, operation: &str, bodies: &[Value]) -> Result<BTreeSet<String>> {
        let (data, handle) = (&self.brand().data, &*self.brand().handle);
        let issued = admin(data, &["token", "issue", "--account", handle])?;
        let bearer = format!("Bearer {}", text(&issued, "token")?);
        let headers = [("authorization", &*bearer)];
        let program = self.program.as_ref().context("a program")?;
        let mut client = Browser::open(program.address())?;
        let path = format!("/v2/bot/message/{operation}");
        let mut requests = Vec::new();
        for body in bodies {
            let body = body.to_string().into_bytes();
            let page = client.post_body_with(&path, "application/json", body, &headers)?;
            let accepted = match operation {
                "narrowcast" => 202,
                _ => 200,
            };
            ensure!(page.status == accepted, "{page:?}");
            let id = RequestId::parse_uuid(page.header("x-line-request-id"));
            requests.push(id.context("an id of the request")?);
        }
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(self.campaigns_of(&requests))
    }

    async fn campaigns_of(&self, requests: &[RequestId]) -> Result<BTreeSet<String>> {
        let store = Store::open(&engine::database(&self.brand().data)).await?;
        let handle = Handle::parse(&self.brand().handle)?;
        let account = store.account_by_handle(&handle).await?;
        let account = account.context("the account")?;
        let mut campaigns = BTreeSet::new();
        for id in requests {
            let request = store.api_request(account.id, *id).await?;
            let request = request.context("a request that was accepted")?;
            campaigns.insert(request.campaign.to_string());
        }
        store.close().await?;
        Ok(campaigns)
    }

    /// What a draft says, to the same friends as its testers.
    fn draft_to_testers(&mut self) -> Result<()> {
        let (data, handle) = (self.brand().data.clone(), self.brand().handle.clone());
        for key in &self.keys {
            let add = ["tester", "add", "--account", &handle];
            admin(&data, &[&add[..], &["--friend", key.as_str()]].concat())?;
        }
        let draft = self.brand().campaign("tested", Wishes::default())?;
        let test = admin(&data, &["campaign", "test", &draft])?;
        ensure!(number(&test, "reachable")? == FRIENDS, "{test}");
        let test = text(&test, "id")?.to_owned();
        let what = "test send (free)";
        wait_for_shown(&self.platform, &test, what, |shown| {
            shown["state"] == "closed"
        })?;
        self.add(what, &[test].into(), 0)?;
        let shown = self.brand().show(&draft)?;
        ensure!(shown["state"] == "approved", "a test moved it: {shown}");
        ensure!(number(&shown, "accepted")? == 0, "{shown}");
        Ok(())
    }

    /// Launches a campaign that takes seconds; it has begun and is not at its end.
    fn begun_slowly(&self, name: &str) -> Result<String> {
        let slow = Wishes {
            rate: Some(RATE),
            ..Wishes::default()
        };
        let campaign = self.brand().campaign(name, slow)?;
        let before = self.platform.messenger.accepted()?;
        self.brand().launch(&campaign)?;
        self.platform.wait_for_accepted(before + 1, SOON)?;
        Ok(campaign)
    }

    /// Requests with so many recipients each, taken by a process of the API beside the program; the
    /// campaigns of the days they fell on.
    fn accepted(&self, operation: StandingOperation, each: usize) -> Result<BTreeSet<String>> {
        let runtime = tokio::runtime::Runtime::new()?;
        let campaigns = runtime.block_on(self.send(operation, each))?;
        Ok(campaigns.iter().map(ToString::to_string).collect())
    }

    async fn send(
        &self,
        operation: StandingOperation,
        each: usize,
    ) -> Result<BTreeSet<CampaignId>> {
        let store = Store::open(&engine::database(&self.brand().data)).await?;
        let handle = Handle::parse(&self.brand().handle)?;
        let account = store.account_by_handle(&handle).await?;
        let account = account.context("the account")?;
        let ids: Arc<dyn IdSource> = self.ids.clone();
        let sender = ApiSender {
            process: ids.next(),
            store: store.clone(),
            clock: Arc::new(ManualClock::at(now())),
            ids,
            connector_rate: None,
            wake: Arc::new(Notify::new()),
        };
        let messages = domain::message::parse(MESSAGES, &Rules::default());
        let messages = messages.map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
        let mut campaigns = BTreeSet::new();
        for recipients in self.keys.chunks(each) {
            let request = SendRequest {
                id: sender.ids.next(),
                business: account.business,
                account: account.id,
                operation,
                purpose: Purpose::Promotion,
                messages: &messages,
                notification_disabled: false,
                recipients: Recipients::Keys(recipients),
                all_known: false,
                retry_key: None,
                unit: None,
                answer: None,
                reply_token: None,
            };
            let accepted = sender.send(&request).await?.request;
            ensure!(accepted.recipients as usize == recipients.len());
            campaigns.insert(accepted.campaign);
        }
        // What was not used goes back to the wallet.
        sender.end_blocks().await?;
        store.close().await?;
        Ok(campaigns)
    }

    /// A line of the table for a campaign, once it is closed.
    fn closed(&mut self, way: &str, campaign: &str) -> Result<()> {
        wait_for_shown(&self.platform, campaign, way, |shown| {
            shown["state"] == "closed"
        })?;
        self.add(way, &[campaign.to_owned()].into(), PRICE_MICRO)
    }

    /// The same for a day of API sending, which goes on, once everything is recorded and captured.
    fn captured(
        &mut self,
        way: &str,
        campaigns: &BTreeSet<String>,
        price_micro: u64,
    ) -> Result<()> {
        for campaign in campaigns {
            let is_recorded = |shown: &serde_json::Value| {
                let of = |field: &str| shown[field].as_u64().unwrap_or(u64::MAX);
                let paid = of("captured_micro") == of("accepted") * price_micro;
                of("pending") == 0 && of("accepted") > 0 && paid
            };
            wait_for_shown(&self.platform, campaign, way, is_recorded)?;
            // What costs nothing is captured as well, and nobody sees it in the wallet.
            let is_captured = |summed: &serde_json::Value| summed["uncaptured"] == 0;
            let look = || resum(self.brand(), campaign);
            wait::until_state("everything is captured", SOON, look, is_captured)?;
        }
        self.add(way, campaigns, price_micro)
    }

    fn add(&mut self, way: &str, campaigns: &BTreeSet<String>, price_micro: u64) -> Result<()> {
        let mut came = Came::default();
        for campaign in campaigns {
            came.add(&self.came(campaign)?);
        }
        let billed_units = match price_micro {
            0 => 0,
            _ => FRIENDS,
        };
        let expected = Came {
            attempted: FRIENDS,
            accepted: FRIENDS,
            recorded: FRIENDS,
            billed_units,
            billed_micro: FRIENDS * price_micro,
        };
        ensure!(came == expected, "{way}: {came:?} is not {expected:?}");
        self.billed_micro += came.billed_micro;
        self.table.add(came.cells(way));
        Ok(())
    }

    fn came(&self, campaign: &str) -> Result<Came> {
        let shown = self.brand().show(campaign)?;
        let outcomes = [
            "pending",
            "accepted",
            "failed",
            "excluded",
            "uncertain",
            "cancelled",
            "left_out",
        ];
        let mut attempted = 0;
        for outcome in outcomes {
            attempted += number(&shown, outcome)?;
        }
        let counted = messenger::count(&self.platform.messenger.log()?, campaign);
        ensure!(counted.duplicates == 0, "{counted:?}");
        let summed = resum(self.brand(), campaign)?;
        ensure!(summed["error_count"] == 0, "{summed}");
        ensure!(summed["uncaptured"] == 0, "{summed}");
        let billed_micro = number(&summed, "billed_micro")?;
        // A day of API sending goes on, and holds what its next sends cost.
        let is_at_rest = shown["state"] != "closed" || number(&shown, "open_micro")? == 0;
        ensure!(
            number(&shown, "captured_micro")? == billed_micro && is_at_rest,
            "{shown} is not {summed}"
        );
        let found = violations(&reconcile(&self.brand().data)?)?;
        ensure!(found.is_empty(), "{found:?}");
        Ok(Came {
            attempted,
            accepted: counted.people,
            recorded: number(&shown, "accepted")?,
            billed_units: number(&summed, "charged")?,
            billed_micro,
        })
    }

    fn brand(&self) -> &Brand {
        &self.platform.brand
    }

    /// What the wallet has, in micro-units: one payment is told again and booked once.
    fn available(&self) -> Result<u64> {
        number(&self.brand().top_up("1", "one-won")?, "available_micro")
    }
}

impl Came {
    fn add(&mut self, other: &Self) {
        self.attempted += other.attempted;
        self.accepted += other.accepted;
        self.recorded += other.recorded;
        self.billed_units += other.billed_units;
        self.billed_micro += other.billed_micro;
    }

    fn cells(&self, way: &str) -> Vec<String> {
        vec![
            way.to_owned(),
            self.attempted.to_string(),
            self.accepted.to_string(),
            self.recorded.to_string(),
            self.billed_units.to_string(),
            format!("{} KRW", self.billed_micro / 1_000_000),
        ]
    }
}

/// One book in which every tariff costs the same, for this brand.
fn agree_on_one_price(brand: &Brand) -> Result<()> {
    let tariffs = ["untargeted", "targeted", "api_push", "information"];
    let prices = tariffs.map(|tariff| format!("{tariff}={PRICE}"));
    let mut publish = vec!["prices", "publish", "--book", "one-price"];
    publish.extend(prices.iter().flat_map(|price| ["--price", price]));
    admin(&brand.data, &publish)?;
    let agree = ["contract", "agree", "--business", &brand.business];
    admin(
        &brand.data,
        &[&agree[..], &["--book", "one-price"]].concat(),
    )?;
    Ok(())
}

/// A file of friends who all agreed to everything, at night, too.
pub fn all_agree(friends: u64, draw: &mut Draw) -> String {
    let mut csv = String::from(
        "user_key,display_name,language,country,region,gender,birth_year,time_zone,friend_since,\
         source,tags,ad_consent,ad_consent_at,consent_wording,night_consent\n",
    );
    for number in 0..friends {
        let key = u128::from_be_bytes(draw.bytes());
        csv.push_str(&format!(
            "U{key:032x},친구 {number},ko,KR,서울,female,1990,Asia/Seoul,\
             2025-02-01T09:00:00+09:00,qr_store,coffee,yes,2025-03-04 10:00:00,{WORDING},yes\n"
        ));
    }
    csv
}
