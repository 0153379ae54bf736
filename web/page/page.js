/** The page: opens a file from disk, from a link or from the examples, shows any number of its bytes, and edits it. */

import "./element/index.js";
import { appendEdits, Directions, fromLink, toLink } from "./core/index.js";
import { drawCode, MOST_BYTES } from "./qr.js";
import { sliders } from "./sliders.js";

const $ = (id) => document.getElementById(id);
const [face, status, received, count] = ["face", "status", "received", "count"].map($);
const buttons = ["png", "hsc", "link", "qr"].map($);

const LARGEST = 1 << 17; // bytes; no file with its edits has half as many

let file = null; // the whole file that is open, as it came
let name = "face";
let edits = null; // sliders, once the directions are known
let edited = false; // by a slider, since the file was opened

function say(text) {
  status.textContent = text;
}

function open(bytes, called) {
  file = bytes;
  edited = false;
  name = called.replace(/\.hsc$/i, "") || "face";
  face.strengths = null; // those of the file
  received.max = bytes.length;
  received.value = bytes.length;
  received.disabled = false;
  for (const button of buttons) button.disabled = false;
  keep();
  show();
}

/** A file of this computer. What is none of ours is not read, nor put into the address. */
async function openLocal(chosen) {
  if (/^image\/(?!x-hsc)/.test(chosen.type)) say("This is a photo. Photos are encoded by the program, as it says on this page.");
  else if (chosen.size > LARGEST) say("This is not an HSC file: it is too large for one.");
  else open(new Uint8Array(await chosen.arrayBuffer()), chosen.name);
}

/** The file as it would be saved: with the edits of the sliders. */
function current() {
  return edited ? appendEdits(file, Directions.edits(edits.facts, edits.strengths())) : file;
}

/** The address holds the face, so that it outlives a reload. */
function keep() {
  const bytes = current();
  $("qr").disabled = bytes.length > MOST_BYTES;
  history.replaceState(null, "", toLink(location.href, bytes));
}

function show() {
  const size = Number(received.value);
  count.textContent = `${size.toLocaleString("en")} of ${file.length.toLocaleString("en")}`;
  face.data = file.subarray(0, size);
}

/** What the sliders say, from the first that moves on. */
function edit(strengths) {
  edited = true;
  face.strengths = strengths;
  $("reset").disabled = $("hold").disabled = !Object.keys(strengths).length;
}

async function makeSliders() {
  const facts = await face.directions();
  const prepare = (direction) => face.prepare(direction);
  edits = sliders($("sliders"), facts, { prepare, moved: edit, released: () => face.settle() });
  edits.facts = facts;
  $("edits").hidden = false;
}

async function save(blob, suffix) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name + suffix;
  link.click();
  URL.revokeObjectURL(link.href);
}

async function openExample(entry, button) {
  for (const other of $("examples").querySelectorAll("button")) other.setAttribute("aria-pressed", other === button);
  const response = await fetch(`examples/${entry.file}`);
  open(new Uint8Array(await response.arrayBuffer()), entry.name);
}

async function examples() {
  const list = await (await fetch("examples/examples.json")).json();
  for (const entry of list) {
    const button = document.createElement("button");
    button.setAttribute("aria-label", `Example: ${entry.title}`);
    button.setAttribute("aria-pressed", "false");
    const picture = document.createElement("img");
    Object.assign(picture, { src: `examples/${entry.thumbnail}`, alt: "", loading: "lazy" });
    button.append(picture);
    button.onclick = () => openExample(entry, button);
    const item = document.createElement("li");
    item.append(button);
    $("examples").append(item);
  }
}

function openLink() {
  try {
    const bytes = fromLink(location.href);
    if (bytes) open(bytes, "face");
    return bytes !== null;
  } catch (error) {
    say(error.message);
    return true;
  }
}

face.addEventListener("load", ({ detail: { size, info, strengths } }) => {
  if (!edited && info.complete) {
    edits?.set(strengths);
    $("reset").disabled = $("hold").disabled = !Object.values(strengths).some(Boolean);
  } else if (edited) keep();
  const layers = `${info.layers.length} of ${info.totalLayers} layers`;
  say(`${info.bytes.toLocaleString("en")} bytes, ${layers}, ${size} px`);
});
face.addEventListener("error", ({ detail }) => say(detail.message));

received.addEventListener("input", show);
$("file").addEventListener("change", async ({ target }) => {
  const [chosen] = target.files;
  if (chosen) await openLocal(chosen);
  target.value = "";
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", () => document.body.classList.remove("dropping"));
addEventListener("drop", async (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  const [dropped] = event.dataTransfer.files;
  if (dropped) await openLocal(dropped);
});
addEventListener("hashchange", openLink);

$("png").onclick = async () => {
  say("Rendering the picture …");
  await save(await face.toBlob(), ".png");
  say("Saved.");
};
$("hsc").onclick = () => save(new Blob([current()], { type: "image/x-hsc" }), ".hsc");
$("link").onclick = async () => {
  try {
    await navigator.clipboard.writeText(toLink(location.href, current()));
    say("Link copied. It holds the face itself.");
  } catch {
    keep(); // without https, or where it is forbidden
    say("This browser does not let the page copy. The link is the address of this page; it holds the face itself.");
  }
};
$("qr").onclick = async () => {
  await drawCode($("code").querySelector("canvas"), toLink(location.href, current()));
  $("code").showModal();
};

$("reset").onclick = () => {
  edits.set({});
  edit({});
};
for (const event of ["pointerdown", "keydown"]) {
  $("hold").addEventListener(event, ({ key }) => {
    if (key === undefined || key === " " || key === "Enter") face.setAttribute("held", "");
  });
}
for (const event of ["pointerup", "pointercancel", "keyup", "blur"]) {
  addEventListener(event, () => face.removeAttribute("held"));
}

// What it keeps does not compete with what the first picture needs.
function keepForOffline() {
  if ("serviceWorker" in navigator) navigator.serviceWorker.register("offline.js");
}
for (const event of ["load", "error"]) face.addEventListener(event, keepForOffline, { once: true });

const linked = openLink();
makeSliders().catch((error) => say(error.message));
await examples();
if (!linked) $("examples").querySelector("button")?.click();
