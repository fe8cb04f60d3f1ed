//! Encrypted connections to a real PostgreSQL: who is trusted, and what is said to the others.

use std::path::Path;

use store::{Store, StoreConfig};
use testkit::certificates::Authority;
use testkit::postgres::PostgresServer;

/// The address of a database of the server, by another name of this machine.
fn url(server: &PostgresServer, database: &str, host: &str, mode: &str, root: &Path) -> String {
    let plain = server.url(database).replace("127.0.0.1", host);
    format!("{plain}?sslmode={mode}&sslrootcert={}", root.display())
}

async fn open(url: &str) -> Result<(), String> {
    let store = Store::open(&StoreConfig::postgres(url)).await;
    let store = store.map_err(|error| error.to_string())?;
    store.ping().await.map_err(|error| error.to_string())?;
    store.close().await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn whom_the_authority_certified_is_talked_to_and_nobody_else() {
    let (authority, stranger) = (Authority::make("ours"), Authority::make("a stranger's"));
    let server = PostgresServer::start_encrypted(&authority.certify(&["localhost"]));
    let database = server.create_database().await;
    // From here on whoever is not encrypted is not let in, however it asks.
    let only_encrypted = "hostssl all all 127.0.0.1/32 trust\n";
    let rules = server.cluster().join("pg_hba.conf");
    std::fs::write(&rules, only_encrypted).unwrap();
    server.stop();
    server.start_again();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let ours = authority.write_to(folders[0].path());
    let strangers = stranger.write_to(folders[1].path());
    let at = |host: &str, mode: &str, root: &Path| url(&server, &database, host, mode, root);

    for (host, mode) in [
        ("localhost", "verify-full"),
        ("127.0.0.1", "verify-ca"),
        ("127.0.0.1", "require"),
    ] {
        let opened = open(&at(host, mode, &ours)).await;
        assert_eq!(opened, Ok(()), "{host}, {mode}");
    }
    // Encrypted, by whomever: nobody was named.
    let url = server.url(&database);
    assert_eq!(open(&format!("{url}?sslmode=require")).await, Ok(()));
    assert_eq!(open(&url).await, Ok(()));

    let nowhere = folders[0].path().join("nowhere.pem");
    for (host, mode, root, words) in [
        ("127.0.0.1", "verify-full", &ours, "not valid for name"),
        ("localhost", "verify-full", &strangers, "UnknownIssuer"),
        ("localhost", "verify-ca", &strangers, "UnknownIssuer"),
        ("localhost", "require", &strangers, "UnknownIssuer"),
        ("localhost", "verify-full", &nowhere, "No such file"),
    ] {
        let refused = open(&at(host, mode, root)).await.unwrap_err();
        assert!(refused.contains(words), "{host}, {mode}: {refused}");
    }
    let refused = open(&format!("{url}?sslmode=disable")).await.unwrap_err();
    assert!(refused.contains("no encryption"), "{refused}");
}

#[tokio::test]
async fn a_server_without_encryption_is_refused_where_it_is_asked_for() {
    let server = PostgresServer::shared();
    let database = server.create_database().await;
    let url = server.url(&database);
    let refused = open(&format!("{url}?sslmode=require")).await.unwrap_err();
    assert!(refused.contains("does not support TLS"), "{refused}");
    assert_eq!(open(&url).await, Ok(()));
}
