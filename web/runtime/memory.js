/**
 * Gives back the memory of an array that nobody reads any more: now, where the browser can, and not when it collects
 * garbage, of which a few pictures make a hundred megabytes.
 * @param {ArrayBufferView<ArrayBuffer>} array
 */
export function free({ buffer }) {
  buffer.transfer?.(0);
}
