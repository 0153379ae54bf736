"""What the directions do to real photos that were coded and decoded, beside published directions.

Every photo is measured on its own and its results are kept, so a run that was interrupted goes on where it
stopped, and several processes share the photos. Own directions are measured on whole pictures (1024 px averaged
down to 256, which is what the scorers see). Comparisons with published directions, which need many lengths, and
between sizes of files, which need many files, are measured on 256 px previews, ours as well as theirs.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

import directions
from directions.attributes import ATTRIBUTES
from directions.effects import SIDE, Bench, Effect, preview, side_effect
from directions.parallel import each
from directions.photos import coded, digest_of
from directions.samples import SCORING
from directions.scorers import COLUMNS, GLASSES
from hsc.baselines.hsc_codec import fingerprint
from hsc.editing import feature_edit

if TYPE_CHECKING:
    from directions.scorers import ScorerPanel
    from hsc.codec import Codec
    from hsc.metrics.identity import IdentityNetwork

STRENGTHS = (-1.0, -0.5, 0.5, 1.0)
LOWER = (0.25, 0.5, 0.75)
"""Strengths at which ours is measured beside published directions that do less than ours at 1.0."""
LENGTHS = (2.0, 4.0, 8.0, 14.0)
"""Lengths of a published direction that are tried: the norm of its longest row."""
# Published directions of StyleGAN2-FFHQ for the same attributes, and the sign that raises our score.
REFERENCES = {
    "smile": {
        "paper_Smiling.npy": 1,
        "stylegan2_wplus_smile.npy": -1,
        "stylegan2_wplus_emotion_happy.npy": 1,
        "e4e_smile.pt": 1,
    },
    "eyeglasses": {"paper_Eyeglasses.npy": 1, "stylegan2_wplus_glasses.npy": -1},
    "makeup": {"paper_Heavy_Makeup.npy": 1, "stylegan2_wplus_beauty.npy": -1},
    "age": {"stylegan2_wplus_age.npy": -1, "e4e_age.pt": 1},
    "yaw": {"stylegan2_wplus_angle_horizontal.npy": -1, "e4e_pose.pt": 1},
}
# For whom a direction should do at strength 1.0 what it is there for, by its score before, and whether it did.
GOALS = {
    "smile": (lambda before: before < 0.3, lambda before, after: after >= 0.6),
    "eyeglasses": (lambda before: before <= GLASSES, lambda before, after: after > GLASSES),
    "makeup": (lambda before: before > -np.inf, lambda before, after: after > before),
}
_THUMBNAIL = 160


@dataclass(frozen=True)
class Trial:
    """One shift that every photo gets.

    Attributes:
        name: of a direction, or of a reference's file.
        amount: strength of a direction, length of a reference.
        whole: measured on the whole picture rather than on the preview.
        plain: with HSC's plain sum of features instead of our rule.
    """

    name: str
    amount: float
    whole: bool
    plain: bool = False


@dataclass(frozen=True)
class Plan:
    """What is measured, and where results are kept.

    Attributes:
        names: directions.
        references: folder of published directions, or None.
        max_bytes: of a coded photo.
        folder: cache of coded photos and of results.
        set_name: what the photos are called.
        brief: only strength 1.0 on previews, with our rule and with the plain sum.
        beside: only what stands beside published directions, on previews.
    """

    names: tuple[str, ...]
    references: Path | None
    max_bytes: int
    folder: Path
    set_name: str = ""
    brief: bool = False
    beside: bool = False

    def rivals(self, name: str) -> list[str]:
        """Files of the references for a direction that are there."""
        if self.references is None:
            return []
        return [file for file in REFERENCES.get(name, {}) if (self.references / file).is_file()]

    @property
    def trials(self) -> list[Trial]:
        """All shifts, in the order of results."""
        if self.brief:
            return [Trial(name, 1.0, False, plain) for name in self.names for plain in (False, True)]
        if self.beside:
            names = [name for name in self.names if self.rivals(name)]
            trials = [Trial(name, strength, False) for name in names for strength in (*LOWER, 1.0)]
            return trials + [
                Trial(file, size, False) for name in names for file in self.rivals(name) for size in LENGTHS
            ]
        trials = [Trial(name, strength, True) for name in self.names for strength in STRENGTHS]
        for name in self.names:
            trials += [Trial(name, 1.0, False), Trial(name, 1.0, False, plain=True)]
            if self.rivals(name):
                trials += [Trial(name, strength, False) for strength in LOWER]
            trials += [Trial(file, length, False) for file in self.rivals(name) for length in LENGTHS]
        return trials

    def shift(self, trial: Trial) -> np.ndarray:
        """``(16, 512)`` float32."""
        for files in REFERENCES.values():
            if trial.name in files:
                foreign = directions.load_foreign(self.references / trial.name, "reference")
                unit = foreign.array / np.linalg.norm(foreign.array, axis=1).max()
                return unit * np.float32(trial.amount * files[trial.name])
        return directions.load(trial.name).array * np.float32(trial.amount)


@dataclass(frozen=True)
class Photo:
    """Results of one photo.

    Attributes:
        name: of its file.
        bytes: that it was coded with.
        whole, preview: scores of the unedited restoration ``(len(COLUMNS),)``; both of the preview in a brief plan.
        scores: after each trial ``(T, len(COLUMNS))``.
        identity: cosine to the unedited restoration ``(T,)``.
        pictures: thumbnails as JPEG: the photo, the restoration, and each trial on whole pictures.
    """

    name: str
    bytes: int
    whole: np.ndarray
    preview: np.ndarray
    scores: np.ndarray
    identity: np.ndarray
    pictures: list[bytes]


def measure(plan: Plan, photos: Sequence[Path], workers: int = 1) -> Iterator[Photo]:
    """Results of all photos, in the order in which they are there.

    Raises:
        WeightsError: scorers or the codec are missing.
    """
    yield from each(partial(_measure, plan), photos, workers)


def _measure(plan: Plan, path: Path) -> Photo:
    codec, panel, identity, render_preview, version = _instruments()
    trials = plan.trials
    rule = b"".join(path.read_bytes() for path in sorted(Path(feature_edit.__file__).parent.glob("*.py")))
    digest = hashlib.sha256(version.encode() + rule + repr((plan.max_bytes, SCORING, COLUMNS, trials)).encode())
    shifts = [plan.shift(trial) for trial in trials]
    for trial, shift in zip(trials, shifts):
        digest.update(shift.tobytes())
        if trial.name in ATTRIBUTES:
            told = directions.load(trial.name).metadata
            digest.update(repr([told.get(key) for key in ("place", "response", "paints", "drags")]).encode())
    kept = plan.folder / f"results-{digest.hexdigest()[:12]}" / f"{digest_of(path)}.npz"
    if kept.is_file():
        return _load(kept, path.name)
    data = coded(codec, path, plan.max_bytes, plan.folder / f"coded-{version}-{plan.max_bytes}")
    semantics = [codec.parse(data)]
    quick = Bench(codec, semantics, panel, identity, render_preview)
    whole = (
        quick
        if plan.brief or plan.beside
        else Bench(codec, semantics, panel, identity, lambda one: codec.render(one, SIDE))
    )
    effects = [_effect(whole if trial.whole else quick, trial, shift) for trial, shift in zip(trials, shifts)]
    with Image.open(path) as image:
        pictures = [image.convert("RGB"), whole.pictures[0]]
    pictures += [effect.pictures[0] for trial, effect in zip(trials, effects) if trial.whole]
    photo = Photo(
        path.name,
        len(data),
        whole.before[0],
        quick.before[0],
        np.concatenate([effect.after for effect in effects]),
        np.concatenate([effect.identity for effect in effects]),
        [_jpeg(picture) for picture in pictures],
    )
    _save(kept, photo)
    return photo


def _effect(bench: Bench, trial: Trial, shift: np.ndarray) -> Effect:
    """Shipped directions at their places, published ones everywhere, and the plain sum where it is asked for."""
    if trial.plain:
        return bench.try_shift(shift, carry=feature_edit.plain_sum)
    return bench.try_edit({trial.name: trial.amount}) if trial.name in ATTRIBUTES else bench.try_shift(shift)


@functools.lru_cache(maxsize=1)
def _instruments() -> tuple[Codec, ScorerPanel, IdentityNetwork, object, str]:
    """Made once in each process."""
    from directions.scorers import ScorerPanel
    from hsc.codec import Codec
    from hsc.metrics.identity import IdentityNetwork

    codec = Codec.load(device="cpu")
    return codec, ScorerPanel(), IdentityNetwork.load(), preview(codec), fingerprint(codec)


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _save(path: Path, photo: Photo) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_path = path.with_suffix(f".{os.getpid()}")
    with partial_path.open("wb") as file:
        np.savez(
            file, bytes=photo.bytes, whole=photo.whole, preview=photo.preview, scores=photo.scores,
            identity=photo.identity, jpegs=np.frombuffer(b"".join(photo.pictures), np.uint8),
            ends=np.cumsum([len(picture) for picture in photo.pictures]),
        )  # fmt: skip
    os.replace(partial_path, path)


def _load(path: Path, name: str) -> Photo:
    with np.load(path, allow_pickle=False) as archive:
        values = [archive[key] for key in ("whole", "preview", "scores", "identity")]
        data, ends = archive["jpegs"].tobytes(), archive["ends"].tolist()
        pictures = [data[start:end] for start, end in zip([0, *ends[:-1]], ends)]
        return Photo(name, int(archive["bytes"]), *values, pictures)


# ------------------------------------------------------------------ summary


def summarise(plan: Plan, photos: Sequence[Photo]) -> dict[str, object]:
    """All figures of the evaluation, ready for JSON.

    Changes are means over photos. ``targets`` are what directions should reach; ``comparison`` has each
    published direction at the length that gives the same mean change of the target score as ours at 1.0, by
    linear interpolation between the lengths that were tried. Where none gives that, ``lower`` has ours and
    theirs at the most that one of them gives.
    """
    results = _Results(plan, photos)
    required = {name: {f"{s:+.1f}": results.row(Trial(name, s, True)) for s in STRENGTHS} for name in plan.names}
    comparison, lower = _comparisons(plan, results)
    return {
        "set": plan.set_name,
        "photos": len(photos),
        "mean_bytes": _mean_bytes(photos),
        "directions": required,
        "rule": {name: _rule(results, name) for name in plan.names},
        "comparison": comparison,
        "lower": lower,
        "targets": _targets(plan, results, comparison, lower),
    }


def summarise_beside(plan: Plan, photos: Sequence[Photo]) -> dict[str, object]:
    """What published directions do at equal change of the target score, beside ours, from a plan that is no more."""
    comparison, lower = _comparisons(plan, _Results(plan, photos))
    return {"photos": len(photos), "comparison": comparison, "lower": lower}


def _comparisons(plan: Plan, results: _Results) -> tuple[dict[str, dict], dict[str, dict]]:
    """Published directions beside ours at 1.0, and where none does as much, at the most that one of them does."""
    comparison = {name: _compare(plan, results, name) for name in plan.names if plan.rivals(name)}
    lower = {}
    for name, rows in comparison.items():
        theirs = [row for file, row in rows.items() if file != "ours"]
        most = max(row[ATTRIBUTES[name].column] for row in theirs)
        if most > 0 and not any(row["reached"] for row in theirs):
            lower[name] = _compare(plan, results, name, most)
    return comparison, lower


def summarise_size(plan: Plan, photos: Sequence[Photo]) -> dict[str, object]:
    """What directions do at 1.0 to files of one size, by our rule and by the plain sum, from a brief plan.

    ``reached``: share of the photos that :data:`GOALS` speaks of, None where there are none.
    """
    results = _Results(plan, photos)
    rows = {}
    for name in plan.names:
        rows[name] = _rule(results, name)
        for kind, row in rows[name].items():
            before, after = results.column(Trial(name, 1.0, False, kind == "plain"), ATTRIBUTES[name].column)
            chosen, reached = GOALS[name]
            of = chosen(before)
            row["reached"] = float(reached(before, after)[of].mean()) if of.any() else None
    return {"target": plan.max_bytes, "mean_bytes": _mean_bytes(photos), "directions": rows}


def _mean_bytes(photos: Sequence[Photo]) -> float:
    return float(np.mean([photo.bytes for photo in photos]))


class _Results:
    """Scores and identities of all photos by trial."""

    def __init__(self, plan: Plan, photos: Sequence[Photo]) -> None:
        self._index = {trial: index for index, trial in enumerate(plan.trials)}
        self._before = {kind: np.stack([getattr(p, kind) for p in photos]) for kind in ("whole", "preview")}
        self._after = np.stack([photo.scores for photo in photos])
        self._identity = np.stack([photo.identity for photo in photos])

    def column(self, trial: Trial, name: str) -> tuple[np.ndarray, np.ndarray]:
        """One score of every photo, before and after."""
        before = self._before["whole" if trial.whole else "preview"]
        column = COLUMNS.index(name)
        return before[:, column], self._after[:, self._index[trial], column]

    def row(self, trial: Trial) -> dict[str, float]:
        """Mean identity and mean change of every score."""
        row = {"identity": float(self._identity[:, self._index[trial]].mean())}
        for name in COLUMNS:
            before, after = self.column(trial, name)
            row[name] = float((after - before).mean())
        return row


def _rule(results: _Results, name: str) -> dict[str, dict[str, float]]:
    """A direction at 1.0 on previews, with our rule for F and with the plain sum."""
    rows = {"ours": results.row(Trial(name, 1.0, False)), "plain": results.row(Trial(name, 1.0, False, plain=True))}
    for row in rows.values():
        row["side_effect"] = side_effect(row, ATTRIBUTES[name].keep)
    return rows


def _compare(plan: Plan, results: _Results, name: str, change: float | None = None) -> dict[str, dict[str, object]]:
    """Ours and published directions where they change the target score by ``change``; by default ours at 1.0."""
    attribute = ATTRIBUTES[name]
    own = (*LOWER, 1.0)
    curve = [results.row(Trial(name, strength, False)) for strength in own]
    if change is None:
        change = curve[-1][attribute.column]
        rows = {"ours": {"length": 1.0, "reached": True, **curve[-1]}}
    else:
        rows = {"ours": _at_change(own, curve, attribute.column, change)}
    for file in plan.rivals(name):
        curve = [results.row(Trial(file, length, False)) for length in LENGTHS]
        rows[file] = _at_change(LENGTHS, curve, attribute.column, change)
    for row in rows.values():
        row["side_effect"] = side_effect(row, attribute.keep)
    return rows


def _at_change(
    amounts: Sequence[float], curve: list[dict[str, float]], column: str, change: float
) -> dict[str, object]:
    """A curve over amounts where it first reaches a change; its highest point if it never does."""
    previous: dict[str, float] = {"identity": 1.0, **dict.fromkeys(COLUMNS, 0.0)}
    last = 0.0
    for amount, row in zip(amounts, curve):
        if row[column] >= change > previous[column]:
            share = (change - previous[column]) / (row[column] - previous[column])
            mixed = {key: previous[key] + share * (row[key] - previous[key]) for key in row}
            return {"length": last + share * (amount - last), "reached": True, **mixed}
        previous, last = row, amount
    best = max(range(len(curve)), key=lambda index: curve[index][column])
    return {"length": amounts[best], "reached": False, **curve[best]}


@dataclass
class _Targets:
    """What was asked for, what came out, and whether that is enough.

    Attributes:
        found: rows of the report.
    """

    plan: Plan
    results: _Results
    found: list[dict[str, object]] = field(default_factory=list)

    def add(
        self, name: str, what: str, goal: float, value: float, at_least: bool = True, of: int | None = None
    ) -> None:
        """One target of a direction, measured on ``of`` photos, by default on all."""
        met = value >= goal if at_least else value <= goal
        self.found.append({
            "direction": name, "what": what, "goal": goal, "at_least": at_least, "value": round(value, 3),
            "met": bool(met), "of": len(self.results._identity) if of is None else of,
        })  # fmt: skip

    def add_share(self, name: str, strength: float, what: str, goal: float, chosen, reached) -> None:
        """How many of the chosen faces an edit brings where they should be."""
        if name not in self.plan.names:
            return
        before, after = self.results.column(Trial(name, strength, True), ATTRIBUTES[name].column)
        of = chosen(before)
        if of.any():
            self.add(name, what, goal, float(reached(before, after)[of].mean()), of=int(of.sum()))

    def add_reached(self) -> None:
        """Whether an edit does what its name says."""
        what = "share of serious faces (smile below 0.3) that reach 0.6 at +1"
        self.add_share("smile", 1.0, what, 0.9, *GOALS["smile"])
        what = "share of smiling faces (0.6 or more) that fall below 0.3 at -1"
        self.add_share("smile", -1.0, what, 0.7, lambda before: before >= 0.6, lambda before, after: after < 0.3)
        what = "share of faces without eyeglasses that have them at +1"
        self.add_share("eyeglasses", 1.0, what, 0.85, *GOALS["eyeglasses"])
        what = "share of faces whose makeup measure rises at +1"
        self.add_share("makeup", 1.0, what, 0.95, *GOALS["makeup"])

    def add_kept(self) -> None:
        """Whether it leaves the rest alone."""
        for name, goal in (("smile", 0.65), ("eyeglasses", 0.5), ("makeup", 0.6)):
            if name in self.plan.names:
                row = self.results.row(Trial(name, 1.0, True))
                self.add(name, "mean identity cosine at +1", goal, row["identity"])
        for name in self.plan.names:
            row = self.results.row(Trial(name, 1.0, True))
            for column, goal, unit in (("age", 4.0, "years"), ("yaw", 3.0, "degrees")):
                if column != ATTRIBUTES[name].column:
                    self.add(name, f"mean change of {column} at +1, {unit}", goal, abs(row[column]), at_least=False)

    def add_rivals(self, comparison: dict[str, dict], lower: dict[str, dict]) -> None:
        """Whether it does so better than published directions."""
        for name in comparison:
            rows, where = comparison[name], "at equal change"
            if name in lower:
                rows, where = lower[name], "at the most that a reference changes"
            rivals = [row for file, row in rows.items() if file != "ours" and row["reached"]]
            if rivals and rows["ours"]["reached"]:
                best = max(row["identity"] for row in rivals)
                self.add(name, f"identity {where}, best reference", best, rows["ours"]["identity"])
                least = min(row["side_effect"] for row in rivals)
                value = rows["ours"]["side_effect"]
                self.add(name, f"side effect {where}, best reference", least, value, at_least=False)
        paper = comparison.get("eyeglasses", {}).get("paper_Eyeglasses.npy")
        if paper and not paper["reached"]:
            what = "change, over twice the most that the paper's direction does"
            self.add("eyeglasses", what, 2 * paper["eyeglasses"], comparison["eyeglasses"]["ours"]["eyeglasses"])


def _targets(
    plan: Plan, results: _Results, comparison: dict[str, dict], lower: dict[str, dict]
) -> list[dict[str, object]]:
    targets = _Targets(plan, results)
    targets.add_reached()
    targets.add_kept()
    targets.add_rivals(comparison, lower)
    return targets.found
