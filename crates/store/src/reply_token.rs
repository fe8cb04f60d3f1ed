//! Reply tokens: issued with an event, good for one answer within a minute of when it is sent.
//!
//! What is kept is the hash. A token is used in the write that accepts its answer, so that of two
//! answers one is accepted, whoever asks where.

use std::time::Duration;

use domain::id::AccountId;
use domain::time::Timestamp;
use domain::user::{LineUserId, UserNumber};
use domain::webhook::EventId;
use domain::webhook::events::{ReplyToken, TokenRefusal};
use sea_orm::Value;

use crate::row::{self, values};
use crate::{Store, StoreError, Write, bulk, follower};

/// How long an answer may take after an event is sent, unless the installation says otherwise.
pub const USUALLY_VALID: Duration = Duration::from_secs(60);
/// An older event, sent again, can be answered no more.
pub const RENEWED_UNTIL: Duration = Duration::from_secs(20 * 60);
/// The longest that an installation may say.
pub const VALID_MAX: Duration = RENEWED_UNTIL;
/// By then no token of an event can be good any more.
const KEPT: Duration = Duration::from_secs(60 * 60);
const _: () = assert!(RENEWED_UNTIL.as_secs() + VALID_MAX.as_secs() < KEPT.as_secs());
const FORGOTTEN_PER_WRITE: u64 = 1_000;

/// A token, and whom it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssuedToken {
    pub token: ReplyToken,
    pub account: AccountId,
    pub number: UserNumber,
    pub event: EventId,
}

/// What came of using a token: whom it answers, now and never again, or why it answers nobody.
pub type TokenUse = Result<UserNumber, TokenRefusal>;

impl Store {
    /// Whom a token of the account's answers, whether it is still good or not.
    pub async fn user_of_reply_token(
        &self,
        account: AccountId,
        token: &ReplyToken,
    ) -> Result<Option<LineUserId>, StoreError> {
        let sql = r#"SELECT u.id AS id, u.user_key AS user_key
                     FROM reply_token t JOIN "user" u ON u.number = t.number
                     WHERE t.hash = $1 AND t.account = $2"#;
        let bound = values![token.hash(), account];
        let row = row::one(self.reader(), "reply_token", sql, bound).await?;
        row.as_ref().map(follower::line_id).transpose()
    }
}

impl Write {
    /// Issues the tokens of events that were added in this write.
    pub async fn issue_reply_tokens(
        &mut self,
        tokens: &[IssuedToken],
        now: Timestamp,
        valid_for: Duration,
    ) -> Result<(), StoreError> {
        let rows = tokens.iter().map(|issued| {
            values![
                issued.token.hash(),
                issued.account,
                issued.number.0,
                *issued.event.as_bytes(),
                now,
                now + valid_for,
            ]
        });
        let rows: Vec<_> = rows.collect();
        let head = "INSERT INTO reply_token
                      (hash, account, number, event, issued_at, valid_until)";
        bulk::insert(self.connection(), head, "", rows).await?;
        Ok(())
    }

    /// Uses a token of the account's, where it is good.
    pub async fn use_reply_token(
        &mut self,
        account: AccountId,
        token: &ReplyToken,
        now: Timestamp,
    ) -> Result<TokenUse, StoreError> {
        let sql = "UPDATE reply_token SET used_at = $3
                   WHERE hash = $1 AND account = $2 AND used_at IS NULL AND valid_until > $3";
        let bound = values![token.hash(), account, now];
        let is_used = row::execute(self.connection(), sql, bound).await? == 1;
        let sql = "SELECT number, used_at FROM reply_token WHERE hash = $1 AND account = $2";
        let bound = values![token.hash(), account];
        let Some(row) = row::one(self.connection(), "reply_token", sql, bound).await? else {
            return Ok(Err(TokenRefusal::Unknown));
        };
        Ok(match (is_used, row.optional_time("used_at")?) {
            (true, _) => Ok(UserNumber(row.int("number")?)),
            (false, Some(_)) => Err(TokenRefusal::Used),
            (false, None) => Err(TokenRefusal::Expired),
        })
    }

    /// Events are about to be sent: their tokens are good from now on, unless they were used or the
    /// events are too old.
    pub async fn renew_reply_tokens(
        &mut self,
        events: &[EventId],
        now: Timestamp,
        valid_for: Duration,
    ) -> Result<u64, StoreError> {
        let head = "UPDATE reply_token SET valid_until = {}
                    WHERE used_at IS NULL AND issued_at > {} AND event IN";
        let first = values![now + valid_for, now - RENEWED_UNTIL];
        let events: Vec<Value> = events
            .iter()
            .map(|event| event.as_bytes().to_vec().into())
            .collect();
        bulk::execute_for(self.connection(), head, &first, &events).await
    }

    /// Forgets some of those that are good for nothing any more.
    pub async fn sweep_reply_tokens(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let sql = "DELETE FROM reply_token WHERE hash IN
                     (SELECT hash FROM reply_token WHERE issued_at < $1 LIMIT $2)";
        let bound = values![now - KEPT, FORGOTTEN_PER_WRITE];
        row::execute(self.connection(), sql, bound).await
    }
}

#[cfg(test)]
mod tests;
