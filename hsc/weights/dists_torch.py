"""The learned weights of DISTS in the ``dists-pytorch`` package, a file of torch, as a PyTorch state dict."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from hsc.errors import WeightsError


def convert(wheel: Path) -> dict[str, Tensor]:
    """``alpha`` and ``beta`` of :class:`hsc.metrics.dists.DISTS`, read as tensors and nothing else.

    Raises:
        WeightsError: the wheel does not hold them.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read("DISTS_pytorch/weights.pt")
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        return {name: state[name].detach().float().flatten() for name in ("alpha", "beta")}
    except Exception as error:  # torch and pickle fail in many ways on files that are not theirs
        raise WeightsError("The DISTS package does not hold the two vectors.") from error
