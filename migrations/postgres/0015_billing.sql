-- Promotional credit: what the operator gives, lot by lot, each until its expiry. A lot is free
-- (`available`), pinned by holds or spent (`hold_lot`), or expired, and nothing else.
CREATE TABLE promotional_lot (
  id BYTEA PRIMARY KEY,
  business BYTEA NOT NULL REFERENCES business (id),
  amount BIGINT NOT NULL CHECK (amount > 0),
  available BIGINT NOT NULL CHECK (available >= 0),
  expired BIGINT NOT NULL DEFAULT 0 CHECK (expired >= 0),
  reason TEXT COLLATE "C" NOT NULL,
  granted_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  CHECK (available + expired <= amount)
);
CREATE INDEX promotional_lot_business ON promotional_lot (business, expires_at);
CREATE INDEX promotional_lot_due ON promotional_lot (expires_at) WHERE available > 0;

-- What of a hold came out of a lot; the rest of the hold is cash.
CREATE TABLE hold_lot (
  campaign BYTEA NOT NULL REFERENCES hold (campaign),
  lot BYTEA NOT NULL REFERENCES promotional_lot (id),
  expires_at BIGINT NOT NULL,
  amount BIGINT NOT NULL CHECK (amount >= 0),
  captured BIGINT NOT NULL DEFAULT 0 CHECK (captured >= 0),
  released BIGINT NOT NULL DEFAULT 0 CHECK (released >= 0),
  PRIMARY KEY (campaign, lot),
  CHECK (captured + released <= amount)
);
CREATE INDEX hold_lot_lot ON hold_lot (lot);

ALTER TABLE ledger_entry ADD COLUMN lot BYTEA;

ALTER TABLE promotional_lot ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON promotional_lot USING (business = chingu_business());
ALTER TABLE hold_lot ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON hold_lot USING (
  EXISTS (SELECT FROM campaign AS owner WHERE owner.id = hold_lot.campaign));
