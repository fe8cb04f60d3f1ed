-- What a messenger refused because it is asked too much: until when it wants to be left alone is
-- asked in every pass of the dispatcher.
CREATE INDEX chunk_throttled ON chunk (campaign, due_at)
  WHERE detour = 'throttled' AND state < 10;
