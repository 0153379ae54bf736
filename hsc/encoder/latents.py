"""A photo as the encoder sees it, before quantisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from PIL import Image
from torch import Tensor

from hsc.coding.differentiable import no_offsets, with_offsets
from hsc.encoder.context import EncoderContext
from hsc.generator.preview_head import PREVIEW_SIZE
from hsc.imaging import images
from hsc.networks.hsc_networks import HSCNetworks


@dataclass(frozen=True)
class Latents:
    """Coefficients of a photo.

    F is coded as a residual to what the generator makes of everything before it, so its coefficients are functions of
    that: they are known once S is coded.

    Attributes:
        semantics: coefficients of S, ``(1, 768)``.
        analyses: for each level, features of the generator ``(1, 512, h, w)`` to coefficients of F
            ``(1, C, h/2, w/2)``, as FCN's analysis transform of the photo gives them.
        offsets: for each level, what refinement adds to those, ``(1, C, h/2, w/2)``.
        detail: coefficients of detail ``(1, C, 32, 32)``; None codes none.
        rdoq: squared quantisation steps that saving a bit is worth, see :func:`hsc.coding.differentiable.rdoq`.
    """

    semantics: Tensor
    analyses: tuple[Callable[[Tensor], Tensor], ...]
    offsets: tuple[Tensor, ...]
    detail: Tensor | None = None
    rdoq: float = 0

    @property
    def feature_encoders(self) -> tuple[Callable[[Tensor], Tensor], ...]:
        """For each level, features of the generator to coefficients of F, offsets included."""
        return with_offsets(self.analyses, self.offsets)

    def moved(self, semantics: Tensor | float, offsets: Sequence[Tensor]) -> Latents:
        """The same with this added to the coefficients of S and to the offsets of F."""
        return replace(
            self,
            semantics=self.semantics + semantics,
            offsets=tuple(own + more for own, more in zip(self.offsets, offsets)),
        )

    def towards(self, others: Latents, share: float) -> Latents:
        """Latents on the way from these, at 0, to others of the same photo, at 1."""
        offsets = (torch.lerp(own, other, share) for own, other in zip(self.offsets, others.offsets))
        return replace(self, semantics=torch.lerp(self.semantics, others.semantics, share), offsets=tuple(offsets))


@torch.no_grad()
def invert(context: EncoderContext, image: Image.Image) -> tuple[Tensor, list[Tensor]]:
    """GIE: an aligned face to S ``(1, 16, 512)`` and F at each level, before any compression.

    Raises:
        ValueError: the picture is not square.
    """
    if image.width != image.height:
        raise ValueError(f"An aligned face is square, not {image.width}x{image.height}.")
    return context.networks.gie(images.to_tensor(image, PREVIEW_SIZE).to(context.device))


def analyse(networks: HSCNetworks, codes: Tensor, features: Sequence[Tensor]) -> Latents:
    """S and F, as :func:`invert` gives them, to coefficients by SCN and FCN."""
    analyses = tuple(partial(fcn.encode, feature) for fcn, feature in zip(networks.fcn, features))
    semantics = networks.scn.encode(codes)
    return Latents(semantics, analyses, tuple(no_offsets(networks, semantics)[1:]))
