"""Encoder-side refinement: a photo's latents are coded, looked at, and moved, a few times.

The feed-forward encoder sees 256 pixels and cannot know what the decoder will make of its latents. The first steps are
learned ones (:mod:`hsc.amortised`); the others go on by gradient descent, with the rate in the loss, through the frozen
decoder (Campos et al., "Content Adaptive Optimization for Neural Image Compression", CVPRW 2019). F is coded anew for
each S, and moves with it, the more the longer the file. The file format and the decoder do not change, and decoding
costs nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hsc import entropy, images, window
from hsc.amortised import Seen, learned_offsets
from hsc.generator import SIZE
from hsc.preview import PREVIEW_LEVEL, PREVIEW_SIZE
from hsc.soft import SoftCoded, byte_weight, moved, no_offsets, quantise

if TYPE_CHECKING:
    from hsc.codec import Codec, Latents

LEARNED = 4
"""Learned steps at most: of fewer than twice as many steps half are, the others are of descent. The shipped networks
were trained for one to three; a fourth still helps, a fifth costs likeness."""
RATE_FACTOR = 4.0
"""How many times as much as in training a byte weighs: what a step adds to the file is paid for by all symbols, which
become coarser until it fits."""
COLOUR_WEIGHT = 1.0
"""Of :func:`colour`, as in training."""
LIKENESS_WEIGHT = 30.0
"""Of squared differences, which say most of who somebody is, where there will be detail: it mends the texture that they
forgive, and in shorter files nothing does. Not in training."""
PATCH = 16
"""Side of the patches, in pixels, whose mean colour is to be kept."""
TEXTURE_WEIGHT = 1.5
"""Of LPIPS through a window, beside L1 and LPIPS of the preview; as in training, where photos have 512 px at most."""
WINDOW = 24
"""Side of that window, see :mod:`hsc.window` ..."""
WINDOWS = 2
"""... and how many of them, one after the other, a look takes."""
LEARNING_RATE = 0.18
"""Of Adam on S, in quantisation steps, over the square root of the number of gradient steps."""
FEATURE_RATES = 0.2, 0.1
"""Of momentum on each level of F, likewise, in proportion to the quality: coarse symbols are too dear to be moved."""
MOMENTUM = 0.8
BETAS = MOMENTUM, 0.95
"""Of Adam."""


def colour(picture: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference ``(B,)`` between the mean colours of patches of two pictures ``(B, 3, H, W)``."""
    return F.avg_pool2d(picture - target, PATCH).abs().mean((1, 2, 3))


def rate_cost(bits: Tensor, semantics: Tensor, quality: Tensor) -> Tensor:
    """What the rate weighs beside the distortion, a scalar.

    Args:
        bits: of slices of F.
        semantics: coefficients of S in quantisation steps, not rounded. They have no cheap differentiable rate here; a
            symbol costs about a bit for each doubling.
        quality: in [0, 1].
    """
    return (RATE_FACTOR * byte_weight(quality) / 8 * (bits.sum() + torch.log2(1 + semantics.abs()).sum())).sum()


