/** The decoder with pictures. */

import type { Direction, Edit, Layer, Strengths } from "./core.js";

export interface Face {
  /** Names the face in later requests. */
  face: number;
  layers: Layer[];
  totalLayers: number;
  quality: number;
  edits: Edit[];
  /** The file's edits by name. */
  strengths: Strengths;
  bytes: number;
  complete: boolean;
}

/** Idle work was given up for more urgent work; it may be asked for again. */
export class InterruptedError extends Error {}

/** The decoder in a worker. Dispatches `progress` with `{received, expected}` bytes of models. */
export class DecoderClient extends EventTarget {
  constructor(where: { models: string | URL; runtime: string | URL; provider?: "auto" | "wasm" | "webgpu" });
  /** What runs the graphs: `wasm` or `webgpu`. */
  readonly ready: Promise<{ provider: string }>;
  directions(): Promise<Direction[]>;
  decode(data: Uint8Array): Promise<Face>;
  render(face: number, size: 256 | 1024, strengths?: Strengths, how?: { idle?: boolean }): Promise<ImageData>;
  /** Give up idle work that runs. */
  interrupt(): void;
  release(face: number): Promise<void>;
  close(): void;
}
