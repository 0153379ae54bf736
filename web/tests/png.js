/** Writes PNG files: RGB, 8 bits, no filter. */

import { deflateSync } from "node:zlib";

import { crc32OfBytes } from "../core/checksums.js";

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32OfBytes(body));
  return Buffer.concat([head, body, check]);
}

/** @param {Uint8Array} rgb `(side, side, 3)` */
export function pngOf(rgb, side) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(side, 0);
  head.writeUInt32BE(side, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.alloc(side * (3 * side + 1));
  for (let y = 0; y < side; y++) rows.set(rgb.subarray(3 * side * y, 3 * side * (y + 1)), y * (3 * side + 1) + 1);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk("IHDR", head), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}
