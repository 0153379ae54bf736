"""Machine-readable marks of synthetic media: IPTC's DigitalSourceType in XMP, as laws and platforms look for it.

Which term of https://cv.iptc.org/newscodes/digitalsourcetype/ fits is decided by what went in:

- A face that was restored from a file, edited, slid in a film or pasted back into its photo began as somebody's photo,
  and a trained generator made it anew or changed it: ``compositeWithTrainedAlgorithmicMedia``, "edited using generative
  AI". That holds for the plain restoration too: every pixel comes from the generator, but what it shows was taken from
  a capture, which ``trainedAlgorithmicMedia`` would deny.
- A face that no photo went into (the mean of all faces, a seed of the generator) was created by the model alone:
  ``trainedAlgorithmicMedia``, "created using generative AI".
- The aligned crop of a photo is that photo: it gets no mark, and neither does what a codec without a trained generator
  restored.

In PNG the packet is an ``iTXt`` chunk, in JPEG an APP1 segment, in WebP a chunk, in TIFF tag 700, in AVIF an item (all
of these by Pillow), and in MP4 a ``uuid`` box at the end, where XMP's specification, part 3, has it.
"""

from __future__ import annotations

import enum
import re
import struct
import uuid
from html import escape
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_MP4_XMP = uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
_XMP_TAG = 700


class DigitalSource(enum.Enum):
    """Terms of IPTC's vocabulary that our pictures need."""

    EDITED = "compositeWithTrainedAlgorithmicMedia"
    CREATED = "trainedAlgorithmicMedia"

    @property
    def uri(self) -> str:
        """The term as files name it."""
        return _VOCABULARY + self.value


def xmp(source: DigitalSource, note: str, software: str) -> bytes:
    """An XMP packet, UTF-8.

    Args:
        source: how the picture came about.
        note: one sentence for people.
        software: the maker.
    """
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        f' Iptc4xmpExt:DigitalSourceType="{source.uri}" xmp:CreatorTool={quoteattr(software)}>'
        f'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(note, quote=False)}</rdf:li></rdf:Alt>'
        "</dc:description></rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="w"?>'
    ).encode()


def add(options: dict[str, Any], suffix: str, packet: bytes) -> None:
    """Put an XMP packet into what Pillow's writer of a format takes; formats without a place for it stay without.

    Args:
        options: as :func:`hsc.imaging.marks.options` has them; changed.
        suffix: ``.png``, ...
        packet: of :func:`xmp`.
    """
    if suffix in (".png", ".apng"):
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", packet.decode())
    elif suffix in (".tif", ".tiff"):
        options["exif"][_XMP_TAG] = packet
    elif suffix in (".jpg", ".jpeg", ".webp", ".avif"):
        options["xmp"] = packet


def mark_mp4(path: Path, packet: bytes) -> None:
    """Append an XMP packet to an MP4 file as a top-level box, which players skip."""
    box = struct.pack(">I4s16s", 24 + len(packet), b"uuid", _MP4_XMP) + packet
    with path.open("ab") as file:
        file.write(box)


def read(data: bytes) -> DigitalSource | None:
    """The mark of a picture's or a film's bytes; None where it has none of ours."""
    found = re.search(re.escape(_VOCABULARY).encode() + rb"(\w+)", data)
    try:
        return DigitalSource(found[1].decode()) if found else None
    except ValueError:
        return None
