import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";

import { BitstreamError, parse } from "../core/index.js";
import { model, read } from "./files.js";

const KIT = "tests/conformance/kit/";
const { files } = JSON.parse(new TextDecoder().decode(read(`${KIT}kit.json`)));
const decoder = model();

function digest(symbols) {
  const bytes = Buffer.alloc(4 * symbols.length);
  symbols.forEach((symbol, index) => bytes.writeInt32BE(symbol, 4 * index));
  return createHash("sha256").update(bytes).digest("hex");
}

for (const [name, expected] of Object.entries(files)) {
  test(`the kit's ${name} decodes to its symbols, or is refused`, () => {
    const data = read(KIT + name);
    if (expected.error) {
      assert.throws(() => parse(data, decoder), BitstreamError);
      return;
    }
    const found = parse(data, decoder);
    assert.deepEqual(found.symbols.map(digest), expected.symbols);
    assert.deepEqual(found.layers.map(({ end }) => end), expected.ends);
    assert.deepEqual(
      [found.modelId, found.quality, found.complete, found.edits],
      [expected.model, expected.quality, expected.complete, expected.edits],
    );
  });
}
