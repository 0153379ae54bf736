"""Learning a direction: boundary, conditional manipulation, layers, strength, and the files that say so."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

import directions
from directions.attributes import ATTRIBUTES, SCALES, Attribute
from directions.direction import LATENT, Direction
from directions.effects import Bench, Effect, preview, side_effect, spread
from directions.fit import Boundary, fit_boundary, fit_gently, orthogonalise
from directions.parallel import each
from directions.photos import coded
from directions.samples import Samples, SampleStore
from directions.scorers import COLUMNS, SCORES
from hsc.baselines.hsc_codec import fingerprint
from hsc.errors import DirectionError

if TYPE_CHECKING:
    from hsc.codec import Codec

SHARE = 0.05
"""Part of the samples taken as extremes at each end."""
STRENGTHS = (-1.5, -1.0, -0.5, 0.5, 1.0, 1.5)
"""Strengths at which a finished direction is measured."""
_BYTES = 1000  # of the files that faces to measure on are decoded from
_FEW = 12  # faces that layers are chosen on
# Lengths that are tried, in standard deviations of the samples along the direction.
_LENGTHS = (1.5, 2.5, 4.0, 6.0, 8.5)
_BOUNDARY = (
    "InterFaceGAN (arXiv:1907.10786): linear SVM on the extremes in W, conditional manipulation; layers, correction and"
    " strength by measured side effects"
)
_GENTLY = (
    "ridge regression in W: the movement of least change of the person that leaves other scores; strength measured"
)
_FACTORS = (0.6, 0.8, 1.0, 1.25, 1.6, 2.0)  # of a length that was found on few faces, or with another codec
_BISECTIONS = 4
_REACHED = 0.92  # share of faces that should come to an attribute's target
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


class Boundaries:
    """The boundary of each score, fitted when it is first asked for."""

    def __init__(self, samples: Samples, seed: int) -> None:
        self.samples, self.seed = samples, seed
        self._fitted: dict[str, Boundary] = {}

    def __getitem__(self, column: str) -> Boundary:
        if column not in self._fitted:
            self._fitted[column] = fit_boundary(self.samples, column, SHARE, presence_of(column), self.seed)
        return self._fitted[column]

    def deviation(self, normal: np.ndarray) -> float:
        """Standard deviation of the samples along a unit vector ``(512,)``."""
        return float((self.samples.w @ normal).std())


def presence_of(column: str) -> float | None:
    """The score above which an attribute is there, of those that are there or not."""
    return next((attribute.present for attribute in ATTRIBUTES.values() if attribute.column == column), None)


def progress_of(attribute: Attribute, effect: Effect) -> float:
    """How much of what strength 1 should do is done: 1 is all of it."""
    if attribute.target is None:
        return float(effect.change(attribute.column).mean()) / attribute.goal
    column = COLUMNS.index(attribute.column)
    low = effect.before[:, column] < attribute.target / 2
    chosen = low if low.any() else slice(None)
    return float((effect.after[chosen, column] >= attribute.target).mean() / _REACHED)


def candidate(attribute: Attribute, shift: np.ndarray) -> Direction:
    """A shift ``(16, 512)`` as the direction that it would be: at its attribute's place, in its manner."""
    metadata: dict[str, object] = {} if attribute.manner is None else attribute.manner.metadata()
    tints = tints_of(attribute.name, len(attribute.manner.paints) if attribute.manner else 0)
    if not len(tints):
        metadata.pop("paints", None)
    layers = tuple(np.flatnonzero(shift.any(1)).tolist())
    return Direction(
        attribute.name, shift.astype(np.float32), layers, (-1.5, 1.5), attribute.id, attribute.label, metadata, tints
    )


def tints_of(name: str, count: int) -> np.ndarray:
    """The tints of the shipped direction of a name ``(count, 512)``; none if it has another number of them."""
    shipped = [directions.load(name).tints] if name in directions.names() else []
    return next((tints for tints in shipped if len(tints) == count), np.zeros((0, LATENT), np.float32))


