"""Edits as recipes: prepared ones, as text to copy and paste, by chance; and the versions a visitor went through."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from directions import Direction
from hsc.errors import HSCError

PREPARED: tuple[tuple[str, Mapping[str, float]], ...] = (
    ("A smile", {"smile": 0.6}),
    ("Glasses", {"eyeglasses": 1.0}),
    ("Made up", {"makeup": 0.8, "lipstick": 0.6}),
    ("Older", {"age": 0.8}),
    ("Bearded", {"beard": 0.8}),
    ("Serious", {"smile": -0.8}),
)
"""Recipes by name; directions that are not shipped are left out of them."""
KEPT = 12
"""Versions that are shown."""
_TERM = re.compile(r"\s*(.+?)(?:\s*[:=]\s*|\s+)([+\-−]?(?:\d+\.?\d*|\.\d+))\s*")


def offered(names: Iterable[str]) -> list[tuple[str, dict[str, float]]]:
    """The prepared recipes that can be followed with these directions."""
    known = set(names)
    return [(title, dict(recipe)) for title, recipe in PREPARED if set(recipe) <= known]


def written(strengths: Mapping[str | Direction, float]) -> str:
    """A recipe as text: ``smile +0.60, makeup -0.30``; a visitor's own direction has no name that others know."""
    return ", ".join(f"{key} {value:+.2f}" for key, value in strengths.items() if isinstance(key, str) and value)


def read(text: str, labels: Mapping[str, str]) -> dict[str, float]:
    """The recipe of a text: names and numbers, as :func:`written` has them or as people write them.

    Args:
        text: ``smile +0.6, Eyeglasses=1``; an empty one is the recipe without edits.
        labels: what each direction is called, by name.

    Raises:
        HSCError: something in it is no direction with a number.
    """
    names = {name.lower(): name for name in labels} | {label.lower(): name for name, label in labels.items()}
    found: dict[str, float] = {}
    for part in re.split(r"[,;\n]", text):
        if not part.strip():
            continue
        match = _TERM.fullmatch(part)
        name = names.get(match[1].strip().lower()) if match else None
        if name is None:
            known = ", ".join(labels)
            raise HSCError(f"“{part.strip()[:40]}” is no edit; write it as smile +0.6, of {known}.")
        found[name] = float(match[2].replace("−", "-"))
    return found


def surprise(directions: Iterable[Direction], chance: random.Random) -> dict[str, float]:
    """Two or three edits by chance, well within the ranges that were tested."""
    chosen = chance.sample(list(directions), k=chance.choice((2, 3)))
    recipe = {}
    for direction in chosen:
        low, high = direction.range
        end = chance.choice([end for end in (low, high) if end])
        recipe[direction.name] = round(end * chance.uniform(0.35, 0.75), 2)
    return recipe


@dataclass
class Version:
    """A recipe that was followed, and a small picture of what it gave, as a data URL."""

    strengths: dict
    picture: str = ""


@dataclass
class History:
    """The recipes that a visitor went through with one face; ``at`` is the one that is shown."""

    versions: list[Version] = field(default_factory=lambda: [Version({})])
    at: int = 0

    def begin(self, strengths: Mapping) -> None:
        """A new face: the visitor's recipe is its first version."""
        self.versions, self.at = [Version(dict(strengths))], 0

    def follow(self, strengths: Mapping) -> Version:
        """The version of a recipe: the shown one where it is the same, else a new one after it, in place of what was
        undone."""
        if self.versions[self.at].strengths != dict(strengths):
            del self.versions[self.at + 1 :]
            self.versions.append(Version(dict(strengths)))
            del self.versions[:-KEPT]
            self.at = len(self.versions) - 1
        return self.versions[self.at]

    def go(self, index: int) -> dict:
        """Show another version; one beyond the ends is the one at that end."""
        self.at = min(max(0, index), len(self.versions) - 1)
        return self.versions[self.at].strengths
