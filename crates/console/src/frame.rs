//! What surrounds every page: navigation, account, wallet, language and theme.

use directory::Permission;
use words::Words;

use crate::desk::Desk;

/// Where in the navigation a page stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Home,
    Campaigns,
    Audience,
    Friends,
    Menus,
    Coupons,
    Wallet,
    Settings,
    /// In none of them.
    Elsewhere,
}

/// One item of the navigation.
pub struct NavigationItem<P = Place> {
    pub place: P,
    pub path: String,
    pub icon: &'static str,
    pub key: &'static str,
}

/// What the frame's template shows; every page's template has one as `frame`.
pub struct Frame<'a> {
    pub desk: &'a Desk,
    pub words: Words,
    pub place: Place,
    pub items: Vec<NavigationItem>,
    pub available: String,
}

impl<'a> Frame<'a> {
    pub fn of(desk: &'a Desk, place: Place) -> Self {
        let item = |place, path: &str, icon, key| NavigationItem {
            place,
            path: desk.at(path),
            icon,
            key,
        };
        let available = desk.wallet.spendable().unwrap_or(desk.wallet.available);
        Self {
            desk,
            words: desk.words,
            place,
            items: vec![
                item(Place::Home, "", "home", "frame-home"),
                item(
                    Place::Campaigns,
                    "/campaigns",
                    "megaphone",
                    "frame-campaigns",
                ),
                item(Place::Audience, "/audience", "audience", "frame-audience"),
                item(Place::Friends, "/friends", "friends", "frame-friends"),
                item(Place::Menus, "/menus", "template", "frame-menus"),
                item(Place::Coupons, "/coupons", "ticket", "frame-coupons"),
                item(Place::Wallet, "/wallet", "wallet", "frame-wallet"),
                item(Place::Settings, "/settings", "settings", "frame-settings"),
            ],
            available: desk.words.money(available),
        }
    }

    /// Whether the wallet is this member's business.
    pub fn shows_money(&self) -> bool {
        self.desk.may(Permission::ReadMoney)
    }

    /// Phones show the first five; the rest is in the menu.
    pub fn tabs(&self) -> impl Iterator<Item = &NavigationItem> {
        let is_in_menu =
            |place: Place| matches!(place, Place::Menus | Place::Coupons | Place::Settings);
        self.items
            .iter()
            .filter(move |item| !is_in_menu(item.place))
    }

    /// What stands for the account where it has no picture.
    pub fn initial(&self) -> char {
        self.desk.account.display_name.chars().next().unwrap_or('@')
    }

    pub fn shows_running(&self, place: &Place) -> bool {
        *place == Place::Campaigns && self.desk.running > 0
    }

    pub fn is_at(&self, place: &Place) -> bool {
        self.place == *place
    }

    pub fn initials(&self) -> String {
        initials_of(&self.desk.member.display_name)
    }
}

/// What stands for somebody where there is no picture: the last two characters of a name in
/// ideographs or Hangul, the first letters of others.
pub(crate) fn initials_of(name: &str) -> String {
    let name = name.trim();
    let count = name.chars().count();
    match name.is_ascii() {
        true => name
            .split(' ')
            .filter_map(|part| part.chars().next())
            .take(2)
            .collect(),
        false => name.chars().skip(count.saturating_sub(2)).collect(),
    }
}
