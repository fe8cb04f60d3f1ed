//! Pictures by their hash, and whose they are.
//!
//! What is stored under a hash never changes and is read by everybody who knows the hash; a list of
//! them is read with the account's id only.

use domain::id::{AccountId, MemberId};
use domain::time::Timestamp;

use crate::row::{self, values};
use crate::{Store, StoreError, Write};

/// SHA-256 of a picture's bytes.
pub type MediaHash = [u8; 32];

/// A picture as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    pub hash: MediaHash,
    pub content_type: String,
    pub width: u32,
    pub height: u32,
    pub bytes: Vec<u8>,
}

/// Who uploaded a picture, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaUpload {
    pub account: AccountId,
    pub hash: MediaHash,
    pub preview: MediaHash,
    pub uploaded_by: Option<MemberId>,
    pub at: Timestamp,
    pub name: String,
}

impl Store {
    /// The picture, of whichever account.
    pub async fn media(&self, hash: &MediaHash) -> Result<Option<Media>, StoreError> {
        let sql = "SELECT hash, content_type, width, height, bytes FROM media WHERE hash = $1";
        let row = row::one(self.reader(), "media", sql, values![*hash]).await?;
        row.map(|row| {
            Ok(Media {
                hash: row.bytes("hash")?,
                content_type: row.get("content_type")?,
                width: row.int("width")?,
                height: row.int("height")?,
                bytes: row.get("bytes")?,
            })
        })
        .transpose()
    }

    /// How many pictures an account keeps.
    pub async fn media_count(&self, account: AccountId) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS pictures FROM media_upload WHERE account = $1";
        let row = row::one(self.reader(), "media_upload", sql, values![account]).await?;
        row.map_or(Ok(0), |row| row.int("pictures"))
    }
}

impl Write {
    /// Keeps a picture, once.
    pub async fn keep_media(&mut self, media: &Media, now: Timestamp) -> Result<(), StoreError> {
        let sql = "INSERT INTO media (hash, content_type, width, height, bytes, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let bound = values![
            media.hash,
            media.content_type.as_str(),
            media.width,
            media.height,
            media.bytes.clone(),
            now,
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// Notes whose it is; the first upload of a picture by an account stands.
    pub async fn note_media_upload(&mut self, upload: &MediaUpload) -> Result<(), StoreError> {
        let sql = "INSERT INTO media_upload (account, hash, preview, uploaded_by, at, name)
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let uploaded_by = upload.uploaded_by.map(|id| id.as_bytes().to_vec());
        let bound = values![
            upload.account,
            upload.hash,
            upload.preview,
            uploaded_by,
            upload.at,
            upload.name.as_str(),
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }
}
