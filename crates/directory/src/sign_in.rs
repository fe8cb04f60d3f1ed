//! Signing in: passwords, sessions, and the limits on guessing.
//!
//! Passwords are kept as Argon2id hashes, tokens of sessions as SHA-256. Wrong guesses are counted
//! per address of mail and per address of network, in the database, so that a restart forgives
//! nobody. Whether an address is known cannot be told from the answer nor from how long it takes.

use std::sync::Arc;
use std::time::Duration;

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use domain::id::{BusinessId, IdSource, MemberId, SecretSource};
use domain::time::{Clock, Timestamp};
use sha2::{Digest, Sha256};
use store::Store;
use store::directory::Member;
use store::session::{Candidate, Session, TokenHash};
use tokio::sync::Semaphore;

use crate::Error;

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
/// Memberships of one address that a password is compared with.
const CANDIDATES_MAX: usize = 5;
/// Hashes computed at once: each takes 19 MiB and a core for tens of milliseconds.
const HASHES_AT_ONCE: usize = 2;
const TOKEN_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
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
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    secrets: Arc<dyn SecretSource>,
    hashes: Semaphore,
}

impl SignIn {
    pub fn of(
        store: Store,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        secrets: Arc<dyn SecretSource>,
    ) -> Self {
        let hashes = Semaphore::new(HASHES_AT_ONCE);
        Self {
            store,
            clock,
            ids,
            secrets,
            hashes,
        }
    }

    /// Whether nobody can sign in yet, because there is no business.
    pub async fn is_first_run(&self) -> Result<bool, Error> {
        Ok(self.store.businesses().await?.is_empty())
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
        let hash = self.hash(password).await?;
        let mut write = self.store.write().await?;
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
        for candidate in self.store.sign_in_candidates(email).await? {
            if self.verify(password, &candidate.password_hash).await? {
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
        let mut token = [0; TOKEN_BYTES];
        self.secrets.fill(&mut token);
        let now = self.clock.now();
        let session = Session {
            token_hash: Sha256::digest(token).into(),
            member: found.member.id,
            created_at: now,
            last_seen_at: now,
            expires_at: now + SESSION_IDLE,
            user_agent: user_agent.chars().take(USER_AGENT_CHARS_MAX).collect(),
        };
        let mut write = self.store.write().await.map_err(Error::from)?;
        let stored = async {
            write.insert_session(&session).await?;
            write
                .forget_failures(&email_subject(&found.member.email))
                .await?;
            write.prune_sign_in(now - GUESS_WINDOW, now).await?;
            write.commit().await
        };
        stored.await.map_err(Error::from)?;
        Ok((hex::encode(token), found.member))
    }

    /// Whose session a cookie's token is; `None` where it is nobody's, or over.
    pub async fn visit(&self, token: &str) -> Result<Option<Visit>, Error> {
        let Some(token_hash) = hash_of_token(token) else {
            return Ok(None);
        };
        let now = self.clock.now();
        let Some((session, member)) = self.store.session(token_hash, now).await? else {
            return Ok(None);
        };
        if now.since(session.last_seen_at) >= TOUCH_EVERY {
            let mut write = self.store.write().await?;
            write
                .touch_session(token_hash, now, now + SESSION_IDLE)
                .await?;
            write.commit().await?;
        }
        Ok(Some(Visit { session, member }))
    }

    pub async fn sign_out(&self, session: &Session) -> Result<(), Error> {
        let mut write = self.store.write().await?;
        write.delete_session(session.token_hash).await?;
        Ok(write.commit().await?)
    }

    /// Ends every session of the member but this one; how many there were.
    pub async fn sign_out_elsewhere(&self, session: &Session) -> Result<u64, Error> {
        let mut write = self.store.write().await?;
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
        let email = email.trim().to_lowercase();
        let subjects = [
            (email_subject(&email), GUESSES_PER_EMAIL_MAX),
            (format!("address {address}"), GUESSES_PER_ADDRESS_MAX),
        ];
        self.expect_guesses_left(&subjects).await?;
        let candidates = self.store.sign_in_candidates(&email).await;
        let candidates = candidates.map_err(Error::from)?;
        let fits = password.len() <= PASSWORD_BYTES_MAX;
        let mut found = None;
        if candidates.is_empty() {
            // As much work as for somebody who exists.
            self.hash("nobody's password").await?;
        }
        for candidate in candidates.into_iter().take(CANDIDATES_MAX) {
            if fits && self.verify(password, &candidate.password_hash).await? {
                found = Some(candidate);
                break;
            }
        }
        match found {
            Some(candidate) => Ok(candidate),
            None => {
                self.note_failure(&subjects).await?;
                Err(SignInError::Wrong)
            }
        }
    }

    async fn expect_guesses_left(&self, subjects: &[(String, u32)]) -> Result<(), SignInError> {
        let since = self.clock.now() - GUESS_WINDOW;
        for (subject, max) in subjects {
            let counted = self.store.sign_in_failures(subject, since).await;
            let (count, first) = counted.map_err(Error::from)?;
            if count >= *max {
                let until = first.unwrap_or(since) + GUESS_WINDOW;
                return Err(SignInError::TooMany { until });
            }
        }
        Ok(())
    }

    async fn note_failure(&self, subjects: &[(String, u32)]) -> Result<(), Error> {
        let now = self.clock.now();
        let mut write = self.store.write().await?;
        for (subject, _) in subjects {
            let id: domain::id::Id<domain::id::Member> = self.ids.next();
            write.insert_sign_in_failure(subject, now, id).await?;
        }
        Ok(write.commit().await?)
    }

    async fn hash(&self, password: &str) -> Result<String, Error> {
        let mut salt = [0; SALT_BYTES];
        self.secrets.fill(&mut salt);
        let password = password.to_owned();
        self.work(move || {
            let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).ok()
        })
        .await?
        .ok_or_else(|| Error::refused("password", "cannot be hashed"))
    }

    async fn verify(&self, password: &str, hash: &str) -> Result<bool, Error> {
        let (password, hash) = (password.to_owned(), hash.to_owned());
        self.work(move || {
            Argon2::default()
                .verify_password(password.as_bytes(), hash.as_str())
                .is_ok()
        })
        .await
    }

    /// Hashing takes a core: beside the runtime, and few at once.
    async fn work<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let ended = |_| Error::refused("password", "the process is stopping");
        let _permit = self.hashes.acquire().await.map_err(|_| ended(()))?;
        tokio::task::spawn_blocking(task)
            .await
            .map_err(|_| ended(()))
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

fn email_subject(email: &str) -> String {
    // Whatever is typed becomes a key: its hash has a length that is known.
    format!("email {}", hex::encode(Sha256::digest(email.as_bytes())))
}

fn hash_of_token(token: &str) -> Option<TokenHash> {
    let mut bytes = [0; TOKEN_BYTES];
    hex::decode_to_slice(token, &mut bytes).ok()?;
    Some(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests;
