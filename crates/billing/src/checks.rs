//! Checks of the books, made, kept and told: the light one again and again, the full one at night,
//! and whenever an operator asks. They raise alarms and correct nothing.

use std::time::Duration;

use domain::id::{BusinessId, IdSource};
use domain::time::{Clock, Timestamp};
use serde_json::json;
use store::leader::LeaderEpoch;
use store::reconciliation::{CheckKind, RecordedCheck};
use store::{Store, StoreError};

use crate::BillingError;
use crate::reconcile::{Reconciliation, reconcile, reconcile_lightly};

/// The next light check looks this far back behind the beginning of the one before: booked times
/// are those of the writers, who commit a little later.
const OVERLAP: Duration = Duration::from_secs(120);

/// Makes a check, keeps it, and says loudly what it found. Under a lead where a leader asks.
pub async fn check_books(
    store: &Store,
    kind: CheckKind,
    lead: Option<LeaderEpoch>,
    clock: &dyn Clock,
    ids: &dyn IdSource,
) -> Result<RecordedCheck, BillingError> {
    let started_at = clock.now();
    let found = match kind {
        CheckKind::Light => reconcile_lightly(store, since(store).await?).await?,
        CheckKind::Full => reconcile(store).await?,
    };
    let ended_at = clock.now().max(started_at);
    let check = RecordedCheck {
        id: ids.next(),
        kind,
        started_at,
        ended_at,
        clean: found.clean,
        checks: checked(&found),
        findings: findings(&found),
    };
    tell(&found, kind);
    let kept = keep(store, &check, lead, &found.unclean).await;
    kept.map_err(BillingError::Store)?;
    Ok(check)
}

/// From where a light check looks: what the last one that found nothing has not seen. After one
/// that found something the same is looked at again.
async fn since(store: &Store) -> Result<Timestamp, BillingError> {
    let last = store.last_check(CheckKind::Light, true).await?;
    Ok(last.map_or(Timestamp::from_millis(0), |last| last.started_at - OVERLAP))
}

async fn keep(
    store: &Store,
    check: &RecordedCheck,
    lead: Option<LeaderEpoch>,
    unclean: &[BusinessId],
) -> Result<(), StoreError> {
    let mut write = store.write().await?;
    if let Some(epoch) = lead {
        write.must_lead(epoch).await?;
    }
    write.insert_reconciliation(check).await?;
    write
        .note_interrupted_checked(check.started_at, check.ended_at, unclean)
        .await?;
    write.commit().await
}

fn tell(found: &Reconciliation, kind: CheckKind) {
    for check in &found.checks {
        for words in &check.violations {
            let (id, kind) = (check.id, kind.name());
            tracing::error!(check = id, kind, finding = words, "the books do not close");
        }
    }
}

fn checked(found: &Reconciliation) -> String {
    let each = found
        .checks
        .iter()
        .map(|check| json!({"id": check.id, "checked": check.checked}));
    json!(each.collect::<Vec<_>>()).to_string()
}

fn findings(found: &Reconciliation) -> String {
    let each = found.checks.iter().flat_map(|check| {
        let words = check.violations.iter();
        words.map(|words| json!({"id": check.id, "words": words}))
    });
    json!(each.collect::<Vec<_>>()).to_string()
}
