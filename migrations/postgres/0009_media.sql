-- Pictures that were uploaded, as this installation serves them: re-encoded, found by their hash.
CREATE TABLE media (
  -- SHA-256 of the bytes.
  hash BYTEA PRIMARY KEY,
  content_type TEXT COLLATE "C" NOT NULL,
  width BIGINT NOT NULL,
  height BIGINT NOT NULL,
  bytes BYTEA NOT NULL,
  created_at BIGINT NOT NULL
);

-- Whose they are. The same picture may be several accounts'.
CREATE TABLE media_upload (
  account BYTEA NOT NULL REFERENCES account (id),
  hash BYTEA NOT NULL REFERENCES media (hash),
  preview BYTEA NOT NULL REFERENCES media (hash),
  -- The member, who may be gone by now; none where the installation put it there itself.
  uploaded_by BYTEA,
  at BIGINT NOT NULL,
  -- Of the file, as it was sent.
  name TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (account, hash)
);
