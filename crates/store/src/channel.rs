//! Channels of accounts: their sealed secrets, the public keys of assertions, hashes of tokens.
//!
//! Nothing here ever sees a token or an open secret.

use domain::channel::{ChannelId, TokenKeyId, TokenKind};
use domain::id::{AccountId, AssertionKeyId, BusinessId};
use domain::time::Timestamp;
use domain::user::LineUserId;
use sea_orm::{ConnectionTrait, Value};

use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write};

/// SHA-256 of a token.
pub type TokenHash = [u8; 32];
/// Bytes of what secrets are sealed under.
pub const INSTALLATION_KEY_BYTES: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub account: AccountId,
    pub business: BusinessId,
    pub id: ChannelId,
    /// What the bot itself is called.
    pub bot: LineUserId,
    pub sealed_secret: Vec<u8>,
    pub secret_at: Timestamp,
    pub created_at: Timestamp,
}

/// A public key (RSA) that assertions of a channel are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertionKey {
    pub id: AssertionKeyId,
    pub account: AccountId,
    pub modulus: Vec<u8>,
    pub exponent: Vec<u8>,
    pub added_at: Timestamp,
}

/// A token as the books know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelToken {
    pub account: AccountId,
    pub key_id: TokenKeyId,
    pub kind: TokenKind,
    pub issued_at: Timestamp,
    /// `None` where it does not end.
    pub expires_at: Option<Timestamp>,
}

const CHANNEL: &str = "SELECT c.account AS account, a.business AS business, c.id AS id,
      c.bot AS bot, c.secret AS secret, c.secret_at AS secret_at, c.created_at AS created_at
    FROM channel c JOIN account a ON a.id = c.account";
const KEY: &str = "SELECT id, account, modulus, exponent, added_at FROM channel_key";
const TOKEN: &str = "SELECT account, key_id, kind, issued_at, expires_at FROM channel_token";

