//! From the bytes of a file to pixels and back.
//!
//! Type and size are read from the head of the file before anything is decoded: a few kilobytes can
//! claim to be gigabytes of pixels. Upright as its camera said, and then without a word of what the
//! camera said.

use std::io::Cursor;

use domain::rich_menu::limits::{PICTURE_BYTES_MAX as MENU_BYTES_MAX, WIDTH_PIXELS_MAX};
use domain::rich_menu::picture_fits;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{
    DynamicImage, GenericImageView, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    Rgba,
};

use super::FILE_BYTES_MAX;

/// Pixels of a file: more than any phone's camera takes by default.
pub const PIXELS_MAX: u64 = 50_000_000;
pub const SIDE_MAX: u32 = 16_000;
/// Longest sides of what is kept, as messengers show pictures.
const WHOLE_SIDE_MAX: u32 = 2_048;
const PREVIEW_SIDE_MAX: u32 = 1_024;
const PREVIEW_BYTES_MAX: usize = 1024 * 1024;
/// Of one decoded picture: fifty million pixels of four bytes, and something beside them.
const DECODED_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The first that fits is taken.
const QUALITIES: [u8; 5] = [85, 75, 60, 45, 30];

pub const JPEG: &str = "image/jpeg";
pub const PNG: &str = "image/png";
/// How a PNG begins.
const PNG_MARK: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the file is empty")]
    Empty,
    #[error("the file has more than {FILE_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the file is neither JPEG nor PNG")]
    OtherType,
    #[error("the picture has more than {PIXELS_MAX} pixels, or a side of more than {SIDE_MAX}")]
    TooManyPixels,
    #[error("the picture is damaged or not whole")]
    Damaged,
    /// Of a rich menu only.
    #[error("the picture's width, height or their ratio is not that of a rich menu")]
    OtherShape,
}

/// A picture as it is kept, and the smaller one beside it.
pub struct Drawn {
    pub whole: Encoded,
    pub preview: Encoded,
}

pub struct Encoded {
    pub content_type: &'static str,
    pub width: u32,
    pub height: u32,
    pub bytes: Vec<u8>,
}

/// Decodes, makes smaller, turns upright, encodes. Takes a while: not for a thread that serves.
pub fn draw_anew(bytes: &[u8]) -> Result<Drawn, Fault> {
    let (image, orientation) = decode(bytes)?;
    let mut whole = fitted(image, WHOLE_SIDE_MAX);
    whole.apply_orientation(orientation);
    let preview = fitted(whole.clone(), PREVIEW_SIDE_MAX);
    Ok(Drawn {
        whole: encode(&whole, FILE_BYTES_MAX)?,
        preview: encode(&preview, PREVIEW_BYTES_MAX)?,
    })
}

/// A rich menu's picture, in its own size and type where that fits. One that is too wide is made
/// smaller where `may_shrink`.
pub fn draw_for_menu(bytes: &[u8], may_shrink: bool) -> Result<Encoded, Fault> {
    let is_png = bytes.starts_with(PNG_MARK);
    let (mut image, orientation) = decode(bytes)?;
    image.apply_orientation(orientation);
    let width_max = WIDTH_PIXELS_MAX as u32;
    if may_shrink && image.width() > width_max {
        image = image.resize(width_max, SIDE_MAX, FilterType::CatmullRom);
    }
    if !picture_fits(image.width(), image.height()) {
        return Err(Fault::OtherShape);
    }
    encode_as(&image, is_png, MENU_BYTES_MAX)
}

