"""Stage ``detail``: the networks of :mod:`hsc.encoder.detail` alone, on parts of pictures whose S and F are coded.

What is frozen is computed once for some faces; after that a step sees parts of some of them, which costs little, since
all that it needs are features of a part and the generator's last blocks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsc.coding.differentiable import code_slices, simulate_coding
from hsc.encoder.detail import MARGIN, SCALE, SIDE, improvement
from hsc.encoder.objective import DistortionTarget, rate_lambda
from hsc.encoder.presets import DEFAULT
from hsc.networks import DetailCompressionNetwork, SemanticContextEncoder
from hsc.networks.detail import CHANGE
from hsc.networks.entropy_tables import DETAIL_LAG, DETAIL_SLOPE, QUALITIES
from hsc.networks.hsc_networks import DETAIL_LEVEL
from hsc.train.start import principal_components
from hsc.train.trainer import Batch, Trainer

PRICE = DEFAULT.rate_price
"""What a byte weighs, as in the encoder."""
PART = 32
"""Side of the parts that a step sees, in features at 64x64; even."""
EDGE = MARGIN + 1
"""Features around the part of a part that is judged: those that the generator needs, and one for the networks."""
QUALITY = 0.3
"""Lowest quality of S and F, in [0, 1], beside which detail is trained."""
PASSES = 2
"""Learned steps of refinement that faces have been through; more would not change what is learned here."""
STEP = 0.007
"""Length of a step of descent, relative to the features, that lowers LPIPS most: where the networks start from."""
SOME = 0.15
"""Chance that only the first slice is received."""
ITERATIONS, AGAIN = 4, 0.8
"""Most iterations on a part, and the chance of each after the first."""
SPREAD = 0.2
"""Width of the range of qualities of detail beside one of F."""


@dataclass(frozen=True)
class Faces:
    """What is frozen of some faces.

    Attributes:
        quality: of S and F, ``(N, 1)``.
        semantics: quantised coefficients of S, ``(N, 768)``.
        coarser: quantised coefficients of the finest F, ``(N, C, 16, 16)``.
        codes: S^, ``(N, 16, 512)``.
        feature: the finest F^, ``(N, 512, 32, 32)`` in reduced precision.
        pictures: uint8 ``(3, 512, 512)`` of photos, ``(3, 1024, 1024)`` of generated faces, on the
            device as everything else is: a gigabyte for 700 of which a quarter are generated.
    """

    quality: Tensor
    semantics: Tensor
    coarser: Tensor
    codes: Tensor
    feature: Tensor
    pictures: list[Tensor]


def training_batches(trainer: Trainer, seconds: float) -> Iterator[Batch]:
    """Batches of faces with detail of their own, for so many seconds; at least one."""
    settings, deadline = trainer.settings, time.monotonic() + seconds
    while True:
        yield trainer.batch(settings.batch, settings.batch, settings.synthetic)
        if time.monotonic() > deadline:
            return


def held_out_batches(trainer: Trainer, limit: int = 24) -> Iterator[Batch]:
    """Batches of held-out photos that have 512 px."""
    faces = trainer.faces
    held = np.intersect1d(faces.held_out, faces.with_half)[:limit]
    for part in np.array_split(held, -(-len(held) // 4)) if len(held) else ():
        yield Batch.of_photos(*(cut(part, device=trainer.device) for cut in (faces.batch, faces.half)))


@torch.no_grad()
def collect(trainer: Trainer, batches: Iterable[Batch]) -> Faces:
    """Code those faces of some batches that have detail, at random qualities."""
    networks, settings = trainer.networks, trainer.settings
    columns: list[list[Tensor]] = [[] for _ in range(5)]
    pictures: list[Tensor] = []
    for batch in batches:
        fine = Batch(batch.pictures[: batch.fine], batch.large, batch.halves)
        quality = torch.empty(batch.fine, 1).uniform_(QUALITY, 1, generator=trainer.random).to(trainer.device)
        count = torch.full((batch.fine,), networks.layers - 1, device=trainer.device)
        target = trainer.loss.target(fine.pictures)
        found = trainer.invert(fine.pictures)
        semantics, encoders = trainer.refined(target, fine, *found, quality, count, PASSES)
        coded = simulate_coding(
            networks, trainer.synthesize_features, semantics, encoders, quality, rdoq_lambda=PRICE.rdoq
        )
        semantics, *_, coarser = coded.coefficients
        values = quality, semantics, coarser, coded.codes, coded.features[-1].to(settings.precision)
        for column, value in zip(columns, values):
            column.append(value)
        pictures += [((picture + 1) * 127.5).round().byte() for part in (fine.large, fine.halves) for picture in part]
    print(f"detail: {len(pictures)} faces coded", flush=True)
    return Faces(*(torch.cat(column) for column in columns), pictures)


@dataclass(frozen=True)
class Parts:
    """The same part of some faces.

    Attributes:
        chosen: their indexes ``(B,)``.
        place: row and column of the first feature at 64x64.
        codes: S^.
        base: features ``(B, 512, PART, PART)``.
        halves: the pictures at 512 px.
        large: at 1024 px, of those that have as much, which come first.
    """

    chosen: Tensor
    place: tuple[int, int]
    codes: Tensor
    base: Tensor
    halves: Tensor
    large: Tensor

    def judged(self, edge: int) -> tuple[slice, slice]:
        """Rows and columns that are not within ``edge`` features of a border that is none of the picture's."""
        rows, columns = (slice(edge if at else 0, PART - (edge if at + PART < SIDE else 0)) for at in self.place)
        return rows, columns

    def area(self, edge: int) -> int:
        """How many features these are."""
        rows, columns = self.judged(edge)
        return (rows.stop - rows.start) * (columns.stop - columns.start)


