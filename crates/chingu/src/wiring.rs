//! Which adapter stands behind which port: the one place that chooses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::ApiState;
use api::line::LineState;
use api::line::state::LinePorts;
use api::v1::{V1Ports, V1State};
use billing::Counter;
use broker::{Broker, InProcessBroker, RabbitMq, RabbitMqConfig};
use connector::{Connector, GatewayConfig, GatewayConnector};
use console::ConsoleState;
use console::report::cache::FiguresCache;
use domain::handle::Handle;
use domain::id::WorkerId;
use domain::time::Clock;
use futures_util::future::BoxFuture;
use jobs::webhooks::Guard;
use jobs::{Audiences, MenuBatches, Uploads, Webhooks};
use sandbox::serve::GATEWAY_BASE;
use sandbox::{KnownAccounts, PhoneAccount, Sandbox, SandboxConfig, ShownWording};
use scheduler::dispatch::Dispatcher;
use scheduler::standing::ApiSender;
use scheduler::{CampaignControl, Scheduler, SchedulerSettings};
use store::{Store, StoreError};
use tokio::sync::Notify;
use worker::Worker;

use crate::config::{Config, Role};
use crate::counted_broker::CountedBroker;
use crate::credentials::{Credentials, Surroundings, leads_to_loopback};
use crate::machine::SystemIds;
use crate::platform::Platform;

/// In the data folder: files of friends, and of ids for audience groups, until they are taken in.
const IMPORTS_FOLDER: &str = "imports";

/// Where files wait.
pub fn imports_folder(config: &Config) -> PathBuf {
    config.data().join(IMPORTS_FOLDER)
}

/// The actors of one process, ready to run.
pub struct Parts {
    pub broker: Arc<dyn Broker>,
    pub console: Option<Arc<ConsoleState>>,
    pub api: Option<Arc<ApiState>>,
    /// The same role, for brands.
    pub line: Option<Arc<LineState>>,
    /// The same role, on our own paths.
    pub v1: Option<Arc<V1State>>,
    pub sandbox: Option<Arc<Sandbox>>,
    pub scheduler: Option<Arc<Scheduler>>,
    pub worker: Option<Arc<Worker>>,
    pub jobs: Option<Arc<Uploads>>,
    /// The same role, for audience groups.
    pub audiences: Option<Arc<Audiences>>,
    /// The same role, for rich menus.
    pub menu_batches: Option<Arc<MenuBatches>>,
    /// The same role, for what programs of brands are told.
    pub webhooks: Option<Arc<Webhooks>>,
    /// Where pushes go.
    pub messenger_url: String,
}

impl Parts {
    /// Wires the configured roles of a process that listens on `address`.
    pub async fn of(
        config: &Config,
        platform: &Platform,
        address: SocketAddr,
    ) -> anyhow::Result<Self> {
        let roles = config.roles();
        let has = |role| roles.contains(&role);
        let own = format!("http://{}", reachable(address));
        let inside = || format!("{own}{GATEWAY_BASE}");
        let messenger_url = config.gateway.url.clone().unwrap_or_else(inside);
        let surroundings = Surroundings {
            is_loopback: address.ip().is_loopback() && leads_to_loopback(&messenger_url),
            has_sandbox: has(Role::Sandbox),
        };
        let credentials = Credentials::of(config, surroundings)?;
        let broker: Arc<dyn Broker> = Arc::new(CountedBroker(open_broker(config, platform)?));
        let connector: Arc<dyn Connector> = Arc::new(GatewayConnector::open(
            GatewayConfig {
                base_url: messenger_url.clone(),
                token: credentials.token.reveal().to_owned(),
                secrets: credentials.secrets.clone(),
                root_certificates: config.gateway.root_certificates()?,
                traced: config.traces.share(),
                capability: config.capability(),
                request_timeout: config.request_timeout(),
            },
            platform.clock.clone(),
        )?);
        let wake: Arc<Notify> = Arc::default();
        let uploads = Arc::new(Uploads {
            store: platform.store.clone(),
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            folder: imports_folder(config),
            wake: Arc::default(),
        });
        let audiences = Arc::new(Audiences {
            store: platform.store.clone(),
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            folder: imports_folder(config),
            wake: Arc::default(),
        });
        let webhooks = Arc::new(open_webhooks(config, platform).await?);
        let actors = Actors {
            config,
            platform,
            broker: &broker,
            connector: &connector,
            wake: &wake,
            uploads: &uploads,
            audiences: &audiences,
            webhooks: &webhooks,
        };
        let sandbox = match has(Role::Sandbox) {
            true => {
                let known = KnownByPlatform(platform.store.read_only());
                let inside = Inside {
                    address: own.clone(),
                    accounts: Arc::new(known),
                };
                let clock = platform.clock.clone();
                Some(open_sandbox(config, clock, &credentials, Some(inside)).await?)
            }
            false => None,
        };
        let has_phone = sandbox.is_some() && config.sandbox.phone;
        Ok(Self {
            console: match has(Role::Console) {
                true => Some(actors.console(has_phone).await?),
                false => None,
            },
            api: has(Role::Api).then(|| actors.api(&credentials)),
            line: match has(Role::Api) {
                true => Some(actors.line().await?),
                false => None,
            },
            v1: match has(Role::Api) {
                true => Some(actors.v1().await?),
                false => None,
            },
            sandbox,
            scheduler: has(Role::Scheduler).then(|| actors.scheduler()),
            worker: has(Role::Worker).then(|| actors.worker()),
            jobs: has(Role::Jobs).then(|| actors.uploads.clone()),
            audiences: has(Role::Jobs).then(|| actors.audiences.clone()),
            menu_batches: has(Role::Jobs).then(|| actors.menu_batches()),
            webhooks: has(Role::Jobs).then(|| actors.webhooks.clone()),
            broker,
            messenger_url,
        })
    }
}

