//! Queues that suffer while their server is well: purged, deleted, fed with garbage, and a server
//! that is short of memory.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use broker::{Availability, Broker, BrokerError, Lane, Message, RabbitMq};
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use testkit::RabbitMqServer;
use testkit::broker_conformance::{acknowledge, bulk, numbers, receive, single};
use testkit::wait::until;

use crate::world::{self, HEALED_WITHIN, queue};

const SEED: u64 = 20_261_130;
/// Bodies that no message has.
const GARBAGE: usize = 1_000;
/// Deliveries after which a message is given up.
const DELIVERY_LIMIT: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_that_suffer() {
    let server = RabbitMqServer::start().unwrap();
    purged(&server).await;
    deleted_under_a_consumer(&server).await;
    deleted_under_a_publisher(&server).await;
    garbage(&server).await;
    given_back_for_ever(&server).await;
    short_of_memory(&server).await;
}

async fn all_is_well(broker: &Arc<RabbitMq>) {
    world::is(broker, Availability::Available).await;
    until("a message is taken", HEALED_WITHIN, || async {
        broker.publish(single(77)).await.ok()
    })
    .await;
    let mut seen = BTreeSet::new();
    while !seen.contains(&77) {
        let deliveries = receive(broker.as_ref(), 1).await;
        seen.extend(numbers(&deliveries));
        acknowledge(broker.as_ref(), deliveries).await;
    }
}

/// What waits is gone, and the depth says so: that is how a dispatcher learns of it.
async fn purged(server: &RabbitMqServer) {
    let broker = world::open(server, "purged").await;
    let messages: Vec<Message> = (0..30).map(bulk).collect();
    assert_eq!(broker.publish_all(&messages).await, vec![Ok(()); 30]);
    until("they wait", HEALED_WITHIN, || async {
        (broker.depth().queued == 30).then_some(())
    })
    .await;
    server.purge(&queue("purged", Lane::Bulk)).unwrap();
    until("they are gone", HEALED_WITHIN, || async {
        (broker.depth().queued == 0).then_some(())
    })
    .await;
    all_is_well(&broker).await;
}

/// The consumer is cancelled by the broker; the queue is declared again, and what was in hand is
/// acknowledged into the void.
async fn deleted_under_a_consumer(server: &RabbitMqServer) {
    let broker = world::open(server, "cancelled").await;
    let messages: Vec<Message> = (0..30).map(bulk).collect();
    broker.publish_all(&messages).await;
    let in_hand = receive(broker.as_ref(), 3).await;
    let losses = broker.losses();
    server
        .delete_queue(&queue("cancelled", Lane::Bulk))
        .unwrap();
    world::losses_beyond(&broker, losses).await;
    acknowledge(broker.as_ref(), in_hand).await;
    all_is_well(&broker).await;
    world::messages_are(server, &queue("cancelled", Lane::Bulk), 0).await;
}

/// A message that no queue took is not taken, and its neighbours in the batch are told from it.
async fn deleted_under_a_publisher(server: &RabbitMqServer) {
    let broker = world::open(server, "returned").await;
    let batch: Vec<Message> = (0..40)
        .map(|number| {
            if number % 2 == 0 {
                bulk(number)
            } else {
                single(number)
            }
        })
        .collect();
    let losses = broker.losses();
    let publishing = async {
        loop {
            let answers = broker.publish_all(&batch).await;
            let of_lane = |lane| {
                let answers = batch.iter().zip(&answers);
                let answers = answers.filter(move |(message, _)| message.lane == lane);
                answers.map(|(_, answer)| *answer).collect::<Vec<_>>()
            };
            let returned = of_lane(Lane::Bulk) == vec![Err(BrokerError::Unavailable); 20];
            if returned && of_lane(Lane::Single) == vec![Ok(()); 20] {
                return;
            }
            // Either the queue is still there, or everything is being made anew already.
            let whole = answers.iter().all(Result::is_ok) || answers.iter().all(Result::is_err);
            assert!(whole, "{answers:?}");
            tokio::task::yield_now().await;
        }
    };
    let deleting = async {
        // Each time there is a moment between the deletion and the declaration that follows.
        loop {
            let bulk = queue("returned", Lane::Bulk);
            tokio::task::block_in_place(|| server.delete_queue(&bulk).ok());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let both = async {
        tokio::select! {
            () = publishing => {}
            () = deleting => {}
        }
    };
    let waited = tokio::time::timeout(HEALED_WITHIN, both).await;
    assert!(waited.is_ok(), "no message was ever returned");
    assert!(broker.losses() > losses);
    all_is_well(&broker).await;
}

/// Bodies of every kind go to the dead ones, each once; the next message is delivered.
async fn garbage(server: &RabbitMqServer) {
    eprintln!("seed {SEED}");
    let broker = world::open(server, "garbage").await;
    let losses = broker.losses();
    let url = server.url();
    let connection = Connection::connect(&url, ConnectionProperties::default());
    let connection = connection.await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    for index in 0..GARBAGE {
        let length = match index % 4 {
            0 => 28,
            1 => 27,
            2 => random.random_range(0..64),
            _ => random.random_range(0..8_192),
        };
        let mut body = vec![0; length];
        random.fill_bytes(&mut body);
        if body.first() == Some(&1) && body.len() == 28 {
            body[0] = 2;
        }
        let lane = Lane::ALL[index % 2];
        let confirm = channel.basic_publish(
            "".into(),
            queue("garbage", lane).into(),
            BasicPublishOptions::default(),
            &body,
            BasicProperties::default(),
        );
        confirm.await.unwrap().await.unwrap();
    }
    all_is_well(&broker).await;
    world::messages_are(server, "garbage.dead", GARBAGE).await;
    assert_eq!(broker.losses(), losses, "garbage is no loss");
}

/// A message that nobody can work on does not go round for ever.
async fn given_back_for_ever(server: &RabbitMqServer) {
    let broker = world::open(server, "given-up").await;
    broker.publish(bulk(1)).await.unwrap();
    for _ in 0..=DELIVERY_LIMIT {
        let delivery = receive(broker.as_ref(), 1).await.remove(0);
        broker.give_back(delivery).await.unwrap();
    }
    world::messages_are(server, "given-up.dead", 1).await;
    all_is_well(&broker).await;
}

/// Nothing is taken, everything goes on being delivered and acknowledged, and it resumes by itself.
async fn short_of_memory(server: &RabbitMqServer) {
    let broker = world::open(server, "blocked").await;
    let messages: Vec<Message> = (0..10).map(bulk).collect();
    assert_eq!(broker.publish_all(&messages).await, vec![Ok(()); 10]);
    server.memory_alarm(true).unwrap();
    until("a message is refused", HEALED_WITHIN, || async {
        broker.publish(bulk(99)).await.err()
    })
    .await;
    world::is(&broker, Availability::Blocked).await;
    let refused = broker.publish_all(&messages).await;
    assert_eq!(refused, vec![Err(BrokerError::Unavailable); 10]);
    let losses = broker.losses();
    let deliveries = receive(broker.as_ref(), 10).await;
    acknowledge(broker.as_ref(), deliveries).await;
    world::messages_are(server, &queue("blocked", Lane::Bulk), 0).await;
    server.memory_alarm(false).unwrap();
    all_is_well(&broker).await;
    assert!(
        broker.losses() > losses,
        "what was held back is published anew"
    );
}
