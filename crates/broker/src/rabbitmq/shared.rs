//! What the port and its supervisor know of each other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lapin::tcp::OwnedTLSConfig;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::{Notify, watch};

use super::inbox::Inbox;
use super::topology::Names;
use crate::port::Availability;

/// For each connection its own work: RabbitMQ stops a connection that publishes while it is short
/// of memory, and lapin then writes nothing more on it, acknowledgements included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Publish,
    Consume,
}

impl Side {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Consume => "consume",
        }
    }
}

/// Why a side has to begin anew.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    #[error(transparent)]
    Broker(#[from] lapin::Error),
    #[error("no answer while {0}")]
    Silent(&'static str),
    #[error("the connection is closed")]
    Closed,
    /// The queue was deleted, or its node went away.
    #[error("the queue does not deliver any more")]
    Cancelled,
    #[error("messages were returned or not confirmed: the channel and the queues are made anew")]
    Renewed,
}

pub struct Shared {
    pub uri: AMQPUri,
    /// Whom `amqps://` trusts beside the system's authorities; PEM.
    root_certificates: Option<String>,
    pub names: Names,
    pub prefetch: u16,
    pub confirm_timeout: Duration,
    pub name: String,
    pub inbox: Inbox,
    /// The channel to publish on. Taken out while a batch is on its way: one that is given up
    /// half-way leaves none, so that its late returns are not taken for the next one's.
    pub publisher: tokio::sync::Mutex<Option<Channel>>,
    /// The publisher is gone: make another.
    pub renew: Notify,
    pub losses: AtomicU64,
    /// Whether somebody here receives.
    pub wanted: watch::Sender<bool>,
    standing: Mutex<Standing>,
    availability: watch::Sender<Availability>,
}

#[derive(Debug, Default)]
struct Standing {
    publishes: bool,
    consumes: bool,
    is_blocked: bool,
}

impl Shared {
    pub fn of(config: super::RabbitMqConfig, uri: AMQPUri) -> Self {
        Self {
            uri,
            root_certificates: config.root_certificates,
            names: Names::of(&config.prefix),
            prefetch: config.prefetch,
            confirm_timeout: config.confirm_timeout,
            name: config.name,
            inbox: Inbox::default(),
            publisher: tokio::sync::Mutex::default(),
            renew: Notify::new(),
            losses: AtomicU64::new(0),
            wanted: watch::Sender::new(false),
            standing: Mutex::default(),
            availability: watch::Sender::new(Availability::Away),
        }
    }

    /// A connection of this process, without lapin's own recovery: the supervisor is ours.
    pub async fn connect(&self, side: Side) -> lapin::Result<Connection> {
        let name = format!("{} {}", self.name, side.name());
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let trusted = OwnedTLSConfig {
            cert_chain: self.root_certificates.clone(),
            ..OwnedTLSConfig::default()
        };
        let runtime = lapin::runtime::default_runtime()?;
        Connection::connect_uri_with_config(self.uri.clone(), properties, trusted, runtime).await
    }

    pub fn availability(&self) -> watch::Receiver<Availability> {
        self.availability.subscribe()
    }

    pub fn is_available(&self) -> bool {
        *self.availability.borrow() == Availability::Available
    }

    pub fn side_is(&self, side: Side, is_up: bool) {
        self.change(|standing| match side {
            Side::Publish => {
                standing.publishes = is_up;
                standing.is_blocked = false;
            }
            Side::Consume => standing.consumes = is_up,
        });
    }

    pub fn blocked_is(&self, is_blocked: bool) {
        self.change(|standing| standing.is_blocked = is_blocked);
    }

    /// Messages may be lost, or were not taken.
    pub fn has_lost(&self) {
        self.losses.fetch_add(1, Ordering::SeqCst);
    }

    fn change(&self, change: impl FnOnce(&mut Standing)) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut standing);
        let now = match *standing {
            Standing {
                publishes: true,
                consumes: true,
                is_blocked,
            } => match is_blocked {
                true => Availability::Blocked,
                false => Availability::Available,
            },
            _ => Availability::Away,
        };
        self.availability
            .send_if_modified(|before| std::mem::replace(before, now) != now);
    }
}
