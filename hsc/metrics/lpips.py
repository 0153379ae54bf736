"""Learned Perceptual Image Patch Similarity (Zhang et al. 2018, arXiv:1801.03924), version 0.1.

AlexNet or VGG16 activations at five depths, normalised over channels, squared differences weighted by a
learned non-negative vector for each depth, averaged over positions and summed over depths. The feature stacks
stand on their own, for feature losses and for the Frechet distance on VGG16 features.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Channels of the five activations.
CHANNELS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}


class FeatureStack(nn.Module):
    """A convolutional network that returns its activations at five depths.

    Input (B, 3, H, W) in [-1, 1]; output a list of five tensors (B, C_i, H_i, W_i), all non-negative, with
    the channel counts of :data:`CHANNELS`.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        # LPIPS's standardisation, for pictures in [-1, 1] (ImageNet's mean and deviation, moved to that
        # range).
        shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
        scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
        self.register_buffer("shift", shift, persistent=False)
        self.register_buffer("scale", scale, persistent=False)

    def standardise(self, image: Tensor) -> Tensor:
        """From [-1, 1] to the range that the network was trained on; same shape."""
        return (image - self.shift) / self.scale


class AlexNetFeatures(FeatureStack):
    """AlexNet's five convolutions (Krizhevsky 2014, arXiv:1404.5997), activations after each ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(3, 64, 11, stride=4, padding=2),
                nn.Conv2d(64, 192, 5, padding=2),
                nn.Conv2d(192, 384, 3, padding=1),
                nn.Conv2d(384, 256, 3, padding=1),
                nn.Conv2d(256, 256, 3, padding=1),
            ]
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [-1, 1], H and W at least 63 -> five activations."""
        return self.activations(self.standardise(image))

    def activations(self, x: Tensor) -> list[Tensor]:
        """The same of pictures that are standardised."""
        activations = []
        for index, conv in enumerate(self.convs):
            if index in (1, 2):
                x = F.max_pool2d(x, 3, stride=2)
            x = F.relu(conv(x))
            activations.append(x)
        return activations


