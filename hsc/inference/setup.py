"""An engine for the weights at hand: where they are read from, and where compiled graphs are kept."""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hsc import weights
from hsc.inference.blob_cache import BlobCache
from hsc.inference.model import DecoderModel, WeightsFiles
from hsc.inference.openvino_engine import OpenVINOEngine
from hsc.runtime import threads


def openvino_engine(model: DecoderModel, paths: Sequence[Path]) -> OpenVINOEngine:
    """An engine with the generator and the preview head of this release, and the cache of compiled graphs.

    Args:
        model: networks behind the symbols.
        paths: of the files they are from, which compiled graphs are known by.

    Raises:
        WeightsError: weights are missing, or the generator cannot be had.
    """
    head, generator = weights.shipped("preview"), weights.generator_path()
    digest = hashlib.sha256()
    for path in (*paths, head):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    key = f"{digest.hexdigest()} {generator.name}"
    return OpenVINOEngine(
        model,
        functools.cache(lambda: _single_precision(generator)),
        functools.cache(lambda: _single_precision(head)),
        _threads(),
        BlobCache(weights.cache_dir() / "graphs"),
        key,
    )


def _single_precision(path: Path) -> Mapping[str, np.ndarray]:
    return WeightsFiles([path])


def _threads() -> int:
    """As many as PyTorch has, where it is loaded, so that a process that computes with one thread keeps to it."""
    torch = sys.modules.get("torch")
    return threads.configure() if torch is None else torch.get_num_threads()
