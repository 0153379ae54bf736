"""The ``.hsc`` file: its container and its range coder. FORMAT.md beside this file specifies both."""

from hsc.bitstream.container import (
    CHECKSUM_BYTES,
    EMPTY_BYTES,
    HEADER_BYTES,
    MAGIC,
    MAX_BYTES,
    MAX_EDITS,
    MAX_LAYERS,
    VERSION,
    BitstreamReader,
    BitstreamWriter,
    append_edits,
    check_bits,
    file_bytes,
    strip_edits,
    truncate,
)

__all__ = [
    "CHECKSUM_BYTES",
    "EMPTY_BYTES",
    "HEADER_BYTES",
    "MAGIC",
    "MAX_BYTES",
    "MAX_EDITS",
    "MAX_LAYERS",
    "VERSION",
    "BitstreamReader",
    "BitstreamWriter",
    "append_edits",
    "check_bits",
    "file_bytes",
    "strip_edits",
    "truncate",
]
