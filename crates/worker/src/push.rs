//! Pushing: the gate's last word, then the request, then what follows from the answer.

use std::sync::Arc;

use connector::Push;
use domain::answer::{NotProcessed, PushAnswer, PushResults};
use domain::chunk::{self, ChunkFacts, ChunkId, Detour, Next, Situation};
use domain::contract::Billable;
use domain::gate::{self, Decision, GateFacts, RecipientFacts};
use domain::id::AccountId;
use domain::push::PushKey;
use domain::restore;
use domain::rule::RuleId;
use domain::time::Timestamp;
use domain::user::UserNumber;
use gateway::FrozenBody;
use store::chunk::Recipients;
use store::hot::{Change, ChangeSource, Claimed, GateSpan, Record};
use store::{StoreError, pause};

use crate::campaign_facts::CampaignFacts;
use crate::claim::Claim;
use crate::settings::COMMIT_TIME_MAX;
use crate::{Worker, WorkerError};

/// What the gate leaves of a chunk.
enum Gated {
    /// Push, without these positions.
    Push(Vec<(u32, RuleId)>),
    /// Not now.
    Hold { at: Timestamp, rule: RuleId },
    /// Somebody else has the chunk meanwhile.
    ClaimLost,
}

/// What a push is made of besides its claim, read right before it.
#[derive(Debug)]
pub struct Ground {
    facts: Arc<CampaignFacts>,
    recipients: Recipients,
    /// Friends whose reach changed since the launch, as they stand now.
    changed: Vec<(UserNumber, RecipientFacts)>,
}

/// What of a push is not in its claim.
struct Request<'a> {
    account: AccountId,
    not_after: Timestamp,
    frozen: &'a FrozenBody,
    recipients: &'a Recipients,
    exclusions: &'a [(u32, RuleId)],
}

impl Worker {
    /// Pushes one claimed chunk. `None` where the claim was lost before the first byte: there is
    /// nothing to record then.
    pub async fn push(&self, claim: &Claim) -> Result<Option<Record>, WorkerError> {
        let ground = self.ground(std::slice::from_ref(claim)).await?.pop();
        let ground = ground.ok_or_else(|| StoreError::NotFound("what is pushed".into()))?;
        self.push_on(claim, &ground).await
    }

    /// What the pushes of these claims are made of, in their order: two statements for all of them,
    /// not two for each.
    pub(crate) async fn ground(&self, claims: &[Claim]) -> Result<Vec<Ground>, WorkerError> {
        let mut facts = Vec::with_capacity(claims.len());
        let mut spans = Vec::with_capacity(claims.len());
        for claim in claims {
            let claimed = &claim.claimed;
            let of_campaign = self.facts.of(&self.store, claimed.id.campaign).await?;
            spans.push(GateSpan {
                account: of_campaign.account,
                first: claimed.first_number,
                last: claimed.last_number,
                mark: of_campaign.reach_mark,
            });
            facts.push(of_campaign);
        }
        let ids: Vec<ChunkId> = claims.iter().map(|claim| claim.claimed.id).collect();
        let hot = self.store.hot();
        let recipients = hot.recipients(&self.store, &ids).await?;
        let changed = hot.gate_facts(&self.store, &spans).await?;
        metrics::counter!("chingu_gate_reads_total").increment(spans.len() as u64);
        let all = facts.into_iter().zip(recipients).zip(changed);
        let ground = all.map(|((facts, recipients), changed)| Ground {
            facts,
            recipients,
            changed,
        });
        Ok(ground.collect())
    }

    pub(crate) async fn push_on(
        &self,
        claim: &Claim,
        ground: &Ground,
    ) -> Result<Option<Record>, WorkerError> {
        let claimed = &claim.claimed;
        let (facts, recipients) = (&ground.facts, &ground.recipients);
        let message = claimed.message_hash;
        let frozen = self
            .facts
            .body(&self.store, claimed.id.campaign, message)
            .await?;
        let (answer, exclusions) = match self.gate(claimed, ground).await? {
            Gated::ClaimLost => return Ok(None),
            Gated::Hold { at, rule } => {
                return Ok(Some(self.hold(claimed, at, rule)));
            }
            Gated::Push(exclusions) => {
                let request = Request {
                    account: facts.account,
                    not_after: facts.not_after,
                    frozen: &frozen,
                    recipients,
                    exclusions: &exclusions,
                };
                let answer = self.request(claim, &request).await;
                (answer, exclusions)
            }
        };
        pause::point("push:after_answer").await;
        let word = answer_word(&answer);
        metrics::counter!("chingu_pushes_total", "answer" => word).increment(1);
        let situation = match &answer {
            PushAnswer::Closed => self.situation(claimed).await?,
            _ => Situation::MaySend,
        };
        let mut known: Vec<(u32, RuleId)> = claimed
            .exclusions
            .iter()
            .chain(&exclusions)
            .copied()
            .collect();
        if let PushAnswer::Processed(results) = &answer
            && results.replayed
        {
            known = self.with_lost_exclusions(claimed, results, known).await?;
        }
        let of_chunk = chunk_facts(claimed, facts.billable);
        let next = chunk::after_push(&of_chunk, answer, &known, situation);
        let change = self.change(next, claimed, &frozen, recipients).await?;
        Ok(Some(Record {
            id: claimed.id,
            epoch: claimed.epoch,
            answer: word,
            change,
        }))
    }

