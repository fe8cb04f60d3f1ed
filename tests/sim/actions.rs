//! What may happen next, how likely it is, and doing it: one small step of one actor at a time.

use std::time::Duration;

use anyhow::{Result, bail};
use broker::{Broker, InProcessBroker, Lane, Message};
use domain::campaign::{CampaignState, PauseReason};
use scheduler::launch::{LaunchContext, launch};
use scheduler::{SchedulerError, control};
use store::StoreError;
use worker::WorkerError;
use worker::record::Pushed;

use crate::crash::{Ended, Plan};
use crate::world::World;

/// Everything that can happen in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Lead(usize),
    LaunchDue(usize),
    Freeze(usize),
    Dispatch(usize),
    Rescue(usize),
    RollUp(usize),
    Close(usize),
    Claim(usize),
    Push(usize),
    Record(usize),
    Acknowledge(usize),
    Pass(Duration),
    Friend,
    Launch,
    Control,
    TopUp,
    Arrive,
    Decide,
    LoseMessages,
    RepeatMessages,
    KillScheduler(usize),
    KillWorker(usize),
    KillEverything,
}

/// What a step asks of whoever died in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Scheduler(usize),
    Worker(usize),
    /// A call of the shell or the API: nothing outlives it.
    Call,
}

impl World {
    pub fn draw_action(&mut self) -> Action {
        let mut choices: Vec<(u64, Action)> = Vec::new();
        let is_led = self
            .schedulers
            .iter()
            .any(|process| process.epoch.is_some());
        for index in 0..self.schedulers.len() {
            choices.push((if is_led { 3 } else { 25 }, Action::Lead(index)));
            if self.schedulers[index].epoch.is_some() {
                choices.extend([
                    (2, Action::LaunchDue(index)),
                    (8, Action::Freeze(index)),
                    (14, Action::Dispatch(index)),
                    (8, Action::Rescue(index)),
                    (6, Action::RollUp(index)),
                    (6, Action::Close(index)),
                ]);
            }
            choices.push((self.setting.kills, Action::KillScheduler(index)));
        }
        for (index, process) in self.workers.iter().enumerate() {
            let mut enable = |weight, on: bool, action| {
                if on {
                    choices.push((weight, action));
                }
            };
            enable(20, self.broker.depth().queued > 0, Action::Claim(index));
            enable(25, !process.claims.is_empty(), Action::Push(index));
            enable(20, !process.pushed.is_empty(), Action::Record(index));
            enable(20, !process.recorded.is_empty(), Action::Acknowledge(index));
            enable(self.setting.kills, true, Action::KillWorker(index));
        }
        let has_words = self
            .messenger
            .oracle(|oracle| oracle.undecided.len() + oracle.acceptances.len() > 0);
        choices.extend([
            (24, Action::Pass(Duration::ZERO)),
            (self.setting.friend_weight, Action::Friend),
            (if self.step < 30 { 20 } else { 4 }, Action::Launch),
            (self.setting.control_weight, Action::Control),
            (1, Action::TopUp),
            (self.setting.kills, Action::KillEverything),
        ]);
        if self.broker.depth().queued > 0 {
            choices.extend([(1, Action::LoseMessages), (3, Action::RepeatMessages)]);
        }
        if self.messenger.requests_on_the_way() > 0 {
            choices.push((8, Action::Arrive));
        }
        if has_words {
            choices.push((6, Action::Decide));
        }
        let total: u64 = choices.iter().map(|(weight, _)| weight).sum();
        let mut roll = self.dice.between(0, total - 1);
        for (weight, action) in choices {
            if roll < weight {
                return match action {
                    Action::Pass(_) => Action::Pass(self.draw_time()),
                    action => action,
                };
            }
            roll -= weight;
        }
        Action::Pass(self.draw_time())
    }

    fn draw_time(&mut self) -> Duration {
        if self.dice.per_mille(self.setting.leaps) {
            let minutes = self
                .dice
                .pick(&[10, 30, 59, 61, 121, 179, 181, 1_500, 4_400]);
            return Duration::from_secs(minutes * 60);
        }
        let millis = match self.dice.between(0, 9) {
            0..=5 => self.dice.between(30, 400),
            6 | 7 => self.dice.between(500, 4_000),
            8 => self.dice.between(14_000, 20_000),
            _ => self.dice.pick(&[5_000, 40_000, 300_000]),
        };
        Duration::from_millis(millis)
    }

