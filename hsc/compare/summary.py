"""What a benchmark gives: every result, and means in which VVC is the yardstick."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from hsc import metrics
from hsc.compare.result import Result, too_large
from hsc.errors import ImageError
from hsc.runtime import atomic

YARDSTICK = "vvc"
"""The codec in whose bytes the others are expressed."""
FEWEST = 5
"""Pictures of which a mean has a confidence interval."""


@dataclass
class Report:
    """Everything that a benchmark gives; `save` and `load` keep it as JSON.

    Attributes:
        about: date, versions, command, number of pictures, rates.
        codecs: key -> name, kind, description, reason it is missing (or None).
        results: of every codec, picture and rate.
        frechet: "codec/target" -> Frechet distance between restored and original pictures.
    """

    about: dict[str, Any]
    codecs: dict[str, dict[str, Any]]
    results: list[Result]
    frechet: dict[str, float] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write :meth:`as_json` to a file.

        Raises:
            HSCError: it cannot be written.
        """
        atomic.write_text(path, self.as_json())

    def as_json(self) -> str:
        """JSON: what it was made with, a summary for readers, and every single result."""
        results = [
            {
                key: value
                for key, value in asdict(replace(result, restored=None, data=None)).items()
                if key not in ("restored", "data", "name", "kind", "final")
            }
            for result in self.results
        ]
        document = {
            "about": self.about,
            "codecs": self.codecs,
            "summary": [asdict(row) for row in summarise(self)],
            "frechet": self.frechet,
            "results": results,
        }
        return json.dumps(document, indent=1, sort_keys=False) + "\n"

    @classmethod
    def load(cls, path: Path) -> Report:
        """Read what `save` wrote.

        Raises:
            ImageError: it is not such a file.
        """
        try:
            document = json.loads(path.read_text())
            codecs = document["codecs"]
            results = [
                Result(name=codecs[row["codec"]]["name"], kind=codecs[row["codec"]]["kind"], **row)
                for row in document["results"]
            ]
            return cls(document["about"], codecs, results, document["frechet"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ImageError(f"{path.name} is not the JSON file of a comparison.") from error


@dataclass(frozen=True)
class Row:
    """Means over the pictures for one codec at one rate.

    Attributes:
        codec, name, kind: as in `Result`.
        target: bytes asked for.
        count: pictures measured; `failed`: pictures without a result.
        fitting: share of files within the target.
        bytes, bpp: mean size of the files.
        metrics: means of each metric over the pictures that have it.
        intervals: half widths of the 95% confidence intervals of these means, over pictures; none of fewer than
            :data:`FEWEST` of them.
        frechet: Frechet distance on VGG features over the set, or None.
        equivalent: see `yardstick_bytes`; over the codec's own mean bytes. Both are means over the pictures that this
            codec at this rate and the yardstick at all of its rates have the metric of. None for the yardstick itself,
            or where there are no such pictures or fewer than two rates.
        equivalent_bound: "" where `equivalent` was interpolated, ">" or "<" where it is a bound.
        note: as in `Result`.
    """

    codec: str
    name: str
    kind: str
    target: int
    count: int
    failed: int
    fitting: float
    bytes: float | None
    bpp: float | None
    metrics: dict[str, float]
    intervals: dict[str, float]
    frechet: float | None
    equivalent: float | None
    equivalent_bound: str
    note: str


def summarise(report: Report, metric: str = "lpips_alex") -> list[Row]:
    """Means of every codec at every rate, with the yardstick's bytes for the same `metric`."""
    groups: dict[tuple[str, int], list[Result]] = {}
    for result in report.results:
        groups.setdefault((result.codec, result.target), []).append(result)
    yardstick = [found for (codec, _), group in groups.items() if codec == YARDSTICK and (found := _has(group, metric))]
    rows = []
    for (codec, target), group in sorted(groups.items(), key=lambda item: item[0][1]):
        done = [result for result in group if result.reason is None]
        size = float(np.mean([result.bytes or 0 for result in done])) if done else None
        measured = _measured(result.metrics for result in done)
        means = {name: float(np.mean(values)) for name, values in measured.items()}
        equivalent, bound, shared = None, "", None
        if codec != YARDSTICK and metric in means and len(yardstick) > 1:
            own = _has(group, metric)
            shared = set(own).intersection(*yardstick)
            if shared:
                own_size, quality = _point(own, shared, metric)
                needed, bound = yardstick_bytes([_point(each, shared, metric) for each in yardstick], quality)
                equivalent = needed / own_size
        fitting = float(np.mean([result.fits for result in done])) if done else 0.0
        note = (
            ""
            if fitting == 1.0
            else group[0].note
            if not done
            else too_large(round(size), target)
            if size is not None and size > target
            else f"{100 * fitting:.0f}% of the files are this small"
        )
        if done and len(done) < len(group):
            reason = next(result.reason for result in group if result.reason is not None)
            note = f"{len(group) - len(done)} of {len(group)} pictures failed: {reason}" + (f"; {note}" if note else "")
        if shared is not None and len(shared) < len(done):
            which = f"only over the {len(shared)} pictures that both have" if shared else "no picture that both have"
            note = (f"{note}; " if note else "") + f"VVC's bytes: {which}"
        rows.append(
            Row(
                codec,
                group[0].name,
                group[0].kind,
                target,
                len(done),
                len(group) - len(done),
                fitting,
                size,
                None if size is None else metrics.bpp(size),
                means,
                {name: confidence(values) for name, values in measured.items() if len(values) >= FEWEST},
                report.frechet.get(f"{codec}/{target}"),
                equivalent,
                bound,
                note,
            )
        )
    return rows


def yardstick_bytes(curve: Iterable[tuple[float, float]], quality: float) -> tuple[float, str]:
    """Bytes at which a curve reaches a quality, straight between its points in logarithmic bytes.

    Args:
        curve: (bytes, distance) points; more bytes, less distance.
        quality: the distance to reach, such as an LPIPS.

    Returns:
        Bytes and "" within the curve; its largest bytes and ">" for a better quality than any of its points
        has; its smallest bytes and "<" for a worse one.
    """
    # Where a larger file is no better than a smaller one, the smaller one serves.
    points: list[tuple[float, float]] = []
    for size, distance in sorted(curve):
        if not points or distance < points[-1][1]:
            points.append((size, distance))
    if quality > points[0][1]:
        return points[0][0], "<"
    if quality < points[-1][1]:
        return points[-1][0], ">"
    sizes, distances = zip(*points)
    return math.exp(float(np.interp(-quality, [-d for d in distances], np.log(sizes)))), ""


def _has(group: Iterable[Result], metric: str) -> dict[str, Result]:
    """The results that have a metric, by picture."""
    return {r.picture: r for r in group if r.reason is None and math.isfinite(r.metrics.get(metric, math.nan))}


def _point(found: dict[str, Result], pictures: Iterable[str], metric: str) -> tuple[float, float]:
    """Mean bytes and mean metric over some pictures."""
    chosen = [found[picture] for picture in sorted(pictures)]
    return float(np.mean([r.bytes or 0 for r in chosen])), float(np.mean([r.metrics[metric] for r in chosen]))


def confidence(values: Sequence[float]) -> float:
    """Half width of the 95% confidence interval of a mean, by Student's distribution.

    Args:
        values: at least :data:`FEWEST`.
    """
    freedom = len(values) - 1
    z = NormalDist().inv_cdf(0.975)
    # Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5: within 0.3% from four degrees of freedom on.
    quantile = (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
    return float(quantile * np.std(values, ddof=1) / math.sqrt(len(values)))


def _measured(rows: Iterable[dict[str, float]]) -> dict[str, list[float]]:
    """Every metric of those that have it; what is not a number (no face found) is left out."""
    values: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            if value is not None and math.isfinite(value):
                values.setdefault(name, []).append(value)
    return values
