/**
 * `<hsc-image src="me.hsc" smile="0.6" alt="...">`: shows a `.hsc` file, or as much of one as has arrived, edited.
 *
 * Attributes: `src`, the file; `alt`; names of directions, such as `smile` or `mouth-open`, with a strength each, over what
 * the file stores; `models`, the folder that `hsc export` wrote (default `models/`); `runtime`, the folder of ONNX Runtime
 * Web's files (default `ort/`); `provider`, `wasm` or `webgpu` instead of the faster one; `preview-only`, never the large
 * picture; `held`, the face without edits. Properties: `data`, the file's bytes, may be set instead of `src`; `strengths`,
 * instead of attributes; `info`, what is known of the file; `file`, it and its edits. Events: `load` when an exact picture is
 * shown (`detail.size` pixels a side), `slide` when a cross-faded one is, `error` (`detail.message`).
 */

import { appendEdits, stripEdits } from "../core/container.js";
import { Directions } from "../core/movement.js";
import { DecoderClient } from "../runtime/client.js";
import { Knots } from "./knots.js";
import { withNote } from "./png_note.js";

const PREVIEW = 256;
const FULL = 1024;
/** Milliseconds after which a slider is at rest, and after which a large picture is worth its time. */
const REST = 80;
const STILL = 400;
const FADE = 250;

/** One decoder serves all elements of a page that want the same. */
const clients = new Map();

const STYLE = `
  :host { display: inline-block; position: relative; inline-size: 256px; aspect-ratio: 1; overflow: hidden; }
  canvas { inline-size: 100%; block-size: 100%; display: block; opacity: 0; }
  canvas.shown { opacity: 1; }
  @media (prefers-reduced-motion: no-preference) { canvas { transition: opacity .25s; } }
  p { position: absolute; inset: 0; margin: 0; padding: 1em; display: grid; place-content: center; text-align: center;
      font: 14px/1.4 system-ui, sans-serif; color: #333; background: #f2f2f2; }
  p:empty { display: none; }
`;

export class HSCImage extends HTMLElement {
  static observedAttributes = ["src", "alt", "preview-only", "held"];

  /** What is known of the file: its layers, bytes, quality, edits, strengths; null before it is decoded. */
  info = null;
  #data = null;
  #decoded = null; // of `data`, what `info` is of
  #strengths = null;
  #facts = []; // of the directions
  #shown = { key: "", size: 0 };
  #picture = null; // exact, as it was shown last
  #plain = null; // the face without edits
  #knots = new Knots();
  #sliding = ""; // the direction that moved last
  #movedAt = -STILL;
  #timer;
  #working = false;
  #visible = false;
  #waiting = true; // for a first picture, or to be told that there is none
  #canvas;
  #message;
  #observers = [];
  #abort;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const style = document.createElement("style");
    style.textContent = STYLE;
    this.#canvas = document.createElement("canvas");
    this.#canvas.width = this.#canvas.height = PREVIEW;
    this.#canvas.setAttribute("role", "img");
    this.#message = document.createElement("p");
    this.#message.setAttribute("role", "status");
    root.append(style, this.#canvas, this.#message);
  }

