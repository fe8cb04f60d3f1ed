-- The spine: who exists, who may be reached, what was launched, what was sent, what it cost.
-- Times are epoch milliseconds, ids 16 bytes, money micro-units. `sequence` is the writer's: it
-- rises with every commit that takes one, so "committed later" and "larger" are the same thing. In
-- `chunk` and `amendment` it is the number of the transaction instead, because hot commits run
-- beside each other: of those, "from my mark on" holds where the mark is the oldest one that was
-- under way.
--
-- Text sorts by its bytes, as it does on SQLite: pages and cursors are the same on both.

-- SQLite's name for it, so that cold statements are written once.
CREATE FUNCTION instr(haystack TEXT, needle TEXT) RETURNS INTEGER
  LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT strpos(haystack, needle) $$;

CREATE TABLE installation (
  one BIGINT PRIMARY KEY CHECK (one = 1),
  id BYTEA NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE writer_sequence (
  one BIGINT PRIMARY KEY CHECK (one = 1),
  value BIGINT NOT NULL
);
INSERT INTO writer_sequence (one, value) VALUES (1, 0);

-- Who leads the scheduler. Its epoch goes into every write of leader work.
CREATE TABLE leader (
  name TEXT COLLATE "C" PRIMARY KEY,
  holder BYTEA NOT NULL,
  epoch BIGINT NOT NULL,
  until BIGINT NOT NULL
);

-- Directory -----------------------------------------------------------------------------------

CREATE TABLE operator (
  id BYTEA PRIMARY KEY,
  email TEXT COLLATE "C" NOT NULL UNIQUE,
  display_name TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE business (
  id BYTEA PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL,
  currency TEXT COLLATE "C" NOT NULL,
  stopped_at BIGINT,
  created_at BIGINT NOT NULL
);

CREATE TABLE account (
  id BYTEA PRIMARY KEY,
  business BYTEA NOT NULL REFERENCES business (id),
  handle TEXT COLLATE "C" NOT NULL UNIQUE,
  display_name TEXT COLLATE "C" NOT NULL,
  icon_url TEXT COLLATE "C",
  time_zone TEXT COLLATE "C" NOT NULL,
  rate_per_second BIGINT CHECK (rate_per_second > 0),
  stopped_at BIGINT,
  created_at BIGINT NOT NULL
);
CREATE INDEX account_business ON account (business);

CREATE TABLE member (
  id BYTEA PRIMARY KEY,
  business BYTEA NOT NULL REFERENCES business (id),
  email TEXT COLLATE "C" NOT NULL,
  display_name TEXT COLLATE "C" NOT NULL,
  role TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (business, email)
);

-- The exact words a friend agreed to.
CREATE TABLE wording (
  id BYTEA PRIMARY KEY,
  account BYTEA NOT NULL REFERENCES account (id),
  version TEXT COLLATE "C" NOT NULL,
  text TEXT COLLATE "C" NOT NULL,
  hash BYTEA NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (account, version)
);

-- Friends -------------------------------------------------------------------------------------

-- Numbers are given out by the serial writes, one after the other: an identity column would leave a
-- gap for every transaction that was rolled back. A row is never deleted.
CREATE TABLE "user" (
  number BIGINT PRIMARY KEY,
  id BYTEA NOT NULL UNIQUE,
  user_key TEXT COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE friend (
  account BYTEA NOT NULL,
  number BIGINT NOT NULL,
  state BIGINT NOT NULL,
  state_at BIGINT NOT NULL,
  since BIGINT NOT NULL,
  source TEXT COLLATE "C" NOT NULL,
  display_name TEXT COLLATE "C" NOT NULL,
  language TEXT COLLATE "C",
  country TEXT COLLATE "C",
  region TEXT COLLATE "C",
  gender TEXT COLLATE "C",
  birth_year BIGINT,
  time_zone TEXT COLLATE "C",
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (account, number)
);

CREATE TABLE friend_tag (
  account BYTEA NOT NULL,
  number BIGINT NOT NULL,
  tag TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (account, number, tag)
);
CREATE INDEX friend_tag_by_tag ON friend_tag (account, tag, number);

-- Every consent and refusal ever recorded; the latest `at` holds, a refusal wins a tie.
CREATE TABLE consent (
  account BYTEA NOT NULL,
  number BIGINT NOT NULL,
  purpose BIGINT NOT NULL,
  at BIGINT NOT NULL,
  granted BIGINT NOT NULL,
  wording TEXT COLLATE "C",
  source TEXT COLLATE "C" NOT NULL,
  recorded_at BIGINT NOT NULL,
  PRIMARY KEY (account, number, purpose, at, granted)
);

-- What a freeze reads and nothing else: narrow, in the order of user numbers. `flags` are
-- domain::friend::ReachFlags, `user_key` is UserKey::to_reach_bytes.
CREATE TABLE reach (
  account BYTEA NOT NULL,
  number BIGINT NOT NULL,
  flags BIGINT NOT NULL,
  utc_offset_minutes BIGINT NOT NULL,
  known_at_sequence BIGINT NOT NULL,
  user_key BYTEA NOT NULL,
  PRIMARY KEY (account, number)
    INCLUDE (flags, utc_offset_minutes, known_at_sequence, user_key)
) WITH (
  fillfactor = 90,
  -- Reading the index alone needs pages that are known to be visible to all.
  autovacuum_vacuum_insert_scale_factor = 0.02,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_cost_delay = 0
);

-- Whoever became less reachable, for the gate of running campaigns.
CREATE TABLE reach_change (
  account BYTEA NOT NULL,
  number BIGINT NOT NULL,
  sequence BIGINT NOT NULL,
  change BIGINT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (account, number, sequence)
);

CREATE TABLE user_list (
  id BYTEA PRIMARY KEY,
  account BYTEA NOT NULL REFERENCES account (id),
  name TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE user_list_entry (
  list BYTEA NOT NULL,
  number BIGINT NOT NULL,
  PRIMARY KEY (list, number)
);

CREATE TABLE gateway_event (
  id TEXT COLLATE "C" PRIMARY KEY,
  received_at BIGINT NOT NULL
);
CREATE INDEX gateway_event_received ON gateway_event (received_at);

CREATE TABLE import (
  id BYTEA PRIMARY KEY,
  account BYTEA NOT NULL REFERENCES account (id),
  file_name TEXT COLLATE "C" NOT NULL,
  file_hash BYTEA NOT NULL,
  -- Everything before this byte of the file is committed: where a killed import goes on.
  offset_bytes BIGINT NOT NULL,
  lines BIGINT NOT NULL,
  accepted BIGINT NOT NULL,
  rejected BIGINT NOT NULL,
  -- A roaring bitmap of the users accepted so far: what makes a later row with their key a double,
  -- after a kill too. Empty once finished.
  seen BYTEA NOT NULL,
  started_at BIGINT NOT NULL,
  finished_at BIGINT,
  UNIQUE (account, file_hash)
);

CREATE TABLE import_rejection (
  import BYTEA NOT NULL,
  line BIGINT NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  explanation TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (import, line, reason)
);

-- Money ---------------------------------------------------------------------------------------

CREATE TABLE price (
  version BIGINT NOT NULL,
  currency TEXT COLLATE "C" NOT NULL,
  tariff BIGINT NOT NULL,
  unit_price BIGINT NOT NULL CHECK (unit_price >= 0),
  effective_from BIGINT NOT NULL,
  PRIMARY KEY (version, currency, tariff)
);
INSERT INTO price (version, currency, tariff, unit_price, effective_from) VALUES
  (1, 'KRW', 1, 15000000, 0),
  (1, 'KRW', 2, 20000000, 0),
  (1, 'KRW', 3, 15000000, 0),
  (1, 'KRW', 4, 15000000, 0);

-- A cache of the ledger, locked by every hold and release.
CREATE TABLE wallet (
  business BYTEA PRIMARY KEY REFERENCES business (id),
  currency TEXT COLLATE "C" NOT NULL,
  available BIGINT NOT NULL,
  held BIGINT NOT NULL CHECK (held >= 0),
  credit_limit BIGINT NOT NULL DEFAULT 0 CHECK (credit_limit >= 0),
  CHECK (available >= -credit_limit)
);

CREATE TABLE ledger_transaction (
  id BYTEA PRIMARY KEY,
  business BYTEA NOT NULL REFERENCES business (id),
  sequence BIGINT NOT NULL,
  kind BIGINT NOT NULL,
  idempotency_key TEXT COLLATE "C" NOT NULL UNIQUE,
  booked_at BIGINT NOT NULL,
  previous_hash BYTEA NOT NULL,
  hash BYTEA NOT NULL,
  UNIQUE (business, sequence)
);

CREATE TABLE ledger_entry (
  ledger_transaction BYTEA NOT NULL REFERENCES ledger_transaction (id),
  position BIGINT NOT NULL,
  ledger_account BIGINT NOT NULL,
  campaign BYTEA,
  amount BIGINT NOT NULL,
  PRIMARY KEY (ledger_transaction, position)
);
CREATE INDEX ledger_entry_campaign ON ledger_entry (campaign) WHERE campaign IS NOT NULL;

-- A campaign's money: what was held and where it went. open = amount - captured - released.
CREATE TABLE hold (
  campaign BYTEA PRIMARY KEY,
  business BYTEA NOT NULL,
  amount BIGINT NOT NULL CHECK (amount >= 0),
  captured BIGINT NOT NULL DEFAULT 0 CHECK (captured >= 0),
  released BIGINT NOT NULL DEFAULT 0 CHECK (released >= 0),
  releases BIGINT NOT NULL DEFAULT 0,
  CHECK (captured + released <= amount)
);

-- Units leased to one process for API sending of a standing campaign; `leased_at` moves with every
-- use, so that the block of a process that is gone is seen to rest.
CREATE TABLE block (
  id BYTEA PRIMARY KEY,
  campaign BYTEA NOT NULL,
  tariff BIGINT NOT NULL,
  unit_price BIGINT NOT NULL,
  units BIGINT NOT NULL CHECK (units > 0),
  used BIGINT NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND units),
  leased_to BYTEA NOT NULL,
  leased_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX block_campaign ON block (campaign);
CREATE INDEX block_open ON block (leased_at) WHERE ended_at IS NULL;

-- What every settle was captured as: at most once, by constraint. Part 0 is the settle, further
-- parts are amendments.
CREATE TABLE capture (
  month BIGINT NOT NULL,
  campaign BYTEA NOT NULL,
  number BIGINT NOT NULL,
  round BIGINT NOT NULL,
  part BIGINT NOT NULL,
  ledger_transaction BYTEA,
  units BIGINT NOT NULL CHECK (units >= 0),
  unit_price BIGINT NOT NULL,
  amount BIGINT NOT NULL,
  PRIMARY KEY (month, campaign, number, round, part),
  CHECK (amount = units * unit_price)
);

-- Everything that was recorded before this sequence is captured.
CREATE TABLE roll_up (
  one BIGINT PRIMARY KEY CHECK (one = 1),
  mark BIGINT NOT NULL
);
INSERT INTO roll_up (one, mark) VALUES (1, 0);

-- Campaigns -----------------------------------------------------------------------------------

CREATE TABLE campaign (
  id BYTEA PRIMARY KEY,
  business BYTEA NOT NULL REFERENCES business (id),
  account BYTEA NOT NULL REFERENCES account (id),
  kind BIGINT NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  purpose BIGINT NOT NULL,
  state BIGINT NOT NULL,
  pause_reason BIGINT,
  messages TEXT COLLATE "C" NOT NULL,
  message_version BIGINT NOT NULL,
  audience TEXT COLLATE "C" NOT NULL,
  schedule TEXT COLLATE "C" NOT NULL,
  scheduled_for BIGINT,
  rate_per_second BIGINT CHECK (rate_per_second > 0),
  -- Pushes not begun by then are not begun any more: how long after launch.
  lifetime_seconds BIGINT NOT NULL CHECK (lifetime_seconds > 0),
  created_at BIGINT NOT NULL,
  -- From here on: set by the launch transaction.
  month BIGINT,
  launched_at BIGINT,
  price_version BIGINT,
  tariff BIGINT,
  message_hash BYTEA,
  -- Friends that became known later are not in the audience.
  cut_sequence BIGINT,
  -- Changes of reach from here on concern this campaign's gate.
  reach_mark BIGINT,
  highest_number BIGINT,
  chunk_size BIGINT,
  not_after BIGINT,
  freeze_ended_at BIGINT,
  closing_at BIGINT,
  closed_at BIGINT,
  restored_at BIGINT,
  -- The day a standing campaign sends for, as days since 1970 in the account's zone.
  day BIGINT,
  -- The chunk number that the next request to a standing campaign gets.
  next_chunk BIGINT NOT NULL DEFAULT 0,
  launch_error TEXT COLLATE "C",
  UNIQUE (account, kind, day)
);
ALTER TABLE hold ADD FOREIGN KEY (campaign) REFERENCES campaign (id);
ALTER TABLE block ADD FOREIGN KEY (campaign) REFERENCES campaign (id);
CREATE INDEX campaign_account ON campaign (account, id);
CREATE INDEX campaign_alive ON campaign (state) WHERE state BETWEEN 4 AND 11;

-- Money's side of the freeze, per tariff: units held at launch, units frozen so far, units given
-- back. granted never falls below frozen.
CREATE TABLE campaign_tariff (
  campaign BYTEA NOT NULL REFERENCES campaign (id),
  tariff BIGINT NOT NULL,
  unit_price BIGINT NOT NULL,
  counted BIGINT NOT NULL,
  granted BIGINT NOT NULL,
  frozen BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (campaign, tariff),
  CHECK (frozen <= granted)
);

CREATE TABLE freeze_range (
  campaign BYTEA NOT NULL,
  range BIGINT NOT NULL,
  first_number BIGINT NOT NULL,
  last_number BIGINT NOT NULL,
  frozen BIGINT NOT NULL,
  excluded BIGINT NOT NULL,
  chunks BIGINT NOT NULL,
  done_at BIGINT NOT NULL,
  PRIMARY KEY (campaign, range)
);

-- Whom a freeze left out and why: one roaring bitmap of user numbers per range and rule.
CREATE TABLE exclusion (
  campaign BYTEA NOT NULL,
  range BIGINT NOT NULL,
  rule BIGINT NOT NULL,
  rule_version BIGINT NOT NULL,
  count BIGINT NOT NULL,
  bitmap BYTEA NOT NULL,
  PRIMARY KEY (campaign, range, rule)
);

-- At close: one roaring bitmap per outcome of the whole campaign.
CREATE TABLE outcome_bitmap (
  campaign BYTEA NOT NULL,
  outcome BIGINT NOT NULL,
  count BIGINT NOT NULL,
  bitmap BYTEA NOT NULL,
  PRIMARY KEY (campaign, outcome)
);

-- Frozen body parts, stored once.
CREATE TABLE message (
  hash BYTEA PRIMARY KEY,
  body TEXT COLLATE "C" NOT NULL
);

-- The record --------------------------------------------------------------------------------

-- Up to 1,000 frozen recipients: the unit of work and the billing record. Terminal states are 10
-- and above; a terminal chunk never changes. A partition per launch month.
CREATE TABLE chunk (
  month BIGINT NOT NULL,
  campaign BYTEA NOT NULL,
  number BIGINT NOT NULL,
  round BIGINT NOT NULL,
  state BIGINT NOT NULL,
  epoch BIGINT NOT NULL DEFAULT 0,
  tainted BIGINT NOT NULL DEFAULT 0,
  close_next BIGINT NOT NULL DEFAULT 0,
  deaths BIGINT NOT NULL DEFAULT 0,
  retry_rounds BIGINT NOT NULL DEFAULT 0,
  size BIGINT NOT NULL CHECK (size BETWEEN 1 AND 1000),
  tariff BIGINT NOT NULL,
  message BYTEA NOT NULL,
  content_hash BYTEA NOT NULL,
  night_consent BIGINT NOT NULL,
  utc_offset_minutes BIGINT NOT NULL,
  first_number BIGINT NOT NULL,
  last_number BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  dispatched_at BIGINT,
  lease_until BIGINT,
  worker BYTEA,
  first_attempt_at BIGINT,
  detour TEXT COLLATE "C",
  accepted BIGINT NOT NULL DEFAULT 0,
  failed BIGINT NOT NULL DEFAULT 0,
  excluded BIGINT NOT NULL DEFAULT 0,
  uncertain BIGINT NOT NULL DEFAULT 0,
  cancelled BIGINT NOT NULL DEFAULT 0,
  moved BIGINT NOT NULL DEFAULT 0,
  settled_at BIGINT,
  -- The transaction that made it terminal: what the roll-up goes by.
  sequence BIGINT,
  block BYTEA,
  request BYTEA,
  -- As arrays, so that plain SQL unnests them.
  numbers INT4[] NOT NULL,
  outcomes INT2[],
  -- All of a partition are of one month: a key that began with it would look to the planner like
  -- one that finds few, and it would walk the partition.
  PRIMARY KEY (campaign, number, round, month),
  CHECK ((state >= 10) = (sequence IS NOT NULL)),
  CHECK (state < 10 OR accepted + failed + excluded + uncertain + cancelled + moved = size)
) PARTITION BY RANGE (month);
-- Rows are rewritten several times, so what is long stands elsewhere, uncompressed, and what is
-- random is not tried for compression.
ALTER TABLE chunk
  ALTER COLUMN numbers SET STORAGE EXTERNAL,
  ALTER COLUMN campaign SET STORAGE PLAIN,
  ALTER COLUMN message SET STORAGE PLAIN,
  ALTER COLUMN content_hash SET STORAGE PLAIN;
CREATE INDEX chunk_open ON chunk (campaign, state, due_at, number) WHERE state < 10;
CREATE INDEX chunk_sequence ON chunk (sequence) WHERE sequence IS NOT NULL;
CREATE INDEX chunk_uncertain ON chunk (campaign, settled_at) WHERE uncertain > 0;
CREATE INDEX chunk_block ON chunk (block) WHERE block IS NOT NULL;
-- Open pushes to one user, which keep their order.
CREATE INDEX chunk_single ON chunk (first_number)
  WHERE size = 1 AND state < 10 AND request IS NOT NULL;
-- Whom a chunk may hold, without reading it: one send of a campaign, of a request or of a user is
-- found among a billion. Every chunk has somebody in it; whoever says so is served by this index,
-- and whoever looks chunks up by their key, before the planner knows the table, is not.
CREATE INDEX chunk_span ON chunk (campaign, first_number, last_number) WHERE size > 0;
CREATE INDEX chunk_recipient ON chunk (first_number) WHERE size = 1;
CREATE INDEX chunk_request ON chunk (request) WHERE request IS NOT NULL;

-- A request of API sending that was accepted: under its retry key it is answered again, not sent
-- again. Whom it left out stands as domain::codec packs exclusions, user numbers for positions.
CREATE TABLE api_request (
  id BYTEA PRIMARY KEY,
  campaign BYTEA NOT NULL REFERENCES campaign (id),
  account BYTEA NOT NULL REFERENCES account (id),
  retry_key TEXT COLLATE "C",
  accepted_at BIGINT NOT NULL,
  -- The writer's: the order in which an account's requests were accepted.
  sequence BIGINT NOT NULL,
  recipients BIGINT NOT NULL,
  left_out BYTEA NOT NULL,
  -- Recipients that are no users of this installation.
  unknown_users BIGINT NOT NULL,
  UNIQUE (account, retry_key)
);

-- What only the push needs; goes 30 days after its campaign closed.
CREATE TABLE chunk_recipients (
  month BIGINT NOT NULL,
  campaign BYTEA NOT NULL,
  number BIGINT NOT NULL,
  round BIGINT NOT NULL,
  keys BYTEA NOT NULL,
  variables TEXT COLLATE "C",
  PRIMARY KEY (campaign, number, round, month)
) PARTITION BY RANGE (month);
ALTER TABLE chunk_recipients ALTER COLUMN keys SET STORAGE EXTERNAL;

-- One row per claim, committed before the first byte; exclusions as domain::codec packs them.
CREATE TABLE attempt (
  month BIGINT NOT NULL,
  campaign BYTEA NOT NULL,
  number BIGINT NOT NULL,
  round BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  worker BYTEA NOT NULL,
  began_at BIGINT NOT NULL,
  exclusions BYTEA,
  ended_at BIGINT,
  answer TEXT COLLATE "C",
  PRIMARY KEY (campaign, number, round, epoch, month)
);

-- What became known of an uncertain recipient later. The first final outcome wins.
CREATE TABLE amendment (
  event_id TEXT COLLATE "C" PRIMARY KEY,
  month BIGINT NOT NULL,
  campaign BYTEA NOT NULL,
  number BIGINT NOT NULL,
  round BIGINT NOT NULL,
  position BIGINT NOT NULL,
  outcome BIGINT NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  at BIGINT NOT NULL,
  sequence BIGINT NOT NULL,
  UNIQUE (month, campaign, number, round, position)
);
CREATE INDEX amendment_sequence ON amendment (sequence);

-- Push keys of chunks with an event or a question ahead: the way back from a key to its chunk.
CREATE TABLE push_key (
  push_key BYTEA PRIMARY KEY,
  month BIGINT NOT NULL,
  campaign BYTEA NOT NULL,
  number BIGINT NOT NULL,
  round BIGINT NOT NULL,
  first_position BIGINT NOT NULL
);

-- What was told of recipients of chunks that have not settled: the settle takes it.
CREATE TABLE waiting_delivery (
  event_id TEXT COLLATE "C" PRIMARY KEY,
  push_key BYTEA NOT NULL,
  position BIGINT NOT NULL,
  outcome BIGINT NOT NULL,
  at BIGINT NOT NULL,
  received_at BIGINT NOT NULL
);
CREATE INDEX waiting_delivery_key ON waiting_delivery (push_key, received_at);
CREATE INDEX waiting_delivery_received ON waiting_delivery (received_at);

-- One row per send, for whoever asks in plain SQL; nothing of ours reads it. Who was moved to a
-- next round stands in that one. `outcome` is domain::outcome's code (1 accepted, 2 confirmed,
-- 3 uncertain, 4 cancelled, 6 written off, from 32 on failed, from 128 on excluded), null until it
-- is decided; a later proof replaces uncertain. To find one user's sends, ask for
-- `user_number = n AND n BETWEEN first_number AND last_number`: the last condition chooses chunks.
CREATE VIEW send AS
SELECT s.*,
  CASE WHEN s.outcome IS NULL THEN 'pending'
    WHEN s.outcome = 1 THEN 'accepted' WHEN s.outcome = 2 THEN 'confirmed'
    WHEN s.outcome = 3 THEN 'uncertain' WHEN s.outcome = 4 THEN 'cancelled'
    WHEN s.outcome = 6 THEN 'written_off' WHEN s.outcome < 128 THEN 'failed'
    ELSE 'excluded' END AS outcome_name,
  CASE WHEN s.outcome IN (1, 2) THEN s.unit_price ELSE 0 END AS billed_micro
FROM (
  SELECT k.business, k.account, c.month, c.campaign, c.request, c.number AS chunk, c.round,
    c.first_number, c.last_number, generate_subscripts(c.numbers, 1) - 1 AS position,
    unnest(c.numbers) AS user_number, c.tariff, t.unit_price, c.message, c.state, c.settled_at,
    unnest(CASE
      WHEN c.uncertain > 0 THEN (
        SELECT array_agg(COALESCE(a.outcome::int2, o.outcome) ORDER BY o.place)
        FROM unnest(c.outcomes) WITH ORDINALITY AS o (outcome, place)
        LEFT JOIN amendment a ON a.month = c.month AND a.campaign = c.campaign
          AND a.number = c.number AND a.round = c.round AND a.position = o.place - 1)
      -- What ended unsent has no outcomes: cancelled for everybody.
      WHEN c.outcomes IS NULL AND c.state >= 10 THEN array_fill(4::int2, ARRAY[c.size::int4])
      ELSE c.outcomes END) AS outcome
  FROM chunk c
  JOIN campaign k ON k.id = c.campaign
  JOIN campaign_tariff t ON t.campaign = c.campaign AND t.tariff = c.tariff
  WHERE c.size > 0
) AS s
WHERE s.outcome IS DISTINCT FROM 5;
