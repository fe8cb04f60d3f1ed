//! Channels of accounts: what a brand's programs prove themselves with, and the tokens they get.
//!
//! A channel is made when it is first asked for, in whatever process that is: until then nobody can
//! know of it. Its secret has to be told again and to sign what is sent to the brand, so it is not
//! hashed but sealed ([`Vault`]); of tokens the books keep hashes only.

mod jwk; // public keys as brands register them
mod tokens; // issued, looked up, taken back
mod vault; // what secrets are sealed under, and tokens signed with
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::channel::{
    ASSERTION_KEYS_MAX, ChannelId, OVERLAP_MAX, TokenKeyId, TokenKind, end_of_reissued,
};
use domain::id::{AccountId, AssertionKeyId, BusinessId, IdSource, SecretSource};
use domain::time::{Clock, Timestamp};
use domain::user::LineUserId;
use domain::webhook::events::{REPLY_TOKEN_BYTES, ReplyToken};
use sha2::{Digest, Sha256};
use store::Store;
use store::channel::{AssertionKey, Channel, ChannelToken, TokenHash};

use crate::Error;
pub use jwk::PublicKey;
pub use tokens::{Asserted, Identified, Issued, TokenRefusal, TokenState, is_signed};
pub use vault::Vault;

/// Of a channel's secret, shown as twice as many hexadecimal digits.
const SECRET_BYTES: usize = 16;
/// Of a token that is nothing but random: 64 characters.
const TOKEN_BYTES: usize = 48;
const KEY_ID_BYTES: usize = 16;
/// Ids that are tried for one channel before something must be wrong.
const CHOICES_MAX: u32 = 100;
/// How long it can be said of a token that it is over.
const OVER_IS_KNOWN_FOR: Duration = Duration::from_secs(7 * 24 * 3_600);

/// What channels are made from.
#[derive(Clone)]
pub struct ChannelPorts {
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    pub secrets: Arc<dyn SecretSource>,
    pub vault: Arc<Vault>,
    /// Where others reach this installation: whom assertions may address beside LINE's own.
    pub public_url: String,
}

/// The way to everything about channels.
#[derive(Clone)]
pub struct Channels {
    store: Store,
    ports: ChannelPorts,
    audiences: Arc<[String]>,
}

/// The secret of a channel, open: 32 hexadecimal digits. Shown to who may see it, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelSecret(String);

impl ChannelSecret {
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Takes as long whatever is wrong about it.
    pub fn is(&self, text: &str) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.0.as_bytes(), text.as_bytes())
            .is_ok()
    }
}

impl std::fmt::Debug for ChannelSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

impl Channels {
    pub fn of(store: Store, ports: ChannelPorts) -> Self {
        let url = ports.public_url.trim_end_matches('/');
        let audiences = Arc::from([url.to_owned(), format!("{url}/")]);
        Self {
            store,
            ports,
            audiences,
        }
    }

    /// The same for another store: one behind the wall.
    pub fn on(&self, store: Store) -> Self {
        Self {
            store,
            ..self.clone()
        }
    }

    /// The channel of an account, made now where it has none.
    pub async fn channel(
        &self,
        business: BusinessId,
        account: AccountId,
    ) -> Result<Channel, Error> {
        self.expect_account(business, account).await?;
        if let Some(channel) = self.store.channel_of_account(account).await? {
            return Ok(channel);
        }
        let mut bot = [0; 16];
        self.ports.secrets.fill(&mut bot);
        let now = self.now();
        let mut write = self.store.write().await?;
        for choice in 0..CHOICES_MAX {
            // Another process may have been faster, or another account has the id.
            if let Some(channel) = write.channel_of_account(account).await? {
                write.commit().await?;
                return Ok(channel);
            }
            let channel = Channel {
                account,
                business,
                id: ChannelId::of_account(account, choice),
                bot: LineUserId::from_bytes(bot),
                sealed_secret: self.sealed_secret(account)?,
                secret_at: now,
                created_at: now,
            };
            write.insert_channel(&channel).await?;
        }
        Err(Error::Taken(format!(
            "no id is left for a channel of {account}"
        )))
    }

    /// What signs what is sent to the brand, and what its programs prove themselves with.
    pub fn secret(&self, channel: &Channel) -> Result<ChannelSecret, Error> {
        let place = channel.account.as_bytes();
        let open = self.ports.vault.open(place, &channel.sealed_secret);
        let text = open.and_then(|bytes| String::from_utf8(bytes).ok());
        text.map(ChannelSecret).ok_or_else(|| {
            Error::Sealed(format!(
                "the secret of channel {} was sealed under another key: give it as api.key or \
                 api.previous_key",
                channel.id
            ))
        })
    }

    /// Another secret from now on; tokens that were issued with the one before stay.
    pub async fn rotate_secret(
        &self,
        business: BusinessId,
        account: AccountId,
    ) -> Result<(), Error> {
        self.channel(business, account).await?;
        let sealed = self.sealed_secret(account)?;
        let mut write = self.store.write().await?;
        write
            .set_channel_secret(account, sealed, self.now())
            .await?;
        Ok(write.commit().await?)
    }

