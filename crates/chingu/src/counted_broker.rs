//! A broker that counts what passes, for metrics and the bench.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, BrokerError, Delivery, Depth};
use domain::chunk::ChunkId;
use metrics::counter;

pub struct CountedBroker(pub Arc<dyn Broker>);

#[async_trait]
impl Broker for CountedBroker {
    async fn publish(&self, chunk: ChunkId) -> Result<(), BrokerError> {
        self.0.publish(chunk).await?;
        counter!("chingu_broker_published_total").increment(1);
        Ok(())
    }

    async fn receive(&self, limit: usize) -> Result<Vec<Delivery>, BrokerError> {
        let deliveries = self.0.receive(limit).await?;
        counter!("chingu_broker_delivered_total").increment(deliveries.len() as u64);
        Ok(deliveries)
    }

    async fn acknowledge(&self, delivery: Delivery) -> Result<(), BrokerError> {
        self.0.acknowledge(delivery).await?;
        counter!("chingu_broker_acknowledged_total").increment(1);
        Ok(())
    }

    async fn give_back(&self, delivery: Delivery) -> Result<(), BrokerError> {
        self.0.give_back(delivery).await?;
        counter!("chingu_broker_given_back_total").increment(1);
        Ok(())
    }

    fn depth(&self) -> Depth {
        self.0.depth()
    }
}
