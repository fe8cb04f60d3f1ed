//! What every broker has to do: named cases over its port.
//!
//! A broker under test opens empty queues; each case gets its own. A case passes or names what it
//! found instead.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use broker::{Availability, Broker, Delivery, Depth, Lane, Message};
use domain::chunk::ChunkId;
use domain::id::CampaignId;
use domain::time::LaunchMonth;

use crate::wait::until;

/// For anything that a broker does by itself.
const WITHIN: Duration = Duration::from_secs(30);
/// For seeing that nothing comes: what would come was published before.
const SILENCE: Duration = Duration::from_millis(300);

/// Empty queues of the broker under test, and a process that uses them.
#[async_trait::async_trait]
pub trait Subject: Send {
    fn broker(&self) -> Arc<dyn Broker>;

    /// The broker takes its receivers for gone: what was not acknowledged is delivered again.
    async fn receiver_is_gone(&mut self);
}

/// One thing a broker has to do, by name.
#[derive(Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    run: fn(Box<dyn Subject>) -> Run,
}

type Run = Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! cases {
    ($($case:ident),+ $(,)?) => {
        vec![$(Case { name: stringify!($case), run: |subject| Box::pin($case(subject)) }),+]
    };
}

pub fn cases() -> Vec<Case> {
    cases![
        what_is_published_is_delivered_in_order,
        a_batch_is_taken_and_each_has_its_answer,
        a_wait_ends_with_the_first_message,
        no_more_come_than_were_asked_for,
        a_wait_that_is_given_up_loses_nothing,
        two_receivers_share,
        lanes_do_not_wait_for_each_other,
        what_is_acknowledged_is_gone,
        what_is_not_acknowledged_comes_again,
        what_is_given_back_comes_again,
        a_tag_of_before_does_nothing,
        what_was_polled_is_no_message,
        a_message_published_three_times_comes_three_times,
        depth_follows,
        who_stops_receiving_keeps_nothing,
        a_healthy_broker_loses_nothing,
    ]
}

/// What a broker did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub cases: usize,
    /// The name of each case that failed, and what it found.
    pub failures: Vec<(&'static str, String)>,
}

/// Runs every case, each with queues of its own that `open` makes.
pub async fn run<F>(open: impl Fn() -> F) -> Report
where
    F: Future<Output = Box<dyn Subject>>,
{
    let cases = cases();
    let mut failures = Vec::new();
    for Case { name, run } in cases.iter().copied() {
        let subject = open().await;
        // A task of its own turns a failed assertion into an answer.
        if let Err(failure) = tokio::spawn(run(subject)).await {
            failures.push((name, crate::conformance::words(failure)));
        }
    }
    Report {
        cases: cases.len(),
        failures,
    }
}

/// `16 cases, 0 failed`, failures below.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cases, {} failed", self.cases, self.failures.len())?;
        for (name, found) in &self.failures {
            write!(f, "\n{name}: {found}")?;
        }
        Ok(())
    }
}

pub fn chunk(number: u64) -> ChunkId {
    ChunkId {
        month: LaunchMonth::default(),
        campaign: CampaignId::from_bytes([1; 16]),
        number,
        round: 0,
    }
}

pub fn bulk(number: u64) -> Message {
    Message {
        lane: Lane::Bulk,
        chunk: chunk(number),
    }
}

pub fn single(number: u64) -> Message {
    Message {
        lane: Lane::Single,
        chunk: chunk(number),
    }
}

/// As many deliveries as asked for, however they come.
pub async fn receive(broker: &dyn Broker, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    let receiving = async {
        while deliveries.len() < count {
            let limit = count - deliveries.len();
            deliveries.extend(broker.receive(limit).await.expect("it receives"));
        }
    };
    let waited = tokio::time::timeout(WITHIN, receiving).await;
    assert!(
        waited.is_ok(),
        "{} of {count} messages came",
        deliveries.len()
    );
    deliveries
}

pub fn numbers(deliveries: &[Delivery]) -> Vec<u64> {
    let number = |delivery: &Delivery| delivery.chunk.number;
    deliveries.iter().map(number).collect()
}

pub async fn acknowledge(broker: &dyn Broker, deliveries: Vec<Delivery>) {
    for delivery in deliveries {
        broker.acknowledge(delivery).await.expect("it acknowledges");
    }
}

/// Nothing waits and nothing is on its way.
async fn expect_silence(broker: &dyn Broker) {
    let received = tokio::time::timeout(SILENCE, broker.receive(1)).await;
    assert!(received.is_err(), "unexpected: {received:?}");
}

async fn what_is_published_is_delivered_in_order(subject: Box<dyn Subject>) {
    let broker = subject.broker();
    for number in 1..=20 {
        assert_eq!(broker.publish(bulk(number)).await, Ok(()));
    }
    let deliveries = receive(broker.as_ref(), 20).await;
    assert_eq!(numbers(&deliveries), (1..=20).collect::<Vec<u64>>());
    assert_eq!(deliveries[0].chunk, chunk(1), "to the last byte");
    acknowledge(broker.as_ref(), deliveries).await;
}

