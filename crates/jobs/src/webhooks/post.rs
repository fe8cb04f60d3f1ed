//! One request to a brand's program, and what came of it.
//!
//! Every request has a connection of its own. One that is kept may be closed by the other side just
//! when it is used again, and whether the events arrived then is unknown; and so every address is
//! judged when it is used, not once.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use domain::webhook::FailureReason;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, ClientBuilder, Response, Url};

use super::guard::{Forbidden, Guard};

/// From looking the host up to the answer's head.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Of that, until there is a connection: whoever cannot be reached is told from who is slow.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Bytes of an answer that are read, and thrown away: whoever answers little is not cut off.
const ANSWER_BYTES_MAX: usize = 4 * 1024;
/// Characters of what a failure says.
const DETAIL_CHARS_MAX: usize = 1_000;
const JSON: &str = "application/json; charset=utf-8";
const SIGNATURE_HEADER: &str = "x-line-signature";
/// LINE's own: some programs take nothing from anybody else.
const USER_AGENT: &str = "LineBotWebhook/2.0";

const _: () = assert!(CONNECT_TIMEOUT.as_millis() < ANSWER_TIMEOUT.as_millis());

/// Sends webhooks where the guard lets it.
pub struct Poster {
    client: Client,
    guard: Guard,
}

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Of the answer, where there was one.
    pub status: Option<u16>,
    /// `None`: it was taken.
    pub failure: Option<FailureReason>,
    /// The status, or what failed and where.
    pub detail: String,
}

impl Poster {
    pub fn open(guard: Guard) -> Result<Self, reqwest::Error> {
        let usual = builder(guard).build().or_else(|error| {
            // Everything else of this role works without.
            tracing::warn!(%error, "no authorities are known here: no webhook is trusted");
            builder(guard).tls_certs_only([]).build()
        });
        Ok(Self {
            client: usual?,
            guard,
        })
    }

    /// Whether an address is one that may be asked, as far as can be told without looking it up.
    pub fn may_ask(&self, url: &str) -> bool {
        self.guard.url(url).is_ok()
    }

    /// Posts a body once. What fails is told, never more than that.
    pub async fn post(&self, url: &str, body: String, signature: &str) -> Outcome {
        let url = match self.guard.url(url) {
            Ok(url) => url,
            Err(why) => return Outcome::forbidden(&why),
        };
        let request = self
            .client
            .post(url.clone())
            .header(CONTENT_TYPE, JSON)
            .header(SIGNATURE_HEADER, signature)
            .body(body);
        match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                let is_taken = response.status().is_success();
                swallow(response).await;
                Outcome {
                    status: Some(status),
                    failure: (!is_taken).then_some(FailureReason::ErrorStatusCode),
                    detail: status.to_string(),
                }
            }
            Err(error) => Outcome::of_error(&url, &error),
        }
    }
}

fn builder(guard: Guard) -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .dns_resolver(guard)
        .https_only(!guard.allow_private)
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        .pool_max_idle_per_host(0)
        .tcp_nodelay(true)
}

/// Reads some of an answer. How it ends is of no account: the status has been told.
async fn swallow(mut response: Response) {
    let mut read = 0;
    while read < ANSWER_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => read += chunk.len(),
            Ok(None) | Err(_) => return,
        }
    }
}

impl Outcome {
    pub fn is_taken(&self) -> bool {
        self.failure.is_none()
    }

    fn forbidden(why: &Forbidden) -> Self {
        Self::failed(FailureReason::ForbiddenAddress, why.to_string())
    }

    fn failed(reason: FailureReason, detail: String) -> Self {
        Self {
            status: None,
            failure: Some(reason),
            detail: detail.chars().take(DETAIL_CHARS_MAX).collect(),
        }
    }

    fn of_error(url: &Url, error: &reqwest::Error) -> Self {
        if let Some(why) = causes(error).find_map(|cause| cause.downcast_ref::<Forbidden>()) {
            return Self::forbidden(why);
        }
        let no_connection = |words: &str| {
            let detail = format!("{words}: {url}");
            Self::failed(FailureReason::CouldNotConnect, detail)
        };
        match (error.is_connect(), error.is_timeout()) {
            (true, true) => no_connection("Connection timeout"),
            (true, false) if error.is_dns() => no_connection("Unknown host"),
            (true, false) if is_of_handshake(url, error) => no_connection("TLS handshake failure"),
            (true, false) => no_connection("Connection failed"),
            (false, true) => {
                let detail = format!("Request timeout: {url}");
                Self::failed(FailureReason::RequestTimeout, detail)
            }
            (false, false) => {
                let innermost = causes(error).last();
                let words = innermost.map_or_else(|| error.to_string(), ToString::to_string);
                Self::failed(FailureReason::Unclassified, format!("{words}: {url}"))
            }
        }
    }
}

/// What lies below an error, from the outside in.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |cause| (**cause).source())
}

/// Whether a connection was there, and no encryption came of it. A connection that never was fails
/// with an error of the system's, a handshake with one that has no name of the system's.
fn is_of_handshake(url: &Url, error: &reqwest::Error) -> bool {
    use io::ErrorKind::{InvalidData, Other, UnexpectedEof};
    let failed = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    let kind = failed.last().map(io::Error::kind);
    url.scheme() == "https" && matches!(kind, Some(InvalidData | Other | UnexpectedEof))
}
