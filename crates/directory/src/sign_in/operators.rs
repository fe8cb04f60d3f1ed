//! Operators signing in: as members do, under the same limits, with sessions of their own kind that
//! end sooner.

use std::sync::Arc;
use std::time::Duration;

use domain::id::OperatorId;
use store::directory::Operator;
use store::operator::OperatorSession;
use store::session::TokenHash;

use super::guard::{Door, Guard, hash_of_token};
use super::{GUESS_WINDOW, SignIn, SignInError, TOUCH_EVERY, USER_AGENT_CHARS_MAX, check_password};
use crate::Error;

/// A session nobody uses ends after this: whoever has it sees everybody's money.
pub const OPERATOR_SESSION_IDLE: Duration = Duration::from_secs(12 * 60 * 60);

/// Who comes with an operator's session.
#[derive(Debug, Clone)]
pub struct OperatorVisit {
    pub session: OperatorSession,
    pub operator: Operator,
}

/// The operators' way in.
pub struct OperatorSignIn {
    guard: Arc<Guard>,
}

impl SignIn {
    /// The operators' way in beside the members': one limit on hashing for both.
    pub fn of_operators(&self) -> OperatorSignIn {
        let guard = self.guard.clone();
        OperatorSignIn { guard }
    }
}

impl OperatorSignIn {
    /// Whether no operator can sign in yet.
    pub async fn is_first_run(&self) -> Result<bool, Error> {
        Ok(!self.guard.store.has_operator().await?)
    }

    /// Sets an operator's password and ends their sessions, but the one they do it in.
    pub async fn set_password(
        &self,
        operator: OperatorId,
        password: &str,
        kept: Option<TokenHash>,
    ) -> Result<(), Error> {
        check_password(password)?;
        let hash = self.guard.hash(password).await?;
        let mut write = self.guard.store.write().await?;
        write.set_operator_password(operator, &hash, kept).await?;
        Ok(write.commit().await?)
    }

    /// Whether it is this operator's password: asked before it is changed. Counts as a guess.
    pub async fn confirm(
        &self,
        operator: &Operator,
        password: &str,
        address: &str,
    ) -> Result<(), SignInError> {
        let found = self.compare(&operator.email, password, address).await?;
        match found.id == operator.id {
            true => Ok(()),
            false => Err(SignInError::Wrong),
        }
    }

    /// Whether the two belong together, without counting a guess: for the program's own greeting.
    pub async fn fits(&self, email: &str, password: &str) -> Result<bool, Error> {
        match self.guard.store.operator_candidate(email).await? {
            Some((_, hash)) => self.guard.verify(password, &hash).await,
            None => Ok(false),
        }
    }

    /// Begins a session. Returns the token for the cookie, in hexadecimal.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        address: &str,
        user_agent: &str,
    ) -> Result<String, SignInError> {
        let guard = &self.guard;
        let operator = self.compare(email, password, address).await?;
        let (token, token_hash) = guard.token();
        let now = guard.clock.now();
        let session = OperatorSession {
            token_hash,
            operator: operator.id,
            created_at: now,
            last_seen_at: now,
            expires_at: now + OPERATOR_SESSION_IDLE,
            user_agent: user_agent.chars().take(USER_AGENT_CHARS_MAX).collect(),
        };
        self.begin(&session, &operator).await?;
        Ok(token)
    }

    async fn compare(
        &self,
        email: &str,
        password: &str,
        address: &str,
    ) -> Result<Operator, SignInError> {
        let (guard, email) = (&self.guard, email.trim().to_lowercase());
        guard
            .expect_guesses_left(Door::Operators, &email, address)
            .await?;
        let candidate = guard.store.operator_candidate(&email).await;
        let candidates = candidate.map_err(Error::from)?.into_iter().collect();
        guard
            .compare(Door::Operators, &email, password, address, candidates)
            .await
    }

    async fn begin(&self, session: &OperatorSession, operator: &Operator) -> Result<(), Error> {
        let now = session.created_at;
        let mut write = self.guard.store.write().await?;
        write.insert_operator_session(session).await?;
        write
            .forget_failures(&Door::Operators.subject(&operator.email))
            .await?;
        write.prune_sign_in(now - GUESS_WINDOW, now).await?;
        write.prune_operator_sessions(now).await?;
        Ok(write.commit().await?)
    }

    /// Whose session a cookie's token is; `None` where it is no operator's, or over.
    pub async fn visit(&self, token: &str) -> Result<Option<OperatorVisit>, Error> {
        let Some(token_hash) = hash_of_token(token) else {
            return Ok(None);
        };
        let (store, now) = (&self.guard.store, self.guard.clock.now());
        let Some((session, operator)) = store.operator_session(token_hash, now).await? else {
            return Ok(None);
        };
        if now.since(session.last_seen_at) >= TOUCH_EVERY {
            let mut write = store.write().await?;
            write
                .touch_operator_session(token_hash, now, now + OPERATOR_SESSION_IDLE)
                .await?;
            write.commit().await?;
        }
        Ok(Some(OperatorVisit { session, operator }))
    }

    pub async fn sign_out(&self, token_hash: TokenHash) -> Result<(), Error> {
        let mut write = self.guard.store.write().await?;
        write.delete_operator_session(token_hash).await?;
        Ok(write.commit().await?)
    }
}
