//! What pages load: stylesheets, scripts, icons and pictures, embedded in the program.
//!
//! It owns the files of `templates/static` and their addresses. An address carries the file's hash,
//! so that a browser keeps a file for ever and never an old one. It does not own HTTP.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock};

use rust_embed::Embed;

/// Where the files are served.
pub const BASE: &str = "/static/";
/// What a page may load, as its `Content-Security-Policy` says it: scripts, styles and requests
/// from here only, nothing inline. Pictures of messages come from wherever their brand put them.
pub const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob: https:; media-src 'self' https:; font-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    manifest-src 'self'";
/// Digits of the hash an address carries: as many as nobody meets twice.
const HASH_DIGITS: usize = 12;

#[derive(Embed)]
#[folder = "../../templates/static"]
struct Files;

/// One file.
pub struct Asset {
    pub bytes: Cow<'static, [u8]>,
    pub content_type: &'static str,
}

/// The file at a path below [`BASE`]; `None` where there is none.
pub fn find(path: &str) -> Option<Asset> {
    let bytes = Files::get(path)?.data;
    let content_type = content_type(path);
    Some(Asset {
        bytes: match path.ends_with(".css") {
            true => without_comments(bytes),
            false => bytes,
        },
        content_type,
    })
}

/// The address of a file, with its hash: `/static/css/tokens.css?v=0a1b2c3d4e5f`. A file that is
/// not there gets an address that answers 404.
pub fn address(path: &str) -> String {
    static KNOWN: OnceLock<RwLock<HashMap<String, String>>> = OnceLock::new();
    // Files change under a build that reads them from the folder.
    if cfg!(debug_assertions) {
        return address_of(path);
    }
    let known = KNOWN.get_or_init(RwLock::default);
    if let Some(address) = known
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(path)
    {
        return address.clone();
    }
    let address = address_of(path);
    known
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(path.to_owned(), address.clone());
    address
}

/// Every path there is.
pub fn paths() -> impl Iterator<Item = Cow<'static, str>> {
    Files::iter()
}

fn address_of(path: &str) -> String {
    match Files::get(path) {
        Some(file) => {
            let hash = hex::encode(file.metadata.sha256_hash());
            format!("{BASE}{path}?v={}", &hash[..HASH_DIGITS])
        }
        None => format!("{BASE}{path}"),
    }
}

/// Stylesheets say why they are as they are, which is a sixth of what would be sent; browsers do
/// not read it. Strings are left alone; a stylesheet that is not UTF-8 is sent as it is.
fn without_comments(css: Cow<'static, [u8]>) -> Cow<'static, [u8]> {
    let Ok(mut rest) = str::from_utf8(&css) else {
        return css;
    };
    let mut kept = String::with_capacity(rest.len());
    while let Some(at) = rest.find(['"', '\'', '/']) {
        let (before, here) = rest.split_at(at);
        kept.push_str(before);
        let end = match here.as_bytes() {
            [b'/', b'*', ..] => {
                rest = here[2..].split_once("*/").map_or("", |(_, after)| after);
                continue;
            }
            [b'/', ..] => 1,
            [quote, string @ ..] => {
                let closing = string.iter().position(|byte| byte == quote);
                closing.map_or(here.len(), |closing| closing + 2)
            }
            [] => 0,
        };
        let (token, after) = here.split_at(end);
        kept.push_str(token);
        rest = after;
    }
    kept.push_str(rest);
    Cow::Owned(kept.into_bytes())
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webmanifest") => "application/manifest+json",
        Some("woff2") => "font/woff2",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_and_their_addresses_change_with_them() {
        let script = find("vendor/htmx/htmx.min.js").unwrap();
        assert_eq!(script.content_type, "text/javascript; charset=utf-8");
        assert!(!script.bytes.is_empty());
        let address = address("vendor/htmx/htmx.min.js");
        let (path, hash) = address.split_once("?v=").unwrap();
        assert_eq!(path, "/static/vendor/htmx/htmx.min.js");
        assert_eq!(hash.len(), HASH_DIGITS);
    }

    #[test]
    fn stylesheets_are_sent_without_their_comments() {
        let sent = |css: &'static str| {
            let bytes = without_comments(Cow::Borrowed(css.as_bytes()));
            String::from_utf8(bytes.into_owned()).unwrap()
        };
        assert_eq!(
            sent("a { b: c / d; } /* why */ e {}"),
            "a { b: c / d; }  e {}"
        );
        assert_eq!(
            sent(r#"a { b: "/* " url('/*'); }"#),
            r#"a { b: "/* " url('/*'); }"#
        );
        assert_eq!(sent("a {} /* 끝 없음"), "a {} ");
        assert_eq!(sent("'"), "'");
        for path in paths().filter(|path| path.ends_with(".css")) {
            let css = find(&path).unwrap().bytes.into_owned();
            assert!(!String::from_utf8(css).unwrap().contains("/*"), "{path}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_there() {
        for path in ["", "..", "../locales/ko/frame.ftl", "css", "/etc/passwd"] {
            assert!(find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn vendored_files_stand_in_the_list_with_their_hash() {
        let list = include_str!("../../../templates/static/vendor/README.md");
        for path in paths().filter(|path| path.starts_with("vendor/") && path.ends_with(".js")) {
            let file = Files::get(&path).unwrap();
            let hash = hex::encode(file.metadata.sha256_hash());
            assert!(list.contains(&hash), "{path} is not the file that is noted");
        }
    }
}
