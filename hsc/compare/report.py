"""A comparison for people: curves, tables and pictures in one HTML page that needs no network."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from hsc import metrics, paths
from hsc.compare import SIDE, YARDSTICK, Example, Report, Row, summarise
from hsc.errors import ImageError
from hsc.runtime import atomic, packages
from hsc.runtime.names import shown

if TYPE_CHECKING:
    import plotly.graph_objects as go

#: Name -> label, unit, decimals, and whether more is better; in the order of tables and of the plot's menu.
COLUMNS: dict[str, tuple[str, str, int, bool]] = {
    "lpips_alex": ("LPIPS-Alex 1024", "", 3, False),
    "lpips_vgg_256": ("LPIPS-VGG 256", "", 3, False),
    "dists": ("DISTS 256", "", 3, False),
    "psnr": ("PSNR", "dB", 2, True),
    "ms_ssim": ("MS-SSIM", "", 4, True),
    "identity": ("Identity cosine", "", 3, True),
    "face_distance": ("dlib face distance", "", 3, False),
    "landmarks": ("Landmark error", "eye distances", 4, False),
    "detected": ("Face found", "share", 2, True),
    "frechet": ("Frechet distance (VGG16)", "", 2, False),
}
# One colour a codec, the same in every plot; readable on white and on black, and by most colour-blind
# readers.
_COLOURS = {
    "hsc": "#e4572e", "hsc-refined": "#f0917a", "vvc": "#2a7fba", "vvc-scaled": "#76b7e5", "hevc": "#3a9d5d",
    "av1": "#9467bd", "avif": "#c59fe0", "webp": "#8c8c2a", "jpeg": "#8d8d8d", "jpegxl": "#d99a1c", "hific": "#d6458b",
    "factorized": "#17a2a8", "hyperprior": "#b5651d", "elic": "#5c6bc0", "ms-illm": "#a05195", "cheng2020": "#4d7c0f",
}  # fmt: skip
_SPARE = ("#17a2a8", "#b5651d", "#5c6bc0", "#a05195", "#4d7c0f")
_PAPER_CODECS = {"HSC": "hsc", "VVC": "vvc", "HiFiC": "hific"}


def colour(key: str) -> str:
    """The colour of a codec in every plot."""
    return _COLOURS.get(key) or _SPARE[sum(key.encode()) % len(_SPARE)]


def short_name(name: str) -> str:
    """A codec's name without what it has in brackets."""
    return name.partition(" (")[0]


def value_of(row: Row, metric: str) -> float | None:
    """A metric of `COLUMNS` in a row, or None."""
    return row.frechet if metric == "frechet" else row.metrics.get(metric)


