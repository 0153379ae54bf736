"""Code a folder of aligned faces at several rates and average what the metrics say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL import Image

from hsc import images, metrics
from hsc.codec import REFINE, Codec
from hsc.errors import ImageError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True)
class Result:
    """One picture at one rate."""

    picture: str
    target: int
    bytes: int
    scores: metrics.Scores


def pictures(folder: Path) -> list[Path]:
    """The picture files of a folder, by name.

    Raises:
        ImageError: there are none.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise ImageError(f"There are no pictures in {folder}.")
    return found


def evaluate(codec: Codec, paths: Sequence[Path], targets: Sequence[int], refine: int = REFINE) -> Iterator[Result]:
    """Encode, decode and score every picture at every target size in bytes.

    Args:
        paths: aligned square faces; the metrics run at 1024.
        targets: ``max_bytes`` of the encoder.
        refine: gradient steps of the encoder.
    """
    scorer = metrics.FaceMetrics()
    for path in paths:
        original = _open(path)
        for target in targets:
            data = codec.encode(original, max_bytes=target, refine=refine)
            yield Result(path.name, target, len(data), scorer.compare(original, codec.decode(data)))


def prefixes(
    codec: Codec, paths: Sequence[Path], target: int, refine: int = REFINE
) -> Iterator[list[tuple[int, float]]]:
    """What every prefix of a file that ends with a layer is worth.

    Yields:
        For each picture, bytes and LPIPS-Alex at 1024 of 0 bytes, of S, and of each slice after it.
    """
    for path in paths:
        picture = _open(path)
        original = images.to_tensor(picture).to(codec.device)
        data = codec.encode(picture, max_bytes=target, refine=refine)
        ends = [0, *(layer.end for layer in codec.parse(data).layers)]
        with torch.no_grad():
            seen = codec.lpips.features(original)
            yield [
                (end, codec.lpips.distance(seen, codec.lpips.features(
                    images.to_tensor(codec.decode(data[:end])).to(codec.device))).item())
                for end in ends
            ]


def mean_curve(curves: Sequence[Sequence[tuple[int, float]]]) -> list[dict[str, float | str]]:
    """Means over pictures of what :func:`prefixes` gives, up to the last layer that all of them have."""
    rows = []
    for layer, ends in enumerate(zip(*curves)):
        size, distance = (sum(values) / len(curves) for values in zip(*ends))
        name = ("none", "S")[layer] if layer < 2 else f"F{layer - 1}"
        rows.append({"layer": name, "bytes": size, "lpips_alex": distance})
    return rows


def _open(path: Path) -> Image.Image:
    """A square picture at 1024 px."""
    original = images.open_image(path)
    if original.width != original.height:
        raise ImageError(f"{path.name} is not square; align it first.")
    if original.width != 1024:
        original = original.resize((1024, 1024), Image.Resampling.LANCZOS)
    return original


def summary(results: Sequence[Result]) -> list[dict[str, float | int | None]]:
    """One row for each target: means over the pictures; ``None`` where no picture has the score."""
    rows = []
    for target in sorted({result.target for result in results}):
        group = [result for result in results if result.target == target]
        mean_bytes = sum(result.bytes for result in group) / len(group)
        row = {"target": target, "pictures": len(group), "bytes": mean_bytes, "bpp": metrics.bpp(mean_bytes)}
        for name in asdict(group[0].scores):
            if name == "missing":
                continue
            known = [value for result in group if (value := getattr(result.scores, name)) is not None]
            row[name] = sum(known) / len(known) if known else None
        rows.append(row)
    return rows