def reach(
    bench: Bench, shift: np.ndarray, attribute: Attribute, faces: np.ndarray, lengths: Sequence[float]
) -> tuple[float, Effect]:
    """The least length found at which a shift does what strength 1 should.

    Between two lengths by bisection: an attribute such as eyeglasses comes all at once.

    Args:
        shift: ``(16, 512)``.
        lengths: to try, ascending; the one that does most if none is enough: too far along, faces break.

    Returns:
        The length, and its effect.
    """
    low, tries = 0.0, []
    for high in lengths:
        effect = bench.try_edit({candidate(attribute, shift * high): 1.0}, faces)
        done = progress_of(attribute, effect)
        if done >= 1:
            break
        tries.append((done, high, effect))
        low = high
    else:
        return max(tries, key=lambda tried: tried[0])[1:]
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        tried = bench.try_edit({candidate(attribute, shift * middle): 1.0}, faces)
        if progress_of(attribute, tried) >= 1:
            high, effect = middle, tried
        else:
            low = middle
    return high, effect


def choose_layers(
    attribute: Attribute, boundaries: Boundaries, bench: Bench, say: Callable[[str], object] = lambda _: None
) -> Plan:
    """Boundary, conditional manipulation, and the layers with the least side effect for what is reached."""
    boundary = boundaries[attribute.column]
    say(
        f"{attribute.name}: held-out accuracy {boundary.accuracy:.3f}"
        f" ({boundary.positives} + {boundary.negatives} samples)"
    )
    faces = bench.choose(_FEW, attribute.column, low=attribute.target is not None)
    conditional = orthogonalise(boundary.normal, [boundaries[name].normal for name in attribute.keep])
    tried: list[dict[str, object]] = []

    def attempt(normal: np.ndarray, layers: tuple[int, int], kept: list[str]) -> tuple[float, float, Plan]:
        """Cost, progress, plan."""
        shift = spread(normal, range(layers[0], layers[1] + 1)) * boundaries.deviation(normal)
        length, effect = reach(bench, shift, attribute, faces, _LENGTHS)
        cost, done = _cost(attribute, effect), progress_of(attribute, effect)
        tried.append({
            "conditional": bool(kept), "layers": list(layers), "deviations": round(length, 2),
            "progress": round(done, 2), "identity": round(float(effect.identity.mean()), 3),
            "cost": round(cost, 3),
        })  # fmt: skip
        say(f"  {tried[-1]}")
        return cost, done, Plan(shift * length, boundary, kept, layers, tried)

    attempts = [attempt(conditional, layers, sorted(attribute.keep)) for layers in attribute.ranges]
    _, done, best = min(attempts, key=lambda attempted: attempted[0])
    if done < 1:  # conditioning may take away what the attribute is made of
        attempts.append(attempt(boundary.normal, best.layers, []))
    return min(attempts, key=lambda attempted: attempted[0])[2]


def gentle_plan(
    attribute: Attribute, boundaries: Boundaries, bench: Bench, say: Callable[[str], object] = lambda _: None
) -> Plan:
    """The movement of :func:`directions.fit.fit_gently`, about as long as strength 1 needs."""
    keep = {name: presence_of(name) for name in attribute.keep}
    boundary = fit_gently(boundaries.samples, attribute.column, keep, SHARE, boundaries.seed)
    layers = attribute.ranges[0]
    shift = spread(boundary.normal, range(layers[0], layers[1] + 1)) * boundaries.deviation(boundary.normal)
    faces = bench.choose(_FEW, attribute.column, low=attribute.target is not None)
    length, effect = reach(bench, shift, attribute, faces, _LENGTHS)
    row: dict[str, object] = {
        "layers": list(layers), "deviations": round(length, 2), "progress": round(progress_of(attribute, effect), 2),
        "identity": round(float(effect.identity.mean()), 3),
    }  # fmt: skip
    say(f"{attribute.name}: held-out accuracy {boundary.accuracy:.3f}\n  {row}")
    return Plan(shift * length, boundary, sorted(keep), layers, [row])


