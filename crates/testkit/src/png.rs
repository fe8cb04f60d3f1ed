//! A picture written by hand, so that no encoder has to agree with a decoder.

const MARK: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Bytes of one block that is stored as it is.
const BLOCK_BYTES_MAX: usize = 65_535;
/// Of every pixel: grey.
const GREY: u8 = 0x9c;

/// A grey PNG of so many pixels, in about as many bytes.
pub fn plain(width: u32, height: u32) -> Vec<u8> {
    let mut line = vec![0];
    line.resize(width as usize + 1, GREY);
    let pixels = line.repeat(height as usize);
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    // Eight bits of grey; the usual compression, filter and order.
    header.extend([8, 0, 0, 0, 0]);
    let mut png = MARK.to_vec();
    chunk(&mut png, b"IHDR", &header);
    chunk(&mut png, b"IDAT", &stored(&pixels));
    chunk(&mut png, b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    let named = [&name[..], content].concat();
    png.extend((content.len() as u32).to_be_bytes());
    png.extend(&named);
    png.extend(crc32(&named).to_be_bytes());
}

/// A stream of zlib's in blocks that are not compressed.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let blocks = bytes.chunks(BLOCK_BYTES_MAX);
    let last = blocks.len().saturating_sub(1);
    for (index, block) in blocks.enumerate() {
        let length = block.len() as u16;
        stream.push(u8::from(index == last));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(bytes).to_be_bytes());
    stream
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1, 0);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    high << 16 | low
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        let mixed = crc ^ u32::from(*byte);
        (0..8).fold(mixed, |crc, _| match crc & 1 {
            1 => crc >> 1 ^ 0xedb8_8320,
            _ => crc >> 1,
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}
