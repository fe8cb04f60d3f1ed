//! The wall between businesses: a second one, behind the conditions of the statements themselves.
//!
//! On PostgreSQL every table that belongs to a business has a policy (`migrations/postgres`), which
//! does not concern the owner of the tables: workers, the scheduler, jobs and commands read and
//! write as ever, and their plans know nothing of it. What works for somebody who is signed in
//! begins each transaction as a role that owns nothing, with the business in a setting: a statement
//! that forgot its condition finds that business's rows, and without a business none.
//!
//! It holds against what we forget, not against who may run statements of their own: those could
//! take the role off again. SQLite has one owner and no policies.

use std::sync::Arc;

use domain::id::BusinessId;
use sea_orm::{ConnectionTrait, DbBackend};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::reader::Reader;
use crate::row::{self, values};
use crate::{Store, StoreError, Write};

/// What the role may do; policies say with which rows.
const GRANTS: [(&str, &[&str]); 4] = [
    (
        "SELECT",
        &[
            "account",
            "aggregation_unit",
            "amendment",
            "api_request",
            "attempt",
            "audience_group",
            "audience_group_job",
            "audience_group_member",
            "band_use",
            "block",
            "budget",
            "budget_alert",
            "business",
            "campaign",
            "campaign_action",
            "campaign_sent",
            "campaign_sent_member",
            "campaign_tariff",
            "capture",
            "channel",
            "channel_key",
            "channel_token",
            "chunk",
            "chunk_key",
            "chunk_recipients",
            "consent",
            "contract",
            "coupon",
            "coupon_ticket",
            "coupon_use",
            "credit_note",
            "day_seal",
            "day_seal_head",
            "day_seal_leaves",
            "draft_part",
            "exclusion",
            "freeze_range",
            "friend",
            "friend_day",
            "friend_message",
            "friend_tag",
            "friend_tally",
            "hold",
            "hold_lot",
            "idempotency",
            "import",
            "import_rejected_row",
            "import_rejection",
            "import_upload",
            "interrupted_campaign",
            "invoice_payment",
            "launch_forecast",
            "ledger_entry",
            "ledger_transaction",
            "link",
            "media",
            "media_upload",
            "member",
            "month_close",
            "month_line",
            "narrowcast_failure",
            "outcome_bitmap",
            "partial_launch",
            "plan_use",
            "price",
            "price_band",
            "promotional_lot",
            "push_key",
            "re_rating",
            "reach",
            "reach_change",
            "receipt_course",
            "receipt_link",
            "receipt_log",
            "receipt_people",
            "receipt_sum",
            "reply_token",
            "rich_menu",
            "rich_menu_alias",
            "rich_menu_batch",
            "rich_menu_day",
            "rich_menu_default",
            "rich_menu_link",
            "session",
            "tester",
            "unit_receipts",
            "user",
            "user_list",
            "user_list_entry",
            "wallet",
            "webhook_attempt",
            "webhook_attempt_event",
            "webhook_endpoint",
            "webhook_event",
            "wording",
            "writer_sequence",
        ],
    ),
    (
        "INSERT",
        &[
            "audience_group",
            "audience_group_job",
            "budget",
            "budget_alert",
            "campaign",
            "campaign_action",
            "campaign_tariff",
            "channel",
            "channel_key",
            "channel_token",
            "coupon",
            "draft_part",
            "friend_tag",
            "hold",
            "hold_lot",
            "idempotency",
            "import_upload",
            "ledger_entry",
            "ledger_transaction",
            "link",
            "media",
            "media_upload",
            "member",
            "message",
            "partial_launch",
            "plan_use",
            "rich_menu",
            "rich_menu_alias",
            "rich_menu_batch",
            "rich_menu_default",
            "rich_menu_link",
            "tester",
            "user_list",
            "user_list_entry",
            "wallet",
            "webhook_attempt",
            "webhook_endpoint",
            "wording",
        ],
    ),
    (
        "UPDATE",
        &[
            "account",
            "audience_group",
            "block",
            "campaign",
            "campaign_tariff",
            "channel",
            "channel_token",
            "chunk",
            "coupon",
            "draft_part",
            "hold",
            "hold_lot",
            "import_upload",
            "member",
            "plan_use",
            "promotional_lot",
            "rich_menu",
            "rich_menu_alias",
            "rich_menu_default",
            "rich_menu_link",
            "wallet",
            "webhook_endpoint",
            "webhook_event",
            "writer_sequence",
        ],
    ),
    (
        "DELETE",
        &[
            "channel_key",
            "channel_token",
            "friend_tag",
            "idempotency",
            "import_upload",
            "member",
            "rich_menu",
            "rich_menu_alias",
            "rich_menu_batch",
            "rich_menu_day",
            "rich_menu_default",
            "rich_menu_link",
            "session",
            "tester",
            "webhook_endpoint",
        ],
    ),
];

