-- Where programs of brands are told what happened.
CREATE TABLE webhook_endpoint (
  account BYTEA PRIMARY KEY REFERENCES account (id),
  url TEXT COLLATE "C" NOT NULL,
  -- 1 where events are sent.
  active BIGINT NOT NULL,
  -- 1 where what failed is sent again.
  redelivers BIGINT NOT NULL,
  set_at BIGINT NOT NULL,
  -- Until when nobody else tells the account anything.
  leased_until BIGINT NOT NULL
);

-- What happened, as it is sent: in the order of ids. It waits (1), was taken (2) or given up (3).
CREATE TABLE webhook_event (
  id BYTEA PRIMARY KEY,
  account BYTEA NOT NULL REFERENCES account (id),
  kind BIGINT NOT NULL,
  at BIGINT NOT NULL,
  -- JSON in LINE's shape.
  body TEXT COLLATE "C" NOT NULL,
  state BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  due_at BIGINT NOT NULL
);
CREATE INDEX webhook_event_of_account ON webhook_event (account, id);
CREATE INDEX webhook_event_due ON webhook_event (account, due_at) WHERE state = 1;

-- Requests, those without events among them, and what came of each.
CREATE TABLE webhook_attempt (
  id BYTEA PRIMARY KEY,
  account BYTEA NOT NULL REFERENCES account (id),
  at BIGINT NOT NULL,
  took_ms BIGINT NOT NULL,
  status BIGINT,
  -- Nothing where it was taken.
  failure BIGINT,
  detail TEXT COLLATE "C" NOT NULL,
  events BIGINT NOT NULL,
  -- 1 where somebody only wanted to know.
  is_test BIGINT NOT NULL
);
CREATE INDEX webhook_attempt_of_account ON webhook_attempt (account, at);

-- Which events a request held.
CREATE TABLE webhook_attempt_event (
  event BYTEA NOT NULL REFERENCES webhook_event (id),
  attempt BYTEA NOT NULL REFERENCES webhook_attempt (id),
  account BYTEA NOT NULL REFERENCES account (id),
  PRIMARY KEY (event, attempt)
);

-- By it a program answers an event, once and soon.
CREATE TABLE reply_token (
  -- SHA-256 of the token.
  hash BYTEA PRIMARY KEY,
  account BYTEA NOT NULL REFERENCES account (id),
  -- Whom the answer goes to.
  number BIGINT NOT NULL,
  event BYTEA NOT NULL REFERENCES webhook_event (id),
  issued_at BIGINT NOT NULL,
  valid_until BIGINT NOT NULL,
  used_at BIGINT
);
CREATE INDEX reply_token_of_event ON reply_token (event);
CREATE INDEX reply_token_issued ON reply_token (issued_at);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY string_to_array(
    'reply_token webhook_attempt webhook_attempt_event webhook_endpoint webhook_event', ' ')
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY wall ON %I USING (account IN (SELECT id FROM account))', name);
  END LOOP;
END $$;
