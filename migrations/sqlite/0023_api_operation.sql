-- What a brand's program asked for: push (1), multicast (2), reply (3), broadcast (4), narrowcast
-- (5); what was answered beyond the usual, and the unit its sends are added up under.
ALTER TABLE api_request ADD COLUMN operation INTEGER NOT NULL DEFAULT 0;
UPDATE api_request SET operation = (SELECT kind - 1 FROM campaign WHERE id = api_request.campaign);
ALTER TABLE api_request ADD COLUMN answer TEXT;
ALTER TABLE api_request ADD COLUMN unit TEXT;
CREATE INDEX api_request_of_campaign ON api_request (campaign);

-- The units that an account's requests named, by the month of the account's zone.
CREATE TABLE aggregation_unit (
  account BLOB NOT NULL REFERENCES account (id),
  month INTEGER NOT NULL,
  unit TEXT NOT NULL,
  PRIMARY KEY (account, month, unit)
) STRICT, WITHOUT ROWID;
