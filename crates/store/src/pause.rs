//! Places where a test build can be stopped and killed.
//!
//! With the feature `pause-points`, `CHINGU_PAUSE_AT=freeze:before_commit` (or with `:3` behind it
//! for the third time) makes the process write `CHINGU_PAUSE_FILE` and stand still at that place,
//! where a test kills it. With `task:` in front only what came to the place waits, until the file
//! is gone, and everything else goes on. A simulation decides by itself, per thread, through
//! `hook`. Without the feature nothing of this exists.

/// Stops here if this is the place that was asked for.
#[cfg(not(feature = "pause-points"))]
pub async fn point(_name: &'static str) {}

/// A place where the answer of the database may be lost; it never is without the feature.
#[cfg(not(feature = "pause-points"))]
pub(crate) async fn answer(_name: &'static str) -> Result<(), crate::StoreError> {
    Ok(())
}

#[cfg(feature = "pause-points")]
pub async fn point(name: &'static str) {
    if hook::fate(name) == hook::Fate::Die {
        std::future::pending::<()>().await;
    }
    stop(name).await;
}

#[cfg(feature = "pause-points")]
pub(crate) async fn answer(name: &'static str) -> Result<(), crate::StoreError> {
    match hook::fate(name) {
        hook::Fate::GoOn => {}
        hook::Fate::Die => std::future::pending::<()>().await,
        hook::Fate::NoAnswer => {
            let words = format!("the answer was lost at {name}");
            return Err(crate::StoreError::Unavailable(sea_orm::DbErr::Custom(
                words,
            )));
        }
    }
    stop(name).await;
    Ok(())
}

/// A simulation's say at every place its thread passes.
#[cfg(feature = "pause-points")]
pub mod hook {
    use std::cell::RefCell;
    use std::rc::Rc;

    /// What becomes of whoever passes a place.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Fate {
        GoOn,
        /// Stands still for ever: the simulation drops it there.
        Die,
        /// Is told that the database did not answer, where there is an answer to lose.
        NoAnswer,
    }

    type Hook = Rc<dyn Fn(&'static str) -> Fate>;

    thread_local! {
        static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    }

    /// Asks `hook` at every place that this thread passes from now on.
    pub fn install(hook: impl Fn(&'static str) -> Fate + 'static) {
        HOOK.set(Some(Rc::new(hook)));
    }

    pub(super) fn fate(name: &'static str) -> Fate {
        let hook = HOOK.with_borrow(Clone::clone);
        hook.map_or(Fate::GoOn, |hook| hook(name))
    }
}

#[cfg(feature = "pause-points")]
async fn stop(name: &'static str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let Ok(wanted) = std::env::var("CHINGU_PAUSE_AT") else {
        return;
    };
    let (holds_task, wanted) = match wanted.strip_prefix("task:") {
        Some(rest) => (true, rest),
        None => (false, wanted.as_str()),
    };
    // Names have colons of their own: only a number after the last one counts.
    let counted = wanted
        .rsplit_once(':')
        .and_then(|(place, times)| Some((place, times.parse::<u32>().ok()?)));
    let (place, times) = counted.unwrap_or((wanted, 1));
    if place != name {
        return;
    }
    if PASSED.fetch_add(1, Ordering::Relaxed) + 1 != times {
        return;
    }
    let file = std::env::var("CHINGU_PAUSE_FILE").unwrap_or_default();
    let _ = std::fs::write(&file, name);
    if holds_task {
        while std::path::Path::new(&file).exists() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        return;
    }
    // The whole process stands still, every thread of it, until it is killed.
    let process = std::process::id().to_string();
    let _ = std::process::Command::new("kill")
        .args(["-STOP", &process])
        .status();
}
