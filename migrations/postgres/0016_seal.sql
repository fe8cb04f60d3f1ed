-- One row for every day in UTC that is over: what was recorded on it as one hash, after the hash of
-- the day before. Insert only.
CREATE TABLE day_seal (
  -- Days since 1970.
  day BIGINT PRIMARY KEY,
  -- From this number on a settle was not sure to be seen: it is under a later seal.
  mark BIGINT NOT NULL,
  chunks BIGINT NOT NULL,
  sends BIGINT NOT NULL,
  root BYTEA NOT NULL,
  heads BIGINT NOT NULL,
  heads_root BYTEA NOT NULL,
  sealed_at BIGINT NOT NULL,
  previous_hash BYTEA NOT NULL,
  hash BYTEA NOT NULL
);

-- The leaves under a day's root, up to 1,024 of one campaign in a row: which chunk stands where (9
-- bytes each), and its hash (32 bytes each). So what differs later is named, and a proof is read
-- without the record of the whole day. Insert only.
CREATE TABLE day_seal_leaves (
  campaign BYTEA NOT NULL,
  day BIGINT NOT NULL,
  part BIGINT NOT NULL,
  first_index BIGINT NOT NULL,
  first_number BIGINT NOT NULL,
  last_number BIGINT NOT NULL,
  places BYTEA NOT NULL,
  leaves BYTEA NOT NULL,
  PRIMARY KEY (campaign, day, part)
);
CREATE INDEX day_seal_leaves_day ON day_seal_leaves (day, first_index);

-- Where the ledgers stood that went on since the seal before. Insert only.
CREATE TABLE day_seal_head (
  business BYTEA NOT NULL,
  day BIGINT NOT NULL,
  sequence BIGINT NOT NULL,
  hash BYTEA NOT NULL,
  PRIMARY KEY (business, day)
);
CREATE INDEX day_seal_head_day ON day_seal_head (day, business);

-- What is of everybody in a seal is shown to everybody; leaves and heads to whom they are of.
ALTER TABLE day_seal_leaves ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON day_seal_leaves USING (
  EXISTS (SELECT FROM campaign AS owner WHERE owner.id = day_seal_leaves.campaign));
ALTER TABLE day_seal_head ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON day_seal_head USING (business = chingu_business());
