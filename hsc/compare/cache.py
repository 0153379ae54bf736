"""Results on disk: an interrupted benchmark goes on where it was."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from hsc.baselines import ImageCodec
from hsc.compare.result import Result, name_of
from hsc.runtime import atomic

FORMAT = 1
"""Part of every entry's name: raise it when entries change."""

Measured = tuple[Result, np.ndarray, np.ndarray]
"""A result with its file, and the features of the original and of the restored picture."""


def read(path: Path | None, codec: ImageCodec, picture: str) -> Measured | None:
    """What was measured before; a damaged or unreadable entry counts as none."""
    if path is None:
        return None
    try:
        entry = json.loads(path.read_text())
        row = {
            **entry["result"],
            "picture": picture,
            "codec": codec.key,
            "name": name_of(codec),
            "kind": codec.kind,
        }
        original, restored = (
            np.frombuffer(base64.b64decode(entry[key]), np.float32) for key in ("original", "restored")
        )
        return Result(**row, data=base64.b64decode(entry["data"])), original, restored
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(path: Path | None, measured: Measured) -> None:
    """Keep a result; failures are not kept, since the next run may fare better."""
    result, original, restored = measured
    if path is None or result.reason is not None:
        return
    row = {key: value for key, value in asdict(result).items() if key not in ("restored", "data", "picture")}
    entry = {
        "result": row,
        "data": base64.b64encode(result.data or b"").decode(),
        "original": base64.b64encode(original.astype(np.float32).tobytes()).decode(),
        "restored": base64.b64encode(restored.astype(np.float32).tobytes()).decode(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, json.dumps(entry), durable=False)  # complete or not at all, also with two processes
