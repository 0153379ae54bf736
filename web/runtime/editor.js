/**
 * Edits of a decoded face: what moves, and how F and detail follow. The formula stands in EDITS.md; its numbers come
 * with the models. A test holds it to the Python decoder.
 */

import { Directions, Masks, changesFeatures } from "../core/movement.js";
import { fade, linear, moveFeature, regions, truncation } from "../core/features.js";
import { warp, warps } from "../core/warp.js";
import { add, Features, sum } from "./pipeline.js";

const FINEST = 3; // generator level of the finest F
const FIRST_FINE = 2 * FINEST + 1; // style code of the block above it
const NEXT = FIRST_FINE + 2; // that scales features at 64x64 on their way to the next block

export class Editor {
  #bases = new WeakMap();

  /**
   * @param {import("./pipeline.js").Pipeline} pipeline
   * @param {object} manifest
   * @param {import("../core/safetensors.js").Tensors} arrays of `directions.safetensors`
   * @param {import("../core/safetensors.js").Tensors} tensors of `edits.safetensors`
   */
  constructor(pipeline, manifest, arrays, tensors) {
    this.pipeline = pipeline;
    this.constants = manifest.edits;
    this.tensors = tensors;
    this.directions = new Directions(manifest.directions, arrays);
    this.masks = new Masks(manifest.edits);
  }

  /**
   * A face after edits; without any, the very same object.
   * @param {Features} face as it was decoded
   * @param {Record<string, number>} strengths by name of the direction
   * @returns {Promise<Features>}
   * @throws {RangeError} a direction is unknown, or a strength is out of range
   */
  async apply(face, strengths) {
    const movements = this.directions.movements(strengths);
    if (!movements.length) return face;
    const acting = movements.filter(changesFeatures);
    let edited = acting.length ? await this.#move(face, acting) : face;
    edited = this.#paint(edited, movements);
    return warps(movements) ? this.#warp(edited, movements) : edited;
  }

  async #move(face, movements) {
    const { pipeline, masks } = this;
    const bases = await this.#basesOf(face);
    const shifts = movements.filter(({ shift }) => shift).map((movement) => this.#shift(movement));
    const moved16 = await pipeline.synthesize16(bases.anchor, shifts);
    const at16 = moveFeature(face.at16, bases.at16, moved16, this.#masksOf(movements, 16), this.constants);
    const moved32 = await pipeline.synthesize32(face.codes, at16, shifts);
    const at32 = moveFeature(face.at32, bases.at32, moved32, this.#masksOf(movements, 32), this.constants);
    const base = await pipeline.synthesize64(face.codes, at32);
    let detail = face.detail && fade(face.detail.slice(), this.#masksOf(movements, 64).release);
    const fine = movements.filter(({ shift }) => shift?.slice(FIRST_FINE).some((code) => code.some(Boolean)));
    if (fine.length) {
      const moved = await pipeline.synthesize64(face.codes, at32, fine.map((movement) => this.#shift(movement)));
      const presence = masks.largest(fine, 64, fine.map((each) => each.presence));
      const change = this.#fineChange(face.codes, base, moved, presence, fine);
      detail = detail ? add(detail, change) : change;
    }
    return new Features(face.codes, at16, at32, detail ? add(base, detail) : base, detail);
  }

  /** What edits of one face start from; kept as long as the face is. */
  #basesOf(face) {
    if (!this.#bases.has(face)) {
      const making = this.#makeBases(face);
      making.catch(() => this.#bases.delete(face)); // the next call tries again
      this.#bases.set(face, making);
    }
    return this.#bases.get(face);
  }

  async #makeBases({ codes, at16 }) {
    const { pipeline } = this;
    const share = truncation(at16, await pipeline.synthesize16(codes), this.constants);
    const mean = pipeline.meanCodes;
    const anchor = codes.map((value, at) => mean[at] + share * (value - mean[at]));
    return {
      anchor,
      at16: await pipeline.synthesize16(anchor),
      at32: await pipeline.synthesize32(codes, at16),
    };
  }

  #shift({ shift, place }) {
    return { codes: shift, amounts: (side) => this.masks.map(place, side) };
  }

  #masksOf(movements, side) {
    const largest = (amount) => this.masks.largest(movements, side, movements.map(amount));
    const toned = movements.some(({ presence, release, tone }) => presence * release * tone);
    return {
      presence: largest(({ presence }) => presence),
      release: largest(({ presence, release }) => presence * release),
      tone: toned ? largest(({ presence, release, tone }) => presence * release * tone) : null,
    };
  }

  /** P (X' u' / u - X), in the place of X': what shifts of the style codes above F change at 64x64. */
  #fineChange(codes, base, moved, presence, movements) {
    const { data: weight } = this.tensors.get("scales.weight");
    const { data: bias } = this.tensors.get("scales.bias");
    const latent = codes.length / 16;
    const own = linear(weight, codes.subarray(NEXT * latent, (NEXT + 1) * latent)).map((value, at) => value + bias[at]);
    const added = movements.map(({ shift, place }) => ({
      scales: linear(weight, shift[NEXT]),
      mask: this.masks.mask(place, 64),
    }));
    const area = presence.length;
    for (let at = 0; at < moved.length; at++) {
      const place = at % area;
      if (!presence[place]) {
        moved[at] = 0;
        continue;
      }
      const channel = Math.floor(at / area);
      let scale = own[channel];
      for (const { scales, mask } of added) scale += mask[place] * scales[channel];
      moved[at] = presence[place] * ((moved[at] * scale) / own[channel] - base[at]);
    }
    return moved;
  }

  #paint(face, movements) {
    const painting = movements.filter(({ paints }) => paints.length);
    if (!painting.length) return face;
    const { regions: names, sharpness } = this.constants;
    const { data: weight } = this.tensors.get("regions.weight");
    const found = regions(face.at64, weight, this.tensors.get("regions.bias").data, sharpness);
    const change = new Float32Array(face.at64.length);
    for (const { paints, presence } of painting) {
      for (const { tint, region, place } of paints) {
        const where = found[names.indexOf(region)];
        const mask = this.masks.mask(place, 64);
        tint.forEach((value, channel) => {
          const start = channel * where.length;
          for (let at = 0; at < where.length; at++) change[start + at] += value * presence * where[at] * mask[at];
        });
      }
    }
    const at64 = sum(face.at64, change);
    return new Features(face.codes, face.at16, face.at32, at64, face.detail ? add(change, face.detail) : change);
  }

  async #warp(face, movements) {
    const moved = (features) => features && warp(features, movements, this.masks, this.constants);
    const [at16, at32, detail] = [face.at16, face.at32, face.detail].map(moved);
    const base = await this.pipeline.synthesize64(face.codes, at32);
    return new Features(face.codes, at16, at32, detail ? add(base, detail) : base, detail);
  }
}
