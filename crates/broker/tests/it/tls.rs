//! Encrypted connections to a real RabbitMQ: who is trusted, and what is said of the others.

use std::io;
use std::sync::{Arc, Mutex};

use broker::{Availability, Broker, Lane, Message, RabbitMq, RabbitMqConfig};
use domain::chunk::ChunkId;
use domain::id::CampaignId;
use domain::time::LaunchMonth;
use testkit::RabbitMqServer;
use testkit::certificates::Authority;
use testkit::wait::until;

use crate::world::{HEALED_WITHIN, is};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Waits until these words were logged.
    async fn says(&self, words: &str) {
        until(words, HEALED_WITHIN, || async {
            let log = self.0.lock().unwrap();
            String::from_utf8_lossy(&log).contains(words).then_some(())
        })
        .await;
    }
}

fn config(url: String, authority: &Authority, prefix: &str) -> RabbitMqConfig {
    RabbitMqConfig {
        root_certificates: Some(authority.pem().to_owned()),
        prefix: prefix.to_owned(),
        ..RabbitMqConfig::at(url)
    }
}

#[tokio::test]
async fn whom_the_authority_certified_is_talked_to_and_nobody_else() {
    let (ours, stranger) = (Authority::make("ours"), Authority::make("a stranger's"));
    let server = RabbitMqServer::start_encrypted(&ours.certify(&["localhost"])).unwrap();
    let url = server.encrypted_url("localhost");
    let broker = RabbitMq::open(config(url.clone(), &ours, "encrypted")).unwrap();
    is(&broker, Availability::Available).await;
    let chunk = ChunkId {
        month: LaunchMonth::from_number(680).unwrap(),
        campaign: CampaignId::from_bytes([1; 16]),
        number: 7,
        round: 0,
    };
    let lane = Lane::ALL[0];
    broker.publish(Message { lane, chunk }).await.unwrap();
    let received = until("the message", HEALED_WITHIN, || async {
        broker.receive(1).await.unwrap().pop()
    })
    .await;
    assert_eq!(received.chunk, chunk);
    broker.acknowledge(received).await.unwrap();

    // In this thread alone: what runs beside it logs elsewhere.
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let nameless = server.encrypted_url("127.0.0.1");
    for (url, authority, words) in [
        (url, &stranger, "UnknownIssuer"),
        (nameless, &ours, "not valid for name"),
    ] {
        let refused = RabbitMq::open(config(url, authority, "refused")).unwrap();
        log.says(words).await;
        assert_eq!(*refused.availability().borrow(), Availability::Away);
    }
}
