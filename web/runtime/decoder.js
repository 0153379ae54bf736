/** A decoder: models, an inference runtime, and what was decoded last. Runs in a worker, or in node. */

import { Model, parse, readSafetensors } from "../core/index.js";
import { Editor } from "./editor.js";
import { createSession } from "./graph.js";
import { GRAPHS, Pipeline } from "./pipeline.js";

const EXACT = "exact.safetensors";

/** Files that a first picture needs. */
export const FIRST = [
  EXACT,
  ...[GRAPHS.semantics, GRAPHS.to16, ...GRAPHS.changes.slice(0, 2), GRAPHS.to32, GRAPHS.to64, GRAPHS.preview],
];

/** Work that was given up for more urgent work. */
export class Interrupted extends Error {}

/** Lets what waits outside come in: messages to a worker are read only between tasks. */
const breathe = () => new Promise((resolve) => setTimeout(resolve));

export class Decoder {
  #store;
  #ort;
  #options;
  #sessions = new Map();
  #model;
  #pipeline;
  #editor;
  #running = Promise.resolve();
  #interrupted;

  /**
   * @param {{file: (name: string) => Promise<ArrayBuffer>}} store see `ModelStore`
   * @param {object} ort ONNX Runtime Web
   * @param {object} [options] of its sessions
   * @param {() => boolean} [interrupted] whether to give up, with an `Interrupted`, what runs now
   */
  constructor(store, ort, options = { executionProviders: ["wasm"] }, interrupted = () => false) {
    this.#interrupted = interrupted;
    this.#store = store;
    this.#ort = ort;
    this.#options = options;
  }

  /**
   * @param {Uint8Array} data a file, or any prefix of one
   * @returns {Promise<{coefficients: import("../core/parse.js").Coefficients, features: import("./pipeline.js").Features}>}
   * @throws {BitstreamError}
   */
  async decode(data) {
    const model = await this.#exact();
    const coefficients = parse(data, model);
    return { coefficients, features: await this.#pipeline.features(coefficients) };
  }

  /**
   * A face after edits.
   * @param {import("./pipeline.js").Features} features as they were decoded
   * @param {Record<string, number>} strengths by name of the direction
   * @throws {RangeError} a direction is unknown, or a strength is out of range
   */
  async edit(features, strengths) {
    if (!Object.values(strengths).some(Boolean)) return features;
    this.#editor ??= this.#makeEditor();
    this.#editor.catch(() => (this.#editor = undefined)); // the next call tries again
    return (await this.#editor).apply(features, strengths);
  }

  /** Names, labels, ranges and ids of the directions. */
  async directions() {
    const { directions } = await this.#store.manifest();
    return directions.map(({ id, name, label, range }) => ({ id, name, label, range }));
  }

  async #makeEditor() {
    await this.#exact();
    const [arrays, tensors] = await Promise.all(
      ["directions.safetensors", "edits.safetensors"].map(async (name) => readSafetensors(await this.#store.file(name))),
    );
    return new Editor(this.#pipeline, await this.#store.manifest(), arrays, tensors);
  }

  /** `(3, 256, 256)` in about [-1, 1]. */
  preview(features) {
    return this.#pipeline.preview(features);
  }

  /** `(3, 1024, 1024)` in about [-1, 1]. */
  image(features) {
    return this.#pipeline.image(features);
  }

  /** RGBA bytes of a picture of 256 or 1024 pixels a side. */
  rgba(features, size) {
    return this.#pipeline.rgba(features, size);
  }

  async #exact() {
    this.#model ??= (async () => {
      const weights = readSafetensors(await this.#store.file(EXACT));
      const mean = weights.get("scn.mean").data;
      const codes = new Float32Array(16 * mean.length);
      for (let layer = 0; layer < 16; layer++) codes.set(mean, layer * mean.length);
      const strips = "rows" in ((await this.#store.manifest()).files[GRAPHS.image]?.inputs ?? {});
      this.#pipeline = new Pipeline((graph, inputs) => this.#run(graph, inputs), codes, strips);
      return new Model(weights);
    })();
    return this.#model;
  }

  #session(graph) {
    if (!this.#sessions.has(graph)) {
      const loading = this.#store.file(graph).then((file) => createSession(this.#ort, file, this.#options));
      loading.catch(() => this.#sessions.delete(graph)); // the next call tries again
      this.#sessions.set(graph, loading);
    }
    return this.#sessions.get(graph);
  }

  /** Runs one after the other: two at once would share the same cores and need twice the memory. */
  #run(graph, inputs) {
    const result = this.#running.then(async () => {
      const session = await this.#session(graph);
      await breathe();
      if (this.#interrupted()) throw new Interrupted("Given up for more urgent work.");
      const feeds = {};
      for (const [name, { data, dims }] of Object.entries(inputs)) {
        feeds[name] = new this.#ort.Tensor("float32", data, dims);
      }
      const outputs = await session.run(feeds);
      return outputs[session.outputNames[0]].getData(); // no view of the runtime's own memory
    });
    this.#running = result.catch(() => {});
    return result;
  }
}
