//! The past: a clock that can stand anywhere, and the product's own actors running under it.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::bail;
use broker::{Broker, InProcessBroker};
use connector::{Connector, GatewayConfig, GatewayConnector};
use directory::CampaignRequest;
use domain::campaign::{CampaignState, Purpose};
use domain::capability::Capability;
use domain::id::{CampaignId, IdSource};
use domain::schedule::Schedule;
use domain::shortage::IfShort;
use domain::time::{Clock, Timestamp};
use gateway::{Secret, Secrets};
use sandbox::serve::GATEWAY_BASE;
use sandbox::{Sandbox, SandboxConfig};
use scheduler::dispatch::Dispatcher;
use scheduler::launch::LaunchContext;
use scheduler::{Launched, Scheduler, SchedulerSettings};
use store::Store;
use store::directory::Account;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::{Worker, WorkerSettings};

use super::campaigns::Past;
use super::people::Person;
use super::{LIFETIME_SECONDS, Shop};
use crate::machine::SystemClock;

/// Nobody listens but this process, and only while the demo is made.
const TOKEN: &str = "demo-history-token";
const SECRET: &str = "demo-history-secret-of-32-bytes!";
/// Between two looks whether a broadcast is over.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A broadcast to a thousand friends takes a second or two.
const BROADCAST_WITHIN: Duration = Duration::from_secs(60);
/// Some friends of a real shop cannot be delivered to.
const FAULTS: &str = "reject=0.006:unreachable,policy";

/// The machine's clock, moved by some constant: time passes as it does, elsewhere.
pub struct HistoryClock {
    machine: SystemClock,
    moved_by_ms: AtomicI64,
}

impl HistoryClock {
    pub fn start() -> Self {
        Self {
            machine: SystemClock::start(),
            moved_by_ms: AtomicI64::new(0),
        }
    }

    /// From now on it is this moment, and goes on from there.
    pub fn stand_at(&self, moment: Timestamp) {
        let by = moment.as_millis() - self.machine.now().as_millis();
        self.moved_by_ms.store(by, Ordering::SeqCst);
    }
}

impl Clock for HistoryClock {
    fn now(&self) -> Timestamp {
        let moved_by = self.moved_by_ms.load(Ordering::SeqCst);
        Timestamp::from_millis(self.machine.now().as_millis() + moved_by)
    }

    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }
}

/// Scheduler, worker and messenger of the past.
pub struct History {
    store: Store,
    clock: Arc<HistoryClock>,
    ids: Arc<dyn IdSource>,
    messenger: Arc<Sandbox>,
    stop: CancellationToken,
    /// In the order in which they stop.
    tasks: Vec<JoinHandle<()>>,
}

impl History {
    pub(super) async fn begin(shop: &Shop, sandbox_file: &Path) -> anyhow::Result<Self> {
        let Shop {
            store, clock, ids, ..
        } = shop;
        let secrets = Secrets {
            current: Secret::parse(SECRET)?,
            previous: None,
        };
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base_url = format!("http://{}{GATEWAY_BASE}", listener.local_addr()?);
        let sandbox = SandboxConfig {
            file: sandbox_file.to_owned(),
            token: TOKEN.to_owned(),
            secrets: secrets.clone(),
            events_url: None,
            faults: vec![FAULTS.to_owned()],
            accounts: None,
            has_phone: false,
        };
        let sandbox = Sandbox::open(sandbox, clock.clone(), ids.clone()).await?;
        let messenger = sandbox.clone();
        let end_of_messenger = CancellationToken::new();
        let until = end_of_messenger.clone();
        let serving = tokio::spawn(async move {
            if let Err(error) = sandbox::serve::serve(listener, sandbox, until).await {
                tracing::error!(%error, "the demo's messenger failed");
            }
        });
        let connector: Arc<dyn Connector> = Arc::new(GatewayConnector::open(
            GatewayConfig {
                base_url,
                token: TOKEN.to_owned(),
                secrets,
                root_certificates: None,
                traced: domain::trace::Share::NONE,
                capability: Capability::gateway(),
                request_timeout: WorkerSettings::default().request_timeout,
            },
            clock.clone(),
        )?);
        let broker: Arc<dyn Broker> = Arc::<InProcessBroker>::default();
        let wake: Arc<Notify> = Arc::default();
        let worker = Arc::new(Worker {
            id: ids.next(),
            store: store.clone(),
            broker: broker.clone(),
            connector: connector.clone(),
            clock: clock.clone(),
            settings: WorkerSettings::default(),
            recorded: wake.clone(),
            facts: Default::default(),
        });
        let scheduler = Arc::new(Scheduler {
            id: ids.next(),
            store: store.clone(),
            broker,
            connector,
            clock: clock.clone(),
            ids: ids.clone(),
            settings: SchedulerSettings::default(),
            rules: shop.rules.clone(),
            wake,
            dispatcher: Mutex::new(Dispatcher::default()),
        });
        let working = tokio::spawn(worker.run(stop.clone()));
        let scheduling = tokio::spawn(scheduler.run(stop.clone()));
        // The messenger goes last: whoever still pushes is answered.
        let stopping = stop.clone();
        let last = tokio::spawn(async move {
            stopping.cancelled().await;
            let _ = tokio::join!(working, scheduling);
            end_of_messenger.cancel();
            let _ = serving.await;
        });
        Ok(Self {
            store: store.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            messenger,
            stop,
            tasks: vec![last],
        })
    }

