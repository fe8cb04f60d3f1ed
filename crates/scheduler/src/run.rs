//! The loops around the steps: each stage runs when it is woken, when its time comes, and never
//! twice at once.

use std::sync::Arc;
use std::time::Duration;

use store::leader::LeaderEpoch;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::settings::{
    EXPIRE_STEP, FORECAST_STEP, FUNDS_STEP, GAUGES_STEP, IDLE_STEP, LEAD_RENEWAL, PACE_STEP,
    PARTITION_STEP, RESCUE_STEP, RESTORE_STEP, REVENUE_STEP, ROLL_UP_STEP, SEAL_STEP,
    STANDING_STEP, STEP_GAP_MIN, WATCH_STEP,
};
use crate::{Progress, Scheduler, SchedulerError};

type Step = Result<Progress, SchedulerError>;

impl Scheduler {
    /// Runs every stage until `shutdown`, then gives up the lead.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let (lead, leads) = watch::channel(None);
        let stages = TaskTracker::new();
        stages.spawn(watch_database(self.clone(), shutdown.clone()));
        let each = |name, wake, step| {
            stages.spawn(run_stage(
                self.clone(),
                name,
                wake,
                leads.clone(),
                shutdown.clone(),
                step,
            ));
        };
        each(
            "dispatch",
            Wake {
                on_write: true,
                idle: PACE_STEP,
            },
            |s, epoch| Box::pin(async move { s.dispatch_step(epoch).await }),
        );
        each(
            "freeze",
            Wake {
                on_write: true,
                idle: IDLE_STEP,
            },
            |s, epoch| {
                Box::pin(async move {
                    let launched = s.launch_step().await?;
                    Ok(launched.and(s.freeze_step(epoch).await?))
                })
            },
        );
        each(
            "funds",
            Wake {
                on_write: false,
                idle: FUNDS_STEP,
            },
            |s, _| Box::pin(async move { s.waiting_step().await }),
        );
        each(
            "forecast",
            Wake {
                on_write: false,
                idle: FORECAST_STEP,
            },
            |s, epoch| Box::pin(async move { s.forecast_step(epoch).await }),
        );
        each(
            "rescue",
            Wake {
                on_write: false,
                idle: RESCUE_STEP,
            },
            |s, epoch| Box::pin(async move { s.rescue_step(epoch).await }),
        );
        each(
            "restore",
            Wake {
                on_write: true,
                idle: RESTORE_STEP,
            },
            |s, epoch| Box::pin(async move { s.restore_step(epoch).await }),
        );
        each(
            "roll up",
            Wake {
                on_write: false,
                idle: ROLL_UP_STEP,
            },
            |s, epoch| Box::pin(async move { s.roll_up_step(epoch).await }),
        );
        each(
            "close",
            Wake {
                on_write: true,
                idle: IDLE_STEP,
            },
            |s, epoch| Box::pin(async move { s.close_step(epoch).await }),
        );
        each(
            "expire",
            Wake {
                on_write: false,
                idle: EXPIRE_STEP,
            },
            |s, epoch| Box::pin(async move { s.expire_step(epoch).await }),
        );
        each(
            "standing",
            Wake {
                on_write: false,
                idle: STANDING_STEP,
            },
            |s, epoch| Box::pin(async move { s.standing_step(epoch).await }),
        );
        each(
            "seal",
            Wake {
                on_write: false,
                idle: SEAL_STEP,
            },
            |s, epoch| Box::pin(async move { s.seal_step(epoch).await }),
        );
        each(
            "watch",
            Wake {
                on_write: false,
                idle: GAUGES_STEP,
            },
            |s, _| {
                Box::pin(async move {
                    s.watch_step().await?;
                    Ok(Progress::Idle)
                })
            },
        );
        each(
            "partitions",
            Wake {
                on_write: false,
                idle: PARTITION_STEP,
            },
            |s, _| Box::pin(async move { s.partition_step().await }),
        );
        each(
            "revenue",
            Wake {
                on_write: false,
                idle: REVENUE_STEP,
            },
            |s, epoch| Box::pin(async move { s.revenue_step(epoch).await }),
        );
        let (checks, until) = (self.clone(), shutdown.clone());
        let led = leads.clone();
        stages.spawn(async move { checks.keep_reconciling(led, until).await });
        stages.close();
        self.keep_leading(lead, &shutdown).await;
        stages.wait().await;
        if let Err(error) = self.resign().await {
            tracing::warn!(%error, "the lead could not be given up; it runs out by itself");
        }
    }

    async fn keep_leading(
        &self,
        lead: watch::Sender<Option<LeaderEpoch>>,
        shutdown: &CancellationToken,
    ) {
        while !shutdown.is_cancelled() {
            let current = *lead.borrow();
            let next = match self.lead(current).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(%error, "the lead could not be renewed");
                    None
                }
            };
            metrics::gauge!("chingu_leader_epoch").set(next.map_or(0.0, |epoch| epoch.0 as f64));
            lead.send_if_modified(|lead| std::mem::replace(lead, next) != next);
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(LEAD_RENEWAL) => {}
            }
        }
        lead.send_replace(None);
    }
}

impl Scheduler {
    /// The record's next months have their place before the first launch into them.
    pub async fn partition_step(&self) -> Step {
        self.store.ensure_partitions(self.clock.now()).await?;
        Ok(Progress::Idle)
    }
}

/// A stage's step as a value.
type StepOf = for<'a> fn(
    &'a Scheduler,
    LeaderEpoch,
) -> std::pin::Pin<Box<dyn Future<Output = Step> + Send + 'a>>;

/// When a stage looks again.
#[derive(Debug, Clone, Copy)]
struct Wake {
    /// As soon as somebody wrote, or only when its time comes.
    on_write: bool,
    idle: Duration,
}

async fn run_stage(
    scheduler: Arc<Scheduler>,
    name: &'static str,
    wake: Wake,
    mut leads: watch::Receiver<Option<LeaderEpoch>>,
    shutdown: CancellationToken,
    step: StepOf,
) {
    while !shutdown.is_cancelled() {
        let epoch = *leads.borrow_and_update();
        let woken = scheduler.wake.notified();
        let progress = match epoch {
            Some(epoch) => step(&scheduler, epoch).await.unwrap_or_else(|error| {
                tracing::warn!(stage = name, %error, "a step failed; it is tried again");
                Progress::Idle
            }),
            None => Progress::Idle,
        };
        if progress == Progress::Worked && wake.on_write {
            continue;
        }
        // Many writes in a row are one reason to look.
        let gap = STEP_GAP_MIN.min(wake.idle);
        tokio::select! {
            () = shutdown.cancelled() => continue,
            () = tokio::time::sleep(gap) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = woken, if wake.on_write => {}
            () = tokio::time::sleep(wake.idle - gap) => {}
            _ = leads.changed() => {}
        }
    }
}

/// Wakes the stages when any process has written: `import`, `admin`, another role.
async fn watch_database(scheduler: Arc<Scheduler>, shutdown: CancellationToken) {
    let mut seen = None;
    while !shutdown.is_cancelled() {
        match scheduler.store.data_version().await {
            Ok(version) if seen != Some(version) => {
                seen = Some(version);
                scheduler.wake.notify_waiters();
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the database does not answer"),
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(WATCH_STEP) => {}
        }
    }
}
