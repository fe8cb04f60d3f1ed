-- What is handed out and not recorded yet: the dispatcher's window is counted from it, and workers
-- poll it while the broker is away.
CREATE INDEX chunk_dispatched ON chunk (campaign, dispatched_at, state)
  WHERE dispatched_at IS NOT NULL AND state < 10;
