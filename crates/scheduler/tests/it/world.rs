//! One business with an account, friends and money; scheduler and worker, one step at a time; and a
//! keyed messenger that remembers what it accepted, in order.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use broker::{Broker, InProcessBroker};
use connector::{Connector, Push};
use directory::{AccountRequest, Directory, Fact, FriendFact};
use domain::answer::{AskAnswer, CloseAnswer, PushAnswer, PushResults, UnknownReason};
use domain::campaign::{Purpose, StandingOperation};
use domain::capability::Capability;
use domain::chunk::ChunkId;
use domain::friend::{ConsentPurpose, ConsentSource};
use domain::id::{CampaignId, IdSource, WorkerId};
use domain::message::{Messages, Rules};
use domain::money::{Currency, Money};
use domain::push::PushKey;
use domain::time::Timestamp;
use domain::user::UserKey;
use gateway::FrozenBody;
use scheduler::standing::{Accepted, ApiSender, Recipients, SendRequest};
use scheduler::{Scheduler, SchedulerError, SchedulerSettings};
use store::Store;
use store::directory::Account;
use store::leader::LeaderEpoch;
use testkit::database::{Engine, TestDatabase};
use testkit::{ManualClock, SeededIds};
use tokio::sync::Notify;
use worker::record::Pushed;
use worker::{Worker, WorkerSettings};

/// How the messenger behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Processes,
    /// Processes, and the answer is lost.
    LosesAnswers,
    /// Refuses as malformed, with 400.
    Refuses,
}

/// What a push delivered: the text of its first message, to whom.
pub type Delivered = (String, Vec<String>);

pub struct Messenger {
    capability: Capability,
    pub mood: Mutex<Mood>,
    pub delivered: Mutex<Vec<Delivered>>,
    /// Pushes it was asked for, answered from its memory or not.
    pub requests: AtomicUsize,
    /// What was processed, and of which content.
    stored: Mutex<HashMap<PushKey, (PushResults, [u8; 32])>>,
}

pub struct World {
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub ids: Arc<SeededIds>,
    pub broker: Arc<InProcessBroker>,
    pub messenger: Arc<Messenger>,
    pub account: Account,
    pub friends: Vec<UserKey>,
    pub scheduler: Scheduler,
    worker: Worker,
    pub epoch: LeaderEpoch,
    database: TestDatabase,
}

pub fn krw(units: i64) -> Money {
    Money::whole(units, Currency::Krw)
}

