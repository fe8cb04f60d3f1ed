//! Changing one's own password: one form for members and operators.

use directory::SignInError;
use directory::sign_in::check_password;
use domain::time::Timestamp;
use serde::Deserialize;
use words::Words;

use crate::error::Error;
use crate::form::Faults;

/// A change of password. What was typed is never sent back.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PasswordForm {
    pub(crate) current: String,
    pub(crate) password: String,
    again: String,
}

impl PasswordForm {
    /// What is wrong with it before anything is compared.
    pub(crate) fn faults(&self, words: &Words) -> Faults {
        let mut faults = Faults::default();
        if check_password(&self.password).is_err() {
            faults.add("password", words.t("settings-fault-password"));
        } else if self.password != self.again {
            faults.add("again", words.t("settings-fault-again"));
        }
        faults
    }
}

/// Why the present password was not taken, at its field.
pub(crate) fn unconfirmed(
    words: &Words,
    refusal: SignInError,
    now: Timestamp,
) -> Result<Faults, Error> {
    match refusal {
        SignInError::Wrong => Ok(Faults::one("current", words.t("settings-fault-current"))),
        SignInError::TooMany { until } => Ok(Faults::one("current", too_many(words, until, now))),
        SignInError::Directory(error) => Err(error.into()),
    }
}

/// When somebody who guessed too often may try again.
pub(crate) fn too_many(words: &Words, until: Timestamp, now: Timestamp) -> String {
    let minutes = until.since(now).as_secs().div_ceil(60);
    let said = words.t("sign-in-too-many").num("minutes", minutes);
    said.to_string()
}
