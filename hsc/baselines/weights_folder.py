"""Weights that users bring: where they lie, and reading them without unpickling."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from hsc import weights
from hsc.errors import WeightsError


def weights_folder() -> Path:
    """Where users put weights of learned codecs: ``$HSC_BASELINES``, or ``baselines`` in the cache of hsc."""
    given = os.environ.get("HSC_BASELINES")
    if given:
        return Path(given)
    return weights.cache_dir() / "baselines"


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name from a safetensors file or a torch file, never unpickling anything else.

    Raises:
        WeightsError: the file is missing, damaged or holds other things than tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch, pickle and safetensors fail in many ways on files that are not theirs
        raise WeightsError(f"{path.name} is missing, damaged, or holds other things than tensors.") from error
    for name in ("state_dict", "model_state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(name), dict):
            state = state[name]
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path.name} does not hold the weights of a network.")
    return {name.removeprefix("module."): value for name, value in state.items()}
