/** What the tests read of the repository: weights, golden files, and the arrays beside them. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";

import { Model, readSafetensors } from "../core/index.js";
import { Decoder } from "../runtime/index.js";

const ROOT = new URL("../../", import.meta.url);

export const read = (path) => new Uint8Array(readFileSync(new URL(path, ROOT)));

export function model() {
  const weights = new Map();
  for (const name of ["decoder-9", "decoder-10"]) {
    const bytes = read(`assets/weights/${name}.safetensors`);
    for (const [key, value] of readSafetensors(bytes.buffer)) weights.set(key, value);
  }
  return new Model(weights);
}

/** The whole decoder, by one thread of ONNX Runtime Web, with the models of a folder. */
export async function decoderOf(models) {
  const ort = await import("onnxruntime-web/wasm");
  ort.env.wasm.numThreads = 1;
  const bytes = (name) => readFileSync(join(models, name));
  return new Decoder(
    {
      manifest: async () => JSON.parse(bytes("manifest.json")),
      file: async (name) => Uint8Array.from(bytes(name)).buffer,
    },
    ort,
  );
}

/** Arrays of int16 by name out of a compressed `.npz` file. */
export function arrays(path) {
  const bytes = read(path);
  const view = new DataView(bytes.buffer);
  const found = new Map();
  let end = bytes.length - 22;
  while (view.getUint32(end, true) !== 0x06054b50) end--;
  let at = view.getUint32(end + 16, true);
  for (let entry = 0; entry < view.getUint16(end + 10, true); entry++) {
    const [size, nameSize] = [view.getUint32(at + 20, true), view.getUint16(at + 28, true)];
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameSize)).replace(".npy", "");
    const local = view.getUint32(at + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const data = inflateRawSync(bytes.subarray(start, start + size));
    const header = 10 + data.readUInt16LE(8);
    if (!data.subarray(0, header).toString("latin1").includes("'<i2'")) throw new TypeError(`${name} is not int16`);
    found.set(name, new Int16Array(data.buffer.slice(data.byteOffset + header, data.byteOffset + data.length)));
    at += 46 + nameSize + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return found;
}
