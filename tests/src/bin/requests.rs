//! How fast requests of brands' programs are accepted: pushes and multicasts at a steady pace for a
//! minute each, with database, broker, workers and messenger on the same machine. Writes
//! `docs/requests.md`.
//!
//! A request is due by the clock, whatever became of those before it, and its time counts from
//! then: a server that stalls is not asked less for it. Afterwards everything has to be with the
//! messenger, once, recorded and captured, and the books have to close.
//! `CHINGU_REQUESTS_SECONDS` says how long, sixty without it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::engine::{self, Servers};
use chingu_tests::place;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::program::Program;
use chingu_tests::shell::{admin, reconcile, text};
use chingu_tests::table::{Table, grouped};
use chingu_tests::verdict::violations;
use chingu_tests::wait::{self, Stopwatch};
use chingu_tests::world::{Brand, MESSAGES, WORDING};
use domain::handle::Handle;
use domain::id::RequestId;
use serde_json::{Value, json};
use store::Store;
use testkit::postgres::PostgresServer;
use testkit::rabbitmq::RabbitMqServer;
use tokio::runtime::Runtime;

/// As a small server of one's own has them.
const POSTGRES: &[(&str, &str)] = &[("shared_buffers", "1GB"), ("max_wal_size", "8GB")];
const FRIENDS: u64 = 100_000;
const FUNDS: &str = "10000000000";
const SECONDS: u64 = 60;
/// How long what was accepted may take to be captured.
const LATER: Duration = Duration::from_secs(300);
const CONNECTIONS: usize = 64;
/// Between two looks at the clock; this thread does nothing else.
const TICK: Duration = Duration::from_millis(1);

/// One way of asking, at one pace.
struct Case {
    name: &'static str,
    operation: &'static str,
    recipients: usize,
    requests_per_second: u64,
}

const CASES: [Case; 3] = [
    Case {
        name: "push, one recipient",
        operation: "push",
        recipients: 1,
        requests_per_second: 500,
    },
    Case {
        name: "push, one recipient",
        operation: "push",
        recipients: 1,
        requests_per_second: 2_000,
    },
    Case {
        name: "multicast, 500 recipients",
        operation: "multicast",
        recipients: 500,
        requests_per_second: 200,
    },
];

const COLUMNS: [&str; 11] = [
    "what",
    "asked/s",
    "requests",
    "refused",
    "accepted/s",
    "p50, ms",
    "p99, ms",
    "most, ms",
    "all delivered after, s",
    "all captured after, s",
    "lost or doubled",
];

/// What became of one request: how long after it was due, and its answer.
struct Asked {
    took: Duration,
    status: u16,
    request: Option<RequestId>,
}

struct Bench {
    platform: Platform,
    keys: Vec<String>,
    token: String,
    accepted: u64,
}

fn main() -> Result<()> {
    let postgres = PostgresServer::start_with(POSTGRES);
    let rabbit = RabbitMqServer::start()?;
    let runtime = Runtime::new()?;
    let servers = Servers {
        database_url: postgres.url(&runtime.block_on(postgres.create_database())),
        amqp_url: rabbit.url(),
        prefix: "requests".to_owned(),
    };
    let mut bench = Bench::create(servers)?;
    let mut table = Table::with_columns(&COLUMNS);
    let seconds = place::number("CHINGU_REQUESTS_SECONDS", SECONDS);
    for case in &CASES {
        // A process of its own: no case leaves another one its memory.
        let program = bench.platform.recipe.clone().start()?;
        let row = bench.measure(&runtime, &program, case, seconds)?;
        table.add(row);
        program.stop()?;
    }
    let found = violations(&reconcile(&bench.platform.brand.data)?)?;
    ensure!(found.is_empty(), "{found:?}");
    let introduction = format!(
        "{}, {} cores; PostgreSQL (shared_buffers 1 GB), RabbitMQ, the messenger in a process of \
         its own, one process with every role of ours, and whoever asks, on one machine. \
         {} friends, {seconds} seconds of each. A request is due by the clock and its time counts \
         from then, whatever became of those before. Rate limits are off. *Delivered* and \
         *captured* count from the last answer until the messenger has everything and until all \
         of it is paid for; afterwards `chingu reconcile` finds nothing. Written by \
         `just requests`.",
        place::profile()?,
        std::thread::available_parallelism()?,
        grouped(FRIENDS)
    );
    table.publish(
        "requests.md",
        "How fast requests are accepted",
        &introduction,
    )
}

