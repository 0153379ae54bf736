/** Marks on pictures that leave the page: what they are, for people and for machines. */

import { crc32OfBytes } from "../core/checksums.js";

const SIGNATURE_BYTES = 8;
const HEADER_CHUNK_BYTES = 25;
// IPTC's vocabulary: a picture that a trained model composed, here of what a file says of a photo.
const SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia";

const xmp = () =>
  `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">` +
  `<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" ` +
  `Iptc4xmpExt:DigitalSourceType="${SOURCE_TYPE}"/></rdf:RDF></x:xmpmeta>`;

/**
 * A PNG with a comment and IPTC's digital source type in XMP.
 * @param {Uint8Array} png
 * @param {string} note one sentence, Latin-1
 */
export function withNote(png, note) {
  const latin1 = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const chunks = [
    chunk("tEXt", latin1(`Comment\0${note}`)),
    chunk("iTXt", latin1(`XML:com.adobe.xmp\0\0\0\0\0${xmp()}`)),
  ];
  const at = SIGNATURE_BYTES + HEADER_CHUNK_BYTES;
  const size = chunks.reduce((total, { length }) => total + length, png.length);
  const marked = new Uint8Array(size);
  marked.set(png.subarray(0, at));
  let end = at;
  for (const part of chunks) {
    marked.set(part, end);
    end += part.length;
  }
  marked.set(png.subarray(at), end);
  return marked;
}

function chunk(type, data) {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32OfBytes(bytes.subarray(4, 8 + data.length)));
  return bytes;
}