async fn a_batch_is_taken_and_each_has_its_answer(subject: Box<dyn Subject>) {
    let broker = subject.broker();
    let both = |number| match number % 3 {
        0 => single(number),
        _ => bulk(number),
    };
    let messages: Vec<Message> = (0..300).map(both).collect();
    assert_eq!(broker.publish_all(&messages).await, vec![Ok(()); 300]);
    assert_eq!(broker.publish_all(&[]).await, vec![]);
    let mut seen = BTreeSet::new();
    while seen.len() < messages.len() {
        let deliveries = receive(broker.as_ref(), 1).await;
        seen.extend(numbers(&deliveries));
        acknowledge(broker.as_ref(), deliveries).await;
    }
    expect_silence(broker.as_ref()).await;
}

async fn a_wait_ends_with_the_first_message(subject: Box<dyn Subject>) {
    let broker = subject.broker();
    let waiting = tokio::spawn({
        let broker = broker.clone();
        async move { receive(broker.as_ref(), 1).await }
    });
    tokio::task::yield_now().await;
    broker.publish(single(7)).await.unwrap();
    let deliveries = waiting.await.unwrap();
    assert_eq!(numbers(&deliveries), [7]);
    acknowledge(broker.as_ref(), deliveries).await;
}

async fn no_more_come_than_were_asked_for(subject: Box<dyn Subject>) {
    let broker = subject.broker();
    let messages: Vec<Message> = (0..9).map(bulk).collect();
    broker.publish_all(&messages).await;
    let mut left = 9;
    while left > 0 {
        let deliveries = broker.receive(2).await.unwrap();
        assert!((1..=2).contains(&deliveries.len()), "{deliveries:?}");
        left -= deliveries.len();
        acknowledge(broker.as_ref(), deliveries).await;
    }
}

async fn a_wait_that_is_given_up_loses_nothing(subject: Box<dyn Subject>) {
    let broker = subject.broker();
    let mut seen = Vec::new();
    for number in 0..60 {
        broker.publish(bulk(number)).await.unwrap();
        // Asked once, then dropped at whatever place it had reached.
        let receiving = broker.receive(1);
        tokio::select! {
            biased;
            received = receiving => {
                let deliveries = received.unwrap();
                seen.extend(numbers(&deliveries));
                acknowledge(broker.as_ref(), deliveries).await;
            }
            () = tokio::task::yield_now() => {}
        }
    }
    while seen.len() < 60 {
        let deliveries = receive(broker.as_ref(), 1).await;
        seen.extend(numbers(&deliveries));
        acknowledge(broker.as_ref(), deliveries).await;
    }
    assert_eq!(seen, (0..60).collect::<Vec<u64>>());
}

async fn two_receivers_share(subject: Box<dyn Subject>) {
    let broker = subject.broker();
    let one = |broker: Arc<dyn Broker>| async move { receive(broker.as_ref(), 1).await };
    let both = [
        tokio::spawn(one(broker.clone())),
        tokio::spawn(one(broker.clone())),
    ];
    tokio::task::yield_now().await;
    broker.publish(bulk(1)).await.unwrap();
    broker.publish(bulk(2)).await.unwrap();
    let mut seen = BTreeSet::new();
    for task in both {
        let deliveries = task.await.unwrap();
        seen.extend(numbers(&deliveries));
        acknowledge(broker.as_ref(), deliveries).await;
    }
    assert_eq!(seen, BTreeSet::from([1, 2]));
}

async fn lanes_do_not_wait_for_each_other(subject: Box<dyn Subject>) {
    let broker = subject.broker();
    let messages: Vec<Message> = (0..200).map(bulk).collect();
    broker.publish_all(&messages).await;
    let mut before = receive(broker.as_ref(), 2).await;
    broker.publish(single(1_000)).await.unwrap();
    // Nothing is acknowledged, so the broker holds most of the other lane back.
    loop {
        let deliveries = receive(broker.as_ref(), 1).await;
        let is_single = numbers(&deliveries) == [1_000];
        before.extend(deliveries);
        if is_single {
            break;
        }
    }
    assert!(
        before.len() < 100,
        "behind {} of the other lane",
        before.len()
    );
    acknowledge(broker.as_ref(), before).await;
}

async fn what_is_acknowledged_is_gone(mut subject: Box<dyn Subject>) {
    let broker = subject.broker();
    broker.publish(bulk(1)).await.unwrap();
    let deliveries = receive(broker.as_ref(), 1).await;
    acknowledge(broker.as_ref(), deliveries).await;
    depth_is(broker.as_ref(), 0, 0).await;
    subject.receiver_is_gone().await;
    expect_silence(subject.broker().as_ref()).await;
}

async fn what_is_not_acknowledged_comes_again(mut subject: Box<dyn Subject>) {
    let broker = subject.broker();
    broker.publish_all(&[bulk(1), single(2)]).await;
    let lost = receive(broker.as_ref(), 2).await;
    drop((broker, lost));
    subject.receiver_is_gone().await;
    let broker = subject.broker();
    let again = receive(broker.as_ref(), 2).await;
    assert_eq!(BTreeSet::from_iter(numbers(&again)), BTreeSet::from([1, 2]));
    acknowledge(broker.as_ref(), again).await;
}

