//! A browser for the pages of brands: it keeps cookies, sends forms, and shows what came back. It
//! follows no redirect by itself, so that a test sees where it was sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, redirect};
use serde_json::Value;
use tokio::runtime::{self, Runtime};

use crate::shell::admin_with_input;
use crate::world::Brand;

/// What every member of a test world signs in with.
pub const PASSWORD: &str = "four words make one";
const FORM: &str = "application/x-www-form-urlencoded";
/// A page of a busy machine; longer is a page that never comes.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A browser at one address of the program.
pub struct Browser {
    runtime: Runtime,
    client: Client,
    address: SocketAddr,
    cookies: BTreeMap<String, String>,
    /// Sent with every request, such as `Accept-Language`.
    headers: Vec<(String, String)>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Page {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

/// Makes a member of the brand's business who signs in with [`PASSWORD`].
pub fn add_member(brand: &Brand, email: &str, role: &str) -> Result<Value> {
    let business = ["member", "create", "--business", &brand.business];
    let who = ["--email", email, "--name", "김하나", "--role", role];
    let arguments = [&business[..], &who, &["--password-stdin"]].concat();
    admin_with_input(&brand.data, &arguments, PASSWORD)
}

impl Browser {
    pub fn open(address: SocketAddr) -> Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(ANSWER_WITHIN)
            // A connection that the server ends after refusing a body is not taken up again: a
            // real browser would quietly ask once more.
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()?;
        Ok(Self {
            runtime,
            client,
            address,
            cookies: BTreeMap::new(),
            headers: Vec::new(),
        })
    }

    /// A new member of the brand with this role, signed in.
    pub fn of_member(address: SocketAddr, brand: &Brand, role: &str) -> Result<Self> {
        let handle = brand.handle.trim_start_matches('@');
        let email = format!("{role}@{handle}.example");
        add_member(brand, &email, role)?;
        let mut browser = Self::open(address)?;
        browser.sign_in(&email, PASSWORD)?;
        Ok(browser)
    }

    /// Signs in and expects that it works.
    pub fn sign_in(&mut self, email: &str, password: &str) -> Result<Page> {
        let fields = [("email", email), ("password", password)];
        let page = self.post_form("/console/sign-in", &fields)?;
        ensure!(page.status == 303, "{email} signs in: {page:?}");
        Ok(page)
    }

    pub fn get(&mut self, path: &str) -> Result<Page> {
        self.request(Method::GET, path, &[], None)
    }

    /// The page, which has to be there.
    pub fn read(&mut self, path: &str) -> Result<String> {
        let page = self.get(path)?;
        ensure!(page.status == 200, "{path}: {page:?}");
        Ok(page.body)
    }

    pub fn get_with(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<Page> {
        self.request(Method::GET, path, headers, None)
    }

    pub fn post_form(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<Page> {
        self.post_form_with(path, fields, &[])
    }

    pub fn post_form_with(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Result<Page> {
        self.request(
            Method::POST,
            path,
            headers,
            Some((FORM, form(fields).into())),
        )
    }

    /// A body of any type, such as `multipart/form-data; boundary=…`.
    pub fn post_body(&mut self, path: &str, content_type: &str, body: Vec<u8>) -> Result<Page> {
        self.post_body_with(path, content_type, body, &[])
    }

    pub fn post_body_with(
        &mut self,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
        headers: &[(&str, &str)],
    ) -> Result<Page> {
        self.request(Method::POST, path, headers, Some((content_type, body)))
    }

    /// Reads a stream of events until one is enough, and lets go; every event that came, as the
    /// text of its data.
    pub fn watch(
        &mut self,
        path: &str,
        mut is_enough: impl FnMut(&str) -> bool,
    ) -> Result<Vec<String>> {
        let request = self.prepare(Method::GET, path, &[], None);
        self.runtime.block_on(async {
            let mut answer = request.send().await?;
            ensure!(answer.status() == 200, "{path}: {}", answer.status());
            let mut events = Vec::new();
            let mut text = String::new();
            while let Some(bytes) = answer.chunk().await? {
                text.push_str(std::str::from_utf8(&bytes).context("events in UTF-8")?);
                while let Some((event, rest)) = text.split_once("\n\n") {
                    let data = data_of(event);
                    text = rest.to_owned();
                    let Some(data) = data else { continue };
                    let is_last = is_enough(&data);
                    events.push(data);
                    if is_last {
                        return Ok(events);
                    }
                }
            }
            Ok(events)
        })
    }

    /// From now on it sends this header with every request.
    pub fn always_send(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// A draft to every friend below a console's address, with a message that can be sent: the
    /// address of the campaign.
    pub fn draft(&mut self, console: &str, words: &str) -> Result<String> {
        let begun = self.post_form(&format!("{console}/campaigns"), &[])?;
        let message = begun.location().to_owned();
        let fields = [
            ("version", "1"),
            ("name", "Autumn"),
            ("purpose", "promotion"),
            ("cards[0].kind", "text"),
            ("cards[0].text", words),
        ];
        let saved = self.post_form(&message, &fields)?;
        ensure!(saved.status < 400, "{saved:?}");
        Ok(message.trim_end_matches("/message").to_owned())
    }

    /// The fields of the button on a draft's review page, ticked and confirmed.
    pub fn button(&mut self, campaign: &str) -> Result<Vec<(String, String)>> {
        let page = self.read(&format!("{campaign}/review?wait=1"))?;
        let form = between(&page, r#"id="launch-form""#, "</form>")?;
        let mut fields = vec![("checked".to_owned(), "yes".to_owned())];
        for name in ["highest", "message", "audience", "delivery"] {
            let value = between(form, &format!(r#"name="{name}" value=""#), "\"")?;
            fields.push((name.to_owned(), value.to_owned()));
        }
        fields.push(("confirmed".to_owned(), "yes".to_owned()));
        Ok(fields)
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    pub fn keep_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    fn request(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<Page> {
        let request = self.prepare(method, path, headers, body);
        let page = self.runtime.block_on(async {
            let answer = request.send().await.with_context(|| path.to_owned())?;
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            let body = answer.text().await?;
            anyhow::Ok(Page {
                status,
                headers,
                body,
            })
        })?;
        for cookie in page.headers.get_all(SET_COOKIE) {
            self.take_cookie(cookie.to_str()?);
        }
        Ok(page)
    }

    fn prepare(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<(&str, Vec<u8>)>,
    ) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        let mut request = self.client.request(method, url);
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match body {
            Some((content_type, body)) => request.header(CONTENT_TYPE, content_type).body(body),
            None => request,
        }
    }

    fn take_cookie(&mut self, text: &str) {
        let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
        let Some((name, value)) = pair.split_once('=') else {
            return;
        };
        let is_gone = attributes.to_lowercase().contains("max-age=0");
        match is_gone {
            true => self.cookies.remove(name),
            false => self.cookies.insert(name.to_owned(), value.to_owned()),
        };
    }
}

impl Page {
    /// A header's text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// Where a redirect leads; empty where it is none.
    pub fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    /// What stands between the first of `before` and the next of `after`.
    pub fn between(&self, before: &str, after: &str) -> Result<&str> {
        between(&self.body, before, after)
    }
}

/// What stands in a text between the first of `before` and the next of `after`.
pub fn between<'a>(text: &'a str, before: &str, after: &str) -> Result<&'a str> {
    let rest = text.split_once(before).map(|(_, rest)| rest);
    let found = rest.and_then(|rest| rest.split_once(after));
    let found = found.with_context(|| format!("'{before}' … '{after}' in {text}"))?;
    Ok(found.0)
}

/// Fields as a form sends them.
pub fn form(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)))
        .collect();
    pairs.join("&")
}

/// Fields as a form takes them.
pub fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect()
}

/// A text as a part of an address or a form.
pub fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// The data of one event; `None` of a heartbeat.
fn data_of(event: &str) -> Option<String> {
    let lines: Vec<&str> = event
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded_and_events_read() {
        assert_eq!(form(&[("a b", "ü&="), ("c", "")]), "a%20b=%C3%BC%26%3D&c=");
        assert_eq!(data_of(": still here"), None);
        assert_eq!(
            data_of("event: x\ndata: one\ndata:two").as_deref(),
            Some("one\ntwo")
        );
    }

    #[test]
    fn cookies_are_kept_and_forgotten() {
        let mut browser = Browser::open(([127, 0, 0, 1], 1).into()).unwrap();
        browser.take_cookie("session=abc; Path=/; HttpOnly");
        assert_eq!(browser.cookie("session"), Some("abc"));
        browser.take_cookie("session=; Path=/; Max-Age=0");
        assert_eq!(browser.cookie("session"), None);
    }
}
