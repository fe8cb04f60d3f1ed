-- Channels: what a brand's programs are to the API. One for each account, made when it is first
-- asked for. The secret is sealed under the installation's key; of tokens there are hashes only.
CREATE TABLE channel (
  account BLOB PRIMARY KEY REFERENCES account (id),
  -- Ten digits.
  id INTEGER NOT NULL UNIQUE,
  -- What the bot itself is called: 16 bytes, shown as U and their digits.
  bot BLOB NOT NULL UNIQUE,
  secret BLOB NOT NULL,
  secret_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Public keys (RSA) that a brand signs its assertions with; the id is the `kid`.
CREATE TABLE channel_key (
  id BLOB PRIMARY KEY,
  account BLOB NOT NULL REFERENCES account (id),
  modulus BLOB NOT NULL,
  exponent BLOB NOT NULL,
  added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX channel_key_of_account ON channel_key (account, added_at);

-- Tokens that live in the books: by assertion (1), short-lived (3), long-lived (4). What was taken
-- back is gone; what is over stays for a while, so that it can be said.
CREATE TABLE channel_token (
  -- SHA-256 of the token.
  hash BLOB PRIMARY KEY,
  account BLOB NOT NULL REFERENCES account (id),
  key_id TEXT NOT NULL UNIQUE,
  kind INTEGER NOT NULL,
  issued_at INTEGER NOT NULL,
  -- Nothing for one that does not end.
  expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX channel_token_of_account ON channel_token (account, kind, issued_at);

-- What secrets are sealed under and tokens signed with, where the configuration gives no key.
CREATE TABLE installation_key (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  key BLOB NOT NULL
) STRICT;