impl Bench {
    fn create(servers: Servers) -> Result<Self> {
        let mut draw = Draw::seeded("requests", 71);
        let mut keys = Vec::new();
        let make = |data: &Path| -> Result<Brand> {
            engine::place_on(data, servers);
            let mut brand = Brand::open(data, "@hanok")?;
            brand.top_up(FUNDS, "for-requests")?;
            let csv = everybody_agrees(&mut keys, &mut draw);
            let imported = brand.befriend("friends", csv.as_bytes())?;
            ensure!(imported["accepted"] == FRIENDS, "{imported}");
            (brand.friends, brand.reachable) = (FRIENDS, FRIENDS);
            Ok(brand)
        };
        let times = Times {
            request_timeout_ms: 10_000,
            lease_ms: 30_000,
            ..Times::default()
        };
        let mut platform = Platform::with_brand(Place::Beside, &[], times, make)?;
        for limit in ["OTHER", "MULTICAST"] {
            let variable = format!("CHINGU_API__RATE_LIMITS__{limit}");
            platform.recipe = platform.recipe.clone().with(&variable, "off");
        }
        let brand = &platform.brand;
        let issued = admin(&brand.data, &["token", "issue", "--account", &brand.handle])?;
        Ok(Self {
            token: text(&issued, "token")?.to_owned(),
            platform,
            keys,
            accepted: 0,
        })
    }

    fn measure(
        &mut self,
        runtime: &Runtime,
        program: &Program,
        case: &Case,
        seconds: u64,
    ) -> Result<Vec<String>> {
        let head = format!(
            "POST /v2/bot/message/{} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\n",
            case.operation,
            program.address(),
            self.token
        );
        let requests = case.requests_per_second * seconds;
        let bodies = self.bodies(case, requests)?;
        let asking = Stopwatch::start();
        let asked = ask(program.address(), &head, bodies, case.requests_per_second)?;
        let took = asking.elapsed();
        let answered = Stopwatch::start();
        let accepted = asked.iter().filter(|one| one.status == 200).count() as u64;
        let refused = asked.len() as u64 - accepted;
        self.accepted += accepted * case.recipients as u64;
        self.platform.wait_for_accepted(self.accepted, LATER)?;
        let delivered = answered.elapsed();
        let first = asked.iter().find_map(|one| one.request);
        let campaign =
            runtime.block_on(self.campaign_of(first.context("nothing was accepted")?))?;
        wait::until_state(
            "all of it is captured",
            LATER,
            || self.platform.brand.show(&campaign),
            |shown| shown["pending"] == 0,
        )?;
        let captured = answered.elapsed();
        let amiss = self.platform.messenger.accepted()?.abs_diff(self.accepted);
        let mut times: Vec<Duration> = asked.iter().map(|one| one.took).collect();
        times.sort_unstable();
        let at = |share: f64| milliseconds(times[((times.len() - 1) as f64 * share) as usize]);
        Ok(vec![
            case.name.to_owned(),
            grouped(case.requests_per_second),
            grouped(requests),
            grouped(refused),
            grouped((accepted as f64 / took.as_secs_f64()).round() as u64),
            at(0.5),
            at(0.99),
            at(1.0),
            format!("{:.1}", delivered.as_secs_f64()),
            format!("{:.1}", captured.as_secs_f64()),
            grouped(amiss),
        ])
    }

