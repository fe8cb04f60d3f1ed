-- Narrowcasts that were given up before their launch: LINE's error code.
CREATE TABLE narrowcast_failure (
  request BLOB PRIMARY KEY REFERENCES api_request (id),
  account BLOB NOT NULL REFERENCES account (id),
  code INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Campaigns of which it is kept whom they were sent to, so that an audience can name them: the
-- people by words of 64 user numbers, as those of audience groups.
CREATE TABLE campaign_sent (
  campaign BLOB PRIMARY KEY REFERENCES campaign (id),
  account BLOB NOT NULL REFERENCES account (id),
  people INTEGER NOT NULL,
  made_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE campaign_sent_member (
  account BLOB NOT NULL,
  campaign BLOB NOT NULL,
  word INTEGER NOT NULL,
  bits INTEGER NOT NULL,
  PRIMARY KEY (account, campaign, word)
) STRICT, WITHOUT ROWID;

-- What receipts of a unit's requests are counted under, beside their campaign: for each day of API
-- sending, unit and number of messages an id that stands in the tables of receipts as a campaign
-- does.
CREATE TABLE unit_receipts (
  id BLOB PRIMARY KEY,
  account BLOB NOT NULL REFERENCES account (id),
  campaign BLOB NOT NULL REFERENCES campaign (id),
  -- The campaign's, as days since 1970 in the account's zone.
  day INTEGER NOT NULL,
  unit TEXT NOT NULL,
  messages INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX unit_receipts_of_unit ON unit_receipts (account, unit, day);
ALTER TABLE api_request ADD COLUMN counted_under BLOB;
