-- The cluster these books are kept in: elsewhere they are a copy, and what happened since they were
-- copied is not in them.
CREATE TABLE cluster (
  one BIGINT PRIMARY KEY CHECK (one = 1),
  identity TEXT COLLATE "C" NOT NULL,
  noted_at BIGINT NOT NULL
);

-- When these books were last copied by us.
CREATE TABLE backup (
  one BIGINT PRIMARY KEY CHECK (one = 1),
  taken_at BIGINT NOT NULL
);

-- Of a campaign that came out of a copy: until when its books are complete, and since when it has
-- been asked for what happened later. It stands still while `restored_at` is set.
ALTER TABLE campaign ADD COLUMN known_until BIGINT;
ALTER TABLE campaign ADD COLUMN resumed_at BIGINT;
CREATE INDEX campaign_restored ON campaign (account, id) WHERE restored_at IS NOT NULL;
