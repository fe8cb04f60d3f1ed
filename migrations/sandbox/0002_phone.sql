-- What the messenger's screen keeps: people, the accounts they know, what they wrote and did, and
-- what the platform is still to be told of it. Nothing here is written when a push is taken: who
-- received what is looked up in the pushes once somebody looks, and remembered in `received`.

-- People somebody gave a name.
CREATE TABLE person (
  user_key TEXT PRIMARY KEY,
  display_name TEXT NOT NULL,
  added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX person_name ON person (display_name, user_key);

-- Accounts as the messenger knows them beside their pushes.
CREATE TABLE account (
  handle TEXT PRIMARY KEY,
  display_name TEXT NOT NULL,
  icon_url TEXT,
  -- The version of the consent wording that its friends are shown.
  wording TEXT
) STRICT, WITHOUT ROWID;

-- How far the pushes were searched for a person.
CREATE TABLE search (
  user_key TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Pushes that reached a person, found by that search.
CREATE TABLE received (
  user_key TEXT NOT NULL,
  sequence INTEGER NOT NULL REFERENCES push (sequence),
  position INTEGER NOT NULL,
  handle TEXT NOT NULL,
  -- Shown only once the delivery was confirmed.
  uncertain INTEGER NOT NULL,
  PRIMARY KEY (user_key, sequence)
) STRICT, WITHOUT ROWID;

-- A person and an account: who is whose friend, and what was seen.
CREATE TABLE contact (
  user_key TEXT NOT NULL,
  handle TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'blocked', 'left')),
  -- The person's answers on this screen; unknown where they gave none here.
  promotion INTEGER,
  night INTEGER,
  seen_sequence INTEGER NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (user_key, handle)
) STRICT, WITHOUT ROWID;

-- What a person wrote and did, in the order it happened.
CREATE TABLE deed (
  sequence INTEGER PRIMARY KEY,
  user_key TEXT NOT NULL,
  handle TEXT NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  words TEXT NOT NULL
) STRICT;
CREATE INDEX deed_of ON deed (user_key, handle, sequence);

-- Events the platform has not taken yet, as JSON.
CREATE TABLE untold (
  sequence INTEGER PRIMARY KEY,
  event TEXT NOT NULL
) STRICT;
