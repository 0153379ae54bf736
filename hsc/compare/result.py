"""One codec, one picture, one rate: what came of it, and how it is judged."""

from __future__ import annotations

import builtins
import time
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from PIL import Image

from hsc import baselines, metrics
from hsc.baselines import BaselineError, ImageCodec, RateSearch
from hsc.errors import HSCError, ImageError
from hsc.imaging import alignment

SIDE = alignment.SIZE
"""Side in pixels of every picture that is compared."""


@dataclass(frozen=True)
class Result:
    """What one codec made of one picture at one rate.

    Attributes:
        codec: the codec's key; `name`: what to call it; `kind`: its family.
        picture: name of the picture.
        target: bytes asked for.
        bytes: size of the complete file, or None where there is none.
        metrics: by name, see `Judge`; empty where there is no file.
        encode_seconds, decode_seconds: wall time; encoding includes the search for the rate, less what a
            search for another rate of the same picture has found.
        reason: why there is no file, as one sentence, or None.
        final: False while the metrics are still being measured.
        restored: the decoded picture, `SIDE` x `SIDE`; only from `compare_face`.
        data: the file itself; not kept in JSON.
    """

    codec: str
    name: str
    kind: str
    picture: str
    target: int
    bytes: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    encode_seconds: float = 0.0
    decode_seconds: float = 0.0
    reason: str | None = None
    final: bool = True
    restored: Image.Image | None = field(default=None, compare=False, repr=False)
    data: builtins.bytes | None = field(default=None, compare=False, repr=False)

    @property
    def fits(self) -> bool:
        """Whether there is a file, of at most the bytes asked for."""
        return self.bytes is not None and self.bytes <= self.target

    @property
    def bpp(self) -> float | None:
        """Bits per pixel of the whole file."""
        return None if self.bytes is None else metrics.bpp(self.bytes)

    @property
    def note(self) -> str:
        """What a reader must know beside the numbers; often empty."""
        if self.reason is not None:
            return self.reason
        return "" if self.fits or self.bytes is None else too_large(self.bytes, self.target)


def too_large(size: int, target: int) -> str:
    """Say that a codec's smallest file is over the target."""
    shown = f"{size / 1000:.1f} kB" if size >= 1000 else f"{size} bytes"
    times = size / target
    more = f"{times:.0f} times" if times >= 2 else f"{100 * (times - 1):.0f}%"
    return f"cannot go this low: {shown}, {more} more"


class Judge(Protocol):
    """Measures restored pictures against one original.

    `version` names everything that changes a number: measurements are cached under it.
    """

    version: str

    def prepare(self, original: Image.Image) -> Any:
        """What all comparisons with this original share."""
        ...

    def measure(self, prepared: Any, restored: Image.Image) -> dict[str, float]:
        """Metrics of one restored picture, of the original's size."""
        ...

    def features(self, picture: Image.Image) -> np.ndarray:
        """(D,) float32 that the Frechet distance between sets is taken on; empty where there is none."""
        ...


def default_judge() -> Judge:
    """The metrics of `hsc.metrics`."""
    from hsc.compare.face_judge import MetricsJudge

    return MetricsJudge.load()


def as_compared(image: Image.Image) -> Image.Image:
    """RGB at `SIDE` x `SIDE`.

    Raises:
        ImageError: the picture is not square, or has no pixels.
    """
    if image.width != image.height:
        raise ImageError(
            f"A comparison needs a square, aligned face, not {image.width}x{image.height} pixels: align it."
        )
    try:
        rgb = baselines.to_rgb(image)
    except BaselineError as error:
        raise ImageError(f"The picture cannot be compared: {error}.") from error
    return rgb if rgb.width == SIDE else rgb.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def run_codec(
    codec: ImageCodec, original: Image.Image, picture: str, target: int, search: RateSearch | None = None
) -> Result:
    """Encode and decode, not yet measured; whatever a codec raises becomes its reason."""
    result = Result(codec.key, name_of(codec), codec.kind, picture, target)
    try:
        reason = codec.available()
        if reason is not None:
            return replace(result, reason=reason)
        start = time.perf_counter()
        data = (search or codec.rate_search(original)).fit(target)
        encoded = time.perf_counter()
        restored = codec.decode(data)
        decoded = time.perf_counter()
    except HSCError as error:
        return replace(result, reason=str(error))
    except Exception as error:  # a codec of a third party may raise anything; one row must not end the others
        return replace(result, reason=_crash(result.name, error))
    if restored.size != original.size:
        reason = f"{result.name} gave a picture of {restored.width}x{restored.height} pixels"
        return replace(result, reason=reason)
    return replace(
        result, bytes=len(data), data=data, restored=restored, final=False,
        encode_seconds=encoded - start, decode_seconds=decoded - encoded,
    )  # fmt: skip


def name_of(codec: ImageCodec) -> str:
    """What to call a codec: its key, where it cannot say its name."""
    try:
        return codec.name
    except Exception:  # a row that has no name must not end the others
        return codec.key


def describe(codec: ImageCodec) -> dict[str, str | None]:
    """Name, kind, description, and the reason why it cannot be used or None."""
    reason, description = None, ""
    try:
        reason = codec.available()
        description = "" if reason else codec.description()
    except HSCError as error:
        reason = str(error)
    except Exception as error:
        reason = _crash(name_of(codec), error)
    return {"name": name_of(codec), "kind": codec.kind, "reason": reason, "description": description}


def _crash(name: str, error: Exception) -> str:
    return f"{name} failed: {type(error).__name__}: {error}".split("\n")[0]


def unmeasured(result: Result, error: Exception) -> str:
    """The reason of a result whose picture could not be measured."""
    said = str(error) if isinstance(error, HSCError) else f"{type(error).__name__}: {error}"
    return f"{result.name} was not measured: {said}"
