"""Codecs side by side at the same bytes: for one face as it comes, or for a folder with a cache.

    for result in compare.compare_face(face, 800, codecs):      # as each codec finishes
        print(result.name, result.bytes, result.metrics, result.note)

    report = compare.compare_folder(folder, rates=(400, 800, 1500), keys=("hsc", "vvc", "jpeg"), cache=path)

Every number belongs to a complete file: its bytes are counted as they would lie on disk, and the picture that
is judged is the one that those bytes alone decode to.
"""

from __future__ import annotations

from hsc.compare.face import compare_face
from hsc.compare.folder import (
    RATES,
    YARDSTICK_RATES,
    Example,
    compare_folder,
    examples,
    load_codecs,
    pictures_in,
)
from hsc.compare.result import SIDE, Judge, Result, as_compared, default_judge, too_large
from hsc.compare.summary import YARDSTICK, Report, Row, summarise, yardstick_bytes

__all__ = [
    "RATES",
    "SIDE",
    "YARDSTICK",
    "YARDSTICK_RATES",
    "Example",
    "Judge",
    "Report",
    "Result",
    "Row",
    "as_compared",
    "compare_face",
    "compare_folder",
    "default_judge",
    "examples",
    "load_codecs",
    "pictures_in",
    "summarise",
    "too_large",
    "yardstick_bytes",
]
