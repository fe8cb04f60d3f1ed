//! A campaign's way as a collector hears of it: the scheduler and a worker, each a process, tell
//! one trace of each chunk.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::engine::{self, Servers};
use chingu_tests::messenger::{Messenger, SECRET, TOKEN};
use chingu_tests::program::Recipe;
use chingu_tests::wait;
use chingu_tests::world::{Brand, Wishes};
use domain::id::CampaignId;
use domain::push::PushKey;
use domain::trace::Step;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;

use crate::stage::SOON;

const FRIENDS: u64 = 2_500;
/// How often a process tells what it has, in milliseconds.
const TELL_EVERY: u64 = 100;

/// A span, as far as it matters here.
#[derive(Debug, Clone)]
struct Span {
    name: String,
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    /// The roles of the process that told it.
    roles: String,
}

/// Takes spans by OTLP over HTTP.
struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let collector = Self {
            address: listener.local_addr()?,
            spans: Arc::default(),
        };
        let spans = collector.spans.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let spans = spans.clone();
                std::thread::spawn(move || serve(stream, &spans));
            }
        });
        Ok(collector)
    }

    fn spans(&self) -> Vec<Span> {
        self.spans.lock().expect("no reader dies").clone()
    }
}

/// Answers one request after the other, until the other side has no more.
fn serve(stream: TcpStream, spans: &Mutex<Vec<Span>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim().to_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let told = ExportTraceServiceRequest::decode(body.as_slice()).ok()?;
        spans.lock().ok()?.extend(read(told));
        let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n\
                       content-length: 0\r\n\r\n";
        writer.write_all(answer).ok()?;
    }
}

fn read(told: ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for resource in told.resource_spans {
        let attributes = resource.resource.map(|resource| resource.attributes);
        let roles = attributes.unwrap_or_default().into_iter().find_map(|pair| {
            match (pair.key.as_str(), pair.value?.value?) {
                ("chingu.roles", Value::StringValue(roles)) => Some(roles),
                _ => None,
            }
        });
        let roles = roles.unwrap_or_default();
        for span in resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans)
        {
            spans.push(Span {
                name: span.name,
                trace: span.trace_id,
                id: span.span_id,
                parent: span.parent_span_id,
                roles: roles.clone(),
            });
        }
    }
    spans
}

#[test]
fn two_processes_tell_one_trace_of_each_chunk() {
    traced().unwrap();
}

fn traced() -> Result<()> {
    let mut draw = Draw::seeded("traced", 92);
    let folder = tempfile::tempdir()?;
    let servers = engine::fresh_servers("traced");
    let collector = Collector::start()?;
    let scheduler = recipe(folder.path(), "scheduler", &servers, &collector)?;
    let worker = recipe(folder.path(), "worker", &servers, &collector)?;
    let messenger = Messenger::start(folder.path(), scheduler.listen, &[])?;
    let brand = Brand::create(&scheduler.data, "@hanok", FRIENDS, &mut draw)?;
    let gateway = ["--gateway-url".to_owned(), messenger.gateway_url()];
    let start = |mut recipe: Recipe| {
        recipe.arguments.extend(gateway.clone());
        recipe.start()
    };
    let _processes = (start(scheduler)?, start(worker)?);
    let campaign = brand.campaign("traced", Wishes::default())?;
    brand.launch(&campaign)?;
    wait::until_state(
        "the campaign is closed",
        SOON,
        || brand.show(&campaign),
        |shown| shown["state"] == "closed",
    )?;
    let keys: HashSet<PushKey> = messenger
        .log()?
        .iter()
        .map(|accepted| PushKey::parse(&accepted.push_key).context("a push key"))
        .collect::<Result<_>>()?;
    ensure!(keys.len() > 1, "{} pushes", keys.len());
    let names = ["freeze range", "dispatch pass", "roll-up"];
    let told = wait::until_state(
        "everything is told",
        SOON,
        || Ok(collector.spans()),
        |spans| {
            let of_chunks = keys
                .iter()
                .all(|key| steps(spans, key).len() == Step::ALL.len());
            let has = |name: &&str| spans.iter().any(|span| span.name == *name);
            of_chunks && names.iter().all(has)
        },
    )?;
    for key in &keys {
        let steps = steps(&told, key);
        let root = &steps[Step::Publish.name()];
        ensure!(
            root.roles == "scheduler" && root.parent.is_empty(),
            "{root:?}"
        );
        ensure!(root.id == Step::Publish.id(key, 0), "{root:?}");
        for step in [Step::Claim, Step::Push, Step::Record] {
            let span = &steps[step.name()];
            ensure!(span.roles == "worker" && span.parent == root.id, "{span:?}");
            ensure!(span.id == step.id(key, 1), "{span:?}");
        }
    }
    let id: CampaignId = campaign.parse().context("the campaign's id")?;
    let ranges = told.iter().filter(|span| span.name == "freeze range");
    for range in ranges {
        ensure!(range.trace == id.as_bytes(), "{range:?}");
    }
    // Nothing per recipient.
    ensure!((told.len() as u64) < FRIENDS / 4, "{} spans", told.len());
    Ok(())
}

/// What was told of a chunk, by its steps.
fn steps<'a>(spans: &'a [Span], key: &PushKey) -> HashMap<&'a str, &'a Span> {
    let of_chunk = spans.iter().filter(|span| span.trace == key.as_bytes());
    of_chunk.map(|span| (span.name.as_str(), span)).collect()
}

fn recipe(folder: &Path, role: &str, servers: &Servers, collector: &Collector) -> Result<Recipe> {
    let recipe = Recipe::new(folder, role, &["serve", "--no-demo", "--role", role])?;
    engine::place_on(&recipe.data, servers.clone());
    let endpoint = format!("http://{}/v1/traces", collector.address);
    Ok(recipe
        .with("CHINGU_GATEWAY__TOKEN", TOKEN)
        .with("CHINGU_GATEWAY__SECRET", SECRET)
        .with("CHINGU_TRACES__ENDPOINT", endpoint)
        .with("CHINGU_TRACES__PER_MILLION", 1_000_000)
        .with("OTEL_BSP_SCHEDULE_DELAY", TELL_EVERY))
}
