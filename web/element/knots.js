/**
 * Pictures of one slider at some of its strengths, between which pixels are cross-faded: a slider moves at once, however
 * long a picture takes.
 */

const STEP = 0.25;
const MOST = 48; // pictures, a quarter of a megabyte each

export class Knots {
  #of = "";
  #pictures = new Map(); // by strength
  #range = [0, 0];

  /**
   * Begin with a slider, unless it is the one of now.
   * @param {string} of says which face, which slider, and where all others stand: pictures are kept while it stays
   * @param {[number, number]} range ends of the slider
   */
  begin(of, range) {
    if (of === this.#of) return;
    this.clear();
    this.#of = of;
    this.#range = range;
  }

  clear() {
    for (const picture of this.#pictures.values()) picture.close();
    this.#pictures.clear();
    this.#of = "";
  }

  /** Keep a picture; one of another slider is let go. */
  add(of, strength, picture) {
    if (of !== this.#of) {
      picture.close();
      return;
    }
    this.#pictures.get(strength)?.close();
    this.#pictures.set(strength, picture);
    const between = [...this.#pictures.keys()].find((each) => each % STEP && each !== strength);
    if (this.#pictures.size > MOST && between !== undefined) {
      this.#pictures.get(between).close();
      this.#pictures.delete(between);
    }
  }

  /** The strength of the knot to render next, the nearest to `strength` that is missing; null where none is. */
  missing(strength) {
    if (!this.#of) return null;
    const [low, high] = this.#range;
    const all = [low, high];
    for (let at = Math.ceil(low / STEP); at * STEP <= high; at++) all.push(at * STEP);
    const left = all.filter((each) => !this.#pictures.has(each));
    return left.length ? left.reduce((best, each) => (Math.abs(each - strength) < Math.abs(best - strength) ? each : best)) : null;
  }

  /** The pictures on both sides of a strength, and how much of the second there is; null where there is none. */
  around(strength) {
    const known = [...this.#pictures.keys()].sort((first, second) => first - second);
    if (!known.length) return null;
    const below = known.filter((each) => each <= strength).pop() ?? known[0];
    const above = known.find((each) => each >= strength) ?? known[known.length - 1];
    const share = above > below ? (strength - below) / (above - below) : 0;
    return { first: this.#pictures.get(below), second: this.#pictures.get(above), share };
  }
}
