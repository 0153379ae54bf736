/** Turns of the head and drags: features move to other places. EDITS.md, "Turns and drags". */

import { sideOf } from "./features.js";

/** Whether any movement turns or drags. */
export const warps = (movements) =>
  movements.some(({ turn, drags }) => turn.some(Boolean) || drags.some(({ by }) => by.some(Boolean)));

/**
 * Features moved by all turns and drags, bicubic, edges repeated.
 * @param {Float32Array} features `(channels, side, side)`
 * @param {import("./movement.js").Movement[]} movements
 * @param {import("./movement.js").Masks} masks
 * @param {object} constants `edits` of the manifest
 */
export function warp(features, movements, masks, constants) {
  const side = sideOf(features);
  const area = side * side;
  const { neighbours, weights } = taps(displacement(side, movements, masks, constants), side, constants.cubic);
  const result = new Float32Array(features.length);
  for (let start = 0; start < features.length; start += area) {
    for (let at = 0; at < area; at++) {
      let sum = 0;
      for (let tap = 16 * at; tap < 16 * at + 16; tap++) sum += weights[tap] * features[start + neighbours[tap]];
      result[start + at] = sum;
    }
  }
  return result;
}

/** How far to the left and above each place was before, as fractions of the side. */
function displacement(side, movements, masks, { head, roundness, rim, pivot, around }) {
  const radians = (axis) => (movements.reduce((sum, { turn }) => sum + turn[axis], 0) * Math.PI) / 180;
  const [yaw, pitch] = [radians(0), radians(1)];
  const across = new Float64Array(side * side);
  const down = new Float64Array(side * side);
  for (let at = 0; at < across.length; at++) {
    const x = ((at % side) + 0.5) / side - head.column;
    const y = (Math.floor(at / side) + 0.5) / side - head.row;
    const squared = (x / head.width) ** 2 + (y / head.height) ** 2;
    const inside = Math.max(1 - squared, 0);
    const front = head.depth * (inside ** roundness - pivot * Math.max(1 - squared / around ** 2, 0));
    const narrowed = inside ** rim;
    across[at] = front * Math.sin(yaw) + narrowed * x * (1 - Math.cos(yaw));
    down[at] = -front * Math.sin(pitch) + narrowed * y * (1 - Math.cos(pitch));
  }
  for (const { place, by } of movements.flatMap(({ drags }) => drags)) {
    const mask = masks.mask(place, side);
    for (let at = 0; at < across.length; at++) {
      across[at] += mask[at] * by[0];
      down[at] += mask[at] * by[1];
    }
  }
  return { across, down };
}

/** For each place, the sixteen places that it is made of, and how much of each. */
function taps({ across, down }, side, cubic) {
  const neighbours = new Int32Array(16 * side * side);
  const weights = new Float64Array(16 * side * side);
  const held = (at) => Math.min(Math.max(at, 0), side - 1);
  for (let at = 0; at < side * side; at++) {
    const column = (at % side) - across[at] * side;
    const row = Math.floor(at / side) - down[at] * side;
    const [left, top] = [Math.floor(column), Math.floor(row)];
    const [shares, lines] = [kernel(column - left, cubic), kernel(row - top, cubic)];
    for (let tap = 0; tap < 16; tap++) {
      neighbours[16 * at + tap] = held(top - 1 + (tap >> 2)) * side + held(left - 1 + (tap & 3));
      weights[16 * at + tap] = lines[tap >> 2] * shares[tap & 3];
    }
  }
  return { neighbours, weights };
}

/** Weights of the four neighbours of a place that is `t` beyond the second. */
function kernel(t, a) {
  const near = (x) => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x) => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}
