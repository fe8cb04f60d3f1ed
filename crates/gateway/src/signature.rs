//! `Chingu-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "{t}.{raw body}")>`.
//!
//! The time is part of what is signed, so a recorded request ages; comparison takes the same time
//! wherever the digests differ. During a rotation two secrets are valid: the receiver tries both.

use std::fmt;
use std::time::Duration;

use domain::time::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::Error;

/// How old, or how far ahead, the signature of an event request may be.
pub const EVENT_SIGNATURE_AGE_MAX: Duration = Duration::from_secs(5 * 60);
/// A secret shorter than this is a mistake in a configuration.
pub const SECRET_BYTES_MIN: usize = 16;
pub const SECRET_BYTES_MAX: usize = 256;

/// The header's length is bounded before it is read.
const HEADER_BYTES_MAX: usize = 512;
/// A sender in rotation may sign with both secrets.
const DIGESTS_MAX: usize = 2;
const DIGEST_BYTES: usize = 32;

/// One shared secret; never printed.
#[derive(Clone)]
pub struct Secret(Hmac<Sha256>);

impl Secret {
    /// Takes 16 to 256 bytes of any text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&text.len()) {
            return Err(Error::malformed(format!(
                "a gateway secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes, this has {}",
                text.len()
            )));
        }
        Hmac::new_from_slice(text.as_bytes())
            .map(Self)
            .map_err(|_| Error::malformed("the gateway secret cannot be used as a key"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The secret in use and, during a rotation, the one before it.
#[derive(Debug, Clone)]
pub struct Secrets {
    pub current: Secret,
    pub previous: Option<Secret>,
}

impl Secrets {
    pub fn of(current: Secret) -> Self {
        Self {
            current,
            previous: None,
        }
    }
}

/// The header's value for `body` as signed at `at`.
pub fn sign(secret: &Secret, at: Timestamp, body: &[u8]) -> String {
    let seconds = at.as_seconds().to_string();
    let digest = mac(secret, &seconds, body).finalize().into_bytes();
    format!("t={seconds},v1={}", hex::encode(digest))
}

/// Whether one of the secrets signed `body`, and not longer than `age_max` before or after `now`
/// where an age is asked for.
pub fn verify(
    header: &str,
    body: &[u8],
    secrets: &Secrets,
    now: Timestamp,
    age_max: Option<Duration>,
) -> Result<(), Error> {
    let parsed = Header::parse(header)?;
    let signed_by = |secret: &Secret| {
        let mac = mac(secret, parsed.seconds, body);
        parsed
            .digests()
            .any(|digest| mac.clone().verify_slice(digest).is_ok())
    };
    if !signed_by(&secrets.current) && !secrets.previous.as_ref().is_some_and(signed_by) {
        return Err(Error::Unauthentic("the signature does not fit the body"));
    }
    // The age is looked at after the digest: what is said of a time is only said to a known sender.
    match age_max {
        Some(age_max) if now.as_seconds().abs_diff(parsed.at) > age_max.as_secs() => Err(
            Error::Unauthentic("the signature is older than 5 minutes or from the future"),
        ),
        _ => Ok(()),
    }
}

struct Header<'a> {
    /// As it stood in the header: this text is what was signed.
    seconds: &'a str,
    at: i64,
    digests: [Option<[u8; DIGEST_BYTES]>; DIGESTS_MAX],
}

impl<'a> Header<'a> {
    fn parse(text: &'a str) -> Result<Self, Error> {
        if text.len() > HEADER_BYTES_MAX {
            return Err(Error::Unauthentic("the signature header is too long"));
        }
        let (mut time, mut digests) = (None, [None; DIGESTS_MAX]);
        for part in text.split(',') {
            let unreadable = Error::Unauthentic("the signature header is not t=…,v1=…");
            let (name, value) = part.trim().split_once('=').ok_or(unreadable)?;
            match name {
                "t" if time.is_some() => {
                    return Err(Error::Unauthentic("the signature header has two times"));
                }
                "t" => time = Some((value, parse_seconds(value)?)),
                "v1" => {
                    let free = digests.iter_mut().find(|slot| slot.is_none());
                    let free = free.ok_or(Error::Unauthentic(
                        "the signature header has more than two digests",
                    ))?;
                    *free = Some(parse_digest(value)?);
                }
                // Later versions of the scheme may stand beside v1.
                _ => {}
            }
        }
        let (seconds, at) = time.ok_or(Error::Unauthentic("the signature header has no time"))?;
        if digests[0].is_none() {
            return Err(Error::Unauthentic("the signature header has no v1 digest"));
        }
        Ok(Self {
            seconds,
            at,
            digests,
        })
    }

    fn digests(&self) -> impl Iterator<Item = &[u8]> {
        self.digests.iter().flatten().map(<[u8; _]>::as_slice)
    }
}

fn parse_seconds(text: &str) -> Result<i64, Error> {
    let digits = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .ok_or(Error::Unauthentic("the signature's time is not in seconds"))
}

fn parse_digest(text: &str) -> Result<[u8; DIGEST_BYTES], Error> {
    let mut digest = [0; DIGEST_BYTES];
    hex::decode_to_slice(text, &mut digest)
        .map(|()| digest)
        .map_err(|_| Error::Unauthentic("the signature is not 64 hex digits"))
}

fn mac(secret: &Secret, seconds: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = secret.0.clone();
    mac.update(seconds.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}
