//! A server that is killed, wiped, frozen or not there yet.

use std::collections::BTreeSet;

use broker::{Availability, Broker, BrokerError, Lane, Message, RabbitMq};
use testkit::RabbitMqServer;
use testkit::broker_conformance::{acknowledge, bulk, numbers, receive};
use testkit::wait::until;

use crate::world::{self, HEALED_WITHIN, queue};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_suffers() {
    let mut server = RabbitMqServer::start().unwrap();
    killed(&mut server).await;
    killed_young(&mut server).await;
    wiped(&mut server).await;
    frozen(&server).await;
    not_there_yet(&mut server).await;
}

/// What was confirmed survives kill -9; what was in hand comes again; whoever holds a tag of before
/// may acknowledge it, and nothing happens.
async fn killed(server: &mut RabbitMqServer) {
    eprintln!("killed");
    let broker = world::open(server, "killed").await;
    until("the queue is on disk", HEALED_WITHIN, || async {
        let queue = queue("killed", Lane::Bulk);
        server.remembers(&queue).then_some(())
    })
    .await;
    let messages: Vec<Message> = (0..100).map(bulk).collect();
    assert_eq!(broker.publish_all(&messages).await, vec![Ok(()); 100]);
    let in_hand = receive(broker.as_ref(), 10).await;
    let losses = broker.losses();
    server.kill().unwrap();
    world::is(&broker, Availability::Away).await;
    assert_eq!(
        broker.publish(bulk(100)).await,
        Err(BrokerError::Unavailable)
    );
    acknowledge(broker.as_ref(), in_hand).await;
    server.restart().unwrap();
    world::is(&broker, Availability::Available).await;
    assert!(broker.losses() > losses);
    let mut seen = BTreeSet::new();
    while seen.len() < 100 {
        let deliveries = receive(broker.as_ref(), 1).await;
        seen.extend(numbers(&deliveries));
        acknowledge(broker.as_ref(), deliveries).await;
    }
    assert_eq!(seen, (0..100).collect());
}

/// Killed right after its queues were declared, the server may come back with queues that answer
/// nothing: they are made anew.
async fn killed_young(server: &mut RabbitMqServer) {
    eprintln!("killed young");
    let broker = world::open(server, "young").await;
    let messages: Vec<Message> = (0..100).map(bulk).collect();
    assert_eq!(broker.publish_all(&messages).await, vec![Ok(()); 100]);
    let in_hand = receive(broker.as_ref(), 10).await;
    server.kill().unwrap();
    acknowledge(broker.as_ref(), in_hand).await;
    server.restart().unwrap();
    until("a message is taken", HEALED_WITHIN, || async {
        broker.publish(bulk(100)).await.ok()
    })
    .await;
    let mut seen = BTreeSet::new();
    while !seen.contains(&100) {
        let deliveries = receive(broker.as_ref(), 1).await;
        seen.extend(numbers(&deliveries));
        acknowledge(broker.as_ref(), deliveries).await;
    }
}

/// The queues are declared anew on an empty server.
async fn wiped(server: &mut RabbitMqServer) {
    eprintln!("wiped");
    let broker = world::open(server, "wiped").await;
    let messages: Vec<Message> = (0..50).map(bulk).collect();
    broker.publish_all(&messages).await;
    let losses = broker.losses();
    server.wipe().unwrap();
    server.restart().unwrap();
    world::losses_beyond(&broker, losses).await;
    world::is(&broker, Availability::Available).await;
    world::messages_are(server, &queue("wiped", Lane::Bulk), 0).await;
    until("a message is taken", HEALED_WITHIN, || async {
        broker.publish(bulk(50)).await.ok()
    })
    .await;
    let delivery = receive(broker.as_ref(), 1).await;
    assert_eq!(numbers(&delivery), [50], "the others are lost");
    acknowledge(broker.as_ref(), delivery).await;
}

/// A server that answers nothing: the publish ends by its own time, and all heals.
async fn frozen(server: &RabbitMqServer) {
    eprintln!("frozen");
    let broker = world::open(server, "frozen").await;
    server.freeze().unwrap();
    let publishing = tokio::time::timeout(HEALED_WITHIN, broker.publish(bulk(1))).await;
    server.go_on().unwrap();
    assert_eq!(publishing, Ok(Err(BrokerError::Unavailable)));
    until("a message is taken", HEALED_WITHIN, || async {
        broker.publish(bulk(2)).await.ok()
    })
    .await;
    let mut seen = BTreeSet::new();
    while !seen.contains(&2) {
        let deliveries = receive(broker.as_ref(), 1).await;
        seen.extend(numbers(&deliveries));
        acknowledge(broker.as_ref(), deliveries).await;
    }
}

/// The program starts before its broker.
async fn not_there_yet(server: &mut RabbitMqServer) {
    eprintln!("not_there_yet");
    server.kill().unwrap();
    let broker = RabbitMq::open(world::config(server, "early")).unwrap();
    assert_eq!(*broker.availability().borrow(), Availability::Away);
    assert_eq!(broker.publish(bulk(1)).await, Err(BrokerError::Unavailable));
    server.restart().unwrap();
    world::is(&broker, Availability::Available).await;
    assert_eq!(broker.publish(bulk(1)).await, Ok(()));
    let delivery = receive(broker.as_ref(), 1).await;
    acknowledge(broker.as_ref(), delivery).await;
}
