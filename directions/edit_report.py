"""Figures of what edits do, from the results of photos: tables, goals, and pages and sheets that show them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from directions import edit_goals
from directions.attributes import ATTRIBUTES
from directions.edit_results import EditResults, name_of
from directions.edit_trials import STRENGTHS, THUMBNAIL
from directions.scorers import COLUMNS

_SHOWN = ("identity", "dlib", "change_mouth", "change_eyes", "change_rest", "change_far", "cheeks", "eye_landmarks")
_HEADINGS = ("identity", "dlib", "mouth", "eyes", "rest", "far", "cheeks", "eye landmarks")


def summarise(results: EditResults) -> dict[str, object]:
    """All figures, ready for JSON: means of every edit, response curves, and goals."""
    rows = {}
    for edit in results.edits:
        rows[name_of(edit)] = {
            **{name: _known(results.mean(edit, name)) for name in _SHOWN},
            **{f"score_{name}": float(results.change(edit, name).mean()) for name in COLUMNS},
        }
    names = [name for edit in results.edits if len(edit) == 1 for name in edit]
    return {
        "photos": len(results.photos),
        "mean_bytes": float(np.mean([photo.size for photo in results.photos])),
        "edits": rows,
        "response": {name: _response(results, name) for name in dict.fromkeys(names)},
        "goals": edit_goals.check(results),
    }


def side_effects(results: EditResults, name: str) -> dict[str, dict[str, float]]:
    """Mean change of every score and mean identity, by strength, as a direction's file keeps them."""
    return {
        f"{edit[name]:+g}" if edit[name] % 1 else f"{edit[name]:+.1f}": {
            **{column: round(float(results.change(edit, column).mean()), 3) for column in COLUMNS if column != "face"},
            "identity": round(results.mean(edit, "identity"), 3),
        }
        for edit in results.edits
        if list(edit) == [name]
    }


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _response(results: EditResults, name: str) -> dict[str, float]:
    """Share of what strength 1 does to a direction's own score that lower strengths do."""
    edits = {strength: {name: strength} for strength in STRENGTHS if strength > 0 and {name: strength} in results.edits}
    if 1.0 not in edits:
        return {}
    column = ATTRIBUTES[name].column
    whole = float(results.change(edits[1.0], column).mean())
    return {
        f"{strength:g}": float(results.change(edit, column).mean()) / whole if whole else 0.0
        for strength, edit in edits.items()
    }


# ------------------------------------------------------------------ pages


def page(title: str, report: dict, before: dict | None = None) -> list[str]:
    """A section in Markdown.

    Args:
        report: of :func:`summarise`.
        before: an earlier one, to stand beside it.
    """
    met = sum(goal["met"] for goal in report["goals"])
    lines = [
        f"## {title}",
        "",
        f"{report['photos']} photos, coded with {report['mean_bytes']:,.0f} bytes on average, decoded and edited; 256 "
        "px previews; means. Identity: cosine to the unedited restoration; dlib: distance of its descriptors, 0.6 is "
        "somebody else; change: Delta E in Lab by region; eye landmarks: how far they move, in distances of the eyes.",
        "",
        f"{met} of {len(report['goals'])} goals are met.",
        "",
        *_goal_rows(report, before),
        "",
        "| edit | " + " | ".join(_HEADINGS) + " | its score |",
        "|---" * (len(_HEADINGS) + 2) + "|",
    ]
    for name, row in report["edits"].items():
        cells = ["-" if row[key] is None else f"{row[key]:.{_digits(key)}f}" for key in _SHOWN]
        own = [part.split()[0] for part in name.split(", ")]
        score = f"{row['score_' + ATTRIBUTES[own[0]].column]:+.2f}" if len(own) == 1 else ""
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {score} |")
    curves = {name: curve for name, curve in report["response"].items() if len(curve) > 1}
    if curves:
        strengths = list(next(iter(curves.values())))
        lines += [
            "",
            "Response: the share of what strength 1 does to the direction's own score that lower strengths do.",
            "",
            "| direction | " + " | ".join(strengths) + " |",
            "|---" * (len(strengths) + 1) + "|",
            *(
                f"| {name} | " + " | ".join(f"{value:.0%}" for value in curve.values()) + " |"
                for name, curve in curves.items()
            ),
        ]
    return [*lines, ""]


def _digits(key: str) -> int:
    return 3 if key == "eye_landmarks" else 1 if key.startswith("change") or key == "cheeks" else 2


def _goal_rows(report: dict, before: dict | None) -> list[str]:
    earlier = {goal["what"]: goal["value"] for goal in before["goals"]} if before else {}
    head = ["what", "photos", *(["before"] if before else []), "goal", "reached", ""]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for goal in report["goals"]:
        past = [f"{earlier[goal['what']]:.3g}" if goal["what"] in earlier else ""] if before else []
        verdict = "met" if goal["met"] else "**missed**"
        cells = [goal["what"], str(goal["of"]), *past, _bounds(goal), f"{goal['value']:.3g}", verdict]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _bounds(goal: dict) -> str:
    if goal["least"] is not None and goal["most"] is not None:
        return f"{goal['least']:g} to {goal['most']:g}"
    return f"at least {goal['least']:g}" if goal["least"] is not None else f"at most {goal['most']:g}"


def in_words(goal: dict) -> str:
    """One goal as a line of text."""
    return f"{goal['what']}: {goal['value']:.3g} ({_bounds(goal)}), {'met' if goal['met'] else 'missed'}"


def sheet(results: EditResults, name: str, most: int = 16) -> Image.Image:
    """A direction on up to ``most`` faces at every strength, the unedited restoration first."""
    edits = [edit for edit in results.edits if list(edit) == [name]]
    return _sheet(results, edits, most)


def sheet_together(results: EditResults, most: int = 16) -> Image.Image | None:
    """The same of what was edited together, if anything was."""
    edits = [edit for edit in results.edits if len(edit) > 1]
    return _sheet(results, edits, most) if edits else None


def _sheet(results: EditResults, edits: Sequence[Mapping[str, float]], most: int) -> Image.Image:
    photos, columns = results.photos[:most], [0, *(1 + results.edits.index(edit) for edit in edits)]
    drawn = Image.new("RGB", (THUMBNAIL * len(columns), THUMBNAIL * len(photos) + 16), "white")
    write = ImageDraw.Draw(drawn)
    for x, title in enumerate(["decoded", *map(name_of, edits)]):
        write.text((x * THUMBNAIL + 3, 2), title[:22], fill="black")
        for y, photo in enumerate(photos):
            with Image.open(io.BytesIO(photo.pictures[columns[x]])) as picture:
                drawn.paste(picture.convert("RGB"), (x * THUMBNAIL, 16 + y * THUMBNAIL))
    return drawn
