//! What friends write back, and what their taps post. Kept for 90 days.

use std::time::Duration;

use domain::id::AccountId;
use domain::time::Timestamp;
use domain::user::UserNumber;

use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write, bulk};

pub const KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FriendMessage {
    pub event_id: String,
    pub account: AccountId,
    pub number: UserNumber,
    pub at: Timestamp,
    pub is_postback: bool,
    /// A message object as JSON, or what a tap posts.
    pub content: String,
}

impl Write {
    pub async fn keep_friend_messages(
        &mut self,
        messages: &[FriendMessage],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let rows = messages.iter().map(|message| {
            values![
                message.event_id.as_str(),
                message.account,
                message.number.0,
                message.at,
                now,
                message.is_postback,
                message.content.as_str(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        let head = "INSERT INTO friend_message
                      (event_id, account, number, at, received_at, is_postback, content)";
        bulk::insert(self.connection(), head, "ON CONFLICT DO NOTHING", rows).await?;
        Ok(())
    }
}

impl Store {
    /// What one friend wrote, the latest first. The account is one of the reader's business.
    pub async fn messages_of_friend(
        &self,
        account: AccountId,
        number: UserNumber,
        limit: u32,
    ) -> Result<Vec<FriendMessage>, StoreError> {
        let sql = "SELECT event_id, account, number, at, is_postback, content FROM friend_message
                   WHERE account = $1 AND number = $2 ORDER BY at DESC, event_id DESC LIMIT $3";
        let bound = values![account, number.0, limit];
        let rows = row::all(self.reader(), "friend_message", sql, bound).await?;
        rows.iter().map(message).collect()
    }
}

fn message(row: &Row) -> Result<FriendMessage, StoreError> {
    Ok(FriendMessage {
        event_id: row.get("event_id")?,
        account: row.id("account")?,
        number: UserNumber(row.int("number")?),
        at: row.time("at")?,
        is_postback: row.int::<u8>("is_postback")? != 0,
        content: row.get("content")?,
    })
}