def rate_distortion_figure(
    rows: Sequence[Row],
    metric: str = "lpips_alex",
    paper: Sequence[tuple[str, float, float]] = (),
) -> go.Figure:
    """Curves of one metric over bytes (logarithmic), one a codec, with 95% confidence intervals over pictures.

    Args:
        rows: from `summarise`.
        metric: a key of `COLUMNS`.
        paper: published (codec, bits per pixel, LPIPS) on other pictures, drawn dotted; only for ``lpips_alex``.
    """
    packages.require("plotly", "A report", "compare")
    import plotly.graph_objects as go

    label, unit, decimals, more = COLUMNS[metric]
    figure = go.Figure()
    for key, curve in _curves(rows).items():
        # One point for each size; a codec that cannot go lower has several rows of one.
        by_size = {
            round(row.bytes): (row.bytes, value, row.intervals.get(metric, 0.0))
            for row in curve
            if row.bytes is not None and (value := value_of(row, metric)) is not None
        }
        points = sorted(by_size.values())
        if not points:
            continue
        figure.add_scatter(
            x=[size for size, _, _ in points], y=[value for _, value, _ in points], name=curve[0].name,
            error_y={"array": [interval for _, _, interval in points], "thickness": 1, "width": 3},
            mode="lines+markers", marker={"size": 9 if key == "hsc" else 6},
            line={"color": colour(key), "width": 4 if key == "hsc" else 2},
            customdata=[(metrics.bpp(size), _interval(interval, decimals)) for size, _, interval in points],
            hovertemplate=f"%{{x:,.0f}} bytes (%{{customdata[0]:.4f}} bpp)<br>"
            f"{label} %{{y:.{decimals}f}}%{{customdata[1]}}",
        )  # fmt: skip
    if metric == "lpips_alex":
        for codec in dict.fromkeys(codec for codec, _, _ in paper):
            published = sorted((bpp * SIDE**2 / 8, lpips) for name, bpp, lpips in paper if name == codec)
            figure.add_scatter(
                x=[size for size, _ in published], y=[lpips for _, lpips in published], opacity=0.7,
                name=f"{codec}, as published (other pictures)", mode="lines+markers",
                marker={"size": 5, "symbol": "circle-open"},
                line={"color": colour(_PAPER_CODECS.get(codec, codec.lower())), "width": 1.5, "dash": "dot"},
                hovertemplate="%{x:,.0f} bytes<br>LPIPS %{y:.3f}",
            )  # fmt: skip
    better = "higher is better" if more else "lower is better"
    figure.update_layout(
        xaxis={"title": f"bytes for {SIDE} x {SIDE} pixels", "type": "log", "minor": {"showgrid": True},
               "tickvals": [200, 400, 800, 1500, 3000, 6000, 12000, 24000, 48000], "tickformat": ",d"},
        yaxis={"title": f"{label}{f' ({unit})' if unit else ''}, {better}"},
        legend={"orientation": "h", "y": -0.2}, margin={"l": 60, "r": 20, "t": 20, "b": 60},
        hovermode="closest",
        modebar={"bgcolor": "rgba(0,0,0,0)"},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
    )  # fmt: skip
    return figure


def text_table(report: Report) -> str:
    """All rows, aligned for a terminal."""
    rows = [row for row in summarise(report) if row.target in report.about["rates"]]
    shown = [metric for metric in COLUMNS if any(value_of(row, metric) is not None for row in rows)]
    lines = [["target", "codec", "bytes", *(COLUMNS[metric][0] for metric in shown), "VVC needs", "note"]]
    for row in rows:
        lines.append([str(row.target), row.name, *_cells(row, shown), row.note])
    for codec in report.codecs.values():
        if codec["reason"]:
            lines.append(["", codec["name"], "-", *[""] * len(shown), "", codec["reason"]])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def read_paper(path: Path) -> list[tuple[str, float, float]]:
    """Published points (codec, bits per pixel, LPIPS) from a CSV file with those columns and # comments.

    Raises:
        ImageError: the file is not of that kind.
    """
    try:
        lines = [
            line for line in path.read_text(encoding="utf-8-sig").splitlines() if line and not line.startswith("#")
        ]
        return [(row["codec"], float(row["bpp"]), float(row["lpips"])) for row in csv.DictReader(lines)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImageError(f"{shown(path.name)} is not a CSV file with the columns codec, bpp and lpips.") from error


def paper_curves() -> Path | None:
    """The paper's digitised curves, where the development data lies beside the repository."""
    data = paths.development_data()
    path = data and data / "reference" / "paper_curves_celeba.csv"
    return path if path and path.is_file() else None


def write_html(
    report: Report,
    path: Path,
    examples: Sequence[Example] = (),
    paper: Sequence[tuple[str, float, float]] = (),
) -> None:
    """Write the page.

    Raises:
        HSCError: it cannot be written.
    """
    atomic.write_text(path, page(report, examples, paper))


def page(report: Report, examples: Sequence[Example] = (), paper: Sequence[tuple[str, float, float]] = ()) -> str:
    """The page as text: everything it needs is inside."""
    packages.require("plotly", "A report", "compare")
    import plotly.offline

    rows = summarise(report)
    about = report.about
    figures = {
        metric: json.loads(rate_distortion_figure(rows, metric, paper).to_json())
        for metric in COLUMNS
        if any(value_of(row, metric) is not None for row in rows)
    }
    options = "".join(f'<option value="{metric}">{COLUMNS[metric][0]}</option>' for metric in figures)
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lead = (
        f"{_count(about['pictures'], 'picture')} of {SIDE} x {SIDE} pixels, {about['date']}. Every point is "
        "the mean over complete files, headers and all, and over what those files alone decode to."
    )
    parts = [
        f"<h1>Face photos at the same bytes</h1><p>{html.escape(lead)}</p>",
        "<h2>Rate and distortion</h2>",
        f'<label>Metric <select id="metric">{options}</select></label>',
        '<div id="plot" role="img" aria-label="Rate-distortion curves, as in the tables below"></div>',
        "<p>Bars, and ± in tables: 95% confidence intervals of the means over these pictures.</p>"
        if any(row.intervals for row in rows)
        else "",
        "<p>Dotted: figures that were published for another set of pictures.</p>" if paper else "",
    ]
    for target in about["rates"]:
        parts.append(f"<h2>At {target:,} bytes</h2>{html_table([row for row in rows if row.target == target])}")
    parts.append(
        "<p><b>VVC needs</b>: the bytes at which VVC reaches the same LPIPS-Alex, over the codec's own, from "
        "VVC's mean curve on these pictures. &gt; and &lt; mark bounds, where that curve ends before.</p>"
    )
    for example in examples:
        parts.append(f"<h2>{html.escape(example.picture)} at {example.target:,} bytes</h2>{picture_grid(example)}")
    parts.append("<h2>How</h2><dl>")
    for codec in report.codecs.values():
        said = codec["reason"] and f"Not available: {codec['reason']}" or codec["description"]
        parts.append(f"<dt>{html.escape(codec['name'])}</dt><dd>{html.escape(said)}</dd>")
    parts.append(f"</dl><p>{html.escape(versions)}</p>")
    if about.get("command"):
        parts.append(f"<pre>{html.escape(about['command'])}</pre>")
    data = json.dumps(figures).replace("</", "<\\/")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Face photos at the same bytes</title><style>{_STYLE}</style></head><body><main>"
        + "\n".join(parts)
        + f"</main><script>{plotly.offline.get_plotlyjs()}</script>"
        + f"<script>const figures = {data};{_PLOT_SCRIPT}{ZOOM_SCRIPT}</script></body></html>\n"
    )


