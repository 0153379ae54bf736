/**
 * How model files travel: as 16-bit numbers, all low bytes before all high ones, and then by gzip, which every browser
 * opens by itself, whatever the server can do. Of weights that were exported to be compact, most high bytes are one of a few
 * values, and low ones are noise; beside each other neither would compress.
 *
 * Numbers may begin at odd places: where a file has a block of them, its flag is 1.
 */

const BLOCK = 4096;
const WORTH = 1; // bits a byte that the other alignment must save

/** @param {Uint8Array} bytes @returns {Uint8Array} flags, low bytes, high bytes, and the odd last byte */
export function toPlanes(bytes) {
  const even = bytes.length - (bytes.length % 2);
  const blocks = Math.ceil(even / BLOCK);
  const planes = new Uint8Array(blocks + bytes.length);
  const [low, high] = [planes.subarray(blocks), planes.subarray(blocks + even / 2)];
  let shift = 0;
  for (let block = 0; block < blocks; block++) {
    const own = bytes.subarray(block * BLOCK, Math.min((block + 1) * BLOCK, even));
    const found = [0, 1].map((each) => split(own, each));
    const [kept, other] = [shift, 1 - shift].map((each) => entropy(found[each].high));
    if (other < kept - WORTH) shift = 1 - shift;
    planes[block] = shift;
    low.set(found[shift].low, (block * BLOCK) / 2);
    high.set(found[shift].high, (block * BLOCK) / 2);
  }
  planes.set(bytes.subarray(even), blocks + even);
  return planes;
}

/** Bytes of the planes of so many bytes. */
export const planesLength = (length) => Math.ceil((length - (length % 2)) / BLOCK) + length;

/**
 * @param {Uint8Array} planes what `toPlanes` gave
 * @param {number} length of what it was given
 * @returns {Uint8Array<ArrayBuffer>}
 * @throws {RangeError} it cannot have been given so much
 */
export function fromPlanes(planes, length) {
  const even = length - (length % 2);
  const blocks = Math.ceil(even / BLOCK);
  if (planes.length !== planesLength(length)) throw new RangeError("These are not the planes of so many bytes.");
  const bytes = new Uint8Array(length);
  const [low, high] = [planes.subarray(blocks), planes.subarray(blocks + even / 2)];
  for (let block = 0; block < blocks; block++) {
    const start = block * BLOCK;
    const size = Math.min(BLOCK, even - start);
    const shift = planes[block] & 1;
    for (let at = 0; at < size; at += 2) {
      const number = (start + at) / 2;
      bytes[start + at + shift] = low[number];
      // the last high byte of a shifted block is the block's first byte
      bytes[start + ((at + shift + 1) % size)] = high[number] - (low[number] >> 7);
    }
  }
  bytes.set(planes.subarray(blocks + even), even);
  return bytes;
}

/** Low bytes from -128 to 127, and what is left for the high ones: small numbers of both signs have a high byte of 0. */
function split(bytes, shift) {
  const low = new Uint8Array(bytes.length / 2);
  const high = new Uint8Array(bytes.length / 2);
  for (let at = 0; at < bytes.length; at += 2) {
    low[at / 2] = bytes[at + shift];
    high[at / 2] = bytes[(at + shift + 1) % bytes.length] + (bytes[at + shift] >> 7);
  }
  return { low, high };
}

/** Bits a byte, each by itself. */
function entropy(bytes) {
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte]++;
  return counts.reduce((sum, count) => (count ? sum - (count / bytes.length) * Math.log2(count / bytes.length) : sum), 0);
}

/** Whether bytes begin as gzip does. */
export const isGzip = (bytes) => bytes[0] === 0x1f && bytes[1] === 0x8b;

/**
 * Opens gzip, part by part, into as much room as it needs.
 * @param {Uint8Array[]} parts of what was packed, one after the other
 * @param {number} length of what comes out
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 * @throws {Error} it is damaged, or of another length
 */
export async function gunzip(parts, length) {
  const source = new ReadableStream({
    pull(controller) {
      const part = parts.shift();
      if (part) controller.enqueue(part);
      else controller.close();
    },
  });
  const bytes = new Uint8Array(length);
  let end = 0;
  for (const reader = source.pipeThrough(new DecompressionStream("gzip")).getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes.set(value, end); // a RangeError where it is too long
    end += value.length;
  }
  if (end !== length) throw new RangeError(`${end} bytes came out instead of ${length}`);
  return bytes;
}
