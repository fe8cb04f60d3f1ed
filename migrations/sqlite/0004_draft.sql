-- What people write before a campaign is sent, as they left it: it may be unfinished or wrong, and
-- none of it is lost. Parts are saved apart, so that who chooses the audience in one window does not
-- stand in the way of who writes the message in another.
CREATE TABLE draft_part (
  campaign BLOB NOT NULL REFERENCES campaign (id),
  part INTEGER NOT NULL,
  -- Rises with every save: whoever saves says which version they began from.
  version INTEGER NOT NULL CHECK (version > 0),
  -- JSON of the page that writes it.
  content TEXT NOT NULL,
  -- The window that saved it last: it may repeat its save when the answer was lost.
  writer TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  updated_by BLOB NOT NULL,
  PRIMARY KEY (campaign, part)
) STRICT, WITHOUT ROWID;
