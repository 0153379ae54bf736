"""The results of a set of photos, looked up by edit and by measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from directions.edit_trials import MEASURES, EditedPhoto
from directions.scorers import COLUMNS

Edit = Mapping[str, float]
"""Strengths by name."""


def name_of(edit: Edit) -> str:
    """An edit in words, such as ``smile +0.5``."""
    return ", ".join(f"{name} {strength:+g}" for name, strength in sorted(edit.items(), key=lambda item: item[0]))


class EditResults:
    """The results of a set of photos by edit."""

    def __init__(self, edits: Sequence[Edit], photos: Sequence[EditedPhoto]) -> None:
        self.edits, self.photos = list(edits), list(photos)
        self._rows = np.stack([photo.rows for photo in photos])
        self._before = np.stack([photo.before for photo in photos])

    def before(self, column: str) -> np.ndarray:
        """A score of every unedited photo."""
        return self._before[:, COLUMNS.index(column)]

    def of(self, edit: Edit, measure: str) -> np.ndarray:
        """One of :data:`MEASURES` for every photo after an edit."""
        return self._rows[:, self.edits.index(edit), MEASURES.index(measure)]

    def change(self, edit: Edit, column: str) -> np.ndarray:
        """How much a score changed, for every photo."""
        return self.of(edit, column) - self.before(column)

    def mean(self, edit: Edit, measure: str) -> float:
        """Mean over photos; those that could not be measured are left out."""
        values = self.of(edit, measure)
        return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")

    def has(self, *edits: Edit) -> bool:
        """Whether edits were measured."""
        return all(edit in self.edits for edit in edits)
