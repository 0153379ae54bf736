"""The evaluation for readers: a Markdown page, the side-effect matrix as a drawing, contact sheets."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from directions import edit_report
from directions.attributes import ATTRIBUTES, SCALES
from directions.edit_results import EditResults
from directions.evaluate import STRENGTHS, Photo
from hsc.imaging import images
from hsc.runtime import atomic

NOTE = "Synthetic: faces restored and edited by HSC."
"""What contact sheets say of themselves."""
_WHY = "## Why some are missed"
_CELL = 64
_SCALES = {**SCALES, "roll": 6.0}


def write(report: dict, folder: Path) -> None:
    """Write ``EVALUATION.md``, and ``evaluation/`` with the drawing it shows and all figures as JSON.

    The section "Why some are missed" of an earlier page stays.

    Args:
        report: of :func:`directions.evaluate.summarise`, or no more than its ``comparison`` and ``lower``; and
            ``edits``, a list of what :func:`directions.edit_report.summarise` says of each set of photos, with a title.
    """
    file, figures = folder / "EVALUATION.md", folder / "evaluation"
    figures.mkdir(parents=True, exist_ok=True)
    if "directions" in report:
        atomic.write_text(figures / "side_effects.svg", matrix(report))
    atomic.write_text(figures / "report.json", json.dumps(_rounded(report), indent=1) + "\n")
    notes = notes_of(file.read_text(encoding="utf-8")) if file.is_file() else ""
    atomic.write_text(file, page(report, notes))


def page(report: dict, notes: str = "") -> str:
    """The evaluation in Markdown; ``notes`` is the section that people write, see :func:`notes_of`."""
    return "\n".join([
        "# Editing directions on real photos",
        "",
        *(line for one in report.get("edits", ()) for line in edit_report.page(one["title"], one, one.get("before"))),
        *(_whole_pictures(report, notes) if "directions" in report else [notes]),
        *(_sizes(report["sizes"]) if report.get("sizes") else []),
        *(_comparison(report) if report.get("comparison") else []),
        "Repeat it: `python -m directions evaluate --out FOLDER`; the folder gets contact sheets as well. All figures: "
        "[report.json](evaluation/report.json).",
        "",
    ])  # fmt: skip


def _whole_pictures(report: dict, notes: str) -> list[str]:
    targets = report["targets"]
    met = sum(target["met"] for target in targets)
    return [
        "## On whole pictures",
        "",
        f"{report['photos']} photos of the set `{report['set']}` (FFHQ-aligned faces), coded "
        f"with {report['mean_bytes']:.0f} bytes on average, decoded, and edited as `codec.edit` does. Changes are "
        "means over photos; identity is the cosine to the unedited restoration. Makeup, lipstick, beard, hair, skin "
        "and shading are heuristics (Lab units): they compare two pictures of one face, no more.",
        "",
        "Own directions are scored on whole pictures, averaged from 1024 to the 256 px that the scorers see; the "
        "comparison with published directions on 256 px previews, theirs and ours.",
        "",
        f"## What was asked for: {met} of {len(targets)} met",
        "",
        "| direction | at strength 1.0 unless said otherwise | photos | goal | reached | |",
        "|---|---|---|---|---|---|",
        *map(_target, targets),
        "",
        notes,
        "## Side effects",
        "",
        "![Mean change of every score at strength 1.0, in noticeable units](evaluation/side_effects.svg)",
        "",
        "Rows are directions at strength 1.0, columns are scores; numbers are mean changes, and colours measure them "
        "in units that a viewer notices about equally (`directions/attributes.py`).",
        "",
        *_effects(report["directions"]),
        "",
        *_rule(report["rule"]),
    ]


def notes_of(previous: str) -> str:
    """The section that people wrote in an earlier page; it is kept when figures are renewed."""
    if _WHY not in previous:
        return ""
    start = previous.index(_WHY)
    end = previous.find("\n## ", start + 1)
    return previous[start : end if end > 0 else len(previous)].rstrip() + "\n"


def in_words(target: dict) -> str:
    """One target as a line of text."""
    return f"{target['direction']}: {target['what']}: {target['value']:.3g} ({_goal(target)}), {_verdict(target)}"


def _target(target: dict) -> str:
    verdict = _verdict(target) if target["met"] else f"**{_verdict(target)}**"
    return (
        f"| {target['direction']} | {target['what']} | {target['of']} | {_goal(target)}"
        f" | {target['value']:.3g} | {verdict} |"
    )


def _goal(target: dict) -> str:
    return f"{'at least' if target['at_least'] else 'at most'} {target['goal']:.3g}"


def _verdict(target: dict) -> str:
    return "met" if target["met"] else f"missed by {abs(target['goal'] - target['value']):.3g}"


def _rounded(value):
    """Figures as JSON shows them: four decimals."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return round(value, 4) if isinstance(value, float) else value


