//! Rich menus of accounts: what they say, their pictures, which one is the default, their names.
//!
//! A menu of the console is no program's business: finders take whose menus are meant.

pub mod figures; // what friends did with menus, by day and area
pub mod link; // friends' own menus, and many of them changed at once

use domain::id::AccountId;
use domain::rich_menu::{MenuOrigin, RichMenuAliasId, RichMenuId, shown_menu};
use domain::time::Timestamp;
use domain::user::UserNumber;
use sea_orm::{ConnectionTrait, Value};

use crate::media::MediaHash;
use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write};

/// A rich menu as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMenu {
    pub id: RichMenuId,
    pub account: AccountId,
    pub origin: MenuOrigin,
    /// JSON in LINE's shape.
    pub content: String,
    /// Nothing until its picture came.
    pub picture: Option<MenuPicture>,
    pub created_at: Timestamp,
}

/// A menu's picture, as it is found in `media`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuPicture {
    pub hash: MediaHash,
    pub content_type: String,
}

/// A name, and the menu it leads to, which may be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuAlias {
    pub alias: RichMenuAliasId,
    pub menu: RichMenuId,
}

const MENU: &str = "SELECT m.id AS id, m.account AS account, m.origin AS origin,
      m.content AS content, m.picture AS picture, p.content_type AS content_type,
      m.created_at AS created_at
    FROM rich_menu m LEFT JOIN media p ON p.hash = m.picture";

impl Write {
    pub async fn insert_menu(&mut self, menu: &StoredMenu) -> Result<(), StoreError> {
        let sql = "INSERT INTO rich_menu (id, account, origin, content, created_at)
                   VALUES ($1, $2, $3, $4, $5)";
        let bound = values![
            *menu.id.as_bytes(),
            menu.account,
            menu.origin.code(),
            menu.content.as_str(),
            menu.created_at,
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// How many menus of an origin the account has.
    pub async fn count_menus(
        &mut self,
        account: AccountId,
        origin: MenuOrigin,
    ) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS menus FROM rich_menu WHERE account = $1 AND origin = $2";
        let bound = values![account, origin.code()];
        let row = row::one(self.connection(), "rich_menu", sql, bound).await?;
        row.map_or(Ok(0), |row| row.int("menus"))
    }

    pub async fn menu(
        &mut self,
        account: AccountId,
        id: RichMenuId,
    ) -> Result<Option<StoredMenu>, StoreError> {
        menu(self.connection(), account, id).await
    }

    pub async fn set_menu_picture(
        &mut self,
        id: RichMenuId,
        picture: &MediaHash,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE rich_menu SET picture = $2 WHERE id = $1";
        row::execute(self.connection(), sql, values![*id.as_bytes(), *picture]).await?;
        Ok(())
    }

    /// Deletes a menu with its figures, and takes it away where it is a default. Links and names
    /// that lead to it lead nowhere from then on.
    pub async fn delete_menu(&mut self, id: RichMenuId) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM rich_menu_default WHERE menu = $1",
            "DELETE FROM rich_menu_day WHERE menu = $1",
            "DELETE FROM rich_menu WHERE id = $1",
        ] {
            row::execute(self.connection(), sql, values![*id.as_bytes()]).await?;
        }
        Ok(())
    }

    pub async fn set_default_menu(
        &mut self,
        account: AccountId,
        origin: MenuOrigin,
        menu: RichMenuId,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO rich_menu_default (account, origin, menu) VALUES ($1, $2, $3)
                   ON CONFLICT (account, origin) DO UPDATE SET menu = excluded.menu";
        let bound = values![account, origin.code(), *menu.as_bytes()];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    pub async fn clear_default_menu(
        &mut self,
        account: AccountId,
        origin: MenuOrigin,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM rich_menu_default WHERE account = $1 AND origin = $2";
        row::execute(self.connection(), sql, values![account, origin.code()]).await?;
        Ok(())
    }

    pub async fn count_menu_aliases(&mut self, account: AccountId) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS aliases FROM rich_menu_alias WHERE account = $1";
        let row = row::one(self.connection(), "rich_menu_alias", sql, values![account]).await?;
        row.map_or(Ok(0), |row| row.int("aliases"))
    }

    /// Whether it was made: the account may have the name already.
    pub async fn insert_menu_alias(
        &mut self,
        account: AccountId,
        alias: &RichMenuAliasId,
        menu: RichMenuId,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO rich_menu_alias (account, alias, menu) VALUES ($1, $2, $3)
                   ON CONFLICT DO NOTHING";
        let bound = values![account, alias.as_str(), *menu.as_bytes()];
        Ok(row::execute(self.connection(), sql, bound).await? == 1)
    }

    /// Whether there was such a name.
    pub async fn move_menu_alias(
        &mut self,
        account: AccountId,
        alias: &RichMenuAliasId,
        menu: RichMenuId,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE rich_menu_alias SET menu = $3 WHERE account = $1 AND alias = $2";
        let bound = values![account, alias.as_str(), *menu.as_bytes()];
        Ok(row::execute(self.connection(), sql, bound).await? == 1)
    }

    /// Whether there was such a name.
    pub async fn delete_menu_alias(
        &mut self,
        account: AccountId,
        alias: &RichMenuAliasId,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM rich_menu_alias WHERE account = $1 AND alias = $2";
        let bound = values![account, alias.as_str()];
        Ok(row::execute(self.connection(), sql, bound).await? == 1)
    }
}

