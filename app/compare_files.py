"""What a comparison is taken home as: its numbers as CSV, and all of it as one HTML page."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from app import cards, compare_cards, comparison, messages
from hsc.compare import Result

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:1100px;margin:24px auto;padding:0 16px;color:#262422}"
    "figure{margin:0}img{width:100%;border-radius:10px}figcaption{font-size:14px}"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:16px}"
    "table{border-collapse:collapse;width:100%;margin:24px 0}th,td{padding:6px 10px;text-align:right;"
    "border-bottom:1px solid #ddd}th:first-child{text-align:left}small{display:block;color:#666;font-weight:400}"
    ".best{font-weight:700}.dot{display:inline-block;width:10px;height:10px;border-radius:50%;margin-right:8px}"
)


def numbers(results: Sequence[Result]) -> str:
    """One line for each codec: key, name, bytes, whether it fits, its metrics, and why it has none."""
    columns, text = comparison.measured(results), io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["codec", "name", "target_bytes", "bytes", "fits", *columns, "reason"])
    for result in results:
        size = "" if result.bytes is None else result.bytes
        values = [f"{result.metrics[name]:.6g}" if name in result.metrics else "" for name in columns]
        reason = "" if result.reason is None else messages.sentence(result.reason)
        table.writerow([result.codec, result.name, result.target, size, int(result.fits), *values, reason])
    return text.getvalue()


def report(original: Path, results: Sequence[Result], pictures: Mapping[str, Path]) -> str:
    """A page with everything in it, its pictures lossless.

    Args:
        original: PNG of the aligned crop.
        results: of every codec.
        pictures: PNG of what each codec restored, by key.
    """
    tiles = [_tile("Original", "the aligned crop", original)]
    tiles += [
        _tile(result.name, cards.amount(result.bytes), pictures[result.codec])
        for result in results
        if result.codec in pictures and pictures[result.codec].exists()
    ]
    target = cards.amount(results[0].target) if results else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>One face at {target}</title><style>{_STYLE}</style></head><body><h1>One face at {target}</h1>"
        "<p>What every codec restores from a file of at most this size, or from its smallest. Pictures by HSC and by"
        f' HiFiC are synthetic.</p><div class="tiles">{"".join(tiles)}</div>{compare_cards.table(results)}'
        "</body></html>\n"
    )


def _tile(name: str, note: str, path: Path) -> str:
    url = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><img src="{url}" alt="{escape(name)}"><figcaption><b>{escape(name)}</b>, {escape(note)}</figcaption>'
        "</figure>"
    )