def _effects(directions: dict[str, dict]) -> list[str]:
    shown = list(_SCALES)
    lines = [
        "| direction | strength | identity | " + " | ".join(shown) + " |",
        "|---" * (len(shown) + 3) + "|",
    ]
    for name, rows in directions.items():
        for strength in STRENGTHS:
            row = rows[f"{strength:+.1f}"]
            cells = " | ".join(f"{row[column]:+.2f}" for column in shown)
            lines.append(f"| {name} | {strength:+.1f} | {row['identity']:.2f} | {cells} |")
    return lines


def _rule(rule: dict[str, dict]) -> list[str]:
    lines = [
        "## How F follows",
        "",
        "HSC moves the coded feature by what the generator's moves, F' = F^ + G_s(S') - G_s(S^). Ours does so at the "
        "place of the edit, scales that movement as F^ is, lets the residual give way there, and drags or paints "
        "what needs no movement (`hsc/editing/EDITS.md`). "
        "Both at strength 1.0, on previews: a change that the plain sum does not make is hidden under the photo's own "
        "residual.",
        "",
        "| direction | change, plain sum | ours | identity, plain sum | ours | side effect, plain sum | ours |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, rows in rule.items():
        cells = [
            f"{rows[kind][column]:{form}}"
            for column, form in ((ATTRIBUTES[name].column, "+.2f"), ("identity", ".2f"), ("side_effect", ".2f"))
            for kind in ("plain", "ours")
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _sizes(sizes: list[dict]) -> list[str]:
    """One table of all directions and sizes."""
    lines = [
        "## At other sizes",
        "",
        "The same photos in files of other sizes, at strength 1.0, on previews. The longer the file, the more of the "
        "old face it holds: where the plain sum changes less with every byte, old features show through the new ones. "
        "Reached: share of those without a smile (below 0.3) or eyeglasses that have them after (a smile of 0.6), and "
        "of all whose makeup measure rises.",
        "",
        "| direction | bytes | change, plain sum | ours | reached, plain sum | ours | identity, plain sum | ours |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in sizes[0]["directions"]:
        for size in sizes:
            kinds = [size["directions"][name][kind] for kind in ("plain", "ours")]
            cells = [f"{row[ATTRIBUTES[name].column]:+.2f}" for row in kinds]
            cells += ["-" if row["reached"] is None else f"{row['reached']:.0%}" for row in kinds]
            cells += [f"{row['identity']:.2f}" for row in kinds]
            lines.append(f"| {name} | {size['mean_bytes']:,.0f} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _comparison(report: dict) -> list[str]:
    comparison, lower = report["comparison"], report["lower"]
    lines = [
        "## Beside published directions",
        "",
        f"On {report['photos']} photos. Each published direction of StyleGAN2-FFHQ goes through the same edit path, at "
        "the length (norm of its longest row) that changes the target score as much as ours does at 1.0; where none of "
        "the lengths tried is enough, at the one that does most. Side effect: root mean square of the mean changes of "
        "all scores that should stay, in noticeable units.",
        "",
        *_rows(comparison),
    ]
    if lower:
        lines += [
            "Where no published direction does as much as ours at 1.0, all of them, and ours at the strength that is "
            "enough, at the most that one of them does:",
            "",
            *_rows(lower),
        ]
    return lines


def _rows(comparison: dict[str, dict]) -> list[str]:
    lines = [
        "| direction | | length | change of its score | identity | side effect | age | yaw |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, rows in comparison.items():
        for file, row in rows.items():
            reach = f"{row[ATTRIBUTES[name].column]:+.2f}" + ("" if row["reached"] else " (its most)")
            length = f"strength {row['length']:.2f}" if file == "ours" else f"{row['length']:.1f}"
            lines.append(
                f"| {name} | {file} | {length} | {reach} | {row['identity']:.2f} | {row['side_effect']:.2f}"
                f" | {row['age']:+.1f} | {row['yaw']:+.1f} |"
            )
    return [*lines, ""]


def matrix(report: dict) -> str:
    """The side effects at strength 1.0 as an SVG: blue is less, red is more, full colour is noticeable twice over."""
    names, columns = list(report["directions"]), list(_SCALES)
    left, top, height = 120, 92, 30
    width, total = left + _CELL * (len(columns) + 1), top + height * len(names) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" font-family="sans-serif" '
        f'font-size="12"><rect width="{width}" height="{total}" fill="white"/>'
    ]
    for x, column in enumerate(["identity", *columns]):
        place = left + _CELL * x + _CELL / 2
        parts.append(f'<text transform="translate({place},{top - 8}) rotate(-45)">{column}</text>')
    for y, name in enumerate(names):
        row, line = report["directions"][name]["+1.0"], top + height * y
        parts.append(f'<text x="{left - 8}" y="{line + 20}" text-anchor="end">{name}</text>')
        cells = [(f"{row['identity']:.2f}", "#eeeeee")]
        cells += [(f"{row[column]:+.2f}", _colour(row[column] / _SCALES[column])) for column in columns]
        for x, (text, fill) in enumerate(cells):
            box = f'x="{left + _CELL * x}" y="{line}" width="{_CELL - 2}" height="{height - 2}"'
            parts.append(f'<rect {box} fill="{fill}"/>')
            parts.append(
                f'<text x="{left + _CELL * x + _CELL / 2 - 1}" y="{line + 19}" text-anchor="middle">{text}</text>'
            )
    return "".join(parts) + "</svg>\n"


def _colour(amount: float) -> str:
    """White at 0; lighter red or blue up to 2 noticeable units."""
    share = min(abs(amount) / 2, 1.0)
    faded, full = round(255 - 165 * share), round(255 - 40 * share)
    red, blue = (full, faded) if amount > 0 else (faded, full)
    return f"#{red:02x}{faded:02x}{blue:02x}"


def write_sheets(photos: Sequence[Photo], names: Sequence[str], folder: Path) -> None:
    """One contact sheet a direction, ``<name>.jpg``, and ``overview.jpg`` of all at strength 1.0."""
    size = len(STRENGTHS)
    full = STRENGTHS.index(1.0)
    for index, name in enumerate(names):
        own = range(2 + index * size, 2 + (index + 1) * size)
        titles = ["photo", "decoded", *[f"{name} {strength:+g}" for strength in STRENGTHS]]
        images.save(_sheet(photos, [0, 1, *own], titles), folder / f"{name}.jpg", NOTE, quality=90)
    columns = [0, 1, *[2 + index * size + full for index in range(len(names))]]
    overview = _sheet(photos, columns, ["photo", "decoded", *names])
    images.save(overview, folder / "overview.jpg", NOTE, quality=90)


def _sheet(photos: Sequence[Photo], columns: Sequence[int], titles: Sequence[str]) -> Image.Image:
    side = Image.open(io.BytesIO(photos[0].pictures[0])).width
    sheet = Image.new("RGB", (side * len(columns), side * len(photos) + 16), "white")
    draw = ImageDraw.Draw(sheet)
    for x, (column, title) in enumerate(zip(columns, titles)):
        draw.text((x * side + 4, 2), title, fill="black")
        for y, photo in enumerate(photos):
            sheet.paste(Image.open(io.BytesIO(photo.pictures[column])), (x * side, 16 + y * side))
    return sheet


def write_edit_sheets(results: EditResults, names: Sequence[str], folder: Path) -> None:
    """One sheet a direction, ``<name>-strengths.jpg``: up to 16 faces at every strength; and ``together.jpg``."""
    for name in names:
        images.save(edit_report.sheet(results, name), folder / f"{name}-strengths.jpg", NOTE, quality=90)
    together = edit_report.sheet_together(results)
    if together is not None:
        images.save(together, folder / "together.jpg", NOTE, quality=90)
