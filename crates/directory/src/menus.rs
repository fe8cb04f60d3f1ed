//! Rich menus: made, pictured, named, given to friends.
//!
//! Programs of a brand and its console have menus of their own: whoever asks says whose are meant,
//! and finds no others.

use domain::id::{AccountId, BusinessId, RequestId};
use domain::rich_menu::limits::{ALIASES_MAX, BATCH_KEPT, MENUS_MAX};
use domain::rich_menu::{
    BatchRequest, MenuOrigin, Operation, RichMenu, RichMenuAliasId, RichMenuId, UnlinkOperation,
};
use domain::time::Timestamp;
use domain::user::{LineUserId, UserNumber};
use store::media::{MediaHash, MediaUpload};
use store::rich_menu::StoredMenu;
use store::rich_menu::link::MenuBatch;
use store::{StoreError, Write};

use crate::media::{draw_for_menu, drawn, kept};
use crate::{Directory, Error, MediaError};

/// What a menu's picture is called among the pictures of its account.
const PICTURE_NAME: &str = "rich menu";

/// Whose menus are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MenusOf {
    pub business: BusinessId,
    pub account: AccountId,
    pub origin: MenuOrigin,
}

/// Why something about a menu is not done.
#[derive(Debug, thiserror::Error)]
pub enum MenuError {
    #[error("there is no such rich menu")]
    NoMenu,
    #[error("the rich menu has no picture yet")]
    NoPicture,
    #[error("the rich menu has a picture already")]
    HasPicture,
    #[error("an account has at most {MENUS_MAX} rich menus")]
    Full,
    #[error("there is no such alias")]
    NoAlias,
    #[error("the alias is taken")]
    AliasTaken,
    #[error("an account has at most {ALIASES_MAX} aliases")]
    AliasesFull,
    /// A batch goes on under its key with the same operations only.
    #[error("the key belongs to a batch of other operations")]
    OtherBatch,
    /// The picture, or anything else.
    #[error(transparent)]
    Media(#[from] MediaError),
}

impl From<Error> for MenuError {
    fn from(error: Error) -> Self {
        Self::Media(error.into())
    }
}

impl From<StoreError> for MenuError {
    fn from(error: StoreError) -> Self {
        Self::Media(error.into())
    }
}

impl Directory {
    /// Makes a menu, without its picture.
    pub async fn add_menu(&self, of: MenusOf, menu: &RichMenu) -> Result<RichMenuId, MenuError> {
        let account = self.account(of.business, of.account).await?.id;
        let stored = StoredMenu {
            id: RichMenuId::from_bytes(self.ids.next_bytes()),
            account,
            origin: of.origin,
            content: menu.to_json(),
            picture: None,
            created_at: self.clock.now(),
        };
        let mut write = self.store.write().await?;
        if write.count_menus(account, of.origin).await? >= MENUS_MAX {
            return Err(MenuError::Full);
        }
        write.insert_menu(&stored).await?;
        write.commit().await?;
        Ok(stored.id)
    }

    /// Gives a menu its picture, once. One that is too wide is made smaller where `may_shrink`.
    pub async fn set_menu_picture(
        &self,
        of: MenusOf,
        id: RichMenuId,
        bytes: Vec<u8>,
        may_shrink: bool,
    ) -> Result<(), MenuError> {
        let account = self.account(of.business, of.account).await?.id;
        let found = self.store.menu(account, id).await?;
        expect_pictureless(found, of)?;
        let picture = drawn(bytes, move |bytes| draw_for_menu(bytes, may_shrink)).await?;
        let media = kept(picture);
        let now = self.clock.now();
        let mut write = self.store.write().await?;
        // Another may have been faster.
        let found = write.menu(account, id).await?;
        expect_pictureless(found, of)?;
        write.keep_media(&media, now).await?;
        write
            .note_media_upload(&upload(account, media.hash, now))
            .await?;
        write.set_menu_picture(id, &media.hash).await?;
        Ok(write.commit().await?)
    }

    /// Deletes a menu. Whoever had it has none of their own any more.
    pub async fn delete_menu(&self, of: MenusOf, id: RichMenuId) -> Result<(), MenuError> {
        let account = self.account(of.business, of.account).await?.id;
        let now = self.clock.now();
        let mut write = self.store.write().await?;
        own(write.menu(account, id).await?, of)?;
        write.delete_menu(id).await?;
        // Nobody sees it from now on; what is left of its links is swept as a batch is done.
        let sweep = BatchRequest {
            operations: vec![Operation::Unlink(UnlinkOperation { from: id })],
            resume_request_key: None,
        };
        write
            .insert_menu_batch(&MenuBatch {
                request: self.ids.next(),
                account,
                resume_key: None,
                operations: sweep.to_json(),
                after: UserNumber(0),
                accepted_at: now,
                completed_at: None,
                failed: false,
            })
            .await?;
        Ok(write.commit().await?)
    }

    /// Shows a menu to every friend who has none of their own.
    pub async fn set_default_menu(&self, of: MenusOf, id: RichMenuId) -> Result<(), MenuError> {
        let account = self.account(of.business, of.account).await?.id;
        let mut write = self.store.write().await?;
        with_picture(&mut write, of, id).await?;
        write.set_default_menu(account, of.origin, id).await?;
        Ok(write.commit().await?)
    }

    pub async fn clear_default_menu(&self, of: MenusOf) -> Result<(), MenuError> {
        let account = self.account(of.business, of.account).await?.id;
        let mut write = self.store.write().await?;
        write.clear_default_menu(account, of.origin).await?;
        Ok(write.commit().await?)
    }

