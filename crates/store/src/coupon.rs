//! Coupons of accounts, who has them, and how often they were used.

use domain::coupon::{Count, CouponFacts, CouponId, CouponState, Ticket, TicketState};
use domain::id::AccountId;
use domain::time::Timestamp;
use domain::user::UserNumber;
use sea_orm::{ConnectionTrait, Value};

use crate::row::{self, Bind, Row, values};
use crate::{Store, StoreError, Write, bulk};

/// A coupon as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCoupon {
    pub account: AccountId,
    pub facts: CouponFacts,
    pub title: String,
    /// JSON in LINE's shape: what it was created with.
    pub content: String,
    /// How often it was used, by whomever.
    pub used: u64,
    pub created_at: Timestamp,
    pub closed_at: Option<Timestamp>,
}

const COUPON: &str = "SELECT id, account, title, content, state, starts_at, ends_at, probability,
      acquire_max, uses_max, acquired, used, created_at, closed_at
    FROM coupon";

impl Write {
    pub async fn insert_coupon(&mut self, coupon: &StoredCoupon) -> Result<(), StoreError> {
        let sql = "INSERT INTO coupon (id, account, title, content, state, starts_at, ends_at,
                     probability, acquire_max, uses_max, acquired, used, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
        let facts = &coupon.facts;
        let bound = values![
            *facts.id.as_bytes(),
            coupon.account,
            coupon.title.as_str(),
            coupon.content.as_str(),
            facts.state.code(),
            facts.starts_at,
            facts.ends_at,
            facts.probability,
            most(facts.acquire_max),
            most(facts.uses_max),
            facts.acquired,
            coupon.used,
            coupon.created_at,
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// How many coupons of the account are not closed.
    pub async fn count_open_coupons(&mut self, account: AccountId) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS coupons FROM coupon WHERE account = $1 AND state = $2";
        let bound = values![account, CouponState::Running.code()];
        let row = row::one(self.connection(), "coupon", sql, bound).await?;
        row.map_or(Ok(0), |row| row.int("coupons"))
    }

    pub async fn coupon(
        &mut self,
        account: AccountId,
        id: CouponId,
    ) -> Result<Option<StoredCoupon>, StoreError> {
        coupon(self.connection(), account, id).await
    }

    pub async fn close_coupon(&mut self, id: CouponId, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE coupon SET state = $2, closed_at = $3 WHERE id = $1";
        let bound = values![*id.as_bytes(), CouponState::Closed.code(), now];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    pub async fn ticket(
        &mut self,
        id: CouponId,
        number: UserNumber,
    ) -> Result<Option<Ticket>, StoreError> {
        let sql = "SELECT coupon, state, uses FROM coupon_ticket
                   WHERE coupon = $1 AND number = $2";
        let bound = values![*id.as_bytes(), number.0];
        let row = row::one(self.connection(), "coupon_ticket", sql, bound).await?;
        row.as_ref().map(read_ticket).transpose()
    }

    /// Notes what somebody has of a coupon from now on; who holds one is counted.
    pub async fn give_ticket(
        &mut self,
        id: CouponId,
        number: UserNumber,
        state: TicketState,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO coupon_ticket (coupon, number, state, acquired_at, uses)
                   VALUES ($1, $2, $3, $4, 0)";
        let bound = values![*id.as_bytes(), number.0, state.code(), at];
        row::execute(self.connection(), sql, bound).await?;
        if state == TicketState::Held {
            let sql = "UPDATE coupon SET acquired = acquired + 1 WHERE id = $1";
            row::execute(self.connection(), sql, values![*id.as_bytes()]).await?;
        }
        Ok(())
    }

    /// Counts one use of somebody's ticket.
    pub async fn use_ticket(
        &mut self,
        id: CouponId,
        number: UserNumber,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE coupon_ticket SET uses = uses + 1, used_at = COALESCE(used_at, $3)
                   WHERE coupon = $1 AND number = $2";
        let bound = values![*id.as_bytes(), number.0, at];
        row::execute(self.connection(), sql, bound).await?;
        let sql = "UPDATE coupon SET used = used + 1 WHERE id = $1";
        row::execute(self.connection(), sql, values![*id.as_bytes()]).await?;
        Ok(())
    }
}

impl Store {
    pub async fn coupon(
        &self,
        account: AccountId,
        id: CouponId,
    ) -> Result<Option<StoredCoupon>, StoreError> {
        coupon(self.reader(), account, id).await
    }

    /// Those of these coupons that the account has.
    pub async fn coupons_of(
        &self,
        account: AccountId,
        ids: &[CouponId],
    ) -> Result<Vec<StoredCoupon>, StoreError> {
        let items: Vec<Value> = ids.iter().map(|id| (*id.as_bytes()).bind()).collect();
        let head = format!("{COUPON} WHERE account = {{}} AND id IN");
        let first = values![account];
        let sql = [head.as_str(), ""];
        let rows = bulk::look_up(self.reader(), "coupon", sql, &first, &items).await?;
        rows.iter().map(read_coupon).collect()
    }

    /// Coupons in these states before one of them, or from the latest: the latest first.
    pub async fn coupons(
        &self,
        account: AccountId,
        states: &[CouponState],
        before: Option<CouponId>,
        limit: u32,
    ) -> Result<Vec<StoredCoupon>, StoreError> {
        let before = before.map_or([u8::MAX; 16], |id| *id.as_bytes());
        let is_wanted = |state| states.contains(&state).then_some(state.code());
        let none = 0;
        let running = is_wanted(CouponState::Running).unwrap_or(none);
        let closed = is_wanted(CouponState::Closed).unwrap_or(none);
        let sql = format!(
            "{COUPON} WHERE account = $1 AND id < $2 AND state IN ($3, $4)
             ORDER BY id DESC LIMIT $5"
        );
        let bound = values![account, before, running, closed, limit];
        let rows = row::all(self.reader(), "coupon", &sql, bound).await?;
        rows.iter().map(read_coupon).collect()
    }

    /// What somebody has of these coupons.
    pub async fn tickets_of(
        &self,
        number: UserNumber,
        ids: &[CouponId],
    ) -> Result<Vec<(CouponId, Ticket)>, StoreError> {
        let items: Vec<Value> = ids.iter().map(|id| (*id.as_bytes()).bind()).collect();
        let head = "SELECT coupon, state, uses FROM coupon_ticket
                    WHERE number = {} AND coupon IN";
        let first = values![number.0];
        let (reader, table) = (self.reader(), "coupon_ticket");
        let rows = bulk::look_up(reader, table, [head, ""], &first, &items).await?;
        let read = |row: &Row| {
            let id = CouponId::from_bytes(row.bytes("coupon")?);
            Ok((id, read_ticket(row)?))
        };
        rows.iter().map(read).collect()
    }

    /// How many people used a coupon.
    pub async fn coupon_users(&self, id: CouponId) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS people FROM coupon_ticket WHERE coupon = $1 AND uses > 0";
        let row = row::one(self.reader(), "coupon_ticket", sql, values![*id.as_bytes()]);
        row.await?.map_or(Ok(0), |row| row.int("people"))
    }
}

async fn coupon(
    connection: &impl ConnectionTrait,
    account: AccountId,
    id: CouponId,
) -> Result<Option<StoredCoupon>, StoreError> {
    let sql = format!("{COUPON} WHERE account = $1 AND id = $2");
    let bound = values![account, *id.as_bytes()];
    let row = row::one(connection, "coupon", &sql, bound).await?;
    row.as_ref().map(read_coupon).transpose()
}

fn most(count: Count) -> Option<u32> {
    match count {
        Count::AtMost(most) => Some(most),
        Count::Unlimited => None,
    }
}

fn count(most: Option<u32>) -> Count {
    most.map_or(Count::Unlimited, Count::AtMost)
}

fn read_coupon(row: &Row) -> Result<StoredCoupon, StoreError> {
    let state: u8 = row.int("state")?;
    Ok(StoredCoupon {
        account: row.id("account")?,
        facts: CouponFacts {
            id: CouponId::from_bytes(row.bytes("id")?),
            state: CouponState::from_code(state).ok_or_else(|| row.corrupt("state", state))?,
            starts_at: row.time("starts_at")?,
            ends_at: row.time("ends_at")?,
            probability: row.optional_int("probability")?,
            acquire_max: count(row.optional_int("acquire_max")?),
            uses_max: count(row.optional_int("uses_max")?),
            acquired: row.int("acquired")?,
        },
        title: row.get("title")?,
        content: row.get("content")?,
        used: row.int("used")?,
        created_at: row.time("created_at")?,
        closed_at: row.optional_time("closed_at")?,
    })
}

fn read_ticket(row: &Row) -> Result<Ticket, StoreError> {
    let state: u8 = row.int("state")?;
    Ok(Ticket {
        state: TicketState::from_code(state).ok_or_else(|| row.corrupt("state", state))?,
        uses: row.int("uses")?,
    })
}

#[cfg(test)]
mod tests;