class Stage:
    """Losses and gradients of parts of faces."""

    def __init__(self, trainer: Trainer, faces: Faces) -> None:
        self.trainer, self.faces = trainer, faces
        large = torch.tensor([picture.shape[-1] > 512 for picture in faces.pictures])
        self.large, self.photos = large.nonzero()[:, 0], (~large).nonzero()[:, 0]

    def parts(self, place: tuple[int, int] | None = None) -> Parts:
        """Parts of as many random faces as the settings say, or as there are, at an even place or a random one."""
        trainer, faces, settings = self.trainer, self.faces, self.trainer.settings
        picks = [
            known[torch.randperm(len(known), generator=trainer.random)[:count]]
            for known, count in ((self.large, settings.synthetic), (self.photos, settings.batch))
        ]
        chosen = torch.cat(picks)
        places = (SIDE - PART) // 2 + 1
        row, column = place or (2 * torch.randint(0, places, (2,), generator=trainer.random)).tolist()
        codes = faces.codes[chosen]
        with torch.no_grad():
            base = trainer.synthesize_features(codes, DETAIL_LEVEL, faces.feature[chosen], trainer.networks.levels[-1])

        def cut(index: int) -> Tensor:
            picture = faces.pictures[index]
            scale = picture.shape[-1] // SIDE
            rows, columns = (slice(scale * first, scale * (first + PART)) for first in (row, column))
            return picture[:, rows, columns].to(trainer.device).float() / 127.5 - 1

        full = [cut(index) for index in picks[0].tolist()]
        halves = [F.avg_pool2d(picture, 2) for picture in full] + [cut(index) for index in picks[1].tolist()]
        nothing = base.new_empty(0, 3, SCALE * PART, SCALE * PART)
        return Parts(
            chosen,
            (row, column),
            codes,
            base[:, :, row : row + PART, column : column + PART],
            torch.stack(halves),
            torch.stack(full) if full else nothing,
        )

    def originals(self, parts: Parts, edge: int) -> list[DistortionTarget]:
        """What :meth:`Parts.judged` says of them: of those that have 1024 px, if there are some, then of the others.

        Photos are judged at 512 px alone: enlarged ones would teach a blur.
        """
        trainer = self.trainer

        def cut(pictures: Tensor) -> Tensor:
            scale = pictures.shape[-1] // PART
            rows, columns = (slice(scale * side.start, scale * side.stop) for side in parts.judged(edge))
            return pictures[:, :, rows, columns]

        pictures = (parts.large, True), (parts.halves[len(parts.large) :], False)
        return [
            DistortionTarget(cut(part), full, trainer.loss.lpips, trainer.settings.precision)
            for part, full in pictures
            if len(part)
        ]

    def distortion(self, parts: Parts, features: Tensor, originals: list[DistortionTarget], edge: int) -> Tensor:
        """The distortion ``(B,)`` between what features ``(B, 512, PART, PART)`` show and :meth:`originals`."""
        judged = parts.judged(edge)
        own = [slice(max(side.start - MARGIN, 0), min(side.stop + MARGIN, PART)) for side in judged]
        place = tuple(first + side.start for first, side in zip(parts.place, own))
        kind = self.trainer.settings.precision
        given, codes = features[:, :, own[0], own[1]].to(kind), parts.codes.to(kind)
        made = self.trainer.generator.synthesize_image(given, codes, DETAIL_LEVEL, place).float()
        rows, columns = (
            slice(SCALE * (side.start - part.start), SCALE * (side.stop - part.start))
            for side, part in zip(judged, own)
        )
        made = made[:, :, rows, columns].split([len(original.half) for original in originals])
        return torch.cat([original.distortion(part) for original, part in zip(originals, made)])

    @torch.enable_grad()
    def gradient(self, parts: Parts, features: Tensor, originals: list[DistortionTarget]) -> tuple[Tensor, Tensor]:
        """The gradient of :meth:`hsc.encoder.detail.DetailEncoder.gradient` for features, and the distortion ``(B,)``.

        Args:
            originals: those of edge ``MARGIN``.
        """
        leaf = features.detach().requires_grad_(True)
        loss = self.distortion(parts, leaf, originals, MARGIN)
        (found,) = torch.autograd.grad(loss.sum(), leaf)
        return found * parts.area(MARGIN), loss.detach()


