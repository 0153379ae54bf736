"""Make the conformance kit anew, on purpose only: ``python -m tests.conformance`` after a model was added.

Faces are the generator's own. Files of models that are frozen are kept: only what is missing is encoded, and what a
decoder is to give is written by the reference, PyTorch's modules.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import hsc
from hsc import bitstream
from hsc.bitstream import BitstreamWriter
from hsc.bitstream.container import _crc8, _crc16
from hsc.bitstream.range_coder import MAX_SYMBOL
from hsc.conformance.protocol import answer
from hsc.encoder.latents import analyse
from hsc.encoder.quantisation import QuantisedLatents, quantise, write
from hsc.generator import sample_codes
from hsc.inference.torch_engine import TorchEngine
from hsc.model_ids import DETAILED_MODEL_ID, MODEL_ID

FOLDER = Path(__file__).parent / "kit"
GOLDEN = FOLDER.parents[1] / "golden"
TOLERANCE = 2e-3
"""Largest difference of a value of S^, F^ or detail, relative to the largest value of the reference."""
DECIBELS = 38
"""Of pictures of 256 pixels to the references, which are stored as WebP and themselves about 45 dB away."""


def face(codec: hsc.Codec, seed: int):
    codes = sample_codes(codec.generator, 1, torch.Generator().manual_seed(seed), mixing=0)
    return codec.render(codec.semantics(codes))


def sound_files(codec: hsc.Codec) -> dict[str, bytes]:
    """Files that decode, by name."""
    files = {
        f"golden-{name}": (GOLDEN / f"{name}.hsc").read_bytes() for name in ("short", "middle", "long", "detailed")
    }
    files["empty"] = b""
    context = codec.encoder_context
    made = parts(codec, files["golden-detailed"])
    for layers in range(16):
        files[f"layers-{layers:02}"] = write(context, made, layers)
    latents = analyse(codec.networks, *codec.invert(face(codec, 21)))
    for quality in (0, 255):
        files[f"quality-{quality}"] = write(context, quantise(context, latents, quality))
    detailed = replace(latents, detail=torch.randn(1, 32, 32, 32, generator=torch.Generator().manual_seed(3)) * 0.3)
    files["quality-255-detail"] = write(context, quantise(context, detailed, 255))
    for name, places in (("escapes-s", (0,)), ("escapes-f", (1, 5, 9, 12)), ("escapes-detail", (13, 14))):
        files[name] = escaped(codec, files["golden-detailed"], places)
    main = files["golden-middle"]
    files["edits"] = bitstream.append_edits(main, [(1, 0.75), (2, -1.5)])
    files["edits-extreme"] = bitstream.append_edits(main, [(1, -8.0), (9, 7.999755859375), (200, 1 / 4096)])
    return files


def parts(codec: hsc.Codec, data: bytes) -> QuantisedLatents:
    """The symbols of a file, as the encoder had them."""
    symbols = [values.ravel().astype(np.int32) for values in codec.parse(data).symbols]
    return requantised(codec, symbols, bitstream.BitstreamReader(data).quality)


def requantised(codec: hsc.Codec, symbols: list[np.ndarray], quality: int) -> QuantisedLatents:
    """Symbols with the tables that a decoder will read them by."""
    state = codec.encoder_context.layer_state(quality)
    indexes = [state.semantic_tables]
    state.take_semantics(symbols[0])
    for own in symbols[1:]:
        if state.level_complete:
            state.next_level()
        indexes.append(state.predict())
        state.take(own)
    return QuantisedLatents(quality, symbols, indexes, [], state)


def escaped(codec: hsc.Codec, data: bytes, places: tuple[int, ...]) -> bytes:
    """A file some of whose symbols lie far outside of their tables, up to the largest that there are."""
    symbols = [values.ravel().astype(np.int32) for values in codec.parse(data).symbols]
    random = np.random.default_rng(sum(places))
    for place in places:
        where = random.choice(symbols[place].size, 6, replace=False)
        symbols[place][where] = [MAX_SYMBOL, -MAX_SYMBOL, 1500, -1500, 70, -70]
    made = requantised(codec, symbols, bitstream.BitstreamReader(data).quality)
    return write(codec.encoder_context, made)


def damaged_files(good: dict[str, bytes]) -> dict[str, bytes]:
    """Files that must be refused, by name: one for each kind of damage."""
    short, detailed, edited = good["golden-short"], good["golden-detailed"], good["edits"]
    main = good["golden-middle"]

    def flipped(data: bytes, place: int, bits: int = 1) -> bytes:
        return data[:place] + bytes([data[place] ^ bits]) + data[place + 1 :]

    def resealed(data: bytes, header: bytes, length: int | None = None) -> bytes:
        """A file with another header, whose checks are right."""
        header = header[:7] + (len(data) if length is None else length).to_bytes(2, "big")
        body = header + bytes([_crc8(header)]) + data[10:-2]
        return body + _crc16(body).to_bytes(2, "big")

    fifteen = bytearray(good["golden-detailed"][:9])
    fifteen[4:6] = MODEL_ID.to_bytes(2, "big")
    version = bytearray(short[:9])
    version[3] = 0x2D
    more = bytearray(good["layers-00"][:9])
    no_layer = good["layers-00"]
    fewer = bytearray(short[:9])
    fewer[3] = 0x13
    return {
        "damaged-magic": flipped(short, 1),
        "damaged-picture": b"\x89PNG\r\n\x1a\n" + bytes(50),
        "damaged-header": flipped(short, 6),
        "damaged-header-of-a-prefix": flipped(short, 8)[:40],
        "damaged-version": resealed(short, bytes(version)),
        "damaged-version-of-a-prefix": b"HSC\x2d",
        "damaged-length": resealed(no_layer, bytes(more), 11)[:12],
        "damaged-checksum": flipped(short, len(short) - 1),
        "damaged-stream": flipped(short, 60, 0x40),
        "damaged-first-layer-of-a-prefix": flipped(detailed, 40, 8)[:-1],
        "damaged-later-layer-of-a-prefix": flipped(detailed, 600, 16)[:-1],
        "damaged-detail-of-a-prefix": flipped(detailed, 1200, 16)[:-1],
        "damaged-unused-bytes": resealed(short[:-2] + b"\x55\x55\x55" + short[-2:], short[:9]),
        "damaged-layers-left-out": resealed(short, bytes(fewer)),
        "damaged-no-layer-but-bytes": resealed(no_layer[:10] + b"\1\2\3" + no_layer[10:], no_layer[:9]),
        "damaged-longer-than-it-says": main + b"x",
        "damaged-edits": flipped(edited, len(main) + 3),
        "damaged-edits-cut": edited[:-3],
        "damaged-edits-none": main + b"\0" + bytes([_crc8(b"\0")]),
        "foreign-model-3": (GOLDEN / "older.hsc").read_bytes(),
        "foreign-model-65535": BitstreamWriter(65535, 0).finish(),
        "foreign-detail-in-model-9": resealed(detailed, bytes(fifteen)),
    }


def main() -> None:
    codec = hsc.Codec.load(device="cpu")
    reference = hsc.Codec.load(device="cpu")
    reference.__dict__["engine"] = TorchEngine(codec.generator, codec.networks, codec.preview)
    made = sound_files(codec)
    kit: dict = {"format": 1, "tolerance": TOLERANCE, "decibels": DECIBELS, "files": {}}
    made |= damaged_files(made)
    for name, data in made.items():
        path = FOLDER / f"{name}.hsc"
        if not path.exists():
            path.write_bytes(data)
        request = {"file": str(path)}
        told = answer(reference, {**request, "do": "symbols"})
        kit["files"][path.name] = told
        if "error" in told:
            continue
        if told["edits"]:
            told["main"] = bitstream.BitstreamReader(data).length
        if name.startswith("escapes"):  # no face comes of such numbers, and no tolerance holds for them
            continue
        told["features"] = answer(reference, {**request, "do": "features"})
        if name in ("empty", "layers-01", "layers-05", "layers-10", "golden-short", "golden-long", "golden-detailed"):
            told["picture"] = f"{name}.webp"
            picture = reference.render(reference.parse(data), 256)
            picture.save(FOLDER / told["picture"], quality=92, method=6)
        print(name, len(data), "bytes", len(told["ends"]), "layers")
    assert made["golden-long"][4:6] == MODEL_ID.to_bytes(2, "big")
    assert made["golden-detailed"][4:6] == DETAILED_MODEL_ID.to_bytes(2, "big")
    text = json.dumps(kit, separators=(",", ":")).replace('"damaged', '\n"damaged')
    (FOLDER / "kit.json").write_text(text.replace('{"model"', '\n{"model"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
