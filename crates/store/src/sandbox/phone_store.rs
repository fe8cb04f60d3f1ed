//! The messenger's screen on the open file: what it reads and what it writes.

use std::collections::BTreeMap;

use domain::push::PushKey;
use domain::time::Timestamp;
use domain::user::UserKey;

use super::SandboxStore;
use super::phone::{self, Contact, ContactState, Deed, Person, PhoneAccount, Received};
use super::phone_search::{self, PushTotal};
use super::phone_write::{Act, NewContact, PhoneWrite};
use crate::StoreError;

impl SandboxStore {
    /// Gives people names; who has one already gets the new one.
    pub async fn add_people(&self, people: &[Person], at: Timestamp) -> Result<(), StoreError> {
        let write = PhoneWrite::People(people.to_vec(), at);
        self.writer.phone(write).await
    }

    /// Makes an account known before it pushes anything.
    pub async fn add_account(&self, account: &PhoneAccount) -> Result<(), StoreError> {
        self.writer
            .phone(PhoneWrite::Account(account.clone()))
            .await
    }

    /// Shows people as friends of an account, as they are to the platform already: nothing is told.
    pub async fn add_contacts(
        &self,
        handle: &str,
        contacts: &[NewContact],
    ) -> Result<(), StoreError> {
        let write = PhoneWrite::Befriended(handle.to_owned(), contacts.to_vec());
        self.writer.phone(write).await
    }

    /// People by name or key, in the order of their names; `after` is the last one shown.
    pub async fn people(
        &self,
        search: &str,
        after: Option<&Person>,
        limit: u32,
    ) -> Result<Vec<Person>, StoreError> {
        // A name that nobody has is looked for among all of them.
        let _one_at_a_time = match search.is_empty() {
            true => None,
            false => Some(self.searching.lock().await),
        };
        phone::people(&self.reader, search, after, limit).await
    }

    pub async fn people_count(&self) -> Result<u64, StoreError> {
        phone::people_count(&self.reader).await
    }

    pub async fn person(&self, user: &UserKey) -> Result<Option<Person>, StoreError> {
        phone::person(&self.reader, user).await
    }

    /// People whom the last pushes reached, each once.
    pub async fn last_recipients(&self, limit: usize) -> Result<Vec<UserKey>, StoreError> {
        phone_search::last_recipients(&self.reader, limit).await
    }

    pub async fn phone_accounts(&self) -> Result<Vec<PhoneAccount>, StoreError> {
        phone::accounts(&self.reader).await
    }

    /// The words of one version of an account's wording, where they are known.
    pub async fn shown_wording(
        &self,
        handle: &str,
        version: &str,
    ) -> Result<Option<String>, StoreError> {
        phone::wording(&self.reader, handle, version).await
    }

    /// The card of an account that pushed something, as JSON.
    pub async fn pushed_card(&self, handle: &str) -> Result<Option<String>, StoreError> {
        phone::pushed_card(&self.reader, handle).await
    }

    /// The accounts a person knows or heard of, as far as was searched.
    pub async fn handles(&self, user: &UserKey) -> Result<Vec<String>, StoreError> {
        phone::handles(&self.reader, user).await
    }

    /// How many pushes a person has not seen, by account, as far as was searched.
    pub async fn unread(&self, user: &UserKey) -> Result<BTreeMap<String, u64>, StoreError> {
        phone::unread(&self.reader, user).await
    }

    pub async fn contacts(&self, user: &UserKey) -> Result<Vec<Contact>, StoreError> {
        phone::contacts(&self.reader, user).await
    }

    /// Everybody who blocked or left an account on the screen, with the account's handle.
    pub async fn refusing(&self) -> Result<Vec<(String, UserKey, ContactState)>, StoreError> {
        phone::refusing(&self.reader).await
    }

    /// Searches the pushes that came since the last search for a person and remembers what was
    /// found; returns how many reached them.
    pub async fn search_pushes(&self, user: &UserKey) -> Result<usize, StoreError> {
        let mut count = 0;
        let mut searched = phone_search::searched_to(&self.reader, user).await?;
        if phone_search::last_push(&self.reader).await? <= searched {
            return Ok(count);
        }
        let _one_at_a_time = self.searching.lock().await;
        // Whoever searched meanwhile may have searched for the same.
        searched = phone_search::searched_to(&self.reader, user)
            .await?
            .max(searched);
        loop {
            let (found, last) = phone_search::search(&self.reader, user, searched).await?;
            let Some(last) = last else {
                return Ok(count);
            };
            count += found.len();
            searched = last;
            let write = PhoneWrite::Searched(user.clone(), last, found);
            self.writer.phone(write).await?;
        }
    }

    /// What reached a person as far as was searched, of one account or of all, the last first.
    pub async fn received(
        &self,
        user: &UserKey,
        handle: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Received>, StoreError> {
        phone::received(&self.reader, user, handle, None, limit).await
    }

    /// The push of this key that reached a person; the first where it came more than once.
    pub async fn received_push(
        &self,
        user: &UserKey,
        handle: &str,
        key: PushKey,
    ) -> Result<Option<Received>, StoreError> {
        let found = phone::received(&self.reader, user, Some(handle), Some(key), 1).await?;
        Ok(found.into_iter().next())
    }

    /// What a person wrote and did, of one account or of all, the last first.
    pub async fn deeds(
        &self,
        user: &UserKey,
        handle: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Deed>, StoreError> {
        phone::deeds(&self.reader, user, handle, limit).await
    }

    /// Records what a person does, and what the platform is to be told of it.
    pub async fn act(&self, act: Act) -> Result<(), StoreError> {
        self.writer.phone(PhoneWrite::Act(Box::new(act))).await
    }

    /// How many pushes were taken, and how many messages delivered by them.
    pub async fn push_total(&self) -> Result<PushTotal, StoreError> {
        phone_search::push_total(&self.reader).await
    }

    pub async fn untold_count(&self) -> Result<u64, StoreError> {
        phone::untold_count(&self.reader).await
    }

    /// The oldest events the platform has not taken yet, as JSON.
    pub async fn untold_events(&self, limit: u32) -> Result<Vec<(i64, String)>, StoreError> {
        phone::untold_events(&self.reader, limit).await
    }

    /// Forgets events the platform took.
    pub async fn forget_told(&self, sequences: Vec<i64>) -> Result<(), StoreError> {
        self.writer.phone(PhoneWrite::Told(sequences)).await
    }
}
