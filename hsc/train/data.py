"""Faces to train on: real ones from tar shards, synthetic ones from the generator.

Shards are tar files of aligned faces (any size, any format Pillow reads). They are decoded once into one array of
256 px pictures, and one of 512 px for those that have as many. 200 pictures, chosen by a hash of shard and member name,
are kept out for validation.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hsc.errors import HSCError
from hsc.generator import Generator, sample_codes
from hsc.imaging.images import SUFFIXES, check_size

VALIDATION = 200
"""Pictures kept out of training."""
SIZE = 256
HALF = 512
"""Side in pixels of the photos that teach texture."""
LARGE = 1024
"""Side in pixels of generated faces, which have texture to the last pixel."""
CPU = torch.device("cpu")


@dataclass
class Faces:
    """Aligned faces, and what of them is kept out.

    Attributes:
        pictures: uint8 ``(N, 256, 256, 3)``.
        names: ``"shard/member"``.
        halves: uint8 ``(M, 512, 512, 3)``, the faces that have as many pixels, half of 1024.
        with_half: which those are, ``(M,)``, sorted.
    """

    pictures: np.ndarray
    names: list[str]
    halves: np.ndarray = field(default_factory=lambda: np.empty((0, HALF, HALF, 3), np.uint8))
    with_half: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    @cached_property
    def held_out(self) -> np.ndarray:
        """Sorted indexes of the validation pictures: the 200 smallest sha256 of the names."""
        digests = [hashlib.sha256(name.encode()).hexdigest() for name in self.names]
        return np.sort(np.argsort(digests)[:VALIDATION])

    @cached_property
    def training(self) -> np.ndarray:
        """Indexes of all other pictures."""
        return np.setdiff1d(np.arange(len(self.names)), self.held_out)

    def batch(self, indexes: np.ndarray, flip: np.ndarray | None = None, device: torch.device = CPU) -> Tensor:
        """``(B, 3, 256, 256)`` float32 in [-1, 1]; ``flip`` ``(B,)`` bool mirrors left and right."""
        return to_pictures(self.pictures[indexes], flip, device)

    def half(self, indexes: np.ndarray, flip: np.ndarray | None = None, device: torch.device = CPU) -> Tensor:
        """Some of :attr:`with_half`, ``(B, 3, 512, 512)`` float32 in [-1, 1]."""
        return to_pictures(self.halves[np.searchsorted(self.with_half, indexes)], flip, device)

    def large(self, indexes: np.ndarray) -> Tensor:
        """Some of :attr:`with_half` enlarged to ``(B, 3, 1024, 1024)``."""
        return F.interpolate(self.half(indexes), scale_factor=2, mode="bicubic").clamp(-1, 1)


def to_pictures(pixels: np.ndarray, flip: np.ndarray | None = None, device: torch.device = CPU) -> Tensor:
    """uint8 ``(B, H, W, 3)`` to float32 ``(B, 3, H, W)`` in [-1, 1]; ``flip`` ``(B,)`` bool mirrors left and right."""
    # Bytes travel to an accelerator, and become numbers there.
    pictures = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
    if flip is None:
        return pictures
    return torch.where(torch.from_numpy(flip).to(device)[:, None, None, None], pictures.flip(3), pictures)


def load_faces(shards: list[Path], cache: Path) -> Faces:
    """Decode tar shards, once; the arrays are kept under ``cache`` and mapped into memory after that.

    Raises:
        HSCError: a shard cannot be read, or a picture in it.
    """
    cache.mkdir(parents=True, exist_ok=True)
    names, payloads, identity = [], [], hashlib.sha256()
    for shard in sorted(shards):
        for name, payload in members(shard):
            names.append(f"{shard.stem}/{name}")
            payloads.append((names[-1], payload))
            identity.update(f"{names[-1]} {zlib.crc32(payload)}{chr(10)}".encode())
    digest = identity.hexdigest()[:12]
    with_half = np.array([i for i, (name, payload) in enumerate(payloads) if _side(name, payload) >= HALF], np.int64)
    pictures = _decode_all(payloads, SIZE, cache / f"faces-{digest}.npy")
    halves = _decode_all([payloads[i] for i in with_half], HALF, cache / f"halves-{digest}.npy")
    return Faces(pictures, names, halves, with_half)


def members(shard: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every picture file of a tar shard, in the order of the shard.

    Raises:
        HSCError: it is not a tar file that can be read.
    """
    try:
        with tarfile.open(shard) as archive:
            for member in archive:
                if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES:
                    yield member.name, archive.extractfile(member).read()
    except (OSError, EOFError, tarfile.TarError, zlib.error, lzma.LZMAError) as error:
        raise HSCError(f"{shard.name} is not a tar file that can be read.") from error


