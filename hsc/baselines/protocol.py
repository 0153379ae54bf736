"""What every codec of a comparison is: a picture to bytes, and back from nothing but those bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from PIL import Image

from hsc.errors import HSCError

NO_WEIGHTS = "its weights are not here"
"""How the reason begins why a codec is not available whose weights its user has to bring."""


class BaselineError(HSCError):
    """A codec of the comparison cannot do what was asked: the message says which and why."""


class RateSearch(Protocol):
    """One picture, ready to be coded at any size: what was coded for one target is reused for the next."""

    def fit(self, max_bytes: int) -> bytes:
        """The best file of at most `max_bytes` bytes, or the smallest possible where none is that small."""
        ...


class ImageCodec(ABC):
    """A real codec: `encode` gives a complete file, `decode` needs nothing else.

    Attributes:
        key: short identifier for files and command lines, ``[a-z0-9-]+``.
        name: what tables and plots call it.
        kind: family, one of ``"standard"``, ``"image"``, ``"learned"`` or ``"hsc"``.
        slow: whether it takes many seconds for a picture, so that it is compared only where somebody asks for it.
    """

    key: str
    name: str
    kind: str = "image"
    slow: bool = False

    def available(self) -> str | None:
        """None when the codec can be used here, else the reason why not, as one sentence."""
        return None

    @abstractmethod
    def description(self) -> str:
        """Implementation, version and settings: all that changes the bytes. Results are cached under it."""

    @abstractmethod
    def rate_search(self, image: Image.Image) -> RateSearch:
        """Prepare to code `image` (any size, any PIL mode) at one or more rates."""

    @abstractmethod
    def decode(self, data: bytes) -> Image.Image:
        """The picture (RGB, the size of the one that was encoded) from the bytes of `encode` alone.

        Raises:
            BaselineError: the bytes are damaged, cut or of another codec, or the decoder is not there.
        """

    def encode(self, image: Image.Image, max_bytes: int) -> bytes:
        """The best file of at most `max_bytes` bytes, or the smallest possible one where none is that small.

        Raises:
            BaselineError: the codec cannot be run, or cannot code this picture.
        """
        return self.rate_search(image).fit(max_bytes)