    /// Gives users a menu of their own; how many of them are users here.
    pub async fn link_menu(
        &self,
        of: MenusOf,
        users: &[LineUserId],
        id: RichMenuId,
    ) -> Result<usize, MenuError> {
        let account = self.account(of.business, of.account).await?.id;
        let mut write = self.store.write().await?;
        with_picture(&mut write, of, id).await?;
        let numbers = numbers(&write, users).await?;
        write.link_menu(account, &numbers, id).await?;
        write.commit().await?;
        Ok(numbers.len())
    }

    /// Takes users' own menus away.
    pub async fn unlink_menus(&self, of: MenusOf, users: &[LineUserId]) -> Result<(), MenuError> {
        let account = self.account(of.business, of.account).await?.id;
        let mut write = self.store.write().await?;
        let numbers = numbers(&write, users).await?;
        write.unlink_menu(account, &numbers).await?;
        Ok(write.commit().await?)
    }

    pub async fn add_menu_alias(
        &self,
        of: MenusOf,
        alias: &RichMenuAliasId,
        id: RichMenuId,
    ) -> Result<(), MenuError> {
        let account = self.account(of.business, of.account).await?.id;
        let mut write = self.store.write().await?;
        with_picture(&mut write, of, id).await?;
        if write.count_menu_aliases(account).await? >= ALIASES_MAX {
            return Err(MenuError::AliasesFull);
        }
        if !write.insert_menu_alias(account, alias, id).await? {
            return Err(MenuError::AliasTaken);
        }
        Ok(write.commit().await?)
    }

    /// Has an alias lead to another menu.
    pub async fn move_menu_alias(
        &self,
        of: MenusOf,
        alias: &RichMenuAliasId,
        id: RichMenuId,
    ) -> Result<(), MenuError> {
        let account = self.account(of.business, of.account).await?.id;
        let mut write = self.store.write().await?;
        if !write.move_menu_alias(account, alias, id).await? {
            return Err(MenuError::NoAlias);
        }
        with_picture(&mut write, of, id).await?;
        Ok(write.commit().await?)
    }

    pub async fn delete_menu_alias(
        &self,
        of: MenusOf,
        alias: &RichMenuAliasId,
    ) -> Result<(), MenuError> {
        let account = self.account(of.business, of.account).await?.id;
        let mut write = self.store.write().await?;
        if !write.delete_menu_alias(account, alias).await? {
            return Err(MenuError::NoAlias);
        }
        Ok(write.commit().await?)
    }

    /// Whether the menus that a batch names are there, and can be shown.
    pub async fn check_menu_batch(
        &self,
        of: MenusOf,
        batch: &BatchRequest,
    ) -> Result<(), MenuError> {
        for operation in &batch.operations {
            let (from, to) = match operation {
                Operation::Link(link) => (Some(link.from), Some(link.to)),
                Operation::Unlink(unlink) => (Some(unlink.from), None),
                Operation::UnlinkAll(_) => (None, None),
            };
            if let Some(from) = from {
                own(self.store.menu(of.account, from).await?, of)?;
            }
            if let Some(to) = to {
                let menu = own(self.store.menu(of.account, to).await?, of)?;
                menu.picture.ok_or(MenuError::NoPicture)?;
            }
        }
        Ok(())
    }

    /// Has a batch done. One under the key of an earlier one goes on where that had come to.
    pub async fn begin_menu_batch(
        &self,
        of: MenusOf,
        request: RequestId,
        batch: &BatchRequest,
    ) -> Result<(), MenuError> {
        let account = self.account(of.business, of.account).await?.id;
        self.check_menu_batch(of, batch).await?;
        let now = self.clock.now();
        let operations = batch.to_json();
        let mut write = self.store.write().await?;
        write.forget_menu_batches(account, now - BATCH_KEPT).await?;
        let before = match &batch.resume_request_key {
            Some(key) => {
                write
                    .menu_batch_of_key(account, key, now - BATCH_KEPT)
                    .await?
            }
            None => None,
        };
        if before
            .as_ref()
            .is_some_and(|before| before.operations != operations)
        {
            return Err(MenuError::OtherBatch);
        }
        write
            .insert_menu_batch(&MenuBatch {
                request,
                account,
                resume_key: batch.resume_request_key.clone(),
                operations,
                after: before.map_or(UserNumber(0), |before| before.after),
                accepted_at: now,
                completed_at: None,
                failed: false,
            })
            .await?;
        Ok(write.commit().await?)
    }
}

/// A menu of theirs.
fn own(menu: Option<StoredMenu>, of: MenusOf) -> Result<StoredMenu, MenuError> {
    menu.filter(|menu| menu.origin == of.origin)
        .ok_or(MenuError::NoMenu)
}

fn expect_pictureless(menu: Option<StoredMenu>, of: MenusOf) -> Result<(), MenuError> {
    match own(menu, of)?.picture {
        None => Ok(()),
        Some(_) => Err(MenuError::HasPicture),
    }
}

async fn with_picture(write: &mut Write, of: MenusOf, id: RichMenuId) -> Result<(), MenuError> {
    let menu = own(write.menu(of.account, id).await?, of)?;
    menu.picture.map(|_| ()).ok_or(MenuError::NoPicture)
}

async fn numbers(write: &Write, users: &[LineUserId]) -> Result<Vec<UserNumber>, MenuError> {
    let named = write.users_by_line_ids(users).await?;
    let mut numbers: Vec<UserNumber> = named.into_iter().map(|user| user.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

fn upload(account: AccountId, hash: MediaHash, at: Timestamp) -> MediaUpload {
    MediaUpload {
        account,
        hash,
        preview: hash,
        uploaded_by: None,
        at,
        name: PICTURE_NAME.to_owned(),
    }
}
