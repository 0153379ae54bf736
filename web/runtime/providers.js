/** ONNX Runtime Web, set up for what this browser can do. */

import { createSession, loadProgram } from "./graph.js";
import { Pipeline } from "./pipeline.js";
import { ModelStore } from "./store.js";

const GRAPH = "synthesis_32_64.onnx"; // what the race is run on: needed in any case, and one of the two largest parts
const BUILDS = {
  wasm: { script: "ort.wasm.min.mjs", binary: "ort-wasm-simd-threaded.wasm" },
  webgpu: { script: "ort.webgpu.min.mjs", binary: "ort-wasm-simd-threaded.asyncify.wasm" },
};
const NEAR = 1e-3; // of the mean square, by which the two may differ

/**
 * The faster of WebGPU and WebAssembly, where there is a GPU; which one it is, is remembered.
 * @param {string} runtime folder of ONNX Runtime Web's files
 * @param {{threads: number, provider: "auto" | "wasm" | "webgpu", store: import("./store.js").ModelStore}} wanted
 * @returns {Promise<{ort: object, options: object, provider: string}>}
 */
export async function startRuntime(runtime, { threads, provider, store }) {
  const gpu = provider === "wasm" ? null : await adapterName(provider === "webgpu");
  if (gpu === null && provider === "webgpu") throw new Error("This browser offers no WebGPU.");
  const known = gpu === null ? "wasm" : await store.remembered(`provider of ${gpu}`);
  if (provider !== "webgpu" && known === "wasm") return setUp(runtime, threads, "wasm", store);
  try {
    const found = await setUp(runtime, threads, "webgpu", store);
    if (provider === "webgpu" || known === "webgpu") return found;
    const faster = await race(found.ort, await store.file(GRAPH));
    await store.remember(`provider of ${gpu}`, faster);
    return faster === "webgpu" ? found : setUp(runtime, threads, "wasm", store);
  } catch (error) {
    if (provider === "webgpu") throw error;
    return setUp(runtime, threads, "wasm", store); // its files are not laid out, or it fails here
  }
}

async function setUp(runtime, threads, provider, { progress }) {
  const { script, binary } = BUILDS[provider];
  const [ort, wasm] = await Promise.all([import(new URL(script, runtime).href), packedBinary(runtime, binary, progress)]);
  // As an address, and not as bytes, which ONNX Runtime would keep for good.
  ort.env.wasm.wasmPaths = wasm ? { mjs: new URL(binary.replace(/wasm$/, "mjs"), runtime).href, wasm } : runtime;
  ort.env.wasm.numThreads = self.crossOriginIsolated ? threads : 1; // threads need shared memory
  ort.env.logLevel = "error";
  await loadProgram(ort);
  if (wasm) URL.revokeObjectURL(wasm); // its bytes are held until then
  return { ort, options: { executionProviders: [provider] }, provider };
}

/** An address of ONNX Runtime's program, if the page's build packed it; otherwise that loads it by itself. */
async function packedBinary(runtime, binary, progress) {
  const store = new ModelStore(runtime, progress);
  const manifest = await store.manifest().catch(() => null);
  if (!manifest?.files[binary]) return null;
  return URL.createObjectURL(new Blob([await store.file(binary)], { type: "application/wasm" }));
}

/** What the GPU is called; null where there is none, or only one in software, unless that is asked for. */
async function adapterName(software) {
  try {
    const { info } = await navigator.gpu.requestAdapter();
    if (!software && (info.isFallbackAdapter || /swiftshader|llvmpipe|basic render/i.test(`${info.architecture} ${info.description}`))) {
      return null;
    }
    return [info.vendor, info.architecture, info.device, info.description].join(" ");
  } catch {
    return null;
  }
}

/** Runs one graph by both, and says which is faster; one that gives other numbers is out. */
async function race(ort, graph) {
  const timed = {};
  const results = {};
  for (const provider of ["wasm", "webgpu"]) {
    const session = await createSession(ort, graph, { executionProviders: [provider] });
    const pipeline = new Pipeline(async (_, inputs) => {
      const feeds = {};
      for (const [name, { data, dims }] of Object.entries(inputs)) feeds[name] = new ort.Tensor("float32", data, dims);
      const outputs = await session.run(feeds);
      return (await outputs[session.outputNames[0]].getData()).slice();
    });
    const codes = Float32Array.from({ length: 16 * 512 }, (_, at) => Math.sin(at));
    const features = Float32Array.from({ length: 512 * 32 * 32 }, (_, at) => Math.sin(at * at));
    await pipeline.synthesize64(codes, features); // prepares what it needs
    const started = performance.now();
    results[provider] = await pipeline.synthesize64(codes, features);
    timed[provider] = performance.now() - started;
    await session.release();
  }
  let size = 0;
  let error = 0;
  results.wasm.forEach((value, at) => {
    size += value * value;
    error += (value - results.webgpu[at]) ** 2;
  });
  return timed.webgpu < timed.wasm && error < NEAR * size ? "webgpu" : "wasm";
}
