//! One conformance suite for both brokers; each prints its counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use broker::{Availability, Broker, InProcessBroker, RabbitMq};
use testkit::RabbitMqServer;
use testkit::broker_conformance::{self, Subject};

use crate::world;

/// A suite that lost its cases has not passed.
const CASES_MIN: usize = 16;

struct InProcess(Arc<InProcessBroker>);

#[async_trait]
impl Subject for InProcess {
    fn broker(&self) -> Arc<dyn Broker> {
        self.0.clone()
    }

    async fn receiver_is_gone(&mut self) {
        self.0.receiver_is_gone();
    }
}

struct Rabbit {
    server: Arc<RabbitMqServer>,
    broker: Arc<RabbitMq>,
}

#[async_trait]
impl Subject for Rabbit {
    fn broker(&self) -> Arc<dyn Broker> {
        self.broker.clone()
    }

    /// The server takes it for gone; the same process comes back on other connections.
    async fn receiver_is_gone(&mut self) {
        let before = self.broker.losses();
        self.server.close_connections().unwrap();
        // One of each connection.
        world::losses_beyond(&self.broker, before + 1).await;
        world::is(&self.broker, Availability::Available).await;
    }
}

#[tokio::test]
async fn in_process() {
    let open = || async { Box::new(InProcess(Arc::default())) as Box<dyn Subject> };
    let report = broker_conformance::run(open).await;
    eprintln!("in process: {report}");
    assert!(
        report.cases >= CASES_MIN && report.failures.is_empty(),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rabbitmq() {
    let server = Arc::new(RabbitMqServer::start().unwrap());
    let count = AtomicU32::new(0);
    let open = || async {
        let prefix = format!("case-{}", count.fetch_add(1, Ordering::SeqCst));
        let broker = world::open(&server, &prefix).await;
        Box::new(Rabbit {
            server: server.clone(),
            broker,
        }) as Box<dyn Subject>
    };
    let report = broker_conformance::run(open).await;
    eprintln!("RabbitMQ: {report}");
    assert!(
        report.cases >= CASES_MIN && report.failures.is_empty(),
        "{report}"
    );
}
