/**
 * The decoder in a worker: requests come as `{id, method, args, idle}`, answers go as `{id, result}` or `{id, error}`, and
 * progress of downloads as `{progress: [received, expected]}`.
 *
 * One request is served at a time, those that are `idle` after all others; `{interrupt: true}` ends an idle one that runs.
 */

import { Directions } from "../core/movement.js";
import { Decoder, FIRST, Interrupted } from "./decoder.js";
import { startRuntime } from "./providers.js";
import { ModelStore, Progress } from "./store.js";

const KEPT = 3; // faces whose features are kept, 11 to 20 MB each

let decoder;
let next = 1;
const waiting = [];
let running = null;
let interrupted = false;

/** Bytes by face, and features of those that were asked for last. */
const files = new Map();
const faces = new Map();
let edited = {};

async function features(face) {
  if (!files.has(face)) throw new Error("This face is no longer there.");
  const found = faces.get(face) ?? (await decoder.decode(files.get(face))).features;
  faces.delete(face);
  faces.set(face, found);
  if (faces.size > KEPT) faces.delete(faces.keys().next().value);
  return found;
}

/** The features of a face after edits; the last ones are kept, because a large picture follows a small one. */
async function editedFeatures(face, strengths) {
  const key = JSON.stringify([face, Object.entries(strengths).filter(([, value]) => value).sort()]);
  const plain = await features(face);
  if (edited.key !== key) edited = { key, features: await decoder.edit(plain, strengths) };
  return edited.features;
}

const methods = {
  /** Set up, once; gives what runs the graphs. */
  async start({ models, runtime, threads, provider: wanted }) {
    const store = new ModelStore(models, new Progress((...bytes) => self.postMessage({ progress: bytes })));
    store.prefetch(FIRST);
    const { ort, options, provider } = await startRuntime(runtime, { threads, provider: wanted, store });
    decoder = new Decoder(store, ort, options, () => interrupted && running?.idle);
    return { provider };
  },

  /** Names, labels, ranges and ids of the directions. */
  directions: () => decoder.directions(),

  /** Decode bytes; the answer names the face for later requests, and says which edits the file holds. */
  async decode(data) {
    const { coefficients, features } = await decoder.decode(data);
    const { layers, totalLayers, quality, edits, bytes, complete } = coefficients;
    const strengths = Directions.strengths(await decoder.directions(), edits);
    files.set(next, data);
    faces.set(next, features);
    if (faces.size > KEPT) faces.delete(faces.keys().next().value);
    return { face: next++, layers, totalLayers, quality, edits, strengths, bytes, complete };
  },

  /** RGBA bytes of a picture of 256 or 1024 pixels a side. */
  async render(face, size, strengths = {}) {
    const shown = await editedFeatures(face, strengths);
    return decoder.rgba(shown, size);
  },

  /** Forget a face. */
  async release(face) {
    files.delete(face);
    faces.delete(face);
    if (edited.key?.startsWith(`[${face},`)) edited = {};
  },
};

async function serve() {
  while (waiting.length) {
    const urgent = waiting.findIndex(({ idle }) => !idle);
    running = waiting.splice(Math.max(urgent, 0), 1)[0];
    interrupted = false;
    const { id, method, args } = running;
    try {
      const result = await methods[method](...args);
      self.postMessage({ id, result }, result?.buffer ? [result.buffer] : []);
    } catch (error) {
      const { name, message } = error;
      self.postMessage({ id, error: { name: error instanceof Interrupted ? "Interrupted" : name, message } });
    }
  }
  running = null;
}

self.onmessage = ({ data }) => {
  if (data.interrupt) {
    interrupted = true;
    return;
  }
  if (!data.idle) interrupted = true;
  waiting.push(data);
  if (!running) serve();
};
