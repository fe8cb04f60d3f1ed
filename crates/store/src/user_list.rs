//! Uploaded lists of users, which audiences may name.

use domain::id::{AccountId, UserListId};
use domain::time::Timestamp;
use domain::user::UserNumber;

use crate::row::{self, values};
use crate::{Store, StoreError, Write, bulk};

/// A list of an account, without its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserList {
    pub id: UserListId,
    pub account: AccountId,
    pub name: String,
    pub created_at: Timestamp,
}

impl Write {
    /// Makes the list with these users; one who stands in `numbers` twice is in it once.
    pub async fn insert_user_list(
        &mut self,
        list: &UserList,
        numbers: &[UserNumber],
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO user_list (id, account, name, created_at) VALUES ($1, $2, $3, $4)";
        let values = values![list.id, list.account, list.name.as_str(), list.created_at];
        row::execute(self.connection(), sql, values).await?;
        let head = "INSERT INTO user_list_entry (list, number)";
        let rows = numbers.iter().map(|number| values![list.id, number.0]);
        let rows: Vec<_> = rows.collect();
        bulk::insert(self.connection(), head, "ON CONFLICT DO NOTHING", rows).await?;
        Ok(())
    }
}

impl Store {
    /// The lists that an audience may name; whom a test goes to is none of them.
    pub async fn lists_of_account(&self, account: AccountId) -> Result<Vec<UserList>, StoreError> {
        let sql = "SELECT id, account, name, created_at FROM user_list
                   WHERE account = $1 AND test_of IS NULL ORDER BY created_at, id";
        let rows = row::all(self.reader(), "user_list", sql, values![account]).await?;
        let list = |row: &row::Row| {
            Ok(UserList {
                id: row.id("id")?,
                account: row.id("account")?,
                name: row.get("name")?,
                created_at: row.time("created_at")?,
            })
        };
        rows.iter().map(list).collect()
    }
}
