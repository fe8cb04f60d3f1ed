-- What requests of brands' programs on our own API were answered, by the key they came with: in the
-- commit of what they did, so that a request that is made again is answered and not done again.
CREATE TABLE idempotency (
  account BYTEA NOT NULL REFERENCES account (id),
  -- As the program chose it.
  key TEXT COLLATE "C" NOT NULL,
  -- SHA-256 over method, path and body.
  fingerprint BYTEA NOT NULL,
  status BIGINT NOT NULL,
  -- JSON.
  answer TEXT NOT NULL,
  answered_at BIGINT NOT NULL,
  PRIMARY KEY (account, key)
);
CREATE INDEX idempotency_by_age ON idempotency (account, answered_at);

ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON idempotency USING (account IN (SELECT id FROM account));
