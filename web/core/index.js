/** The exact half of a `.hsc` decoder: plain ES modules that run in browsers and in node alike. */

export { appendEdits, BitstreamReader, stripEdits } from "./container.js";
export { BitstreamError } from "./errors.js";
export { fromBase64Url, fromLink, toBase64Url, toLink } from "./link.js";
export { DETAILED_MODEL_ID, Model, MODEL_ID } from "./model.js";
export { curveAt, Directions, Masks } from "./movement.js";
export { parse } from "./parse.js";
export { readSafetensors } from "./safetensors.js";
