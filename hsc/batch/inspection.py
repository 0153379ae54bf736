"""What a set of shards holds: sizes, errors and metrics, as text, as one page, and as a sheet of faces."""

from __future__ import annotations

import base64
import html
import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hsc.batch.shards import STATS
from hsc.batch.sources import members, parquet, split_member
from hsc.errors import HSCError
from hsc.runtime.names import reason, shown

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

LABELS = {
    "bytes": "bytes of a file",
    "quality": "quality",
    "coded_bytes": "bytes that were decoded",
    "lpips_alex": "LPIPS-Alex at 1024",
    "lpips_vgg_256": "LPIPS-VGG at 256",
    "psnr": "PSNR, dB",
    "ms_ssim": "MS-SSIM",
    "identity": "identity cosine",
    "face_distance": "dlib distance",
    "landmarks": "landmark error",
    "seconds": "seconds of a worker",
}
"""Columns that are summed up, by name."""
_PERCENTILES = (5, 50, 95)
_CAPTION = 30
_SIZE = 256
_COLUMNS = 6
_BINS = 60


@dataclass(frozen=True)
class Inspection:
    """A set as its tables have it.

    Attributes:
        folder: where it is.
        shards: how many are complete.
        pictures: how many pictures went in.
        keys: of the records that are there, with the shard of each.
        values: columns of :data:`LABELS`, of those records.
        errors: how many records failed, by the reason.
    """

    folder: Path
    shards: int
    pictures: int
    keys: list[tuple[str, str]]
    values: dict[str, np.ndarray]
    errors: dict[str, int]

    @property
    def successes(self) -> int:
        """How many records there are that did not fail."""
        return len(self.keys)

    def facts(self) -> dict[str, Any]:
        """Everything as JSON may have it."""
        return {
            "shards": self.shards,
            "pictures": self.pictures,
            "successes": self.successes,
            "failures": sum(self.errors.values()),
            "errors": self.errors,
            "columns": {name: _summary(values) for name, values in self.values.items() if len(values)},
        }

    def text(self) -> str:
        """For a terminal."""
        failures = sum(self.errors.values())
        lines = [
            f"{shown(self.folder)}: {self.shards:,} shards, {self.pictures:,} pictures, "
            f"{self.successes:,} records, {failures:,} failed"
        ]
        if self.successes:
            lines.append(f"{'':24}" + "".join(f"{head:>12}" for head in ("mean", "5%", "median", "95%")))
        for name, values in self.values.items():
            if len(values):
                found = _summary(values)
                cells = "".join(f"{found[key]:>12,.4g}" for key in ("mean", "p5", "p50", "p95"))
                lines.append(f"{LABELS[name]:24}{cells}")
        lines += [f"{count:>8,}  {error}" for error, count in self.errors.items()]
        return "\n".join(lines)


def read(folder: Path) -> Inspection:
    """Read the tables of a set.

    Raises:
        HSCError: there are none, or one is damaged.
    """
    import numpy as np

    pq = parquet()
    paths = sorted(path for path in folder.glob("*.parquet") if path.with_name(path.stem + STATS).is_file())
    if not paths:
        raise HSCError(f"There is no complete shard in {shown(folder)}.")
    keys: list[tuple[str, str]] = []
    columns: dict[str, list[np.ndarray]] = {}
    errors: Counter[str] = Counter()
    pictures = 0
    for path in paths:
        try:
            file = pq.ParquetFile(path)
            names = [name for name in LABELS if name in file.schema_arrow.names]
            table = file.read(["number", "key", "error", *names])
        except (OSError, ValueError, KeyError) as error:
            raise HSCError(f"{shown(path)} is damaged, or no table of a shard ({reason(error)}).") from error
        pictures += len(set(table.column("number").to_pylist()))
        well = [error is None for error in table.column("error").to_pylist()]
        errors.update(error for error in table.column("error").to_pylist() if error is not None)
        keys += [(path.stem, key) for key, good in zip(table.column("key").to_pylist(), well) if good]
        for name in names:
            values = np.asarray(table.column(name).to_pylist(), dtype=np.float64)[np.asarray(well, dtype=bool)]
            columns.setdefault(name, []).append(values[np.isfinite(values)])
    values = {name: np.concatenate(parts) for name, parts in columns.items()}
    return Inspection(folder, len(paths), pictures, keys, values, dict(errors.most_common()))


def totals(folder: Path) -> str:
    """One line about a set, from its statistics alone."""
    count: Counter[str] = Counter()
    shards = 0
    for path in folder.glob(f"*{STATS}"):
        shards += 1
        found = json.loads(path.read_text(encoding="utf-8"))
        count.update({name: found[name] for name in ("pictures", "successes", "failures", "bytes")})
    mean = count["bytes"] / max(count["successes"], 1)
    return (
        f"{shown(folder)}: {shards:,} shards, {count['pictures']:,} pictures, {count['successes']:,} records of "
        f"{mean:,.0f} bytes on average, {count['failures']:,} failed"
    )