fn decode(bytes: &[u8]) -> Result<(DynamicImage, Orientation), Fault> {
    if bytes.is_empty() {
        return Err(Fault::Empty);
    }
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Fault::TooLarge);
    }
    let format = match bytes {
        [0xFF, 0xD8, 0xFF, ..] => ImageFormat::Jpeg,
        png if png.starts_with(PNG_MARK) => ImageFormat::Png,
        _ => return Err(Fault::OtherType),
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(fault)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(Fault::Damaged);
    }
    if u64::from(width) * u64::from(height) > PIXELS_MAX || width.max(height) > SIDE_MAX {
        return Err(Fault::TooManyPixels);
    }
    // The decoder draws grey where a JPEG ends too early.
    if format == ImageFormat::Jpeg && !jpeg_is_whole(bytes) {
        return Err(Fault::Damaged);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(fault)?;
    Ok((image, orientation))
}

fn fault(error: ImageError) -> Fault {
    match error {
        ImageError::Limits(_) => Fault::TooManyPixels,
        _ => Fault::Damaged,
    }
}

/// Whether the segments of a JPEG follow each other up to its end mark.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    const END: u8 = 0xD9;
    const SCAN: u8 = 0xDA;
    let mut at = 2;
    while let Some([0xFF, mark]) = bytes.get(at..at + 2) {
        match *mark {
            END => return true,
            0xFF => {
                at += 1;
                continue;
            }
            // Marks without a length.
            0x01 | 0xD0..=0xD7 => {
                at += 2;
                continue;
            }
            _ => {}
        }
        let Some([high, low]) = bytes.get(at + 2..at + 4) else {
            return false;
        };
        at += 2 + usize::from(u16::from_be_bytes([*high, *low]));
        if *mark == SCAN {
            let Some(rest) = bytes.get(at..) else {
                return false;
            };
            let is_mark = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xD0..=0xD7);
            match rest.windows(2).position(is_mark) {
                Some(next) => at += next,
                None => return false,
            }
        }
    }
    false
}

fn fitted(image: DynamicImage, side_max: u32) -> DynamicImage {
    match image.width().max(image.height()) > side_max {
        true => image.resize(side_max, side_max, FilterType::CatmullRom),
        false => image,
    }
}

/// PNG where something shines through and it fits, JPEG otherwise.
fn encode(image: &DynamicImage, bytes_max: usize) -> Result<Encoded, Fault> {
    let shines_through =
        image.color().has_alpha() && image.pixels().any(|(_, _, Rgba([.., alpha]))| alpha < 255);
    encode_as(image, shines_through, bytes_max)
}

/// PNG where that is wanted and fits, JPEG otherwise.
fn encode_as(image: &DynamicImage, wants_png: bool, bytes_max: usize) -> Result<Encoded, Fault> {
    let encoded = |content_type, bytes| Encoded {
        content_type,
        width: image.width(),
        height: image.height(),
        bytes,
    };
    if wants_png {
        let mut bytes = Vec::new();
        let pixels = DynamicImage::from(image.to_rgba8());
        let encoder = PngEncoder::new(&mut bytes);
        pixels.write_with_encoder(encoder).map_err(fault)?;
        if bytes.len() <= bytes_max {
            return Ok(encoded(PNG, bytes));
        }
    }
    let pixels = on_white(image);
    for quality in QUALITIES {
        let mut bytes = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
        pixels.write_with_encoder(encoder).map_err(fault)?;
        if bytes.len() <= bytes_max {
            return Ok(encoded(JPEG, bytes));
        }
    }
    Err(Fault::TooLarge)
}

/// JPEG knows nothing that shines through: white paper lies behind it.
fn on_white(image: &DynamicImage) -> DynamicImage {
    if !image.color().has_alpha() {
        return DynamicImage::from(image.to_rgb8());
    }
    let mut pixels = image.to_rgba8();
    for Rgba([red, green, blue, alpha]) in pixels.pixels_mut() {
        let over = |colour: u8| {
            let (colour, alpha) = (u32::from(colour), u32::from(*alpha));
            ((colour * alpha + 255 * (255 - alpha)) / 255) as u8
        };
        (*red, *green, *blue) = (over(*red), over(*green), over(*blue));
        *alpha = 255;
    }
    DynamicImage::from(DynamicImage::from(pixels).to_rgb8())
}