def _cost(attribute: Attribute, effect: Effect) -> float:
    """Side effects and loss of identity for each unit of progress."""
    done = max(progress_of(attribute, effect), 0.05)
    aside = side_effect(effect.means(), attribute.keep)
    return (aside + 2 * (1 - float(effect.identity.mean()))) / min(done, 1.5)


def refine(attribute: Attribute, plan: Plan, boundaries: Boundaries, bench: Bench, penalty: float = 0.1) -> Plan:
    """Cancel side effects that are left, as measured on pictures rather than predicted in W.

    The boundary of each attribute to keep is a corrector. The combination of correctors that brings the
    measured mean changes to zero (ridge regression, linear in their strengths) is added to the shift.
    """
    layers = range(plan.layers[0], plan.layers[1] + 1)
    faces = bench.choose(_FEW, attribute.column, low=False)
    columns = [*attribute.keep, attribute.column]
    scales = np.array([SCALES[name] for name in columns])

    def changes(shift: np.ndarray) -> np.ndarray:
        effect = bench.try_edit({candidate(attribute, shift): 1.0}, faces)
        return np.array([effect.change(name).mean() for name in columns]) / scales

    correctors = []
    for name in attribute.keep:
        normal = boundaries[name].normal
        correctors.append(spread(normal, layers) * boundaries.deviation(normal))
    residual = changes(plan.shift)
    residual[-1] = 0.0  # the correctors together should leave the attribute itself as it is
    response = np.stack([changes(corrector) for corrector in correctors], axis=1)
    strengths = -np.linalg.solve(response.T @ response + penalty * np.eye(len(correctors)), response.T @ residual)
    strengths = np.clip(strengths, -1.5, 1.5)
    refined = plan.shift + sum(strength * corrector for strength, corrector in zip(strengths, correctors))
    row = {"correctors": {name: round(float(s), 3) for name, s in zip(attribute.keep, strengths)}}
    return replace(plan, shift=refined, tried=[*plan.tried, row])


def sound_range(attribute: Attribute, effects: Mapping[float, Effect]) -> tuple[tuple[float, float], dict[str, object]]:
    """The range of a slider, and the measured strengths at which pictures break.

    They break where faces are no longer found, where it is somebody else, or where people saw that they do
    (:attr:`Attribute.limits`). The mildest strength of each side is taken for sound unless people saw otherwise.

    Args:
        effects: by strength, on both sides of 0.
    """
    ends: list[float] = []
    breaks: dict[str, object] = {}
    for sign, word in ((-1, "below"), (1, "above")):
        limit = abs(attribute.limits[sign > 0])
        side = sorted((strength for strength in effects if strength * sign > 0), key=abs)
        end = 0.0
        for strength in side:
            face = (effects[strength].after[:, COLUMNS.index("face")] > 0.5).mean()
            broken = effects[strength].identity.mean() < _BREAKS_IDENTITY or face < _BREAKS_FACE
            if abs(strength) > limit or (broken and strength != side[0]):
                breaks[word] = strength
                if abs(strength) > limit:
                    breaks["why"] = attribute.why
                break
            end = strength
        ends.append(end)
    return (ends[0], ends[1]), breaks


def measure(attribute: Attribute, direction: Direction, bench: Bench) -> tuple[tuple[float, float], dict[str, object]]:
    """Range of a finished direction, and what is measured of it for its metadata."""
    effects = {strength: bench.try_edit({direction: strength}) for strength in STRENGTHS}
    limits, breaks = sound_range(attribute, effects)
    table = {
        f"{strength:+.1f}": {
            **{name: round(change, 3) for name, change in effect.means().items() if name != "face"},
            "identity": round(float(effect.identity.mean()), 3),
        }
        for strength, effect in effects.items()
    }
    return limits, {
        **direction.metadata,
        "breaks": breaks or f"not between {STRENGTHS[0]} and {STRENGTHS[-1]}",
        "side_effects": table,
        "measured_on": bench.source + "; mean change at each strength in each score's own unit",
    }


