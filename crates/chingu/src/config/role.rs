//! The roles one process can have.

use std::fmt;

use clap::ValueEnum;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

/// A part of the program that can run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum Role {
    /// The pages of brands.
    Console,
    /// HTTP for machines: the messenger's events.
    Api,
    /// Launches, freezes, dispatches, rolls up and closes.
    Scheduler,
    /// Claims, pushes and records.
    Worker,
    /// Background work that somebody asked for in a page.
    Jobs,
    /// The built-in messenger, at /messenger.
    Sandbox,
}

impl Role {
    pub const ALL: [Role; 6] = [
        Self::Console,
        Self::Api,
        Self::Scheduler,
        Self::Worker,
        Self::Jobs,
        Self::Sandbox,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Api => "api",
            Self::Scheduler => "scheduler",
            Self::Worker => "worker",
            Self::Jobs => "jobs",
            Self::Sandbox => "sandbox",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Roles by name, as a list or with commas between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(pub Vec<Role>);

impl Roles {
    fn of<E: de::Error>(names: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, E> {
        let role = |name: &str| {
            let found = Role::ALL
                .into_iter()
                .find(|role| role.name() == name.trim());
            found.ok_or_else(|| {
                let known = Role::ALL.map(Role::name).join(", ");
                E::custom(format!("'{name}' is not a role: expected some of {known}"))
            })
        };
        names
            .into_iter()
            .map(|name| role(name.as_ref()))
            .collect::<Result<_, E>>()
            .map(Self)
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListOrText)
    }
}

struct ListOrText;

impl<'de> Visitor<'de> for ListOrText {
    type Value = Roles;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of roles")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Roles, E> {
        Roles::of(text.split(','))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Roles, A::Error> {
        let mut names: Vec<String> = Vec::new();
        while let Some(name) = list.next_element()? {
            names.push(name);
        }
        Roles::of(names)
    }
}
