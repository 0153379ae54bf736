import assert from "node:assert/strict";
import test from "node:test";

import { openGraph } from "../runtime/graph.js";
import { bytesField, fieldsOf, messageOf, numberField, textField, textOf } from "../runtime/protobuf.js";

const TYPES = { Float32Array: 1, Int8Array: 3, Int16Array: 5, BigInt64Array: 7, Uint16Array: 10 };

const tensor = (name, shape, values) =>
  bytesField(5, messageOf([
    ...shape.map((side) => numberField(1, side)),
    numberField(2, TYPES[values.constructor.name]),
    textField(8, name),
    bytesField(9, new Uint8Array(values.buffer)),
  ]));
const node = (operation, inputs, output) =>
  bytesField(1, messageOf([...inputs.map((name) => textField(1, name)), textField(2, output), textField(4, operation)]));
const modelOf = (graph) => messageOf([numberField(1, 8), bytesField(7, messageOf(graph)), textField(2, "maker")]);

/** Nodes of an opened graph, the names of its tensors, and the values of those that lie beside it. */
function read({ graph, weights }) {
  const model = fieldsOf(graph);
  assert.deepEqual(model.map(({ field }) => field).sort(), [1, 2, 7]);
  const parts = fieldsOf(model.find(({ field }) => field === 7).data);
  const of = (number) => parts.filter(({ field }) => field === number).map(({ data }) => fieldsOf(data));
  const text = (fields, number) => textOf(fields.find(({ field }) => field === number));
  const beside = {};
  for (const fields of of(5).filter((each) => each.some(({ field, data }) => field === 14 && data === 1))) {
    const entries = fields.filter(({ field }) => field === 13).map(({ data }) => fieldsOf(data).map(textOf));
    const { location, offset, length } = Object.fromEntries(entries);
    assert.equal(location, "weights");
    const shape = fields.filter(({ field }) => field === 1).map(({ data }) => data);
    beside[text(fields, 8)] = { shape, values: [...new Float32Array(weights.buffer, Number(offset), length / 4)] };
  }
  return { operations: of(1).map((fields) => text(fields, 4)), tensors: of(5).map((fields) => text(fields, 8)), beside };
}

test("fields of messages are read and written", () => {
  const fields = [numberField(1, 0), numberField(200, 2 ** 40 + 3), textField(3, "é"), { field: 4, wire: 5, data: Uint8Array.of(1, 2, 3, 4) }];
  const message = messageOf([...fields, { field: 5, wire: 1, data: new Uint8Array(8) }, bytesField(6, new Uint8Array(300))]);
  assert.deepEqual(messageOf(fieldsOf(message)), message);
  assert.deepEqual(fieldsOf(message).slice(0, 2), fields.slice(0, 2));
  assert.throws(() => fieldsOf(message.subarray(0, message.length - 1)), RangeError);
});

test("stored weights are computed as the graph would, whatever their steps go over", () => {
  const shape = [2, 3, 4, 5];
  const size = 120;
  const levels = Int16Array.from({ length: size }, (_, at) => 271 * at - 15000);
  for (let cases = 0; cases < 16; cases++) {
    const stepShape = shape.map((side, axis) => (cases & (1 << axis) ? side : 1));
    const steps = Float32Array.from({ length: stepShape.reduce((all, side) => all * side) }, (_, at) => 0.1 + at / 7);
    const opened = openGraph(
      modelOf([
        node("Cast", ["levels"], "cast"),
        node("Mul", ["cast", "steps"], "weight"),
        node("Conv", ["x", "weight"], "output"),
        tensor("levels", shape, levels),
        tensor("steps", stepShape, steps),
      ]),
      "weights",
    );
    const { operations, tensors, beside } = read(opened);
    assert.deepEqual([operations, tensors], [["Conv"], ["weight"]]);
    assert.deepEqual(beside.weight.shape, shape);
    beside.weight.values.forEach((value, at) => {
      let [rest, step, apart] = [at, 0, 1];
      for (let axis = 3; axis >= 0; axis--) {
        const place = rest % shape[axis];
        rest = (rest - place) / shape[axis];
        if (stepShape[axis] > 1) step += place * apart;
        apart *= stepShape[axis];
      }
      assert.equal(value, Math.fround(levels[at] * steps[step]));
    });
  }
});

test("half precision is opened; products with what is not stored, and other tensors, stay", () => {
  const halves = Uint16Array.of(0x3c00, 0xc100, 0x0001, 0x7bff); // 1, -2.5, 2^-24, 65504
  const opened = openGraph(
    modelOf([
      node("Cast", ["half"], "factor"),
      node("Mul", ["x", "factor"], "scaled"),
      node("Cast", ["bytes"], "bias"),
      node("Add", ["scaled", "bias"], "sum"),
      node("Mul", ["bias", "sum"], "output"),
      node("Cast", ["rows"], "indexes"),
      node("Reshape", ["output", "shape"], "last"),
      tensor("half", [4], halves),
      tensor("bytes", [1, 4], Int8Array.of(1, -128, 127, 0)),
      tensor("shape", [1], BigInt64Array.of(4n)),
    ]),
    "weights",
  );
  const { operations, tensors, beside } = read(opened);
  assert.deepEqual(operations, ["Mul", "Add", "Mul", "Cast", "Reshape"]);
  assert.deepEqual(tensors.sort(), ["bias", "factor", "shape"]);
  assert.deepEqual(beside.factor, { shape: [4], values: [1, -2.5, 2 ** -24, 65504] });
  assert.deepEqual(beside.bias, { shape: [1, 4], values: [1, -128, 127, 0] });
});
