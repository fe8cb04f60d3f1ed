-- Audience groups: audiences that are kept under a number of thirteen digits, made by a brand's
-- programs or on the console. What a campaign aims at is read from their members.
CREATE TABLE audience_group (
  id BIGINT PRIMARY KEY,
  account BYTEA NOT NULL REFERENCES account (id),
  description TEXT COLLATE "C" NOT NULL,
  -- The description in small letters, for who searches.
  folded TEXT COLLATE "C" NOT NULL,
  -- Uploaded ids (1), who clicked (2), who saw (3).
  kind BIGINT NOT NULL,
  -- By a program (1), on the console (2).
  route BIGINT NOT NULL,
  -- In progress (1), ready (2), failed (3).
  status BIGINT NOT NULL,
  -- Why it failed: nobody is in it (1), a defect of ours (2).
  failure BIGINT,
  members BIGINT NOT NULL,
  -- What was clicked or seen: the id of the request or campaign as it was asked for, the campaign,
  -- and the address, where one was named.
  request BYTEA,
  campaign BYTEA REFERENCES campaign (id),
  click_url TEXT COLLATE "C",
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  -- Nobody finds it any more; its members go once no campaign may still be cut from them.
  deleted_at BIGINT
);
CREATE INDEX audience_group_of_account ON audience_group (account, created_at, id);
CREATE INDEX audience_group_ends ON audience_group (expires_at);

-- The members by words of 64 user numbers: bit n of word w is user 64 w + n.
CREATE TABLE audience_group_member (
  account BYTEA NOT NULL,
  audience_group BIGINT NOT NULL,
  word BIGINT NOT NULL,
  bits BIGINT NOT NULL,
  PRIMARY KEY (account, audience_group, word)
);

-- What fills a group: a file of ids that lies in the data folder under the job's id, or what people
-- did with a campaign.
CREATE TABLE audience_group_job (
  id BYTEA PRIMARY KEY,
  account BYTEA NOT NULL REFERENCES account (id),
  audience_group BIGINT NOT NULL,
  description TEXT COLLATE "C",
  -- Queued (1), working (2), finished (3), failed (4).
  status BIGINT NOT NULL,
  failure BIGINT,
  -- In words, for the person who repairs the file.
  failure_words TEXT COLLATE "C",
  -- Ids of the file, each line one, and how many of them nobody has.
  ids BIGINT NOT NULL,
  unknown_ids BIGINT NOT NULL,
  -- Members that it added.
  added BIGINT NOT NULL,
  has_file BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  -- Whoever works at it says until when nobody else should.
  working_until BIGINT,
  ended_at BIGINT
);
CREATE INDEX audience_group_job_of_group ON audience_group_job (audience_group, created_at);
CREATE INDEX audience_group_job_waits ON audience_group_job (created_at, id)
  WHERE ended_at IS NULL;

ALTER TABLE audience_group ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON audience_group USING (account IN (SELECT id FROM account));
ALTER TABLE audience_group_member ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON audience_group_member USING (account IN (SELECT id FROM account));
ALTER TABLE audience_group_job ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON audience_group_job USING (account IN (SELECT id FROM account));
