import assert from "node:assert/strict";
import test from "node:test";

import { fromBase64Url, fromLink, toBase64Url, toLink } from "../core/index.js";
import { withNote } from "../element/png_note.js";
import { read } from "./files.js";

test("a face goes into a link and comes back", () => {
  const data = read("tests/golden/short.hsc");
  const link = toLink("https://example.com/page?bytes=400", data);
  assert.ok(link.startsWith("https://example.com/page?bytes=400#hsc="));
  assert.deepEqual(fromLink(link), data);
  assert.equal(fromLink("https://example.com/page"), null);
  assert.throws(() => fromLink("https://example.com/#hsc=a+b"), RangeError);
  for (let length = 0; length < 5; length++) {
    const bytes = Uint8Array.from({ length }, (_, index) => 255 - index);
    assert.deepEqual(fromBase64Url(toBase64Url(bytes)), bytes);
  }
});

test("800 bytes take about 1,070 characters", () => {
  assert.ok(toBase64Url(new Uint8Array(800)).length <= 1070);
});

test("a PNG says what it is", () => {
  // the smallest head of a PNG: signature and IHDR
  const png = new Uint8Array(33);
  const marked = new TextDecoder("latin1").decode(withNote(png, "Restored."));
  assert.ok(marked.includes("tEXtComment\0Restored.") && marked.includes("compositeWithTrainedAlgorithmicMedia"));
  assert.equal(marked.length, 33 + 12 + 17 + 12 + (marked.indexOf("</x:xmpmeta>") + 12 - marked.indexOf("XML:com")));
});
