"""What a run is asked for: everything that decides the bytes of its shards, and nothing else."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

SHARD_SIZE = 1000
"""Pictures in a shard, unless another number is asked for: FFHQ's folders have as many."""


@dataclass(frozen=True)
class EncodeOptions:
    """How pictures are compressed.

    Attributes:
        max_bytes: largest size of a file; None where ``quality`` is given.
        quality: 0 to 255 instead of a size.
        preset: name in :data:`hsc.encoder.presets.PRESETS`.
        refine: refinement steps instead of the preset's number; 0 leaves out detail, too.
        faces: "largest", or "all" for one record of every face in a picture.
        align: whether faces are found and aligned; else pictures are FFHQ-aligned squares already.
        metrics: whether each file is decoded, and compared with its original.
        columns: parts of a record that the table has as well: "hsc" (the file itself), "codes" (S^).
    """

    kind: ClassVar[str] = "encode"
    suffix: ClassVar[str] = "hsc"

    max_bytes: int | None = 800
    quality: int | None = None
    preset: str = "default"
    refine: int | None = None
    faces: str = "largest"
    align: bool = True
    metrics: bool = False
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class DecodeOptions:
    """How files are restored.

    Attributes:
        format: "png", "webp", or "tensors" for S^, F^ and detail as safetensors.
        size: side of pictures: 1024, 512 or 256 pixels.
        edits: pairs of a direction's name and a strength, beside those that a file stores.
        stored_edits: whether edits that a file stores are applied.
    """

    kind: ClassVar[str] = "decode"

    format: str = "png"
    size: int = 1024
    edits: tuple[tuple[str, float], ...] = ()
    stored_edits: bool = True
    columns: tuple[str, ...] = field(default=(), repr=False)

    @property
    def suffix(self) -> str:
        """What members of the shards are called after the dot."""
        return "safetensors" if self.format == "tensors" else self.format


Options = EncodeOptions | DecodeOptions
_KINDS: dict[str, type[EncodeOptions] | type[DecodeOptions]] = {
    options.kind: options for options in (EncodeOptions, DecodeOptions)
}


@dataclass(frozen=True)
class Source:
    """Where pictures or compressed files come from.

    Attributes:
        kind: "files", "tar" (WebDataset shards) or "parquet".
        given: what the user named, as an absolute path.
        root: the folder that relative paths of files start from.
        column: the column of a parquet file that holds the pictures.
    """

    kind: str
    given: str
    root: str
    column: str | None = None


@dataclass(frozen=True)
class Job:
    """What every worker of a run is told before its first picture.

    Attributes:
        options: what to do.
        source: where from.
        device: of PyTorch: encodes on another kind of processor give other bytes, so it belongs here.
    """

    options: Options
    source: Source
    device: str = "cpu"

    def as_json(self) -> str:
        """To be read by :meth:`from_json`, in another process or on another day."""
        return json.dumps({"kind": self.options.kind, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Job:
        """The job that :meth:`as_json` gave."""
        found = json.loads(text)
        kind = _KINDS[found["kind"]]
        return cls(kind(**_tuples(found["options"])), Source(**found["source"]), found["device"])


def facts(options: Options) -> dict[str, Any]:
    """The options by name, as JSON gives them back."""
    found = {each.name: getattr(options, each.name) for each in fields(options)}
    return json.loads(json.dumps({"command": options.kind, **found}))


def _tuples(options: dict[str, Any]) -> dict[str, Any]:
    """Lists that JSON made of tuples, as tuples."""

    def frozen(value: Any) -> Any:
        return tuple(map(frozen, value)) if isinstance(value, list) else value

    return {name: frozen(value) for name, value in options.items()}
