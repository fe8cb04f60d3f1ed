//! How long an audience group of very many ids takes: a file of a million and a half, a hundred
//! thousand of them friends, uploaded as LINE's libraries do, with database, broker and server on
//! the same machine. Writes `docs/audiences.md`.
//!
//! Whoever uploads waits until the file is accepted; the group is ready some time later. What the
//! server holds in memory meanwhile is told by the system, as the most there ever was. One id more
//! than LINE allows is refused in its words, and at the end the books close.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::engine::{self, Servers};
use chingu_tests::http::{self, Answer};
use chingu_tests::memory::{peak_bytes, resident_bytes};
use chingu_tests::place;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::program::Program;
use chingu_tests::shell::{admin, reconcile, text};
use chingu_tests::table::{Table, grouped};
use chingu_tests::verdict::violations;
use chingu_tests::wait::{self, Stopwatch};
use chingu_tests::world::{Brand, WORDING};
use serde_json::Value;
use testkit::postgres::PostgresServer;
use testkit::rabbitmq::RabbitMqServer;
use tokio::runtime::Runtime;

/// As a small server of one's own has them.
const POSTGRES: &[(&str, &str)] = &[("shared_buffers", "1GB"), ("max_wal_size", "8GB")];
const FRIENDS: usize = 100_000;
/// The most that LINE takes in one file.
const IDS: usize = 1_500_000;
const PATH: &str = "/v2/bot/audienceGroup/upload/byFile";
const BOUNDARY: &str = "of-the-audience";
const TOO_MANY_IDS: &str = "UPLOAD_AUDIENCE_GROUP_TOO_MANY_AUDIENCE_IDS";
/// How long an upload may take, and a group until it is ready.
const LATER: Duration = Duration::from_secs(600);
const MEBIBYTE: u64 = 1_024 * 1_024;

const COLUMNS: [&str; 8] = [
    "ids in the file",
    "of friends",
    "file, MiB",
    "answer",
    "answered after, s",
    "ready after, s",
    "memory before, MiB",
    "most memory, MiB",
];

struct Bench {
    platform: Platform,
    keys: Vec<String>,
    token: String,
    draw: Draw,
}

fn main() -> Result<()> {
    let postgres = PostgresServer::start_with(POSTGRES);
    let rabbit = RabbitMqServer::start()?;
    let runtime = Runtime::new()?;
    let servers = Servers {
        database_url: postgres.url(&runtime.block_on(postgres.create_database())),
        amqp_url: rabbit.url(),
        prefix: "audience-upload".to_owned(),
    };
    let mut bench = Bench::create(servers)?;
    let mut table = Table::with_columns(&COLUMNS);
    for ids in [IDS, IDS + 1] {
        // A process of its own: the most memory counts from its start.
        let program = bench.platform.recipe.clone().start()?;
        let row = bench.measure(&program, ids)?;
        table.add(row);
        program.stop()?;
    }
    let found = violations(&reconcile(&bench.platform.brand.data)?)?;
    ensure!(found.is_empty(), "{found:?}");
    let introduction = format!(
        "{}, {} cores; PostgreSQL (shared_buffers 1 GB), RabbitMQ, one process with every role of \
         ours, and whoever uploads, on one machine. {} friends; the other ids are nobody's. \
         *Answered* counts from the first byte until the answer, *ready* from the answer until the \
         group can be sent to, with every friend of the file in it. Memory is resident memory of \
         the server's process: before the upload, and the most there ever was (`VmHWM`). \
         Afterwards `chingu reconcile` finds nothing. Written by `just audience-upload`.",
        place::profile()?,
        std::thread::available_parallelism()?,
        grouped(FRIENDS)
    );
    table.publish(
        "audiences.md",
        "How long an audience of very many takes",
        &introduction,
    )
}

impl Bench {
    fn create(servers: Servers) -> Result<Self> {
        let mut draw = Draw::seeded("audience upload", 73);
        let mut keys = Vec::new();
        let make = |data: &Path| -> Result<Brand> {
            engine::place_on(data, servers);
            let mut brand = Brand::open(data, "@hanok")?;
            let csv = everybody_agrees(&mut keys, &mut draw);
            let imported = brand.befriend("friends", csv.as_bytes())?;
            ensure!(imported["accepted"] == FRIENDS as u64, "{imported}");
            (brand.friends, brand.reachable) = (FRIENDS as u64, FRIENDS as u64);
            Ok(brand)
        };
        let mut platform = Platform::with_brand(Place::Beside, &[], Times::default(), make)?;
        let recipe = platform.recipe.clone();
        platform.recipe = recipe.with("CHINGU_API__RATE_LIMITS__AUDIENCE", "off");
        let brand = &platform.brand;
        let issued = admin(&brand.data, &["token", "issue", "--account", &brand.handle])?;
        Ok(Self {
            token: text(&issued, "token")?.to_owned(),
            platform,
            keys,
            draw,
        })
    }

