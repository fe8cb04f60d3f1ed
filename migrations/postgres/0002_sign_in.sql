-- Signing in: passwords of members, their sessions, and what limits guessing.

-- Argon2id, as a PHC string; a member without one cannot sign in.
ALTER TABLE member ADD COLUMN password_hash TEXT COLLATE "C";
CREATE INDEX member_email ON member (email);

CREATE TABLE session (
  -- SHA-256 of the token in the cookie: whoever reads the table cannot sign in with it.
  token_hash BYTEA PRIMARY KEY,
  member BYTEA NOT NULL REFERENCES member (id),
  created_at BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  -- What the browser says it is, shortened.
  user_agent TEXT COLLATE "C" NOT NULL
);
CREATE INDEX session_member ON session (member);

-- One row per wrong guess: by address of mail, and by address of network.
CREATE TABLE sign_in_failure (
  subject TEXT COLLATE "C" NOT NULL,
  at BIGINT NOT NULL,
  id BYTEA NOT NULL,
  PRIMARY KEY (subject, at, id)
);
CREATE INDEX sign_in_failure_at ON sign_in_failure (at);
