//! One seed's installation: a database, a broker, a messenger, two schedulers, two workers, brands.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use anyhow::Result;
use broker::InProcessBroker;
use directory::organisation::{AccountRequest, Directory};
use domain::audience::{Audience, AudienceLimit, Expression, LimitMethod};
use domain::campaign::{CampaignEvent, Purpose};
use domain::chunk::ChunkId;
use domain::id::{CampaignId, IdSource};
use domain::message::Rules;
use domain::money::{Currency, Money};
use domain::shortage::IfShort;
use domain::time::{Clock, Timestamp};
use scheduler::{Scheduler, SchedulerSettings};
use store::campaign::CampaignDraft;
use store::leader::LeaderEpoch;
use store::{Store, StoreConfig};
use testkit::books::Books;
use testkit::messenger::Messenger;
use testkit::{ManualClock, SeededIds};
use tokio::sync::Notify;
use worker::claim::Claim;
use worker::record::Pushed;
use worker::{Worker, WorkerSettings};

use crate::crash::Crash;
use crate::people::Brand;
use crate::ports::{Acknowledgements, CrashingBroker, CrashingConnector};
use crate::setting::{Dice, Setting};

const BEGINNING: Timestamp = Timestamp::from_millis(1_793_000_000_000);
const MESSAGES: &str = r#"[{"type":"text","text":"(광고) 가을 원두가 나왔어요"}]"#;
/// What one send to everybody costs, in won.
const PRICE: i64 = 15;
/// Where the second and third freeze range begin: behind `FIRST_RANGE_NUMBERS`, and behind a range
/// of small chunks.
const LEAPS_OF_NUMBERS: [u32; 2] = [10_000, 60_000];

pub struct World {
    pub setting: Setting,
    pub dice: Dice,
    pub crash: Crash,
    pub clock: Arc<ManualClock>,
    pub ids: Arc<SeededIds>,
    pub store: Store,
    pub books: Books,
    pub messenger: Arc<Messenger>,
    pub broker: Arc<InProcessBroker>,
    pub acknowledgements: Arc<Acknowledgements>,
    /// What the last worker's step wanted to record: chunks, each under its epoch.
    pub records: Vec<(ChunkId, u32)>,
    pub schedulers: Vec<SchedulerProcess>,
    pub workers: Vec<WorkerProcess>,
    pub brands: Vec<Brand>,
    pub campaigns: Vec<CampaignId>,
    pub step: u64,
    /// What happened, a line a step: printed with a failure.
    pub trace: Vec<String>,
    /// Removed when the world ends.
    _folder: tempfile::TempDir,
}

pub struct SchedulerProcess {
    pub scheduler: Scheduler,
    pub epoch: Option<LeaderEpoch>,
    /// Whether its last step made it the leader.
    pub took_the_lead: bool,
}

/// A worker, and what it holds between its steps: gone when it dies.
pub struct WorkerProcess {
    pub worker: Worker,
    pub claims: Vec<Claim>,
    pub pushed: Vec<Pushed>,
    pub recorded: Vec<Pushed>,
}

impl World {
    pub async fn of(seed: u64) -> Result<Self> {
        let mut dice = Dice::of(seed);
        let setting = Setting::draw(&mut dice);
        let folder = tempfile::Builder::new()
            .prefix("chingu-sim")
            .tempdir_in(fast_folder())?;
        let file = folder.path().join("chingu.db");
        let store = Store::open(&StoreConfig::fast(&file)).await?;
        let books = Books::open(&file).await?;
        let clock = Arc::new(ManualClock::at(BEGINNING));
        let messenger = Messenger::of(setting.capability.clone(), clock.clone(), seed);
        messenger.set_moods(setting.moods);
        let mut world = Self {
            dice,
            crash: Crash::install(),
            clock,
            ids: Arc::new(SeededIds::of(seed)),
            store,
            books,
            messenger: Arc::new(messenger),
            broker: Arc::new(InProcessBroker::default()),
            acknowledgements: Arc::default(),
            records: Vec::new(),
            schedulers: Vec::new(),
            workers: Vec::new(),
            brands: Vec::new(),
            campaigns: Vec::new(),
            step: 0,
            trace: vec![format!("{setting:?}")],
            setting,
            _folder: folder,
        };
        for _ in 0..2 {
            let (scheduler, worker) = (world.scheduler(), world.worker());
            world.schedulers.push(scheduler);
            world.workers.push(worker);
        }
        world.people(&file).await?;
        for _ in 0..world.setting.campaigns {
            world.draft().await?;
        }
        Ok(world)
    }

    /// A scheduler process as it starts.
    pub fn scheduler(&self) -> SchedulerProcess {
        let settings = SchedulerSettings {
            window_chunks_min: self.setting.window_chunks,
            places_per_worker: self.setting.window_chunks,
            ..SchedulerSettings::default()
        };
        let scheduler = Scheduler {
            id: (&*self.ids as &dyn IdSource).next(),
            store: self.store.clone(),
            broker: Arc::new(self.port()),
            connector: Arc::new(self.connector()),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            settings,
            rules: Rules::default(),
            wake: Arc::new(Notify::new()),
            dispatcher: Default::default(),
        };
        SchedulerProcess {
            scheduler,
            epoch: None,
            took_the_lead: false,
        }
    }

