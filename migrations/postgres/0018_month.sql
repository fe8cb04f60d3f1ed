-- Months that are closed and invoiced. A contract says what a month costs whatever is sent, how its
-- bands are read, when VAT is due and how a total is rounded.
ALTER TABLE contract ADD COLUMN monthly_fee BIGINT NOT NULL DEFAULT 0 CHECK (monthly_fee >= 0);
ALTER TABLE contract ADD COLUMN band_mode BIGINT NOT NULL DEFAULT 1;
ALTER TABLE contract ADD COLUMN vat_base BIGINT NOT NULL DEFAULT 1;
ALTER TABLE contract ADD COLUMN rounding BIGINT NOT NULL DEFAULT 1;

-- Invoiced and not paid yet, VAT included. `owed` is what is not invoiced yet.
ALTER TABLE wallet ADD COLUMN receivable BIGINT NOT NULL DEFAULT 0 CHECK (receivable >= 0);

-- Whose bill a capture is on: the month its send settled in, in the business's zone, or the first
-- one after it that was not closed when it was captured.
ALTER TABLE capture ADD COLUMN bill_month BIGINT NOT NULL DEFAULT 0;
UPDATE capture SET bill_month = month;

-- A closed month and its invoice, where there was something to invoice. Insert only.
CREATE TABLE month_close (
  business BYTEA NOT NULL REFERENCES business (id),
  month BIGINT NOT NULL,
  -- Counted up over all businesses, without gaps.
  invoice BIGINT UNIQUE,
  contract_version BIGINT NOT NULL,
  vat_base BIGINT NOT NULL,
  rounding BIGINT NOT NULL,
  -- Sends on the bill; what they were captured at, what re-rating gave back, what promotional
  -- credit paid.
  units BIGINT NOT NULL CHECK (units >= 0),
  captured BIGINT NOT NULL CHECK (captured >= 0),
  re_rated BIGINT NOT NULL CHECK (re_rated >= 0),
  promotional BIGINT NOT NULL CHECK (promotional >= 0),
  fee BIGINT NOT NULL CHECK (fee >= 0),
  net BIGINT NOT NULL,
  vat BIGINT NOT NULL,
  rounded BIGINT NOT NULL,
  total BIGINT NOT NULL,
  paid BIGINT NOT NULL,
  due BIGINT NOT NULL CHECK (due >= 0),
  -- Of the invoice; none where nothing was to be posted.
  ledger_transaction BYTEA,
  closed_at BIGINT NOT NULL,
  PRIMARY KEY (business, month),
  CHECK (net = captured - re_rated - promotional + fee),
  CHECK (total = net + vat + rounded),
  CHECK (total = paid + due)
);

-- What a bill counts: sends of a tariff at a price. Insert only.
CREATE TABLE month_line (
  business BYTEA NOT NULL,
  month BIGINT NOT NULL,
  tariff BIGINT NOT NULL,
  price_version BIGINT NOT NULL,
  unit_price BIGINT NOT NULL,
  units BIGINT NOT NULL CHECK (units >= 0),
  PRIMARY KEY (business, month, tariff, price_version, unit_price)
);

-- What a campaign's sends of a month cost less because of the band the month reached. Insert only.
CREATE TABLE re_rating (
  business BYTEA NOT NULL,
  month BIGINT NOT NULL,
  campaign BYTEA NOT NULL REFERENCES campaign (id),
  tariff BIGINT NOT NULL,
  units BIGINT NOT NULL CHECK (units > 0),
  unit_price BIGINT NOT NULL CHECK (unit_price >= 0),
  captured BIGINT NOT NULL,
  back BIGINT NOT NULL CHECK (back > 0),
  ledger_transaction BYTEA NOT NULL,
  PRIMARY KEY (business, month, campaign, tariff),
  CHECK (back = captured - units * unit_price)
);
CREATE INDEX re_rating_campaign ON re_rating (campaign);

-- Bank transfers that paid an invoice. Insert only.
CREATE TABLE invoice_payment (
  ledger_transaction BYTEA PRIMARY KEY,
  business BYTEA NOT NULL,
  month BIGINT NOT NULL,
  amount BIGINT NOT NULL CHECK (amount > 0),
  paid_at BIGINT NOT NULL
);
CREATE INDEX invoice_payment_month ON invoice_payment (business, month);

-- What of an invoice was taken back: an invoice itself is never changed. Insert only.
CREATE TABLE credit_note (
  ledger_transaction BYTEA PRIMARY KEY,
  -- Counted up over all businesses, without gaps.
  number BIGINT NOT NULL UNIQUE,
  business BYTEA NOT NULL,
  month BIGINT NOT NULL,
  net BIGINT NOT NULL CHECK (net > 0),
  vat BIGINT NOT NULL,
  rounded BIGINT NOT NULL,
  total BIGINT NOT NULL CHECK (total >= 0),
  of_receivable BIGINT NOT NULL CHECK (of_receivable >= 0),
  reason TEXT COLLATE "C" NOT NULL,
  issued_at BIGINT NOT NULL,
  CHECK (total = net + vat + rounded),
  CHECK (of_receivable <= total)
);
CREATE INDEX credit_note_month ON credit_note (business, month);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY string_to_array(
    'month_close month_line re_rating invoice_payment credit_note', ' ')
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY wall ON %I USING (business = chingu_business())', name);
  END LOOP;
END $$;
