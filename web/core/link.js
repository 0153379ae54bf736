/** A face in a link: `#hsc=` and the file in base64url, edits included. */

const KEY = "hsc";

/** @param {Uint8Array} data */
export function toBase64Url(data) {
  let text = "";
  for (const byte of data) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * @param {string} text
 * @returns {Uint8Array}
 * @throws {RangeError} it is no base64url
 */
export function fromBase64Url(text) {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) throw new RangeError("The link is damaged: it is no base64url.");
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}

/** The address of a page that opens this file. */
export function toLink(page, data) {
  const url = new URL(page);
  url.hash = `${KEY}=${toBase64Url(data)}`;
  return url.href;
}

/**
 * The file that an address holds, or null where it holds none.
 * @throws {RangeError} the link is damaged
 */
export function fromLink(address) {
  const text = new URLSearchParams(new URL(address).hash.slice(1)).get(KEY);
  return text === null ? null : fromBase64Url(text);
}
