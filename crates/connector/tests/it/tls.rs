//! An encrypted messenger: who is trusted, and that nobody else gets a byte.

use std::sync::Arc;
use std::time::Duration;

use connector::{Connector, Error, GatewayConfig, GatewayConnector};
use domain::answer::{NotProcessed, PushAnswer};
use domain::capability::Capability;
use testkit::certificates::{Authority, front_of};

use crate::fake::{Action, Chunk, Fake, ManualClock, accept_all, config};

/// Long enough for a handshake on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn whom_the_authority_certified_gets_the_push_and_nobody_else() {
    let (ours, stranger) = (Authority::make("ours"), Authority::make("a stranger's"));
    let fake = Fake::start(|_, request| Action::Answer(accept_all(request))).await;
    let address = fake.base_url.trim_start_matches("http://").parse().unwrap();
    let port = front_of(address, &ours.certify(&["localhost"])).port();
    let push_at = async |host: &str, authority: Option<&Authority>| {
        let config = GatewayConfig {
            root_certificates: authority.map(|authority| authority.pem().to_owned()),
            request_timeout: TIMEOUT,
            ..config(&format!("https://{host}:{port}"), Capability::gateway())
        };
        let connector = GatewayConnector::open(config, Arc::new(ManualClock::default())).unwrap();
        connector.push(&Chunk::of(3).push()).await
    };
    let answer = push_at("localhost", Some(&ours)).await;
    assert!(matches!(answer, PushAnswer::Processed(_)), "{answer:?}");
    assert_eq!(fake.lines(), ["POST /v1/pushes"]);
    for (host, authority) in [
        ("localhost", Some(&stranger)),
        ("localhost", None),
        ("127.0.0.1", Some(&ours)),
    ] {
        let answer = push_at(host, authority).await;
        let unreachable = PushAnswer::NotProcessed {
            reason: NotProcessed::Unreachable,
            retry_after: None,
        };
        assert_eq!(answer, unreachable, "{host}");
    }
    assert_eq!(fake.lines().len(), 1, "nothing was sent to a stranger");
}

#[test]
fn what_is_no_certificate_is_refused() {
    let config = GatewayConfig {
        root_certificates: Some("-----BEGIN CERTIFICATE-----\nno\n-----END".to_owned()),
        ..config("https://localhost", Capability::gateway())
    };
    let refused = GatewayConnector::open(config, Arc::new(ManualClock::default()));
    assert!(matches!(refused, Err(Error::RootCertificates(_))));
}
