//! Public keys as brands register them: JSON Web Keys of RSA.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::channel::ASSERTION_KEY_BITS;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;

use crate::Error;

/// More than any public key has.
const JWK_BYTES_MAX: usize = 4_096;
const EXPONENT_BYTES_MAX: usize = 4;

/// The two numbers of a public key, in bytes, the highest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    pub modulus: Vec<u8>,
    pub exponent: Vec<u8>,
}

/// What is looked at; a `kid` of the brand's own is not, because keys get theirs here.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    used_for: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<serde::de::IgnoredAny>,
}

impl PublicKey {
    /// Reads a JWK, or says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, Error> {
        let refuse = |why: &str| Error::refused("jwk", why);
        if text.len() > JWK_BYTES_MAX {
            return Err(refuse("is longer than a public key"));
        }
        let jwk: Jwk = serde_json::from_str(text)
            .map_err(|error| Error::refused("jwk", format!("is no JSON Web Key: {error}")))?;
        if jwk.d.is_some() {
            return Err(Error::refused(
                "private jwk",
                "is the private key: keep it, make another pair, and register its public half",
            ));
        }
        let is_for_us = jwk.kty == "RSA"
            && jwk.alg.is_none_or(|alg| alg == "RS256")
            && jwk.used_for.is_none_or(|used_for| used_for == "sig");
        if !is_for_us {
            return Err(refuse("is not a key of kty RSA, alg RS256, use sig"));
        }
        let number = |text: Option<String>| {
            let bytes = URL_SAFE_NO_PAD.decode(text.unwrap_or_default()).ok()?;
            let first = bytes.iter().position(|byte| *byte != 0)?;
            Some(bytes[first..].to_vec())
        };
        let (modulus, exponent) = (number(jwk.n), number(jwk.e));
        let (Some(modulus), Some(exponent)) = (modulus, exponent) else {
            return Err(refuse("has no n and e in URL-safe base64"));
        };
        let bits = modulus.len() * 8 - modulus[0].leading_zeros() as usize;
        if bits != ASSERTION_KEY_BITS {
            return Err(refuse(&format!(
                "has {bits} bits, not {ASSERTION_KEY_BITS}"
            )));
        }
        let is_odd = |bytes: &[u8]| bytes.last().is_some_and(|last| last % 2 == 1);
        let exponent_fits = exponent.len() <= EXPONENT_BYTES_MAX && exponent != [1];
        if !is_odd(&modulus) || !is_odd(&exponent) || !exponent_fits {
            return Err(refuse("is no key of RSA"));
        }
        Ok(Self { modulus, exponent })
    }
}

/// What signatures of a key are verified with.
pub(super) fn verifying(modulus: &[u8], exponent: &[u8]) -> DecodingKey {
    DecodingKey::from_rsa_raw_components(modulus, exponent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// An odd number of so many bits.
    fn number(bits: usize) -> String {
        let mut bytes = vec![0xa5; bits.div_ceil(8)];
        bytes[0] = 0xff >> ((8 - bits % 8) % 8);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    #[test]
    fn a_public_key_is_read_with_and_without_what_may_be_left_out() {
        let n = number(2_048);
        for jwk in [
            json!({"kty": "RSA", "n": n, "e": "AQAB"}),
            json!({"kty": "RSA", "alg": "RS256", "use": "sig", "n": n, "e": "AQAB"}),
            json!({"kty": "RSA", "n": n, "e": "AQAB", "kid": "mine", "key_ops": ["verify"]}),
        ] {
            let key = PublicKey::read(&jwk.to_string()).unwrap();
            assert_eq!((key.modulus.len(), &*key.exponent), (256, &[1, 0, 1][..]));
        }
    }

    #[test]
    fn whatever_else_is_refused_in_words() {
        let n = number(2_048);
        let table = [
            (json!("text"), "no JSON Web Key"),
            (json!({}), "kty"),
            (json!({"kty": "EC", "n": n, "e": "AQAB"}), "kty RSA"),
            (
                json!({"kty": "RSA", "alg": "HS256", "n": n, "e": "AQAB"}),
                "RS256",
            ),
            (
                json!({"kty": "RSA", "use": "enc", "n": n, "e": "AQAB"}),
                "use sig",
            ),
            (
                json!({"kty": "RSA", "n": n, "e": "AQAB", "d": "AQ"}),
                "private",
            ),
            (json!({"kty": "RSA", "e": "AQAB"}), "n and e"),
            (json!({"kty": "RSA", "n": n}), "n and e"),
            (json!({"kty": "RSA", "n": "==", "e": "AQAB"}), "n and e"),
            (
                json!({"kty": "RSA", "n": number(1_024), "e": "AQAB"}),
                "1024 bits",
            ),
            (
                json!({"kty": "RSA", "n": number(2_047), "e": "AQAB"}),
                "2047 bits",
            ),
            (
                json!({"kty": "RSA", "n": number(4_096), "e": "AQAB"}),
                "4096 bits",
            ),
            (json!({"kty": "RSA", "n": n, "e": "AQ"}), "no key of RSA"),
            (json!({"kty": "RSA", "n": n, "e": "Ag"}), "no key of RSA"),
            (json!({"kty": "RSA", "n": n, "e": n}), "no key of RSA"),
        ];
        for (jwk, words) in table {
            let error = PublicKey::read(&jwk.to_string()).unwrap_err().to_string();
            assert!(error.contains(words), "{jwk}: {error}");
        }
        let long = format!("{{\"kty\": \"{}\"}}", "R".repeat(JWK_BYTES_MAX));
        assert!(PublicKey::read(&long).is_err());
    }
}
