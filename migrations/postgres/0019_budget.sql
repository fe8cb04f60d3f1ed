-- Budgets: the most that may be held and spent on the campaigns launched in a month of the business
-- (scope 1), in a day of an account (2), or by one campaign (3). The latest version holds, none is
-- ever changed; without an amount there is no limit any more. `ledger_sequence` is the last
-- transaction that the business's books had then: a hold is judged by the budgets of its moment.
CREATE TABLE budget (
  business BYTEA NOT NULL REFERENCES business (id),
  scope BIGINT NOT NULL,
  -- The business, the account or the campaign.
  subject BYTEA NOT NULL,
  version BIGINT NOT NULL,
  amount BIGINT CHECK (amount >= 0),
  ledger_sequence BIGINT NOT NULL,
  set_at BIGINT NOT NULL,
  PRIMARY KEY (business, scope, subject, version)
);
-- What counts in a day or month: campaigns by their launch.
CREATE INDEX campaign_launched ON campaign (business, launched_at) WHERE launched_at IS NOT NULL;

-- What happens to a campaign where money, plan or budgets do not suffice for everybody, chosen before
-- its launch: 1 it is not started, 2 it waits for a top-up, 3 and 4 it is sent to as many as they
-- suffice for, by user number or by a seed.
ALTER TABLE campaign ADD COLUMN if_short BIGINT NOT NULL DEFAULT 1;
-- Of one that waits: since when, for how much, and the most that whoever sent it agreed to.
ALTER TABLE campaign ADD COLUMN waits_since BIGINT;
ALTER TABLE campaign ADD COLUMN waits_for BIGINT;
ALTER TABLE campaign ADD COLUMN highest_amount BIGINT;
-- Launches that were granted fewer than they asked for: how those were chosen (1 by the lowest user
-- numbers, 2 by the seed), and what was short (1 money, 2 the plan, 3 a budget).
CREATE TABLE partial_launch (
  campaign BYTEA PRIMARY KEY REFERENCES campaign (id),
  asked BIGINT NOT NULL,
  granted BIGINT NOT NULL CHECK (granted > 0 AND granted < asked),
  method BIGINT NOT NULL,
  seed BIGINT,
  short_of BIGINT NOT NULL
);

-- Scheduled campaigns are looked at a day and an hour before their time (`step`, in hours): whether
-- wallet, plan and budgets suffice then. Once each for a time; another time is another look.
CREATE TABLE launch_forecast (
  campaign BYTEA NOT NULL REFERENCES campaign (id),
  step BIGINT NOT NULL,
  scheduled_for BIGINT NOT NULL,
  looked_at BIGINT NOT NULL,
  asked BIGINT NOT NULL,
  granted BIGINT NOT NULL,
  needed BIGINT NOT NULL,
  -- Of money or of a budget, how much; nothing of a plan.
  missing BIGINT NOT NULL,
  -- What was short (1 money, 2 the plan, 3 a budget); nothing where there is enough.
  short_of BIGINT,
  PRIMARY KEY (campaign, step)
);
-- Of each period of a budget, when half of it, four fifths and all of it were used for the first
-- time. `period` is when that day or month begins.
CREATE TABLE budget_alert (
  business BYTEA NOT NULL REFERENCES business (id),
  scope BIGINT NOT NULL,
  subject BYTEA NOT NULL,
  period BIGINT NOT NULL,
  percent BIGINT NOT NULL,
  used BIGINT NOT NULL,
  amount BIGINT NOT NULL,
  reached_at BIGINT NOT NULL,
  PRIMARY KEY (business, scope, subject, period, percent)
);

ALTER TABLE budget ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON budget USING (business = chingu_business());
ALTER TABLE partial_launch ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON partial_launch USING (
  EXISTS (SELECT FROM campaign AS owner WHERE owner.id = partial_launch.campaign));
ALTER TABLE launch_forecast ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON launch_forecast USING (
  EXISTS (SELECT FROM campaign AS owner WHERE owner.id = launch_forecast.campaign));
ALTER TABLE budget_alert ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON budget_alert USING (business = chingu_business());
