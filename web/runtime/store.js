/** Large files: fetched once, checked against a manifest, kept by digest where the browser lets us. */

import { fromPlanes, gunzip, isGzip, planesLength } from "./packing.js";

const CACHE = "hsc-models";

/**
 * What `hsc export` wrote, or the build of the page, which packs files and says of each how.
 * @typedef {object} Manifest
 * @property {Record<string, {bytes: number, sha256: string, packed?: {name: string, bytes: number, planes: boolean}}>} files
 */

/** Bytes that come over the network, of all files together. */
export class Progress {
  received = 0;
  expected = 0;

  /** @param {(received: number, expected: number) => void} [tell] */
  constructor(tell = () => {}) {
    this.tell = tell;
  }

  expect(bytes) {
    this.expected += bytes;
  }

  receive(bytes) {
    this.received += bytes;
    this.tell(this.received, this.expected);
  }
}

export class ModelStore {
  #early = new Map();

  /**
   * @param {string | URL} base folder with a `manifest.json`
   * @param {Progress} [progress]
   */
  constructor(base, progress = new Progress()) {
    this.base = new URL(base, globalThis.location?.href);
    this.progress = progress;
  }

  /** @returns {Promise<Manifest>} */
  async manifest() {
    this.loaded ??= this.#loadManifest();
    return this.loaded;
  }

  async #loadManifest() {
    const url = new URL("manifest.json", this.base);
    try {
      const response = await fetch(url, { cache: "no-cache" });
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
      const copy = response.clone();
      const manifest = await response.json();
      await this.#keep(url.href, copy);
      await this.#forgetOthers(manifest);
      return manifest;
    } catch (error) {
      const kept = await this.#kept(url.href); // offline
      if (kept) return kept.json();
      throw new Error(`The decoder's models cannot be loaded (${error.message}).`);
    }
  }

  /** Begin to load files that will be asked for once; whoever asks meets the errors. */
  prefetch(names) {
    for (const name of names) {
      const loading = this.#load(name);
      loading.catch(() => {});
      this.#early.set(name, loading);
    }
  }

  /**
   * The bytes of one file.
   * @param {string} name
   * @returns {Promise<ArrayBuffer>}
   */
  file(name) {
    const early = this.#early.get(name);
    this.#early.delete(name);
    return early ?? this.#load(name);
  }

  async #load(name) {
    const entry = (await this.manifest()).files[name];
    if (!entry) throw new Error(`The decoder's models have no ${name}.`);
    const key = this.#key(entry);
    const kept = await this.#kept(key);
    if (kept) return kept.arrayBuffer();
    const bytes = await this.#unpacked(await this.#download(name, entry), name, entry);
    if (globalThis.crypto?.subtle && hex(await crypto.subtle.digest("SHA-256", bytes)) !== entry.sha256) {
      throw new Error(`${name} is damaged: its digest differs from the manifest's.`);
    }
    await this.#keep(key, new Response(bytes));
    return bytes.buffer;
  }

  /** A text that was kept by `remember`. */
  async remembered(name) {
    return (await this.#kept(this.#note(name)))?.text();
  }

  async remember(name, text) {
    await this.#keep(this.#note(name), new Response(text));
  }

  #note(name) {
    return new URL(`remembered/${encodeURIComponent(name)}`, this.base).href;
  }

  #key({ sha256 }) {
    return new URL(`by-digest/${sha256}`, this.base).href;
  }

  /** @returns {Promise<Uint8Array[]>} what lies on the server, as it arrived: a Blob would be held for longer than it is used */
  async #download(name, { bytes, packed }) {
    const size = packed?.bytes ?? bytes;
    this.progress.expect(size);
    const url = new URL(packed?.name ?? name, this.base);
    let received = 0;
    try {
      const response = await fetch(url);
      if (!response.ok) throw new Error(`${url.pathname} cannot be loaded: ${response.status} ${response.statusText}.`);
      const parts = [];
      for (const reader = response.body.getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        parts.push(value);
        received += value.length;
        this.progress.receive(value.length);
      }
      return parts;
    } catch (error) {
      this.progress.receive(-received); // nothing of it is left
      this.progress.expect(-size);
      throw error;
    }
  }

  async #unpacked(parts, name, { bytes, packed }) {
    const length = packed?.planes ? planesLength(bytes) : bytes;
    try {
      // A server that says that this is compressed lets the browser open it.
      const found = packed && isGzip(joined(parts.slice(0, 2))) ? await gunzip(parts, length) : joined(parts);
      return packed?.planes ? fromPlanes(found, bytes) : found;
    } catch (error) {
      throw new Error(`${name} is damaged: it cannot be unpacked (${error.message}).`);
    }
  }

  // Cache storage is there in secure contexts alone, and may be full or forbidden: then files are fetched again.
  async #kept(key) {
    try {
      return await (await caches.open(CACHE)).match(key);
    } catch {
      return undefined;
    }
  }

  async #keep(key, response) {
    try {
      await (await caches.open(CACHE)).put(key, response);
    } catch {
      // see above
    }
  }

  /** Files of a release before this one only take space. */
  async #forgetOthers({ files }) {
    try {
      const cache = await caches.open(CACHE);
      const folder = new URL("by-digest/", this.base).href;
      const wanted = new Set(Object.values(files).map((entry) => this.#key(entry)));
      for (const { url } of await cache.keys()) if (url.startsWith(folder) && !wanted.has(url)) await cache.delete(url);
    } catch {
      // see above
    }
  }
}

const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function joined(parts) {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const part of parts) {
    bytes.set(part, end);
    end += part.length;
  }
  return bytes;
}
