//! A broker that counts what passes, for metrics and the bench.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Availability, Broker, BrokerError, Delivery, Depth, Message};
use metrics::counter;
use tokio::sync::watch;

pub struct CountedBroker(pub Arc<dyn Broker>);

#[async_trait]
impl Broker for CountedBroker {
    async fn publish(&self, message: Message) -> Result<(), BrokerError> {
        self.0.publish(message).await?;
        counter!("chingu_broker_published_total").increment(1);
        Ok(())
    }

    async fn publish_all(&self, messages: &[Message]) -> Vec<Result<(), BrokerError>> {
        let answers = self.0.publish_all(messages).await;
        let taken = answers.iter().filter(|answer| answer.is_ok()).count();
        counter!("chingu_broker_published_total").increment(taken as u64);
        answers
    }

    async fn receive(&self, limit: usize) -> Result<Vec<Delivery>, BrokerError> {
        let deliveries = self.0.receive(limit).await?;
        counter!("chingu_broker_delivered_total").increment(deliveries.len() as u64);
        Ok(deliveries)
    }

    async fn stop_receiving(&self) {
        self.0.stop_receiving().await;
    }

    async fn acknowledge(&self, delivery: Delivery) -> Result<(), BrokerError> {
        let is_polled = delivery.is_polled();
        self.0.acknowledge(delivery).await?;
        if !is_polled {
            counter!("chingu_broker_acknowledged_total").increment(1);
        }
        Ok(())
    }

    async fn give_back(&self, delivery: Delivery) -> Result<(), BrokerError> {
        let is_polled = delivery.is_polled();
        self.0.give_back(delivery).await?;
        if !is_polled {
            counter!("chingu_broker_given_back_total").increment(1);
        }
        Ok(())
    }

    fn depth(&self) -> Depth {
        self.0.depth()
    }

    fn receivers(&self) -> usize {
        self.0.receivers()
    }

    fn availability(&self) -> watch::Receiver<Availability> {
        self.0.availability()
    }

    fn losses(&self) -> u64 {
        self.0.losses()
    }
}