    async fn gate(&self, claimed: &Claimed, ground: &Ground) -> Result<Gated, WorkerError> {
        let (facts, changed) = (&ground.facts, &ground.changed);
        metrics::counter!("chingu_gate_changes_total").increment(changed.len() as u64);
        let changed: Vec<(u32, RecipientFacts)> = if changed.is_empty() {
            Vec::new()
        } else {
            let numbers = self.store.chunk_numbers(claimed.id).await?;
            changed
                .iter()
                .filter_map(|(number, friend)| {
                    let position = numbers.binary_search(number).ok()?;
                    Some((position as u32, *friend))
                })
                .collect()
        };
        let gate_facts = GateFacts {
            purpose: facts.purpose,
            not_before: facts.not_before,
            changed: &changed,
        };
        match gate::decide(&gate_facts, self.clock.now()) {
            Decision::Allow => Ok(Gated::Push(Vec::new())),
            Decision::HoldUntil { at, rule } => Ok(Gated::Hold { at, rule: rule.id }),
            Decision::Exclude(excluded) => {
                let exclusions: Vec<(u32, RuleId)> = excluded
                    .into_iter()
                    .map(|(position, rule)| (position, rule.id))
                    .collect();
                let mut write = self.store.write_beside().await?;
                let held = write.set_exclusions(claimed, &exclusions).await?;
                write.commit().await?;
                Ok(if held {
                    Gated::Push(exclusions)
                } else {
                    Gated::ClaimLost
                })
            }
        }
    }

    async fn request(&self, claim: &Claim, request: &Request<'_>) -> PushAnswer {
        // The first byte leaves early enough for the answer to be recorded under the lease.
        let reserve = self.settings.request_timeout + COMMIT_TIME_MAX;
        let deadline = claim.lease_ends.saturating_sub(reserve);
        if self.clock.monotonic() > deadline {
            return PushAnswer::NotProcessed {
                reason: NotProcessed::DeadlinePassed,
                retry_after: None,
            };
        }
        let claimed = &claim.claimed;
        let positions = request.exclusions.iter().map(|(position, _)| *position);
        let exclude: Vec<u32> = positions.collect();
        let push = Push {
            key: PushKey::of(&claimed.id),
            account: request.account,
            content_hash: claimed.content_hash,
            size: claimed.size,
            frozen: request.frozen,
            keys: &request.recipients.keys,
            variables: request.recipients.variables.as_deref(),
            not_after: Some(request.not_after),
            exclude: &exclude,
            deadline,
        };
        pause::point("push:before_first_byte").await;
        self.connector.push(&push).await
    }

    fn hold(&self, claimed: &Claimed, at: Timestamp, rule: RuleId) -> Record {
        let detour = Detour::Held(rule).name();
        let change = if claimed.tainted {
            Change::Unknown {
                due_at: at,
                detour,
                close_next: false,
            }
        } else {
            Change::Return { due_at: at, detour }
        };
        Record {
            id: claimed.id,
            epoch: claimed.epoch,
            answer: "not_sent",
            change,
        }
    }

    /// Where the campaign stands now that its key turned out to be closed.
    async fn situation(&self, claimed: &Claimed) -> Result<Situation, WorkerError> {
        let campaign = self.store.campaign(claimed.id.campaign).await?;
        Ok(campaign.situation(self.clock.now()))
    }

    /// A replayed result may exclude for the reasons of an attempt that a restored copy of the
    /// books does not know; of every other campaign all attempts are known.
    async fn with_lost_exclusions(
        &self,
        claimed: &Claimed,
        results: &PushResults,
        known: Vec<(u32, RuleId)>,
    ) -> Result<Vec<(u32, RuleId)>, WorkerError> {
        let all = restore::with_lost_exclusions(results, &known);
        if all.len() == known.len() {
            return Ok(known);
        }
        let campaign = self.store.campaign(claimed.id.campaign).await?;
        Ok(match campaign.known_until {
            Some(_) => all,
            None => known,
        })
    }

    async fn change(
        &self,
        next: Next,
        claimed: &Claimed,
        frozen: &FrozenBody,
        recipients: &Recipients,
    ) -> Result<Change, StoreError> {
        let numbers = self.store.numbers_of_next_round(claimed.id, &next).await?;
        let source = ChangeSource {
            size: claimed.size,
            push_key: PushKey::of(&claimed.id),
            batch_max: self.connector.capability().batch_max,
            recipients,
            numbers: &numbers,
            now: self.clock.now(),
        };
        let variables = recipients.variables.as_deref();
        Change::of(next, &source, |keys, positions| {
            gateway::part_of_body(frozen, keys, variables, positions).ok()
        })
    }
}

fn chunk_facts(claimed: &Claimed, billable: Billable) -> ChunkFacts {
    ChunkFacts {
        size: claimed.size,
        epoch: claimed.epoch,
        tainted: claimed.tainted,
        retry_rounds: claimed.retry_rounds,
        billable,
    }
}

/// For the attempt row and the metric.
fn answer_word(answer: &PushAnswer) -> &'static str {
    match answer {
        PushAnswer::Processed(results) if results.replayed => "replayed",
        PushAnswer::Processed(_) => "processed",
        PushAnswer::NotProcessed { reason, .. } => Detour::NotProcessed(*reason).name(),
        PushAnswer::Rejected { .. } => "rejected",
        PushAnswer::InProgress { .. } => "in_progress",
        PushAnswer::ContentMismatch => "content_mismatch",
        PushAnswer::Closed => "closed",
        PushAnswer::Unknown(reason) => Detour::Unknown(*reason).name(),
    }
}
