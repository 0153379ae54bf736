// Sliders that this browser draws, with the decoder beside the page; see app/browser_decoder.py. What is shown when a
// slider rests is the server's: it keeps the file and its pictures. A module, so that what is new to a browser is loaded
// only by those that know it.
const ROOT = new URL("browser/", document.baseURI);
const KEY = "hsc-in-browser";
const MUCH = 5e6; // bytes that are worth a question where they cost something
const REST = 10_000; // milliseconds after which the server has had its say

const can = typeof WebAssembly === "object" && typeof Worker === "function" && "OffscreenCanvas" in window;
const metered = () => {
  const { saveData, type } = navigator.connection ?? {};
  return Boolean(saveData) || type === "cellular";
};
const stored = (value) => {
  try {
    if (value === undefined) return localStorage.getItem(KEY);
    localStorage.setItem(KEY, value);
  } catch { /* storage may be forbidden */ }
  return null;
};

let on = can && stored() !== "0" && (!metered() || stored() === "1");
let library = null;
let ready = false;
const stages = new Map();

const box = () => document.getElementById("in-browser");
const say = (text) => { const place = box()?.parentElement.querySelector("span"); if (place) place.textContent = text; };
const DIRECTION = "[id^=direction-]";
const nameOf = (slider) => slider.closest(DIRECTION)?.id.replace("direction-", "");
const values = () => {
  const found = {};
  for (const each of document.querySelectorAll(`${DIRECTION} .range`)) {
    const value = Number(each.dataset.now);
    if (value) found[nameOf(each)] = value;
  }
  return found;
};

const isPrefix = (part, whole) => part.length <= whole.length && part.every((byte, at) => byte === whole[at]);

/** The picture of this browser, over the right one of a stage. */
class Stage {
  constructor(id) {
    this.stage = document.getElementById(id);
    this.face = document.createElement("hsc-image");
    for (const [name, value] of [["models", new URL("models/", ROOT)], ["runtime", new URL("ort/", ROOT)]]) {
      this.face.setAttribute(name, value);
    }
    this.face.setAttribute("preview-only", "");
    this.face.setAttribute("alt", "");
    this.face.className = "drawn-here";
    this.face.hidden = true;
    this.face.addEventListener("slide", () => this.show());
    this.face.addEventListener("load", ({ detail }) => this.show(detail.data));
    this.face.addEventListener("error", ({ detail }) => { this.hide(); turn(false); say(detail.message); });
    new MutationObserver(() => this.fit()).observe(this.stage, {
      subtree: true, childList: true, attributes: true, attributeFilter: ["style", "src", "class"],
    });
  }

  /** Begins to load what it draws with; `ready` when the first picture is there. */
  open(bytes) {
    if (this.bytes && bytes.length === this.bytes.length && bytes.every((byte, at) => byte === this.bytes[at])) return;
    this.bytes = bytes;
    this.face.strengths = {};
    this.fit();
    this.face.data = bytes;
  }

  fit() {
    const right = this.stage.querySelector("img.fixed");
    if (!right) return;
    if (this.face.parentElement !== right.parentElement || right.nextElementSibling !== this.face) right.after(this.face);
    if (this.right !== right) {
      this.right = right;
      right.addEventListener("load", () => { if (performance.now() - this.movedAt > 100) this.hide(); });
    }
    const { clipPath, transform } = right.style;
    if (this.face.style.clipPath !== clipPath) this.face.style.clipPath = clipPath;
    if (this.face.style.transform !== transform) this.face.style.transform = transform;
  }

  /** A slider of this file moves. */
  moved(file) {
    if (!isPrefix(this.file ?? [], file)) this.hide(); // another face
    this.file = file;
    this.movedAt = performance.now();
    this.wanted = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.hide(), REST);
  }

  /** Something was drawn, of these bytes; the last face's picture may come after this one's file. */
  show(bytes = this.bytes) {
    if (!ready) say("");
    ready = true;
    if (this.wanted && isPrefix(bytes, this.file)) this.face.hidden = false;
  }

  hide() {
    this.wanted = false;
    this.face.hidden = true;
  }
}

