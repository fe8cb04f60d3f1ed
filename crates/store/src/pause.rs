//! Places where a test build can be stopped and killed.
//!
//! With the feature `pause-points`, `CHINGU_PAUSE_AT=freeze:before_commit` (or with `:3` behind it for the third
//! time) makes the process write `CHINGU_PAUSE_FILE` and stand still at that place, where a test kills
//! it. Without the feature nothing of this exists.

/// Stops here if this is the place that was asked for.
#[cfg(not(feature = "pause-points"))]
pub async fn point(_name: &'static str) {}

#[cfg(feature = "pause-points")]
pub async fn point(name: &'static str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let Ok(wanted) = std::env::var("CHINGU_PAUSE_AT") else {
        return;
    };
    // Names have colons of their own: only a number after the last one counts.
    let counted = wanted
        .rsplit_once(':')
        .and_then(|(place, times)| Some((place, times.parse::<u32>().ok()?)));
    let (place, times) = counted.unwrap_or((&wanted, 1));
    if place != name {
        return;
    }
    if PASSED.fetch_add(1, Ordering::Relaxed) + 1 != times {
        return;
    }
    if let Ok(file) = std::env::var("CHINGU_PAUSE_FILE") {
        let _ = std::fs::write(file, name);
    }
    // The whole process stands still, every thread of it, until it is killed.
    let process = std::process::id().to_string();
    let _ = std::process::Command::new("kill")
        .args(["-STOP", &process])
        .status();
}
