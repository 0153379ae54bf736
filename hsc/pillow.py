"""``.hsc`` files in Pillow: ``import hsc.pillow``, and ``Image.open("me.hsc")`` opens one like any other picture.

>>> import hsc.pillow
>>> with Image.open("me.hsc") as picture:  # what the file says, in picture.info; nothing is drawn yet
...     picture.draft("RGB", (256, 256))  # 256 or 512 pixels a side, for a fraction of the time and memory
...     picture.save("me.png")
>>> face.save("me.hsc", max_bytes=800)  # where what encodes is installed

Edits that a file stores are applied. ``info`` has ``bytes``, ``quality``, ``layers`` (names), ``edits`` (strength by
name, or by number where this release does not know a direction), ``model`` and ``complete``.
"""

from __future__ import annotations

import functools
import io
from typing import IO, TYPE_CHECKING, Any

from PIL import Image, ImageFile

from hsc.bitstream import MAGIC, MAX_BYTES
from hsc.errors import BitstreamError, DirectionError, HSCError

if TYPE_CHECKING:
    from hsc.codec import Codec

FORMAT, MIME, SUFFIX = "HSC", "image/x-hsc", ".hsc"
DEFAULT_BYTES = 800
"""Largest size of a file that is saved without saying one."""
_LONGEST = MAX_BYTES + 2 + 3 * 255
"""Bytes of a file with all the edits that it can hold."""


@functools.cache
def _codec() -> Codec:
    import hsc

    return hsc.Codec.load()


class HSCImageFile(ImageFile.ImageFile):
    """A face that is drawn when its pixels are asked for.

    Raises:
        BitstreamError: the file is damaged, or of another version or model.
    """

    format, format_description = FORMAT, "Hierarchical Semantic Compression of a face"

    def _open(self) -> None:
        assert self.fp is not None  # Pillow has opened it
        data = self.fp.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise BitstreamError("This HSC file is longer than it says.")
        contents = _codec().inspect(data)
        self._mode, self._size = "RGB", (1024, 1024)
        self._data: bytes | None = data
        self.tile = []
        self.info.update(
            bytes=len(data),
            quality=contents.quality,
            layers=[layer.name for layer in contents.layers],
            edits=_edits(contents.edits),
            model=contents.model_id,
            complete=contents.complete,
        )

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, float, float]] | None:
        """Draw 256 or 512 pixels a side, the least that ``size`` needs; smaller pictures are averages of the whole."""
        if size is None or self._data is None:
            return None
        side = next((side for side in (256, 512) if side >= max(size)), 1024)
        self._size = (side, side)
        return "RGB", (0, 0, side, side)

    def load(self) -> Image.core.PixelAccess | None:
        """Draw the face, once.

        Raises:
            DirectionError: the file stores an edit of a direction that is not known here.
        """
        if self._data is not None:
            codec = _codec()
            picture = codec.decode(self._data, self.size[0])
            if self.fp is not None and self._exclusive_fp:
                self.fp.close()
            self.fp = io.BytesIO(picture.tobytes())
            self.tile = [ImageFile._Tile("raw", (0, 0, *self.size), 0, ("RGB", 0, 1))]
            self._data = None
        return super().load()


def _edits(stored: tuple[tuple[int, float], ...]) -> dict[str | int, float]:
    """Strength by name; by number where a direction is not known here."""
    from hsc.editing.registry import direction_set

    found: dict[str | int, float] = {}
    name: str | int
    for number, strength in stored:
        try:
            ((name, value),) = direction_set().from_ids([(number, strength)]).items()
        except (DirectionError, ModuleNotFoundError):
            name, value = number, strength
        found[name] = found.get(name, 0.0) + value
    return found


def _save(image: Image.Image, file: IO[bytes], name: str | bytes) -> None:
    """Compress an aligned face; options are those of :meth:`hsc.Codec.encode`."""
    from hsc.imaging import images

    known = ("max_bytes", "quality", "refine", "progress")
    options: dict[str, Any] = {key: image.encoderinfo[key] for key in known if key in image.encoderinfo}
    if "max_bytes" not in options and "quality" not in options:
        options["max_bytes"] = DEFAULT_BYTES
    if image.width != image.height:
        raise HSCError(f"An HSC file holds an aligned face, which is square, not {image.width}x{image.height}.")
    file.write(_codec().encode(images.to_rgb(image), **options))


Image.register_open(FORMAT, HSCImageFile, lambda prefix: prefix.startswith(MAGIC))
Image.register_extension(FORMAT, SUFFIX)
Image.register_mime(FORMAT, MIME)
Image.register_save(FORMAT, _save)
