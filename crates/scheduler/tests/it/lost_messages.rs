//! A scheduler and a worker with a RabbitMQ between them that loses messages, refuses them, repeats
//! them or is away: everything is delivered, and pushed once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use broker::{Availability, Broker, Lane, Message, RabbitMq, RabbitMqConfig};
use scheduler::standing::ApiSender;
use testkit::RabbitMqServer;
use testkit::database::Engine;
use testkit::wait::until;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::Worker;

use crate::world::{World, worker_beside};

/// For anything that heals by itself.
const HEALED_WITHIN: Duration = Duration::from_secs(90);
/// Between two turns of the leader, on the world's clock.
const TURN: Duration = Duration::from_millis(20);
/// Chunks that may be handed out at once.
const WINDOW: usize = 16;
/// More than that.
const REQUESTS: usize = 40;
const QUEUE: &str = "lost.single";

/// The leader's process, and what a worker's process is made of.
struct Processes {
    world: World,
    sender: ApiSender,
    /// The leader's broker; a worker has another.
    broker: Arc<RabbitMq>,
    server: RabbitMqServer,
    accepted: usize,
}

/// A worker's process until it is told to stop.
struct Working {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_broker_loses_is_delivered_once() {
    let mut processes = Processes::start().await;
    healthy(&mut processes).await;
    purged(&mut processes).await;
    deleted(&mut processes).await;
    wiped(&mut processes).await;
    three_times(&mut processes).await;
    short_of_memory(&mut processes).await;
    away(&mut processes).await;
    processes.world.expect_clean().await;
}

async fn healthy(processes: &mut Processes) {
    eprintln!("healthy");
    let losses = processes.broker.losses();
    let working = processes.work().await;
    processes.accept().await;
    processes.expect_all_delivered().await;
    working.stop().await;
    assert_eq!(processes.broker.losses(), losses);
}

/// What was purged is published anew once the queue has been seen empty.
async fn purged(processes: &mut Processes) {
    eprintln!("purged");
    processes.accept().await;
    processes.window_is_full().await;
    processes.server.purge(QUEUE).unwrap();
    let working = processes.work().await;
    processes.expect_all_delivered().await;
    working.stop().await;
}

async fn deleted(processes: &mut Processes) {
    eprintln!("deleted");
    processes.accept().await;
    processes.window_is_full().await;
    processes.server.delete_queue(QUEUE).unwrap();
    let working = processes.work().await;
    processes.expect_all_delivered().await;
    working.stop().await;
}

async fn wiped(processes: &mut Processes) {
    eprintln!("wiped");
    processes.accept().await;
    processes.window_is_full().await;
    processes.server.wipe().unwrap();
    processes.server.restart().unwrap();
    let working = processes.work().await;
    processes.expect_all_delivered().await;
    working.stop().await;
}

async fn three_times(processes: &mut Processes) {
    eprintln!("three_times");
    processes.accept().await;
    processes.window_is_full().await;
    let now = processes.world.scheduler.clock.now();
    let store = &processes.world.store;
    let waiting = store.dispatched_unclaimed(now, None, WINDOW).await.unwrap();
    let lane = Lane::Single;
    let again: Vec<Message> = waiting
        .iter()
        .flat_map(|chunk| [*chunk; 2])
        .map(|chunk| Message { lane, chunk })
        .collect();
    let answers = processes.broker.publish_all(&again).await;
    assert_eq!(answers, vec![Ok(()); 2 * WINDOW]);
    let working = processes.work().await;
    processes.expect_all_delivered().await;
    working.stop().await;
}

/// What was refused is published anew when the broker takes messages again.
async fn short_of_memory(processes: &mut Processes) {
    eprintln!("short_of_memory");
    let working = processes.work().await;
    processes.server.memory_alarm(true).unwrap();
    // It refuses what comes after it has noticed: until then there must be something to publish.
    let refused = tokio::time::timeout(HEALED_WITHIN, async {
        while *processes.broker.availability().borrow() != Availability::Blocked {
            if processes.world.store.chunks_outstanding().await.unwrap() == 0 {
                processes.accept().await;
            }
            processes.turn().await;
        }
    });
    assert!(refused.await.is_ok(), "the broker refuses nothing");
    processes.server.memory_alarm(false).unwrap();
    processes.expect_all_delivered().await;
    working.stop().await;
}

/// Workers poll what is dispatched, and go back to messages when there are some.
async fn away(processes: &mut Processes) {
    eprintln!("away");
    let working = processes.work().await;
    processes.server.kill().unwrap();
    processes.accept().await;
    processes.expect_all_delivered().await;
    let is_away = *processes.broker.availability().borrow() == Availability::Away;
    assert!(is_away, "all of it without a broker");
    processes.server.restart().unwrap();
    processes.accept().await;
    processes.expect_all_delivered().await;
    is_available(&processes.broker).await;
    working.stop().await;
}

impl Processes {
    async fn start() -> Self {
        let server = RabbitMqServer::start().unwrap();
        let mut world = World::with(Engine::Postgres, REQUESTS as u32, 1_000_000).await;
        let broker = open(&server).await;
        world.scheduler.broker = broker.clone();
        world.scheduler.settings.window_chunks_min = WINDOW;
        world.scheduler.settings.window_chunks_max = WINDOW;
        Self {
            sender: world.sender().await,
            world,
            broker,
            server,
            accepted: 0,
        }
    }

