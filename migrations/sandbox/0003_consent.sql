-- When, where and to which words a person answered, and the words themselves: what a receipt shows.
ALTER TABLE contact ADD COLUMN promotion_at INTEGER;
ALTER TABLE contact ADD COLUMN promotion_wording TEXT;
ALTER TABLE contact ADD COLUMN promotion_place TEXT;
ALTER TABLE contact ADD COLUMN night_at INTEGER;
ALTER TABLE contact ADD COLUMN night_wording TEXT;
ALTER TABLE contact ADD COLUMN night_place TEXT;

-- Every wording an account showed; what was agreed to never changes.
CREATE TABLE wording (
  handle TEXT NOT NULL,
  version TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (handle, version)
) STRICT, WITHOUT ROWID;
