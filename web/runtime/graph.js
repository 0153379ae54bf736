/**
 * Graphs as `hsc export` stores them, to graphs whose weights lie beside them in single precision.
 *
 * Stored weights are integers or numbers in half precision, a Cast, and often a product with their steps. ONNX Runtime would
 * compute them while it loads a graph, with room for all that lies between, and its build for WebGPU casts no 16-bit
 * integers. Here they are computed before: both builds take them as they are.
 *
 * Numbers of fields are those of onnx.proto3: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
 */

import { halves } from "../core/safetensors.js";
import { free } from "./memory.js";
import { bytesField, fieldsOf, messageOf, numberField, textField, textOf } from "./protobuf.js";

const MODEL = { graph: 7 };
const GRAPH = { node: 1, tensor: 5 };
const NODE = { input: 1, output: 2, operation: 4 };
const TENSOR = { side: 1, type: 2, name: 8, raw: 9, entry: 13, location: 14 };
const ENTRY = { key: 1, value: 2 };
const [FLOAT, EXTERNAL] = [1, 1]; // a type of numbers, and a place of them

const WEIGHTS = "weights"; // what their file is called

/** How numbers of each type are read that weights are stored as. */
const READERS = { 3: (buffer) => new Int8Array(buffer), 5: (buffer) => new Int16Array(buffer), 10: halves };

/**
 * @param {Uint8Array} file of a graph
 * @param {string} place what the file of its weights is to be called
 * @returns {{graph: Uint8Array<ArrayBuffer>, weights: Uint8Array<ArrayBuffer>}} what is to be loaded, and that file
 */
export function openGraph(file, place) {
  const model = fieldsOf(file);
  const whole = model.find(is(MODEL.graph));
  const parts = fieldsOf(whole.data);
  const nodes = parts.filter(is(GRAPH.node)).map(nodeOf);
  const tensors = new Map(parts.filter(is(GRAPH.tensor)).map(tensorOf).map((tensor) => [tensor.name, tensor]));
  const opened = storedWeights(nodes, tensors);
  const weights = new Float32Array(opened.reduce((sum, { values }) => sum + sizeOf(values), 0));
  const done = new Set(opened.flatMap((each) => each.nodes));
  const kept = nodes.filter((node) => !done.has(node));
  const read = new Set(kept.flatMap(({ inputs }) => inputs));
  const fields = [
    ...kept.map(({ part }) => part),
    ...[...tensors.values()].filter(({ name }) => read.has(name)).map(({ part }) => part),
    ...parts.filter(({ field }) => field !== GRAPH.node && field !== GRAPH.tensor),
  ];
  let start = 0;
  for (const { name, values, steps } of opened) {
    const end = start + sizeOf(values);
    compute(weights.subarray(start, end), values, steps);
    fields.push(bytesField(GRAPH.tensor, elsewhere(name, values.shape, place, 4 * start)));
    start = end;
  }
  whole.data = messageOf(fields);
  return { graph: messageOf(model), weights: new Uint8Array(weights.buffer) };
}

/**
 * A session of a graph; one is made at a time, for ONNX Runtime Web keeps what lies beside graphs by name alone.
 * @param {object} ort ONNX Runtime Web
 * @param {ArrayBuffer} file of the graph
 * @param {object} options of the session
 */
export async function createSession(ort, file, options) {
  const { graph, weights } = openGraph(new Uint8Array(file), WEIGHTS);
  const beside = [{ path: WEIGHTS, data: weights }];
  const session = await ort.InferenceSession.create(graph, { ...options, externalData: beside });
  free(weights);
  return session;
}

