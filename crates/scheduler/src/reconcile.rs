//! The books checked by whoever leads: lightly every few minutes and right after a lead was taken,
//! in full at night. Not a stage like the others: a full check may take minutes, and whoever stops
//! does not wait for it.

use domain::time::Timestamp;
use metrics::gauge;
use store::leader::LeaderEpoch;
use store::reconciliation::CheckKind;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::settings::{FULL_CHECK_AT, LIGHT_CHECK_EVERY, RECONCILE_STEP, REVENUE_PIECES_MAX};
use crate::{Progress, Scheduler, SchedulerError};

const DAY_MS: i64 = 86_400_000;

impl Scheduler {
    /// Looks again and again whether a check is due, for as long as it leads.
    pub(crate) async fn keep_reconciling(
        &self,
        mut leads: watch::Receiver<Option<LeaderEpoch>>,
        shutdown: CancellationToken,
    ) {
        while !shutdown.is_cancelled() {
            let epoch = *leads.borrow_and_update();
            if let Some(epoch) = epoch {
                tokio::select! {
                    // What it wrote so far is rolled back, and the next leader begins again.
                    () = shutdown.cancelled() => continue,
                    checked = self.reconcile_step(epoch) => {
                        if let Err(error) = checked {
                            tracing::warn!(%error, "the books could not be checked; tried again");
                        }
                    }
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(RECONCILE_STEP) => {}
                _ = leads.changed() => {}
            }
        }
    }

    /// Makes the checks that are due.
    pub async fn reconcile_step(&self, epoch: LeaderEpoch) -> Result<Progress, SchedulerError> {
        let now = self.clock.now();
        let led_since = self.store.led_since().await?.unwrap_or(now);
        let mut progress = Progress::Idle;
        for kind in CheckKind::ALL {
            let last = self.store.last_check_began(kind).await?;
            let is_due = match kind {
                // What an earlier lead checked says nothing of how that lead ended.
                CheckKind::Light => {
                    last.is_none_or(|last| last < led_since || now.since(last) >= LIGHT_CHECK_EVERY)
                }
                CheckKind::Full => last.unwrap_or(led_since) < latest_night(now),
            };
            if is_due {
                let (clock, ids) = (self.clock.as_ref(), self.ids.as_ref());
                let check = billing::check_books(&self.store, kind, Some(epoch), clock, ids);
                let check = check.await?;
                let took = check.ended_at.since(check.started_at);
                tracing::debug!(
                    kind = kind.name(),
                    clean = check.clean,
                    ?took,
                    "books checked"
                );
                progress = Progress::Worked;
            }
        }
        self.show_checks(now).await?;
        Ok(progress)
    }

    /// Sets the gauges of the latest checks.
    async fn show_checks(&self, now: Timestamp) -> Result<(), SchedulerError> {
        for kind in CheckKind::ALL {
            let Some(last) = self.store.last_check(kind, false).await? else {
                continue;
            };
            let name = kind.name();
            let clean = f64::from(u8::from(last.clean));
            gauge!("chingu_reconciliation_clean", "kind" => name).set(clean);
            if let Some(clean) = self.store.last_check(kind, true).await? {
                let age = now.since(clean.ended_at).as_secs_f64();
                gauge!("chingu_reconciliation_clean_age_seconds", "kind" => name).set(age);
            }
        }
        Ok(())
    }

    /// Folds what was booked since into the days of its accounts.
    pub async fn revenue_step(&self, epoch: LeaderEpoch) -> Result<Progress, SchedulerError> {
        for _ in 0..REVENUE_PIECES_MAX {
            let Some((piece, sums)) = billing::revenue::next_to_fold(&self.store).await? else {
                return Ok(Progress::Idle);
            };
            let mut write = self.store.write().await?;
            write.must_lead(epoch).await?;
            write.fold_revenue(piece, &sums).await?;
            write.commit().await?;
        }
        Ok(Progress::Worked)
    }
}

/// The latest moment at which a full check was due.
fn latest_night(now: Timestamp) -> Timestamp {
    let at = i64::try_from(FULL_CHECK_AT.as_millis()).unwrap_or_default();
    let days = (now.as_millis() - at).div_euclid(DAY_MS);
    Timestamp::from_millis(days * DAY_MS + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_is_over_at_its_hour() {
        let at = |text| Timestamp::parse_rfc3339(text).unwrap();
        for (now, night) in [
            ("2026-11-30T17:59:59Z", "2026-11-29T18:00:00Z"),
            ("2026-11-30T18:00:00Z", "2026-11-30T18:00:00Z"),
            ("2026-12-01T00:30:00Z", "2026-11-30T18:00:00Z"),
        ] {
            assert_eq!(latest_night(at(now)), at(night), "{now}");
        }
    }
}
