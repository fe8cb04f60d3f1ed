//! Files that are taken and files that are refused, in a table.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;
use crate::media::picture::{Drawn, JPEG, PNG, draw_anew, draw_for_menu};

const RED: Rgb<u8> = Rgb([200, 20, 20]);
const BLUE: Rgb<u8> = Rgb([20, 20, 200]);

/// Red on its left half, blue on its right.
fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| match x < width / 2 {
        true => RED,
        false => BLUE,
    })
}

fn jpeg(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    image.write_with_encoder(encoder).unwrap();
    bytes
}

fn png(image: &DynamicImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    image
        .write_with_encoder(PngEncoder::new(&mut bytes))
        .unwrap();
    bytes
}

/// A segment that says what a camera says: how it was held, and where.
fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2A\0\0\0\x08\0\x01".to_vec();
    exif.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    exif.extend([0, 0, 0, 0]);
    exif.extend(b"37.5826N 126.9831E");
    let length = (exif.len() + 2) as u16;
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xFF, 0xE1]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(exif);
    bytes.extend(&jpeg[2..]);
    bytes
}

/// Eight by eight of middling ink, as printers write it.
fn cmyk() -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8];
    bytes.extend(b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\0");
    bytes.extend([0xFF, 0xDB, 0, 67, 0]);
    bytes.extend([1; 64]);
    bytes.extend([0xFF, 0xC0, 0, 20, 8, 0, 8, 0, 8, 4]);
    for component in 1..=4 {
        bytes.extend([component, 0x11, 0]);
    }
    for class in [0x00, 0x10] {
        bytes.extend([0xFF, 0xC4, 0, 20, class, 1]);
        bytes.extend([0; 15]);
        bytes.push(0);
    }
    bytes.extend([0xFF, 0xDA, 0, 14, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0]);
    bytes.extend([0x00, 0xFF, 0xD9]);
    bytes
}