def finish(attribute: Attribute, plan: Plan, boundaries: Boundaries, bench: Bench) -> Direction:
    """Measure a finished plan and make a :class:`Direction` of it."""
    made = candidate(attribute, plan.shift)
    limits, measured = measure(attribute, made, bench)
    metadata = {
        "samples": {"rendered": len(boundaries.samples), "positives": plan.boundary.positives,
                    "negatives": plan.boundary.negatives},
        "scorer": SCORES[attribute.column],
        "svm_accuracy": round(plan.boundary.accuracy, 4),
        **measured,
        "provenance": {
            "method": _GENTLY if attribute.gentle else _BOUNDARY,
            "program": "python -m directions learn", "seed": boundaries.seed, "conditioned_on": plan.kept,
            "tried": plan.tried,
        },
    }  # fmt: skip
    layers = tuple(range(plan.layers[0], plan.layers[1] + 1))
    return Direction(
        attribute.name,
        plan.shift.astype(np.float32),
        layers,
        limits,
        attribute.id,
        attribute.label,
        metadata,
        made.tints,
    )


def calibrate(direction: Direction, bench: Bench) -> Direction:
    """A learned direction with its strength 1 set anew, for a codec that holds on to more or less of a face.

    What is learned from the generator stays: the boundary, the layers and the correction.
    """
    attribute = ATTRIBUTES[direction.name]
    if attribute.manner is not None and not attribute.manner.shifts:  # the same in any file
        length, effect = 1.0, bench.try_edit({candidate(attribute, direction.array): 1.0})
    else:
        length, effect = reach(bench, direction.array, attribute, np.arange(len(bench)), _FACTORS)
    provenance = dict(direction.metadata["provenance"])
    done = {"factor": round(length, 4), "progress": round(progress_of(attribute, effect), 3), "on": bench.source}
    provenance["calibrated"] = [*provenance.get("calibrated", []), done]
    # What people saw break does so as far along as before.
    so_far = math.prod(each["factor"] for each in provenance["calibrated"])
    attribute = replace(attribute, limits=tuple(limit / so_far for limit in attribute.limits))
    shift = (direction.array * length).astype(np.float32)
    limits, measured = measure(attribute, candidate(attribute, shift), bench)
    metadata = {**direction.metadata, **measured, "provenance": provenance}
    return replace(direction, array=shift, range=limits, metadata=metadata)


def remeasure(direction: Direction, bench: Bench) -> Direction:
    """A shipped direction whose array stays, with its place and response as its attribute's manner says, measured."""
    attribute = ATTRIBUTES[direction.name]
    if attribute.manner is None:
        raise DirectionError(f"Nothing says where '{direction.name}' acts.")
    told = {key: value for key, value in direction.metadata.items() if key not in ("paints", "drags")}
    renewed = replace(direction, metadata={**told, **attribute.manner.metadata()})
    limits, measured = measure(attribute, renewed, bench)
    return replace(renewed, range=limits, metadata=measured)


def learn(name: str, boundaries: Boundaries, bench: Bench, say: Callable[[str], object] = lambda _: None) -> Direction:
    """Learn one direction."""
    attribute = ATTRIBUTES[name]
    everyone = np.arange(len(bench))

    def scaled(plan: Plan) -> tuple[float, Plan]:
        """Cost of a plan at the strength that does what strength 1 should, and the plan at that strength."""
        length, effect = reach(bench, plan.shift, attribute, everyone, _FACTORS)
        return _cost(attribute, effect), replace(plan, shift=plan.shift * length)

    if attribute.gentle:
        found = scaled(gentle_plan(attribute, boundaries, bench, say))[1]
    else:
        plain = scaled(choose_layers(attribute, boundaries, bench, say))
        corrected = scaled(refine(attribute, plain[1], boundaries, bench))
        say(f"  cost {plain[0]:.3f}, after correction {corrected[0]:.3f}")
        _, found = min(plain, corrected, key=lambda pair: pair[0])
    direction = finish(attribute, found, boundaries, bench)
    at_one = direction.metadata["side_effects"]["+1.0"]
    say(f"  layers {found.layers}, range {direction.range}, at 1.0: {at_one}")
    return direction


