//! Who exists: operators, businesses, accounts, members and wordings.
//!
//! A finder of what belongs to a business takes the business's id, so that nobody can forget whose
//! it is. Names that must be unique are refused here, in the statement that would double them.

use std::collections::BTreeMap;

use domain::handle::Handle;
use domain::id::{AccountId, BusinessId, MemberId, OperatorId, WordingId};
use domain::money::Currency;
use domain::time::Timestamp;

use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write};

/// Somebody of the platform team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    pub id: OperatorId,
    pub email: String,
    pub display_name: String,
    /// IANA name of the zone that times are shown in.
    pub time_zone: String,
    pub created_at: Timestamp,
}

/// The legal entity that pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Business {
    pub id: BusinessId,
    pub name: String,
    pub currency: Currency,
    /// Set while the operator's stop switch is on.
    pub stopped_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// An official account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub business: BusinessId,
    pub handle: Handle,
    pub display_name: String,
    pub icon_url: Option<String>,
    /// IANA name, known to the time zone database when it was written.
    pub time_zone: String,
    /// Recipients per second over all of its campaigns.
    pub rate_per_second: Option<u32>,
    pub stopped_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// Somebody who may work for a business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: MemberId,
    pub business: BusinessId,
    pub email: String,
    pub display_name: String,
    pub role: String,
    pub created_at: Timestamp,
}

/// The exact words a friend agrees to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    pub id: WordingId,
    pub account: AccountId,
    pub version: String,
    pub text: String,
    /// SHA-256 of the text.
    pub hash: [u8; 32],
    pub created_at: Timestamp,
}

pub(crate) const OPERATOR: &str =
    "SELECT id, email, display_name, time_zone, created_at FROM operator";
const BUSINESS: &str = "SELECT id, name, currency, stopped_at, created_at FROM business";
const ACCOUNT: &str = "SELECT id, business, handle, display_name, icon_url, time_zone,
    rate_per_second, stopped_at, created_at FROM account";
pub(crate) const MEMBER: &str =
    "SELECT id, business, email, display_name, role, created_at FROM member";
const WORDING: &str = "SELECT id, account, version, text, hash, created_at FROM wording";

impl Write {
    pub async fn insert_operator(&mut self, operator: &Operator) -> Result<(), StoreError> {
        let sql = "INSERT INTO operator (id, email, display_name, time_zone, created_at)
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (email) DO NOTHING";
        let values = values![
            operator.id,
            operator.email.as_str(),
            operator.display_name.as_str(),
            operator.time_zone.as_str(),
            operator.created_at,
        ];
        let taken = || format!("there is an operator {} already", operator.email);
        self.insert_once(sql, values, taken).await
    }

    /// Makes the business and its empty wallet.
    pub async fn insert_business(&mut self, business: &Business) -> Result<(), StoreError> {
        let sql = "INSERT INTO business (id, name, currency, created_at) VALUES ($1, $2, $3, $4)";
        let values = values![
            business.id,
            business.name.as_str(),
            business.currency.code(),
            business.created_at,
        ];
        row::execute(self.connection(), sql, values).await?;
        let sql = "INSERT INTO wallet (business, currency, available, held) VALUES ($1, $2, 0, 0)";
        let values = values![business.id, business.currency.code()];
        row::execute(self.connection(), sql, values).await?;
        Ok(())
    }

    pub async fn insert_account(&mut self, account: &Account) -> Result<(), StoreError> {
        let sql = "INSERT INTO account (id, business, handle, display_name, icon_url, time_zone,
                       rate_per_second, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (handle) DO NOTHING";
        let values = values![
            account.id,
            account.business,
            account.handle.as_str(),
            account.display_name.as_str(),
            account.icon_url.clone(),
            account.time_zone.as_str(),
            account.rate_per_second,
            account.created_at,
        ];
        let taken = || format!("the handle {} is taken", account.handle);
        self.insert_once(sql, values, taken).await
    }

    pub async fn insert_member(&mut self, member: &Member) -> Result<(), StoreError> {
        let sql = "INSERT INTO member (id, business, email, display_name, role, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (business, email) DO NOTHING";
        let values = values![
            member.id,
            member.business,
            member.email.as_str(),
            member.display_name.as_str(),
            member.role.as_str(),
            member.created_at,
        ];
        let taken = || format!("{} is a member of this business already", member.email);
        self.insert_once(sql, values, taken).await
    }

