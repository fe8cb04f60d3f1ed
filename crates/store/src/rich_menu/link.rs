//! Friends' own menus, and many of them changed at once.
//!
//! A batch is a walk over an account's links in the order of user numbers: each friend is looked at
//! once, so that its operations do not see each other's effects, and a walk that was cut off goes
//! on behind the last friend.

use domain::id::{AccountId, RequestId};
use domain::rich_menu::{Operation, RichMenuId, batch_effect};
use domain::time::Timestamp;
use domain::user::UserNumber;
use sea_orm::Value;

use super::menu_id;
use crate::row::{self, Bind, Row, values};
use crate::{Store, StoreError, Write, bulk};

/// A batch as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuBatch {
    pub request: RequestId,
    pub account: AccountId,
    pub resume_key: Option<String>,
    /// JSON in LINE's shape: the whole request.
    pub operations: String,
    /// The last friend who was looked at.
    pub after: UserNumber,
    pub accepted_at: Timestamp,
    pub completed_at: Option<Timestamp>,
    /// A menu to link was gone meanwhile.
    pub failed: bool,
}

const BATCH: &str = "SELECT request, account, resume_key, operations, after_number, accepted_at,
      completed_at, failed
    FROM rich_menu_batch";

impl Write {
    /// Gives these users a menu of their own.
    pub async fn link_menu(
        &mut self,
        account: AccountId,
        numbers: &[UserNumber],
        menu: RichMenuId,
    ) -> Result<(), StoreError> {
        let rows = numbers
            .iter()
            .map(|number| values![account, number.0, *menu.as_bytes()]);
        let rows: Vec<[Value; 3]> = rows.collect();
        let head = "INSERT INTO rich_menu_link (account, number, menu)";
        let tail = "ON CONFLICT (account, number) DO UPDATE SET menu = excluded.menu";
        bulk::insert(self.connection(), head, tail, rows).await?;
        Ok(())
    }

    /// Takes these users' own menus away.
    pub async fn unlink_menu(
        &mut self,
        account: AccountId,
        numbers: &[UserNumber],
    ) -> Result<(), StoreError> {
        let items: Vec<Value> = numbers.iter().map(|number| number.0.bind()).collect();
        let head = "DELETE FROM rich_menu_link WHERE account = {} AND number IN";
        bulk::execute_for(self.connection(), head, &values![account], &items).await?;
        Ok(())
    }