/// Whether the role is there and has all it needs: what is asked before anything is changed.
const MISSING: &str = "SELECT w.privilege AS privilege, w.name AS name
    FROM unnest(string_to_array($1, ' '), string_to_array($2, ' ')) AS w (privilege, name)
    WHERE NOT has_table_privilege($3::name, quote_ident(w.name), w.privilege)";

/// The way to stores that see one business.
#[derive(Debug, Clone)]
pub struct Wall {
    store: Store,
    /// The role, as it stands in a statement; `None` where the engine has no policies.
    role: Option<Arc<str>>,
}

impl Wall {
    /// The same database for whoever works for this business.
    pub fn store_of(&self, business: BusinessId) -> Store {
        self.store_with(&hex(business.as_bytes()))
    }

    fn store_with(&self, setting: &str) -> Store {
        let behind = self.role.as_ref().map(|role| {
            Arc::from(format!(
                "SET LOCAL ROLE {role}; SELECT set_config('chingu.business', '{setting}', true)"
            ))
        });
        Store {
            reader: Reader {
                connections: self.store.reader.connections.clone(),
                wall: behind,
            },
            ..self.store.clone()
        }
    }
}

impl Store {
    /// Puts the wall up: makes its role where that is missing, and gives it what it needs. Where
    /// this database user may not make a role, the error says what somebody who may has to do.
    pub async fn wall(&self) -> Result<Wall, StoreError> {
        let role = match self.engine() {
            DbBackend::Postgres => Some(self.make_role().await?),
            _ => None,
        };
        Ok(Wall {
            store: self.clone(),
            role,
        })
    }

    async fn make_role(&self) -> Result<Arc<str>, StoreError> {
        let write = self.write().await?;
        // One per database: a role of several would lead from one of them into the others.
        let sql = "SELECT quote_ident(r.name) AS role, r.name AS name, current_user::text AS us,
              quote_ident(current_schema()) AS schema,
              EXISTS (SELECT FROM pg_roles WHERE rolname = r.name) AS is_there
            FROM (SELECT left(current_database(), 56) || '_tenant' AS name) AS r";
        let row = row::one(write.connection(), "pg_roles", sql, []).await?;
        let row = row.ok_or_else(|| StoreError::NotFound("role behind the wall".into()))?;
        let (role, us): (String, String) = (row.get("role")?, row.get("us")?);
        let advice = |error: StoreError| StoreError::CannotOpen {
            path: format!("the role {role}"),
            why: format!(
                "pages work under it, and the database user '{us}' can neither make nor take it. \
                 Somebody who may has to run: CREATE ROLE {role} NOLOGIN; \
                 GRANT {role} TO \"{us}\"; ({error})"
            ),
        };
        if !row.get::<bool>("is_there")? {
            let sql = format!("CREATE ROLE {role} NOLOGIN; GRANT {role} TO CURRENT_USER");
            let made = write.connection().execute_unprepared(&sql).await;
            made.map_err(|error| advice(error.into()))?;
        }
        grant(&write, &role, row.get("name")?, row.get("schema")?).await?;
        let taken = format!("SET LOCAL ROLE {role}; RESET ROLE");
        let taken = write.connection().execute_unprepared(&taken).await;
        taken.map_err(|error| advice(error.into()))?;
        write.commit().await?;
        Ok(Arc::from(role))
    }
}

/// Gives the role what it lacks, and changes nothing where it lacks nothing.
async fn grant(write: &Write, role: &str, name: String, schema: String) -> Result<(), StoreError> {
    let wanted = || {
        let each = |(privilege, tables): &(&'static str, &'static [&'static str])| {
            let privilege = *privilege;
            tables.iter().map(move |table| (privilege, *table))
        };
        GRANTS.iter().flat_map(each)
    };
    let privileges: Vec<&str> = wanted().map(|(privilege, _)| privilege).collect();
    let tables: Vec<&str> = wanted().map(|(_, table)| table).collect();
    let bound = values![privileges.join(" "), tables.join(" "), name];
    let mut statements = format!("GRANT USAGE ON SCHEMA {schema} TO {role}");
    let missing = row::all(write.connection(), "pg_class", MISSING, bound).await?;
    for row in &missing {
        let (privilege, table): (String, String) = (row.get("privilege")?, row.get("name")?);
        statements.push_str(&format!("; GRANT {privilege} ON \"{table}\" TO {role}"));
    }
    if !missing.is_empty() {
        write.connection().execute_unprepared(&statements).await?;
    }
    Ok(())
}

/// How a transaction begins, behind the wall where there is one: in one message.
pub(crate) fn begin_behind(begin: &'static str, wall: Option<&str>) -> SqlStr {
    match wall {
        None => begin.into_sql_str(),
        // Of a role's name, quoted by the server, and the digits of an id.
        Some(wall) => AssertSqlSafe(format!("{begin}; {wall}")).into_sql_str(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
