//! Everything encrypted: the database, the broker and the messenger, under an authority of the
//! test's own.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::engine::{self, Servers};
use chingu_tests::place;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::wait;
use chingu_tests::world::{Brand, Wishes};
use testkit::RabbitMqServer;
use testkit::certificates::{Authority, front_of};
use testkit::postgres::PostgresServer;

use crate::stage::{SOON, end_of};

const FRIENDS: u64 = 1_500;

#[test]
fn a_campaign_goes_out_over_encrypted_connections_and_to_no_stranger() {
    encrypted().unwrap();
}

fn encrypted() -> Result<()> {
    let mut draw = Draw::seeded("encrypted", 91);
    let authority = Authority::make("ours");
    let identity = authority.certify(&["localhost"]);
    let folder = tempfile::tempdir()?;
    let root = authority.write_to(folder.path());
    let database = PostgresServer::start_encrypted(&identity);
    let broker = RabbitMqServer::start_encrypted(&identity)?;
    let servers = Servers {
        database_url: format!(
            "{}?sslmode=verify-full&sslrootcert={}",
            engine::make_database_on(&database).replace("127.0.0.1", "localhost"),
            root.display()
        ),
        amqp_url: broker.encrypted_url("localhost"),
        prefix: "encrypted".to_owned(),
    };
    let make = |data: &Path| {
        engine::place_on(data, servers.clone());
        Brand::create(data, "@hanok", FRIENDS, &mut draw)
    };
    let mut platform = Platform::with_brand(Place::Beside, &[], Times::default(), make)?;
    let front = front_of(platform.messenger.address(), &identity);
    let plain = platform.messenger.gateway_url();
    let address = platform.messenger.address().to_string();
    let encrypted = plain.replace("http://", "https://");
    let encrypted = encrypted.replace(&address, &format!("localhost:{}", front.port()));
    for argument in &mut platform.recipe.arguments {
        if *argument == plain {
            argument.clone_from(&encrypted);
        }
    }

    // Nobody named the authority: neither the broker nor the messenger is trusted.
    let program = platform.recipe.clone().start()?;
    let campaign = platform.brand.campaign("encrypted", Wishes::default())?;
    platform.brand.launch(&campaign)?;
    for words in ["the broker is lost", "the messenger is not reached"] {
        says(&platform, words, "UnknownIssuer")?;
    }
    drop(program);
    ensure!(platform.messenger.accepted()? == 0, "sent to a stranger");

    let named = platform
        .recipe
        .clone()
        .with("CHINGU_BROKER__ROOT_CERTIFICATE", root.display())
        .with("CHINGU_GATEWAY__ROOT_CERTIFICATE", root.display());
    let _program = named.start()?;
    let verdict = end_of(&platform, &platform.brand, &campaign)?;
    ensure!(verdict.recorded == platform.brand.reachable, "{verdict:?}");
    let published = broker.messages("encrypted.bulk")?;
    ensure!(published.is_some(), "the broker was not used");
    Ok(())
}

/// Waits until the program has logged a line with both.
fn says(platform: &Platform, words: &str, why: &str) -> Result<()> {
    let logged = wait::until_state(
        &format!("the log says '{words}' and why"),
        SOON,
        || std::fs::read_to_string(&platform.recipe.log).context("the log"),
        |log| {
            let mut lines = log.lines();
            lines.any(|line| line.contains(words) && line.contains(why))
        },
    );
    logged.map(drop)
}

#[test]
fn a_database_of_a_stranger_is_refused_in_words() -> Result<()> {
    let (ours, stranger) = (Authority::make("ours"), Authority::make("a stranger's"));
    let server = PostgresServer::start_encrypted(&ours.certify(&["localhost"]));
    let folder = tempfile::tempdir()?;
    let root = stranger.write_to(folder.path());
    let url = engine::make_database_on(&server).replace("127.0.0.1", "localhost");
    let refused = place::command()?
        .arg("migrate")
        .env(
            "CHINGU_DATABASE_URL",
            format!("{url}?sslmode=verify-full&sslrootcert={}", root.display()),
        )
        .env("CHINGU_DATA", folder.path())
        .output()?;
    let words = String::from_utf8_lossy(&refused.stderr);
    ensure!(
        !refused.status.success() && words.contains("UnknownIssuer"),
        "{words}"
    );
    Ok(())
}
