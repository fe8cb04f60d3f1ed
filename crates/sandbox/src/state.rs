//! What the routes share: the file, the faults, the keys in progress.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use domain::id::IdSource;
use domain::push::PushKey;
use domain::time::Clock;
use gateway::{PushRequest, Secrets};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use store::StoreError;
use store::sandbox::{Content, SandboxStore};
use tokio::sync::Notify;

use crate::events::EventSender;
use crate::fault::{FaultError, FaultPlan, Faults};
use crate::people::{KnownAccounts, Refusing};
use crate::phone::{Pace, Screens};

/// Contents kept in memory; beyond this they are made anew.
const CONTENTS_MAX: usize = 1_000;

pub struct SandboxConfig {
    pub file: PathBuf,
    /// What the platform sends as `Authorization: Bearer …`.
    pub token: String,
    /// Of both directions.
    pub secrets: Secrets,
    /// The platform's `…/gateway/v1/events`; without it no events are sent.
    pub events_url: Option<String>,
    pub faults: Vec<String>,
    /// Who knows accounts that pushed nothing yet.
    pub accounts: Option<Arc<dyn KnownAccounts>>,
    /// Whether the screen is served: on it, whoever reaches it may be anybody.
    pub has_phone: bool,
}

/// One running sandbox messenger.
pub struct Sandbox {
    pub(crate) store: SandboxStore,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) secrets: Secrets,
    pub(crate) sender: Option<EventSender>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) accounts: Option<Arc<dyn KnownAccounts>>,
    pub(crate) has_phone: bool,
    pub(crate) refusing: Mutex<Refusing>,
    /// Held while a deed is written, so that `refusing` ends as the file does.
    pub(crate) acting: tokio::sync::Mutex<()>,
    /// Phones that somebody looks at.
    pub(crate) screens: Screens,
    pub(crate) pace: Mutex<Pace>,
    /// Wakes whoever tells the platform.
    pub(crate) untold: Notify,
    token: String,
    misbehaviour: Mutex<Misbehaviour>,
    in_progress: Arc<Mutex<HashSet<PushKey>>>,
    contents: Mutex<HashMap<[u8; 32], Arc<Content>>>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot work: refuse to start.
    #[error(transparent)]
    Fault(#[from] FaultError),
    #[error("the sandbox needs a gateway token")]
    Token,
    #[error("the events address '{0}' is not an http:// URL")]
    EventsAddress(String),
    #[error("the HTTP client cannot be built")]
    Client(#[from] reqwest::Error),
    /// The file: try later, or look at the disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the log cannot be written: {0}")]
    Output(#[from] std::io::Error),
    #[error("the sandbox cannot listen: {0}")]
    Listen(std::io::Error),
    /// The platform does not take events now: the caller may ask again, nothing is forgotten.
    #[error("the platform did not take the events: {0}")]
    Platform(String),
}

/// The plan in force, and what of it changes while it runs.
struct Misbehaviour {
    plan: Arc<FaultPlan>,
    draws: ChaCha8Rng,
    /// When the next recipient is processed, where a speed is set; by account, or "" for all.
    next_free: HashMap<String, Duration>,
    struck: BTreeMap<&'static str, u64>,
}

/// A key that one request works on. Dropped, the key is free again.
pub(crate) struct KeyInProgress {
    key: PushKey,
    all: Arc<Mutex<HashSet<PushKey>>>,
}

impl Sandbox {
    pub async fn open(
        config: SandboxConfig,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Result<Arc<Self>, Error> {
        if config.token.is_empty() {
            return Err(Error::Token);
        }
        let plan = FaultPlan::parse(&config.faults)?;
        let sender = config
            .events_url
            .map(|url| EventSender::open(url, config.secrets.current.clone(), clock.clone()))
            .transpose()?;
        let store = SandboxStore::open(&config.file).await?;
        let refusing = Refusing::of(store.refusing().await?);
        Ok(Arc::new(Self {
            store,
            clock,
            secrets: config.secrets,
            sender,
            ids,
            accounts: config.accounts,
            has_phone: config.has_phone,
            refusing: Mutex::new(refusing),
            acting: tokio::sync::Mutex::default(),
            screens: Screens::default(),
            pace: Mutex::default(),
            untold: Notify::new(),
            token: config.token,
            misbehaviour: Mutex::new(Misbehaviour::of(plan)),
            in_progress: Arc::default(),
            contents: Mutex::default(),
        }))
    }

    /// Ends what would never end by itself: streams to phones. Requests are finished as ever.
    pub fn stop_streams(&self) {
        self.screens.close();
    }

    /// Ends the writing after what is queued.
    pub async fn close(&self) {
        self.store.close().await;
    }

    pub fn plan(&self) -> Arc<FaultPlan> {
        lock(&self.misbehaviour).plan.clone()
    }

    /// Puts another plan in force; draws begin anew from its seed.
    pub fn misbehave(&self, plan: FaultPlan) {
        let mut misbehaviour = lock(&self.misbehaviour);
        let struck = std::mem::take(&mut misbehaviour.struck);
        *misbehaviour = Misbehaviour {
            struck,
            ..Misbehaviour::of(plan)
        };
    }

    /// How often each fault struck since the start.
    pub fn struck(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.misbehaviour).struck.clone()
    }

    pub(crate) fn strike(&self, fault: &'static str) {
        *lock(&self.misbehaviour).struck.entry(fault).or_default() += 1;
    }

    /// A generator of one request's draws.
    pub(crate) fn draws(&self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(lock(&self.misbehaviour).draws.random())
    }

    /// How long a push of `size` waits for its turn at the speed that is set.
    pub(crate) fn wait_for_turn(&self, faults: &Faults, handle: &str, size: u32) -> Duration {
        let Some(speed) = faults.speed else {
            return Duration::ZERO;
        };
        let now = self.clock.monotonic();
        let mut misbehaviour = lock(&self.misbehaviour);
        let of_account = misbehaviour.plan.accounts.contains_key(handle);
        let lane = if of_account { handle } else { "" };
        let takes = Duration::from_secs_f64(f64::from(size) / f64::from(speed));
        let free = misbehaviour.next_free.entry(lane.to_owned()).or_default();
        *free = (*free).max(now) + takes;
        *free - now
    }

    /// Takes a key, or tells that another request is working on it.
    pub(crate) fn begin(&self, key: PushKey) -> Option<KeyInProgress> {
        lock(&self.in_progress).insert(key).then(|| KeyInProgress {
            key,
            all: self.in_progress.clone(),
        })
    }

    /// What the pushes of one campaign share, made once.
    pub(crate) fn content(&self, push: &PushRequest<'_>) -> Arc<Content> {
        let hash = push.frozen_digest();
        let mut contents = lock(&self.contents);
        if contents.len() >= CONTENTS_MAX {
            contents.clear();
        }
        let made = contents.entry(hash).or_insert_with(|| {
            Arc::new(Content {
                hash,
                campaign: push.campaign,
                purpose: push.purpose,
                account: push.account_text.to_owned(),
                handle: push.account.handle.clone(),
                notification_disabled: push.notification_disabled,
                messages: push.messages_text.to_owned(),
                links: push.links_text.to_owned(),
            })
        });
        made.clone()
    }

    /// Whether an `Authorization` header names our token; takes the same time for every wrong one.
    pub(crate) fn knows(&self, authorization: Option<&[u8]>) -> bool {
        let given = authorization
            .and_then(|header| header.strip_prefix(b"Bearer "))
            .unwrap_or_default();
        let expected = self.token.as_bytes();
        let differing = given
            .iter()
            .zip(expected)
            .fold(0, |differing, (left, right)| differing | (left ^ right));
        given.len() == expected.len() && differing == 0
    }
}

impl Misbehaviour {
    fn of(plan: FaultPlan) -> Self {
        Self {
            draws: ChaCha8Rng::seed_from_u64(plan.seed),
            plan: Arc::new(plan),
            next_free: HashMap::new(),
            struck: BTreeMap::new(),
        }
    }
}

impl Drop for KeyInProgress {
    fn drop(&mut self) {
        lock(&self.all).remove(&self.key);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every critical section leaves a valid state behind between any two of its statements.
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