  connectedCallback() {
    this.#describe();
    const sight = new IntersectionObserver(([entry]) => {
      this.#visible = entry.isIntersecting;
      this.#work();
    });
    sight.observe(this);
    const attributes = new MutationObserver((changes) => {
      const names = new Set(changes.map(({ attributeName }) => direction(attributeName)));
      const moved = this.#facts.filter(({ name }) => names.has(name));
      if (moved.length && this.#strengths === null) this.#move(moved.length === 1 ? moved[0].name : "");
    });
    attributes.observe(this, { attributes: true });
    this.#observers = [sight, attributes];
    if (!this.#data && this.hasAttribute("src")) this.#fetch();
    else this.#work();
  }

  disconnectedCallback() {
    for (const observer of this.#observers) observer.disconnect();
    this.#abort?.abort();
    clearTimeout(this.#timer);
    if (this.#data) this.client.removeEventListener("progress", this.#progress);
    this.#forget();
  }

  attributeChangedCallback(name) {
    if (name === "alt") this.#describe();
    else if (!this.isConnected) return;
    else if (name === "src") this.#fetch();
    else if (name === "held") this.#hold();
    else this.#work();
  }

  /** The bytes that are shown. Setting it shows others. */
  get data() {
    return this.#data;
  }

  set data(bytes) {
    this.#abort?.abort();
    this.#show(new Uint8Array(bytes));
  }

  /** Strengths of edits by name. Setting them counts instead of the file's own and of attributes; null lets those count. */
  get strengths() {
    if (this.#strengths) return { ...this.#strengths };
    const found = { ...this.info?.strengths };
    for (const { name } of this.#facts) {
      const told = this.getAttribute(name) ?? this.getAttribute(name.replaceAll("_", "-"));
      if (told !== null && Number.isFinite(Number(told))) found[name] = Number(told);
    }
    return found;
  }

  set strengths(strengths) {
    const before = this.strengths;
    this.#strengths = strengths && { ...strengths };
    const now = this.strengths;
    const moved = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
      (name) => (before[name] ?? 0) !== (now[name] ?? 0),
    );
    if (moved.length) this.#move(moved.length === 1 ? moved[0] : "");
  }

  /** The file with the edits that are shown, as bytes. Throws a `BitstreamError` where it is not whole. */
  get file() {
    return appendEdits(stripEdits(this.#data), Directions.edits(this.#facts, this.strengths));
  }

  get client() {
    const models = this.getAttribute("models") ?? "models/";
    const runtime = this.getAttribute("runtime") ?? "ort/";
    const provider = this.getAttribute("provider") ?? "auto";
    const key = `${models} ${runtime} ${provider}`;
    if (!clients.has(key)) clients.set(key, new DecoderClient({ models, runtime, provider }));
    return clients.get(key);
  }

  /** The directions: `{id, name, label, range}` of each. */
  directions() {
    return this.client.directions();
  }

  /** Render pictures of a slider that will move soon, as time permits. */
  prepare(name) {
    if (performance.now() - this.#movedAt < STILL || !this.#facts.some((each) => each.name === name)) return;
    this.#sliding = name;
    this.#work();
  }

  /** A slider was let go: its exact picture need not wait until it has rested for a while. */
  settle() {
    if (!this.info || this.#shown.key === keyOf(this.info.face, this.strengths)) return;
    this.#movedAt = Math.min(this.#movedAt, performance.now() - REST);
    this.#wake(0, true);
  }

  /**
   * The large picture as a PNG that says what it is.
   * @returns {Promise<Blob>}
   */
  async toBlob() {
    if (!this.info) throw new Error("There is no picture yet.");
    const strengths = this.strengths;
    const picture = await this.client.render(this.info.face, FULL, strengths);
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = FULL;
    canvas.getContext("2d").putImageData(picture, 0, 0);
    const png = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    const note = noteOf(this.info.bytes, strengths);
    return new Blob([withNote(new Uint8Array(await png.arrayBuffer()), note)], { type: "image/png" });
  }

  /** A streaming fetch: what has arrived is shown, and sharpens before one's eyes. */
  async #fetch() {
    this.#abort?.abort();
    const { signal } = (this.#abort = new AbortController());
    try {
      const response = await fetch(this.getAttribute("src"), { signal });
      if (!response.ok) throw new Error(`The file cannot be loaded: ${response.status} ${response.statusText}.`);
      let received = new Uint8Array();
      for (const reader = response.body.getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        const more = new Uint8Array(received.length + value.length);
        more.set(received);
        more.set(value, received.length);
        received = more;
        this.#show(received);
      }
    } catch (error) {
      if (error.name !== "AbortError") this.#fail(error);
    }
  }

  #show(data) {
    this.#data = data;
    this.client.interrupt();
    this.#work();
  }

  /** Strengths changed, by one slider or by more: cross-fade what is there, and be exact when they rest. */
  #move(name) {
    this.#movedAt = performance.now();
    this.#sliding = name;
    this.#wake(REST, true);
    if (!this.info || this.#decoded !== this.#data || this.hasAttribute("held")) return;
    this.#begin(name);
    const between = name && this.#knots.around(this.strengths[name] ?? 0);
    if (between) this.#fade(between);
    this.#work();
  }

  /** Takes up a slider's knots, with the exact picture of where it stood. */
  #begin(name) {
    if (!name) return;
    const { range } = this.#facts.find((each) => each.name === name);
    this.#knots.begin(this.#knotsOf(name), range);
  }

  #knotsOf(name) {
    const others = Object.entries(this.strengths).filter(([other, value]) => other !== name && value);
    return JSON.stringify([this.info.face, name, others.sort()]);
  }

  #wake(delay, interrupt = false) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (interrupt) this.client.interrupt();
      this.#work();
      if (interrupt) this.#wake(STILL - REST);
    }, delay);
  }

  /** Does what is most urgent, one thing after the other, until nothing is left. */
  async #work() {
    if (this.#working) return;
    this.#working = true;
    try {
      while (this.isConnected && (await this.#step()));
    } finally {
      this.#working = false;
    }
  }

  async #step() {
    const face = this.info?.face;
    try {
      if (this.#data && this.#decoded !== this.#data) return await this.#decode();
      if (!this.info) return false;
      const rested = performance.now() - this.#movedAt;
      const strengths = this.strengths;
      const key = keyOf(face, strengths);
      if (this.#shown.key !== key && (rested >= REST || !this.#shown.key.startsWith(`[${face},`))) {
        await this.#render(face, PREVIEW, strengths, false);
        return true;
      }
      const large = this.#visible && !this.hasAttribute("preview-only") && this.#shown.size < FULL;
      if (large && this.#shown.key === key && rested >= STILL) {
        await this.#render(face, FULL, strengths, true);
        return true;
      }
      return (rested < REST || rested >= STILL) && (await this.#knot(face, strengths));
    } catch (error) {
      if (error.name === "InterruptedError") return true;
      this.#shown = { key: keyOf(face, this.strengths), size: FULL }; // nothing more comes of these
      this.#fail(error);
      return true;
    }
  }

  #progress = ({ detail: { received, expected } }) => {
    if (!this.#waiting) return;
    const text = `Loading the decoder, once: ${Math.floor(received / 1e6)} of ${Math.ceil(expected / 1e6)} MB`;
    if (this.#message.textContent !== text) this.#message.textContent = text;
  };

  async #decode() {
    const data = this.#data;
    this.#waiting = !this.#canvas.classList.contains("shown");
    this.client.addEventListener("progress", this.#progress);
    try {
      this.#facts = await this.client.directions();
      const info = await this.client.decode(data);
      this.#forget();
      this.info = info;
    } catch (error) {
      this.#forget();
      if (data === this.#data) this.#fail(error);
    }
    this.#decoded = data;
    return true;
  }

  async #render(face, size, strengths, idle) {
    const picture = await this.client.render(face, size, strengths, { idle });
    if (face !== this.info?.face) return;
    if (!Object.values(strengths).some(Boolean)) this.#plain = picture;
    const key = keyOf(face, strengths);
    if (this.#sliding && size === PREVIEW) await this.#keep(strengths, picture);
    if (keyOf(face, this.strengths) !== key && this.#shown.key.startsWith(`[${face},`)) return; // it moved on
    const animate = this.#shown.key.startsWith(`[${face},`) && this.#shown.key !== key;
    this.#picture = picture;
    this.#shown = { key, size };
    if (!this.hasAttribute("held")) this.#paint(picture, animate);
    this.dispatchEvent(new CustomEvent("load", { detail: { size, info: this.info, strengths, data: this.#decoded } }));
  }

  async #keep(strengths, picture) {
    const name = this.#sliding;
    this.#begin(name);
    const others = Object.entries(strengths).filter(([other, value]) => other !== name && value);
    const of = JSON.stringify([this.info.face, name, others.sort()]);
    this.#knots.add(of, strengths[name] ?? 0, await createImageBitmap(picture));
  }

  /** One more picture of the slider that moves, or may move next; false where none is missing. */
  async #knot(face, strengths) {
    const name = this.#sliding;
    if (!name) return false;
    this.#begin(name);
    const of = this.#knotsOf(name);
    const strength = this.#knots.missing(strengths[name] ?? 0);
    if (strength === null) return false;
    const picture = await this.client.render(face, PREVIEW, { ...strengths, [name]: strength }, { idle: true });
    this.#knots.add(of, strength, await createImageBitmap(picture));
    const moving = this.#shown.key !== keyOf(face, this.strengths) && this.#sliding === name;
    if (moving && face === this.info?.face && of === this.#knotsOf(name) && !this.hasAttribute("held")) {
      this.#fade(this.#knots.around(this.strengths[name] ?? 0));
    }
    return true;
  }

  /** Shows a mixture of two pictures. */
  #fade({ first, second, share }) {
    const context = this.#resize(PREVIEW);
    context.globalAlpha = 1;
    context.drawImage(first, 0, 0);
    context.globalAlpha = share;
    if (share) context.drawImage(second, 0, 0);
    context.globalAlpha = 1;
    this.dispatchEvent(new CustomEvent("slide"));
  }

  #resize(side) {
    if (this.#canvas.width !== side) this.#canvas.width = this.#canvas.height = side;
    return this.#canvas.getContext("2d");
  }

  /** Shows a picture, over what was there within a quarter of a second where that is asked for. */
  async #paint(picture, animate = false) {
    this.#waiting = false;
    this.#message.textContent = "";
    this.#canvas.classList.add("shown");
    if (!animate || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.#resize(picture.width).putImageData(picture, 0, 0);
      return;
    }
    const started = performance.now();
    const next = await createImageBitmap(picture);
    const before = await createImageBitmap(this.#canvas, { resizeWidth: picture.width, resizeHeight: picture.height });
    const done = () => [next, before].forEach((bitmap) => bitmap.close());
    const step = (now) => {
      if (this.#picture !== picture || this.#movedAt > started || this.hasAttribute("held")) return done(); // something newer
      const share = Math.min(Math.max((now - started) / FADE, 0), 1);
      const context = this.#resize(picture.width);
      context.drawImage(before, 0, 0);
      context.globalAlpha = share;
      context.drawImage(next, 0, 0);
      context.globalAlpha = 1;
      if (share < 1) requestAnimationFrame(step);
      else done();
    };
    requestAnimationFrame(step);
  }

  /** While `held` is set, the face without edits is shown. */
  async #hold() {
    if (!this.info) return;
    if (!this.hasAttribute("held")) {
      if (this.#picture) this.#paint(this.#picture);
      return;
    }
    const { face } = this.info;
    this.#plain ??= await this.client.render(face, PREVIEW, {});
    if (this.hasAttribute("held") && this.info?.face === face) this.#paint(this.#plain);
  }

  #fail(error) {
    this.#waiting = false;
    this.#canvas.classList.remove("shown");
    this.#message.textContent = error.message;
    this.dispatchEvent(new CustomEvent("error", { detail: { message: error.message } }));
  }

  #forget() {
    if (this.info) this.client.release(this.info.face);
    this.info = this.#decoded = this.#picture = this.#plain = null;
    this.#shown = { key: "", size: 0 };
    this.#knots.clear();
  }

  #describe() {
    this.#canvas.setAttribute("aria-label", this.getAttribute("alt") ?? "A face, restored from a compressed file");
  }
}

/** The direction that an attribute is of: `mouth-open` is as good as `mouth_open`. */
const direction = (attribute) => attribute.replaceAll("-", "_");

const keyOf = (face, strengths) => JSON.stringify([face, Object.entries(strengths).filter(([, value]) => value).sort()]);

function noteOf(bytes, strengths) {
  const told = Object.entries(strengths).filter(([, value]) => value);
  if (!told.length) return "Restored by HSC from a compressed file.";
  const edits = told.map(([name, value]) => `${name.replaceAll("_", " ")} ${value > 0 ? "+" : ""}${value.toFixed(2)}`);
  return `Face restored from ${bytes} bytes and edited by HSC (${edits.join(", ")}): synthetic.`;
}
