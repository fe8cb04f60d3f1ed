-- Budgets: the most that may be held and spent on the campaigns launched in a month of the business
-- (scope 1), in a day of an account (2), or by one campaign (3). The latest version holds, none is
-- ever changed; without an amount there is no limit any more. `ledger_sequence` is the last
-- transaction that the business's books had then: a hold is judged by the budgets of its moment.
CREATE TABLE budget (
  business BLOB NOT NULL REFERENCES business (id),
  scope INTEGER NOT NULL,
  -- The business, the account or the campaign.
  subject BLOB NOT NULL,
  version INTEGER NOT NULL,
  amount INTEGER CHECK (amount >= 0),
  ledger_sequence INTEGER NOT NULL,
  set_at INTEGER NOT NULL,
  PRIMARY KEY (business, scope, subject, version)
) STRICT, WITHOUT ROWID;
-- What counts in a day or month: campaigns by their launch.
CREATE INDEX campaign_launched ON campaign (business, launched_at) WHERE launched_at IS NOT NULL;

-- What happens to a campaign where money, plan or budgets do not suffice for everybody, chosen before
-- its launch: 1 it is not started, 2 it waits for a top-up, 3 and 4 it is sent to as many as they
-- suffice for, by user number or by a seed.
ALTER TABLE campaign ADD COLUMN if_short INTEGER NOT NULL DEFAULT 1;
-- Of one that waits: since when, for how much, and the most that whoever sent it agreed to.
ALTER TABLE campaign ADD COLUMN waits_since INTEGER;
ALTER TABLE campaign ADD COLUMN waits_for INTEGER;
ALTER TABLE campaign ADD COLUMN highest_amount INTEGER;
-- Launches that were granted fewer than they asked for: how those were chosen (1 by the lowest user
-- numbers, 2 by the seed), and what was short (1 money, 2 the plan, 3 a budget).
CREATE TABLE partial_launch (
  campaign BLOB PRIMARY KEY REFERENCES campaign (id),
  asked INTEGER NOT NULL,
  granted INTEGER NOT NULL CHECK (granted > 0 AND granted < asked),
  method INTEGER NOT NULL,
  seed INTEGER,
  short_of INTEGER NOT NULL
) STRICT;

-- Scheduled campaigns are looked at a day and an hour before their time (`step`, in hours): whether
-- wallet, plan and budgets suffice then. Once each for a time; another time is another look.
CREATE TABLE launch_forecast (
  campaign BLOB NOT NULL REFERENCES campaign (id),
  step INTEGER NOT NULL,
  scheduled_for INTEGER NOT NULL,
  looked_at INTEGER NOT NULL,
  asked INTEGER NOT NULL,
  granted INTEGER NOT NULL,
  needed INTEGER NOT NULL,
  -- Of money or of a budget, how much; nothing of a plan.
  missing INTEGER NOT NULL,
  -- What was short (1 money, 2 the plan, 3 a budget); nothing where there is enough.
  short_of INTEGER,
  PRIMARY KEY (campaign, step)
) STRICT, WITHOUT ROWID;
-- Of each period of a budget, when half of it, four fifths and all of it were used for the first
-- time. `period` is when that day or month begins.
CREATE TABLE budget_alert (
  business BLOB NOT NULL REFERENCES business (id),
  scope INTEGER NOT NULL,
  subject BLOB NOT NULL,
  period INTEGER NOT NULL,
  percent INTEGER NOT NULL,
  used INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  reached_at INTEGER NOT NULL,
  PRIMARY KEY (business, scope, subject, period, percent)
) STRICT, WITHOUT ROWID;
