-- The spine: who exists, who may be reached, what was launched, what was sent, what it cost.
-- Times are epoch milliseconds, ids 16 bytes, money micro-units. `sequence` is the writer's: it rises
-- with every commit that takes one, so "committed later" and "larger" are the same thing.

CREATE TABLE installation (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  id BLOB NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE writer_sequence (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  value INTEGER NOT NULL
) STRICT;
INSERT INTO writer_sequence (one, value) VALUES (1, 0);

-- Who leads the scheduler. Its epoch goes into every write of leader work.
CREATE TABLE leader (
  name TEXT PRIMARY KEY,
  holder BLOB NOT NULL,
  epoch INTEGER NOT NULL,
  until INTEGER NOT NULL
) STRICT;

-- Directory -----------------------------------------------------------------------------------

CREATE TABLE operator (
  id BLOB PRIMARY KEY,
  email TEXT NOT NULL UNIQUE,
  display_name TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE business (
  id BLOB PRIMARY KEY,
  name TEXT NOT NULL,
  currency TEXT NOT NULL,
  stopped_at INTEGER,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE account (
  id BLOB PRIMARY KEY,
  business BLOB NOT NULL REFERENCES business (id),
  handle TEXT NOT NULL UNIQUE,
  display_name TEXT NOT NULL,
  icon_url TEXT,
  time_zone TEXT NOT NULL,
  rate_per_second INTEGER CHECK (rate_per_second > 0),
  stopped_at INTEGER,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX account_business ON account (business);

CREATE TABLE member (
  id BLOB PRIMARY KEY,
  business BLOB NOT NULL REFERENCES business (id),
  email TEXT NOT NULL,
  display_name TEXT NOT NULL,
  role TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (business, email)
) STRICT;

-- The exact words a friend agreed to.
CREATE TABLE wording (
  id BLOB PRIMARY KEY,
  account BLOB NOT NULL REFERENCES account (id),
  version TEXT NOT NULL,
  text TEXT NOT NULL,
  hash BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (account, version)
) STRICT;

-- Friends -------------------------------------------------------------------------------------

CREATE TABLE user (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id BLOB NOT NULL UNIQUE,
  user_key TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE friend (
  account BLOB NOT NULL,
  number INTEGER NOT NULL,
  state INTEGER NOT NULL,
  state_at INTEGER NOT NULL,
  since INTEGER NOT NULL,
  source TEXT NOT NULL,
  display_name TEXT NOT NULL,
  language TEXT,
  country TEXT,
  region TEXT,
  gender TEXT,
  birth_year INTEGER,
  time_zone TEXT,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (account, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE friend_tag (
  account BLOB NOT NULL,
  number INTEGER NOT NULL,
  tag TEXT NOT NULL,
  PRIMARY KEY (account, number, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX friend_tag_by_tag ON friend_tag (account, tag, number);

-- Every consent and refusal ever recorded; the latest `at` holds, a refusal wins a tie.
CREATE TABLE consent (
  account BLOB NOT NULL,
  number INTEGER NOT NULL,
  purpose INTEGER NOT NULL,
  at INTEGER NOT NULL,
  granted INTEGER NOT NULL,
  wording TEXT,
  source TEXT NOT NULL,
  recorded_at INTEGER NOT NULL,
  PRIMARY KEY (account, number, purpose, at, granted)
) STRICT, WITHOUT ROWID;

-- What a freeze reads and nothing else: narrow, in the order of user numbers. `flags` are
-- domain::friend::ReachFlags, `user_key` is UserKey::to_reach_bytes.
CREATE TABLE reach (
  account BLOB NOT NULL,
  number INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  utc_offset_minutes INTEGER NOT NULL,
  known_at_sequence INTEGER NOT NULL,
  user_key BLOB NOT NULL,
  PRIMARY KEY (account, number)
) STRICT, WITHOUT ROWID;

-- Whoever became less reachable, for the gate of running campaigns.
CREATE TABLE reach_change (
  account BLOB NOT NULL,
  number INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  change INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (account, number, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE user_list (
  id BLOB PRIMARY KEY,
  account BLOB NOT NULL REFERENCES account (id),
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE user_list_entry (
  list BLOB NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (list, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE gateway_event (
  id TEXT PRIMARY KEY,
  received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX gateway_event_received ON gateway_event (received_at);

CREATE TABLE import (
  id BLOB PRIMARY KEY,
  account BLOB NOT NULL REFERENCES account (id),
  file_name TEXT NOT NULL,
  file_hash BLOB NOT NULL,
  -- Everything before this byte of the file is committed: where a killed import goes on.
  offset_bytes INTEGER NOT NULL,
  lines INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  -- A roaring bitmap of the users accepted so far: what makes a later row with their key a double,
  -- after a kill too. Empty once finished.
  seen BLOB NOT NULL,
  started_at INTEGER NOT NULL,
  finished_at INTEGER,
  UNIQUE (account, file_hash)
) STRICT;

CREATE TABLE import_rejection (
  import BLOB NOT NULL,
  line INTEGER NOT NULL,
  reason TEXT NOT NULL,
  explanation TEXT NOT NULL,
  PRIMARY KEY (import, line, reason)
) STRICT, WITHOUT ROWID;

-- Money ---------------------------------------------------------------------------------------

CREATE TABLE price (
  version INTEGER NOT NULL,
  currency TEXT NOT NULL,
  tariff INTEGER NOT NULL,
  unit_price INTEGER NOT NULL CHECK (unit_price >= 0),
  effective_from INTEGER NOT NULL,
  PRIMARY KEY (version, currency, tariff)
) STRICT, WITHOUT ROWID;
INSERT INTO price (version, currency, tariff, unit_price, effective_from) VALUES
  (1, 'KRW', 1, 15000000, 0),
  (1, 'KRW', 2, 20000000, 0),
  (1, 'KRW', 3, 15000000, 0),
  (1, 'KRW', 4, 15000000, 0);

-- A cache of the ledger, locked by every hold and release.
CREATE TABLE wallet (
  business BLOB PRIMARY KEY REFERENCES business (id),
  currency TEXT NOT NULL,
  available INTEGER NOT NULL,
  held INTEGER NOT NULL CHECK (held >= 0),
  credit_limit INTEGER NOT NULL DEFAULT 0 CHECK (credit_limit >= 0),
  CHECK (available >= -credit_limit)
) STRICT;

CREATE TABLE ledger_transaction (
  id BLOB PRIMARY KEY,
  business BLOB NOT NULL REFERENCES business (id),
  sequence INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  idempotency_key TEXT NOT NULL UNIQUE,
  booked_at INTEGER NOT NULL,
  previous_hash BLOB NOT NULL,
  hash BLOB NOT NULL,
  UNIQUE (business, sequence)
) STRICT;

CREATE TABLE ledger_entry (
  ledger_transaction BLOB NOT NULL REFERENCES ledger_transaction (id),
  position INTEGER NOT NULL,
  ledger_account INTEGER NOT NULL,
  campaign BLOB,
  amount INTEGER NOT NULL,
  PRIMARY KEY (ledger_transaction, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_entry_campaign ON ledger_entry (campaign) WHERE campaign IS NOT NULL;

-- A campaign's money: what was held and where it went. open = amount - captured - released.
CREATE TABLE hold (
  campaign BLOB PRIMARY KEY REFERENCES campaign (id),
  business BLOB NOT NULL,
  amount INTEGER NOT NULL CHECK (amount >= 0),
  captured INTEGER NOT NULL DEFAULT 0 CHECK (captured >= 0),
  released INTEGER NOT NULL DEFAULT 0 CHECK (released >= 0),
  releases INTEGER NOT NULL DEFAULT 0,
  CHECK (captured + released <= amount)
) STRICT;

-- Units leased to one process for API sending of a standing campaign; `leased_at` moves with every
-- use, so that the block of a process that is gone is seen to rest.
CREATE TABLE block (
  id BLOB PRIMARY KEY,
  campaign BLOB NOT NULL REFERENCES campaign (id),
  tariff INTEGER NOT NULL,
  unit_price INTEGER NOT NULL,
  units INTEGER NOT NULL CHECK (units > 0),
  used INTEGER NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND units),
  leased_to BLOB NOT NULL,
  leased_at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT;
CREATE INDEX block_campaign ON block (campaign);
CREATE INDEX block_open ON block (leased_at) WHERE ended_at IS NULL;

-- What every settle was captured as: at most once, by constraint. Part 0 is the settle, further
-- parts are amendments.
CREATE TABLE capture (
  month INTEGER NOT NULL,
  campaign BLOB NOT NULL,
  number INTEGER NOT NULL,
  round INTEGER NOT NULL,
  part INTEGER NOT NULL,
  ledger_transaction BLOB,
  units INTEGER NOT NULL CHECK (units >= 0),
  unit_price INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  PRIMARY KEY (month, campaign, number, round, part),
  CHECK (amount = units * unit_price)
) STRICT, WITHOUT ROWID;

-- Everything that was recorded before this sequence is captured.
CREATE TABLE roll_up (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  mark INTEGER NOT NULL
) STRICT;
INSERT INTO roll_up (one, mark) VALUES (1, 0);

-- Campaigns -----------------------------------------------------------------------------------

CREATE TABLE campaign (
  id BLOB PRIMARY KEY,
  business BLOB NOT NULL REFERENCES business (id),
  account BLOB NOT NULL REFERENCES account (id),
  kind INTEGER NOT NULL,
  name TEXT NOT NULL,
  purpose INTEGER NOT NULL,
  state INTEGER NOT NULL,
  pause_reason INTEGER,
  messages TEXT NOT NULL,
  message_version INTEGER NOT NULL,
  audience TEXT NOT NULL,
  schedule TEXT NOT NULL,
  scheduled_for INTEGER,
  rate_per_second INTEGER CHECK (rate_per_second > 0),
  -- Pushes not begun by then are not begun any more: how long after launch.
  lifetime_seconds INTEGER NOT NULL CHECK (lifetime_seconds > 0),
  created_at INTEGER NOT NULL,
  -- From here on: set by the launch transaction.
  month INTEGER,
  launched_at INTEGER,
  price_version INTEGER,
  tariff INTEGER,
  message_hash BLOB,
  -- Friends that became known later are not in the audience.
  cut_sequence INTEGER,
  -- Changes of reach from here on concern this campaign's gate.
  reach_mark INTEGER,
  highest_number INTEGER,
  chunk_size INTEGER,
  not_after INTEGER,
  freeze_ended_at INTEGER,
  closing_at INTEGER,
  closed_at INTEGER,
  restored_at INTEGER,
  -- The day a standing campaign sends for, as days since 1970 in the account's zone.
  day INTEGER,
  -- The chunk number that the next request to a standing campaign gets.
  next_chunk INTEGER NOT NULL DEFAULT 0,
  launch_error TEXT,
  UNIQUE (account, kind, day)
) STRICT;
CREATE INDEX campaign_account ON campaign (account, id);
CREATE INDEX campaign_alive ON campaign (state) WHERE state BETWEEN 4 AND 11;

-- Money's side of the freeze, per tariff: units held at launch, units frozen so far, units given
-- back. granted never falls below frozen.
CREATE TABLE campaign_tariff (
  campaign BLOB NOT NULL REFERENCES campaign (id),
  tariff INTEGER NOT NULL,
  unit_price INTEGER NOT NULL,
  counted INTEGER NOT NULL,
  granted INTEGER NOT NULL,
  frozen INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (campaign, tariff),
  CHECK (frozen <= granted)
) STRICT, WITHOUT ROWID;

CREATE TABLE freeze_range (
  campaign BLOB NOT NULL,
  range INTEGER NOT NULL,
  first_number INTEGER NOT NULL,
  last_number INTEGER NOT NULL,
  frozen INTEGER NOT NULL,
  excluded INTEGER NOT NULL,
  chunks INTEGER NOT NULL,
  done_at INTEGER NOT NULL,
  PRIMARY KEY (campaign, range)
) STRICT, WITHOUT ROWID;

-- Whom a freeze left out and why: one roaring bitmap of user numbers per range and rule.
CREATE TABLE exclusion (
  campaign BLOB NOT NULL,
  range INTEGER NOT NULL,
  rule INTEGER NOT NULL,
  rule_version INTEGER NOT NULL,
  count INTEGER NOT NULL,
  bitmap BLOB NOT NULL,
  PRIMARY KEY (campaign, range, rule)
) STRICT, WITHOUT ROWID;

-- At close: one roaring bitmap per outcome of the whole campaign.
CREATE TABLE outcome_bitmap (
  campaign BLOB NOT NULL,
  outcome INTEGER NOT NULL,
  count INTEGER NOT NULL,
  bitmap BLOB NOT NULL,
  PRIMARY KEY (campaign, outcome)
) STRICT, WITHOUT ROWID;

-- Frozen body parts, stored once.
CREATE TABLE message (
  hash BLOB PRIMARY KEY,
  body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The record --------------------------------------------------------------------------------

-- Up to 1,000 frozen recipients: the unit of work and the billing record. Terminal states are 10
-- and above; a terminal chunk never changes.
CREATE TABLE chunk (
  month INTEGER NOT NULL,
  campaign BLOB NOT NULL,
  number INTEGER NOT NULL,
  round INTEGER NOT NULL,
  state INTEGER NOT NULL,
  epoch INTEGER NOT NULL DEFAULT 0,
  tainted INTEGER NOT NULL DEFAULT 0,
  close_next INTEGER NOT NULL DEFAULT 0,
  deaths INTEGER NOT NULL DEFAULT 0,
  retry_rounds INTEGER NOT NULL DEFAULT 0,
  size INTEGER NOT NULL CHECK (size BETWEEN 1 AND 1000),
  tariff INTEGER NOT NULL,
  message BLOB NOT NULL,
  content_hash BLOB NOT NULL,
  night_consent INTEGER NOT NULL,
  utc_offset_minutes INTEGER NOT NULL,
  first_number INTEGER NOT NULL,
  last_number INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  dispatched_at INTEGER,
  lease_until INTEGER,
  worker BLOB,
  first_attempt_at INTEGER,
  detour TEXT,
  accepted INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  excluded INTEGER NOT NULL DEFAULT 0,
  uncertain INTEGER NOT NULL DEFAULT 0,
  cancelled INTEGER NOT NULL DEFAULT 0,
  moved INTEGER NOT NULL DEFAULT 0,
  settled_at INTEGER,
  -- Of the commit that made it terminal: what the roll-up goes by.
  sequence INTEGER,
  block BLOB,
  request BLOB,
  numbers BLOB NOT NULL,
  outcomes BLOB,
  PRIMARY KEY (month, campaign, number, round),
  CHECK ((state >= 10) = (sequence IS NOT NULL)),
  CHECK (state < 10 OR accepted + failed + excluded + uncertain + cancelled + moved = size)
) STRICT;
CREATE INDEX chunk_open ON chunk (campaign, state, due_at, number) WHERE state < 10;
CREATE INDEX chunk_sequence ON chunk (sequence) WHERE sequence IS NOT NULL;
CREATE INDEX chunk_uncertain ON chunk (campaign, settled_at) WHERE uncertain > 0;
CREATE INDEX chunk_block ON chunk (block) WHERE block IS NOT NULL;
-- Open pushes to one user, which keep their order.
CREATE INDEX chunk_single ON chunk (first_number)
  WHERE size = 1 AND state < 10 AND request IS NOT NULL;

-- A request of API sending that was accepted: under its retry key it is answered again, not sent
-- again. Whom it left out stands as domain::codec packs exclusions, user numbers for positions.
CREATE TABLE api_request (
  id BLOB PRIMARY KEY,
  campaign BLOB NOT NULL REFERENCES campaign (id),
  account BLOB NOT NULL REFERENCES account (id),
  retry_key TEXT,
  accepted_at INTEGER NOT NULL,
  -- The writer's: the order in which an account's requests were accepted.
  sequence INTEGER NOT NULL,
  recipients INTEGER NOT NULL,
  left_out BLOB NOT NULL,
  -- Recipients that are no users of this installation.
  unknown_users INTEGER NOT NULL,
  UNIQUE (account, retry_key)
) STRICT;

-- What only the push needs; goes 30 days after its campaign closed.
CREATE TABLE chunk_recipients (
  month INTEGER NOT NULL,
  campaign BLOB NOT NULL,
  number INTEGER NOT NULL,
  round INTEGER NOT NULL,
  keys BLOB NOT NULL,
  variables TEXT,
  PRIMARY KEY (month, campaign, number, round)
) STRICT;

-- One row per claim, committed before the first byte; exclusions as domain::codec packs them.
CREATE TABLE attempt (
  month INTEGER NOT NULL,
  campaign BLOB NOT NULL,
  number INTEGER NOT NULL,
  round INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  worker BLOB NOT NULL,
  began_at INTEGER NOT NULL,
  exclusions BLOB,
  ended_at INTEGER,
  answer TEXT,
  PRIMARY KEY (month, campaign, number, round, epoch)
) STRICT, WITHOUT ROWID;

-- What became known of an uncertain recipient later. The first final outcome wins.
CREATE TABLE amendment (
  event_id TEXT PRIMARY KEY,
  month INTEGER NOT NULL,
  campaign BLOB NOT NULL,
  number INTEGER NOT NULL,
  round INTEGER NOT NULL,
  position INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  reason TEXT NOT NULL,
  at INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  UNIQUE (month, campaign, number, round, position)
) STRICT;
CREATE INDEX amendment_sequence ON amendment (sequence);

-- Push keys of chunks with an event or a question ahead: the way back from a key to its chunk.
CREATE TABLE push_key (
  push_key BLOB PRIMARY KEY,
  month INTEGER NOT NULL,
  campaign BLOB NOT NULL,
  number INTEGER NOT NULL,
  round INTEGER NOT NULL,
  first_position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was told of recipients of chunks that have not settled: the settle takes it.
CREATE TABLE waiting_delivery (
  event_id TEXT PRIMARY KEY,
  push_key BLOB NOT NULL,
  position INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  at INTEGER NOT NULL,
  received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_delivery_key ON waiting_delivery (push_key, received_at);
CREATE INDEX waiting_delivery_received ON waiting_delivery (received_at);
