"""Renew the golden edit, on purpose only: ``python -m tests.directions.golden`` after model or directions changed.

``edited.hsc`` is a golden file of the codec with edits stored in it; ``edited.npz`` holds what it must decode to:
the symbols of every layer, and the edited semantics in half precision.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import directions
import hsc
from hsc import bitstream

FOLDER = Path(__file__).parent
SOURCE = FOLDER.parent / "golden" / "middle.hsc"
EDITS = {"smile": 0.75, "eyeglasses": 1.0, "makeup": -0.5}


def main() -> None:
    codec = hsc.Codec.load(device="cpu")
    data = bitstream.append_edits(SOURCE.read_bytes(), directions.to_ids(EDITS))
    (FOLDER / "edited.hsc").write_bytes(data)
    semantics = codec.parse(data)
    edited = codec.edit(semantics, codec.stored_edits(semantics))
    np.savez_compressed(
        FOLDER / "edited.npz",
        codes=edited.codes.numpy().astype(np.float16),
        feature=edited.features[0].numpy().astype(np.float16),
        **{layer.name: values.astype(np.int16) for layer, values in zip(semantics.layers, semantics.symbols)},
    )
    print(len(data), "bytes")


if __name__ == "__main__":
    main()
