"""Another codec on the main stage: what it makes of the same face with the same bytes."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from hsc import baselines
from hsc.baselines import BaselineError, ImageCodec
from hsc.baselines.protocol import RateSearch
from hsc.imaging.provenance import DigitalSource

OFFERED = {"vvc": "VVC", "hific": "HiFiC", "jpeg": "JPEG"}
"""Names by key of the codecs that can take the left half."""
GENERATIVE = ("hsc", "hific", "ms-illm")
"""Codecs whose decoder is a generator that was trained against a critic: what they restore is marked as synthetic."""


def source(key: str) -> DigitalSource | None:
    """How a codec's pictures came about, for their metadata."""
    return DigitalSource.EDITED if key in GENERATIVE else None


@dataclass
class Beside:
    """What stands beside a visitor's face: a codec, and its pictures of this face by the bytes that it was given.

    Attributes:
        key: of the codec; "" for the original.
        digest: of the face that searches and pictures are of.
        searches: for each codec, files that it has tried.
        pictures: for each codec and number of bytes, its picture and the bytes that it really took.
        shown: what was shown last.
    """

    key: str = ""
    digest: str = ""
    searches: dict[str, RateSearch] = field(default_factory=dict)
    pictures: dict[tuple[str, int], tuple[Path, int]] = field(default_factory=dict)
    shown: tuple[str, Path, int] | None = None

    def begin(self, digest: str) -> None:
        """Another face: nothing of the last one is of use."""
        if digest != self.digest:
            self.digest, self.shown = digest, None
            self.searches.clear()
            self.pictures.clear()

    def at(self, size: int) -> tuple[Path, int] | None:
        """The picture at so many bytes, and the bytes that it took, where it is known; else the one that was shown
        last, of the same codec."""
        known = self.pictures.get((self.key, size))
        if known is not None and known[0].exists():
            self.shown = self.key, *known
            return known
        if self.shown is not None and self.shown[0] == self.key and self.shown[1].exists():
            return self.shown[1:]
        return None

    def knows(self, size: int) -> bool:
        """Whether nothing has to be computed for so many bytes."""
        known = self.pictures.get((self.key, size))
        return not self.key or not size or (known is not None and known[0].exists())

    def compute(self, codec: ImageCodec, crop: Image.Image, size: int) -> tuple[Image.Image, int]:
        """A codec's picture with at most so many bytes, or with its fewest, and the bytes that it took.

        Raises:
            BaselineError: it cannot be used here.
        """
        reason = codec.available()
        if reason is not None:
            raise BaselineError(f"{codec.name} cannot be shown here: {reason}.")
        if codec.key not in self.searches:
            self.searches[codec.key] = codec.rate_search(crop)
        data = self.searches[codec.key].fit(size)
        return codec.decode(data), len(data)


@functools.cache
def codec(key: str) -> ImageCodec:
    """The codec of a key among :data:`OFFERED`; made once."""
    return baselines.get(key)
