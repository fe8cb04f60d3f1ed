//! What a signed assertion of a brand has to claim before it is worth a token.
//!
//! The signature is looked at elsewhere; here are the claims, as LINE documents them. Numbers may
//! come as texts of digits: LINE's own samples write them so.

use std::time::Duration;

use serde_json::Value;

use crate::channel::{ASSERTED_LIFETIME_MAX, ChannelId};
use crate::time::Timestamp;

/// Whom LINE's own samples address; ours are named by the installation.
pub const LINE_AUDIENCES: [&str; 2] = ["https://api.line.me/", "https://api.line.me"];
/// How far ahead an assertion may end.
pub const AHEAD_MAX: Duration = Duration::from_secs(30 * 60);
/// Clients say "in 30 minutes" by clocks of their own. Ours.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Why an assertion is worth nothing: which claim it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionRefusal {
    #[error("iss and clientId of key do not match")]
    Issuer,
    #[error("Invalid sub")]
    Subject,
    #[error("Invalid aud")]
    Audience,
    #[error("Invalid exp")]
    Expiry,
    #[error("Invalid token_exp")]
    Lifetime,
}

/// Whether the claims are those of a channel that talks to us.
pub fn check(
    claims: &Value,
    channel: ChannelId,
    audiences: &[String],
    now: Timestamp,
) -> Result<(), AssertionRefusal> {
    let channel = channel.to_string();
    let says = |claim: &str| claims.get(claim).and_then(Value::as_str) == Some(&channel);
    if !says("iss") {
        return Err(AssertionRefusal::Issuer);
    }
    if !says("sub") {
        return Err(AssertionRefusal::Subject);
    }
    if !claims.get("aud").is_some_and(|aud| names(aud, audiences)) {
        return Err(AssertionRefusal::Audience);
    }
    let ahead = claims
        .get("exp")
        .and_then(integer)
        .and_then(|end| end.checked_sub(now.as_seconds()))
        .ok_or(AssertionRefusal::Expiry)?;
    let latest = (AHEAD_MAX + CLOCK_SKEW).as_secs() as i64;
    match (1..=latest).contains(&ahead) {
        true => Ok(()),
        false => Err(AssertionRefusal::Expiry),
    }
}

/// How long the token shall live that the assertion asks for.
pub fn lifetime(claims: &Value) -> Result<Duration, AssertionRefusal> {
    let seconds = claims.get("token_exp").and_then(integer);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    match seconds {
        Some(seconds) if (1..=ASSERTED_LIFETIME_MAX.as_secs()).contains(&seconds) => {
            Ok(Duration::from_secs(seconds))
        }
        _ => Err(AssertionRefusal::Lifetime),
    }
}

/// One audience, or a list with one of ours in it.
fn names(aud: &Value, audiences: &[String]) -> bool {
    let is_ours = |one: &Value| {
        one.as_str().is_some_and(|text| {
            LINE_AUDIENCES.contains(&text) || audiences.iter().any(|ours| ours == text)
        })
    };
    match aud {
        Value::Array(several) => several.iter().any(is_ours),
        one => is_ours(one),
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::String(digits) => digits.parse().ok(),
        Value::Number(number) => number.as_i64(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_500);
    const SECONDS: i64 = 1_795_000_000;

    fn channel() -> ChannelId {
        ChannelId::parse("1573163733").unwrap()
    }

    fn ours() -> Vec<String> {
        let url = "http://127.0.0.1:8080";
        vec![url.to_owned(), format!("{url}/")]
    }

    fn claims(changes: &[(&str, Value)]) -> Value {
        let mut claims = json!({
            "iss": "1573163733",
            "sub": "1573163733",
            "aud": "https://api.line.me/",
            "exp": SECONDS + 1_800,
            "token_exp": 86_400,
        });
        for (claim, value) in changes {
            claims[*claim] = value.clone();
        }
        claims
    }

    #[test]
    fn what_lines_libraries_claim_is_taken() {
        let table: [&[(&str, Value)]; 9] = [
            &[],
            &[("aud", json!("https://api.line.me"))],
            &[("aud", json!("http://127.0.0.1:8080"))],
            &[("aud", json!("http://127.0.0.1:8080/"))],
            &[("aud", json!(["https://x.example", "https://api.line.me/"]))],
            &[("exp", json!((SECONDS + 1_800).to_string()))],
            &[("exp", json!(SECONDS + 1))],
            &[("exp", json!(SECONDS + 1_860))],
            &[("more", json!({"than": "is asked for"}))],
        ];
        for changes in table {
            let claims = claims(changes);
            assert_eq!(check(&claims, channel(), &ours(), NOW), Ok(()), "{claims}");
        }
    }

    #[test]
    fn what_is_claimed_otherwise_is_refused_by_its_name() {
        use AssertionRefusal::{Audience, Expiry, Issuer, Subject};
        let table = [
            ("iss", json!("1573163734"), Issuer),
            ("iss", json!(1_573_163_733), Issuer),
            ("iss", Value::Null, Issuer),
            ("sub", json!("other"), Subject),
            ("aud", json!("https://api.line.me/v2"), Audience),
            ("aud", json!([]), Audience),
            ("aud", Value::Null, Audience),
            ("exp", json!(SECONDS), Expiry),
            ("exp", json!(SECONDS - 1), Expiry),
            ("exp", json!(SECONDS + 1_861), Expiry),
            ("exp", json!(i64::MIN), Expiry),
            ("exp", json!(u64::MAX), Expiry),
            ("exp", json!(SECONDS as f64 + 0.5), Expiry),
            ("exp", json!("soon"), Expiry),
            ("exp", Value::Null, Expiry),
        ];
        for (claim, value, expected) in table {
            let claims = claims(&[(claim, value)]);
            let refused = check(&claims, channel(), &ours(), NOW);
            assert_eq!(refused, Err(expected), "{claims}");
        }
        let refused = check(&json!([1]), channel(), &ours(), NOW);
        assert_eq!(refused, Err(Issuer));
    }

    #[test]
    fn a_token_lives_a_second_to_thirty_days() {
        for (value, expected) in [
            (json!(1), Some(1)),
            (json!("86400"), Some(86_400)),
            (json!(2_592_000), Some(2_592_000)),
            (json!(2_592_001), None),
            (json!(0), None),
            (json!(-1), None),
            (json!("a day"), None),
            (Value::Null, None),
        ] {
            let found = lifetime(&claims(&[("token_exp", value.clone())]));
            assert_eq!(found.ok(), expected.map(Duration::from_secs), "{value}");
        }
    }
}