    pub async fn insert_wording(&mut self, wording: &Wording) -> Result<(), StoreError> {
        let sql = "INSERT INTO wording (id, account, version, text, hash, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account, version) DO NOTHING";
        let values = values![
            wording.id,
            wording.account,
            wording.version.as_str(),
            wording.text.as_str(),
            wording.hash,
            wording.created_at,
        ];
        let taken = || {
            let version = &wording.version;
            format!("the account has a wording {version} already; what was agreed to never changes")
        };
        self.insert_once(sql, values, taken).await
    }

    async fn insert_once(
        &mut self,
        sql: &str,
        values: impl IntoIterator<Item = sea_orm::Value>,
        taken: impl FnOnce() -> String,
    ) -> Result<(), StoreError> {
        match row::execute(self.connection(), sql, values).await? {
            0 => Err(StoreError::Taken(taken())),
            _ => Ok(()),
        }
    }

    /// Changes what a brand may change of its account; the handle stays.
    pub async fn update_account(&mut self, account: &Account) -> Result<(), StoreError> {
        let sql = "UPDATE account
            SET display_name = $1, icon_url = $2, time_zone = $3, rate_per_second = $4
            WHERE business = $5 AND id = $6";
        let values = values![
            account.display_name.as_str(),
            account.icon_url.clone(),
            account.time_zone.as_str(),
            account.rate_per_second,
            account.business,
            account.id,
        ];
        self.update_one(sql, values, || format!("account {}", account.id))
            .await
    }

    pub async fn set_member_role(
        &mut self,
        business: BusinessId,
        member: MemberId,
        role: &str,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE member SET role = $1 WHERE business = $2 AND id = $3";
        self.update_one(sql, values![role, business, member], || {
            format!("member {member}")
        })
        .await
    }

    /// The member and their sessions are gone; what they did stays.
    pub async fn delete_member(
        &mut self,
        business: BusinessId,
        member: MemberId,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM session WHERE member IN
            (SELECT id FROM member WHERE business = $1 AND id = $2)";
        row::execute(self.connection(), sql, values![business, member]).await?;
        let sql = "DELETE FROM member WHERE business = $1 AND id = $2";
        self.update_one(sql, values![business, member], || {
            format!("member {member}")
        })
        .await
    }

    /// Members of the business with a role, inside this transaction.
    pub async fn members_with_role(
        &mut self,
        business: BusinessId,
        role: &str,
    ) -> Result<Vec<Member>, StoreError> {
        let sql = format!("{MEMBER} WHERE business = $1 AND role = $2 ORDER BY email");
        let rows = row::all(self.connection(), "member", &sql, values![business, role]).await?;
        rows.iter().map(member).collect()
    }

    async fn update_one(
        &mut self,
        sql: &str,
        values: impl IntoIterator<Item = sea_orm::Value>,
        what: impl FnOnce() -> String,
    ) -> Result<(), StoreError> {
        match row::execute(self.connection(), sql, values).await? {
            0 => Err(StoreError::NotFound(what())),
            _ => Ok(()),
        }
    }

    pub async fn account_of_business(
        &self,
        business: BusinessId,
        id: AccountId,
    ) -> Result<Option<Account>, StoreError> {
        let sql = format!("{ACCOUNT} WHERE business = $1 AND id = $2");
        let row = row::one(self.connection(), "account", &sql, values![business, id]).await?;
        row.map(|row| account(&row)).transpose()
    }
}

impl Store {
    pub async fn operators(&self) -> Result<Vec<Operator>, StoreError> {
        let sql = format!("{OPERATOR} ORDER BY email");
        let rows = row::all(self.reader(), "operator", &sql, []).await?;
        rows.iter().map(operator).collect()
    }

    pub async fn businesses(&self) -> Result<Vec<Business>, StoreError> {
        let sql = format!("{BUSINESS} ORDER BY name, id");
        let rows = row::all(self.reader(), "business", &sql, []).await?;
        rows.iter().map(business).collect()
    }

    pub async fn business(&self, id: BusinessId) -> Result<Option<Business>, StoreError> {
        let sql = format!("{BUSINESS} WHERE id = $1");
        let row = row::one(self.reader(), "business", &sql, values![id]).await?;
        row.map(|row| business(&row)).transpose()
    }

    pub async fn account_of_business(
        &self,
        business: BusinessId,
        id: AccountId,
    ) -> Result<Option<Account>, StoreError> {
        let sql = format!("{ACCOUNT} WHERE business = $1 AND id = $2");
        let row = row::one(self.reader(), "account", &sql, values![business, id]).await?;
        row.map(|row| account(&row)).transpose()
    }

