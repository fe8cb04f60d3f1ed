//! Tokens of channels: issued for a secret or an assertion, looked up, taken back.

use std::time::Duration;

use domain::assertion::{self, AssertionRefusal};
use domain::channel::{
    ChannelId, LIVE_TOKENS_MAX, SHORT_LIVED_LIFETIME, STATELESS_LIFETIME, TokenKeyId, TokenKind,
    is_over, key_of_kid, seconds_left,
};
use domain::id::{AccountId, BusinessId};
use domain::time::Timestamp;
use jsonwebtoken::Algorithm;
use serde_json::Value;
use store::channel::{Channel, ChannelToken};

use super::vault::{Claims, only_the_signature};
use super::{Channels, OVER_IS_KNOWN_FOR, hash_of, jwk};
use crate::Error;

/// Bytes of an assertion or token that is looked at: more than any that was ever issued.
const TEXT_BYTES_MAX: usize = 4_096;

/// Why no token is issued, by what the client is told.
#[derive(Debug, thiserror::Error)]
pub enum TokenRefusal {
    #[error("there is no such channel")]
    UnknownChannel,
    #[error("the secret is another")]
    WrongSecret,
    /// No key of ours has the assertion's `kid`.
    #[error("there is no such key")]
    UnknownKey,
    /// It is no assertion, or its key did not sign it.
    #[error("the assertion is not signed by its key")]
    Unsigned,
    #[error(transparent)]
    Claims(#[from] AssertionRefusal),
    /// As many live as may.
    #[error("as many tokens live as may")]
    TooMany,
    #[error(transparent)]
    Directory(#[from] Error),
}

/// A token that was just issued: the only time it is seen.
#[derive(Debug, Clone)]
pub struct Issued {
    pub token: String,
    /// What lists call it; `None` of one that is not stored.
    pub key_id: Option<TokenKeyId>,
    /// Until it is over.
    pub seconds: u64,
}

/// Whose a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    pub channel: ChannelId,
    pub account: AccountId,
    pub business: BusinessId,
    pub kind: TokenKind,
    pub expires_at: Option<Timestamp>,
}

/// What is known of a text that may be a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenState {
    Live(Identified),
    Over,
    Unknown,
}

/// A channel that an assertion is from, and what it claims.
pub struct Asserted {
    pub channel: Channel,
    claims: Value,
}

impl Issued {
    pub(super) fn of(token: String, stored: &ChannelToken, now: Timestamp) -> Self {
        Self {
            token,
            key_id: Some(stored.key_id.clone()),
            seconds: seconds_left(stored.expires_at, now),
        }
    }
}

impl Channels {
    /// The channel of an id and its secret.
    pub async fn by_secret(&self, id: &str, secret: &str) -> Result<Channel, TokenRefusal> {
        let id = ChannelId::parse(id).ok_or(TokenRefusal::UnknownChannel)?;
        let found = self.store.channel_by_id(id).await.map_err(Error::from)?;
        let channel = found.ok_or(TokenRefusal::UnknownChannel)?;
        match self.secret(&channel)?.is(secret) {
            true => Ok(channel),
            false => Err(TokenRefusal::WrongSecret),
        }
    }

