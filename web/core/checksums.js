/** The three checksums of a `.hsc` file. */

/** CRC-8/SMBUS: polynomial 0x07, initial value 0, not reflected. */
export function crc8(bytes) {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x80 ? 0x107 : 0);
  }
  return crc;
}

/** CRC-16/IBM-3740: polynomial 0x1021, initial value 0xFFFF, not reflected. */
export function crc16(bytes) {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc;
}

const CRC32_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 (zlib's) of bytes. */
export function crc32OfBytes(bytes) {
  let crc = ~0;
  for (const byte of bytes) crc = CRC32_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/**
 * CRC-32 (zlib's) of integers as big-endian 32-bit two's complement, continued from that of the integers before.
 * @param {Int32Array} symbols
 * @param {number} previous 0 at the start
 */
export function crc32(symbols, previous) {
  let crc = ~previous;
  for (const symbol of symbols) {
    for (let shift = 24; shift >= 0; shift -= 8) {
      crc = CRC32_TABLE[(crc ^ (symbol >>> shift)) & 0xff] ^ (crc >>> 8);
    }
  }
  return ~crc >>> 0;
}
