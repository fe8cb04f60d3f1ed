//! Settings: the account, the members and their roles, what programs need, and what concerns
//! oneself.

pub mod account; // name, picture, zone, speed, wordings
pub mod budgets; // the most a month and a day may cost
pub mod testers; // friends whom drafts are sent to first
pub mod developers; // the channel, its keys and tokens
pub mod webhooks; // where the brand's program is told, whether it takes it, every event
pub mod me; // password, sessions
pub mod members; // who may do what

use words::Words;

use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;

/// One page of the settings in their navigation.
pub struct Tab {
    pub path: String,
    pub words: String,
    pub is_here: bool,
}

/// The settings a member may see; `here` is the path below `/settings`.
fn tabs(desk: &Desk, here: &str) -> Vec<Tab> {
    let pages = [
        ("", "settings-account"),
        ("/members", "settings-members"),
        ("/budgets", "settings-budgets"),
        ("/testers", "settings-testers"),
        ("/developers", "settings-developers"),
        ("/webhooks", "settings-webhooks"),
        ("/me", "settings-me"),
    ];
    let shown = pages
        .into_iter()
        .filter(|(path, _)| *path == "/me" || desk.may(directory::Permission::ManageSettings));
    shown
        .map(|(path, key)| Tab {
            path: desk.at(&format!("/settings{path}")),
            words: desk.words.t(key).to_string(),
            is_here: path == here,
        })
        .collect()
}

/// A refusal as a fault of the form; what is no refusal goes on as an error.
fn faults(words: &Words, error: directory::Error) -> Result<Faults, Error> {
    match error {
        directory::Error::Refused { field, .. } => {
            let field = field.replace(' ', "-");
            let said = words.t(format!("settings-fault-{field}")).to_string();
            Ok(Faults::one(field, said))
        }
        directory::Error::Taken(_) => {
            Ok(Faults::one("email", words.t("settings-fault-email-taken")))
        }
        other => Err(other.into()),
    }
}
