"""``python -m app.web_examples FOLDER``: the examples of the page without a server, each with a small picture."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import click
from PIL import Image

from app.examples import FOLDER, read

SIDE = 128
"""Pixels of a small picture: what a button takes on a screen of two pixels a point."""


def lay_out(target: Path, source: Path = FOLDER) -> list[dict[str, str]]:
    """Write ``NAME.hsc``, ``NAME.webp`` and the list of them, ``examples.json``.

    Args:
        target: made if missing; files of these names in it are replaced.
        source: folder of prepared faces; those without a file of the default size are left out.

    Returns:
        The list, by name: ``name`` and ``title``, ``file`` and ``thumbnail`` relative to ``target``.
    """
    target.mkdir(parents=True, exist_ok=True)
    found = []
    for example in sorted(read(source), key=lambda each: each.name):
        if not example.prepared.is_file():
            continue
        file, thumbnail = f"{example.name}.hsc", f"{example.name}.webp"
        shutil.copyfile(example.prepared, target / file)
        small = example.open().resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        small.save(target / thumbnail, "WEBP", quality=75)
        found.append({"name": example.name, "title": example.title, "file": file, "thumbnail": thumbnail})
    (target / "examples.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Write the examples of the page without a server to FOLDER."""
    try:
        click.echo(f"{folder}: {len(lay_out(folder))} examples")
    except OSError as error:
        sys.exit(f"{folder} cannot be written: {error.strerror}.")


if __name__ == "__main__":
    main()
