//! Pictures through the front door: uploaded, served, and everything that is none.

use anyhow::{Context, Result, ensure};
use chingu_tests::console::{Browser, Page};
use chingu_tests::draw::Draw;
use chingu_tests::world::Brand;
use serde_json::Value;

use crate::stage::platform;

const BOUNDARY: &str = "x-boundary-of-this-test-x";
const FILE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// One red pixel.
const PNG: &str = "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c\
    4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082";

#[test]
fn pictures_are_uploaded_and_served() {
    run().unwrap();
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("media", 41);
    let platform = platform(3, &[], &mut draw)?;
    let other = Brand::open(&platform.recipe.data, "@other")?;
    let program = platform.recipe.clone().start()?;
    let address = program.address();
    let brand = &platform.brand;
    let mut owner = Browser::of_member(address, brand, "owner")?;
    taken(&mut owner, brand, address)?;
    refused(&mut owner, brand)?;
    icon(&mut owner, brand)?;
    let mut analyst = Browser::of_member(address, brand, "analyst")?;
    let mut stranger = Browser::of_member(address, &other, "owner")?;
    let mut guest = Browser::open(address)?;
    for (who, browser, status) in [
        ("analyst", &mut analyst, 403),
        ("stranger", &mut stranger, 404),
        ("guest", &mut guest, 401),
    ] {
        browser.always_send("Accept", "application/json");
        let page = upload(browser, brand, "file", "a.png", &png())?;
        ensure!(page.status == status, "{who}: {page:?}");
        error_of(&page)?;
    }
    program.stop()?;
    Ok(())
}

fn taken(owner: &mut Browser, brand: &Brand, address: std::net::SocketAddr) -> Result<()> {
    let page = upload(owner, brand, "file", "빨강.png", &png())?;
    ensure!(page.status == 303, "{page:?}");
    owner.always_send("Accept", "application/json");
    let page = upload(owner, brand, "file", "빨강.png", &png())?;
    ensure!(page.status == 200, "{page:?}");
    let told: Value = serde_json::from_str(&page.body)?;
    ensure!(told["width"] == 1 && told["height"] == 1, "{told}");
    let url = told["url"].as_str().context("a url")?;
    let path = url
        .strip_prefix(&format!("http://{address}"))
        .context("the program's own address")?;
    ensure!(
        path.starts_with("/media/") && path.ends_with(".jpg"),
        "{path}"
    );
    let mut guest = Browser::open(address)?;
    // What came is bytes, not text: only its headers are looked at.
    let picture = guest.get(path)?;
    ensure!(picture.status == 200, "{picture:?}");
    ensure!(picture.header("content-type") == "image/jpeg");
    ensure!(picture.header("x-content-type-options") == "nosniff");
    ensure!(picture.header("cache-control").contains("immutable"));
    ensure!(
        picture
            .header("content-security-policy")
            .contains("default-src 'none'")
    );
    let tag = picture.header("etag").to_owned();
    let known = guest.get_with(path, &[("If-None-Match", &tag)])?;
    ensure!(known.status == 304 && known.body.is_empty(), "{known:?}");
    let elsewhere = [
        "/media/".to_owned(),
        "/media/../chingu.db".to_owned(),
        format!("/media/{}.jpg", "0".repeat(64)),
        path.replace(".jpg", ".png"),
    ];
    for path in elsewhere {
        let page = guest.get(&path)?;
        ensure!(page.status == 404, "{path}: {page:?}");
    }
    Ok(())
}

fn refused(owner: &mut Browser, brand: &Brand) -> Result<()> {
    let mut padded = png();
    padded.resize(FILE_BYTES_MAX + 1, 0);
    let half = png()[..40].to_vec();
    let cases: [(&str, &[u8], u16); 7] = [
        ("empty.png", b"", 422),
        ("words.jpg", "사진이 아니에요".as_bytes(), 415),
        ("half.png", &half, 422),
        ("large.png", &padded, 413),
        (
            "drawing.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            415,
        ),
        ("moving.gif", b"GIF89a\x01\0\x01\0", 415),
        (
            "page.html",
            b"<!doctype html><script>alert(1)</script>",
            415,
        ),
    ];
    for (name, bytes, status) in cases {
        let page = upload(owner, brand, "file", name, bytes)?;
        ensure!(page.status == status, "{name}: {page:?}");
        error_of(&page)?;
    }
    let path = format!("/console/{}/media", brand.handle);
    let page = upload(owner, brand, "another", "a.png", &png())?;
    ensure!(page.status == 422, "no file: {page:?}");
    for (content_type, body) in [
        ("multipart/form-data", "no boundary"),
        ("multipart/form-data; boundary=x", "--x\r\nnot a part"),
        ("text/plain", "words"),
    ] {
        let page = owner.post_body(&path, content_type, body.as_bytes().to_vec())?;
        ensure!(
            (400..500).contains(&page.status),
            "{content_type}: {page:?}"
        );
        error_of(&page)?;
    }
    let page = owner.get(&path)?;
    ensure!(page.status == 405, "{page:?}");
    Ok(())
}

/// The account's picture, from the settings.
fn icon(owner: &mut Browser, brand: &Brand) -> Result<()> {
    let path = format!("/console/{}/settings", brand.handle);
    let fields = [
        ("display_name", "한옥"),
        ("icon_url", ""),
        ("time_zone", "Asia/Seoul"),
        ("rate", ""),
    ];
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let body = multipart(&fields, Some(("picture", "icon.png", &png())));
    let page = owner.post_body(&path, &content_type, body)?;
    ensure!(page.status == 303, "{page:?}");
    let shown = owner.read(&path)?;
    ensure!(shown.contains("value=\"/media/"), "{shown}");
    let body = multipart(&fields, Some(("picture", "icon.png", b"no picture")));
    let page = owner.post_body(&path, &content_type, body)?;
    ensure!(page.status == 422 && page.body.contains("한옥"), "{page:?}");
    // A browser sends an empty part where no file was chosen, and then the address stands.
    let body = multipart(&fields, Some(("picture", "", b"")));
    let page = owner.post_body(&path, &content_type, body)?;
    ensure!(page.status == 303, "{page:?}");
    ensure!(!owner.read(&path)?.contains("value=\"/media/"));
    Ok(())
}

fn upload(
    browser: &mut Browser,
    brand: &Brand,
    field: &str,
    name: &str,
    bytes: &[u8],
) -> Result<Page> {
    let path = format!("/console/{}/media", brand.handle);
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    browser.post_body(
        &path,
        &content_type,
        multipart(&[], Some((field, name, bytes))),
    )
}

fn multipart(fields: &[(&str, &str)], file: Option<(&str, &str, &[u8])>) -> Vec<u8> {
    let mut body = Vec::new();
    let mut part = |head: String, content: &[u8]| {
        body.extend(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n").bytes(),
        );
        body.extend(content);
        body.extend(b"\r\n");
    };
    for (name, value) in fields {
        part(format!("name=\"{name}\""), value.as_bytes());
    }
    if let Some((field, name, bytes)) = file {
        let head = format!("name=\"{field}\"; filename=\"{name}\"\r\nContent-Type: image/png");
        part(head, bytes);
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    body
}

fn error_of(page: &Page) -> Result<()> {
    let told: Value = serde_json::from_str(&page.body)?;
    let words = told["error"].as_str().context("words")?;
    ensure!(words.chars().count() > 5, "{told}");
    Ok(())
}

fn png() -> Vec<u8> {
    let digits = PNG.as_bytes().chunks(2);
    digits
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
