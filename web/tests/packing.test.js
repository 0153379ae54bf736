import assert from "node:assert/strict";
import test from "node:test";
import { gzipSync } from "node:zlib";

import { fromPlanes, gunzip, isGzip, toPlanes } from "../runtime/packing.js";

/** Bytes that look like weights: 16-bit numbers, mostly small, from some odd or even place on. */
function weights(length, start) {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (let at = start; at + 2 <= length; at += 2) view.setInt16(at, Math.round(60 * Math.tan(Math.sin(at * at) * 1.4)), true);
  return bytes;
}

test("planes of bytes give the bytes", () => {
  for (const length of [0, 1, 2, 3, 4095, 4096, 4097, 8191, 20000, 20001]) {
    for (const start of [0, 1]) {
      const bytes = weights(length, start);
      assert.deepEqual(fromPlanes(toPlanes(bytes), length), bytes, `${length} bytes from ${start}`);
    }
  }
  const all = Uint8Array.from({ length: 2 * 65536 }, (_, at) => (at % 2 ? at >> 9 : at >> 1)); // every 16-bit number
  assert.deepEqual(fromPlanes(toPlanes(all), all.length), all);
  assert.throws(() => fromPlanes(toPlanes(all), all.length + 2), RangeError);
});

test("planes of small numbers compress, wherever they begin", () => {
  for (const start of [0, 1]) {
    const bytes = weights(100_000, start);
    assert.ok(gzipSync(toPlanes(bytes)).length < 0.9 * gzipSync(bytes).length);
  }
});

test("gzip is known, and opened", async () => {
  const bytes = weights(1000, 0);
  const packed = new Uint8Array(gzipSync(bytes));
  assert.ok(isGzip(packed) && !isGzip(bytes));
  const parts = () => [packed.slice(0, 7), packed.slice(7)];
  assert.deepEqual(await gunzip(parts(), 1000), bytes);
  await assert.rejects(gunzip([packed.subarray(0, 200)], 1000));
  for (const length of [999, 1001]) await assert.rejects(gunzip(parts(), length), RangeError);
});
