"""The generator's 256 px preview as one OpenVINO network: several times cheaper than eager PyTorch on a CPU."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hsc.generator import LATENT, LAYERS, Generator
from hsc.preview import PreviewHead


class _Preview(nn.Module):
    def __init__(self, generator: Generator, head: PreviewHead) -> None:
        super().__init__()
        self.generator, self.head = generator, head

    def forward(self, codes: Tensor) -> Tensor:
        return self.head.render(self.generator, self.generator.prefix(codes, 0), codes, 0)


class PreviewRenderer:
    """Style codes to 8-bit previews, for learning: bfloat16 where the processor has it, so not bit-exact."""

    def __init__(self, generator: Generator, head: PreviewHead, batch: int = 4, threads: int = 1) -> None:
        import openvino

        self.batch = batch
        shape = (batch, LAYERS, LATENT)
        model = openvino.convert_model(_Preview(generator, head), example_input=torch.zeros(shape), input=list(shape))
        self._network = openvino.Core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads})

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """``(B, 16, 512)`` float32 to ``(B, 256, 256, 3)`` uint8, RGB."""
        count = len(codes)
        missing = -count % self.batch
        padded = np.concatenate([codes, np.repeat(codes[-1:], missing, axis=0)]) if missing else codes
        pictures = [
            self._network(np.ascontiguousarray(padded[start : start + self.batch], np.float32))[0]
            for start in range(0, len(padded), self.batch)
        ]
        pixels = (np.concatenate(pictures)[:count] + 1) * 127.5
        return np.rint(np.clip(pixels, 0, 255)).astype(np.uint8).transpose(0, 2, 3, 1)