def sheet(folder: Path, found: Inspection, count: int, progress: Callable[[], None]) -> Image.Image | None:
    """Some of the faces, evenly from all shards, decoded; None where there is none.

    Args:
        folder: the set's.
        found: what :func:`read` gave.
        count: faces at most.
        progress: called after each.

    Raises:
        HSCError: a shard is damaged.
    """
    from hsc.media.contact_sheet import grid

    chosen = _spread(found.keys, count)
    wanted: dict[str, list[str]] = {}
    for shard, key in chosen:
        wanted.setdefault(shard, []).append(key)
    cells, decode = [], _decoder()
    for shard, keys in wanted.items():
        for key, ending, data in _samples(folder / f"{shard}.tar", set(keys)):
            picture = decode(ending, data)
            if picture is not None:
                name = key if len(key) <= _CAPTION else f"...{key[-_CAPTION:]}"
                cells.append((picture, f"{name}  {len(data):,} B"))
            progress()
    rows = [cells[start : start + _COLUMNS] for start in range(0, len(cells), _COLUMNS)]
    return grid(rows, _SIZE) if rows else None


def page(found: Inspection, sheet: Image.Image | None) -> str:
    """One page that needs no network: histograms, failures and faces."""
    import plotly.offline

    figures = {name: _histogram(name, values) for name, values in found.values.items() if len(values)}
    failures = sum(found.errors.values())
    title = html.escape(f"{shown(found.folder.name)}: {found.successes:,} faces")
    parts = [
        f"<h1>{title}</h1>",
        f"<p>{found.shards:,} shards, {found.pictures:,} pictures, {failures:,} failed.</p>",
        *(f'<h2>{html.escape(LABELS[name])}</h2><div class="plot" id="{name}"></div>' for name in figures),
    ]
    if found.errors:
        rows = "".join(
            f"<tr><td>{count:,}</td><td>{html.escape(error)}</td></tr>" for error, count in found.errors.items()
        )
        parts.append(f"<h2>What failed</h2><table>{rows}</table>")
    if sheet is not None:
        parts.append(f'<h2>Some of the faces</h2><img src="{_data_uri(sheet)}" alt="Restored faces">')
    data = json.dumps(figures).replace("</", "<\\/")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main>"
        + "\n".join(parts)
        + f"</main><script>{plotly.offline.get_plotlyjs()}</script><script>const figures = {data};{_SCRIPT}</script>"
        "</body></html>\n"
    )


def _summary(values: np.ndarray) -> dict[str, float]:
    import numpy as np

    percentiles = {f"p{part}": float(np.percentile(values, part)) for part in _PERCENTILES}
    return {"mean": float(values.mean()), "min": float(values.min()), **percentiles, "max": float(values.max())}


def _histogram(name: str, values: np.ndarray) -> dict[str, Any]:
    """Counted here, so that the page does not grow with the set."""
    import numpy as np
    import plotly.graph_objects as go

    bins = min(_BINS, max(1, len(np.unique(values))))
    counts, edges = np.histogram(values, bins)
    figure = go.Figure(go.Bar(x=(edges[1:] + edges[:-1]) / 2, y=counts, width=np.diff(edges)))
    figure.update_layout(
        xaxis={"title": LABELS[name]},
        yaxis={"title": "faces"},
        bargap=0.02,
        margin={"l": 60, "r": 20, "t": 10, "b": 50},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return json.loads(figure.to_json())


def _spread(keys: Sequence[tuple[str, str]], count: int) -> list[tuple[str, str]]:
    count = min(count, len(keys))
    return [keys[index * len(keys) // count] for index in range(count)]


def _samples(tar: Path, keys: set[str]) -> list[tuple[str, str, bytes]]:
    """Key, ending and bytes of what these samples hold beside their JSON, in the order of the file."""
    found = []
    try:
        with tar.open("rb") as file:
            for name, offset, length in members(tar):
                key, ending = split_member(name)
                if key in keys and ending != "json":
                    file.seek(offset)
                    found.append((key, ending, file.read(length)))
    except OSError as error:
        raise HSCError(f"{shown(tar)} cannot be read: {reason(error)}.") from error
    return found


def _decoder() -> Callable[[str, bytes], Image.Image | None]:
    """Turns the bytes of a sample into a picture; tensors are none."""
    from functools import lru_cache

    from hsc.imaging import images

    @lru_cache(maxsize=1)
    def codec() -> Any:
        import hsc

        return hsc.Codec.load()

    def decode(ending: str, data: bytes) -> Image.Image | None:
        if ending == "hsc":
            return codec().decode(data, _SIZE)
        return None if ending == "safetensors" else images.open_image(data)

    return decode


def _data_uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=90)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 76rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.8rem; margin: 1rem 0 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
.plot { height: 18rem; } img { max-width: 100%; }
td { padding: .2rem 1rem .2rem 0; vertical-align: top; font-variant-numeric: tabular-nums; }
"""

_SCRIPT = """
const dark = matchMedia('(prefers-color-scheme: dark)');
function draw() {
  const ink = dark.matches ? '#ddd' : '#222', axis = {gridcolor: '#8883', zerolinecolor: '#8883', linecolor: ink};
  for (const [name, figure] of Object.entries(figures)) {
    const layout = {...figure.layout, font: {color: ink},
      xaxis: {...figure.layout.xaxis, ...axis}, yaxis: {...figure.layout.yaxis, ...axis}};
    const data = figure.data.map(trace => ({...trace, marker: {color: '#e4572e'}}));
    Plotly.react(name, data, layout, {responsive: true, displaylogo: false});
  }
}
dark.addEventListener('change', draw); draw();
"""
