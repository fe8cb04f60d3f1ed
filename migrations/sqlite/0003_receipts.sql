-- Receipts: what friends did with what they were sent. Packed, because a broadcast brings a million
-- within minutes: as they came in a log entry per request, and added up by blocks of user numbers.

-- The way back from a push's key to its chunk, a row per request to the messenger: written with the
-- chunk, or with its settle where a connector sends it in parts.
CREATE TABLE chunk_key (
  push_key BLOB PRIMARY KEY,
  month INTEGER NOT NULL,
  campaign BLOB NOT NULL,
  number INTEGER NOT NULL,
  round INTEGER NOT NULL,
  first_position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The links of what a campaign sends, by the ids the messenger names them by. `place` counts a
-- campaign's links: what receipts hold.
CREATE TABLE link (
  campaign BLOB NOT NULL REFERENCES campaign (id),
  place INTEGER NOT NULL,
  id BLOB NOT NULL,
  -- Position of the message, and the property in it.
  message INTEGER NOT NULL,
  path TEXT NOT NULL,
  url TEXT NOT NULL,
  -- What is written on it; empty where nothing is.
  label TEXT NOT NULL,
  PRIMARY KEY (campaign, place),
  UNIQUE (campaign, id)
) STRICT, WITHOUT ROWID;

-- Receipts as they came, one row per request and campaign, as domain::receipt packs them; added up
-- and gone once there are enough of them.
CREATE TABLE receipt_log (
  campaign BLOB NOT NULL,
  sequence INTEGER NOT NULL,
  receipts BLOB NOT NULL,
  PRIMARY KEY (campaign, sequence)
) STRICT;

-- When each person did each kind of thing first, by blocks of user numbers.
CREATE TABLE receipt_people (
  campaign BLOB NOT NULL,
  block INTEGER NOT NULL,
  people BLOB NOT NULL,
  PRIMARY KEY (campaign, block)
) STRICT;

CREATE TABLE receipt_sum (
  campaign BLOB NOT NULL,
  kind INTEGER NOT NULL,
  people INTEGER NOT NULL,
  total INTEGER NOT NULL CHECK (total >= people),
  PRIMARY KEY (campaign, kind)
) STRICT, WITHOUT ROWID;

-- Who clicked a link, as a roaring bitmap of user numbers.
CREATE TABLE receipt_link (
  campaign BLOB NOT NULL,
  link INTEGER NOT NULL,
  people INTEGER NOT NULL,
  total INTEGER NOT NULL CHECK (total >= people),
  numbers BLOB NOT NULL,
  PRIMARY KEY (campaign, link)
) STRICT;

-- The course: how many people did it first in the minute or hour that begins so many seconds after
-- the minute of the launch.
CREATE TABLE receipt_course (
  campaign BLOB NOT NULL,
  kind INTEGER NOT NULL,
  second INTEGER NOT NULL,
  people INTEGER NOT NULL,
  PRIMARY KEY (campaign, kind, second)
) STRICT, WITHOUT ROWID;

-- What was used of which coupon: told apart, because a shop asks for it.
CREATE TABLE coupon_use (
  campaign BLOB NOT NULL,
  number INTEGER NOT NULL,
  coupon TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (campaign, number, coupon)
) STRICT, WITHOUT ROWID;

-- What friends write back: messages (JSON) and what their taps post. Goes after 90 days.
CREATE TABLE friend_message (
  event_id TEXT PRIMARY KEY,
  account BLOB NOT NULL REFERENCES account (id),
  number INTEGER NOT NULL,
  at INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  is_postback INTEGER NOT NULL,
  content TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX friend_message_friend ON friend_message (account, number, at);
CREATE INDEX friend_message_received ON friend_message (received_at);
