"""What is done with one picture: a function of its bytes and of the job alone, whatever was done before it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hsc.batch import records
from hsc.batch.options import DecodeOptions, EncodeOptions, Job
from hsc.batch.records import Record
from hsc.batch.shards import METRICS
from hsc.batch.sources import InputGone, Item, Reader
from hsc.errors import HSCError, WeightsError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from hsc.codec import Codec
    from hsc.imaging.alignment import Alignment
    from hsc.metrics import FaceMetrics
    from hsc.semantics import Semantics

_RESTORED = "Restored by HSC from a compressed file."
_S_BYTES = (128, 256)
"""Prefixes that hold S, in bytes: of most files, of nearly all."""
_WEBP: dict[str, Any] = {"quality": 90, "method": 4}


class Work:
    """The codec, and what a job does with it.

    Raises:
        HSCError: the codec cannot be loaded.
    """

    def __init__(self, job: Job) -> None:
        import hsc

        options = job.options
        # What decodes needs no PyTorch on a CPU.
        plain = isinstance(options, DecodeOptions) and job.device == "cpu"
        self._codec = hsc.Codec.load(device=None if plain else job.device)
        self._reader = Reader(job.source)
        self._records: Callable[[bytes], Iterator[Record]]
        if isinstance(options, EncodeOptions):
            self._records = _Encoding(self._codec, options, job.device).records
        else:
            self._records = _Decoding(self._codec, options).records

    def of(self, number: int, item: Item) -> list[Record]:
        """The records of one picture: its failure is one, too.

        Raises:
            InputGone: all inputs are.
            WeightsError: weights that are only now needed cannot be had.
        """
        started = time.perf_counter()
        found: list[Record] = []
        try:
            data = self._reader.read(item)
            for record in self._records(data):
                ended = time.perf_counter()
                face = record.facts.pop("_suffix", "")
                named = {"number": number, "key": item.key + face, "source": item.name, "error": None}
                facts = {**named, **record.facts, "seconds": round(ended - started, 3)}
                found.append(Record(facts, record.parts))
                started = ended
        except (InputGone, WeightsError):
            raise
        except HSCError as error:
            found.append(records.failed(number, item, str(error), time.perf_counter() - started))
        return found


def codes(codec: Codec, data: bytes) -> np.ndarray:
    """S^ ``(16, 512)`` float32 of a file, without the work of decoding what comes after it.

    Raises:
        BitstreamError: the data is no file that this codec decodes.
    """
    for size in (*_S_BYTES, len(data)):
        semantics = codec.parse(data[:size])
        if semantics.layers:
            break
    return _numpy(semantics.codes[0])


class _Encoding:
    """Pictures to files."""

    def __init__(self, codec: Codec, options: EncodeOptions, device: str) -> None:
        from hsc.encoder.presets import PRESETS

        self._codec, self._options, self._device = codec, options, device
        self._preset = PRESETS[options.preset]

    def records(self, data: bytes) -> Iterator[Record]:
        """A record of each face that is asked for."""
        from hsc.imaging import images, marks

        picture = images.open_image(data)
        notes = list(marks.warning(data, "The picture"))
        align = self._options.align and not marks.is_aligned(data, picture.size)  # ours are as they should be
        size = {"width": picture.width, "height": picture.height}
        for crop, where, count, suffix in self._faces(picture, align):
            facts: dict[str, Any] = {"face": None, "faces": None, "box": None, **size, "notes": notes}
            if where is not None:
                index, found = where
                box = [round(edge, 2) for edge in found.face.box]
                facts |= {"face": index, "faces": count, "box": box, "notes": [*notes, *found.notes]}
            yield self._record(crop, facts, suffix)

    def _faces(
        self, picture: Image.Image, align: bool
    ) -> Iterator[tuple[Image.Image, tuple[int, Alignment] | None, int | None, str]]:
        from hsc.imaging import alignment

        every = self._options.faces == "all"
        if not align:
            if picture.width != picture.height:
                raise HSCError(f"The picture is {picture.width}x{picture.height}; an aligned face is square.")
            yield picture, None, None, "~0" if every else ""
            return
        faces = alignment.detect(picture)
        for index in range(max(len(faces), 1) if every else 1):
            crop, found = alignment.align(picture, index if every else None, faces=faces)
            yield crop, (index, found), len(faces), f"~{index}" if every else ""

    def _record(self, crop: Image.Image, facts: dict[str, Any], suffix: str) -> Record:
        from hsc import metrics
        from hsc.bitstream import BitstreamReader

        options = self._options
        data = self._codec.encode(crop, options.max_bytes, options.quality, options.refine, preset=self._preset)
        sizes = {"bytes": len(data), "bpp": metrics.bpp(len(data)), "quality": BitstreamReader(data).quality}
        facts = {**sizes, **facts, "_suffix": suffix}
        if options.metrics:
            scores = asdict(self._metrics.compare(crop, self._codec.decode(data)))
            facts |= {name: scores[name] for name in (*METRICS, "detected")}
        parts = {"hsc": data}
        if "codes" in options.columns:
            parts["codes"] = codes(self._codec, data).astype("float16").tobytes()
        return Record(facts, parts)

    @cached_property
    def _metrics(self) -> FaceMetrics:
        from hsc.metrics import FaceMetrics

        return FaceMetrics(self._device)


class _Decoding:
    """Files to pictures, or to tensors."""

    def __init__(self, codec: Codec, options: DecodeOptions) -> None:
        self._codec, self._options = codec, options
        self._edits = dict(options.edits)
        codec.edit(codec.parse(b""), self._edits)  # names and strengths that cannot be are nobody's picture's fault

    def records(self, data: bytes) -> Iterator[Record]:
        """The one record of a file."""
        from hsc import bitstream
        from hsc.errors import BitstreamError

        if not data:
            raise BitstreamError("The file is empty.")
        options = self._options
        semantics = self._codec.parse(data)
        strengths = self._codec.stored_edits(semantics) if options.stored_edits else {}
        strengths = {name: value for name, value in {**strengths, **self._edits}.items() if value}
        semantics = self._codec.edit(semantics, strengths)
        told = ", ".join(f"{name}={value:g}" for name, value in strengths.items())
        size = None
        if options.format == "tensors":
            out = _tensors(semantics)
        else:
            from hsc.imaging import images

            note = f"Synthetic: restored and edited by HSC ({told})." if told else _RESTORED
            size, suffix = options.size, f".{options.suffix}"
            picture = self._codec.render(semantics, size)
            # An edited face does not carry the one that was edited.
            coded = None if told else bitstream.strip_edits(data) if semantics.complete else data
            settings: dict[str, Any] = _WEBP if suffix == ".webp" else {}
            out = images.as_file(picture, suffix, note, coded, **settings)
        yield Record({"bytes": len(out), "coded_bytes": len(data), "size": size, "edits": told}, {options.suffix: out})


def _tensors(semantics: Semantics) -> bytes:
    """S^ as ``codes`` (16, 512) float32; F^ at each level, and detail, by the side of their maps in float16."""
    import numpy as np
    from safetensors.numpy import save

    found = {"codes": np.ascontiguousarray(_numpy(semantics.codes[0]))}
    for feature in semantics.features:
        found[f"features_{feature.shape[-1]}"] = np.ascontiguousarray(_numpy(feature[0]), np.float16)
    if semantics.detail is not None:
        found[f"detail_{semantics.detail.shape[-1]}"] = np.ascontiguousarray(_numpy(semantics.detail[0]), np.float16)
    return save(found)


def _numpy(array: Any) -> np.ndarray:
    """An array of either kind of codec as numpy's."""
    return array.detach().cpu().numpy() if hasattr(array, "detach") else array
