-- What the screen asks on every look, without going through the pushes themselves.

-- Two bytes of every recipient's key, one after the other: a push without somebody's two is not
-- theirs. An eighth of the keys is read to find the few pushes that are looked into.
CREATE TABLE push_trace (
  sequence INTEGER PRIMARY KEY REFERENCES push (sequence),
  traces BLOB NOT NULL
) STRICT;

-- Sums over the pushes, in the commit of each. `untraced` is the last push that has no traces.
CREATE TABLE push_total (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  pushes INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  untraced INTEGER NOT NULL
) STRICT;
INSERT INTO push_total (id, pushes, accepted, untraced)
  SELECT 1, COUNT(*), COALESCE(SUM(accepted), 0), COALESCE(MAX(sequence), 0) FROM push;

-- The last pushes that reached anybody.
CREATE INDEX push_reached ON push (sequence) WHERE accepted > 0;
