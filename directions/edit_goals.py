"""What edits should reach, and whether they do."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from directions.attributes import ATTRIBUTES
from directions.edit_results import Edit, EditResults, name_of
from directions.edit_trials import STRENGTHS
from directions.scorers import GLASSES

SMILES, SERIOUS = 0.6, 0.3
"""Scores from which a face smiles, and below which it is serious."""
_LOCAL = ("smile", "mouth_open", "eyes", "brows", "gaze")
"""Directions that have no business far from the face."""
_SHARES = ((0.25, 0.15, 0.35), (0.5, 0.40, 0.60), (0.75, 0.65, 0.85))
"""Strengths, and between what shares the change at 1 should lie there."""
_TOGETHER = {"smile": 0.8, "eyeglasses": 1.0, "makeup": 0.5}
_MOST_TIMES = 1000.0  # a ratio to next to nothing says no more


def check(results: EditResults) -> list[dict[str, object]]:
    """Goals of the edits that were measured: what, bounds ``least`` and ``most``, the value, on how many photos."""
    goals = _Goals(results)
    goals.add_smile()
    goals.add_places()
    goals.add_eyeglasses()
    goals.add_paint()
    goals.add_likeness()
    return goals.found


@dataclass
class _Goals:
    results: EditResults
    found: list[dict[str, object]] = field(default_factory=list)

    def add(
        self, what: str, value: float, least: float | None = None, most: float | None = None, of: int | None = None
    ) -> None:
        """One goal, measured on ``of`` photos, by default on all."""
        met = (least is None or value >= least) and (most is None or value <= most)
        of = len(self.results.photos) if of is None else of
        self.found.append(
            {"what": what, "least": least, "most": most, "value": float(value), "met": bool(met), "of": of}
        )

    def add_mean(
        self, what: str, edit: Edit, measure: str, least: float | None = None, most: float | None = None
    ) -> None:
        """A goal for the mean of a measure."""
        if self.results.has(edit):
            self.add(f"{name_of(edit)}: {what}", self.results.mean(edit, measure), least, most)

    def add_smile(self) -> None:
        """Serious faces come to smile, evenly, and stay themselves."""
        results, smile = self.results, {"smile": 1.0}
        if not results.has(smile):
            return
        serious = results.before("smile") < SERIOUS
        if serious.any():
            share = float((results.of(smile, "smile")[serious] >= SMILES).mean())
            self.add("smile +1: serious faces that reach 0.6", share, 0.9, of=int(serious.sum()))
        self.add_mean("identity", smile, "identity", 0.78)
        self.add_mean("identity", {"smile": 0.5}, "identity", 0.87)
        whole = results.mean(smile, "change_mouth")
        for strength, least, most in _SHARES:
            if results.has({"smile": strength}):
                share = results.mean({"smile": strength}, "change_mouth") / whole
                self.add(f"smile {strength:+g}: the mouth's change, share of that at 1", share, least, most)

    def add_places(self) -> None:
        """Nothing changes where an edit has no business."""
        for name in _LOCAL:
            self.add_mean("change far from the face", {name: 1.0}, "change_far", most=2.0)
        for edit in ({"smile": 1.0}, {"smile": -1.0}, {"eyeglasses": 1.0}):
            self.add_mean("cheeks' mean colour, Delta E", edit, "cheeks", most=2.0)

    def add_eyeglasses(self) -> None:
        """They are found, and until then the eyes stay as they are."""
        results, glasses = self.results, {"eyeglasses": 1.0}
        if not results.has(glasses):
            return
        without = results.before("eyeglasses") <= GLASSES
        if without.any():
            share = float((results.of(glasses, "eyeglasses")[without] > GLASSES).mean())
            self.add("eyeglasses +1: found", share, 0.9, of=int(without.sum()))
        self.add_mean("identity", glasses, "identity", 0.72)
        self.add_mean("change of the rest of the face", glasses, "change_rest", most=9.0)
        self.add_mean("change far from the face", glasses, "change_far", most=4.0)
        unseen: list[float] = []
        for edit in ({"eyeglasses": strength} for strength in STRENGTHS if 0 < strength < 1):
            if results.has(edit):
                none = without & (results.of(edit, "eyeglasses") <= GLASSES)
                unseen += results.of(edit, "change_eyes")[none].tolist()
        if unseen:
            what = "eyeglasses: change of the eyes where none are found yet"
            self.add(what, float(np.mean(unseen)), most=5.0, of=len(unseen))

    def add_paint(self) -> None:
        """Paint is where it belongs."""
        for name in ("makeup", "lipstick"):
            edit = {name: 1.0}
            if self.results.has(edit):
                painted, far = (self.results.mean(edit, f"change_{where}") for where in ("painted", "far"))
                times = min(painted / max(far, 1e-6), _MOST_TIMES)
                self.add(f"{name} +1: change of lips and lids over change far away", times, 6.0)
                rises = self.results.change(edit, ATTRIBUTES[name].column) > 0
                self.add(f"{name} +1: the measure rises", float(rises.mean()), 0.95)

    def add_likeness(self) -> None:
        """It is still the same person, at an age, turned, and with several edits together."""
        for name, unit, least, identity in (("age", "years", 12.0, 0.60), ("yaw", "degrees", 15.0, 0.50)):
            for edit in ({name: 1.0}, {name: -1.0}):
                if self.results.has(edit):
                    self.add(f"{name_of(edit)}: {unit}", abs(float(self.results.change(edit, name).mean())), least)
                    self.add_mean("identity", edit, "identity", identity)
        self.add_mean("identity", _TOGETHER, "identity", 0.58)
