"""The networks behind the symbols in PyTorch: for GPUs, for the encoder, and to hold other engines to."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hsc.architecture import DETAIL_LEVEL, LAYERS
from hsc.generator import Generator
from hsc.generator.preview_head import PreviewHead
from hsc.networks.hsc_networks import HSCNetworks


class TorchEngine:
    """Runs PyTorch's modules where they are, on a CPU or a GPU; see :class:`hsc.inference.engine.Engine`."""

    def __init__(self, generator: Generator, networks: HSCNetworks, preview: PreviewHead | None = None) -> None:
        self._generator, self._networks, self._preview = generator, networks, preview

    @torch.no_grad()
    def codes(self, coefficients: np.ndarray) -> np.ndarray:
        """Dequantised coefficients ``(1, 768)`` to S^ ``(1, 16, 512)``."""
        return _array(self._networks.scn.decode(self._tensor(coefficients)))

    def mean_codes(self) -> np.ndarray:
        """The mean latent as style codes ``(1, 16, 512)``."""
        return _array(self._networks.scn.mean.expand(1, LAYERS, -1))

    @torch.no_grad()
    def features(self, codes: np.ndarray, level: int, features: np.ndarray | None = None, start: int = 0) -> np.ndarray:
        """Style codes, or those and features at level ``start``, to features at ``level``."""
        given = None if features is None else self._tensor(features)
        return _array(self._generator.synthesize_features(self._tensor(codes), level, given, start))

    @torch.no_grad()
    def feature_change(self, index: int, coefficients: np.ndarray, base: np.ndarray) -> np.ndarray:
        """What dequantised coefficients of a level add to features."""
        given = self._tensor(coefficients), self._tensor(base)
        if index == len(self._networks.fcn):
            assert self._networks.detail is not None  # what has no detail has no such level
            return _array(self._networks.detail.change(*given))
        linear, correction = self._networks.fcn[index].changes(*given)
        return _array(linear + correction)

    @torch.no_grad()
    def sampled(self, features: np.ndarray, where: np.ndarray) -> np.ndarray:
        """Features ``(1, C, h, h)`` at places ``(1, h, h, 2)``, from -1 to 1: bicubic, edges repeated."""
        given = self._tensor(features), self._tensor(where)
        return _array(F.grid_sample(*given, mode="bicubic", padding_mode="border", align_corners=False))

    @torch.no_grad()
    def preview(self, features: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Features ``(1, 512, 64, 64)`` to an approximate picture ``(1, 3, 256, 256)``."""
        assert self._preview is not None  # asked of the codec alone, which has one
        given = self._tensor(features), self._tensor(codes)
        return _array(self._preview.render(self._generator, *given, DETAIL_LEVEL))

    @torch.no_grad()
    def image(self, features: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Features ``(1, 512, 64, 64)`` to the picture ``(1, 3, 1024, 1024)``."""
        return _array(self._generator.synthesize_image(self._tensor(features), self._tensor(codes), DETAIL_LEVEL))

    def prepare(self) -> None:
        """Nothing: modules are ready."""

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self._generator.input.device)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy()
