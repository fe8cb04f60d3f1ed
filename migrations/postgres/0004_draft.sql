-- What people write before a campaign is sent, as they left it: it may be unfinished or wrong, and
-- none of it is lost. Parts are saved apart, so that who chooses the audience in one window does not
-- stand in the way of who writes the message in another.
CREATE TABLE draft_part (
  campaign BYTEA NOT NULL REFERENCES campaign (id),
  part BIGINT NOT NULL,
  -- Rises with every save: whoever saves says which version they began from.
  version BIGINT NOT NULL CHECK (version > 0),
  -- JSON of the page that writes it.
  content TEXT COLLATE "C" NOT NULL,
  -- The window that saved it last: it may repeat its save when the answer was lost.
  writer TEXT COLLATE "C" NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by BYTEA NOT NULL,
  PRIMARY KEY (campaign, part)
);
