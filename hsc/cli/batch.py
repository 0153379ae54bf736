"""`python -m hsc batch`: whole collections, shards in and shards out, here or on a Ray cluster."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hsc.batch.options import SHARD_SIZE, DecodeOptions, EncodeOptions, Options
from hsc.cli import common
from hsc.cli.files import Command, InputFolder, Output, OutputFile, OutputFolder, same_file, say, warn
from hsc.cli.parameters import CommandGroup, Device
from hsc.encoder.presets import PRESETS
from hsc.errors import HSCError

if TYPE_CHECKING:
    from hsc.batch.run import Engine, Summary

_LOG_SECONDS = 30
"""Between two states of progress that go to a file."""


@click.group(cls=CommandGroup)
def batch() -> None:
    """Whole collections: pictures in, shards of compressed files out, and back."""


class Columns(click.ParamType):
    """Names of further columns, separated by commas."""

    name = "NAME,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if not isinstance(value, str):
            return value
        names = tuple(dict.fromkeys(filter(None, (name.strip() for name in value.split(",")))))
        for name in names:
            if name not in ("hsc", "codes"):
                self.fail(f"{name!r} is neither hsc nor codes", param, ctx)
        return names


class Address(click.ParamType):
    """Where a Ray cluster is."""

    name = "ADDRESS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in ("local", "auto") and ":" not in value:
            self.fail(f"{value!r} is no address such as 10.0.0.1:6379; put a plain --ray behind IN and OUT", param, ctx)
        return value


_RUN_OPTIONS = [
    click.argument("source", metavar="IN"),
    click.argument("out", metavar="OUT", type=OutputFolder()),
    click.option(
        "--shard-size", type=click.IntRange(1), default=SHARD_SIZE, show_default=True, help="Pictures in a shard."
    ),
    click.option("--limit", type=click.IntRange(1), help="Only the first so many pictures."),
    click.option("--column", metavar="NAME", help="Column of parquet files that holds what is read."),
    click.option("--retry-errors", is_flag=True, help="Do again what failed in shards that are complete."),
    click.option("--workers", type=click.IntRange(1), help="Worker processes. [as many as there are cores or GPUs]"),
    click.option("--device", type=Device(), default="cpu", show_default=True, help="Where each worker computes."),
    click.option(
        "--ray",
        type=Address(),
        is_flag=False,
        flag_value="local",
        help="Run on Ray: started here, or the cluster at this address (host:port, ray://host:port, auto).",
    ),
    click.option("--num-gpus", type=click.IntRange(1), help="GPUs of the Ray cluster, shared among the workers."),
]


def _run_options(function: Callable) -> Callable:
    for decorate in reversed(_RUN_OPTIONS):
        function = decorate(function)
    return function


@batch.command("encode", cls=Command)
@_run_options
@click.option("--bytes", "max_bytes", type=click.IntRange(1, 65535), help="Largest size of a file. [800]")
@click.option("--quality", type=click.IntRange(0, 255), help="Quality instead of a size.")
@click.option("--preset", type=click.Choice(list(PRESETS)), default="default", show_default=True)
@click.option("--refine", type=click.IntRange(0, 1000), help="Refinement steps, instead of the preset's.")
@click.option("--faces", type=click.Choice(["largest", "all"]), default="largest", show_default=True)
@click.option("--align/--no-align", default=True, help="Find the faces; else pictures are FFHQ-aligned squares.")
@click.option("--metrics", is_flag=True, help="Decode each file, and put LPIPS, identity and others into the table.")
@click.option("--columns", type=Columns(), default="", help="Further columns: hsc (the file), codes (S^).")
def encode(
    max_bytes: int | None,
    quality: int | None,
    preset: str,
    refine: int | None,
    faces: str,
    align: bool,
    metrics: bool,
    columns: tuple[str, ...],
    **run: Any,
) -> None:
    """Compress the faces of a collection.

    IN is a folder of pictures at any depth, a list of files (.txt), WebDataset shards (.tar) or .parquet files, also as
    "shards-{000..069}.tar". OUT gets 00000.tar, with a sample KEY.hsc and KEY.json for each face, 00000.parquet with
    the same as columns, 00000_stats.json, and so on. What was interrupted goes on when the command is given again.

    \b
    Examples:
      python -m hsc batch encode photos/ coded/
      python -m hsc batch encode "ffhq-{000..069}.tar" coded/ --no-align --columns codes
      python -m hsc batch encode photos/ coded/ --faces all --ray 10.0.0.1:6379 --num-gpus 8
    """
    if max_bytes is not None and quality is not None:
        raise click.UsageError("Give --bytes or --quality, not both.")
    if max_bytes is None and quality is None:
        max_bytes = 800
    if faces == "all" and not align:
        raise click.UsageError("--faces all needs alignment: leave out --no-align.")
    _run(EncodeOptions(max_bytes, quality, preset, refine, faces, align, metrics, columns), **run)


@batch.command("decode", cls=Command)
@_run_options
@click.option("--format", "form", type=click.Choice(["png", "webp", "tensors"]), default="png", show_default=True)
@click.option("--size", type=click.Choice(common.SIZES), default="1024", show_default=True)
@click.option("--edit", "edits", multiple=True, metavar="NAME=VALUE", help="Apply a direction; may be repeated.")
@click.option("--no-edits", is_flag=True, help="Leave out the edits that are stored in the files.")
def decode(form: str, size: str, edits: tuple[str, ...], no_edits: bool, **run: Any) -> None:
    """Restore a collection of .hsc files: shards of encode, or whatever else IN may be there.

    OUT gets shards of KEY.png, KEY.webp or, for tensors, KEY.safetensors, with S^, F^ and detail.

    Example: python -m hsc batch decode coded/ smiling/ --edit smile=0.8 --size 512
    """
    from hsc.editing.registry import direction_set

    asked = common.strengths_of(edits)
    list(direction_set().movements(asked))  # before anything is begun: it may not have them
    _run(DecodeOptions(form, int(size), tuple(sorted(asked.items())), not no_edits), **run)


@batch.command("inspect", cls=Command)
@click.argument("folder", metavar="SET", type=InputFolder())
@click.option("--html", "html_file", type=OutputFile("text"), help="Write histograms and faces as one page.")
@click.option("--sheet", type=OutputFile("sheet"), help="Write a contact sheet of restored faces.")
@click.option("--faces", type=click.IntRange(0), default=24, show_default=True, help="Faces on the sheet or page.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def inspect(folder: Path, html_file: Output | None, sheet: Output | None, faces: int, as_json: bool) -> None:
    """Say what the shards in SET hold: sizes, errors, metrics.

    Example: python -m hsc batch inspect coded/ --html coded.html
    """
    from hsc.batch import inspection

    found = inspection.read(folder)
    if as_json:
        click.echo(json.dumps(found.facts()))
    else:
        say(found.text())
    if html_file is None and sheet is None:
        return
    from tqdm import tqdm

    from hsc.imaging import images
    from hsc.media import SHEET_NOTE

    with tqdm(total=min(faces, found.successes), unit="face") as bar:
        shown = inspection.sheet(folder, found, faces, lambda: bar.update())
    if sheet is not None:
        if shown is None:
            raise HSCError("There is no face to show on a sheet.")
        sheet.write(images.as_file(shown, sheet.suffix(".png"), SHEET_NOTE))
    if html_file is not None:
        html_file.write(inspection.page(found, shown).encode("utf-8", "replace"))


def _run(
    options: Options,
    source: str,
    out: Path,
    shard_size: int,
    limit: int | None,
    column: str | None,
    retry_errors: bool,
    workers: int | None,
    device: str,
    ray: str | None,
    num_gpus: int | None,
) -> None:
    from tqdm import tqdm

    from hsc.batch import inspection
    from hsc.batch.run import run
    from hsc.batch.sources import parquet

    parquet()  # which is not there with every installation
    if same_file(Path(source), out):
        raise click.UsageError("IN and OUT are the same folder.")
    if num_gpus and not ray:
        raise click.UsageError("--num-gpus is Ray's: give --ray as well, or --device cuda.")
    device = "cuda" if num_gpus and device == "cpu" else device
    engine = _engine(ray, workers, num_gpus, device)
    with contextlib.ExitStack() as stack:
        bars: list[tqdm] = []

        def begin(summary: Summary) -> None:
            if summary.done:
                warn([f"{summary.done:,} of {summary.pictures:,} pictures are done already."])
            every = 1 if sys.stderr.isatty() else _LOG_SECONDS
            bar = tqdm(
                total=summary.pictures, initial=summary.done, unit="picture", mininterval=every, maxinterval=every
            )
            bars.append(stack.enter_context(bar))

        def progress(summary: Summary) -> None:
            if summary.failures:
                bars[0].set_postfix_str(f"{summary.failures:,} failed", refresh=False)
            bars[0].update(summary.done - bars[0].n)

        run(
            options,
            source,
            out,
            engine,
            device=device,
            shard_size=shard_size,
            limit=limit,
            column=column,
            retry_errors=retry_errors,
            begin=begin,
            progress=progress,
        )
    say(inspection.totals(out))


def _engine(ray: str | None, workers: int | None, num_gpus: int | None, device: str) -> Engine:
    from hsc.runtime import threads

    count = workers or num_gpus or (1 if device != "cpu" else threads.configure())
    if ray:
        from hsc.batch.ray_engine import RayEngine

        return RayEngine(ray, count, num_gpus or 0)
    from hsc.batch.local_engine import LocalEngine

    return LocalEngine(count)