def html_table(rows: Sequence[Row]) -> str:
    """Rows of one rate as an HTML table; the best value within the rate of each column is bold."""
    shown = [metric for metric in COLUMNS if any(value_of(row, metric) is not None for row in rows)]
    best = {}
    for metric in shown:
        values = [value for row in rows if row.fitting == 1.0 and (value := value_of(row, metric)) is not None]
        if values:
            best[metric] = max(values) if COLUMNS[metric][3] else min(values)
    heads = ["Codec", "Bytes", *(COLUMNS[metric][0] for metric in shown), "VVC needs"]
    lines = []
    for row in sorted(rows, key=lambda row: (row.fitting < 1.0, value_of(row, "lpips_alex") or math.inf)):
        cells = _cells(row, shown)
        for column, metric in enumerate(shown, start=1):
            if row.fitting == 1.0 and metric in best and value_of(row, metric) == best[metric]:
                cells[column] = f"<b>{cells[column]}</b>"
        note = f'<div class="note">{html.escape(row.note)}</div>' if row.note else ""
        classes = " ".join(["own"] * (row.kind == "hsc") + ["over"] * (row.fitting < 1.0))
        filled = "".join(f"<td>{cell}</td>" for cell in cells)
        swatch = f'<i style="background:{colour(row.codec)}"></i>'
        lines.append(f'<tr class="{classes}"><th>{swatch}{html.escape(row.name)}{note}</th>{filled}</tr>')
    head = "".join(f"<th>{head}</th>" for head in heads)
    body = "".join(lines)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def picture_grid(example: Example) -> str:
    """One picture by all codecs; pointing at one enlarges the same place in all. Needs `ZOOM_SCRIPT`."""
    cells = [_figure(example.original, "Original", f"{SIDE} x {SIDE} pixels")]
    for result, restored in example.restored:
        size = f"{result.bytes:,} bytes"
        lpips = result.metrics.get("lpips_alex")
        caption = size if lpips is None else f"{size}, LPIPS {lpips:.3f}"
        cells.append(_figure(restored, result.name, caption, result.note))
    return f'<div class="grid" data-zoom="3">{"".join(cells)}</div>'


