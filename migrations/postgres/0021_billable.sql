-- What makes a send one that is billed: 1 that the messenger accepted it, 2 that it confirmed the
-- delivery. Of a campaign as its contract said at the launch; of a day of API sending, when it
-- began.
ALTER TABLE contract ADD COLUMN billable BIGINT NOT NULL DEFAULT 1;
ALTER TABLE campaign ADD COLUMN billable BIGINT NOT NULL DEFAULT 1;

-- Outcome 7, unconfirmed: accepted by the messenger, whose word on the delivery is what is billed.
-- A late outcome replaces it as it does an uncertain one.
CREATE OR REPLACE VIEW send AS
SELECT s.*,
  CASE WHEN s.outcome IS NULL THEN 'pending'
    WHEN s.outcome = 1 THEN 'accepted' WHEN s.outcome = 2 THEN 'confirmed'
    WHEN s.outcome = 3 THEN 'uncertain' WHEN s.outcome = 4 THEN 'cancelled'
    WHEN s.outcome = 6 THEN 'written_off' WHEN s.outcome = 7 THEN 'unconfirmed'
    WHEN s.outcome < 128 THEN 'failed'
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
