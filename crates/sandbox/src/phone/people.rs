//! Whose phone it is: people with a name, people somebody pushed to, and people made up here.

use std::sync::Arc;

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use domain::friend::DISPLAY_NAME_CHARS_MAX;
use domain::user::UserKey;
use serde::Deserialize;
use store::sandbox::Person;

use super::error::Error;
use super::guest::{self, Guest};
use super::page::percent_encoded;
use crate::state::{Sandbox, lock};

/// People that are offered together.
pub(crate) const OFFERED_MAX: usize = 6;
/// Characters of a name that is searched for.
pub(crate) const SEARCH_CHARS_MAX: usize = 64;

/// Somebody whose phone can be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Somebody {
    pub key: UserKey,
    /// The name, or the key in short where there is none.
    pub name: String,
}

impl Somebody {
    /// `/messenger/U12…`: where their phone is.
    pub fn path(&self) -> String {
        format!("/messenger/{}", percent_encoded(self.key.as_str()))
    }

    fn unnamed(key: UserKey) -> Self {
        let text = key.as_str();
        let name = match text.len() {
            0..=12 => text.to_owned(),
            length => format!("{}…{}", &text[..6], &text[length - 4..]),
        };
        Self { key, name }
    }
}

impl From<Person> for Somebody {
    fn from(person: Person) -> Self {
        Self {
            key: person.user_key,
            name: person.display_name,
        }
    }
}

/// Whoever a path names: somebody with a name, with an account, or reached by a push.
pub(crate) async fn known(sandbox: &Sandbox, text: &str) -> Result<Somebody, Error> {
    let key = UserKey::parse(text).map_err(|_| Error::NotFound)?;
    if let Some(person) = sandbox.store.person(&key).await? {
        return Ok(person.into());
    }
    let has_account = !sandbox.store.contacts(&key).await?.is_empty();
    if !has_account {
        sandbox.store.search_pushes(&key).await?;
        if sandbox.store.handles(&key).await?.is_empty() {
            return Err(Error::NotFound);
        }
    }
    Ok(Somebody::unnamed(key))
}

/// Whose phone it was last, where they are still somebody.
pub(crate) async fn last(sandbox: &Sandbox, guest: &Guest) -> Result<Option<Somebody>, Error> {
    let Some(key) = &guest.last else {
        return Ok(None);
    };
    match known(sandbox, key.as_str()).await {
        Ok(somebody) => Ok(Some(somebody)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whom to offer: those a search finds; without one, whom the last pushes reached.
pub(crate) async fn offered(sandbox: &Sandbox, search: &str) -> Result<Vec<Somebody>, Error> {
    let search: String = search.trim().chars().take(SEARCH_CHARS_MAX).collect();
    let limit = OFFERED_MAX as u32;
    if search.is_empty() {
        let mut reached = Vec::new();
        for key in sandbox.store.last_recipients(OFFERED_MAX).await? {
            let named = sandbox.store.person(&key).await?;
            reached.push(named.map_or_else(|| Somebody::unnamed(key), Somebody::from));
        }
        if !reached.is_empty() {
            return Ok(reached);
        }
    }
    let found = sandbox.store.people(&search, None, limit).await?;
    let mut found: Vec<Somebody> = found.into_iter().map(Somebody::from).collect();
    // A key finds people without a name too.
    if found.is_empty() {
        match known(sandbox, &search).await {
            Ok(somebody) => found.push(somebody),
            Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

#[derive(Deserialize)]
pub(crate) struct MakeUpForm {
    #[serde(default)]
    name: String,
}

/// `POST /messenger/people`: somebody new, who is nobody's friend yet.
pub(crate) async fn make_up(
    State(sandbox): State<Arc<Sandbox>>,
    cookies: CookieJar,
    Form(fields): Form<MakeUpForm>,
) -> Result<Response, Error> {
    let name = read_name(&fields.name).ok_or(Error::Unreadable("a name"))?;
    let somebody = begin(&sandbox, name).await?;
    let cookies = guest::remember(cookies, &somebody.key);
    Ok((cookies, Redirect::to(&somebody.path())).into_response())
}

/// A name as the platform takes it.
pub(crate) fn read_name(text: &str) -> Option<String> {
    let name = text.trim();
    let fits = (1..=DISPLAY_NAME_CHARS_MAX).contains(&name.chars().count());
    let is_plain = !name.chars().any(char::is_control);
    (fits && is_plain).then(|| name.to_owned())
}

/// Gives somebody new a key and keeps the name.
pub(crate) async fn begin(sandbox: &Sandbox, name: String) -> Result<Somebody, Error> {
    allow(sandbox)?;
    let key = UserKey::from_packed(sandbox.ids.next_bytes());
    let person = Person {
        user_key: key,
        display_name: name,
    };
    sandbox.add_people(std::slice::from_ref(&person)).await?;
    Ok(person.into())
}

/// Refuses what is more than people do.
pub(crate) fn allow(sandbox: &Sandbox) -> Result<(), Error> {
    let now = sandbox.clock.monotonic();
    let is_allowed = lock(&sandbox.pace).allows(now);
    is_allowed.then_some(()).ok_or(Error::TooFast)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_name_is_called_by_the_key() {
        let name = |key: &str| Somebody::unnamed(UserKey::parse(key).unwrap()).name;
        assert_eq!(name("kim"), "kim");
        assert_eq!(name("U0123456789abcdef0123456789abcdef"), "U01234…cdef");
    }

    #[test]
    fn names_are_words() {
        assert_eq!(read_name("  김하늘 "), Some("김하늘".to_owned()));
        for bad in ["", "   ", "a\nb", &"가".repeat(129)] {
            assert_eq!(read_name(bad), None);
        }
    }
}