@dataclass(frozen=True)
class Material:
    """What directions are learned from.

    Attributes:
        store, samples: random faces, and how many of them.
        photos: aligned photos to measure on; generated faces if there are none.
        cache: folder that keeps coded photos.
    """

    store: SampleStore
    samples: int
    photos: tuple[Path, ...]
    cache: Path


def learn_all(material: Material, names: Sequence[str], workers: int = 1) -> Iterator[tuple[Direction, str]]:
    """Learn directions; yields each when it is done, with what happened in words.

    Raises:
        DirectionError: samples are missing, or an attribute is too rare among them.
        WeightsError: scorers or the codec are missing.
    """
    _code_all(material, workers)
    yield from each(partial(_learn, material), names, workers)


def calibrate_all(
    material: Material, shipped: Sequence[Direction], workers: int = 1, keep_strength: bool = False
) -> Iterator[Direction]:
    """:func:`calibrate` directions, on the photos of ``material`` or, without, on generated faces.

    Args:
        keep_strength: :func:`remeasure` them instead.

    Raises:
        WeightsError: scorers or the codec are missing.
    """
    _code_all(material, workers)
    yield from each(partial(_calibrate, material, keep_strength), shipped, workers)


def _code_all(material: Material, workers: int) -> None:
    """Code the photos, by several processes, before each of those needs them all."""
    for _ in each(partial(_code, material.cache), material.photos, workers):
        pass


def _learn(material: Material, name: str) -> tuple[Direction, str]:
    lines: list[str] = []
    direction = learn(name, _boundaries_of(material), _bench_of(material), lines.append)
    return direction, "\n".join(lines)


def _calibrate(material: Material, keep_strength: bool, direction: Direction) -> Direction:
    return (remeasure if keep_strength else calibrate)(direction, _bench_of(material))


@functools.lru_cache(maxsize=1)
def _boundaries_of(material: Material) -> Boundaries:
    """Made once in each process."""
    return Boundaries(material.store.read(material.samples), material.store.seed)


@functools.lru_cache(maxsize=1)
def _bench_of(material: Material) -> Bench:
    """Made once in each process."""
    if not material.photos:
        return bench_of_random_faces(_codec(), material.store.seed)
    return _bench(_codec(), [_code(material.cache, photo) for photo in material.photos], "photos")


def _code(cache: Path, photo: Path) -> bytes:
    codec = _codec()
    return coded(codec, photo, _BYTES, cache / f"coded-{fingerprint(codec)}-{_BYTES}")


@functools.lru_cache(maxsize=1)
def _codec() -> Codec:
    """Made once in each process."""
    from hsc.codec import Codec

    return Codec.load(device="cpu")


def bench_of_random_faces(codec: Codec, seed: int, count: int = 24) -> Bench:
    """Faces of the generator, a little truncated, coded and decoded as photos are."""
    from hsc.imaging.images import to_pil

    random = np.random.default_rng((seed, 0xFACE))
    z = torch.from_numpy(random.standard_normal((4096 + count, 512), dtype=np.float32))
    with torch.inference_mode():
        w = codec.generator.mapping(z.to(codec.device))
        mean = w[count:].mean(0)
        faces = [to_pil(codec.generator(code.expand(1, 16, -1))) for code in mean + 0.8 * (w[:count] - mean)]
    # Not in inference mode: the encoder descends.
    data = [codec.encode(face, max_bytes=_BYTES) for face in faces]
    return _bench(codec, data, "generated faces")


def _bench(codec: Codec, files: Sequence[bytes], kind: str) -> Bench:
    from directions.scorers import ScorerPanel
    from hsc.metrics.identity import IdentityNetwork

    semantics = [codec.parse(data) for data in files]
    source = f"{len(files)} {kind} decoded from {_BYTES} bytes"
    return Bench(codec, semantics, ScorerPanel(), IdentityNetwork.load(), preview(codec), source)
