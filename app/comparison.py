"""The Compare step: the codecs that are asked, their pictures, their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PIL import Image

from app import memory
from hsc import baselines, compare, paths
from hsc.baselines import ImageCodec
from hsc.codec import Codec
from hsc.compare import Judge, Result, Row
from hsc.errors import HSCError
from hsc.runtime import threads

BENCHMARK = paths.assets() / "benchmark"
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

    def rate_search(self, image: Image.Image) -> CurrentFile:
        return self

    def fit(self, max_bytes: int) -> bytes:
        """The file as it is."""
        return self._data

    def decode(self, data: bytes) -> Image.Image:
        return self._codec.decode(data)


def rivals() -> list[ImageCodec]:
    """The other codecs of a live comparison, unavailable ones too, the closest first; asked once whether they work."""
    others = [other for other in baselines.codecs() if other.kind != "hsc" and not other.key.endswith("-scaled")]
    others.sort(key=lambda other: _RIVALS.index(other.key) if other.key in _RIVALS else len(_RIVALS))
    working(others)  # imports and loads what they need
    return others


def working(chosen: Sequence[ImageCodec]) -> dict[str, str]:
    """Names by key of those that can be used here."""
    return {codec.key: codec.name for codec in chosen if codec.available() is None}


def run(crop: Image.Image, chosen: Sequence[ImageCodec], max_bytes: int, judge: Judge) -> Iterator[list[Result]]:
    """Results so far, every time there is a new one, in the order of ``chosen``.

    Raises:
        ImageError: the picture is not square.
    """
    order = [codec.key for codec in chosen]
    found: dict[str, Result] = {}
    # One codec at a time: the closest rivals are first, and two at once need more memory.
    for result in compare.compare_face(crop, max_bytes, chosen, judge, workers=1, begin=threads.step_back):
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


def measured(results: Sequence[Result]) -> list[str]:
    """The metrics that at least one result has: where a network is not here, its metric is not offered."""
    return [name for name in METRICS if any(name in result.metrics for result in results)]