    /// Makes the friends and the account known to the messenger, as they are to the platform.
    pub(super) async fn introduce(
        &self,
        account: &Account,
        wording: &str,
        text: &str,
        everybody: &[Person],
    ) -> anyhow::Result<()> {
        let handle = account.handle.to_string();
        let named: Vec<sandbox::Person> = everybody
            .iter()
            .map(|one| sandbox::Person {
                user_key: one.key.clone(),
                display_name: one.profile.display_name.clone(),
            })
            .collect();
        self.messenger.add_people(&named).await?;
        let card = sandbox::PhoneAccount {
            handle: handle.clone(),
            display_name: account.display_name.clone(),
            icon_url: account.icon_url.clone(),
            wording: Some(sandbox::ShownWording {
                version: wording.to_owned(),
                text: text.to_owned(),
            }),
        };
        self.messenger.add_account(&card).await?;
        let friends = everybody.iter().filter(|one| one.is_friend());
        let friends: Vec<_> = friends.map(Person::contact).collect();
        Ok(self.messenger.add_contacts(&handle, &friends).await?)
    }

    /// Runs a broadcast from its draft to its close.
    pub(super) async fn broadcast(
        &self,
        shop: &Shop,
        account: &Account,
        past: &Past,
        messages: &str,
    ) -> anyhow::Result<CampaignId> {
        let request = CampaignRequest {
            name: past.name,
            purpose: Purpose::Promotion,
            messages,
            audience: None,
            schedule: &Schedule::Now,
            rate_per_second: past.rate_per_second,
            lifetime_seconds: LIFETIME_SECONDS,
            if_short: IfShort::default(),
        };
        let campaign = shop
            .directory
            .add_campaign(account.business, account.id, &request, &shop.rules)
            .await?;
        let context = LaunchContext {
            store: &self.store,
            clock: self.clock.as_ref(),
            ids: self.ids.as_ref(),
            rules: &shop.rules,
            connector_rate: None,
        };
        match scheduler::launch(&context, campaign.id, None).await? {
            Launched::Launched { .. } => {}
            Launched::WaitsForFunds { needed, available } => {
                bail!("the demo needs {needed} and has {available}")
            }
        }
        let deadline = self.clock.monotonic() + BROADCAST_WITHIN;
        while self.store.campaign(campaign.id).await?.state != CampaignState::Closed {
            if self.clock.monotonic() > deadline {
                bail!("the demo's broadcast '{}' does not end", past.name);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(campaign.id)
    }

    /// Stops everything and waits for it.
    pub async fn end(self) -> anyhow::Result<()> {
        self.stop.cancel();
        for task in self.tasks {
            task.await?;
        }
        Ok(())
    }
}
