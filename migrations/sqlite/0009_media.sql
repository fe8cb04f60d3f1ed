-- Pictures that were uploaded, as this installation serves them: re-encoded, found by their hash.
CREATE TABLE media (
  -- SHA-256 of the bytes.
  hash BLOB PRIMARY KEY,
  content_type TEXT NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

-- Whose they are. The same picture may be several accounts'.
CREATE TABLE media_upload (
  account BLOB NOT NULL REFERENCES account (id),
  hash BLOB NOT NULL REFERENCES media (hash),
  preview BLOB NOT NULL REFERENCES media (hash),
  -- The member, who may be gone by now; none where the installation put it there itself.
  uploaded_by BLOB,
  at INTEGER NOT NULL,
  -- Of the file, as it was sent.
  name TEXT NOT NULL,
  PRIMARY KEY (account, hash)
) STRICT, WITHOUT ROWID;
