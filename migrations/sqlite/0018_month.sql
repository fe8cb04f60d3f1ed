-- Months that are closed and invoiced. A contract says what a month costs whatever is sent, how its
-- bands are read, when VAT is due and how a total is rounded.
ALTER TABLE contract ADD COLUMN monthly_fee INTEGER NOT NULL DEFAULT 0 CHECK (monthly_fee >= 0);
ALTER TABLE contract ADD COLUMN band_mode INTEGER NOT NULL DEFAULT 1;
ALTER TABLE contract ADD COLUMN vat_base INTEGER NOT NULL DEFAULT 1;
ALTER TABLE contract ADD COLUMN rounding INTEGER NOT NULL DEFAULT 1;

-- Invoiced and not paid yet, VAT included. `owed` is what is not invoiced yet.
ALTER TABLE wallet ADD COLUMN receivable INTEGER NOT NULL DEFAULT 0 CHECK (receivable >= 0);

-- Whose bill a capture is on: the month its send settled in, in the business's zone, or the first
-- one after it that was not closed when it was captured.
ALTER TABLE capture ADD COLUMN bill_month INTEGER NOT NULL DEFAULT 0;
UPDATE capture SET bill_month = month;

-- A closed month and its invoice, where there was something to invoice. Insert only.
CREATE TABLE month_close (
  business BLOB NOT NULL REFERENCES business (id),
  month INTEGER NOT NULL,
  -- Counted up over all businesses, without gaps.
  invoice INTEGER UNIQUE,
  contract_version INTEGER NOT NULL,
  vat_base INTEGER NOT NULL,
  rounding INTEGER NOT NULL,
  -- Sends on the bill; what they were captured at, what re-rating gave back, what promotional
  -- credit paid.
  units INTEGER NOT NULL CHECK (units >= 0),
  captured INTEGER NOT NULL CHECK (captured >= 0),
  re_rated INTEGER NOT NULL CHECK (re_rated >= 0),
  promotional INTEGER NOT NULL CHECK (promotional >= 0),
  fee INTEGER NOT NULL CHECK (fee >= 0),
  net INTEGER NOT NULL,
  vat INTEGER NOT NULL,
  rounded INTEGER NOT NULL,
  total INTEGER NOT NULL,
  paid INTEGER NOT NULL,
  due INTEGER NOT NULL CHECK (due >= 0),
  -- Of the invoice; none where nothing was to be posted.
  ledger_transaction BLOB,
  closed_at INTEGER NOT NULL,
  PRIMARY KEY (business, month),
  CHECK (net = captured - re_rated - promotional + fee),
  CHECK (total = net + vat + rounded),
  CHECK (total = paid + due)
) STRICT;

-- What a bill counts: sends of a tariff at a price. Insert only.
CREATE TABLE month_line (
  business BLOB NOT NULL,
  month INTEGER NOT NULL,
  tariff INTEGER NOT NULL,
  price_version INTEGER NOT NULL,
  unit_price INTEGER NOT NULL,
  units INTEGER NOT NULL CHECK (units >= 0),
  PRIMARY KEY (business, month, tariff, price_version, unit_price)
) STRICT;

-- What a campaign's sends of a month cost less because of the band the month reached. Insert only.
CREATE TABLE re_rating (
  business BLOB NOT NULL,
  month INTEGER NOT NULL,
  campaign BLOB NOT NULL REFERENCES campaign (id),
  tariff INTEGER NOT NULL,
  units INTEGER NOT NULL CHECK (units > 0),
  unit_price INTEGER NOT NULL CHECK (unit_price >= 0),
  captured INTEGER NOT NULL,
  back INTEGER NOT NULL CHECK (back > 0),
  ledger_transaction BLOB NOT NULL,
  PRIMARY KEY (business, month, campaign, tariff),
  CHECK (back = captured - units * unit_price)
) STRICT;
CREATE INDEX re_rating_campaign ON re_rating (campaign);

-- Bank transfers that paid an invoice. Insert only.
CREATE TABLE invoice_payment (
  ledger_transaction BLOB PRIMARY KEY,
  business BLOB NOT NULL,
  month INTEGER NOT NULL,
  amount INTEGER NOT NULL CHECK (amount > 0),
  paid_at INTEGER NOT NULL
) STRICT;
CREATE INDEX invoice_payment_month ON invoice_payment (business, month);

-- What of an invoice was taken back: an invoice itself is never changed. Insert only.
CREATE TABLE credit_note (
  ledger_transaction BLOB PRIMARY KEY,
  -- Counted up over all businesses, without gaps.
  number INTEGER NOT NULL UNIQUE,
  business BLOB NOT NULL,
  month INTEGER NOT NULL,
  net INTEGER NOT NULL CHECK (net > 0),
  vat INTEGER NOT NULL,
  rounded INTEGER NOT NULL,
  total INTEGER NOT NULL CHECK (total >= 0),
  of_receivable INTEGER NOT NULL CHECK (of_receivable >= 0),
  reason TEXT NOT NULL,
  issued_at INTEGER NOT NULL,
  CHECK (total = net + vat + rounded),
  CHECK (of_receivable <= total)
) STRICT;
CREATE INDEX credit_note_month ON credit_note (business, month);
