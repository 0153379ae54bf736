/** Arithmetic of feature maps for edits. A map is a Float32Array `(channels, side, side)`. */

import { halfToEven } from "./rounding.js";

const CHANNELS = 512;
const TINY = 1.1754944e-38;

export const sideOf = (features) => Math.round(Math.sqrt(features.length / CHANNELS));

/** How much larger each channel of F^ is than the generator's own. */
export function channelGain(feature, base, [least, most]) {
  const area = feature.length / CHANNELS;
  return Float32Array.from({ length: CHANNELS }, (_, channel) => {
    let own = 0;
    let other = 0;
    for (let at = channel * area; at < (channel + 1) * area; at++) {
      own += feature[at] * feature[at];
      other += base[at] * base[at];
    }
    return Math.min(Math.max(Math.sqrt(own / area) / Math.max(Math.sqrt(other / area), TINY), least), most);
  });
}

/** How far from the mean latent S^ is taken for the movement: 1 where it makes F^ by itself. */
export function truncation(feature, base, { truncation: least, gains }) {
  const gain = channelGain(feature, base, gains);
  const area = feature.length / CHANNELS;
  let unsaid = 0;
  let whole = 0;
  for (let at = 0; at < feature.length; at++) {
    unsaid += (feature[at] - gain[Math.floor(at / area)] * base[at]) ** 2;
    whole += feature[at] ** 2;
  }
  return 1 - (1 - least) * Math.min(unsaid / Math.max(whole, TINY), 1);
}

/**
 * F' = F^ + P g (B' - B) - Q R + T blur(R), with R = F^ - g B.
 * @param {{presence: Float32Array, release: Float32Array, tone: Float32Array | null}} masks P, Q and T
 */
export function moveFeature(feature, base, moved, masks, { gains, blur }) {
  const { presence, release, tone } = masks;
  const gain = channelGain(feature, base, gains);
  const side = sideOf(feature);
  const area = side * side;
  const result = new Float32Array(feature.length);
  const residual = new Float32Array(area);
  const smooth = tone ? blurring(side, blur) : null;
  for (let channel = 0; channel < CHANNELS; channel++) {
    const start = channel * area;
    const g = gain[channel];
    for (let at = 0; at < area; at++) residual[at] = feature[start + at] - g * base[start + at];
    const smoothed = smooth?.(residual);
    for (let at = 0; at < area; at++) {
      const all = start + at;
      let value = feature[all] + presence[at] * g * (moved[all] - base[all]) - release[at] * residual[at];
      if (smoothed) value += tone[at] * smoothed[at];
      result[all] = value;
    }
  }
  return result;
}

/** A Gaussian blur of one channel, edges repeated; what it gives is overwritten by the next. */
function blurring(side, share) {
  const deviation = share * side;
  const reach = halfToEven(3 * deviation);
  const kernel = Float64Array.from({ length: 2 * reach + 1 }, (_, at) => Math.exp(-(((at - reach) / deviation) ** 2) / 2));
  const total = kernel.reduce((sum, value) => sum + value, 0);
  for (let at = 0; at < kernel.length; at++) kernel[at] /= total;
  const line = new Float32Array(side + 2 * reach);
  const [across, result] = [new Float32Array(side * side), new Float32Array(side * side)];

  function pass(from, to, step, next) {
    for (let row = 0; row < side; row++) {
      const start = row * next;
      for (let at = 0; at < line.length; at++) line[at] = from[start + step * Math.min(Math.max(at - reach, 0), side - 1)];
      for (let at = 0; at < side; at++) {
        let sum = 0;
        for (let tap = 0; tap < kernel.length; tap++) sum += kernel[tap] * line[at + tap];
        to[start + step * at] = sum;
      }
    }
  }

  return (channel) => {
    pass(channel, across, 1, side);
    pass(across, result, side, 1);
    return result;
  };
}

/** In place: features times 1 - mask at each place. */
export function fade(features, mask) {
  const area = mask.length;
  for (let start = 0; start < features.length; start += area) {
    for (let at = 0; at < area; at++) features[start + at] *= 1 - mask[at];
  }
  return features;
}

/** A fully connected layer without bias: `weight` is `(outputs, inputs)`. */
export function linear(weight, input) {
  const outputs = weight.length / input.length;
  const result = new Float32Array(outputs);
  for (let o = 0; o < outputs; o++) {
    let sum = 0;
    for (let i = 0; i < input.length; i++) sum += weight[o * input.length + i] * input[i];
    result[o] = sum;
  }
  return result;
}

/**
 * Where lips, lids, skin and hair are: for each region a soft mask, 0 to 1.
 * @param {Float32Array} features at 64x64
 */
export function regions(features, weight, bias, sharpness) {
  const area = features.length / CHANNELS;
  const found = Array.from(bias, (value) => new Float32Array(area).fill(value));
  const size = new Float32Array(area);
  for (let channel = 0; channel < CHANNELS; channel++) {
    for (let at = 0; at < area; at++) size[at] += features[channel * area + at] ** 2;
  }
  for (let at = 0; at < area; at++) size[at] = 1 / Math.sqrt(size[at] / CHANNELS + 1e-6);
  found.forEach((mask, region) => {
    const sums = new Float64Array(area);
    for (let channel = 0; channel < CHANNELS; channel++) {
      const w = weight[region * CHANNELS + channel];
      for (let at = 0; at < area; at++) sums[at] += w * features[channel * area + at];
    }
    for (let at = 0; at < area; at++) mask[at] = 1 / (1 + Math.exp(-sharpness * (sums[at] * size[at] + mask[at])));
  });
  return found;
}
