//! A RabbitMQ server, and processes that use it: each a [`RabbitMq`] of its own.

use std::sync::Arc;
use std::time::Duration;

use broker::{Availability, Broker, Lane, RabbitMq, RabbitMqConfig};
use testkit::RabbitMqServer;
use testkit::wait::until;

/// For anything that heals by itself.
pub const HEALED_WITHIN: Duration = Duration::from_secs(60);
/// Messages of a lane that a process here may hold.
pub const PREFETCH: u16 = 20;
pub const CONFIRM_TIMEOUT: Duration = Duration::from_secs(2);

pub fn config(server: &RabbitMqServer, prefix: &str) -> RabbitMqConfig {
    RabbitMqConfig {
        prefix: prefix.to_owned(),
        prefetch: PREFETCH,
        confirm_timeout: CONFIRM_TIMEOUT,
        ..RabbitMqConfig::at(server.url())
    }
}

/// A process that is connected.
pub async fn open(server: &RabbitMqServer, prefix: &str) -> Arc<RabbitMq> {
    let broker = RabbitMq::open(config(server, prefix)).unwrap();
    is(&broker, Availability::Available).await;
    broker
}

/// Waits until its availability is that.
pub async fn is(broker: &RabbitMq, wanted: Availability) {
    let mut availability = broker.availability();
    let waiting = availability.wait_for(|now| *now == wanted);
    let waited = tokio::time::timeout(HEALED_WITHIN, waiting).await;
    let now = *broker.availability().borrow();
    assert!(waited.is_ok(), "{now:?}, not {wanted:?}");
}

pub async fn losses_beyond(broker: &RabbitMq, before: u64) {
    until("the loss is noticed", HEALED_WITHIN, || async {
        (broker.losses() > before).then_some(())
    })
    .await;
}

pub fn queue(prefix: &str, lane: Lane) -> String {
    format!("{prefix}.{}", lane.name())
}

pub async fn messages_are(server: &RabbitMqServer, queue: &str, wanted: usize) {
    until("the queue's messages", HEALED_WITHIN, || async {
        (server.messages(queue).unwrap() == Some(wanted)).then_some(())
    })
    .await;
}
