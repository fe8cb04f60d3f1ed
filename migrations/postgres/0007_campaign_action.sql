-- What was done to a campaign under way, by whom and why: shown with it for as long as it is kept.
-- A cancel says what it stopped, because afterwards its state tells only that it is closed.
CREATE TABLE campaign_action (
  campaign BYTEA NOT NULL REFERENCES campaign (id),
  -- The writer's: the order in which it happened.
  sequence BIGINT NOT NULL,
  at BIGINT NOT NULL,
  action BIGINT NOT NULL,
  -- NULL where it was done from a shell.
  member BYTEA,
  reason TEXT COLLATE "C" NOT NULL,
  -- Units that were frozen and not begun, units not frozen yet, and the money that went back at
  -- once; 0 but for a cancel.
  not_begun BIGINT NOT NULL,
  not_frozen BIGINT NOT NULL,
  released BIGINT NOT NULL,
  PRIMARY KEY (campaign, sequence)
);
