"""Two faces in one: S of one file, F of another, or anything between.

S is interpolated linearly, as StyleGAN's style codes are. F is interpolated in place: halfway between a mouth here and
a mouth a little higher, features laid over one another are two mouths. So both faces' features are moved first to where
landmarks halfway between theirs lie, by the thin-plate spline that takes these points there (Bookstein 1989; the way of
image morphing, Beier & Neely 1992), and interpolated there. The mean of two is flatter than either: each channel gets
the root mean square back that lies between theirs.

At 0 the result is the first face and at 1 the second, bit for bit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hsc.editing.array_local import places
from hsc.inference.engine import Engine
from hsc.semantics import Semantics

_GAINS = (1.0, 2.5)
"""Of the mean's channels; what has next to nothing in it is not blown up."""
_SMOOTHNESS = 1e-3
"""Of the spline: landmarks are found to a few pixels only."""
_TINY = 1e-8
_STILL = np.array([(x, y) for x in (0.0, 0.5, 1.0) for y in (0.0, 0.5, 1.0) if (x, y) != (0.5, 0.5)])
"""Places of the frame that stay."""


def blend(
    engine: Engine,
    one: Semantics,
    other: Semantics,
    codes: float,
    features: float,
    landmarks: tuple[np.ndarray, np.ndarray] | None = None,
) -> Semantics:
    """Semantics between those of two faces.

    Args:
        engine: moves features.
        one, other: decoded faces, as arrays.
        codes: how much of S is the other's, 0 to 1.
        features: how much of F, and of detail, is the other's, 0 to 1.
        landmarks: the same points of both faces, each ``(N, 2)``, x and y as shares of the picture's side; None blends
            places as they lie, which shows two of what is at two places.

    Returns:
        Semantics without layers, symbols or edits, since no file has them. Where both shares are 0 the first face
        itself, where both are 1 the other.

    Raises:
        ValueError: a share is not from 0 to 1.
    """
    if not (0 <= codes <= 1 and 0 <= features <= 1):
        raise ValueError("A blend's shares are from 0 to 1.")
    if codes == features == 0:
        return one
    if codes == features == 1:
        return other
    mixed = tuple(_mixed(engine, a, b, features, landmarks) for a, b in zip(one.features, other.features))
    plain = replace(one, model_id=None, quality=0, layers=(), total_layers=0, symbols=(), edits=(), bytes=0)
    return replace(
        plain,
        codes=_lerp(one.codes, other.codes, codes),
        features=mixed,
        detail=_detail(engine, one.detail, other.detail, features, landmarks),
    )


def _detail(
    engine: Engine,
    one: np.ndarray | None,
    other: np.ndarray | None,
    share: float,
    landmarks: tuple[np.ndarray, np.ndarray] | None,
) -> np.ndarray | None:
    """A face without detail has zeros."""
    if one is None and other is None:
        return None
    first = np.zeros_like(other) if one is None else one
    second = np.zeros_like(one) if other is None else other
    return _mixed(engine, first, second, share, landmarks)


def _mixed(
    engine: Engine,
    one: np.ndarray,
    other: np.ndarray,
    share: float,
    landmarks: tuple[np.ndarray, np.ndarray] | None,
) -> np.ndarray:
    """Features ``(1, C, side, side)`` between two."""
    if share in (0, 1):
        return other if share else one
    if landmarks is not None:
        between = (1 - share) * landmarks[0] + share * landmarks[1]
        one, other = (
            engine.sampled(each, places(-_spline(between, own - between, each.shape[-1])))
            for each, own in zip((one, other), landmarks)
        )
    mean = _lerp(one, other, share)
    wanted = _lerp(_size(one), _size(other), share)
    return mean * np.clip(wanted / _size(mean), *_GAINS)


def _lerp(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    if share in (0, 1):
        return other if share else one
    return one + np.float32(share) * (other - one)


def _size(features: np.ndarray) -> np.ndarray:
    """Root mean square of each channel, ``(1, C, 1, 1)``."""
    return np.sqrt(np.square(features).mean((2, 3), keepdims=True) + np.float32(_TINY))


def _spline(points: np.ndarray, values: np.ndarray, side: int) -> np.ndarray:
    """The thin-plate spline through values ``(N, 2)`` at points ``(N, 2)``, 0 around the frame, at pixel centres.

    Returns:
        ``(side, side, 2)``.
    """
    points, values = np.concatenate([points, _STILL]), np.concatenate([values, np.zeros_like(_STILL)])
    count = len(points)
    plane = np.column_stack([np.ones(count), points])
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(points, points) + _SMOOTHNESS * np.eye(count)
    system[:count, count:], system[count:, :count] = plane, plane.T
    weights = np.linalg.solve(system, np.concatenate([values, np.zeros((3, 2))]))
    line = (np.arange(side) + 0.5) / side
    places = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    bent = _kernel(places, points) @ weights[:count]
    return (bent + np.column_stack([np.ones(len(places)), places]) @ weights[count:]).reshape(side, side, 2)


def _kernel(places: np.ndarray, points: np.ndarray) -> np.ndarray:
    squared = np.square(places[:, None] - points[None]).sum(-1)
    return 0.5 * squared * np.log(np.maximum(squared, np.finfo(float).tiny))
