"""The generator's 256 px preview as one OpenVINO network: several times cheaper than eager PyTorch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hsc.generator import CHANNELS, LATENT, LAYERS, Generator
from hsc.generator.preview_head import PreviewHead


class _Preview(nn.Module):
    def __init__(self, generator: Generator, head: PreviewHead, level: int) -> None:
        super().__init__()
        self.generator, self.head, self.level = generator, head, level

    def forward(self, codes: Tensor, features: Tensor | None = None) -> Tensor:
        return self.head.render(self.generator, features, codes, self.level)


class PreviewRenderer:
    """Style codes, and features at one level if one is given, to 8-bit previews.

    It computes in bfloat16 where the processor has it, so it is for measuring only.

    Args:
        level: generator level of the features; 0 renders from style codes alone.
        batch: faces rendered together.
        threads: of the CPU.
    """

    def __init__(
        self, generator: Generator, head: PreviewHead, level: int = 0, batch: int = 1, threads: int = 1
    ) -> None:
        from hsc.inference.openvino_runtime import core, ov

        shapes = [[batch, LAYERS, LATENT]]
        if level:
            shapes.append([batch, CHANNELS[level - 1], 4 * 2**level, 4 * 2**level])
        example = tuple(torch.zeros(shape) for shape in shapes)
        network = _Preview(generator, head, level)
        model = ov.convert_model(network, example_input=example, input=shapes)
        self._shapes = shapes
        self._network = core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads})

    def __call__(self, codes: np.ndarray, features: np.ndarray | None = None) -> np.ndarray:
        """Pictures ``(B, 256, 256, 3)`` uint8, RGB.

        Args:
            codes: ``(B, 16, 512)`` float32.
            features: ``(B, C, H, W)`` float32 if the renderer has a level.
        """
        given = [codes] if features is None else [codes, features]
        batch = self._shapes[0][0]
        pictures = []
        for start in range(0, len(codes), batch):
            inputs = [np.zeros(shape, np.float32) for shape in self._shapes]
            for buffer, values in zip(inputs, given):
                part = values[start : start + batch]
                buffer[: len(part)] = part
            pictures.append(self._network(inputs)[0][: len(codes) - start].copy())
        pixels = (np.concatenate(pictures) + 1) * 127.5
        return np.rint(np.clip(pixels, 0, 255)).astype(np.uint8).transpose(0, 2, 3, 1)
