/** The exact networks and tables of the models, built from their weights. */

import { ExactLayer, exp2, relu, toGrid } from "./exact.js";
import { FrequencyTables } from "./range_decoder.js";

const EMBEDDED = 8; // side of the maps that S is turned into
const GROUPS = 16; // qualities of S
const SCALE_MIN = -3.25;
const SCALE_STEP = 0.1796875;
const SCALES = 64;
const SEMANTIC_CHANNELS = 192;
const SEMANTIC_POSITIONS = 4;

export const MODEL_ID = 9;
export const DETAILED_MODEL_ID = 10;

/** Quality byte of a file to that of its detail. */
export const detailQuality = (quality) => Math.min(Math.max(2 * quality - 180, 4), 255);

/** Quantisation steps of some channels, as a function of the quality in [0, 1). */
class QuantisationStep {
  constructor(coarse, fine) {
    this.coarse = Float64Array.from(coarse, (value) => toGrid(value));
    this.fine = Float64Array.from(fine, (value) => toGrid(value));
  }

  log2(quality) {
    return this.coarse.map((coarse, channel) => toGrid(coarse + quality * (this.fine[channel] - coarse)));
  }
}

/** Predicts mean and scale of each symbol of a slice from S and the slices before it. */
class SemanticContextEncoder {
  constructor(layer, slices, size, hasCoarser) {
    this.size = size;
    this.hidden = layer("hidden");
    this.embed = layer("embed");
    this.coarse = hasCoarser ? layer("coarse") : null;
    this.first = Array.from({ length: slices }, (_, index) => layer(`first.${index}`));
    this.second = Array.from({ length: slices }, (_, index) => layer(`second.${index}`));
  }

  /**
   * The context of the first slice: maps of `size` x `size`, end to end.
   * @param {Float64Array} semantics coefficients of S `(768,)`
   * @param {number} quality
   * @param {Float64Array | null} coarser decoded coefficients of the level before
   */
  start(semantics, quality, coarser) {
    const { size } = this;
    const embedded = this.embed.linear(relu(this.hidden.linear(semantics)));
    const parts = [enlarge(embedded, EMBEDDED, size / EMBEDDED), new Float64Array(size * size).fill(quality)];
    if (this.coarse) parts.push(enlarge(relu(this.coarse.convolve(coarser, size / 2)), size / 2, 2));
    return concatenate(parts);
  }

  /** Means, then log2 scales, of the symbols of a slice. */
  predict(index, context) {
    return this.second[index].convolve(relu(this.first[index].convolve(context, this.size)), this.size);
  }
}

/** One level of F, or detail: its steps, its predictor, its shape. */
class Level {
  constructor(step, predictor, slices, channels) {
    Object.assign(this, { step, predictor, slices, channels, size: predictor.size });
  }
}

/** What decodes the files of one model, or of two that share layers. */
export class Model {
  /**
   * @param {import("./safetensors.js").Tensors} weights of the decoder, all files merged
   */
  constructor(weights) {
    const data = (name) => weights.get(name).data;
    const layers = (prefix) => (name) =>
      new ExactLayer(data(`${prefix}.${name}.weight`), data(`${prefix}.${name}.bias`));
    const step = (prefix) => new QuantisationStep(data(`${prefix}.coarse`), data(`${prefix}.fine`));
    const tables = (name) =>
      new FrequencyTables(data(`tables.${name}.cdf`), data(`tables.${name}.lengths`), data(`tables.${name}.offsets`));
    this.semanticStep = step("scn.steps");
    this.semanticTables = tables("semantic");
    this.gaussianTables = tables("gaussian");
    this.levels = [
      new Level(step("fcn.0.step"), new SemanticContextEncoder(layers("sce.0"), 8, 8, false), 8, 24),
      new Level(step("fcn.1.step"), new SemanticContextEncoder(layers("sce.1"), 4, 16, true), 4, 24),
    ];
    /** Layers of a file without detail. */
    this.layers = 1 + this.levels.reduce((sum, level) => sum + level.slices, 0);
    if (weights.has("detail.step.coarse")) {
      const predictor = new SemanticContextEncoder(layers("detail_context"), 2, 32, true);
      this.levels.push(new Level(step("detail.step"), predictor, 2, 16));
    }
  }

  /** Layers of a complete file of this model. */
  layersOf(modelId) {
    const detail = modelId === DETAILED_MODEL_ID ? (this.levels[2]?.slices ?? 0) : 0;
    return this.layers + detail;
  }

  /** "S", "F1" to "F12", "D1", "D2". */
  layerName(index) {
    if (index === 0) return "S";
    return index < this.layers ? `F${index}` : `D${index - this.layers + 1}`;
  }

  /** Table of each symbol of S, and its quantisation step. */
  semantics(quality) {
    const steps = this.semanticStep.log2(Math.floor((quality / 256) * GROUPS) / GROUPS).map(exp2);
    const first = Math.floor((quality * GROUPS) / 256) * SEMANTIC_CHANNELS;
    const count = SEMANTIC_CHANNELS * SEMANTIC_POSITIONS;
    const channel = (symbol) => Math.floor(symbol / SEMANTIC_POSITIONS);
    return {
      indexes: Int32Array.from({ length: count }, (_, symbol) => first + channel(symbol)),
      steps: Float64Array.from({ length: count }, (_, symbol) => steps[channel(symbol)]),
    };
  }
}

/** log2 of scale over step to the nearest Gaussian table. */
export function scaleIndex(log2Scale) {
  return Math.min(Math.max(Math.floor((log2Scale - SCALE_MIN) / SCALE_STEP + 0.5), 0), SCALES - 1);
}

/** Each value of square maps, `factor` times each way. */
function enlarge(maps, size, factor) {
  if (factor === 1) return maps;
  const wide = size * factor;
  const result = new Float64Array(maps.length * factor * factor);
  for (let at = 0; at < result.length; at++) {
    const x = at % wide;
    const y = Math.floor(at / wide) % wide;
    const map = Math.floor(at / (wide * wide));
    result[at] = maps[(map * size + Math.floor(y / factor)) * size + Math.floor(x / factor)];
  }
  return result;
}

export function concatenate(parts) {
  const result = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
