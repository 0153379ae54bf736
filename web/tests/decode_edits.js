/**
 * `node decode_edits.js MODELS FILE < cases.json > pictures`: for each of a list of `{size, strengths}`, the picture of a
 * file as float32 numbers, one after the other. Python compares them with its own.
 */

import { readFileSync, writeSync } from "node:fs";

import { decoderOf } from "./files.js";

const [models, file] = process.argv.slice(2);
const decoder = await decoderOf(models);
const { features } = await decoder.decode(new Uint8Array(readFileSync(file)));
for (const { size, strengths } of JSON.parse(readFileSync(0, "utf8"))) {
  const edited = await decoder.edit(features, strengths);
  const picture = await (size === 256 ? decoder.preview(edited) : decoder.image(edited));
  const data = new Uint8Array(picture.buffer, picture.byteOffset, picture.byteLength);
  for (let at = 0; at < data.length; ) at += writeSync(1, data, at);
}