class VGG16Features(FeatureStack):
    """VGG16's thirteen convolutions (Simonyan & Zisserman 2014, arXiv:1409.1556).

    Activations at relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3.
    """

    STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))

    def __init__(self) -> None:
        super().__init__()
        widths = [3] + [width for stage in self.STAGES for width in stage]
        self.convs = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, padding=1) for inputs, outputs in zip(widths, widths[1:])
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [-1, 1], H and W at least 16 -> five activations."""
        return self.activations(self.standardise(image))

    def activations(self, x: Tensor) -> list[Tensor]:
        """The same of pictures that are standardised."""
        activations: list[Tensor] = []
        convs = iter(self.convs)
        for stage in self.STAGES:
            if activations:
                x = self.pool(x)
            for _ in stage:
                x = F.relu(next(convs)(x))
            activations.append(x)
        return activations

    def pool(self, x: Tensor) -> Tensor:
        """Half the height and width, before each stage but the first."""
        return F.max_pool2d(x, 2)


class LPIPS(nn.Module):
    """The perceptual distance; 0 for equal pictures, about 0.7 for unrelated ones.

    Differentiable in both pictures; the weights are frozen. Use :meth:`load` for the published weights.
    """

    def __init__(self, net: str = "alex") -> None:
        super().__init__()
        stacks = {"alex": AlexNetFeatures, "vgg": VGG16Features}
        if net not in stacks:
            raise ValueError(f"net must be 'alex' or 'vgg', not {net!r}")
        self.net = net
        self.stack = stacks[net]()
        self.heads = nn.ParameterList(torch.zeros(channels) for channels in CHANNELS[net])
        self.requires_grad_(False).eval()
        self._copies: dict[tuple[torch.dtype, torch.device], FeatureStack] = {}

    @classmethod
    def load(cls, net: str = "alex") -> LPIPS:
        """The network with its published weights, fetched on first use.

        Raises:
            ValueError: ``net`` is neither ``"alex"`` nor ``"vgg"``.
            WeightsError: see :func:`hsc.weights.lpips_path`, or the cached file is damaged.
        """
        from hsc import weights

        model = cls(net)
        weights.load_state(model, weights.read(weights.lpips_path(net)))
        return model

    def features(self, image: Tensor, precision: torch.dtype = torch.float32) -> list[Tensor]:
        """Channel-normalised activations at five depths, float32; (B, 3, H, W) in [-1, 1].

        Args:
            precision: of the convolutions.
        """
        return [_normalise(activation) for activation in self._activations(image, precision)]

    def _activations(self, image: Tensor, precision: torch.dtype) -> list[Tensor]:
        # Channels last throughout: a CPU takes twenty times as long to add tensors of two layouts.
        image = self.stack.standardise(image).contiguous(memory_format=torch.channels_last)
        return self._stack(precision, image.device).activations(image.to(precision))

    def _stack(self, precision: torch.dtype, device: torch.device) -> FeatureStack:
        """The convolutions in some precision, converted once."""
        if precision == torch.float32:
            return self.stack
        key = precision, device
        if key not in self._copies:
            self._copies[key] = copy.deepcopy(self.stack).to(precision, memory_format=torch.channels_last)
        return self._copies[key]

    def distance_to(self, image: Tensor, target: list[Tensor], precision: torch.dtype = torch.float32) -> Tensor:
        """Distance (B,) of pictures (B, 3, H, W) in [-1, 1] to what :meth:`features` gave of others.

        The same as by :meth:`distance`, in fewer operators; differentiable in the pictures alone.
        """
        activations = self._activations(image, precision)
        parts = zip(activations, target, self.heads)
        return torch.stack([_Distance.apply(seen, wanted, head) for seen, wanted, head in parts]).sum(0)

    def distance(self, first: list[Tensor], second: list[Tensor]) -> Tensor:
        """Distance (B,) of two outputs of :meth:`features`."""
        total: Any = 0.0
        for a, b, head in zip(first, second, self.heads):
            # Channels last, or the gradient would come in the other layout.
            difference = (a - b).permute(0, 2, 3, 1).flatten(1, 2).square().mean(1)
            total = total + difference @ head
        return total

    def forward(self, first: Tensor, second: Tensor, precision: torch.dtype = torch.float32) -> Tensor:
        """Distance (B,) of two batches of pictures (B, 3, H, W) in [-1, 1]; precision as of :meth:`features`."""
        return self.distance(self.features(first, precision), self.features(second, precision))


class _Distance(torch.autograd.Function):
    """One depth's part of the distance: activations (B, C, H, W) to the normalised ones of others."""

    @staticmethod
    def forward(ctx: Any, activation: Tensor, target: Tensor, head: Tensor) -> Tensor:
        rows, target = (x.permute(0, 2, 3, 1).flatten(1, 2) for x in (activation, target))
        rows = rows.float()
        scale = (rows.square().sum(2, keepdim=True) + 1e-20).rsqrt_()
        rows = rows * scale
        difference = rows - target
        ctx.shape = activation.shape
        ctx.precision = activation.dtype
        ctx.save_for_backward(rows, difference, scale, head)
        return difference.square().mean(1) @ head

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        rows, difference, scale, head = ctx.saved_tensors
        weights = gradient[:, None, None] * head * (2 / rows.shape[1])
        asked = difference * weights
        asked = torch.addcmul(asked, rows, (rows * asked).sum(2, keepdim=True), value=-1).mul_(scale)
        batch, channels, height, width = ctx.shape
        asked = asked.to(ctx.precision).view(batch, height, width, channels)
        return asked.permute(0, 3, 1, 2), None, None


def _normalise(activation: Tensor) -> Tensor:
    """Unit length over channels. The published code adds 1e-10 to the norm; inside the root it is the same
    number where the activation is not all zero, and its gradient is finite where it is."""
    activation = activation.float()
    return activation / (activation.square().sum(dim=1, keepdim=True) + 1e-20).sqrt()
