//! Says again what anybody publishes: every message of a broker comes more than once.
//!
//! RabbitMQ's own tracer copies each message that is published to an exchange of its own; from
//! there it is published again, so many times, to the queue that it was meant for.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::sync::oneshot;

use super::RabbitMqServer;

const TRACE: &str = "amq.rabbitmq.trace";
const PUBLISHED: &str = "publish.#";
/// Of a trace: the names of the queues that the message was meant for.
const ROUTING_KEYS: &str = "routing_keys";

/// At work until it is stopped or dropped.
pub struct Repeater {
    repeated: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    working: Option<thread::JoinHandle<lapin::Result<()>>>,
}

impl Repeater {
    /// From now on every message is published so many times more.
    pub fn start(server: &RabbitMqServer, times: u32) -> io::Result<Self> {
        server.control(&["trace_on"])?;
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (url, repeated) = (server.url(), Arc::new(AtomicU64::new(0)));
        let counted = repeated.clone();
        let working = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let traced = Traced::connect(&url, times).await?;
                // Whoever waits for it has gone only if the test has.
                let _ = ready.send(());
                tokio::select! {
                    done = traced.repeat(&counted) => done,
                    _ = stopped => Ok(()),
                }
            })
        });
        let mut repeater = Self {
            repeated,
            stop: Some(stop),
            working: Some(working),
        };
        match is_ready.recv() {
            Ok(()) => Ok(repeater),
            Err(_) => Err(repeater
                .end()
                .err()
                .unwrap_or_else(|| io::Error::other("the repeater ended before it began"))),
        }
    }

    /// Ends it; how many messages were said again, each so many times.
    pub fn stop(&mut self) -> io::Result<u64> {
        self.end()?;
        Ok(self.repeated.load(Ordering::SeqCst))
    }

    fn end(&mut self) -> io::Result<()> {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let Some(working) = self.working.take() else {
            return Ok(());
        };
        let done = working
            .join()
            .map_err(|_| io::Error::other("the repeater panicked"))?;
        done.map_err(io::Error::other)
    }
}

impl Drop for Repeater {
    fn drop(&mut self) {
        // What went wrong was told by `stop`, or nobody asked.
        let _ = self.end();
    }
}

/// A connection that hears of everything that is published.
struct Traced {
    // Closed when dropped.
    _connection: Connection,
    channel: Channel,
    queue: ShortString,
    times: u32,
}

impl Traced {
    async fn connect(url: &str, times: u32) -> lapin::Result<Self> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let own = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel
            .queue_declare(ShortString::default(), own, FieldTable::default())
            .await?;
        let queue = queue.name().clone();
        channel
            .queue_bind(
                queue.clone(),
                TRACE.into(),
                PUBLISHED.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok(Self {
            _connection: connection,
            channel,
            queue,
            times,
        })
    }

    async fn repeat(&self, repeated: &AtomicU64) -> lapin::Result<()> {
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let mut traces = self
            .channel
            .basic_consume(
                self.queue.clone(),
                ShortString::default(),
                options,
                FieldTable::default(),
            )
            .await?;
        // What we say again is traced like everything else.
        let mut ours: HashMap<Vec<u8>, u32> = HashMap::new();
        while let Some(trace) = traces.next().await {
            let trace = trace?;
            let Some(queue) = meant_for(&trace) else {
                continue;
            };
            match ours.get_mut(&trace.data) {
                Some(left @ 1..) => *left -= 1,
                _ => {
                    ours.insert(trace.data.clone(), self.times);
                    for _ in 0..self.times {
                        self.say(&queue, &trace.data).await?;
                    }
                    repeated.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
        Ok(())
    }

    async fn say(&self, queue: &ShortString, payload: &[u8]) -> lapin::Result<()> {
        let default_exchange = ShortString::default();
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        self.channel
            .basic_publish(
                default_exchange,
                queue.clone(),
                options,
                payload,
                properties,
            )
            .await?;
        Ok(())
    }
}

fn meant_for(trace: &Delivery) -> Option<ShortString> {
    let headers = trace.properties.headers().as_ref()?;
    let keys = headers.inner().get(ROUTING_KEYS)?;
    let AMQPValue::FieldArray(keys) = keys else {
        return None;
    };
    match keys.as_slice().first()? {
        AMQPValue::LongString(key) => Some(key.to_string().into()),
        _ => None,
    }
}
