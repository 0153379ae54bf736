/** The `.hsc` container: header, layers with their checks, checksum, stored edits. See FORMAT.md. */

import { crc16, crc32, crc8 } from "./checksums.js";
import { BitstreamError } from "./errors.js";
import { EndOfData, RangeDecoder } from "./range_decoder.js";
import { halfToEven } from "./rounding.js";

const MAGIC = [0x48, 0x53, 0x43];
const VERSION = 1;
const HEADER_BYTES = 10;
const CHECKSUM_BYTES = 2;
const STRENGTH_STEPS = 4096; // for each unit of strength
const MAX_EDITS = 255;

const checkBits = (layer) => (layer === 0 ? 8 : 6);

/** Reads one file, or any prefix of one, layer after layer. */
export class BitstreamReader {
  modelId = null;
  quality = null;
  length = null;
  layers = 0;
  /** @type {[number, number][]} pairs of direction id and strength */
  edits = [];
  /** @type {number[]} for each layer read so far, the bytes of the file that a prefix needs to hold it */
  layerEnds = [];
  /** Whether all bytes of the main stream are there. */
  complete;
  #coder;
  #whole;
  #crc = 0;
  #ended = false;

  /**
   * @param {Uint8Array} data
   * @throws {BitstreamError} the data is foreign, damaged, of another version, or longer than it says
   */
  constructor(data) {
    this.#readHeader(data);
    this.complete = this.length !== null && data.length >= this.length;
    if (this.complete) {
      const body = data.subarray(0, this.length - CHECKSUM_BYTES);
      if (crc16(body) !== (data[this.length - 2] << 8) + data[this.length - 1]) {
        throw new BitstreamError("This HSC file is damaged: its checksum does not match.");
      }
      this.edits = readEdits(data.subarray(this.length));
    }
    const end = this.length === null ? 0 : this.length - CHECKSUM_BYTES;
    this.#whole = end > 0 && end <= data.length;
    this.#coder = new RangeDecoder(data.subarray(HEADER_BYTES, Math.max(HEADER_BYTES, end)), this.#whole);
    if (this.#whole && !this.layers && !this.#coder.exhausted) {
      throw new BitstreamError("This HSC file is damaged: it says that it has no layer, but has bytes of some.");
    }
  }

  #readHeader(data) {
    for (let i = 0; i < Math.min(MAGIC.length, data.length); i++) {
      if (data[i] !== MAGIC[i]) throw new BitstreamError("This is not an HSC file.");
    }
    if (data.length < HEADER_BYTES) {
      if (data.length > MAGIC.length) checkVersion(data[MAGIC.length]);
      return;
    }
    if (crc8(data.subarray(0, HEADER_BYTES - 1)) !== data[HEADER_BYTES - 1]) {
      throw new BitstreamError("This HSC file is damaged in its header.");
    }
    checkVersion(data[3]);
    this.layers = data[3] & 15;
    this.modelId = (data[4] << 8) + data[5];
    this.quality = data[6];
    this.length = (data[7] << 8) + data[8];
    if (this.length < HEADER_BYTES + CHECKSUM_BYTES) {
      throw new BitstreamError("This HSC file is damaged in its header.");
    }
  }

  /**
   * Read the next layer; null when the data lacks its end, and for every layer after that.
   * @returns {Int32Array | null}
   * @throws {BitstreamError} the layer is damaged, or was coded with other tables
   */
  readLayer(indexes, tables) {
    const layer = this.layerEnds.length;
    if (this.#ended || layer >= this.layers) return null;
    const failure = `Layer ${layer} of this HSC file is damaged, or was made with other weights.`;
    this.#ended = true; // unless all goes well
    let symbols, check;
    try {
      symbols = this.#coder.decode(indexes, tables);
      check = this.#coder.uniform(checkBits(layer));
    } catch (error) {
      if (error instanceof EndOfData) return null;
      throw error instanceof BitstreamError ? new BitstreamError(failure) : error;
    }
    if (!this.#coder.determined) return null;
    this.#crc = crc32(symbols, this.#crc);
    const last = this.#whole && layer + 1 === this.layers;
    if (check !== (this.#crc & ((1 << checkBits(layer)) - 1)) || (last && !this.#coder.exhausted)) {
      throw new BitstreamError(failure);
    }
    this.layerEnds.push(HEADER_BYTES + this.#coder.bytesNeeded);
    this.#ended = false;
    return symbols;
  }
}

function checkVersion(byte) {
  if (byte >> 4 !== VERSION) {
    throw new BitstreamError(`This HSC file is of version ${byte >> 4}, not of version ${VERSION}.`);
  }
}

function readEdits(chunk) {
  if (!chunk.length) return [];
  if (!chunk[0] || chunk.length !== 2 + 3 * chunk[0]) {
    throw new BitstreamError(`This HSC file is longer than it says, by ${chunk.length} bytes.`);
  }
  if (crc8(chunk.subarray(0, -1)) !== chunk[chunk.length - 1]) {
    throw new BitstreamError("The edits stored in this HSC file are damaged.");
  }
  const edits = [];
  for (let i = 1; i < chunk.length - 1; i += 3) {
    edits.push([chunk[i], (((chunk[i + 1] << 8) + chunk[i + 2]) << 16 >> 16) / STRENGTH_STEPS]);
  }
  return edits;
}

/** The file without its edits: the very bytes it had before `appendEdits`. */
export function stripEdits(data) {
  const reader = new BitstreamReader(data);
  if (!reader.complete) throw new BitstreamError(`This HSC file ends early, after ${data.length} bytes.`);
  return data.slice(0, reader.length);
}

/**
 * Store edits in a complete file, in place of any that it has: 2 bytes more, and 3 for each edit.
 * @param {Uint8Array} data
 * @param {[number, number][]} edits pairs of direction id (0 to 255) and strength (-8 to below 8)
 */
export function appendEdits(data, edits) {
  const main = stripEdits(data);
  if (!edits.length) return main;
  if (edits.length > MAX_EDITS) {
    throw new BitstreamError(`An HSC file stores at most ${MAX_EDITS} edits, not ${edits.length}.`);
  }
  const chunk = new Uint8Array(2 + 3 * edits.length);
  chunk[0] = edits.length;
  edits.forEach(([id, strength], index) => {
    const steps = halfToEven(strength * STRENGTH_STEPS);
    if (!(steps >= -32768 && steps < 32768)) {
      throw new BitstreamError(`A stored edit's strength must be from -8 to below 8, not ${strength}.`);
    }
    if (!(Number.isInteger(id) && id >= 0 && id <= 255)) {
      throw new BitstreamError(`A stored edit's direction must be from 0 to 255, not ${id}.`);
    }
    chunk.set([id, (steps >> 8) & 255, steps & 255], 1 + 3 * index);
  });
  chunk[chunk.length - 1] = crc8(chunk.subarray(0, -1));
  const file = new Uint8Array(main.length + chunk.length);
  file.set(main);
  file.set(chunk, main.length);
  return file;
}
