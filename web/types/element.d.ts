/** `<hsc-image>`. */

import type { Direction, Strengths } from "./core.js";
import type { DecoderClient, Face } from "./runtime.js";

export class HSCImage extends HTMLElement {
  /** What is known of the file; null before it is decoded. */
  info: Omit<Face, "face"> | null;
  /** The bytes that are shown. */
  get data(): Uint8Array | null;
  set data(bytes: ArrayLike<number>);
  /** Strengths of edits; null lets those of the file and of attributes count. */
  get strengths(): Strengths;
  set strengths(strengths: Strengths | null);
  /** The file with the edits that are shown. */
  readonly file: Uint8Array;
  readonly client: DecoderClient;
  directions(): Promise<Direction[]>;
  /** Render pictures of a slider that will move soon. */
  prepare(name: string): void;
  /** A slider was let go: show its exact picture now. */
  settle(): void;
  /** The large picture as a PNG that says what it is. */
  toBlob(): Promise<Blob>;
}
