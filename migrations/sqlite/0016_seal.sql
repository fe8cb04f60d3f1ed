-- One row for every day in UTC that is over: what was recorded on it as one hash, after the hash of
-- the day before. Insert only.
CREATE TABLE day_seal (
  -- Days since 1970.
  day INTEGER PRIMARY KEY,
  -- From this number on a settle was not sure to be seen: it is under a later seal.
  mark INTEGER NOT NULL,
  chunks INTEGER NOT NULL,
  sends INTEGER NOT NULL,
  root BLOB NOT NULL,
  heads INTEGER NOT NULL,
  heads_root BLOB NOT NULL,
  sealed_at INTEGER NOT NULL,
  previous_hash BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;

-- The leaves under a day's root, up to 1,024 of one campaign in a row: which chunk stands where (9
-- bytes each), and its hash (32 bytes each). So what differs later is named, and a proof is read
-- without the record of the whole day. Insert only.
CREATE TABLE day_seal_leaves (
  campaign BLOB NOT NULL,
  day INTEGER NOT NULL,
  part INTEGER NOT NULL,
  first_index INTEGER NOT NULL,
  first_number INTEGER NOT NULL,
  last_number INTEGER NOT NULL,
  places BLOB NOT NULL,
  leaves BLOB NOT NULL,
  PRIMARY KEY (campaign, day, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX day_seal_leaves_day ON day_seal_leaves (day, first_index);

-- Where the ledgers stood that went on since the seal before. Insert only.
CREATE TABLE day_seal_head (
  business BLOB NOT NULL,
  day INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (business, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX day_seal_head_day ON day_seal_head (day, business);
