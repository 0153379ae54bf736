"""An aligned face to a file: inversion, refinement, detail, and a size that was asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from PIL import Image

from hsc.encoder.context import EncoderContext
from hsc.encoder.detail import DetailEncoder
from hsc.encoder.latents import Latents, analyse, invert
from hsc.encoder.objective import DistortionModel
from hsc.encoder.presets import DEFAULT, Preset
from hsc.encoder.quantisation import quantise, write
from hsc.encoder.rate_control import Fit, fit, fit_layers
from hsc.encoder.refinement import refine
from hsc.networks.entropy_tables import QUALITIES
from hsc.runtime.turns import ENCODING


@dataclass(frozen=True)
class Step:
    """What an encode has come to.

    Attributes:
        done: steps of refinement and iterations of detail so far.
        total: of all of them.
        data: a file, where this step ended with one that is better than all before.
    """

    done: int
    total: int
    data: bytes | None = None


@dataclass(frozen=True)
class _Plan:
    """How one face is refined.

    Attributes:
        first: latents of the feed-forward encoder.
        quality: quality byte at which refinement codes them.
        layers: how many the file will have, without detail.
        iterations: of detail; 0 for a file without.
        guess: near the quality that a file without detail will have.
    """

    first: Latents
    quality: int
    layers: int
    iterations: int = 0
    guess: int = 0


class Encoder:
    """Encodes faces with the networks of a context."""

    def __init__(self, context: EncoderContext) -> None:
        self.context = context

    def encode(
        self,
        image: Image.Image,
        max_bytes: int | None = None,
        quality: int | None = None,
        preset: Preset = DEFAULT,
        progress: Callable[[int, int], None] | None = None,
    ) -> bytes:
        """Compress an aligned face; see :meth:`hsc.codec.Codec.encode` for the arguments and errors."""
        if (max_bytes is None) == (quality is None):
            raise ValueError("Give either max_bytes or quality.")
        if quality is not None and not 0 <= quality < QUALITIES:
            raise ValueError(f"Quality must be from 0 to {QUALITIES - 1}, not {quality}.")
        steps = self._to_size(image, max_bytes, preset) if quality is None else self._at_quality(image, quality, preset)
        *_, data = _files(steps, progress)
        return data

    def improve(
        self,
        image: Image.Image,
        max_bytes: int,
        preset: Preset = DEFAULT,
        progress: Callable[[int, int], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Iterator[bytes]:
        """Files that get better; see :meth:`hsc.codec.Codec.improve` for the arguments and errors."""
        return _files(self._to_size(image, max_bytes, preset), progress, stop)

    @torch.no_grad()
    def _to_size(self, image: Image.Image, max_bytes: int, preset: Preset) -> Iterator[Step]:
        first = analyse(self.context.networks, *invert(self.context, image))
        fitted = fit(self.context, first, max_bytes, preset.rate_control)
        data, refinement = write(self.context, fitted.quantised, fitted.layers), preset.refinement
        if not refinement.steps or not fitted.layers:
            yield Step(0, 0, data)
            return
        plan = self._plan(first, fitted, max_bytes, preset)
        total = refinement.steps + plan.iterations
        yield Step(0, total, data)
        distortion = self._distortion(image, plan, preset)
        detail = DetailEncoder(self.context, image, preset) if plan.iterations else None
        judge: DistortionModel | DetailEncoder = detail or distortion
        least: float | None = None
        for done, latents in enumerate(self._refined(distortion, detail, plan, preset), 1):
            if not self._worth_coding(done, total, preset):
                yield Step(done, total)
                continue
            if least is None and judge is distortion:
                least = distortion.first  # refinement began with a look at the very symbols of the first file
            if least is None:
                least = self._measure(judge, fitted, data)
            found = self._fit(plan, latents, max_bytes, preset)
            better = write(self.context, found.quantised, found.layers)
            measured = self._measure(judge, found, better)
            yield Step(done, total, better if measured <= least else None)
            least = min(least, measured)

    @torch.no_grad()
    def _at_quality(self, image: Image.Image, quality: int, preset: Preset) -> Iterator[Step]:
        latents, steps = analyse(self.context.networks, *invert(self.context, image)), preset.refinement.steps
        if steps:
            plan = _Plan(latents, quality, self.context.networks.layers)
            if self.context.networks.detail is not None and quality >= preset.detail.min_quality:
                first = replace(latents, rdoq=preset.rate_price.rdoq)
                plan = replace(plan, first=first, iterations=preset.detail.iterations)
            distortion = self._distortion(image, plan, preset)
            detail = DetailEncoder(self.context, image, preset) if plan.iterations else None
            for done, found in enumerate(self._refined(distortion, detail, plan, preset), 1):
                latents = found
                yield Step(done, steps + plan.iterations)
        yield Step(steps, steps, write(self.context, quantise(self.context, latents, quality)))

    def _plan(self, first: Latents, fitted: Fit, max_bytes: int, preset: Preset) -> _Plan:
        detail, settings = preset.detail, preset.rate_control
        if self.context.networks.detail is None or max_bytes < detail.min_bytes:
            guess = max(fitted.quality - settings.refinement_cost, 0)
            return _Plan(first, fitted.quality, fitted.layers, guess=guess)
        first = replace(first, rdoq=preset.rate_price.rdoq)
        budget = round(detail.other_bytes + detail.other_share * max_bytes)
        near = max(fitted.quality - round(settings.doubling * math.log2(max_bytes / budget)), 0)
        start = fit(self.context, first, budget, settings, near, settings.enough).quality
        iterations = detail.few_iterations if max_bytes < detail.few_below else detail.iterations
        return _Plan(first, start, self.context.networks.layers, iterations, fitted.quality)

    def _distortion(self, image: Image.Image, plan: _Plan, preset: Preset) -> DistortionModel:
        weights = preset.preview_distortion
        return DistortionModel(self.context, image, weights, weights.mse if plan.iterations else 0)

    def _refined(
        self, distortion: DistortionModel, detail: DetailEncoder | None, plan: _Plan, preset: Preset
    ) -> Iterator[Latents]:
        latents = plan.first
        for latents in refine(self.context, distortion, plan.first, plan.quality, plan.layers, preset):
            yield latents
        if detail is not None:
            yield from detail.iterate(latents, plan.quality, plan.iterations)

    @staticmethod
    def _worth_coding(done: int, total: int, preset: Preset) -> bool:
        """Whether a file is to be made of what a step has found."""
        if done == total:
            return True
        steps, often = preset.refinement.steps, preset.candidates
        return done % often.steps == 0 if done <= steps else (done - steps) % often.iterations == 0

    def _fit(self, plan: _Plan, latents: Latents, max_bytes: int, preset: Preset) -> Fit:
        context, settings = self.context, preset.rate_control
        if plan.iterations:
            return fit(context, latents, max_bytes, settings, plan.guess if latents.detail is None else plan.quality)
        # A face that lacks its last layers looks worse than one that was moved less.
        for share in settings.kept_shares:
            moved = plan.first.towards(latents, share)
            fitted = fit_layers(context, moved, max_bytes, plan.layers, settings, plan.guess)
            if fitted is not None:
                return fitted
        return fit(context, plan.first, max_bytes, settings, plan.guess)

    def _measure(self, judge: DistortionModel | DetailEncoder, fitted: Fit, data: bytes) -> float:
        """How a file's restoration differs from the photo, as ``judge`` measures it."""
        context, state = self.context, fitted.quantised.state
        if fitted.layers == len(fitted.quantised.symbols):
            found = state.features()[-1], state.codes, state.detail
        else:
            decoded = context.decoder.parse(data)
            found = decoded.features[-1], decoded.codes, decoded.detail
        return judge.measure(*(None if array is None else context.tensor(array) for array in found))


def _files(
    steps: Iterator[Step], progress: Callable[[int, int], None] | None, stop: Callable[[], bool] | None = None
) -> Iterator[bytes]:
    """The files among the steps, each of which is taken in turn with other encodes of the process."""
    for step in ENCODING.each(steps):
        if progress and step.done:
            progress(step.done, step.total)
        if step.data is not None:
            yield step.data
        if stop and stop():
            return