    /// The channel that signed an assertion, with what it claims looked at.
    pub async fn by_assertion(&self, text: &str) -> Result<Asserted, TokenRefusal> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(TokenRefusal::Unsigned);
        }
        let header = jsonwebtoken::decode_header(text).map_err(|_| TokenRefusal::Unsigned)?;
        if header.alg != Algorithm::RS256 {
            return Err(TokenRefusal::Unsigned);
        }
        let kid = header.kid.as_deref().and_then(key_of_kid);
        let kid = kid.ok_or(TokenRefusal::UnknownKey)?;
        let key = self.store.assertion_key(kid).await.map_err(Error::from)?;
        let key = key.ok_or(TokenRefusal::UnknownKey)?;
        let verifying = jwk::verifying(&key.modulus, &key.exponent);
        let validation = only_the_signature(Algorithm::RS256);
        let read = jsonwebtoken::decode::<Value>(text, &verifying, &validation);
        let claims = read.map_err(|_| TokenRefusal::Unsigned)?.claims;
        let channel = self.store.channel_of_account(key.account).await;
        let channel = channel.map_err(Error::from)?;
        let channel = channel.ok_or(TokenRefusal::UnknownChannel)?;
        assertion::check(&claims, channel.id, &self.audiences, self.now())?;
        Ok(Asserted { channel, claims })
    }

    /// LINE's v2.1. Where as many live as may, nothing is issued.
    pub async fn issue_asserted(&self, asserted: &Asserted) -> Result<Issued, TokenRefusal> {
        let (channel, now) = (&asserted.channel, self.now());
        let lifetime = assertion::lifetime(&asserted.claims)?;
        let stored = ChannelToken {
            account: channel.account,
            key_id: self.key_id(),
            kind: TokenKind::Asserted,
            issued_at: now,
            expires_at: Some(now + lifetime),
        };
        let token = self.signed(channel, TokenKind::Asserted, lifetime)?;
        let written = async {
            let mut write = self.store.write().await?;
            let live = write
                .live_tokens(channel.account, TokenKind::Asserted, now)
                .await?;
            if live.len() >= LIVE_TOKENS_MAX {
                return Ok(false);
            }
            write.insert_token(&stored, hash_of(&token)).await?;
            write
                .prune_tokens(channel.account, now - OVER_IS_KNOWN_FOR)
                .await?;
            write.commit().await?;
            Ok::<_, Error>(true)
        };
        match written.await? {
            true => Ok(Issued::of(token, &stored, now)),
            false => Err(TokenRefusal::TooMany),
        }
    }

    /// LINE's v3: nothing is stored, so nothing is taken back.
    pub fn issue_stateless(&self, channel: &Channel) -> Result<Issued, Error> {
        Ok(Issued {
            token: self.signed(channel, TokenKind::Stateless, STATELESS_LIFETIME)?,
            key_id: None,
            seconds: STATELESS_LIFETIME.as_secs(),
        })
    }

    /// Where as many live as may, the oldest makes room.
    pub async fn issue_short_lived(&self, channel: &Channel) -> Result<Issued, Error> {
        let (account, kind, now) = (channel.account, TokenKind::ShortLived, self.now());
        let (token, stored) = self.opaque(account, kind, Some(now + SHORT_LIVED_LIFETIME));
        let mut write = self.store.write().await?;
        let live = write.live_tokens(account, kind, now).await?;
        let too_many = (live.len() + 1).saturating_sub(LIVE_TOKENS_MAX);
        for oldest in &live[..too_many] {
            write.delete_token(account, &oldest.key_id).await?;
        }
        write.insert_token(&stored, hash_of(&token)).await?;
        write.prune_tokens(account, now - OVER_IS_KNOWN_FOR).await?;
        write.commit().await?;
        Ok(Issued::of(token, &stored, now))
    }

    /// What lists call the tokens by assertion that live, the oldest first.
    pub async fn live_key_ids(&self, channel: &Channel) -> Result<Vec<TokenKeyId>, Error> {
        let live = self.store.live_tokens(channel.account, self.now()).await?;
        let asserted = live
            .into_iter()
            .rev()
            .filter(|token| token.kind == TokenKind::Asserted);
        Ok(asserted.map(|token| token.key_id).collect())
    }

    /// Whose a token is. Signed ones that nobody of us signed are not looked for.
    pub async fn look_up(&self, token: &str) -> Result<TokenState, Error> {
        if token.is_empty() || token.len() > TEXT_BYTES_MAX {
            return Ok(TokenState::Unknown);
        }
        let now = self.now();
        if is_signed(token) {
            let Some(claims) = self.ports.vault.read(token) else {
                return Ok(TokenState::Unknown);
            };
            if TokenKind::from_name(&claims.kind) == Some(TokenKind::Stateless) {
                return self.stateless(&claims, now).await;
            }
        }
        let Some(stored) = self.store.token_by_hash(hash_of(token)).await? else {
            return Ok(TokenState::Unknown);
        };
        if is_over(stored.expires_at, now) {
            return Ok(TokenState::Over);
        }
        let channel = self.store.channel_of_account(stored.account).await?;
        Ok(known(channel, stored.kind, stored.expires_at))
    }

    /// Takes a token back, whoever shows it; what is not there is gone already.
    pub async fn revoke_shown(
        &self,
        token: &str,
        kinds: &[TokenKind],
        of: Option<AccountId>,
    ) -> Result<(), Error> {
        let Some(stored) = self.store.token_by_hash(hash_of(token)).await? else {
            return Ok(());
        };
        let is_meant = kinds.contains(&stored.kind) && of.is_none_or(|of| of == stored.account);
        if is_meant {
            let mut write = self.store.write().await?;
            write.delete_token(stored.account, &stored.key_id).await?;
            write.commit().await?;
        }
        Ok(())
    }

    async fn stateless(&self, claims: &Claims, now: Timestamp) -> Result<TokenState, Error> {
        let end = Timestamp::from_millis(claims.exp.saturating_mul(1_000));
        if is_over(Some(end), now) {
            return Ok(TokenState::Over);
        }
        let channel = match ChannelId::parse(&claims.sub) {
            Some(id) => self.store.channel_by_id(id).await?,
            None => None,
        };
        Ok(known(channel, TokenKind::Stateless, Some(end)))
    }

    fn signed(
        &self,
        channel: &Channel,
        kind: TokenKind,
        lifetime: Duration,
    ) -> Result<String, Error> {
        let claims = Claims {
            sub: channel.id.to_string(),
            kind: kind.name().to_owned(),
            exp: (self.now() + lifetime).as_seconds(),
            jti: self.key_id().to_string(),
        };
        self.ports.vault.sign(&claims)
    }
}

/// Whether a text has the shape of a signed one (JWS): three parts with dots between.
pub fn is_signed(token: &str) -> bool {
    token.starts_with("eyJ") && token.matches('.').count() == 2
}

fn known(channel: Option<Channel>, kind: TokenKind, expires_at: Option<Timestamp>) -> TokenState {
    match channel {
        Some(channel) => TokenState::Live(Identified {
            channel: channel.id,
            account: channel.account,
            business: channel.business,
            kind,
            expires_at,
        }),
        None => TokenState::Unknown,
    }
}