    /// Another process with a worker; its connections end with it.
    async fn work(&self) -> Working {
        let broker = open(&self.server).await;
        let worker: Arc<Worker> = Arc::new(worker_beside(&self.world.scheduler, broker));
        let stop = CancellationToken::new();
        Working {
            task: tokio::spawn(worker.run(stop.clone())),
            stop,
        }
    }

    /// A push to each friend, a chunk each.
    async fn accept(&mut self) {
        for friend in &self.world.friends {
            let one = std::slice::from_ref(friend);
            let pushed = self.world.push(&self.sender, "hello", one).await;
            pushed.unwrap();
        }
        self.accepted += self.world.friends.len();
    }

    /// The leader's stages once, and a moment passes.
    async fn turn(&self) {
        let (scheduler, epoch) = (&self.world.scheduler, self.world.epoch);
        assert_eq!(scheduler.lead(Some(epoch)).await.unwrap(), Some(epoch));
        scheduler.standing_step(epoch).await.unwrap();
        scheduler.rescue_step(epoch).await.unwrap();
        scheduler.dispatch_step(epoch).await.unwrap();
        scheduler.roll_up_step(epoch).await.unwrap();
        self.world.clock.advance(TURN);
    }

    /// With nobody working, a window's worth of messages waits and not one more.
    async fn window_is_full(&self) {
        until("the window is full", HEALED_WITHIN, || async {
            self.turn().await;
            (self.broker.depth().queued == WINDOW).then_some(())
        })
        .await;
        // The server's own figures follow within seconds; meanwhile nothing may be added.
        until("the server says so too", HEALED_WITHIN, || async {
            self.turn().await;
            let messages = self.server.messages(QUEUE).unwrap();
            assert!(messages <= Some(WINDOW), "{messages:?}");
            (messages == Some(WINDOW)).then_some(())
        })
        .await;
        assert_eq!(self.world.store.chunks_outstanding().await.unwrap(), WINDOW);
    }

    async fn expect_all_delivered(&self) {
        let messenger = &self.world.messenger;
        until("everything is delivered", HEALED_WITHIN, || async {
            self.turn().await;
            let delivered = messenger.delivered.lock().unwrap().len();
            (delivered == self.accepted).then_some(())
        })
        .await;
        until("everything is recorded", HEALED_WITHIN, || async {
            self.turn().await;
            let outstanding = self.world.store.chunks_outstanding().await.unwrap();
            (outstanding == 0).then_some(())
        })
        .await;
        let requests = messenger.requests.load(Ordering::SeqCst);
        assert_eq!(requests, self.accepted, "pushed once each");
    }
}

impl Working {
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

async fn open(server: &RabbitMqServer) -> Arc<RabbitMq> {
    let config = RabbitMqConfig {
        prefix: "lost".to_owned(),
        confirm_timeout: Duration::from_secs(2),
        ..RabbitMqConfig::at(server.url())
    };
    let broker = RabbitMq::open(config).unwrap();
    is_available(&broker).await;
    broker
}

async fn is_available(broker: &RabbitMq) {
    let mut availability = broker.availability();
    let waiting = availability.wait_for(|now| *now == Availability::Available);
    let waited = tokio::time::timeout(HEALED_WITHIN, waiting).await;
    assert!(waited.is_ok(), "the broker is not available");
}
