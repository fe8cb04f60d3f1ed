//! What a messenger may answer. Whatever proves nothing leaves the chunk unknown, with the money
//! held; when the campaign is cancelled its key is closed and everything comes back.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::admin;
use chingu_tests::world::{Brand, Wishes};
use chingu_tests::{http, wait};

use super::{Cases, books_close};
use crate::stage::{SOON, number};

/// Campaigns under way at once: fewer bad answers than open the connector's breaker.
const AT_ONCE: usize = 9;
/// The case whose answer keeps the whole account waiting for as long as is obeyed: whatever of it
/// is unknown by then waits, too.
const KEEPS_WAITING: &str = "429, come in a thousand years";

#[test]
fn answers_that_prove_nothing_leave_the_chunk_unknown_and_the_money_held() {
    run().unwrap();
}

/// What becomes of a push with an answer, and of the campaign when it is cancelled then.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Becomes {
    /// Nobody can know: the key is closed, everybody is cancelled.
    Unknown,
    /// It was refused for good.
    Failed,
    /// It was taken.
    Accepted,
}

/// An answer, byte for byte. `KEY` stands for the push key, `N` for the number of recipients.
type Case = (&'static str, Vec<u8>, Becomes);

fn table() -> Vec<Case> {
    use Becomes::{Accepted, Failed, Unknown};
    let ok = |body: &str| answer("200 OK", "", body);
    let status = |status: &str| answer(status, "", "{}");
    let right = r#"{"pushKey":"KEY","accepted":N}"#;
    let with_code = |code: &str| format!(r#"{{"code":"{code}"}}"#);
    vec![
        ("the least a result may be", ok(right), Accepted),
        (
            "fields nobody knows",
            ok(r#"{"pushKey":"KEY","accepted":N,"mood":"good"}"#),
            Accepted,
        ),
        ("no answer at all", Vec::new(), Unknown),
        (
            "not HTTP",
            b"\x16\x03\x01\x02\x00\x01\x00".to_vec(),
            Unknown,
        ),
        ("words", b"hello\r\n\r\n".to_vec(), Unknown),
        (
            "half a head",
            b"HTTP/1.1 200 OK\r\nContent-Len".to_vec(),
            Unknown,
        ),
        (
            "status 999",
            b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n".to_vec(),
            Unknown,
        ),
        (
            "status 0",
            b"HTTP/1.1 000 None\r\nContent-Length: 0\r\n\r\n".to_vec(),
            Unknown,
        ),
        (
            "a body shorter than said",
            b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{".to_vec(),
            Unknown,
        ),
        (
            "a length that is none",
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}".to_vec(),
            Unknown,
        ),
        (
            "a broken chunk",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n".to_vec(),
            Unknown,
        ),
        (
            "an endless head",
            [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; 2_000_000]].concat(),
            Unknown,
        ),
        ("an empty body", ok(""), Unknown),
        ("no JSON", ok("ok"), Unknown),
        ("a list", ok("[]"), Unknown),
        ("null", ok("null"), Unknown),
        ("an empty object", ok("{}"), Unknown),
        (
            "another key",
            ok(r#"{"pushKey":"0198f4a0-0000-7000-8000-000000000000","accepted":N}"#),
            Unknown,
        ),
        ("no key", ok(r#"{"accepted":N}"#), Unknown),
        (
            "one too many",
            ok(r#"{"pushKey":"KEY","accepted":99}"#),
            Unknown,
        ),
        ("nobody", ok(r#"{"pushKey":"KEY","accepted":0}"#), Unknown),
        (
            "less than nobody",
            ok(r#"{"pushKey":"KEY","accepted":-1}"#),
            Unknown,
        ),
        (
            "half a person",
            ok(r#"{"pushKey":"KEY","accepted":1.5}"#),
            Unknown,
        ),
        (
            "in words",
            ok(r#"{"pushKey":"KEY","accepted":"all"}"#),
            Unknown,
        ),
        (
            "too many digits",
            ok(r#"{"pushKey":"KEY","accepted":99999999999999999999}"#),
            Unknown,
        ),
        (
            "somebody behind the end",
            ok(r#"{"pushKey":"KEY","accepted":M,"rejected":[{"index":7000,"code":"left"}]}"#),
            Unknown,
        ),
        (
            "somebody twice",
            ok(r#"{"pushKey":"KEY","accepted":L,"uncertain":[{"index":0},{"index":0}]}"#),
            Unknown,
        ),
        (
            "an unknown code",
            ok(r#"{"pushKey":"KEY","accepted":M,"rejected":[{"index":0,"code":"bored"}]}"#),
            Unknown,
        ),
        (
            "excluded whom nobody excluded",
            ok(r#"{"pushKey":"KEY","accepted":M,"excluded":[0]}"#),
            Unknown,
        ),
        (
            "not UTF-8",
            answer_bytes("200 OK", b"{\"pushKey\":\"\xff\"}"),
            Unknown,
        ),
        (
            "ten megabytes",
            ok(&format!("{{\"x\":\"{}\"}}", "x".repeat(10_000_000))),
            Unknown,
        ),
        ("created", status("201 Created"), Unknown),
        ("accepted for later", status("202 Accepted"), Unknown),
        (
            "no content",
            b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec(),
            Unknown,
        ),
        (
            "elsewhere",
            answer("302 Found", "Location: http://127.0.0.1:1/\r\n", ""),
            Unknown,
        ),
        ("not found", status("404 Not Found"), Unknown),
        (
            "a conflict without its code",
            status("409 Conflict"),
            Unknown,
        ),
        ("gone without its code", status("410 Gone"), Unknown),
        ("422 without its code", status("422 Unprocessable"), Unknown),
        ("a teapot", status("418 Teapot"), Unknown),
        ("a broken server", status("500 Oops"), Unknown),
        ("503 that does not say", status("503 Busy"), Unknown),
        (
            "503 that contradicts itself",
            answer("503 Busy", "", r#"{"processed":false,"accepted":3}"#),
            Unknown,
        ),
        (
            "503 not processed, come in words",
            answer(
                "503 Busy",
                "Retry-After: soon\r\n",
                r#"{"code":"unavailable","processed":false}"#,
            ),
            Unknown,
        ),
        (
            KEEPS_WAITING,
            answer("429 Slow", "Retry-After: 99999999999999\r\n", "{}"),
            Unknown,
        ),
        (
            "in progress, come at once",
            answer(
                "409 Conflict",
                "Retry-After: 0\r\n",
                &with_code("in_progress"),
            ),
            Unknown,
        ),
        (
            "refused with a page",
            answer("400 Bad", "", "<html>no</html>"),
            Failed,
        ),
        ("too large, it says", answer("413 Large", "", ""), Failed),
    ]
}

/// It says that the connection ends with it: a push begun on one that the messenger is just closing
/// would fail without its odd answer, and taint its chunk.
fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = "LENGTH";
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn answer_bytes(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("odd answers", 43);
    let odd = OddMessenger::start(table())?;
    let mut reachable = 0;
    let make = |data: &Path| {
        let brand = Brand::create(data, "@hanok", 20, &mut draw)?;
        reachable = brand.reachable;
        Ok(brand)
    };
    // A push that a busy machine gives up taints its chunk: every answer here is the messenger's,
    // or its connection ends.
    let times = Times {
        request_timeout_ms: 20_000,
        lease_ms: 60_000,
        ..Times::default()
    };
    let mut platform = Platform::with_brand(Place::Inside, &[], times, make)?;
    let gateway = ["--gateway-url".to_owned(), odd.url()];
    platform.recipe.arguments.extend(gateway);
    let mut cases = Cases::default();
    let names = odd.cases.iter().map(|(name, ..)| *name);
    let (alone, names): (Vec<&str>, Vec<&str>) = names.partition(|name| *name == KEEPS_WAITING);
    for group in names.chunks(AT_ONCE).chain([&*alone]) {
        // Anew for every group, so that no breaker remembers the one before.
        let program = platform.recipe.clone().start()?;
        let mut campaigns = Vec::new();
        for name in group {
            let campaign = platform.brand.campaign(name, Wishes::default())?;
            odd.expect(&campaign, name);
            platform.brand.launch(&campaign)?;
            campaigns.push(campaign);
        }
        for campaign in &campaigns {
            let pushed = || (odd.pushes(campaign) > 0).then_some(());
            wait::until("every campaign was pushed", SOON, pushed, || {
                program.recipe().log_end()
            })?;
            // One that was answered to the end is closed by itself, and cannot be cancelled.
            let _ = admin(&platform.brand.data, &["campaign", "cancel", campaign]);
        }
        for (name, campaign) in group.iter().zip(&campaigns) {
            let expected = odd.becomes(name);
            let checked = became(&platform, campaign, reachable, expected);
            cases.check(&format!("answer: {name}"), checked);
        }
        let ready = http::get(program.address(), "/readyz")?;
        ensure!(ready.status == 200, "{ready:?}");
        ensure!(
            program.recipe().log_count("panicked") == 0,
            "{}",
            program.recipe().log_end()
        );
        let (status, _) = program.stop()?;
        ensure!(status.success(), "{status}");
    }
    books_close(&platform.brand.data)?;
    cases.finish("gateway answers")
}

fn became(platform: &Platform, campaign: &str, reachable: u64, expected: Becomes) -> Result<()> {
    let (shown, _) = platform.wait_for_state(campaign, &["closed"], SOON)?;
    let (outcome, price) = match expected {
        Becomes::Unknown => ("cancelled", 0),
        Becomes::Failed => ("failed", 0),
        Becomes::Accepted => ("accepted", 15_000_000),
    };
    ensure!(
        number(&shown, outcome)? == reachable,
        "not {outcome}: {shown}"
    );
    ensure!(
        number(&shown, "captured_micro")? == reachable * price,
        "{shown}"
    );
    ensure!(number(&shown, "open_micro")? == 0, "{shown}");
    Ok(())
}

/// A messenger that answers pushes byte for byte as told, and closes keys as it should.
struct OddMessenger {
    address: SocketAddr,
    cases: Arc<Vec<Case>>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// The case's name, by campaign.
    expected: HashMap<String, &'static str>,
    pushes: HashMap<String, u32>,
}

impl OddMessenger {
    fn start(cases: Vec<Case>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (cases, seen) = (Arc::new(cases), Arc::<Mutex<Seen>>::default());
        let odd = Self {
            address,
            cases: cases.clone(),
            seen: seen.clone(),
        };
        // It ends with the test's process: it holds nothing but its port.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (cases, seen) = (cases.clone(), seen.clone());
                std::thread::spawn(move || {
                    // A caller that hangs up in the middle of an odd answer is right to do so.
                    let _ = serve(stream, &cases, &seen);
                });
            }
        });
        Ok(odd)
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn expect(&self, campaign: &str, name: &'static str) {
        let mut seen = self.seen.lock().expect("no test dies holding it");
        seen.expected.insert(campaign.to_owned(), name);
    }

    fn pushes(&self, campaign: &str) -> u32 {
        let seen = self.seen.lock().expect("no test dies holding it");
        seen.pushes.get(campaign).copied().unwrap_or(0)
    }

    fn becomes(&self, name: &str) -> Becomes {
        let found = self.cases.iter().find(|(case, ..)| *case == name);
        found.expect("names come from the table").2
    }
}

/// One request, one answer, one connection.
fn serve(mut stream: TcpStream, cases: &[Case], seen: &Mutex<Seen>) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        ensure!(reader.read_line(&mut head)? > 0, "hung up");
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length
            .then(|| value.trim().parse::<usize>().ok())
            .flatten()
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let answer = match head.contains("/close ") {
        true => answer("200 OK", "", r#"{"processed":false}"#),
        false => push_answer(&body, cases, seen)?,
    };
    stream.write_all(&with_length(answer))?;
    Ok(())
}

fn push_answer(body: &[u8], cases: &[Case], seen: &Mutex<Seen>) -> Result<Vec<u8>> {
    let push: serde_json::Value = serde_json::from_slice(body)?;
    let campaign = push["campaignId"].as_str().context("a campaign")?;
    let name = {
        let mut seen = seen.lock().expect("no test dies holding it");
        *seen.pushes.entry(campaign.to_owned()).or_default() += 1;
        *seen.expected.get(campaign).context("a case")?
    };
    let (_, answer, _) = cases
        .iter()
        .find(|(case, ..)| *case == name)
        .context("a case")?;
    let size = push["recipients"].as_array().context("recipients")?.len();
    let Ok(text) = std::str::from_utf8(answer) else {
        return Ok(answer.clone());
    };
    let text = text
        .replace("KEY", push["pushKey"].as_str().context("a key")?)
        .replace(":N", &format!(":{size}"))
        .replace(":M", &format!(":{}", size - 1))
        .replace(":L", &format!(":{}", size - 2));
    Ok(text.into_bytes())
}

/// Fills in the length of the body, where the answer has a place for it.
fn with_length(answer: Vec<u8>) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&answer) else {
        return answer;
    };
    match text.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains("LENGTH") => {
            let head = head.replace("LENGTH", &body.len().to_string());
            format!("{head}\r\n\r\n{body}").into_bytes()
        }
        _ => answer,
    }
}
