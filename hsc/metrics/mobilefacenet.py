"""MobileFaceNet (Chen et al. 2018, arXiv:1804.07573): embeds aligned faces in 128 dimensions."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsc.errors import WeightsError
from hsc.weights import onnx_weights

# Inverted residuals: (stride, inner channels, outer channels).
_BLOCKS = (
    (2, 128, 64),
    *[(1, 128, 64)] * 4,
    (2, 256, 128),
    *[(1, 256, 128)] * 6,
    (2, 512, 128),
    *[(1, 256, 128)] * 2,
)


class InvertedResidual(nn.Module):
    """Widen 1x1, depthwise 3x3, narrow 1x1 (batch norms folded); a shortcut where the shape stays."""

    def __init__(self, inputs: int, stride: int, inner: int, outputs: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(inputs, inner, 1)
        self.depthwise = nn.Conv2d(inner, inner, 3, stride, padding=1, groups=inner)
        self.narrow = nn.Conv2d(inner, outputs, 1)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.narrow(F.relu6(self.depthwise(F.relu6(self.widen(x)))))
        return x + y if self.shortcut else y


class MobileFaceNet(nn.Module):
    """Crops ``(B, 3, 112, 112)`` of faces, RGB in [-1, 1], to embeddings ``(B, 128)`` of any length."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 3, stride=2, padding=1)
        self.stem_depthwise = nn.Conv2d(64, 64, 3, padding=1, groups=64)
        self.stem_pointwise = nn.Conv2d(64, 64, 1)
        blocks, inputs = [], 64
        for stride, inner, outputs in _BLOCKS:
            blocks.append(InvertedResidual(inputs, stride, inner, outputs))
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Conv2d(128, 512, 1)
        self.head_depthwise = nn.Conv2d(512, 512, 7, groups=512)
        self.head_pointwise = nn.Conv2d(512, 128, 1)
        # ImageNet's mean and deviation, moved from [0, 1] to [-1, 1].
        mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) * 2 - 1
        deviation = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1) * 2
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("deviation", deviation, persistent=False)

    @classmethod
    def load(cls, path: Path) -> MobileFaceNet:
        """With the weights of an ONNX file.

        Raises:
            WeightsError: the file cannot be read, or holds another network.
        """
        network = cls()
        # The convolutions were exported in the order they run in, which is the order of the module's state.
        state = network.state_dict()
        given = [value for value in onnx_weights.initialisers(path).values() if value.is_floating_point()]
        if [value.shape for value in given] != [value.shape for value in state.values()]:
            raise WeightsError(f"{path.name} is not the MobileFaceNet that this version reads.")
        network.load_state_dict(dict(zip(state, given)))
        return network

    def forward(self, crop: Tensor) -> Tensor:
        x = F.relu6(self.stem((crop - self.mean) / self.deviation))
        x = F.relu(self.stem_pointwise(F.relu(self.stem_depthwise(x))))
        x = self.blocks(x)
        x = self.head_pointwise(self.head_depthwise(F.relu6(self.head(x))))
        return x.flatten(1)
