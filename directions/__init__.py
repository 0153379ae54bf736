"""Editing directions in the generator's latent space: shipped ones, foreign ones, and their algebra.

A direction is an array ``(16, 512)``, one row for each style code, zero outside its layers. Strength 1.0 is
a clear effect. Each has a place in the face where it acts, see ``hsc/editing/EDITS.md``::

    movements = directions.movements({"smile": 0.8, "eyeglasses": 1.0})      # what Codec.edit applies

They are learned in W as InterFaceGAN does (Shen et al. 2020, arXiv:1907.10786), age more gently
(:func:`directions.fit.fit_gently`); ``python -m directions`` lists, learns and evaluates them.
"""

from __future__ import annotations

from directions.algebra import combine, from_ids, movements, to_ids
from directions.direction import GENERATOR, LIMIT, Direction
from directions.foreign import load_foreign, name_of
from directions.library import by_id, load, names

__all__ = [
    "GENERATOR", "LIMIT", "Direction", "by_id", "combine", "from_ids", "load", "load_foreign", "movements",
    "name_of", "names", "to_ids",
]  # fmt: skip
