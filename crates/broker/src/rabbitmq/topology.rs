//! Queues as they have to be: a quorum queue per lane, and one for what was given up.
//!
//! Everything is said explicitly: defaults differ between RabbitMQ 3.10 and 4. Declaring what is
//! there already changes nothing; declaring it otherwise is refused by the broker, so a change here
//! needs another prefix or an operator who deletes the queues.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

use crate::port::Lane;

/// Deliveries after which a message is given up: its chunk is still dispatched, and published anew.
const DELIVERY_LIMIT: i32 = 20;
/// Messages of one lane, at most; the window of a dispatcher is far below.
const QUEUE_LENGTH_MAX: i32 = 100_000;
/// Messages that were given up and are kept for an operator to look at.
const DEAD_LENGTH_MAX: i32 = 10_000;

/// The names of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    prefix: String,
}

impl Names {
    pub fn of(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    /// The queue of a lane; published to by its name, through the default exchange.
    pub fn queue(&self, lane: Lane) -> ShortString {
        format!("{}.{}", self.prefix, lane.name()).into()
    }

    /// The exchange that takes what was given up, and its queue.
    pub fn dead(&self) -> ShortString {
        format!("{}.dead", self.prefix).into()
    }
}

/// Declares everything.
pub async fn declare(channel: &Channel, names: &Names) -> lapin::Result<()> {
    let exchange = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(
            names.dead(),
            ExchangeKind::Fanout,
            exchange,
            FieldTable::default(),
        )
        .await?;
    let dead = [
        ("x-queue-type", text("quorum")),
        ("x-max-length", AMQPValue::LongInt(DEAD_LENGTH_MAX)),
        ("x-overflow", text("drop-head")),
    ];
    declare_queue(channel, names.dead(), dead).await?;
    channel
        .queue_bind(
            names.dead(),
            names.dead(),
            ShortString::default(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await?;
    for lane in Lane::ALL {
        let arguments = [
            ("x-queue-type", text("quorum")),
            ("x-delivery-limit", AMQPValue::LongInt(DELIVERY_LIMIT)),
            ("x-dead-letter-exchange", text(names.dead().as_str())),
            ("x-max-length", AMQPValue::LongInt(QUEUE_LENGTH_MAX)),
            ("x-overflow", text("reject-publish")),
        ];
        declare_queue(channel, names.queue(lane), arguments).await?;
    }
    Ok(())
}

/// What stands in the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Messages that wait for anybody, over all lanes.
    pub messages: usize,
    /// Consumers of the bulk lane: every process that receives has one of each.
    pub receivers: usize,
}

/// Looks at all lanes. A queue that is not there is an error, and the end of the channel.
pub async fn waiting(channel: &Channel, names: &Names) -> lapin::Result<Waiting> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let mut waiting = Waiting::default();
    for lane in Lane::ALL {
        let queue = channel
            .queue_declare(names.queue(lane), passive, FieldTable::default())
            .await?;
        waiting.messages += queue.message_count() as usize;
        if lane == Lane::Bulk {
            waiting.receivers = queue.consumer_count() as usize;
        }
    }
    Ok(waiting)
}

async fn declare_queue<const N: usize>(
    channel: &Channel,
    name: ShortString,
    arguments: [(&str, AMQPValue); N],
) -> lapin::Result<()> {
    let mut table = FieldTable::default();
    for (argument, value) in arguments {
        table.insert(argument.into(), value);
    }
    let options = QueueDeclareOptions::durable();
    channel.queue_declare(name, options, table).await?;
    Ok(())
}

fn text(words: &str) -> AMQPValue {
    AMQPValue::LongString(words.into())
}