pub fn text(words: &str) -> Messages {
    let json = format!(r#"[{{"type":"text","text":"{words}"}}]"#);
    domain::message::parse(&json, &Rules::default()).unwrap()
}

pub fn friend_key(index: u32) -> UserKey {
    UserKey::from_packed(u128::from(index).to_be_bytes())
}

/// A worker that shares everything with that scheduler but the process: its broker is its own.
pub fn worker_beside(scheduler: &Scheduler, broker: Arc<dyn Broker>) -> Worker {
    Worker {
        id: scheduler.ids.next(),
        store: scheduler.store.clone(),
        broker,
        connector: scheduler.connector.clone(),
        clock: scheduler.clock.clone(),
        settings: WorkerSettings::default(),
        recorded: scheduler.wake.clone(),
        facts: Default::default(),
    }
}

impl World {
    /// Noon in Seoul; `friends` with consent for promotion, `funds` KRW paid in.
    pub async fn with(engine: Engine, friends: u32, funds: i64) -> Self {
        let (store, database) = testkit::database::open(engine).await;
        let noon = Timestamp::parse_rfc3339("2026-11-22T12:00:00+09:00").unwrap();
        let clock = Arc::new(ManualClock::at(noon));
        let ids = Arc::new(SeededIds::of(1));
        let directory = Directory::of(store.clone(), clock.clone(), ids.clone());
        let business = directory.add_business("Cafe", Currency::Krw).await.unwrap();
        let request = AccountRequest {
            handle: "@cafe",
            display_name: "Cafe",
            icon_url: None,
            time_zone: "Asia/Seoul",
            rate_per_second: None,
        };
        let account = directory.add_account(business.id, &request).await.unwrap();
        let messenger = Arc::new(Messenger::keyed());
        let broker = Arc::new(InProcessBroker::default());
        let wake = Arc::new(Notify::new());
        let id: WorkerId = (ids.as_ref() as &dyn IdSource).next();
        let scheduler = Scheduler {
            id,
            store: store.clone(),
            broker: broker.clone(),
            connector: messenger.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            settings: SchedulerSettings::default(),
            rules: Rules::default(),
            wake,
            dispatcher: Mutex::default(),
        };
        let worker = worker_beside(&scheduler, broker.clone());
        let epoch = scheduler.lead(None).await.unwrap().unwrap();
        let mut world = Self {
            store,
            clock,
            ids,
            broker,
            messenger,
            account,
            friends: Vec::new(),
            scheduler,
            worker,
            epoch,
            database,
        };
        world.friends = world.befriend(1..=friends).await;
        if funds > 0 {
            let (business, now) = (world.account.business, noon);
            let paid = billing::top_up(&world.store, business, krw(funds), "r1", now, world.ids());
            paid.await.unwrap();
        }
        world
    }

    pub fn ids(&self) -> &dyn IdSource {
        self.ids.as_ref()
    }

    pub async fn befriend(&self, indices: impl Iterator<Item = u32>) -> Vec<UserKey> {
        let keys: Vec<UserKey> = indices.map(friend_key).collect();
        for key in &keys {
            let added = Fact::Added {
                source: None,
                profile: None,
            };
            self.tell(key, added).await;
            self.consent(key, true).await;
        }
        keys
    }

    pub async fn consent(&self, key: &UserKey, granted: bool) {
        let consent = Fact::Consent {
            purpose: ConsentPurpose::Promotion,
            granted,
            wording: None,
            source: ConsentSource::Event,
        };
        self.tell(key, consent).await;
    }

    pub async fn tell(&self, key: &UserKey, fact: Fact) {
        let now = self.scheduler.clock.now();
        let fact = FriendFact {
            user: key.clone(),
            at: now,
            fact,
        };
        let friends = directory::friends::FriendsOf::account(&self.account, now).unwrap();
        let mut write = self.store.write().await.unwrap();
        directory::friends::apply(&mut write, self.ids(), friends, vec![fact], now)
            .await
            .unwrap();
        write.commit().await.unwrap();
    }

    /// Another process that accepts requests: its own connections, its own blocks.
    pub async fn sender(&self) -> ApiSender {
        ApiSender {
            process: self.ids().next(),
            store: Store::open(&self.database.config()).await.unwrap(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            connector_rate: None,
            wake: self.scheduler.wake.clone(),
        }
    }

    pub fn request<'a>(
        &self,
        messages: &'a Messages,
        recipients: &'a [UserKey],
    ) -> SendRequest<'a> {
        SendRequest {
            id: self.ids().next(),
            business: self.account.business,
            account: self.account.id,
            operation: StandingOperation::Push,
            purpose: Purpose::Promotion,
            messages,
            notification_disabled: false,
            recipients: Recipients::Keys(recipients),
            all_known: false,
            retry_key: None,
            unit: None,
            answer: None,
            reply_token: None,
        }
    }

    pub async fn push(
        &self,
        sender: &ApiSender,
        words: &str,
        recipients: &[UserKey],
    ) -> Result<Accepted, SchedulerError> {
        sender.send(&self.request(&text(words), recipients)).await
    }

    /// Every stage once, then a worker's way with whatever was dispatched.
    pub async fn step(&self) {
        let scheduler = &self.scheduler;
        let epoch = self.epoch;
        scheduler.standing_step(epoch).await.unwrap();
        scheduler.freeze_step(epoch).await.unwrap();
        scheduler.restore_step(epoch).await.unwrap();
        scheduler.rescue_step(epoch).await.unwrap();
        scheduler.dispatch_step(epoch).await.unwrap();
        self.work().await;
        scheduler.roll_up_step(epoch).await.unwrap();
        scheduler.close_step(epoch).await.unwrap();
    }

    /// Freezes what was launched, to its end, and nothing else.
    pub async fn freeze(&self) {
        for _ in 0..2 {
            self.scheduler.freeze_step(self.epoch).await.unwrap();
        }
    }

    /// Pushes a chunk as it stands in `books`, to this world's messenger, without a word in its own
    /// books: what a life did that they do not know.
    pub async fn push_unrecorded(&self, books: &World, chunk: ChunkId, exclude: &[u32]) {
        let recipients = books.store.recipients(chunk).await.unwrap();
        let campaign = books.store.campaign(chunk.campaign).await.unwrap();
        let message = campaign.launch.and_then(|launch| launch.message_hash);
        let body = books.store.message(message.unwrap()).await.unwrap();
        let frozen = FrozenBody::from_stored(&body).unwrap();
        let push = Push {
            key: PushKey::of(&chunk),
            account: campaign.account,
            content_hash: gateway::content_hash(&frozen, &recipients.keys, None).unwrap(),
            size: recipients.keys.to_keys().unwrap().len() as u32,
            frozen: &frozen,
            keys: &recipients.keys,
            variables: None,
            not_after: None,
            exclude,
            deadline: Duration::MAX,
        };
        let answer = self.messenger.push(&push).await;
        assert!(matches!(answer, PushAnswer::Processed(_)), "{answer:?}");
    }

    async fn work(&self) {
        let deliveries = self.broker.take(1_000);
        let mut pushed = Vec::new();
        for claim in self.worker.claim(deliveries).await.unwrap() {
            let record = self.worker.push(&claim).await.unwrap();
            let delivery = claim.delivery;
            pushed.push(Pushed { record, delivery });
        }
        self.worker.record(&pushed).await.unwrap();
        self.worker.acknowledge(pushed).await.unwrap();
    }

    /// Steps, with time passing between them.
    pub async fn steps(&self, count: u32) {
        for _ in 0..count {
            self.step().await;
            self.clock.advance(Duration::from_secs(1));
        }
    }

    /// The database itself, for what no function of the store answers.
    pub async fn raw(&self) -> testkit::database::Raw {
        self.database.raw().await
    }

    /// Plain SQL on the database, for what no function of the store does.
    pub async fn execute(&self, sql: &'static str) {
        self.database.raw().await.run(sql).await;
    }

    pub async fn midnight(&self) {
        let midnight = Timestamp::parse_rfc3339("2026-11-23T00:00:00+09:00").unwrap();
        let now = self.scheduler.clock.now();
        self.clock.advance(midnight.since(now));
    }

    pub async fn wallet(&self) -> (Money, Money) {
        let business = self.account.business;
        let wallet = billing::wallet::wallet(&self.store, business)
            .await
            .unwrap();
        (wallet.available, wallet.held)
    }

    pub async fn bill(&self, campaign: CampaignId) -> billing::Bill {
        let business = self.account.business;
        billing::bill(&self.store, business, campaign)
            .await
            .unwrap()
    }

    pub async fn expect_clean(&self) {
        let found = billing::reconcile::reconcile(&self.store).await.unwrap();
        assert!(found.clean, "{found}");
    }
}

