"""`python -m hsc export`: what a decoder elsewhere needs, as a folder of files."""

from __future__ import annotations

from pathlib import Path

import click

from hsc.cli.files import Command, OutputFolder, say


@click.command(cls=Command)
@click.argument("folder", type=OutputFolder())
@click.option("--int8", is_flag=True, help="Store the weights that make pictures in 8 bits: 3 MB less, 51 dB.")
@click.option("--compact", is_flag=True, help="Store most weights so that they compress better: 5 MB less, 75 dB.")
def export(folder: Path, int8: bool, compact: bool) -> None:
    """Write the decoder to FOLDER: ONNX graphs, exact networks, tables, directions, and a manifest.

    docs/export.md says what the files are and how they decode a .hsc file. To turn a training checkpoint into weights,
    see `freeze`.

    Example: python -m hsc export build/decoder
    """
    from hsc.export import export as write

    written = write(folder, int8, compact, lambda name: click.echo(name, err=True))
    say(f"{folder}: {len(written)} files, {sum(path.stat().st_size for path in written) / 1e6:.1f} MB")
