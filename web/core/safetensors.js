/** Reads safetensors files: a JSON header, then tensors end to end. */

const half = (bits) => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};

const READERS = {
  F16: (bytes) => Float64Array.from(new Uint16Array(bytes), half),
  F32: (bytes) => Float64Array.from(new Float32Array(bytes)),
  F64: (bytes) => new Float64Array(bytes),
  I16: (bytes, unit) => Float64Array.from(new Int16Array(bytes), (value) => value * unit),
  I32: (bytes) => new Int32Array(bytes),
};

/**
 * @param {ArrayBuffer} buffer
 * @returns {Map<string, {shape: number[], data: Float64Array | Int32Array}>} floats of any precision, and 16-bit integers
 *     times the `unit` of the file's metadata, as float64
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
