/** The exact half of a `.hsc` decoder. */

export class BitstreamError extends Error {}

export interface Layer {
  name: string;
  bytes: number;
  end: number;
}

/** A pair of direction id (0 to 255) and strength (-8 to below 8). */
export type Edit = [number, number];

export interface Coefficients {
  /** Coefficients of S (768), or null where S was not received. */
  semantics: Float64Array | null;
  /** Of F at 16x16, F at 32x32, and detail; null where nothing of a level was received. */
  levels: (Float64Array | null)[];
  layers: Layer[];
  symbols: Int32Array[];
  totalLayers: number;
  /** Null where less than a header was received. */
  modelId: number | null;
  quality: number;
  edits: Edit[];
  bytes: number;
  complete: boolean;
}

/** What `manifest.json` says of a direction. */
export interface Direction {
  id: number;
  name: string;
  label: string;
  range: [number, number];
}

/** Strengths of edits by name of the direction; 1 is a clear effect, 0 changes nothing. */
export type Strengths = Record<string, number>;

/** One edit at one strength: what moves, and where. */
export interface Movement {
  shift: Float32Array[] | null;
  place: number[][];
  release: number;
  tone: number;
  presence: number;
  paints: { tint: Float32Array; region: string; place: number[][] }[];
  turn: [number, number];
  drags: { place: number[][]; by: [number, number] }[];
}

export class Directions {
  constructor(facts: Direction[], arrays: Tensors);
  /** Strengths by name of the edits of a file. Throws BitstreamError. */
  static strengths(facts: Direction[], edits: Edit[]): Strengths;
  /** Edits as a file stores them. */
  static edits(facts: Direction[], strengths: Strengths): Edit[];
  /** Throws RangeError. */
  movements(strengths: Strengths): Movement[];
}

/** Soft masks of places. */
export class Masks {
  constructor(constants: { reach: Record<string, number>; nothing: number });
  mask(place: number[][], side: number, grow?: number): Float32Array;
  map(place: number[][], side: number): Float32Array;
}

export function curveAt(response: object, curve: string, strength: number): number;

export type Tensors = Map<string, { shape: number[]; data: Float32Array | Float64Array | Int32Array }>;

export class Model {
  constructor(weights: Tensors);
}

export const MODEL_ID: number;
export const DETAILED_MODEL_ID: number;

/** Decode a file, or any prefix of one. Throws BitstreamError. */
export function parse(data: Uint8Array, model: Model): Coefficients;
export function readSafetensors(buffer: ArrayBuffer): Tensors;
export function appendEdits(data: Uint8Array, edits: Edit[]): Uint8Array;
export function stripEdits(data: Uint8Array): Uint8Array;
export function toBase64Url(data: Uint8Array): string;
export function fromBase64Url(text: string): Uint8Array;
export function toLink(page: string, data: Uint8Array): string;
export function fromLink(address: string): Uint8Array | null;
