//! The demo of a first start: a Korean shop with friends, money, two broadcasts behind it, one
//! ahead and one half written, so that no page is empty.
//!
//! Nothing of it is made up in tables: friends come in as facts with their dates, campaigns run
//! through the product's own scheduler and worker to the sandbox, under a clock that stands in the
//! past, and what friends did with them is told event by event. Every invariant holds for it as
//! for anybody's data.
//!
//! It is built in a folder of its own and moved into place at the end: killed in the middle, the
//! next start begins again.

mod people; // who the friends are
mod campaigns; // what the shop sends
mod history; // the past, and the actors that run in it
mod aftermath; // what friends did with it

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use directory::{
    AccountRequest, CampaignRequest, Directory, Picture, Role as MemberRole, SignIn, friends,
};
use domain::campaign::Purpose;
use domain::id::{IdSource, MemberId};
use domain::message::Rules;
use domain::money::{Currency, Money};
use domain::schedule::{Schedule, WallTime};
use domain::shortage::IfShort;
use domain::time::{Clock, Timestamp, local_to_instant, zone};
use store::directory::Account;
use store::draft::Part;
use store::sandbox::AcceptLog;
use store::{Store, StoreConfig};

use crate::config::{Config, Role};
use crate::machine::{SystemIds, SystemSecrets};
use crate::platform;
use crate::progress;
use aftermath::Aftermath;
use campaigns::{
    DRAFT_NAME, PAST, PICTURE, PREVIEW, Past, QUILT, QUILT_NAME, SCHEDULED, SCHEDULED_NAME,
};
use history::{History, HistoryClock};
use people::Person;

pub const EMAIL: &str = "jiwoo@hanok.example";
/// Known to everybody, so the demo exists only where nobody else can connect.
pub const PASSWORD: &str = "hanok-demo";
/// Who runs the installation, beside the shop; as well known.
pub const OPERATOR_EMAIL: &str = "operator@chingu.example";
pub const OPERATOR_PASSWORD: &str = "operator-demo";
const HANDLE: &str = "@hanok";
const ZONE: &str = "Asia/Seoul";
const FOLDER: &str = ".demo";
const DATABASE: &str = "chingu.db";
const SANDBOX: &str = "sandbox.db";
const IDENTITY: &str = "chingu.cluster";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LIFETIME_SECONDS: u32 = 24 * 60 * 60;
const WORDING_TEXT: &str = "한옥마켓이 새 상품과 할인 소식을 메시지로 보내는 데 동의합니다. 언제든지 \
    대화방의 '광고 수신거부'로 그만 받을 수 있습니다.";

/// Makes the demo where this is a first start that wants one; whether there is one now.
pub async fn make_where_wanted(
    config: &Config,
    address: SocketAddr,
    is_loopback: bool,
) -> anyhow::Result<bool> {
    if config.store.database_url.is_some() {
        return Ok(false);
    }
    let folder = config.data().join(FOLDER);
    if folder.exists() && config.database_file().exists() {
        // Killed between the last move and its end.
        std::fs::remove_dir_all(&folder)?;
    }
    let is_fresh = !config.database_file().exists() && !config.sandbox_file().exists();
    let is_half_made = folder.exists() && !config.database_file().exists();
    let has = |role| config.roles().contains(&role);
    let has_everything = has(Role::Console) && has(Role::Scheduler) && has(Role::Sandbox);
    if config.server.no_demo || !is_loopback || !has_everything || !(is_fresh || is_half_made) {
        return Ok(false);
    }
    let waiting = progress::wait("making the demo: a shop with friends, money and two broadcasts");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder).context("the demo's folder")?;
    let public_url = platform::public_url(config, address);
    let made = build(&folder, &public_url).await;
    waiting.finish_and_clear();
    made?;
    // With it, or the books would be taken for a copy: what is scheduled would stand still.
    std::fs::rename(folder.join(IDENTITY), config.data().join(IDENTITY))
        .context("what says where the demo's books are kept")?;
    // The platform's database last: where it is, there is nothing to make any more.
    platform::place_database(&folder.join(SANDBOX), &config.sandbox_file())?;
    platform::place_database(&folder.join(DATABASE), &config.database_file())?;
    std::fs::remove_dir_all(&folder)?;
    Ok(true)
}

/// Everything, in the order in which it would have happened.
async fn build(folder: &Path, public_url: &str) -> anyhow::Result<()> {
    let clock = Arc::new(HistoryClock::start());
    let ids: Arc<dyn IdSource> = Arc::new(SystemIds);
    let now = clock.now();
    let store = Store::open(&StoreConfig::durable(folder.join(DATABASE))).await?;
    let launches = PAST
        .iter()
        .map(|past| {
            let wall = wall_text(now, -i64::from(past.days_ago), past.at)?;
            Ok(local_to_instant(&wall, &zone(ZONE)?)?)
        })
        .collect::<anyhow::Result<Vec<Timestamp>>>()?;
    let everybody = people::people(now, &launches);
    let shop = Shop {
        store: store.clone(),
        directory: Directory::of(store.clone(), clock.clone(), ids.clone()),
        clock: clock.clone(),
        ids: ids.clone(),
        rules: platform::rules_at(public_url)?,
    };
    clock.stand_at(everybody[0].joined - DAY);
    let (account, owner) = shop.open().await?;
    let history = History::begin(&shop, &folder.join(SANDBOX)).await?;
    history
        .introduce(&account, people::WORDING, WORDING_TEXT, &everybody)
        .await?;
    let picture = shop.picture(&account, owner).await?;
    let mut aftermath = Aftermath::of(&shop, &account, &everybody)?;
    let (mut from, mut sent) = (None, Vec::new());
    for (past, at) in PAST.iter().zip(&launches) {
        clock.stand_at(*at);
        shop.befriend(&account, &everybody, from, *at).await?;
        aftermath.goings(from, *at).await?;
        let messages = with_picture(past, public_url, &picture);
        sent.push(history.broadcast(&shop, &account, past, &messages).await?);
        from = Some(*at);
    }
    clock.stand_at(now);
    shop.befriend(&account, &everybody, from, now).await?;
    aftermath.goings(from, now).await?;
    let log = AcceptLog::open(&folder.join(SANDBOX)).await?;
    for (past, campaign) in PAST.iter().zip(sent) {
        aftermath.receipts(past, campaign, &log).await?;
    }
    log.close().await;
    shop.schedule(&account).await?;
    shop.draft(&account, owner).await?;
    history.end().await?;
    store.close().await?;
    Ok(())
}

