import assert from "node:assert/strict";
import test from "node:test";

import { appendEdits, BitstreamError, parse, stripEdits } from "../core/index.js";
import { FRACTIONS } from "../core/exact.js";
import { arrays, model, read } from "./files.js";

const decoder = model();
const GOLDEN = ["short", "middle", "long", "detailed"];

for (const name of GOLDEN) {
  test(`golden file ${name} decodes to its symbols`, () => {
    const found = parse(read(`tests/golden/${name}.hsc`), decoder);
    const expected = arrays(`tests/golden/${name}.npz`);
    assert.deepEqual(found.layers.map((layer) => layer.name), [...expected.keys()]);
    found.symbols.forEach((symbols, index) => {
      assert.deepEqual([...symbols], [...expected.get(found.layers[index].name)]);
    });
    assert.ok(found.complete);
  });
}

test("any prefix holds the layers that end within it", () => {
  const data = read("tests/golden/short.hsc");
  const whole = parse(data, decoder);
  for (const layer of whole.layers) {
    for (const [size, holds] of [[layer.end - 1, false], [layer.end, true]]) {
      const part = parse(data.subarray(0, size), decoder);
      assert.equal(part.layers.some(({ name }) => name === layer.name), holds, `${layer.name} of ${size} bytes`);
    }
  }
  assert.equal(parse(new Uint8Array(), decoder).semantics, null);
});

test("damage is an error with a sentence", () => {
  const data = read("tests/golden/short.hsc");
  for (let index = 0; index < data.length; index += 23) {
    const broken = data.slice();
    broken[index] ^= 1 << index % 8;
    assert.throws(() => parse(broken, decoder), BitstreamError);
  }
  assert.throws(() => parse(read("tests/golden/older.hsc"), decoder), /needs model 3/);
  assert.throws(() => parse(new TextEncoder().encode("GIF89a"), decoder), /not an HSC file/);
});

test("edits are stored and removed", () => {
  const data = read("tests/golden/short.hsc");
  const edited = appendEdits(data, [[3, 0.8], [1, -1.5]]);
  assert.equal(edited.length, data.length + 8);
  assert.deepEqual(parse(edited, decoder).edits, [[3, 3277 / 4096], [1, -1.5]]);
  assert.deepEqual(stripEdits(edited), data);
  assert.throws(() => appendEdits(data, [[3, 8]]), /strength/);
});

test("fractions of powers of two are those of the specification", () => {
  // sum and weighted sum of round(2^(i/256) 2^20) over i, by exact arithmetic
  const sum = FRACTIONS.reduce((total, value) => total + value, 0);
  const weighted = FRACTIONS.reduce((total, value, index) => total + index * value, 0);
  assert.deepEqual([FRACTIONS[1], FRACTIONS[128], FRACTIONS[255], sum, weighted], [1051419, 1482910, 2091481, 386746447, 54983681898]);
});
