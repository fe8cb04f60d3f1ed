//! A sandbox on a port of its own, with a connector to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use connector::{Connector, GatewayConfig, GatewayConnector, Push};
use domain::answer::{AskAnswer, CloseAnswer, PushAnswer, PushResults};
use domain::capability::Capability;
use domain::codec::PackedKeys;
use domain::id::AccountId;
use domain::push::PushKey;
use domain::time::{Clock, Timestamp};
use domain::user::UserKey;
use gateway::{FrozenBody, Secret, Secrets, content_hash};
use sandbox::{Sandbox, SandboxConfig};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{ManualClock, SeededIds};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// When every world begins.
pub const BEGINNING: Timestamp = Timestamp::from_millis(1_795_348_800_000);
pub const FORM: &str = "application/x-www-form-urlencoded";
pub const SECRET: &str = "a-secret-of-the-gateway";
pub const TOKEN: &str = "token-of-the-gateway";
/// No two sandboxes of one process make the same ids, a restart neither.
static IDS: AtomicU64 = AtomicU64::new(1);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

pub struct World {
    pub folder: TempDir,
    pub address: String,
    pub clock: Arc<ManualClock>,
    pub client: reqwest::Client,
    /// Follows no redirect.
    browser: reqwest::Client,
    pub events_url: Option<String>,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
}

impl World {
    pub async fn start(faults: &[&str]) -> Self {
        Self::start_with(faults, None).await
    }

    pub async fn start_with(faults: &[&str], events_url: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(BEGINNING));
        let shutdown = CancellationToken::new();
        let (address, server) = serve(
            &folder,
            faults,
            events_url.clone(),
            clock.clone(),
            shutdown.clone(),
        )
        .await;
        Self {
            folder,
            address,
            clock,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            browser: reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            events_url,
            shutdown,
            server,
        }
    }

    /// Ends the server and starts another on the same file.
    pub async fn restart(&mut self, faults: &[&str]) {
        self.shutdown.cancel();
        (&mut self.server).await.unwrap();
        self.shutdown = CancellationToken::new();
        let (address, server) = serve(
            &self.folder,
            faults,
            self.events_url.clone(),
            self.clock.clone(),
            self.shutdown.clone(),
        )
        .await;
        (self.address, self.server) = (address, server);
    }

    pub fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("sandbox.db")
    }

    pub fn connector(&self, capability: Capability) -> GatewayConnector {
        let config = GatewayConfig {
            base_url: format!("{}{}", self.address, sandbox::serve::GATEWAY_BASE),
            token: TOKEN.to_owned(),
            secrets: secrets(),
            root_certificates: None,
            traced: domain::trace::Share::NONE,
            capability,
            request_timeout: REQUEST_TIMEOUT,
        };
        GatewayConnector::open(config, self.clock.clone()).unwrap()
    }

    pub async fn push(&self, chunk: &Chunk) -> PushAnswer {
        self.connector(Capability::gateway())
            .push(&chunk.push())
            .await
    }

    pub async fn close(&self, chunk: &Chunk) -> CloseAnswer {
        let connector = self.connector(Capability::gateway());
        connector.close(chunk.key, chunk.size).await
    }

    pub async fn ask(&self, chunk: &Chunk) -> AskAnswer {
        let connector = self.connector(Capability::gateway());
        connector.ask(chunk.key, chunk.size).await
    }

    pub async fn control(&self, method: reqwest::Method, path: &str, body: Value) -> (u16, Value) {
        let response = self
            .client
            .request(method, format!("{}/messenger/control/{path}", self.address))
            .bearer_auth(TOKEN)
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap())
    }

    pub async fn switch(&self, faults: &[&str]) -> Value {
        let asked = json!({ "faults": faults });
        let (status, shown) = self.control(reqwest::Method::PUT, "faults", asked).await;
        assert_eq!(status, 200, "{shown}");
        shown
    }

    pub async fn struck(&self, fault: &str) -> u64 {
        let (_, shown) = self
            .control(reqwest::Method::GET, "faults", json!(null))
            .await;
        shown["struck"][fault].as_u64().unwrap_or(0)
    }

    /// A page of the messenger's screen, as somebody without script gets it.
    pub async fn page(&self, path: &str) -> (u16, String) {
        let url = format!("{}{path}", self.address);
        let answer = self.client.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The page, which has to be there.
    pub async fn read(&self, path: &str) -> String {
        let (status, page) = self.page(path).await;
        assert_eq!(status, 200, "{path}: {page}");
        page
    }

    /// A form; where it led, or the status where it led nowhere.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Result<String, u16> {
        let url = format!("{}{path}", self.address);
        let request = self.browser.post(url).header("content-type", FORM);
        let answer = request.body(form(fields)).send().await.unwrap();
        match answer.status().as_u16() {
            303 => Ok(answer.headers()["location"].to_str().unwrap().to_owned()),
            status => Err(status),
        }
    }

    /// The accept log, without its head.
    pub async fn log(&self) -> Vec<String> {
        let mut csv = Vec::new();
        let lines = sandbox::log::export(&self.file(), &mut csv).await.unwrap();
        let csv = String::from_utf8(csv).unwrap();
        let mut all = csv.lines();
        assert_eq!(all.next(), Some("push_key,campaign,user_key,at"));
        let all: Vec<String> = all.map(str::to_owned).collect();
        assert_eq!(all.len() as u64, lines);
        all
    }
}

