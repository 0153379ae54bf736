/** A file that is foreign, damaged or of another model; the message is one sentence for a person. */
export class BitstreamError extends Error {
  name = "BitstreamError";
}