@torch.no_grad()
def start(trainer: Trainer, stage: Stage, batches: int = 24) -> None:
    """Set the linear transforms to the principal components of what pictures ask for."""
    network = trainer.networks.detail
    rows = []
    for _ in range(batches):
        parts = stage.parts()
        gradient, _ = stage.gradient(parts, parts.base, stage.originals(parts, MARGIN))
        inner = gradient[:, :, 4:-4, 4:-4]
        rows.append(F.unfold(inner, 2, stride=2).transpose(1, 2).flatten(0, 1))
    gradients = torch.cat(rows)
    size = gradients.square().mean().sqrt()
    basis, deviation = principal_components(gradients / size, network.latent)
    unit = float(deviation.square().mean().sqrt())
    shape = network.analysis.weight.shape
    network.analysis.weight.copy_(-(basis.T / (size * unit)).reshape(shape))
    network.analysis.bias.zero_()
    network.synthesis.weight.copy_((basis.T * unit * STEP / CHANGE).reshape(shape))
    network.synthesis.bias.zero_()
    network.see_gradient.weight.div_(size * unit)
    print(
        f"detail: gradients of {float(size):.4f}, deviations of what is asked for "
        f"{[round(float(x) / unit, 2) for x in deviation[[0, 7, 15, -1]]]}",
        flush=True,
    )


def detail(trainer: Trainer, out: Path) -> None:
    """Stage ``detail``."""
    networks, settings = trainer.networks, trainer.settings
    network, context = networks.detail, networks.detail_context
    if settings.synthetic:
        trainer.prepare_generated()  # before the time begins
    whole = settings.minutes
    stage = Stage(trainer, collect(trainer, training_batches(trainer, 60 * whole * 0.2)))
    settings.minutes = whole * 0.8
    if not network.synthesis_correction[-1].weight.any():
        start(trainer, stage)
        trainer.remember()
    trainer.run(partial(terms, stage), _parameters(network, context, settings.learning_rate), out, "detail")
    validate(trainer)


