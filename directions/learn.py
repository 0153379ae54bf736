"""Learning a direction: boundary, conditional manipulation, layers, strength, and the files that say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from directions import library
from directions.attributes import ATTRIBUTES, SCALES, Attribute
from directions.direction import GENERATOR, Direction
from directions.effects import Bench, Effect, spread
from directions.fit import Boundary, fit_boundary, orthogonalise
from directions.samples import Samples, SampleStore
from directions.scorers.panel import COLUMNS

if TYPE_CHECKING:
    from PIL import Image

    from hsc.codec import Codec
    from hsc.generator import Generator

SHARE = 0.1
"""Part of the samples taken as extremes at each end."""
STRENGTHS = (-1.5, -1.0, -0.5, 0.5, 1.0, 1.5)
"""Strengths at which a finished direction is measured."""
_FEW = 8  # faces that layers are chosen on
# Lengths that are tried, in standard deviations of the samples along the direction.
_LENGTHS = (1.5, 2.5, 4.0, 6.0, 8.5)
_REACHED = 0.08  # share of faces that may stay below an attribute's target
_BREAKS_IDENTITY = 0.3  # mean identity cosine below which a picture shows somebody else
_BREAKS_FACE = 0.9  # share of pictures in which landmarks must still find a face


@dataclass(frozen=True)
class Plan:
    """A direction on its way.

    Attributes:
        shift: ``(16, 512)`` float32 at strength 1.
        boundary: that it comes from.
        kept: attributes that it was orthogonalised against.
        layers: first and last.
        tried: what else was measured, one row each.
    """

    shift: np.ndarray
    boundary: Boundary
    kept: list[str]
    layers: tuple[int, int]
    tried: list[dict[str, object]]


def sample(
    folder: Path,
    generator: Generator,
    pool: int,
    budget: int,
    seed: int,
    threads: int,
    progress: Callable[[int], object],
) -> Samples:
    """Fill the sample store and read it."""
    from directions.render import PreviewRenderer
    from directions.scorers import ScorerPanel
    from hsc.preview import PreviewHead

    store = SampleStore(folder, GENERATOR, pool, seed)
    columns = [attribute.column for attribute in ATTRIBUTES.values()]
    render = PreviewRenderer(generator, PreviewHead.load(), threads=threads)
    store.fill(budget, columns, generator, render, ScorerPanel(), progress)
    return store.read(generator)


def bench_of_random_faces(generator: Generator, seed: int, threads: int = 1, count: int = 20) -> Bench:
    """Random faces that no sample store holds, a little truncated, as inverted photos are."""
    random = np.random.default_rng((seed, 0xFACE))
    with torch.inference_mode():
        z = torch.from_numpy(random.standard_normal((4096 + count, 512), dtype=np.float32))
        w = generator.mapping(z.to(generator.input)).float().cpu().numpy()
    mean = w[count:].mean(0)
    codes = np.repeat((mean + 0.8 * (w[:count] - mean))[:, None], 16, axis=1)
    return _bench(generator, codes, None, f"{count} random faces", threads)


def bench_of_photos(codec: Codec, photos: Sequence[Image.Image], size: int = 1000, threads: int = 1) -> Bench:
    """Photos (aligned faces) that were coded with ``size`` bytes and decoded. Not those of an evaluation."""
    from hsc.model import LEVEL

    semantics = [codec.parse(codec.encode(photo, max_bytes=size)) for photo in photos]
    codes = torch.cat([one.codes for one in semantics])
    with torch.inference_mode():
        residuals = torch.cat([one.feature - codec.generator.prefix(one.codes, LEVEL) for one in semantics])
    source = f"{len(photos)} photos decoded from {size} bytes"
    return _bench(codec.generator, codes.cpu().numpy(), residuals.cpu().numpy(), source, threads)


def _bench(
    generator: Generator, codes: np.ndarray, residuals: np.ndarray | None, source: str, threads: int
) -> Bench:
    from directions.render import PreviewRenderer
    from directions.scorers import ScorerPanel
    from hsc.identity import IdentityNetwork
    from hsc.preview import PreviewHead

    render = PreviewRenderer(generator, PreviewHead.load(), threads=threads)
    return Bench(codes, render, ScorerPanel(), IdentityNetwork.load(), residuals, source)


def boundary_of(samples: Samples, column: str, seed: int = 0) -> Boundary:
    """The boundary of a score, with the rule for extremes of its attribute, if it is one."""
    present = next((a.present for a in ATTRIBUTES.values() if a.column == column), None)
    return fit_boundary(samples, column, SHARE, present, seed)


def progress_of(attribute: Attribute, effect: Effect) -> float:
    """How much of what strength 1 should do is done: 1 is all of it."""
    if attribute.target is None:
        return float(effect.change(attribute.column).mean()) / attribute.goal
    column = COLUMNS.index(attribute.column)
    low = effect.before[:, column] < attribute.target / 2
    chosen = low if low.any() else slice(None)
    before, after = (
        np.quantile(scores[chosen, column], _REACHED) for scores in (effect.before, effect.after)
    )
    return float((after - before) / (attribute.target - before))


def reach(
    bench: Bench, shift: np.ndarray, attribute: Attribute, faces: np.ndarray, lengths: Sequence[float]
) -> tuple[float, Effect]:
    """The length at which a shift does what strength 1 should, between two lengths by linear interpolation.

    Args:
        shift: ``(16, 512)``.
        lengths: to try, ascending; the last one if none is enough.

    Returns:
        The length, and the effect at the next longer one that was tried.
    """
    before, last = 0.0, 0.0
    for length in lengths:
        effect = bench.try_shift(shift * length, faces)
        done = progress_of(attribute, effect)
        if done >= 1:
            return last + (length - last) * (1 - before) / (done - before), effect
        before, last = done, length
    return last, effect


def choose_layers(
    attribute: Attribute,
    samples: Samples,
    bench: Bench,
    seed: int = 0,
    say: Callable[[str], object] = lambda _: None,
) -> Plan:
    """Boundary, conditional manipulation, and the layers with the least side effect for what is reached."""
    boundary = boundary_of(samples, attribute.column, seed)
    say(
        f"{attribute.name}: held-out accuracy {boundary.accuracy:.3f}"
        f" ({boundary.positives} + {boundary.negatives} samples)"
    )
    kept = {name: boundary_of(samples, name, seed).normal for name in attribute.keep}
    faces = bench.choose(_FEW, attribute.column, low=attribute.target is not None)
    conditional, plain = orthogonalise(boundary.normal, list(kept.values())), boundary.normal
    tried: list[dict[str, object]] = []

    def attempt(normal: np.ndarray, first: int, last: int, names: list[str]) -> tuple[float, Plan]:
        deviation = float((samples.w @ normal).std())
        shift = spread(normal, range(first, last + 1)) * deviation
        length, effect = reach(bench, shift, attribute, faces, _LENGTHS)
        cost = _cost(attribute, effect)
        tried.append({
            "conditional": bool(names), "layers": [first, last], "deviations": round(length, 2),
            "progress": round(progress_of(attribute, effect), 2),
            "identity": round(float(effect.identity.mean()), 3), "cost": round(cost, 3),
        })  # fmt: skip
        say(f"  {tried[-1]}")
        return cost, Plan(shift * length, boundary, names, (first, last), tried)

    attempts = [attempt(conditional, first, last, sorted(kept)) for first, last in attribute.ranges]
    best = min(attempts, key=lambda pair: pair[0])
    if progress_of_plan(best[1]) < 1:  # conditioning may take away what the attribute is made of
        attempts.append(attempt(plain, *best[1].layers, []))
    return min(attempts, key=lambda pair: pair[0])[1]


def progress_of_plan(plan: Plan) -> float:
    """What a plan reached when it was tried."""
    return max(row["progress"] for row in plan.tried if row["layers"] == list(plan.layers))


def _cost(attribute: Attribute, effect: Effect) -> float:
    """Side effects and loss of identity for each unit of progress."""
    done = max(progress_of(attribute, effect), 0.05)
    return (effect.side_effect(attribute.keep) + 2 * (1 - float(effect.identity.mean()))) / min(done, 1.5)


def refine(
    attribute: Attribute, plan: Plan, samples: Samples, bench: Bench, seed: int = 0, penalty: float = 0.1
) -> Plan:
    """Cancel side effects that are left, as measured on pictures rather than predicted in W.

    The boundary of each attribute to keep is a corrector. The combination of correctors that brings the
    measured mean changes to zero (ridge regression, linear in their strengths) is added to the shift.
    """
    layers = range(plan.layers[0], plan.layers[1] + 1)
    faces = bench.choose(_FEW, attribute.column, low=False)
    columns = [*attribute.keep, attribute.column]
    scales = np.array([SCALES[name] for name in columns])

    def changes(shift: np.ndarray) -> np.ndarray:
        effect = bench.try_shift(shift, faces)
        return np.array([effect.change(name).mean() for name in columns]) / scales

    correctors = []
    for name in attribute.keep:
        normal = boundary_of(samples, name, seed).normal
        correctors.append(spread(normal, layers) * float((samples.w @ normal).std()))
    residual = changes(plan.shift)
    residual[-1] = 0.0  # the correctors together should leave the attribute itself as it is
    response = np.stack([changes(corrector) for corrector in correctors], axis=1)
    strengths = -np.linalg.solve(
        response.T @ response + penalty * np.eye(len(correctors)), response.T @ residual
    )
    strengths = np.clip(strengths, -1.5, 1.5)
    refined = plan.shift + sum(strength * corrector for strength, corrector in zip(strengths, correctors))
    row = {"correctors": {name: round(float(s), 3) for name, s in zip(attribute.keep, strengths)}}
    return replace(plan, shift=refined, tried=[*plan.tried, row])


def measure(attribute: Attribute, plan: Plan, bench: Bench, samples: Samples, seed: int = 0) -> Direction:
    """Measure a finished shift and make a :class:`Direction` of it."""
    effects = {strength: bench.try_shift(plan.shift * strength) for strength in STRENGTHS}
    limits, breaks = [], {}
    for side in ([s for s in reversed(STRENGTHS) if s < 0], [s for s in STRENGTHS if s > 0]):
        sound = side[0]
        for strength in side:
            face = (effects[strength].after[:, COLUMNS.index("face")] > 0.5).mean()
            if strength != side[0] and (
                effects[strength].identity.mean() < _BREAKS_IDENTITY or face < _BREAKS_FACE
            ):
                breaks["below" if strength < 0 else "above"] = strength
                break
            sound = strength
        limits.append(sound)
    table = {
        f"{strength:+.1f}": {
            **{name: round(float(effect.change(name).mean()), 3) for name in COLUMNS if name != "face"},
            "identity": round(float(effect.identity.mean()), 3),
        }
        for strength, effect in effects.items()
    }
    metadata = {
        "breaks": breaks or f"not between {STRENGTHS[0]} and {STRENGTHS[-1]}",
        "samples": {"drawn": samples.drawn, "rendered": len(samples), "positives": plan.boundary.positives,
                    "negatives": plan.boundary.negatives},
        "scorer": attribute.scorer,
        "svm_accuracy": round(plan.boundary.accuracy, 4),
        "side_effects": table,
        "measured_on": bench.source + "; mean change at each strength in each score's own unit",
        "provenance": {
            "method": "InterFaceGAN (arXiv:1907.10786): linear SVM on the extremes in W,"
            " conditional manipulation;"
                      " layers, correction and strength by measured side effects",
            "program": "python -m directions learn", "seed": seed, "conditioned_on": plan.kept,
            "tried": plan.tried,
        },
    }  # fmt: skip
    layers = tuple(range(plan.layers[0], plan.layers[1] + 1))
    return Direction(
        attribute.name,
        plan.shift.astype(np.float32),
        layers,
        tuple(limits),
        attribute.id,
        attribute.label,
        metadata,
    )


def learn(
    name: str,
    samples: Samples,
    bench: Bench,
    seed: int,
    folder: Path = library.DATA,
    say: Callable[[str], object] = lambda _: None,
) -> Direction:
    """Learn one direction and write its files."""
    attribute = ATTRIBUTES[name]
    found = choose_layers(attribute, samples, bench, seed, say)
    first = measure_one(attribute, found, bench)
    refined = refine(attribute, found, samples, bench, seed)
    second = measure_one(attribute, refined, bench)
    say(f"  cost {first:.3f}, after correction {second:.3f}")
    if second < first:
        found = refined
    faces = np.arange(len(bench))
    length, _ = reach(bench, found.shift, attribute, faces, (0.6, 0.8, 1.0, 1.25, 1.6))
    direction = measure(attribute, replace(found, shift=found.shift * length), bench, samples, seed)
    library.write(folder, direction)
    say(
        f"  layers {found.layers}, range {direction.range}, at 1.0:"
        f" {direction.metadata['side_effects']['+1.0']}"
    )
    return direction


def measure_one(attribute: Attribute, plan: Plan, bench: Bench) -> float:
    """The cost of a plan on all faces; see :func:`_cost`."""
    return _cost(attribute, bench.try_shift(plan.shift))
