/** The page's side of the decoder in its worker. */

import { BitstreamError } from "../core/errors.js";

/** An idle request was given up for more urgent work; it may be asked for again. */
export class InterruptedError extends Error {
  name = "InterruptedError";
}

const ERRORS = { BitstreamError, Interrupted: InterruptedError, RangeError };

export class DecoderClient extends EventTarget {
  #worker;
  #waiting = new Map();
  #next = 1;
  #ready;
  #directions = null;

  /**
   * @param {object} where
   * @param {string | URL} where.models folder that `hsc export` wrote
   * @param {string | URL} where.runtime folder of ONNX Runtime Web's files
   * @param {"auto" | "wasm" | "webgpu"} [where.provider] what runs the graphs; by itself the faster one
   */
  constructor({ models, runtime, provider = "auto" }) {
    super();
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#answer(data);
    this.#worker.onerror = (event) => this.#fail(new Error(`The decoder stopped: ${event.message ?? "unknown error"}.`));
    const threads = Math.min(4, navigator.hardwareConcurrency || 1);
    const absolute = (path) => new URL(path, document.baseURI).href;
    this.#ready = this.#call("start", { models: absolute(models), runtime: absolute(runtime), threads, provider });
    this.#ready.catch(() => {}); // said by the first request
  }

  /**
   * @param {Uint8Array} data a file, or any prefix of one
   * @returns {Promise<object>} what `parse` tells, and `face`, which `render` takes
   */
  async decode(data) {
    await this.#ready;
    return this.#call("decode", data);
  }

  /** Resolves, when the decoder is set up, to what runs the graphs: `{provider}`. */
  get ready() {
    return this.#ready;
  }

  /** The directions: `{id, name, label, range}` of each. */
  async directions() {
    await this.#ready;
    this.#directions ??= this.#call("directions");
    this.#directions.catch(() => (this.#directions = null)); // the next call tries again
    return this.#directions;
  }

  /**
   * @param {number} face
   * @param {256 | 1024} size
   * @param {Record<string, number>} [strengths] of edits, by name of the direction
   * @param {{idle?: boolean}} [how] idle work waits for all other, and gives way to it with an `InterruptedError`
   * @returns {Promise<ImageData>}
   */
  async render(face, size, strengths = {}, { idle = false } = {}) {
    return new ImageData(await this.#send({ method: "render", args: [face, size, strengths], idle }), size, size);
  }

  /** Give up idle work that runs. */
  interrupt() {
    this.#worker.postMessage({ interrupt: true });
  }

  release(face) {
    return this.#call("release", face);
  }

  close() {
    this.#worker.terminate();
    this.#fail(new Error("The decoder was closed."));
  }

  #call(method, ...args) {
    return this.#send({ method, args, idle: false });
  }

  #send(request) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...request });
    });
  }

  #answer({ id, result, error, progress }) {
    if (progress) {
      this.dispatchEvent(new CustomEvent("progress", { detail: { received: progress[0], expected: progress[1] } }));
      return;
    }
    const { resolve, reject } = this.#waiting.get(id) ?? {};
    this.#waiting.delete(id);
    if (error) reject?.(new (ERRORS[error.name] ?? Error)(error.message));
    else resolve?.(result);
  }

  #fail(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