/** The file that the page's address holds, without its edits; null while another is on its way. */
function file() {
  if (!library || document.getElementById("copy-link")?.disabled) return null;
  try {
    const bytes = library.fromLink(location.href);
    return bytes && library.stripEdits(bytes);
  } catch {
    return null;
  }
}

const stage = (id) => {
  if (!stages.has(id)) stages.set(id, new Stage(id));
  return stages.get(id);
};

async function load() {
  if (library) return;
  const [element, core] = await Promise.all(["element/index.js", "core/index.js"].map((path) => import(new URL(path, ROOT))));
  library = core;
  const { client } = stage("edit-stage").face;
  const size = Number(box()?.parentElement.dataset.bytes);
  client.addEventListener("progress", ({ detail: { received } }) => {
    if (!ready) say(window.hscSay("{n} of {m} MB", { n: (received / 1e6).toFixed(0), m: (size / 1e6).toFixed(0) }));
  });
  return element;
}

/** Gets ready, so that the next slider that moves is drawn here. */
async function begin() {
  if (!on) return;
  try {
    await load();
    const bytes = file();
    if (bytes) stage("edit-stage").open(bytes);
  } catch (error) {
    turn(false);
    say(window.hscSay("Not here: {reason}", { reason: error.message }));
  }
}

function turn(whether) {
  on = whether;
  if (box()) box().checked = whether;
  if (!whether) for (const each of stages.values()) each.hide();
}

// The page's sliders ask first whether this browser draws what they say; the server is asked where it does not.
window.hscDrawn = (slider, value, playing) => {
  if (!on || !ready || playing) return false;
  const bytes = file();
  if (!bytes) return false;
  const name = nameOf(slider);
  if (name) {
    const strengths = values();
    if (strengths.own || name === "own") return false;
    const { face } = stage("edit-stage");
    stage("edit-stage").open(bytes);
    stage("edit-stage").moved(bytes);
    face.strengths = strengths;
    return true;
  }
  if (!slider.closest("#received") || value >= bytes.length) return false;
  stage("stage").open(bytes.subarray(0, value));
  stage("stage").moved(bytes);
  return true;
};

document.addEventListener("change", ({ target }) => {
  if (target.id !== "in-browser") return;
  const size = Number(target.parentElement.dataset.bytes);
  const asked = !target.checked || !metered() || size <= MUCH || stored() === "1";
  const whether = target.checked && (asked || confirm(window.hscSay("This loads {n} MB, once. Load them over this connection?", { n: size / 1e6 })));
  stored(whether ? "1" : "0");
  turn(whether);
  begin();
});
for (const event of ["pointerover", "focusin"]) {
  document.addEventListener(event, ({ target }) => {
    const name = on && target.closest && nameOf(target);
    if (name) begin().then(() => { if (ready) stage("edit-stage").face.prepare(name); });
  });
}
// The switch is there once its step is opened, and may be made anew.
let dressed = null;
const dress = () => {
  const now = box();
  if (!now || now === dressed) return;
  dressed = now;
  now.parentElement.hidden = !can;
  now.checked = on;
  if (ready) say("");
  new IntersectionObserver(([entry]) => { if (entry.isIntersecting) begin(); }).observe(now);
};
new MutationObserver(dress).observe(document.documentElement, { childList: true, subtree: true });
dress();

window.hscShowCode = async () => {
  const { drawCode, MOST_BYTES } = await import(new URL("qr.js", ROOT));
  const { fromLink } = await import(new URL("core/index.js", ROOT));
  let bytes = null;
  try { bytes = fromLink(location.href); } catch { /* said below */ }
  const dialog = document.createElement("dialog");
  dialog.className = "code";
  const canvas = document.createElement("canvas"), text = document.createElement("p"), form = document.createElement("form");
  form.method = "dialog";
  form.innerHTML = `<button autofocus>${window.hscSay("Close")}</button>`;
  dialog.append(canvas, text, form);
  if (bytes && bytes.length <= MOST_BYTES) {
    await drawCode(canvas, location.href);
    text.textContent = window.hscSay("This code holds the face itself: whoever has it has the face.");
  } else {
    canvas.remove();
    text.textContent = bytes
      ? window.hscSay("This file has {n} bytes; codes that phones read hold {m}.", { n: bytes.length, m: MOST_BYTES })
      : window.hscSay("There is no face in this page's address yet.");
  }
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
};
