-- Where programs of brands are told what happened.
CREATE TABLE webhook_endpoint (
  account BLOB PRIMARY KEY REFERENCES account (id),
  url TEXT NOT NULL,
  -- 1 where events are sent.
  active INTEGER NOT NULL,
  -- 1 where what failed is sent again.
  redelivers INTEGER NOT NULL,
  set_at INTEGER NOT NULL,
  -- Until when nobody else tells the account anything.
  leased_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What happened, as it is sent: in the order of ids. It waits (1), was taken (2) or given up (3).
CREATE TABLE webhook_event (
  id BLOB PRIMARY KEY,
  account BLOB NOT NULL REFERENCES account (id),
  kind INTEGER NOT NULL,
  at INTEGER NOT NULL,
  -- JSON in LINE's shape.
  body TEXT NOT NULL,
  state INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  due_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_event_of_account ON webhook_event (account, id);
CREATE INDEX webhook_event_due ON webhook_event (account, due_at) WHERE state = 1;

-- Requests, those without events among them, and what came of each.
CREATE TABLE webhook_attempt (
  id BLOB PRIMARY KEY,
  account BLOB NOT NULL REFERENCES account (id),
  at INTEGER NOT NULL,
  took_ms INTEGER NOT NULL,
  status INTEGER,
  -- Nothing where it was taken.
  failure INTEGER,
  detail TEXT NOT NULL,
  events INTEGER NOT NULL,
  -- 1 where somebody only wanted to know.
  is_test INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_attempt_of_account ON webhook_attempt (account, at);

-- Which events a request held.
CREATE TABLE webhook_attempt_event (
  event BLOB NOT NULL REFERENCES webhook_event (id),
  attempt BLOB NOT NULL REFERENCES webhook_attempt (id),
  account BLOB NOT NULL REFERENCES account (id),
  PRIMARY KEY (event, attempt)
) STRICT, WITHOUT ROWID;

-- By it a program answers an event, once and soon.
CREATE TABLE reply_token (
  -- SHA-256 of the token.
  hash BLOB PRIMARY KEY,
  account BLOB NOT NULL REFERENCES account (id),
  -- Whom the answer goes to.
  number INTEGER NOT NULL,
  event BLOB NOT NULL REFERENCES webhook_event (id),
  issued_at INTEGER NOT NULL,
  valid_until INTEGER NOT NULL,
  used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX reply_token_of_event ON reply_token (event);
CREATE INDEX reply_token_issued ON reply_token (issued_at);
