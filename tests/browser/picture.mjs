// A photograph-like PNG of a given size, the same every time: nothing binary stands in the tree.

import { writeFileSync } from "node:fs";
import * as zlib from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const TRUE_COLOUR = 2;

function chunk(kind, content) {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), content]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(content.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc(body), body.length + 4);
  return whole;
}

/** Node learned to do this in version 22; 20 is what Debian's users have. */
function crc(bytes) {
  if (zlib.crc32) return zlib.crc32(bytes);
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return (sum ^ 0xffffffff) >>> 0;
}

/** Evening light over a table, and a cup on it. */
export function writePicture(path, width = 1040, height = 585) {
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y++) {
    const row = y * (1 + width * 3) + 1;
    for (let x = 0; x < width; x++) {
      const isTable = y > height * 0.72;
      const cup = Math.hypot((x - width * 0.5) / (height * 0.22), (y - height * 0.62) / (height * 0.16));
      const light = 1 - Math.hypot(x / width - 0.25, y / height - 0.2) * 0.55;
      const [red, green, blue] = cup < 1 ? [239, 231, 214] : isTable ? [160, 118, 82] : [38, 92, 104];
      rows.set([red * light, green * light, blue * light].map((value) => Math.max(0, value)), row + x * 3);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, TRUE_COLOUR, 0, 0, 0], 8);
  const parts = [chunk("IHDR", header), chunk("IDAT", zlib.deflateSync(rows)), chunk("IEND", Buffer.alloc(0))];
  writeFileSync(path, Buffer.concat([SIGNATURE, ...parts]));
}
