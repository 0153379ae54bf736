"""Compressed faces as PyTorch data sets: S^, F^ or pictures of shards, folders, lists and parquet files.

>>> faces = HSCDataset("coded/", output="codes")
>>> loader = torch.utils.data.DataLoader(faces, batch_size=64, num_workers=4)
>>> next(iter(loader))["codes"].shape
torch.Size([64, 16, 512])
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from hsc.batch.sources import CODED, Item, Reader, find
from hsc.errors import HSCError

if TYPE_CHECKING:
    from hsc.codec import Codec

OUTPUTS = ("bytes", "codes", "features", "picture")
"""What a sample can hold, beside its key."""


class _Samples:
    """Compressed files of a source, and what they are decoded to. The codec is loaded by the process that uses it."""

    def __init__(
        self,
        source: str | os.PathLike[str],
        output: str = "codes",
        size: int = 256,
        edits: Mapping[str, float] | None = None,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        column: str | None = None,
    ) -> None:
        if output not in OUTPUTS:
            raise ValueError(f"output is one of {', '.join(OUTPUTS)}, not {output!r}")
        self.output, self.size, self.edits, self.transform = output, size, dict(edits or {}), transform
        self._source, self._items = find(os.fspath(source), CODED, column)
        self._reader: Reader | None = None
        self._codec: Codec | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What goes to a worker of a DataLoader: neither the codec nor open files."""
        return {**self.__dict__, "_reader": None, "_codec": None}

    def __len__(self) -> int:
        return len(self._items)

    @property
    def keys(self) -> list[str]:
        """Keys of all samples, in order."""
        return [item.key for item in self._items]

    def _sample(self, item: Item) -> Any:
        if self._reader is None:
            self._reader = Reader(self._source)
        try:
            data = self._reader.read(item)
            sample = {"key": item.key, **self._decoded(data)}
        except HSCError as error:
            raise type(error)(f"{item.name}: {error}") from error
        return sample if self.transform is None else self.transform(sample)

    def _decoded(self, data: bytes) -> dict[str, Any]:
        if self.output == "bytes":
            return {"bytes": data}
        codec = self._loaded()
        if self.output == "codes" and not self.edits:
            from hsc.batch.work import codes

            return {"codes": torch.from_numpy(codes(codec, data))}
        semantics = codec.parse(data)
        semantics = codec.edit(semantics, {**codec.stored_edits(semantics), **self.edits})
        if self.output == "picture":
            import numpy as np

            picture = np.asarray(codec.render(semantics, self.size))
            return {"picture": torch.from_numpy(picture.copy()).permute(2, 0, 1)}
        found = {"codes": semantics.codes[0]}
        if self.output == "features":
            found |= {f"features_{feature.shape[-1]}": feature[0] for feature in semantics.features}
        return found

    def _loaded(self) -> Codec:
        if self._codec is None:
            import hsc

            self._codec = hsc.Codec.load(device="cpu")  # what comes out are tensors
        return self._codec


class HSCDataset(_Samples, Dataset):
    """Compressed faces by index.

    A sample is a dictionary with ``key`` and, by ``output``:

    - "bytes": ``bytes`` of the file.
    - "codes": ``codes`` (16, 512) float32, S^. What comes after S in the file is not decoded, unless there are edits.
    - "features": ``codes``, ``features_16`` (512, 16, 16) and ``features_32`` (512, 32, 32), float32: S^ and F^.
    - "picture": ``picture`` (3, size, size) uint8, with the edits that the file stores.

    Args:
        source: shards of ``hsc batch encode``, or other ``.tar`` or ``.parquet`` files, a folder of ``.hsc`` files, or
            a list of them; see :func:`hsc.batch.sources.find`.
        output: see above.
        size: side of pictures: 1024, 512 or 256.
        edits: strength by direction name; applied to all but "bytes".
        transform: takes the dictionary, and returns what the sample shall be.
        column: of parquet files.

    Raises:
        HSCError: the source has no such files; of a sample, that it is damaged.
        ValueError: the output is none of these.
    """

    def __getitem__(self, index: int) -> Any:
        return self._sample(self._items[index])


class HSCIterableDataset(_Samples, IterableDataset):
    """The same as a stream, whose order can be shuffled; workers of a DataLoader and ranks of
    ``torch.distributed`` share it, shard by shard where there are enough of them.

    Args:
        shuffle: samples that wait in a buffer, of which one is drawn at random; 0 keeps the order. Shards are
            shuffled, too.
        seed: of that.
        others: of :class:`HSCDataset`.
    """

    def __init__(self, source: str | os.PathLike[str], *others: Any, shuffle: int = 0, seed: int = 0, **more: Any):
        super().__init__(source, *others, **more)
        self.shuffle, self.seed, self._epoch = shuffle, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Shuffle otherwise from now on; to be told to each rank before it asks for samples."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[Any]:
        chance = random.Random(f"{self.seed}-{self._epoch}")
        groups = self._groups()
        if self.shuffle:
            chance.shuffle(groups)
        part, parts = _part()
        mine = groups[part::parts] if len(groups) >= parts else None
        items = [item for group in (groups if mine is None else mine) for item in group]
        if mine is None:
            items = items[part::parts]
        for item in _shuffled(items, self.shuffle, chance):
            yield self._sample(item)

    def _groups(self) -> list[list[Item]]:
        """The samples shard by shard; files of their own are one group."""
        groups: dict[str, list[Item]] = {}
        for item in self._items:
            groups.setdefault("" if self._source.kind == "files" else item.path, []).append(item)
        return list(groups.values())


def _part() -> tuple[int, int]:
    """Which part of a stream is this process's, and how many there are."""
    info = get_worker_info()
    worker, workers = (info.id, info.num_workers) if info else (0, 1)
    rank, ranks = 0, 1
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        rank, ranks = torch.distributed.get_rank(), torch.distributed.get_world_size()
    return rank * workers + worker, ranks * workers


def _shuffled(items: list[Item], size: int, chance: random.Random) -> Iterator[Item]:
    buffer: list[Item] = []
    for item in items:
        if len(buffer) < size:
            buffer.append(item)
        elif size:
            place = chance.randrange(size)
            yield buffer[place]
            buffer[place] = item
        else:
            yield item
    chance.shuffle(buffer)
    yield from buffer
