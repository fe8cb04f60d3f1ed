//! What surrounds every page of an operator: navigation, language and theme.

use words::Words;

use super::desk::{BASE, OperatorDesk};
use crate::frame::{NavigationItem, initials_of};

/// Where in the navigation a page stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Overview,
    Businesses,
    Revenue,
    Holds,
    Reconciliation,
    Prices,
    /// In none of them.
    Elsewhere,
}

/// Every page that the navigation leads to, one line each: what it is called, and its icon. A page
/// appears here when it is there.
const PAGES: [(Place, &str, &str, &str); 6] = [
    (Place::Overview, "", "home", "operator-overview"),
    (
        Place::Businesses,
        "/businesses",
        "person",
        "operator-businesses",
    ),
    (Place::Revenue, "/revenue", "chart", "operator-revenue"),
    (Place::Holds, "/holds", "hourglass", "operator-holds"),
    (
        Place::Reconciliation,
        "/reconciliation",
        "shield",
        "operator-reconciliation",
    ),
    (Place::Prices, "/prices", "receipt", "operator-prices"),
];
/// Phones show so many below the page; the rest is in the menu.
const TABS: usize = 5;

/// What the frame's template shows; every page's template has one as `frame`.
pub struct Frame<'a> {
    pub desk: &'a OperatorDesk,
    pub words: Words,
    place: Place,
    pub items: Vec<NavigationItem<Place>>,
}

impl<'a> Frame<'a> {
    pub fn of(desk: &'a OperatorDesk, place: Place) -> Self {
        let item = |(place, path, icon, key): (Place, &str, &'static str, &'static str)| {
            let path = format!("{BASE}{path}");
            NavigationItem {
                place,
                path,
                icon,
                key,
            }
        };
        Self {
            desk,
            words: desk.words,
            place,
            items: PAGES.into_iter().map(item).collect(),
        }
    }

    pub fn tabs(&self) -> impl Iterator<Item = &NavigationItem<Place>> {
        self.items.iter().take(TABS)
    }

    /// Whether the menu has pages that are not below.
    pub fn has_more(&self) -> bool {
        self.items.len() > TABS
    }

    pub fn is_at(&self, place: &Place) -> bool {
        self.place == *place
    }

    pub fn initials(&self) -> String {
        initials_of(&self.desk.operator().display_name)
    }
}