    /// Where the next step is cut off, if anywhere.
    pub fn draw_plan(&mut self) -> Plan {
        if self.dice.per_mille(self.setting.deaths) {
            return Plan::DieAt(self.dice.between(1, 9) as u32);
        }
        if self.dice.per_mille(self.setting.unanswered) {
            return Plan::NoAnswerAt(self.dice.between(1, 3) as u32);
        }
        Plan::GoOn
    }

    pub async fn act(&mut self, action: Action, plan: Plan) -> Result<()> {
        match action {
            Action::Pass(time) => {
                self.note(|| format!("{time:?} pass"));
                self.pass(time);
            }
            Action::Friend => self.friend_event().await?,
            Action::TopUp => {
                let brand = self.dice.index(self.brands.len());
                self.note(|| format!("top-up of brand {brand}"));
                self.top_up(brand).await?;
            }
            Action::Arrive => {
                let which = self.dice.index(self.messenger.requests_on_the_way());
                self.note(|| "a late request arrives".to_owned());
                self.messenger.arrive(which);
            }
            Action::Decide => self.decide().await?,
            Action::LoseMessages => {
                let lost = self.broker.take(usize::MAX);
                self.note(|| format!("{} messages are lost", lost.len()));
                for delivery in lost {
                    self.broker.acknowledge(delivery).await?;
                }
            }
            Action::RepeatMessages => {
                let waiting = self.broker.take(usize::MAX);
                self.note(|| format!("{} messages come three times", waiting.len()));
                for delivery in waiting {
                    let chunk = delivery.chunk;
                    self.broker.acknowledge(delivery).await?;
                    for _ in 0..3 {
                        let lane = Lane::Bulk;
                        self.broker.publish(Message { lane, chunk }).await?;
                    }
                }
            }
            Action::KillScheduler(index) => {
                self.note(|| format!("scheduler {index} is killed"));
                self.bury(Victim::Scheduler(index));
            }
            Action::KillWorker(index) => {
                self.note(|| format!("worker {index} is killed"));
                self.bury(Victim::Worker(index));
            }
            Action::KillEverything => self.kill_everything(),
            Action::Launch => self.launch(plan).await?,
            Action::Control => self.control(plan).await?,
            Action::Claim(_) | Action::Push(_) | Action::Record(_) | Action::Acknowledge(_) => {
                self.worker_step(action, plan).await?;
            }
            _ => self.scheduler_step(action, plan).await?,
        }
        Ok(())
    }

    async fn scheduler_step(&mut self, action: Action, plan: Plan) -> Result<()> {
        let (Action::Lead(index)
        | Action::LaunchDue(index)
        | Action::Freeze(index)
        | Action::Dispatch(index)
        | Action::Rescue(index)
        | Action::RollUp(index)
        | Action::Close(index)) = action
        else {
            bail!("{action:?} is no scheduler's step");
        };
        let process = &self.schedulers[index];
        let (scheduler, epoch) = (&process.scheduler, process.epoch);
        let step = async {
            let Some(epoch) = epoch else {
                return scheduler.lead(None).await.map(|lead| (true, lead));
            };
            let done = match action {
                Action::Lead(_) => return scheduler.lead(Some(epoch)).await.map(|l| (true, l)),
                Action::LaunchDue(_) => scheduler.launch_step().await,
                Action::Freeze(_) => scheduler.freeze_step(epoch).await,
                Action::Dispatch(_) => scheduler.dispatch_step(epoch).await,
                Action::Rescue(_) => scheduler.rescue_step(epoch).await,
                Action::RollUp(_) => scheduler.roll_up_step(epoch).await,
                _ => scheduler.close_step(epoch).await,
            };
            done.map(|progress| (progress == scheduler::Progress::Worked, Some(epoch)))
        };
        let ended = self.crash.run(plan, step).await;
        match ended {
            Ended::DiedAt(place) => {
                self.note(|| format!("{action:?} dies at {place}"));
                self.after_death(Victim::Scheduler(index));
            }
            Ended::Done(Ok((worked, lead))) => {
                let process = &mut self.schedulers[index];
                process.took_the_lead = lead.is_some() && lead != process.epoch;
                process.epoch = lead;
                self.note(|| format!("{action:?}{}", if worked { "" } else { " (idle)" }));
            }
            Ended::Done(Err(error)) => {
                self.note(|| format!("{action:?}: {error}"));
                if !self.is_expected(&error) {
                    bail!("{action:?} failed: {error}");
                }
                if matches!(action, Action::Lead(_)) {
                    self.schedulers[index].epoch = None;
                    self.schedulers[index].took_the_lead = false;
                }
            }
        }
        Ok(())
    }