/** Has ONNX Runtime Web load its program, which it does with a first session: this one of next to nothing. */
export async function loadProgram(ort) {
  const value = (name) => messageOf([textField(1, name), bytesField(2, messageOf([bytesField(1, messageOf([numberField(1, FLOAT)]))]))]);
  const node = messageOf([textField(NODE.input, "x"), textField(NODE.output, "y"), textField(NODE.operation, "Identity")]);
  const graph = [bytesField(GRAPH.node, node), textField(2, "nothing"), bytesField(11, value("x")), bytesField(12, value("y"))];
  const opset = messageOf([textField(1, ""), numberField(2, 17)]);
  const model = messageOf([numberField(1, 8), bytesField(MODEL.graph, messageOf(graph)), bytesField(8, opset)]);
  await (await ort.InferenceSession.create(model, { executionProviders: ["wasm"] })).release();
}

const is = (number) => ({ field }) => field === number;
const sizeOf = ({ shape }) => shape.reduce((product, side) => product * side, 1);

function nodeOf(part) {
  const fields = fieldsOf(part.data);
  const texts = (number) => fields.filter(is(number)).map(textOf);
  return { part, inputs: texts(NODE.input), output: texts(NODE.output)[0], operation: texts(NODE.operation)[0] };
}

function tensorOf(part) {
  const fields = fieldsOf(part.data);
  const [type, name, raw] = [TENSOR.type, TENSOR.name, TENSOR.raw].map((number) => fields.find(is(number)));
  const shape = fields.filter(is(TENSOR.side)).map(({ data }) => data);
  return { part, name: textOf(name), type: type.data, shape, raw: raw.data };
}

/** Weights by the name under which layers take them: what is stored, steps or null, and the nodes that compute them. */
function storedWeights(nodes, tensors) {
  const readers = new Map();
  for (const node of nodes) for (const input of node.inputs) readers.set(input, [...(readers.get(input) ?? []), node]);
  const found = [];
  for (const node of nodes) {
    const values = tensors.get(node.inputs[0]);
    if (node.operation !== "Cast" || !(values?.type in READERS)) continue;
    const [next, ...others] = readers.get(node.output);
    const steps = tensors.get(next.inputs.find((input) => input !== node.output));
    if (next.operation === "Mul" && !others.length && steps?.type === FLOAT) {
      found.push({ name: next.output, values, steps, nodes: [node, next] });
    } else found.push({ name: node.output, values, steps: null, nodes: [node] });
  }
  return found;
}

/** Stored values, times steps of a shape that broadcasts to theirs. */
function compute(weights, values, steps) {
  const stored = READERS[values.type](values.raw.slice().buffer);
  if (!steps) {
    weights.set(stored);
    return;
  }
  const sizes = new Float32Array(steps.raw.slice().buffer);
  const axes = axesOf(values.shape, steps.shape);
  let at = 0;
  const walk = (axis, first) => {
    const { side, stride } = axes[axis];
    if (axis) for (let index = 0; index < side; index++) walk(axis - 1, first + index * stride);
    else for (const end = at + side, start = at; at < end; at++) weights[at] = stored[at] * sizes[first + (at - start) * stride];
  };
  walk(axes.length - 1, 0);
}

/** Axes of values from the last, and how far apart steps lie along each; neighbours are one axis where that allows it. */
function axesOf(shape, steps) {
  const axes = [{ side: 1, stride: 0 }];
  let apart = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const stride = steps[axis] === 1 ? 0 : apart;
    const last = axes.at(-1);
    if (stride === last.side * last.stride) last.side *= shape[axis];
    else axes.push({ side: shape[axis], stride });
    apart *= steps[axis];
  }
  return axes;
}

/** A tensor in single precision whose numbers lie in another file. */
function elsewhere(name, shape, place, start) {
  const entry = (key, value) =>
    bytesField(TENSOR.entry, messageOf([textField(ENTRY.key, key), textField(ENTRY.value, String(value))]));
  return messageOf([
    ...shape.map((side) => numberField(TENSOR.side, side)),
    numberField(TENSOR.type, FLOAT),
    textField(TENSOR.name, name),
    entry("location", place),
    entry("offset", start),
    entry("length", 4 * sizeOf({ shape })),
    numberField(TENSOR.location, EXTERNAL),
  ]);
}
