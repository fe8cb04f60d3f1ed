//! What both ways in share: hashing, and the limits on guessing. Hashes are computed few at once
//! over members and operators together.

use std::sync::Arc;

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use domain::id::{IdSource, SecretSource};
use domain::time::Clock;
use sha2::{Digest, Sha256};
use store::Store;
use store::session::TokenHash;
use tokio::sync::Semaphore;

use super::{
    GUESS_WINDOW, GUESSES_PER_ADDRESS_MAX, GUESSES_PER_EMAIL_MAX, PASSWORD_BYTES_MAX, SignInError,
};
use crate::Error;

/// Memberships of one address that a password is compared with.
const CANDIDATES_MAX: usize = 5;
/// Hashes computed at once: each takes 19 MiB and a core for tens of milliseconds.
const HASHES_AT_ONCE: usize = 2;
const TOKEN_BYTES: usize = 32;
const SALT_BYTES: usize = 16;

/// Who tries to get in. Guesses at a member's password do not keep an operator of the same address
/// out, nor the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Members,
    Operators,
}

impl Door {
    /// What wrong guesses about an address of mail are counted under.
    pub(super) fn subject(self, email: &str) -> String {
        let name = match self {
            Self::Members => "email",
            Self::Operators => "operator",
        };
        // Whatever is typed becomes a key: its hash has a length that is known.
        format!("{name} {}", hex::encode(Sha256::digest(email.as_bytes())))
    }
}

pub(crate) struct Guard {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    secrets: Arc<dyn SecretSource>,
    hashes: Semaphore,
}

impl Guard {
    pub(super) fn of(
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

    /// A token nobody can guess, in hexadecimal for the cookie, and the hash that is stored.
    pub(super) fn token(&self) -> (String, TokenHash) {
        let mut token = [0; TOKEN_BYTES];
        self.secrets.fill(&mut token);
        (hex::encode(token), Sha256::digest(token).into())
    }

    /// Whoever of the candidates the password belongs to; each is handed over with its hash. An
    /// address may be written in any case. Counts as a guess where nobody is found.
    pub(super) async fn compare<T>(
        &self,
        door: Door,
        email: &str,
        password: &str,
        address: &str,
        candidates: Vec<(T, String)>,
    ) -> Result<T, SignInError> {
        let fits = password.len() <= PASSWORD_BYTES_MAX;
        let mut found = None;
        if candidates.is_empty() {
            // As much work as for somebody who exists.
            self.hash("nobody's password").await?;
        }
        for (candidate, hash) in candidates.into_iter().take(CANDIDATES_MAX) {
            if fits && self.verify(password, &hash).await? {
                found = Some(candidate);
                break;
            }
        }
        match found {
            Some(candidate) => Ok(candidate),
            None => {
                self.note_failure(&subjects(door, email, address)).await?;
                Err(SignInError::Wrong)
            }
        }
    }

    /// Refuses who has guessed too often, before anything is compared.
    pub(super) async fn expect_guesses_left(
        &self,
        door: Door,
        email: &str,
        address: &str,
    ) -> Result<(), SignInError> {
        let since = self.clock.now() - GUESS_WINDOW;
        for (subject, max) in subjects(door, email, address) {
            let counted = self.store.sign_in_failures(&subject, since).await;
            let (count, first) = counted.map_err(Error::from)?;
            if count >= max {
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

    pub(super) async fn hash(&self, password: &str) -> Result<String, Error> {
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

    pub(super) async fn verify(&self, password: &str, hash: &str) -> Result<bool, Error> {
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

/// What a guess is counted under, and how many there may be.
fn subjects(door: Door, email: &str, address: &str) -> [(String, u32); 2] {
    [
        (door.subject(email), GUESSES_PER_EMAIL_MAX),
        (format!("address {address}"), GUESSES_PER_ADDRESS_MAX),
    ]
}

pub(super) fn hash_of_token(token: &str) -> Option<TokenHash> {
    let mut bytes = [0; TOKEN_BYTES];
    hex::decode_to_slice(token, &mut bytes).ok()?;
    Some(Sha256::digest(bytes).into())
}