    fn measure(&mut self, program: &Program, ids: usize) -> Result<Vec<String>> {
        let form = self.form(ids);
        let before = resident_bytes(program.id());
        let uploading = Stopwatch::start();
        let answer = self.upload(program, &form)?;
        let answered = uploading.seconds();
        let (ready, words) = match ids > IDS {
            true => {
                let refused = answer.status == 400 && answer.body.contains(TOO_MANY_IDS);
                ensure!(refused, "{answer:?}");
                ("—".to_owned(), format!("400 {TOO_MANY_IDS}"))
            }
            false => {
                ensure!(answer.status == 202, "{answer:?}");
                let seconds = self.until_ready(program, &answer)?;
                (format!("{seconds:.1}"), "202".to_owned())
            }
        };
        Ok(vec![
            grouped(ids),
            grouped(FRIENDS),
            grouped(form.len() as u64 / MEBIBYTE),
            words,
            format!("{answered:.1}"),
            ready,
            grouped(before / MEBIBYTE),
            grouped(peak_bytes(program.id()) / MEBIBYTE),
        ])
    }

    /// A form with so many ids, the friends evenly among them.
    fn form(&mut self, ids: usize) -> Vec<u8> {
        let every = IDS / FRIENDS;
        let mut friends = self.keys.iter();
        let mut form = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"description\"\r\n\r\n\
             everybody\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; \
             filename=\"everybody.txt\"\r\nContent-Type: text/plain\r\n\r\n"
        );
        for number in 0..ids {
            let friend = match number % every {
                0 => friends.next(),
                _ => None,
            };
            match friend {
                Some(key) => form.push_str(key),
                None => form.push_str(&drawn_id(&mut self.draw)),
            }
            form.push('\n');
        }
        form.push_str(&format!("\r\n--{BOUNDARY}--\r\n"));
        form.into_bytes()
    }

    fn upload(&self, program: &Program, form: &[u8]) -> Result<Answer> {
        let bearer = format!("Bearer {}", self.token);
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let headers = [("Authorization", &*bearer), ("Content-Type", &*kind)];
        http::request_within(program.address(), "POST", PATH, &headers, form, LATER)
    }

    /// Seconds until the group is ready, and every friend is in it.
    fn until_ready(&self, program: &Program, answer: &Answer) -> Result<f64> {
        let filling = Stopwatch::start();
        let made: Value = serde_json::from_str(&answer.body)?;
        let path = format!("/v2/bot/audienceGroup/{}", made["audienceGroupId"]);
        let bearer = format!("Bearer {}", self.token);
        let headers = [("Authorization", &*bearer)];
        let look = || -> Result<Value> {
            let answer = http::request(program.address(), "GET", &path, &headers, "")?;
            let shown: Value = serde_json::from_str(&answer.body)?;
            Ok(shown["audienceGroup"].clone())
        };
        let group = wait::until_state("the audience is ready", LATER, look, |group| {
            group["status"] != "IN_PROGRESS"
        });
        let group = group.with_context(|| program.recipe().log_end())?;
        ensure!(group["status"] == "READY", "{group}");
        ensure!(group["audienceCount"] == FRIENDS as u64, "{group}");
        Ok(filling.seconds())
    }
}

fn drawn_id(draw: &mut Draw) -> String {
    format!("U{:032x}", u128::from_be_bytes(draw.bytes()))
}

/// Everybody may be sent to.
fn everybody_agrees(keys: &mut Vec<String>, draw: &mut Draw) -> String {
    let mut csv = String::from("user_key,ad_consent,ad_consent_at,consent_wording,night_consent\n");
    for _ in 0..FRIENDS {
        let key = drawn_id(draw);
        csv.push_str(&format!("{key},yes,2025-03-04 10:00:00,{WORDING},yes\n"));
        keys.push(key);
    }
    csv
}
