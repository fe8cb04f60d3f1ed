//! How many an audience reaches, and what there is to choose from: asked beside the page.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::audience::{Expression, TextAttribute};
use domain::campaign::Purpose;
use domain::id::{AccountId, UserListId};
use domain::time::Timestamp;
use store::explore::{AudienceCount, FriendStates, Offer};
use store::{Store, StoreError};

use super::form::Kind;
use crate::background::{Background, Pending};

/// How long a count may be shown as what is.
const COUNT_FRESH: Duration = Duration::from_secs(5);
/// Values to choose from change slowly.
const OFFERS_FRESH: Duration = Duration::from_secs(60);
/// Values offered of one kind.
const OFFERED_MAX: u32 = 60;
/// Uploaded lists whose sizes are counted.
const LISTS_MAX: usize = 100;

/// What is counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    pub account: AccountId,
    pub purpose: Purpose,
    pub whole: Expression,
    pub each: Vec<Expression>,
}

/// What was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    pub states: FriendStates,
    /// Everybody a campaign of this purpose may reach.
    pub everybody: u64,
    /// Of these, who consented to the night too.
    pub night: u64,
    pub found: AudienceCount,
}

/// What an account's friends have, to choose from.
#[derive(Debug, Clone, Default)]
pub struct Offers {
    /// Otherwise they are still being gathered, and the rest is empty.
    pub is_known: bool,
    pub values: BTreeMap<&'static str, Vec<(String, u64)>>,
    pub lists: Vec<ListOffer>,
}

#[derive(Debug, Clone)]
pub struct ListOffer {
    pub id: UserListId,
    pub name: String,
    pub users: u64,
    pub created_at: Timestamp,
}

/// Both kinds of questions, as the console keeps them.
pub struct Counting {
    reach: Background<Question, Reach>,
    offers: Background<AccountId, Offers>,
}

impl Default for Counting {
    fn default() -> Self {
        Self {
            reach: Background::keeping(COUNT_FRESH),
            offers: Background::keeping(OFFERS_FRESH),
        }
    }
}

impl Counting {
    /// `asker` is the window that wants no other answer than this one.
    pub fn reach(
        &self,
        store: &Store,
        question: Question,
        asker: &str,
        now: Timestamp,
    ) -> Pending<Reach> {
        let work = count(store.clone(), question.clone());
        self.reach.ask(question, asker, now, work)
    }

    /// What there is to choose from, as far as it is known within `patience`.
    pub async fn offers(
        &self,
        store: &Store,
        account: AccountId,
        now: Timestamp,
        patience: Duration,
    ) -> Arc<Offers> {
        // Everybody at the account wants it: it is never replaced, not by another account's.
        let (asker, work) = (account.to_string(), offers(store.clone(), account));
        let asked = self.offers.ask(account, &asker, now, work);
        asked.within_or_before(patience).await.unwrap_or_default()
    }
}

async fn count(store: Store, question: Question) -> Result<Reach, StoreError> {
    let (account, purpose) = (question.account, question.purpose);
    let states = store.friend_states(account).await?;
    let tally = store.friend_tally(account).await?;
    let everybody = match purpose {
        Purpose::Promotion => tally.reachable,
        Purpose::Information => tally.active(),
    };
    // Nobody is asked one by one where everybody is meant.
    let found = match question.whole == Expression::All && question.each.is_empty() {
        true => AudienceCount {
            matched: states.active + states.blocked + states.left,
            reachable: everybody,
            unwilling: tally.active().saturating_sub(everybody),
            each: Vec::new(),
        },
        false => {
            let (whole, each) = (&question.whole, &question.each);
            store
                .explore_audience(account, whole, each, purpose)
                .await?
        }
    };
    Ok(Reach {
        states,
        everybody,
        night: tally.night,
        found,
    })
}

async fn offers(store: Store, account: AccountId) -> Result<Offers, StoreError> {
    let attribute = Offer::Attribute;
    let mut offered = Offers {
        is_known: true,
        ..Offers::default()
    };
    for (kind, offer) in [
        (Kind::Tag, Offer::Tag),
        (Kind::Source, Offer::Source),
        (Kind::Region, attribute(TextAttribute::Region)),
        (Kind::Gender, attribute(TextAttribute::Gender)),
        (Kind::Language, attribute(TextAttribute::Language)),
        (Kind::Country, attribute(TextAttribute::Country)),
        (Kind::TimeZone, attribute(TextAttribute::TimeZone)),
    ] {
        let values = store.offered_values(account, offer, OFFERED_MAX).await?;
        offered.values.insert(kind.name(), values);
    }
    let lists = store.lists_of_account(account).await?;
    for list in lists.into_iter().take(LISTS_MAX) {
        offered.lists.push(ListOffer {
            id: list.id,
            name: list.name,
            users: store.list_size(list.id).await?,
            created_at: list.created_at,
        });
    }
    Ok(offered)
}
