//! What secrets are sealed under, and tokens signed with.
//!
//! One key of the installation, given by its configuration or else made once and kept in its
//! database, is taken apart into one that seals (AES-256-GCM) and one that signs (HMAC-SHA256).
//! Former keys still open and verify, so a key can be replaced without any brand noticing.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use domain::id::SecretSource;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::Store;
use store::channel::INSTALLATION_KEY_BYTES;

use crate::Error;

/// In front of what is sealed: which key did it.
const NAME_BYTES: usize = 4;

/// The keys, the one that seals and signs first.
pub struct Vault {
    keys: Vec<Key>,
}

struct Key {
    name: [u8; NAME_BYTES],
    sealing: RandomizedNonceKey,
    signing: EncodingKey,
    verifying: DecodingKey,
}

/// What a signed token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// The channel's id.
    pub sub: String,
    /// Which kind of token it is, by its name.
    pub kind: String,
    /// Seconds since 1970.
    pub exp: i64,
    /// Makes two of one second differ.
    pub jti: String,
}

impl Vault {
    /// The keys that are configured, the present one first; where there is none, the one that the
    /// database keeps, made now if need be. What that one sealed stays readable in any case.
    pub async fn open_for(
        store: &Store,
        secrets: &dyn SecretSource,
        configured: &[&str],
    ) -> Result<Self, Error> {
        let mut masters: Vec<[u8; INSTALLATION_KEY_BYTES]> = configured
            .iter()
            .map(|text| Sha256::digest(text.as_bytes()).into())
            .collect();
        if masters.is_empty() && store.installation_key().await?.is_none() {
            let mut fresh = [0; INSTALLATION_KEY_BYTES];
            secrets.fill(&mut fresh);
            let mut write = store.write().await?;
            write.keep_installation_key(&fresh).await?;
            write.commit().await?;
        }
        masters.extend(store.installation_key().await?);
        Self::of(&masters)
    }

    pub(super) fn of(masters: &[[u8; INSTALLATION_KEY_BYTES]]) -> Result<Self, Error> {
        let keys: Option<Vec<Key>> = masters.iter().map(Key::of).collect();
        let keys = keys.filter(|keys| !keys.is_empty());
        let keys = keys.ok_or_else(|| Error::Sealed("there is no key to seal with".to_owned()))?;
        Ok(Self { keys })
    }

    /// Seals bytes so that they open in this place only.
    pub(super) fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error> {
        let key = &self.keys[0];
        let mut sealed = plain.to_vec();
        let nonce = key
            .sealing
            .seal_in_place_append_tag(Aad::from(place), &mut sealed)
            .map_err(|_| Error::Sealed("nothing can be sealed".to_owned()))?;
        let nonce: &[u8; NONCE_LEN] = nonce.as_ref();
        Ok([&key.name[..], nonce, &sealed].concat())
    }

    /// `None` where no key of ours sealed it for this place.
    pub(super) fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = sealed.split_at_checked(NAME_BYTES)?;
        let (nonce, rest) = rest.split_at_checked(NONCE_LEN)?;
        let key = self.keys.iter().find(|key| key.name == name)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut bytes = rest.to_vec();
        let plain = key
            .sealing
            .open_in_place(nonce, Aad::from(place), &mut bytes)
            .ok()?;
        Some(plain.to_vec())
    }

    pub(super) fn sign(&self, claims: &Claims) -> Result<String, Error> {
        let header = Header::new(Algorithm::HS256);
        jsonwebtoken::encode(&header, claims, &self.keys[0].signing)
            .map_err(|error| Error::Sealed(format!("no token can be signed: {error}")))
    }

    /// What a token says that one of our keys signed; whether it is over is for the caller.
    pub(super) fn read(&self, token: &str) -> Option<Claims> {
        let validation = only_the_signature(Algorithm::HS256);
        let read = |key: &Key| jsonwebtoken::decode(token, &key.verifying, &validation).ok();
        self.keys.iter().find_map(read).map(|read| read.claims)
    }
}

/// Claims are looked at by rules of ours, with a clock that is handed in.
pub(super) fn only_the_signature(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

impl Key {
    fn of(master: &[u8; INSTALLATION_KEY_BYTES]) -> Option<Self> {
        let master = hmac::Key::new(hmac::HMAC_SHA256, master);
        let part = |purpose: &str| hmac::sign(&master, purpose.as_bytes());
        let (name, signing) = (part("name of the key"), part("tokens of channels"));
        let sealing = part("secrets of channels");
        Some(Self {
            name: name.as_ref()[..NAME_BYTES].try_into().ok()?,
            sealing: RandomizedNonceKey::new(&AES_256_GCM, sealing.as_ref()).ok()?,
            signing: EncodingKey::from_secret(signing.as_ref()).ok()?,
            verifying: DecodingKey::from_secret(signing.as_ref()).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            sub: "1573163733".into(),
            kind: "stateless".into(),
            exp: 1_795_000_900,
            jti: "x".into(),
        }
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_and_nowhere_else() {
        let vault = Vault::of(&[[1; 32]]).unwrap();
        let sealed = vault.seal(b"here", b"hush").unwrap();
        assert_ne!(sealed, vault.seal(b"here", b"hush").unwrap());
        assert_eq!(vault.open(b"here", &sealed).unwrap(), b"hush");
        assert_eq!(vault.open(b"there", &sealed), None);
        for at in 0..sealed.len() {
            let mut other = sealed.clone();
            other[at] ^= 1;
            assert_eq!(vault.open(b"here", &other), None, "byte {at}");
            assert_eq!(vault.open(b"here", &sealed[..at]), None, "{at} bytes");
        }
    }

    #[test]
    fn a_former_key_still_opens_and_verifies() {
        let before = Vault::of(&[[1; 32]]).unwrap();
        let (sealed, token) = (
            before.seal(b"here", b"hush").unwrap(),
            before.sign(&claims()).unwrap(),
        );
        let after = Vault::of(&[[2; 32], [1; 32]]).unwrap();
        assert_eq!(after.open(b"here", &sealed).unwrap(), b"hush");
        assert_eq!(after.read(&token), Some(claims()));
        let others = Vault::of(&[[2; 32]]).unwrap();
        assert_eq!(others.open(b"here", &sealed), None);
        assert_eq!(others.read(&token), None);
        let fresh = after.seal(b"here", b"hush").unwrap();
        assert_eq!(others.open(b"here", &fresh).unwrap(), b"hush");
    }

    #[test]
    fn without_a_key_there_is_no_vault() {
        assert!(Vault::of(&[]).is_err());
    }
}