    /// A worker process as it starts.
    pub fn worker(&self) -> WorkerProcess {
        let worker = Worker {
            id: (&*self.ids as &dyn IdSource).next(),
            store: self.store.clone(),
            broker: Arc::new(self.port()),
            connector: Arc::new(self.connector()),
            clock: self.clock.clone(),
            settings: WorkerSettings::default(),
            recorded: Arc::new(Notify::new()),
            facts: Default::default(),
        };
        WorkerProcess {
            worker,
            claims: Vec::new(),
            pushed: Vec::new(),
            recorded: Vec::new(),
        }
    }

    pub fn note(&mut self, words: impl FnOnce() -> String) {
        let at = self.clock.now().since(BEGINNING);
        let line = format!("{:>4} {:>10} ms  {}", self.step, at.as_millis(), words());
        self.trace.push(line);
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Time passes, and what is on its way to the messenger arrives in its time.
    pub fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.messenger.arrive_by(self.clock.now());
    }

    fn port(&self) -> CrashingBroker {
        CrashingBroker {
            inner: self.broker.clone(),
            refuses_every: self.setting.broker_refuses_every,
            published: AtomicU32::new(0),
            acknowledgements: self.acknowledgements.clone(),
        }
    }

    fn connector(&self) -> CrashingConnector {
        CrashingConnector {
            inner: self.messenger.clone(),
        }
    }

    async fn people(&mut self, path: &std::path::Path) -> Result<()> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let directory = Directory::of(self.store.clone(), clock, self.ids.clone());
        for number in 0..2 {
            let business = directory
                .add_business("Hanok Coffee", Currency::Krw)
                .await?;
            let handle = format!("@hanok{number}");
            let request = AccountRequest {
                handle: &handle,
                display_name: "Hanok Coffee",
                icon_url: None,
                time_zone: "Asia/Seoul",
                rate_per_second: None,
            };
            let account = directory.add_account(business.id, &request).await?;
            self.brands
                .push(Brand::of(business.id, &account, self.now())?);
        }
        let leaps = match self.setting.sparse {
            true => &LEAPS_OF_NUMBERS[..],
            false => &[],
        };
        let per_leap = self.setting.friends / (leaps.len() as u64 + 1) + 1;
        let mut first = 0;
        for leap in std::iter::once(&0).chain(leaps) {
            if *leap > 0 {
                Books::skip_user_numbers(path, *leap).await?;
            }
            for brand in 0..self.brands.len() {
                let members = first..first + per_leap;
                self.befriend(brand, members).await?;
            }
            first += per_leap;
        }
        for brand in 0..self.brands.len() {
            self.top_up(brand).await?;
        }
        Ok(())
    }

    /// Money for one campaign to everybody, sometimes not quite.
    pub async fn top_up(&mut self, brand: usize) -> Result<()> {
        let sends = self.setting.friends as i64 * self.dice.pick(&[1, 2, 4]);
        let amount = Money::whole(PRICE * sends, Currency::Krw);

        let business = self.brands[brand].business;
        let (now, ids) = (self.now(), self.ids.clone());
        let reference = format!("payment-{brand}-{}", self.step);
        billing::top_up(&self.store, business, amount, &reference, now, ids.as_ref()).await?;
        Ok(())
    }

    /// A campaign that is ready to be launched, or set for a time.
    pub async fn draft(&mut self) -> Result<()> {
        let brand = self.dice.index(self.brands.len());
        let (business, account) = (
            self.brands[brand].business,
            self.brands[brand].friends.account,
        );
        let purpose =
            self.dice
                .pick(&[Purpose::Promotion, Purpose::Promotion, Purpose::Information]);
        let limit = self.dice.per_mille(120).then(|| AudienceLimit {
            count: self.dice.between(1, self.setting.friends) as u32,
            method: LimitMethod::UserNumber,
        });
        let audience = Audience {
            expression: Expression::All,
            limit,
        };
        let is_scheduled = self.dice.per_mille(250);
        let wait = Duration::from_secs(self.dice.pick(&[0, 1, 60]));
        let draft = CampaignDraft {
            id: (&*self.ids as &dyn IdSource).next(),
            business,
            account,
            name: "Autumn".to_owned(),
            purpose,
            messages: MESSAGES.to_owned(),
            audience: audience.to_json(),
            schedule: r#"{"now":true}"#.to_owned(),
            scheduled_for: is_scheduled.then(|| self.now() + wait),
            rate_per_second: self.dice.pick(&[None, Some(40), Some(60), Some(100)]),
            lifetime_seconds: self.dice.pick(&[60, 3_600, 3_600, 86_400, 864_000]),
            if_short: IfShort::DoNotStart,
            created_at: self.now(),
        };
        let mut write = self.store.write().await?;
        write.insert_campaign(&draft).await?;
        let campaign = write.campaign(draft.id).await?;
        write
            .move_campaign(&campaign, CampaignEvent::Approve)
            .await?;
        if is_scheduled {
            let campaign = write.campaign(draft.id).await?;
            write
                .move_campaign(&campaign, CampaignEvent::Schedule)
                .await?;
        }
        write.commit().await?;
        self.campaigns.push(draft.id);
        Ok(())
    }
}

/// Memory where there is some to write files to.
fn fast_folder() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    match memory.is_dir() {
        true => memory,
        false => std::env::temp_dir(),
    }
}
