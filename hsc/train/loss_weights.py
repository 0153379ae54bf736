"""Weights of the losses of each training stage, in one place; a term at weight 1 is not listed.

What the encoder also minimises (colour, texture, the price of a byte, the distortion of detail) is in
:mod:`hsc.encoder.presets`: the encoder descends on what the networks were trained for. The log says which run found
each; "pSp" are those of inversion encoders (Richardson et al., arXiv 2008.00951).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PictureWeights:
    """Terms of :class:`hsc.train.losses.PictureLoss`, beside colour."""

    l1: float = 1.0
    lpips: float = 1.0
    identity: float = 0.5
    """Cosine distance of identity embeddings. pSp has a fraction as well; log: *Model 2*."""


@dataclass(frozen=True)
class InversionWeights:
    """Terms of stage ``inversion``, beside the picture that S and F make."""

    s_alone: float = 0.7
    """The picture that S makes alone."""
    codes: float = 0.3
    """Squared error of style codes of generated faces, in their deviation."""
    features: float = 0.3
    """Squared error of features of generated faces, in their deviation."""
    residual: float = 0.02
    """Squared F - G_s(S), so that S says what it can."""
    spread: float = 0.01
    """Squared distance of S from the mean latent, where faces can be edited."""


@dataclass(frozen=True)
class CodecWeights:
    """Terms of stage ``codec``, beside picture, texture and rate."""

    s_kept: float = 0.05
    """Squared distance of S^ from what the encoder found, in the space of faces. Log: *Model 4*."""
    residual: float = 0.01
    """Squared F^ - G_s(S^): a small residual leaves most of the face to S, which is what edits move. Log: *Model 2*."""


PICTURE, INVERSION, CODEC = PictureWeights(), InversionWeights(), CodecWeights()
