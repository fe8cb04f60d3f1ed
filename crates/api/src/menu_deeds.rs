//! What friends do with rich menus: checked against the menus there are, counted by day and area;
//! and a friend who switched by a tap has the menu they switched to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use domain::id::AccountId;
use domain::message::Rules;
use domain::message::action::Action;
use domain::rich_menu::{RichMenu, RichMenuAliasId, RichMenuId};
use domain::time::{LocalDay, Timestamp, Zone};
use domain::user::UserKey;
use gateway::FriendEvent;
use store::rich_menu::StoredMenu;
use store::rich_menu::figures::{MenuDeed, MenuReceipt};
use store::{StoreError, Write};

use crate::{ApiError, ApiState};

/// A deed as it was told.
#[derive(Debug, Clone)]
pub struct MenuTold {
    pub account: AccountId,
    /// The account's: its days are counted in it.
    pub zone: Zone,
    pub user: UserKey,
    pub at: Timestamp,
    pub menu: RichMenuId,
    pub deed: MenuDeed,
}

/// A deed that fits a menu.
#[derive(Debug, Clone)]
pub struct MenuDone {
    pub account: AccountId,
    pub user: UserKey,
    pub day: LocalDay,
    pub menu: RichMenuId,
    pub deed: MenuDeed,
    /// The menu that a tap switched to.
    pub switch_to: Option<RichMenuId>,
}

/// Menus of one request's events, read once.
#[derive(Default)]
pub struct Known(HashMap<(AccountId, RichMenuId), Option<RichMenu>>);

/// The deed of an event that is one; the event back where it is not.
pub fn deed(event: FriendEvent) -> Result<(RichMenuId, MenuDeed), FriendEvent> {
    match event {
        FriendEvent::RichMenuShown { menu } => Ok((menu, MenuDeed::Shown)),
        FriendEvent::RichMenuTapped { menu, area } => Ok((menu, MenuDeed::Tapped(area))),
        other => Err(other),
    }
}

impl Known {
    /// What a deed comes to, or why it is refused.
    pub async fn check(
        &mut self,
        state: &ApiState,
        told: MenuTold,
    ) -> Result<Result<MenuDone, String>, ApiError> {
        let menu = match self.0.entry((told.account, told.menu)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let found = state.store.menu(told.account, told.menu).await?;
                unknown.insert(found.as_ref().map(read).transpose()?)
            }
        };
        let Some(menu) = menu else {
            return Ok(Err("there is no such rich menu of this account".to_owned()));
        };
        let switch_to = match told.deed {
            MenuDeed::Shown => None,
            MenuDeed::Tapped(area) => {
                let Some(area) = menu.areas.get(usize::from(area)) else {
                    return Ok(Err(format!("the rich menu has no area {area}")));
                };
                match &area.action {
                    Action::RichMenuSwitch(switch) => {
                        let alias = &switch.rich_menu_alias_id;
                        target(state, told.account, alias).await?
                    }
                    _ => None,
                }
            }
        };
        Ok(Ok(MenuDone {
            account: told.account,
            day: LocalDay::of(told.at, &told.zone),
            user: told.user,
            menu: told.menu,
            deed: told.deed,
            switch_to,
        }))
    }
}

/// Counts deeds and switches menus.
pub async fn record(
    state: &ApiState,
    write: &mut Write,
    done: Vec<MenuDone>,
) -> Result<(), ApiError> {
    if done.is_empty() {
        return Ok(());
    }
    let users: Vec<&UserKey> = done.iter().map(|done| &done.user).collect();
    let numbers = write.number_users(&*state.ids, &users).await?;
    let mut receipts = Vec::with_capacity(done.len());
    for one in &done {
        let Some(user) = numbers.get(&one.user) else {
            continue;
        };
        receipts.push(MenuReceipt {
            account: one.account,
            menu: one.menu,
            day: one.day,
            deed: one.deed,
            number: user.number,
        });
        if let Some(menu) = one.switch_to {
            write.link_menu(one.account, &[user.number], menu).await?;
        }
    }
    Ok(write.count_menu_receipts(&receipts).await?)
}

/// The menu that a name leads to, where it is there and can be shown.
async fn target(
    state: &ApiState,
    account: AccountId,
    alias: &RichMenuAliasId,
) -> Result<Option<RichMenuId>, ApiError> {
    let Some(id) = state.store.menu_of_alias(account, alias).await? else {
        return Ok(None);
    };
    let menu = state.store.menu(account, id).await?;
    let shown = menu.filter(|menu| menu.picture.is_some());
    Ok(shown.map(|menu| menu.id))
}

/// The menu as it was made.
pub(crate) fn read(stored: &StoredMenu) -> Result<RichMenu, StoreError> {
    RichMenu::parse(&stored.content, &Rules::default()).map_err(|errors| StoreError::Corrupt {
        table: "rich_menu",
        column: "content",
        why: format!("{errors:?}"),
    })
}
