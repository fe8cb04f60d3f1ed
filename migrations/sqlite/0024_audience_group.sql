-- Audience groups: audiences that are kept under a number of thirteen digits, made by a brand's
-- programs or on the console. What a campaign aims at is read from their members.
CREATE TABLE audience_group (
  id INTEGER PRIMARY KEY,
  account BLOB NOT NULL REFERENCES account (id),
  description TEXT NOT NULL,
  -- The description in small letters, for who searches.
  folded TEXT NOT NULL,
  -- Uploaded ids (1), who clicked (2), who saw (3).
  kind INTEGER NOT NULL,
  -- By a program (1), on the console (2).
  route INTEGER NOT NULL,
  -- In progress (1), ready (2), failed (3).
  status INTEGER NOT NULL,
  -- Why it failed: nobody is in it (1), a defect of ours (2).
  failure INTEGER,
  members INTEGER NOT NULL,
  -- What was clicked or seen: the id of the request or campaign as it was asked for, the campaign,
  -- and the address, where one was named.
  request BLOB,
  campaign BLOB REFERENCES campaign (id),
  click_url TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  -- Nobody finds it any more; its members go once no campaign may still be cut from them.
  deleted_at INTEGER
) STRICT;
CREATE INDEX audience_group_of_account ON audience_group (account, created_at, id);
CREATE INDEX audience_group_ends ON audience_group (expires_at);

-- The members by words of 64 user numbers: bit n of word w is user 64 w + n.
CREATE TABLE audience_group_member (
  account BLOB NOT NULL,
  audience_group INTEGER NOT NULL,
  word INTEGER NOT NULL,
  bits INTEGER NOT NULL,
  PRIMARY KEY (account, audience_group, word)
) STRICT, WITHOUT ROWID;

-- What fills a group: a file of ids that lies in the data folder under the job's id, or what people
-- did with a campaign.
CREATE TABLE audience_group_job (
  id BLOB PRIMARY KEY,
  account BLOB NOT NULL REFERENCES account (id),
  audience_group INTEGER NOT NULL,
  description TEXT,
  -- Queued (1), working (2), finished (3), failed (4).
  status INTEGER NOT NULL,
  failure INTEGER,
  -- In words, for the person who repairs the file.
  failure_words TEXT,
  -- Ids of the file, each line one, and how many of them nobody has.
  ids INTEGER NOT NULL,
  unknown_ids INTEGER NOT NULL,
  -- Members that it added.
  added INTEGER NOT NULL,
  has_file INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  -- Whoever works at it says until when nobody else should.
  working_until INTEGER,
  ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX audience_group_job_of_group ON audience_group_job (audience_group, created_at);
CREATE INDEX audience_group_job_waits ON audience_group_job (created_at, id)
  WHERE ended_at IS NULL;
