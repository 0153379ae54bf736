"""The Compare step: the codecs that are asked, their pictures, their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from app import memory, messages
from app.cards import amount
from hsc import baselines, compare, report
from hsc.baselines import ImageCodec
from hsc.codec import Codec
from hsc.compare import Judge, Result, Row
from hsc.errors import HSCError

BENCHMARK = Path(__file__).resolve().parents[1] / "assets" / "benchmark"
METRICS = ("lpips_alex", "identity", "psnr", "ms_ssim", "landmarks")
"""Columns of the table and choices of the plot."""
_RIVALS = ("vvc", "hific", "hevc", "av1")


class CurrentFile(ImageCodec):
    """The bitstream that is on the screen, as one of the codecs.

    Args:
        codec: decodes it.
        data: a complete file.
    """

    key, name, kind = "hsc", "HSC", "hsc"

    def __init__(self, codec: Codec, data: bytes) -> None:
        self._codec, self._data = codec, data

    def description(self) -> str:
        return "the bitstream of this session"

    def ladder(self, image: Image.Image) -> CurrentFile:
        return self

    def fit(self, max_bytes: int) -> bytes:
        """The file as it is."""
        return self._data

    def decode(self, data: bytes) -> Image.Image:
        return self._codec.decode(data)


def rivals() -> list[ImageCodec]:
    """The other codecs of a live comparison, unavailable ones too, the closest first; asked once whether they work."""
    others = [
        other for other in baselines.codecs() if other.kind != "hsc" and not other.key.endswith("-scaled")
    ]
    others.sort(key=lambda other: _RIVALS.index(other.key) if other.key in _RIVALS else len(_RIVALS))
    working(others)  # imports and loads what they need
    return others


def working(chosen: Sequence[ImageCodec]) -> dict[str, str]:
    """Names by key of those that can be used here."""
    return {codec.key: codec.name for codec in chosen if codec.available() is None}


def run(
    crop: Image.Image, chosen: Sequence[ImageCodec], max_bytes: int, judge: Judge
) -> Iterator[list[Result]]:
    """Results so far, every time there is a new one, in the order of ``chosen``.

    Raises:
        ImageError: the picture is not square.
    """
    order = [codec.key for codec in chosen]
    found: dict[str, Result] = {}
    # One codec at a time: the closest rivals are first, and two at once need more memory.
    for result in compare.compare_face(crop, max_bytes, chosen, judge, workers=1):
        memory.release()
        found[result.codec] = result
        yield [found[key] for key in order if key in found]


def benchmark() -> list[Row]:
    """Means of the committed benchmark; empty where there is none."""
    for path in sorted(BENCHMARK.glob("*.json")):
        try:
            return compare.summarise(compare.Report.load(path))
        except HSCError:
            continue
    return []


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
        "<span>Drag, pinch or double-click any picture: all of them follow.</span></div>"
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
    columns = [name for name in METRICS if any(name in result.metrics for result in results)]
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
        f'<p class="scores-note">Not compared, since their weights do not come with this app: {escape(", ".join(names))}.'
        " The README says how to bring them.</p>"
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
