/** Reads safetensors files: a JSON header, then tensors end to end. */

const half = (bits) => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};

let known; // of all 65,536 numbers in half precision

/** Numbers in half precision, which single precision holds as they are. */
export function halves(buffer) {
  known ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => half(bits));
  const stored = new Uint16Array(buffer);
  const values = new Float32Array(stored.length);
  for (let at = 0; at < values.length; at++) values[at] = known[stored[at]];
  return values;
}

/** 16-bit integers times a power of two, which single precision holds as they are. */
function levels(buffer, unit) {
  const values = Float32Array.from(new Int16Array(buffer));
  for (let at = 0; at < values.length; at++) values[at] *= unit;
  return values;
}

const READERS = {
  F16: halves,
  F32: (buffer) => new Float32Array(buffer),
  F64: (buffer) => new Float64Array(buffer),
  I16: levels,
  I32: (buffer) => new Int32Array(buffer),
};

/**
 * @param {ArrayBuffer} buffer
 * @returns {Map<string, {shape: number[], data: Float32Array | Float64Array | Int32Array}>} numbers, each exactly; 16-bit
 *     integers are times the `unit` of the file's metadata, a power of two
 */
export function readSafetensors(buffer) {
  const headerBytes = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, headerBytes)));
  const unit = Number(header.__metadata__?.unit ?? 1);
  const tensors = new Map();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const read = READERS[entry.dtype];
    if (!read) throw new TypeError(`Tensor ${name} is of type ${entry.dtype}, which is not read here.`);
    const [start, end] = entry.data_offsets;
    tensors.set(name, { shape: entry.shape, data: read(buffer.slice(8 + headerBytes + start, 8 + headerBytes + end), unit) });
  }
  return tensors;
}
