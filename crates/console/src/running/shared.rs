//! What many people look at is read once: at most once a second for each thing, however many ask,
//! and only while somebody does.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::time::Clock;

/// How old what was read may be: whoever looks every second sees something new every second.
const FRESH_FOR: Duration = Duration::from_millis(900);
/// What nobody asked for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

/// The last reading of each thing.
pub struct Shared<K, V> {
    kept: Mutex<HashMap<K, Arc<Kept<V>>>>,
}

struct Kept<V> {
    /// Locked while somebody reads: the others wait for that reading.
    reading: tokio::sync::Mutex<Option<Reading<V>>>,
    asked_at: Mutex<Duration>,
}

struct Reading<V> {
    value: Arc<V>,
    at: Duration,
    is_stale: bool,
}

impl<K, V> Default for Shared<K, V> {
    fn default() -> Self {
        Self {
            kept: Mutex::default(),
        }
    }
}

impl<K: Eq + Hash + Clone, V> Shared<K, V> {
    /// The last reading, or a new one by `read`, which gets the one before.
    pub async fn get<E, F>(
        &self,
        key: &K,
        clock: &dyn Clock,
        read: impl FnOnce(Option<Arc<V>>) -> F,
    ) -> Result<Arc<V>, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        let kept = self.kept(key, clock.monotonic());
        let mut reading = kept.reading.lock().await;
        let now = clock.monotonic();
        if let Some(reading) = &*reading
            && !reading.is_stale
            && now.saturating_sub(reading.at) < FRESH_FOR
        {
            return Ok(reading.value.clone());
        }
        let before = reading.as_ref().map(|reading| reading.value.clone());
        let value = Arc::new(read(before).await?);
        *reading = Some(Reading {
            value: value.clone(),
            at: now,
            is_stale: false,
        });
        Ok(value)
    }

    /// Something was changed: the next look reads.
    pub async fn refresh(&self, key: &K) {
        let kept = self.all().get(key).cloned();
        if let Some(kept) = kept
            && let Some(reading) = &mut *kept.reading.lock().await
        {
            reading.is_stale = true;
        }
    }

    fn kept(&self, key: &K, now: Duration) -> Arc<Kept<V>> {
        let mut all = self.all();
        all.retain(|_, kept| now.saturating_sub(kept.asked_at()) < FORGOTTEN_AFTER);
        let kept = all.entry(key.clone()).or_insert_with(|| {
            Arc::new(Kept {
                reading: tokio::sync::Mutex::new(None),
                asked_at: Mutex::new(now),
            })
        });
        *kept.asked_at.lock().unwrap_or_else(PoisonError::into_inner) = now;
        kept.clone()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<K, Arc<Kept<V>>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Kept<V> {
    fn asked_at(&self) -> Duration {
        *self.asked_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

    use domain::time::Timestamp;

    use super::*;

    #[derive(Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }

        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    #[tokio::test]
    async fn a_thousand_viewers_are_one_reading_a_second() {
        let (shared, clock, readings) = (Shared::default(), Hand::default(), AtomicU32::new(0));
        let read = |before: Option<Arc<u32>>| async {
            // Others ask while this reads.
            tokio::task::yield_now().await;
            readings.fetch_add(1, Ordering::Relaxed);
            Ok::<_, ()>(before.map_or(0, |before| *before) + 1)
        };
        for second in 1..=3 {
            let looks = (0..1_000).map(|_| shared.get(&"campaign", &clock, read));
            let seen = futures_util::future::join_all(looks).await;
            assert!(seen.iter().all(|seen| **seen.as_ref().unwrap() == second));
            clock.0.fetch_add(1_000, Ordering::Relaxed);
        }
        assert_eq!(readings.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn what_was_changed_is_read_at_once_and_what_nobody_asks_is_forgotten() {
        let (shared, clock) = (Shared::default(), Hand::default());
        let count = |before: Option<Arc<u32>>| async move {
            Ok::<_, ()>(before.map_or(0, |before| *before) + 1)
        };
        assert_eq!(*shared.get(&1, &clock, count).await.unwrap(), 1);
        assert_eq!(*shared.get(&1, &clock, count).await.unwrap(), 1);
        shared.refresh(&1).await;
        assert_eq!(*shared.get(&1, &clock, count).await.unwrap(), 2);
        clock.0.fetch_add(31_000, Ordering::Relaxed);
        assert_eq!(*shared.get(&2, &clock, count).await.unwrap(), 1);
        assert_eq!(*shared.get(&1, &clock, count).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_reading_that_fails_is_nobody_elses() {
        let (shared, clock) = (Shared::<u8, u32>::default(), Hand::default());
        let failed = shared.get(&1, &clock, |_| async { Err("no") }).await;
        assert_eq!(failed.unwrap_err(), "no");
        let read = shared.get(&1, &clock, |_| async { Ok::<_, &str>(7) });
        assert_eq!(*read.await.unwrap(), 7);
    }
}