impl Write {
    /// Whether it was written: an id, or the account's channel, may be there already.
    pub async fn insert_channel(&mut self, channel: &Channel) -> Result<bool, StoreError> {
        let sql = "INSERT INTO channel (account, id, bot, secret, secret_at, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let bound = values![
            channel.account,
            channel.id.number(),
            *channel.bot.as_bytes(),
            channel.sealed_secret.clone(),
            channel.secret_at,
            channel.created_at,
        ];
        Ok(row::execute(self.connection(), sql, bound).await? == 1)
    }

    pub async fn channel_of_account(
        &mut self,
        account: AccountId,
    ) -> Result<Option<Channel>, StoreError> {
        one_channel(self.connection(), "c.account = $1", values![account]).await
    }

    pub async fn set_channel_secret(
        &mut self,
        account: AccountId,
        sealed: Vec<u8>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE channel SET secret = $1, secret_at = $2 WHERE account = $3";
        match row::execute(self.connection(), sql, values![sealed, now, account]).await? {
            0 => Err(StoreError::NotFound(format!("channel of {account}"))),
            _ => Ok(()),
        }
    }

    pub async fn assertion_keys(
        &mut self,
        account: AccountId,
    ) -> Result<Vec<AssertionKey>, StoreError> {
        assertion_keys(self.connection(), account).await
    }

    pub async fn insert_assertion_key(&mut self, key: &AssertionKey) -> Result<(), StoreError> {
        let sql = "INSERT INTO channel_key (id, account, modulus, exponent, added_at)
                   VALUES ($1, $2, $3, $4, $5)";
        let bound = values![
            key.id,
            key.account,
            key.modulus.clone(),
            key.exponent.clone(),
            key.added_at,
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// Whether there was such a key.
    pub async fn delete_assertion_key(
        &mut self,
        account: AccountId,
        key: AssertionKeyId,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM channel_key WHERE account = $1 AND id = $2";
        Ok(row::execute(self.connection(), sql, values![account, key]).await? == 1)
    }

    /// Tokens of one kind that are not over, the oldest first.
    pub async fn live_tokens(
        &mut self,
        account: AccountId,
        kind: TokenKind,
        now: Timestamp,
    ) -> Result<Vec<ChannelToken>, StoreError> {
        let sql = format!(
            "{TOKEN} WHERE account = $1 AND kind = $2 AND (expires_at IS NULL OR expires_at > $3)
             ORDER BY issued_at, key_id"
        );
        let bound = values![account, kind.code(), now];
        let rows = row::all(self.connection(), "channel_token", &sql, bound).await?;
        rows.iter().map(token).collect()
    }

    pub async fn insert_token(
        &mut self,
        token: &ChannelToken,
        hash: TokenHash,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO channel_token (hash, account, key_id, kind, issued_at, expires_at)
                   VALUES ($1, $2, $3, $4, $5, $6)";
        let bound = values![
            hash,
            token.account,
            token.key_id.as_str(),
            token.kind.code(),
            token.issued_at,
            token.expires_at,
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// Sets when a token ends.
    pub async fn end_token(
        &mut self,
        account: AccountId,
        key_id: &TokenKeyId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE channel_token SET expires_at = $1 WHERE account = $2 AND key_id = $3";
        let bound = values![at, account, key_id.as_str()];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// Whether there was such a token.
    pub async fn delete_token(
        &mut self,
        account: AccountId,
        key_id: &TokenKeyId,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM channel_token WHERE account = $1 AND key_id = $2";
        let bound = values![account, key_id.as_str()];
        Ok(row::execute(self.connection(), sql, bound).await? == 1)
    }

    /// Forgets tokens of an account that were over before this moment.
    pub async fn prune_tokens(
        &mut self,
        account: AccountId,
        over_before: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM channel_token WHERE account = $1 AND expires_at < $2";
        row::execute(self.connection(), sql, values![account, over_before]).await?;
        Ok(())
    }

    /// Keeps the installation's key, unless there is one.
    pub async fn keep_installation_key(
        &mut self,
        key: &[u8; INSTALLATION_KEY_BYTES],
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO installation_key (one, key) VALUES (1, $1) ON CONFLICT DO NOTHING";
        row::execute(self.connection(), sql, values![*key]).await?;
        Ok(())
    }
}

impl Store {
    pub async fn channel_of_account(
        &self,
        account: AccountId,
    ) -> Result<Option<Channel>, StoreError> {
        one_channel(self.reader(), "c.account = $1", values![account]).await
    }

    /// The channel of an id, whoever's it is: for finding out who asks.
    pub async fn channel_by_id(&self, id: ChannelId) -> Result<Option<Channel>, StoreError> {
        one_channel(self.reader(), "c.id = $1", values![id.number()]).await
    }

    pub async fn assertion_keys(
        &self,
        account: AccountId,
    ) -> Result<Vec<AssertionKey>, StoreError> {
        assertion_keys(self.reader(), account).await
    }

    /// The key of a `kid`, whoever's it is: for finding out who asks.
    pub async fn assertion_key(
        &self,
        id: AssertionKeyId,
    ) -> Result<Option<AssertionKey>, StoreError> {
        let sql = format!("{KEY} WHERE id = $1");
        let row = row::one(self.reader(), "channel_key", &sql, values![id]).await?;
        row.map(|row| assertion_key(&row)).transpose()
    }

    /// The token of a hash, whoever's it is: for finding out who asks. One that is over is told.
    pub async fn token_by_hash(&self, hash: TokenHash) -> Result<Option<ChannelToken>, StoreError> {
        let sql = format!("{TOKEN} WHERE hash = $1");
        let row = row::one(self.reader(), "channel_token", &sql, values![hash]).await?;
        row.map(|row| token(&row)).transpose()
    }

    /// Every token of an account that is not over, the newest first.
    pub async fn live_tokens(
        &self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Vec<ChannelToken>, StoreError> {
        let sql = format!(
            "{TOKEN} WHERE account = $1 AND (expires_at IS NULL OR expires_at > $2)
             ORDER BY issued_at DESC, key_id"
        );
        let bound = values![account, now];
        let rows = row::all(self.reader(), "channel_token", &sql, bound).await?;
        rows.iter().map(token).collect()
    }

    pub async fn installation_key(
        &self,
    ) -> Result<Option<[u8; INSTALLATION_KEY_BYTES]>, StoreError> {
        let sql = "SELECT key FROM installation_key";
        let row = row::one(self.reader(), "installation_key", sql, []).await?;
        row.map(|row| row.bytes("key")).transpose()
    }
}

async fn one_channel(
    connection: &impl ConnectionTrait,
    condition: &str,
    bound: impl IntoIterator<Item = Value>,
) -> Result<Option<Channel>, StoreError> {
    let sql = format!("{CHANNEL} WHERE {condition}");
    let row = row::one(connection, "channel", &sql, bound).await?;
    row.map(|row| channel(&row)).transpose()
}

async fn assertion_keys(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Vec<AssertionKey>, StoreError> {
    let sql = format!("{KEY} WHERE account = $1 ORDER BY added_at, id");
    let rows = row::all(connection, "channel_key", &sql, values![account]).await?;
    rows.iter().map(assertion_key).collect()
}

fn channel(row: &Row) -> Result<Channel, StoreError> {
    let number = row.int("id")?;
    Ok(Channel {
        account: row.id("account")?,
        business: row.id("business")?,
        id: ChannelId::from_number(number).ok_or_else(|| row.corrupt("id", number))?,
        bot: LineUserId::from_bytes(row.bytes("bot")?),
        sealed_secret: row.get("secret")?,
        secret_at: row.time("secret_at")?,
        created_at: row.time("created_at")?,
    })
}

fn assertion_key(row: &Row) -> Result<AssertionKey, StoreError> {
    Ok(AssertionKey {
        id: row.id("id")?,
        account: row.id("account")?,
        modulus: row.get("modulus")?,
        exponent: row.get("exponent")?,
        added_at: row.time("added_at")?,
    })
}

fn token(row: &Row) -> Result<ChannelToken, StoreError> {
    let key_id: String = row.get("key_id")?;
    let kind: u8 = row.int("kind")?;
    Ok(ChannelToken {
        account: row.id("account")?,
        key_id: TokenKeyId::parse(&key_id).ok_or_else(|| row.corrupt("key_id", &key_id))?,
        kind: TokenKind::from_code(kind).ok_or_else(|| row.corrupt("kind", kind))?,
        issued_at: row.time("issued_at")?,
        expires_at: row.optional_time("expires_at")?,
    })
}

#[cfg(test)]
mod tests;
