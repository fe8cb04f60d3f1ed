-- Channels: what a brand's programs are to the API. One for each account, made when it is first
-- asked for. The secret is sealed under the installation's key; of tokens there are hashes only.
CREATE TABLE channel (
  account BYTEA PRIMARY KEY REFERENCES account (id),
  -- Ten digits.
  id BIGINT NOT NULL UNIQUE,
  -- What the bot itself is called: 16 bytes, shown as U and their digits.
  bot BYTEA NOT NULL UNIQUE,
  secret BYTEA NOT NULL,
  secret_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);

-- Public keys (RSA) that a brand signs its assertions with; the id is the `kid`.
CREATE TABLE channel_key (
  id BYTEA PRIMARY KEY,
  account BYTEA NOT NULL REFERENCES account (id),
  modulus BYTEA NOT NULL,
  exponent BYTEA NOT NULL,
  added_at BIGINT NOT NULL
);
CREATE INDEX channel_key_of_account ON channel_key (account, added_at);

-- Tokens that live in the books: by assertion (1), short-lived (3), long-lived (4). What was taken
-- back is gone; what is over stays for a while, so that it can be said.
CREATE TABLE channel_token (
  -- SHA-256 of the token.
  hash BYTEA PRIMARY KEY,
  account BYTEA NOT NULL REFERENCES account (id),
  key_id TEXT COLLATE "C" NOT NULL UNIQUE,
  kind BIGINT NOT NULL,
  issued_at BIGINT NOT NULL,
  -- Nothing for one that does not end.
  expires_at BIGINT
);
CREATE INDEX channel_token_of_account ON channel_token (account, kind, issued_at);

-- What secrets are sealed under and tokens signed with, where the configuration gives no key.
CREATE TABLE installation_key (
  one BIGINT PRIMARY KEY CHECK (one = 1),
  key BYTEA NOT NULL
);

ALTER TABLE channel ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON channel USING (account IN (SELECT id FROM account));
ALTER TABLE channel_key ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON channel_key USING (account IN (SELECT id FROM account));
ALTER TABLE channel_token ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON channel_token USING (account IN (SELECT id FROM account));
