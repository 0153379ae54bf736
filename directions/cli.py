"""The command line of :mod:`directions`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

import directions
from directions import library
from directions.attributes import ATTRIBUTES
from hsc.errors import HSCError


class _Group(click.Group):
    """Errors that a user can act on are one line on stderr, and exit code 2."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except HSCError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(2)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Editing directions: what there is, how they are learned, what they do to real photos.

    \b
    Examples:
      python -m directions list
      python -m directions learn smile eyeglasses --budget 3000
      python -m directions evaluate --limit 8 --out build/directions
    """


@main.command("list")
@click.option("--verbose", "-v", is_flag=True, help="Add side effects at strength 1.")
def list_(verbose: bool) -> None:
    """List the shipped directions."""
    for name in directions.names():
        direction = directions.load(name)
        low, high = direction.range
        layers = f"{direction.layers[0]}-{direction.layers[-1]}"
        accuracy = direction.metadata["svm_accuracy"]
        click.echo(
            f"{direction.id:3}  {name:15} {low:+.1f} to {high:+.1f}  layers {layers:5}  SVM {accuracy:.1%}"
        )
        if verbose:
            effects = direction.metadata["side_effects"].get("+1.0", {})
            click.echo("     " + ", ".join(f"{key} {value:+.2f}" for key, value in effects.items()))


@main.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(ATTRIBUTES)))
@click.option("--all", "everything", is_flag=True, help="Learn every attribute.")
@click.option("--pool", default=20000, show_default=True, help="Latents drawn.")
@click.option("--budget", default=20000, show_default=True, help="Latents rendered and scored.")
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=1, show_default=True, help="Threads of the renderer.")
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False), help="Folder of rendered samples.")
@click.option(
    "--photos",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of aligned photos to measure on, coded and decoded; random faces by default.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=library.DATA,
    show_default=False,
    help="Folder to write to; the shipped directions by default.",
)
def learn(
    names: tuple[str, ...],
    everything: bool,
    pool: int,
    budget: int,
    seed: int,
    threads: int,
    cache: Path | None,
    photos: Path | None,
    out: Path,
) -> None:
    """Learn directions and write NAME.npy and NAME.json.

    Samples are rendered and scored once for all attributes and kept in the cache; an interrupted run goes
    on where it stopped.
    """
    from PIL import Image
    from tqdm import tqdm

    from directions import learn as learning
    from directions.evaluate import image_files
    from hsc import weights
    from hsc.generator import Generator

    chosen = list(ATTRIBUTES) if everything else list(names)
    if not chosen:
        raise click.UsageError("Name at least one attribute, or say --all.")
    generator = Generator.load()
    cache = cache or weights.cache_dir() / "directions"
    with tqdm(total=min(budget, pool), unit="face", desc="render and score") as bar:
        samples = learning.sample(cache, generator, pool, budget, seed, threads, bar.update)
    if photos is None:
        bench = learning.bench_of_random_faces(generator, seed, threads)
    else:
        from hsc.codec import Codec

        pictures = [Image.open(path).convert("RGB") for path in image_files(photos)]
        bench = learning.bench_of_photos(Codec.load(), pictures, threads=threads)
    with tqdm(chosen, unit="direction") as bar:
        for name in bar:
            learning.learn(name, samples, bench, seed, out, bar.write)


@main.command()
@click.option(
    "--photos",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of aligned photos; ../shared/data/eval1024 by default.",
)
@click.option(
    "--references",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of directions to compare with; ../shared/reference/directions by default.",
)
@click.option("--bytes", "size", default=1000, show_default=True, help="Bytes that photos are coded with.")
@click.option("--limit", default=0, help="Only the first photos.")
@click.option("--only", multiple=True, help="Only these directions; may be repeated.")
@click.option("--preview", is_flag=True, help="Score approximate 256 px previews: several times faster.")
@click.option(
    "--compare/--no-compare", default=True, show_default=True, help="Also the reference directions."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for the tables and contact sheets.",
)
def evaluate(
    photos: Path | None,
    references: Path | None,
    size: int,
    limit: int,
    only: tuple[str, ...],
    preview: bool,
    compare: bool,
    out: Path,
) -> None:
    """Measure every direction, and reference ones beside it, on photos that are coded and decoded."""
    from directions import evaluate as evaluation

    evaluation.run(photos, references, size, limit, list(only), out, preview, compare)
