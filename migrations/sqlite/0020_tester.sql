-- Testers: friends of an account to whom what a draft says is sent before anybody else gets it. A
-- test is a campaign of its own kind, `test_of` the draft; whom it goes to stands in a list of its
-- own, which no audience may name.
CREATE TABLE tester (
  account BLOB NOT NULL REFERENCES account (id),
  number INTEGER NOT NULL,
  added_at INTEGER NOT NULL,
  PRIMARY KEY (account, number)
) STRICT, WITHOUT ROWID;

ALTER TABLE campaign ADD COLUMN test_of BLOB REFERENCES campaign (id);
CREATE INDEX campaign_test ON campaign (account, created_at) WHERE test_of IS NOT NULL;
CREATE INDEX campaign_test_of ON campaign (test_of) WHERE test_of IS NOT NULL;
ALTER TABLE user_list ADD COLUMN test_of BLOB REFERENCES campaign (id);
CREATE INDEX user_list_test_of ON user_list (test_of) WHERE test_of IS NOT NULL;
