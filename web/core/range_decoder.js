/**
 * The range decoder of FORMAT.md.
 *
 * Its state fits into 48 bits, so that JavaScript's numbers carry it exactly.
 */

import { BitstreamError } from "./errors.js";

const WINDOW = 6; // bytes of the state
const TOP = 2 ** 48;
const BOTTOM = 2 ** 40; // the width never stays below this
const TOTAL = 2 ** 16; // of all frequencies of a table
const MAX_PREFIX = 17; // zero bits before the longest escape
const MAX_SYMBOL = 32768;

/** The bytes at hand end before they determine the symbols asked for. */
export class EndOfData extends Error {
  name = "EndOfData";
}

/**
 * Cumulative frequencies of many alphabets.
 *
 * Table t covers the values `offsets[t]` to `offsets[t] + lengths[t] - 3`; its last entry is the mass of every other
 * value, which is then spelt out as an escape.
 */
export class FrequencyTables {
  /**
   * @param {Int32Array} cdf rows end to end, row t with `lengths[t]` entries that rise from 0 to 65536
   * @param {Int32Array} lengths
   * @param {Int32Array} offsets value of each table's first entry
   */
  constructor(cdf, lengths, offsets) {
    this.offsets = offsets;
    this.rows = [];
    let start = 0;
    for (const length of lengths) {
      this.rows.push(cdf.subarray(start, start + length));
      start += length;
    }
  }
}

/** Reads symbols out of a stream or of any prefix of one. */
export class RangeDecoder {
  #data;
  #length;
  #whole;
  #code = 0; // less the low end of the interval
  #width = TOP;
  #position = WINDOW;

  /**
   * @param {Uint8Array} data the stream, or its first bytes
   * @param {boolean} whole whether that is all of the stream, so that what follows is known to be zero
   */
  constructor(data, whole) {
    this.#length = data.length;
    this.#whole = whole;
    this.#data = new Uint8Array(data.length + WINDOW);
    this.#data.set(data);
    this.#code = integer(this.#data, 0, WINDOW);
  }

  /** Whether every continuation of the data decodes to the symbols read so far. */
  get determined() {
    const missing = this.#whole ? 0 : Math.max(0, this.#position - this.#length);
    return this.#code + 256 ** missing <= this.#width;
  }

  /** Bytes of the stream that determine the symbols read so far, where `determined`. */
  get bytesNeeded() {
    const window = integer(this.#data, this.#position - WINDOW, WINDOW);
    for (let missing = WINDOW; missing > 0; missing--) {
      const unknown = 256 ** missing;
      const known = this.#code - (window % unknown);
      if (known >= 0 && known + unknown <= this.#width) return Math.min(this.#position - missing, this.#length);
    }
    return Math.min(this.#position, this.#length);
  }

  /** Whether a whole stream ends where an encoder would have ended it after the symbols read so far. */
  get exhausted() {
    const rest = this.#length - (this.#position - WINDOW);
    return rest === 0 || rest === 1;
  }

  /**
   * Read one symbol for each table index. Symbols read past a cut are guesses: they hold only if `determined` is true
   * afterwards.
   * @param {ArrayLike<number>} indexes
   * @param {FrequencyTables} tables
   * @returns {Int32Array}
   * @throws {EndOfData} the data is a prefix and ends too early
   * @throws {BitstreamError} no encoder writes this
   */
  decode(indexes, tables) {
    const symbols = new Int32Array(indexes.length);
    for (let i = 0; i < indexes.length; i++) {
      const cdf = tables.rows[indexes[i]];
      const tail = cdf.length - 2;
      const unit = Math.floor(this.#width / TOTAL);
      const value = Math.floor(this.#code / unit);
      let entry = 0;
      for (let high = cdf.length; high - entry > 1; ) {
        const middle = (entry + high) >> 1;
        if (cdf[middle] <= value) entry = middle;
        else high = middle;
      }
      if (entry > tail) throw this.#impossible(); // the sliver that rounding leaves unused
      this.#take(unit, cdf[entry], cdf[entry + 1]);
      const offset = entry === tail ? this.#escape(tail) : entry;
      const symbol = tables.offsets[indexes[i]] + offset;
      if (Math.abs(symbol) > MAX_SYMBOL) throw this.#impossible();
      symbols[i] = symbol;
    }
    return symbols;
  }

  /** Read one of 2^bits equally likely values; throws as `decode` does. */
  uniform(bits) {
    const unit = Math.floor(this.#width / TOTAL) * 2 ** (16 - bits);
    const value = Math.floor(this.#code / unit);
    if (value >= 2 ** bits) throw this.#impossible();
    this.#take(unit, value, value + 1);
    return value;
  }

  #take(unit, low, high) {
    this.#code -= unit * low;
    this.#width = unit * (high - low);
    while (this.#width < BOTTOM) {
      if (this.#position >= this.#data.length) throw this.#pastEnd();
      this.#code = this.#code * 256 + this.#data[this.#position++];
      this.#width *= 256;
    }
  }

  /** A value outside its table, counted from the table's first: Exp-Golomb, then unfolded. */
  #escape(tail) {
    let prefix = 0;
    while (!this.uniform(1)) {
      if (++prefix > MAX_PREFIX) throw this.#impossible();
    }
    let number = 1;
    for (let i = 0; i < prefix; i++) number = number * 2 + this.uniform(1);
    number -= 1;
    return number % 2 ? -(number + 1) / 2 : tail + number / 2;
  }

  #impossible() {
    // In a prefix, what looks impossible may only be the zeros that stand in for the missing end.
    return this.determined ? new BitstreamError("The coded symbols are damaged.") : new EndOfData();
  }

  #pastEnd() {
    return this.#whole ? new BitstreamError("The coded symbols are damaged.") : new EndOfData();
  }
}

function integer(bytes, start, count) {
  let value = 0;
  for (let i = 0; i < count; i++) value = value * 256 + bytes[start + i];
  return value;
}
