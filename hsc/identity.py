"""Who is in the picture: MobileFaceNet (Chen et al. 2018, arXiv:1804.07573), 128-d, differentiable.

The network serves evaluation and training only and is not part of the project's files: :func:`network_path`
says where it is looked for. Two pictures of one face are compared by the cosine of their embeddings;
different people have about 0.05.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsc.errors import WeightsError

SIZE = 112
"""Side of the aligned crop that the network takes, in pixels."""

# ArcFace's five points in the 112 x 112 crop, (x, y): left eye, right eye (as seen), nose tip, mouth corners.
_TEMPLATE = (
    (38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041),
)  # fmt: skip
# Their median place in FFHQ-aligned faces, as fractions of the side (measured with dlib on training
# pictures).
_FFHQ_POINTS = ((0.3783, 0.4818), (0.6230, 0.4831), (0.5029, 0.6211), (0.3955, 0.7324), (0.6074, 0.7314))
# Inverted residuals: (stride, inner channels, outer channels).
_BLOCKS = (
    (2, 128, 64),
    *[(1, 128, 64)] * 4,
    (2, 256, 128),
    *[(1, 256, 128)] * 6,
    (2, 512, 128),
    *[(1, 256, 128)] * 2,
)


def network_path() -> Optional[Path]:
    """Where the network's ONNX file is: ``$HSC_IDENTITY``, or ``shared/weights`` beside the repository.

    ``None`` where there is no such file.
    """
    default = Path(__file__).resolve().parents[2] / "shared" / "weights" / "mobilefacenet.onnx"
    path = Path(os.environ.get("HSC_IDENTITY") or default)
    return path if path.is_file() else None


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


class IdentityNetwork(nn.Module):
    """Face pictures to embeddings of unit length; frozen, differentiable in the picture."""

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
        self.requires_grad_(False).eval()

    @classmethod
    def load(cls, path: Optional[Path] = None) -> IdentityNetwork:
        """With the weights of an ONNX file; :func:`network_path` by default.

        Raises:
            WeightsError: there is no such file, or it holds another network.
        """
        from hsc import onnx_weights

        path = path or network_path()
        if path is None:
            raise WeightsError("The identity network is not here: set HSC_IDENTITY to mobilefacenet.onnx.")
        network = cls()
        # The convolutions were exported in the order they run in, which is the order of the module's state.
        state, given = network.state_dict(), list(onnx_weights.initialisers(path).values())
        if [value.shape for value in given] != [value.shape for value in state.values()]:
            raise WeightsError(f"{path.name} is not the MobileFaceNet that this version reads.")
        network.load_state_dict(dict(zip(state, given)))
        return network

    def forward(self, image: Tensor) -> Tensor:
        """Embeddings (B, 128) of unit length.

        Args:
            image: (B, 3, 112, 112) crops as :func:`crop` makes them, or FFHQ-aligned faces (B, 3, S, S) of
                any other size, which :func:`crop_ffhq` cuts first; RGB in [-1, 1].
        """
        if image.shape[-2:] != (SIZE, SIZE):
            image = crop_ffhq(image)
        x = F.relu6(self.stem((image - self.mean) / self.deviation))
        x = F.relu(self.stem_pointwise(F.relu(self.stem_depthwise(x))))
        x = self.blocks(x)
        x = self.head_pointwise(self.head_depthwise(F.relu6(self.head(x))))
        return F.normalize(x.flatten(1))


def five_points(landmarks: Tensor) -> Tensor:
    """Eye centres, nose tip and mouth corners (..., 5, 2) of dlib's 68 landmarks (..., 68, 2)."""
    return torch.stack(
        [
            landmarks[..., 36:42, :].mean(-2),
            landmarks[..., 42:48, :].mean(-2),
            landmarks[..., 30, :],
            landmarks[..., 48, :],
            landmarks[..., 54, :],
        ],
        dim=-2,
    )


def crop(image: Tensor, points: Tensor) -> Tensor:
    """Crops (B, 3, 112, 112), moved so that five points lie on ArcFace's template as well as they can.

    Args:
        image: (B, 3, H, W).
        points: (B, 5, 2) or (5, 2), x and y in pixels of ``image``, see :func:`five_points`.
    """
    points = points.to(image).expand(image.shape[0], 5, 2)
    template = points.new_tensor(_TEMPLATE).expand_as(points)
    matrix = _similarity(template, points)  # from the crop to the picture
    # Bilinear sampling aliases when it shrinks; averaging whole pixels first leaves less than a factor of 2.
    factor = int(matrix[:, :, :2].det().sqrt().min().clamp(min=1))
    if factor > 1:
        image = F.avg_pool2d(image, factor)
        matrix = matrix / factor
        matrix[:, :, 2] -= 0.5 - 0.5 / factor
    y, x = torch.meshgrid(*[torch.arange(SIZE, device=image.device, dtype=points.dtype)] * 2, indexing="ij")
    grid = torch.stack([x, y, torch.ones_like(x)], dim=-1) @ matrix.transpose(1, 2)[:, None]
    size = grid.new_tensor([image.shape[-1], image.shape[-2]])
    grid = (grid + 0.5) * 2 / size - 1
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)


def crop_ffhq(image: Tensor) -> Tensor:
    """Crops (B, 3, 112, 112) of FFHQ-aligned faces (B, 3, S, S), at the average place of the five points.

    No detection, hence the same crop for every picture, and differentiable. For one face compared with its
    own restoration this is as good as landmarks are.
    """
    points = image.new_tensor(_FFHQ_POINTS) * image.shape[-1] - 0.5
    return crop(image, points)


def _similarity(source: Tensor, target: Tensor) -> Tensor:
    """Least-squares rotation, uniform scale and shift (B, 2, 3) that take points (B, N, 2) to others."""
    source_mean, target_mean = source.mean(1, keepdim=True), target.mean(1, keepdim=True)
    p, q = source - source_mean, target - target_mean
    norm = p.square().sum((1, 2))
    a = (p * q).sum((1, 2)) / norm
    b = (p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]).sum(1) / norm
    rotation = torch.stack([torch.stack([a, -b], -1), torch.stack([b, a], -1)], dim=1)
    shift = target_mean.transpose(1, 2) - rotation @ source_mean.transpose(1, 2)
    return torch.cat([rotation, shift], dim=2)
