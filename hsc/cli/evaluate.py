"""`python -m hsc eval` and `sheet`: what the codec does to a folder of faces, in figures and in one picture."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hsc.cli import common
from hsc.cli.compare import Rates
from hsc.cli.files import Command, Input, InputFile, InputFolder, Output, OutputFile, say, warn

_METRICS = ["bytes", "bpp", "lpips_alex", "lpips_vgg_256", "psnr", "ms_ssim", "identity", "face_distance", "landmarks"]


@click.command("eval", cls=Command)
@click.argument("folder", type=InputFolder())
@click.option("--bytes", "targets", type=Rates(), default="400,800,1500,3000", show_default=True)
@click.option("--json", "json_file", type=OutputFile("text"), help="Also write all figures to this file.")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many pictures.")
@click.option("--prefixes", is_flag=True, help="Also LPIPS of every prefix of the largest files, layer by layer.")
@common.refine_option
def evaluate(
    folder: Path, targets: tuple[int, ...], json_file: Output | None, limit: int | None, refine: int, prefixes: bool
) -> None:
    """Code the aligned faces in FOLDER at several rates and print mean metrics."""
    from tqdm import tqdm

    from hsc.imaging import images
    from hsc.runtime.names import shown

    pictures = len(images.pictures_in(folder)[:limit])
    from hsc.compare import rate_sweep
    from hsc.metrics.identity import network_name

    codec = common.load_codec()
    with tqdm(total=pictures, unit="picture") as bar:
        report = rate_sweep.evaluate(codec, folder, targets, refine, limit, progress=lambda *done: bar.update())
    warn(f"{shown(picture)} is left out: {reason}" for picture, reason in rate_sweep.failures(report).items())
    rows = rate_sweep.means(report)
    curve: list[dict[str, float | str]] = []
    say("target  " + "  ".join(f"{name:>13}" for name in _METRICS))
    for row in rows:
        cells = (
            "-" if row[name] is None else f"{row[name]:.1f}" if name == "bytes" else f"{row[name]:.4f}"
            for name in _METRICS
        )
        say(f"{row['target']:>6}  " + "  ".join(f"{cell:>13}" for cell in cells))
    warn([f"The identity network is {network_name()}."])
    if prefixes:
        paths = rate_sweep.coded(report, folder)
        found = rate_sweep.prefixes(codec, paths, max(targets), refine)
        curve = rate_sweep.mean_curve(list(tqdm(found, total=len(paths), unit="file")))
        say(f"prefixes of {max(targets)} bytes\n   layer         bytes    lpips_alex")
        for layer in curve:
            say(f"{layer['layer']:>8}  {layer['bytes']:>12.1f}  {layer['lpips_alex']:>12.4f}")
    if json_file:
        figures = {"means": rows, "prefixes": curve, "files": rate_sweep.files(report)}
        json_file.write(json.dumps(figures, indent=1).encode())


@click.command(cls=Command)
@click.argument("photos", type=InputFile(), nargs=-1, required=True)
@click.argument("out", type=OutputFile("sheet"))
@click.option("--bytes", "targets", type=Rates(), default="300,800,1500,3000", show_default=True)
@common.refine_option
@click.option("--no-align", is_flag=True, help="PHOTOS are FFHQ-aligned squares already.")
def sheet(photos: tuple[Input, ...], out: Output, targets: tuple[int, ...], refine: int, no_align: bool) -> None:
    """Show PHOTOS and what comes back at several rates, side by side in one picture OUT.

    - is standard input or output (PNG). OUT takes the place of another sheet only, never of a photo.
    """
    from tqdm import tqdm

    faces = [common.aligned(photo, None, no_align) for photo in photos]
    from hsc.imaging import images
    from hsc.media import SHEET_NOTE
    from hsc.media.contact_sheet import contact_sheet

    with tqdm(total=len(faces) * len(targets), unit="file") as bar:
        picture = contact_sheet(common.load_codec(), faces, targets, refine=refine, progress=bar.update)
    out.write(images.as_file(picture, out.suffix(".png"), SHEET_NOTE))
