//! What is forgotten of an account's webhooks: events that nobody waits for any more, and requests.

use std::time::Duration;

use domain::id::AccountId;
use domain::time::Timestamp;

use crate::row::{self, values};
use crate::{StoreError, Write};

/// How long events and requests are kept.
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// The oldest that are looked at in one write: more than one request brings.
const LOOKED_AT_MAX: u32 = 200;

/// Events of an account that are done and old, and that nobody can answer any more.
const EVENTS: &str = "SELECT o.id FROM
      (SELECT id, at, state FROM webhook_event WHERE account = $1 ORDER BY id LIMIT $3) AS o
    WHERE o.at < $2 AND o.state <> 1
      AND NOT EXISTS (SELECT 1 FROM reply_token t WHERE t.event = o.id)";
const REQUESTS: &str = "SELECT id FROM webhook_attempt WHERE account = $1 AND at < $2
    ORDER BY at, id LIMIT $3";

impl Write {
    /// Forgets some of what is too old; how many rows.
    pub async fn sweep_webhooks(
        &mut self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut swept = 0;
        for sql in [
            format!("DELETE FROM webhook_attempt_event WHERE event IN ({EVENTS})"),
            format!("DELETE FROM webhook_event WHERE id IN ({EVENTS})"),
            format!("DELETE FROM webhook_attempt_event WHERE attempt IN ({REQUESTS})"),
            format!("DELETE FROM webhook_attempt WHERE id IN ({REQUESTS})"),
        ] {
            let bound = values![account, now - KEPT, LOOKED_AT_MAX];
            swept += row::execute(self.connection(), &sql, bound).await?;
        }
        Ok(swept)
    }
}

#[cfg(test)]
mod tests {
    use domain::handle::Handle;
    use domain::id::{BusinessId, RequestId};
    use domain::money::Currency;
    use domain::user::UserKey;
    use domain::webhook::events::ReplyToken;
    use domain::webhook::{EventId, EventKind};
    use testkit::SeededIds;
    use testkit::database::{Engine, TestDatabase};

    use super::*;
    use crate::directory::{Account, Business};
    use crate::reply_token::{IssuedToken, USUALLY_VALID};
    use crate::webhook::{MadeEvent, TryEnd, WebhookAttempt};
    use crate::{Store, fixture};

    testkit::on_both_engines![
        what_is_old_and_done_is_forgotten,
        what_can_still_be_answered_stays,
    ];

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
    const BUSINESS: BusinessId = BusinessId::from_bytes([1; 16]);
    const OURS: AccountId = AccountId::from_bytes([2; 16]);
    const THEIRS: AccountId = AccountId::from_bytes([3; 16]);

    async fn store(engine: Engine) -> (Store, TestDatabase) {
        let (store, database) = fixture::open(engine).await;
        let mut write = store.write().await.unwrap();
        let business = Business {
            id: BUSINESS,
            name: "Hanok".into(),
            currency: Currency::Krw,
            stopped_at: None,
            created_at: NOW,
        };
        write.insert_business(&business).await.unwrap();
        for (id, handle) in [(OURS, "@ours"), (THEIRS, "@theirs")] {
            let account = Account {
                id,
                business: BUSINESS,
                handle: Handle::parse(handle).unwrap(),
                display_name: "Hanok".into(),
                icon_url: None,
                time_zone: "Asia/Seoul".into(),
                rate_per_second: None,
                stopped_at: None,
                created_at: NOW,
            };
            write.insert_account(&account).await.unwrap();
        }
        write.commit().await.unwrap();
        (store, database)
    }

    fn id(number: u8) -> EventId {
        EventId::from_bytes([number; 16])
    }

    fn made(number: u8, at: Timestamp) -> MadeEvent {
        MadeEvent {
            id: id(number),
            account: OURS,
            kind: EventKind::Follow,
            at,
            body: "{}".to_owned(),
        }
    }

    fn attempt(number: u8, at: Timestamp) -> WebhookAttempt {
        WebhookAttempt {
            id: RequestId::from_bytes([number; 16]),
            account: OURS,
            at,
            took_ms: 7,
            status: Some(200),
            failure: None,
            detail: "200".to_owned(),
            events: 1,
        }
    }

    /// The newest first.
    async fn left(store: &Store) -> Vec<EventId> {
        let filter = Default::default();
        let page = store.webhook_events(OURS, &filter, None, 100).await;
        page.unwrap().events.iter().map(|event| event.id).collect()
    }

    fn too_old() -> Timestamp {
        NOW - KEPT - Duration::from_millis(1)
    }

    async fn what_is_old_and_done_is_forgotten(engine: Engine) {
        let (store, _database) = store(engine).await;
        let mut write = store.write().await.unwrap();
        // Done long ago, done lately, and waiting.
        let events = [made(1, too_old()), made(2, NOW - KEPT), made(3, too_old())];
        write.add_webhook_events(&events, NOW).await.unwrap();
        for (number, at) in [(1, too_old()), (2, NOW)] {
            let ends = [TryEnd::delivered(id(number))];
            let recorded = write.record_webhook(&attempt(number, at), &ends).await;
            recorded.unwrap();
        }
        assert_eq!(write.sweep_webhooks(THEIRS, NOW).await.unwrap(), 0);
        // An event, the request that it was in, and that it was.
        assert_eq!(write.sweep_webhooks(OURS, NOW).await.unwrap(), 3);
        assert_eq!(write.sweep_webhooks(OURS, NOW).await.unwrap(), 0);
        write.commit().await.unwrap();
        assert_eq!(left(&store).await, [id(3), id(2)]);
        let tries = store.webhook_attempts(OURS, id(2)).await.unwrap();
        assert_eq!(tries.len(), 1);
    }

    async fn what_can_still_be_answered_stays(engine: Engine) {
        let (store, _database) = store(engine).await;
        let mut write = store.write().await.unwrap();
        let kim = UserKey::parse("kim").unwrap();
        let numbers = write.number_users(&SeededIds::of(1), &[&kim]).await;
        // Told of late.
        let event = made(1, too_old());
        write.add_webhook_events(&[event], NOW).await.unwrap();
        let issued = IssuedToken {
            token: ReplyToken::from_bytes([9; 16]),
            account: OURS,
            number: numbers.unwrap()[&kim].number,
            event: id(1),
        };
        let made = write
            .issue_reply_tokens(&[issued], NOW, USUALLY_VALID)
            .await;
        made.unwrap();
        let ends = [TryEnd::delivered(id(1))];
        let recorded = write.record_webhook(&attempt(1, NOW), &ends).await;
        recorded.unwrap();
        assert_eq!(write.sweep_webhooks(OURS, NOW).await.unwrap(), 0);
        let later = NOW + Duration::from_secs(2 * 3_600);
        assert_eq!(write.sweep_reply_tokens(later).await.unwrap(), 1);
        // The request is younger than the event.
        assert_eq!(write.sweep_webhooks(OURS, later).await.unwrap(), 2);
        write.commit().await.unwrap();
        assert!(left(&store).await.is_empty());
    }
}
