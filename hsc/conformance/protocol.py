"""The line protocol of the conformance kit, as this project's decoder speaks it: a request a line, an answer a line.

Both are JSON objects. ``python -m hsc.conformance.protocol`` answers requests from standard input until it ends.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np

from hsc.codec import Codec
from hsc.errors import HSCError
from hsc.semantics import to_array

SAMPLES = 128
"""Values of an array that are compared."""
STRIDE = 7919
"""A prime: sample k of an array of n values is the one at ``k * 7919 mod n``, in C order."""


def sample(array: np.ndarray) -> list[float]:
    """The values of an array that answers hold."""
    flat = np.asarray(array, np.float64).ravel()
    return [round(float(flat[k * STRIDE % flat.size]), 5) for k in range(SAMPLES)]


def digest(symbols: np.ndarray) -> str:
    """SHA-256 of symbols as big-endian 32-bit integers in two's complement, in the order of the file."""
    return hashlib.sha256(np.ascontiguousarray(symbols, ">i4").tobytes()).hexdigest()


def answer(codec: Codec, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request.

    Requests name a ``file`` and perhaps a ``prefix``, the number of its first bytes to take, and say what to ``do``:

    * ``symbols``: model, quality, edits, ``complete``, and of each received layer its end and digest;
    * ``features``: samples of S^ and of F^ at each level, and of what detail adds, if there is any;
    * ``picture``: write the face, without edits, to the file ``out`` as PNG of ``size`` pixels.
    """
    data = Path(request["file"]).read_bytes()[: request.get("prefix")]
    try:
        if request["do"] == "symbols":
            found = codec.inspect(data)
            return {
                "model": found.model_id,
                "quality": found.quality,
                "complete": found.complete,
                "edits": [list(edit) for edit in found.edits],
                "ends": [layer.end for layer in found.layers],
                "symbols": [digest(symbols) for symbols in found.symbols],
            }
        semantics = codec.parse(data)
        if request["do"] == "picture":
            codec.render(semantics, request["size"]).save(request["out"], format="PNG")
            return {}
        if request["do"] == "features":
            arrays = {"codes": semantics.codes}
            arrays |= {f"features_{value.shape[-1]}": value for value in semantics.features}
            if semantics.detail is not None:
                arrays["detail"] = semantics.detail
            return {name: sample(to_array(value)) for name, value in arrays.items()}
    except HSCError as error:
        return {"error": str(error)}
    return {"unsupported": request["do"]}


def serve(codec: Codec, requests: IO[str], answers: IO[str]) -> None:
    """Answer requests, a line each, until there are no more."""
    for line in requests:
        if line.strip():
            print(json.dumps(answer(codec, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    serve(Codec.load(), sys.stdin, sys.stdout)