/// What tells programs of brands, where the configuration lets it.
async fn open_webhooks(config: &Config, platform: &Platform) -> anyhow::Result<Webhooks> {
    let guard = Guard {
        allow_private: config.webhooks.allow_private_addresses,
    };
    let webhooks = Webhooks::of(
        platform.store.clone(),
        platform.channels().await?,
        platform.clock.clone(),
        platform.ids.clone(),
        guard,
    )?;
    let replies_within = Duration::from_millis(config.webhooks.reply_token_ms);
    Ok(webhooks.with_replies_within(replies_within))
}

/// RabbitMQ where it is named and this process has to do with chunks.
fn open_broker(config: &Config, platform: &Platform) -> anyhow::Result<Arc<dyn Broker>> {
    let roles = config.roles();
    let moves_chunks = roles.contains(&Role::Scheduler) || roles.contains(&Role::Worker);
    if config.broker.amqp_url.is_none() || !moves_chunks {
        return Ok(Arc::<InProcessBroker>::default());
    }
    let names: Vec<&str> = roles.iter().copied().map(Role::name).collect();
    // Different in every process: they shall not come back all at once.
    let own: WorkerId = platform.ids.next();
    let [_time, random] = own.as_bytes().as_chunks::<8>().0 else {
        unreachable!("an id has 16 bytes");
    };
    Ok(RabbitMq::open(RabbitMqConfig {
        name: format!("chingu {}", names.join(",")),
        jitter_seed: u64::from_le_bytes(*random),
        ..config.rabbitmq()
    })?)
}

/// The program a sandbox messenger runs in.
pub struct Inside {
    /// Where it reaches the platform.
    pub address: String,
    /// The platform's accounts, for those that pushed nothing yet.
    pub accounts: Arc<dyn KnownAccounts>,
}

/// The sandbox messenger, alone or inside a program.
pub async fn open_sandbox(
    config: &Config,
    clock: Arc<dyn Clock>,
    credentials: &Credentials,
    inside: Option<Inside>,
) -> anyhow::Result<Arc<Sandbox>> {
    let own = || Some(format!("{}/gateway/v1/events", inside.as_ref()?.address));
    let sandbox = SandboxConfig {
        file: config.sandbox_file(),
        token: credentials.token.reveal().to_owned(),
        secrets: credentials.secrets.clone(),
        events_url: config.sandbox.events_url.clone().or_else(own),
        faults: config.sandbox.faults.clone(),
        accounts: inside.map(|inside| inside.accounts),
        has_phone: config.sandbox.phone,
    };
    std::fs::create_dir_all(config.data())?;
    Ok(Sandbox::open(sandbox, clock, Arc::new(SystemIds)).await?)
}

/// Accounts as the platform beside the sandbox has them: their card and the words they show.
struct KnownByPlatform(Store);

impl KnownAccounts for KnownByPlatform {
    fn account<'a>(&'a self, handle: &'a str) -> BoxFuture<'a, Option<PhoneAccount>> {
        Box::pin(async move {
            let handle = Handle::parse(handle).ok()?;
            let found = self.find(&handle).await;
            found.unwrap_or_else(|error| {
                tracing::warn!(%error, %handle, "the messenger cannot look an account up");
                None
            })
        })
    }
}

impl KnownByPlatform {
    async fn find(&self, handle: &Handle) -> Result<Option<PhoneAccount>, StoreError> {
        let Some(account) = self.0.account_by_handle(handle).await? else {
            return Ok(None);
        };
        let wordings = self.0.wordings_of_account(account.id).await?;
        Ok(Some(PhoneAccount {
            handle: account.handle.to_string(),
            display_name: account.display_name,
            icon_url: account.icon_url,
            wording: wordings.into_iter().next_back().map(|last| ShownWording {
                version: last.version,
                text: last.text,
            }),
        }))
    }
}

