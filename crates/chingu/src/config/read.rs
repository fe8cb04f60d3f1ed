//! Reading: defaults, then the file, then variables, then flags.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::{Config, LogFormat, Role, Roles, SecretText};

/// Looked for in the current folder where no other is named.
const FILE: &str = "chingu.toml";
const PREFIX: &str = "CHINGU_";
/// Variables of flags and of test builds; every other one names a section and a key.
const OTHER_VARIABLES: [&str; 15] = [
    "CHINGU_AMQP_URL",
    "CHINGU_CONFIG",
    "CHINGU_DATA",
    "CHINGU_DATABASE_URL",
    "CHINGU_EVENTS_URL",
    "CHINGU_FAULT",
    "CHINGU_GATEWAY_SECRET",
    "CHINGU_GATEWAY_TOKEN",
    "CHINGU_GATEWAY_URL",
    "CHINGU_LISTEN",
    "CHINGU_LOG_FORMAT",
    "CHINGU_NO_DEMO",
    "CHINGU_PAUSE_AT",
    "CHINGU_PAUSE_FILE",
    "CHINGU_ROLE",
];
/// Keys whose variables are texts, whatever they look like: a secret may consist of digits.
const TEXT_KEYS: [&str; 17] = [
    "server.listen",
    "server.public_url",
    "server.roles",
    "store.data",
    "store.database_url",
    "broker.amqp_url",
    "broker.prefix",
    "gateway.url",
    "gateway.token",
    "gateway.secret",
    "gateway.previous_secret",
    "api.key",
    "api.previous_key",
    "sandbox.listen",
    "sandbox.events_url",
    "log.format",
    "log.filter",
];

/// Where configuration comes from, apart from flags.
pub struct Sources {
    /// The file's name for messages, and its text.
    pub file: Option<(String, String)>,
    /// Every variable that begins with `CHINGU_`.
    pub variables: Vec<(String, String)>,
}

/// What flags say, over file and variables.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub data: Option<PathBuf>,
    pub database_url: Option<SecretText>,
    pub amqp_url: Option<SecretText>,
    pub listen: Option<SocketAddr>,
    pub roles: Option<Vec<Role>>,
    pub no_demo: bool,
    pub gateway_url: Option<String>,
    pub gateway_token: Option<SecretText>,
    pub gateway_secret: Option<SecretText>,
    pub sandbox_listen: Option<SocketAddr>,
    pub events_url: Option<String>,
    pub faults: Vec<String>,
    pub log_format: Option<LogFormat>,
}

impl Sources {
    /// The machine's: the named file, or the one in the current folder where there is one.
    pub fn of_machine(named: Option<&Path>) -> anyhow::Result<Self> {
        let path = named.unwrap_or(Path::new(FILE));
        let file = match std::fs::read_to_string(path) {
            Ok(text) => Some((path.display().to_string(), text)),
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| {
                let name = name.into_string().ok()?;
                name.starts_with(PREFIX).then_some((name, value))
            })
            .map(|(name, value)| match value.into_string() {
                Ok(value) => Ok((name, value)),
                Err(_) => bail!("variable {name} is not UTF-8"),
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { file, variables })
    }
}

impl Config {
    /// Reads and checks everything that does not depend on the command.
    pub fn read(sources: &Sources, overrides: Overrides) -> anyhow::Result<Config> {
        let mut figment = Figment::new();
        if let Some((name, text)) = &sources.file {
            figment = figment.merge(Named {
                name: name.clone(),
                inner: Toml::string(text),
            });
        }
        for (name, value) in &sources.variables {
            if let Some(variable) = Variable::of(name, value)? {
                figment = figment.merge(variable);
            }
        }
        let mut config: Config = figment.extract().map_err(in_words)?;
        config.lay_over(overrides);
        config.check()?;
        Ok(config)
    }

    fn lay_over(&mut self, flags: Overrides) {
        fn lay<T>(setting: &mut T, flag: Option<T>) {
            if let Some(flag) = flag {
                *setting = flag;
            }
        }
        lay(&mut self.store.data, flags.data);
        lay(&mut self.store.database_url, flags.database_url.map(Some));
        lay(&mut self.broker.amqp_url, flags.amqp_url.map(Some));
        lay(&mut self.server.listen, flags.listen);
        lay(
            &mut self.server.roles,
            flags.roles.map(|roles| Some(Roles(roles))),
        );
        self.server.no_demo |= flags.no_demo;
        lay(&mut self.gateway.url, flags.gateway_url.map(Some));
        lay(&mut self.gateway.token, flags.gateway_token.map(Some));
        lay(&mut self.gateway.secret, flags.gateway_secret.map(Some));
        lay(&mut self.sandbox.listen, flags.sandbox_listen);
        lay(&mut self.sandbox.events_url, flags.events_url.map(Some));
        lay(&mut self.log.format, flags.log_format);
        if !flags.faults.is_empty() {
            self.sandbox.faults = flags.faults;
        }
    }
}

/// One variable as a source of its own, so that a mistake in it is told by its name.
struct Variable {
    name: String,
    key: String,
    value: Value,
}

impl Variable {
    fn of(name: &str, text: &str) -> anyhow::Result<Option<Self>> {
        if OTHER_VARIABLES.contains(&name) {
            return Ok(None);
        }
        let words = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once("__"));
        let Some((section, key)) =
            words.filter(|(section, key)| !(section.is_empty() || key.is_empty()))
        else {
            bail!("variable {name} is not known: expected CHINGU_SECTION__KEY or a flag's name");
        };
        // A section within a section, as in CHINGU_API__RATE_LIMITS__BROADCAST.
        let key = key.replace("__", ".");
        let key = format!("{}.{}", section.to_lowercase(), key.to_lowercase());
        let value = match TEXT_KEYS.contains(&key.as_str()) {
            true => Value::from(text),
            // Never fails: what is no number, list or truth value is a text.
            false => text.parse().unwrap_or_else(|_| Value::from(text)),
        };
        let name = name.to_owned();
        Ok(Some(Self { name, key, value }))
    }
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("variable {}", self.name))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let nested = figment::util::nest(&self.key, self.value.clone());
        let dict = nested.into_dict().unwrap_or_default();
        Ok(Profile::Default.collect(dict))
    }
}

/// A text with the name of the file it came from.
struct Named<P> {
    name: String,
    inner: P,
}

impl<P: Provider> Provider for Named<P> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        self.inner.data()
    }
}

/// Every mistake on a line of its own.
fn in_words(error: figment::Error) -> anyhow::Error {
    let mut lines: Vec<String> = Vec::new();
    for error in error {
        let key = error.path.join(".");
        let place = error
            .metadata
            .as_ref()
            .map(|metadata| metadata.name.to_string());
        let mut line = error.kind.to_string();
        if !key.is_empty() {
            line.push_str(&format!(" at {key}"));
        }
        if let Some(place) = place {
            line.push_str(&format!(" in {place}"));
        }
        lines.push(line);
    }
    anyhow::anyhow!("the configuration cannot be read: {}", lines.join("; "))
}
