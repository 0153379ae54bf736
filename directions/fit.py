"""From scored samples to a direction in W.

A linear SVM on the extremes, then conditional manipulation, both after InterFaceGAN (Shen et al. 2020,
arXiv:1907.10786, sections 3.2 and 3.3); or, where much of what makes a face somebody moves along with the attribute,
as it does with age, the movement that costs least of it: :func:`fit_gently`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from directions.samples import Samples
from hsc.errors import DirectionError

_MINIMUM = 20  # samples of each kind, below which a boundary means nothing
_RIDGE = 0.03  # of the mean variance of w, which is added to each variance
_IDENTITY = 0.1  # what a change of the embedding weighs beside a step away from where latents are


@dataclass(frozen=True)
class Boundary:
    """A linear boundary in W.

    Attributes:
        normal: ``(512,)`` float64, unit length, towards more of the attribute.
        accuracy: share of held-out extremes on the right side.
        positives, negatives: how many extremes there were of each kind, held-out ones included; of :func:`fit_gently`,
            which is fitted to all samples, held-out ones alone.
    """

    normal: np.ndarray
    accuracy: float
    positives: int
    negatives: int


def extremes(scores: np.ndarray, share: float = 0.1, present: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Indexes of samples at the high and at the low end of a score.

    Args:
        scores: ``(N,)``.
        share: part of all samples taken at each end.
        present: if given, the high end is every sample above it, and the low end as many again of the lowest.
    """
    order = np.argsort(scores, kind="stable")
    if present is not None:
        high = np.flatnonzero(scores > present)
        return high, order[: max(len(high), int(share * len(scores)))]
    count = int(share * len(scores))
    return order[len(order) - count :], order[:count]


def fit_boundary(
    samples: Samples, column: str, share: float = 0.1, present: float | None = None, seed: int = 0
) -> Boundary:
    """A linear SVM between the extremes of one score.

    A fifth of the extremes is held out; the SVM's cost is chosen on a fifth of the others.

    Raises:
        DirectionError: there are too few extremes.
    """
    from sklearn.svm import LinearSVC

    high, low = extremes(samples.column(column), share, present)
    if min(len(high), len(low)) < _MINIMUM:
        raise DirectionError(f"There are too few samples for '{column}': {len(high)} high and {len(low)} low.")
    x = samples.w[np.concatenate([high, low])].astype(np.float64)
    y = np.concatenate([np.ones(len(high)), np.zeros(len(low))])
    order = np.random.default_rng(seed).permutation(len(y))
    held, rest = np.split(order, [len(y) // 5])
    tune, train = np.split(rest, [len(rest) // 5])
    centre = samples.w.mean(0)

    def svm(cost: float, chosen: np.ndarray) -> LinearSVC:
        return LinearSVC(C=cost, class_weight="balanced", max_iter=20000).fit(x[chosen] - centre, y[chosen])

    # Of costs that do as well, the lowest: it uses most samples, and its normal is the smoothest.
    costs = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
    best = max(costs, key=lambda cost: (round(svm(cost, train).score(x[tune] - centre, y[tune]), 3), -cost))
    accuracy = svm(best, rest).score(x[held] - centre, y[held])
    normal = svm(best, np.arange(len(y))).coef_[0]
    return Boundary(normal / np.linalg.norm(normal), float(accuracy), len(high), len(low))


def orthogonalise(normal: np.ndarray, others: list[np.ndarray]) -> np.ndarray:
    """The part of ``normal`` ``(512,)`` that is orthogonal to the other boundaries' normals; unit length."""
    if others:
        basis, _ = np.linalg.qr(np.stack(others, axis=1))
        normal = normal - basis @ (basis.T @ normal)
    return normal / np.linalg.norm(normal)


def fit_gently(
    samples: Samples, column: str, keep: Mapping[str, float | None], share: float = 0.1, seed: int = 0
) -> Boundary:
    """The movement in W that raises a score for the least change of the person, and leaves other scores as they are.

    To first order, scores and identity embeddings are linear in w: ridge regression gives the gradients a of the score,
    k of those to keep, and J of the embedding. Of all movements d with a.d = 1 and k.d = 0 it is that of the least
    d' (C^-1 + r J J') d, with the covariance C of latents, both matrices scaled to a mean diagonal of 1.

    Args:
        keep: other scores, each with the value above which its attribute is there, or None for a score that has none.
        share: part of the held-out samples at each end that :attr:`Boundary.accuracy` is of: those beyond the median
            along d.

    Returns:
        The boundary that is orthogonal to d; a fifth of the samples is held out.

    Raises:
        DirectionError: there are too few samples.
    """
    if share * len(samples) < _MINIMUM:
        raise DirectionError(f"There are too few samples for '{column}': {len(samples)}.")
    held, chosen = np.split(np.random.default_rng(seed).permutation(len(samples)), [len(samples) // 5])
    centre = samples.w[chosen].mean(0)
    x = samples.w[chosen].astype(np.float64) - centre
    variance = float(np.square(x).mean())
    inverse = np.linalg.inv(x.T @ x / len(x) + _RIDGE * variance * np.eye(x.shape[1]))

    def gradient(values: np.ndarray) -> np.ndarray:
        return inverse @ (x.T @ (values - values.mean(0)) / len(x))

    def seen(name: str, present: float | None) -> np.ndarray:
        values = samples.column(name)[chosen].astype(np.float64)
        return np.clip(values, *np.percentile(values, (1, 99))) if present is None else values > present

    rise = gradient(seen(column, None))
    jacobian = gradient(samples.embeddings[chosen].astype(np.float64))
    cost = inverse / np.diag(inverse).mean()
    identity = jacobian @ jacobian.T
    cost += _IDENTITY * identity / max(np.diag(identity).mean(), 1e-12)
    normal = np.linalg.solve(cost, rise)
    if keep:
        kept = np.stack([gradient(seen(name, present).astype(np.float64)) for name, present in keep.items()], axis=1)
        kept /= np.linalg.norm(kept, axis=0) + 1e-12
        dear = np.linalg.solve(cost, kept)
        normal -= dear @ np.linalg.lstsq(kept.T @ dear, kept.T @ normal, rcond=None)[0]
    normal /= np.linalg.norm(normal)
    high, low = extremes(samples.column(column)[held], share)
    along = (samples.w[held] - centre) @ normal
    right = np.concatenate([along[high] > np.median(along), along[low] < np.median(along)])
    return Boundary(normal, float(right.mean()), len(high), len(low))
