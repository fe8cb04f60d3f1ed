//! Passwords of members, their sessions, and the wrong guesses that limit further ones.
//!
//! A session is found by the hash of its token only; nothing here ever sees a token or a password.

use domain::id::{BusinessId, Id, MemberId};
use domain::time::Timestamp;

use crate::directory::{self, Member};
use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write};

/// SHA-256 of a session's token.
pub type TokenHash = [u8; 32];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub token_hash: TokenHash,
    pub member: MemberId,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub expires_at: Timestamp,
    pub user_agent: String,
}

/// Somebody who may try to sign in.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub member: Member,
    /// A PHC string.
    pub password_hash: String,
}

const SESSION: &str = "SELECT token_hash, member, created_at, last_seen_at, expires_at, user_agent
    FROM session";

impl Write {
    /// Sets a member's password, as a PHC string.
    pub async fn set_password(
        &mut self,
        business: BusinessId,
        member: MemberId,
        password_hash: &str,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE member SET password_hash = $1 WHERE business = $2 AND id = $3";
        let values = values![password_hash, business, member];
        match row::execute(self.connection(), sql, values).await? {
            0 => Err(StoreError::NotFound(format!("member {member}"))),
            _ => Ok(()),
        }
    }

    pub async fn insert_session(&mut self, session: &Session) -> Result<(), StoreError> {
        let sql = "INSERT INTO session
            (token_hash, member, created_at, last_seen_at, expires_at, user_agent)
            VALUES ($1, $2, $3, $4, $5, $6)";
        let values = values![
            session.token_hash,
            session.member,
            session.created_at,
            session.last_seen_at,
            session.expires_at,
            session.user_agent.as_str(),
        ];
        row::execute(self.connection(), sql, values).await?;
        Ok(())
    }

    /// Notes that a session was used, and until when it lasts now.
    pub async fn touch_session(
        &mut self,
        token_hash: TokenHash,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE session SET last_seen_at = $1, expires_at = $2 WHERE token_hash = $3";
        row::execute(self.connection(), sql, values![now, expires_at, token_hash]).await?;
        Ok(())
    }

    pub async fn delete_session(&mut self, token_hash: TokenHash) -> Result<(), StoreError> {
        let sql = "DELETE FROM session WHERE token_hash = $1";
        row::execute(self.connection(), sql, values![token_hash]).await?;
        Ok(())
    }

    /// Ends every session of a member but the one given: after a change of password.
    pub async fn delete_other_sessions(
        &mut self,
        member: MemberId,
        kept: Option<TokenHash>,
    ) -> Result<u64, StoreError> {
        let sql = "DELETE FROM session WHERE member = $1 AND token_hash <> $2";
        row::execute(
            self.connection(),
            sql,
            values![member, kept.unwrap_or_default()],
        )
        .await
    }

    /// Notes a wrong guess; `id` keeps two of one instant apart.
    pub async fn insert_sign_in_failure<K>(
        &mut self,
        subject: &str,
        now: Timestamp,
        id: Id<K>,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO sign_in_failure (subject, at, id) VALUES ($1, $2, $3)";
        row::execute(self.connection(), sql, values![subject, now, id]).await?;
        Ok(())
    }

    /// Forgets wrong guesses and sessions that count no more.
    pub async fn prune_sign_in(
        &mut self,
        failures_before: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM sign_in_failure WHERE at < $1";
        row::execute(self.connection(), sql, values![failures_before]).await?;
        let sql = "DELETE FROM session WHERE expires_at <= $1";
        row::execute(self.connection(), sql, values![now]).await?;
        Ok(())
    }

    /// After the right password, earlier wrong ones count no more.
    pub async fn forget_failures(&mut self, subject: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM sign_in_failure WHERE subject = $1";
        row::execute(self.connection(), sql, values![subject]).await?;
        Ok(())
    }
}

impl Store {
    /// Members with this address and a password, of every business: who signs in has not said for
    /// whom yet.
    pub async fn sign_in_candidates(&self, email: &str) -> Result<Vec<Candidate>, StoreError> {
        let sql = format!(
            "{} WHERE email = $1 AND password_hash IS NOT NULL ORDER BY created_at, id",
            directory::MEMBER.replace(" FROM", ", password_hash FROM")
        );
        let rows = row::all(self.reader(), "member", &sql, values![email]).await?;
        rows.iter()
            .map(|row| {
                Ok(Candidate {
                    member: directory::member(row)?,
                    password_hash: row.get("password_hash")?,
                })
            })
            .collect()
    }

    /// A session that has not expired, and whose it is.
    pub async fn session(
        &self,
        token_hash: TokenHash,
        now: Timestamp,
    ) -> Result<Option<(Session, Member)>, StoreError> {
        let sql = format!("{SESSION} WHERE token_hash = $1 AND expires_at > $2");
        let row = row::one(self.reader(), "session", &sql, values![token_hash, now]).await?;
        let Some(session) = row.map(|row| session(&row)).transpose()? else {
            return Ok(None);
        };
        let sql = format!("{} WHERE id = $1", directory::MEMBER);
        let row = row::one(self.reader(), "member", &sql, values![session.member]).await?;
        let member = row.map(|row| directory::member(&row)).transpose()?;
        Ok(member.map(|member| (session, member)))
    }

    /// A member's sessions, the latest used first.
    pub async fn sessions_of(
        &self,
        member: MemberId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let sql = format!(
            "{SESSION} WHERE member = $1 AND expires_at > $2 ORDER BY last_seen_at DESC, token_hash"
        );
        let rows = row::all(self.reader(), "session", &sql, values![member, now]).await?;
        rows.iter().map(session).collect()
    }

    /// Wrong guesses about a subject since a moment, and the first of them.
    pub async fn sign_in_failures(
        &self,
        subject: &str,
        since: Timestamp,
    ) -> Result<(u32, Option<Timestamp>), StoreError> {
        let sql = "SELECT count(*) AS count, min(at) AS first FROM sign_in_failure
                   WHERE subject = $1 AND at >= $2";
        let row = row::one(
            self.reader(),
            "sign_in_failure",
            sql,
            values![subject, since],
        )
        .await?;
        match row {
            Some(row) => Ok((row.int("count")?, row.optional_time("first")?)),
            None => Ok((0, None)),
        }
    }
}

fn session(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        token_hash: row.bytes("token_hash")?,
        member: row.id("member")?,
        created_at: row.time("created_at")?,
        last_seen_at: row.time("last_seen_at")?,
        expires_at: row.time("expires_at")?,
        user_agent: row.get("user_agent")?,
    })
}
