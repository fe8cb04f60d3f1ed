//! One HTTP request over a fresh connection, without a client library: what a probe needs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

pub fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    request(address, "GET", path, &[], "")
}

pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Answer> {
    request_bytes(address, method, path, headers, body.as_bytes())
}

/// The same with a body that need not be text. A server may answer before it has read all of it.
pub fn request_bytes(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer> {
    request_within(address, method, path, headers, body, ANSWER_WITHIN)
}

/// The same where a server may be silent for so long: a large body that is taken in.
pub fn request_within(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    within: Duration,
) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, CONNECT_WITHIN)?;
    stream.set_read_timeout(Some(within))?;
    stream.set_write_timeout(Some(within))?;
    // HTTP/1.0: the answer ends where the connection ends, and is never chunked.
    let mut text = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    stream.write_all(text.as_bytes())?;
    let sent = stream.write_all(body);
    let mut answer = Vec::new();
    let received = stream.read_to_end(&mut answer);
    if answer.is_empty() {
        sent?;
        received?;
    }
    parse(&String::from_utf8_lossy(&answer))
}

fn parse(answer: &str) -> Result<Answer> {
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("an answer with a head")?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok(Answer {
        status: status.with_context(|| format!("a status in {head:?}"))?,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_and_a_body_are_read() {
        let answer = parse("HTTP/1.0 503 Service Unavailable\r\na: b\r\n\r\nnot yet").unwrap();
        assert_eq!(
            answer,
            Answer {
                status: 503,
                body: "not yet".to_owned()
            }
        );
        assert!(parse("HTTP/1.0 200 OK\r\n").is_err());
        assert!(parse("nonsense\r\n\r\n").is_err());
    }
}
