//! Who is on the messenger: names and accounts that somebody made known, beside what pushes tell.

use std::collections::HashMap;

use domain::outcome::RejectionCode;
use domain::user::UserKey;
use futures_util::future::BoxFuture;
use gateway::AccountCard;
use store::sandbox::{ContactState, NewContact, Person, PhoneAccount};

use crate::state::{Error, Sandbox};

/// Where the messenger asks for accounts that pushed nothing yet: whoever runs it beside a platform
/// may answer from there.
pub trait KnownAccounts: Send + Sync {
    /// The account as it is now.
    fn account<'a>(&'a self, handle: &'a str) -> BoxFuture<'a, Option<PhoneAccount>>;
}

/// Who refuses what on this screen: by account, then by user key.
#[derive(Debug, Default)]
pub(crate) struct Refusing(HashMap<String, HashMap<String, RejectionCode>>);

impl Refusing {
    pub fn of(all: Vec<(String, UserKey, ContactState)>) -> Self {
        let mut refusing = Self::default();
        for (handle, user, state) in all {
            refusing.note(&handle, &user, state);
        }
        refusing
    }

    pub fn note(&mut self, handle: &str, user: &UserKey, state: ContactState) {
        let code = match state {
            ContactState::Blocked => Some(RejectionCode::Blocked),
            ContactState::Left => Some(RejectionCode::Left),
            ContactState::Active => None,
        };
        let of_account = self.0.entry(handle.to_owned()).or_default();
        match code {
            Some(code) => of_account.insert(user.as_str().to_owned(), code),
            None => of_account.remove(user.as_str()),
        };
    }

    /// Positions of those who refuse an account's pushes, rising.
    pub fn among(&self, handle: &str, recipients: &[impl AsRef<str>]) -> Vec<(u32, RejectionCode)> {
        let Some(refusing) = self.0.get(handle).filter(|all| !all.is_empty()) else {
            return Vec::new();
        };
        let places = (0..).zip(recipients);
        places
            .filter_map(|(place, user)| Some((place, *refusing.get(user.as_ref())?)))
            .collect()
    }
}

impl Sandbox {
    /// Gives people names; who has one already gets the new one.
    pub async fn add_people(&self, people: &[Person]) -> Result<(), Error> {
        Ok(self.store.add_people(people, self.clock.now()).await?)
    }

    /// Makes an account known before it pushes anything.
    pub async fn add_account(&self, account: &PhoneAccount) -> Result<(), Error> {
        Ok(self.store.add_account(account).await?)
    }

    /// Shows people as friends of an account, as they are to the platform already: nothing is told.
    pub async fn add_contacts(&self, handle: &str, contacts: &[NewContact]) -> Result<(), Error> {
        Ok(self.store.add_contacts(handle, contacts).await?)
    }

    /// An account as it is now, or as it was when it was last heard of.
    pub(crate) async fn account(&self, handle: &str) -> Result<Option<PhoneAccount>, Error> {
        let known = self.store.phone_accounts().await?;
        let known = known.into_iter().find(|account| account.handle == handle);
        if let Some(source) = &self.accounts
            && let Some(now) = source.account(handle).await
        {
            if known.as_ref() != Some(&now) {
                self.add_account(&now).await?;
            }
            return Ok(Some(now));
        }
        if known.is_some() {
            return Ok(known);
        }
        let card = self.store.pushed_card(handle).await?;
        let card = card.and_then(|card| serde_json::from_str::<AccountCard>(&card).ok());
        Ok(card.map(|card| PhoneAccount {
            handle: card.handle,
            display_name: card.display_name,
            icon_url: card.icon_url,
            wording: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_refuses_is_found_by_account_and_comes_back() {
        let user = |name: &str| UserKey::parse(name).unwrap();
        let blocked = ("@hanok".to_owned(), user("b"), ContactState::Blocked);
        let left = ("@hanok".to_owned(), user("d"), ContactState::Left);
        let mut refusing = Refusing::of(vec![blocked, left]);
        let everybody = ["a", "b", "c", "d"];
        let found = refusing.among("@hanok", &everybody);
        let expected = [(1, RejectionCode::Blocked), (3, RejectionCode::Left)];
        assert_eq!(found, expected);
        assert!(refusing.among("@other", &everybody).is_empty());
        refusing.note("@hanok", &user("b"), ContactState::Active);
        assert_eq!(refusing.among("@hanok", &everybody), expected[1..]);
    }
}