impl Store {
    /// A menu of the account, whoever made it.
    pub async fn menu(
        &self,
        account: AccountId,
        id: RichMenuId,
    ) -> Result<Option<StoredMenu>, StoreError> {
        menu(self.reader(), account, id).await
    }

    /// The menus of an origin, the oldest first.
    pub async fn menus(
        &self,
        account: AccountId,
        origin: MenuOrigin,
    ) -> Result<Vec<StoredMenu>, StoreError> {
        let sql = format!("{MENU} WHERE m.account = $1 AND m.origin = $2 ORDER BY m.id");
        let bound = values![account, origin.code()];
        let rows = row::all(self.reader(), "rich_menu", &sql, bound).await?;
        rows.iter().map(read_menu).collect()
    }

    /// The default that an origin set.
    pub async fn default_menu(
        &self,
        account: AccountId,
        origin: MenuOrigin,
    ) -> Result<Option<RichMenuId>, StoreError> {
        let sql = "SELECT menu FROM rich_menu_default WHERE account = $1 AND origin = $2";
        let bound = values![account, origin.code()];
        let row = row::one(self.reader(), "rich_menu_default", sql, bound).await?;
        row.map(|row| menu_id(&row, "menu")).transpose()
    }

    /// The menu that a friend sees; nobody's where `number` is none.
    pub async fn menu_shown_to(
        &self,
        account: AccountId,
        number: Option<UserNumber>,
    ) -> Result<Option<StoredMenu>, StoreError> {
        let own = match number {
            Some(number) => self.linked_menu(account, number).await?,
            None => None,
        };
        let of_programs = self.default_menu(account, MenuOrigin::Program).await?;
        let of_console = self.default_menu(account, MenuOrigin::Console).await?;
        match shown_menu(own, of_programs, of_console) {
            Some(id) => self.menu(account, id).await,
            None => Ok(None),
        }
    }

    /// The names of an account's menus.
    pub async fn menu_aliases(&self, account: AccountId) -> Result<Vec<MenuAlias>, StoreError> {
        let sql = "SELECT alias, menu FROM rich_menu_alias WHERE account = $1 ORDER BY alias";
        let rows = row::all(self.reader(), "rich_menu_alias", sql, values![account]).await?;
        rows.iter().map(read_alias).collect()
    }

    /// The menu that a name leads to, whether or not it is still there.
    pub async fn menu_of_alias(
        &self,
        account: AccountId,
        alias: &RichMenuAliasId,
    ) -> Result<Option<RichMenuId>, StoreError> {
        let sql = "SELECT menu FROM rich_menu_alias WHERE account = $1 AND alias = $2";
        let bound = values![account, alias.as_str()];
        let row = row::one(self.reader(), "rich_menu_alias", sql, bound).await?;
        row.map(|row| menu_id(&row, "menu")).transpose()
    }
}

async fn menu(
    connection: &impl ConnectionTrait,
    account: AccountId,
    id: RichMenuId,
) -> Result<Option<StoredMenu>, StoreError> {
    let sql = format!("{MENU} WHERE m.account = $1 AND m.id = $2");
    let bound: [Value; 2] = values![account, *id.as_bytes()];
    let row = row::one(connection, "rich_menu", &sql, bound).await?;
    row.as_ref().map(read_menu).transpose()
}

fn read_menu(row: &Row) -> Result<StoredMenu, StoreError> {
    let origin: u8 = row.int("origin")?;
    Ok(StoredMenu {
        id: menu_id(row, "id")?,
        account: row.id("account")?,
        origin: MenuOrigin::from_code(origin).ok_or_else(|| row.corrupt("origin", origin))?,
        content: row.get("content")?,
        picture: read_picture(row)?,
        created_at: row.time("created_at")?,
    })
}

fn read_picture(row: &Row) -> Result<Option<MenuPicture>, StoreError> {
    let Some(hash) = row.get::<Option<Vec<u8>>>("picture")? else {
        return Ok(None);
    };
    let hash = MediaHash::try_from(hash);
    let content_type: Option<String> = row.get("content_type")?;
    Ok(Some(MenuPicture {
        hash: hash.map_err(|_| row.corrupt("picture", "another length"))?,
        content_type: content_type.ok_or_else(|| row.corrupt("picture", "gone"))?,
    }))
}

fn read_alias(row: &Row) -> Result<MenuAlias, StoreError> {
    let text: String = row.get("alias")?;
    let alias = RichMenuAliasId::parse(&text).ok_or_else(|| row.corrupt("alias", &text))?;
    Ok(MenuAlias {
        alias,
        menu: menu_id(row, "menu")?,
    })
}

fn menu_id(row: &Row, column: &'static str) -> Result<RichMenuId, StoreError> {
    Ok(RichMenuId::from_bytes(row.bytes(column)?))
}

#[cfg(test)]
mod tests;
