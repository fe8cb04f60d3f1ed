//! Late words of the messenger about recipients nobody knew of: early, late, twice, contradictory.

use anyhow::Result;
use domain::outcome::Outcome;
use domain::push::PushKey;
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
        let word = Decision::Confirmed;
        let is_heard = self.hear(key, position, word, &event_id).await?;
        self.note(|| format!("{key}[{position}] was delivered, heard: {is_heard}"));
        Ok(())
    }

    async fn decide_one(&mut self, which: usize, confirmed: bool, contradicts: bool) -> Result<()> {
        let undecided = self.messenger.oracle(|oracle| oracle.undecided[which].clone());
        let Undecided { key, position, .. } = undecided;
        let drawn = match confirmed {
            true => Decision::Confirmed,
            false => Decision::Failed,
        };
        // The truth is what was said first and heard.
        let (word, event_id) = match (undecided.decision, contradicts) {
            (Some(first), false) => (first, format!("event:{key}:{position}")),
            (Some(first), true) => (contrary(first), format!("contrary:{key}:{position}")),
            (None, _) => (drawn, format!("event:{key}:{position}")),
        };
        let is_heard = self.hear(key, position, word, &event_id).await?;
        if is_heard && undecided.decision.is_none() {
            self.messenger
                .oracle(|oracle| oracle.undecided[which].decision = Some(word));
        }
        self.note(|| format!("{key}[{position}] {word:?}, heard: {is_heard}"));
        Ok(())
    }

    /// As the platform takes an event: it counts where the record says uncertain, and once.
    async fn hear(
        &mut self,
        key: PushKey,
        position: u32,
        word: Decision,
        event_id: &str,
    ) -> Result<bool> {
        let page = self.books.page().await?;
        let chunk = page.chunks.iter().find(|(id, _)| PushKey::of(id) == key);
        let Some((id, chunk)) = chunk else {
            return Ok(false);
        };
        if chunk.outcomes.get(position as usize) != Some(&Outcome::Uncertain) {
            return Ok(false);
        }
        let (outcome, reason) = match word {
            Decision::Confirmed => (Outcome::Confirmed, "delivery.confirmed"),
            Decision::Failed => (
                Outcome::Failed(domain::outcome::RejectionCode::Unreachable),
                "delivery.failed",
            ),
        };
        let now = self.now();
        let mut write = self.store.write().await?;
        let heard = write
            .insert_amendment(event_id, *id, position, outcome, reason, now)
            .await?;
        write.commit().await?;
        Ok(heard)
    }
}

fn contrary(decision: Decision) -> Decision {
    match decision {
        Decision::Confirmed => Decision::Failed,
        Decision::Failed => Decision::Confirmed,
    }
}
