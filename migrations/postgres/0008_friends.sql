-- What the page of friends reads without counting friends: how many there are, by where they came
-- from and what they allow, and how many came and went day by day. Both are written in the
-- transaction that changes a friend.
CREATE TABLE friend_tally (
  account BYTEA NOT NULL,
  -- How the friendship began; empty where none ever did.
  source TEXT COLLATE "C" NOT NULL,
  state BIGINT NOT NULL,
  flags BIGINT NOT NULL,
  friends BIGINT NOT NULL,
  PRIMARY KEY (account, source, state, flags)
);

-- Days since 1970 in the account's zone.
CREATE TABLE friend_day (
  account BYTEA NOT NULL,
  day BIGINT NOT NULL,
  source TEXT COLLATE "C" NOT NULL,
  gained BIGINT NOT NULL DEFAULT 0,
  lost BIGINT NOT NULL DEFAULT 0,
  blocked BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (account, day, source)
);

-- Files of friends that somebody brought to the page: kept until they are taken in.
CREATE TABLE import_upload (
  id BYTEA PRIMARY KEY,
  account BYTEA NOT NULL REFERENCES account (id),
  file_name TEXT COLLATE "C" NOT NULL,
  file_hash BYTEA NOT NULL,
  bytes BIGINT NOT NULL,
  -- What it was converted from; empty where it is as it came.
  encoding TEXT COLLATE "C" NOT NULL,
  uploaded_at BIGINT NOT NULL,
  uploaded_by BYTEA NOT NULL,
  -- Which columns mean what, as JSON of `jobs`; from then on it is taken in.
  mapping TEXT COLLATE "C",
  asked_at BIGINT,
  -- What it became; another's where the same was taken in before.
  import BYTEA,
  -- Why it could not be taken in, in words.
  failure TEXT COLLATE "C",
  ended_at BIGINT
);
CREATE INDEX import_upload_account ON import_upload (account, uploaded_at);
CREATE INDEX import_upload_waiting ON import_upload (asked_at)
  WHERE asked_at IS NOT NULL AND ended_at IS NULL;

-- Which cell of the row was refused; empty where it was the whole row.
ALTER TABLE import_rejection ADD COLUMN column_name TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE import_rejection ADD COLUMN value TEXT COLLATE "C" NOT NULL DEFAULT '';
