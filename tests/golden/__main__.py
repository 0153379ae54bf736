"""Renew the golden files, on purpose only: ``python -m tests.golden`` after the model has changed.

Each ``.hsc`` is a synthetic face; the ``.npz`` beside it holds the symbols of every layer as they must decode.
``long`` has all layers of a file without detail. Nothing writes ``older.hsc`` anew: it is of model 3, which must be
refused by its name.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import hsc
from hsc.generator import sample_codes

FOLDER = Path(__file__).parent
FILES = {
    "short": (11, {"max_bytes": 400}),
    "middle": (12, {"max_bytes": 1000}),
    "long": (13, {"quality": 140, "refine": 0}),
    "detailed": (14, {"quality": 110}),
}


def main() -> None:
    codec = hsc.Codec.load(device="cpu")
    for name, (seed, rate) in FILES.items():
        codes = sample_codes(codec.generator, 1, torch.Generator().manual_seed(seed), mixing=0)
        face = codec.render(codec.semantics(codes))
        data = codec.encode(face, **rate)
        (FOLDER / f"{name}.hsc").write_bytes(data)
        semantics = codec.parse(data)
        symbols = {layer.name: values.astype(np.int16) for layer, values in zip(semantics.layers, semantics.symbols)}
        np.savez_compressed(FOLDER / f"{name}.npz", **symbols)
        print(name, len(data), "bytes")


if __name__ == "__main__":
    main()