def _figure(image: Image.Image, name: str, caption: str, note: str = "") -> str:
    note = f'<div class="note">{html.escape(note)}</div>' if note else ""
    return (
        f'<figure><div class="window"><img src="{data_uri(image)}" alt="{html.escape(name)}" '
        'draggable="false"></div>'
        f"<figcaption><b>{html.escape(name)}</b><br>{html.escape(caption)}{note}</figcaption></figure>"
    )


def data_uri(image: Image.Image) -> str:
    """The picture inside the page, without loss: a lossy preview would blur what is compared."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=True, quality=60, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _curves(rows: Sequence[Row]) -> dict[str, list[Row]]:
    curves: dict[str, list[Row]] = {}
    for row in rows:
        if row.bytes is not None:
            curves.setdefault(row.codec, []).append(row)
    order = list(_COLOURS)
    return dict(sorted(curves.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))


def _cells(row: Row, shown: Sequence[str]) -> list[str]:
    """Bytes, the metrics, and the yardstick's bytes over this codec's."""
    cells = ["-" if row.bytes is None else f"{row.bytes:,.0f}"]
    for metric in shown:
        value, decimals = value_of(row, metric), COLUMNS[metric][2]
        cells.append("" if value is None else f"{value:.{decimals}f}{_interval(row.intervals.get(metric), decimals)}")
    if row.codec == YARDSTICK and row.count:
        cells.append("1")
    else:
        cells.append("" if row.equivalent is None else f"{row.equivalent_bound}{row.equivalent:.1f} times")
    return cells


def _interval(half_width: float | None, decimals: int) -> str:
    return f" ±{half_width:.{decimals}f}" if half_width else ""


_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 76rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.8rem; margin: 1rem 0 0; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
#plot { height: min(70vh, 34rem); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th:first-child { text-align: left; } thead th { font-weight: 600; font-size: .85rem; }
tbody th { font-weight: 400; } .own { background: #e4572e22; } .own th { font-weight: 700; }
.over td { opacity: .6; }
i { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .5em; }
.note { font-size: .8rem; font-weight: 400; opacity: .75; white-space: normal; min-width: 11rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(15rem, 45%), 1fr)); gap: .75rem; }
figure { margin: 0; } .window { overflow: hidden; border-radius: 6px; aspect-ratio: 1; cursor: zoom-in; }
.window img { width: 100%; height: 100%; display: block; touch-action: pan-y; }
.grid.zoomed img { transform: scale(var(--zoom)); transform-origin: var(--x) var(--y); }
figcaption { font-size: .9rem; padding: .25rem; }
pre { background: var(--soft); padding: .6rem; overflow-x: auto; }
dt { font-weight: 600; } dd { margin: 0 0 .5rem; overflow-wrap: anywhere; } select { font: inherit; }
"""

_PLOT_SCRIPT = """
const menu = document.getElementById('metric');
const dark = matchMedia('(prefers-color-scheme: dark)');
function draw() {
  const figure = figures[menu.value];
  const ink = dark.matches ? '#ddd' : '#222', grid = '#8883';
  const axis = {gridcolor: grid, zerolinecolor: grid, linecolor: ink};
  const layout = {...figure.layout, font: {color: ink},
    xaxis: {...figure.layout.xaxis, ...axis}, yaxis: {...figure.layout.yaxis, ...axis}};
  Plotly.react('plot', figure.data, layout, {responsive: true, displaylogo: false});
}
menu.addEventListener('change', draw); dark.addEventListener('change', draw); draw();
"""

ZOOM_SCRIPT = """
for (const grid of document.querySelectorAll('.grid')) {
  const place = event => {
    const picture = event.target.closest('.window');
    if (!picture) return;
    const box = picture.getBoundingClientRect();
    grid.style.setProperty('--x', 100 * (event.clientX - box.left) / box.width + '%');
    grid.style.setProperty('--y', 100 * (event.clientY - box.top) / box.height + '%');
    grid.style.setProperty('--zoom', grid.dataset.zoom);
    grid.classList.add('zoomed');
  };
  grid.addEventListener('pointermove', place);
  grid.addEventListener('pointerdown', place);
  grid.addEventListener('pointerleave', () => grid.classList.remove('zoomed'));
}
"""