impl Messenger {
    fn keyed() -> Self {
        Self {
            capability: Capability::gateway(),
            mood: Mutex::new(Mood::Processes),
            delivered: Mutex::default(),
            requests: AtomicUsize::new(0),
            stored: Mutex::default(),
        }
    }

    pub fn is_now(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// The texts that one user got, in order.
    pub fn got(&self, key: &UserKey) -> Vec<String> {
        let delivered = self.delivered.lock().unwrap();
        let to_them = |(_, keys): &&Delivered| keys.iter().any(|other| other == key.as_str());
        let texts = delivered.iter().filter(to_them);
        texts.map(|(text, _)| text.clone()).collect()
    }

    /// Whether something else was processed under the key.
    fn has_another(&self, push: &Push<'_>) -> bool {
        let stored = self.stored.lock().unwrap();
        let before = stored.get(&push.key);
        before.is_some_and(|(_, content)| *content != push.content_hash)
    }

    fn process(&self, push: &Push<'_>) -> PushResults {
        let mut stored = self.stored.lock().unwrap();
        if let Some((before, _)) = stored.get(&push.key) {
            return PushResults {
                replayed: true,
                ..before.clone()
            };
        }
        let mut keys = Vec::new();
        let mut position = 0;
        let each = |key: &str| {
            if !push.exclude.contains(&position) {
                keys.push(key.to_owned());
            }
            position += 1;
        };
        push.keys.for_each(each).unwrap();
        let results = PushResults {
            accepted: keys.len() as u32,
            excluded: push.exclude.to_vec(),
            ..PushResults::default()
        };
        let stored_text = push.frozen.to_stored();
        let (_, rest) = stored_text.split_once(r#""text":""#).unwrap();
        let (text, _) = rest.split_once('"').unwrap();
        self.delivered.lock().unwrap().push((text.to_owned(), keys));
        stored.insert(push.key, (results.clone(), push.content_hash));
        results
    }
}

#[async_trait::async_trait]
impl Connector for Messenger {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    async fn push(&self, push: &Push<'_>) -> PushAnswer {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Refuses => PushAnswer::Rejected { status: 400 },
            Mood::Processes if self.has_another(push) => PushAnswer::ContentMismatch,
            Mood::Processes => PushAnswer::Processed(self.process(push)),
            Mood::LosesAnswers => {
                self.process(push);
                PushAnswer::Unknown(UnknownReason::Timeout)
            }
        }
    }

    async fn close(&self, key: PushKey, _size: u32) -> CloseAnswer {
        let stored = self.stored.lock().unwrap();
        match stored.get(&key) {
            Some((results, _)) => CloseAnswer::Processed(results.clone()),
            None => CloseAnswer::Closed,
        }
    }

    async fn ask(&self, key: PushKey, size: u32) -> AskAnswer {
        let stored = self.stored.lock().unwrap();
        match stored.get(&key) {
            Some((results, _)) if results.add_up_to(size) => AskAnswer::Processed(results.clone()),
            Some(_) => AskAnswer::OtherRecipients,
            None => AskAnswer::NotFound,
        }
    }
}