/// Where a process that listens on `address` reaches itself.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// What the roles are made from.
struct Actors<'a> {
    config: &'a Config,
    platform: &'a Platform,
    broker: &'a Arc<dyn Broker>,
    connector: &'a Arc<dyn Connector>,
    wake: &'a Arc<Notify>,
    uploads: &'a Arc<Uploads>,
    audiences: &'a Arc<Audiences>,
    webhooks: &'a Arc<Webhooks>,
}

impl Actors<'_> {
    async fn console(&self, has_phone: bool) -> anyhow::Result<Arc<ConsoleState>> {
        let (store, clock) = (&self.platform.store, &self.platform.clock);
        let (ids, connector_rate) = (
            &self.platform.ids,
            self.config.gateway.recipients_per_second,
        );
        let sign_in = self.platform.sign_in();
        let counter = Counter::of(store.clone(), clock.clone(), ids.clone());
        Ok(Arc::new(ConsoleState {
            wall: store.wall().await?,
            operators: sign_in.of_operators(),
            sign_in,
            books: counter.reader(),
            counter,
            channels: self.platform.channels().await?,
            control: self.control(),
            uploads: self.uploads.clone(),
            audiences: self.audiences.clone(),
            webhooks: self.webhooks.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            rules: self.platform.rules.clone(),
            public_url: self.platform.public_url.clone(),
            has_phone,
            figures: FiguresCache::default(),
            counting: console::audience::Counting::default(),
            connector_rate,
            watching: Arc::default(),
        }))
    }

    fn control(&self) -> CampaignControl {
        CampaignControl {
            store: self.platform.store.clone(),
            clock: self.platform.clock.clone(),
            ids: self.platform.ids.clone(),
            rules: self.platform.rules.clone(),
            connector_rate: self.config.gateway.recipients_per_second,
            wake: self.wake.clone(),
        }
    }

    async fn v1(&self) -> anyhow::Result<Arc<V1State>> {
        Ok(Arc::new(V1State::of(V1Ports {
            channels: self.platform.channels().await?,
            wall: self.platform.store.wall().await?,
            store: self.platform.store.clone(),
            control: self.control(),
            clock: self.platform.clock.clone(),
            ids: self.platform.ids.clone(),
            rules: self.platform.rules.clone(),
            rate: self.config.api.rate_limits.v1,
            webhooks: self.webhooks.clone(),
        })))
    }

    fn api(&self, credentials: &Credentials) -> Arc<ApiState> {
        let state = ApiState::of(
            self.platform.store.clone(),
            self.platform.clock.clone(),
            self.platform.ids.clone(),
            credentials.secrets.clone(),
            self.platform.public_url.clone(),
        );
        Arc::new(state.telling(self.webhooks.clone()))
    }

    async fn line(&self) -> anyhow::Result<Arc<LineState>> {
        let sender = ApiSender {
            process: self.platform.ids.next(),
            store: self.platform.store.clone(),
            clock: self.platform.clock.clone(),
            ids: self.platform.ids.clone(),
            connector_rate: self.config.gateway.recipients_per_second,
            wake: self.wake.clone(),
        };
        Ok(Arc::new(LineState::of(LinePorts {
            channels: self.platform.channels().await?,
            wall: self.platform.store.wall().await?,
            clock: self.platform.clock.clone(),
            ids: self.platform.ids.clone(),
            rules: self.platform.rules.clone(),
            public_url: self.platform.public_url.clone(),
            rate_limits: self.config.api.rate_limits.clone(),
            sender: Arc::new(sender),
            audiences: self.audiences.clone(),
            webhooks: self.webhooks.clone(),
        })))
    }

    fn scheduler(&self) -> Arc<Scheduler> {
        let section = &self.config.scheduler;
        Arc::new(Scheduler {
            id: self.platform.ids.next(),
            store: self.platform.store.clone(),
            broker: self.broker.clone(),
            connector: self.connector.clone(),
            clock: self.platform.clock.clone(),
            ids: self.platform.ids.clone(),
            settings: SchedulerSettings {
                window_chunks_min: section.window_chunks_min,
                window_chunks_max: section.window_chunks_max,
                places_per_worker: self.config.places(),
                connector_rate: self.config.gateway.recipients_per_second,
            },
            rules: self.platform.rules.clone(),
            wake: self.wake.clone(),
            dispatcher: Mutex::new(Dispatcher::default()),
        })
    }

    fn menu_batches(&self) -> Arc<MenuBatches> {
        Arc::new(MenuBatches {
            store: self.platform.store.clone(),
            clock: self.platform.clock.clone(),
        })
    }

    fn worker(&self) -> Arc<Worker> {
        Arc::new(Worker {
            id: self.platform.ids.next(),
            store: self.platform.store.clone(),
            broker: self.broker.clone(),
            connector: self.connector.clone(),
            clock: self.platform.clock.clone(),
            settings: self.config.worker_settings(),
            recorded: self.wake.clone(),
            facts: Default::default(),
        })
    }
}
