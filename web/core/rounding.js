/** Rounds halves to the even neighbour as Python does, so that both write the same bytes. */
export function halfToEven(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}
