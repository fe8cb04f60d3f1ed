//! Requests by the keys of who made them, and what they were answered.
//!
//! A key is written in the commit of what its request did: where there is one, it was done, and
//! where there is none, nothing was.

use domain::id::AccountId;
use domain::time::Timestamp;

use crate::row::{self, values};
use crate::{Store, StoreError, Write};

/// A request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredRequest {
    pub account: AccountId,
    pub key: String,
    /// SHA-256 over method, path and body: a key says one thing.
    pub fingerprint: [u8; 32],
    /// Of the answer.
    pub status: u16,
    /// JSON.
    pub answer: String,
    pub answered_at: Timestamp,
}

impl Write {
    /// What the account's request of this key was answered, unless that was before a moment.
    pub async fn answered_request(
        &self,
        account: AccountId,
        key: &str,
        since: Timestamp,
    ) -> Result<Option<AnsweredRequest>, StoreError> {
        answered(self.connection(), account, key, since).await
    }

    /// Keeps an answer, and forgets those of the account that are too old to be asked for. A key
    /// that is there is a broken invariant: whoever answers has looked for it in the same write.
    pub async fn keep_answer(
        &mut self,
        answered: &AnsweredRequest,
        forget_until: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM idempotency WHERE account = $1 AND answered_at <= $2";
        let bound = values![answered.account, forget_until];
        row::execute(self.connection(), sql, bound).await?;
        let sql = "INSERT INTO idempotency (account, key, fingerprint, status, answer, answered_at)
                   VALUES ($1, $2, $3, $4, $5, $6)";
        let bound = values![
            answered.account,
            answered.key.as_str(),
            answered.fingerprint,
            answered.status,
            answered.answer.as_str(),
            answered.answered_at,
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }
}

impl Store {
    /// The same, for whoever would only repeat the answer.
    pub async fn answered_request(
        &self,
        account: AccountId,
        key: &str,
        since: Timestamp,
    ) -> Result<Option<AnsweredRequest>, StoreError> {
        answered(self.reader(), account, key, since).await
    }
}

async fn answered(
    connection: &impl sea_orm::ConnectionTrait,
    account: AccountId,
    key: &str,
    since: Timestamp,
) -> Result<Option<AnsweredRequest>, StoreError> {
    let sql = "SELECT fingerprint, status, answer, answered_at FROM idempotency
               WHERE account = $1 AND key = $2 AND answered_at > $3";
    let bound = values![account, key, since];
    let row = row::one(connection, "idempotency", sql, bound).await?;
    row.map(|row| {
        Ok(AnsweredRequest {
            account,
            key: key.to_owned(),
            fingerprint: row.bytes("fingerprint")?,
            status: row.int("status")?,
            answer: row.get("answer")?,
            answered_at: row.time("answered_at")?,
        })
    })
    .transpose()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::handle::Handle;
    use domain::id::BusinessId;
    use domain::money::Currency;
    use testkit::database::{Engine, TestDatabase};

    use super::*;
    use crate::directory::{Account, Business};
    use crate::fixture;

    testkit::on_both_engines![
        a_key_is_the_accounts_own_for_a_while,
        what_did_not_commit_has_no_key,
    ];

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
    const DAY: Duration = Duration::from_secs(24 * 3_600);
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

    fn answered(key: &str, at: Timestamp) -> AnsweredRequest {
        AnsweredRequest {
            account: OURS,
            key: key.to_owned(),
            fingerprint: [7; 32],
            status: 201,
            answer: r#"{"id":"cmp_1"}"#.to_owned(),
            answered_at: at,
        }
    }

    async fn a_key_is_the_accounts_own_for_a_while(engine: Engine) {
        let (store, _database) = store(engine).await;
        let first = answered("one", NOW);
        let mut write = store.write().await.unwrap();
        write.keep_answer(&first, NOW - DAY).await.unwrap();
        write.commit().await.unwrap();
        let mut write = store.write().await.unwrap();
        let later = NOW + DAY;
        for (account, key, since, expected) in [
            (OURS, "one", later - DAY - DAY, Some(&first)),
            (OURS, "one", later - DAY, None),
            (OURS, "One", NOW - DAY, None),
            (THEIRS, "one", NOW - DAY, None),
        ] {
            let found = write.answered_request(account, key, since).await.unwrap();
            assert_eq!(found.as_ref(), expected, "{account} {key}");
        }
        // Whoever keeps another one forgets it, and its key is free.
        let again = answered("one", later);
        write.keep_answer(&again, later - DAY).await.unwrap();
        let found = write.answered_request(OURS, "one", NOW).await.unwrap();
        assert_eq!(found, Some(again.clone()));
        let refused = write.keep_answer(&again, NOW).await.unwrap_err();
        assert!(matches!(refused, StoreError::Invariant(_)), "{refused}");
    }

    async fn what_did_not_commit_has_no_key(engine: Engine) {
        let (store, _database) = store(engine).await;
        let mut write = store.write().await.unwrap();
        write
            .keep_answer(&answered("one", NOW), NOW - DAY)
            .await
            .unwrap();
        write.roll_back().await.unwrap();
        let write = store.write().await.unwrap();
        let found = write.answered_request(OURS, "one", NOW - DAY).await;
        assert_eq!(found.unwrap(), None);
    }
}