def terms(stage: Stage) -> dict[str, Tensor]:
    """Terms of the loss for a random part of some faces, and ``before``, the distortion without any detail."""
    trainer, faces = stage.trainer, stage.faces
    network, context = trainer.networks.detail, trainer.networks.detail_context
    parts = stage.parts()
    chosen, n = parts.chosen, len(parts.chosen)
    trainer.seen += n
    # The quality that hsc.networks.entropy_tables.detail_quality gives, spread a little.
    spread = SPREAD * (torch.rand(n, 1, generator=trainer.random).to(trainer.device) - 0.5)
    quality = (DETAIL_SLOPE * faces.quality[chosen] - DETAIL_LAG / QUALITIES + spread).clamp(0.01, 1)
    log2_step = network.step.log2(quality)[:, :, None, None]
    rows, columns = (slice(first // 2, (first + PART) // 2) for first in parts.place)
    prediction = context.start(faces.semantics[chosen], quality, faces.coarser[chosen])[:, :, rows, columns]
    count = torch.where(torch.rand(n, generator=trainer.random) < SOME, 1, network.slices).to(trainer.device)
    share, before = parts.base.new_zeros(PART, PART), []
    share[parts.judged(EDGE)] = 1
    share = F.avg_pool2d(share[None, None], 2)
    weight = rate_lambda(quality)
    originals = stage.originals(parts, MARGIN)

    def ask(features: Tensor) -> Tensor:
        gradient, found = stage.gradient(parts, features, originals)
        before.append(found)
        return gradient

    def judged_bits(offset: Tensor, log2_scale: Tensor) -> Tensor:
        # A symbol whose detail is not judged must cost nothing: or to be near a border would mean to be left out.
        return trainer.rate.slice_bits(offset, log2_scale) * share

    wanted = torch.zeros_like(parts.base[:, : network.latent, ::2, ::2])
    for index in range(ITERATIONS):
        if index and torch.rand((), generator=trainer.random) >= AGAIN:
            break
        wanted = wanted + improvement(network, context, ask, parts.halves, wanted, parts.base, prediction, quality)
    coefficients, bits, _ = code_slices(
        network,
        context,
        wanted,
        prediction,
        log2_step,
        count,
        slice_bits=judged_bits,
        rdoq_lambda=PRICE.rdoq,
    )
    features = network.decode(coefficients, parts.base)
    after = stage.distortion(parts, features, stage.originals(parts, EDGE), EDGE)
    received = torch.arange(bits.shape[1], device=trainer.device) < count[:, None]
    size = (bits * received).sum(1) / 8 * SIDE**2 / parts.area(EDGE)
    return {
        "before": before[0].mean(),
        "after": after.mean(),
        "bytes": size.mean(),
        "loss": (after + weight[:, 0] * size).mean(),
    }


@torch.no_grad()
def validate(trainer: Trainer, repeats: int = 8) -> None:
    """Print means over parts of held-out photos: the terms of :func:`terms`, with bytes of a whole one."""
    batches = list(held_out_batches(trainer))
    if batches:
        stage = Stage(trainer, collect(trainer, batches))
        rows = [terms(stage) for _ in range(repeats)]
        print(json.dumps({key: float(torch.stack([row[key] for row in rows]).mean()) for key in rows[0]}), flush=True)


def _parameters(
    network: DetailCompressionNetwork, context: SemanticContextEncoder, rate: float
) -> list[dict[str, list[nn.Parameter] | float]]:
    """The entropy model follows moving coefficients, so it learns faster than the transforms; steps are few and lag."""
    steps = list(network.step.parameters())
    known = {id(p) for p in steps}
    transforms = [p for p in network.parameters() if id(p) not in known]
    groups = (transforms, 1), (list(context.parameters()), 3), (steps, 10)
    return [{"params": params, "lr": factor * rate} for params, factor in groups]