async fn what_is_given_back_comes_again(subject: Box<dyn Subject>) {
    let broker = subject.broker();
    broker.publish(single(4)).await.unwrap();
    for _ in 0..3 {
        let delivery = receive(broker.as_ref(), 1).await.remove(0);
        assert_eq!(delivery.chunk, chunk(4));
        broker.give_back(delivery).await.unwrap();
    }
    let last = receive(broker.as_ref(), 1).await;
    acknowledge(broker.as_ref(), last).await;
    expect_silence(broker.as_ref()).await;
}

async fn a_tag_of_before_does_nothing(mut subject: Box<dyn Subject>) {
    let broker = subject.broker();
    broker.publish_all(&[bulk(1), bulk(2)]).await;
    let before = receive(broker.as_ref(), 2).await;
    drop(broker);
    subject.receiver_is_gone().await;
    let broker = subject.broker();
    let again = receive(broker.as_ref(), 2).await;
    acknowledge(broker.as_ref(), before).await;
    // The tags of before acknowledged none of these: they come a third time.
    drop((broker, again));
    subject.receiver_is_gone().await;
    let broker = subject.broker();
    let last = receive(broker.as_ref(), 2).await;
    assert_eq!(numbers(&last), [1, 2]);
    acknowledge(broker.as_ref(), last).await;
}

async fn what_was_polled_is_no_message(subject: Box<dyn Subject>) {
    let broker = subject.broker();
    broker.publish(bulk(1)).await.unwrap();
    let delivery = receive(broker.as_ref(), 1).await;
    let polled = || Delivery::polled(chunk(1));
    assert!(polled().is_polled() && !delivery[0].is_polled());
    assert_eq!(broker.acknowledge(polled()).await, Ok(()));
    assert_eq!(broker.give_back(polled()).await, Ok(()));
    assert_eq!(broker.depth().unacknowledged, 1);
    acknowledge(broker.as_ref(), delivery).await;
    expect_silence(broker.as_ref()).await;
}

async fn a_message_published_three_times_comes_three_times(subject: Box<dyn Subject>) {
    let broker = subject.broker();
    let answers = broker.publish_all(&[bulk(5), bulk(5), bulk(5)]).await;
    assert_eq!(answers, vec![Ok(()); 3]);
    let deliveries = receive(broker.as_ref(), 3).await;
    let tags: BTreeSet<u64> = deliveries.iter().map(|delivery| delivery.tag).collect();
    assert_eq!((numbers(&deliveries), tags.len()), (vec![5; 3], 3));
    acknowledge(broker.as_ref(), deliveries).await;
    expect_silence(broker.as_ref()).await;
}

async fn depth_is(broker: &dyn Broker, queued: usize, unacknowledged: usize) {
    let wanted = Depth {
        queued,
        unacknowledged,
    };
    until("the depth follows", WITHIN, || async {
        (broker.depth() == wanted).then_some(())
    })
    .await;
}

async fn depth_follows(subject: Box<dyn Subject>) {
    let broker = subject.broker();
    broker.publish_all(&[bulk(1), bulk(2), single(3)]).await;
    depth_is(broker.as_ref(), 3, 0).await;
    let mut deliveries = receive(broker.as_ref(), 2).await;
    depth_is(broker.as_ref(), 1, 2).await;
    acknowledge(broker.as_ref(), deliveries.split_off(1)).await;
    depth_is(broker.as_ref(), 1, 1).await;
    deliveries.extend(receive(broker.as_ref(), 1).await);
    acknowledge(broker.as_ref(), deliveries).await;
    depth_is(broker.as_ref(), 0, 0).await;
}

async fn who_stops_receiving_keeps_nothing(subject: Box<dyn Subject>) {
    let broker = subject.broker();
    let messages: Vec<Message> = (0..10).map(bulk).collect();
    broker.publish_all(&messages).await;
    let in_hand = receive(broker.as_ref(), 3).await;
    broker.stop_receiving().await;
    depth_is(broker.as_ref(), 7, 3).await;
    acknowledge(broker.as_ref(), in_hand).await;
    let others = receive(broker.as_ref(), 7).await;
    let expected: BTreeSet<u64> = (3..10).collect();
    assert_eq!(BTreeSet::from_iter(numbers(&others)), expected);
    acknowledge(broker.as_ref(), others).await;
}

async fn a_healthy_broker_loses_nothing(subject: Box<dyn Subject>) {
    let broker = subject.broker();
    let losses = broker.losses();
    for number in 0..50 {
        broker.publish(bulk(number)).await.unwrap();
        let deliveries = receive(broker.as_ref(), 1).await;
        acknowledge(broker.as_ref(), deliveries).await;
    }
    assert_eq!(broker.losses(), losses);
    assert_eq!(*broker.availability().borrow(), Availability::Available);
}
