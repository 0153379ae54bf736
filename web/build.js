/**
 * `npm run build -- FOLDER MODELS EXAMPLES`: lay out the page as static files.
 *
 * FOLDER is made anew; MODELS is a folder that `hsc export` wrote; EXAMPLES is one that
 * `app.web_examples` wrote.
 */

import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync, copyFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { constants, gzipSync } from "node:zlib";

import { toPlanes } from "./runtime/packing.js";

const [out, models, examples] = process.argv.slice(2);
if (!examples) {
  console.error("Usage: npm run build -- FOLDER MODELS EXAMPLES");
  process.exit(2);
}
const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const packageFolder = (name) => dirname(require.resolve(name));

rmSync(out, { recursive: true, force: true });
for (const folder of ["core", "runtime", "element"]) cpSync(join(here, folder), join(out, folder), { recursive: true });
cpSync(join(here, "page"), out, { recursive: true });

/** The least that gzip makes of bytes: which strategy is best depends on them. */
function gzip(bytes) {
  const strategies = [constants.Z_DEFAULT_STRATEGY, constants.Z_FILTERED, constants.Z_HUFFMAN_ONLY];
  const found = strategies.map((strategy) => gzipSync(bytes, { level: 9, memLevel: 9, strategy }));
  return found.reduce((best, each) => (each.length < best.length ? each : best));
}

/** Packs files into a folder, and writes its manifest: what one said before, and of each file how it was packed. */
function pack(folder, files, manifest, planes) {
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of files) {
    const packed = gzip(planes ? toPlanes(bytes) : bytes);
    writeFileSync(join(folder, `${name}.gz`), packed);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const told = { bytes: bytes.length, sha256, packed: { name: `${name}.gz`, bytes: packed.length, planes } };
    manifest.files[name] = { ...manifest.files[name], ...told };
  }
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
}

const exported = JSON.parse(readFileSync(join(models, "manifest.json"), "utf8"));
pack(join(out, "models"), Object.keys(exported.files).map((name) => [name, readFileSync(join(models, name))]), exported, true);

const ort = packageFolder("onnxruntime-web");
const wasm = ["", ".asyncify"].map((kind) => `ort-wasm-simd-threaded${kind}`); // the second knows WebGPU
pack(join(out, "ort"), wasm.map((name) => [`${name}.wasm`, readFileSync(join(ort, `${name}.wasm`))]), { files: {} }, false);
for (const file of ["ort.wasm.min.mjs", "ort.webgpu.min.mjs", ...wasm.map((name) => `${name}.mjs`)]) {
  copyFileSync(join(ort, file), join(out, "ort", file));
}

mkdirSync(join(out, "vendor"));
copyFileSync(join(packageFolder("lean-qr"), "index.mjs"), join(out, "vendor", "lean-qr.mjs"));

cpSync(examples, join(out, "examples"), { recursive: true });

// For the service worker, which keeps these.
const files = readdirSync(out, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(out, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
  .filter((file) => !/^models\/|webgpu|asyncify|\.gz$|^README.md$/.test(file));
writeFileSync(join(out, "files.json"), JSON.stringify(["./", "files.json", ...files.sort()]));
