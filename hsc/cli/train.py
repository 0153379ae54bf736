"""`python -m hsc train` and `freeze`: from shards of faces to weights that the codec loads."""

from __future__ import annotations

import os
from pathlib import Path

import click

from hsc.cli.files import Command, Input, InputFile, OutputFolder, same_file, say
from hsc.cli.parameters import Device


class Checkpoint(click.ParamType):
    """The path of a training checkpoint, or of a folder of exported weights."""

    name = "path"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if os.path.isdir(value):
            return Path(value)
        path = InputFile().convert(value, param, ctx).path
        return path or self.fail("a checkpoint is a file or a folder, and no stream.", param, ctx)


@click.command(cls=Command)
@click.argument("stage", type=click.Choice(["preview", "inversion", "semantics", "codec", "entropy", "detail"]))
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), required=True, help="Time to run.")
@click.option(
    "--from", "checkpoint", type=Checkpoint(), help="Checkpoint, or folder of exported weights, to continue from."
)
@click.option("--data", multiple=True, type=InputFile(), help="Tar shards of aligned faces; may be repeated.")
@click.option("--out", type=OutputFolder(), required=True, help="Folder to write to.")
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True)
@click.option("--levels", default=2, show_default=True, type=click.IntRange(1, 2), help="Levels of F: 16x16, 32x32.")
@click.option("--synthetic", type=click.IntRange(0, 64), default=4, show_default=True, help="Generated faces a step.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=8e-4, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--device", type=Device(), default="cpu", show_default=True)
def train(
    stage: str,
    minutes: float,
    checkpoint: Path | None,
    data: tuple[Input, ...],
    out: Path,
    batch: int,
    synthetic: int,
    levels: int,
    learning_rate: float,
    seed: int,
    device: str,
) -> None:
    """Run one training STAGE for a given time; prints held-out metrics last.

    Example: python -m hsc train codec --minutes 10 --from runs/semantics.safetensors --data a.tar --out runs
    """
    from contextlib import ExitStack

    from hsc.train import program

    out.mkdir(parents=True, exist_ok=True)
    settings = program.Settings(
        minutes=minutes, batch=batch, synthetic=synthetic, learning_rate=learning_rate, seed=seed, levels=levels
    )
    with ExitStack() as stack:
        shards = [stack.enter_context(shard.file(".tar")) for shard in data]
        program.run(stage, settings, shards, out, checkpoint, device)


@click.command(cls=Command)
@click.argument("checkpoint", type=InputFile())
@click.argument("folder", type=OutputFolder())
@click.option("--model-id", type=click.IntRange(0, 65535), help="Model that the weights are. [the present one]")
def freeze(checkpoint: Input, folder: Path, model_id: int | None) -> None:
    """Turn a training CHECKPOINT into weights that the codec loads; one of detail into those of detail alone.

    Once a release has them, they are a model, and are never changed: see "The promise" in hsc/bitstream/FORMAT.md.
    """
    if checkpoint.path is not None and same_file(checkpoint.path.parent, folder):
        if checkpoint.path.name.startswith(("encoder", "decoder")):
            raise click.UsageError(f"{checkpoint} is what a file of weights is called: take another folder.")
    from hsc.runtime.names import shown
    from hsc.train.export import export as write

    with checkpoint.file(".safetensors") as path:
        for written in write(path, folder, model_id):
            say(f"{shown(written)}: {written.stat().st_size} bytes")