    pub async fn insert_menu_batch(&mut self, batch: &MenuBatch) -> Result<(), StoreError> {
        let sql = "INSERT INTO rich_menu_batch (request, account, resume_key, operations,
                     after_number, accepted_at, failed) VALUES ($1, $2, $3, $4, $5, $6, 0)";
        let bound = values![
            batch.request,
            batch.account,
            batch.resume_key.clone(),
            batch.operations.as_str(),
            batch.after.0,
            batch.accepted_at,
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// The latest batch of the account under a key since a moment.
    pub async fn menu_batch_of_key(
        &mut self,
        account: AccountId,
        resume_key: &str,
        since: Timestamp,
    ) -> Result<Option<MenuBatch>, StoreError> {
        let sql = format!(
            "{BATCH} WHERE account = $1 AND resume_key = $2 AND accepted_at > $3
             ORDER BY accepted_at DESC, request DESC LIMIT 1"
        );
        let bound = values![account, resume_key, since];
        let row = row::one(self.connection(), "rich_menu_batch", &sql, bound).await?;
        row.as_ref().map(read_batch).transpose()
    }

    /// Forgets batches that ended and that nobody can ask about any more.
    pub async fn forget_menu_batches(
        &mut self,
        account: AccountId,
        before: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM rich_menu_batch
                   WHERE account = $1 AND accepted_at <= $2 AND completed_at IS NOT NULL";
        row::execute(self.connection(), sql, values![account, before]).await?;
        Ok(())
    }

    /// The oldest batch that is not done; it stays as it is until this write ends.
    pub async fn next_menu_batch(&mut self) -> Result<Option<MenuBatch>, StoreError> {
        let lock = row::for_change(self.connection());
        let sql = format!(
            "{BATCH} WHERE completed_at IS NULL ORDER BY accepted_at, request LIMIT 1{lock}"
        );
        let row = row::one(self.connection(), "rich_menu_batch", &sql, []).await?;
        row.as_ref().map(read_batch).transpose()
    }

    /// Looks at the next friends of a batch; the last of them, `None` where there is nobody left.
    /// `exists` are the menus that may be linked.
    pub async fn step_menu_batch(
        &mut self,
        batch: &MenuBatch,
        operations: &[Operation],
        exists: &[RichMenuId],
        limit: u32,
    ) -> Result<Option<UserNumber>, StoreError> {
        let sql = "SELECT number, menu FROM rich_menu_link WHERE account = $1 AND number > $2
                   ORDER BY number LIMIT $3";
        let bound = values![batch.account, batch.after.0, limit];
        let rows = row::all(self.connection(), "rich_menu_link", sql, bound).await?;
        let (mut away, mut last) = (Vec::new(), None);
        let mut linked: Vec<(RichMenuId, Vec<UserNumber>)> = Vec::new();
        for row in &rows {
            let number = UserNumber(row.int("number")?);
            last = Some(number);
            match batch_effect(operations, menu_id(row, "menu")?) {
                None => {}
                Some(None) => away.push(number),
                Some(Some(to)) if exists.contains(&to) => {
                    match linked.iter_mut().find(|(menu, _)| *menu == to) {
                        Some((_, numbers)) => numbers.push(number),
                        None => linked.push((to, vec![number])),
                    }
                }
                // Nobody is given what is gone.
                Some(Some(_)) => {}
            }
        }
        self.unlink_menu(batch.account, &away).await?;
        for (menu, numbers) in linked {
            self.link_menu(batch.account, &numbers, menu).await?;
        }
        Ok(last)
    }

    pub async fn advance_menu_batch(
        &mut self,
        request: RequestId,
        after: UserNumber,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE rich_menu_batch SET after_number = $2 WHERE request = $1";
        row::execute(self.connection(), sql, values![request, after.0]).await?;
        Ok(())
    }

    pub async fn end_menu_batch(
        &mut self,
        request: RequestId,
        failed: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE rich_menu_batch SET completed_at = $2, failed = $3 WHERE request = $1";
        row::execute(self.connection(), sql, values![request, now, failed]).await?;
        Ok(())
    }
}

impl Store {
    /// A friend's own menu, as long as it is there.
    pub async fn linked_menu(
        &self,
        account: AccountId,
        number: UserNumber,
    ) -> Result<Option<RichMenuId>, StoreError> {
        let sql = "SELECT l.menu AS menu FROM rich_menu_link l
                     JOIN rich_menu m ON m.id = l.menu AND m.account = l.account
                   WHERE l.account = $1 AND l.number = $2";
        let row = row::one(
            self.reader(),
            "rich_menu_link",
            sql,
            values![account, number.0],
        );
        row.await?.map(|row| menu_id(&row, "menu")).transpose()
    }

    pub async fn menu_batch(
        &self,
        account: AccountId,
        request: RequestId,
    ) -> Result<Option<MenuBatch>, StoreError> {
        let sql = format!("{BATCH} WHERE account = $1 AND request = $2");
        let row = row::one(
            self.reader(),
            "rich_menu_batch",
            &sql,
            values![account, request],
        );
        row.await?.as_ref().map(read_batch).transpose()
    }

    /// Whether any batch is not done.
    pub async fn has_menu_batches(&self) -> Result<bool, StoreError> {
        let sql = "SELECT 1 AS one FROM rich_menu_batch WHERE completed_at IS NULL LIMIT 1";
        let row = row::one(self.reader(), "rich_menu_batch", sql, []).await?;
        Ok(row.is_some())
    }
}

fn read_batch(row: &Row) -> Result<MenuBatch, StoreError> {
    Ok(MenuBatch {
        request: row.id("request")?,
        account: row.id("account")?,
        resume_key: row.get("resume_key")?,
        operations: row.get("operations")?,
        after: UserNumber(row.int("after_number")?),
        accepted_at: row.time("accepted_at")?,
        completed_at: row.optional_time("completed_at")?,
        failed: row.int::<u8>("failed")? == 1,
    })
}
