//! A QR code as a drawing that stays sharp at any size, and as a picture.

use fast_qr::qr::QRBuilder;
use fast_qr::{ECL, QRCode};

/// Light modules around the code: readers need them.
const QUIET: usize = 4;
/// Pixels of a module in the picture.
const SCALE: usize = 12;
/// Bytes of one stored block of a zlib stream.
const BLOCK_BYTES_MAX: usize = 65_535;

/// The code of a text; `None` where it is too long for one.
pub fn code(text: &str) -> Option<QRCode> {
    QRBuilder::new(text).ecl(ECL::M).build().ok()
}

/// The drawing. `label` says what it is; it is text of ours.
pub fn svg(code: &QRCode, label: &str) -> String {
    let side = code.size + 2 * QUIET;
    let mut path = String::new();
    for y in 0..code.size {
        let mut x = 0;
        while x < code.size {
            let begin = x;
            while x < code.size && code[y][x].value() {
                x += 1;
            }
            if x > begin {
                let width = x - begin;
                path.push_str(&format!(
                    "M{} {}h{width}v1h-{width}z",
                    begin + QUIET,
                    y + QUIET
                ));
            }
            x += 1;
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\" role=\"img\" aria-label=\"{label}\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
    )
}

/// The picture: PNG, one bit a pixel.
pub fn png(code: &QRCode) -> Vec<u8> {
    let side = (code.size + 2 * QUIET) * SCALE;
    let is_dark = |x: usize, y: usize| {
        let at = |pixel: usize| (pixel / SCALE).checked_sub(QUIET);
        match (at(x), at(y)) {
            (Some(x), Some(y)) if x < code.size && y < code.size => code[y][x].value(),
            _ => false,
        }
    };
    let mut rows = Vec::with_capacity(side * (side / 8 + 2));
    for y in 0..side {
        // No filter.
        rows.push(0);
        for byte in 0..side.div_ceil(8) {
            let bit = |bit: usize| u8::from(!is_dark(byte * 8 + bit, y)) << (7 - bit);
            rows.push((0..8).map(bit).sum());
        }
    }
    let mut header = Vec::new();
    let width = u32::try_from(side).unwrap_or(u32::MAX).to_be_bytes();
    header.extend(width);
    header.extend(width);
    // One bit, grey, and the only methods there are.
    header.extend([1, 0, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, body) in [
        (b"IHDR", header),
        (b"IDAT", stored(&rows)),
        (b"IEND", Vec::new()),
    ] {
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        png.extend(length.to_be_bytes());
        let begin = png.len();
        png.extend(kind);
        png.extend(body);
        let sum = crc(&png[begin..]);
        png.extend(sum.to_be_bytes());
    }
    png
}

/// Bytes as a zlib stream that stores them as they are.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = bytes.chunks(BLOCK_BYTES_MAX).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    stream.extend((high << 16 | low).to_be_bytes());
    stream
}

fn crc(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = sum & 1;
            sum = sum >> 1 ^ (0xedb8_8320 * carry);
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standards() {
        assert_eq!(crc(b"123456789"), 0xcbf4_3926);
        assert_eq!(stored(b"Wikipedia")[16..], 0x11e6_0398_u32.to_be_bytes());
    }

    #[test]
    fn a_code_is_drawn_with_its_quiet_zone() {
        let code = code("https://chingu.example/messenger/add/@hanok?source=store").unwrap();
        let side = code.size + 8;
        let drawn = svg(&code, "QR");
        assert!(drawn.contains(&format!("viewBox=\"0 0 {side} {side}\"")));
        assert!(
            drawn.contains("M4 4h7v1h-7z"),
            "the corner mark's upper edge: {drawn}"
        );
        let picture = png(&code);
        assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"));
        assert!(picture.ends_with(b"IEND\xaeB`\x82"));
    }
}
