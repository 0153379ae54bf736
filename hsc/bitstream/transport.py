"""Files as mail, FTP and editors hand them on: with white space after their end."""

from __future__ import annotations

from hsc.bitstream.container import EDIT_BYTES, EDITS_BYTES, HEADER_BYTES, BitstreamReader
from hsc.errors import BitstreamError

NOTE = "White space after the end of the file is left out: mail or a transfer as text has added it."


def without_white_space(data: bytes) -> bytes:
    """A file without the white space that follows its end, where nothing else does; any other data as it is.

    White space that belongs to the file stays: that is known by the length that the header tells, and by the checksums.

    Args:
        data: a file, or any bytes.
    """
    if len(data) < HEADER_BYTES or not data[-1:].isspace() or _is_sound(data):
        return data
    try:
        length = BitstreamReader(data[:HEADER_BYTES]).length
    except BitstreamError:
        return data
    if length is None or length >= len(data):
        return data
    with_edits = length + EDITS_BYTES + EDIT_BYTES * data[length]
    for end in (length, with_edits):  # the last byte of stored edits may look like white space
        if end < len(data) and data[end:].isspace() and _is_sound(data[:end]):
            return data[:end]
    return data


def _is_sound(data: bytes) -> bool:
    """Whether data are a complete file, edits included; its layers are not read."""
    try:
        return BitstreamReader(data, allow_truncated=False).complete
    except BitstreamError:
        return False
