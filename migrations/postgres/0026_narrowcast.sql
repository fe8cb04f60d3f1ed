-- Narrowcasts that were given up before their launch: LINE's error code.
CREATE TABLE narrowcast_failure (
  request BYTEA PRIMARY KEY REFERENCES api_request (id),
  account BYTEA NOT NULL REFERENCES account (id),
  code BIGINT NOT NULL
);

-- Campaigns of which it is kept whom they were sent to, so that an audience can name them: the
-- people by words of 64 user numbers, as those of audience groups.
CREATE TABLE campaign_sent (
  campaign BYTEA PRIMARY KEY REFERENCES campaign (id),
  account BYTEA NOT NULL REFERENCES account (id),
  people BIGINT NOT NULL,
  made_at BIGINT NOT NULL
);
CREATE TABLE campaign_sent_member (
  account BYTEA NOT NULL,
  campaign BYTEA NOT NULL,
  word BIGINT NOT NULL,
  bits BIGINT NOT NULL,
  PRIMARY KEY (account, campaign, word)
);

-- What receipts of a unit's requests are counted under, beside their campaign: for each day of API
-- sending, unit and number of messages an id that stands in the tables of receipts as a campaign
-- does.
CREATE TABLE unit_receipts (
  id BYTEA PRIMARY KEY,
  account BYTEA NOT NULL REFERENCES account (id),
  campaign BYTEA NOT NULL REFERENCES campaign (id),
  -- The campaign's, as days since 1970 in the account's zone.
  day BIGINT NOT NULL,
  unit TEXT COLLATE "C" NOT NULL,
  messages BIGINT NOT NULL
);
CREATE INDEX unit_receipts_of_unit ON unit_receipts (account, unit, day);
ALTER TABLE api_request ADD COLUMN counted_under BYTEA;

ALTER TABLE narrowcast_failure ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON narrowcast_failure USING (account IN (SELECT id FROM account));
ALTER TABLE campaign_sent ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON campaign_sent USING (account IN (SELECT id FROM account));
ALTER TABLE campaign_sent_member ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON campaign_sent_member USING (account IN (SELECT id FROM account));
ALTER TABLE unit_receipts ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON unit_receipts USING (account IN (SELECT id FROM account));

-- Receipts that are counted under a unit are those of who owns the unit.
DO $$
DECLARE
  name text;
  role text := left(current_database(), 56) || '_tenant';
BEGIN
  -- What reads receipts now needs the table at once, the release before as well.
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
    EXECUTE format('GRANT SELECT ON unit_receipts TO %I', role);
  END IF;
  FOREACH name IN ARRAY string_to_array(
    'receipt_course receipt_link receipt_log receipt_people receipt_sum', ' ')
  LOOP
    EXECUTE format('CREATE POLICY unit ON %1$I FOR SELECT USING (
      EXISTS (SELECT FROM unit_receipts AS owner WHERE owner.id = %1$I.campaign))', name);
  END LOOP;
END $$;
