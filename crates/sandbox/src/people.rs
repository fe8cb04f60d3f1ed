//! Who is on the messenger: names and accounts that somebody made known, beside what pushes tell.

use domain::user::UserKey;
use store::sandbox::{Person, PhoneAccount};

use crate::state::{Error, Sandbox};

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
    pub async fn add_contacts(&self, handle: &str, users: &[UserKey]) -> Result<(), Error> {
        let now = self.clock.now();
        Ok(self.store.add_contacts(handle, users, now).await?)
    }
}
