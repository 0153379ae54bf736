"""What a visitor's own browser keeps of a face, and brings back: nothing of it stays on the server."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app import bounds
from hsc.errors import HSCError

_MOST = 16_000
"""Characters of a file in an address: the largest file has 8,000 bytes, and its edits a few more."""

_BASE64URL = re.compile(rf"[A-Za-z0-9_-]{{0,{_MOST}}}")


@dataclass(frozen=True)
class Kept:
    """What a page brings when it opens.

    Attributes:
        file: an HSC file with its edits, as base64url; None where the page has none.
        photo: where the upload of the photo is.
        name: of the photo's file.
        face: which face of it, 0 for the largest.
        example: name of a prepared face.
        max_bytes: bytes that may be spent.
        strengths: of edits, by the name of the direction.
    """

    file: str | None = None
    photo: Path | None = None
    name: str = ""
    face: int = 0
    example: str = ""
    max_bytes: int | None = None
    strengths: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, brought: Mapping[str, Any]) -> Kept:
        """From what a page sent, which may be anything; what makes no sense is left out."""
        file, example, name = (_text(brought.get(key)) for key in ("file", "example", "name"))
        strengths = brought.get("strengths")
        strengths = strengths if isinstance(strengths, dict) else {}
        read = {str(key)[:40]: _number(value) for key, value in list(strengths.items())[:40]}
        face, most = _number(brought.get("face")), _number(brought.get("bytes"))
        return cls(
            file or None,
            _uploaded(brought.get("photo")),
            name or "",
            int(face) if face is not None and 0 <= face < 1000 else 0,
            example or "",
            None if most is None else round(max(0.0, min(most, bounds.LARGEST))),
            {key: value for key, value in read.items() if value is not None},
        )

    @property
    def data(self) -> bytes | None:
        """The file.

        Raises:
            HSCError: it is too long, or no base64url.
        """
        return None if self.file is None else decoded(self.file)


def encoded(data: bytes) -> str:
    """Bytes as base64url without padding, as an address holds them."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """The bytes of :func:`encoded`.

    Raises:
        HSCError: the text is too long, or no base64url.
    """
    try:
        if not _BASE64URL.fullmatch(text):
            raise ValueError
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise HSCError("The face in this address is damaged; was the whole address copied?") from error


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) <= 2 * _MOST else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _uploaded(path: Any) -> Path | None:
    """A path of an upload; any other is none."""
    from gradio.utils import get_upload_folder, is_in_or_equal

    if not isinstance(path, str) or not path or "\0" in path:
        return None
    real = Path(path).resolve()
    return real if is_in_or_equal(real, Path(get_upload_folder()).resolve()) and real.is_file() else None
