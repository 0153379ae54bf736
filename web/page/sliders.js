/** Sliders of all directions, as plain range inputs. */

const MARGIN = 0.1; // share of its tested range by which a slider goes further, on each side

/**
 * @param {HTMLElement} place is filled
 * @param {{name: string, label: string, range: [number, number]}[]} directions
 * @param {{prepare: (name: string) => void, moved: (strengths: Record<string, number>) => void,
 *     released: () => void}} told
 */
export function sliders(place, directions, { prepare, moved, released }) {
  const inputs = new Map();
  const outputs = new Map();
  const written = (value) => (value > 0 ? "+" : "") + value.toFixed(2);

  function strengths() {
    return Object.fromEntries([...inputs].map(([name, { value }]) => [name, Number(value)]).filter(([, value]) => value));
  }

  for (const { name, label, range } of directions) {
    const input = document.createElement("input");
    const [low, high] = range.map((end) => Math.round(end * (1 + MARGIN) * 100) / 100);
    Object.assign(input, { type: "range", min: low, max: high, step: 0.01, value: 0, id: `direction-${name}` });
    const title = document.createElement("label");
    title.htmlFor = input.id;
    const output = document.createElement("output");
    output.textContent = written(0);
    title.append(label, " ", output);
    for (const event of ["pointerenter", "focus"]) input.addEventListener(event, () => prepare(name));
    input.addEventListener("input", () => {
      output.textContent = written(Number(input.value));
      moved(strengths());
    });
    input.addEventListener("pointerup", released);
    input.addEventListener("dblclick", () => {
      input.value = 0;
      input.dispatchEvent(new Event("input"));
    });
    inputs.set(name, input);
    outputs.set(name, output);
    place.append(title, input);
  }

  return {
    strengths,
    /** Move all sliders, without a word. */
    set(values) {
      for (const [name, input] of inputs) {
        input.value = values[name] ?? 0;
        outputs.get(name).textContent = written(Number(input.value));
      }
    },
  };
}
