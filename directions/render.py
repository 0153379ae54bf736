"""The generator's 256 px preview as one OpenVINO network: several times cheaper than eager PyTorch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hsc.generator import LATENT, LAYERS, Generator
from hsc.model import LEVEL
from hsc.preview import PreviewHead

RESIDUAL = (512, 4 * 2**LEVEL, 4 * 2**LEVEL)
"""Shape of a face's feature at the codec's level."""


class _Preview(nn.Module):
    def __init__(self, generator: Generator, head: PreviewHead) -> None:
        super().__init__()
        self.generator, self.head = generator, head

    def forward(self, codes: Tensor, residual: Tensor) -> Tensor:
        features = self.generator.prefix(codes, LEVEL) + residual
        return self.head.render(self.generator, features, codes, LEVEL)


class PreviewRenderer:
    """Style codes to 8-bit previews, for learning: bfloat16 where the processor has it, so not bit-exact."""

    def __init__(self, generator: Generator, head: PreviewHead, batch: int = 4, threads: int = 1) -> None:
        import openvino

        shapes = [[batch, LAYERS, LATENT], [batch, *RESIDUAL]]
        example = tuple(torch.zeros(shape) for shape in shapes)
        model = openvino.convert_model(_Preview(generator, head), example_input=example, input=shapes)
        self._batch = batch
        self._network = openvino.Core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads})

    def __call__(self, codes: np.ndarray, residuals: np.ndarray | None = None) -> np.ndarray:
        """Pictures ``(B, 256, 256, 3)`` uint8, RGB.

        Args:
            codes: ``(B, 16, 512)`` float32.
            residuals: ``(B, 512, 16, 16)`` float32, F less what the generator makes of the codes. It stays
            the same
                when codes are edited, which is the codec's F' = F + G_s(S') - G_s(S). None: there is none.
        """
        pictures = []
        for start in range(0, len(codes), self._batch):
            inputs = [
                np.zeros((self._batch, LAYERS, LATENT), np.float32),
                np.zeros((self._batch, *RESIDUAL), np.float32),
            ]
            for buffer, given in zip(inputs, (codes, residuals)):
                if given is not None:
                    part = given[start : start + self._batch]
                    buffer[: len(part)] = part
            pictures.append(self._network(inputs)[0][: len(codes) - start].copy())
        pixels = (np.concatenate(pictures) + 1) * 127.5
        return np.rint(np.clip(pixels, 0, 255)).astype(np.uint8).transpose(0, 2, 3, 1)
