//! Where a RabbitMQ is and how it is used, checked before anything is connected.

use std::fmt;
use std::time::Duration;

use lapin::uri::AMQPUri;

/// Characters of a prefix, at most: queue names are short strings.
const PREFIX_LENGTH_MAX: usize = 64;
/// Seconds between two heartbeats where the URL does not say otherwise: a peer that is gone without
/// a word is noticed after twice as long.
const HEARTBEAT_SECONDS: u16 = 15;

#[derive(Clone, PartialEq, Eq)]
pub struct RabbitMqConfig {
    /// `amqp://user:password@host:port/vhost`, or `amqps://`; the default virtual host is written
    /// `/%2f`.
    pub url: String,
    /// Whom `amqps://` trusts beside the system's authorities; PEM.
    pub root_certificates: Option<String>,
    /// What the names of exchange and queues begin with. Installations that share a virtual host
    /// differ in it.
    pub prefix: String,
    /// Messages of one lane that this process may hold unacknowledged. A little more than its
    /// workers push at once: what waits here is not in anybody else's reach.
    pub prefetch: u16,
    /// How long a publish waits for its confirm.
    pub confirm_timeout: Duration,
    /// What operators see in the broker's list of connections.
    pub name: String,
    /// Pauses between attempts to connect differ by it, so that processes do not come back at once.
    pub jitter_seed: u64,
}

impl RabbitMqConfig {
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            root_certificates: None,
            prefix: "chingu".to_owned(),
            prefetch: 64,
            confirm_timeout: Duration::from_secs(5),
            name: "chingu".to_owned(),
            jitter_seed: 0,
        }
    }

    /// The address as lapin takes it.
    pub(super) fn uri(&self) -> Result<AMQPUri, InvalidRabbitMqConfig> {
        let mut uri: AMQPUri = self.url.parse().map_err(InvalidRabbitMqConfig::Url)?;
        // The parser takes an address in brackets for no host, and no host for this machine.
        let after_user = self.url.rsplit('@').next().unwrap_or(&self.url);
        if after_user.contains('[') {
            return Err(InvalidRabbitMqConfig::Url(
                "a host in brackets is not understood: name it".to_owned(),
            ));
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        Ok(uri)
    }

    /// Whether it can be used, as far as can be known without connecting.
    pub fn check(&self) -> Result<(), InvalidRabbitMqConfig> {
        self.uri()?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || ['.', '-', '_'].contains(&c);
        let length = 1..=PREFIX_LENGTH_MAX;
        if !length.contains(&self.prefix.len()) || !self.prefix.chars().all(is_name) {
            return Err(InvalidRabbitMqConfig::Prefix(self.prefix.clone()));
        }
        if self.prefetch == 0 {
            return Err(InvalidRabbitMqConfig::Prefetch);
        }
        Ok(())
    }
}

/// The password is nobody's business.
impl fmt::Debug for RabbitMqConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            url: _,
            root_certificates: _,
            prefix,
            prefetch,
            confirm_timeout,
            name,
            jitter_seed,
        } = self;
        f.debug_struct("RabbitMqConfig")
            .field("prefix", prefix)
            .field("prefetch", prefetch)
            .field("confirm_timeout", confirm_timeout)
            .field("name", name)
            .field("jitter_seed", jitter_seed)
            .finish_non_exhaustive()
    }
}

/// What has to be changed before it can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRabbitMqConfig {
    #[error("the broker's URL is not understood: {0}; it is amqp://user:password@host:port/vhost")]
    Url(String),
    #[error(
        "the broker's prefix '{0}' is not a name: 1 to {PREFIX_LENGTH_MAX} letters, digits, '.', \
         '-' or '_'"
    )]
    Prefix(String),
    #[error("a prefetch of 0 would never end: at least 1")]
    Prefetch,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        RabbitMqConfig::at(url).uri().unwrap_err().to_string()
    }

    #[test]
    fn an_address_is_read() {
        let uri = RabbitMqConfig::at("amqp://me:secret@127.0.0.1:5673/%2fshop")
            .uri()
            .unwrap();
        assert_eq!(
            (uri.authority.host.as_str(), uri.authority.port),
            ("127.0.0.1", 5673)
        );
        assert_eq!(uri.vhost, "/shop");
        assert_eq!(uri.query.heartbeat, Some(HEARTBEAT_SECONDS));
        let encrypted = RabbitMqConfig::at("amqps://broker.example/%2f").uri();
        assert_eq!(encrypted.unwrap().authority.port, 5671);
        let own = RabbitMqConfig::at("amqp://localhost/%2f?heartbeat=3")
            .uri()
            .unwrap();
        assert_eq!(own.query.heartbeat, Some(3));
    }

    #[test]
    fn what_cannot_work_is_refused_in_words() {
        assert!(refused("http://broker/").contains("amqp://user:password@host:port/vhost"));
        assert!(refused("broker").contains("not understood"));
        assert!(refused("amqp://me:[x]@[::1]:5672/%2f").contains("brackets"));
        let with = |prefix: &str, prefetch| RabbitMqConfig {
            prefix: prefix.to_owned(),
            prefetch,
            ..RabbitMqConfig::at("amqp://localhost")
        };
        for prefix in ["", "a b", "a/b", &"x".repeat(PREFIX_LENGTH_MAX + 1)] {
            let refused = with(prefix, 1).check().unwrap_err();
            assert!(refused.to_string().contains("prefix"), "{refused}");
        }
        assert_eq!(
            with("shop-1", 0).check(),
            Err(InvalidRabbitMqConfig::Prefetch)
        );
        assert_eq!(with("shop-1.a_b", 1).check(), Ok(()));
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", RabbitMqConfig::at("amqp://me:secret@broker"));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
