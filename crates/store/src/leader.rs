//! Who leads the scheduler, with an epoch that every write of leader work carries.

use std::time::Duration;

use domain::id::WorkerId;
use domain::time::{CLOCK_STEP_MIN, Timestamp};

use crate::row::{self, values};
use crate::{Store, StoreError, Write, interruption};

/// Proof of leading: compared in the same transaction as the leader's write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaderEpoch(pub i64);

const SCHEDULER: &str = "scheduler";

impl Store {
    /// By how much the clock has gone back since the lead was last taken or renewed: whoever leads
    /// has it for `lease` at most, so a lead that lasts longer was taken by a clock that was ahead.
    pub async fn clock_went_back(
        &self,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<Duration>, StoreError> {
        let sql = "SELECT until FROM leader WHERE name = $1";
        let row = row::one(self.reader(), "leader", sql, values![SCHEDULER]).await?;
        let until: Option<Timestamp> = row.map(|row| row.time("until")).transpose()?;
        let ahead = until.map(|until| until.since(now + lease));
        Ok(ahead.filter(|ahead| *ahead > CLOCK_STEP_MIN))
    }

    /// Takes or renews the lead; `None` while somebody else's lease runs, which no clock that was
    /// ahead makes longer than it is. It takes no turn among
    /// the cold writes: a lease must not run out because of a long one. Who renews does not wait
    /// for what goes on under the lead, who takes over does.
    pub async fn lead(
        &self,
        holder: WorkerId,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<LeaderEpoch>, StoreError> {
        let write = self.write_beside().await?;
        let connection = write.connection();
        let renew = "UPDATE leader SET until = $3 WHERE name = $1 AND holder = $2 RETURNING epoch";
        let bound = values![SCHEDULER, holder, now + lease];
        if let Some(row) = row::one(connection, "leader", renew, bound).await? {
            let epoch = LeaderEpoch(row.get("epoch")?);
            write.commit().await?;
            return Ok(Some(epoch));
        }
        let longest = now + lease + CLOCK_STEP_MIN;
        let running = "SELECT epoch FROM leader WHERE name = $1 AND until > $2 AND until <= $3";
        let bound = values![SCHEDULER, now, longest];
        let led = row::one(connection, "leader", running, bound).await?;
        if led.is_some() {
            write.roll_back().await?;
            return Ok(None);
        }
        let lock = row::for_update(connection);
        let wait = format!("SELECT until, ended_at FROM leader WHERE name = $1{lock}");
        let before = row::one(connection, "leader", &wait, values![SCHEDULER]).await?;
        let sql = "INSERT INTO leader (name, holder, epoch, until, since)
                   VALUES ($1, $2, 1, $3, $4)
                   ON CONFLICT (name) DO UPDATE SET epoch = leader.epoch + 1, holder = $2,
                     until = $3, since = $4, ended_at = NULL
                   WHERE leader.until <= $4 OR leader.until > $5
                   RETURNING epoch";
        let bound = values![SCHEDULER, holder, now + lease, now, longest];
        let row = row::one(connection, "leader", sql, bound).await?;
        let epoch = row
            .map(|row| row.get("epoch").map(LeaderEpoch))
            .transpose()?;
        if let (Some(LeaderEpoch(epoch)), Some(before)) = (epoch, before)
            && before.optional_time("ended_at")?.is_none()
        {
            // Renewed for the last time one lease before it ran out.
            let interrupted_at = (before.time("until")? - lease).min(now);
            interruption::note(&write, epoch, interrupted_at, now).await?;
        }
        write.commit().await?;
        Ok(epoch)
    }

    /// Gives the lead up at once, so that a standby need not wait.
    pub async fn resign(&self, holder: WorkerId, now: Timestamp) -> Result<(), StoreError> {
        let write = self.write_beside().await?;
        let sql = "UPDATE leader SET until = $3, ended_at = $3 WHERE name = $1 AND holder = $2";
        row::execute(write.connection(), sql, values![SCHEDULER, holder, now]).await?;
        write.commit().await
    }

    /// Since when the present lead lasts; `None` before the first one.
    pub async fn led_since(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT since FROM leader WHERE name = $1";
        let row = row::one(self.reader(), "leader", sql, values![SCHEDULER]).await?;
        row.map(|row| row.time("since")).transpose()
    }
}

impl Write {
    /// Fails unless `epoch` still leads: first statement of every leader's transaction. Nobody else
    /// takes the lead before it ends.
    pub async fn must_lead(&mut self, epoch: LeaderEpoch) -> Result<(), StoreError> {
        let lock = row::for_key_share(self.connection());
        let sql = format!("SELECT epoch FROM leader WHERE name = $1{lock}");
        let row = row::one(self.connection(), "leader", &sql, values![SCHEDULER]).await?;
        let current: Option<i64> = row.map(|row| row.get("epoch")).transpose()?;
        match current == Some(epoch.0) {
            true => Ok(()),
            false => Err(StoreError::Conflict("the lead")),
        }
    }

    /// After the clock has gone back `by` so much: leases end when they would have, and whatever
    /// waits for a moment to come is looked at now. What has to wait longer is told so again.
    pub async fn make_due_again(
        &mut self,
        by: Duration,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let of_that_time = now + by / 2;
        let sql = "UPDATE chunk SET lease_until = lease_until - $1
                   WHERE state = 2 AND lease_until > $2";
        row::execute(self.connection(), sql, values![by_ms, of_that_time]).await?;
        let sql = "UPDATE chunk SET due_at = $1 WHERE state IN (1, 3) AND due_at > $1";
        row::execute(self.connection(), sql, values![now]).await
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};

    use testkit::database::Engine;

    use super::*;
    use crate::fixture;

    testkit::on_both_engines![
        the_lead_is_one_and_its_epoch_rises,
        a_lead_is_renewed_while_its_writes_go_on,
        the_lead_changes_after_the_writes_under_it,
        a_lead_of_a_clock_that_was_ahead_is_over,
        a_lead_that_was_not_given_up_was_interrupted,
    ];

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);
    const LEASE: Duration = Duration::from_secs(3);

    fn worker(number: u8) -> WorkerId {
        WorkerId::from_bytes([number; 16])
    }

    async fn the_lead_is_one_and_its_epoch_rises(engine: Engine) {
        let (store, _database) = fixture::open(engine).await;
        let (one, other) = (worker(1), worker(2));
        let first = store.lead(one, NOW, LEASE).await.unwrap().unwrap();
        assert_eq!(store.lead(other, NOW, LEASE).await.unwrap(), None);
        let renewed = store.lead(one, NOW + LEASE * 2, LEASE).await.unwrap();
        assert_eq!(renewed, Some(first));
        let late = NOW + LEASE * 3;
        let second = store.lead(other, late, LEASE).await.unwrap().unwrap();
        assert!(second.0 > first.0);
        assert_eq!(store.lead(one, late, LEASE).await.unwrap(), None);
        let mut write = store.write().await.unwrap();
        write.must_lead(second).await.unwrap();
        let refused = write.must_lead(first).await.unwrap_err();
        assert!(matches!(refused, StoreError::Conflict(_)), "{refused}");
        write.roll_back().await.unwrap();
        store.resign(other, late).await.unwrap();
        let third = store.lead(one, late, LEASE).await.unwrap().unwrap();
        assert!(third.0 > second.0);
    }

    async fn a_lead_is_renewed_while_its_writes_go_on(engine: Engine) {
        let (store, _database) = fixture::open(engine).await;
        let epoch = store.lead(worker(1), NOW, LEASE).await.unwrap().unwrap();
        let mut write = store.write().await.unwrap();
        write.must_lead(epoch).await.unwrap();
        if engine == Engine::Postgres {
            let renewed = store.lead(worker(1), NOW, LEASE).await.unwrap();
            assert_eq!(renewed, Some(epoch));
        }
        write.must_lead(epoch).await.unwrap();
        write.commit().await.unwrap();
    }

    async fn the_lead_changes_after_the_writes_under_it(engine: Engine) {
        let (store, _database) = fixture::open(engine).await;
        let epoch = store.lead(worker(1), NOW, LEASE).await.unwrap().unwrap();
        let mut write = store.write_beside().await.unwrap();
        write.must_lead(epoch).await.unwrap();
        let takes_over = store.lead(worker(2), NOW + LEASE * 2, LEASE);
        tokio::pin!(takes_over);
        // It cannot end before the write does, however often it is looked at.
        for _ in 0..20 {
            let look = |context: &mut Context<'_>| {
                Poll::Ready(takes_over.as_mut().poll(context).is_pending())
            };
            assert!(std::future::poll_fn(look).await);
            write.must_lead(epoch).await.unwrap();
        }
        write.commit().await.unwrap();
        let next = takes_over.await.unwrap().unwrap();
        assert!(next.0 > epoch.0);
    }

