//! Language and theme of whoever comes, signed in or not.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use axum_extra::extract::CookieJar;
use words::{Language, Words};

pub const LANGUAGE_COOKIE: &str = "chingu_language";
pub const THEME_COOKIE: &str = "chingu_theme";

/// Which colours somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As their system says.
    #[default]
    System,
    Light,
    Dark,
}

/// Whoever asks for a page.
#[derive(Debug, Clone, Copy)]
pub struct Guest {
    pub words: Words,
    pub theme: Theme,
}

impl Theme {
    pub const ALL: [Theme; 3] = [Self::System, Self::Light, Self::Dark];

    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// What it is called on its button.
    pub fn words(self, words: &Words) -> String {
        words.t(format!("theme-{}", self.name())).to_string()
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == name)
    }
}

impl<S: Sync> FromRequestParts<S> for Guest {
    type Rejection = Infallible;

    /// The cookie counts, then what the browser asks for.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let cookies = CookieJar::from_headers(&parts.headers);
        let chosen = cookies
            .get(LANGUAGE_COOKIE)
            .and_then(|cookie| Language::from_code(cookie.value()));
        let wanted = || {
            let header = parts.headers.get(header::ACCEPT_LANGUAGE);
            let header = header.and_then(|value| value.to_str().ok());
            Language::of_header(header.unwrap_or(""))
        };
        let theme = cookies
            .get(THEME_COOKIE)
            .and_then(|cookie| Theme::from_name(cookie.value()));
        Ok(Self {
            words: Words::of(chosen.unwrap_or_else(wanted)),
            theme: theme.unwrap_or_default(),
        })
    }
}
