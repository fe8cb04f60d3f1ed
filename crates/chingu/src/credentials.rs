//! The token and secret shared with the messenger.
//!
//! What is configured counts. Otherwise: while everything listens on this machine only, a
//! documented development default, so that `chingu serve` and `chingu sandbox` understand each
//! other at once; else what an earlier start left in the data folder, or the sandbox inside makes
//! it, once.

use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use gateway::{Secret, Secrets};
use rand::TryRng;
use rand::rngs::SysRng;

use crate::config::{Config, SecretText};

/// Not secret: whoever can connect to a loopback address is on this machine.
const DEVELOPMENT_TOKEN: &str = "chingu-development-token";
const DEVELOPMENT_SECRET: &str = "chingu-development-secret";
/// In the data folder; two lines, token and secret, readable by its owner only.
const FILE: &str = "gateway.credentials";
const RANDOM_BYTES: usize = 32;

#[derive(Debug, Clone)]
pub struct Credentials {
    pub token: SecretText,
    pub secrets: Secrets,
}

/// Who may come by, and who can make credentials where there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Surroundings {
    /// Every address this process listens on or connects to is a loopback one.
    pub is_loopback: bool,
    /// The messenger is in this process: nobody else has to be told.
    pub has_sandbox: bool,
}

impl Credentials {
    pub fn of(config: &Config, surroundings: Surroundings) -> anyhow::Result<Self> {
        let gateway = &config.gateway;
        if let (Some(token), Some(secret)) = (&gateway.token, &gateway.secret) {
            let previous = gateway.previous_secret.as_ref();
            let previous = previous
                .map(|text| Secret::parse(text.reveal()))
                .transpose()?;
            let current = Secret::parse(secret.reveal())?;
            let secrets = Secrets { current, previous };
            let token = token.clone();
            return Ok(Self { token, secrets });
        }
        if surroundings.is_loopback {
            return Self::pair(DEVELOPMENT_TOKEN, DEVELOPMENT_SECRET);
        }
        if let Some(kept) = Self::kept_in(config.data())? {
            return Ok(kept);
        }
        if surroundings.has_sandbox {
            return Self::make_in(config.data());
        }
        bail!(
            "the messenger is not on this machine's loopback address: \
             give gateway.token and gateway.secret"
        )
    }

    fn pair(token: &str, secret: &str) -> anyhow::Result<Self> {
        Ok(Self {
            token: SecretText::of(token),
            secrets: Secrets::of(Secret::parse(secret)?),
        })
    }

    fn kept_in(folder: &Path) -> anyhow::Result<Option<Self>> {
        let path = folder.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let lines: Vec<&str> = text.lines().collect();
        match lines[..] {
            [token, secret] => Self::pair(token, secret)
                .map(Some)
                .with_context(|| format!("{} is damaged", path.display())),
            _ => bail!("{} does not hold a token and a secret", path.display()),
        }
    }

    fn make_in(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let (token, secret) = (random_text()?, random_text()?);
        std::fs::create_dir_all(folder)?;
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
        writeln!(file, "{token}\n{secret}")?;
        file.sync_all()?;
        Self::pair(&token, &secret)
    }
}

/// Whether `url` leads to this machine and nowhere else.
pub fn leads_to_loopback(url: &str) -> bool {
    let rest = url.strip_prefix("http://").unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn random_text() -> anyhow::Result<String> {
    let mut bytes = [0u8; RANDOM_BYTES];
    SysRng
        .try_fill_bytes(&mut bytes)
        .context("the system gives no randomness")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::{Overrides, Sources};

    fn config(folder: &Path, file: &str) -> Config {
        let sources = Sources {
            file: Some(("chingu.toml".into(), file.into())),
            variables: Vec::new(),
        };
        let overrides = Overrides {
            data: Some(folder.to_owned()),
            ..Overrides::default()
        };
        Config::read(&sources, overrides).unwrap()
    }

    const FAR: Surroundings = Surroundings {
        is_loopback: false,
        has_sandbox: true,
    };

    #[test]
    fn they_are_made_once_and_only_their_owner_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), "");
        let first = Credentials::of(&config, FAR).unwrap();
        let second = Credentials::of(&config, FAR).unwrap();
        assert_eq!(first.token, second.token);
        assert_ne!(first.token.reveal(), DEVELOPMENT_TOKEN);
        let file = folder.path().join(FILE);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&file, "only a token\n").unwrap();
        let error = Credentials::of(&config, FAR).unwrap_err().to_string();
        assert!(error.contains("a token and a secret"), "{error}");
    }

    #[test]
    fn configured_ones_count_and_strangers_get_no_default() {
        let folder = tempfile::tempdir().unwrap();
        let pair = "[gateway]\ntoken = \"t\"\nsecret = \"0123456789abcdef\"";
        let near = Surroundings {
            is_loopback: true,
            has_sandbox: false,
        };
        let configured = Credentials::of(&config(folder.path(), pair), near).unwrap();
        assert_eq!(configured.token.reveal(), "t");
        let bare = config(folder.path(), "");
        assert_eq!(
            Credentials::of(&bare, near).unwrap().token.reveal(),
            DEVELOPMENT_TOKEN
        );
        let far = Surroundings {
            has_sandbox: false,
            ..FAR
        };
        let error = Credentials::of(&bare, far).unwrap_err().to_string();
        assert!(error.contains("gateway.token"), "{error}");
    }

    #[test]
    fn loopback_is_told_from_elsewhere() {
        let cases = [
            ("http://127.0.0.1:8081/messenger/gateway", true),
            ("http://127.8.9.1", true),
            ("http://localhost:1", true),
            ("http://[::1]:8081/x", true),
            ("http://10.0.0.1:8081", false),
            ("http://0.0.0.0:8081", false),
            ("http://[::]:8081", false),
            ("http://localhost.example.com", false),
            ("http://127.0.0.1.example.com/", false),
            ("https://127.0.0.1", false),
            ("", false),
        ];
        for (url, expected) in cases {
            assert_eq!(leads_to_loopback(url), expected, "{url}");
        }
    }
}
