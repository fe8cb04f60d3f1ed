//! Which addresses are loaded or opened. The validator of messages is stricter; this one holds for
//! whatever reached a chat, and for drafts.

/// An address of a picture, a video or an icon: https, or this installation's own media. Those
/// served without TLS are loaded from wherever the page itself came from: the same machine has
/// several names, and a page loads from its own only.
pub fn media(text: &str) -> Option<&str> {
    let own = |path: &str| path.starts_with("/media/") || path.starts_with("/static/");
    if !is_plain(text) || text.contains("/../") {
        return None;
    }
    if let Some(rest) = text.strip_prefix("http://") {
        let path = &rest[rest.find('/')?..];
        return (web_host(text, "http://") && own(path)).then_some(path);
    }
    (web_host(text, "https://") || own(text)).then_some(text)
}

/// An address that a browser opens: http or https.
pub fn page(text: &str) -> Option<&str> {
    let admitted = is_plain(text) && (web_host(text, "https://") || web_host(text, "http://"));
    admitted.then_some(text)
}

fn web_host(text: &str, scheme: &str) -> bool {
    let start = text.get(..scheme.len());
    let host = text
        .get(scheme.len()..)
        .and_then(|rest| rest.chars().next());
    start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        && host.is_some_and(|first| first.is_alphanumeric() || first == '[')
}

/// Browsers drop line breaks in addresses and take a backslash for a slash.
fn is_plain(text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_web_and_own_media_are_loaded() {
        for good in [
            "https://a.example/b.png",
            "HTTPS://a.example/b.png",
            "/media/x.png",
            "/static/art/hanok.svg",
        ] {
            assert_eq!(media(good), Some(good));
        }
        let own = "http://127.0.0.1:8080/media/x.png";
        assert_eq!(media(own), Some("/media/x.png"));
        for bad in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "java\nscript:alert(1)",
            "data:image/svg+xml,<svg onload=alert(1)>",
            "http://a.example/b.png",
            "http:///media/x",
            "https:a.example",
            "https:///a.example",
            "https:\\\\a.example",
            "//a.example/b.png",
            "/media/../console",
            "",
            " https://a.example",
            "vbscript:x",
            "file:///etc/passwd",
        ] {
            assert_eq!(media(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_the_web_is_opened() {
        assert_eq!(page("http://a.example/"), Some("http://a.example/"));
        for bad in [
            "tel:0212345678",
            "line://nv/camera",
            "javascript:1",
            "/console",
        ] {
            assert_eq!(page(bad), None, "{bad}");
        }
    }
}