    /// Registers a public key, given as a JWK; the key gets its `kid` here.
    pub async fn add_assertion_key(
        &self,
        business: BusinessId,
        account: AccountId,
        jwk: &str,
    ) -> Result<AssertionKey, Error> {
        let public = PublicKey::read(jwk)?;
        self.channel(business, account).await?;
        let mut write = self.store.write().await?;
        let known = write.assertion_keys(account).await?;
        if known.len() >= ASSERTION_KEYS_MAX {
            let why = format!("a channel has at most {ASSERTION_KEYS_MAX} keys");
            return Err(Error::refused("keys", why));
        }
        if known.iter().any(|key| key.modulus == public.modulus) {
            return Err(Error::Taken("the channel has this key already".to_owned()));
        }
        let key = AssertionKey {
            id: self.ports.ids.next(),
            account,
            modulus: public.modulus,
            exponent: public.exponent,
            added_at: self.now(),
        };
        write.insert_assertion_key(&key).await?;
        write.commit().await?;
        Ok(key)
    }

    /// Takes a key away: nothing is issued for its assertions any more. Tokens that were stay.
    pub async fn remove_assertion_key(
        &self,
        business: BusinessId,
        account: AccountId,
        key: AssertionKeyId,
    ) -> Result<(), Error> {
        self.expect_account(business, account).await?;
        let mut write = self.store.write().await?;
        if !write.delete_assertion_key(account, key).await? {
            return Err(Error::NotFound("assertion key".to_owned()));
        }
        Ok(write.commit().await?)
    }

    /// A token that does not end. The one before goes on for the time given, at most a day.
    pub async fn issue_long_lived(
        &self,
        business: BusinessId,
        account: AccountId,
        overlap: Duration,
    ) -> Result<Issued, Error> {
        if overlap > OVERLAP_MAX {
            let hours = OVERLAP_MAX.as_secs() / 3_600;
            let why = format!("the token before goes on for at most {hours} hours");
            return Err(Error::refused("overlap", why));
        }
        self.channel(business, account).await?;
        let now = self.now();
        let (token, stored) = self.opaque(account, TokenKind::LongLived, None);
        let mut write = self.store.write().await?;
        let before = write
            .live_tokens(account, TokenKind::LongLived, now)
            .await?;
        for before in before {
            let end = end_of_reissued(before.expires_at, overlap, now);
            write.end_token(account, &before.key_id, end).await?;
        }
        write.insert_token(&stored, hash_of(&token)).await?;
        write.prune_tokens(account, now - OVER_IS_KNOWN_FOR).await?;
        write.commit().await?;
        Ok(Issued::of(token, &stored, now))
    }

    /// Takes a token back by what lists call it.
    pub async fn revoke(
        &self,
        business: BusinessId,
        account: AccountId,
        key_id: &TokenKeyId,
    ) -> Result<(), Error> {
        self.expect_account(business, account).await?;
        let mut write = self.store.write().await?;
        if !write.delete_token(account, key_id).await? {
            return Err(Error::NotFound("token".to_owned()));
        }
        Ok(write.commit().await?)
    }

    /// A text that nobody but this installation can read or change, such as the place where a list
    /// goes on; `place` is whom it is for.
    pub fn seal_text(&self, place: &[u8], text: &[u8]) -> Result<String, Error> {
        let sealed = self.ports.vault.seal(place, text)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Reads [`Channels::seal_text`]; `None` where it is not ours, or for somebody else.
    pub fn open_text(&self, place: &[u8], text: &str) -> Option<Vec<u8>> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        self.ports.vault.open(place, &sealed)
    }

    /// A token for the answer to an event, known to nobody yet.
    pub fn draw_reply_token(&self) -> ReplyToken {
        let mut bytes = [0; REPLY_TOKEN_BYTES];
        self.ports.secrets.fill(&mut bytes);
        ReplyToken::from_bytes(bytes)
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    async fn expect_account(&self, business: BusinessId, id: AccountId) -> Result<(), Error> {
        let found = self.store.account_of_business(business, id).await?;
        match found {
            Some(_) => Ok(()),
            None => Err(Error::NotFound(format!("account {id}"))),
        }
    }

    fn sealed_secret(&self, account: AccountId) -> Result<Vec<u8>, Error> {
        let mut bytes = [0; SECRET_BYTES];
        self.ports.secrets.fill(&mut bytes);
        let text = hex::encode(bytes);
        self.ports.vault.seal(account.as_bytes(), text.as_bytes())
    }

    /// A token that is nothing but random, and what is kept of it.
    fn opaque(
        &self,
        account: AccountId,
        kind: TokenKind,
        expires_at: Option<Timestamp>,
    ) -> (String, ChannelToken) {
        let mut bytes = [0; TOKEN_BYTES];
        self.ports.secrets.fill(&mut bytes);
        let token = ChannelToken {
            account,
            key_id: self.key_id(),
            kind,
            issued_at: self.now(),
            expires_at,
        };
        (URL_SAFE_NO_PAD.encode(bytes), token)
    }

    fn key_id(&self) -> TokenKeyId {
        let mut bytes = [0; KEY_ID_BYTES];
        self.ports.secrets.fill(&mut bytes);
        let text = URL_SAFE_NO_PAD.encode(bytes);
        TokenKeyId::parse(&text).expect("16 bytes are 22 characters")
    }
}

/// What is kept of a token: it has more randomness than anybody can try.
fn hash_of(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}