    /// Every friend is as likely as any other, and nobody twice in one request.
    fn bodies(&self, case: &Case, requests: u64) -> Result<Vec<Vec<u8>>> {
        let messages: Value = serde_json::from_str(MESSAGES)?;
        let mut draw = Draw::seeded(case.name, case.requests_per_second);
        let mut bodies = Vec::new();
        for _ in 0..requests {
            let first = draw.between(0, FRIENDS - 1) as usize;
            let to = self.keys.iter().cycle().skip(first).take(case.recipients);
            let to: Value = match case.recipients {
                1 => to.cloned().collect::<String>().into(),
                _ => to.cloned().collect::<Vec<String>>().into(),
            };
            bodies.push(
                json!({"to": to, "messages": messages})
                    .to_string()
                    .into_bytes(),
            );
        }
        Ok(bodies)
    }

    async fn campaign_of(&self, request: RequestId) -> Result<String> {
        let brand = &self.platform.brand;
        let store = Store::open(&engine::database(&brand.data)).await?;
        let handle = Handle::parse(&brand.handle)?;
        let account = store.account_by_handle(&handle).await?;
        let account = account.context("the account")?;
        let found = store.api_request(account.id, request).await?;
        store.close().await?;
        Ok(found.context("an accepted request")?.campaign.to_string())
    }
}

/// Asks as it is due, in a connection that is free.
fn ask(
    address: SocketAddr,
    head: &str,
    bodies: Vec<Vec<u8>>,
    per_second: u64,
) -> Result<Vec<Asked>> {
    let watch = Stopwatch::start();
    let (due, wanted) = mpsc::channel::<(Duration, Vec<u8>)>();
    let wanted = Arc::new(Mutex::new(wanted));
    let mut asking = Vec::new();
    for _ in 0..CONNECTIONS {
        let (wanted, head) = (Arc::clone(&wanted), head.to_owned());
        let mut connection = Connection::open(address)?;
        asking.push(std::thread::spawn(move || -> Result<Vec<Asked>> {
            let mut asked = Vec::new();
            loop {
                let next = wanted.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok((at, body)) = next else {
                    return Ok(asked);
                };
                let (status, request) = connection.ask(&head, &body)?;
                asked.push(Asked {
                    took: watch.elapsed().saturating_sub(at),
                    status,
                    request,
                });
            }
        }));
    }
    for (number, body) in bodies.into_iter().enumerate() {
        let at = Duration::from_micros(number as u64 * 1_000_000 / per_second);
        while watch.elapsed() < at {
            wait::let_pass(TICK);
        }
        due.send((at, body))?;
    }
    drop(due);
    let mut asked = Vec::new();
    for thread in asking {
        asked.extend(thread.join().map_err(|_| anyhow!("a thread ended"))??);
    }
    Ok(asked)
}

/// One that is kept open. A client library costs more here than what it asks for.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LATER))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// The status of the answer, and the id of the request.
    fn ask(&mut self, head: &str, body: &[u8]) -> Result<(u16, Option<RequestId>)> {
        let mut request = format!("{head}content-length: {}\r\n\r\n", body.len()).into_bytes();
        request.extend(body);
        self.0.get_mut().write_all(&request)?;
        let (mut line, mut status, mut id, mut length) = (String::new(), 0, None, 0);
        loop {
            line.clear();
            self.0.read_line(&mut line)?;
            let (name, value) = line.trim_end().split_once([':', ' ']).unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "" => break,
                "http/1.1" => status = value.get(..3).context("a status")?.parse()?,
                "content-length" => length = value.trim().parse()?,
                "x-line-request-id" => id = RequestId::parse_uuid(value.trim()),
                _ => {}
            }
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer)?;
        Ok((status, id))
    }
}

/// Everybody may be sent to.
fn everybody_agrees(keys: &mut Vec<String>, draw: &mut Draw) -> String {
    let mut csv = String::from("user_key,ad_consent,ad_consent_at,consent_wording,night_consent\n");
    for _ in 0..FRIENDS {
        let key = format!("U{:032x}", u128::from_be_bytes(draw.bytes()));
        csv.push_str(&format!("{key},yes,2025-03-04 10:00:00,{WORDING},yes\n"));
        keys.push(key);
    }
    csv
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1_000.0)
}
