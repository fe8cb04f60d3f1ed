-- Who runs the installation: how operators sign in, what was earned by day, whether the books were
-- checked, and what an unclean end interrupted.

-- Argon2id, as a PHC string; an operator without one cannot sign in.
ALTER TABLE operator ADD COLUMN password_hash TEXT COLLATE "C";
-- The IANA name of the zone that pages show times in.
ALTER TABLE operator ADD COLUMN time_zone TEXT COLLATE "C" NOT NULL DEFAULT 'Asia/Seoul';

-- A session of its own kind: nobody's token opens pages of both kinds.
CREATE TABLE operator_session (
  token_hash BYTEA PRIMARY KEY,
  operator BYTEA NOT NULL REFERENCES operator (id),
  created_at BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  user_agent TEXT COLLATE "C" NOT NULL
);
CREATE INDEX operator_session_operator ON operator_session (operator);

-- What each account earned by tariff on each of its days (days since 1970 in its zone): the sum of
-- the ledger's revenue up to the sequence in `revenue_mark`, which can be added up again. What is of
-- no campaign has an account of zeroes and the tariff 0.
CREATE TABLE revenue_day (
  day BIGINT NOT NULL,
  business BYTEA NOT NULL REFERENCES business (id),
  account BYTEA NOT NULL,
  tariff BIGINT NOT NULL,
  -- Of the business: so that a page adds up days without looking up whose they are.
  currency TEXT COLLATE "C" NOT NULL,
  units BIGINT NOT NULL,
  amount BIGINT NOT NULL,
  PRIMARY KEY (day, business, account, tariff)
);
CREATE INDEX revenue_day_business ON revenue_day (business, day, units, amount);
CREATE INDEX revenue_day_account ON revenue_day (account, day, amount);
CREATE TABLE revenue_mark (
  business BYTEA PRIMARY KEY REFERENCES business (id),
  sequence BIGINT NOT NULL
);

-- What was booked lately, over all businesses.
CREATE INDEX ledger_transaction_booked ON ledger_transaction (booked_at);

-- Every check of the books: which there were, how many things each looked at, and what it found.
CREATE TABLE reconciliation (
  id BYTEA PRIMARY KEY,
  kind BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  clean BIGINT NOT NULL,
  checks TEXT COLLATE "C" NOT NULL,
  findings TEXT COLLATE "C" NOT NULL
);
CREATE INDEX reconciliation_started ON reconciliation (kind, started_at);

-- Since when the leader leads, and whether it gave the lead up or was cut off.
ALTER TABLE leader ADD COLUMN since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE leader ADD COLUMN ended_at BIGINT;
UPDATE leader SET ended_at = until;

-- Leads that ended without being given up, by the epoch that followed, and the campaigns that were
-- under way then. `closes` is what the first check of their business after it found.
CREATE TABLE interruption (
  epoch BIGINT PRIMARY KEY,
  interrupted_at BIGINT NOT NULL,
  noticed_at BIGINT NOT NULL
);
CREATE TABLE interrupted_campaign (
  campaign BYTEA NOT NULL,
  epoch BIGINT NOT NULL,
  interrupted_at BIGINT NOT NULL,
  noticed_at BIGINT NOT NULL,
  checked_at BIGINT,
  closes BIGINT,
  PRIMARY KEY (campaign, epoch)
);
CREATE INDEX interrupted_campaign_epoch ON interrupted_campaign (epoch);

-- Behind the wall a business sees which of its own campaigns were interrupted, and nothing else of
-- these tables.
ALTER TABLE interrupted_campaign ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON interrupted_campaign USING (
  EXISTS (SELECT FROM campaign AS owner WHERE owner.id = interrupted_campaign.campaign));
