"""From scored samples to a direction in W: linear SVM on the extremes, then conditional manipulation.

Both after InterFaceGAN (Shen et al. 2020, arXiv:1907.10786, sections 3.2 and 3.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from directions.samples import Samples
from hsc.errors import DirectionError

_MINIMUM = 20  # samples of each kind, below which a boundary means nothing


@dataclass(frozen=True)
class Boundary:
    """A linear boundary in W.

    Attributes:
        normal: ``(512,)`` float64, unit length, towards more of the attribute.
        accuracy: share of held-out extremes on the right side.
        positives, negatives: how many extremes there were of each kind, held-out ones included.
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
