//! The consuming side: one channel, a consumer per lane, and a look at what waits.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::try_join_all;
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, BasicRejectOptions,
    QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
use tokio::time::timeout;

use super::publisher::SETUP_TIMEOUT;
use super::shared::{Lost, Shared, Side};
use super::{message, topology};
use crate::port::Lane;

/// To be delivered again, to anybody.
pub const GIVE_BACK: BasicNackOptions = BasicNackOptions {
    multiple: false,
    requeue: true,
};
/// Between two looks at how much waits; [`crate::Depth`] says that it is not older than a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A broker that does not answer so long is as good as gone.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

impl Shared {
    /// Connects, takes in what is delivered, and ends when nothing is delivered any more.
    pub async fn serve_consuming(&self, is_up: &mut bool) -> Result<(), Lost> {
        let setup = async {
            let connection = self.connect(Side::Consume).await?;
            let channel = connection.create_channel().await?;
            topology::declare(&channel, &self.names).await?;
            channel
                .basic_qos(self.prefetch, BasicQosOptions::default())
                .await?;
            // Of its own: a queue that is not there ends the channel that looks for it.
            let looks = connection.create_channel().await?;
            lapin::Result::Ok((connection, channel, looks))
        };
        let (connection, channel, looks) = timeout(SETUP_TIMEOUT, setup)
            .await
            .map_err(|_| Lost::Silent("connecting to consume"))??;
        *is_up = true;
        self.side_is(Side::Consume, true);
        tokio::select! {
            lost = self.deliver(&connection, &channel) => lost,
            lost = self.look(&looks) => lost,
        }
    }

    /// After [`Self::serve_consuming`] has ended.
    pub fn ends_consuming(&self) {
        self.side_is(Side::Consume, false);
        self.inbox.forget();
    }

    /// Consumes while somebody receives: a process that only publishes keeps nothing from others.
    async fn deliver(&self, connection: &Connection, channel: &Channel) -> Result<(), Lost> {
        let mut wanted = self.wanted.subscribe();
        loop {
            // The sender is ours: it does not go away before us.
            let _ = wanted.wait_for(|wanted| *wanted).await;
            let mut consumers = Vec::with_capacity(Lane::ALL.len());
            for lane in Lane::ALL {
                let Ok(consumer) = timeout(ANSWER_TIMEOUT, self.consume(channel, lane)).await
                else {
                    self.give_up_queue(connection, lane).await?;
                    return Err(Lost::Silent("beginning to consume"));
                };
                consumers.push(self.take_in(lane, consumer?));
            }
            let mut taking = std::pin::pin!(try_join_all(consumers));
            tokio::select! {
                ended = &mut taking => return ended.map(drop),
                _ = wanted.wait_for(|wanted| !*wanted) => {}
            }
            for lane in Lane::ALL {
                let options = BasicCancelOptions::default();
                channel.basic_cancel(lane.name().into(), options).await?;
            }
            // What was still on its way goes back with what waits here.
            taking.await?;
            for acker in self.inbox.waiting() {
                acker.nack(GIVE_BACK).await?;
            }
        }
    }

    async fn consume(&self, channel: &Channel, lane: Lane) -> lapin::Result<Consumer> {
        channel
            .basic_consume(
                self.names.queue(lane),
                lane.name().into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
    }

    /// Until the consumer is cancelled, by us or by the broker.
    async fn take_in(&self, lane: Lane, mut consumer: Consumer) -> Result<(), Lost> {
        while let Some(delivery) = consumer.next().await {
            let delivery = delivery?;
            match message::decode(&delivery.data) {
                Some(chunk) => self.inbox.deliver(lane, chunk, delivery.acker),
                None => {
                    metrics::counter!("chingu_broker_garbage_total").increment(1);
                    let (lane, bytes) = (lane.name(), delivery.data.len());
                    tracing::warn!(lane, bytes, "not a message of ours: put with the dead ones");
                    let for_good = BasicRejectOptions { requeue: false };
                    delivery.acker.reject(for_good).await?;
                }
            }
        }
        match *self.wanted.borrow() {
            true => Err(Lost::Cancelled),
            false => Ok(()),
        }
    }

    /// A quorum queue that was declared just before its node was killed may come back as one that
    /// elects no leader: declaring it succeeds, and everything else waits for ever. It holds hints
    /// only, so it is deleted where the broker answers otherwise; the next connection declares it.
    async fn give_up_queue(&self, connection: &Connection, lane: Lane) -> Result<(), Lost> {
        let giving_up = async {
            let channel = connection.create_channel().await?;
            topology::waiting(&channel, &self.names).await?;
            let queue = self.names.queue(lane);
            tracing::error!(%queue, "this queue answers nothing: it is deleted and made anew");
            metrics::counter!("chingu_broker_queues_given_up_total").increment(1);
            let options = QueueDeleteOptions::default();
            channel.queue_delete(queue, options).await
        };
        timeout(SETUP_TIMEOUT, giving_up)
            .await
            .map_err(|_| Lost::Silent("deleting a queue"))??;
        Ok(())
    }

    async fn look(&self, channel: &Channel) -> Result<(), Lost> {
        loop {
            let waiting = timeout(ANSWER_TIMEOUT, topology::waiting(channel, &self.names))
                .await
                .map_err(|_| Lost::Silent("asking what waits"))??;
            self.inbox.looks_like(waiting.messages, waiting.receivers);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
