"""Markup of the Compare step: the grid of pictures and the table of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from app import messages
from app.cards import amount, gesture
from app.comparison import measured
from hsc import baselines
from hsc.compare import Result, report


def grid(original: Path, results: Sequence[Result], pictures: dict[str, Path], waiting: Sequence[str]) -> str:
    """The original and every codec's picture, zoomed together.

    Args:
        original: PNG of the aligned crop.
        results: so far.
        pictures: PNG of each codec's picture, by key.
        waiting: names of the codecs that are still at work.
    """
    tiles, large = [_tile("Original", original, "the aligned crop", "")], []
    for result in results:
        if result.codec not in pictures:
            continue
        if result.fits:
            kind = "own" if result.codec == "hsc" else ""
            tiles.append(_tile(result.name, pictures[result.codec], amount(result.bytes), kind))
        else:
            note = f"{amount(result.bytes)}, {more(result)}"
            large.append(_tile(result.name, pictures[result.codec], note, "over"))
    tiles += [
        f'<figure class="tile waiting"><div class="tile-view skeleton"></div>'
        f"<figcaption><strong>{escape(name)}"
        f"</strong><span>at work</span></figcaption></figure>"
        for name in waiting
    ]
    rest = ""
    if large:
        rest = (
            '<h3 class="tiles-title">Cannot go this low. This is the smallest file that each of these'
            " can make:</h3>"
            f'<div class="tiles small">{"".join(large)}</div>'
        )
    return (
        '<div class="zoom"><label>Zoom <input type="range" min="0" max="4" step="0.01" value="0"'
        ' aria-label="Zoom of all pictures"></label><output>1.0×</output>'
        f"<span>{gesture('Drag, scroll or double-click', 'Drag, pinch or tap twice')} any picture:"
        " all of them follow.</span></div>"
        f'<div class="tiles">{"".join(tiles)}</div>{rest}'
    )


def more(result: Result) -> str:
    """By how much a file is over its target: ``10× more``, ``40% more``."""
    times = result.bytes / result.target
    return f"{times:.0f}× more" if times >= 2 else f"{100 * (times - 1):.0f}% more"


def _tile(name: str, path: Path, note: str, kind: str) -> str:
    url = "gradio_api/file=" + quote(str(path))
    return (
        f'<figure class="tile {kind}"><div class="tile-view" tabindex="0" role="group"'
        f' aria-label="{escape(name)}: arrow keys move, plus and minus zoom">'
        f'<img src="{url}" alt="{escape(name)}, {escape(note)}"'
        f' draggable="false"></div><figcaption><strong>{escape(name)}</strong><span>{escape(note)}</span>'
        f"</figcaption></figure>"
    )


def table(results: Sequence[Result]) -> str:
    """Numbers of every codec, or why it has none; the best of each column among those that fit is marked."""
    columns = measured(results)
    best = {}
    for name in columns:
        values = [result.metrics[name] for result in results if result.fits and name in result.metrics]
        if len(values) > 1:
            best[name] = max(values) if report.COLUMNS[name][3] else min(values)
    heads = "".join(f'<th scope="col">{escape(_heading(name))}</th>' for name in columns)
    rows = []
    missing = [report.short_name(result.name) for result in results if _without_weights(result)]
    for result in results:
        if _without_weights(result):
            continue
        mark = f'<span class="dot" style="background:{report.colour(result.codec)}"></span>'
        name = f'<th scope="row">{mark}{_named(result.name)}</th>'
        if result.reason is not None:
            rows.append(
                f'<tr class="off">{name}<td colspan="{len(columns) + 1}">'
                f"{escape(messages.sentence(result.reason))}</td></tr>"
            )
            continue
        size = f"{result.bytes:,}" + ("" if result.fits else f"<small>{more(result)}</small>")
        cells = "".join(_cell(result, column, best.get(column)) for column in columns)
        kind = "own" if result.codec == "hsc" else "" if result.fits else "over"
        rows.append(f'<tr class="{kind}">{name}<td>{size}</td>{cells}</tr>')
    return (
        f'<div class="table-wrap"><table class="scores"><caption>The whole file of each codec, measured'
        ' against the original at 1024 × 1024</caption><thead><tr><th scope="col">Codec</th>'
        f'<th scope="col">Bytes</th>{heads}'
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>{_missing(missing)}"
    )


def _without_weights(result: Result) -> bool:
    """Whether a codec only waits for weights that its user has to bring."""
    return result.reason is not None and result.reason.startswith(baselines.NO_WEIGHTS)


def _missing(names: Sequence[str]) -> str:
    if not names:
        return ""
    return (
        f'<p class="scores-note">Not compared, since their weights do not come with this app: '
        f"{escape(', '.join(names))}. The README says how to bring them.</p>"
    )


def _named(name: str) -> str:
    """A name with what it has in brackets on a line of its own."""
    main = report.short_name(name)
    rest = name[len(main) :].removeprefix(" (").removesuffix(")")
    return escape(main) + (f"<small>{escape(rest)}</small>" if rest else "")


def _heading(name: str) -> str:
    label, unit, _, more = report.COLUMNS[name]
    return f"{label}{f' ({unit})' if unit else ''} {'↑' if more else '↓'}"


def _cell(result: Result, column: str, best: float | None) -> str:
    value = result.metrics.get(column)
    if value is None:
        return "<td>–</td>"
    text = f"{value:.{report.COLUMNS[column][2]}f}"
    return f'<td class="best">{text}</td>' if result.fits and value == best else f"<td>{text}</td>"
