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

-- Price books have names, which contracts choose from; a tariff's price may fall by bands.
ALTER TABLE price ADD COLUMN book TEXT NOT NULL DEFAULT 'standard';
-- Beside the first band, which is the row in `price`: from so many units of the month on.
CREATE TABLE price_band (
  version INTEGER NOT NULL,
  currency TEXT NOT NULL,
  tariff INTEGER NOT NULL,
  after INTEGER NOT NULL CHECK (after > 0),
  unit_price INTEGER NOT NULL CHECK (unit_price >= 0),
  PRIMARY KEY (version, currency, tariff, after)
) STRICT;
-- What LINE takes in Japan for messages beyond a plan: 3 JPY, falling. The first two bands are
-- published; the later ones are as partners tell them.
INSERT INTO price (version, currency, tariff, unit_price, effective_from, book)
  SELECT 2, 'JPY', tariff, 3000000, 0, 'line-japan' FROM price WHERE version = 1;
INSERT INTO price_band (version, currency, tariff, after, unit_price)
  SELECT 2, 'JPY', p.tariff, b.after, b.unit_price
  FROM price p CROSS JOIN (
    SELECT 50000 AS after, 2800000 AS unit_price UNION ALL SELECT 100000, 2600000
    UNION ALL SELECT 200000, 2400000 UNION ALL SELECT 300000, 2200000
    UNION ALL SELECT 400000, 2000000 UNION ALL SELECT 500000, 1900000
    UNION ALL SELECT 600000, 1800000 UNION ALL SELECT 700000, 1700000
    UNION ALL SELECT 800000, 1600000 UNION ALL SELECT 900000, 1500000
    UNION ALL SELECT 1000000, 1400000 UNION ALL SELECT 3000000, 1300000
    UNION ALL SELECT 5000000, 1200000 UNION ALL SELECT 7000000, 1100000
    UNION ALL SELECT 10000000, 1000000
  ) AS b WHERE p.version = 2;

-- What a business agreed to; the latest version in effect holds, and none is ever changed.
CREATE TABLE contract (
  business BLOB NOT NULL REFERENCES business (id),
  version INTEGER NOT NULL,
  effective_from INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  book TEXT NOT NULL,
  credit_limit INTEGER NOT NULL CHECK (credit_limit >= 0),
  quota INTEGER NOT NULL CHECK (quota >= 0),
  additional_max INTEGER CHECK (additional_max >= 0),
  time_zone TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (business, version)
) STRICT;

-- Of a campaign under a plan: what it took of which month, and that what a send costs depends on
-- those before it (`by_unit`).
ALTER TABLE campaign_tariff ADD COLUMN quota INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaign_tariff ADD COLUMN plan_month INTEGER;
ALTER TABLE campaign_tariff ADD COLUMN by_unit INTEGER NOT NULL DEFAULT 0;
-- What campaigns launched in a month took of its plan, reserved and sent alike.
CREATE TABLE plan_use (
  business BLOB NOT NULL REFERENCES business (id),
  month INTEGER NOT NULL,
  quota INTEGER NOT NULL CHECK (quota >= 0),
  additional INTEGER NOT NULL CHECK (additional >= 0),
  PRIMARY KEY (business, month)
) STRICT;
-- Units that were captured at a price in the month they settled in: where its bands stand.
CREATE TABLE band_use (
  business BLOB NOT NULL REFERENCES business (id),
  month INTEGER NOT NULL,
  tariff INTEGER NOT NULL,
  units INTEGER NOT NULL CHECK (units >= 0),
  PRIMARY KEY (business, month, tariff)
) STRICT;

-- Spent on credit and not paid yet: unbilled and receivable. A prepaid wallet owes nothing.
ALTER TABLE wallet ADD COLUMN owed INTEGER NOT NULL DEFAULT 0 CHECK (owed >= 0);
