//! One HTTP exchange with a messenger, and what it proves where no answer came.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use domain::answer::UnknownReason;
use domain::push::PushKey;
use domain::time::Timestamp;
use gateway::{ANSWER_BYTES_MAX, HttpAnswer, IDEMPOTENCY_HEADER, SIGNATURE_HEADER, Secret, sign};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, ClientBuilder, Method, Request, Url};

use crate::gateway_http::Error;
use crate::parts::REQUESTS_IN_FLIGHT_MAX;

/// A messenger that does not take a connection within this long is unreachable.
pub const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(2);
/// A connection older than this is likelier to be closed by the other side just then.
const IDLE_AGE_MAX: Duration = Duration::from_secs(30);

/// By W3C Trace Context: the messenger may go on with our trace.
const TRACE_HEADER: &str = "traceparent";

/// Connections to one messenger, and what every request carries.
pub(crate) struct Transport {
    client: Client,
    /// `…/v1/pushes`.
    pushes: String,
    headers: HeaderMap,
    secret: Secret,
}

/// What came of one exchange.
pub(crate) enum Exchange {
    Answered(Answer),
    /// No byte of the request was sent.
    Unreachable,
    Lost(UnknownReason),
}

pub(crate) struct Answer {
    pub status: u16,
    retry_after: Option<HeaderValue>,
    /// Why the body could not be read to its end, where it could not.
    pub body: Result<Bytes, UnknownReason>,
}

impl Transport {
    pub fn open(
        base_url: &str,
        root_certificates: Option<&str>,
        token: &str,
        secret: Secret,
        request_timeout: Duration,
    ) -> Result<Self, Error> {
        let base = base_url.trim_end_matches('/');
        let is_plain = |url: &Url| {
            ["http", "https"].contains(&url.scheme())
                && url.has_host()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        };
        let url = Url::parse(base).ok().filter(is_plain);
        let url = url.ok_or_else(|| Error::Address(base_url.to_owned()))?;
        let trusting = trusting(url.scheme() == "https", root_certificates)?;
        let client = trusting
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(request_timeout.min(CONNECT_TIMEOUT_MAX))
            .timeout(request_timeout)
            .pool_max_idle_per_host(REQUESTS_IN_FLIGHT_MAX)
            .pool_idle_timeout(IDLE_AGE_MAX)
            .tcp_nodelay(true)
            .build()?;
        Ok(Self {
            client,
            pushes: format!("{base}/v1/pushes"),
            headers: authorization(token)?,
            secret,
        })
    }

    pub fn push(
        &self,
        key: PushKey,
        (body, trace): (Vec<u8>, String),
        now: Timestamp,
    ) -> Result<Request, reqwest::Error> {
        let signature = sign(&self.secret, now, &body);
        self.client
            .post(&self.pushes)
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(IDEMPOTENCY_HEADER, key.to_string())
            .header(SIGNATURE_HEADER, signature)
            .header(TRACE_HEADER, trace)
            .body(body)
            .build()
    }

    /// A request without a body, below the pushes' path.
    pub fn small(&self, method: Method, path: &str) -> Result<Request, reqwest::Error> {
        self.client
            .request(method, format!("{}{path}", self.pushes))
            .headers(self.headers.clone())
            .build()
    }

    pub async fn exchange(&self, request: Request) -> Exchange {
        let response = match self.client.execute(request).await {
            Ok(response) => response,
            Err(error) if error.is_connect() => {
                // Whose certificate was refused, for one: nobody could tell from an outcome.
                let why = cause(&error);
                tracing::warn!(why, "the messenger is not reached");
                return Exchange::Unreachable;
            }
            Err(error) => return Exchange::Lost(lost(&error)),
        };
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).cloned();
        Exchange::Answered(Answer {
            status,
            retry_after,
            body: read_body(response).await,
        })
    }
}

impl Answer {
    pub fn with_http<T>(&self, classify: impl FnOnce(HttpAnswer<'_>) -> T) -> T {
        let retry_after = self.retry_after.as_ref();
        classify(HttpAnswer {
            status: self.status,
            retry_after: retry_after.and_then(|value| value.to_str().ok()),
            body: self.body.as_deref().unwrap_or_default(),
        })
    }
}

/// A client that trusts the system's authorities, which a plain address does not need, and these.
fn trusting(is_encrypted: bool, root_certificates: Option<&str>) -> Result<ClientBuilder, Error> {
    if !is_encrypted {
        return Ok(Client::builder().tls_certs_only([]));
    }
    let Some(pem) = root_certificates else {
        return Ok(Client::builder());
    };
    let own = Certificate::from_pem_bundle(pem.as_bytes()).map_err(Error::RootCertificates)?;
    Ok(Client::builder().tls_certs_merge(own))
}

/// The innermost of what went wrong: the outer ones say that it did.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn authorization(token: &str) -> Result<HeaderMap, Error> {
    if token.is_empty() {
        return Err(Error::Token);
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Error::Token)?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

async fn read_body(mut response: reqwest::Response) -> Result<Bytes, UnknownReason> {
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_BYTES_MAX => {
                return Err(UnknownReason::BadAnswer);
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.freeze()),
            Err(error) => return Err(lost(&error)),
        }
    }
}

fn lost(error: &reqwest::Error) -> UnknownReason {
    if error.is_timeout() {
        UnknownReason::Timeout
    } else {
        UnknownReason::ConnectionLost
    }
}
