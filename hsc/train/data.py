"""Faces to train on: real ones from tar shards, synthetic ones from the generator.

Shards are tar files of aligned faces (any size, any format Pillow reads). They are decoded once into one array of
256 px pictures. 200 pictures, chosen by a hash of shard and member name, are kept out for validation.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hsc.generator import LATENT, LAYERS, Generator

VALIDATION = 200
"""Pictures kept out of training."""
SIZE = 256


def sample_codes(generator: Generator, count: int, random: torch.Generator, mixing: float = 0.5) -> Tensor:
    """Style codes ``(count, 16, 512)``: one w each, or with chance ``mixing`` two that switch at a random layer."""
    z = torch.randn(2, count, LATENT, generator=random).to(generator.input)
    first, second = generator.mapping(z.flatten(0, 1)).unflatten(0, (2, count))
    switch = torch.randint(1, LAYERS, (count,), generator=random)
    switch[torch.rand(count, generator=random) > mixing] = LAYERS
    mask = (torch.arange(LAYERS)[None] < switch[:, None])[:, :, None].to(generator.input.device)
    return torch.where(mask, first[:, None], second[:, None])


@dataclass
class Faces:
    """Aligned faces: ``pictures`` uint8 ``(N, 256, 256, 3)``, ``names`` ``"shard/member"``, and what is kept out."""

    pictures: np.ndarray
    names: list[str]

    @property
    def held_out(self) -> np.ndarray:
        """Sorted indexes of the validation pictures: the 200 smallest sha256 of the names."""
        digests = [hashlib.sha256(name.encode()).hexdigest() for name in self.names]
        return np.sort(np.argsort(digests)[:VALIDATION])

    @property
    def training(self) -> np.ndarray:
        """Indexes of all other pictures."""
        return np.setdiff1d(np.arange(len(self.names)), self.held_out)

    def batch(self, indexes: np.ndarray, flip: np.ndarray | None = None) -> Tensor:
        """``(B, 3, 256, 256)`` float32 in [-1, 1]; ``flip`` ``(B,)`` bool mirrors left and right."""
        pictures = torch.from_numpy(self.pictures[indexes]).permute(0, 3, 1, 2).float() / 127.5 - 1
        if flip is not None:
            pictures = torch.where(torch.from_numpy(flip)[:, None, None, None], pictures.flip(3), pictures)
        return pictures


def load_faces(shards: list[Path], cache: Path) -> Faces:
    """Decode tar shards, once; the array is kept under ``cache`` and mapped into memory after that."""
    cache.mkdir(parents=True, exist_ok=True)
    names, payloads = [], []
    for shard in sorted(shards):
        with tarfile.open(shard) as archive:
            for member in archive:
                if member.isfile() and not member.name.endswith(".txt"):
                    names.append(f"{shard.stem}/{member.name}")
                    payloads.append(archive.extractfile(member).read())
    target = cache / f"faces-{hashlib.sha256(chr(10).join(names).encode()).hexdigest()[:12]}.npy"
    if not target.exists():
        pictures = np.empty((len(names), SIZE, SIZE, 3), np.uint8)
        with ThreadPoolExecutor() as pool:
            for index, picture in enumerate(pool.map(_decode, payloads, chunksize=64)):
                pictures[index] = picture
        partial = target.with_suffix(".part.npy")
        np.save(partial, pictures)
        partial.replace(target)
    return Faces(np.load(target, mmap_mode="r"), names)


def _decode(payload: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(payload)).convert("RGB")
    # Box when it is an exact halving, else Lanczos; enlarging is bicubic.
    method = Image.Resampling.BOX if image.width == 2 * SIZE else Image.Resampling.LANCZOS
    if image.width < SIZE:
        method = Image.Resampling.BICUBIC
    return np.asarray(image if image.width == SIZE else image.resize((SIZE, SIZE), method))


@torch.no_grad()
def synthetic_pairs(
    generator: Generator, count: int, level: int, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Style codes ``(count, 16, 512)`` and features at ``level`` that need not be those of the codes.

    Half of the features are blended with another face's under a smooth random mask, so that an encoder must read F
    from the picture and cannot infer it from S.
    """
    codes = sample_codes(generator, count, random)
    features = generator.prefix(codes, level)
    mask = torch.sigmoid(4 * F.interpolate(torch.randn(count, 1, 4, 4, generator=random), size=features.shape[-1],
                                           mode="bicubic"))
    mask = mask.to(features) * (torch.rand(count, 1, 1, 1, generator=random) < 0.5).to(features)
    return codes, features + mask * (features.roll(1, 0) - features)
