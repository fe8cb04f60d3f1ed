//! A raw TCP server: it reads one HTTP request at a time and does to it what the test says.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connector::{GatewayConfig, GatewayConnector, Push};
use domain::capability::Capability;
use domain::codec::PackedKeys;
use domain::id::AccountId;
use domain::push::PushKey;
use domain::time::{Clock, Timestamp};
use domain::user::UserKey;
use gateway::{FrozenBody, Secret, Secrets, content_hash};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const SECRET: &str = "a-secret-of-the-gateway";
pub const TOKEN: &str = "token-of-the-gateway";
/// Long enough for a busy machine, short enough to wait for.
pub const REQUEST_TIMEOUT: Duration = Duration::from_millis(400);
pub const NOW_MILLIS: i64 = 1_795_348_800_000;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// `POST /v1/pushes`.
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What the fake does with a request.
pub enum Action {
    /// Writes these bytes and keeps the connection.
    Answer(String),
    /// Writes these bytes and closes the connection.
    AnswerAndClose(Vec<u8>),
    /// Closes without a byte, in the kind way or by a reset.
    Close,
    Reset,
    /// Never answers.
    Hang,
    /// Writes the bytes one by one, slower than the caller waits.
    Drip(String),
}

type Script = dyn Fn(usize, &Received) -> Action + Send + Sync;

pub struct Fake {
    pub base_url: String,
    pub received: Arc<Mutex<Vec<Received>>>,
}

impl Fake {
    /// Serves until the test ends; the script gets the request's number from 0.
    pub async fn start(
        script: impl Fn(usize, &Received) -> Action + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Script> = Arc::new(script);
        let all = received.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, script.clone(), all.clone()));
            }
        });
        Self { base_url, received }
    }

    pub fn lines(&self) -> Vec<String> {
        let received = self.received.lock().unwrap();
        received
            .iter()
            .map(|request| request.line.clone())
            .collect()
    }
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// An HTTP answer with a length.
pub fn http(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

/// The 200 that accepts everybody of a push.
pub fn accept_all(request: &Received) -> String {
    let push = request.json();
    let accepted = push["recipients"].as_array().unwrap().len();
    let key = push["pushKey"].as_str().unwrap();
    http(
        200,
        "",
        &format!(r#"{{"pushKey":"{key}","accepted":{accepted}}}"#),
    )
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, all: Arc<Mutex<Vec<Received>>>) {
    while let Some(request) = read_request(&mut stream).await {
        let number = {
            let mut all = all.lock().unwrap();
            all.push(request.clone());
            all.len() - 1
        };
        // Writing may fail where the caller has given up; that is not the fake's concern.
        match script(number, &request) {
            Action::Answer(bytes) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
            }
            Action::AnswerAndClose(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Action::Close => return,
            Action::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
            Action::Hang => std::future::pending().await,
            Action::Drip(bytes) => {
                for byte in bytes.as_bytes() {
                    let _ = stream.write_all(&[*byte]).await;
                    tokio::time::sleep(REQUEST_TIMEOUT / 10).await;
                }
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let mut buffer = [0; 4_096];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().replace(" HTTP/1.1", "");
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let mut request = Received {
        line,
        headers,
        body: bytes[head_end + 4..].to_vec(),
    };
    let length: usize = request.header("content-length").parse().unwrap_or(0);
    let missing = length - request.body.len();
    let mut rest = vec![0; missing];
    stream.read_exact(&mut rest).await.ok()?;
    request.body.extend_from_slice(&rest);
    Some(request)
}

/// A clock that stands still until it is moved.
#[derive(Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(NOW_MILLIS) + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

pub fn config(base_url: &str, capability: Capability) -> GatewayConfig {
    GatewayConfig {
        base_url: base_url.to_owned(),
        token: TOKEN.to_owned(),
        secrets: Secrets::of(Secret::parse(SECRET).unwrap()),
        root_certificates: None,
        traced: domain::trace::Share::NONE,
        capability,
        request_timeout: REQUEST_TIMEOUT,
    }
}

pub fn open(base_url: &str, capability: Capability) -> (GatewayConnector, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    let connector = GatewayConnector::open(config(base_url, capability), clock.clone()).unwrap();
    (connector, clock)
}

/// One chunk's push of some size.
pub struct Chunk {
    frozen: FrozenBody,
    keys: PackedKeys,
    content_hash: [u8; 32],
    size: u32,
    pub account: AccountId,
    pub exclude: Vec<u32>,
    pub variables: Option<String>,
    pub deadline: Duration,
}

pub fn key() -> PushKey {
    PushKey::from_bytes([7; 16])
}

impl Chunk {
    pub fn of(size: u32) -> Self {
        let frozen = FrozenBody::from_stored(concat!(
            r#"{"campaignId":"cmp_01jd3hqv5e7zk9m2n4p6r8t0vw","purpose":"information","#,
            r#""account":{"id":"acc_01jd3hqv5e7zk9m2n4p6r8t0vx","handle":"@hanok","#,
            r#""displayName":"Hanok"},"notificationDisabled":false,"#,
            r#""messages":[{"type":"text","text":"hi"}],"links":[]}"#
        ))
        .unwrap();
        let keys: Vec<UserKey> = (0..size)
            .map(|number| UserKey::parse(&format!("user-{number}")).unwrap())
            .collect();
        let keys = PackedKeys::of(&keys);
        Self {
            content_hash: content_hash(&frozen, &keys, None).unwrap(),
            frozen,
            keys,
            size,
            exclude: Vec::new(),
            variables: None,
            deadline: Duration::MAX,
            account: AccountId::from_bytes([1; 16]),
        }
    }

    pub fn push(&self) -> Push<'_> {
        Push {
            key: key(),
            account: self.account,
            content_hash: self.content_hash,
            size: self.size,
            frozen: &self.frozen,
            keys: &self.keys,
            variables: self.variables.as_deref(),
            not_after: None,
            exclude: &self.exclude,
            deadline: self.deadline,
        }
    }
}
