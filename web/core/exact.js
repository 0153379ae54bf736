/**
 * Layers whose inference is integer arithmetic, so that every decoder agrees with every encoder.
 *
 * Weights lie on the 2^-12 grid, activations on the 2^-8 grid; all sums stay far below 2^53 in those units, so that
 * float64, which JavaScript's numbers are, carries them exactly in any order.
 */

const ACTIVATION_LIMIT = 512;
const WEIGHT_LIMIT = 8;

/** Round half up to multiples of 2^-bits and clamp. */
export function toGrid(value, bits = 8, limit = ACTIVATION_LIMIT) {
  const scale = 2 ** bits;
  return Math.min(Math.max(Math.floor(value * scale + 0.5) / scale, -limit), limit);
}

/** Weights and biases of a layer, brought onto their grids. */
export class ExactLayer {
  /**
   * @param {Float32Array | Float64Array} weight `(outputs, inputs, 3, 3)` or `(outputs, inputs)`
   * @param {Float32Array | Float64Array} bias `(outputs,)`
   */
  constructor(weight, bias) {
    this.outputs = bias.length;
    this.weight = new Float32Array(weight.length); // 16 bits: single precision holds each as it is
    for (let at = 0; at < weight.length; at++) this.weight[at] = toGrid(weight[at], 12, WEIGHT_LIMIT);
    this.bias = Float64Array.from(bias, (value) => toGrid(value, 12));
  }

  /** Fully connected: `(inputs,)` to `(outputs,)`. */
  linear(input) {
    const output = new Float64Array(this.outputs);
    for (let o = 0; o < this.outputs; o++) {
      let sum = this.bias[o];
      const row = o * input.length;
      for (let i = 0; i < input.length; i++) sum += input[i] * this.weight[row + i];
      output[o] = toGrid(sum);
    }
    return output;
  }

  /**
   * 3x3 convolution with a border of zeros: maps `(inputs, size, size)` to `(outputs, size, size)`.
   * @param {Float64Array} input
   * @param {number} size
   */
  convolve(input, size) {
    const area = size * size;
    const inputs = input.length / area;
    const wide = size + 2;
    const padded = new Float64Array(inputs * wide * wide);
    for (let c = 0; c < inputs; c++) {
      for (let y = 0; y < size; y++) {
        padded.set(input.subarray(c * area + y * size, c * area + (y + 1) * size), (c * wide + y + 1) * wide + 1);
      }
    }
    const output = new Float64Array(this.outputs * area);
    for (let o = 0; o < this.outputs; o++) {
      const sums = output.subarray(o * area, (o + 1) * area).fill(this.bias[o]);
      for (let c = 0; c < inputs; c++) {
        const w = this.weight.subarray((o * inputs + c) * 9, (o * inputs + c) * 9 + 9);
        for (let y = 0; y < size; y++) {
          let above = (c * wide + y) * wide;
          let row = above + wide;
          let below = row + wide;
          for (let at = y * size; at < (y + 1) * size; at++, above++, row++, below++) {
            sums[at] +=
              w[0] * padded[above] + w[1] * padded[above + 1] + w[2] * padded[above + 2] +
              w[3] * padded[row] + w[4] * padded[row + 1] + w[5] * padded[row + 2] +
              w[6] * padded[below] + w[7] * padded[below + 1] + w[8] * padded[below + 2];
          }
        }
      }
      for (let at = 0; at < area; at++) sums[at] = toGrid(sums[at]);
    }
    return output;
  }
}

/** In place: negative values to 0. */
export function relu(values) {
  for (let i = 0; i < values.length; i++) if (values[i] < 0) values[i] = 0;
  return values;
}

/**
 * round(2^(i/256) 2^20) for i = 0 to 255, which `exp2` takes its fractions from. They are computed from square roots,
 * which IEEE 754 rounds correctly everywhere, as it does not `2 ** x`; a test compares them with Python's integers.
 */
const FRACTIONS = (() => {
  const roots = [2]; // 2^(1/1), 2^(1/2), 2^(1/4) ...
  for (let i = 0; i < 8; i++) roots.push(Math.sqrt(roots[i]));
  return Float64Array.from({ length: 256 }, (_, index) => {
    let power = 1;
    for (let bit = 0; bit < 8; bit++) if (index & (128 >> bit)) power *= roots[bit + 1];
    return Math.round(power * 2 ** 20);
  });
})();

/** 2^x for x on the activation grid, the same float64 bits everywhere. */
export function exp2(exponent) {
  const index = Math.floor(exponent * 256 + 0.5);
  const whole = Math.floor(index / 256);
  return FRACTIONS[index - 256 * whole] * 2 ** (whole - 20); // a power of two with an integer exponent is exact
}

export { FRACTIONS };
