//! A brand's program that takes webhooks, over a real socket, in whatever mood a test wants.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

/// Bytes of a request's head, at most.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Bytes of an answer without an end, at most: whoever reads all of them reads too much.
const HUGE_BYTES: u64 = 1 << 30;
static BLOCK: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// How one request is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mood {
    /// With a status.
    Answer(u16),
    /// With 302 to another address.
    Redirect(String),
    /// With nothing, until whoever asks goes away.
    Silent,
    /// With nothing: the connection is closed.
    Gone,
    /// With something that is neither HTTP nor TLS.
    Garbage,
    /// With 200 and an answer without an end.
    Huge,
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// Takes webhooks until it is dropped.
pub struct WebhookTaker {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    /// Of the next requests; then the last one for ever.
    moods: Mutex<VecDeque<Mood>>,
    taken: Mutex<Vec<Taken>>,
    connections: AtomicUsize,
    /// Of answers without an end.
    written: AtomicU64,
    is_over: AtomicBool,
}

impl Taken {
    /// The events of the body.
    pub fn events(&self) -> Vec<Value> {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["events"].as_array().cloned().unwrap_or_default()
    }
}

impl WebhookTaker {
    /// Listens on an address of this machine; every request is met with 200.
    pub fn start() -> Self {
        Self::in_moods([Mood::Answer(200)])
    }

    /// The same in moods: one per request, the last one from then on.
    pub fn in_moods(moods: impl IntoIterator<Item = Mood>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            moods: Mutex::new(moods.into_iter().collect()),
            taken: Mutex::default(),
            connections: AtomicUsize::new(0),
            written: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        });
        let of_thread = shared.clone();
        std::thread::spawn(move || of_thread.accept(&listener));
        Self { address, shared }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// How the next requests are met.
    pub fn set_moods(&self, moods: impl IntoIterator<Item = Mood>) {
        let current = self.shared.moods.lock();
        let mut current = current.unwrap_or_else(PoisonError::into_inner);
        *current = moods.into_iter().collect();
    }

    /// Every request so far, in the order in which they came.
    pub fn taken(&self) -> Vec<Taken> {
        self.shared.taken().clone()
    }

    /// Every event so far, in the order in which they came, repeated ones included.
    pub fn events(&self) -> Vec<Value> {
        let taken = self.taken();
        taken.iter().flat_map(Taken::events).collect()
    }

    /// How often somebody connected, whatever they sent.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Bytes of answers without an end that were written.
    pub fn written(&self) -> u64 {
        self.shared.written.load(Ordering::SeqCst)
    }
}

impl Drop for WebhookTaker {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            let Ok(stream) = stream else { continue };
            self.connections.fetch_add(1, Ordering::SeqCst);
            let shared = self.clone();
            std::thread::spawn(move || {
                // Whoever goes away early is what a mood is about.
                let _ = shared.meet(stream);
            });
        }
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, Vec<Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mood(&self) -> Mood {
        let mut moods = self.moods.lock().unwrap_or_else(PoisonError::into_inner);
        match moods.len() {
            0 => Mood::Answer(200),
            1 => moods[0].clone(),
            _ => moods.pop_front().unwrap_or(Mood::Gone),
        }
    }

    fn meet(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mood = self.mood();
        if mood == Mood::Garbage {
            let mut some = [0; 1_024];
            if stream.read(&mut some)? == 0 {
                return Ok(());
            }
            return stream.write_all(b"this is no such protocol\r\n\r\n");
        }
        let Some(request) = read(&mut stream)? else {
            return Ok(());
        };
        self.taken().push(request);
        match mood {
            Mood::Answer(status) => answer(&mut stream, status, ""),
            Mood::Redirect(to) => answer(&mut stream, 302, &format!("location: {to}\r\n")),
            Mood::Silent => {
                let mut nothing = [0; 1];
                while stream.read(&mut nothing)? > 0 {}
                Ok(())
            }
            Mood::Gone | Mood::Garbage => Ok(()),
            Mood::Huge => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {HUGE_BYTES}\r\n\r\n");
                stream.write_all(head.as_bytes())?;
                for _ in 0..HUGE_BYTES / BLOCK.len() as u64 {
                    stream.write_all(&BLOCK)?;
                    let bytes = BLOCK.len() as u64;
                    self.written.fetch_add(bytes, Ordering::SeqCst);
                }
                Ok(())
            }
        }
    }
}

fn answer(stream: &mut TcpStream, status: u16, more: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status} Words\r\n{more}content-length: 2\r\n");
    stream.write_all(format!("{head}connection: close\r\n\r\nok").as_bytes())
}

/// One request with its body; `None` where it ends before its end.
fn read(stream: &mut TcpStream) -> std::io::Result<Option<Taken>> {
    let mut bytes = Vec::new();
    let mut block = [0; 16 * 1024];
    let head_end = loop {
        let found = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(at) = found {
            break at;
        }
        let count = stream.read(&mut block)?;
        if count == 0 || bytes.len() > HEAD_BYTES_MAX {
            return Ok(None);
        }
        bytes.extend_from_slice(&block[..count]);
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let path = lines.next().and_then(|line| line.split(' ').nth(1));
    let path = path.unwrap_or_default().to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length");
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length {
        let count = stream.read(&mut block)?;
        if count == 0 {
            return Ok(None);
        }
        body.extend_from_slice(&block[..count]);
    }
    Ok(Some(Taken {
        path,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }))
}
