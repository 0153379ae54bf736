"""Learning a direction: boundary, conditional manipulation, layers, strength, and the files that say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
    from hsc.generator import Generator

SHARE = 0.08
"""Part of the samples taken as extremes at each end."""
_FACES = 24  # faces that layers are chosen on
_CALIBRATION = 64  # faces that the strength and the side effects are measured on
_BREAKS_IDENTITY = 0.3  # mean identity cosine below which a picture shows somebody else
_BREAKS_FACE = 0.9  # share of pictures in which landmarks still find a face


@dataclass(frozen=True)
class Plan:
    """How a direction was reached, for its JSON file."""

    boundary: Boundary
    kept: list[str]
    layers: tuple[int, int]
    shift: np.ndarray
    tried: list[dict[str, object]]


def sample(folder: Path, generator: Generator, pool: int, budget: int, seed: int, threads: int,
           progress: Callable[[int], object]) -> Samples:
    """Fill the sample store and read it."""
    from directions.render import PreviewRenderer
    from directions.scorers import ScorerPanel
    from hsc.preview import PreviewHead

    store = SampleStore(folder, GENERATOR, pool, seed)
    columns = [attribute.column for attribute in ATTRIBUTES.values()]
    render = PreviewRenderer(generator, PreviewHead.load(), threads=threads)
    store.fill(budget, columns, generator, render, ScorerPanel(), progress)
    return store.read(generator)


def make_bench(generator: Generator, seed: int, threads: int = 1, count: int = _CALIBRATION) -> Bench:
    """Random faces that no sample store holds, a little truncated, as inverted photos are."""
    from directions.render import PreviewRenderer
    from directions.scorers import ScorerPanel
    from hsc.identity import IdentityNetwork
    from hsc.preview import PreviewHead

    random = np.random.default_rng((seed, 0xFACE))
    with torch.inference_mode():
        z = torch.from_numpy(random.standard_normal((4096 + count, 512), dtype=np.float32))
        w = generator.mapping(z.to(generator.input)).float().cpu().numpy()
    mean = w[count:].mean(0)
    codes = np.repeat((mean + 0.8 * (w[:count] - mean))[:, None], 16, axis=1)
    render = PreviewRenderer(generator, PreviewHead.load(), threads=threads)
    return Bench(codes, render, ScorerPanel(), IdentityNetwork.load())


def plan(attribute: Attribute, samples: Samples, bench: Bench, seed: int = 0,
         say: Callable[[str], object] = lambda _: None) -> Plan:
    """Boundary, conditional manipulation and layers of one attribute."""
    boundary = fit_boundary(samples, attribute.column, SHARE, attribute.present, seed)
    others = {name: fit_boundary(samples, name, SHARE, seed=seed).normal for name in attribute.keep
              if name != "eyeglasses"}
    if "eyeglasses" in attribute.keep:
        glasses = ATTRIBUTES["eyeglasses"]
        others["eyeglasses"] = fit_boundary(samples, glasses.column, SHARE, glasses.present, seed).normal
    say(f"{attribute.name}: held-out accuracy {boundary.accuracy:.3f} "
        f"({boundary.positives} + {boundary.negatives} samples)")
    return _choose(attribute, boundary, others, bench, say)


def _choose(attribute: Attribute, boundary: Boundary, others: dict[str, np.ndarray], bench: Bench,
            say: Callable[[str], object]) -> Plan:
    """The layers, and whether to orthogonalise, with the least side effect at an equal change of the score."""
    faces = slice(0, _FACES)
    candidates = {"conditional": orthogonalise(boundary.normal, list(others.values())), "plain": boundary.normal}
    tried, best = [], None
    for kind, normal in candidates.items():
        for first, last in attribute.ranges:
            shift = spread(normal, range(first, last + 1))
            length, effect = reach(bench, shift, attribute, faces)
            cost = _cost(attribute, effect)
            reached = float(effect.change(attribute.column).mean())
            row = {"kind": kind, "layers": [first, last], "length": round(length, 3), "change": round(reached, 3),
                   "identity": round(float(effect.identity.mean()), 3), "cost": round(cost, 3)}
            tried.append(row)
            say(f"  {row}")
            if best is None or cost < best[0]:
                best = (cost, Plan(boundary, sorted(others) if kind == "conditional" else [], (first, last),
                                   shift * length, tried))
    return best[1]


def _cost(attribute: Attribute, effect: Effect) -> float:
    """Side effects, loss of identity, and what is missing of the goal, in one number."""
    missing = max(0.0, 1 - float(effect.change(attribute.column).mean()) / attribute.goal)
    return effect.side_effect(attribute.keep) + 2 * (1 - float(effect.identity.mean())) + 6 * missing


def reach(bench: Bench, shift: np.ndarray, attribute: Attribute, faces: slice = slice(None),
          longest: float = 14.0, fraction: float = 1.0) -> tuple[float, Effect]:
    """The length of a shift whose mean change of the score is ``fraction`` of the goal, by bisection.

    Where the goal is out of reach, the length in the grid that comes nearest.
    """
    goal = fraction * attribute.goal
    low, low_effect, high = 0.0, None, None
    for length in np.geomspace(longest / 8, longest, 4):
        effect = bench.try_shift(shift * length, faces)
        if effect.change(attribute.column).mean() >= goal:
            high, high_effect = length, effect
            break
        low, low_effect = length, effect
    if high is None:
        return float(low), low_effect
    for _ in range(2):
        middle = (low + high) / 2
        effect = bench.try_shift(shift * middle, faces)
        if effect.change(attribute.column).mean() >= goal:
            high, high_effect = middle, effect
        else:
            low = middle
    return float(high), high_effect


def refine(attribute: Attribute, shift: np.ndarray, correctors: dict[str, np.ndarray], bench: Bench,
           faces: slice = slice(0, 48), penalty: float = 0.15) -> np.ndarray:
    """Cancel side effects that are left, as measured on pictures rather than predicted in W.

    Each corrector is a shift that changes one of the attributes to keep. The combination of them that brings the
    measured mean changes to zero (ridge regression, linear in the strengths) is added to the shift.

    Args:
        shift: ``(16, 512)``, at strength 1.
        correctors: shifts ``(16, 512)`` by name.
        penalty: of the correctors' strengths.
    """
    columns = [*attribute.keep, attribute.column]
    scales = np.array([SCALES[name] for name in columns])

    def changes(given: np.ndarray) -> np.ndarray:
        effect = bench.try_shift(given, faces)
        return np.array([effect.change(name).mean() for name in columns]) / scales

    residual = changes(shift)
    residual[-1] = 0.0  # the correctors together should leave the attribute itself as it is
    response = np.stack([changes(corrector) for corrector in correctors.values()], axis=1)
    gram = response.T @ response + penalty * np.eye(response.shape[1])
    strengths = -np.linalg.solve(gram, response.T @ residual)
    return shift + sum(s * corrector for s, corrector in zip(strengths, correctors.values()))


def describe(attribute: Attribute, plan: Plan, shift: np.ndarray, bench: Bench, samples: Samples,
             seed: int, range_limit: float = 2.0) -> Direction:
    """Measure a finished shift and make a :class:`Direction` of it."""
    effects = {strength: bench.try_shift(shift * strength) for strength in (-1.5, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0)}
    limits, breaks = [], {}
    for sign in (-1.0, 1.0):
        last = 0.5
        for strength in (0.5, 1.0, 1.5, 2.0):
            effect = effects.get(sign * strength)
            if effect is None or strength > range_limit:
                break
            face = (effect.after[:, COLUMNS.index("face")] > 0.5).mean()
            if effect.identity.mean() < _BREAKS_IDENTITY or face < _BREAKS_FACE:
                breaks["positive" if sign > 0 else "negative"] = sign * strength
                break
            last = strength
        limits.append(sign * min(last, 1.5))
    table = {
        f"{strength:+.1f}": {
            **{name: round(float(effect.change(name).mean()), 3) for name in COLUMNS if name != "face"},
            "identity": round(float(effect.identity.mean()), 3),
        }
        for strength, effect in effects.items()
    }
    metadata = {
        "breaks": breaks or "not within -1.5 to 2 on random faces",
        "samples": {"drawn": samples.drawn, "rendered": len(samples), "positives": plan.boundary.positives,
                    "negatives": plan.boundary.negatives, "faces_measured": len(bench.codes)},
        "scorer": attribute.scorer,
        "svm_accuracy": round(plan.boundary.accuracy, 4),
        "side_effects": table,
        "units": "mean change over random faces at each strength: blendshapes 0 to 1, degrees, logit, years, Lab",
        "provenance": {
            "method": "InterFaceGAN (arXiv:1907.10786): linear SVM on the extremes in W, conditional manipulation; "
                      "layers and strength by measured side effects",
            "conditioned_on": plan.kept, "layers_tried": plan.tried, "seed": seed,
            "program": "python -m directions learn",
        },
    }
    layers = tuple(np.flatnonzero(np.abs(shift).max(1) > 0).tolist())
    return Direction(attribute.name, shift.astype(np.float32), layers, tuple(limits), attribute.id, attribute.label,
                     metadata)


def learn(names: list[str], samples: Samples, bench: Bench, seed: int, folder: Path = library.DATA,
          say: Callable[[str], object] = lambda _: None) -> list[Direction]:
    """Learn directions and write their files.

    Correctors of :func:`refine` are the boundaries of all attributes to keep, on the attribute's own layers.
    """
    made = []
    for name in names:
        attribute = ATTRIBUTES[name]
        found = plan(attribute, samples, bench, seed, say)
        layers = range(found.layers[0], found.layers[1] + 1)
        correctors = {
            other: spread(fit_boundary(samples, other, SHARE, seed=seed).normal, layers)
            * np.linalg.norm(found.shift) / np.sqrt(len(layers)) / 4
            for other in attribute.keep
        }
        shift = refine(attribute, found.shift, correctors, bench)
        length, _ = reach(bench, shift, attribute, longest=1.8)
        direction = describe(attribute, found, shift * length, bench, samples, seed)
        library.write(folder, direction)
        effect = direction.metadata["side_effects"]["+1.0"]
        say(f"  -> layers {found.layers}, length {length:.2f}, at 1.0: {effect}")
        made.append(direction)
    return made