@contextmanager
def open_member(name: str, payload: bytes) -> Iterator[Image.Image]:
    """A picture of a shard, to be decoded within the ``with``.

    Raises:
        HSCError: it is damaged, cut or too large; the message has its name.
    """
    try:
        with Image.open(io.BytesIO(payload)) as image:
            check_size(image)
            yield image
    except Exception as error:  # Pillow's decoders fail in many ways on damaged files
        raise HSCError(f"The picture {name} is damaged, truncated or too large.") from error


def _decode_all(payloads: list[tuple[str, bytes]], size: int, target: Path) -> np.ndarray:
    """Names and image files to one array ``(N, size, size, 3)``, kept in ``target``."""
    if not target.exists():
        pictures = np.empty((len(payloads), size, size, 3), np.uint8)
        with ThreadPoolExecutor() as pool:
            for index, picture in enumerate(pool.map(lambda member: _decode(*member, size), payloads)):
                pictures[index] = picture
        partial = target.with_suffix(".part.npy")
        np.save(partial, pictures)
        partial.replace(target)
    # An empty file cannot be mapped.
    return np.load(target, mmap_mode="r" if payloads else None)


def _side(name: str, payload: bytes) -> int:
    with open_member(name, payload) as image:
        return image.width


def _decode(name: str, payload: bytes, size: int) -> np.ndarray:
    with open_member(name, payload) as image:
        image = image.convert("RGB")
    # Box when it is an exact halving, else Lanczos; enlarging is bicubic.
    method = Image.Resampling.BOX if image.width == 2 * size else Image.Resampling.LANCZOS
    if image.width < size:
        method = Image.Resampling.BICUBIC
    return np.asarray(image if image.width == size else image.resize((size, size), method))


@torch.no_grad()
def synthetic_pairs(
    generator: Generator, count: int, levels: Sequence[int], random: torch.Generator
) -> tuple[Tensor, list[Tensor]]:
    """Style codes ``(count, 16, 512)`` and features at each level that need not be those of the codes.

    Half of the features are blended with another face's under a smooth random mask, so that an encoder must read F
    from the picture and cannot infer it from S.
    """
    codes = sample_codes(generator, count, random)
    features, before = [], ()
    for level in levels:
        own = generator.synthesize_features(codes, level, *before)
        mask = torch.sigmoid(
            4 * F.interpolate(torch.randn(count, 1, 4, 4, generator=random), size=own.shape[-1], mode="bicubic")
        )
        mask = mask.to(own) * (torch.rand(count, 1, 1, 1, generator=random) < 0.5).to(own)
        features.append(own + mask * (own.roll(1, 0) - own))
        before = features[-1], level
    return codes, features


@torch.no_grad()
def generated_faces(generator: Generator, count: int, cache: Path) -> np.ndarray:
    """uint8 ``(count, 1024, 1024, 3)``: faces with as much detail as the decoder can give, which few photos have.

    Made once, kept under ``cache`` and mapped into memory after that.
    """
    target = cache / f"generated-{count}.npy"
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".part.npy")
        pictures = np.lib.format.open_memmap(partial, "w+", np.uint8, (count, LARGE, LARGE, 3))
        for index, codes in enumerate(sample_codes(generator, count, torch.Generator().manual_seed(0), mixing=0)):
            picture = generator(codes[None])[0].clamp(-1, 1)
            pictures[index] = ((picture + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()
        del pictures  # written
        partial.replace(target)
    return np.load(target, mmap_mode="r")
