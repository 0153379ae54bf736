import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import test, { after, before } from "node:test";
import { gzipSync } from "node:zlib";

import { toPlanes } from "../runtime/packing.js";
import { ModelStore, Progress } from "../runtime/store.js";

const BYTES = Uint8Array.from({ length: 50_001 }, (_, at) => Math.round(100 * Math.sin(at * at)));
const sha256 = createHash("sha256").update(BYTES).digest("hex");
const packed = gzipSync(toPlanes(BYTES));
const told = { bytes: BYTES.length, sha256 };
const planes = { ...told, packed: { name: "a.gz", bytes: packed.length, planes: true } };
const manifest = { files: { plain: told, "a.onnx": planes, "cut.onnx": { ...planes, packed: { ...planes.packed, name: "cut.gz" } } } };
manifest.files["other.onnx"] = { ...planes, sha256: "0".repeat(64) };
const SERVED = {
  "/plain/manifest.json": [Buffer.from(JSON.stringify(manifest))],
  "/plain/plain": [Buffer.from(BYTES)],
  "/plain/a.gz": [packed],
  "/plain/cut.gz": [packed.subarray(0, 2000)],
  "/encoded/manifest.json": [Buffer.from(JSON.stringify(manifest))],
  "/encoded/a.gz": [packed, { "content-encoding": "gzip" }],
};

let server;
let address;
before(async () => {
  server = createServer(({ url }, response) => {
    const [body, headers] = SERVED[url] ?? [];
    response.writeHead(body ? 200 : 404, headers).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${server.address().port}`;
});
after(() => server.close());

const bytesOf = async (store, name) => new Uint8Array(await store.file(name));

test("a packed file, a plain one, and one that the server's word lets the browser open are the same bytes", async () => {
  const steps = [];
  const store = new ModelStore(`${address}/plain/`, new Progress((...both) => steps.push(both)));
  store.prefetch(["a.onnx"]);
  assert.deepEqual(await bytesOf(store, "a.onnx"), BYTES);
  assert.deepEqual(steps.at(-1), [packed.length, packed.length]); // what came over the network
  assert.deepEqual(await bytesOf(store, "plain"), BYTES);
  assert.deepEqual(steps.at(-1), [packed.length + BYTES.length, packed.length + BYTES.length]);
  assert.deepEqual(await bytesOf(new ModelStore(`${address}/encoded/`), "a.onnx"), BYTES);
});

test("what is damaged, or missing, is said; what did not come counts for nothing", async () => {
  const progress = new Progress();
  const store = new ModelStore(`${address}/plain/`, progress);
  await assert.rejects(bytesOf(store, "cut.onnx"), /cut.onnx is damaged/);
  await assert.rejects(bytesOf(store, "other.onnx"), /its digest differs/);
  await assert.rejects(bytesOf(store, "missing.onnx"), /have no missing.onnx/);
  await assert.rejects(bytesOf(new ModelStore(`${address}/encoded/`, progress), "plain"), /404/);
  assert.deepEqual([progress.received, progress.expected], [2000 + packed.length, 2 * packed.length]);
});
