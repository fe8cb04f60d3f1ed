-- The rows of a file that were refused, as they were written: what somebody mends and brings again.
-- The file itself is gone once it is taken in.
CREATE TABLE import_rejected_row (
  import BYTEA NOT NULL,
  line BIGINT NOT NULL,
  -- The cells, quoted where they need it; empty where the row could not be read or is too long.
  cells TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (import, line)
);
