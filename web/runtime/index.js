/** The decoder with pictures: in a worker of a page, or as it is. */

export { DecoderClient, InterruptedError } from "./client.js";
export { Decoder } from "./decoder.js";
export { ModelStore } from "./store.js";
