-- What was done to a campaign under way, by whom and why: shown with it for as long as it is kept.
-- A cancel says what it stopped, because afterwards its state tells only that it is closed.
CREATE TABLE campaign_action (
  campaign BLOB NOT NULL REFERENCES campaign (id),
  -- The writer's: the order in which it happened.
  sequence INTEGER NOT NULL,
  at INTEGER NOT NULL,
  action INTEGER NOT NULL,
  -- NULL where it was done from a shell.
  member BLOB,
  reason TEXT NOT NULL,
  -- Units that were frozen and not begun, units not frozen yet, and the money that went back at
  -- once; 0 but for a cancel.
  not_begun INTEGER NOT NULL,
  not_frozen INTEGER NOT NULL,
  released INTEGER NOT NULL,
  PRIMARY KEY (campaign, sequence)
) STRICT, WITHOUT ROWID;
