//! Language, theme and time zone of whoever looks, and whose phone they looked at last.
//!
//! Language and theme are the console's own cookies: the two stand side by side.

use std::convert::Infallible;

use axum::extract::{Form, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use domain::user::UserKey;
use jiff::tz::TimeZone;
use serde::Deserialize;
use words::{Language, Words};

const LANGUAGE_COOKIE: &str = "chingu_language";
const THEME_COOKIE: &str = "chingu_theme";
/// The script of the page tells the zone of the machine it runs on.
const ZONE_COOKIE: &str = "chingu_zone";
const PERSON_COOKIE: &str = "chingu_phone";
/// Until a browser says otherwise.
const ZONE: &str = "Asia/Seoul";
const THEMES: [&str; 3] = ["system", "light", "dark"];

/// Whoever asks for a page.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    pub words: Words,
    pub theme: &'static str,
    pub zone: TimeZone,
    /// Whose phone it was last.
    pub last: Option<UserKey>,
}

impl Guest {
    pub fn themes(&self) -> [&'static str; 3] {
        THEMES
    }
}

impl<S: Sync> FromRequestParts<S> for Guest {
    type Rejection = Infallible;

    /// The cookie counts, then what the browser asks for.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let cookies = CookieJar::from_headers(&parts.headers);
        let cookie = |name: &str| cookies.get(name).map(|cookie| cookie.value().to_owned());
        let chosen = cookie(LANGUAGE_COOKIE).and_then(|code| Language::from_code(&code));
        let wanted = || {
            let header = parts.headers.get(header::ACCEPT_LANGUAGE);
            let header = header.and_then(|value| value.to_str().ok());
            Language::of_header(header.unwrap_or(""))
        };
        let zone = cookie(ZONE_COOKIE).filter(|name| is_zone_name(name));
        let zone = zone.and_then(|name| domain::time::zone(&name).ok());
        let home = || domain::time::zone(ZONE).unwrap_or(TimeZone::UTC);
        Ok(Self {
            words: Words::of(chosen.unwrap_or_else(wanted)),
            theme: cookie(THEME_COOKIE)
                .and_then(|name| theme(&name))
                .unwrap_or(THEMES[0]),
            zone: zone.unwrap_or_else(home),
            last: cookie(PERSON_COOKIE).and_then(|kept| remembered(&kept)),
        })
    }
}

#[derive(Deserialize)]
pub(crate) struct PreferencesForm {
    language: Option<String>,
    theme: Option<String>,
    #[serde(default)]
    back_to: String,
}

/// `POST /messenger/preferences`.
pub(crate) async fn prefer(cookies: CookieJar, Form(fields): Form<PreferencesForm>) -> Response {
    let mut cookies = cookies;
    let language = fields.language.as_deref().and_then(Language::from_code);
    if let Some(language) = language {
        cookies = cookies.add(keep(LANGUAGE_COOKIE, language.code().to_owned(), "/"));
    }
    if let Some(theme) = fields.theme.as_deref().and_then(theme) {
        cookies = cookies.add(keep(THEME_COOKIE, theme.to_owned(), "/"));
    }
    (cookies, Redirect::to(own_path(&fields.back_to))).into_response()
}

/// Remembers whose phone it is.
pub(crate) fn remember(cookies: CookieJar, user: &UserKey) -> CookieJar {
    // A key may hold characters that end a cookie.
    let kept = hex::encode(user.as_str());
    cookies.add(keep(PERSON_COOKIE, kept, "/messenger"))
}

fn remembered(kept: &str) -> Option<UserKey> {
    let text = String::from_utf8(hex::decode(kept).ok()?).ok()?;
    UserKey::parse(&text).ok()
}

fn keep(name: &'static str, value: String, path: &'static str) -> Cookie<'static> {
    Cookie::build((name, value))
        .path(path)
        .same_site(SameSite::Lax)
        .permanent()
        .build()
}

fn theme(name: &str) -> Option<&'static str> {
    THEMES.into_iter().find(|known| *known == name)
}

fn is_zone_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
    name.len() <= 64 && name.bytes().all(is_plain)
}

/// A path of the messenger; anything else leads to its beginning, so that no address from outside
/// sends anybody elsewhere.
fn own_path(text: &str) -> &str {
    let is_own = text == "/messenger" || text.starts_with("/messenger/");
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    match is_own && is_plain {
        true => text,
        false => "/messenger",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_it_was_is_remembered_whatever_the_key() {
        for key in ["kim", "a;b=c,d", "U0123456789abcdef0123456789abcdef"] {
            let key = UserKey::parse(key).unwrap();
            let cookies = remember(CookieJar::new(), &key);
            let kept = cookies.get(PERSON_COOKIE).unwrap().value();
            assert_eq!(remembered(kept), Some(key));
        }
        assert_eq!(remembered("kim"), None);
    }

    #[test]
    fn only_paths_of_the_messenger_are_gone_back_to() {
        for (text, expected) in [
            ("/messenger/kim/@hanok", "/messenger/kim/@hanok"),
            ("/messenger", "/messenger"),
            ("//evil.example", "/messenger"),
            ("/messengers", "/messenger"),
            ("/messenger/\\evil", "/messenger"),
            ("/messenger/a\r\nb: c", "/messenger"),
            ("", "/messenger"),
        ] {
            assert_eq!(own_path(text), expected);
        }
    }
}
