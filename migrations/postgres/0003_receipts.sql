-- Receipts: what friends did with what they were sent. Packed, because a broadcast brings a million
-- within minutes: as they came in a log entry per request, and added up by blocks of user numbers.

-- The way back from a push's key to its chunk, a row per request to the messenger: written with the
-- chunk, or with its settle where a connector sends it in parts.
CREATE TABLE chunk_key (
  push_key BYTEA PRIMARY KEY,
  month BIGINT NOT NULL,
  campaign BYTEA NOT NULL,
  number BIGINT NOT NULL,
  round BIGINT NOT NULL,
  first_position BIGINT NOT NULL
);

-- The links of what a campaign sends, by the ids the messenger names them by. `place` counts a
-- campaign's links: what receipts hold.
CREATE TABLE link (
  campaign BYTEA NOT NULL REFERENCES campaign (id),
  place BIGINT NOT NULL,
  id BYTEA NOT NULL,
  -- Position of the message, and the property in it.
  message BIGINT NOT NULL,
  path TEXT COLLATE "C" NOT NULL,
  url TEXT COLLATE "C" NOT NULL,
  -- What is written on it; empty where nothing is.
  label TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (campaign, place),
  UNIQUE (campaign, id)
);

-- Receipts as they came, one row per request and campaign, as domain::receipt packs them; added up
-- and gone once there are enough of them.
CREATE TABLE receipt_log (
  campaign BYTEA NOT NULL,
  sequence BIGINT NOT NULL,
  receipts BYTEA NOT NULL,
  PRIMARY KEY (campaign, sequence)
);

-- When each person did each kind of thing first, by blocks of user numbers.
CREATE TABLE receipt_people (
  campaign BYTEA NOT NULL,
  block BIGINT NOT NULL,
  people BYTEA NOT NULL,
  PRIMARY KEY (campaign, block)
);

CREATE TABLE receipt_sum (
  campaign BYTEA NOT NULL,
  kind BIGINT NOT NULL,
  people BIGINT NOT NULL,
  total BIGINT NOT NULL CHECK (total >= people),
  PRIMARY KEY (campaign, kind)
);

-- Who clicked a link, as a roaring bitmap of user numbers.
CREATE TABLE receipt_link (
  campaign BYTEA NOT NULL,
  link BIGINT NOT NULL,
  people BIGINT NOT NULL,
  total BIGINT NOT NULL CHECK (total >= people),
  numbers BYTEA NOT NULL,
  PRIMARY KEY (campaign, link)
);

-- The course: how many people did it first in the minute or hour that begins so many seconds after
-- the minute of the launch.
CREATE TABLE receipt_course (
  campaign BYTEA NOT NULL,
  kind BIGINT NOT NULL,
  second BIGINT NOT NULL,
  people BIGINT NOT NULL,
  PRIMARY KEY (campaign, kind, second)
);

-- What was used of which coupon: told apart, because a shop asks for it.
CREATE TABLE coupon_use (
  campaign BYTEA NOT NULL,
  number BIGINT NOT NULL,
  coupon TEXT COLLATE "C" NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (campaign, number, coupon)
);

-- What friends write back: messages (JSON) and what their taps post. Goes after 90 days.
CREATE TABLE friend_message (
  event_id TEXT COLLATE "C" PRIMARY KEY,
  account BYTEA NOT NULL REFERENCES account (id),
  number BIGINT NOT NULL,
  at BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  is_postback BIGINT NOT NULL,
  content TEXT COLLATE "C" NOT NULL
);
CREATE INDEX friend_message_friend ON friend_message (account, number, at);
CREATE INDEX friend_message_received ON friend_message (received_at);
