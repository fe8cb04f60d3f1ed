//! Tags that people set by hand, one friend at a time.

use domain::friend::{TAGS_MAX, tag};
use domain::id::{AccountId, BusinessId};
use domain::user::{UserKey, UserNumber};
use store::friend::record::FriendChange;

use crate::{Directory, Error};

/// What happens to a tag of a friend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagChange<'a> {
    Add(&'a str),
    Remove(&'a str),
}

impl Directory {
    /// Changes one tag of a friend; a tag that is there already, or is not there, is left as it is.
    pub async fn change_tag(
        &self,
        business: BusinessId,
        account: AccountId,
        (number, key): (UserNumber, &UserKey),
        change: TagChange<'_>,
    ) -> Result<(), Error> {
        let account = self.account(business, account).await?.id;
        let mut write = self.store.write().await?;
        let mut standings = write.standings(account, &[number]).await?;
        let standing = standings.remove(&number).unwrap_or_default();
        if standing.friend.is_none() {
            return Err(Error::NotFound("friend".to_owned()));
        }
        let mut tags = write.tags(account, number).await?;
        match change {
            TagChange::Add(text) => {
                let text = tag(text.trim()).map_err(|(_, why)| Error::refused("tag", why))?;
                if tags.contains(&text) {
                    return Ok(());
                }
                if tags.len() >= TAGS_MAX {
                    let why = format!("a friend has at most {TAGS_MAX} tags");
                    return Err(Error::refused("tags", why));
                }
                tags.push(text);
                tags.sort();
            }
            TagChange::Remove(text) => tags.retain(|tag| tag != text),
        }
        let change = FriendChange {
            number,
            key: key.clone(),
            before: standing.clone(),
            after: standing,
            consents: Vec::new(),
            tags: Some(tags),
        };
        let now = self.clock.now();
        write.record_friends(account, &[change], now).await?;
        Ok(write.commit().await?)
    }
}
