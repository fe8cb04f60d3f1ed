-- What the page of friends reads without counting friends: how many there are, by where they came
-- from and what they allow, and how many came and went day by day. Both are written in the
-- transaction that changes a friend.
CREATE TABLE friend_tally (
  account BLOB NOT NULL,
  -- How the friendship began; empty where none ever did.
  source TEXT NOT NULL,
  state INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  friends INTEGER NOT NULL,
  PRIMARY KEY (account, source, state, flags)
) STRICT, WITHOUT ROWID;

-- Days since 1970 in the account's zone.
CREATE TABLE friend_day (
  account BLOB NOT NULL,
  day INTEGER NOT NULL,
  source TEXT NOT NULL,
  gained INTEGER NOT NULL DEFAULT 0,
  lost INTEGER NOT NULL DEFAULT 0,
  blocked INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (account, day, source)
) STRICT, WITHOUT ROWID;

INSERT INTO friend_tally (account, source, state, flags, friends)
  SELECT f.account, f.source, f.state, r.flags, COUNT(*)
  FROM friend f JOIN reach r ON r.account = f.account AND r.number = f.number
  GROUP BY f.account, f.source, f.state, r.flags;

-- What happened before this table stands under the day of its fact; SQLite knows no zones, so the
-- days of accounts outside of Korea and Japan are those of UTC.
INSERT INTO friend_day (account, day, source, gained, lost, blocked)
  SELECT account, day, source, SUM(gained), SUM(lost), SUM(blocked) FROM (
    SELECT f.account AS account, f.source AS source, 1 AS gained, 0 AS lost, 0 AS blocked,
      (f.since + CASE WHEN a.time_zone IN ('Asia/Seoul', 'Asia/Tokyo') THEN 32400000 ELSE 0 END)
        / 86400000 AS day
    FROM friend f JOIN account a ON a.id = f.account WHERE f.source <> ''
    UNION ALL
    SELECT f.account, f.source, 0, f.state = 3, f.state = 2,
      (f.state_at + CASE WHEN a.time_zone IN ('Asia/Seoul', 'Asia/Tokyo') THEN 32400000 ELSE 0 END)
        / 86400000
    FROM friend f JOIN account a ON a.id = f.account WHERE f.source <> '' AND f.state <> 1
  ) GROUP BY account, day, source;

-- Files of friends that somebody brought to the page: kept until they are taken in.
CREATE TABLE import_upload (
  id BLOB PRIMARY KEY,
  account BLOB NOT NULL REFERENCES account (id),
  file_name TEXT NOT NULL,
  file_hash BLOB NOT NULL,
  bytes INTEGER NOT NULL,
  -- What it was converted from; empty where it is as it came.
  encoding TEXT NOT NULL,
  uploaded_at INTEGER NOT NULL,
  uploaded_by BLOB NOT NULL,
  -- Which columns mean what, as JSON of `jobs`; from then on it is taken in.
  mapping TEXT,
  asked_at INTEGER,
  -- What it became; another's where the same was taken in before.
  import BLOB,
  -- Why it could not be taken in, in words.
  failure TEXT,
  ended_at INTEGER
) STRICT;
CREATE INDEX import_upload_account ON import_upload (account, uploaded_at);
CREATE INDEX import_upload_waiting ON import_upload (asked_at)
  WHERE asked_at IS NOT NULL AND ended_at IS NULL;

-- Which cell of the row was refused; empty where it was the whole row.
ALTER TABLE import_rejection ADD COLUMN column_name TEXT NOT NULL DEFAULT '';
ALTER TABLE import_rejection ADD COLUMN value TEXT NOT NULL DEFAULT '';