/// The messages of a broadcast with the addresses of the shop's picture in them.
fn with_picture(past: &Past, public_url: &str, picture: &Picture) -> String {
    let at = |path: &str| format!("{public_url}{path}");
    let whole = past.messages.replace(PICTURE, &at(&picture.path));
    whole.replace(PREVIEW, &at(&picture.preview_path))
}

/// The shop's own doings.
struct Shop {
    store: Store,
    directory: Directory,
    clock: Arc<HistoryClock>,
    ids: Arc<dyn IdSource>,
    /// What its messages may refer to.
    rules: Rules,
}

impl Shop {
    /// The business with its members, its account and its money; and an operator.
    async fn open(&self) -> anyhow::Result<(Account, MemberId)> {
        let business = self
            .directory
            .add_business("한옥라이프 주식회사", Currency::Krw)
            .await?;
        let account = AccountRequest {
            handle: HANDLE,
            display_name: "한옥마켓",
            icon_url: Some("/static/art/hanok.svg"),
            time_zone: ZONE,
            rate_per_second: None,
        };
        let account = self.directory.add_account(business.id, &account).await?;
        self.directory
            .add_wording(business.id, account.id, people::WORDING, WORDING_TEXT)
            .await?;
        let (store, clock, ids) = (self.store.clone(), self.clock.clone(), self.ids.clone());
        let sign_in = SignIn::of(store, clock, ids, Arc::new(SystemSecrets));
        let mut owner = None;
        for (email, name, role) in [
            (EMAIL, "이지우", MemberRole::Owner),
            ("seojun@hanok.example", "박서준", MemberRole::Composer),
            ("haneul@hanok.example", "김하늘", MemberRole::Finance),
        ] {
            let member = self.directory.add_member(business.id, email, name, role);
            let member = member.await?;
            owner.get_or_insert(member.id);
            sign_in
                .set_password(business.id, member.id, PASSWORD, None)
                .await?;
        }
        let operator = self.directory.add_operator(OPERATOR_EMAIL, "최유진", ZONE);
        let operator = operator.await?;
        sign_in
            .of_operators()
            .set_password(operator.id, OPERATOR_PASSWORD, None)
            .await?;
        let funds = Money::whole(1_000_000, Currency::Krw);
        let (now, ids) = (self.clock.now(), self.ids.as_ref());
        billing::top_up(&self.store, business.id, funds, "DEMO-1", now, ids).await?;
        Ok((account, owner.context("the shop's owner")?))
    }

    /// Uploads a picture, as the owner would.
    async fn picture(&self, account: &Account, owner: MemberId) -> anyhow::Result<Picture> {
        let (business, account) = (account.business, account.id);
        let (name, bytes) = (QUILT_NAME, QUILT.to_vec());
        let picture = self
            .directory
            .add_picture(business, account, Some(owner), name, bytes);
        Ok(picture.await?)
    }

    /// The one that is half written.
    async fn draft(&self, account: &Account, owner: MemberId) -> anyhow::Result<()> {
        let parts = [(Part::Message, campaigns::draft().to_json())];
        let (business, account) = (account.business, account.id);
        self.directory
            .begin_draft(business, account, owner, DRAFT_NAME, &parts)
            .await?;
        Ok(())
    }

    /// Takes in what happened to friends between two moments.
    async fn befriend(
        &self,
        account: &Account,
        everybody: &[Person],
        from: Option<Timestamp>,
        until: Timestamp,
    ) -> anyhow::Result<()> {
        let facts = everybody.iter().flat_map(|one| one.facts(from, until));
        let of = friends::FriendsOf::account(account, until)?;
        let mut write = self.store.write().await?;
        friends::apply(&mut write, self.ids.as_ref(), of, facts.collect(), until).await?;
        Ok(write.commit().await?)
    }

    /// Tomorrow's campaign.
    async fn schedule(&self, account: &Account) -> anyhow::Result<()> {
        let schedule = Schedule::At(WallTime::parse(
            &wall_text(self.clock.now(), 1, "11:00")?,
            ZONE,
        )?);
        let request = CampaignRequest {
            name: SCHEDULED_NAME,
            purpose: Purpose::Promotion,
            messages: SCHEDULED,
            audience: None,
            schedule: &schedule,
            rate_per_second: None,
            lifetime_seconds: LIFETIME_SECONDS,
            if_short: IfShort::default(),
        };
        self.directory
            .add_campaign(account.business, account.id, &request, &self.rules)
            .await?;
        Ok(())
    }
}

/// A time of day in Seoul, so many days from today there.
fn wall_text(now: Timestamp, days: i64, time: &str) -> anyhow::Result<String> {
    let here = jiff::Timestamp::from_millisecond(now.as_millis())?.to_zoned(zone(ZONE)?);
    let day = here.date().checked_add(jiff::Span::new().days(days))?;
    Ok(format!("{day} {time}"))
}
