//! Operators who sign in: their passwords and sessions, in tables of their own, so that a member's
//! token opens no page of theirs.

use domain::id::OperatorId;
use domain::time::Timestamp;

use crate::directory::{self, OPERATOR, Operator};
use crate::row::{self, Row, values};
use crate::session::TokenHash;
use crate::{Store, StoreError, Write};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorSession {
    pub token_hash: TokenHash,
    pub operator: OperatorId,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub expires_at: Timestamp,
    pub user_agent: String,
}

const SESSION: &str = "SELECT token_hash, operator, created_at, last_seen_at, expires_at,
    user_agent FROM operator_session";

impl Write {
    /// Sets an operator's password, as a PHC string, and ends their sessions but the one kept.
    pub async fn set_operator_password(
        &mut self,
        operator: OperatorId,
        password_hash: &str,
        kept: Option<TokenHash>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE operator SET password_hash = $1 WHERE id = $2";
        let bound = values![password_hash, operator];
        if row::execute(self.connection(), sql, bound).await? == 0 {
            return Err(StoreError::NotFound(format!("operator {operator}")));
        }
        let sql = "DELETE FROM operator_session WHERE operator = $1 AND token_hash <> $2";
        let bound = values![operator, kept.unwrap_or_default()];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    pub async fn insert_operator_session(
        &mut self,
        session: &OperatorSession,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO operator_session
            (token_hash, operator, created_at, last_seen_at, expires_at, user_agent)
            VALUES ($1, $2, $3, $4, $5, $6)";
        let values = values![
            session.token_hash,
            session.operator,
            session.created_at,
            session.last_seen_at,
            session.expires_at,
            session.user_agent.as_str(),
        ];
        row::execute(self.connection(), sql, values).await?;
        Ok(())
    }

    /// Notes that a session was used, and until when it lasts now.
    pub async fn touch_operator_session(
        &mut self,
        token_hash: TokenHash,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE operator_session SET last_seen_at = $1, expires_at = $2
                   WHERE token_hash = $3";
        row::execute(self.connection(), sql, values![now, expires_at, token_hash]).await?;
        Ok(())
    }

    pub async fn delete_operator_session(
        &mut self,
        token_hash: TokenHash,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM operator_session WHERE token_hash = $1";
        row::execute(self.connection(), sql, values![token_hash]).await?;
        Ok(())
    }

    /// Forgets sessions that are over.
    pub async fn prune_operator_sessions(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let sql = "DELETE FROM operator_session WHERE expires_at <= $1";
        row::execute(self.connection(), sql, values![now]).await?;
        Ok(())
    }
}

impl Store {
    /// The operator with this address and a password, and its PHC string.
    pub async fn operator_candidate(
        &self,
        email: &str,
    ) -> Result<Option<(Operator, String)>, StoreError> {
        let sql = format!(
            "{} WHERE email = $1 AND password_hash IS NOT NULL",
            OPERATOR.replace(" FROM", ", password_hash FROM")
        );
        let row = row::one(self.reader(), "operator", &sql, values![email]).await?;
        row.map(|row| Ok((directory::operator(&row)?, row.get("password_hash")?)))
            .transpose()
    }

    /// Whether any operator has a password.
    pub async fn has_operator(&self) -> Result<bool, StoreError> {
        let sql = "SELECT 1 AS one FROM operator WHERE password_hash IS NOT NULL LIMIT 1";
        let row = row::one(self.reader(), "operator", sql, []).await?;
        Ok(row.is_some())
    }

    /// A session that has not expired, and whose it is.
    pub async fn operator_session(
        &self,
        token_hash: TokenHash,
        now: Timestamp,
    ) -> Result<Option<(OperatorSession, Operator)>, StoreError> {
        let sql = format!("{SESSION} WHERE token_hash = $1 AND expires_at > $2");
        let bound = values![token_hash, now];
        let row = row::one(self.reader(), "operator_session", &sql, bound).await?;
        let Some(session) = row.map(|row| session(&row)).transpose()? else {
            return Ok(None);
        };
        let sql = format!("{OPERATOR} WHERE id = $1");
        let row = row::one(self.reader(), "operator", &sql, values![session.operator]).await?;
        let operator = row.map(|row| directory::operator(&row)).transpose()?;
        Ok(operator.map(|operator| (session, operator)))
    }
}

fn session(row: &Row) -> Result<OperatorSession, StoreError> {
    Ok(OperatorSession {
        token_hash: row.bytes("token_hash")?,
        operator: row.id("operator")?,
        created_at: row.time("created_at")?,
        last_seen_at: row.time("last_seen_at")?,
        expires_at: row.time("expires_at")?,
        user_agent: row.get("user_agent")?,
    })
}
