//! What comes to `POST /gateway/v1/events`: signatures, bodies, and single events among good ones.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::http::{self, Answer};
use chingu_tests::messenger::SECRET;
use chingu_tests::world::Wishes;
use domain::time::Timestamp;
use gateway::{SIGNATURE_HEADER, Secret};
use serde_json::{Value, json};

use super::{Cases, books_close};
use crate::stage::{end_of, now, platform};

const PATH: &str = "/gateway/v1/events";
/// The longest body that is read.
const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

#[test]
fn events_that_are_wrong_are_told_and_reject_no_neighbour() {
    run().unwrap();
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("wrong events", 42);
    let platform = platform(60, &[], &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let address = program.address();
    let mut cases = Cases::default();
    requests(address, &mut cases)?;
    bodies(address, &mut cases)?;
    single_events(address, &mut cases)?;
    addresses(address, &mut cases)?;
    // It still works, for everybody: no wrong event made or lost a friend.
    let campaign = platform
        .brand
        .campaign("after all that", Wishes::default())?;
    let launched = platform.brand.launch(&campaign)?;
    ensure!(
        launched["reachable"] == platform.brand.reachable,
        "{launched}"
    );
    end_of(&platform, &platform.brand, &campaign)?;
    ensure!(
        program.recipe().log_count("panicked") == 0,
        "{}",
        program.recipe().log_end()
    );
    books_close(&platform.brand.data)?;
    cases.finish("events")
}

fn signed(at: Timestamp, body: &[u8]) -> Result<String> {
    Ok(gateway::sign(&Secret::parse(SECRET)?, at, body))
}

fn post(address: SocketAddr, signature: &str, body: &[u8]) -> Result<Answer> {
    let headers = [
        ("Content-Type", "application/json"),
        (SIGNATURE_HEADER, signature),
    ];
    http::request_bytes(address, "POST", PATH, &headers, body)
}

/// A refusal in JSON with words, of the client's kind.
fn is_refused(answer: &Answer, status: u16, words: &str) -> Result<()> {
    ensure!(answer.status == status, "not {status}: {answer:?}");
    let body: Value = serde_json::from_str(&answer.body).with_context(|| format!("{answer:?}"))?;
    ensure!(
        body["code"].is_string() && body["message"].is_string(),
        "{answer:?}"
    );
    ensure!(
        answer.body.contains(words),
        "'{words}' is not in {answer:?}"
    );
    Ok(())
}

/// Who wrote it is not proven.
fn requests(address: SocketAddr, cases: &mut Cases) -> Result<()> {
    let body = json!({"events": []}).to_string();
    let body = body.as_bytes();
    let right = signed(now(), body)?;
    let old = signed(Timestamp::from_millis(now().as_millis() - 301_000), body)?;
    let ahead = signed(now() + Duration::from_secs(301), body)?;
    let other = gateway::sign(
        &Secret::parse("another-secret-of-32-characters")?,
        now(),
        body,
    );
    let other_body = signed(now(), b"{\"events\":[{}]}")?;
    let (time, hex) = right.split_once(",v1=").context("a signature")?;
    let table: Vec<(&str, String)> = vec![
        ("empty", String::new()),
        ("of another secret", other),
        ("of another body", other_body),
        ("six minutes old", old),
        ("six minutes ahead", ahead),
        ("without its time", format!("v1={hex}")),
        ("without its value", time.to_owned()),
        ("a letter short", right[..right.len() - 1].to_owned()),
        ("in words", "trust me".to_owned()),
        ("a time in words", format!("t=now,v1={hex}")),
        (
            "a time of 40 digits",
            format!("t={},v1={hex}", "9".repeat(40)),
        ),
        ("a negative time", format!("t=-1,v1={hex}")),
        (
            "ten thousand of it",
            format!("{time}{}", format!(",v1={hex}").repeat(100)),
        ),
    ];
    for (name, signature) in table {
        let answer = post(address, &signature, body)?;
        // A hundred right values in one header may well be one proof; never a 500.
        let checked = match name.starts_with("ten thousand") {
            true if answer.status == 202 => Ok(()),
            _ => is_refused(&answer, 401, ""),
        };
        cases.check(&format!("signature: {name}"), checked);
    }
    let none = http::request_bytes(address, "POST", PATH, &[], body)?;
    cases.check("signature: none", is_refused(&none, 401, SIGNATURE_HEADER));
    let twice = [(SIGNATURE_HEADER, &*right), (SIGNATURE_HEADER, &*right)];
    let twice = http::request_bytes(address, "POST", PATH, &twice, body)?;
    cases.check("signature: twice", is_refused(&twice, 401, "twice"));
    let packed = [(SIGNATURE_HEADER, &*right), ("Content-Encoding", "gzip")];
    let packed = http::request_bytes(address, "POST", PATH, &packed, body)?;
    cases.check("a packed body", is_refused(&packed, 415, "gzip"));
    Ok(())
}

/// Signed, and no list of events.
fn bodies(address: SocketAddr, cases: &mut Cases) -> Result<()> {
    let many = json!({"events": vec![json!({}); 1_001]}).to_string();
    let large = format!("{{\"events\":[],\"x\":\"{}\"}}", "x".repeat(BODY_BYTES_MAX));
    let table: Vec<(&str, Vec<u8>, u16)> = vec![
        ("empty", Vec::new(), 400),
        ("no JSON", b"hello".to_vec(), 400),
        ("half", b"{\"events\":[".to_vec(), 400),
        ("a list", b"[]".to_vec(), 400),
        ("null", b"null".to_vec(), 400),
        ("no events in it", b"{}".to_vec(), 400),
        ("events that are none", b"{\"events\":5}".to_vec(), 400),
        ("events are null", b"{\"events\":null}".to_vec(), 400),
        ("events are an object", b"{\"events\":{}}".to_vec(), 400),
        (
            "events twice",
            b"{\"events\":[],\"events\":[]}".to_vec(),
            400,
        ),
        ("not UTF-8", b"{\"events\":[\"\xff\"]}".to_vec(), 400),
        ("zeros", vec![0; 1_000], 400),
        ("1,001 events", many.into_bytes(), 400),
        ("more than 2 MB", large.into_bytes(), 413),
    ];
    for (name, body, status) in table {
        let answer = post(address, &signed(now(), &body)?, &body)?;
        cases.check(&format!("body: {name}"), is_refused(&answer, status, ""));
    }
    // A list of one event that is none, however deep it goes.
    let deep = format!(
        "{{\"events\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let answer = post(address, &signed(now(), deep.as_bytes())?, deep.as_bytes())?;
    let body: Value = serde_json::from_str(&answer.body)?;
    let is_told = answer.status == 202 && body["refused"][0]["index"] == 0;
    let checked = if is_told {
        Ok(())
    } else {
        Err(anyhow::anyhow!("{answer:?}"))
    };
    cases.check("body: nested a hundred thousand times", checked);
    Ok(())
}

/// One wrong event between two that are right: it is named with its place and a reason, they are
/// taken.
fn single_events(address: SocketAddr, cases: &mut Cases) -> Result<()> {
    let at = now().to_string();
    let far = Timestamp::from_millis(now().as_millis() + 3_600_000).to_string();
    let right = json!({"id": "e", "type": "friend.blocked", "at": at, "account": "@hanok",
        "user": "U-nobody-knows"});
    let but = |field: &str, value: Value| {
        let mut event = right.clone();
        event[field] = value;
        event
    };
    let without = |field: &str| {
        let mut event = right.clone();
        event.as_object_mut().map(|object| object.remove(field));
        event
    };
    let delivery = |fields: Value| {
        let mut event = json!({"id": "d", "type": "delivery.failed", "at": at,
            "pushKey": "0198f4a0-0000-7000-8000-000000000000", "index": 0, "code": "left"});
        for (field, value) in fields.as_object().into_iter().flatten() {
            event[field] = value.clone();
        }
        event
    };
    let consent = |fields: Value| {
        let mut event = json!({"id": "c", "type": "consent.changed", "at": at,
            "account": "@hanok", "user": "U1", "kind": "promotion", "granted": true,
            "wording": "ad-2025-03"});
        for (field, value) in fields.as_object().into_iter().flatten() {
            event[field] = value.clone();
        }
        event
    };
    let profile = |profile: Value| {
        json!({"id": "p", "type": "profile.updated", "at": at, "account": "@hanok",
            "user": "U1", "profile": profile})
    };
    let table: Vec<(&str, Value, &str)> = vec![
        ("a number", json!(5), ""),
        ("null", json!(null), ""),
        ("a list", json!([]), ""),
        ("nothing in it", json!({}), ""),
        ("no id", without("id"), "id"),
        ("empty id", but("id", json!("")), "id"),
        ("id too long", but("id", json!("e".repeat(129))), "id"),
        ("id with a space", but("id", json!("a b")), "id"),
        ("id is a number", but("id", json!(5)), ""),
        ("no type", without("type"), "type"),
        (
            "unknown type",
            but("type", json!("friend.married")),
            "friend.married",
        ),
        ("no time", without("at"), "at"),
        ("a time that is none", but("at", json!("yesterday")), "at"),
        ("a time an hour ahead", but("at", json!(far)), "ahead"),
        (
            "a time without its zone",
            but("at", json!("2026-01-01T00:00:00")),
            "at",
        ),
        ("no account", without("account"), "account"),
        (
            "an account that is none",
            but("account", json!("hanok")),
            "account",
        ),
        (
            "nobody's account",
            but("account", json!("@nobody")),
            "@nobody",
        ),
        ("no user", without("user"), "user"),
        ("empty user", but("user", json!("")), "user"),
        ("user too long", but("user", json!("u".repeat(500))), "user"),
        ("user in Korean", but("user", json!("친구")), "user"),
        (
            "delivery without key",
            delivery(json!({"pushKey": null})),
            "pushKey",
        ),
        (
            "delivery of a key that is none",
            delivery(json!({"pushKey": "7"})),
            "pushKey",
        ),
        (
            "delivery without place",
            delivery(json!({"index": null})),
            "index",
        ),
        (
            "delivery of place 1000",
            delivery(json!({"index": 1000})),
            "index",
        ),
        (
            "delivery of a negative place",
            delivery(json!({"index": -1})),
            "",
        ),
        (
            "delivery of half a place",
            delivery(json!({"index": 0.5})),
            "",
        ),
        (
            "failure without code",
            delivery(json!({"code": null})),
            "code",
        ),
        (
            "failure of an unknown code",
            delivery(json!({"code": "bored"})),
            "bored",
        ),
        (
            "consent without kind",
            consent(json!({"kind": null})),
            "kind",
        ),
        (
            "consent of an unknown kind",
            consent(json!({"kind": "day"})),
            "day",
        ),
        ("consent in words", consent(json!({"granted": "yes"})), ""),
        (
            "consent to unknown words",
            consent(json!({"wording": "ad-1999"})),
            "words",
        ),
        (
            "consent to no words",
            consent(json!({"wording": null})),
            "words",
        ),
        ("no profile", profile(json!(null)), "profile"),
        ("birth year", profile(json!({"birthYear": 1700})), "birth"),
        (
            "birth year in words",
            profile(json!({"birthYear": "old"})),
            "",
        ),
        ("gender", profile(json!({"gender": "F?"})), "gender"),
        ("zone", profile(json!({"timeZone": "Mars"})), "zone"),
        (
            "name too long",
            profile(json!({"displayName": "가".repeat(400)})),
            "",
        ),
    ];
    for (index, (name, wrong, words)) in table.into_iter().enumerate() {
        // Neighbours that would be taken: somebody whom nobody has sent to leaves.
        let neighbour = |side: &str| {
            json!({"id": format!("{side}-{index}"), "type": "friend.left", "at": at,
                "account": "@hanok", "user": format!("U{side}{index}")})
        };
        let events = json!({"events": [neighbour("before"), wrong, neighbour("after")]});
        let body = events.to_string().into_bytes();
        let answer = post(address, &signed(now(), &body)?, &body)?;
        cases.check(&format!("event: {name}"), is_named(&answer, words));
    }
    Ok(())
}

fn is_named(answer: &Answer, words: &str) -> Result<()> {
    ensure!(answer.status == 202, "{answer:?}");
    let body: Value = serde_json::from_str(&answer.body)?;
    ensure!(body["accepted"] == 2, "the neighbours: {body}");
    let refused = body["refused"].as_array().context("refused")?;
    ensure!(refused.len() == 1 && refused[0]["index"] == 1, "{body}");
    let reason = refused[0]["reason"].as_str().context("a reason")?;
    ensure!(
        !reason.is_empty() && reason.contains(words),
        "'{words}' is not in {body}"
    );
    Ok(())
}

/// Addresses and methods that are not there.
fn addresses(address: SocketAddr, cases: &mut Cases) -> Result<()> {
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let answer = http::request(address, method, PATH, &[], "")?;
        cases.check(
            &format!("{method} {PATH}"),
            is_refused(&answer, 405, "POST"),
        );
    }
    for path in [
        "/gateway/v1/event",
        "/gateway/v1/events/",
        "/gateway",
        "/%00",
        "/../etc/passwd",
    ] {
        let answer = http::request(address, "POST", path, &[], "{}")?;
        let checked = (400..500).contains(&answer.status);
        let checked = if checked {
            Ok(())
        } else {
            Err(anyhow::anyhow!("{answer:?}"))
        };
        cases.check(&format!("POST {path}"), checked);
    }
    Ok(())
}
