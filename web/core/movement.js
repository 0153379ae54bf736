/**
 * From the strength of a slider to what moves, and where: EDITS.md, "From strength to amounts" and "Masks".
 *
 * All numbers are those of the manifest that `hsc export` writes; none stands here.
 */

import { BitstreamError } from "./errors.js";

/** What a curve is throughout where a response does not tell it. */
const UNTOLD = { presence: 1, paint: 0, warp: 0 };
/** Curves that are shares, beyond the ends too. */
const HELD = ["release", "presence"];

/**
 * One edit at one strength.
 * @typedef {object} Movement
 * @property {Float32Array[] | null} shift of each style code, null where none moves
 * @property {number[][]} place ellipses
 * @property {number} release how much of the coded residual gives way
 * @property {number} tone how much of the smoothed residual stays
 * @property {number} presence how much of all that is done
 * @property {{tint: Float32Array, region: string, place: number[][]}[]} paints
 * @property {[number, number]} turn degrees, to the right of the picture and upwards
 * @property {{place: number[][], by: [number, number]}[]} drags fractions of the side, to the right and down
 */

/** One curve of a response at a strength: linear, beyond the ends by the slope of the last two. */
export function curveAt(response, curve, strength) {
  const values = response[curve];
  if (values === undefined) return UNTOLD[curve];
  const { strengths } = response;
  const last = strengths.length - 1;
  let end = 1;
  while (end < last && strength > strengths[end]) end++;
  const slope = (values[end] - values[end - 1]) / (strengths[end] - strengths[end - 1]);
  const value = values[end - 1] + slope * (strength - strengths[end - 1]);
  return HELD.includes(curve) ? Math.min(Math.max(value, 0), 1) : value;
}

/**
 * The shipped directions: facts of the manifest, arrays of `directions.safetensors`.
 */
export class Directions {
  /**
   * @param {object[]} facts `directions` of the manifest
   * @param {import("./safetensors.js").Tensors} arrays
   */
  constructor(facts, arrays) {
    this.facts = [...facts].sort((first, second) => first.id - second.id);
    this.arrays = arrays;
  }

  /**
   * Strengths by name of the edits that a file stores; one that is stored twice counts with its sum.
   * @param {[number, number][]} edits
   * @throws {BitstreamError} a direction is unknown
   */
  static strengths(facts, edits) {
    const found = {};
    for (const [id, strength] of edits) {
      const name = facts.find((each) => each.id === id)?.name;
      if (!name) throw new BitstreamError(`This version has no direction with id ${id}; the file is from a newer one.`);
      found[name] = (found[name] ?? 0) + strength;
    }
    return found;
  }

  /** Edits as a file stores them, by ascending id, without those of strength 0. */
  static edits(facts, strengths) {
    return facts
      .filter(({ name }) => strengths[name])
      .map(({ id, name }) => [id, strengths[name]])
      .sort(([first], [second]) => first - second);
  }

  /**
   * What strengths by name move; those of 0 move nothing.
   * @param {Record<string, number>} strengths
   * @returns {Movement[]} by ascending id of the direction
   */
  movements(strengths) {
    const unknown = Object.keys(strengths).find((name) => !this.facts.some((each) => each.name === name));
    if (unknown) throw new RangeError(`There is no direction '${unknown}'.`);
    return this.facts
      .filter(({ name }) => strengths[name])
      .map((fact) => this.#movement(fact, strengths[fact.name]));
  }

  #movement({ name, place, paints, drags, response }, strength) {
    if (!(strength >= -8 && strength < 8)) {
      throw new RangeError(`The strength of '${name}' must be a number from -8 to below 8, not ${strength}.`);
    }
    const [shift, release, presence, paint, warp] = ["shift", "release", "presence", "paint", "warp"].map((curve) =>
      curveAt(response, curve, strength),
    );
    return {
      shift: shift ? this.#shift(name, shift) : null,
      place,
      release,
      tone: response.tone ?? 0,
      presence,
      paints: paint ? paints.map((one, index) => ({ ...one, tint: this.#tint(name, index, paint) })) : [],
      turn: (response.turn ?? [0, 0]).map((degrees) => warp * degrees),
      drags: warp ? drags.map((one) => ({ place: one.place, by: one.by.map((share) => warp * share) })) : [],
    };
  }

  #shift(name, amount) {
    const { shape, data } = this.arrays.get(name);
    return Array.from({ length: shape[0] }, (_, layer) =>
      Float32Array.from(data.subarray(layer * shape[1], (layer + 1) * shape[1]), (value) => value * amount),
    );
  }

  #tint(name, index, amount) {
    const { shape, data } = this.arrays.get(`${name}.paint`);
    return Float32Array.from(data.subarray(index * shape[1], (index + 1) * shape[1]), (value) => value * amount);
  }
}

/** Whether more than paint, a turn and drags are asked for. */
export const changesFeatures = ({ presence, shift, release }) => presence > 0 && (shift !== null || release > 0);

/** Masks of places, kept once made. */
export class Masks {
  #made = new Map();

  /** @param {{reach: Record<string, number>, nothing: number}} constants `edits` of the manifest */
  constructor({ reach, nothing }) {
    this.reach = reach;
    this.nothing = nothing;
  }

  /**
   * A place as a soft mask, 0 to 1, row by row.
   * @param {number[][]} place ellipses
   * @param {number} side
   * @param {number} [grow] is added to half widths and half heights
   */
  mask(place, side, grow = 0) {
    const key = JSON.stringify([place, side, grow]);
    if (!this.#made.has(key)) this.#made.set(key, this.#make(place, side, grow));
    return this.#made.get(key);
  }

  /** Where a shift acts inside the generator. */
  map(place, side) {
    return this.mask(place, side, this.reach[side]);
  }

  /** The largest of several movements' masks, each times its weight, at each place. */
  largest(movements, side, weights) {
    const found = new Float32Array(side * side);
    movements.forEach(({ place }, index) => {
      const mask = this.mask(place, side);
      for (let at = 0; at < found.length; at++) found[at] = Math.max(found[at], weights[index] * mask[at]);
    });
    return found;
  }

  #make(place, side, grow) {
    const found = new Float32Array(side * side);
    for (const [column, row, width, height] of place) {
      for (let y = 0; y < side; y++) {
        const down = ((y + 0.5) / side - row) / (height + grow);
        for (let x = 0; x < side; x++) {
          const across = ((x + 0.5) / side - column) / (width + grow);
          const value = Math.exp(-((across * across + down * down) ** 2));
          if (value >= this.nothing && value > found[y * side + x]) found[y * side + x] = value;
        }
      }
    }
    return found;
  }
}
