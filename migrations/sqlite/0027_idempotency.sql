-- What requests of brands' programs on our own API were answered, by the key they came with: in the
-- commit of what they did, so that a request that is made again is answered and not done again.
CREATE TABLE idempotency (
  account BLOB NOT NULL REFERENCES account (id),
  -- As the program chose it.
  key TEXT NOT NULL,
  -- SHA-256 over method, path and body.
  fingerprint BLOB NOT NULL,
  status INTEGER NOT NULL,
  -- JSON.
  answer TEXT NOT NULL,
  answered_at INTEGER NOT NULL,
  PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (account, answered_at);
