//! The publishing side: one channel with confirms, batch after batch.
//!
//! Every publish is `mandatory`: a queue that is not there returns the message, and confirms it all
//! the same. lapin hands returned messages to whichever confirm comes next, so what was returned is
//! told by its bytes, over the whole batch; and no batch begins while another is on its way.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt};
use lapin::message::BasicReturnMessage;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, Event};
use tokio::sync::MutexGuard;
use tokio::time::timeout;

use super::shared::{Lost, Shared, Side};
use super::{message, topology};
use crate::port::{BrokerError, Message};

/// Until a connection and its queues stand.
pub const SETUP_TIMEOUT: Duration = Duration::from_secs(15);
/// Between two looks at a channel that may have died without an event.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Survives a restart of the broker.
const PERSISTENT: u8 = 2;

type Answers = Vec<Result<(), BrokerError>>;

impl Shared {
    /// Publishes a batch and waits for its confirms together. What is not confirmed in time may
    /// have been taken all the same.
    pub async fn publish_all(&self, messages: &[Message]) -> Answers {
        let answers = self.try_publish_all(messages).await;
        if answers.iter().any(Result::is_err) {
            self.has_lost();
        }
        answers
    }

    async fn try_publish_all(&self, messages: &[Message]) -> Answers {
        let refused = || vec![Err(BrokerError::Unavailable); messages.len()];
        if !self.is_available() {
            return refused();
        }
        let Ok(place) = timeout(self.confirm_timeout, self.publisher.lock()).await else {
            return refused();
        };
        let Some(mut batch) = Batch::begin(self, place) else {
            return refused();
        };
        let sent = messages
            .iter()
            .map(|message| send(&batch.channel, &self.names, message));
        let Ok(confirms) = timeout(self.confirm_timeout, join_all(sent)).await else {
            metrics::counter!("chingu_broker_unconfirmed_total").increment(messages.len() as u64);
            return refused();
        };
        let mut returned = Vec::new();
        let mut is_whole = true;
        let mut answers: Answers = Vec::with_capacity(messages.len());
        for confirm in confirms {
            answers.push(match confirm {
                Ok(Confirmation::Ack(message)) => {
                    returned.extend(message);
                    Ok(())
                }
                // The queue holds as many as it may.
                Ok(Confirmation::Nack(message)) => {
                    returned.extend(message);
                    Err(BrokerError::Full)
                }
                Ok(Confirmation::NotRequested) => Err(BrokerError::Unavailable),
                Err(error) => {
                    tracing::debug!(%error, "a message was not published");
                    is_whole = false;
                    Err(BrokerError::Unavailable)
                }
            });
        }
        metrics::counter!("chingu_broker_returned_total").increment(returned.len() as u64);
        for (message, answer) in messages.iter().zip(&mut answers) {
            if returned
                .iter()
                .any(|returned| self.is_of(returned, message))
            {
                *answer = Err(BrokerError::Unavailable);
            }
        }
        if is_whole && returned.is_empty() {
            batch.is_whole();
        }
        answers
    }

    fn is_of(&self, returned: &BasicReturnMessage, message: &Message) -> bool {
        returned.data == message::encode(message.chunk)
            && returned.routing_key == self.names.queue(message.lane)
    }

    /// Connects, publishes for whoever asks, and ends when that is not possible any more.
    pub async fn serve_publishing(&self, is_up: &mut bool) -> Result<(), Lost> {
        let setup = async {
            let connection = self.connect(Side::Publish).await?;
            let channel = connection.create_channel().await?;
            topology::declare(&channel, &self.names).await?;
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await?;
            lapin::Result::Ok((connection, channel))
        };
        let (connection, channel) = timeout(SETUP_TIMEOUT, setup)
            .await
            .map_err(|_| Lost::Silent("connecting to publish"))??;
        let mut events = std::pin::pin!(connection.events_listener());
        let status = channel.status().clone();
        let mut place = self.publisher.lock().await;
        // The wish of a batch that lost the connection before this one is fulfilled.
        let _ = self.renew.notified().now_or_never();
        *place = Some(channel);
        drop(place);
        *is_up = true;
        self.side_is(Side::Publish, true);
        let mut is_blocked = false;
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(reason)) => {
                        tracing::warn!(reason, "the broker takes no messages");
                        is_blocked = true;
                        self.blocked_is(true);
                    }
                    Some(Event::ConnectionUnblocked) => {
                        tracing::info!("the broker takes messages again");
                        is_blocked = false;
                        self.blocked_is(false);
                    }
                    Some(Event::Error(error)) => return Err(error.into()),
                    Some(_) => {}
                    None => return Err(Lost::Closed),
                },
                // A blocked connection is kept: what it holds back arrives once, when it may.
                () = self.renew.notified(), if !is_blocked => return Err(Lost::Renewed),
                () = tokio::time::sleep(LOOK_EVERY) => {
                    if !connection.status().connected() || !status.connected() {
                        return Err(Lost::Closed);
                    }
                }
            }
        }
    }

    /// After [`Self::serve_publishing`] has ended.
    pub async fn ends_publishing(&self) {
        self.side_is(Side::Publish, false);
        *self.publisher.lock().await = None;
    }
}

/// A batch on its way. Only a whole one gives its channel back.
struct Batch<'a> {
    shared: &'a Shared,
    place: MutexGuard<'a, Option<Channel>>,
    channel: Channel,
}

impl<'a> Batch<'a> {
    fn begin(shared: &'a Shared, mut place: MutexGuard<'a, Option<Channel>>) -> Option<Self> {
        let channel = place.take()?;
        Some(Self {
            shared,
            place,
            channel,
        })
    }

    fn is_whole(&mut self) {
        *self.place = Some(self.channel.clone());
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if self.place.is_none() {
            self.shared.renew.notify_one();
        }
    }
}

async fn send(
    channel: &Channel,
    names: &topology::Names,
    message: &Message,
) -> lapin::Result<Confirmation> {
    let mandatory = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    let payload = message::encode(message.chunk);
    let default_exchange = ShortString::default();
    let queue = names.queue(message.lane);
    channel
        .basic_publish(default_exchange, queue, mandatory, &payload, properties)
        .await?
        .await
}
