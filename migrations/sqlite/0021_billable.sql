-- What makes a send one that is billed: 1 that the messenger accepted it, 2 that it confirmed the
-- delivery. Of a campaign as its contract said at the launch; of a day of API sending, when it
-- began.
ALTER TABLE contract ADD COLUMN billable INTEGER NOT NULL DEFAULT 1;
ALTER TABLE campaign ADD COLUMN billable INTEGER NOT NULL DEFAULT 1;