    async fn worker_step(&mut self, action: Action, plan: Plan) -> Result<()> {
        match action {
            Action::Claim(index) => {
                let limit = self.dice.between(1, 6) as usize;
                let worker = &self.workers[index].worker;
                let step = async {
                    let deliveries = worker.broker.receive(limit).await?;
                    worker.claim(deliveries).await
                };
                let ended = self.crash.run(plan, step).await;
                if let Some(claims) = self.worker_ended(action, index, ended)? {
                    self.note(|| {
                        let ids: Vec<String> = claims.iter().map(claim_name).collect();
                        format!("{action:?}: {}", ids.join(" "))
                    });
                    for claim in &claims {
                        self.acknowledgements.claimed(&claim.delivery);
                    }
                    self.workers[index].claims.extend(claims);
                }
            }
            Action::Push(index) => {
                let which = self.dice.index(self.workers[index].claims.len());
                let claim = self.workers[index].claims.swap_remove(which);
                let ended = self
                    .crash
                    .run(plan, self.workers[index].worker.push(&claim))
                    .await;
                if let Ended::DiedAt(_) = ended {
                    self.worker_ended(action, index, ended)?;
                    return Ok(());
                }
                // As the worker's loop does: what could not be pushed is left to its lease.
                let record = self.worker_ended(action, index, ended)?.flatten();
                self.note(|| {
                    let answer = record.as_ref().map_or("nothing", |record| record.answer);
                    format!("{action:?} {}: {answer}", claim_name(&claim))
                });
                let delivery = claim.delivery;
                if record.is_none() {
                    self.acknowledgements.may_go(&delivery);
                }
                self.workers[index].pushed.push(Pushed { record, delivery });
            }
            Action::Record(index) => {
                let count = self
                    .dice
                    .between(1, self.workers[index].pushed.len() as u64);
                let batch: Vec<Pushed> =
                    self.workers[index].pushed.drain(..count as usize).collect();
                let records = batch.iter().filter_map(|pushed| pushed.record.as_ref());
                self.records = records.map(|record| (record.id, record.epoch)).collect();
                let ended = self
                    .crash
                    .run(plan, self.workers[index].worker.record(&batch))
                    .await;
                let failed = matches!(ended, Ended::Done(Err(_)));
                let recorded = self.worker_ended(action, index, ended)?;
                self.note(|| format!("{action:?}: {count} chunks"));
                if recorded.is_some() {
                    for pushed in &batch {
                        self.acknowledgements.may_go(&pushed.delivery);
                    }
                    self.workers[index].recorded.extend(batch);
                } else if failed {
                    self.workers[index].pushed.extend(batch);
                }
            }
            Action::Acknowledge(index) => {
                let recorded = std::mem::take(&mut self.workers[index].recorded);
                let step = self.workers[index].worker.acknowledge(recorded);
                let ended = self.crash.run(plan, step).await;
                self.worker_ended(action, index, ended)?;
                self.note(|| format!("{action:?}"));
            }
            _ => bail!("{action:?} is no worker's step"),
        }
        Ok(())
    }

    /// What a worker's step came to; `None` where it died or failed as it may.
    fn worker_ended<T>(
        &mut self,
        action: Action,
        index: usize,
        ended: Ended<Result<T, WorkerError>>,
    ) -> Result<Option<T>> {
        match ended {
            Ended::Done(Ok(done)) => Ok(Some(done)),
            Ended::DiedAt(place) => {
                self.note(|| format!("{action:?} dies at {place}"));
                self.after_death(Victim::Worker(index));
                Ok(None)
            }
            Ended::Done(Err(error)) => {
                self.note(|| format!("{action:?}: {error}"));
                let is_expected = matches!(error, WorkerError::Store(StoreError::Conflict(_)))
                    || self.crash.struck_at().is_some();
                if !is_expected {
                    bail!("{action:?} failed: {error}");
                }
                Ok(None)
            }
        }
    }

