"""Code a folder of aligned faces at several rates: a comparison without rivals, and what prefixes are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from hsc import compare
from hsc.baselines.hsc_codec import HSC
from hsc.codec import Codec
from hsc.compare import Judge, Report
from hsc.encoder.presets import DEFAULT
from hsc.errors import ImageError
from hsc.imaging import images

SCORES = ("lpips_alex", "lpips_vgg_256", "psnr", "ms_ssim", "identity", "face_distance", "landmarks", "detected")
"""The metrics of a row."""


def evaluate(
    codec: Codec,
    folder: Path,
    targets: Sequence[int],
    refine: int = DEFAULT.steps,
    limit: int | None = None,
    load_judge: Callable[[], Judge] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Report:
    """Encode, decode and score every picture of a folder at every target size in bytes.

    A picture that cannot be coded is a result with a reason.

    Args:
        codec: used for all of them.
        folder: aligned square faces; the metrics run at 1024.
        targets: ``max_bytes`` of the encoder.
        refine: refinement steps of the encoder.
        limit: only the first pictures.
        load_judge, progress: as in :func:`hsc.compare.compare_folder`.

    Raises:
        ImageError: the folder has no pictures, or none that can be coded.
    """
    own = HSC(codec, refine)
    report = compare.compare_folder(
        folder,
        targets,
        (own.key,),
        processes=1,
        limit=limit,
        load=lambda keys: [own],
        load_judge=load_judge,
        progress=progress,
    )
    if all(result.reason for result in report.results):
        raise ImageError(report.results[0].reason)
    return report


def coded(report: Report, folder: Path) -> list[Path]:
    """The pictures of which there are files."""
    return [folder / name for name in dict.fromkeys(r.picture for r in report.results if r.reason is None)]


def failures(report: Report) -> dict[str, str]:
    """Name of each picture that failed, and why."""
    return {result.picture: result.reason for result in report.results if result.reason is not None}


def means(report: Report) -> list[dict[str, float | int | None]]:
    """One row for each target: means over the pictures; ``None`` where no picture has the score."""
    return [
        {
            "target": row.target,
            "pictures": row.count,
            "bytes": row.bytes,
            "bpp": row.bpp,
            **{name: row.metrics.get(name) for name in SCORES},
        }
        for row in compare.summarise(report)
    ]


def files(report: Report) -> list[dict]:
    """Every file with its scores, or the reason why there is none."""
    return [
        {
            "picture": result.picture,
            "target": result.target,
            "bytes": result.bytes,
            "scores": result.metrics,
            "reason": result.reason,
        }
        for result in report.results
    ]


def prefixes(
    codec: Codec, paths: Sequence[Path], target: int, refine: int = DEFAULT.steps
) -> Iterator[list[tuple[str, int, float]]]:
    """What every prefix of a file that ends with a layer is worth.

    Yields:
        For each picture, name of the last layer, bytes, and LPIPS-Alex at 1024: of 0 bytes, whose layer is ``"none"``,
        of S, and of each slice after it.
    """
    for path in paths:
        picture = compare.as_compared(images.open_image(path))
        original = images.to_tensor(picture).to(codec.device)
        data = codec.encode(picture, max_bytes=target, refine=refine)
        ends = [("none", 0), *((layer.name, layer.end) for layer in codec.parse(data).layers)]
        with torch.no_grad():
            seen = codec.lpips.features(original)
            yield [
                (
                    name,
                    end,
                    codec.lpips.distance(
                        seen, codec.lpips.features(images.to_tensor(codec.decode(data[:end])).to(codec.device))
                    ).item(),
                )
                for name, end in ends
            ]


def mean_curve(curves: Sequence[Sequence[tuple[str, int, float]]]) -> list[dict[str, float | str]]:
    """Means over pictures of what :func:`prefixes` gives, up to the last layer that all of them have."""
    rows = []
    for ends in zip(*curves):
        names, *values = zip(*ends)
        size, distance = (sum(each) / len(curves) for each in values)
        rows.append({"layer": names[0], "bytes": size, "lpips_alex": distance})
    return rows
