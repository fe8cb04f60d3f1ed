//! Facts with a deadline, for tests beside what is another process or another task.

use std::time::Duration;

/// Between two looks at a fact.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until there is something to see. Past the deadline the test has failed, with what it
/// waited for.
pub async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    deadline: Duration,
    mut look: impl FnMut() -> F,
) -> T {
    let looking = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    match tokio::time::timeout(deadline, looking).await {
        Ok(seen) => seen,
        Err(_) => panic!("{what}: not within {deadline:?}"),
    }
}