    async fn launch(&mut self, plan: Plan) -> Result<()> {
        let id = self.campaigns[self.dice.index(self.campaigns.len())];
        let rules = &self.schedulers[0].scheduler.rules;
        let context = LaunchContext {
            store: &self.store,
            clock: self.clock.as_ref(),
            ids: self.ids.as_ref(),
            rules,
            connector_rate: None,
        };
        let ended = self.crash.run(plan, launch(&context, id, None)).await;
        self.call_ended("launch", ended)
    }

    async fn control(&mut self, plan: Plan) -> Result<()> {
        let id = self.campaigns[self.dice.index(self.campaigns.len())];
        let state = self.store.campaign(id).await?.state;
        let roll = self.dice.between(0, 9);
        let (store, clock, ids) = (&self.store, self.clock.as_ref(), self.ids.as_ref());
        let (word, ended) = match (state, roll) {
            (_, 0) => {
                let step = async { control::cancel(store, clock, ids, id).await.map(|_| ()) };
                ("cancel", self.crash.run(plan, step).await)
            }
            (CampaignState::Paused(_), _) => (
                "resume",
                self.crash
                    .run(plan, control::resume(store, clock, id))
                    .await,
            ),
            _ => (
                "pause",
                self.crash.run(plan, control::pause(store, id)).await,
            ),
        };
        self.call_ended(word, ended)
    }

    fn call_ended<T>(&mut self, word: &str, ended: Ended<Result<T, SchedulerError>>) -> Result<()> {
        match ended {
            Ended::Done(Ok(_)) => self.note(|| word.to_owned()),
            Ended::DiedAt(place) => {
                self.note(|| format!("{word} dies at {place}"));
                self.after_death(Victim::Call);
            }
            Ended::Done(Err(error)) => {
                self.note(|| format!("{word}: {error}"));
                let is_refused = matches!(error, SchedulerError::Refused(_));
                if !is_refused && !self.is_expected(&error) {
                    bail!("{word} failed: {error}");
                }
            }
        }
        Ok(())
    }

    /// Somebody else was first, or the database was made not to answer.
    fn is_expected(&self, error: &SchedulerError) -> bool {
        self.crash.struck_at().is_some()
            || matches!(error, SchedulerError::Store(StoreError::Conflict(_)))
    }

    /// One process in five takes the others with it: the program is one process then.
    fn after_death(&mut self, victim: Victim) {
        if victim != Victim::Call && self.dice.per_mille(200) {
            self.kill_everything();
        } else {
            self.bury(victim);
        }
    }

    fn kill_everything(&mut self) {
        self.note(|| "everything is killed, the broker with it".to_owned());
        self.broker = std::sync::Arc::new(InProcessBroker::default());
        self.acknowledgements.forget();
        for index in 0..self.schedulers.len() {
            self.bury(Victim::Scheduler(index));
        }
        for index in 0..self.workers.len() {
            self.bury(Victim::Worker(index));
        }
    }

    /// What a process held is gone; another one starts in its place.
    fn bury(&mut self, victim: Victim) {
        match victim {
            Victim::Scheduler(index) => self.schedulers[index] = self.scheduler(),
            Victim::Worker(index) => {
                self.workers[index] = self.worker();
                self.broker.receiver_is_gone();
            }
            Victim::Call => {}
        }
    }

    /// Whoever stands still because somebody, or the messenger, wanted it, goes on.
    pub async fn resume_paused(&mut self) -> Result<()> {
        for id in self.campaigns.clone() {
            let state = self.store.campaign(id).await?.state;
            match state {
                CampaignState::Paused(PauseReason::BrokenInvariant) => {
                    bail!("{id} stopped over a broken invariant")
                }
                CampaignState::Paused(_) => {
                    self.note(|| format!("{id} is resumed"));
                    control::resume(&self.store, self.clock.as_ref(), id).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn claim_name(claim: &worker::claim::Claim) -> String {
    let id = claim.claimed.id;
    format!("{}.{}/{}", id.number, id.round, claim.claimed.epoch)
}
