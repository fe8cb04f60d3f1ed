-- How many friends an account has by state and by what they allow: read from the index alone, so
-- that a page may show it with a million friends.
CREATE INDEX IF NOT EXISTS friend_state ON friend (account, state);
CREATE INDEX IF NOT EXISTS reach_flags ON reach (account, flags);