def refine(
    codec: Codec, image: Image.Image, latents: Latents, quality: int, layers: int, steps: int,
    progress: Callable[[int], object] = lambda done: None, detailed: bool = False,
) -> Latents:
    """Improve the latents of one photo for one quality.

    Args:
        image: the aligned face.
        latents: where to start; see :meth:`hsc.codec.Codec.latents`.
        quality: quality byte at which they will be coded, or near it.
        layers: how many of them the file will have, at least 1.
        steps: half of them, at most :data:`LEARNED`, are learned ones, the others of descent; each is a pass through
            the generator and back at preview size.
        progress: called with the number of steps done.
        detailed: whether the file will have detail, see :mod:`hsc.detail`.
    """
    judge = _Judge(codec, image, LIKENESS_WEIGHT if detailed else 0)
    q = torch.tensor([[quality / entropy.QUALITIES]], device=codec.device)
    slices = torch.tensor([layers - 1], device=codec.device)
    learned = min((steps + 1) // 2, LEARNED)
    for index in range(learned):
        latents = _learned_step(codec, judge, latents, q, slices)
        progress(index + 1)
    for done, latents in enumerate(_descend(codec, judge, latents, q, slices, steps - learned), learned + 1):
        progress(done)
    return latents


class _Judge:
    """Looks at what was coded beside the photo: at all of it as a preview, at full resolution through some windows."""

    def __init__(self, codec: Codec, image: Image.Image, likeness: float) -> None:
        self.likeness = likeness
        self.lpips, (self.generator, self.preview) = codec.lpips, codec.looking_glass
        self.level = codec.networks.levels[-1]
        self.target = images.to_tensor(image, PREVIEW_SIZE).to(codec.device)
        self._large = images.to_tensor(image, SIZE).to(codec.device)
        self._features = self._see(self.target)
        self._windows = 0

    def _see(self, picture: Tensor) -> list[Tensor]:
        """LPIPS features, in the generator's precision."""
        return self.lpips.features(picture.float(), self.generator.input.dtype)

    @torch.enable_grad()
    def __call__(self, coded: SoftCoded) -> Seen:
        generator, kind = self.generator, self.generator.input.dtype
        feature, codes = (tensor.detach().to(kind).requires_grad_(True) for tensor in (coded.features[-1], coded.codes))
        trunk = generator.prefix(codes, PREVIEW_LEVEL, feature, self.level)
        # Windows and preview go back to here one after the other, so that only one of them is in memory. Autograd would
        # bring gradients of windows in the other memory layout, which takes far longer to add.
        middle = trunk.detach().requires_grad_(True)
        middle.grad = torch.zeros_like(middle)
        for _ in range(WINDOWS):
            place = window.corner(self._windows, WINDOW)
            self._windows += 1
            part = window.surroundings(middle.detach(), place, WINDOW).clone().requires_grad_(True)
            target = self._see(window.cut(self._large, place, WINDOW))
            seen = self._see(window.render(generator, part, codes, place))
            (TEXTURE_WEIGHT / WINDOWS * self.lpips.distance(seen, target).sum()).backward()
            window.surroundings(middle.grad, place, WINDOW).add_(part.grad)
            del seen
        picture = self.preview(middle, codes).float()
        difference = picture - self.target
        distortion = difference.abs().mean() + self.likeness * difference.square().mean()
        distortion = distortion + COLOUR_WEIGHT * colour(picture, self.target).sum()
        distortion = distortion + self.lpips.distance(self._see(picture), self._features).sum()
        distortion.backward()
        trunk.backward(middle.grad)
        return Seen(picture.detach(), feature.grad.float(), codes.grad.float())


def _learned_step(codec: Codec, judge: _Judge, latents: Latents, q: Tensor, slices: Tensor) -> Latents:
    networks = codec.networks
    semantics, *offsets = learned_offsets(
        networks, codec.generator.prefix, judge, networks.updater, judge.target, latents.semantics, latents.features,
        q, slices,
    )
    return latents.plus(semantics, offsets)


def _descend(
    codec: Codec, judge: _Judge, latents: Latents, q: Tensor, slices: Tensor, steps: int
) -> Iterator[Latents]:
    """Steps of gradient descent."""
    networks = codec.networks
    # In units of quantisation steps, so that one learning rate serves all channels.
    widths = [networks.scn.step(q), *(fcn.step(q)[:, :, None, None] for fcn in networks.fcn)]
    s = (latents.semantics / widths[0]).detach().requires_grad_(True)
    _, *offsets = (offset.requires_grad_(True) for offset in no_offsets(networks, s.detach()))
    adam = torch.optim.Adam([s], lr=LEARNING_RATE / max(steps, 1)**0.5, betas=BETAS)
    velocities = [torch.zeros_like(offset) for offset in offsets]
    for _ in range(steps):
        with torch.enable_grad():
            features = moved(latents.features, [offset * width for offset, width in zip(offsets, widths[1:])])
            coded = quantise(networks, codec.generator.prefix, s * widths[0], features, q, slices)
            cost = rate_cost(coded.bits[:, :int(slices)], s, q)
            seen = judge(coded)
            adam.zero_grad()
            torch.autograd.backward((coded.features[-1], coded.codes, cost),
                                    (seen.feature_gradient, seen.code_gradient, None))
        adam.step()
        for offset, velocity, rate in zip(offsets, velocities, FEATURE_RATES):
            _step(offset, velocity, rate * q.item() / steps**0.5)
        moves = [offset.detach() * width for offset, width in zip(offsets, widths[1:])]
        yield replace(latents.plus(0, moves), semantics=(s * widths[0]).detach())


@torch.no_grad()
def _step(offset: Tensor, velocity: Tensor, rate: float) -> None:
    """A step against the gradient, which is normed over all symbols of a level together; 0 for those not received.

    Adam, which makes every one of the thousands of symbols move alike, costs more bytes than it saves.
    """
    velocity.lerp_(offset.grad / offset.grad.square().mean().sqrt().clamp(min=1e-12), 1 - MOMENTUM)
    offset -= rate * velocity
    offset.grad = None
