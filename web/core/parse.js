/** Bytes to coefficients: the exact half of the decoder. */

import { BitstreamReader } from "./container.js";
import { BitstreamError } from "./errors.js";
import { exp2, toGrid } from "./exact.js";
import { concatenate, DETAILED_MODEL_ID, detailQuality, MODEL_ID, scaleIndex } from "./model.js";

/**
 * A decoded file, or a decoded prefix of one.
 * @typedef {object} Coefficients
 * @property {Float64Array | null} semantics coefficients of S `(768,)`; null where S was not received
 * @property {(Float64Array | null)[]} levels of F at 16x16 `(192, 8, 8)`, at 32x32 `(96, 16, 16)` and of detail
 *   `(32, 32, 32)`; slices that were not received are their predicted means, null stands for a level without any
 * @property {{name: string, bytes: number, end: number}[]} layers those that were received
 * @property {Int32Array[]} symbols of each layer that was received
 * @property {number} totalLayers of the complete file
 * @property {number | null} modelId of the file; null where less than a header was received
 * @property {number} quality 0 to 255
 * @property {[number, number][]} edits that the file stores: direction id, strength
 * @property {number} bytes that were parsed
 * @property {boolean} complete
 */

/**
 * Decode a file, or any prefix of one; edits that it stores are listed, not applied.
 * @param {Uint8Array} data
 * @param {import("./model.js").Model} model
 * @returns {Coefficients}
 * @throws {BitstreamError} the data is foreign, damaged, or of another version or model
 */
export function parse(data, model) {
  const reader = new BitstreamReader(data);
  if (![null, MODEL_ID, DETAILED_MODEL_ID].includes(reader.modelId)) {
    throw new BitstreamError(
      `This HSC file needs model ${reader.modelId}; here are models ${MODEL_ID} and ${DETAILED_MODEL_ID}.`,
    );
  }
  const known = model.layersOf(reader.modelId);
  if (reader.layers > known) {
    throw new BitstreamError(`The file has ${reader.layers} layers; this model knows ${known}.`);
  }
  const quality = reader.quality ?? 0;
  const symbols = [];
  const levels = model.levels.map(() => null);
  let semantics = null;
  const { indexes, steps } = model.semantics(quality);
  const first = reader.readLayer(indexes, model.semanticTables);
  if (first) {
    symbols.push(first);
    semantics = Float64Array.from(first, (symbol, index) => toGrid(symbol * steps[index]));
    readLevels(reader, model, quality, semantics, levels, symbols);
  }
  const ends = reader.layerEnds;
  return {
    semantics,
    levels,
    layers: ends.map((end, index) => ({
      name: model.layerName(index),
      bytes: end - (index ? ends[index - 1] : 0),
      end,
    })),
    symbols,
    totalLayers: reader.layers,
    modelId: reader.modelId,
    quality,
    edits: reader.edits,
    bytes: data.length,
    complete: reader.complete,
  };
}

/** Fill in the levels of which something was received. */
function readLevels(reader, model, quality, semantics, levels, symbols) {
  let coarser = null;
  for (const [number, level] of model.levels.entries()) {
    if (symbols.length >= reader.layers) return;
    const own = (number < 2 ? quality : detailQuality(quality)) / 256;
    const log2Steps = level.step.log2(own);
    const area = level.size ** 2;
    const count = level.channels * area;
    let context = level.predictor.start(semantics, own, coarser);
    const slices = [];
    let received = 0;
    let open = true;
    for (let slice = 0; slice < level.slices; slice++) {
      const predicted = level.predictor.predict(slice, context);
      const means = predicted.subarray(0, count);
      const exponent = (symbol) => log2Steps[slice * level.channels + Math.floor(symbol / area)];
      const tables = Int32Array.from({ length: count }, (_, at) => scaleIndex(predicted[count + at] - exponent(at)));
      const read = open ? reader.readLayer(tables, model.gaussianTables) : null;
      let values = means;
      if (read) {
        symbols.push(read);
        received += 1;
        values = Float64Array.from(read, (symbol, at) => toGrid(symbol * exp2(exponent(at)) + means[at]));
      } else {
        open = false;
        if (!received) return;
      }
      slices.push(values);
      context = concatenate([context, values]);
    }
    levels[number] = coarser = concatenate(slices);
    if (!open) return;
  }
}