async fn serve(
    folder: &TempDir,
    faults: &[&str],
    events_url: Option<String>,
    clock: Arc<ManualClock>,
    shutdown: CancellationToken,
) -> (String, JoinHandle<()>) {
    let config = SandboxConfig {
        file: folder.path().join("sandbox.db"),
        token: TOKEN.to_owned(),
        secrets: secrets(),
        events_url,
        faults: faults.iter().map(|fault| (*fault).to_owned()).collect(),
        accounts: None,
        has_phone: true,
    };
    let ids = Arc::new(SeededIds::of(IDS.fetch_add(1, Ordering::SeqCst)));
    let sandbox = Sandbox::open(config, clock, ids).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        sandbox::serve(listener, sandbox, shutdown).await.unwrap();
    });
    (address, server)
}

pub fn secrets() -> Secrets {
    Secrets::of(Secret::parse(SECRET).unwrap())
}

/// Fields as a browser sends them.
pub fn form(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| -> String {
        let encode = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        text.bytes().map(encode).collect()
    };
    let pairs = fields.iter();
    let pairs = pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// One chunk's push.
pub struct Chunk {
    pub key: PushKey,
    pub size: u32,
    pub exclude: Vec<u32>,
    pub not_after: Option<Timestamp>,
    frozen: FrozenBody,
    keys: PackedKeys,
    content_hash: [u8; 32],
}

impl Chunk {
    pub fn of(number: u8, size: u32) -> Self {
        Self::of_account(number, size, "@hanok")
    }

    pub fn of_account(number: u8, size: u32, handle: &str) -> Self {
        let keys: Vec<UserKey> = (0..size)
            .map(|user| UserKey::parse(&format!("user-{number}-{user}")).unwrap())
            .collect();
        Self::with(number, handle, PackedKeys::of(&keys), size)
    }

    pub fn with(number: u8, handle: &str, keys: PackedKeys, size: u32) -> Self {
        let messages = json!([{"type": "text", "text": "hi"}]);
        Self::saying(number, handle, keys, size, messages, json!([]))
    }

    /// To people by their keys, from `@hanok`.
    pub fn to(number: u8, users: &[&str], messages: Value, links: Value) -> Self {
        let keys: Vec<UserKey> = users
            .iter()
            .map(|user| UserKey::parse(user).unwrap())
            .collect();
        let size = keys.len() as u32;
        let keys = PackedKeys::of(&keys);
        Self::saying(number, "@hanok", keys, size, messages, links)
    }

    fn saying(
        number: u8,
        handle: &str,
        keys: PackedKeys,
        size: u32,
        messages: Value,
        links: Value,
    ) -> Self {
        let stored = json!({
            "campaignId": "cmp_01jd3hqv5e7zk9m2n4p6r8t0vw",
            "purpose": "promotion",
            "account": {"id": "acc_01jd3hqv5e7zk9m2n4p6r8t0vx", "handle": handle,
                "displayName": "Hanok"},
            "notificationDisabled": false,
            "messages": messages,
            "links": links,
        });
        let frozen = FrozenBody::from_stored(&stored.to_string()).unwrap();
        Self {
            key: PushKey::from_bytes([number; 16]),
            size,
            exclude: Vec::new(),
            not_after: None,
            content_hash: content_hash(&frozen, &keys, None).unwrap(),
            frozen,
            keys,
        }
    }

    pub fn push(&self) -> Push<'_> {
        Push {
            key: self.key,
            account: AccountId::from_bytes([1; 16]),
            content_hash: self.content_hash,
            size: self.size,
            frozen: &self.frozen,
            keys: &self.keys,
            variables: None,
            not_after: self.not_after,
            exclude: &self.exclude,
            deadline: Duration::MAX,
        }
    }

    /// The body as it goes over the wire.
    pub fn body(&self) -> Vec<u8> {
        gateway::push_body(
            self.key,
            &self.content_hash,
            &self.frozen,
            &self.keys,
            None,
            self.not_after,
            &self.exclude,
        )
        .unwrap()
    }
}

pub fn results(answer: PushAnswer) -> PushResults {
    match answer {
        PushAnswer::Processed(results) => results,
        other => panic!("not processed: {other:?}"),
    }
}

pub fn now(clock: &ManualClock) -> Timestamp {
    Clock::now(clock)
}
