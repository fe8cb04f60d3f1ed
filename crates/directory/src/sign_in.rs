//! Signing in: passwords, sessions, and the limits on guessing.
//!
//! Passwords are kept as Argon2id hashes, tokens of sessions as SHA-256. Wrong guesses are counted
//! per address of mail and per address of network, in the database, so that a restart forgives
//! nobody. Whether an address is known cannot be told from the answer nor from how long it takes.

mod guard; // hashing, and how often one may guess
mod operators; // the way in for who runs the installation

use std::sync::Arc;
use std::time::Duration;

use domain::id::{BusinessId, IdSource, MemberId, SecretSource};
use domain::time::{Clock, Timestamp};
use store::Store;
use store::directory::Member;
use store::session::{Candidate, Session, TokenHash};

use crate::Error;
use guard::{Door, Guard, hash_of_token};
pub use operators::{OperatorSignIn, OperatorVisit};

pub const PASSWORD_CHARS_MIN: usize = 10;
/// Longer is refused before it is hashed.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// Wrong guesses about one address of mail, within [`GUESS_WINDOW`].
pub const GUESSES_PER_EMAIL_MAX: u32 = 10;
/// Wrong guesses from one address of network: an office shares one.
pub const GUESSES_PER_ADDRESS_MAX: u32 = 50;
pub const GUESS_WINDOW: Duration = Duration::from_secs(15 * 60);
/// A session nobody uses ends after this.
pub const SESSION_IDLE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// A session that is used is noted no oftener than this: one write, not one per page.
const TOUCH_EVERY: Duration = Duration::from_secs(10 * 60);
const USER_AGENT_CHARS_MAX: usize = 200;

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Address or password are wrong; which of them is not said.
    #[error("the address and the password do not belong together")]
    Wrong,
    /// Too many wrong guesses: nothing is compared before this moment.
    #[error("too many attempts")]
    TooMany { until: Timestamp },
    #[error(transparent)]
    Directory(#[from] Error),
}

/// Who comes with a session.
#[derive(Debug, Clone)]
pub struct Visit {
    pub session: Session,
    pub member: Member,
}

/// The way in.
pub struct SignIn {
    guard: Arc<Guard>,
}

impl SignIn {
    pub fn of(
        store: Store,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        secrets: Arc<dyn SecretSource>,
    ) -> Self {
        Self {
            guard: Arc::new(Guard::of(store, clock, ids, secrets)),
        }
    }

    /// Whether nobody can sign in yet, because there is no business.
    pub async fn is_first_run(&self) -> Result<bool, Error> {
        Ok(self.guard.store.businesses().await?.is_empty())
    }

    /// Sets a member's password and ends their sessions, but the one they do it in.
    pub async fn set_password(
        &self,
        business: BusinessId,
        member: MemberId,
        password: &str,
        kept: Option<TokenHash>,
    ) -> Result<(), Error> {
        check_password(password)?;
        let hash = self.guard.hash(password).await?;
        let mut write = self.guard.store.write().await?;
        write.set_password(business, member, &hash).await?;
        write.delete_other_sessions(member, kept).await?;
        Ok(write.commit().await?)
    }

    /// Whether it is this member's password: asked before it is changed. Counts as a guess.
    pub async fn confirm(
        &self,
        member: &Member,
        password: &str,
        address: &str,
    ) -> Result<(), SignInError> {
        let found = self.compare(&member.email, password, address).await?;
        match found.member.id == member.id {
            true => Ok(()),
            false => Err(SignInError::Wrong),
        }
    }

    /// Whether the two belong together, without counting a guess: for the program's own greeting.
    pub async fn fits(&self, email: &str, password: &str) -> Result<bool, Error> {
        for candidate in self.guard.store.sign_in_candidates(email).await? {
            if self
                .guard
                .verify(password, &candidate.password_hash)
                .await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Begins a session. `address` is where the request comes from, as limits count it.
    /// Returns the token for the cookie, in hexadecimal, and whose session it is.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        address: &str,
        user_agent: &str,
    ) -> Result<(String, Member), SignInError> {
        let found = self.compare(email, password, address).await?;
        let (token, token_hash) = self.guard.token();
        let now = self.guard.clock.now();
        let session = Session {
            token_hash,
            member: found.member.id,
            created_at: now,
            last_seen_at: now,
            expires_at: now + SESSION_IDLE,
            user_agent: user_agent.chars().take(USER_AGENT_CHARS_MAX).collect(),
        };
        let mut write = self.guard.store.write().await.map_err(Error::from)?;
        let stored = async {
            write.insert_session(&session).await?;
            write
                .forget_failures(&Door::Members.subject(&found.member.email))
                .await?;
            write.prune_sign_in(now - GUESS_WINDOW, now).await?;
            write.commit().await
        };
        stored.await.map_err(Error::from)?;
        Ok((token, found.member))
    }

    /// Whose session a cookie's token is; `None` where it is nobody's, or over.
    pub async fn visit(&self, token: &str) -> Result<Option<Visit>, Error> {
        let Some(token_hash) = hash_of_token(token) else {
            return Ok(None);
        };
        let now = self.guard.clock.now();
        let Some((session, member)) = self.guard.store.session(token_hash, now).await? else {
            return Ok(None);
        };
        if now.since(session.last_seen_at) >= TOUCH_EVERY {
            let mut write = self.guard.store.write().await?;
            write
                .touch_session(token_hash, now, now + SESSION_IDLE)
                .await?;
            write.commit().await?;
        }
        Ok(Some(Visit { session, member }))
    }

    pub async fn sign_out(&self, session: &Session) -> Result<(), Error> {
        let mut write = self.guard.store.write().await?;
        write.delete_session(session.token_hash).await?;
        Ok(write.commit().await?)
    }

    /// Ends every session of the member but this one; how many there were.
    pub async fn sign_out_elsewhere(&self, session: &Session) -> Result<u64, Error> {
        let mut write = self.guard.store.write().await?;
        let ended = write
            .delete_other_sessions(session.member, Some(session.token_hash))
            .await?;
        write.commit().await?;
        Ok(ended)
    }

    async fn compare(
        &self,
        email: &str,
        password: &str,
        address: &str,
    ) -> Result<Candidate, SignInError> {
        let (guard, email) = (&self.guard, email.trim().to_lowercase());
        guard
            .expect_guesses_left(Door::Members, &email, address)
            .await?;
        let candidates = guard.store.sign_in_candidates(&email).await;
        let candidates = candidates.map_err(Error::from)?.into_iter();
        let hashed = candidates.map(|one| {
            let hash = one.password_hash.clone();
            (one, hash)
        });
        guard
            .compare(Door::Members, &email, password, address, hashed.collect())
            .await
    }
}

/// Long enough to be worth hashing, short enough to be hashed.
pub fn check_password(password: &str) -> Result<(), Error> {
    let length = password.chars().count();
    if length < PASSWORD_CHARS_MIN {
        let why = format!("has at least {PASSWORD_CHARS_MIN} characters, not {length}");
        return Err(Error::refused("password", why));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        let why = format!("has at most {PASSWORD_BYTES_MAX} bytes");
        return Err(Error::refused("password", why));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