    async fn a_lead_of_a_clock_that_was_ahead_is_over(engine: Engine) {
        let (store, _database) = fixture::open(engine).await;
        let hour = Duration::from_secs(3_600);
        let first = store.lead(worker(1), NOW + hour, LEASE).await.unwrap();
        let went_back = store.clock_went_back(NOW, LEASE).await.unwrap();
        assert_eq!(went_back, Some(hour));
        let second = store.lead(worker(2), NOW, LEASE).await.unwrap();
        assert!(second.unwrap().0 > first.unwrap().0);
        assert_eq!(store.clock_went_back(NOW, LEASE).await.unwrap(), None);
        // A little is what clocks differ by anyway.
        let earlier = Timestamp::from_millis(NOW.as_millis() - 1_900);
        assert_eq!(store.clock_went_back(earlier, LEASE).await.unwrap(), None);
        assert_eq!(store.lead(worker(1), earlier, LEASE).await.unwrap(), None);
    }

    async fn a_lead_that_was_not_given_up_was_interrupted(engine: Engine) {
        let (store, _database) = fixture::open(engine).await;
        let noted = async || {
            let snapshot = store.snapshot().await.unwrap();
            let noted = snapshot.interruptions(NOW, 10).await.unwrap();
            snapshot.end().await.unwrap();
            noted
        };
        store.lead(worker(1), NOW, LEASE).await.unwrap();
        assert_eq!(store.led_since().await.unwrap(), Some(NOW));
        let later = NOW + LEASE * 5;
        store.lead(worker(1), later, LEASE).await.unwrap();
        store.resign(worker(1), later).await.unwrap();
        store.lead(worker(2), later, LEASE).await.unwrap();
        assert_eq!(noted().await, []);
        let cut_off = later + LEASE * 2;
        let epoch = store.lead(worker(3), cut_off, LEASE).await.unwrap();
        let expected = interruption::Interruption {
            epoch: epoch.unwrap().0,
            interrupted_at: later,
            noticed_at: cut_off,
        };
        assert_eq!(noted().await, [expected]);
        assert_eq!(store.led_since().await.unwrap(), Some(cut_off));
    }
}
