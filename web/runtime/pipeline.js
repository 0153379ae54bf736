/**
 * From coefficients to pictures: which graph runs on what. Where the graphs run is not known here.
 *
 * Tensors are Float32Array with their shapes implied: codes (1, 16, 512), features (1, 512, n, n), pictures (1, 3, n, n).
 */

import { BitstreamError } from "../core/errors.js";
import { free } from "./memory.js";

const LAYERS = 16;
const LATENT = 512;
const SIZE = 1024;
const CODES = [1, LAYERS, LATENT];
const FINEST = 64; // side of the features that pictures are made of
const STRIP = 8; // rows of theirs that a large picture is made of at a time: a fifth of the memory, and room to give way
const BESIDE = 2; // rows above and below that its convolutions see
const featureShape = (size) => [1, 512, size, size];

/** Files of the graphs that `hsc export` writes. */
export const GRAPHS = {
  semantics: "semantics.onnx",
  to16: "synthesis_16.onnx",
  to32: "synthesis_16_32.onnx",
  to64: "synthesis_32_64.onnx",
  changes: ["change_16.onnx", "change_32.onnx", "change_64.onnx"],
  preview: "preview.onnx",
  image: "image.onnx",
};

/** A face between coefficients and pictures. */
export class Features {
  /**
   * @param {Float32Array} codes S^ `(1, 16, 512)`
   * @param {Float32Array} at16 F^ `(1, 512, 16, 16)`
   * @param {Float32Array} at32 F^ `(1, 512, 32, 32)`
   * @param {Float32Array} at64 what is rendered, `(1, 512, 64, 64)`, detail included
   * @param {Float32Array | null} detail what a file, or an edit, adds to the features at 64x64
   */
  constructor(codes, at16, at32, at64, detail) {
    Object.assign(this, { codes, at16, at32, at64, detail });
  }
}

export class Pipeline {
  /**
   * @param {(graph: string, inputs: Record<string, {data: Float32Array, dims: number[]}>) => Promise<Float32Array>} run
   * @param {Float32Array} meanCodes the mean latent as style codes, which S^ is where a file holds none
   * @param {boolean} [strips] whether `image.onnx` is one that makes some rows at a time
   */
  constructor(run, meanCodes, strips = false) {
    this.run = run;
    this.meanCodes = meanCodes;
    this.strips = strips;
  }

  /** @param {import("../core/parse.js").Coefficients} coefficients */
  async features(coefficients) {
    const { semantics, levels } = coefficients;
    const codes = semantics
      ? await this.run(GRAPHS.semantics, { coefficients: tensor(Float32Array.from(semantics), [1, 768]) })
      : this.meanCodes;
    const at16 = await this.#level(0, levels[0], await this.synthesize16(codes));
    const at32 = await this.#level(1, levels[1], await this.synthesize32(codes, at16));
    const base = await this.synthesize64(codes, at32);
    const detail = levels[2] ? await this.#change(2, levels[2], base) : null;
    return new Features(codes, at16, at32, detail ? add(base, detail) : base, detail);
  }

  /**
   * G_s to 16x16, of style codes that may move from place to place.
   * @param {Float32Array} codes
   * @param {Shift[]} [shifts]
   */
  synthesize16(codes, shifts) {
    return this.run(GRAPHS.to16, placed(codes, shifts, [4, 8, 16]));
  }

  /** The generator from 16x16 to 32x32. */
  synthesize32(codes, at16, shifts) {
    return this.run(GRAPHS.to32, { ...placed(codes, shifts, [16, 32]), features: tensor(at16, featureShape(16)) });
  }

  /** The generator from 32x32 to 64x64. */
  synthesize64(codes, at32, shifts) {
    return this.run(GRAPHS.to64, { ...placed(codes, shifts, [32, 64]), features: tensor(at32, featureShape(32)) });
  }

  /** An approximate picture `(3, 256, 256)`, nominally in [-1, 1]. */
  preview(features) {
    return this.#render(GRAPHS.preview, features);
  }

  /** The picture `(3, 1024, 1024)`, nominally in [-1, 1]. */
  async image(features) {
    const picture = new Float32Array(3 * SIZE * SIZE);
    let start = 0;
    for await (const channels of this.#rows(features)) {
      channels.forEach((values, channel) => picture.set(values, channel * SIZE * SIZE + start));
      start += channels[0].length;
    }
    return picture;
  }

