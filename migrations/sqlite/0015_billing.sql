-- Promotional credit: what the operator gives, lot by lot, each until its expiry. A lot is free
-- (`available`), pinned by holds or spent (`hold_lot`), or expired, and nothing else.
CREATE TABLE promotional_lot (
  id BLOB PRIMARY KEY,
  business BLOB NOT NULL REFERENCES business (id),
  amount INTEGER NOT NULL CHECK (amount > 0),
  available INTEGER NOT NULL CHECK (available >= 0),
  expired INTEGER NOT NULL DEFAULT 0 CHECK (expired >= 0),
  reason TEXT NOT NULL,
  granted_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  CHECK (available + expired <= amount)
) STRICT;
CREATE INDEX promotional_lot_business ON promotional_lot (business, expires_at);
CREATE INDEX promotional_lot_due ON promotional_lot (expires_at) WHERE available > 0;

-- What of a hold came out of a lot; the rest of the hold is cash.
CREATE TABLE hold_lot (
  campaign BLOB NOT NULL REFERENCES hold (campaign),
  lot BLOB NOT NULL REFERENCES promotional_lot (id),
  expires_at INTEGER NOT NULL,
  amount INTEGER NOT NULL CHECK (amount >= 0),
  captured INTEGER NOT NULL DEFAULT 0 CHECK (captured >= 0),
  released INTEGER NOT NULL DEFAULT 0 CHECK (released >= 0),
  PRIMARY KEY (campaign, lot),
  CHECK (captured + released <= amount)
) STRICT;
CREATE INDEX hold_lot_lot ON hold_lot (lot);

ALTER TABLE ledger_entry ADD COLUMN lot BLOB;
