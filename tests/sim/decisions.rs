//! Late words of the messenger about recipients nobody knew of: early, late, twice, contradictory.

use std::time::Duration;

use anyhow::Result;
use domain::outcome::{Outcome, RejectionCode};
use domain::push::PushKey;
use store::event::{Delivery, DeliveryVerdict};
use testkit::messenger::{Decision, Undecided};

use crate::world::World;

impl World {
    /// One event about one recipient: that somebody who was accepted got it, or of an undecided one
    /// the first word, or a word again, or its contrary.
    pub async fn decide(&mut self) -> Result<()> {
        let accepted = self.messenger.oracle(|oracle| oracle.acceptances.len());
        let count = self.messenger.oracle(|oracle| oracle.undecided.len());
        if accepted > 0 && (count == 0 || self.dice.per_mille(300)) {
            let which = self.dice.index(accepted);
            return self.prove(which).await;
        }
        if count == 0 {
            return Ok(());
        }
        let which = self.dice.index(count);
        let confirmed = self.dice.per_mille(500);
        let contradicts = self.dice.per_mille(150);
        self.decide_one(which, confirmed, contradicts).await
    }

    /// Of what nobody said a word of yet, half is decided and half is left to its deadline.
    pub async fn decide_some(&mut self) -> Result<()> {
        let count = self.messenger.oracle(|oracle| oracle.undecided.len());
        for which in 0..count {
            let confirmed = self.dice.per_mille(500);
            if self.dice.per_mille(500) {
                self.decide_one(which, confirmed, false).await?;
            }
        }
        Ok(())
    }

    async fn prove(&mut self, which: usize) -> Result<()> {
        let (key, position) = self.messenger.oracle(|oracle| {
            let accepted = &oracle.acceptances[which];
            (accepted.key, accepted.position)
        });
        let event_id = format!("event:{key}:{position}");
        let verdict = self
            .hear(key, position, Decision::Confirmed, event_id)
            .await?;
        self.note(|| format!("{key}[{position}] was delivered: {verdict:?}"));
        Ok(())
    }

    async fn decide_one(&mut self, which: usize, confirmed: bool, contradicts: bool) -> Result<()> {
        let undecided = self
            .messenger
            .oracle(|oracle| oracle.undecided[which].clone());
        let Undecided { key, position, .. } = undecided;
        let drawn = match confirmed {
            true => Decision::Confirmed,
            false => Decision::Failed,
        };
        let (word, event_id) = match (undecided.decision, contradicts) {
            (Some(first), false) => (first, format!("event:{key}:{position}")),
            (Some(first), true) => (contrary(first), format!("contrary:{key}:{position}")),
            (None, _) => (drawn, format!("event:{key}:{position}")),
        };
        // The truth is what was said first.
        self.messenger.oracle(|oracle| {
            oracle.undecided[which]
                .decision
                .get_or_insert(word)
                .to_owned()
        });
        let verdict = self.hear(key, position, word, event_id).await?;
        self.note(|| format!("{key}[{position}] {word:?}: {verdict:?}"));
        Ok(())
    }

    /// As the platform takes an event; `None` where it was heard before.
    async fn hear(
        &mut self,
        key: PushKey,
        position: u32,
        word: Decision,
        event_id: String,
    ) -> Result<Option<DeliveryVerdict>> {
        // Two words at one instant would have no order.
        self.clock.advance(Duration::from_millis(1));
        let now = self.now();
        let outcome = match word {
            Decision::Confirmed => Outcome::Confirmed,
            Decision::Failed => Outcome::Failed(RejectionCode::Unreachable),
        };
        let mut write = self.store.write().await?;
        let fresh = write.remember_events(&[&event_id], now).await?;
        if fresh.is_empty() {
            return Ok(None);
        }
        let delivery = Delivery {
            event_id,
            push_key: key,
            index: position,
            outcome,
            at: now,
        };
        let verdicts = write.take_deliveries(&[delivery], now).await?;
        write.commit().await?;
        Ok(verdicts.first().copied())
    }
}

fn contrary(decision: Decision) -> Decision {
    match decision {
        Decision::Confirmed => Decision::Failed,
        Decision::Failed => Decision::Confirmed,
    }
}