  /**
   * A picture as RGBA bytes.
   * @param {Features} features
   * @param {256 | 1024} size
   * @throws {BitstreamError} it holds values that are no numbers
   */
  async rgba(features, size) {
    const bytes = new Uint8ClampedArray(4 * size * size);
    if (size === SIZE) {
      let start = 0;
      for await (const channels of this.#rows(features)) {
        paint(bytes.subarray(4 * start), channels);
        start += channels[0].length;
        free(channels[0]);
      }
    } else paint(bytes, channelsOf(await this.preview(features)));
    return bytes;
  }

  /** Red, green and blue of the picture, some rows at a time from the top. */
  async *#rows(features) {
    if (!this.strips) {
      yield channelsOf(await this.#render(GRAPHS.image, features));
      return;
    }
    const row = SIZE * (SIZE / FINEST); // pixels that are made of one row of features
    for (let first = 0; first < FINEST; first += STRIP) {
      const start = Math.max(first - BESIDE, 0);
      const rows = Float32Array.from({ length: Math.min(first + STRIP + BESIDE, FINEST) - start }, (_, at) => start + at);
      const strip = await this.#render(GRAPHS.image, features, { rows: tensor(rows, [rows.length]) });
      yield channelsOf(strip).map((channel) => channel.subarray((first - start) * row, (first - start + STRIP) * row));
    }
  }

  #render(graph, { codes, at64 }, more = {}) {
    return this.run(graph, { codes: tensor(codes, CODES), features: tensor(at64, featureShape(FINEST)), ...more });
  }

  async #level(index, coefficients, base) {
    return coefficients ? add(base, await this.#change(index, coefficients, base)) : base;
  }

  #change(index, coefficients, base) {
    const size = 8 << index;
    const channels = coefficients.length / size ** 2;
    return this.run(GRAPHS.changes[index], {
      coefficients: tensor(Float32Array.from(coefficients), [1, channels, size, size]),
      base: tensor(base, featureShape(2 * size)),
    });
  }
}

/**
 * What is added to the style codes, and how much of it at each place.
 * @typedef {{codes: Float32Array[], amounts: (side: number) => Float32Array}} Shift
 */

/** Inputs of the generator's graphs: style codes and shifts as columns, and how much of each there is at each place. */
function placed(codes, shifts = [], sides) {
  const columns = 1 + shifts.length;
  const all = new Float32Array(LAYERS * LATENT * columns);
  for (let at = 0; at < LAYERS * LATENT; at++) all[at * columns] = codes[at];
  shifts.forEach((shift, index) => {
    shift.codes.forEach((values, layer) => {
      for (let at = 0; at < LATENT; at++) all[(layer * LATENT + at) * columns + index + 1] = values[at];
    });
  });
  const inputs = { codes: tensor(all, [LAYERS, LATENT, columns]) };
  for (const side of sides) {
    const amounts = new Float32Array(columns * side * side).fill(1, 0, side * side);
    shifts.forEach((shift, index) => amounts.set(shift.amounts(side), (index + 1) * side * side));
    inputs[`amounts_${side}`] = tensor(amounts, [columns, side * side]);
  }
  return inputs;
}

export const tensor = (data, dims) => ({ data, dims });

export function sum(first, second) {
  return add(first.slice(), second);
}

/** In place: adds to the first. */
export function add(features, more) {
  for (let at = 0; at < features.length; at++) features[at] += more[at];
  return features;
}

/** Red, green and blue of a picture, which lie one after the other. */
function channelsOf(picture) {
  const area = picture.length / 3;
  return [0, 1, 2].map((channel) => picture.subarray(channel * area, (channel + 1) * area));
}

/** Numbers in [-1, 1], channel by channel, to RGBA bytes. */
function paint(rgba, channels) {
  const area = channels[0].length;
  channels.forEach((values, channel) => {
    let finite = 0; // unless one value is not
    for (let at = 0; at < area; at++) {
      finite += values[at] * 0;
      rgba[4 * at + channel] = Math.round((values[at] + 1) * 127.5);
    }
    if (finite !== 0) throw new BitstreamError("This is no face that can be drawn: its numbers are out of all range.");
  });
  for (let at = 3; at < 4 * area; at += 4) rgba[at] = 255;
}
