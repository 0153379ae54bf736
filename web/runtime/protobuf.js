/** As much of protocol buffers as files of graphs take: https://protobuf.dev/programming-guides/encoding. */

const VARINT = 0;
const BYTES = 2;
const FIXED = { 1: 8, 5: 4 }; // bytes of a number, by wire type

/**
 * One field of a message.
 * @typedef {{field: number, wire: number, data: Uint8Array | number}} Field a number where it is a varint
 */

/**
 * The fields of a message, in order; their data are views of it.
 * @param {Uint8Array} message
 * @returns {Field[]}
 */
export function fieldsOf(message) {
  const found = [];
  let at = 0;
  const varint = () => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = message[at++];
      value += (byte & 127) * scale;
      if (!(byte & 128)) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const [field, wire] = [key >>> 3, key & 7];
    let data;
    if (wire === VARINT) data = varint();
    else {
      const size = wire === BYTES ? varint() : FIXED[wire];
      if (!(at + size <= message.length)) throw new RangeError("This is no message that is read here.");
      data = message.subarray(at, at + size);
      at += size;
    }
    found.push({ field, wire, data });
  }
  return found;
}

/**
 * The message that has these fields.
 * @param {Field[]} fields
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function messageOf(fields) {
  const parts = [];
  for (const { field, wire, data } of fields) {
    parts.push(varintOf(8 * field + wire));
    if (wire === VARINT) parts.push(varintOf(data));
    else parts.push(wire === BYTES ? varintOf(data.length) : [], data);
  }
  const message = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    message.set(part, at);
    at += part.length;
  }
  return message;
}

export const numberField = (field, data) => ({ field, wire: VARINT, data });
export const bytesField = (field, data) => ({ field, wire: BYTES, data });
export const textField = (field, text) => bytesField(field, new TextEncoder().encode(text));
export const textOf = ({ data }) => new TextDecoder().decode(data);

function varintOf(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}
