/**
 * `node conformance.js [MODELS]`: answers requests of the conformance kit, a JSON object a line; docs/conformance.md
 * describes them. Features and pictures need MODELS, a folder that `hsc export` wrote.
 */

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { BitstreamError, parse } from "../core/index.js";
import { decoderOf, model } from "./files.js";
import { pngOf } from "./png.js";

const SAMPLES = 128;
const STRIDE = 7919;
const SIDE = 1024;

const exact = model();
const decoder = process.argv[2] ? await decoderOf(process.argv[2]) : null;

const sample = (values) => Array.from({ length: SAMPLES }, (_, k) => values[(k * STRIDE) % values.length]);

/** SHA-256 of symbols as big-endian 32-bit integers. */
function digest(symbols) {
  const bytes = Buffer.alloc(4 * symbols.length);
  symbols.forEach((symbol, index) => bytes.writeInt32BE(symbol, 4 * index));
  return createHash("sha256").update(bytes).digest("hex");
}

async function answer({ do: what, file, prefix, size, out }) {
  const data = new Uint8Array(readFileSync(file)).subarray(0, prefix ?? undefined);
  try {
    if (what === "symbols") {
      const { modelId, quality, complete, edits, layers, symbols } = parse(data, exact);
      return { model: modelId, quality, complete, edits, ends: layers.map(({ end }) => end), symbols: symbols.map(digest) };
    }
    if (!decoder || !["features", "picture"].includes(what)) return { unsupported: what };
    const { features } = await decoder.decode(data);
    if (what === "picture") {
      writeFileSync(out, pngOf(averaged(await decoder.image(features), SIDE / size), size));
      return {};
    }
    const { codes, at16, at32, detail } = features;
    const told = { codes: sample(codes), features_16: sample(at16), features_32: sample(at32) };
    return detail ? { ...told, detail: sample(detail) } : told;
  } catch (error) {
    if (error instanceof BitstreamError) return { error: error.message };
    throw error;
  }
}

/** A picture `(3, 1024, 1024)` in [-1, 1], to RGB bytes of a side that is smaller by `step`. */
function averaged(picture, step) {
  const size = SIDE / step;
  const rgb = new Uint8Array(3 * size * size);
  for (let at = 0; at < rgb.length; at++) {
    const [channel, x, y] = [at % 3, Math.floor(at / 3) % size, Math.floor(at / 3 / size)];
    let sum = 0;
    for (let place = 0; place < step * step; place++) {
      const row = y * step + Math.floor(place / step);
      const value = picture[channel * SIDE * SIDE + row * SIDE + x * step + (place % step)];
      sum += Math.min(Math.max(value, -1), 1);
    }
    rgb[at] = Math.round((sum / step ** 2 + 1) * 127.5);
  }
  return rgb;
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim()) console.log(JSON.stringify(await answer(JSON.parse(line))));
}
