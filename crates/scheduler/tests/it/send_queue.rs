//! Requests that come together: accepted in fewer commits, each once, in the order they came in.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::api_request::RetryKey;
use domain::campaign::{Purpose, StandingOperation};
use domain::id::RequestId;
use domain::user::LineUserId;
use scheduler::SchedulerError;
use scheduler::send_queue::{QueuedRequest, SendQueue};
use testkit::database::Engine;

use crate::world::{World, krw, text};

testkit::on_both_engines![
    three_hundred_at_once_are_each_accepted_once,
    one_that_is_refused_is_in_nobody_elses_way,
    as_many_as_there_is_money_for,
    whoever_goes_away_leaves_the_others_their_answers,
];

/// What friends are called on LINE's paths.
async fn line_ids(world: &World) -> Vec<LineUserId> {
    let page = world.store.followers(world.account.id, None, 1_000);
    page.await.unwrap().ids
}

fn push(world: &World, words: &str, to: LineUserId) -> QueuedRequest {
    QueuedRequest {
        id: world.ids().next(),
        business: world.account.business,
        account: world.account.id,
        operation: StandingOperation::Push,
        purpose: Purpose::Promotion,
        messages: text(words),
        notification_disabled: false,
        recipients: vec![to],
        all_known: true,
        retry_key: None,
        unit: None,
        answer: None,
        reply_token: None,
    }
}

async fn queue(world: &World) -> Arc<SendQueue> {
    SendQueue::of(Arc::new(world.sender().await))
}

async fn three_hundred_at_once_are_each_accepted_once(engine: Engine) {
    let world = World::with(engine, 20, 1_000_000).await;
    let (queue, ids) = (queue(&world).await, line_ids(&world).await);
    let mut waiting = Vec::new();
    for number in 0..300usize {
        let mut request = push(&world, &format!("{number:03}"), ids[number % 20]);
        // Every third is made again at once, with its key.
        let key = format!("{:08x}-0000-0000-0000-000000000000", number / 3);
        request.retry_key = RetryKey::parse(&key).filter(|_| number % 3 > 0);
        let queue = queue.clone();
        waiting.push(tokio::spawn(async move { queue.send(request).await }));
    }
    let mut by_key: BTreeMap<String, Vec<RequestId>> = BTreeMap::new();
    let (mut fresh, mut repeated) = (0, 0);
    for answer in waiting {
        let accepted = answer.await.unwrap().unwrap();
        match accepted.is_repeated {
            true => repeated += 1,
            false => fresh += 1,
        }
        if let Some(key) = accepted.request.retry_key {
            by_key.entry(key).or_default().push(accepted.request.id);
        }
    }
    assert_eq!((fresh, repeated), (200, 100));
    for ids in by_key.values() {
        assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
    }
    world.steps(30).await;
    let got: usize = world
        .friends
        .iter()
        .map(|friend| {
            let got = world.messenger.got(friend);
            let mut sorted = got.clone();
            sorted.sort();
            assert_eq!(got, sorted, "in another order than asked for");
            got.len()
        })
        .sum();
    assert_eq!(got, 200);
    world.expect_clean().await;
}

async fn one_that_is_refused_is_in_nobody_elses_way(engine: Engine) {
    let world = World::with(engine, 5, 1_000_000).await;
    let (queue, ids) = (queue(&world).await, line_ids(&world).await);
    let nobody = LineUserId::from_bytes([0xee; 16]);
    let people = ids.iter().copied().chain([nobody]);
    let requests: Vec<QueuedRequest> = people.map(|to| push(&world, "hello", to)).collect();
    let asked = requests.into_iter().map(|request| {
        let queue = queue.clone();
        tokio::spawn(async move { queue.send(request).await })
    });
    let asked: Vec<_> = asked.collect();
    let mut refused = 0;
    for answer in asked {
        match answer.await.unwrap() {
            Ok(accepted) => assert_eq!(accepted.request.recipients, 1),
            Err(SchedulerError::UnknownRecipient) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(refused, 1);
    world.steps(3).await;
    for friend in &world.friends {
        assert_eq!(world.messenger.got(friend), ["hello"]);
    }
    world.expect_clean().await;
}

async fn as_many_as_there_is_money_for(engine: Engine) {
    let world = World::with(engine, 20, 15 * 7).await;
    let (queue, ids) = (queue(&world).await, line_ids(&world).await);
    let requests: Vec<QueuedRequest> = ids.iter().map(|to| push(&world, "a", *to)).collect();
    let asked = requests.into_iter().map(|request| {
        let queue = queue.clone();
        tokio::spawn(async move { queue.send(request).await })
    });
    let asked: Vec<_> = asked.collect();
    let mut accepted = 0;
    for answer in asked {
        match answer.await.unwrap() {
            Ok(_) => accepted += 1,
            Err(SchedulerError::Billing(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(accepted, 7);
    world.steps(8).await;
    assert_eq!(world.wallet().await, (krw(0), krw(0)));
    world.expect_clean().await;
}

async fn whoever_goes_away_leaves_the_others_their_answers(engine: Engine) {
    let world = World::with(engine, 10, 1_000_000).await;
    let (queue, ids) = (queue(&world).await, line_ids(&world).await);
    let mut tasks = Vec::new();
    for to in &ids {
        let (queue, request) = (queue.clone(), push(&world, "hello", *to));
        tasks.push(tokio::spawn(async move { queue.send(request).await }));
    }
    // They have asked, and every other one hangs up.
    tokio::task::yield_now().await;
    for task in tasks.iter().step_by(2) {
        task.abort();
    }
    for (place, task) in tasks.into_iter().enumerate() {
        match task.await {
            Ok(answer) => assert_eq!(answer.unwrap().request.recipients, 1),
            Err(_) => assert_eq!(place % 2, 0, "an answer was lost"),
        }
    }
    world.steps(3).await;
    for friend in world.friends.iter().skip(1).step_by(2) {
        assert_eq!(world.messenger.got(friend), ["hello"]);
    }
    world.expect_clean().await;
}
