-- Who runs the installation: how operators sign in, what was earned by day, whether the books were
-- checked, and what an unclean end interrupted.

-- Argon2id, as a PHC string; an operator without one cannot sign in.
ALTER TABLE operator ADD COLUMN password_hash TEXT;
-- The IANA name of the zone that pages show times in.
ALTER TABLE operator ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'Asia/Seoul';

-- A session of its own kind: nobody's token opens pages of both kinds.
CREATE TABLE operator_session (
  token_hash BLOB PRIMARY KEY,
  operator BLOB NOT NULL REFERENCES operator (id),
  created_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  user_agent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX operator_session_operator ON operator_session (operator);

-- What each account earned by tariff on each of its days (days since 1970 in its zone): the sum of
-- the ledger's revenue up to the sequence in `revenue_mark`, which can be added up again. What is of
-- no campaign has an account of zeroes and the tariff 0.
CREATE TABLE revenue_day (
  day INTEGER NOT NULL,
  business BLOB NOT NULL REFERENCES business (id),
  account BLOB NOT NULL,
  tariff INTEGER NOT NULL,
  -- Of the business: so that a page adds up days without looking up whose they are.
  currency TEXT NOT NULL,
  units INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  PRIMARY KEY (day, business, account, tariff)
) STRICT, WITHOUT ROWID;
CREATE INDEX revenue_day_business ON revenue_day (business, day, units, amount);
CREATE INDEX revenue_day_account ON revenue_day (account, day, amount);
CREATE TABLE revenue_mark (
  business BLOB PRIMARY KEY REFERENCES business (id),
  sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was booked lately, over all businesses.
CREATE INDEX ledger_transaction_booked ON ledger_transaction (booked_at);

-- Every check of the books: which there were, how many things each looked at, and what it found.
CREATE TABLE reconciliation (
  id BLOB PRIMARY KEY,
  kind INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  clean INTEGER NOT NULL,
  checks TEXT NOT NULL,
  findings TEXT NOT NULL
) STRICT;
CREATE INDEX reconciliation_started ON reconciliation (kind, started_at);

-- Since when the leader leads, and whether it gave the lead up or was cut off.
ALTER TABLE leader ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE leader ADD COLUMN ended_at INTEGER;
UPDATE leader SET ended_at = until;

-- Leads that ended without being given up, by the epoch that followed, and the campaigns that were
-- under way then. `closes` is what the first check of their business after it found.
CREATE TABLE interruption (
  epoch INTEGER PRIMARY KEY,
  interrupted_at INTEGER NOT NULL,
  noticed_at INTEGER NOT NULL
) STRICT;
CREATE TABLE interrupted_campaign (
  campaign BLOB NOT NULL REFERENCES campaign (id),
  epoch INTEGER NOT NULL,
  interrupted_at INTEGER NOT NULL,
  noticed_at INTEGER NOT NULL,
  checked_at INTEGER,
  closes INTEGER,
  PRIMARY KEY (campaign, epoch)
) STRICT, WITHOUT ROWID;
CREATE INDEX interrupted_campaign_epoch ON interrupted_campaign (epoch);
