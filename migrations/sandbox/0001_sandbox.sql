-- The sandbox messenger's own file: what it accepted, and which keys it closed. No table is shared
-- with the platform. There is no row per friend: a push is one row.

-- What a campaign's pushes have in common, kept once.
CREATE TABLE content (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  campaign BLOB NOT NULL CHECK (length(campaign) = 16),
  purpose TEXT NOT NULL,
  account TEXT NOT NULL,
  handle TEXT NOT NULL,
  notification_disabled INTEGER NOT NULL,
  messages TEXT NOT NULL,
  links TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One processed push. A key comes twice only where the messenger does not deduplicate.
CREATE TABLE push (
  sequence INTEGER PRIMARY KEY,
  key BLOB NOT NULL CHECK (length(key) = 16),
  content_hash BLOB NOT NULL CHECK (length(content_hash) = 32),
  content BLOB NOT NULL REFERENCES content (hash),
  at INTEGER NOT NULL,
  size INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  uncertain INTEGER NOT NULL,
  -- Who was not accepted: {"excluded":[…],"rejected":[[position, code], …],"uncertain":[…]}
  results TEXT NOT NULL,
  variables TEXT,
  -- Last, because it is large: a reader of the columns before it leaves it alone.
  recipients BLOB NOT NULL
) STRICT;
CREATE INDEX push_key ON push (key);
CREATE INDEX push_uncertain ON push (sequence) WHERE uncertain > 0;

-- Keys that will never be processed.
CREATE TABLE closed_key (
  key BLOB PRIMARY KEY CHECK (length(key) = 16),
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What became of uncertain recipients, and whether the platform was told.
CREATE TABLE resolution (
  sequence INTEGER NOT NULL REFERENCES push (sequence),
  position INTEGER NOT NULL,
  confirmed INTEGER NOT NULL,
  at INTEGER NOT NULL,
  told INTEGER NOT NULL,
  PRIMARY KEY (sequence, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX resolution_untold ON resolution (sequence) WHERE told = 0;
