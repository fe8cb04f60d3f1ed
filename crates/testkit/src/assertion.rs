//! Keys of brands, and assertions as their programs sign them: right ones, and every wrong one.
//!
//! Written by hand, without the library that reads them.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A pair of RSA with 2,048 bits.
pub struct SigningKey {
    pair: KeyPair,
}

impl SigningKey {
    pub fn generate() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        Self { pair }
    }

    /// The public half, as a brand registers it.
    pub fn jwk(&self) -> Value {
        json!({
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "n": self.modulus(),
            "e": URL_SAFE_NO_PAD.encode(
                self.pair.public_key().exponent().big_endian_without_leading_zero(),
            ),
        })
    }

    /// The number that makes the key, in URL-safe base64.
    pub fn modulus(&self) -> String {
        let public = self.pair.public_key();
        URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero())
    }

    /// An assertion signed with RS256, whatever its header says.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message.as_bytes(),
                &mut signature,
            )
            .expect("a signature");
        with_signature(&message, &signature)
    }
}

/// What LINE's libraries put into the header.
pub fn header(kid: &str) -> Value {
    json!({"alg": "RS256", "typ": "JWT", "kid": kid})
}

/// An assertion that nobody signed.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    with_signature(&message(header, claims), &[])
}

/// An assertion signed with HS256 by a secret that everybody knows.
pub fn signed_by_secret(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let message = message(header, claims);
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, secret),
        message.as_bytes(),
    );
    with_signature(&message, tag.as_ref())
}

fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn with_signature(message: &str, signature: &[u8]) -> String {
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}
