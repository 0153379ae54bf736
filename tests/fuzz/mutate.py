"""Files mutated as an attacker would: damaged anywhere, with every checksum right again."""

from __future__ import annotations

import struct
import zlib
from binascii import crc_hqx

import numpy as np

_HEADER = 10


def crc8(data: bytes) -> int:
    """CRC-8/SMBUS, as FORMAT.md has it."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ (0x107 if crc & 0x80 else 0)
    return crc


def damaged(data: bytes, rng: np.random.Generator, most: int = 8) -> bytes:
    """Some bytes changed, cut out, doubled or put in."""
    found = bytearray(data)
    for _ in range(int(rng.integers(1, most + 1))):
        at = int(rng.integers(0, max(1, len(found))))
        size = int(rng.integers(1, 17))
        kind = int(rng.integers(0, 6))
        if kind == 0 and found:
            found[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            found[at : at + size] = rng.bytes(size)
        elif kind == 2:
            del found[at : at + size]
        elif kind == 3:
            found[at:at] = rng.bytes(size)
        elif kind == 4:
            found[at : at + size] = bytes([int(rng.choice([0, 1, 127, 128, 255]))]) * size
        else:
            found[at:at] = found[at : at + size * 4]
    return bytes(found)


def container(data: bytes, rng: np.random.Generator) -> bytes:
    """An HSC file, damaged or with other numbers in its header, with length and checksums that fit."""
    found = bytearray(damaged(data, rng, 4) if rng.random() < 0.8 else data)
    found[: len(found)] = bytes(found[:60_000])
    if len(found) < _HEADER + 2:
        found += bytes(_HEADER + 2 - len(found))
    if rng.random() < 0.9:
        found[0:3], found[3] = b"HSC", 1 << 4 | int(rng.integers(0, 16) if rng.random() < 0.3 else found[3] & 15)
    if rng.random() < 0.8:
        found[4:6] = struct.pack(">H", int(rng.choice([9, 10])))
    if rng.random() < 0.3:
        found[6] = int(rng.integers(0, 256))
    length = len(found)
    if rng.random() < 0.1:
        length = int(rng.integers(0, 65536))
    found[7:9] = struct.pack(">H", length)
    found[9] = crc8(found[:9])
    if length <= len(found):
        found[length - 2 : length] = struct.pack(">H", crc_hqx(bytes(found[: length - 2]), 0xFFFF))
    if rng.random() < 0.2:
        count = int(rng.integers(0, 256)) if rng.random() < 0.1 else int(rng.integers(0, 6))
        chunk = bytes([count]) + rng.bytes(3 * count)
        found += chunk + bytes([crc8(chunk)])
    if rng.random() < 0.1:
        del found[int(rng.integers(0, len(found))) :]
    return bytes(found)


def repaired(data: bytes) -> bytes:
    """Any bytes as an HSC file of model 9 or 10 whose magic, version, length and checksums are right; no edits."""
    found = bytearray(data[:60_000].ljust(_HEADER + 2, b"\0"))
    found[0:3], found[3], found[4:6] = b"HSC", 1 << 4 | found[3] & 15, struct.pack(">H", 9 + (found[5] & 1))
    found[7:9] = struct.pack(">H", len(found))
    found[9] = crc8(found[:9])
    found[-2:] = struct.pack(">H", crc_hqx(bytes(found[:-2]), 0xFFFF))
    return bytes(found)


def picture(data: bytes, rng: np.random.Generator) -> bytes:
    """A picture file, damaged; the checksums of a PNG's chunks are right again."""
    found = damaged(data, rng, 12)
    if rng.random() < 0.3 and len(found) > 64:  # sizes stand near the beginning, and are large numbers by choice
        head = bytearray(found)
        at = int(rng.integers(4, 60))
        large = struct.pack(rng.choice(["<I", ">I", "<H", ">H"]), int(rng.choice([1, 255, 6000, 40_000, 65_535])))
        head[at : at + len(large)] = large
        found = bytes(head)
    return png(found) if found.startswith(b"\x89PNG\r\n\x1a\n") else found


def png(data: bytes) -> bytes:
    """A PNG with the CRC of every chunk put right."""
    found, at = bytearray(data), 8
    while at + 12 <= len(found):
        (size,) = struct.unpack_from(">I", found, at)
        end = at + 8 + size
        if end + 4 > len(found):
            break
        struct.pack_into(">I", found, end, zlib.crc32(found[at + 4 : end]))
        at = end + 4
    return bytes(found)