/// A few bytes that claim to be a picture of this size.
fn claim(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = png(&DynamicImage::from(halves(8, 8)));
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

fn cut(mut bytes: Vec<u8>, to_percent: usize) -> Vec<u8> {
    bytes.truncate(bytes.len() * to_percent / 100);
    bytes
}

fn fault(bytes: &[u8]) -> Option<Fault> {
    draw_anew(bytes).err()
}

fn whole(bytes: &[u8]) -> Drawn {
    draw_anew(bytes).unwrap_or_else(|fault| panic!("{fault}"))
}

fn is_near(pixel: Rgb<u8>, wanted: Rgb<u8>) -> bool {
    let differences = pixel.0.iter().zip(wanted.0).map(|(a, b)| a.abs_diff(b));
    differences.into_iter().all(|difference| difference < 12)
}

#[test]
fn what_is_no_picture_is_refused_with_its_reason() {
    let photo = jpeg(&halves(640, 480));
    let drawing = png(&DynamicImage::from(halves(640, 480)));
    let mut padded = photo.clone();
    padded.resize(FILE_BYTES_MAX + 1, 0);
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    let gif =
        b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xFF\xFF\xFF,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    let gif_first = [&gif[..], &photo].concat();
    let cases: [(&str, &[u8], Fault); 15] = [
        ("nothing", b"", Fault::Empty),
        ("one byte too many", &padded, Fault::TooLarge),
        (
            "words",
            "사진이 아니라 글입니다.".as_bytes(),
            Fault::OtherType,
        ),
        ("an SVG", svg, Fault::OtherType),
        ("a GIF", gif, Fault::OtherType),
        ("a GIF with a JPEG behind it", &gif_first, Fault::OtherType),
        ("the mark of a JPEG alone", b"\xFF\xD8\xFF", Fault::Damaged),
        ("a JPEG's head", &photo[..100], Fault::Damaged),
        ("half a JPEG", &cut(photo.clone(), 50), Fault::Damaged),
        (
            "a JPEG without its end",
            &photo[..photo.len() - 2],
            Fault::Damaged,
        ),
        ("the mark of a PNG alone", &drawing[..8], Fault::Damaged),
        ("half a PNG", &cut(drawing.clone(), 50), Fault::Damaged),
        ("a bomb", &claim(30_000, 30_000), Fault::TooManyPixels),
        ("a narrow bomb", &claim(1, 16_001), Fault::TooManyPixels),
        (
            "a square bomb",
            &claim(10_000, 10_000),
            Fault::TooManyPixels,
        ),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(fault(bytes), Some(expected), "{name}");
    }
    assert_eq!(fault(&claim(0, 0)), Some(Fault::Damaged));
}

#[test]
fn cameras_are_turned_upright_and_what_they_say_is_dropped() {
    let drawn = whole(&with_exif(&jpeg(&halves(80, 40)), 6));
    let kept = image::load_from_memory(&drawn.whole.bytes)
        .unwrap()
        .to_rgb8();
    assert_eq!((kept.width(), kept.height()), (40, 80));
    assert!(
        is_near(*kept.get_pixel(20, 10), RED),
        "{:?}",
        kept.get_pixel(20, 10)
    );
    assert!(is_near(*kept.get_pixel(20, 70), BLUE));
    for encoded in [&drawn.whole, &drawn.preview] {
        let text = String::from_utf8_lossy(&encoded.bytes);
        assert!(!text.contains("126.9831E") && !text.contains("Exif"));
    }
    // A second file behind the first is not kept either.
    let polyglot = [&jpeg(&halves(8, 8))[..], b"<script>alert(1)</script>"].concat();
    let drawn = whole(&polyglot);
    assert!(!String::from_utf8_lossy(&drawn.whole.bytes).contains("script"));
}

#[test]
fn sizes_types_and_colours_are_those_messengers_show() {
    let large = whole(&jpeg(&halves(3_000, 1_500)));
    assert_eq!((large.whole.width, large.whole.height), (2_048, 1_024));
    assert_eq!((large.preview.width, large.preview.height), (1_024, 512));
    let small = whole(&jpeg(&halves(20, 10)));
    assert_eq!((small.whole.width, small.preview.width), (20, 20));
    let opaque = whole(&png(&DynamicImage::from(halves(64, 64))));
    assert_eq!(opaque.whole.content_type, JPEG);
    let glass = RgbaImage::from_pixel(64, 64, Rgba([10, 200, 10, 90]));
    let glass = whole(&png(&DynamicImage::from(glass)));
    assert_eq!(glass.whole.content_type, PNG);
    let deep = DynamicImage::from(halves(64, 64)).to_rgba16();
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(
            &deep
                .iter()
                .flat_map(|part| part.to_ne_bytes())
                .collect::<Vec<u8>>(),
            64,
            64,
            ExtendedColorType::Rgba16,
        )
        .unwrap();
    let deep = whole(&bytes);
    let kept = image::load_from_memory(&deep.whole.bytes)
        .unwrap()
        .to_rgb8();
    assert!(is_near(*kept.get_pixel(5, 5), RED));
    let ink = whole(&cmyk());
    assert_eq!((ink.whole.width, ink.whole.content_type), (8, JPEG));
    // What does not become small as a PNG becomes a JPEG on white paper.
    let mut state = 1u32;
    let noise = RgbaImage::from_fn(1_200, 1_200, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Rgba(state.to_be_bytes())
    });
    let noise = whole(&png(&DynamicImage::from(noise)));
    assert_eq!(noise.whole.content_type, PNG);
    assert_eq!(noise.preview.content_type, JPEG);
    assert!(noise.preview.bytes.len() <= 1024 * 1024);
}

#[test]
fn a_path_names_one_picture() {
    let hash = "ab".repeat(32);
    assert_eq!(hash_in(&format!("{hash}.jpg")), Some([0xAB; 32]));
    assert_eq!(hash_in(&format!("{hash}.png")), Some([0xAB; 32]));
    for wrong in [
        hash.clone(),
        format!("{hash}.gif"),
        format!("{}.jpg", hash.to_uppercase()),
        format!("{}.jpg", &hash[..62]),
        format!("{}.jpg", "zz".repeat(32)),
        "../../etc/passwd.jpg".to_owned(),
        String::new(),
    ] {
        assert_eq!(hash_in(&wrong), None, "{wrong}");
    }
}

#[test]
fn a_menus_picture_keeps_its_size_and_type_and_has_the_shape_of_a_menu() {
    let whole = png(&DynamicImage::from(halves(2_500, 843)));
    let drawn = draw_for_menu(&whole, false).unwrap();
    assert_eq!(
        (drawn.content_type, drawn.width, drawn.height),
        (PNG, 2_500, 843)
    );
    let drawn = draw_for_menu(&jpeg(&halves(800, 250)), false).unwrap();
    assert_eq!((drawn.content_type, drawn.width), (JPEG, 800));
    for (width, height) in [(799, 250), (800, 600), (2_600, 1_000)] {
        let refused = draw_for_menu(&jpeg(&halves(width, height)), false);
        assert_eq!(refused.err(), Some(Fault::OtherShape), "{width} {height}");
    }
    let shrunk = draw_for_menu(&jpeg(&halves(5_000, 1_686)), true).unwrap();
    assert_eq!((shrunk.width, shrunk.height), (2_500, 843));
}
