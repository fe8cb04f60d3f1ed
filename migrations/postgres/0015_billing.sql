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

-- Price books have names, which contracts choose from; a tariff's price may fall by bands.
ALTER TABLE price ADD COLUMN book TEXT COLLATE "C" NOT NULL DEFAULT 'standard';
-- Beside the first band, which is the row in `price`: from so many units of the month on.
CREATE TABLE price_band (
  version BIGINT NOT NULL,
  currency TEXT COLLATE "C" NOT NULL,
  tariff BIGINT NOT NULL,
  after BIGINT NOT NULL CHECK (after > 0),
  unit_price BIGINT NOT NULL CHECK (unit_price >= 0),
  PRIMARY KEY (version, currency, tariff, after)
);
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
  business BYTEA NOT NULL REFERENCES business (id),
  version BIGINT NOT NULL,
  effective_from BIGINT NOT NULL,
  kind BIGINT NOT NULL,
  book TEXT COLLATE "C" NOT NULL,
  credit_limit BIGINT NOT NULL CHECK (credit_limit >= 0),
  quota BIGINT NOT NULL CHECK (quota >= 0),
  additional_max BIGINT CHECK (additional_max >= 0),
  time_zone TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (business, version)
);

-- Of a campaign under a plan: what it took of which month, and that what a send costs depends on
-- those before it (`by_unit`).
ALTER TABLE campaign_tariff ADD COLUMN quota BIGINT NOT NULL DEFAULT 0;
ALTER TABLE campaign_tariff ADD COLUMN plan_month BIGINT;
ALTER TABLE campaign_tariff ADD COLUMN by_unit BIGINT NOT NULL DEFAULT 0;
-- What campaigns launched in a month took of its plan, reserved and sent alike.
CREATE TABLE plan_use (
  business BYTEA NOT NULL REFERENCES business (id),
  month BIGINT NOT NULL,
  quota BIGINT NOT NULL CHECK (quota >= 0),
  additional BIGINT NOT NULL CHECK (additional >= 0),
  PRIMARY KEY (business, month)
);
-- Units that were captured at a price in the month they settled in: where its bands stand.
CREATE TABLE band_use (
  business BYTEA NOT NULL REFERENCES business (id),
  month BIGINT NOT NULL,
  tariff BIGINT NOT NULL,
  units BIGINT NOT NULL CHECK (units >= 0),
  PRIMARY KEY (business, month, tariff)
);

-- Spent on credit and not paid yet: unbilled and receivable. A prepaid wallet owes nothing.
ALTER TABLE wallet ADD COLUMN owed BIGINT NOT NULL DEFAULT 0 CHECK (owed >= 0);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY string_to_array('band_use contract plan_use promotional_lot', ' ')
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY wall ON %I USING (business = chingu_business())', name);
  END LOOP;
END $$;
ALTER TABLE hold_lot ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON hold_lot USING (
  EXISTS (SELECT FROM campaign AS owner WHERE owner.id = hold_lot.campaign));

-- Where a price depends on the sends before it, what each send was captured at; elsewhere the price
-- of its campaign, as ever.
CREATE OR REPLACE VIEW send AS
SELECT s.*,
  CASE WHEN s.outcome IS NULL THEN 'pending'
    WHEN s.outcome = 1 THEN 'accepted' WHEN s.outcome = 2 THEN 'confirmed'
    WHEN s.outcome = 3 THEN 'uncertain' WHEN s.outcome = 4 THEN 'cancelled'
    WHEN s.outcome = 6 THEN 'written_off' WHEN s.outcome < 128 THEN 'failed'
    ELSE 'excluded' END AS outcome_name,
  CASE WHEN s.outcome IN (1, 2) THEN s.unit_price ELSE 0 END AS billed_micro
FROM (
  SELECT p.business, p.account, p.month, p.campaign, p.request, p.chunk, p.round, p.first_number,
    p.last_number, p.position, p.user_number, p.tariff,
    COALESCE(p.captured_price, p.unit_price) AS unit_price, p.message, p.state, p.settled_at,
    p.outcome
  FROM (
    SELECT k.business, k.account, c.month, c.campaign, c.request, c.number AS chunk, c.round,
      c.first_number, c.last_number, generate_subscripts(c.numbers, 1) - 1 AS position,
      unnest(c.numbers) AS user_number, c.tariff, t.unit_price, c.message, c.state, c.settled_at,
      unnest(CASE
        WHEN c.uncertain > 0 THEN (
          SELECT array_agg(COALESCE(a.outcome::int2, o.outcome) ORDER BY o.place)
          FROM unnest(c.outcomes) WITH ORDINALITY AS o (outcome, place)
          LEFT JOIN amendment a ON a.month = c.month AND a.campaign = c.campaign
            AND a.number = c.number AND a.round = c.round AND a.position = o.place - 1)
        -- What ended unsent has no outcomes: cancelled for everybody.
        WHEN c.outcomes IS NULL AND c.state >= 10 THEN array_fill(4::int2, ARRAY[c.size::int4])
        ELSE c.outcomes END) AS outcome,
      unnest(CASE WHEN t.by_unit = 1 THEN (
        SELECT array_agg((
          SELECT p.unit_price FROM (
            SELECT q.unit_price, q.part, SUM(q.units) OVER (ORDER BY q.part) AS until
            FROM capture q WHERE q.month = c.month AND q.campaign = c.campaign
              AND q.number = c.number AND q.round = c.round
              AND CASE WHEN o.outcome IN (1, 2) THEN q.part = 0 OR q.part >= 2000
                ELSE q.part = o.place END
          ) AS p WHERE o.outcome NOT IN (1, 2) OR p.until > o.before
          ORDER BY p.part LIMIT 1) ORDER BY o.place)
        FROM (
          SELECT n.outcome, n.place,
            COUNT(*) FILTER (WHERE n.outcome IN (1, 2)) OVER (ORDER BY n.place)
              - CASE WHEN n.outcome IN (1, 2) THEN 1 ELSE 0 END AS before
          FROM unnest(c.outcomes) WITH ORDINALITY AS n (outcome, place)
        ) AS o) END) AS captured_price
    FROM chunk c
    JOIN campaign k ON k.id = c.campaign
    JOIN campaign_tariff t ON t.campaign = c.campaign AND t.tariff = c.tariff
    WHERE c.size > 0
  ) AS p
) AS s
WHERE s.outcome IS DISTINCT FROM 5;
