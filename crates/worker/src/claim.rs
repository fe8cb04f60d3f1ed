//! Claiming: a lease and an attempt row, committed before anything else happens.

use std::time::Duration;

use broker::Delivery;
use domain::chunk::ChunkId;
use domain::trace::Step;
use store::hot::{ClaimTerms, Claimed};
use store::pause;

use crate::{Worker, WorkerError, trace};

/// A claimed chunk with the message that led to it.
#[derive(Debug)]
pub struct Claim {
    pub claimed: Claimed,
    pub delivery: Delivery,
    /// By [`domain::time::Clock::monotonic`]: when the lease is over.
    pub lease_ends: Duration,
}

impl Worker {
    /// Claims what `deliveries` name. A message whose chunk is not to be claimed has done its work
    /// and is acknowledged; on an error all are given back.
    pub async fn claim(&self, deliveries: Vec<Delivery>) -> Result<Vec<Claim>, WorkerError> {
        let chunks: Vec<ChunkId> = deliveries.iter().map(|delivery| delivery.chunk).collect();
        pause::point("claim:before").await;
        // Read before the commit, so that the lease never seems longer than it is.
        let began = self.clock.monotonic();
        let lease_ends = began + self.settings.lease;
        let claimed = match self.claim_chunks(&chunks).await {
            Ok(claimed) => claimed,
            Err(error) => {
                for delivery in deliveries {
                    self.broker.give_back(delivery).await?;
                }
                return Err(error);
            }
        };
        pause::point("claim:after_commit").await;
        metrics::counter!("chingu_chunks_claimed_total").increment(claimed.len() as u64);
        let took = self.clock.monotonic().saturating_sub(began);
        for chunk in &claimed {
            trace::tell(Step::Claim, &chunk.id, chunk.epoch, took);
        }
        let mut polled = 0;
        let mut claimed = claimed.into_iter().peekable();
        let mut claims = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match claimed.next_if(|chunk| chunk.id == delivery.chunk) {
                Some(claimed) => {
                    polled += u64::from(delivery.is_polled());
                    claims.push(Claim {
                        claimed,
                        delivery,
                        lease_ends,
                    });
                }
                // The claims beside it are committed: a message that stays is dropped next time.
                None => {
                    if let Err(error) = self.broker.acknowledge(delivery).await {
                        tracing::warn!(%error, "a message of nothing to claim was not dropped");
                    }
                }
            }
        }
        // Beside all claimed, the share of those found by polling: none while the broker is there.
        metrics::counter!("chingu_chunks_polled_total").increment(polled);
        Ok(claims)
    }

    async fn claim_chunks(&self, chunks: &[ChunkId]) -> Result<Vec<Claimed>, WorkerError> {
        let now = self.clock.now();
        let capability = self.connector.capability();
        let terms = ClaimTerms {
            worker: self.id,
            now,
            lease: self.settings.lease,
            retry_unknown_since: capability.retry_since(now),
            batch_max: capability.batch_max,
        };
        let mut write = self.store.write_beside().await?;
        let hot = self.store.hot();
        let claimed = hot.claim(&mut write, chunks, &terms).await?;
        pause::point("claim:before_commit").await;
        write.commit().await?;
        Ok(claimed)
    }
}
