//! Pictures that are uploaded: looked at, made small, kept by their hash.
//!
//! Nothing of a file is served as it came: what is kept is drawn anew from its pixels, so that no
//! place, name or second file hides in it. A few are decoded at once, whatever comes in.

mod picture; // from bytes to pixels and back, with limits

use domain::id::{AccountId, BusinessId, MemberId};
use sha2::{Digest, Sha256};
use store::StoreError;
use store::media::{Media, MediaHash, MediaUpload};
use tokio::sync::Semaphore;

use crate::{Directory, Error};

pub(crate) use picture::draw_for_menu;
pub use picture::{Fault, PIXELS_MAX, SIDE_MAX};

/// Bytes of a file that is uploaded, as messengers limit pictures.
pub const FILE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Pictures of one account.
pub const PICTURES_MAX: u64 = 5_000;
/// Below the installation's own address.
pub const PATH: &str = "/media/";
/// Pictures decoded at once: each may take a few hundred megabytes.
const DECODED_AT_ONCE: usize = 2;
const NAME_CHARS_MAX: usize = 100;

static DECODING: Semaphore = Semaphore::const_new(DECODED_AT_ONCE);

/// Why a picture is not taken.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The file is not what it should be: tell the person.
    #[error("{0}")]
    Unfit(#[from] Fault),
    /// The account keeps as many as it may.
    #[error("an account keeps at most {PICTURES_MAX} pictures")]
    Full,
    #[error(transparent)]
    Other(#[from] Error),
}

/// A picture that is kept; addresses begin with [`PATH`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub path: String,
    pub preview_path: String,
    pub width: u32,
    pub height: u32,
}

impl From<StoreError> for MediaError {
    fn from(error: StoreError) -> Self {
        Self::Other(error.into())
    }
}

impl Directory {
    /// Takes in a JPEG or PNG. `name` is the file's, for people.
    pub async fn add_picture(
        &self,
        business: BusinessId,
        account: AccountId,
        member: Option<MemberId>,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<Picture, MediaError> {
        let account = self.account(business, account).await?;
        if self.store.media_count(account.id).await? >= PICTURES_MAX {
            return Err(MediaError::Full);
        }
        let drawn = drawn(bytes, picture::draw_anew).await?;
        let (whole, preview) = (kept(drawn.whole), kept(drawn.preview));
        let now = self.clock.now();
        let upload = MediaUpload {
            account: account.id,
            hash: whole.hash,
            preview: preview.hash,
            uploaded_by: member,
            at: now,
            name: printable(name),
        };
        let mut write = self.store.write().await?;
        write.keep_media(&whole, now).await?;
        write.keep_media(&preview, now).await?;
        write.note_media_upload(&upload).await?;
        write.commit().await?;
        Ok(Picture {
            path: path_of(&whole),
            preview_path: path_of(&preview),
            width: whole.width,
            height: whole.height,
        })
    }
}

/// The hash in the last part of a path such as `/media/{hash}.jpg`, where it has that form.
pub fn hash_in(file: &str) -> Option<MediaHash> {
    let (hash, _) = file
        .rsplit_once('.')
        .filter(|(hash, ending)| hash.len() == 64 && matches!(*ending, "jpg" | "png"))?;
    // One picture has one address.
    if hash.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    hex::decode(hash).ok()?.try_into().ok()
}

/// What a picture's file is called below [`PATH`].
pub fn file_of(media: &Media) -> String {
    file_name(&media.hash, &media.content_type)
}

/// Where a picture is that is known by its hash and type, below the installation's own address.
pub fn path_of_hash(hash: &MediaHash, content_type: &str) -> String {
    format!("{PATH}{}", file_name(hash, content_type))
}

fn file_name(hash: &MediaHash, content_type: &str) -> String {
    let ending = match content_type {
        picture::PNG => "png",
        _ => "jpg",
    };
    format!("{}.{ending}", hex::encode(hash))
}

fn path_of(media: &Media) -> String {
    path_of_hash(&media.hash, &media.content_type)
}

/// Draws a picture beside the threads that serve, a few at once.
pub(crate) async fn drawn<T: Send + 'static>(
    bytes: Vec<u8>,
    draw: impl FnOnce(&[u8]) -> Result<T, Fault> + Send + 'static,
) -> Result<T, MediaError> {
    let broken = |why: &dyn std::fmt::Display| {
        MediaError::Other(Error::refused("picture", format!("was not decoded: {why}")))
    };
    // Closed never; and where it were, nothing is decoded.
    let place = DECODING.acquire().await.map_err(|error| broken(&error))?;
    let drawing = tokio::task::spawn_blocking(move || {
        // The work's own: whoever asked may be gone long before it ends.
        let _place = place;
        draw(&bytes)
    });
    Ok(drawing.await.map_err(|error| broken(&error))??)
}

pub(crate) fn kept(encoded: picture::Encoded) -> Media {
    Media {
        hash: Sha256::digest(&encoded.bytes).into(),
        content_type: encoded.content_type.to_owned(),
        width: encoded.width,
        height: encoded.height,
        bytes: encoded.bytes,
    }
}

fn printable(name: &str) -> String {
    let printable = name.chars().filter(|c| !c.is_control());
    printable.take(NAME_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