    /// The speed of every account that has one and a running campaign: what the dispatcher asks for
    /// in every pass, over all businesses.
    pub async fn rates_of_running(&self) -> Result<BTreeMap<AccountId, u32>, StoreError> {
        let sql = "SELECT id, rate_per_second FROM account
                   WHERE rate_per_second IS NOT NULL
                     AND id IN (SELECT account FROM campaign WHERE state = 8)";
        let rows = row::all(self.reader(), "account", sql, []).await?;
        rows.iter()
            .map(|row| Ok((row.id("id")?, row.int("rate_per_second")?)))
            .collect()
    }

    pub async fn accounts_of_business(
        &self,
        business: BusinessId,
    ) -> Result<Vec<Account>, StoreError> {
        let sql = format!("{ACCOUNT} WHERE business = $1 ORDER BY handle");
        let rows = row::all(self.reader(), "account", &sql, values![business]).await?;
        rows.iter().map(account).collect()
    }

    /// The account behind a handle: the way in for the operator and the messenger, who name
    /// accounts across businesses.
    pub async fn account_by_handle(&self, handle: &Handle) -> Result<Option<Account>, StoreError> {
        let sql = format!("{ACCOUNT} WHERE handle = $1");
        let row = row::one(self.reader(), "account", &sql, values![handle.as_str()]).await?;
        row.map(|row| account(&row)).transpose()
    }

    /// The account by its id alone: for the messenger and the program's own actors, which work for
    /// every business. What acts for a brand asks [`Store::account_of_business`].
    pub async fn account_of_any_business(
        &self,
        id: AccountId,
    ) -> Result<Option<Account>, StoreError> {
        let sql = format!("{ACCOUNT} WHERE id = $1");
        let row = row::one(self.reader(), "account", &sql, values![id]).await?;
        row.map(|row| account(&row)).transpose()
    }

    pub async fn members_of_business(
        &self,
        business: BusinessId,
    ) -> Result<Vec<Member>, StoreError> {
        let sql = format!("{MEMBER} WHERE business = $1 ORDER BY email");
        let rows = row::all(self.reader(), "member", &sql, values![business]).await?;
        rows.iter().map(member).collect()
    }

    pub async fn wordings_of_account(
        &self,
        account: AccountId,
    ) -> Result<Vec<Wording>, StoreError> {
        let sql = format!("{WORDING} WHERE account = $1 ORDER BY created_at, version");
        let rows = row::all(self.reader(), "wording", &sql, values![account]).await?;
        rows.iter().map(wording).collect()
    }
}

pub(crate) fn operator(row: &Row) -> Result<Operator, StoreError> {
    Ok(Operator {
        id: row.id("id")?,
        email: row.get("email")?,
        display_name: row.get("display_name")?,
        time_zone: row.get("time_zone")?,
        created_at: row.time("created_at")?,
    })
}

fn business(row: &Row) -> Result<Business, StoreError> {
    let code: String = row.get("currency")?;
    let known = Currency::ALL.into_iter().find(|known| known.code() == code);
    Ok(Business {
        id: row.id("id")?,
        name: row.get("name")?,
        currency: known.ok_or_else(|| row.corrupt("currency", &code))?,
        stopped_at: row.optional_time("stopped_at")?,
        created_at: row.time("created_at")?,
    })
}

fn account(row: &Row) -> Result<Account, StoreError> {
    let handle: String = row.get("handle")?;
    Ok(Account {
        id: row.id("id")?,
        business: row.id("business")?,
        handle: Handle::parse(&handle).map_err(|error| row.corrupt("handle", error))?,
        display_name: row.get("display_name")?,
        icon_url: row.get("icon_url")?,
        time_zone: row.get("time_zone")?,
        rate_per_second: row.optional_int("rate_per_second")?,
        stopped_at: row.optional_time("stopped_at")?,
        created_at: row.time("created_at")?,
    })
}

pub(crate) fn member(row: &Row) -> Result<Member, StoreError> {
    Ok(Member {
        id: row.id("id")?,
        business: row.id("business")?,
        email: row.get("email")?,
        display_name: row.get("display_name")?,
        role: row.get("role")?,
        created_at: row.time("created_at")?,
    })
}

fn wording(row: &Row) -> Result<Wording, StoreError> {
    Ok(Wording {
        id: row.id("id")?,
        account: row.id("account")?,
        version: row.get("version")?,
        text: row.get("text")?,
        hash: row.bytes("hash")?,
        created_at: row.time("created_at")?,
    })
}
