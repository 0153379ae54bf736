import assert from "node:assert/strict";
import test from "node:test";

import { BitstreamError, curveAt, Directions, Masks } from "../core/index.js";

const FACTS = [
  {
    id: 7,
    name: "second",
    place: [[0.5, 0.5, 0.2, 0.2]],
    paints: [],
    drags: [{ place: [[0.3, 0.7, 0.1, 0.1]], by: [0.02, -0.01] }],
    response: { strengths: [-1, 0, 1], shift: [0, 0, 0], release: [0, 0, 0], warp: [-1, 0, 2] },
  },
  {
    id: 2,
    name: "first",
    place: [[0.5, 0.7, 0.225, 0.15]],
    paints: [{ region: "lips", place: [[0.5, 0.7, 0.2, 0.1]] }],
    drags: [],
    response: { strengths: [-2, -1, 0, 1, 2], shift: [-1.4, -0.7, 0, 1, 2], release: [1, 0.6, 0, 0.6, 1], paint: [0, 0, 0, 1, 2], tone: 0.4 },
  },
];
const ARRAYS = new Map([
  ["first", { shape: [16, 512], data: Float64Array.from({ length: 16 * 512 }, (_, at) => (at < 1024 ? at : 0)) }],
  ["first.paint", { shape: [1, 512], data: new Float64Array(512).fill(3) }],
]);

test("curves are linear, and go on by their last slope; shares stay shares", () => {
  const { response } = FACTS[1];
  assert.equal(curveAt(response, "shift", 0.5), 0.5);
  assert.ok(Math.abs(curveAt(response, "shift", -1.5) + 1.05) < 1e-12);
  assert.ok(Math.abs(curveAt(response, "shift", 3) - 3) < 1e-12);
  assert.equal(curveAt(response, "release", 4), 1);
  assert.equal(curveAt(response, "presence", 1), 1);
  assert.equal(curveAt(response, "warp", 1), 0);
});

test("movements come in the order of ids, and strengths of 0 move nothing", () => {
  const directions = new Directions(FACTS, ARRAYS);
  const [first, second] = directions.movements({ second: 1, first: 0.5 });
  assert.equal(first.shift[1][3], 515 * 0.5);
  assert.equal(first.paints[0].tint[0], 1.5);
  assert.deepEqual(second.drags[0].by, [0.04, -0.02]);
  assert.equal(second.shift, null);
  assert.deepEqual(directions.movements({ first: 0 }), []);
  assert.throws(() => directions.movements({ third: 1 }), RangeError);
  assert.throws(() => directions.movements({ first: 8 }), RangeError);
});

test("edits of a file have names, and go back", () => {
  assert.deepEqual(Directions.strengths(FACTS, [[7, 0.5], [2, 1], [7, 0.25]]), { second: 0.75, first: 1 });
  assert.deepEqual(Directions.edits(FACTS, { second: 0.75, first: 1, other: 0 }), [[2, 1], [7, 0.75]]);
  assert.throws(() => Directions.strengths(FACTS, [[9, 1]]), BitstreamError);
});

test("masks are 1 in the middle, exp(-1) at the edge, and nothing far away", () => {
  const masks = new Masks({ reach: { 16: 0.1 }, nothing: 1e-3 });
  const mask = masks.mask([[0.5, 0.5, 0.25, 0.25]], 64);
  assert.ok(mask[32 * 64 + 32] > 0.99 && mask[0] === 0);
  assert.ok(Math.abs(mask[32 * 64 + 48] - Math.exp(-1)) < 0.1);
  assert.ok(masks.map([[0.5, 0.5, 0.25, 0.25]], 16).reduce((sum, value) => sum + value) / 256 > mask.reduce((sum, value) => sum + value) / 4096);
});
