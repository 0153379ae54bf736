/** A QR code of a link, by the library lean-qr, which is loaded when the first is asked for. */

/** Files of more bytes make codes that phones hardly read. */
export const MOST_BYTES = 1100;

/** @param {HTMLCanvasElement} canvas */
export async function drawCode(canvas, text) {
  const { correction, generate } = await import("./vendor/lean-qr.mjs");
  const code = generate(text, { maxCorrectionLevel: correction.L });
  code.toCanvas(canvas, { pad: 4 }); // a pixel for each module; style sheets enlarge it
}
